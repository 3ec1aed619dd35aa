/* SPDX-License-Identifier: Apache-2.0 */
/* The probes special-files and module-tail, over real files. */
#include "machine_test.h"

#include <errno.h>
#include <sys/wait.h>

#include "base/str.h"
#include "sys/image.h"
#include "sys/special.h"

#define NO_HURRY 60000u

static char root[64];

static void path_of(char *out, size_t size, const char *name)
{
	assert_true(rf_format(out, size, "%s/%s", root, name));
}

static void make(const char *name, mode_t mode)
{
	char path[256];

	path_of(path, sizeof(path), name);
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void make_dir(const char *name, mode_t mode)
{
	char path[256];

	path_of(path, sizeof(path), name);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
	char path[256], link[256];

	(void)state;
	rf_copy(root, sizeof(root), "/tmp/rf-special-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	make("plain", 0644);
	make("setuid", 04755);
	make("open", 0666);
	make("with blank\n", 02755);
	make_dir("sub", 0755);
	make("sub/deep", 04711);
	make_dir("wide", 0777);
	make_dir("sticky", 01777);
	path_of(path, sizeof(path), "setuid");
	path_of(link, sizeof(link), "link");
	return symlink(path, link);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	rf_format(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static bool has_line(const struct rf_buf *out, const char *rest)
{
	return strstr(rf_buf_text(out), rest) != NULL;
}

static void a_tree_is_looked_at(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	char want[256];

	(void)state;
	assert_int_equal(special_scan(root, 1000, NO_HURRY, &out, NULL), 0);
	static const struct {
		const char *head, *name;
	} wanted[] = {
		{"f 4755", "setuid\n"},	  {"f 0666", "open\n"}, {"f 2755", "with\\040blank\\012\n"},
		{"f 4711", "sub/deep\n"}, {"d 0777", "wide\n"},
	};

	for (size_t i = 0; i < RF_COUNT(wanted); i++) {
		rf_format(want, sizeof(want), "%s %u %u %s/%s", wanted[i].head, getuid(), getgid(),
			  root, wanted[i].name);
		if (!has_line(&out, want))
			fail_msg("no line %s in\n%s", want, rf_buf_text(&out));
	}
	assert_false(has_line(&out, "/link"));
	/* Only what is special is told; as root that leaves out what is not. */
	if (getuid() == 0 && getgid() == 0) {
		assert_false(has_line(&out, "/plain"));
		assert_false(has_line(&out, "/sticky"));
		assert_false(has_line(&out, "/sub\n"));
	}
}

static void a_budget_leaves_folders_for_later(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	RF_AUTOBUF struct rf_buf rest = {0};
	char later[128], sub[128];

	(void)state;
	assert_int_equal(special_scan(root, 1, NO_HURRY, &out, NULL), 0);
	rf_format(later, sizeof(later), "later %s/sub\n", root);
	assert_true(has_line(&out, later));
	assert_false(has_line(&out, "/sub/deep"));
	path_of(sub, sizeof(sub), "sub");
	assert_int_equal(special_scan(sub, 1, NO_HURRY, &rest, NULL), 0);
	assert_true(has_line(&rest, "/sub/deep"));
}

static void time_leaves_folders_for_later(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	char later[128];

	(void)state;
	assert_int_equal(special_scan(root, 1000, 0, &out, NULL), 0);
	rf_format(later, sizeof(later), "later %s/sub\n", root);
	assert_true(has_line(&out, "/setuid\n"));
	assert_true(has_line(&out, later));
	assert_false(has_line(&out, "/sub/deep"));
}

/* However deep a tree is, few directories are open at a time. */
static void what_lies_deep_is_for_later(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	RF_AUTOBUF struct rf_buf rest = {0};
	char path[512] = "sticky", full[600];

	(void)state;
	for (size_t i = 0; i < 50; i++) {
		rf_format(path + strlen(path), sizeof(path) - strlen(path), "/d");
		make_dir(path, 0755);
	}
	rf_format(path + strlen(path), sizeof(path) - strlen(path), "/x");
	make(path, 04755);
	assert_int_equal(special_scan(root, 1000, NO_HURRY, &out, NULL), 0);
	assert_false(has_line(&out, "/d/x\n"));
	char *later = strstr((char *)out.data, "later ");

	assert_non_null(later);
	later[strcspn(later, "\n")] = '\0';
	assert_null(strstr(later + 1, "later "));
	rf_copy(full, sizeof(full), later + strlen("later "));
	assert_int_equal(special_scan(full, 1000, NO_HURRY, &rest, NULL), 0);
	assert_true(has_line(&rest, "/d/x\n"));
}

/* Whose entries have names but may not be looked at has not been looked at. */
static void a_folder_that_cannot_be_searched_is_closed(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	char path[256], want[300];
	int status;

	(void)state;
	make_dir("listed", 0755);
	make("listed/a", 04755);
	make("listed/b", 04755);
	path_of(path, sizeof(path), "listed");
	rf_format(want, sizeof(want), "closed %s\n", path);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(chmod(root, 0755), 0);
	pid_t pid = fork();

	/* Root may search everywhere, so somebody else looks. */
	if (pid == 0) {
		if (getuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		if (special_scan(root, 1000, NO_HURRY, &out, NULL) < 0)
			_exit(3);
		const char *first = strstr(rf_buf_text(&out), want);

		_exit(first && !strstr(first + 1, want) ? 0 : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static void only_directories_are_entered(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	char path[256];

	(void)state;
	path_of(path, sizeof(path), "plain");
	assert_int_equal(special_scan(path, 10, NO_HURRY, &out, NULL), -ENOTDIR);
	path_of(path, sizeof(path), "nowhere");
	assert_int_equal(special_scan(path, 10, NO_HURRY, &out, NULL), -ENOENT);
	path_of(path, sizeof(path), "dirlink");
	assert_int_equal(symlink(root, path), 0);
	assert_true(special_scan(path, 10, NO_HURRY, &out, NULL) < 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(unlink(path), 0);
}

static void a_modules_tail_is_read(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	RF_AUTOBUF struct rf_buf bytes = {0};
	char path[256];

	(void)state;
	for (size_t i = 0; i < IMAGE_TAIL_BYTES; i++)
		rf_buf_add_byte(&bytes, 'a');
	rf_buf_add_text(&bytes, "end");
	path_of(path, sizeof(path), "m.ko");
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	fwrite(bytes.data, 1, bytes.len, f);
	fclose(f);
	assert_int_equal(image_module_tail(path, &out, NULL), 0);
	assert_int_equal(out.len, IMAGE_TAIL_BYTES);
	assert_true(rf_ends(rf_buf_text(&out), "aend"));
	/* Not of any other file, nor of what only has the name. */
	path_of(path, sizeof(path), "plain");
	assert_int_equal(image_module_tail(path, &out, NULL), -EINVAL);
	make_dir("dir.ko", 0755);
	path_of(path, sizeof(path), "dir.ko");
	assert_int_equal(image_module_tail(path, &out, NULL), -EINVAL);
	path_of(path, sizeof(path), "gone.ko");
	assert_int_equal(image_module_tail(path, &out, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_is_looked_at),
		cmocka_unit_test(a_budget_leaves_folders_for_later),
		cmocka_unit_test(time_leaves_folders_for_later),
		cmocka_unit_test(what_lies_deep_is_for_later),
		cmocka_unit_test(a_folder_that_cannot_be_searched_is_closed),
		cmocka_unit_test(only_directories_are_entered),
		cmocka_unit_test(a_modules_tail_is_read),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
