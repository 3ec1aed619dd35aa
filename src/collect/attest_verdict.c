/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's own verdict over its boot: values of its TPM against its logs and the baseline that is
 * kept beside its attestation key. Nothing is signed here, so it is as honest as the host;
 * verifying evidence elsewhere is `ringfence attest verify`. Not for PCRs and events as such
 * (boot.c).
 */
#include <errno.h>
#include <string.h>

#include "attest/verdict.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/tpm_text.h"
#include "collect/util.h"

#define ATTEST_DIR "/var/lib/ringfence/attest"
#define BASELINE   ATTEST_DIR "/baseline.yaml"
#define SECURITY   "/sys/kernel/security/"
/* Half a million files: enough for a host, and kind to its memory. */
#define LIST_MAX_BYTES	  (64u << 20)
#define DIGESTS_MAX_BYTES (256u << 20)

struct own {
	struct sys *sys;
	struct fact_sink *out;
	struct rf_buf evidence;
	struct baseline *baseline;
	const char *baseline_state; /* NULL: not known */
	bool has_tpm, has_log;
	struct verdict verdict;
};

/* ---- what the host has ---- */

/* Values first: the IMA list, which grows, is read after them. */
static void add_values(struct own *o)
{
	RF_AUTOBUF struct rf_buf answer = {0}, bytes = {0};
	struct tpm_text text;

	if (sys_probe(o->sys, "tpm", "", &answer, NULL) < 0 || !answer.len)
		return;
	tpm_text_parse((char *)answer.data, &text);
	if (text.pcrs.banks_count == 0 || evidence_pcrs_add(&bytes, &text.pcrs) < 0)
		return;
	o->has_tpm = evidence_add(&o->evidence, EVIDENCE_PCRS, rf_buf_slice(&bytes)) == 0;
}

/* A log in bytes; one that is not there is no gap. False when there is none to be had. */
static bool read_log(struct own *o, const char *path, size_t max_bytes, struct rf_buf *out)
{
	int rc = sys_read(o->sys, path, max_bytes, out, NULL);

	if (rc < 0 && rc != -ENOENT)
		util_gap(o->out, FACT_T_ATTEST_VERDICT, "", path, rc);
	return rc == 0 && out->len > 0;
}

static const struct {
	enum evidence_kind kind;
	const char *path;
	size_t max_bytes;
} logs[] = {
	{EVIDENCE_BOOT_LOG, SECURITY "tpm0/binary_bios_measurements", EVENTLOG_MAX_BYTES},
	{EVIDENCE_USERSPACE, "/run/log/systemd/tpm2-measure.log", USERSPACE_MAX_BYTES},
	{EVIDENCE_TXT_LOG, SECURITY "slaunch/eventlog", EVENTLOG_MAX_BYTES},
};

static void add_logs(struct own *o)
{
	for (size_t i = 0; i < RF_COUNT(logs); i++) {
		RF_AUTOBUF struct rf_buf log = {0};

		if (!read_log(o, logs[i].path, logs[i].max_bytes, &log))
			continue;
		if (evidence_add(&o->evidence, logs[i].kind, rf_buf_slice(&log)) == 0 &&
		    logs[i].kind == EVIDENCE_BOOT_LOG)
			o->has_log = true;
	}
}

static void add_ima(struct own *o)
{
	static const char *const path = SECURITY "ima/binary_runtime_measurements";
	RF_AUTOBUF struct rf_buf list = {0}, section = {0};

	if (!read_log(o, path, LIST_MAX_BYTES, &list))
		return;
	rf_buf_add(&section, "\x04\0", 2); /* SHA-1 template digests */
	rf_buf_add(&section, list.data, list.len);
	if (section.failed || evidence_add(&o->evidence, EVIDENCE_IMA, rf_buf_slice(&section)) < 0)
		fact_gap(o->out, FACT_T_ATTEST_VERDICT, "", "ima_entries", path,
			 "the list of measured files is too large for this machine's memory");
}

/* ---- the baseline ---- */

static int give_file(struct own *o, size_t index, struct rf_err *why)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	const char *name = baseline_file_at(o->baseline, index);
	RF_AUTOFREE char *path = rf_asprintf("%s%s", name[0] == '/' ? "" : ATTEST_DIR "/", name);
	int rc = path ? sys_read(o->sys, path, DIGESTS_MAX_BYTES, &bytes, why) : -ENOMEM;

	return rc < 0 ? rc : baseline_give_file(o->baseline, index, rf_buf_slice(&bytes), why);
}

static bool is_approved(const struct baseline *baseline)
{
	const struct baseline_boot *boot;

	for (size_t i = 0; (boot = baseline_boot_at(baseline, i)); i++) {
		if (boot->approved_by)
			return true;
	}
	return false;
}

static void read_baseline(struct own *o)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct rf_err why = {0};
	int rc = sys_read(o->sys, BASELINE, BASELINE_MAX_BYTES, &text, &why);

	if (rc == -ENOENT) {
		o->baseline_state = "none";
		return;
	}
	if (rc == 0)
		rc = baseline_load(rf_buf_slice(&text), BASELINE, &o->baseline, &why);
	for (size_t i = 0; rc == 0 && i < baseline_files_count(o->baseline); i++)
		rc = give_file(o, i, &why);
	if (rc < 0) {
		baseline_free(o->baseline);
		o->baseline = NULL;
		fact_gap(o->out, FACT_T_ATTEST_VERDICT, "", "baseline", BASELINE, "%s",
			 rf_err_text(&why));
		return;
	}
	o->baseline_state = is_approved(o->baseline) ? "approved" : "unapproved";
}

/* ---- rows ---- */

/* Reasons that speak of a difference to the approved boots. */
static bool is_change(const struct reason *reason)
{
	enum reason_id id = reason->id;
	bool change = (id >= REASON_FIRMWARE_CHANGED && id <= REASON_EVENT_REORDERED) ||
		      (id >= REASON_IMA_UNKNOWN_FILE && id <= REASON_IMA_BAD_SIGNATURE);

	return change && !reason->allowed_by[0] && reason_class_of(id)->effect != REASON_NOTES;
}

static void put_reason(struct own *o, const struct reason *reason, size_t number)
{
	const struct reason_class *row = reason_class_of(reason->id);
	enum reason_effect effect = reason->demanded ? REASON_DISTRUSTS : row->effect;
	char words[1400], source[96] = BASELINE;

	if (reason->event != REASON_NOWHERE)
		rf_format(source, sizeof(source), "event %u", reason->event);
	struct fact_attest_reason fact = {
		.number = FACT_INT((int64_t)number),
		.id = row->id,
		.severity = reason_severity_name(row->severity),
		.effect = reason_effect_name(effect),
		.component = reason->component ? eventlog_component_name(reason->component) : "",
		.subject = reason->subject,
		.words = reason_words(reason, words, sizeof(words)),
		.next = row->next,
		.allowed_by = reason->allowed_by,
		.source = source,
	};

	if (reason->pcr < ATTEST_PCRS)
		fact.pcr = FACT_INT(reason->pcr);
	fact_put_attest_reason(o->out, &fact);
}

static void put_verdict(struct own *o)
{
	const struct verdict *v = &o->verdict;
	int64_t used = 0, unexplained = 0, changes = 0;
	char worst[1400] = "";

	for (size_t i = 0; i < ATTEST_PCRS; i++) {
		used += v->pcrs[i].state != PCR_UNUSED && v->pcrs[i].state != PCR_NOT_QUOTED;
		unexplained += v->pcrs[i].state == PCR_UNEXPLAINED;
	}
	for (size_t i = 0; i < v->reasons.count; i++)
		changes += is_change(&v->reasons.items[i]);
	if (v->reasons.count > 0)
		reason_words(&v->reasons.items[0], worst, sizeof(worst));
	struct fact_attest_verdict fact = {
		.state = verdict_state_name(v->state),
		.baseline = o->baseline_state,
		.reasons = FACT_INT((int64_t)v->reasons.count),
		.worst = worst,
		.source = o->baseline ? BASELINE : "the TPM's values and the boot log",
	};

	if (v->own_values) {
		fact.pcrs_in_use = FACT_INT(used);
		fact.ima_entries = FACT_INT(v->ima_entries);
		fact.ima_violations = FACT_INT(v->ima_violations);
	}
	if (v->own_values && o->has_log)
		fact.pcrs_unexplained = FACT_INT(unexplained);
	else
		fact_gap(o->out, FACT_T_ATTEST_VERDICT, "", "pcrs_unexplained", logs[0].path,
			 o->has_tpm ? "there is no boot log to compare the TPM's values with; is "
				      "securityfs mounted, and may this user read it?"
				    : "the TPM's values could not be read; run as root");
	if (v->own_values && o->has_log && rf_equal(o->baseline_state, "approved"))
		fact.changes = FACT_INT(changes);
	fact_put_attest_verdict(o->out, &fact);
}

static int judge(struct own *o, struct attest_hasher *hasher, int64_t now_ms, struct rf_err *err)
{
	const struct verdict_options options = {
		.baseline = o->baseline, .now_ms = now_ms, .own_values = true};
	int rc = attest_verify(hasher, rf_buf_slice(&o->evidence), &options, &o->verdict, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < o->verdict.reasons.count; i++)
		put_reason(o, &o->verdict.reasons.items[i], i + 1);
	put_verdict(o);
	return 0;
}

static int64_t now_ms(struct sys *sys)
{
	RF_AUTOBUF struct rf_buf clock = {0};
	int64_t now = 0;

	if (sys_probe(sys, "clock", "", &clock, NULL) < 0 || !clock.len ||
	    rf_num(rf_trim((char *)clock.data), 10, 0, INT64_MAX, &now) < 0)
		return 0;
	return now;
}

int collect_attest_verdict(struct sys *sys, const struct collect_request *req,
			   struct fact_sink *out, struct rf_err *err)
{
	struct own o = {.sys = sys, .out = out};
	struct attest_hasher *hasher = NULL;
	int rc = 0;

	(void)req;
	/* Begins the container, also where nothing can be added. */
	rc = evidence_add(&o.evidence, EVIDENCE_META, rf_slice_text("{}"));
	add_values(&o);
	read_baseline(&o);
	/* Neither TPM nor baseline: there is nothing to say, and that is no gap. */
	if (rc == 0 && (o.has_tpm || !rf_equal(o.baseline_state, "none"))) {
		add_logs(&o);
		add_ima(&o);
		rc = attest_hasher_new(&hasher, err);
		if (rc == 0)
			rc = judge(&o, hasher, now_ms(sys), err);
	}
	attest_hasher_free(hasher);
	verdict_done(&o.verdict);
	baseline_free(o.baseline);
	rf_buf_done(&o.evidence);
	return rc;
}
