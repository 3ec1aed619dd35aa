/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict's checks of the quote itself: key, signature, nonce, digest, and that it is no older
 * one. Not for what the PCRs mean (verdict_logs.c).
 * Source: TPM 2.0 Library, Part 1, 36 (clock and counters), Part 2, 10.12; the advisories of other
 * verifiers: CVE-2024-29038, -29039, -29040 (magic, selection), GHSA-99cg-575x-774p (PCR not in the
 * quote), CVE-2026-6420 (fixed nonce).
 */
#include <errno.h>
#include <string.h>

#include "attest/verdict_parts.h"
#include "base/mem.h"
#include "base/str.h"

/* A TPM may lose this much of its clock when the power fails (Part 1, 36.3.2: 2^22 ms). */
#define CLOCK_LOSS_MS (1u << 22)

/* ---- key ---- */

/* The key of the last evidence is used again where it is the same: making one allocates. */
static int take_key(struct judge *j, struct rf_err *err)
{
	struct verdict_key *kept = &j->out->key;
	struct rf_slice area = j->ak.area;

	if (kept->key && rf_slice_equal(area, (struct rf_slice){kept->area, kept->area_len}))
		return 0;
	attest_key_free(kept->key);
	kept->key = NULL;
	kept->area_len = 0;
	int rc = attest_key_new(&j->ak, &kept->key, err);

	if (rc == 0 && area.len <= sizeof(kept->area)) {
		memcpy(kept->area, area.data, area.len);
		kept->area_len = area.len;
	}
	return rc;
}

/* A TPM 1.2 knows no names: SHA-256 over the whole public key stands for it. */
static int name_key12(struct judge *j, struct rf_err *err)
{
	uint8_t *name = j->out->ak_name;

	name[0] = ATTEST_SHA256 >> 8;
	name[1] = ATTEST_SHA256 & 0xff;
	j->out->ak_name_len = 2 + attest_digest_size(ATTEST_SHA256);
	return attest_hash(j->hasher, ATTEST_SHA256, j->ak.area, (struct rf_slice){0}, name + 2)
		       ? rf_fail(err, RF_E_CRYPTO, "the key's name cannot be computed")
		       : 0;
}

/* 1: fit, 0: a reason says why not, negative: our own failure. */
static int judge_key(struct judge *j, bool tpm12, struct rf_err *err)
{
	struct rf_slice bytes = verdict_section(j, EVIDENCE_AK_PUBLIC);
	struct rf_err why = {0};
	int rc;

	if (!bytes.data) {
		verdict_reason(j, REASON_EVIDENCE_MISSING, "attestation key",
			       "without it nobody knows who signed");
		return 0;
	}
	rc = tpm12 ? attest_public12_parse(bytes, &j->ak, &why)
		   : attest_public_parse(bytes, &j->ak, &why);
	if (rc == 0 && !tpm12)
		rc = attest_ak_check(&j->ak, &why);
	if (rc == 0)
		rc = take_key(j, &why);
	if (rc == 0 && tpm12)
		return name_key12(j, err) ? RF_E_CRYPTO : 1;
	if (rc == 0)
		rc = attest_public_name(j->hasher, &j->ak, j->out->ak_name, &j->out->ak_name_len,
					&why);
	if (rc == -ENOMEM)
		return rf_fail(err, rc, "no memory for the attestation key");
	if (rc == 0)
		return 1;
	verdict_reason(j, REASON_AK_UNFIT, NULL, rf_err_text(&why));
	return 0;
}

/* ---- signature and nonce ---- */

static int verify_signature(struct judge *j, bool tpm12, struct rf_err *why)
{
	struct rf_slice signature = verdict_section(j, EVIDENCE_SIGNATURE);
	struct attest_key *key = j->out->key.key;

	j->hash = ATTEST_SHA1;
	return tpm12 ? attest_signature12_verify(key, signature, j->out->quote.signed_bytes, why)
		     : attest_signature_verify(key, signature, j->out->quote.signed_bytes, &j->hash,
					       why);
}

/* Without a nonce of ours the collector's own copy must at least be the signed one. */
static bool nonce_good(struct judge *j)
{
	struct rf_slice sent = verdict_section(j, EVIDENCE_NONCE), nonce = j->options->nonce;
	struct rf_err why = {0};

	if (nonce.len == 0) {
		verdict_reason(j, REASON_NONCE_UNCHECKED, NULL, NULL);
		nonce = sent;
	}
	if (nonce.len == 0 || attest_quote_nonce_check(&j->out->quote, nonce, &why) == 0)
		return true;
	verdict_reason(j, REASON_NONCE_WRONG, NULL, rf_err_text(&why));
	return false;
}

static int parse_quote(struct judge *j, bool tpm12, struct rf_err *why)
{
	struct attest_quote *quote = &j->out->quote;

	if (!tpm12)
		return attest_quote_parse(verdict_section(j, EVIDENCE_QUOTE), quote, why);
	return attest_quote12_parse(verdict_section(j, EVIDENCE_QUOTE12), quote, why);
}

/* May this kind of quote be looked at? Two kinds at once would let the sender choose. */
static bool kind_good(struct judge *j, bool tpm12)
{
	if (!tpm12)
		return true;
	if (verdict_section(j, EVIDENCE_QUOTE).data) {
		verdict_reason(j, REASON_EVIDENCE_BROKEN, NULL,
			       "it holds quotes of a TPM 2.0 and of a TPM 1.2");
		return false;
	}
	if (!j->options->accept_tpm12) {
		verdict_reason(j, REASON_AK_UNFIT, NULL,
			       "the quote is of a TPM 1.2, and this host is not enrolled as one "
			       "that has such a TPM");
		return false;
	}
	verdict_reason(j, REASON_WEAK_CRYPTO, "TPM 1.2", "it knows SHA-1 only");
	return true;
}

int verdict_judge_quote(struct judge *j, struct rf_err *err)
{
	bool tpm12 = verdict_section(j, EVIDENCE_QUOTE12).data != NULL;
	struct rf_err why = {0};

	if (!kind_good(j, tpm12))
		return 0;
	if (!verdict_section(j, EVIDENCE_SIGNATURE).data) {
		verdict_reason(j, REASON_EVIDENCE_MISSING, "signature of the quote", NULL);
		return 0;
	}
	int rc = judge_key(j, tpm12, err);

	if (rc <= 0)
		return rc;
	if (parse_quote(j, tpm12, &why) < 0 || verify_signature(j, tpm12, &why) < 0) {
		verdict_reason(j, REASON_QUOTE_FORGED, NULL, rf_err_text(&why));
		return 0;
	}
	j->signature_good = nonce_good(j);
	return 0;
}

/* ---- digest ---- */

static int check_digest(struct judge *j, struct rf_err *why)
{
	if (j->out->quote.version == 1)
		return attest_quote12_digest_check(j->hasher, &j->out->quote, &j->sent, why);
	return attest_quote_digest_check(j->hasher, &j->out->quote, j->hash, &j->sent, why);
}

/* Takes over what the quote selects and nothing else: a value that came along is not proved. */
static void take_proved(struct judge *j, const struct attest_pcr_values *values)
{
	j->proved = *values;
	for (size_t i = 0; i < j->proved.banks_count; i++)
		j->proved.present[i] &= verdict_selected(&j->out->quote, j->proved.algs[i]);
	j->out->quote_proved = true;
}

/* IMA's PCR as the list leaves it: the digest proves it, though its value did not come. */
static void put_ima_pcr(struct judge *j)
{
	const struct ima_state *state = &j->ima_state;

	for (size_t i = 0; i < state->banks_count; i++) {
		size_t bank = verdict_bank(&j->proved, state->algs[i]);

		if (bank == j->proved.banks_count && bank < ATTEST_MAX_BANKS)
			j->proved.algs[j->proved.banks_count++] = state->algs[i];
		if (bank == ATTEST_MAX_BANKS)
			continue;
		struct attest_digest *value = &j->proved.values[bank][IMA_PCR];

		value->alg = state->algs[i];
		value->len = (uint8_t)attest_digest_size(state->algs[i]);
		memcpy(value->bytes, state->values[i], value->len);
		j->proved.present[bank] |= 1u << IMA_PCR;
	}
}

/* The values that came, with those of the boot log in the place of others. Returns the PCRs that
 * are others. */
static uint32_t put_logged(const struct judge *j, struct attest_pcr_values *values)
{
	const struct attest_pcr_values *log = &j->out->boot.replay.pcrs;
	uint32_t others = 0;

	for (size_t i = 0; i < values->banks_count; i++) {
		size_t bank = verdict_bank(log, values->algs[i]);

		for (uint32_t pcr = 0; pcr < ATTEST_PCRS && bank < log->banks_count; pcr++) {
			const struct attest_digest *logged = &log->values[bank][pcr];

			if (!(values->present[i] & log->present[bank] & 1u << pcr) ||
			    memcmp(values->values[i][pcr].bytes, logged->bytes, logged->len) == 0)
				continue;
			values->values[i][pcr] = *logged;
			others |= 1u << pcr;
		}
	}
	return others;
}

/* When the boot log and the list make together what was signed, only the values that came are a
 * lie: the list is not to be blamed. */
static bool prove_by_log(struct judge *j, struct attest_pcr_values *others)
{
	uint32_t pcrs = put_logged(j, others);
	struct rf_err why = {0};
	char list[96];

	if (!pcrs || verdict_find_ima(j, others, &why) < 0)
		return false;
	verdict_pcr_list(pcrs, list, sizeof(list));
	struct reason *reason = verdict_reason(j, REASON_QUOTE_FORGED, "values of the PCRs", NULL);

	if (reason)
		rf_format(reason->detail, sizeof(reason->detail),
			  "other values of PCR %s came than were signed; the boot log and the list "
			  "of measured files are genuine",
			  list);
	return true;
}

/*
 * A TPM cannot sign and read PCRs at one moment, and IMA measures on: so the value of its PCR may
 * be missing or of another moment. The list decides: if a beginning of it makes the quoted digest
 * together with the other values, all of them are proved. True when that, or why not, was settled.
 */
static bool prove_by_ima(struct judge *j, int rc, struct rf_err *why)
{
	struct attest_pcr_values others = j->sent;
	bool not_sent = rc == RF_E_MISSING;

	if (!verdict_section(j, EVIDENCE_IMA).data)
		return false;
	for (size_t i = 0; i < others.banks_count; i++)
		others.present[i] &= ~(1u << IMA_PCR);
	rc = verdict_find_ima(j, &others, why);
	if (rc == 0) {
		take_proved(j, &others);
		put_ima_pcr(j);
		return true;
	}
	/* MISSING: more than IMA's value did not come. MISMATCH where it came: it may be a lie. */
	if (!not_sent || rc == RF_E_MISSING || rc == RF_E_UNSUPPORTED)
		return false;
	struct attest_pcr_values logged = others;

	if (rc == RF_E_MISMATCH && prove_by_log(j, &logged)) {
		take_proved(j, &logged);
		put_ima_pcr(j);
		return true;
	}
	/* Its value did not come, so that nobody can tell who of them lies. */
	if (rc == RF_E_MISMATCH)
		rf_fail(why, rc,
			"no beginning of the list gives, together with the values of the other "
			"registers, what was signed: an entry was planted, dropped, doubled or "
			"moved, the list is of another boot, or the values of other registers are "
			"not those that were signed");
	if (verdict_say_ima(j, &others, rc, why))
		take_proved(j, &others);
	return true;
}

/* Which reason a digest that nothing made deserves. */
static void say_digest(struct judge *j, int rc, const struct rf_err *why)
{
	if (rc == RF_E_MISSING)
		verdict_reason(j, REASON_EVIDENCE_MISSING, "values of the PCRs", rf_err_text(why));
	else if (rc == RF_E_UNSUPPORTED)
		verdict_reason(j, REASON_PCR_UNQUOTED, "a bank that is not known",
			       rf_err_text(why));
	else
		verdict_reason(j, REASON_QUOTE_FORGED, "values of the PCRs", rf_err_text(why));
}

int verdict_judge_digest(struct judge *j, struct rf_err *err)
{
	struct rf_slice section = verdict_section(j, EVIDENCE_PCRS);
	struct rf_err why = {0}, ima_why = {0};

	(void)err;
	if (!section.data) {
		verdict_reason(j, REASON_EVIDENCE_MISSING, "values of the PCRs", NULL);
		return 0;
	}
	if (evidence_pcrs_parse(section, &j->sent, &why) < 0) {
		verdict_reason(j, REASON_EVIDENCE_BROKEN, NULL, rf_err_text(&why));
		return 0;
	}
	int rc = check_digest(j, &why);

	if (rc == 0)
		take_proved(j, &j->sent);
	else if ((rc != RF_E_MISSING && rc != RF_E_MISMATCH) || !prove_by_ima(j, rc, &ima_why))
		say_digest(j, rc, &why);
	return 0;
}

void verdict_take_own(struct judge *j)
{
	struct attest_quote *quote = &j->out->quote;
	struct rf_err why = {0};

	if (evidence_pcrs_parse(verdict_section(j, EVIDENCE_PCRS), &j->sent, &why) < 0) {
		verdict_reason(j, REASON_EVIDENCE_BROKEN, NULL, rf_err_text(&why));
		return;
	}
	/* As if a quote had selected what came: the other checks ask it. */
	quote->version = 2;
	for (size_t i = 0; i < j->sent.banks_count; i++) {
		if (attest_digest_size(j->sent.algs[i]) == 0)
			continue;
		quote->selections[quote->selections_count++] =
			(struct attest_selection){j->sent.algs[i], j->sent.present[i]};
	}
	j->proved = j->sent;
	for (size_t i = 0; i < j->proved.banks_count; i++)
		j->proved.present[i] &= verdict_selected(quote, j->proved.algs[i]);
	j->out->own_values = true;
}

/* ---- memory ---- */

static void say_replayed(struct judge *j, const char *what, uint64_t behind)
{
	struct reason *reason = verdict_reason(j, REASON_REPLAYED, NULL, NULL);

	if (reason)
		rf_format(reason->detail, sizeof(reason->detail), "its %s is %llu behind", what,
			  (unsigned long long)behind);
}

/*
 * For keys below the owner a TPM adds a secret constant to its counters (Part 1, 36.7), so that
 * they wrap around anywhere: only how far they are apart means something. Negative: now is older.
 */
static int32_t step_of(uint32_t before, uint32_t now)
{
	return (int32_t)(now - before);
}

/* After a reset the clock goes on from what was saved; without an orderly stop a little is lost. */
static bool clock_went_back(const struct attest_quote *quote, const struct verdict_memory *before)
{
	uint64_t loss =
		quote->reset_count != before->reset_count && !quote->clock_safe ? CLOCK_LOSS_MS : 0;

	return quote->clock_ms < before->clock_ms && before->clock_ms - quote->clock_ms > loss;
}

static void judge_counters(struct judge *j, const struct verdict_memory *before)
{
	const struct attest_quote *quote = &j->out->quote;
	int32_t resets = step_of(before->reset_count, quote->reset_count);
	int32_t resumes = step_of(before->restart_count, quote->restart_count);

	if (resets < 0)
		say_replayed(j, "number of restarts", (uint64_t) - (int64_t)resets);
	else if (resets == 0 && resumes < 0)
		say_replayed(j, "number of resumes", (uint64_t) - (int64_t)resumes);
	else if (clock_went_back(quote, before))
		say_replayed(j, "clock (ms)", before->clock_ms - quote->clock_ms);
	else if (resets == 0 && j->ima_found && j->ima.entries < before->ima_entries)
		say_replayed(j, "number of measured files", before->ima_entries - j->ima.entries);
	else if (resets > 0)
		verdict_reason(j, REASON_REBOOTED, NULL, NULL);
	else if (resumes > 0)
		verdict_reason(j, REASON_RESUMED, NULL, NULL);
}

void verdict_judge_memory(struct judge *j)
{
	const struct verdict_memory *before = j->options->before;
	const struct attest_quote *quote = &j->out->quote;

	if (quote->version != 2)
		return; /* a TPM 1.2 tells no time */
	j->out->memory = (struct verdict_memory){.known = true,
						 .clock_ms = quote->clock_ms,
						 .firmware_version = quote->firmware_version,
						 .reset_count = quote->reset_count,
						 .restart_count = quote->restart_count,
						 .ima_entries = j->ima_found ? j->ima.entries : 0};
	if (!before || !before->known)
		return;
	judge_counters(j, before);
	if (quote->firmware_version == before->firmware_version)
		return;
	struct reason *reason = verdict_reason(j, REASON_TPM_FIRMWARE, NULL, NULL);

	if (!reason)
		return;
	rf_format(reason->was, sizeof(reason->was), "%016llx",
		  (unsigned long long)before->firmware_version);
	rf_format(reason->now, sizeof(reason->now), "%016llx",
		  (unsigned long long)quote->firmware_version);
}
