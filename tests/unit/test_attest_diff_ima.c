/* SPDX-License-Identifier: Apache-2.0 */
/* IMA lists of two boots: what ran that did not run before, and what ran with other contents. */
#include "baseline_test.h"

#include "attest/diff.h"

struct run {
	const char *path, *contents; /* "": a violation */
};

static void make_list(const struct run *runs, struct rf_buf *bytes, struct ima_list *out)
{
	for (; runs->path; runs++)
		put_ng(bytes, runs->path, runs->contents);
	assert_int_equal(ima_open(rf_buf_slice(bytes), 20, out, NULL), 0);
}

static const struct run before[] = {{"boot_aggregate", "a"},
				    {"/bin/true", "true"},
				    {"/bin/two", "1"},
				    {"/bin/two", "2"},
				    {"/var/x", ""},
				    {"/usr/lib/modules/6.1.0-55/kernel/a.ko", "a"},
				    {NULL, NULL}};

static const struct {
	const char *name;
	struct run now[5];
	size_t count;
	enum reason_id id;
	const char *subject, *detail;
} rows[] = {
	{"nothing ran", {{NULL, NULL}}, 0, 0, "", ""},
	{"the same in another order",
	 {{"/bin/two", "2"}, {"/bin/true", "true"}, {"boot_aggregate", "b"}, {"/var/x", ""}},
	 0,
	 0,
	 "",
	 ""},
	{"another program", {{"/bin/evil", "x"}}, 1, REASON_IMA_UNKNOWN_FILE, "/bin/evil", ""},
	{"one program twice",
	 {{"/bin/evil", "x"}, {"/bin/evil", "y"}},
	 1,
	 REASON_IMA_UNKNOWN_FILE,
	 "/bin/evil",
	 ""},
	{"other contents", {{"/bin/true", "false"}}, 1, REASON_IMA_CHANGED_FILE, "/bin/true", ""},
	{"contents that are not known",
	 {{"/bin/true", ""}},
	 1,
	 REASON_IMA_VIOLATION,
	 "/bin/true",
	 ""},
	{"a path with what cannot be seen",
	 {{"/bin/\033[2Jx", "x"}},
	 1,
	 REASON_IMA_UNKNOWN_FILE,
	 "/bin/\\x1b[2Jx",
	 ""},
	{"the modules of another kernel",
	 {{"/usr/lib/modules/6.1.0-56/kernel/a.ko", "b"},
	  {"/usr/lib/modules/6.1.0-56/kernel/b.ko", "c"}},
	 1,
	 REASON_IMA_UNKNOWN_FILE,
	 "/usr/lib/modules/6.1.0-56/*",
	 "2 modules of a kernel that did not run before"},
	{"a module more of the same kernel",
	 {{"/usr/lib/modules/6.1.0-55/kernel/evil.ko", "b"}},
	 1,
	 REASON_IMA_UNKNOWN_FILE,
	 "/usr/lib/modules/6.1.0-55/kernel/evil.ko",
	 ""},
	{"more than are shown",
	 {{"/a", "a"}, {"/b", "b"}, {"/c", "c"}, {"/d", "d"}},
	 2,
	 REASON_IMA_UNKNOWN_FILE,
	 "/a",
	 ""},
};

/* A thousand new files do not hide the one new module. */
static void test_kinds_are_counted_apart(void **state)
{
	static const struct run now[12] = {{"/bin/a", "a"},	{"/bin/b", "b"},
					   {"/bin/c", "c"},	{"/x/evil.ko", "k"},
					   {"/etc/ima/p", "p"}, {"/bin/two", "other"}};
	RF_AUTOBUF struct rf_buf was_bytes = {0}, now_bytes = {0};
	struct ima_list old, new;
	struct reasons list = {0};
	char text[256];

	(void)state;
	make_list(before, &was_bytes, &old);
	make_list(now, &now_bytes, &new);
	assert_int_equal(ima_diff(&old, &new, 1, &list, NULL), 0);
	assert_int_equal(list.count, 4);
	assert_string_equal(diff_words(&list, text, sizeof(text)),
			    "3 new programs; 1 new kernel module; 1 new security policy; "
			    "1 changed program; nothing else");
	assert_string_equal(list.items[0].detail, "and 2 programs more");
	reasons_done(&list);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf was = {0}, now = {0};
		struct ima_list old, new;
		struct reasons list = {0};

		make_list(before, &was, &old);
		make_list(rows[i].now, &now, &new);
		assert_int_equal(ima_diff(&old, &new, 2, &list, NULL), 0);
		if (list.count != rows[i].count) {
			print_message("%s\n", rows[i].name);
			show_reasons(&list);
		}
		assert_int_equal(list.count, rows[i].count);
		if (list.count) {
			assert_int_equal(list.items[0].id, rows[i].id);
			assert_string_equal(list.items[0].subject, rows[i].subject);
			assert_string_equal(list.items[0].detail, rows[i].detail);
		}
		if (list.count == 2) {
			char text[256];

			assert_string_equal(list.items[1].detail, "and 2 files more");
			assert_string_equal(diff_words(&list, text, sizeof(text)),
					    "4 new files; nothing else");
		}
		reasons_done(&list);
	}
}

/* A list that ends within an entry is an error, whichever of the two it is. */
static void test_broken(void **state)
{
	RF_AUTOBUF struct rf_buf was = {0};
	struct ima_list whole, cut;
	struct reasons list = {0};
	struct rf_err err = {0};

	(void)state;
	make_list(before, &was, &whole);
	assert_int_equal(ima_open((struct rf_slice){was.data, was.len - 5}, 20, &cut, NULL), 0);
	assert_true(ima_diff(&whole, &cut, 8, &list, &err) < 0);
	assert_true(ima_diff(&cut, &whole, 8, &list, &err) < 0);
	assert_int_not_equal(err.code, 0);
	reasons_done(&list);
}

static void test_memory(void **state)
{
	RF_AUTOBUF struct rf_buf was = {0}, now = {0};
	struct ima_list old, new;
	struct reasons list = {0};
	int rc = -ENOMEM;

	(void)state;
	make_list(before, &was, &old);
	make_list(rows[7].now, &now, &new);
	for (size_t n = 1; rc == -ENOMEM && n < 200; n++) {
		reasons_done(&list);
		rf_alloc_fail_after(n);
		rc = ima_diff(&old, &new, 8, &list, NULL);
		rf_alloc_fail_after(0);
		if (rc == 0 && list.count == 0) {
			assert_true(list.dropped > 0);
			rc = -ENOMEM;
		}
	}
	assert_int_equal(rc, 0);
	reasons_done(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_kinds_are_counted_apart),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
