/* SPDX-License-Identifier: Apache-2.0 */
/* Prediction where grub's menu has a submenu, as every Debian has: its text changes with each
 * kernel, and the entry that starts may lie in it. */
#include "story_test.h"

#include "attest/predict_parts.h"

#define OLD "6.1.0-9-amd64"
#define NEW "6.1.0-10-amd64"

/* The body of an entry, as it stands in the file and as grub hands it on. */
static void put_body(struct rf_buf *out, const char *version)
{
	rf_buf_printf(
		out,
		"{\n\t\tload_video\n\t\techo\t'Loading Linux %s ...'\n\t\tlinux\t/boot/vmlinuz-%s "
		"root=/dev/vda2 ro\n\t\tinitrd\t/boot/initrd.img-%s\n\t}",
		version, version, version);
}

/* An entry of the submenu: in the file with quotes and grub-mkconfig's variable. */
static void put_inner(struct rf_buf *out, const char *version, bool measured)
{
	rf_buf_printf(out,
		      measured ? "menuentry Debian, with Linux %s --class debian --id gnulinux-%s "
			       : "menuentry 'Debian, with Linux %s'  --class debian "
				 "$menuentry_id_option 'gnulinux-%s' ",
		      version, version);
	put_body(out, version);
}

static void put_submenu_body(struct rf_buf *out, const char *const versions[])
{
	rf_buf_add_text(out, "{\n");
	for (size_t i = 0; versions[i]; i++) {
		rf_buf_add_byte(out, '\t');
		put_inner(out, versions[i], false);
		rf_buf_add_byte(out, '\n');
	}
	rf_buf_add_text(out, "}");
}

static void put_config(struct rf_buf *out, const char *const versions[])
{
	rf_buf_add_text(out, "set timeout=5\nif [ \"${x}\" = \"{\" ]; then\n\tset y=1\nfi\n"
			     "menuentry 'Debian' --class debian {\n");
	rf_buf_printf(out,
		      "\tlinux /boot/vmlinuz-%s\n}\nsubmenu 'Advanced options' "
		      "$menuentry_id_option 'advanced' ",
		      versions[0]);
	put_submenu_body(out, versions);
	rf_buf_add_text(out, "\n# menuentry 'none' {\n");
}

/* What grub measures when the first entry of the submenu starts. */
static void make_boot(const char *const versions[], bool inner, struct log_build *log,
		      struct boot *boot)
{
	RF_AUTOBUF struct rf_buf submenu = {0}, config = {0};
	char text[512];

	put_config(&config, versions);
	begin_log(log, ATTEST_SHA1, ATTEST_SHA256, 0);
	for (uint32_t pcr = 0; pcr < 8; pcr++)
		add_event(log, pcr, SEPARATOR, ZEROS);
	add_file(log, 9, "(hd0,gpt2)/boot/grub/grub.cfg", rf_buf_text(&config));
	rf_format(text, sizeof(text),
		  "menuentry Debian --class debian {\n\tlinux /boot/vmlinuz-%s\n}", versions[0]);
	add_grub(log, "grub_cmd: ", text);
	rf_buf_add_text(&submenu, "submenu Advanced options --id advanced ");
	put_submenu_body(&submenu, versions);
	add_grub(log, "grub_cmd: ", rf_buf_text(&submenu));
	add_grub(log, "grub_cmd: ",
		 inner ? "setparams Advanced options --id advanced"
		       : "setparams Debian --class debian");
	for (size_t i = 0; inner && versions[i]; i++) {
		RF_AUTOBUF struct rf_buf entry = {0};

		put_inner(&entry, versions[i], true);
		add_grub(log, "grub_cmd: ", rf_buf_text(&entry));
	}
	if (inner) {
		rf_format(text, sizeof(text), "setparams Debian, with Linux %s", versions[0]);
		add_grub(log, "grub_cmd: ", text);
	}
	rf_format(text, sizeof(text), "linux /boot/vmlinuz-%s root=/dev/vda2 ro", versions[0]);
	add_grub(log, "kernel_cmdline: ", text + strlen("linux "));
	rf_format(text, sizeof(text), "/boot/vmlinuz-%s", versions[0]);
	add_file(log, 9, text, versions[0]);
	const struct boot_logs logs = {.firmware = rf_buf_slice(&log->buf)};

	memset(boot, 0, sizeof(*boot));
	assert_int_equal(boot_read(log->hasher, &logs, boot, NULL), 0);
}

static void a_submenu_is_predicted(void **state)
{
	static const char *const before[] = {OLD, NULL}, *const after[] = {NEW, OLD, NULL};
	static uint8_t want[ATTEST_PCRS][ATTEST_MAX_DIGEST], got[ATTEST_PCRS][ATTEST_MAX_DIGEST];

	(void)state;
	for (int inner = 0; inner <= 1; inner++) {
		RF_AUTOBUF struct rf_buf config = {0};
		struct log_build last_log, next_log;
		struct boot last, next;
		struct predict_file files[3];
		struct predict_result result = {0};

		make_boot(before, inner, &last_log, &last);
		make_boot(after, inner, &next_log, &next);
		put_config(&config, after);
		story_file(last_log.hasher, "/boot/vmlinuz-" OLD, OLD, &files[0]);
		story_file(last_log.hasher, "/boot/vmlinuz-" NEW, NEW, &files[1]);
		story_file(last_log.hasher, "/boot/grub/grub.cfg", rf_buf_text(&config), &files[2]);
		const struct predict_input input = {
			.files = files, .files_count = 3, .config = rf_buf_slice(&config)};

		assert_true(predict_boot(last_log.hasher, &last, &input, &result, NULL) > 0);
		for (size_t i = 0; i < result.notes.count; i++) {
			if (strstr(result.notes.lines[i], "cannot be predicted"))
				fail_msg("%s", result.notes.lines[i]);
		}
		for (size_t i = 0; i < result.boot.count && i < next.count; i++) {
			if (strcmp(result.boot.items[i].text, next.items[i].text) != 0)
				print_message("%zu: %s\n   not %s\n", i, result.boot.items[i].text,
					      next.items[i].text);
		}
		assert_int_equal(boot_replay(last_log.hasher, &next, ATTEST_SHA256, want, NULL), 0);
		assert_int_equal(
			boot_replay(last_log.hasher, &result.boot, ATTEST_SHA256, got, NULL), 0);
		assert_memory_equal(want[8], got[8], 32);
		assert_memory_equal(want[9], got[9], 32);
		predict_done(&result);
		boot_done(&last);
		boot_done(&next);
		end_log(&last_log);
		end_log(&next_log);
	}
}

static void entries_are_found_as_grub_nests_them(void **state)
{
	static const struct {
		const char *name, *config;
		size_t entries;
		const char *head; /* of the first; NULL: none, or it cannot be told */
	} rows[] = {
		{"none", "set a=1\n", 0, NULL},
		{"one", "menuentry 'A B' --id x {\n}\n", 1, "menuentry A B --id x"},
		{"behind a block", "if [ a ]; then {\nmenuentry x {\n}\n}\nfi\nsubmenu b {\n}\n", 1,
		 "submenu b"},
		{"braces in quotes", "menuentry 'a { b' {\n echo '}'\n}\n", 1, "menuentry a { b"},
		{"a variable", "menuentry \"$x\" {\n}\n", 1, NULL},
		{"its own variable", "menuentry x $menuentry_id_option y {\n}\n", 1,
		 "menuentry x --id y"},
		{"no brace", "menuentry x\n", 1, NULL},
		{"no end", "menuentry x {\n", 1, NULL},
		{"an open quote", "menuentry 'x {\n}\n", 1, NULL},
		{"a comment", "# menuentry x {\n", 0, NULL},
		{"a word like it", "menuentryx y {\n}\n", 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf head = {0};
		struct predict_entry entry;
		struct rf_slice config = story_text(rows[i].config);
		bool found = predict_config_entry(config, 0, &entry) &&
			     predict_entry_head(&entry, &head);

		if (found != (rows[i].head != NULL) ||
		    (found && strcmp(rf_buf_text(&head), rows[i].head) != 0))
			fail_msg("%s: %s", rows[i].name, found ? rf_buf_text(&head) : "none");
		if (rows[i].head)
			assert_int_equal(predict_config_entries(config), rows[i].entries);
		assert_false(predict_config_entry(config, 7, &entry));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_submenu_is_predicted),
		cmocka_unit_test(entries_are_found_as_grub_nests_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
