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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_content_stays_where_it_is),
		cmocka_unit_test(a_qcow2_header_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
