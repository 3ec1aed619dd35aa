/* SPDX-License-Identifier: Apache-2.0 */
/* Text helpers: numbers, words, UTF-8, visibility. */
#include <locale.h>

#include "test_base.h"

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int base, rc;
		int64_t min, max, want;
	} rows[] = {
		{"0", 10, 0, 0, 9, 0},
		{"9", 10, 0, 0, 9, 9},
		{"10", 10, RF_E_LIMIT, 0, 9, 0},
		{"-1", 10, RF_E_LIMIT, 0, 9, 0},
		{"-1", 10, 0, -5, 9, -1},
		{"", 10, RF_E_SYNTAX, 0, 9, 0},
		{" 1", 10, RF_E_SYNTAX, 0, 9, 0},
		{"+1", 10, RF_E_SYNTAX, 0, 9, 0},
		{"1 ", 10, RF_E_SYNTAX, 0, 9, 0},
		{"0x1f", 0, 0, 0, 99, 31},
		{"010", 0, 0, 0, 99, 10},
		{"ff", 16, 0, 0, 255, 255},
		{"755", 8, 0, 0, 4095, 493},
		{"9223372036854775807", 10, 0, INT64_MIN, INT64_MAX, INT64_MAX},
		{"9223372036854775808", 10, RF_E_LIMIT, INT64_MIN, INT64_MAX, 0},
		{"12x", 10, RF_E_SYNTAX, 0, 99, 0},
		{"--1", 10, RF_E_SYNTAX, -9, 99, 0},
		{"-", 10, RF_E_SYNTAX, -9, 99, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		int64_t out = 4711;

		assert_int_equal(rf_num(rows[i].text, rows[i].base, rows[i].min, rows[i].max, &out),
				 rows[i].rc);
		assert_int_equal(out, rows[i].rc ? 4711 : rows[i].want);
	}
}

static void truth(void **state)
{
	(void)state;
	assert_int_equal(rf_truth("TRUE"), 1);
	assert_int_equal(rf_truth("on"), 1);
	assert_int_equal(rf_truth("Enabled"), 1);
	assert_int_equal(rf_truth("0"), 0);
	assert_int_equal(rf_truth("No"), 0);
	assert_int_equal(rf_truth(""), -1);
	assert_int_equal(rf_truth("2"), -1);
	assert_int_equal(rf_truth(NULL), -1);
}

static void lines_and_words(void **state)
{
	char text[] = "one two\r\n\n three\tfour", *cursor = text;
	char words[] = "  a  bb\tc ", *at = words;

	(void)state;
	assert_string_equal(rf_line_next(&cursor), "one two");
	assert_string_equal(rf_line_next(&cursor), "");
	assert_string_equal(rf_line_next(&cursor), " three\tfour");
	assert_null(rf_line_next(&cursor));
	assert_string_equal(rf_word_next(&at), "a");
	assert_string_equal(rf_word_next(&at), "bb");
	assert_string_equal(rf_word_next(&at), "c");
	assert_null(rf_word_next(&at));
	assert_null(rf_word_next(&at));
}

static void trim_and_ends(void **state)
{
	char text[] = " \t a b \n", blank[] = "   ";

	(void)state;
	assert_string_equal(rf_trim(text), "a b");
	assert_string_equal(rf_trim(blank), "");
	assert_true(rf_starts("abc", "ab"));
	assert_false(rf_starts("a", "ab"));
	assert_true(rf_ends("abc", "bc"));
	assert_false(rf_ends("c", "bc"));
	assert_true(rf_equal(NULL, NULL));
	assert_false(rf_equal("a", NULL));
	assert_true(rf_equal_nocase("SSHD", "sshd"));
	assert_false(rf_equal_nocase("sshd", "ssh"));
	assert_true(rf_glob("vm.*", "vm.nic.forged"));
	assert_false(rf_glob("vm.*", "vmx.nic"));
}

static void globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} rows[] = {
		{"", "", true},		 {"", "a", false},
		{"*", "", true},	 {"a*c", "abbc", true},
		{"a*c", "abcb", false},	 {"*a*b*", "xxaxxbxx", true},
		{"?", "", false},	 {"?b", "ab", true},
		{"[a-c]x", "bx", true},	 {"[a-c]x", "dx", false},
		{"[!a]x", "bx", true},	 {"[!a]x", "ax", false},
		{"[]]", "]", true},	 {"[a-]", "-", true},
		{"[a", "a", false},	 {"vm.*.x", "vm.a.b.x", true},
		{"**", "ab", true},	 {"a/*", "a/b/c", true},
		{"*.vmx", ".vmx", true},
	};
	char text[20001];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (rf_glob(rows[i].pattern, rows[i].text) != rows[i].match)
			fail_msg("%s against %s", rows[i].pattern, rows[i].text);
	}
	/* A pattern made to take for ever. */
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(rf_glob("*a*a*a*a*a*a*a*a*a*a*b", text));
}

static void copies_are_cut_and_terminated(void **state)
{
	char out[4];

	(void)state;
	assert_true(rf_copy(out, sizeof(out), "abc"));
	assert_false(rf_copy(out, sizeof(out), "abcd"));
	assert_string_equal(out, "abc");
	assert_false(rf_format(out, sizeof(out), "%d", 12345));
	assert_string_equal(out, "123");
}

static void utf8(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{"plain", true},
		{"Gr\xc3\xbc\xc3\x9f", true},
		{"\xe2\x82\xac", true},
		{"\xf0\x9f\x94\x92", true},
		{"\xc0\xaf", false},
		{"\xe0\x80\x80", false},
		{"\xed\xa0\x80", false},
		{"\xf5\x80\x80\x80", false},
		{"\xc3", false},
		{"\x80", false},
		{"\xf4\x90\x80\x80", false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		assert_int_equal(rf_utf8_valid((const uint8_t *)rows[i].text, strlen(rows[i].text)),
				 rows[i].valid);
	assert_false(rf_utf8_valid((const uint8_t *)"a\0b", 3));
}

static void visible(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	(void)state;
	rf_buf_add_visible(&buf, "a\033[2J\xff\xc2\x9b\xc3\xa9\n", 11);
	assert_string_equal(rf_buf_text(&buf), "a\\x1b[2J\\xff\\xc2\\x9b\xc3\xa9\\x0a");
}

static void hexadecimal(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	uint8_t out[4] = {9, 9, 9, 9};
	size_t len = 77;

	(void)state;
	rf_buf_add_hex(&buf, "\x00\xfe\x10", 3);
	assert_string_equal(rf_buf_text(&buf), "00fe10");
	assert_int_equal(rf_hex_decode("00FE10", out, sizeof(out), &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(out, "\x00\xfe\x10", 3);
	assert_int_equal(rf_hex_decode("0", out, sizeof(out), &len), RF_E_SYNTAX);
	assert_int_equal(rf_hex_decode("zz", out, sizeof(out), &len), RF_E_SYNTAX);
	assert_int_equal(rf_hex_decode("0011223344", out, sizeof(out), &len), RF_E_LIMIT);
}

static void width(void **state)
{
	(void)state;
	setlocale(LC_CTYPE, "C.UTF-8");
	assert_int_equal(rf_width("abc"), 3);
	assert_int_equal(rf_width("\xc3\xa9"), 1);
	assert_int_equal(rf_width("\xe6\xbc\xa2"), 2);
	assert_int_equal(rf_width("a\xff"
				  "b"),
			 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(truth),
		cmocka_unit_test(lines_and_words),
		cmocka_unit_test(trim_and_ends),
		cmocka_unit_test(globs),
		cmocka_unit_test(copies_are_cut_and_terminated),
		cmocka_unit_test(utf8),
		cmocka_unit_test(visible),
		cmocka_unit_test(hexadecimal),
		cmocka_unit_test(width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
