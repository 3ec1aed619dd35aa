/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's image locks out of /proc/locks: which lines are such locks, and whose file they are on. */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/images.h"
#include "facts_test.h"

#define FILE_ID "08:01:131"

static struct sys_stat file(unsigned int major_, unsigned int minor_, uint64_t inode, uint32_t type)
{
	return (struct sys_stat){
		.type = type, .dev = gnu_dev_makedev(major_, minor_), .inode = inode};
}

static int asked(const char *locks, const struct sys_stat *st)
{
	struct test_host h;
	struct sys *sys = NULL;
	IMAGES_AUTO struct images images = {0};

	host_make(&h);
	if (locks)
		host_file(&h, "/proc/locks", locks);
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	images.sys = sys;
	images_locks_open(&images);
	int answer = images_locked(&images, st);

	sys_close(sys);
	host_done(&h);
	return answer;
}

static void lines(void **state)
{
	static const struct {
		const char *locks;
		int answer;
	} CASES[] = {
		{NULL, -1},
		{"", 0},
		{"1: OFDLCK ADVISORY  READ -1 " FILE_ID " 100 101\n", 1},
		{"1: OFDLCK ADVISORY  READ -1 " FILE_ID " 203 203", 1},
		{"1: POSIX  ADVISORY  WRITE 77 " FILE_ID " 103 103\n", 1},
		{"1: POSIX  ADVISORY  WRITE 77 " FILE_ID " 0 EOF\n", 0},
		{"1: OFDLCK ADVISORY  READ -1 " FILE_ID " 99 300\n", 0},
		{"1: FLOCK  ADVISORY  WRITE 77 " FILE_ID " 100 EOF\n", 0},
		{"1: -> OFDLCK ADVISORY  READ -1 " FILE_ID " 100 101\n", 0},
		{"1: OFDLCK ADVISORY  READ -1 08:01:132 100 101\n", 0},
		/* The same number on what may be the same file system by another name. */
		{"1: OFDLCK ADVISORY  READ -1 00:2f:131 100 101\n", -1},
		{"1: OFDLCK ADVISORY  READ -1 " FILE_ID " 100\n", 0},
		{"1: OFDLCK ADVISORY  READ -1 " FILE_ID " many 101\n", 0},
		{"\n\n:::\n1:\n", 0},
	};
	const struct sys_stat image = file(8, 1, 131, S_IFREG);

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		if (asked(CASES[i].locks, &image) != CASES[i].answer)
			fail_msg("case %zu: %s", i, CASES[i].locks ? CASES[i].locks : "no file");
	}
}

/* A device is locked by nobody in this way. */
static void only_files(void **state)
{
	const struct sys_stat disk = file(0, 5, 131, S_IFBLK);

	(void)state;
	assert_int_equal(asked("1: OFDLCK ADVISORY  READ -1 00:05:131 100 101\n", &disk), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(only_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
