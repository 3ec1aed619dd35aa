/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of disk images: a qcow2 header is given, what a VM wrote to a raw disk is not. */
#include "test_base.h"

#include <unistd.h>

#include "sys/sys.h"

static void head_of(const char *content, size_t len, struct rf_buf *out)
{
	char path[] = "/tmp/rf-image-XXXXXX";
	int fd = mkstemp(path);
	struct sys *sys;
	struct rf_err err = {0};

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), (ssize_t)len);
	close(fd);
	assert_int_equal(sys_open_live(&sys, &err), 0);
	if (sys_probe(sys, "image-head", path, out, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	sys_close(sys);
	unlink(path);
}

static void raw_content_stays_where_it_is(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	head_of("password=hunter2 and more of it", 31, &out);
	assert_int_equal(out.len, 8);
	assert_memory_equal(out.data, "password", 8);
}

static void a_qcow2_header_is_whole(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	head_of("QFI\xfb\0\0\0\3rest of the header", 26, &out);
	assert_int_equal(out.len, 26);
}

/* ---- samples ---- */

#define BLOCK 4096

static int samples_of(const char *path, struct rf_buf *out)
{
	struct sys *sys;

	assert_int_equal(sys_open_live(&sys, NULL), 0);

	int rc = sys_probe(sys, "block-samples", path, out, NULL);

	sys_close(sys);
	return rc;
}

/* A medium of size bytes, sparse, with one byte that is not zero (at < 0: none). */
static void medium_of(int64_t size, int64_t at, struct rf_buf *out)
{
	char path[] = "/tmp/rf-image-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	if (at >= 0)
		assert_int_equal(pwrite(fd, "hunter2", 7, at), 7);
	close(fd);
	assert_int_equal(samples_of(path, out), 0);
	unlink(path);
}

static void blank_and_not(void **state)
{
	static const struct {
		int64_t size, at;
		const char *says;
	} CASES[] = {
		{1ll << 30, -1, "size 1073741824\nread 32\nblank 32\n"},
		{1ll << 30, 100, "size 1073741824\nread 32\nblank 31\nfirst 0\n"},
		{1ll << 30, (1ll << 30) - 7,
		 "size 1073741824\nread 32\nblank 31\nfirst 1073737728\n"},
		/* Few blocks: each is looked at. */
		{3 * BLOCK, 2 * BLOCK + 9, "size 12288\nread 3\nblank 2\nfirst 8192\n"},
		{32 * BLOCK, 17 * BLOCK, "size 131072\nread 32\nblank 31\nfirst 69632\n"},
		{33 * BLOCK, -1, "size 135168\nread 32\nblank 32\n"},
		/* A part of a block at the end is none; nor is a medium smaller than one. */
		{BLOCK + 100, BLOCK + 10, "size 4196\nread 1\nblank 1\n"},
		{100, 10, "size 100\nread 0\nblank 0\n"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf out = {0};

		medium_of(CASES[i].size, CASES[i].at, &out);
		assert_string_equal(rf_buf_text(&out), CASES[i].says);
	}
}

/* What one finds another finds again, and of a medium full of old blocks all of them are seen. */
static void the_same_ones_each_time(void **state)
{
	RF_AUTOBUF struct rf_buf full = {0}, again = {0};
	RF_AUTOFREE char *bytes = rf_alloc(1024, BLOCK);
	char path[] = "/tmp/rf-image-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && bytes);
	memset(bytes, 'x', 1024 * BLOCK);
	assert_int_equal(write(fd, bytes, 1024 * BLOCK), 1024 * BLOCK);
	close(fd);
	assert_int_equal(samples_of(path, &full), 0);
	assert_int_equal(samples_of(path, &again), 0);
	assert_string_equal(rf_buf_text(&full), "size 4194304\nread 32\nblank 0\nfirst 0\n");
	assert_string_equal(rf_buf_text(&full), rf_buf_text(&again));
	unlink(path);
}

static void what_is_no_medium(void **state)
{
	static const char *const PATHS[] = {"/dev/null", "/proc", "/nowhere/at/all"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(PATHS); i++) {
		RF_AUTOBUF struct rf_buf out = {0};

		assert_true(samples_of(PATHS[i], &out) < 0);
		assert_int_equal(out.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_content_stays_where_it_is),
		cmocka_unit_test(a_qcow2_header_is_whole),
		cmocka_unit_test(blank_and_not),
		cmocka_unit_test(the_same_ones_each_time),
		cmocka_unit_test(what_is_no_medium),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
