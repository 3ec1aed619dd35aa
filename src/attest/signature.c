/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPMT_SIGNATURE (TPM 2.0 Library, Part 2, 11.3.4) and its verification; see quote.h. What the
 * signature says of itself is never believed alone: scheme and hash must fit the key, too.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "attest/quote.h"
#include "base/mem.h"
#include "base/reader.h"

struct curve_row {
	uint16_t curve; /* TPM_ECC_CURVE */
	uint8_t bytes;	/* of a coordinate */
	const char *group;
};

static const struct curve_row curve_rows[] = {{3, 32, "P-256"}, {4, 48, "P-384"}};

struct hash_row {
	uint16_t alg;
	const char *name;
};

static const struct hash_row hash_rows[] = {
	{ATTEST_SHA256, "SHA256"}, {ATTEST_SHA384, "SHA384"}, {ATTEST_SHA512, "SHA512"}};

struct attest_key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *context; /* ready for scheme and hash */
	EVP_MD_CTX *digest;
	EVP_MD *md;
	uint16_t scheme, hash;	       /* what context and md are ready for; 0: not yet */
	uint16_t key_scheme, key_hash; /* what the public area demands; 0: it leaves it open */
	const struct curve_row *curve; /* NULL for RSA */
	size_t modulus_len;
};

static const struct curve_row *curve_find(uint16_t curve)
{
	for (size_t i = 0; i < RF_COUNT(curve_rows); i++) {
		if (curve_rows[i].curve == curve)
			return &curve_rows[i];
	}
	return NULL;
}

static const char *hash_find(uint16_t alg)
{
	for (size_t i = 0; i < RF_COUNT(hash_rows); i++) {
		if (hash_rows[i].alg == alg)
			return hash_rows[i].name;
	}
	return NULL;
}

int attest_signature_parse(struct rf_slice in, struct attest_signature *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	struct attest_signature sig = {.scheme = rf_read_be16(&r), .hash = rf_read_be16(&r)};

	if (r.failed)
		return rf_reader_check(&r, "signature", err);
	switch (sig.scheme) {
	case ATTEST_RSASSA:
	case ATTEST_RSAPSS:
		sig.rsa = rf_read_bytes(&r, rf_read_be16(&r));
		break;
	case ATTEST_ECDSA:
		sig.r = rf_read_bytes(&r, rf_read_be16(&r));
		sig.s = rf_read_bytes(&r, rf_read_be16(&r));
		break;
	default:
		return rf_fail(err, RF_E_UNSUPPORTED, "signature: scheme 0x%04x", sig.scheme);
	}
	int rc = rf_reader_check(&r, "signature", err);

	if (rc)
		return rc;
	if (rf_reader_left(&r))
		return rf_fail(err, RF_E_SYNTAX, "signature: %zu bytes behind the end",
			       rf_reader_left(&r));
	*out = sig;
	return 0;
}

/* The uncompressed point, coordinates padded to the field's size. */
static int point_encode(const struct attest_public *pub, const struct curve_row *row,
			uint8_t out[1 + 2 * 48])
{
	if (pub->x.len > row->bytes || pub->y.len > row->bytes)
		return RF_E_SYNTAX;
	memset(out, 0, 1 + 2 * 48);
	out[0] = 4;
	memcpy(out + 1 + row->bytes - pub->x.len, pub->x.data, pub->x.len);
	memcpy(out + 1 + 2 * (size_t)row->bytes - pub->y.len, pub->y.data, pub->y.len);
	return 0;
}

static int params_ecc(const struct attest_public *pub, OSSL_PARAM_BLD *bld, uint8_t *point,
		      struct rf_err *err)
{
	const struct curve_row *row = curve_find(pub->curve);

	if (!row)
		return rf_fail(err, RF_E_UNSUPPORTED, "key: curve 0x%04x", pub->curve);
	if (point_encode(pub, row, point))
		return rf_fail(err, RF_E_SYNTAX, "key: a point larger than its curve");
	if (!OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, row->group, 0) ||
	    !OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point,
					      1 + 2 * (size_t)row->bytes))
		return rf_fail(err, RF_E_CRYPTO, "key: no memory");
	return 0;
}

static int params_rsa(const struct attest_public *pub, OSSL_PARAM_BLD *bld, BIGNUM **n,
		      struct rf_err *err)
{
	*n = BN_bin2bn(pub->modulus.data, (int)pub->modulus.len, NULL);
	if (!*n || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, *n) ||
	    !OSSL_PARAM_BLD_push_uint32(bld, OSSL_PKEY_PARAM_RSA_E, pub->exponent))
		return rf_fail(err, RF_E_CRYPTO, "key: no memory");
	return 0;
}

static int pkey_build(OSSL_PARAM_BLD *bld, bool rsa, EVP_PKEY **out, struct rf_err *err)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, rsa ? "RSA" : "EC", NULL);
	EVP_PKEY *pkey = NULL;
	int rc = 0;

	/* Decoding a point checks that it lies on the curve. */
	if (!params || !context || EVP_PKEY_fromdata_init(context) <= 0 ||
	    EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		rc = rf_fail(err, RF_E_SYNTAX, "key: %s",
			     rsa ? "not an RSA key" : "the point is not on its curve");
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(params);
	ERR_clear_error();
	/* A failed fromdata may leave an empty key behind. */
	if (rc)
		EVP_PKEY_free(pkey);
	else
		*out = pkey;
	return rc;
}

int attest_public_pkey(const struct attest_public *pub, EVP_PKEY **out, struct rf_err *err)
{
	bool rsa = pub->type == ATTEST_KEY_RSA;
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	uint8_t point[1 + 2 * 48];
	BIGNUM *n = NULL;
	int rc;

	if (!bld)
		return rf_fail(err, RF_E_CRYPTO, "key: no memory");
	rc = rsa ? params_rsa(pub, bld, &n, err) : params_ecc(pub, bld, point, err);
	if (rc == 0)
		rc = pkey_build(bld, rsa, out, err);
	BN_free(n);
	OSSL_PARAM_BLD_free(bld);
	return rc;
}

int attest_key_new(const struct attest_public *pub, struct attest_key **out, struct rf_err *err)
{
	int rc = 0;

	/* Also where nobody asked attest_ak_check. */
	if (pub->type == ATTEST_KEY_RSA && pub->modulus.len < 256)
		return rf_fail(err, RF_E_DENIED, "key: RSA of %zu bits, 2048 are needed",
			       8 * pub->modulus.len);
	struct attest_key *key = rf_alloc(1, sizeof(*key));

	if (!key)
		return rf_fail(err, RF_E_CRYPTO, "key: no memory");
	key->key_scheme = pub->scheme;
	key->key_hash = pub->scheme_hash;
	key->modulus_len = pub->modulus.len;
	key->curve = pub->type == ATTEST_KEY_ECC ? curve_find(pub->curve) : NULL;
	rc = attest_public_pkey(pub, &key->pkey, err);
	key->digest = EVP_MD_CTX_new();
	if (rc == 0 && !key->digest)
		rc = rf_fail(err, RF_E_CRYPTO, "key: no memory");
	if (rc) {
		attest_key_free(key);
		return rc;
	}
	*out = key;
	return 0;
}

void attest_key_free(struct attest_key *key)
{
	if (!key)
		return;
	EVP_PKEY_CTX_free(key->context);
	EVP_MD_CTX_free(key->digest);
	EVP_MD_free(key->md);
	EVP_PKEY_free(key->pkey);
	rf_free(key);
}

static int padding_set(EVP_PKEY_CTX *context, uint16_t scheme)
{
	if (scheme == ATTEST_ECDSA)
		return 1;
	if (scheme == ATTEST_RSASSA)
		return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
	/* TPMs differ in the salt's length (Part 1, B.7), so it is taken from the signature. */
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0
		       ? EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO)
		       : 0;
}

/* One key signs with one scheme, so this does work only once in its life. */
static int key_prepare(struct attest_key *key, uint16_t scheme, uint16_t hash, const char *name,
		       struct rf_err *err)
{
	if (key->scheme == scheme && key->hash == hash)
		return 0;
	key->scheme = key->hash = 0;
	EVP_PKEY_CTX_free(key->context);
	EVP_MD_free(key->md);
	key->md = EVP_MD_fetch(NULL, name, NULL);
	key->context = EVP_PKEY_CTX_new(key->pkey, NULL);
	if (!key->md || !key->context || EVP_PKEY_verify_init(key->context) <= 0 ||
	    padding_set(key->context, scheme) <= 0 ||
	    EVP_PKEY_CTX_set_signature_md(key->context, key->md) <= 0)
		return rf_fail(err, RF_E_CRYPTO, "signature: this OpenSSL cannot verify with %s",
			       name);
	key->scheme = scheme;
	key->hash = hash;
	return 0;
}

static int key_verify(struct attest_key *key, struct rf_slice signature,
		      struct rf_slice signed_bytes, struct rf_err *err)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (!EVP_DigestInit_ex(key->digest, key->md, NULL) ||
	    !EVP_DigestUpdate(key->digest, signed_bytes.data, signed_bytes.len) ||
	    !EVP_DigestFinal_ex(key->digest, digest, &len))
		return rf_fail(err, RF_E_CRYPTO, "signature: hashing failed");
	/* Only 1 is a yes; 0 and negative numbers both mean no. */
	int yes = EVP_PKEY_verify(key->context, signature.data, signature.len, digest, len);

	ERR_clear_error();
	if (yes != 1)
		return rf_fail(err, RF_E_MISMATCH,
			       "signature: not made by this key over these bytes");
	return 0;
}

/* An INTEGER; the result is where the next byte goes. */
static size_t der_integer(uint8_t *out, struct rf_slice number)
{
	while (number.len > 1 && number.data[0] == 0) {
		number.data++;
		number.len--;
	}
	size_t sign = number.data[0] & 0x80 ? 1 : 0;

	out[0] = 2;
	out[1] = (uint8_t)(number.len + sign);
	out[2] = 0;
	memcpy(out + 2 + sign, number.data, number.len);
	return 2 + sign + number.len;
}

/* SEQUENCE {r, s}; the curves that we know keep it below 128 bytes. */
static size_t der_signature(uint8_t out[2 + 2 * (3 + 48)], const struct attest_signature *sig)
{
	size_t len = 2;

	len += der_integer(out + len, sig->r);
	len += der_integer(out + len, sig->s);
	out[0] = 0x30;
	out[1] = (uint8_t)(len - 2);
	return len;
}

/* Does what the signature says of itself fit the key? */
static int signature_fits(const struct attest_key *key, const struct attest_signature *sig,
			  struct rf_err *err)
{
	bool ecdsa = sig->scheme == ATTEST_ECDSA;
	size_t most = key->curve ? key->curve->bytes : 0;

	if (ecdsa != (key->curve != NULL))
		return rf_fail(err, RF_E_MISMATCH, "signature: scheme 0x%04x, but the key is %s",
			       sig->scheme, key->curve ? "ECC" : "RSA");
	if (key->key_scheme && key->key_scheme != sig->scheme)
		return rf_fail(err, RF_E_MISMATCH, "signature: scheme 0x%04x, the key's is 0x%04x",
			       sig->scheme, key->key_scheme);
	if (key->key_scheme && key->key_hash != sig->hash)
		return rf_fail(err, RF_E_MISMATCH, "signature: hash 0x%04x, the key's is 0x%04x",
			       sig->hash, key->key_hash);
	if (ecdsa && (!sig->r.len || !sig->s.len || sig->r.len > most || sig->s.len > most))
		return rf_fail(err, RF_E_SYNTAX, "signature: r of %zu and s of %zu bytes",
			       sig->r.len, sig->s.len);
	if (!ecdsa && sig->rsa.len != key->modulus_len)
		return rf_fail(err, RF_E_SYNTAX, "signature: %zu bytes for a key of %zu",
			       sig->rsa.len, key->modulus_len);
	return 0;
}

int attest_signature_verify(struct attest_key *key, struct rf_slice signature,
			    struct rf_slice signed_bytes, uint16_t *out_hash, struct rf_err *err)
{
	uint8_t der[2 + 2 * (3 + 48)];
	struct attest_signature sig;
	int rc = attest_signature_parse(signature, &sig, err);

	if (rc)
		return rc;
	const char *name = hash_find(sig.hash);

	if (!name)
		return rf_fail(err, sig.hash == ATTEST_SHA1 ? RF_E_DENIED : RF_E_UNSUPPORTED,
			       "signature: hash 0x%04x, SHA-256, SHA-384 or SHA-512 is needed",
			       sig.hash);
	rc = signature_fits(key, &sig, err);
	if (rc == 0)
		rc = key_prepare(key, sig.scheme, sig.hash, name, err);
	if (rc)
		return rc;
	if (sig.scheme == ATTEST_ECDSA)
		sig.rsa = (struct rf_slice){der, der_signature(der, &sig)};
	rc = key_verify(key, sig.rsa, signed_bytes, err);
	if (rc == 0)
		*out_hash = sig.hash;
	return rc;
}

int attest_signature12_verify(struct attest_key *key, struct rf_slice signature,
			      struct rf_slice signed_bytes, struct rf_err *err)
{
	if (key->curve || signature.len != key->modulus_len)
		return rf_fail(err, RF_E_SYNTAX, "signature: %zu bytes for a key of %zu",
			       signature.len, key->modulus_len);
	/* A TPM 2.0 key that may sign with SHA-256 only must not be used for less. */
	if (key->key_scheme)
		return rf_fail(err, RF_E_MISMATCH, "signature: not a key of a TPM 1.2");
	int rc = key_prepare(key, ATTEST_RSASSA, ATTEST_SHA1, "SHA1", err);

	return rc ? rc : key_verify(key, signature, signed_bytes, err);
}
