/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of reasons: complete, readable, unambiguous; lists with a limit that is told. */
#include "attest/reason.h"
#include "test_base.h"

static bool visible(const char *text)
{
	for (; *text; text++) {
		if (*text < 0x20 || *text > 0x7e)
			return false;
	}
	return true;
}

/* Words of the trade that an administrator need not know. */
static const char *const jargon[] = {"PCR ", "TPMS",	     "quote ",	 "SRTM",
				     "CRTM", "Authenticode", "digest of"};

static void every_class_has_a_title_and_one_next_step(void **state)
{
	(void)state;
	for (int i = 0; i < REASON_COUNT; i++) {
		const struct reason_class *row = reason_class_of((enum reason_id)i);

		assert_non_null(row);
		if (!row->title || !row->next)
			fail_msg("%s has no words", row->id);
		assert_true(strlen(row->title) > 10 && strlen(row->title) <= 90);
		assert_true(strlen(row->next) > 10 && strlen(row->next) <= 230);
		assert_true(visible(row->title) && visible(row->next));
		/* A sentence goes on behind both: no full stop. */
		assert_true(row->title[strlen(row->title) - 1] != '.');
		assert_true(row->next[strlen(row->next) - 1] != '.');
		assert_true(row->title[0] >= 'A' && row->title[0] <= 'Z');
		for (size_t k = 0; k < RF_COUNT(jargon); k++)
			assert_null(strstr(row->title, jargon[k]));
	}
}

static void titles_and_ids_are_unambiguous(void **state)
{
	(void)state;
	for (int i = 0; i < REASON_COUNT; i++) {
		const struct reason_class *row = reason_class_of((enum reason_id)i);

		assert_int_equal(reason_of_name(row->id), i);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(row->title,
						reason_class_of((enum reason_id)k)->title);
	}
	assert_null(reason_class_of(REASON_COUNT));
	assert_int_equal(reason_of_name("no-such"), REASON_COUNT);
	assert_int_equal(reason_of_name(NULL), REASON_COUNT);
	assert_int_equal(reason_of_name(""), REASON_COUNT);
}

/* What cannot be undone by a warning: forged things distrust, missing things blind. */
static void effects_are_what_the_contract_says(void **state)
{
	static const struct {
		enum reason_id id;
		enum reason_effect effect;
		const char *severity;
	} rows[] = {
		{REASON_QUOTE_FORGED, REASON_DISTRUSTS, "critical"},
		{REASON_LOG_MISSING, REASON_BLINDS, "high"},
		{REASON_SECURE_BOOT_OFF, REASON_WARNS, "high"},
		{REASON_REBOOTED, REASON_NOTES, "info"},
		{REASON_KERNEL_CHANGED, REASON_DISTRUSTS, "medium"},
		{REASON_SBAT_CHANGED, REASON_NOTES, "low"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct reason_class *row = reason_class_of(rows[i].id);

		assert_int_equal(row->effect, rows[i].effect);
		assert_string_equal(reason_severity_name(row->severity), rows[i].severity);
	}
	assert_string_equal(reason_effect_name(REASON_BLINDS), "cannot judge");
	assert_string_equal(reason_severity_name((enum reason_severity)99), "info");
	assert_string_equal(reason_effect_name((enum reason_effect)99), "note");
}

static void each_pcr_has_a_meaning(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ATTEST_PCRS; i++)
		assert_true(strlen(reason_pcr_title(i)) > 5);
	assert_string_equal(reason_pcr_title(4), "boot programs (shim, boot loader)");
	assert_string_equal(reason_pcr_title(24), "not a register");
	assert_string_equal(reason_pcr_title(REASON_NOWHERE), "not a register");
}

static void a_reason_begins_nowhere(void **state)
{
	struct reasons list = {0};
	struct reason *reason = reasons_add(&list, REASON_KERNEL_CHANGED);

	(void)state;
	assert_int_equal(reason->pcr, REASON_NOWHERE);
	assert_int_equal(reason->event, REASON_NOWHERE);
	assert_int_equal(reason->old_event, REASON_NOWHERE);
	assert_string_equal(reason->subject, "");
	assert_null(reasons_add(&list, REASON_COUNT));
	assert_int_equal(list.count, 1);
	assert_int_equal(list.dropped, 1);
	reasons_clear(&list);
	assert_int_equal(list.count + list.dropped, 0);
	assert_true(list.room > 0);
	/* What an earlier verdict wrote does not show through. */
	reason = reasons_add(&list, REASON_CMDLINE_CHANGED);
	assert_string_equal(reason->detail, "");
	reasons_done(&list);
	assert_null(list.items);
}

static void more_reasons_than_fit_are_counted(void **state)
{
	struct reasons list = {0};

	(void)state;
	for (size_t i = 0; i < REASONS_MAX; i++)
		assert_non_null(reasons_add(&list, REASON_GPT_CHANGED));
	for (size_t i = 0; i < 3; i++)
		assert_null(reasons_add(&list, REASON_GPT_CHANGED));
	assert_int_equal(list.count, REASONS_MAX);
	assert_int_equal(list.dropped, 3);
	reasons_done(&list);
}

static void a_reason_without_memory_is_counted(void **state)
{
	struct reasons list = {0};

	(void)state;
	rf_alloc_fail_after(1);
	assert_null(reasons_add(&list, REASON_GPT_CHANGED));
	rf_alloc_fail_after(0);
	assert_int_equal(list.dropped, 1);
	assert_non_null(reasons_add(&list, REASON_GPT_CHANGED));
	reasons_done(&list);
}

#define DIGEST(byte)                                                                               \
	{                                                                                          \
		ATTEST_SHA256, 32,                                                                 \
		{                                                                                  \
			byte, 0x22                                                                 \
		}                                                                                  \
	}

static const struct {
	struct reason reason;
	const char *words;
} sentences[] = {
	{{.id = REASON_NO_TPM}, "The host has no TPM that can be used, so nothing can be proved"},
	{{.id = REASON_KERNEL_CHANGED,
	  .subject = "/boot/vmlinuz",
	  .was = "6.1.0-55",
	  .now = "6.1.0-56"},
	 "The kernel is another one: /boot/vmlinuz was 6.1.0-55, is 6.1.0-56"},
	{{.id = REASON_KERNEL_CHANGED, .was = "6.1.0-55", .now = "6.1.0-56", .detail = "signed"},
	 "The kernel is another one: was 6.1.0-55, is 6.1.0-56; signed"},
	{{.id = REASON_KERNEL_CHANGED, .now = "6.1.0-56"}, "The kernel is another one: 6.1.0-56"},
	{{.id = REASON_KERNEL_CHANGED,
	  .subject = "vmlinuz",
	  .was_digest = DIGEST(0x11),
	  .now_digest = DIGEST(0x33)},
	 "The kernel is another one: vmlinuz was sha256 1122000000000000..., is sha256 "
	 "3322000000000000..."},
	{{.id = REASON_KERNEL_CHANGED, .now_digest = DIGEST(0x33), .detail = "new"},
	 "The kernel is another one: sha256 3322000000000000...; new"},
	{{.id = REASON_REBOOTED, .detail = "2 times"},
	 "The host was restarted since the last evidence: 2 times"},
	{{.id = REASON_COUNT}, "An unknown reason"},
};

static void reasons_read_as_sentences(void **state)
{
	char out[512];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(sentences); i++)
		assert_string_equal(reason_words(&sentences[i].reason, out, sizeof(out)),
				    sentences[i].words);
}

/* "A program ran" is wrong for what was only loaded or read. */
static void files_are_called_what_they_are(void **state)
{
	static const struct {
		const char *path;
		enum reason_file file;
	} rows[] = {
		{"/usr/bin/true", REASON_FILE_PROGRAM},
		{"/usr/lib/systemd/systemd", REASON_FILE_PROGRAM},
		{"/init", REASON_FILE_PROGRAM},
		{"/usr/lib/x86_64-linux-gnu/libc.so.6", REASON_FILE_LIBRARY},
		{"/usr/bin/plugin.so", REASON_FILE_LIBRARY},
		{"/lib/modules/6.1.0-56/kernel/fs/x.ko", REASON_FILE_MODULE},
		{"/lib/modules/6.1.0-56/kernel/fs/x.ko.zst", REASON_FILE_MODULE},
		{"/tmp/evil.ko", REASON_FILE_MODULE},
		{"/tmp/evil.kox", REASON_FILE_ANY},
		{"/lib/firmware/bnx2/bnx2-mips.fw", REASON_FILE_FIRMWARE},
		{"/etc/ima/ima-policy", REASON_FILE_POLICY},
		{"/root/ima-policy.new", REASON_FILE_POLICY},
		{"/etc/selinux/targeted/policy/policy.33", REASON_FILE_POLICY},
		{"/boot/vmlinuz-6.1.0-56-amd64", REASON_FILE_BOOT},
		{"/boot/initrd.img-6.1.0-56-amd64", REASON_FILE_BOOT},
		{"/opt/x/backup.sh", REASON_FILE_SCRIPT},
		{"/etc/passwd", REASON_FILE_ANY},
		{"boot_aggregate", REASON_FILE_ANY},
		{"/", REASON_FILE_ANY},
		{"", REASON_FILE_ANY},
	};
	struct reason reason = {.id = REASON_IMA_UNKNOWN_FILE, .subject = "/x.ko"};
	char out[256];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (reason_file_of(rows[i].path) != rows[i].file)
			fail_msg("%s", rows[i].path);
	}
	reason.file = REASON_FILE_MODULE;
	assert_string_equal(reason_words(&reason, out, sizeof(out)),
			    "A kernel module was loaded that was not known before: /x.ko");
	reason.id = REASON_IMA_CHANGED_FILE;
	assert_string_equal(reason_title(&reason, out, sizeof(out)),
			    "A kernel module was loaded whose contents changed");
	reason.id = REASON_IMA_BAD_SIGNATURE;
	assert_non_null(strstr(reason_title(&reason, out, sizeof(out)), "signature is wrong"));
	reason.id = REASON_IMA_VIOLATION;
	assert_string_equal(reason_title(&reason, out, sizeof(out)),
			    reason_class_of(REASON_IMA_VIOLATION)->title);
	for (int i = -1; i <= REASON_FILE_COUNT; i++) {
		assert_true(strlen(reason_file_deed((enum reason_file)i)) > 5);
		assert_string_not_equal(reason_file_noun((enum reason_file)i, 1),
					reason_file_noun((enum reason_file)i, 2));
	}
}

static void the_next_step_may_be_its_own(void **state)
{
	struct reason reason = {.id = REASON_LOG_MISSING};

	(void)state;
	assert_string_equal(reason_next(&reason), reason_class_of(REASON_LOG_MISSING)->next);
	reason.next = "do that";
	assert_string_equal(reason_next(&reason), "do that");
	reason = (struct reason){.id = REASON_COUNT};
	assert_string_equal(reason_next(&reason), "");
}

static void a_sentence_that_does_not_fit_is_cut_and_says_so(void **state)
{
	struct reason reason = {.id = REASON_KERNEL_CHANGED};
	char out[48];

	(void)state;
	memset(reason.subject, 'x', sizeof(reason.subject) - 1);
	reason_words(&reason, out, sizeof(out));
	assert_int_equal(strlen(out), sizeof(out) - 1);
	assert_true(rf_ends(out, "..."));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_class_has_a_title_and_one_next_step),
		cmocka_unit_test(titles_and_ids_are_unambiguous),
		cmocka_unit_test(effects_are_what_the_contract_says),
		cmocka_unit_test(each_pcr_has_a_meaning),
		cmocka_unit_test(a_reason_begins_nowhere),
		cmocka_unit_test(more_reasons_than_fit_are_counted),
		cmocka_unit_test(a_reason_without_memory_is_counted),
		cmocka_unit_test(reasons_read_as_sentences),
		cmocka_unit_test(files_are_called_what_they_are),
		cmocka_unit_test(the_next_step_may_be_its_own),
		cmocka_unit_test(a_sentence_that_does_not_fit_is_cut_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
