/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment: a TPM of the test's own activates what we make, with OpenSSL's KBKDF and SSKDF as an
 * independent second opinion on the derivations; every bent bit makes it refuse.
 */
#include "attest/enrol.h"
#include "attest_test.h"

#include <openssl/kdf.h>

static struct attest_hasher *hasher;
static EVP_PKEY *rsa, *p256, *p384;
static const uint8_t name[34] = {0x00, 0x0b, 0xaa, 0xbb};
static const uint8_t secret[32] = "the secret of this enrolment 32";

static int make_keys(void **state)
{
	(void)state;
	rsa = make_rsa(2048);
	p256 = make_ecc("P-256");
	p384 = make_ecc("P-384");
	return attest_hasher_new(&hasher, NULL);
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	attest_hasher_free(hasher);
	return 0;
}

/* KDFa is SP 800-108 in counter mode. */
static void kbkdf(const char *hash, struct rf_slice key, const char *label, struct rf_slice context,
		  uint8_t *out, size_t len)
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
static void sskdf(const char *hash, struct rf_slice z, struct rf_slice info, uint8_t *out,
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

static bool open_rsa_seed(EVP_PKEY *ek, const char *hash, struct rf_slice in, uint8_t *seed,
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

static bool open_ecc_seed(EVP_PKEY *ek, const char *hash, struct rf_slice in, uint8_t *seed,
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
static bool activate(EVP_PKEY *ek, uint16_t alg, unsigned int aes_bits, struct rf_slice ak_name,
		     const struct enrol_credential *in, uint8_t *out, size_t *out_len)
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

static const struct {
	const char *what;
	EVP_PKEY **key;
	struct area_options o;
} keys[] = {
	{"RSA 2048, SHA-256, AES-128", &rsa, {.ek = true}},
	{"RSA 2048, SHA-384, AES-256",
	 &rsa,
	 {.ek = true, .name_alg = ATTEST_SHA384, .aes_bits = 256}},
	{"P-256, SHA-256, AES-128", &p256, {.ek = true}},
	{"P-384, SHA-384, AES-256",
	 &p384,
	 {.ek = true, .name_alg = ATTEST_SHA384, .aes_bits = 256}},
	{"P-384, SHA-512, AES-256",
	 &p384,
	 {.ek = true, .name_alg = ATTEST_SHA512, .aes_bits = 256}},
};

static void a_tpm_activates_what_we_make(void **state)
{
	const struct rf_slice ak = {name, sizeof(name)}, want = {secret, sizeof(secret)};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(keys); i++) {
		RF_AUTOBUF struct rf_buf area = {0};
		struct attest_public ek;
		struct enrol_credential made;
		uint16_t alg = keys[i].o.name_alg ? keys[i].o.name_alg : ATTEST_SHA256;
		unsigned int aes = keys[i].o.aes_bits ? keys[i].o.aes_bits : 128;
		uint8_t out[64];
		size_t len = 0;

		print_message("%s\n", keys[i].what);
		put_area(&area, *keys[i].key, keys[i].o);
		assert_int_equal(attest_public_parse(rf_buf_slice(&area), &ek, NULL), 0);
		assert_int_equal(enrol_credential_make(hasher, &ek, ak, want, &made, NULL), 0);
		assert_int_equal((size_t)made.blob[0] << 8 | made.blob[1], made.blob_len - 2);
		assert_int_equal((size_t)made.seed[0] << 8 | made.seed[1], made.seed_len - 2);
		assert_true(activate(*keys[i].key, alg, aes, ak, &made, out, &len));
		assert_int_equal(enrol_secret_check(want, (struct rf_slice){out, len}, NULL), 0);
	}
}

static void many_ephemeral_keys_all_work(void **state)
{
	const struct rf_slice ak = {name, sizeof(name)}, want = {secret, 16};
	RF_AUTOBUF struct rf_buf area = {0};
	struct attest_public ek;

	(void)state;
	put_area(&area, p256, (struct area_options){.ek = true});
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &ek, NULL), 0);
	for (int i = 0; i < 400; i++) {
		struct enrol_credential made;
		uint8_t out[64];
		size_t len = 0;

		assert_int_equal(enrol_credential_make(hasher, &ek, ak, want, &made, NULL), 0);
		assert_true(activate(p256, ATTEST_SHA256, 128, ak, &made, out, &len));
		assert_int_equal(len, 16);
		/* No leading zero: TPMs disagree on what it does to a coordinate. */
		assert_true(made.seed[4] != 0);
	}
}

static void every_bent_bit_and_another_name_is_refused(void **state)
{
	const struct rf_slice ak = {name, sizeof(name)}, want = {secret, sizeof(secret)};
	static const uint8_t other[34] = {0x00, 0x0b, 0xaa, 0xbc};
	RF_AUTOBUF struct rf_buf area = {0};
	struct attest_public ek;
	struct enrol_credential made;
	uint8_t out[64];
	size_t len = 0;

	(void)state;
	put_area(&area, p256, (struct area_options){.ek = true});
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &ek, NULL), 0);
	assert_int_equal(enrol_credential_make(hasher, &ek, ak, want, &made, NULL), 0);
	assert_false(
		activate(p256, ATTEST_SHA256, 128, (struct rf_slice){other, 34}, &made, out, &len));
	for (size_t bit = 8 * 4; bit < 8 * made.blob_len; bit++) {
		made.blob[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_false(activate(p256, ATTEST_SHA256, 128, ak, &made, out, &len));
		made.blob[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	assert_true(activate(p256, ATTEST_SHA256, 128, ak, &made, out, &len));
}

static void bad_arguments_are_refused(void **state)
{
	static const uint8_t wide[ENROL_MAX_SECRET + 1], handle[4] = {0x81, 0, 0, 1};
	const struct {
		const char *what;
		struct area_options o;
		struct rf_slice ak, secret;
		int code;
		const char *says;
	} rows[] = {
		{"an attestation key", {0}, {name, 34}, {secret, 32}, RF_E_DENIED, "sign must not"},
		{"a secret too short to be one",
		 {.ek = true},
		 {name, 34},
		 {secret, 15},
		 RF_E_USAGE,
		 "secret of 15"},
		{"a secret too long",
		 {.ek = true},
		 {name, 34},
		 {wide, sizeof(wide)},
		 RF_E_USAGE,
		 "secret of 33"},
		{"no name", {.ek = true}, {name, 0}, {secret, 32}, RF_E_USAGE, "name of 0"},
		{"a handle as name",
		 {.ek = true},
		 {handle, 4},
		 {secret, 32},
		 RF_E_USAGE,
		 "name of 4"},
		{"a name cut short",
		 {.ek = true},
		 {name, 33},
		 {secret, 32},
		 RF_E_USAGE,
		 "name of 33"},
		{"EK named with SHA-1",
		 {.ek = true, .name_alg = ATTEST_SHA1},
		 {name, 34},
		 {secret, 32},
		 RF_E_DENIED,
		 "name's hash"},
		{"EK named with SM3",
		 {.ek = true, .name_alg = ATTEST_SM3},
		 {name, 34},
		 {secret, 32},
		 RF_E_UNSUPPORTED,
		 "0x0012"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf area = {0};
		struct attest_public ek;
		struct enrol_credential made = {.blob_len = 77};
		struct rf_err err = {0};

		print_message("%s\n", rows[i].what);
		put_area(&area, rsa, rows[i].o);
		assert_int_equal(attest_public_parse(rf_buf_slice(&area), &ek, NULL), 0);
		assert_int_equal(
			enrol_credential_make(hasher, &ek, rows[i].ak, rows[i].secret, &made, &err),
			rows[i].code);
		assert_non_null(strstr(err.text, rows[i].says));
		assert_int_equal(made.blob_len, 77);
	}
}

static void a_point_off_the_curve_gets_no_credential(void **state)
{
	const struct rf_slice ak = {name, sizeof(name)}, want = {secret, sizeof(secret)};
	RF_AUTOBUF struct rf_buf area = {0};
	struct attest_public ek;
	struct enrol_credential made;

	(void)state;
	put_area(&area, p256, (struct area_options){.ek = true});
	area.data[area.len - 1] ^= 1;
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &ek, NULL), 0);
	assert_int_equal(enrol_credential_make(hasher, &ek, ak, want, &made, NULL), RF_E_SYNTAX);
}

static void secrets_are_compared_whole(void **state)
{
	const struct rf_slice want = {secret, sizeof(secret)};
	uint8_t answer[33];

	(void)state;
	memcpy(answer, secret, 32);
	answer[32] = 0;
	assert_int_equal(enrol_secret_check(want, (struct rf_slice){answer, 32}, NULL), 0);
	assert_int_equal(enrol_secret_check(want, (struct rf_slice){answer, 31}, NULL),
			 RF_E_MISMATCH);
	assert_int_equal(enrol_secret_check(want, (struct rf_slice){answer, 33}, NULL),
			 RF_E_MISMATCH);
	assert_int_equal(enrol_secret_check(want, (struct rf_slice){0}, NULL), RF_E_MISMATCH);
	assert_int_equal(enrol_secret_check((struct rf_slice){0}, (struct rf_slice){0}, NULL),
			 RF_E_MISSING);
	for (size_t bit = 0; bit < 256; bit++) {
		answer[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_int_equal(enrol_secret_check(want, (struct rf_slice){answer, 32}, NULL),
				 RF_E_MISMATCH);
		answer[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
}

static void derivations_have_limits(void **state)
{
	static const uint8_t wide[81];
	uint8_t out[65];
	struct enrol_kdf kdf = {ATTEST_SHA256, {wide, 32}, "IDENTITY", {wide, 81}, {0}};

	(void)state;
	assert_int_equal(enrol_kdfe(hasher, &kdf, out, 32), RF_E_LIMIT);
	kdf.u.len = 80;
	assert_int_equal(enrol_kdfe(hasher, &kdf, out, 32), 0);
	assert_int_equal(enrol_kdfe(hasher, &kdf, out, 33), RF_E_LIMIT);
	assert_int_equal(enrol_kdfa(&kdf, out, 33), RF_E_LIMIT);
	kdf.alg = 0x27;
	assert_int_equal(enrol_kdfa(&kdf, out, 1), RF_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tpm_activates_what_we_make),
		cmocka_unit_test(many_ephemeral_keys_all_work),
		cmocka_unit_test(every_bent_bit_and_another_name_is_refused),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(a_point_off_the_curve_gets_no_credential),
		cmocka_unit_test(secrets_are_compared_whole),
		cmocka_unit_test(derivations_have_limits),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
