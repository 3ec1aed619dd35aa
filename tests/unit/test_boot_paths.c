/* SPDX-License-Identifier: Apache-2.0 */
/* Paths for measured digests: by each algorithm, as a file and as a program, and what a hostile
 * list does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "collect/boot_paths.h"

#define SHA1_AA	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA256_BB "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SHA256_CC "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static struct boot_item item_of(uint16_t alg, uint8_t byte)
{
	struct boot_item item = {.digests_count = 1};

	item.digests[0].alg = alg;
	item.digests[0].len = (uint8_t)attest_digest_size(alg);
	memset(item.digests[0].bytes, byte, item.digests[0].len);
	return item;
}

/* The path in that text for a digest of bytes `byte`; "" for none. */
static const char *found(const char *text, uint16_t alg, uint8_t byte)
{
	static char path[64];
	struct boot_paths paths = {0};
	struct boot_item item = item_of(alg, byte);

	boot_paths_read(rf_slice_text(text), &paths);
	const char *at = boot_paths_find(&paths, &item);

	strncpy(path, at ? at : "", sizeof(path) - 1);
	boot_paths_done(&paths);
	return path;
}

static void a_digest_gets_its_path(void **state)
{
	static const char files[] = "[{\"path\": \"/boot/grub.cfg\", \"sha1\": \"" SHA1_AA "\"},"
				    " {\"path\": \"/boot/vmlinuz\", \"sha256\": \"" SHA256_BB "\","
				    "  \"authenticode\": {\"sha256\": \"" SHA256_CC "\"}}]";

	(void)state;
	assert_string_equal(found(files, ATTEST_SHA1, 0xaa), "/boot/grub.cfg");
	assert_string_equal(found(files, ATTEST_SHA256, 0xbb), "/boot/vmlinuz");
	assert_string_equal(found(files, ATTEST_SHA256, 0xcc), "/boot/vmlinuz");
	assert_string_equal(found(files, ATTEST_SHA256, 0xaa), "");
	assert_string_equal(found(files, ATTEST_SHA384, 0xbb), "");
}

static void any_bank_of_an_item_will_do(void **state)
{
	static const char text[] = "[{\"path\": \"/boot/x\", \"sha256\": \"" SHA256_BB "\"}]";
	struct boot_paths paths = {0};
	struct boot_item item = item_of(ATTEST_SHA1, 0xdd);

	(void)state;
	item.digests[1] = item_of(ATTEST_SHA256, 0xbb).digests[0];
	item.digests_count = 2;
	boot_paths_read(rf_slice_text(text), &paths);
	assert_string_equal(boot_paths_find(&paths, &item), "/boot/x");
	boot_paths_done(&paths);
}

static void what_is_no_list_names_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"[",
		"{}",
		"7",
		"[7, null, [], {}]",
		"[{\"sha1\": \"" SHA1_AA "\"}]",
		"[{\"path\": \"\", \"sha1\": \"" SHA1_AA "\"}]",
		"[{\"path\": 7, \"sha1\": \"" SHA1_AA "\"}]",
		"[{\"path\": \"/x\", \"sha1\": \"aa\"}]",
		"[{\"path\": \"/x\", \"sha1\": \"" SHA256_BB "\"}]",
		"[{\"path\": \"/x\", \"sha1\": 7, \"authenticode\": [\"" SHA1_AA "\"]}]",
		"[{\"path\": \"/x\", \"path\": \"/y\", \"sha1\": \"" SHA1_AA "\"}]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(found(texts[i], ATTEST_SHA1, 0xaa), "");
}

static void a_list_without_end_is_cut(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};

	(void)state;
	rf_buf_add_text(&text, "[");
	for (int i = 0; i < 5000; i++)
		rf_buf_add_text(&text, "{\"path\": \"/x\"},");
	rf_buf_add_text(&text, "{\"path\": \"/last\", \"sha1\": \"" SHA1_AA "\"}]");
	assert_string_equal(found(rf_buf_text(&text), ATTEST_SHA1, 0xaa), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_digest_gets_its_path),
		cmocka_unit_test(any_bank_of_an_item_will_do),
		cmocka_unit_test(what_is_no_list_names_nothing),
		cmocka_unit_test(a_list_without_end_is_cut),
	};

	return cmocka_run_group_tests_name("boot_paths", tests, NULL, NULL);
}
