/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two boots of one machine: each thing that can change alone gives its one reason, with the right
 * registers and words, and nothing else.
 */
#include "story_test.h"

#include "attest/diff.h"
#include "attest/diff_align.h"

#define P(n) (1u << (n))

struct wanted {
	enum reason_id id;
	uint32_t pcrs;
	const char *subject, *was, *now; /* NULL: not asked */
	const char *detail;		 /* a part of it; NULL: not asked */
};

static void show(const struct reasons *list)
{
	char text[1024];

	for (size_t i = 0; i < list->count; i++)
		print_message("  [%s] pcrs 0x%x: %s\n", reason_class_of(list->items[i].id)->id,
			      list->items[i].pcrs,
			      reason_words(&list->items[i], text, sizeof(text)));
}

static bool is_wanted(const struct reason *r, const struct wanted *w)
{
	return r->id == w->id && r->pcrs == w->pcrs &&
	       (!w->subject || strcmp(r->subject, w->subject) == 0) &&
	       (!w->was || strcmp(r->was, w->was) == 0) &&
	       (!w->now || strcmp(r->now, w->now) == 0) &&
	       (!w->detail || strstr(r->detail, w->detail));
}

static void expect(const char *name, const struct machine *was, const struct machine *now,
		   const char *words, const struct wanted *wanted)
{
	struct log_build before, after;
	struct boot a, b;
	struct reasons list = {0};
	char text[1024];
	size_t count = 0;

	machine_story(was, &before, &a);
	machine_story(now, &after, &b);
	assert_int_equal(boot_diff(&a, &b, &list), 0);
	while (count < 4 && wanted[count].pcrs)
		count++;
	bool fine = list.count == count && list.dropped == 0;

	for (size_t i = 0; fine && i < count; i++)
		fine = is_wanted(&list.items[i], &wanted[i]);
	diff_words(&list, text, sizeof(text));
	if (!fine || strcmp(text, words) != 0) {
		print_message("%s: %s\n", name, text);
		show(&list);
	}
	assert_true(fine);
	assert_string_equal(text, words);
	reasons_done(&list);
	boot_done(&a);
	boot_done(&b);
	end_log(&before);
	end_log(&after);
}

struct story {
	const char *name;
	void (*change)(struct machine *m);
	const char *words;
	struct wanted wanted[4];
};

static void nothing(struct machine *m)
{
	(void)m;
}

static void new_kernel(struct machine *m)
{
	m->version = "6.1.0-56-amd64";
	m->kernel = "kernel 56";
	m->initrd = "initrd 56";
	m->config = "menu of 56";
}

static void same_version_other_kernel(struct machine *m)
{
	m->kernel = "kernel with a back door";
}

static void new_initrd(struct machine *m)
{
	m->initrd = "tampered";
}

static void comment_in_config(struct machine *m)
{
	m->config = "menu, and a comment";
}

static void new_option(struct machine *m)
{
	m->options = "root=/dev/vda2 ro quiet mitigations=off";
	m->config = "menu with mitigations=off";
}

static void new_kernel_and_option(struct machine *m)
{
	new_kernel(m);
	m->options = "root=/dev/vda2 ro quiet mitigations=off";
}

static void typed_option(struct machine *m)
{
	m->options = "root=/dev/vda2 ro init=/bin/sh";
}

static void typed_command(struct machine *m)
{
	m->extra_command = "insmod memdisk";
}

static void no_secure_boot(struct machine *m)
{
	m->secure_boot = false;
	m->sbat = "sbat,1,2021030218\n"; /* shim goes back to its first list */
}

static void new_mok(struct machine *m)
{
	m->mok = "keys and one more";
}

static void new_dbx(struct machine *m)
{
	m->dbx = "revoked, one more";
}

static void new_sbat(struct machine *m)
{
	m->sbat = "sbat,1,2026021800\nshim,4\ngrub,6\n";
}

static void new_signer(struct machine *m)
{
	m->signer = "Somebody's CA";
}

static void new_order(struct machine *m)
{
	m->order[0] = 0;
	m->order[1] = 1;
}

static void new_firmware(struct machine *m)
{
	m->crtm = "2026.02";
	m->firmware = "firmware volume of 2026";
}

static void same_version_other_firmware(struct machine *m)
{
	m->firmware = "implant";
}

static void new_grub(struct machine *m)
{
	m->grub = "grub of somebody";
}

static void new_microcode(struct machine *m)
{
	m->microcode = "newer";
}

static void failed_boot(struct machine *m)
{
	m->failure = "\1\0\0";
}

static void other_locality(struct machine *m)
{
	m->locality = 3;
}

static void swapped(struct machine *m)
{
	m->swap = true;
}

static const struct story stories[] = {
	{"nothing", nothing, "nothing changed", {{0}}},
	{"a kernel update",
	 new_kernel,
	 "kernel 6.1.0-55 -> 6.1.0-56; initrd changed; grub.cfg changed; nothing else",
	 {{REASON_KERNEL_CHANGED, P(4) | P(8) | P(9), "/boot/vmlinuz-6.1.0-56-amd64",
	   "6.1.0-55-amd64", "6.1.0-56-amd64", "seen in PCR 4, 8, 9"},
	  {REASON_INITRD_CHANGED, P(9), "/boot/initrd.img-6.1.0-56-amd64", NULL, NULL, NULL},
	  {REASON_LOADER_FILE_CHANGED, P(8) | P(9), "/EFI/debian/grub.cfg", NULL, NULL,
	   "linux: added: /boot/vmlinuz-6.1.0-56-amd64; removed: /boot/vmlinuz-6.1.0-55-amd64, "
	   "initrd: "}}},
	{"another kernel under the same name",
	 same_version_other_kernel,
	 "kernel changed; nothing else",
	 {{REASON_KERNEL_CHANGED, P(4) | P(9), "/boot/vmlinuz-6.1.0-55-amd64", "", "",
	   "the version in its name is the same, its contents are not"}}},
	{"a tampered initrd",
	 new_initrd,
	 "initrd changed; nothing else",
	 {{REASON_INITRD_CHANGED, P(9), "/boot/initrd.img-6.1.0-55-amd64", "", "", ""}}},
	{"a comment in grub.cfg",
	 comment_in_config,
	 "grub.cfg changed; nothing else",
	 {{REASON_LOADER_FILE_CHANGED, P(9), "/EFI/debian/grub.cfg", "", "", ""}}},
	{"an option for the kernel",
	 new_option,
	 "kernel command line: added: mitigations=off (protection from flaws of the processor); "
	 "grub.cfg changed; nothing else",
	 {{REASON_CMDLINE_CHANGED, P(8), "", "", "",
	   "added: mitigations=off (protection from flaws of the "
	   "processor)"},
	  {REASON_LOADER_FILE_CHANGED, P(8) | P(9), "/EFI/debian/grub.cfg", "", "", NULL}}},
	{"a kernel update and an option",
	 new_kernel_and_option,
	 "kernel 6.1.0-55 -> 6.1.0-56; initrd changed; kernel command line: added: "
	 "mitigations=off (protection from flaws of the processor); grub.cfg changed; nothing else",
	 {{REASON_KERNEL_CHANGED, P(4) | P(9), NULL, NULL, NULL, NULL},
	  {REASON_INITRD_CHANGED, P(9), NULL, NULL, NULL, NULL},
	  {REASON_CMDLINE_CHANGED, P(8), "", "", "", "added: mitigations=off (protection"},
	  {REASON_LOADER_FILE_CHANGED, P(8) | P(9), NULL, NULL, NULL, NULL}}},
	{"an option typed at the boot menu",
	 typed_option,
	 "kernel command line: added: init=/bin/sh (the first program that runs); removed: quiet; boot loader commands changed; "
	 "nothing else",
	 {{REASON_CMDLINE_CHANGED, P(8), "", "", "",
	   "added: init=/bin/sh (the first program that runs); "
	   "removed: quiet"},
	  {REASON_LOADER_COMMAND_CHANGED, P(8), "", "", "", "typed at its menu"}}},
	{"a command typed at the boot menu",
	 typed_command,
	 "boot loader commands added; nothing else",
	 {{REASON_LOADER_COMMAND_CHANGED, P(8), "", "", "", "new: insmod memdisk"}}},
	{"Secure Boot switched off",
	 no_secure_boot,
	 "Secure Boot on -> off; nothing else",
	 {{REASON_SECURE_BOOT_CHANGED, P(4) | P(7), "SecureBoot", "on", "off",
	   "signers that count no more: "}}},
	{"a machine owner's key",
	 new_mok,
	 "machine owner keys changed; nothing else",
	 {{REASON_MOK_CHANGED, P(14), "MokList", "", "", ""}}},
	{"the forbidden list",
	 new_dbx,
	 "Secure Boot forbidden list changed; nothing else",
	 {{REASON_DBX_CHANGED, P(7), NULL, NULL, NULL, NULL}}},
	{"revoked versions of shim",
	 new_sbat,
	 "setting of shim changed; nothing else",
	 {{REASON_SBAT_CHANGED, P(7), "SbatLevel", NULL, NULL, NULL}}},
	{"another signer",
	 new_signer,
	 "signer of boot programs changed; nothing else",
	 {{REASON_AUTHORITY_CHANGED, P(7), NULL, NULL, NULL, NULL}}},
	{"boot order",
	 new_order,
	 "boot order changed; nothing else",
	 {{REASON_BOOT_ORDER_CHANGED, P(1), "", "Boot0001, Boot0000", "Boot0000, Boot0001", ""}}},
	{"a firmware update",
	 new_firmware,
	 "firmware version 2024.05 -> version 2026.02; nothing else",
	 {{REASON_FIRMWARE_CHANGED, P(0), "", "version 2024.05", "version 2026.02",
	   "2 measurements"}}},
	{"another firmware under the same version",
	 same_version_other_firmware,
	 "firmware changed; nothing else",
	 {{REASON_FIRMWARE_CHANGED, P(0), "", "", "", "the version that it names is the same"}}},
	{"another grub",
	 new_grub,
	 "grubx64.efi changed; nothing else",
	 {{REASON_BOOT_APP_CHANGED, P(4), "grubx64.efi", "", "", ""}}},
	{"microcode that was not there",
	 new_microcode,
	 "processor microcode added; nothing else",
	 {{REASON_MICROCODE_CHANGED, P(1), NULL, "", "", "it was not there before"}}},
	{"a firmware that reports an error",
	 failed_boot,
	 "boot failure added; separator gone; nothing else",
	 {{REASON_BOOT_FAILURE, P(5), "", "", NULL, NULL},
	  {REASON_EVENT_CHANGED, P(5), "", NULL, "", NULL}}},
	{"measuring that began at another locality",
	 other_locality,
	 "firmware locality 0 -> locality 3; nothing else",
	 {{REASON_FIRMWARE_CHANGED, P(0), "how measuring began", "locality 0", "locality 3", ""}}},
	{"firmware parts in another order",
	 swapped,
	 "another order in PCR 0; nothing else",
	 {{REASON_EVENT_REORDERED, P(0), "", "", "", "another order"}}},
};

static void test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(stories); i++) {
		struct machine now = story_base;

		stories[i].change(&now);
		expect(stories[i].name, &story_base, &now, stories[i].words, stories[i].wanted);
	}
}

/* Boots that hold both banks and one: the common bank decides; none in common is no answer. */
static void test_banks(void **state)
{
	struct machine sha1 = story_base, sha256 = story_base;
	struct log_build before, after;
	struct boot a, b;
	struct reasons list = {0};

	(void)state;
	sha1.alg = ATTEST_SHA1;
	sha256.alg = ATTEST_SHA256;
	expect("SHA-1 alone", &story_base, &sha1, "nothing changed", (struct wanted[4]){{0}});
	expect("SHA-256 alone", &sha256, &story_base, "nothing changed", (struct wanted[4]){{0}});
	machine_story(&sha1, &before, &a);
	machine_story(&sha256, &after, &b);
	assert_int_equal(boot_diff(&a, &b, &list), RF_E_MISMATCH);
	assert_int_equal(list.count, 0);
	boot_done(&a);
	boot_done(&b);
	end_log(&before);
	end_log(&after);
}

/* ---- alignment ---- */

static void check_align(const char *a, const char *b, const char *pairs, bool moved)
{
	uint32_t left[32], right[32], to[32], back[32];
	struct diff_sequence x = {left, strlen(a), to}, y = {right, strlen(b), back};
	bool crossed = false;
	char text[33] = "";

	for (size_t i = 0; a[i]; i++)
		left[i] = (uint32_t)a[i];
	for (size_t i = 0; b[i]; i++)
		right[i] = (uint32_t)b[i];
	assert_int_equal(diff_align(&x, &y, &crossed), 0);
	for (size_t i = 0; a[i]; i++)
		text[i] = to[i] == DIFF_NONE ? '-' : (char)('0' + to[i]);
	assert_string_equal(text, pairs);
	assert_int_equal(crossed, moved);
	for (size_t i = 0; a[i]; i++) {
		if (to[i] != DIFF_NONE)
			assert_int_equal(back[to[i]], i);
	}
}

static void test_align(void **state)
{
	(void)state;
	check_align("", "", "", false);
	check_align("a", "", "-", false);
	check_align("", "a", "", false);
	check_align("abc", "abc", "012", false);
	check_align("abc", "axc", "0-2", false);
	check_align("abc", "abxc", "013", false);
	check_align("abxc", "abc", "01-2", false);
	check_align("aba", "ba", "-01", false); /* one a went: nothing moved */
	check_align("abc", "cab", "120", true);
	check_align("ab", "ba", "10", true);
	check_align("aaaa", "aa", "01--", false);
	check_align("abcabba", "cbabac", "-1023-4", true);
}

/* Two sequences that have nothing in common but their number, larger than any exact answer. */
static void test_align_bounded(void **state)
{
	enum { N = 20000 };
	RF_AUTOFREE uint32_t *store = rf_alloc(4 * N, sizeof(*store));
	struct diff_sequence a = {store, N, store + N}, b = {store + 2 * N, N, store + 3 * N};
	bool moved = false;

	(void)state;
	assert_non_null(store);
	for (uint32_t i = 0; i < N; i++) {
		store[i] = i + 1;
		store[2 * N + i] = N - i; /* the reverse */
	}
	assert_int_equal(diff_align(&a, &b, &moved), 0);
	assert_true(moved);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(a.pairs[i], N - 1 - i);
}

static void test_memory(void **state)
{
	struct machine now = story_base;
	struct log_build before, after;
	struct boot a, b;
	struct reasons list = {0};
	int rc = -ENOMEM;

	(void)state;
	new_kernel(&now);
	machine_story(&story_base, &before, &a);
	machine_story(&now, &after, &b);
	for (size_t n = 1; rc == -ENOMEM && n < 200; n++) {
		reasons_done(&list);
		rf_alloc_fail_after(n);
		rc = boot_diff(&a, &b, &list);
		rf_alloc_fail_after(0);
		/* A reason that found no room is counted: nothing is lost in silence. */
		if (rc == 0 && list.count < 3) {
			assert_true(list.dropped > 0);
			rc = -ENOMEM;
		}
	}
	assert_int_equal(rc, 0);
	assert_int_equal(list.count, 3);
	reasons_done(&list);
	boot_done(&a);
	boot_done(&b);
	end_log(&before);
	end_log(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories), cmocka_unit_test(test_banks),
		cmocka_unit_test(test_align),	cmocka_unit_test(test_align_bounded),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
