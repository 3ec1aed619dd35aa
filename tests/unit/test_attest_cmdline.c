/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel command lines compared by parameter. */
#include "test_base.h"

#include "attest/cmdline.h"

struct pair {
	const char *name, *before, *after, *want;
};

static const struct pair pairs[] = {
	{"nothing at all", "", "", "the same words in another order"},
	{"the same", "ro quiet", "ro quiet", "the same words in another order"},
	{"more blanks", " ro\t quiet\n", "ro quiet", "the same words in another order"},
	{"a NUL at the end", "ro quiet", "ro quiet", "the same words in another order"},
	{"the brief's example", "root=/dev/vda1 iommu=pt", "root=/dev/vda1 lockdown=none",
	 "added: lockdown=none; removed: iommu=pt"},
	{"a value changes", "lockdown=integrity ro", "lockdown=confidentiality ro",
	 "changed: lockdown=integrity to lockdown=confidentiality"},
	{"a value comes", "nokaslr", "nokaslr=1", "changed: nokaslr to nokaslr=1"},
	{"the kernel's path", "/boot/vmlinuz-6.1.0-55 ro", "/boot/vmlinuz-6.1.0-56 ro",
	 "changed: /boot/vmlinuz-6.1.0-55 to /boot/vmlinuz-6.1.0-56"},
	{"the kernel's path on a disk", "(hd0,gpt2)/vmlinuz ro", "(hd0,gpt3)/vmlinuz ro",
	 "changed: (hd0,gpt2)/vmlinuz to (hd0,gpt3)/vmlinuz"},
	{"a path goes", "/vmlinuz ro", "ro", "removed: /vmlinuz"},
	{"a quoted value", "dyndbg=\"file a +p\" x", "dyndbg=\"file b +p\" x",
	 "changed: dyndbg=\"file a +p\" to dyndbg=\"file b +p\""},
	{"a quoted word", "\"a b=c d\" ro", "ro", "removed: \"a b=c d\""},
	{"a quote without an end", "a=\"b c", "a=\"b d", "changed: a=\"b c to a=\"b d"},
	{"dash and underscore are one", "module-sig_enforce", "module_sig-enforce",
	 "the same words in another order"},
	{"but not in values", "root=a-b", "root=a_b", "changed: root=a-b to root=a_b"},
	{"two consoles, one goes", "console=tty0 console=ttyS0", "console=tty0",
	 "removed: console=ttyS0"},
	{"two consoles, one changes", "console=tty0 console=ttyS0", "console=tty0 console=ttyS1",
	 "changed: console=ttyS0 to console=ttyS1"},
	{"two of two change", "a=1 a=2", "a=3 a=4", "added: a=3 a=4; removed: a=1 a=2"},
	{"twice is not once", "quiet quiet", "quiet", "removed: quiet"},
	{"the last word wins", "console=tty0 console=ttyS0", "console=ttyS0 console=tty0",
	 "in another order: console=ttyS0 was last, now it is console=tty0"},
	{"another order of others", "a=1 b=2", "b=2 a=1", "the same words in another order"},
	{"arguments of init", "ro -- single", "ro -- emergency",
	 "added: emergency (for init); removed: single (for init)"},
	{"a kernel parameter is no argument of init", "ro single", "ro -- single",
	 "added: single (for init); removed: single"},
	{"equals signs", "=", "==", "changed: = to =="},
	{"not to be seen", "a", "a b=\x1b[2J\xff", "added: b=\\x1b[2J\\xff"},
};

static void changes_are_told_by_word(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(pairs); i++) {
		struct cmdline_diff diff;
		char text[1024];
		struct words w = words_into(text, sizeof(text));

		assert_int_equal(cmdline_compare(rf_slice_text(pairs[i].before),
						 rf_slice_text(pairs[i].after), &diff, NULL),
				 0);
		cmdline_diff_words(&w, &diff, CMDLINE_WITH_KERNEL);
		if (strcmp(text, pairs[i].want) != 0)
			fail_msg("%s: %s", pairs[i].name, text);
	}
}

/* What hangs on a word is said behind it, once for neighbours of one kind, and not for words that
 * are init's. */
static void words_are_explained(void **state)
{
	static const struct pair explained[] = {
		{"one", "ro", "ro mitigations=off",
		 "added: mitigations=off (protection from flaws of the processor)"},
		{"of no account here", "ro", "ro quiet", "added: quiet"},
		{"changed", "lockdown=none", "lockdown=integrity",
		 "changed: lockdown=none to lockdown=integrity (whether root can change the "
		 "running kernel)"},
		{"neighbours of one kind", "ro", "ro nopti mds=off nosmep",
		 "added: nopti (protection from flaws of the processor) mds=off nosmep (protection "
		 "of the kernel's memory)"},
		{"added and removed", "apparmor=1", "selinux=0",
		 "added: selinux=0 (access control); removed: apparmor=1"},
		{"for init", "ro", "ro -- single", "added: single (for init)"},
		{"the kernel's path, which others tell", "/v1 ro", "/v2 ro init=/x",
		 "added: init=/x (the first program that runs)"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(explained); i++) {
		struct cmdline_diff diff;
		char text[1024];
		struct words w = words_into(text, sizeof(text));

		assert_int_equal(cmdline_compare(rf_slice_text(explained[i].before),
						 rf_slice_text(explained[i].after), &diff, NULL),
				 0);
		cmdline_diff_words(&w, &diff, CMDLINE_EXPLAINED);
		if (strcmp(text, explained[i].want) != 0)
			fail_msg("%s: %s", explained[i].name, text);
	}
}

static void what_hangs_on_it(void **state)
{
	struct cmdline_diff diff;

	(void)state;
	assert_int_equal(
		cmdline_compare(rf_slice_text("quiet rd-break"), rf_slice_text("x"), &diff, NULL),
		0);
	assert_int_equal(diff.changes_count, 3);
	assert_null(diff.changes[0].about);
	assert_null(diff.changes[1].about); /* "rd.break" is another */
	assert_int_equal(cmdline_compare(rf_slice_text("ro"), rf_slice_text("ro ima-policy=tcb"),
					 &diff, NULL),
			 0);
	assert_string_equal(diff.changes[0].about, "what is measured while it runs");
	assert_int_equal(diff.changes[0].kind, CMDLINE_ADDED);
	assert_true(rf_slice_equal(diff.changes[0].name, rf_slice_text("ima-policy")));
	assert_true(rf_slice_equal(diff.changes[0].after, rf_slice_text("ima-policy=tcb")));
	assert_int_equal(diff.changes[0].before.len, 0);
}

static void limits(void **state)
{
	RF_AUTOBUF struct rf_buf line = {0};
	struct cmdline_diff diff = {.more = 77};
	char text[4096];
	struct words w = words_into(text, sizeof(text));

	(void)state;
	for (unsigned int i = 0; i < CMDLINE_MAX_WORDS; i++)
		rf_buf_printf(&line, "p%u ", i);
	assert_int_equal(cmdline_compare(rf_slice_text(""), rf_buf_slice(&line), &diff, NULL), 0);
	assert_int_equal(diff.changes_count, CMDLINE_CHANGES);
	assert_int_equal(diff.more, CMDLINE_MAX_WORDS - CMDLINE_CHANGES);
	cmdline_diff_words(&w, &diff, CMDLINE_WITH_KERNEL);
	assert_non_null(strstr(text, "; and 992 more"));
	rf_buf_add_text(&line, "x");
	diff.more = 77;
	assert_int_equal(cmdline_compare(rf_buf_slice(&line), rf_slice_text(""), &diff, NULL),
			 RF_E_LIMIT);
	assert_int_equal(cmdline_compare((struct rf_slice){line.data, CMDLINE_MAX_BYTES + 1},
					 rf_slice_text(""), &diff, NULL),
			 RF_E_LIMIT);
	assert_int_equal(diff.more, 77);
	for (size_t n = 1; n < 3; n++) {
		rf_alloc_fail_after(n);
		assert_int_equal(
			cmdline_compare(rf_slice_text("a"), rf_slice_text("b"), &diff, NULL),
			-ENOMEM);
	}
	rf_alloc_fail_after(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_told_by_word),
		cmocka_unit_test(words_are_explained),
		cmocka_unit_test(what_hangs_on_it),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
