/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public areas (TPMT_PUBLIC; TPM 2.0 Library, Part 2, 12.2), their names (Part 1, 16), and what an
 * attestation key and an endorsement key must be; see quote.h. Objects other than RSA and ECC keys
 * are refused.
 */
#include <inttypes.h>

#include "attest/quote.h"
#include "base/mem.h"
#include "base/reader.h"

#define ALG_RSA	  0x0001u
#define ALG_ECC	  0x0023u
#define ALG_AES	  0x0006u
#define ALG_CFB	  0x0043u
#define ALG_NULL  0x0010u
#define ALG_RSAES 0x0015u
#define ALG_ECDAA 0x001au
#define MAX_RSA	  512u
#define MAX_COORD 66u

/* Scheme, with as many bytes of details as it has; 0 for none. */
static uint16_t read_scheme(struct rf_reader *r, uint16_t *out_hash)
{
	uint16_t scheme = rf_read_be16(r);

	if (scheme == ALG_NULL)
		return 0;
	if (scheme != ALG_RSAES)
		*out_hash = rf_read_be16(r);
	if (scheme == ALG_ECDAA)
		(void)rf_read_be16(r);
	return scheme;
}

static void read_symmetric(struct rf_reader *r, struct attest_public *pub)
{
	uint16_t alg = rf_read_be16(r);

	if (alg == ALG_NULL)
		return;
	pub->symmetric = alg;
	pub->symmetric_bits = rf_read_be16(r);
	pub->symmetric_mode = rf_read_be16(r);
}

static int rsa_check(const struct attest_public *pub, uint16_t bits, struct rf_err *err)
{
	if (pub->modulus.len > MAX_RSA || bits != 8 * pub->modulus.len)
		return rf_fail(err, RF_E_SYNTAX, "%u bits announced, a modulus of %zu bytes came",
			       bits, pub->modulus.len);
	/* Leading zeros would make a short key look long. */
	if (!pub->modulus.len || !(pub->modulus.data[0] & 0x80) ||
	    !(pub->modulus.data[pub->modulus.len - 1] & 1))
		return rf_fail(err, RF_E_SYNTAX, "the modulus is not an odd number of %u bits",
			       bits);
	if (pub->exponent < 3 || !(pub->exponent & 1))
		return rf_fail(err, RF_E_SYNTAX, "the exponent %" PRIu32 " is no RSA exponent",
			       pub->exponent);
	return 0;
}

static int read_rsa(struct rf_reader *r, struct attest_public *pub, struct rf_err *err)
{
	uint16_t bits = rf_read_be16(r);
	uint32_t exponent = rf_read_be32(r);

	pub->type = ATTEST_KEY_RSA;
	pub->exponent = exponent ? exponent : 65537;
	pub->modulus = rf_read_bytes(r, rf_read_be16(r));
	if (r->failed)
		return rf_reader_check(r, "RSA", err);
	return rsa_check(pub, bits, err);
}

static int read_ecc(struct rf_reader *r, struct attest_public *pub, struct rf_err *err)
{
	uint16_t kdf_hash = 0;

	pub->type = ATTEST_KEY_ECC;
	pub->curve = rf_read_be16(r);
	(void)read_scheme(r, &kdf_hash); /* the KDF has a scheme's form */
	pub->x = rf_read_bytes(r, rf_read_be16(r));
	pub->y = rf_read_bytes(r, rf_read_be16(r));
	if (r->failed)
		return rf_reader_check(r, "ECC", err);
	if (!pub->x.len || !pub->y.len || pub->x.len > MAX_COORD || pub->y.len > MAX_COORD)
		return rf_fail(err, RF_E_SYNTAX, "a point of %zu and %zu bytes", pub->x.len,
			       pub->y.len);
	return 0;
}

static int read_area(struct rf_reader *r, struct attest_public *pub, struct rf_err *err)
{
	uint16_t type = rf_read_be16(r);

	pub->name_alg = rf_read_be16(r);
	pub->attributes = rf_read_be32(r);
	pub->auth_policy = rf_read_bytes(r, rf_read_be16(r));
	if (r->failed)
		return rf_reader_check(r, "head", err);
	if (type != ALG_RSA && type != ALG_ECC)
		return rf_fail(err, RF_E_UNSUPPORTED, "object type 0x%04x, neither RSA nor ECC",
			       type);
	if (pub->auth_policy.len > ATTEST_MAX_DIGEST)
		return rf_fail(err, RF_E_LIMIT, "a policy of %zu bytes", pub->auth_policy.len);
	read_symmetric(r, pub);
	pub->scheme = read_scheme(r, &pub->scheme_hash);
	int rc = type == ALG_RSA ? read_rsa(r, pub, err) : read_ecc(r, pub, err);

	if (rc)
		return rc;
	if (rf_reader_left(r))
		return rf_fail(err, RF_E_SYNTAX, "%zu bytes behind the end", rf_reader_left(r));
	return 0;
}

int attest_public_parse(struct rf_slice in, struct attest_public *out, struct rf_err *err)
{
	struct attest_public pub = {0};

	/* A bare area begins with its type, 1 or 0x23: too short a length for any key, so that a
	 * length that fits can only be a TPM2B's. */
	pub.area = in;
	if (in.len >= 2 && ((size_t)in.data[0] << 8 | in.data[1]) == in.len - 2)
		pub.area = (struct rf_slice){in.data + 2, in.len - 2};
	struct rf_reader r = rf_reader(pub.area);
	int rc = read_area(&r, &pub, err);

	if (rc)
		return rf_wrap(err, rc, "public area");
	*out = pub;
	return 0;
}

int attest_public_name(struct attest_hasher *hasher, const struct attest_public *pub,
		       uint8_t out[2 + ATTEST_MAX_DIGEST], size_t *out_len, struct rf_err *err)
{
	uint8_t digest[ATTEST_MAX_DIGEST];
	size_t size = attest_digest_size(pub->name_alg);
	int rc = size ? attest_hash(hasher, pub->name_alg, pub->area, (struct rf_slice){0}, digest)
		      : RF_E_UNSUPPORTED;

	if (rc)
		return rf_fail(err, rc, "name: the hash 0x%04x cannot be computed", pub->name_alg);
	out[0] = (uint8_t)(pub->name_alg >> 8);
	out[1] = (uint8_t)pub->name_alg;
	for (size_t i = 0; i < size; i++)
		out[2 + i] = digest[i];
	*out_len = 2 + size;
	return 0;
}

struct attribute_row {
	uint32_t bit;
	const char *name;
	const char *why;
	bool ak, ek; /* what it must be */
};

static const struct attribute_row attribute_rows[] = {
	{ATTEST_FIXED_TPM, "fixedTPM", "it could be copied to another TPM", true, true},
	{ATTEST_FIXED_PARENT, "fixedParent", "it could be copied to another parent", true, true},
	{ATTEST_SENSITIVE_DATA_ORIGIN, "sensitiveDataOrigin",
	 "its private half may come from outside the TPM", true, true},
	{ATTEST_RESTRICTED, "restricted", "it would work on data that no TPM made", true, true},
	{ATTEST_SIGN, "sign", "of what the key is for", true, false},
	{ATTEST_DECRYPT, "decrypt", "of what the key is for", false, true},
};

static int attributes_check(const struct attest_public *pub, bool ek, struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(attribute_rows); i++) {
		const struct attribute_row *row = &attribute_rows[i];
		bool want = ek ? row->ek : row->ak;

		if (((pub->attributes & row->bit) != 0) != want)
			return rf_fail(err, RF_E_DENIED, "attribute %s must %sbe set, because %s",
				       row->name, want ? "" : "not ", row->why);
	}
	return 0;
}

static int strength_check(const struct attest_public *pub, struct rf_err *err)
{
	if (pub->type == ATTEST_KEY_RSA && pub->modulus.len < 256)
		return rf_fail(err, RF_E_DENIED, "RSA of %zu bits, 2048 are needed",
			       8 * pub->modulus.len);
	if (pub->type == ATTEST_KEY_ECC && pub->curve != 3 && pub->curve != 4)
		return rf_fail(err, RF_E_UNSUPPORTED, "curve 0x%04x, neither P-256 nor P-384",
			       pub->curve);
	/* Names bind keys to what they prove: SHA-1 names can be made to collide. */
	if (attest_digest_size(pub->name_alg) < 32)
		return rf_fail(err, RF_E_DENIED, "its name's hash 0x%04x is too weak or unknown",
			       pub->name_alg);
	return 0;
}

/* A restricted signing key has one scheme and one hash, for its whole life. */
static int scheme_check(const struct attest_public *pub, struct rf_err *err)
{
	bool rsa = pub->scheme == ATTEST_RSASSA || pub->scheme == ATTEST_RSAPSS;
	bool fits = pub->type == ATTEST_KEY_RSA ? rsa : pub->scheme == ATTEST_ECDSA;

	if (!fits)
		return rf_fail(err, RF_E_UNSUPPORTED, "signing scheme 0x%04x does not fit",
			       pub->scheme);
	if (pub->scheme_hash != ATTEST_SHA256 && pub->scheme_hash != ATTEST_SHA384 &&
	    pub->scheme_hash != ATTEST_SHA512)
		return rf_fail(err, RF_E_DENIED, "it signs with the hash 0x%04x, SHA-2 is needed",
			       pub->scheme_hash);
	return 0;
}

int attest_ak_check(const struct attest_public *pub, struct rf_err *err)
{
	int rc = attributes_check(pub, false, err);

	if (rc == 0)
		rc = strength_check(pub, err);
	if (rc == 0)
		rc = scheme_check(pub, err);
	return rc ? rf_wrap(err, rc, "attestation key") : 0;
}

int attest_ek_check(const struct attest_public *pub, struct rf_err *err)
{
	int rc = attributes_check(pub, true, err);

	if (rc == 0)
		rc = strength_check(pub, err);
	if (rc == 0 && (pub->symmetric != ALG_AES || pub->symmetric_mode != ALG_CFB))
		rc = rf_fail(err, RF_E_UNSUPPORTED, "it protects with cipher 0x%04x mode 0x%04x",
			     pub->symmetric, pub->symmetric_mode);
	if (rc == 0 && pub->symmetric_bits != 128 && pub->symmetric_bits != 256)
		rc = rf_fail(err, RF_E_UNSUPPORTED, "it protects with AES of %u bits",
			     pub->symmetric_bits);
	return rc ? rf_wrap(err, rc, "endorsement key") : 0;
}
