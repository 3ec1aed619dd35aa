/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM 1.2 quotes: TPM_QUOTE_INFO (TPM Main Part 2, 11.3), TPM_QUOTE_INFO2 (11.4), the digest over
 * TPM_PCR_COMPOSITE (8.2), and the AIK as TPM_PUBKEY (10.5). All of it stands on SHA-1, so a
 * verdict on it is weak: the caller says so. For the hosts that a site still has, not for new ones.
 */
#include <inttypes.h>
#include <string.h>

#include "attest/quote.h"
#include "base/mem.h"
#include "base/reader.h"

#define TAG_QUOTE_INFO2	     0x0036u
#define TAG_CAP_VERSION_INFO 0x0030u
#define SHA1_BYTES	     20u
#define ALG12_RSA	     1u /* TPM_ALGORITHM_ID */
#define SIGSCHEME_SHA1	     2u /* TPM_SS_RSASSAPKCS1v15_SHA1 */

static bool fixed_is(struct rf_slice got, const char *want)
{
	return got.len == 4 && memcmp(got.data, want, 4) == 0;
}

/* TPM_STRUCT_VER 1.1.0.0, "QUOT", composite hash, nonce. */
static int read_info(struct rf_reader *r, struct attest_quote *quote, struct rf_err *err)
{
	uint32_t version = rf_read_be32(r);
	struct rf_slice fixed = rf_read_bytes(r, 4);

	quote->pcr_digest = rf_read_bytes(r, SHA1_BYTES);
	quote->extra_data = rf_read_bytes(r, SHA1_BYTES);
	if (r->failed)
		return rf_reader_check(r, "quote info", err);
	if (version != 0x01010000u)
		return rf_fail(err, RF_E_SYNTAX, "structure version 0x%08" PRIx32, version);
	if (!fixed_is(fixed, "QUOT"))
		return rf_fail(err, RF_E_SYNTAX, "not marked QUOT: not a quote");
	return 0;
}

/* TPM_CAP_VERSION_INFO, where the quote was asked for it. */
static int read_version_info(struct rf_reader *r, struct attest_quote *quote, struct rf_err *err)
{
	if (!r->failed && !rf_reader_left(r))
		return 0;
	uint16_t tag = rf_read_be16(r);
	uint32_t version = rf_read_be32(r); /* major, minor, revMajor, revMinor of the chip */

	(void)rf_read_be16(r); /* specLevel */
	(void)rf_read_u8(r);   /* errataRev */
	(void)rf_read_be32(r); /* tpmVendorID */
	(void)rf_read_bytes(r, rf_read_be16(r));
	if (r->failed)
		return rf_reader_check(r, "version info", err);
	if (tag != TAG_CAP_VERSION_INFO)
		return rf_fail(err, RF_E_SYNTAX, "tag 0x%04x behind the quote", tag);
	quote->firmware_version = version;
	return 0;
}

/* Tag, "QUT2", nonce, TPM_PCR_INFO_SHORT {selection, locality, digest}. */
static int read_info2(struct rf_reader *r, struct attest_quote *quote, struct rf_err *err)
{
	(void)rf_read_be16(r);
	struct rf_slice fixed = rf_read_bytes(r, 4);

	quote->extra_data = rf_read_bytes(r, SHA1_BYTES);
	uint16_t len = rf_read_be16(r);
	struct rf_slice map = rf_read_bytes(r, len);
	uint32_t pcrs = 0;

	(void)rf_read_u8(r); /* localityAtRelease */
	quote->pcr_digest = rf_read_bytes(r, SHA1_BYTES);
	if (r->failed)
		return rf_reader_check(r, "quote info 2", err);
	if (!fixed_is(fixed, "QUT2"))
		return rf_fail(err, RF_E_SYNTAX, "not marked QUT2: not a quote");
	if (len == 0 || len > ATTEST_PCRS / 8)
		return rf_fail(err, RF_E_LIMIT, "PCR selection: a bitmap of %u bytes", len);
	for (size_t i = 0; i < map.len; i++)
		pcrs |= (uint32_t)map.data[i] << (8 * i);
	quote->select_bytes = (uint8_t)len;
	quote->selections[0] = (struct attest_selection){ATTEST_SHA1, pcrs};
	quote->selections_count = 1;
	return read_version_info(r, quote, err);
}

int attest_quote12_parse(struct rf_slice in, struct attest_quote *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	struct attest_quote quote = {.version = 1, .signed_bytes = in};
	bool second = in.len >= 2 && in.data[0] == 0 && in.data[1] == TAG_QUOTE_INFO2;
	int rc = second ? read_info2(&r, &quote, err) : read_info(&r, &quote, err);

	if (rc == 0 && rf_reader_left(&r))
		rc = rf_fail(err, RF_E_SYNTAX, "%zu bytes behind the end", rf_reader_left(&r));
	if (rc)
		return rf_wrap(err, rc, "TPM 1.2 quote");
	*out = quote;
	return 0;
}

/* TPM_PCR_COMPOSITE: selection {u16 length, bitmap}, u32 length of values, values ascending. */
static int composite_hash(struct attest_hasher *hasher, uint32_t pcrs, uint8_t select_bytes,
			  const struct attest_digest *values, uint8_t out[SHA1_BYTES])
{
	uint8_t text[2 + ATTEST_PCRS / 8 + 4 + ATTEST_PCRS * SHA1_BYTES] = {0, select_bytes};
	uint32_t bytes = (uint32_t)__builtin_popcount(pcrs) * SHA1_BYTES;
	size_t len = 2;

	for (unsigned int i = 0; i < select_bytes; i++)
		text[len++] = (uint8_t)(pcrs >> (8 * i));
	text[len++] = 0;
	text[len++] = 0;
	text[len++] = (uint8_t)(bytes >> 8);
	text[len++] = (uint8_t)bytes;
	for (unsigned int pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (!(pcrs & (1u << pcr)))
			continue;
		memcpy(text + len, values[pcr].bytes, SHA1_BYTES);
		len += SHA1_BYTES;
	}
	return attest_hash(hasher, ATTEST_SHA1, (struct rf_slice){text, len}, (struct rf_slice){0},
			   out);
}

/* The bank that the values must come from; NULL when it is not there. */
static const struct attest_digest *sha1_bank(const struct attest_pcr_values *values,
					     uint32_t *out_present)
{
	for (size_t i = 0; i < values->banks_count && i < ATTEST_MAX_BANKS; i++) {
		if (values->algs[i] != ATTEST_SHA1)
			continue;
		*out_present = values->present[i] & ((1u << ATTEST_PCRS) - 1);
		return values->values[i];
	}
	return NULL;
}

int attest_quote12_digest_check(struct attest_hasher *hasher, struct attest_quote *quote,
				const struct attest_pcr_values *values, struct rf_err *err)
{
	uint32_t present = 0;
	const struct attest_digest *bank = sha1_bank(values, &present);
	uint32_t pcrs = quote->selections_count ? quote->selections[0].pcrs : present;
	/* TPM_QUOTE_INFO hides the length of its bitmap: 3 bytes, 2 in the oldest chips. */
	uint8_t first = quote->select_bytes ? quote->select_bytes : 3;
	uint8_t last = quote->select_bytes ? quote->select_bytes : 2;

	if (quote->version != 1)
		return rf_fail(err, RF_E_USAGE, "PCR composite: not a TPM 1.2 quote");
	if (!pcrs)
		return rf_fail(err, RF_E_MISSING, "PCR composite: no PCR is selected");
	for (unsigned int pcr = 0; bank && pcr < ATTEST_PCRS; pcr++) {
		if (bank[pcr].len != SHA1_BYTES)
			present &= ~(1u << pcr);
	}
	if (!bank || (pcrs & ~present))
		return rf_fail(err, RF_E_MISSING,
			       "PCR composite: a quoted PCR's SHA-1 value did not come");
	for (uint8_t size = first; size >= last && !(pcrs >> (8 * size)); size--) {
		uint8_t digest[SHA1_BYTES];
		int rc = composite_hash(hasher, pcrs, size, bank, digest);

		if (rc)
			return rf_fail(err, rc, "PCR composite: SHA-1 cannot be computed");
		if (!rf_slice_equal((struct rf_slice){digest, SHA1_BYTES}, quote->pcr_digest))
			continue;
		quote->selections[0] = (struct attest_selection){ATTEST_SHA1, pcrs};
		quote->selections_count = 1;
		return 0;
	}
	return rf_fail(err, RF_E_MISMATCH,
		       "PCR composite: the values that came are not the quoted ones");
}

int attest_public12_parse(struct rf_slice in, struct attest_public *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	struct attest_public pub = {.type = ATTEST_KEY_RSA, .area = in, .exponent = 65537};
	uint32_t algorithm = rf_read_be32(&r);

	(void)rf_read_be16(&r); /* encScheme */
	uint16_t scheme = rf_read_be16(&r);
	uint32_t params = rf_read_be32(&r);
	uint32_t bits = rf_read_be32(&r);
	uint32_t primes = rf_read_be32(&r);
	uint32_t exponent_len = rf_read_be32(&r);
	struct rf_slice exponent = rf_read_bytes(&r, exponent_len);

	pub.modulus = rf_read_bytes(&r, rf_read_be32(&r));
	if (r.failed || rf_reader_left(&r))
		return rf_fail(err, r.failed ? RF_E_TRUNCATED : RF_E_SYNTAX,
			       "TPM 1.2 public key: length %zu does not fit", in.len);
	if (algorithm != ALG12_RSA || scheme != SIGSCHEME_SHA1 || primes != 2)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "TPM 1.2 public key: not an RSA key that signs with SHA-1");
	if (exponent_len > 4 || params != 12 + exponent_len)
		return rf_fail(err, RF_E_SYNTAX,
			       "TPM 1.2 public key: an exponent of %" PRIu32 " bytes",
			       exponent_len);
	if (exponent_len)
		pub.exponent = 0;
	for (size_t i = 0; i < exponent.len; i++)
		pub.exponent = pub.exponent << 8 | exponent.data[i];
	if (pub.modulus.len < 128 || pub.modulus.len > 512 || bits != 8 * pub.modulus.len ||
	    !(pub.modulus.data[0] & 0x80) || pub.exponent < 3 || !(pub.exponent & 1))
		return rf_fail(err, RF_E_SYNTAX,
			       "TPM 1.2 public key: %" PRIu32 " bits announced, %zu bytes came",
			       bits, pub.modulus.len);
	*out = pub;
	return 0;
}
