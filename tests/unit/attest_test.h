/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What attestation tests share: a TPM of the test's own. Keys from OpenSSL, public areas, quotes
 * and signatures in TPM form, so that every field can be bent.
 */
#ifndef ATTEST_TEST_H
#define ATTEST_TEST_H

#include "test_base.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "attest/quote.h"

#define AK_ATTRIBUTES 0x50072u
#define EK_ATTRIBUTES 0x300b2u

static inline void put16(struct rf_buf *b, uint32_t v)
{
	const uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	rf_buf_add(b, bytes, 2);
}

static inline void put32(struct rf_buf *b, uint32_t v)
{
	put16(b, v >> 16);
	put16(b, v & 0xffff);
}

static inline void put64(struct rf_buf *b, uint64_t v)
{
	put32(b, (uint32_t)(v >> 32));
	put32(b, (uint32_t)v);
}

static inline void put_sized(struct rf_buf *b, const void *data, size_t len)
{
	put16(b, (uint32_t)len);
	rf_buf_add(b, data, len);
}

static inline EVP_PKEY *make_rsa(unsigned int bits)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);

	assert_non_null(key);
	return key;
}

static inline EVP_PKEY *make_ecc(const char *group)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", group);

	assert_non_null(key);
	return key;
}

/* A number of the key, padded to len bytes (0: as long as it is). */
static inline size_t key_number(EVP_PKEY *key, const char *param, uint8_t *out, size_t len)
{
	BIGNUM *n = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(key, param, &n), 1);
	if (!len)
		len = (size_t)BN_num_bytes(n);
	assert_true(BN_bn2binpad(n, out, (int)len) == (int)len);
	BN_free(n);
	return len;
}

/* What a test may bend in a public area. Zeros give a good attestation key. */
struct area_options {
	uint32_t attributes;
	uint16_t name_alg, scheme, hash, curve, bits;
	uint32_t exponent;
	bool ek; /* a storage key with AES-CFB, no scheme */
	uint16_t aes_bits;
};

static inline void put_rsa(struct rf_buf *b, EVP_PKEY *key, const struct area_options *o)
{
	uint8_t n[512];
	size_t len = key_number(key, OSSL_PKEY_PARAM_RSA_N, n, 0);

	put16(b, o->bits ? o->bits : (uint32_t)(8 * len));
	put32(b, o->exponent);
	put_sized(b, n, len);
}

static inline void put_ecc(struct rf_buf *b, EVP_PKEY *key, const struct area_options *o)
{
	size_t size = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
	uint8_t n[512];

	put16(b, o->curve ? o->curve : size == 32 ? 3 : 4);
	put16(b, 0x10); /* kdf */
	put_sized(b, n, key_number(key, OSSL_PKEY_PARAM_EC_PUB_X, n, size));
	put_sized(b, n, key_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, n, size));
}

/* TPMT_PUBLIC. */
static inline void put_area(struct rf_buf *b, EVP_PKEY *key, struct area_options o)
{
	bool rsa = EVP_PKEY_is_a(key, "RSA");

	put16(b, rsa ? 0x0001 : 0x0023);
	put16(b, o.name_alg ? o.name_alg : ATTEST_SHA256);
	put32(b, o.attributes ? o.attributes : o.ek ? EK_ATTRIBUTES : AK_ATTRIBUTES);
	put_sized(b, NULL, 0);
	put16(b, o.ek ? 0x0006 : 0x10);
	if (o.ek) {
		put16(b, o.aes_bits ? o.aes_bits : 128);
		put16(b, 0x0043);
		put16(b, 0x10);
	} else {
		put16(b, o.scheme ? o.scheme : rsa ? ATTEST_RSASSA : ATTEST_ECDSA);
		put16(b, o.hash ? o.hash : ATTEST_SHA256);
	}
	if (rsa)
		put_rsa(b, key, &o);
	else
		put_ecc(b, key, &o);
}

/* What a test may bend in a quote. */
struct quote_options {
	uint32_t magic;
	uint16_t type;
	const void *nonce;
	size_t nonce_len;
	struct attest_selection selections[9];
	size_t selections_count;
	uint8_t select_bytes; /* 3 */
	const uint8_t *digest;
	size_t digest_len;
	uint8_t safe;
	bool unsafe;		     /* the clock says so of itself */
	uint64_t clock_ms, firmware; /* 0: something */
	uint32_t reset, restart;     /* 0: 7 and 9 */
};

static inline void put_quote(struct rf_buf *b, const struct quote_options *o)
{
	uint8_t name[34] = {0, 0x0b, 1, 2, 3};

	put32(b, o->magic ? o->magic : 0xff544347);
	put16(b, o->type ? o->type : 0x8018);
	put_sized(b, name, sizeof(name));
	put_sized(b, o->nonce, o->nonce_len);
	put64(b, o->clock_ms ? o->clock_ms : 0x0102030405060708);
	put32(b, o->reset ? o->reset : 7);
	put32(b, o->restart ? o->restart : 9);
	rf_buf_add_byte(b, o->unsafe ? 0 : o->safe ? o->safe : 1);
	put64(b, o->firmware ? o->firmware : 0x20190325);
	put32(b, (uint32_t)o->selections_count);
	for (size_t i = 0; i < o->selections_count; i++) {
		uint8_t size = o->select_bytes ? o->select_bytes : 3;

		put16(b, o->selections[i].alg);
		rf_buf_add_byte(b, size);
		for (unsigned int k = 0; k < size; k++)
			rf_buf_add_byte(b, k < 4 ? (uint8_t)(o->selections[i].pcrs >> (8 * k)) : 0);
	}
	put_sized(b, o->digest, o->digest_len);
}

static inline const char *hash_name(uint16_t alg)
{
	return alg == ATTEST_SHA1     ? "SHA1"
	       : alg == ATTEST_SHA384 ? "SHA384"
	       : alg == ATTEST_SHA512 ? "SHA512"
				      : "SHA256";
}

/* The bare number or DER that OpenSSL makes. */
static inline void raw_sign(struct rf_buf *b, EVP_PKEY *key, uint16_t scheme, uint16_t hash,
			    struct rf_slice message)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *p = NULL;
	uint8_t out[512];
	size_t len = sizeof(out);

	assert_int_equal(EVP_DigestSignInit_ex(c, &p, hash_name(hash), NULL, NULL, key, NULL), 1);
	if (scheme == ATTEST_RSAPSS) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(c, out, &len, message.data, message.len), 1);
	EVP_MD_CTX_free(c);
	rf_buf_add(b, out, len);
}

/* TPMT_SIGNATURE. pad: r and s padded to the field's size, otherwise as short as they are. */
static inline void put_signature_padded(struct rf_buf *b, EVP_PKEY *key, uint16_t scheme,
					uint16_t hash, struct rf_slice message, size_t pad)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	uint8_t n[64];

	raw_sign(&raw, key, scheme, hash, message);
	put16(b, scheme);
	put16(b, hash);
	if (scheme != ATTEST_ECDSA) {
		put_sized(b, raw.data, raw.len);
		return;
	}
	const uint8_t *at = raw.data;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)raw.len);
	const BIGNUM *parts[2] = {ECDSA_SIG_get0_r(sig), ECDSA_SIG_get0_s(sig)};

	for (int i = 0; i < 2; i++) {
		size_t len = pad ? pad : (size_t)BN_num_bytes(parts[i]);

		BN_bn2binpad(parts[i], n, (int)len);
		put_sized(b, n, len);
	}
	ECDSA_SIG_free(sig);
}

static inline void put_signature(struct rf_buf *b, EVP_PKEY *key, uint16_t scheme, uint16_t hash,
				 struct rf_slice message)
{
	put_signature_padded(b, key, scheme, hash, message, 0);
}

#endif
