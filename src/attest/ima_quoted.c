/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which prefix of an IMA list a quote proves: the kernel measures on while the TPM signs, so a list
 * that was read after the quote is ahead of it. See ima.h. Nothing here allocates.
 */
#include <string.h>

#include "attest/ima_match.h"
#include "base/mem.h"

static size_t bank_of(const uint16_t *algs, size_t count, uint16_t alg)
{
	size_t i = 0;

	while (i < count && algs[i] != alg)
		i++;
	return i;
}

/* Adds one selected PCR to the message; IMA's own leaves a hole. */
static int add_pcr(struct ima_match *match, const struct ima_state *state, uint16_t alg,
		   uint32_t pcr, struct rf_err *err)
{
	const struct attest_pcr_values *values = match->target->values;
	size_t size = attest_digest_size(alg);
	size_t bank = bank_of(values->algs, values->banks_count, alg);
	size_t ours = bank_of(state->algs, state->banks_count, alg);
	char name[16];

	if (size == 0)
		return rf_fail(err, RF_E_UNSUPPORTED, "the quote covers a bank of %s",
			       attest_alg_name(alg, name));
	if (pcr == state->pcr) {
		if (ours == state->banks_count)
			return rf_fail(err, RF_E_MISSING, "the %s bank is not replayed",
				       attest_alg_name(alg, name));
		match->slot[ours] = 1 + match->message_len;
		match->banks |= (uint8_t)(1u << ours);
	} else {
		if (bank == values->banks_count || !(values->present[bank] & 1u << pcr) ||
		    values->values[bank][pcr].len != size)
			return rf_fail(err, RF_E_MISSING,
				       "the value of PCR %u in the %s bank is missing", pcr,
				       attest_alg_name(alg, name));
		memcpy(match->message + match->message_len, values->values[bank][pcr].bytes, size);
	}
	match->message_len += size;
	return 0;
}

/* TPM_PCR_COMPOSITE begins with the selection and the length of the values (TPM 1.2, part 2, 8.4).
 */
static int add_composite_head(struct ima_match *match, const struct attest_quote *quote,
			      struct rf_err *err)
{
	uint32_t pcrs = quote->selections[0].pcrs;
	uint32_t values = 20u * (uint32_t)__builtin_popcount(pcrs);
	uint8_t *at = match->message;

	if (quote->select_bytes == 0 || quote->select_bytes > 3 || quote->selections_count != 1)
		return rf_fail(err, RF_E_MISSING,
			       "this TPM 1.2 quote does not say which PCRs it covers, so that the "
			       "value of PCR 10 must be sent");
	*at++ = 0;
	*at++ = quote->select_bytes;
	for (unsigned int i = 0; i < quote->select_bytes; i++)
		*at++ = (uint8_t)(pcrs >> 8 * i);
	for (int shift = 24; shift >= 0; shift -= 8)
		*at++ = (uint8_t)(values >> shift);
	match->message_len = (size_t)(at - match->message);
	return 0;
}

static int match_by_digest(struct ima_match *match, const struct ima_state *state,
			   struct rf_err *err)
{
	const struct attest_quote *quote = match->target->quote;
	int rc = 0;

	match->by_digest = true;
	if (attest_digest_size(match->target->hash) != quote->pcr_digest.len)
		return rf_fail(err, RF_E_MISMATCH, "the quoted digest has %zu bytes",
			       quote->pcr_digest.len);
	if (quote->version == 1)
		rc = add_composite_head(match, quote, err);
	for (size_t i = 0; rc == 0 && i < quote->selections_count && i < ATTEST_MAX_BANKS; i++) {
		const struct attest_selection *selection = &quote->selections[i];

		for (uint32_t pcr = 0; pcr < ATTEST_PCRS && rc == 0; pcr++) {
			if (selection->pcrs & 1u << pcr)
				rc = add_pcr(match, state, selection->alg, pcr, err);
		}
	}
	return rc;
}

int ima_match_init(struct ima_match *match, const struct ima_target *target,
		   const struct ima_state *state, struct rf_err *err)
{
	const struct attest_pcr_values *values = target->values;
	int rc = 0;

	memset(match, 0, sizeof(*match));
	match->target = target;
	for (size_t i = 0; i < state->banks_count; i++) {
		size_t bank = bank_of(values->algs, values->banks_count, state->algs[i]);

		match->size[i] = attest_digest_size(state->algs[i]);
		if (bank == values->banks_count || !(values->present[bank] & 1u << state->pcr) ||
		    values->values[bank][state->pcr].len != match->size[i])
			continue;
		match->want[i] = values->values[bank][state->pcr].bytes;
		match->banks |= (uint8_t)(1u << i);
	}
	if (!match->banks && target->quote)
		rc = match_by_digest(match, state, err);
	if (rc)
		return rf_wrap(err, rc, "IMA");
	if (!match->banks)
		return rf_fail(err, RF_E_MISSING,
			       "IMA: the quote proves no value of PCR %u in a bank that is "
			       "replayed; quote PCR %u too",
			       state->pcr, state->pcr);
	return 0;
}

int ima_match_check(struct attest_hasher *hasher, struct ima_match *match,
		    const uint8_t values[][ATTEST_MAX_DIGEST])
{
	uint8_t digest[ATTEST_MAX_DIGEST];

	for (size_t i = 0; !match->by_digest && i < ATTEST_MAX_BANKS; i++) {
		if (match->want[i] && memcmp(values[i], match->want[i], match->size[i]) != 0)
			return 0;
	}
	if (!match->by_digest)
		return 1;
	for (size_t i = 0; i < ATTEST_MAX_BANKS; i++) {
		if (match->slot[i])
			memcpy(match->message + match->slot[i] - 1, values[i], match->size[i]);
	}
	int rc = attest_hash(hasher, match->target->hash,
			     (struct rf_slice){match->message, match->message_len},
			     (struct rf_slice){0}, digest);
	const struct rf_slice *want = &match->target->quote->pcr_digest;

	return rc < 0 ? rc : memcmp(digest, want->data, want->len) == 0;
}

/* What an entry that was gone through adds to what is said of the covered ones. */
static void count_entry(const struct ima_entry *entry, uint32_t pcr, struct ima_quoted *out)
{
	if (entry->violation && out->violations++ == 0)
		out->first_violation = entry->index;
	/* The template's name is not hashed: an entry under another name says nothing. */
	if (entry->template == IMA_OTHER && !entry->name.len && out->unread++ == 0)
		out->first_unread = entry->index;
	if (entry->pcr != pcr)
		out->other_pcrs |= 1u << entry->pcr;
}

/* One walk from the list's start with the padding that state says. 1 found, 0 not, negative. */
static int walk(struct attest_hasher *hasher, struct ima_list *list, struct ima_match *match,
		struct ima_state *state, struct ima_quoted *out, struct rf_err *err)
{
	struct ima_entry entry;
	int fits = ima_match_check(hasher, match, state->values), rc = 0;

	while (fits == 0 && (rc = ima_next(list, &entry, err)) > 0) {
		rc = ima_extend(hasher, &entry, state, err);
		if (rc)
			return rc;
		count_entry(&entry, state->pcr, out);
		if (entry.pcr == state->pcr)
			fits = ima_match_check(hasher, match, state->values);
	}
	return rc < 0 ? rc : fits;
}

/* Places of a walk that are tried from the end. */
#define MARKS 16u

/* A place of a walk; of the values only those of the banks that are replayed. */
struct mark {
	struct ima_list list;
	uint64_t entries;
	struct ima_quoted quoted;
	uint8_t values[ATTEST_MAX_BANKS][ATTEST_MAX_DIGEST];
};

static void mark_place(struct mark *mark, const struct ima_list *list,
		       const struct ima_state *state, const struct ima_quoted *quoted)
{
	mark->list = *list;
	mark->entries = state->entries;
	mark->quoted = *quoted;
	memcpy(mark->values, state->values, state->banks_count * sizeof(state->values[0]));
}

/*
 * Through the quoted digest each place costs a hash over all PCRs. A list that was read after the
 * quote is only a little ahead of it, so the last places are tried first. 1 found; 0 and negative
 * say nothing: walk() then decides, which stops where the quote does.
 */
static int walk_to_end(struct attest_hasher *hasher, struct ima_list *list, struct ima_match *match,
		       struct ima_state *state, struct ima_quoted *out)
{
	struct mark marks[MARKS];
	struct ima_entry entry;
	size_t count = 0;
	int rc;

	mark_place(&marks[count++], list, state, out);
	while ((rc = ima_next(list, &entry, NULL)) > 0) {
		rc = ima_extend(hasher, &entry, state, NULL);
		if (rc)
			return rc;
		count_entry(&entry, state->pcr, out);
		if (entry.pcr == state->pcr)
			mark_place(&marks[count++ % MARKS], list, state, out);
	}
	for (size_t n = count; rc == 0 && n > 0 && n + MARKS > count; n--) {
		const struct mark *mark = &marks[(n - 1) % MARKS];

		rc = ima_match_check(hasher, match, mark->values);
		if (rc != 1)
			continue;
		*list = mark->list;
		state->entries = mark->entries;
		memcpy(state->values, mark->values, state->banks_count * sizeof(state->values[0]));
		*out = mark->quoted;
	}
	return rc;
}

/*
 * The next set of padded banks to try on a whole list, 0 at the end. With more than three banks
 * that could be, it is all or none, so that a hostile list costs eight walks at most.
 */
static uint8_t next_padding(const struct ima_match *match, const struct ima_state *state,
			    uint8_t padding)
{
	uint8_t can = match->banks;
	size_t sha1 = bank_of(state->algs, state->banks_count, ATTEST_SHA1);

	if (sha1 < state->banks_count)
		can &= (uint8_t) ~(1u << sha1);
	if (__builtin_popcount(can) > 3)
		return padding == 0 ? can : 0;
	/* Counts through the subsets of can and comes back to 0. */
	return (uint8_t)((padding - can) & can);
}

static int no_prefix(const struct ima_list *list, const struct ima_state *state, struct rf_err *err)
{
	return rf_fail(err, RF_E_MISMATCH,
		       "IMA: no beginning of the %u entries gives the PCR %u that the quote "
		       "proves: an entry was planted, dropped, doubled or moved, or the list is of "
		       "another boot",
		       list->count, state->pcr);
}

/* Entries behind the quoted ones: only their form is looked at. */
static int count_beyond(struct ima_list *list, struct ima_quoted *out, struct rf_err *err)
{
	uint32_t covered = list->count;
	struct ima_entry entry;
	int rc;

	while ((rc = ima_next(list, &entry, err)) > 0)
		out->beyond_pcrs |= 1u << entry.pcr;
	out->beyond = list->count - covered;
	return rc;
}

int ima_find_quoted(struct attest_hasher *hasher, const struct ima_list *list,
		    const struct ima_target *target, struct ima_state *state,
		    struct ima_quoted *out, struct rf_err *err)
{
	struct ima_match match;
	int rc = ima_match_init(&match, target, state, err);
	/* Where a list was replayed before, its padding is known. */
	uint8_t padding = state->entries > 0 ? state->padded_banks : 0;

	if (rc)
		return rc;
	for (;;) {
		struct ima_list at = *list;
		struct ima_state run = *state;
		struct ima_quoted quoted = {0};

		run.padded_banks = padding;
		rc = match.by_digest ? walk_to_end(hasher, &at, &match, &run, &quoted) : 0;
		if (rc != 1) {
			at = *list;
			run = *state;
			run.padded_banks = padding;
			quoted = (struct ima_quoted){0};
			rc = walk(hasher, &at, &match, &run, &quoted, err);
		}
		if (rc < 0)
			return rc;
		if (rc == 1) {
			quoted.entries = at.count - list->count;
			quoted.bytes = at.at - list->at;
			rc = count_beyond(&at, &quoted, err);
			if (rc)
				return rc;
			*state = run;
			*out = quoted;
			return 0;
		}
		padding = next_padding(&match, &run, padding);
		if (padding == 0 || state->entries > 0)
			return no_prefix(&at, state, err);
	}
}
