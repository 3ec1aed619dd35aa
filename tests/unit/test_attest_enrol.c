/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment: a TPM of the test's own activates what we make, with OpenSSL's KBKDF and SSKDF as an
 * independent second opinion on the derivations; every bent bit makes it refuse.
 */
#include "activate_test.h"

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
