/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: texts, wrapping, and that no hostile byte reaches a terminal. */
#include "test_base.h"

static void fills_and_returns_the_code(void **state)
{
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(rf_fail(&err, -ENOENT, "file %s", "/x"), -ENOENT);
	assert_string_equal(rf_err_text(&err), "file /x");
	assert_int_equal(rf_fail(NULL, RF_E_LIMIT, "nobody asks"), RF_E_LIMIT);
}

static void wraps_from_the_outside(void **state)
{
	struct rf_err err = {0};

	(void)state;
	rf_fail(&err, RF_E_SYNTAX, "event 41: 9 digests, the header allows 5");
	assert_int_equal(rf_wrap(&err, RF_E_SYNTAX, "host %s", "web-3"), RF_E_SYNTAX);
	assert_string_equal(rf_err_text(&err),
			    "host web-3: event 41: 9 digests, the header allows 5");
}

static void wraps_a_bare_code(void **state)
{
	struct rf_err err = {0};

	(void)state;
	rf_wrap(&err, -EACCES, "/etc/shadow");
	assert_string_equal(rf_err_text(&err), "/etc/shadow: Permission denied");
}

static void shortens_what_is_too_long(void **state)
{
	struct rf_err err = {0};
	char big[2000];

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	rf_fail(&err, -EINVAL, "%s", big);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_true(rf_ends(err.text, "..."));
	rf_wrap(&err, -EINVAL, "%s", big);
	assert_true(rf_ends(err.text, "..."));
}

static void makes_control_characters_visible(void **state)
{
	struct rf_err err = {0};

	(void)state;
	rf_fail(&err, -EINVAL, "a\033[31mb\nc\x7f");
	assert_string_equal(err.text, "a?[31mb?c?");
}

static void every_code_has_text_and_exit(void **state)
{
	static const struct {
		int code;
		const char *text;
		int exit, http;
	} rows[] = {
		{0, "no error", 0, 200},
		{RF_E_USAGE, "wrong use", 64, 400},
		{RF_E_TIMEOUT, "took too long", 1, 504},
		{-ENOENT, "No such file or directory", 1, 500},
		{-99999, "unknown error", 1, 500},
		{5, "unknown error", 1, 500},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		assert_string_equal(rf_code_text(rows[i].code), rows[i].text);
		assert_int_equal(rf_code_exit(rows[i].code), rows[i].exit);
		assert_int_equal(rf_code_http(rows[i].code), rows[i].http);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_and_returns_the_code),
		cmocka_unit_test(wraps_from_the_outside),
		cmocka_unit_test(wraps_a_bare_code),
		cmocka_unit_test(shortens_what_is_too_long),
		cmocka_unit_test(makes_control_characters_visible),
		cmocka_unit_test(every_code_has_text_and_exit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
