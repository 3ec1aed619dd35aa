/* SPDX-License-Identifier: Apache-2.0 */
/* Files of our own that last: modes, owners, links, replaced in one step; and which texts name a
 * TPM. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "facts_test.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/state.h"
#include "sys/swap.h"
#include "sys/tpm.h"

static struct test_host host;

static const char *below(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", host.dir, name);
	return path;
}

static void test_folders(void **state)
{
	char out[64] = "", small[8] = "";

	(void)state;
	assert_int_equal(state_folder(NULL, "attest", out, sizeof(out), NULL), 0);
	assert_string_equal(out, STATE_DIR "/attest");
	assert_int_equal(state_folder("/x", "a", small, sizeof(small), NULL), 0);
	assert_string_equal(small, "/x/a");
	assert_int_equal(state_folder("/long", "er", small, sizeof(small), NULL), -ENAMETOOLONG);
}

static void test_fields_of_a_process(void **state)
{
	static const char line[] = "12 (a) R 99 (b) S 1 2 3\n";
	static const struct {
		const char *line;
		unsigned field;
		const char *word;
	} cases[] = {
		{line, 3, "S"},	     {line, 4, "1"}, {line, 6, "3"},   {line, 7, ""},
		{"12 a S 1", 3, ""}, {"", 3, ""},    {"1 (a)", 3, ""}, {"1 (a) 123456789", 3, ""},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		char word[8] = "old";
		bool found = sys_stat_field(cases[i].line, cases[i].field, word, sizeof(word));

		assert_int_equal(found, cases[i].word[0] != 0);
		if (found)
			assert_string_equal(word, cases[i].word);
	}
}

static int setup(void **state)
{
	(void)state;
	host_make(&host);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_done(&host);
	return 0;
}

static int read_state(const char *dir, const char *name, size_t max, char *out, size_t size)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	int rc = state_read(dir, name, max, &buf, NULL);

	rf_copy(out, size, rf_buf_text(&buf));
	return rc;
}

static void test_prepare(void **state)
{
	char dir[256];
	struct stat st;

	(void)state;
	snprintf(dir, sizeof(dir), "%s", below("a/b/c"));
	assert_int_equal(state_prepare(dir, NULL), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(state_prepare(dir, NULL), 0);
	host_file(&host, "/file", "x");
	assert_int_equal(state_prepare(below("file/d"), NULL), -ENOTDIR);
}

static void test_written_whole_and_private(void **state)
{
	char text[64];
	struct stat st;

	(void)state;
	assert_int_equal(state_write(host.dir, "key", rf_slice_text("first"), NULL), 0);
	assert_int_equal(state_write(host.dir, "key", rf_slice_text("second"), NULL), 0);
	assert_int_equal(read_state(host.dir, "key", 100, text, sizeof(text)), 0);
	assert_string_equal(text, "second");
	assert_int_equal(stat(below("key"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Nothing else is left in the folder. */
	assert_int_equal(access(below("key"), F_OK), 0);
	char command[300];

	snprintf(command, sizeof(command), "test $(ls -A '%s' | wc -l) = 1", host.dir);
	assert_int_equal(system(command), 0);
}

static void test_a_link_is_replaced_not_followed(void **state)
{
	char text[64], target[256];

	(void)state;
	snprintf(target, sizeof(target), "%s", below("target"));
	host_file(&host, "/target", "kept");
	assert_int_equal(symlink(target, below("key")), 0);
	assert_int_equal(read_state(host.dir, "key", 100, text, sizeof(text)), -ELOOP);
	assert_int_equal(state_write(host.dir, "key", rf_slice_text("new"), NULL), 0);
	assert_int_equal(read_state(host.dir, "target", 100, text, sizeof(text)), 0);
	assert_string_equal(text, "kept");
}

static void test_refused(void **state)
{
	char text[64];

	(void)state;
	assert_int_equal(read_state(host.dir, "none", 100, text, sizeof(text)), -ENOENT);
	host_file(&host, "/wide", "x");
	assert_int_equal(chmod(below("wide"), 0622), 0);
	assert_int_equal(read_state(host.dir, "wide", 100, text, sizeof(text)), RF_E_DENIED);
	assert_int_equal(chmod(below("wide"), 0602), 0);
	assert_int_equal(read_state(host.dir, "wide", 100, text, sizeof(text)), RF_E_DENIED);
	assert_int_equal(chmod(below("wide"), 0644), 0);
	assert_int_equal(read_state(host.dir, "wide", 100, text, sizeof(text)), 0);
	host_file(&host, "/long", "0123456789");
	assert_int_equal(read_state(host.dir, "long", 9, text, sizeof(text)), RF_E_LIMIT);
	assert_int_equal(read_state(host.dir, "long", 10, text, sizeof(text)), 0);
	assert_int_equal(mkfifo(below("fifo"), 0600), 0);
	assert_int_equal(read_state(host.dir, "fifo", 10, text, sizeof(text)), RF_E_DENIED);
	assert_int_equal(state_write(host.dir, "a/b", rf_slice_text("x"), NULL), -EINVAL);
	assert_int_equal(state_write(below("nowhere"), "a", rf_slice_text("x"), NULL), -ENOENT);
	if (geteuid() == 0) {
		assert_int_equal(chown(below("long"), 12345, 12345), 0);
		assert_int_equal(read_state(host.dir, "long", 100, text, sizeof(text)),
				 RF_E_DENIED);
	}
}

static void test_names_of_tpms(void **state)
{
	static const struct {
		const char *tcti;
		bool good;
	} cases[] = {
		{"device", true},
		{"device:/dev/tpmrm0", true},
		{"device:/dev/tpm0", true},
		{"swtpm:host=127.0.0.1,port=2321", true},
		{"swtpm:path=/run/tpm.sock", true},
		{"mssim:host=localhost,port=2321", true},
		{"tabrmd", true},
		{"tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=system", true},
		{"cmd:tpm2_send", false},
		{"pcap", false},
		{"none", false},
		{"", false},
		{":", false},
		{"devic", false},
		{"devices", false},
		{"swtpm:port=1;rm", false},
		{"swtpm:port=$(id)", false},
		{"device:/etc/passwd", false},
		{"device:/dev/../etc/passwd", false},
		{"device:tpm0", false},
		{"/usr/lib/libtss2-tcti-cmd.so", false},
		{"libtss2-tcti-device.so.0:/dev/tpm0", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = tpm_tcti_check(cases[i].tcti, NULL);

		if (rc != (cases[i].good ? 0 : RF_E_USAGE))
			fail_msg("%s: %d", cases[i].tcti, rc);
	}
}

static void test_key_files_are_read_with_care(void **state)
{
	static const uint8_t good[] = "RFAK1\nO\n\0\3abc\0\2de";
	struct rf_slice out = {0}, blob = {good, sizeof(good) - 1};

	(void)state;
	assert_int_equal(tpm_ak_public(blob, &out, NULL), 0);
	assert_int_equal(out.len, 5);
	assert_memory_equal(out.data, "\0\3abc", 5);
	for (size_t len = 0; len < blob.len; len++) {
		out = (struct rf_slice){0};
		assert_true(tpm_ak_public((struct rf_slice){good, len}, &out, NULL) < 0);
		assert_null(out.data);
	}
	/* A byte more. */
	assert_int_equal(tpm_ak_public((struct rf_slice){good, blob.len + 1}, &out, NULL),
			 RF_E_SYNTAX);
}

/* ---- what killed writers left ---- */

static pid_t dead(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return child;
}

static bool is_there(const char *name)
{
	struct stat st;

	return lstat(below(name), &st) == 0;
}

static void test_stale_files_go(void **state)
{
	const pid_t gone = dead();
	/* The number of a process that is gone stands between the two. */
	static const struct {
		const char *before, *behind;
		bool goes;
	} rows[] = {
		{"d/.key.new-", "", true},    {"d/.key.new-", "0000000000", false},
		{"d/.key.new-0", "", false},  {"d/.key.new-", "x", false},
		{"d/.key.new--", "", false},  {"d/.key.new- ", "", false},
		{"d/.other.new-", "", false}, {"d/key.new-", "", false},
		{"d/.key.old-", "", false},   {"d/.key.new-", ".new-1", false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		char name[64], path[72];

		rf_format(name, sizeof(name), "%s%d%s", rows[i].before, (int)gone, rows[i].behind);
		rf_format(path, sizeof(path), "/%s", name);
		host_file(&host, path, "half");
		assert_int_equal(chmod(below("d"), 0700), 0);
		assert_int_equal(state_write(below("d"), "key", rf_slice_text("whole"), NULL), 0);
		if (is_there(name) == rows[i].goes)
			fail_msg("%s %s", name, rows[i].goes ? "stayed" : "went");
	}
	/* No number, and that of a process that lives. */
	host_file(&host, "/d/.key.new-", "half");
	char living[64];

	snprintf(living, sizeof(living), "/d/.key.new-%d", (int)getppid());
	host_file(&host, living, "half");
	assert_int_equal(state_write(below("d"), "key", rf_slice_text("x"), NULL), 0);
	assert_true(is_there("d/.key.new-") && is_there(living + 1));
	/* A name that has the sign of another file in it. */
	char name[64];

	snprintf(name, sizeof(name), "/d/..key.new-2.new-%d", (int)gone);
	host_file(&host, name, "half");
	assert_int_equal(state_write(below("d"), "key", rf_slice_text("x"), NULL), 0);
	assert_true(is_there(name + 1));
	assert_int_equal(state_write(below("d"), ".key.new-2", rf_slice_text("x"), NULL), 0);
	assert_false(is_there(name + 1));
}

/* What only looks like ours, and what somebody still writes. */
static void test_stale_files_that_stay(void **state)
{
	char name[64], path[72];

	(void)state;
	snprintf(name, sizeof(name), "d/.key.new-%d", (int)dead());
	rf_format(path, sizeof(path), "/%s", name);
	host_file(&host, "/d/kept", "kept");
	assert_int_equal(chmod(below("d"), 0700), 0);
	/* A link, to be followed by nobody. */
	char target[256];

	rf_copy(target, sizeof(target), below("d/kept"));
	assert_int_equal(symlink(target, below(name)), 0);
	assert_int_equal(state_write(below("d"), "key", rf_slice_text("x"), NULL), 0);
	assert_true(is_there(name) && is_there("d/kept"));
	assert_int_equal(unlink(below(name)), 0);
	/* A second name of a file. */
	assert_int_equal(link(target, below(name)), 0);
	assert_int_equal(state_write(below("d"), "key", rf_slice_text("x"), NULL), 0);
	assert_true(is_there(name));
	assert_int_equal(unlink(below(name)), 0);
	/* A folder. */
	assert_int_equal(mkdir(below(name), 0700), 0);
	assert_int_equal(state_write(below("d"), "key", rf_slice_text("x"), NULL), 0);
	assert_true(is_there(name));
	assert_int_equal(rmdir(below(name)), 0);
	/* Being written by somebody whose number we cannot see. */
	host_file(&host, path, "half");
	int fd = open(below(name), O_RDONLY | O_CLOEXEC);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(state_write(below("d"), "key", rf_slice_text("x"), NULL), 0);
	assert_true(is_there(name));
	close(fd);
	/* Where others may write, names prove nothing. */
	assert_int_equal(chmod(below("d"), 0770), 0);
	assert_int_equal(state_write(below("d"), "key", rf_slice_text("x"), NULL), 0);
	assert_true(is_there(name));
	assert_int_equal(chmod(below("d"), 0700), 0);
	assert_int_equal(state_write(below("d"), "key", rf_slice_text("x"), NULL), 0);
	assert_false(is_there(name));
}

/* A swap goes on where one was killed, also when the number of its process came again. */
static void test_a_swap_after_a_killed_one(void **state)
{
	const pid_t numbers[] = {dead(), getpid()};
	char name[64], path[256];

	(void)state;
	host_file(&host, "/d/vm.vmx", "old");
	assert_int_equal(chmod(below("d"), 0700), 0);
	for (size_t i = 0; i < RF_COUNT(numbers); i++) {
		struct file_swap swap = {.fd = -1, .dir_fd = -1};

		snprintf(name, sizeof(name), "/d/.vm.vmx.new-%d", (int)numbers[i]);
		host_file(&host, name, "half");
		rf_copy(path, sizeof(path), below("d/vm.vmx"));
		assert_int_equal(file_swap_open(path, &swap, NULL), 0);
		assert_int_equal(file_swap_commit(&swap, rf_slice_text("new"), NULL), 0);
		file_swap_done(&swap);
		assert_false(is_there(name + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_prepare, setup, teardown),
		cmocka_unit_test_setup_teardown(test_written_whole_and_private, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_link_is_replaced_not_followed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale_files_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stale_files_that_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_swap_after_a_killed_one, setup, teardown),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_fields_of_a_process),
		cmocka_unit_test(test_names_of_tpms),
		cmocka_unit_test(test_key_files_are_read_with_care),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
