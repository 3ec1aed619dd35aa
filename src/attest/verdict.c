/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict over evidence: order of the checks, and what their reasons make of it, see verdict.h.
 * The checks themselves are in verdict_quote.c, _identity.c, _logs.c and _ima.c; what may change
 * is the baseline's matter.
 * Source: RFC 9334 (roles); the advisories that each check names.
 */
#include <errno.h>
#include <string.h>

#include "attest/verdict_parts.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"

static const char *const state_names[] = {
	[VERDICT_TRUSTED] = "trusted",
	[VERDICT_WARNING] = "warning",
	[VERDICT_UNTRUSTED] = "untrusted",
	[VERDICT_CANNOT_JUDGE] = "cannot judge",
};

static const char *const pcr_state_names[] = {
	[PCR_UNUSED] = "unused",       [PCR_NOT_QUOTED] = "not signed",
	[PCR_EXPLAINED] = "explained", [PCR_UNEXPLAINED] = "not explained",
	[PCR_NO_LOG] = "no log",
};

const char *verdict_state_name(enum verdict_state state)
{
	return (size_t)state < RF_COUNT(state_names) ? state_names[state] : "cannot judge";
}

const char *verdict_pcr_state_name(enum verdict_pcr_state state)
{
	return (size_t)state < RF_COUNT(pcr_state_names) ? pcr_state_names[state] : "not signed";
}

int verdict_exit_code(enum verdict_state state)
{
	if (state == VERDICT_TRUSTED || state == VERDICT_WARNING)
		return 0;
	return state == VERDICT_UNTRUSTED ? 2 : 1;
}

/* ---- what the files share ---- */

struct reason *verdict_reason(struct judge *j, enum reason_id id, const char *subject,
			      const char *detail)
{
	struct reason *reason = reasons_add(&j->out->reasons, id);

	if (!reason)
		return NULL;
	rf_copy(reason->subject, sizeof(reason->subject), subject ? subject : "");
	rf_copy(reason->detail, sizeof(reason->detail), detail ? detail : "");
	return reason;
}

struct reason *verdict_reason_item(struct judge *j, enum reason_id id, const struct boot_item *item)
{
	const char *type = eventlog_type_name(item->type);
	struct reason *reason = verdict_reason(j, id, item->name, NULL);

	if (!reason)
		return NULL;
	reason->component = item->component;
	reason->pcr = item->pcr < ATTEST_PCRS ? item->pcr : REASON_NOWHERE;
	reason->event = item->event;
	rf_copy(reason->now, sizeof(reason->now), item->text);
	rf_format(reason->detail, sizeof(reason->detail), "event %u of the %s, %s", item->event,
		  item->source == BOOT_FIRMWARE_LOG ? "boot log"
		  : item->source == BOOT_TXT_LOG    ? "TXT log"
						    : "system's log",
		  item->source == BOOT_USERSPACE_LOG ? "of systemd"
		  : type			     ? type
						     : "of no known type");
	return reason;
}

struct rf_slice verdict_section(const struct judge *j, enum evidence_kind kind)
{
	return j->evidence.sections[kind];
}

bool verdict_has_log(const struct judge *j)
{
	return j->out->boot.firmware.bytes.data && !j->out->boot.firmware.ccel;
}

size_t verdict_bank(const struct attest_pcr_values *values, uint16_t alg)
{
	size_t i = 0;

	while (i < values->banks_count && values->algs[i] != alg)
		i++;
	return i;
}

uint32_t verdict_selected(const struct attest_quote *quote, uint16_t alg)
{
	for (size_t i = 0; i < quote->selections_count; i++) {
		if (quote->selections[i].alg == alg)
			return quote->selections[i].pcrs;
	}
	return 0;
}

void verdict_pcr_list(uint32_t mask, char *out, size_t size)
{
	struct words w = words_into(out, size);

	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (mask & 1u << pcr)
			words_printf(&w, "%s%u", w.len ? ", " : "", pcr);
	}
}

/* ---- the order of the checks ---- */

/* Forgets the last verdict, keeps its memory and its key. */
static void begin(struct verdict *out)
{
	struct reasons reasons = out->reasons;
	struct boot_item *items = out->boot.items;
	size_t room = out->boot.room;

	memset(out, 0, offsetof(struct verdict, key));
	reasons_clear(&reasons);
	out->reasons = reasons;
	out->boot.items = items;
	out->boot.room = room;
	out->state = VERDICT_CANNOT_JUDGE;
	for (size_t i = 0; i < ATTEST_PCRS; i++)
		out->pcrs[i].state = PCR_NOT_QUOTED;
}

/* A log of no bytes is no log: some clouds give one. */
static int read_story(struct judge *j, struct rf_err *err)
{
	struct boot_logs logs = boot_logs_of(&j->evidence);
	struct rf_err why = {0};
	int rc = boot_read(j->hasher, &logs, &j->out->boot, &why);

	if (rc == -ENOMEM)
		return rf_fail(err, rc, "no memory for the story of the boot");
	j->log_broken = rc < 0 && (logs.firmware.len || logs.txt.len || logs.userspace.len);
	if (j->log_broken)
		verdict_reason(j, REASON_LOG_BROKEN, NULL, rf_err_text(&why));
	return 0;
}

/* Nobody signed anything. */
static void say_no_quote(struct judge *j)
{
	bool parts = verdict_section(j, EVIDENCE_SIGNATURE).data ||
		     verdict_section(j, EVIDENCE_AK_PUBLIC).data ||
		     verdict_section(j, EVIDENCE_PCRS).len > 0;
	/* Firmware writes a log where it measures into a TPM. */
	bool measured = verdict_has_log(j);
	const struct baseline *baseline = j->options->baseline;
	bool had = baseline &&
		   (baseline_ak_name(baseline).len > 0 || baseline_ek_name(baseline).len > 0);

	if (parts || measured)
		verdict_reason(j, REASON_EVIDENCE_MISSING, "quote",
			       had ? "the TPM's signature did not come; one that was exchanged or "
				     "cleared cannot sign with the key of this host's enrolment"
				   : "the TPM's signature over the measurements did not come");
	else
		verdict_reason(j, REASON_NO_TPM, NULL,
			       had ? "this host was enrolled with a TPM, and now shows none"
				   : NULL);
}

/* Signed, or read by the caller himself. */
static bool has_values(const struct verdict *v)
{
	return v->quote_proved || v->own_values;
}

/* PCRs that hold what ran: firmware, drivers, loaders, kernels, keys of shim, launches. */
#define CODE_PCRS 0x007e7b15u

static const struct boot_item *item_of(const struct boot *boot, const struct reason *reason)
{
	for (size_t i = 0; i < boot->count && reason->event != REASON_NOWHERE; i++) {
		if (boot->items[i].event == reason->event && boot->items[i].pcr == reason->pcr)
			return &boot->items[i];
	}
	return NULL;
}

/*
 * Type and data of an event are not covered by its digest unless a rule proves them: a bootkit can
 * be called microcode. So where code is measured, a change that nobody proved to be harmless is
 * none, whatever its class says.
 */
static void raise_unproved(struct verdict *v)
{
	for (size_t i = 0; i < v->reasons.count; i++) {
		struct reason *reason = &v->reasons.items[i];

		if (reason->id < REASON_FIRMWARE_CHANGED || reason->id > REASON_EVENT_CHANGED ||
		    reason->pcr >= ATTEST_PCRS || !(CODE_PCRS & 1u << reason->pcr))
			continue;
		const struct boot_item *item = item_of(&v->boot, reason);

		if (item && item->proof != EVENTLOG_PROVED)
			reason->demanded = true;
	}
}

static int judge_baseline(struct judge *j, struct rf_err *err)
{
	struct rf_err why = {0};

	j->out->facts = (struct evidence_facts){
		.now_ms = j->options->now_ms, .ima = j->ima_covered, .ima_alg = j->ima_alg};

	/* Where nothing is proved, a baseline would not help. */
	if (!j->options->baseline && has_values(j->out))
		verdict_reason(j, REASON_NO_BASELINE, NULL, NULL);
	if (!j->options->baseline)
		return 0;
	/* An unproved or empty story compared with a good one says nothing. */
	if (!has_values(j->out) || j->out->boot.count == 0 || j->out->boot.firmware.ccel)
		return 0;
	int rc = baseline_judge(j->hasher, j->options->baseline, &j->out->boot, &j->out->facts,
				&j->out->reasons, &why);

	if (rc == -ENOMEM || rc == RF_E_CRYPTO)
		return rf_fail(err, rc, "baseline: %s", rf_err_text(&why));
	if (rc < 0)
		verdict_reason(j, REASON_EVIDENCE_BROKEN, "comparison with the baseline",
			       rf_err_text(&why));
	raise_unproved(j->out);
	return 0;
}

static int judge_values(struct judge *j, struct rf_err *err)
{
	if (!has_values(j->out))
		return 0;
	int rc = verdict_judge_ima(j, err);

	if (rc == 0)
		rc = verdict_judge_pcrs(j, err);
	verdict_judge_protections(j);
	return rc;
}

static int judge_quoted(struct judge *j, struct rf_err *err)
{
	int rc = verdict_judge_quote(j, err);

	if (rc == 0)
		rc = verdict_judge_identity(j, err);
	if (rc == 0 && j->signature_good)
		rc = verdict_judge_digest(j, err);
	if (rc == 0)
		rc = judge_values(j, err);
	if (rc == 0 && j->out->quote_proved)
		verdict_judge_memory(j);
	return rc;
}

static int judge_own(struct judge *j, struct rf_err *err)
{
	verdict_take_own(j);
	return judge_values(j, err);
}

static int judge_all(struct judge *j, struct rf_slice bytes, struct rf_err *err)
{
	struct rf_err why = {0};

	if (evidence_parse(bytes, &j->evidence, &why) < 0) {
		verdict_reason(j, REASON_EVIDENCE_BROKEN, NULL, rf_err_text(&why));
		return 0;
	}
	int rc = read_story(j, err);

	if (rc < 0)
		return rc;
	verdict_judge_events(j);
	if (verdict_section(j, EVIDENCE_QUOTE).data || verdict_section(j, EVIDENCE_QUOTE12).data)
		rc = judge_quoted(j, err);
	else if (j->options->own_values && verdict_section(j, EVIDENCE_PCRS).len)
		rc = judge_own(j, err);
	else
		say_no_quote(j);
	return rc == 0 ? judge_baseline(j, err) : rc;
}

/* ---- what the reasons make of it ---- */

static enum reason_effect effect_of(const struct reason *reason)
{
	const struct reason_class *row = reason_class_of(reason->id);

	if (reason->allowed_by[0])
		return REASON_NOTES;
	if (reason->demanded)
		return REASON_DISTRUSTS;
	return row ? row->effect : REASON_BLINDS;
}

/* Larger is worse: effect, then severity. What a rule allows comes last. */
static int weight(const struct reason *reason)
{
	static const int effects[] = {[REASON_NOTES] = 1,
				      [REASON_WARNS] = 2,
				      [REASON_BLINDS] = 3,
				      [REASON_DISTRUSTS] = 4};
	const struct reason_class *row = reason_class_of(reason->id);

	if (reason->allowed_by[0] || !row)
		return 0;
	return effects[effect_of(reason)] * 8 + (int)row->severity;
}

/* Worst first, otherwise in the order of their coming; sorts numbers, then moves each reason once:
 * a reason is large. */
static void sort_reasons(struct reasons *list)
{
	uint16_t order[REASONS_MAX];
	int weights[REASONS_MAX];

	for (size_t i = 0; i < list->count; i++) {
		size_t at = i;

		weights[i] = weight(&list->items[i]);
		for (; at > 0 && weights[order[at - 1]] < weights[i]; at--)
			order[at] = order[at - 1];
		order[at] = (uint16_t)i;
	}
	for (size_t i = 0; i < list->count; i++) {
		size_t from = order[i];

		/* What stood there was moved away by an earlier step. */
		while (from < i)
			from = order[from];
		if (from == i)
			continue;
		struct reason moved = list->items[i];

		list->items[i] = list->items[from];
		list->items[from] = moved;
	}
}

static enum verdict_state state_of(const struct verdict *v)
{
	static const enum verdict_state states[] = {[REASON_NOTES] = VERDICT_TRUSTED,
						    [REASON_WARNS] = VERDICT_WARNING,
						    [REASON_DISTRUSTS] = VERDICT_UNTRUSTED,
						    [REASON_BLINDS] = VERDICT_CANNOT_JUDGE};
	bool seen[RF_COUNT(states)] = {false};

	for (size_t i = 0; i < v->reasons.count; i++)
		seen[effect_of(&v->reasons.items[i])] = true;
	if (seen[REASON_DISTRUSTS])
		return VERDICT_UNTRUSTED;
	/* A reason that found no room could have been the worst. */
	if (seen[REASON_BLINDS] || v->reasons.dropped > 0 || !has_values(v))
		return VERDICT_CANNOT_JUDGE;
	return states[seen[REASON_WARNS] ? REASON_WARNS : REASON_NOTES];
}

static void mark_pcrs(struct verdict *out, const struct reason *reason)
{
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS && effect_of(reason) != REASON_NOTES; pcr++)
		out->pcrs[pcr].changed |= reason->pcr == pcr || reason->pcrs & 1u << pcr;
}

static void finish(struct judge *j)
{
	struct verdict *out = j->out;

	/* No check may end without a proof and without saying why. */
	if (!has_values(out) && out->reasons.count == 0)
		verdict_reason(j, REASON_EVIDENCE_MISSING, NULL, "nothing was proved");
	for (size_t i = 0; i < out->reasons.count; i++)
		mark_pcrs(out, &out->reasons.items[i]);
	sort_reasons(&out->reasons);
	out->state = state_of(out);
}

int attest_verify(struct attest_hasher *hasher, struct rf_slice evidence,
		  const struct verdict_options *options, struct verdict *out, struct rf_err *err)
{
	struct judge j = {.hasher = hasher, .options = options, .out = out};

	begin(out);
	int rc = judge_all(&j, evidence, err);

	if (rc < 0)
		return rc;
	finish(&j);
	return 0;
}

void verdict_done(struct verdict *verdict)
{
	reasons_done(&verdict->reasons);
	boot_done(&verdict->boot);
	attest_key_free(verdict->key.key);
	memset(verdict, 0, sizeof(*verdict));
}
