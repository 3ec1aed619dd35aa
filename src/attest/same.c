/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence without logs; see same.h. Source: TPM 2.0 Library, Part 2, 10.12.8 (TPMS_ATTEST) and
 * 10.12.1 (TPMS_QUOTE_INFO), Part 1, 36 (clock and counters).
 */
#include "attest/same.h"

#include <string.h>

#include "attest/evidence.h"
#include "base/mem.h"

/* Before the selection: magic, type, signer, nonce, clock info, firmware. */
#define FIXED_BYTES (4u + 2u + 2u + 2u + 17u + 8u)

static const enum evidence_kind kept[] = {EVIDENCE_QUOTE, EVIDENCE_SIGNATURE, EVIDENCE_AK_PUBLIC};

static struct rf_slice tail(const struct attest_quote *quote)
{
	const struct rf_slice all = quote->signed_bytes;
	size_t at = FIXED_BYTES + quote->qualified_signer.len + quote->extra_data.len;

	if (quote->version != 2 || at >= all.len || all.len - at > SAME_MAX_BYTES)
		return (struct rf_slice){0};
	return (struct rf_slice){all.data + at, all.len - at};
}

struct rf_slice attest_same_quoted(struct rf_slice quote)
{
	struct attest_quote parsed;

	if (attest_quote_parse(quote, &parsed, NULL))
		return (struct rf_slice){0};
	return tail(&parsed);
}

bool attest_same_is(struct rf_slice evidence)
{
	struct evidence parsed;
	size_t there = 0;

	if (evidence_parse(evidence, &parsed, NULL) || parsed.ek_chain_count)
		return false;
	for (size_t i = 0; i < EVIDENCE_KINDS; i++)
		there += parsed.sections[i].data != NULL;
	for (size_t i = 0; i < RF_COUNT(kept); i++)
		if (!parsed.sections[kept[i]].data)
			return false;
	return there == RF_COUNT(kept);
}

int attest_same_cut(struct rf_slice evidence, struct rf_slice quoted, struct rf_buf *out,
		    struct rf_err *err)
{
	struct evidence parsed;
	int rc = evidence_parse(evidence, &parsed, err);

	if (rc)
		return rc;
	if (quoted.len == 0 ||
	    !rf_slice_equal(attest_same_quoted(parsed.sections[EVIDENCE_QUOTE]), quoted))
		return rf_fail(err, RF_E_MISMATCH, "the quote is over other values");
	for (size_t i = 0; i < RF_COUNT(kept) && !rc; i++)
		rc = evidence_add(out, kept[i], parsed.sections[kept[i]]);
	return rc;
}

static int key_check(struct attest_hasher *hasher, const struct evidence *e,
		     const struct attest_quote *quote, struct rf_slice ak_name, struct rf_err *err)
{
	struct attest_key *key = NULL;
	struct attest_public ak;
	uint8_t name[2 + ATTEST_MAX_DIGEST];
	size_t len = 0;
	uint16_t hash;
	int rc = attest_public_parse(e->sections[EVIDENCE_AK_PUBLIC], &ak, err);

	if (!rc)
		rc = attest_ak_check(&ak, err);
	if (!rc)
		rc = attest_public_name(hasher, &ak, name, &len, err);
	if (!rc && !rf_slice_equal((struct rf_slice){name, len}, ak_name))
		rc = rf_fail(err, RF_E_MISMATCH, "it is another TPM's key");
	if (!rc)
		rc = attest_key_new(&ak, &key, err);
	if (!rc)
		rc = attest_signature_verify(key, e->sections[EVIDENCE_SIGNATURE],
					     quote->signed_bytes, &hash, err);
	attest_key_free(key);
	return rc;
}

/* The same boot, and later in it. */
static int time_check(const struct attest_quote *quote, const struct verdict_memory *before,
		      struct rf_err *err)
{
	if (!before || !before->known || quote->reset_count != before->reset_count ||
	    quote->restart_count != before->restart_count ||
	    quote->firmware_version != before->firmware_version)
		return rf_fail(err, RF_E_MISMATCH, "it is not the boot that was judged");
	if (!quote->clock_safe || quote->clock_ms <= before->clock_ms)
		return rf_fail(err, RF_E_MISMATCH, "the TPM's clock did not go on");
	return 0;
}

int attest_same_verify(struct attest_hasher *hasher, struct rf_slice evidence,
		       const struct same_question *question, struct verdict_memory *out_memory,
		       struct rf_err *err)
{
	struct attest_quote quote;
	struct evidence e;
	int rc = evidence_parse(evidence, &e, err);

	if (!rc && !attest_same_is(evidence))
		rc = rf_fail(err, RF_E_SYNTAX,
			     "it is not a quote with its signature and key alone");
	if (!rc)
		rc = attest_quote_parse(e.sections[EVIDENCE_QUOTE], &quote, err);
	if (!rc)
		rc = attest_quote_nonce_check(&quote, question->nonce, err);
	if (!rc && (question->quoted.len == 0 || !rf_slice_equal(tail(&quote), question->quoted)))
		rc = rf_fail(err, RF_E_MISMATCH, "the quote is over other values");
	if (!rc)
		rc = time_check(&quote, question->before, err);
	if (!rc)
		rc = key_check(hasher, &e, &quote, question->ak_name, err);
	if (rc)
		return rc;
	*out_memory = *question->before;
	out_memory->clock_ms = quote.clock_ms;
	return 0;
}
