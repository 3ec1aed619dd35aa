/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming another user; see drop.h. Sources: credentials(7), prctl(2) PR_SET_PDEATHSIG. */
#include "agent/drop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who was there before may have put anything here: only plain files with one name are given. */
static void give_file(int dir, const char *name, const struct passwd *user)
{
	struct stat st;
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    fchownat(fd, "", user->pw_uid, user->pw_gid, AT_EMPTY_PATH) < 0)
		(void)!errno; /* it cannot be read then, which its reader says */
	close(fd);
}

static int give(const char *path, const struct passwd *user, const char *keep, struct rf_err *err)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = dir < 0 ? NULL : fdopendir(dir);
	const struct dirent *one;

	if (!list || fchown(dir, user->pw_uid, user->pw_gid) < 0 || fchdir(dir) < 0) {
		int rc = -errno;

		if (list)
			closedir(list);
		else if (dir >= 0)
			close(dir);
		return rf_fail(err, rc, "%s: %s", path, rf_code_text(rc));
	}
	while ((one = readdir(list))) {
		if (strcmp(one->d_name, keep) != 0)
			give_file(dir, one->d_name, user);
	}
	closedir(list);
	return 0;
}

int drop_to(const char *user, const char *dir, const char *keep, struct rf_err *err)
{
	const struct passwd *u = geteuid() == 0 ? getpwnam(user) : NULL;

	if (!u || u->pw_uid == 0)
		return rf_fail(err, RF_E_MISSING, "no user %s", user);
	int rc = give(dir, u, keep, err);

	if (rc)
		return rc;
	if (setgroups(0, NULL) < 0 || setresgid(u->pw_gid, u->pw_gid, u->pw_gid) < 0 ||
	    setresuid(u->pw_uid, u->pw_uid, u->pw_uid) < 0 || setuid(0) == 0)
		return rf_fail(err, RF_E_DENIED, "cannot become %s", user);
	/* Both are forgotten with the change of user. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_DUMPABLE, 0);
	return 0;
}
