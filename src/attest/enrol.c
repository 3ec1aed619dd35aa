/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM2_MakeCredential in software; see enrol.h. Sources: TPM 2.0 Library, Part 1, 11.4.10 (KDFa,
 * KDFe), 24 (credential protection), annexes B.4 (OAEP) and C.6.1 (ECDH). Seeds and keys are wiped.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "attest/enrol.h"
#include "base/mem.h"

#define SEED_TRIES 64 /* one in 128 pairs has a leading zero: this many in a row do not happen */

/* The protected seed and the sizes that follow from the endorsement key. */
struct seed {
	uint8_t bytes[ATTEST_MAX_DIGEST];
	size_t len;
};

static const char *hash_name(uint16_t alg)
{
	switch (alg) {
	case ATTEST_SHA256:
		return "SHA256";
	case ATTEST_SHA384:
		return "SHA384";
	case ATTEST_SHA512:
		return "SHA512";
	default:
		return NULL;
	}
}

static void put_be16(uint8_t *out, size_t value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
}

/* HMAC over up to five parts. */
static int hmac(uint16_t alg, struct rf_slice key, const struct rf_slice *parts, size_t count,
		uint8_t out[ATTEST_MAX_DIGEST])
{
	const char *name = hash_name(alg);
	EVP_MAC *mac = name ? EVP_MAC_fetch(NULL, "HMAC", NULL) : NULL;
	EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)name, 0),
		OSSL_PARAM_construct_end(),
	};
	size_t len = 0;
	bool good = context && EVP_MAC_init(context, key.data, key.len, params);

	for (size_t i = 0; good && i < count; i++)
		good = !parts[i].len || EVP_MAC_update(context, parts[i].data, parts[i].len);
	good = good && EVP_MAC_final(context, out, &len, ATTEST_MAX_DIGEST);
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
	return good ? 0 : RF_E_CRYPTO;
}

int enrol_kdfa(const struct enrol_kdf *in, uint8_t *out, size_t out_len)
{
	/* One block is enough for everything that we derive. */
	static const uint8_t counter[4] = {0, 0, 0, 1};
	size_t bits = 8 * out_len;
	const uint8_t bits_be[4] = {0, 0, (uint8_t)(bits >> 8), (uint8_t)bits};
	uint8_t block[ATTEST_MAX_DIGEST];
	const struct rf_slice parts[] = {
		{counter, 4}, {(const uint8_t *)in->label, strlen(in->label) + 1}, in->u, in->v,
		{bits_be, 4},
	};

	if (out_len > attest_digest_size(in->alg))
		return RF_E_LIMIT;
	int rc = hmac(in->alg, in->key, parts, RF_COUNT(parts), block);

	if (rc == 0)
		memcpy(out, block, out_len);
	rf_wipe(block, sizeof(block));
	return rc;
}

int enrol_kdfe(struct attest_hasher *hasher, const struct enrol_kdf *in, uint8_t *out,
	       size_t out_len)
{
	uint8_t text[4 + 80 + 16 + 2 * 80] = {0, 0, 0, 1};
	size_t label = strlen(in->label) + 1;
	const struct rf_slice parts[] = {
		in->key, {(const uint8_t *)in->label, label}, in->u, in->v};
	uint8_t block[ATTEST_MAX_DIGEST];
	size_t len = 4;

	if (in->key.len > 80 || label > 16 || in->u.len > 80 || in->v.len > 80 ||
	    out_len > attest_digest_size(in->alg))
		return RF_E_LIMIT;
	for (size_t i = 0; i < RF_COUNT(parts); i++) {
		if (parts[i].len)
			memcpy(text + len, parts[i].data, parts[i].len);
		len += parts[i].len;
	}
	int rc = attest_hash(hasher, in->alg, (struct rf_slice){text, len}, (struct rf_slice){0},
			     block);

	if (rc == 0)
		memcpy(out, block, out_len);
	rf_wipe(text, sizeof(text));
	rf_wipe(block, sizeof(block));
	return rc;
}

static int oaep_setup(EVP_PKEY_CTX *context, const char *hash)
{
	/* The label's NUL counts. OpenSSL takes its copy over and frees it. */
	void *label = OPENSSL_memdup("IDENTITY", sizeof("IDENTITY"));

	if (!label)
		return 0;
	if (EVP_PKEY_encrypt_init(context) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md_name(context, hash, NULL) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, hash, NULL) <= 0 ||
	    EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, sizeof("IDENTITY")) <= 0) {
		OPENSSL_free(label);
		return 0;
	}
	return 1;
}

/* A random seed, RSA-OAEP for the endorsement key. */
static int seed_rsa(const struct attest_public *ek, EVP_PKEY *pkey, struct seed *seed,
		    struct enrol_credential *out)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
	size_t len = sizeof(out->seed) - 2;
	bool good = context && RAND_priv_bytes(seed->bytes, (int)seed->len) == 1 &&
		    oaep_setup(context, hash_name(ek->name_alg)) == 1 &&
		    EVP_PKEY_encrypt(context, out->seed + 2, &len, seed->bytes, seed->len) == 1;

	EVP_PKEY_CTX_free(context);
	if (!good)
		return RF_E_CRYPTO;
	put_be16(out->seed, len);
	out->seed_len = 2 + len;
	return 0;
}

/* An ephemeral key pair's shared secret with the endorsement key, and its point. */
struct exchange {
	uint8_t z[48];
	uint8_t point[1 + 2 * 48];
	size_t size; /* of a coordinate */
};

static int exchange_once(EVP_PKEY *ek, struct exchange *x)
{
	EVP_PKEY_CTX *make = EVP_PKEY_CTX_new(ek, NULL); /* the same curve */
	EVP_PKEY *ephemeral = NULL;
	EVP_PKEY_CTX *derive = NULL;
	size_t len = sizeof(x->z), point_len = 0;
	bool good =
		make && EVP_PKEY_keygen_init(make) == 1 && EVP_PKEY_generate(make, &ephemeral) == 1;

	if (good)
		derive = EVP_PKEY_CTX_new(ephemeral, NULL);
	good = derive && EVP_PKEY_derive_init(derive) == 1 &&
	       EVP_PKEY_derive_set_peer(derive, ek) == 1 &&
	       EVP_PKEY_derive(derive, x->z, &len) == 1 && len == x->size &&
	       EVP_PKEY_get_octet_string_param(ephemeral, OSSL_PKEY_PARAM_PUB_KEY, x->point,
					       sizeof(x->point), &point_len) == 1 &&
	       point_len == 1 + 2 * x->size && x->point[0] == 4;
	EVP_PKEY_CTX_free(make);
	EVP_PKEY_CTX_free(derive);
	EVP_PKEY_free(ephemeral);
	return good ? 0 : RF_E_CRYPTO;
}

/* TPMs disagree on leading zeros of coordinates: pairs that have one are not used. */
static int exchange_make(EVP_PKEY *ek, struct exchange *x)
{
	for (int i = 0; i < SEED_TRIES; i++) {
		int rc = exchange_once(ek, x);

		if (rc)
			return rc;
		if (x->z[0] && x->point[1])
			return 0;
	}
	return RF_E_CRYPTO;
}

static int seed_ecc(struct attest_hasher *hasher, const struct attest_public *ek, EVP_PKEY *pkey,
		    struct seed *seed, struct enrol_credential *out)
{
	struct exchange x = {.size = ek->curve == 3 ? 32 : 48};
	int rc = exchange_make(pkey, &x);
	const struct enrol_kdf kdf = {
		.alg = ek->name_alg,
		.key = {x.z, x.size},
		.label = "IDENTITY",
		.u = {x.point + 1, x.size},
		.v = ek->x,
	};

	if (rc == 0)
		rc = enrol_kdfe(hasher, &kdf, seed->bytes, seed->len);
	rf_wipe(x.z, sizeof(x.z));
	if (rc)
		return rc;
	/* TPM2B_ENCRYPTED_SECRET holding a TPMS_ECC_POINT. */
	put_be16(out->seed, 2 * (2 + x.size));
	put_be16(out->seed + 2, x.size);
	memcpy(out->seed + 4, x.point + 1, x.size);
	put_be16(out->seed + 4 + x.size, x.size);
	memcpy(out->seed + 6 + x.size, x.point + 1 + x.size, x.size);
	out->seed_len = 6 + 2 * x.size;
	return 0;
}

/* encIdentity = AES-CFB(TPM2B secret) under KDFa(seed, "STORAGE", name), IV 0. */
static int identity_encrypt(const struct attest_public *ek, const struct seed *seed,
			    struct rf_slice name, struct rf_slice secret, uint8_t *out)
{
	static const uint8_t iv[16];
	uint8_t key[32], plain[2 + ENROL_MAX_SECRET];
	const struct enrol_kdf kdf = {ek->name_alg, {seed->bytes, seed->len}, "STORAGE", name, {0}};
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(
		NULL, ek->symmetric_bits == 128 ? "AES-128-CFB" : "AES-256-CFB", NULL);
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int len = 0, rc = enrol_kdfa(&kdf, key, ek->symmetric_bits / 8u);

	put_be16(plain, secret.len);
	memcpy(plain + 2, secret.data, secret.len);
	if (rc == 0 &&
	    (!cipher || !context || !EVP_EncryptInit_ex2(context, cipher, key, iv, NULL) ||
	     !EVP_EncryptUpdate(context, out, &len, plain, (int)(2 + secret.len)) ||
	     len != (int)(2 + secret.len)))
		rc = RF_E_CRYPTO;
	EVP_CIPHER_CTX_free(context);
	EVP_CIPHER_free(cipher);
	rf_wipe(key, sizeof(key));
	rf_wipe(plain, sizeof(plain));
	return rc;
}

/* TPM2B_ID_OBJECT {TPM2B integrity, encIdentity}; integrity = HMAC(encIdentity || name). */
static int blob_make(const struct attest_public *ek, const struct seed *seed, struct rf_slice name,
		     struct rf_slice secret, struct enrol_credential *out)
{
	uint8_t key[ATTEST_MAX_DIGEST], mac[ATTEST_MAX_DIGEST];
	size_t size = seed->len, len = 2 + secret.len;
	uint8_t *identity = out->blob + 4 + size;
	const struct enrol_kdf kdf = {
		ek->name_alg, {seed->bytes, seed->len}, "INTEGRITY", {0}, {0}};
	const struct rf_slice parts[] = {{identity, len}, name};
	int rc = identity_encrypt(ek, seed, name, secret, identity);

	if (rc == 0)
		rc = enrol_kdfa(&kdf, key, size);
	if (rc == 0)
		rc = hmac(ek->name_alg, (struct rf_slice){key, size}, parts, 2, mac);
	rf_wipe(key, sizeof(key));
	if (rc)
		return rc;
	put_be16(out->blob, 2 + size + len);
	put_be16(out->blob + 2, size);
	memcpy(out->blob + 4, mac, size);
	out->blob_len = 4 + size + len;
	return 0;
}

static int arguments_check(const struct attest_public *ek, struct rf_slice ak_name,
			   struct rf_slice secret, struct rf_err *err)
{
	int rc = attest_ek_check(ek, err);

	if (rc)
		return rc;
	if (!hash_name(ek->name_alg))
		return rf_fail(err, RF_E_UNSUPPORTED, "endorsement key: name hash 0x%04x",
			       ek->name_alg);
	if (secret.len < 16 || secret.len > ENROL_MAX_SECRET)
		return rf_fail(err, RF_E_USAGE, "a secret of %zu bytes, 16 to %u are allowed",
			       secret.len, ENROL_MAX_SECRET);
	size_t digest = 0;

	if (ak_name.len > 2)
		digest = attest_digest_size((uint16_t)(ak_name.data[0] << 8 | ak_name.data[1]));
	/* An empty name or a handle would bind the secret to no key. */
	if (!digest || ak_name.len != 2 + digest)
		return rf_fail(err, RF_E_USAGE, "a name of %zu bytes is no key's name",
			       ak_name.len);
	return 0;
}

int enrol_credential_make(struct attest_hasher *hasher, const struct attest_public *ek,
			  struct rf_slice ak_name, struct rf_slice secret,
			  struct enrol_credential *out, struct rf_err *err)
{
	struct enrol_credential made = {0};
	struct seed seed = {.len = attest_digest_size(ek->name_alg)};
	EVP_PKEY *pkey = NULL;
	int rc = arguments_check(ek, ak_name, secret, err);

	if (rc == 0)
		rc = attest_public_pkey(ek, &pkey, err);
	if (rc)
		return rf_wrap(err, rc, "credential");
	rc = ek->type == ATTEST_KEY_RSA ? seed_rsa(ek, pkey, &seed, &made)
					: seed_ecc(hasher, ek, pkey, &seed, &made);
	if (rc == 0)
		rc = blob_make(ek, &seed, ak_name, secret, &made);
	EVP_PKEY_free(pkey);
	rf_wipe(&seed, sizeof(seed));
	ERR_clear_error();
	if (rc)
		return rf_fail(err, rc, "credential: libcrypto refused to encrypt for this key");
	*out = made;
	return 0;
}

int enrol_secret_check(struct rf_slice secret, struct rf_slice answer, struct rf_err *err)
{
	if (!secret.len)
		return rf_fail(err, RF_E_MISSING, "no secret was issued");
	if (answer.len != secret.len || !rf_equal_secret(secret.data, answer.data, secret.len))
		return rf_fail(err, RF_E_MISMATCH,
			       "the answer is not the secret: this TPM does not hold both keys");
	return 0;
}
