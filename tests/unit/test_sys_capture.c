/* SPDX-License-Identifier: Apache-2.0 */
/* Captures: packed and opened again the same, and archives that mean harm. Tar headers are made
 * here by hand (ustar, pax of POSIX.1-2001), so that they can be wrong. */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "facts_test.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"

/* Blank, newline, and a letter of two bytes. */
#define ODD_NAME                                                                                   \
	"with sp\xc3\xa4"                                                                          \
	"ce\n"

static struct test_host h; /* recording in /rec, archives beside it, unpacked below /tmp */

static const char *at(const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *out = path[turn++ % 4];

	snprintf(out, sizeof(path[0]), "%s/%s", h.dir, name);
	return out;
}

static int setup(void **state)
{
	(void)state;
	host_make(&h);
	assert_int_equal(mkdir(at("rec"), 0700), 0);
	assert_int_equal(mkdir(at("tmp"), 0700), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_done(&h);
	return 0;
}

/* How many unpacked captures lie about. */
static int leftovers(void)
{
	DIR *dir = opendir(at("tmp"));
	int n = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void record(void)
{
	struct sys *sys = NULL;
	struct sys_stat st;
	struct rf_err err = {0};
	char line[64];
	RF_AUTOBUF struct rf_buf buf = {0};

	if (sys_open_recording(at("rec"), &sys, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(sys_read_line(sys, "/proc/sys/kernel/ostype", line, sizeof(line)), 0);
	host_file(&h, "/" ODD_NAME, "x\n");
	assert_int_equal(sys_read(sys, at(ODD_NAME), 9, &buf, &err), 0);
	assert_int_equal(sys_stat(sys, "/dev/null", &st), 0);
	sys_close(sys);
}

static struct rf_buf whole(const char *path)
{
	struct rf_buf out = {0};
	struct sys *sys;

	assert_int_equal(sys_open_live(&sys, NULL), 0);
	/* Not by sys_read: that would scrub. */
	assert_int_equal(
		file_read((struct file_root){.fd = sys->root_fd}, path, 1u << 20, &out, NULL, NULL),
		0);
	sys_close(sys);
	return out;
}

static void test_round_trip(void **state)
{
	static const char *const names[] = {"a.tar",	 "a.tar.gz", "a.tgz",
					    "a.tar.zst", "a.tar.xz", "a"};
	struct rf_err err = {0};

	(void)state;
	record();
	for (size_t i = 0; i < RF_COUNT(names); i++) {
		struct sys *sys = NULL;
		struct sys_stat st;
		struct stat real;
		char line[64];

		if (sys_capture_write(at("rec"), at(names[i]), &err) < 0)
			fail_msg("%s", rf_err_text(&err));
		assert_int_equal(stat(at(names[i]), &real), 0);
		assert_int_equal(real.st_mode & 07777, 0600);
		if (capture_open(at(names[i]), at("tmp"), &sys, &err) < 0)
			fail_msg("%s", rf_err_text(&err));
		assert_int_equal(leftovers(), 1);
		assert_false(sys_is_live(sys));
		assert_int_equal(sys_read_line(sys, "/proc/sys/kernel/ostype", line, sizeof(line)),
				 0);
		assert_string_equal(line, "Linux");
		assert_int_equal(sys_read_line(sys, at(ODD_NAME), line, sizeof(line)), 0);
		assert_string_equal(line, "x");
		assert_int_equal(sys_stat(sys, "/dev/null", &st), 0);
		assert_int_equal(st.type, S_IFCHR);
		assert_int_equal(sys_stat(sys, "/dev/zero", &st), RF_E_MISSING);
		sys_close(sys);
		assert_int_equal(leftovers(), 0);
	}
}

static void test_same_bytes(void **state)
{
	(void)state;
	record();
	assert_int_equal(sys_capture_write(at("rec"), at("a.tar.gz"), NULL), 0);
	assert_int_equal(sys_capture_write(at("rec"), at("b.tar.gz"), NULL), 0);
	RF_AUTOBUF struct rf_buf a = whole(at("a.tar.gz")), b = whole(at("b.tar.gz"));

	assert_true(a.len > 100);
	assert_true(rf_slice_equal(rf_buf_slice(&a), rf_buf_slice(&b)));
	/* gzip's time of making (bytes 4 to 7) says nothing. */
	assert_memory_equal(a.data + 4, "\0\0\0\0", 4);
}

/* A child that inherited the host must not take its files away. */
static void test_child_does_not_remove(void **state)
{
	struct sys *sys = NULL;
	char line[64];

	(void)state;
	record();
	assert_int_equal(sys_capture_write(at("rec"), at("a.tar"), NULL), 0);
	assert_int_equal(capture_open(at("a.tar"), at("tmp"), &sys, NULL), 0);
	/* As a child would: another process id. */
	sys->temp_owner++;
	assert_int_equal(leftovers(), 1);
	assert_int_equal(sys_read_line(sys, "/proc/sys/kernel/ostype", line, sizeof(line)), 0);
	sys->temp_owner--;
	char *dir = rf_strdup(sys->temp_dir);

	sys->temp_owner++;
	sys_close(sys);
	assert_int_equal(leftovers(), 1);
	assert_int_equal(file_remove_tree(dir), 0);
	rf_free(dir);
}

static void test_write_fails_whole(void **state)
{
	struct rf_err err = {0};

	(void)state;
	record();
	assert_int_equal(sys_capture_write(at("rec"), at("no/such/dir.tar"), &err), -ENOENT);
	assert_int_equal(sys_capture_write(at("nowhere"), at("a.tar"), &err), -ENOENT);
	assert_int_equal(symlink("/etc/passwd", at("rec/link")), 0);
	assert_int_equal(sys_capture_write(at("rec"), at("a.tar"), &err), RF_E_DENIED);
	assert_int_equal(access(at("a.tar"), F_OK), -1);
	assert_int_equal(unlink(at("rec/link")), 0);
}

/* One tar header and its content. size NULL: that of the content. */
static void add_entry(struct rf_buf *tar, const char *name, char type, const char *content,
		      const char *size)
{
	char head[512] = {0};
	unsigned sum = 0;
	size_t len = strlen(content);

	snprintf(head, 100, "%s", name);
	memcpy(head + 100, "0000600\0000000000\0000000000", 24);
	if (size)
		memcpy(head + 124, size, 12);
	else
		snprintf(head + 124, 12, "%011o", (unsigned)len & 07777777);
	memcpy(head + 136, "00000000000", 12);
	memset(head + 148, ' ', 8);
	head[156] = type;
	if (type == '1' || type == '2')
		snprintf(head + 157, 100, "%s", "/etc/passwd");
	memcpy(head + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(head); i++)
		sum += (unsigned char)head[i];
	snprintf(head + 148, 8, "%06o", sum);
	rf_buf_add(tar, head, sizeof(head));
	rf_buf_add(tar, content, len);
	while (tar->len % 512)
		rf_buf_add_byte(tar, 0);
}

static int open_bytes(const struct rf_buf *tar, struct rf_err *err)
{
	struct sys *sys = NULL;
	int fd = open(at("x.tar"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(rf_write_all(fd, rf_buf_slice(tar)), 0);
	close(fd);
	int rc = capture_open(at("x.tar"), at("tmp"), &sys, err);

	if (rc < 0)
		assert_null(sys);
	sys_close(sys);
	/* Whatever was in it: nothing stays behind. */
	assert_int_equal(leftovers(), 0);
	return rc;
}

static void test_hostile_archives(void **state)
{
	static const struct {
		const char *name, *path;
		char type;
		const char *size;
		int want;
	} rows[] = {
		{"good", "etc/hostname", '0', NULL, 0},
		{"dot", "./etc/hostname", '0', NULL, 0},
		{"directory", "etc/", '5', NULL, 0},
		{"up", "../x", '0', NULL, RF_E_DENIED},
		{"up inside", "a/../../x", '0', NULL, RF_E_DENIED},
		{"up behind", "a/..", '0', NULL, RF_E_DENIED},
		{"absolute", "/tmp/rf-x", '0', NULL, RF_E_DENIED},
		{"double slash", "a//b", '0', NULL, RF_E_DENIED},
		{"dot inside", "a/./b", '0', NULL, RF_E_DENIED},
		{"symlink", "etc/l", '2', NULL, RF_E_DENIED},
		{"hard link", "etc/l", '1', NULL, RF_E_DENIED},
		{"fifo", "etc/p", '6', NULL, RF_E_DENIED},
		{"device", "dev/x", '3', NULL, RF_E_DENIED},
		{"twice", ".ringfence/meta", '0', NULL, RF_E_DUPLICATE},
		{"below a file", ".ringfence/meta/x", '0', NULL, -ENOTDIR},
		{"huge", "big", '0', "\x80\0\0\0\0\0\0\x10\0\0\0\0", RF_E_LIMIT},
		{"cut", "cut", '0', "00000100000", RF_E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf tar = {0};
		struct rf_err err = {0};

		add_entry(&tar, ".ringfence/meta", '0', "#recorded\n", NULL);
		add_entry(&tar, rows[i].path, rows[i].type, rows[i].type == '0' ? "text" : "",
			  rows[i].size);
		if (!rows[i].size)
			for (int k = 0; k < 1024; k++)
				rf_buf_add_byte(&tar, 0);
		int rc = open_bytes(&tar, &err);

		if (rc != rows[i].want)
			fail_msg("%s: %d, %s", rows[i].name, rc, rf_err_text(&err));
	}
	assert_int_equal(access("/tmp/rf-x", F_OK), -1);
}

static void test_no_archive(void **state)
{
	RF_AUTOBUF struct rf_buf tar = {0};
	struct rf_err err = {0};
	struct sys *sys = NULL;

	(void)state;
	assert_int_equal(open_bytes(&tar, &err), RF_E_SYNTAX);
	rf_buf_add_text(&tar,
			"this is no archive, but long enough to be looked at as if it were one");
	assert_int_equal(open_bytes(&tar, &err), RF_E_SYNTAX);
	rf_buf_reset(&tar);
	add_entry(&tar, "etc/hostname", '0', "x", NULL);
	assert_int_equal(open_bytes(&tar, &err), RF_E_SYNTAX);
	assert_non_null(strstr(rf_err_text(&err), "no capture"));
	rf_buf_reset(&tar);
	add_entry(&tar, ".ringfence/meta", '0', "/a/../b\tf\n", NULL);
	assert_int_equal(open_bytes(&tar, &err), RF_E_SYNTAX);
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_int_equal(capture_open(at("fifo"), at("tmp"), &sys, &err), -EINVAL);
	assert_int_equal(capture_open(at("nowhere"), at("tmp"), &sys, &err), -ENOENT);
	assert_null(sys);
}

/* The door that everybody uses: it leaves nothing behind in its own place either. */
static void test_the_public_door(void **state)
{
	struct sys *sys = NULL;

	(void)state;
	record();
	assert_int_equal(sys_capture_write(at("rec"), at("a.tar"), NULL), 0);
	assert_int_equal(sys_open_capture(at("a.tar"), &sys, NULL), 0);
	char *dir = rf_strdup(sys->temp_dir);

	sys_close(sys);
	assert_int_equal(access(dir, F_OK), -1);
	rf_free(dir);
}

static void test_too_many_files(void **state)
{
	RF_AUTOBUF struct rf_buf tar = {0};
	struct rf_err err = {0};

	(void)state;
	/* Directories count, and cost nothing to make here. */
	for (unsigned i = 0; i <= RF_MAX_CAPTURE_FILES; i++)
		add_entry(&tar, "d", '5', "", NULL);
	assert_int_equal(open_bytes(&tar, &err), RF_E_LIMIT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_round_trip),	   T(test_same_bytes),	     T(test_child_does_not_remove),
		T(test_write_fails_whole), T(test_hostile_archives), T(test_no_archive),
		T(test_too_many_files),	   T(test_the_public_door),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
