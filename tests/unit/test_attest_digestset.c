/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of allowed digests: what goes in comes out, nothing else; texts; limits. */
#include "attest/digestset.h"
#include "test_base.h"

static struct rf_slice digest_of(uint32_t n, uint8_t out[32])
{
	memset(out, 0, 32);
	/* All alike but for four bytes: the worst that a hostile host could choose. */
	memcpy(out + 28, &n, sizeof(n));
	return (struct rf_slice){out, 32};
}

static void what_goes_in_comes_out(void **state)
{
	struct digestset *set = NULL;
	uint8_t d[32];
	uint32_t value = 0;

	(void)state;
	assert_int_equal(digestset_new(20000, &set, NULL), 0);
	assert_true(digestset_bytes(set) <= 48 * 20000 + 1024);
	for (uint32_t i = 0; i < 20000; i++)
		assert_int_equal(digestset_add(set, ATTEST_SHA256, digest_of(i, d), i + 7), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		assert_true(digestset_has(set, ATTEST_SHA256, digest_of(i, d), &value));
		assert_int_equal(value, i + 7);
		assert_false(digestset_has(set, ATTEST_SHA256, digest_of(i + 20000, d), &value));
		assert_int_equal(value, i + 7);
	}
	/* The same bytes of another algorithm are another digest. */
	assert_false(digestset_has(set, ATTEST_SM3, digest_of(1, d), NULL));
	/* What is there keeps its number; what is new no longer fits. */
	assert_int_equal(digestset_add(set, ATTEST_SHA256, digest_of(1, d), 1), 0);
	assert_true(digestset_has(set, ATTEST_SHA256, digest_of(1, d), &value));
	assert_int_equal(value, 8);
	assert_int_equal(digestset_add(set, ATTEST_SHA256, digest_of(20000, d), 1), RF_E_LIMIT);
	assert_int_equal(digestset_count(set), 20000);
	digestset_free(set);
	digestset_free(NULL);
}

static void odd_digests_are_refused(void **state)
{
	static const uint8_t long_one[65];
	struct digestset *set = NULL;

	(void)state;
	assert_int_equal(digestset_new(DIGESTSET_MAX + 1u, &set, NULL), RF_E_LIMIT);
	rf_alloc_fail_after(1);
	assert_int_equal(digestset_new(1, &set, NULL), -ENOMEM);
	assert_null(set);
	assert_int_equal(digestset_new(0, &set, NULL), 0);
	assert_false(digestset_has(set, ATTEST_SHA1, rf_slice_text("x"), NULL));
	assert_int_equal(digestset_add(set, ATTEST_SHA1, rf_slice_text("x"), 0), RF_E_LIMIT);
	assert_int_equal(digestset_add(set, 0, rf_slice_text("x"), 0), RF_E_SYNTAX);
	assert_int_equal(digestset_add(set, 0x104, rf_slice_text("x"), 0), RF_E_SYNTAX);
	assert_int_equal(digestset_add(set, ATTEST_SHA1, (struct rf_slice){0}, 0), RF_E_SYNTAX);
	assert_int_equal(digestset_add(set, ATTEST_SHA1, (struct rf_slice){long_one, 65}, 0),
			 RF_E_SYNTAX);
	assert_false(digestset_has(set, 0, rf_slice_text("x"), NULL));
	digestset_free(set);
}

#define SHA1_A	 "0123456789abcdef0123456789abcdef01234567"
#define SHA256_A SHA1_A "89ABCDEF0123456789abcdef"

static void texts_are_loaded(void **state)
{
	static const char text[] = "# allowed\n\n"
				   "sha256:" SHA256_A "  usr/bin/a b \r\n" SHA1_A " *b\n"
				   "   \n"
				   "sha1:" SHA1_A " again\n"
				   "sha384:" SHA256_A "0123456789abcdef0123456789abcdef";
	struct rf_slice in = rf_slice_text(text);
	struct digestset *set = NULL;
	uint8_t d[64];
	size_t len;
	uint32_t value;

	(void)state;
	assert_int_equal(digestset_load(in, &set, NULL), 0);
	assert_int_equal(digestset_count(set), 3);
	assert_int_equal(rf_hex_decode(SHA256_A, d, sizeof(d), &len), 0);
	assert_true(digestset_has(set, ATTEST_SHA256, (struct rf_slice){d, 32}, &value));
	struct rf_slice label = digestset_label(in, value);

	assert_true(rf_slice_equal(label, rf_slice_text("usr/bin/a b")));
	assert_true(digestset_has(set, ATTEST_SHA1, (struct rf_slice){d, 20}, &value));
	assert_true(rf_slice_equal(digestset_label(in, value), rf_slice_text("*b")));
	assert_int_equal(
		rf_hex_decode(SHA256_A "0123456789abcdef0123456789abcdef", d, sizeof(d), &len), 0);
	assert_true(digestset_has(set, ATTEST_SHA384, (struct rf_slice){d, 48}, &value));
	assert_int_equal(digestset_label(in, value).len, 0);
	assert_int_equal(digestset_label(in, UINT32_MAX).len, 0);
	digestset_free(set);
	assert_int_equal(digestset_load((struct rf_slice){0}, &set, NULL), 0);
	assert_int_equal(digestset_count(set), 0);
	digestset_free(set);
}

static void bad_lines_are_named(void **state)
{
	static const struct {
		const char *text;
		int want;
		const char *says;
	} cases[] = {
		{"hello", RF_E_SYNTAX, "line 1:"},
		{"\n\nsha256:" SHA1_A, RF_E_SYNTAX, "line 3:"},
		{"sha257:" SHA256_A, RF_E_UNKNOWN, "line 1:"},
		{SHA1_A "0", RF_E_SYNTAX, "line 1:"},
		{SHA1_A "xx", RF_E_SYNTAX, "line 1:"},
		{"sha256:", RF_E_SYNTAX, "line 1:"},
		{":" SHA1_A, RF_E_UNKNOWN, "line 1:"},
		{SHA1_A "\n" SHA256_A SHA256_A "00", RF_E_SYNTAX, "line 2:"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct digestset *set = NULL;
		struct rf_err err = {0};

		if (digestset_load(rf_slice_text(cases[i].text), &set, &err) != cases[i].want ||
		    !strstr(err.text, cases[i].says) || set)
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(odd_digests_are_refused),
		cmocka_unit_test(texts_are_loaded),
		cmocka_unit_test(bad_lines_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
