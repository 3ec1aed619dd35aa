/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM of the test's own for TPM2_ActivateCredential: the derivations are OpenSSL's, as an
 * independent second opinion on ours.
 */
#ifndef ACTIVATE_TEST_H
#define ACTIVATE_TEST_H

#include "attest/enrol.h"
#include "attest_test.h"

#include <openssl/kdf.h>

/* KDFa is SP 800-108 in counter mode. */
static inline void kbkdf(const char *hash, struct rf_slice key, const char *label,
			 struct rf_slice context, uint8_t *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM p[7] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)hash, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, (char *)"HMAC", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key.data, key.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)label,
						  strlen(label)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)context.data,
						  context.len),
		OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_KDF_derive(c, out, len, p), 1);
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
}

/* KDFe is SP 800-56A's one-step derivation. */
static inline void sskdf(const char *hash, struct rf_slice z, struct rf_slice info, uint8_t *out,
			 size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SSKDF", NULL);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM p[4] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)hash, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)z.data, z.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.data, info.len),
		OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_KDF_derive(c, out, len, p), 1);
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
}

static inline bool open_rsa_seed(EVP_PKEY *ek, const char *hash, struct rf_slice in, uint8_t *seed,
				 size_t len)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(ek, NULL);
	uint8_t out[512];
	size_t out_len = sizeof(out);

	EVP_PKEY_decrypt_init(c);
	EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING);
	EVP_PKEY_CTX_set_rsa_oaep_md_name(c, hash, NULL);
	EVP_PKEY_CTX_set_rsa_mgf1_md_name(c, hash, NULL);
	EVP_PKEY_CTX_set0_rsa_oaep_label(c, OPENSSL_memdup("IDENTITY", 9), 9);
	bool good =
		EVP_PKEY_decrypt(c, out, &out_len, in.data + 2, in.len - 2) == 1 && out_len == len;

	EVP_PKEY_CTX_free(c);
	if (good)
		memcpy(seed, out, len);
	return good;
}

static inline bool open_ecc_seed(EVP_PKEY *ek, const char *hash, struct rf_slice in, uint8_t *seed,
				 size_t len)
{
	size_t size = ((size_t)EVP_PKEY_get_bits(ek) + 7) / 8, z_len = 64;
	uint8_t point[128] = {4}, z[64], info[9 + 128] = "IDENTITY";
	EVP_PKEY *peer = EVP_PKEY_new();

	assert_int_equal(in.len, 6 + 2 * size);
	memcpy(point + 1, in.data + 4, size);
	memcpy(point + 1 + size, in.data + 6 + size, size);
	EVP_PKEY_copy_parameters(peer, ek);
	if (EVP_PKEY_set1_encoded_public_key(peer, point, 1 + 2 * size) != 1) {
		EVP_PKEY_free(peer);
		return false;
	}
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(ek, NULL);

	assert_int_equal(EVP_PKEY_derive_init(c), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(c, peer), 1);
	assert_int_equal(EVP_PKEY_derive(c, z, &z_len), 1);
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(peer);
	memcpy(info + 9, point + 1, size);
	key_number(ek, OSSL_PKEY_PARAM_EC_PUB_X, info + 9 + size, size);
	sskdf(hash, (struct rf_slice){z, z_len}, (struct rf_slice){info, 9 + 2 * size}, seed, len);
	return true;
}

/* TPM2_ActivateCredential: false where a TPM refuses. */
static inline bool activate(EVP_PKEY *ek, uint16_t alg, unsigned int aes_bits,
			    struct rf_slice ak_name, const struct enrol_credential *in,
			    uint8_t *out, size_t *out_len)
{
	size_t len = attest_digest_size(alg), body_len = in->blob_len - 4 - len;
	const char *hash = hash_name(alg);
	uint8_t seed[64], key[64], text[256], mac[64], iv[16] = {0};
	struct rf_slice in_seed = {in->seed, in->seed_len};
	bool open = EVP_PKEY_is_a(ek, "RSA") ? open_rsa_seed(ek, hash, in_seed, seed, len)
					     : open_ecc_seed(ek, hash, in_seed, seed, len);

	if (!open)
		return false;
	kbkdf(hash, (struct rf_slice){seed, len}, "INTEGRITY", (struct rf_slice){0}, key, len);
	memcpy(text, in->blob + 4 + len, body_len);
	memcpy(text + body_len, ak_name.data, ak_name.len);
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, hash, NULL, key, len, text,
				  body_len + ak_name.len, mac, sizeof(mac), NULL));
	if (memcmp(mac, in->blob + 4, len) != 0)
		return false;
	kbkdf(hash, (struct rf_slice){seed, len}, "STORAGE", ak_name, key, aes_bits / 8);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0;

	EVP_DecryptInit_ex(c, aes_bits == 128 ? EVP_aes_128_cfb128() : EVP_aes_256_cfb128(), NULL,
			   key, iv);
	EVP_DecryptUpdate(c, text, &n, in->blob + 4 + len, (int)body_len);
	EVP_CIPHER_CTX_free(c);
	*out_len = (size_t)text[0] << 8 | text[1];
	assert_int_equal(*out_len + 2, body_len);
	memcpy(out, text + 2, *out_len);
	return true;
}

#endif
