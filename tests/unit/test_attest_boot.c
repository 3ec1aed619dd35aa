/* SPDX-License-Identifier: Apache-2.0 */
/* The story of a boot out of its logs: order, borrowed values, replay, room that is used again. */
#include "attest/boot.h"
#include "attest/userspace.h"
#include "eventlog_test.h"

#define GRUB "grub_cmd: linux /vmlinuz root=/dev/sda1"

static void put_firmware(struct log_build *b)
{
	begin_log(b, ATTEST_SHA1, ATTEST_SHA256, 0);
	add_locality(b, 3);
	add_event(b, 0, CRTM_VERSION, BYTES_NUL("1.0"));
	add_event(b, 0, SEPARATOR, ZEROS);
	add_event(b, 4, SEPARATOR, ZEROS);
	add_measured(b, 8, IPL, BYTES_NUL(GRUB), BYTES("linux /vmlinuz root=/dev/sda1"));
}

/* A record of systemd's log: H("enter-initrd") in SHA-256. */
static const char userspace[] =
	"\x1e{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":"
	"\"b8bb7fbd50bdef5b6fea76a3127e4f12bbd1928a4d3a3b2a8f8a0b5e0a0b0c0d\"}],"
	"\"content_type\":\"systemd\",\"content\":{\"eventType\":\"phase\",\"string\":\"enter-initrd\"}}\n";

static void put_txt(struct log_build *b)
{
	begin_log(b, ATTEST_SHA256, 0, 0);
	add_event(b, 17, 0x402, BYTES("start"));
	add_event(b, 18, 0x410, BYTES("key"));
}

static void items_follow_the_order_of_measurement(void **state)
{
	struct log_build b, t;
	struct boot boot = {0};
	struct rf_err err = {0};

	(void)state;
	put_firmware(&b);
	put_txt(&t);
	struct boot_logs logs = {rf_buf_slice(&b.buf), rf_buf_slice(&t.buf), BYTES(userspace)};

	if (boot_read(b.hasher, &logs, &boot, &err) != 0)
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(boot.count, 6 + 3 + 1);
	assert_int_equal(boot.items[0].type, NO_ACTION);
	assert_int_equal(boot.items[5].source, BOOT_FIRMWARE_LOG);
	assert_int_equal(boot.items[5].pcr, 8);
	assert_int_equal(boot.items[5].event, 5);
	assert_int_equal(boot.items[5].proof, EVENTLOG_PROVED);
	assert_string_equal(boot.items[5].name, "linux");
	assert_true(rf_slice_equal(boot.items[5].value, BYTES("linux /vmlinuz root=/dev/sda1")));
	assert_int_equal(boot.items[7].source, BOOT_TXT_LOG);
	assert_int_equal(boot.items[7].component, COMPONENT_DRTM);
	assert_int_equal(boot.items[9].source, BOOT_USERSPACE_LOG);
	assert_string_equal(boot.items[9].name, "phase");
	assert_string_equal(boot.items[9].text, "boot phase enter-initrd");
	assert_int_equal(boot.items[9].proof, EVENTLOG_DISPROVED);
	assert_int_equal(boot.firmware.locality, 3);
	assert_true(boot.txt.drtm);
	boot_done(&boot);
	end_log(&b);
	end_log(&t);
}

static void the_story_replays_as_its_logs_do(void **state)
{
	uint8_t values[ATTEST_PCRS][ATTEST_MAX_DIGEST];
	struct log_build b, t;
	struct boot boot = {0};

	(void)state;
	put_firmware(&b);
	put_txt(&t);
	struct boot_logs logs = {.firmware = rf_buf_slice(&b.buf), .txt = rf_buf_slice(&t.buf)};

	assert_int_equal(boot_read(b.hasher, &logs, &boot, NULL), 0);
	assert_int_equal(boot_replay(b.hasher, &boot, ATTEST_SHA256, values, NULL), 0);
	for (uint32_t pcr = 0; pcr < 16; pcr++)
		assert_memory_equal(values[pcr], boot.replay.pcrs.values[1][pcr].bytes, 32);
	for (uint32_t pcr = 17; pcr < 23; pcr++)
		assert_memory_equal(values[pcr], boot.txt_replay.pcrs.values[0][pcr].bytes, 32);
	assert_int_equal(boot_replay(b.hasher, &boot, ATTEST_SHA1, values, NULL), 0);
	assert_memory_equal(values[8], boot.replay.pcrs.values[0][8].bytes, 20);
	assert_int_equal(boot_replay(b.hasher, &boot, 0x99, values, NULL), RF_E_UNSUPPORTED);
	boot_done(&boot);
	end_log(&b);
	end_log(&t);
}

/* A baseline's reference has no log: items by hand, start values in the log's fields. */
static void a_story_made_by_hand_replays(void **state)
{
	uint8_t values[ATTEST_PCRS][ATTEST_MAX_DIGEST], want[32] = {0};
	struct boot boot = {.firmware = {.locality = 4}};
	struct attest_hasher *hasher;

	(void)state;
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	struct boot_item *item = boot_add(&boot);

	item->type = SEPARATOR;
	item->digests_count = 1;
	item->digests[0] = (struct attest_digest){ATTEST_SHA256, 32, {7}};
	item = boot_add(&boot);
	item->pcr = USERSPACE_NO_PCR; /* in an NV index: extends no PCR */
	item->digests_count = 1;
	item->digests[0] = (struct attest_digest){ATTEST_SHA256, 32, {9}};
	assert_int_equal(boot_replay(hasher, &boot, ATTEST_SHA256, values, NULL), 0);
	want[31] = 4;
	assert_int_equal(attest_extend(hasher, ATTEST_SHA256, want,
				       (struct rf_slice){boot.items[0].digests[0].bytes, 32}),
			 0);
	assert_memory_equal(values[0], want, 32);
	assert_int_equal(values[17][0], 0xff);
	assert_null(boot_item_digest(&boot.items[0], ATTEST_SHA1));
	assert_non_null(boot_item_digest(&boot.items[0], ATTEST_SHA256));
	boot_done(&boot);
	boot_done(&boot);
	attest_hasher_free(hasher);
}

static void a_second_reading_needs_no_memory(void **state)
{
	struct log_build b;
	struct boot boot = {0};

	(void)state;
	put_firmware(&b);
	struct boot_logs logs = {.firmware = rf_buf_slice(&b.buf)};

	assert_int_equal(boot_read(b.hasher, &logs, &boot, NULL), 0);
	rf_alloc_fail_after(1);
	int rc = boot_read(b.hasher, &logs, &boot, NULL);

	rf_alloc_fail_after(0);
	assert_int_equal(rc, 0);
	assert_int_equal(boot.count, 6);
	boot_done(&boot);
	end_log(&b);
}

static void without_memory_it_fails_and_holds_nothing(void **state)
{
	struct log_build b;
	struct boot boot = {0};

	(void)state;
	put_firmware(&b);
	struct boot_logs logs = {.firmware = rf_buf_slice(&b.buf)};

	rf_alloc_fail_after(1);
	int rc = boot_read(b.hasher, &logs, &boot, NULL);

	rf_alloc_fail_after(0);
	assert_int_equal(rc, -ENOMEM);
	assert_int_equal(boot.count, 0);
	boot_done(&boot);
	end_log(&b);
}

static void broken_logs_are_named(void **state)
{
	static const struct {
		const char *firmware, *txt, *userspace;
		int code;
		const char *words;
	} cases[] = {
		{"", "", "", RF_E_MISSING, "no log"},
		{"short", "", "", RF_E_TRUNCATED, "boot log: event 0"},
		{"", "short", "", RF_E_TRUNCATED, "TXT log: event 0"},
		{"", "", "no sequence", RF_E_SYNTAX, "userspace log"},
		{"", "", "\x1e{}\n", RF_E_MISSING, "userspace log: record 0"},
	};
	struct attest_hasher *hasher;
	struct boot boot = {0};

	(void)state;
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct boot_logs logs = {rf_slice_text(cases[i].firmware),
					 rf_slice_text(cases[i].txt),
					 rf_slice_text(cases[i].userspace)};
		struct rf_err err = {0};

		assert_int_equal(boot_read(hasher, &logs, &boot, &err), cases[i].code);
		assert_non_null(strstr(rf_err_text(&err), cases[i].words));
		assert_int_equal(boot.count, 0);
	}
	boot_done(&boot);
	attest_hasher_free(hasher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_follow_the_order_of_measurement),
		cmocka_unit_test(the_story_replays_as_its_logs_do),
		cmocka_unit_test(a_story_made_by_hand_replays),
		cmocka_unit_test(a_second_reading_needs_no_memory),
		cmocka_unit_test(without_memory_it_fails_and_holds_nothing),
		cmocka_unit_test(broken_logs_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
