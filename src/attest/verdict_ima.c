/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict's checks of IMA's list: is it what the quote proves, is it of this boot, and what is
 * not known of it. Which files may run is the baseline's matter.
 * Source: kernel security/integrity/ima; other verifiers ignore violations by default, we do not.
 */
#include <errno.h>
#include <string.h>

#include "attest/verdict_parts.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"

/* Extends that a search for one planted entry may cost: about a tenth of a second. */
#define SEARCH_EXTENDS 1000000u
/* Lists may measure into other PCRs ("pcr=" in the policy): each costs one more walk. */
#define OTHER_PCRS_MAX 2

/* The list behind its head (u16, little endian: algorithm of its template digests). */
static int open_list(struct judge *j, struct ima_list *list, struct rf_err *why)
{
	struct rf_slice section = verdict_section(j, EVIDENCE_IMA);

	if (section.len < 2)
		return rf_fail(why, RF_E_TRUNCATED, "IMA list: no algorithm");
	j->ima_alg = (uint16_t)(section.data[0] | section.data[1] << 8);
	struct rf_slice bytes = {section.data + 2, section.len - 2};
	int rc = ima_open(bytes, (uint8_t)attest_digest_size(j->ima_alg), list, why);

	if (rc == 0)
		list->template_alg = j->ima_alg;
	return rc;
}

/* The value that the firmware's log leaves in a PCR: where IMA begins. */
static void begin_at_boot(const struct judge *j, struct ima_state *state)
{
	const struct attest_pcr_values *boot = &j->out->boot.replay.pcrs;

	for (size_t i = 0; verdict_has_log(j) && i < state->banks_count; i++) {
		size_t bank = verdict_bank(boot, state->algs[i]);

		if (bank < boot->banks_count)
			memcpy(state->values[i], boot->values[bank][state->pcr].bytes,
			       ATTEST_MAX_DIGEST);
	}
}

/* All banks in which the quote selects that PCR and that can be computed. */
static int begin_state(const struct judge *j, uint32_t pcr, struct ima_state *state,
		       struct rf_err *why)
{
	const struct attest_quote *quote = &j->out->quote;
	uint16_t algs[ATTEST_MAX_BANKS];
	size_t count = 0;

	for (size_t i = 0; i < quote->selections_count; i++) {
		if (quote->selections[i].pcrs & 1u << pcr &&
		    attest_digest_size(quote->selections[i].alg) > 0)
			algs[count++] = quote->selections[i].alg;
	}
	if (count == 0)
		return rf_fail(why, RF_E_MISSING, "IMA: the quote does not cover PCR %u", pcr);
	int rc = ima_state_init(state, pcr, algs, count, why);

	if (rc == 0)
		begin_at_boot(j, state);
	return rc;
}

static int find_in(struct judge *j, const struct ima_list *list,
		   const struct attest_pcr_values *values, struct ima_state *state,
		   struct ima_quoted *out, struct rf_err *why)
{
	const struct ima_target target = {
		.values = values, .quote = &j->out->quote, .hash = j->hash};

	return ima_find_quoted(j->hasher, list, &target, state, out, why);
}

int verdict_find_ima(struct judge *j, const struct attest_pcr_values *values, struct rf_err *why)
{
	struct ima_list list;
	int rc = open_list(j, &list, why);

	if (rc == 0)
		rc = begin_state(j, IMA_PCR, &j->ima_state, why);
	if (rc == 0)
		rc = find_in(j, &list, values, &j->ima_state, &j->ima, why);
	if (rc < 0)
		return rc;
	j->ima_found = true;
	j->ima_covered = (struct rf_slice){list.bytes.data, j->ima.bytes};
	return 0;
}

/* ---- what is said of a list that fits ---- */

static void entry_words(const struct ima_entry *entry, char *out, size_t size)
{
	struct words w = words_into(out, size);

	words_add_utf8(&w, entry->name);
}

/* The first entry ties the list to this boot's PCR 0 to 9 as the boot log has them. */
static void judge_aggregate(struct judge *j, const struct ima_entry *first)
{
	struct attest_pcr_values boot = j->out->boot.replay.pcrs;
	char how[64];

	if (!verdict_has_log(j))
		return; /* said elsewhere */
	/* Where no event extended a PCR its start value counts. */
	for (size_t i = 0; i < boot.banks_count; i++)
		boot.present[i] = (1u << ATTEST_PCRS) - 1;
	int rc = ima_boot_aggregate_check(j->hasher, first, &boot, how);

	if (rc == 1)
		return;
	if (rc == 0)
		verdict_reason(j, REASON_IMA_AGGREGATE, NULL, how);
	else
		verdict_reason(j, REASON_IMA_AGGREGATE, NULL,
			       rc == RF_E_USAGE ? "the list does not begin with what the boot "
						  "left in the TPM"
						: "it is made of banks that the boot log lacks");
}

/* First entry, and the first violation by name. */
static void judge_entries(struct judge *j)
{
	struct ima_list list;
	struct ima_entry entry;
	struct reason *reason;

	if (open_list(j, &list, NULL) < 0 || j->ima.entries == 0)
		return;
	if (ima_next(&list, &entry, NULL) == 1)
		judge_aggregate(j, &entry);
	if (j->ima.violations == 0)
		return;
	while (entry.index < j->ima.first_violation && ima_next(&list, &entry, NULL) == 1)
		;
	reason = verdict_reason(j, REASON_IMA_VIOLATION, NULL, NULL);
	if (!reason)
		return;
	reason->pcr = IMA_PCR;
	reason->event = entry.index;
	entry_words(&entry, reason->subject, sizeof(reason->subject));
	if (j->ima.violations > 1)
		rf_format(reason->detail, sizeof(reason->detail), "and %u more",
			  j->ima.violations - 1);
}

/* Weak: every bank beside SHA-1 got SHA-1 digests, filled up with zeros. */
static bool all_padded(const struct ima_state *state)
{
	for (size_t i = 0; i < state->banks_count; i++) {
		if (state->algs[i] != ATTEST_SHA1 && !(state->padded_banks & 1u << i))
			return false;
	}
	return true;
}

/* Which reason a list deserves that could not be tied to a PCR. */
static struct reason *say_untied(struct judge *j, uint32_t pcr, int rc, const struct rf_err *why)
{
	enum reason_id id = rc == RF_E_MISMATCH	 ? REASON_IMA_UNEXPLAINED
			    : rc == RF_E_MISSING ? REASON_PCR_UNQUOTED
						 : REASON_IMA_BROKEN;
	struct reason *reason = verdict_reason(j, id, NULL, rf_err_text(why));

	if (reason)
		reason->pcr = pcr;
	return reason;
}

/* The list is in the order of measurement: an entry before the quote must be in its PCR. */
static int all_covered(const struct judge *j, struct ima_list list, uint32_t pcr, uint32_t covered,
		       struct rf_err *why)
{
	struct ima_entry entry;

	while (ima_next(&list, &entry, NULL) == 1 && entry.index < j->ima.entries) {
		if (entry.pcr == pcr && entry.index >= covered)
			return rf_fail(why, RF_E_MISMATCH,
				       "IMA: PCR %u does not hold entry %u of the list", pcr,
				       entry.index);
	}
	return 0;
}

/* Entries for another PCR are proved by that PCR. */
static int tie_other_pcr(struct judge *j, uint32_t pcr, struct rf_err *why)
{
	struct ima_quoted quoted;
	struct ima_state state;
	struct ima_list list;
	int rc = open_list(j, &list, why);

	if (rc == 0)
		rc = begin_state(j, pcr, &state, why);
	if (rc == 0)
		rc = find_in(j, &list, &j->proved, &state, &quoted, why);
	return rc == 0 ? all_covered(j, list, pcr, quoted.entries, why) : rc;
}

static void judge_other_pcrs(struct judge *j)
{
	uint32_t pcrs = (j->ima.other_pcrs | j->ima.beyond_pcrs) & ~(1u << IMA_PCR);
	struct rf_err why = {0};

	if (__builtin_popcount(pcrs) > OTHER_PCRS_MAX) {
		verdict_reason(j, REASON_IMA_BROKEN, NULL, "it measures into too many PCRs");
		return;
	}
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (!(pcrs & 1u << pcr))
			continue;
		int rc = tie_other_pcr(j, pcr, &why);

		if (rc < 0)
			say_untied(j, pcr, rc, &why);
		*(rc < 0 ? &j->ima_wrong : &j->ima_pcrs) |= 1u << pcr;
	}
}

/* Entries of which nobody can say what they measured. */
static void judge_unread(struct judge *j)
{
	struct reason *reason;

	if (j->ima.unread == 0)
		return;
	reason = verdict_reason(j, REASON_IMA_UNKNOWN_FILE, NULL, NULL);
	if (!reason)
		return;
	reason->pcr = IMA_PCR;
	reason->event = j->ima.first_unread;
	rf_format(reason->detail, sizeof(reason->detail),
		  "%u entries, the first is %u, have a form that is not known", j->ima.unread,
		  j->ima.first_unread);
}

static void judge_found(struct judge *j)
{
	struct verdict *out = j->out;

	out->ima_entries = j->ima.entries;
	out->ima_beyond = j->ima.beyond;
	out->ima_violations = j->ima.violations;
	if (j->ima.entries == 0 && j->ima.beyond > 0)
		verdict_reason(j, REASON_IMA_OFF, NULL,
			       "the list has entries, and none of them reached the TPM");
	else if (j->ima.entries + j->ima.beyond <= 1)
		verdict_reason(j, REASON_IMA_OFF, NULL, NULL);
	if (j->ima.entries > 1 && all_padded(&j->ima_state))
		verdict_reason(j, REASON_IMA_WEAK, NULL, NULL);
	judge_entries(j);
	judge_unread(j);
	judge_other_pcrs(j);
}

/* ---- what is said of one that does not ---- */

/* Names the one entry that keeps the list from fitting, where there is one. */
static bool name_culprit(struct judge *j, const struct attest_pcr_values *values,
			 struct reason *reason)
{
	static const char *const kinds[] = {[IMA_PLANTED] = "is not in what the TPM recorded",
					    [IMA_DOUBLED] = "stands there twice",
					    [IMA_REORDERED] = "changed places with the next one",
					    [IMA_DROPPED] = "follows one that is missing",
					    [IMA_CHANGED] = "is another one"};
	const struct ima_target target = {
		.values = values, .quote = &j->out->quote, .hash = j->hash};
	const struct ima_search search = {.max_extends = SEARCH_EXTENDS};
	struct ima_culprit culprit;
	struct ima_entry entry = {0};
	struct ima_state state;
	struct ima_list list;

	if (open_list(j, &list, NULL) < 0 || begin_state(j, IMA_PCR, &state, NULL) < 0 ||
	    ima_find_culprit(j->hasher, &list, &target, &state, &search, &culprit) != 1)
		return false;
	while (ima_next(&list, &entry, NULL) == 1 && entry.index < culprit.index)
		;
	entry_words(&entry, reason->subject, sizeof(reason->subject));
	rf_format(reason->detail, sizeof(reason->detail), "entry %u of the list %s", culprit.index,
		  kinds[culprit.kind]);
	reason->event = culprit.index;
	return true;
}

bool verdict_say_ima(struct judge *j, const struct attest_pcr_values *values, int rc,
		     const struct rf_err *why)
{
	struct reason *reason = say_untied(j, IMA_PCR, rc, why);

	j->ima_said = true;
	return reason && rc == RF_E_MISMATCH && name_culprit(j, values, reason);
}

int verdict_judge_ima(struct judge *j, struct rf_err *err)
{
	struct rf_err why = {0};

	(void)err;
	if (!verdict_section(j, EVIDENCE_IMA).data || j->ima_said)
		return 0; /* whether one was to be expected the PCR tells */
	int rc = j->ima_found ? 0 : verdict_find_ima(j, &j->proved, &why);

	if (rc == 0)
		judge_found(j);
	else
		verdict_say_ima(j, &j->proved, rc, &why);
	return 0;
}
