/* SPDX-License-Identifier: Apache-2.0 */
/* The kept policy: what is written is read back; anything else is refused whole. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/applied.h"

#define YAML "isolate: 1\nzones:\n  web: {}\n"

static void encode(struct rf_buf *out)
{
	struct policy_numbers numbers = {.count = 2};

	rf_copy(numbers.items[0].name, sizeof(numbers.items[0].name), "web");
	numbers.items[0].number = 1;
	rf_copy(numbers.items[1].name, sizeof(numbers.items[1].name), "data base");
	numbers.items[1].number = GUARD_ZONES - 1;
	assert_int_equal(applied_encode(&numbers, rf_slice_text(YAML), out), 0);
}

static void reads_what_it_wrote(void **state)
{
	static struct policy_numbers numbers;
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct rf_slice yaml;

	(void)state;
	encode(&bytes);
	assert_int_equal(applied_decode(rf_buf_slice(&bytes), &numbers, &yaml, NULL), 0);
	assert_int_equal(numbers.count, 2);
	assert_string_equal(numbers.items[1].name, "data base");
	assert_int_equal(numbers.items[1].number, GUARD_ZONES - 1);
	assert_true(rf_slice_equal(yaml, rf_slice_text(YAML)));
}

static void nothing_was_kept(void **state)
{
	static struct policy_numbers numbers = {.count = 5};
	struct rf_slice yaml;

	(void)state;
	assert_int_equal(applied_decode((struct rf_slice){0}, &numbers, &yaml, NULL), 0);
	assert_int_equal(numbers.count, 0);
	assert_int_equal(yaml.len, 0);
}

static void the_policy_in_force_is_parsed(void **state)
{
	static struct policy_numbers numbers;
	RF_AUTOBUF struct rf_buf good = {0}, bad = {0};
	struct policy *policy = NULL, *none = NULL;
	struct rf_slice yaml;
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(
		applied_encode(&numbers, rf_slice_text("isolate: 1\nassignments: []\n"), &good), 0);
	assert_int_equal(applied_parse(rf_buf_slice(&good), &numbers, &yaml, &policy, NULL), 0);
	assert_non_null(policy);
	policy_free(policy);
	assert_int_equal(applied_parse((struct rf_slice){0}, &numbers, &yaml, &none, NULL), 0);
	assert_null(none);
	assert_int_equal(applied_encode(&numbers, rf_slice_text("isolate: nonsense\n"), &bad), 0);
	assert_true(applied_parse(rf_buf_slice(&bad), &numbers, &yaml, &none, &err) < 0);
	assert_null(none);
	assert_non_null(strstr(rf_err_text(&err), APPLIED_TITLE));
}

static void cut_anywhere_is_refused(void **state)
{
	static struct policy_numbers numbers;
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct rf_slice yaml;

	(void)state;
	encode(&bytes);
	for (size_t len = 1; len < bytes.len; len++) {
		/* Exactly so long: a read beyond it is seen by the sanitizers. */
		RF_AUTOFREE uint8_t *copy = rf_alloc(len, 1);

		assert_non_null(copy);
		memcpy(copy, bytes.data, len);
		assert_int_equal(
			applied_decode((struct rf_slice){copy, len}, &numbers, &yaml, NULL),
			RF_E_SYNTAX);
		assert_int_equal(numbers.count, 0);
	}
}

static void hostile_files_are_refused(void **state)
{
	static const char *const bad[] = {
		"ringfence-isolate 2\npolicy 0\n",
		"ringfence-isolate 1\npolicy 1\n",
		"ringfence-isolate 1\npolicy -1\n",
		"ringfence-isolate 1\npolicy 99999999999\n",
		"ringfence-isolate 1\npolicy 0\nx",
		"ringfence-isolate 1\nzone web\npolicy 0\n",
		"ringfence-isolate 1\nzone  1\npolicy 0\n",
		"ringfence-isolate 1\nzone web 0\npolicy 0\n",
		"ringfence-isolate 1\nzone web 65536\npolicy 0\n",
		"ringfence-isolate 1\nzone web 1",
		"\n\n\n",
	};
	static struct policy_numbers numbers;
	RF_AUTOBUF struct rf_buf many = {0};
	struct rf_slice yaml;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(bad); i++)
		if (applied_decode(rf_slice_text(bad[i]), &numbers, &yaml, NULL) != RF_E_SYNTAX)
			fail_msg("taken: %s", bad[i]);
	/* More zones than there can be. */
	rf_buf_add_text(&many, "ringfence-isolate 1\n");
	for (size_t i = 0; i <= GUARD_ZONES; i++)
		rf_buf_add_text(&many, "zone web 1\n");
	rf_buf_add_text(&many, "policy 0\n");
	assert_int_equal(applied_decode(rf_buf_slice(&many), &numbers, &yaml, NULL), RF_E_SYNTAX);
	assert_int_equal(numbers.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(nothing_was_kept),
		cmocka_unit_test(the_policy_in_force_is_parsed),
		cmocka_unit_test(cut_anywhere_is_refused),
		cmocka_unit_test(hostile_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
