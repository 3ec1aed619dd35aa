/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming the user of the role net: its folder is its own, what is above it and what is planted in
 * it is not given. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/drop.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char top[] = "/tmp/rf-drop-XXXXXX";
static char dir[64], other[64];

static void file_make(const char *folder, const char *name)
{
	char path[128];

	rf_format(path, sizeof(path), "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static uid_t owner(const char *folder, const char *name)
{
	char path[128];
	struct stat st;

	rf_format(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(lstat(path, &st), 0);
	return st.st_uid;
}

static int set_up(void **state)
{
	char from[96], to[96];

	(void)state;
	if (geteuid() != 0)
		return 0;
	assert_non_null(mkdtemp(top));
	rf_format(dir, sizeof(dir), "%s/net", top);
	rf_format(other, sizeof(other), "%s/other", top);
	assert_int_equal(mkdir(dir, 0700) | mkdir(other, 0700), 0);
	file_make(dir, "certificate.pem");
	file_make(dir, "key.pem");
	file_make(other, "secret");
	/* What an earlier process of that user may have planted. */
	rf_format(from, sizeof(from), "%s/secret", other);
	rf_format(to, sizeof(to), "%s/hard", dir);
	assert_int_equal(link(from, to), 0);
	rf_format(to, sizeof(to), "%s/soft", dir);
	assert_int_equal(symlink(from, to), 0);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = {
		"net/certificate.pem", "net/key.pem", "net/hard", "net/soft", "net/mine",
		"other/secret"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(files); i++) {
		rf_format(path, sizeof(path), "%s/%s", top, files[i]);
		(void)unlink(path);
	}
	(void)!(rmdir(dir) | rmdir(other) | rmdir(top));
	return 0;
}

/* In a process of its own: bits of what did not hold. */
static int as_other(void)
{
	struct passwd *nobody = getpwnam("nobody");
	char path[96];
	int bad = drop_to("nobody", dir, "key.pem", NULL) == 0 ? 0 : 1;

	bad |= getuid() == nobody->pw_uid && geteuid() == nobody->pw_uid ? 0 : 2;
	bad |= setuid(0) < 0 && getgroups(0, NULL) == 0 ? 0 : 4;
	bad |= open("mine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 ? 0 : 8;
	bad |= open("certificate.pem", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 16;
	rf_format(path, sizeof(path), "%s/secret", other);
	bad |= open("key.pem", O_RDONLY | O_CLOEXEC) < 0 &&
			       open("hard", O_RDONLY | O_CLOEXEC) < 0 &&
			       open("soft", O_RDONLY | O_CLOEXEC) < 0 &&
			       open(path, O_RDONLY | O_CLOEXEC) < 0
		       ? 0
		       : 32;
	return bad;
}

static void only_its_folder_is_given(void **state)
{
	int status = 0;

	(void)state;
	if (geteuid() != 0)
		skip();
	const uid_t nobody = getpwnam("nobody")->pw_uid;
	pid_t pid = fork();

	if (pid == 0)
		_exit(as_other());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(owner(top, "net"), nobody);
	assert_int_equal(owner(dir, "certificate.pem"), nobody);
	assert_int_equal(owner(dir, "key.pem"), 0);
	assert_int_equal(owner(dir, "hard"), 0);
	assert_int_equal(owner(dir, "soft"), 0);
	assert_int_equal(owner(other, "secret"), 0);
}

static void without_that_user_nothing_happens(void **state)
{
	static const char *const users[] = {"no-such-user-here", "root", ""};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(users); i++)
		assert_int_equal(drop_to(users[i], dir, "key.pem", NULL), RF_E_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_that_user_nothing_happens),
		cmocka_unit_test(only_its_folder_is_given),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
