/* SPDX-License-Identifier: Apache-2.0 */
/* GRUB's environment block: read as GRUB reads it, also where it is broken or hostile. */
#include "attest_test.h"

#include "attest/grubenv.h"
#include "base/str.h"

#define HEAD "# GRUB Environment Block\n"

static struct rf_slice text(const char *s)
{
	return rf_slice_text(s);
}

static void values_are_those_that_grub_sees(void **state)
{
	static const struct {
		const char *name, *block, *wanted, *value;
		bool broken;
	} rows[] = {
		{"as grub-editenv makes it", HEAD "saved_entry=1>2\nnext_entry=Debian\n#######",
		 "next_entry", "Debian", false},
		{"empty", HEAD "##########", "saved_entry", NULL, false},
		{"no padding", HEAD, "saved_entry", NULL, false},
		{"an empty value", HEAD "next_entry=\n###", "next_entry", "", false},
		{"the last of two counts", HEAD "a=1\nb=2\na=3\n##", "a", "3", false},
		{"an escaped line's end", HEAD "a=1\\\n2\nb=3\n", "a", "1\n2", false},
		{"an escaped backslash", HEAD "a=1\\\\2\n", "a", "1\\2", false},
		{"an equals sign in a value", HEAD "a=b=c\n", "a", "b=c", false},
		{"a line without one joins the next name", HEAD "junk\nnext_entry=1\n",
		 "next_entry", NULL, false},
		{"so does an empty line", HEAD "\nnext_entry=1\n", "next_entry", NULL, false},
		{"no name", HEAD "=1\nb=2\n", "b", "2", false},
		{"a blank belongs to the name", HEAD " a=1\n", "a", NULL, false},
		{"padding in the middle", HEAD "##a=1\nb=2\n", "a", NULL, false},
		{"behind padding", HEAD "##a=1\nb=2\n", "b", "2", false},
		{"padding with an escaped end", HEAD "#\\\nb=2\n", "b", NULL, false},
		{"no end", HEAD "a=1\nb=2", "b", NULL, true},
		{"before one without an end", HEAD "a=1\nb=2", "a", "1", true},
		{"a backslash at the end", HEAD "a=1\nb=2\\", "b", NULL, true},
		{"no equals sign at all", HEAD "abc", "abc", NULL, true},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		static struct grubenv env;

		assert_int_equal(grubenv_parse(text(rows[i].block), &env, NULL), 0);
		const char *got = grubenv_value(&env, rows[i].wanted);

		if (!rf_equal(got, rows[i].value) || env.broken != rows[i].broken)
			fail_msg("%s: %s", rows[i].name, got ? got : "none");
	}
}

static void a_nul_ends_a_text(void **state)
{
	static const char block[] = HEAD "a=1\0002\nb\0c=3\n";
	static struct grubenv env;

	(void)state;
	assert_int_equal(grubenv_parse((struct rf_slice){(const uint8_t *)block, sizeof(block) - 1},
				       &env, NULL),
			 0);
	assert_string_equal(grubenv_value(&env, "a"), "1");
	assert_string_equal(grubenv_value(&env, "b"), "3");
}

static void what_is_no_block_is_refused(void **state)
{
	RF_AUTOBUF struct rf_buf many = {0}, name = {0}, value = {0}, large = {0}, most = {0};
	static struct grubenv env, before;

	(void)state;
	rf_buf_add_text(&many, HEAD);
	for (size_t i = 0; i <= GRUBENV_MAX_VARIABLES; i++) {
		if (i == GRUBENV_MAX_VARIABLES)
			rf_buf_add(&most, many.data, many.len);
		rf_buf_printf(&many, "v%zu=1\n", i);
	}
	rf_buf_printf(&name, HEAD "%064d=1\n", 0);
	rf_buf_printf(&value, HEAD "a=%0512d\n", 0);
	rf_buf_printf(&large, HEAD "%08192d", 0);
	const struct {
		const char *name;
		struct rf_slice block;
		int rc;
	} rows[] = {
		{"nothing", text(""), RF_E_SYNTAX},
		{"half a signature", text("# GRUB Env"), RF_E_SYNTAX},
		{"another signature", text("# GRUB environment block\na=1\n"), RF_E_SYNTAX},
		{"an older format", text("GeNv\1\2a=1"), RF_E_SYNTAX},
		{"too many", rf_buf_slice(&many), RF_E_LIMIT},
		{"a name too long", rf_buf_slice(&name), RF_E_LIMIT},
		{"a value too long", rf_buf_slice(&value), RF_E_LIMIT},
		{"a block too long", rf_buf_slice(&large), RF_E_LIMIT},
	};

	memset(&env, 0x5a, sizeof(env));
	before = env;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct rf_err err = {0};

		if (grubenv_parse(rows[i].block, &env, &err) != rows[i].rc ||
		    memcmp(&env, &before, sizeof(env)) != 0 || !rf_err_text(&err)[0])
			fail_msg("%s: %s", rows[i].name, rf_err_text(&err));
	}
	assert_int_equal(grubenv_parse(rf_buf_slice(&most), &env, NULL), 0);
	assert_int_equal(env.count, GRUBENV_MAX_VARIABLES);
}

static void no_memory_is_told(void **state)
{
	static struct grubenv env;

	(void)state;
	rf_alloc_fail_after(1);
	int rc = grubenv_parse(text(HEAD), &env, NULL);

	rf_alloc_fail_after(0);
	assert_int_equal(rc, -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_those_that_grub_sees),
		cmocka_unit_test(a_nul_ends_a_text),
		cmocka_unit_test(what_is_no_block_is_refused),
		cmocka_unit_test(no_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
