/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPMS_ATTEST of a quote (TPM 2.0 Library, Part 2, 10.12) and what it proves about PCR values; see
 * quote.h. It says nothing about whether the values are good: that is a policy's matter.
 * Each refusal here is a hole that some other verifier had (magic, type, selection, PCR index).
 */
#include <inttypes.h>
#include <string.h>

#include "attest/quote.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"

#define GENERATED  0xff544347u /* TPM_GENERATED_VALUE */
#define TYPE_QUOTE 0x8018u     /* TPM_ST_ATTEST_QUOTE */
#define MAX_NAME   (2 + ATTEST_MAX_DIGEST)
#define MAX_EXTRA  (2 + ATTEST_MAX_DIGEST) /* TPM2B_DATA holds a TPMT_HA */
#define MAX_SELECT 4u			   /* bytes of a bitmap; PC TPMs use 3 */

/* A TPM2B of at most max bytes. */
static struct rf_slice read_sized(struct rf_reader *r, size_t max, const char *what,
				  struct rf_err *err, int *rc)
{
	uint16_t len = rf_read_be16(r);

	if (*rc == 0 && !r->failed && len > max)
		*rc = rf_fail(err, RF_E_LIMIT, "%s has %u bytes, %zu are allowed", what, len, max);
	return rf_read_bytes(r, len);
}

static int read_selection(struct rf_reader *r, struct attest_selection *out, struct rf_err *err)
{
	uint16_t alg = rf_read_be16(r);
	uint8_t len = rf_read_u8(r);
	struct rf_slice map = rf_read_bytes(r, len);
	uint32_t pcrs = 0;

	if (r->failed)
		return rf_reader_check(r, "PCR selection", err);
	if (len > MAX_SELECT)
		return rf_fail(err, RF_E_LIMIT, "PCR selection: a bitmap of %u bytes", len);
	for (size_t i = 0; i < map.len; i++)
		pcrs |= (uint32_t)map.data[i] << (8 * i);
	/* Before anybody indexes with it. */
	if (pcrs >> ATTEST_PCRS)
		return rf_fail(err, RF_E_LIMIT, "PCR selection: PCR 24 or above");
	*out = (struct attest_selection){.alg = alg, .pcrs = pcrs};
	return 0;
}

static int read_selections(struct rf_reader *r, struct attest_quote *quote, struct rf_err *err)
{
	uint32_t count = rf_read_be32(r);
	char name[16];

	if (!r->failed && count > ATTEST_MAX_BANKS)
		return rf_fail(err, RF_E_LIMIT, "%" PRIu32 " PCR banks, %d are allowed", count,
			       ATTEST_MAX_BANKS);
	for (uint32_t i = 0; i < count; i++) {
		int rc = read_selection(r, &quote->selections[i], err);

		if (rc)
			return rc;
		for (uint32_t k = 0; k < i; k++) {
			if (quote->selections[k].alg == quote->selections[i].alg)
				return rf_fail(err, RF_E_DUPLICATE, "PCR bank %s twice",
					       attest_alg_name(quote->selections[i].alg, name));
		}
	}
	quote->selections_count = count;
	return 0;
}

static int read_head(struct rf_reader *r, struct rf_err *err)
{
	uint32_t magic = rf_read_be32(r);
	uint16_t type = rf_read_be16(r);

	if (r->failed)
		return rf_reader_check(r, "head", err);
	/* A restricted key signs data from outside, too, but never data that begin so. */
	if (magic != GENERATED)
		return rf_fail(err, RF_E_SYNTAX,
			       "magic is 0x%08" PRIx32 ", not 0x%08x: not made by a TPM", magic,
			       GENERATED);
	if (type != TYPE_QUOTE)
		return rf_fail(err, RF_E_SYNTAX, "attestation type is 0x%04x, not a quote (0x%04x)",
			       type, TYPE_QUOTE);
	return 0;
}

static int read_quote(struct rf_reader *r, struct attest_quote *quote, struct rf_err *err)
{
	int rc = read_head(r, err);

	if (rc)
		return rc;
	quote->qualified_signer = read_sized(r, MAX_NAME, "qualified signer", err, &rc);
	quote->extra_data = read_sized(r, MAX_EXTRA, "extra data", err, &rc);
	quote->clock_ms = rf_read_be64(r);
	quote->reset_count = rf_read_be32(r);
	quote->restart_count = rf_read_be32(r);
	uint8_t safe = rf_read_u8(r);

	quote->clock_safe = safe == 1;
	quote->firmware_version = rf_read_be64(r);
	if (rc == 0 && !r->failed && safe > 1)
		rc = rf_fail(err, RF_E_SYNTAX, "clock: safe is %u, neither yes nor no", safe);
	if (rc == 0)
		rc = read_selections(r, quote, err);
	if (rc)
		return rc;
	quote->pcr_digest = read_sized(r, ATTEST_MAX_DIGEST, "PCR digest", err, &rc);
	if (rc)
		return rc;
	rc = rf_reader_check(r, "attest", err);
	if (rc)
		return rc;
	if (rf_reader_left(r))
		return rf_fail(err, RF_E_SYNTAX, "%zu bytes behind the end", rf_reader_left(r));
	return 0;
}

int attest_quote_parse(struct rf_slice in, struct attest_quote *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	struct attest_quote quote = {.version = 2, .signed_bytes = in};
	int rc = read_quote(&r, &quote, err);

	if (rc)
		return rf_wrap(err, rc, "quote");
	*out = quote;
	return 0;
}

/* Did somebody put the text "0af3..." where the bytes belong? */
static bool is_hex_of(struct rf_slice text, struct rf_slice bytes)
{
	char copy[2 * MAX_EXTRA + 1];
	uint8_t decoded[MAX_EXTRA];
	size_t len = 0;

	if (text.len != 2 * bytes.len || text.len >= sizeof(copy) ||
	    memchr(text.data, '\0', text.len))
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (rf_hex_decode(copy, decoded, sizeof(decoded), &len))
		return false;
	return rf_slice_equal((struct rf_slice){decoded, len}, bytes);
}

int attest_quote_nonce_check(const struct attest_quote *quote, struct rf_slice nonce,
			     struct rf_err *err)
{
	if (!nonce.len)
		return rf_fail(err, RF_E_MISSING, "an empty nonce proves nothing");
	if (quote->extra_data.len == nonce.len &&
	    rf_equal_secret(quote->extra_data.data, nonce.data, nonce.len))
		return 0;
	if (quote->extra_data.len == 0)
		return rf_fail(err, RF_E_MISMATCH, "the quote carries no nonce");
	if (is_hex_of(quote->extra_data, nonce))
		return rf_fail(err, RF_E_MISMATCH,
			       "the quote carries the nonce as hexadecimal text, not its bytes");
	if (is_hex_of(nonce, quote->extra_data))
		return rf_fail(err, RF_E_MISMATCH,
			       "the quote carries bytes; the nonce issued is their hexadecimal");
	return rf_fail(err, RF_E_MISMATCH, "the quote answers another nonce (old or foreign)");
}

/* Index of a bank among the values; banks_count when it is not there. */
static size_t bank_find(const struct attest_pcr_values *values, uint16_t alg)
{
	size_t i = 0;

	while (i < values->banks_count && i < ATTEST_MAX_BANKS && values->algs[i] != alg)
		i++;
	return i;
}

/* Appends one bank's selected values, PCRs ascending. */
static int gather_bank(const struct attest_selection *selection,
		       const struct attest_pcr_values *values, uint8_t *out, size_t *len,
		       struct rf_err *err)
{
	size_t bank = bank_find(values, selection->alg);
	size_t size = attest_digest_size(selection->alg);
	char name[16];

	attest_alg_name(selection->alg, name);
	/* Without a known size, bytes could be moved from one value into the next. */
	if (!size)
		return rf_fail(err, RF_E_UNSUPPORTED, "PCR bank %s: algorithm not known", name);
	for (unsigned int pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (!(selection->pcrs & (1u << pcr)))
			continue;
		if (bank >= values->banks_count || !(values->present[bank] & (1u << pcr)))
			return rf_fail(err, RF_E_MISSING,
				       "no value came for PCR %u of bank %s, which is quoted", pcr,
				       name);
		if (values->values[bank][pcr].len != size)
			return rf_fail(err, RF_E_SYNTAX, "PCR %u of bank %s has %u bytes", pcr,
				       name, values->values[bank][pcr].len);
		memcpy(out + *len, values->values[bank][pcr].bytes, size);
		*len += size;
	}
	return 0;
}

int attest_quote_digest_check(struct attest_hasher *hasher, const struct attest_quote *quote,
			      uint16_t hash, const struct attest_pcr_values *values,
			      struct rf_err *err)
{
	uint8_t all[ATTEST_MAX_BANKS * ATTEST_PCRS * ATTEST_MAX_DIGEST];
	uint8_t digest[ATTEST_MAX_DIGEST];
	size_t len = 0;

	if (quote->version != 2 || quote->selections_count > ATTEST_MAX_BANKS)
		return rf_fail(err, RF_E_USAGE, "PCR digest: not a TPM 2.0 quote");
	for (size_t i = 0; i < quote->selections_count; i++) {
		if (!quote->selections[i].pcrs)
			continue;
		int rc = gather_bank(&quote->selections[i], values, all, &len, err);

		if (rc)
			return rf_wrap(err, rc, "PCR digest");
	}
	if (!len)
		return rf_fail(err, RF_E_MISSING, "PCR digest: the quote selects no PCR");
	int rc = attest_hash(hasher, hash, (struct rf_slice){all, len}, (struct rf_slice){0},
			     digest);

	if (rc)
		return rf_fail(err, rc, "PCR digest: the hash 0x%04x cannot be computed", hash);
	if (!rf_slice_equal((struct rf_slice){digest, attest_digest_size(hash)}, quote->pcr_digest))
		return rf_fail(err, RF_E_MISMATCH,
			       "PCR digest: the values that came are not the quoted ones");
	return 0;
}
