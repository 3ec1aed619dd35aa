/* SPDX-License-Identifier: Apache-2.0 */
/* A register that its log does not explain: which event is named, with an approved boot to compare
 * with, with an earlier one, and with none. */
#include "attest_forge.h"

static uint32_t image(const struct forge *f)
{
	return forge_find(&f->log.buf, 4, BOOT_APP);
}

static void an_event_is_left_out(struct forge *f)
{
	forge_drop_record(&f->log.buf, image(f));
}

static void an_event_stands_twice(struct forge *f)
{
	forge_copy_record(&f->log.buf, image(f), image(f));
}

static void the_end_is_added(struct forge *f)
{
	add_image(&f->log, "\\EFI\\debian\\harmless.efi", story_text("harmless"));
	add_image(&f->log, "\\EFI\\debian\\harmless2.efi", story_text("harmless"));
}

static void something_ran_unseen(struct forge *f)
{
	forge_extend(f, 4, BYTES("bootkit"));
}

/* A log that tells of the approved shim, while the TPM saw another. */
static void the_log_is_made_nice(struct forge *f)
{
	struct machine evil = story_base;
	struct log_build log;
	struct boot boot;

	evil.shim = "bootkit";
	machine_story(&evil, &log, &boot);
	forge_take_log(f, &log, 1u << 4);
	boot_done(&boot);
	end_log(&log);
}

/* The TPM saw what was approved; the log tells of another shim. */
static void the_log_is_of_another(struct forge *f)
{
	struct machine other = story_base;
	struct log_build log;
	struct boot boot;

	other.shim = "other shim";
	other.grub = "other grub";
	machine_story(&other, &log, &boot);
	rf_buf_reset(&f->log.buf);
	rf_buf_add(&f->log.buf, log.buf.data, log.buf.len);
	boot_done(&boot);
	end_log(&log);
}

enum expectation { ALONE, APPROVED, EARLIER };

static const struct {
	const char *name;
	void (*change)(struct forge *f);
	enum expectation with;
	const char *words;
	bool event; /* one is pointed at */
} cases[] = {
	{"left out", an_event_is_left_out, APPROVED, "the TPM saw \"", true},
	{"left out, compared with an earlier boot", an_event_is_left_out, EARLIER,
	 "which is missing in the log before event", true},
	{"left out, nothing to compare with", an_event_is_left_out, ALONE,
	 "cannot be told without an earlier boot", false},
	{"twice", an_event_stands_twice, ALONE, "the TPM never saw event", true},
	{"twice, with a baseline", an_event_stands_twice, APPROVED, "the TPM never saw event",
	 true},
	{"more at the end", the_end_is_added, ALONE,
	 "harmless.efi) on: the end of the log was added", true},
	{"unseen", something_ran_unseen, APPROVED, "something more was measured and left no trace",
	 false},
	{"unseen, nothing to compare with", something_ran_unseen, ALONE,
	 "cannot be told without an earlier boot", false},
	{"a nice log", the_log_is_made_nice, APPROVED, "the log is that of the approved boot",
	 false},
	{"another log", the_log_is_of_another, APPROVED,
	 "the TPM saw what it saw in the approved boot", true},
	{"another log, earlier boot", the_log_is_of_another, EARLIER,
	 "the TPM saw what it saw in the earlier boot \"monday.rfe\"", true},
};

static void each_names_its_event(void **state)
{
	struct log_build log;
	struct boot earlier;

	(void)state;
	machine_story(&story_base, &log, &earlier);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct forge f;

		forge_begin(&f);
		cases[i].change(&f);
		f.options.baseline = cases[i].with == APPROVED ? forge_baseline : NULL;
		if (cases[i].with == EARLIER) {
			f.options.earlier = &earlier;
			f.options.earlier_name = "monday.rfe";
		}
		forge_judge(&f);
		const struct reason *reason = forge_reason(REASON_PCR_UNEXPLAINED);

		if (!reason || !strstr(reason->detail, cases[i].words) ||
		    (reason->event != REASON_NOWHERE) != cases[i].event) {
			forge_show(cases[i].name);
			fail_msg("%s: %s, event %d", cases[i].name, reason ? reason->detail : "",
				 reason ? (int)reason->event : -2);
		}
		assert_int_equal(reason->pcr, 4);
		assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
		forge_end(&f);
	}
	boot_done(&earlier);
	end_log(&log);
}

/* More events than are tried one by one: said, and no time lost. */
static void a_long_register_is_not_searched(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	for (unsigned int i = 0; i < 400; i++)
		add_grub(&f.log, "grub_cmd: ", "echo");
	forge_judge(&f);
	const struct reason *reason = forge_reason(REASON_PCR_UNEXPLAINED);

	assert_non_null(reason);
	assert_int_equal(reason->pcr, 8);
	assert_non_null(strstr(reason->detail, "was not looked for"));
	forge_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_names_its_event),
		cmocka_unit_test(a_long_register_is_not_searched),
	};

	return cmocka_run_group_tests(tests, forge_setup, forge_teardown);
}
