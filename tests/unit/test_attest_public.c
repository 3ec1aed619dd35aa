/* SPDX-License-Identifier: Apache-2.0 */
/* Public areas: both wrappings, names, sizes that lie, and what an AK and an EK must be. */
#include "attest_test.h"

static EVP_PKEY *rsa, *rsa_short, *p256, *p384, *p521;

static int make_keys(void **state)
{
	(void)state;
	rsa = make_rsa(2048);
	rsa_short = make_rsa(1024);
	p256 = make_ecc("P-256");
	p384 = make_ecc("P-384");
	p521 = make_ecc("P-521");
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(rsa_short);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(p521);
	return 0;
}

static void reads_rsa_wrapped_and_bare(void **state)
{
	RF_AUTOBUF struct rf_buf area = {0}, wrapped = {0};
	struct attest_public bare, sized;

	(void)state;
	put_area(&area, rsa, (struct area_options){0});
	put_sized(&wrapped, area.data, area.len);
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &bare, NULL), 0);
	assert_int_equal(attest_public_parse(rf_buf_slice(&wrapped), &sized, NULL), 0);
	assert_int_equal(bare.type, ATTEST_KEY_RSA);
	assert_int_equal(bare.name_alg, ATTEST_SHA256);
	assert_int_equal(bare.attributes, AK_ATTRIBUTES);
	assert_int_equal(bare.scheme, ATTEST_RSASSA);
	assert_int_equal(bare.scheme_hash, ATTEST_SHA256);
	assert_int_equal(bare.symmetric, 0);
	assert_int_equal(bare.modulus.len, 256);
	/* An exponent of 0 is TPM for 65537. */
	assert_int_equal(bare.exponent, 65537);
	assert_true(rf_slice_equal(bare.area, sized.area));
	assert_true(rf_slice_equal(bare.modulus, sized.modulus));
}

static void reads_ecc_and_storage_keys(void **state)
{
	RF_AUTOBUF struct rf_buf ecc = {0}, ek = {0};
	struct attest_public pub;

	(void)state;
	put_area(&ecc, p384, (struct area_options){.hash = ATTEST_SHA384});
	assert_int_equal(attest_public_parse(rf_buf_slice(&ecc), &pub, NULL), 0);
	assert_int_equal(pub.type, ATTEST_KEY_ECC);
	assert_int_equal(pub.curve, 4);
	assert_int_equal(pub.x.len, 48);
	assert_int_equal(pub.y.len, 48);
	put_area(&ek, rsa, (struct area_options){.ek = true, .aes_bits = 256});
	assert_int_equal(attest_public_parse(rf_buf_slice(&ek), &pub, NULL), 0);
	assert_int_equal(pub.symmetric, 6);
	assert_int_equal(pub.symmetric_bits, 256);
	assert_int_equal(pub.symmetric_mode, 0x43);
	assert_int_equal(pub.scheme, 0);
}

static void every_truncation_and_extension_is_refused(void **state)
{
	EVP_PKEY *keys[] = {rsa, p256};

	(void)state;
	for (size_t k = 0; k < RF_COUNT(keys); k++) {
		RF_AUTOBUF struct rf_buf area = {0};

		put_area(&area, keys[k], (struct area_options){0});
		for (size_t len = 0; len < area.len; len++) {
			RF_AUTOBUF struct rf_buf wrapped = {0};
			struct attest_public pub = {.curve = 77};

			put_sized(&wrapped, area.data, len);
			assert_true(attest_public_parse((struct rf_slice){area.data, len}, &pub,
							NULL) < 0);
			assert_true(attest_public_parse(rf_buf_slice(&wrapped), &pub, NULL) < 0);
			assert_int_equal(pub.curve, 77);
		}
		struct attest_public pub;

		rf_buf_add_byte(&area, 0);
		assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), RF_E_SYNTAX);
	}
}

static void lying_rsa_areas_are_refused(void **state)
{
	static const struct {
		const char *name;
		struct area_options o;
		int first, last; /* bytes of the modulus, -1: as it is */
		int code;
	} rows[] = {
		{"4096 bits announced", {.bits = 4096}, -1, -1, RF_E_SYNTAX},
		{"0 bits announced", {.bits = 8}, -1, -1, RF_E_SYNTAX},
		{"leading zeros hide a short modulus", {0}, 0x00, -1, RF_E_SYNTAX},
		{"even modulus", {0}, -1, 0x02, RF_E_SYNTAX},
		{"exponent 1 (anything verifies)", {.exponent = 1}, -1, -1, RF_E_SYNTAX},
		{"exponent 2", {.exponent = 2}, -1, -1, RF_E_SYNTAX},
		{"exponent 65536", {.exponent = 65536}, -1, -1, RF_E_SYNTAX},
		{"exponent 3 is odd, but legal", {.exponent = 3}, -1, -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf area = {0};
		struct attest_public pub;

		put_area(&area, rsa, rows[i].o);
		if (rows[i].first >= 0)
			area.data[area.len - 256] = (uint8_t)rows[i].first;
		if (rows[i].last >= 0)
			area.data[area.len - 1] = (uint8_t)rows[i].last;
		print_message("%s\n", rows[i].name);
		assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL),
				 rows[i].code);
	}
}

static void other_objects_are_refused(void **state)
{
	RF_AUTOBUF struct rf_buf area = {0};
	struct attest_public pub;

	(void)state;
	put_area(&area, rsa, (struct area_options){0});
	area.data[1] = 0x08; /* KEYEDHASH */
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), RF_E_UNSUPPORTED);
}

static void name_is_computed_here(void **state)
{
	RF_AUTOBUF struct rf_buf area = {0}, wrapped = {0};
	struct attest_hasher *hasher = NULL;
	struct attest_public pub;
	uint8_t name[2 + ATTEST_MAX_DIGEST], want[64];
	size_t len = 0;

	(void)state;
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	put_area(&area, p256, (struct area_options){.name_alg = ATTEST_SHA384});
	put_sized(&wrapped, area.data, area.len);
	assert_int_equal(attest_public_parse(rf_buf_slice(&wrapped), &pub, NULL), 0);
	assert_int_equal(attest_public_name(hasher, &pub, name, &len, NULL), 0);
	assert_int_equal(len, 50);
	assert_int_equal(name[0], 0x00);
	assert_int_equal(name[1], 0x0c);
	assert_int_equal(EVP_Q_digest(NULL, "SHA384", NULL, area.data, area.len, want, NULL), 1);
	assert_memory_equal(name + 2, want, 48);
	pub.name_alg = 0x10;
	assert_int_equal(attest_public_name(hasher, &pub, name, &len, NULL), RF_E_UNSUPPORTED);
	attest_hasher_free(hasher);
}

static const struct {
	const char *name;
	EVP_PKEY **key;
	struct area_options o;
	int code;
	const char *says;
} ak_rows[] = {
	{"RSA 2048", &rsa, {0}, 0, ""},
	{"RSA PSS SHA-384", &rsa, {.scheme = ATTEST_RSAPSS, .hash = ATTEST_SHA384}, 0, ""},
	{"P-256", &p256, {0}, 0, ""},
	{"P-384", &p384, {.hash = ATTEST_SHA384}, 0, ""},
	{"stClear as well", &rsa, {.attributes = 0x50076}, 0, ""},
	{"not fixedTPM", &rsa, {.attributes = 0x50070}, RF_E_DENIED, "fixedTPM must be set"},
	{"not fixedParent", &rsa, {.attributes = 0x50062}, RF_E_DENIED, "fixedParent must be set"},
	{"imported", &rsa, {.attributes = 0x50052}, RF_E_DENIED, "sensitiveDataOrigin must be set"},
	{"unrestricted (signs forged quotes)",
	 &rsa,
	 {.attributes = 0x40072},
	 RF_E_DENIED,
	 "restricted must be set"},
	{"does not sign", &rsa, {.attributes = 0x10072}, RF_E_DENIED, "sign must be set"},
	{"decrypts, too", &rsa, {.attributes = 0x70072}, RF_E_DENIED, "decrypt must not be set"},
	{"RSA 1024", &rsa_short, {0}, RF_E_DENIED, "RSA of 1024 bits"},
	{"P-521", &p521, {.curve = 5}, RF_E_UNSUPPORTED, "curve 0x0005"},
	{"unknown curve (go-attestation 2026)",
	 &p256,
	 {.curve = 0x7777},
	 RF_E_UNSUPPORTED,
	 "curve 0x7777"},
	{"signs with SHA-1", &rsa, {.hash = ATTEST_SHA1}, RF_E_DENIED, "hash 0x0004"},
	{"signs with an unknown hash", &rsa, {.hash = 0x27}, RF_E_DENIED, "hash 0x0027"},
	{"RSA key with an ECC scheme",
	 &rsa,
	 {.scheme = ATTEST_ECDSA},
	 RF_E_UNSUPPORTED,
	 "scheme 0x0018 does not fit"},
	{"ECC key with an RSA scheme",
	 &p256,
	 {.scheme = ATTEST_RSASSA},
	 RF_E_UNSUPPORTED,
	 "scheme 0x0014 does not fit"},
	{"name of SHA-1", &rsa, {.name_alg = ATTEST_SHA1}, RF_E_DENIED, "name's hash"},
	{"no name", &rsa, {.name_alg = 0x10}, RF_E_DENIED, "name's hash"},
	{"an endorsement key", &rsa, {.ek = true}, RF_E_DENIED, "sign must be set"},
};

static void attestation_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(ak_rows); i++) {
		RF_AUTOBUF struct rf_buf area = {0};
		struct attest_public pub;
		struct rf_err err = {0};

		print_message("%s\n", ak_rows[i].name);
		put_area(&area, *ak_rows[i].key, ak_rows[i].o);
		assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), 0);
		assert_int_equal(attest_ak_check(&pub, &err), ak_rows[i].code);
		assert_non_null(strstr(err.text, ak_rows[i].says));
	}
}

static void endorsement_keys(void **state)
{
	static const struct {
		const char *name;
		EVP_PKEY **key;
		struct area_options o;
		int code;
		const char *says;
	} rows[] = {
		{"RSA", &rsa, {.ek = true}, 0, ""},
		{"P-384 AES-256", &p384, {.ek = true, .aes_bits = 256}, 0, ""},
		{"signs", &rsa, {.ek = true, .attributes = 0x700b2}, RF_E_DENIED, "sign must not"},
		{"not restricted (would decrypt for anybody)",
		 &rsa,
		 {.ek = true, .attributes = 0x200b2},
		 RF_E_DENIED,
		 "restricted must be set"},
		{"AES-192", &rsa, {.ek = true, .aes_bits = 192}, RF_E_UNSUPPORTED, "AES of 192"},
		{"RSA 1024", &rsa_short, {.ek = true}, RF_E_DENIED, "RSA of 1024 bits"},
		{"an attestation key", &rsa, {0}, RF_E_DENIED, "sign must not"},
		{"no cipher",
		 &rsa,
		 {.attributes = EK_ATTRIBUTES},
		 RF_E_UNSUPPORTED,
		 "protects with cipher"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf area = {0};
		struct attest_public pub;
		struct rf_err err = {0};

		print_message("%s\n", rows[i].name);
		put_area(&area, *rows[i].key, rows[i].o);
		assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), 0);
		assert_int_equal(attest_ek_check(&pub, &err), rows[i].code);
		assert_non_null(strstr(err.text, rows[i].says));
	}
}

static void points_off_the_curve_are_refused(void **state)
{
	RF_AUTOBUF struct rf_buf area = {0};
	struct attest_public pub;
	struct attest_key *key = NULL;
	struct rf_err err = {0};

	(void)state;
	put_area(&area, p256, (struct area_options){0});
	area.data[area.len - 1] ^= 1;
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), 0);
	assert_int_equal(attest_key_new(&pub, &key, &err), RF_E_SYNTAX);
	assert_non_null(strstr(err.text, "not on its curve"));
	assert_null(key);
	/* Zeros stand for no point either. */
	memset(area.data + area.len - 32, 0, 32);
	memset(area.data + area.len - 66, 0, 32);
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), 0);
	assert_int_equal(attest_key_new(&pub, &key, NULL), RF_E_SYNTAX);
}

static void keys_that_cannot_verify_are_refused(void **state)
{
	static const struct {
		EVP_PKEY **key;
		uint16_t curve;
		int code;
	} rows[] = {
		{&rsa_short, 0, RF_E_DENIED},
		{&p256, 0x7777, RF_E_UNSUPPORTED},
		{&p521, 4, RF_E_SYNTAX}, /* a point larger than the curve */
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf area = {0};
		struct attest_public pub;
		struct attest_key *key = NULL;

		put_area(&area, *rows[i].key, (struct area_options){.curve = rows[i].curve});
		assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), 0);
		assert_int_equal(attest_key_new(&pub, &key, NULL), rows[i].code);
		assert_null(key);
	}
	attest_key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_rsa_wrapped_and_bare),
		cmocka_unit_test(reads_ecc_and_storage_keys),
		cmocka_unit_test(every_truncation_and_extension_is_refused),
		cmocka_unit_test(lying_rsa_areas_are_refused),
		cmocka_unit_test(other_objects_are_refused),
		cmocka_unit_test(name_is_computed_here),
		cmocka_unit_test(attestation_keys),
		cmocka_unit_test(endorsement_keys),
		cmocka_unit_test(points_off_the_curve_are_refused),
		cmocka_unit_test(keys_that_cannot_verify_are_refused),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
