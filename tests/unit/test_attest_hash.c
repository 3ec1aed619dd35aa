/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing: known answers of FIPS 180-4 ("abc"), names, extending, unknown algorithms. */
#include "attest/hash.h"
#include "test_base.h"

static const struct {
	uint16_t alg;
	const char *name;
	size_t size;
	const char *abc;
} cases[] = {
	{ATTEST_SHA1, "sha1", 20, "a9993e364706816aba3e25717850c26c9cd0d89d"},
	{ATTEST_SHA256, "sha256", 32,
	 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{ATTEST_SHA384, "sha384", 48,
	 "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca1"
	 "34c825a7"},
	{ATTEST_SHA512, "sha512", 64,
	 "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23"
	 "a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
	{ATTEST_SM3, "sm3", 32, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
};

static void known_answers(void **state)
{
	struct attest_hasher *hasher = NULL;

	(void)state;
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf hex = {0};
		uint8_t out[ATTEST_MAX_DIGEST];
		char name[16];

		assert_int_equal(attest_digest_size(cases[i].alg), cases[i].size);
		assert_string_equal(attest_alg_name(cases[i].alg, name), cases[i].name);
		assert_int_equal(attest_alg_of_name(cases[i].name), cases[i].alg);
		/* Twice: a context that is used again must start afresh. */
		for (int turn = 0; turn < 2; turn++) {
			int rc = attest_hash(hasher, cases[i].alg, rf_slice_text("a"),
					     rf_slice_text("bc"), out);

			if (rc == RF_E_UNSUPPORTED && cases[i].alg == ATTEST_SM3)
				break;
			assert_int_equal(rc, 0);
			rf_buf_reset(&hex);
			rf_buf_add_hex(&hex, out, cases[i].size);
			assert_string_equal(rf_buf_text(&hex), cases[i].abc);
		}
	}
	attest_hasher_free(hasher);
}

static void extends_in_place(void **state)
{
	struct attest_hasher *hasher = NULL;
	uint8_t value[ATTEST_MAX_DIGEST] = {0}, want[ATTEST_MAX_DIGEST];
	static const uint8_t zeros[32], event[32] = {1, 2, 3};

	(void)state;
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	assert_int_equal(attest_hash(hasher, ATTEST_SHA256, (struct rf_slice){zeros, 32},
				     (struct rf_slice){event, 32}, want),
			 0);
	assert_int_equal(attest_extend(hasher, ATTEST_SHA256, value, (struct rf_slice){event, 32}),
			 0);
	assert_memory_equal(value, want, 32);
	attest_hasher_free(hasher);
}

static void unknown_algorithms_are_carried_not_computed(void **state)
{
	struct attest_hasher *hasher = NULL;
	uint8_t out[ATTEST_MAX_DIGEST] = {7};
	char name[16];

	(void)state;
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	assert_int_equal(attest_digest_size(0x0027), 0);
	assert_string_equal(attest_alg_name(0x0027, name), "alg-0x0027");
	assert_int_equal(attest_alg_of_name("md5"), 0);
	assert_int_equal(attest_alg_of_name(NULL), 0);
	assert_int_equal(attest_hash(hasher, 0x0027, rf_slice_text("a"), rf_slice_text(""), out),
			 RF_E_UNSUPPORTED);
	assert_int_equal(out[0], 7);
	attest_hasher_free(hasher);
	attest_hasher_free(NULL);
}

static void survives_no_memory(void **state)
{
	struct attest_hasher *hasher = NULL;
	struct rf_err err = {0};

	(void)state;
	rf_alloc_fail_after(1);
	assert_int_equal(attest_hasher_new(&hasher, &err), RF_E_CRYPTO);
	rf_alloc_fail_after(0);
	assert_null(hasher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(extends_in_place),
		cmocka_unit_test(unknown_algorithms_are_carried_not_computed),
		cmocka_unit_test(survives_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
