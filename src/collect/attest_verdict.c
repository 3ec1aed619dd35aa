/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's own verdict over its boot: values of its TPM against its logs and the baseline that is
 * kept beside its attestation key. Nothing is signed here, so it is as honest as the host;
 * verifying evidence elsewhere is `ringfence attest verify`. Not for PCRs and events as such
 * (boot.c).
 */
#include <errno.h>
#include <string.h>

#include "attest/ima.h"
#include "attest/verdict.h"
#include "attest/words.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/boot.h"
#include "collect/collect.h"
#include "collect/evidence.h"
#include "collect/pcrs.h"
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

/* From the kernel, as the tables tpm and pcr have them; before Linux 5.12 from the TPM itself. */
static int read_values(struct sys *sys, struct attest_pcr_values *out)
{
	RF_AUTOFREE struct pcr_banks *banks = rf_alloc(1, sizeof(*banks));
	RF_AUTOBUF struct rf_buf answer = {0};
	struct tpm_text text;

	memset(out, 0, sizeof(*out));
	if (!banks)
		return -ENOMEM;
	/* Of a TPM 1.2 nothing could be proved. */
	if (boot_tpm_version(sys).v == 2) {
		pcr_banks_read(sys, NULL, banks);
		pcr_banks_values(banks, out);
	}
	if (out->banks_count || sys_probe(sys, "tpm", "", &answer, NULL) < 0 || !answer.len)
		return 0;
	tpm_text_parse((char *)answer.data, &text);
	*out = text.pcrs;
	return 0;
}

/* Values first: the IMA list, which grows, is read after them. */
static int add_values(struct own *o)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct attest_pcr_values values;
	int rc = read_values(o->sys, &values);

	if (rc < 0 || values.banks_count == 0)
		return rc;
	rc = evidence_pcrs_add(&bytes, &values);
	if (rc == 0)
		rc = evidence_add(&o->evidence, EVIDENCE_PCRS, rf_buf_slice(&bytes));
	o->has_tpm = rc == 0;
	return rc;
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

static int add_shim(struct own *o)
{
	RF_AUTOBUF struct rf_buf section = {0};
	int rc = evidence_shim(o->sys, &section);

	return rc == 0 && section.len
		       ? evidence_add(&o->evidence, EVIDENCE_SHIM, rf_buf_slice(&section))
		       : rc;
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
		.next = reason_next(reason),
		.allowed_by = reason->allowed_by,
		.source = source,
	};

	if (reason->pcr < ATTEST_PCRS)
		fact.pcr = FACT_INT(reason->pcr);
	fact_put_attest_reason(o->out, &fact);
}

#define IMA_BIT	  (1u << IMA_PCR)
#define FREE_PCRS 0x00810000u /* 16 and 23: anybody may reset them */

/* What no log explains: the registers of a log that cannot be read, too. IMA's has its own fact. */
static int64_t list_unexplained(const struct verdict *v, char *out, size_t size)
{
	struct words w = words_into(out, size);
	int64_t count = 0;
	bool broken = false;

	for (size_t i = 0; i < v->reasons.count; i++)
		broken |= v->reasons.items[i].id == REASON_LOG_BROKEN;
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		enum verdict_pcr_state state = v->pcrs[pcr].state;

		if ((IMA_BIT | FREE_PCRS) & 1u << pcr ||
		    !(state == PCR_UNEXPLAINED || (broken && state == PCR_NO_LOG)))
			continue;
		words_printf(&w, "%s%u", count++ ? ", " : "", pcr);
	}
	return count;
}

static void put_verdict(struct own *o)
{
	const struct verdict *v = &o->verdict;
	int64_t used = 0, changes = 0;
	char worst[1400] = "", unexplained[128];

	for (size_t i = 0; i < ATTEST_PCRS; i++)
		used += v->pcrs[i].state != PCR_UNUSED && v->pcrs[i].state != PCR_NOT_QUOTED;
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
	static const char *const columns[] = {"pcrs_unexplained", "unexplained"};

	for (size_t i = 0; i < RF_COUNT(columns) && !(v->own_values && o->has_log); i++)
		fact_gap(o->out, FACT_T_ATTEST_VERDICT, "", columns[i], logs[0].path,
			 o->has_tpm ? "there is no boot log to compare the TPM's values with; is "
				      "securityfs mounted, and may this user read it?"
				    : "the TPM's values could not be read; run as root");
	if (v->own_values && o->has_log) {
		fact.pcrs_unexplained =
			FACT_INT(list_unexplained(v, unexplained, sizeof(unexplained)));
		fact.unexplained = unexplained;
	}
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

int collect_attest_verdict(struct sys *sys, const struct collect_request *req,
			   struct fact_sink *out, struct rf_err *err)
{
	struct own o = {.sys = sys, .out = out};
	struct attest_hasher *hasher = NULL;
	int64_t now;
	int rc = 0;

	(void)req;
	/* Begins the container, also where nothing can be added. */
	rc = evidence_add(&o.evidence, EVIDENCE_META, rf_slice_text("{}"));
	if (rc == 0)
		rc = add_values(&o);
	read_baseline(&o);
	/* Neither TPM nor baseline: there is nothing to say, and that is no gap. */
	if (rc == 0 && (o.has_tpm || !rf_equal(o.baseline_state, "none"))) {
		add_logs(&o);
		add_ima(&o);
		rc = add_shim(&o);
		if (rc == 0)
			rc = attest_hasher_new(&hasher, err);
		if (rc == 0)
			rc = judge(&o, hasher, util_clock_ms(sys, &now, NULL) < 0 ? 0 : now, err);
	}
	attest_hasher_free(hasher);
	verdict_done(&o.verdict);
	baseline_free(o.baseline);
	rf_buf_done(&o.evidence);
	return rc;
}
