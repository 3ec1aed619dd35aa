/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing a file in one step; see swap.h. Source: open(2), rename(2), fsync(2). */
#include "sys/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "sys/internal.h"

#define MODE_NEW 0600

static int fail(const struct file_swap *swap, int rc, struct rf_err *err)
{
	return rf_fail(err, rc, "%s/%s: %s", swap->dir, swap->name, rf_code_text(rc));
}

static int split(const char *path, struct file_swap *swap, struct rf_err *err)
{
	const char *slash = strrchr(path, '/');
	size_t head = slash ? (size_t)(slash - path) : 0;
	const char *name = slash ? slash + 1 : path;

	if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return rf_fail(err, RF_E_USAGE, "%s is a folder; name a file", path);
	bool fits = rf_copy(swap->name, sizeof(swap->name), name) &&
		    rf_format(swap->temp, sizeof(swap->temp), ".%s.new-%d", name, (int)getpid());

	if (slash && head == 0)
		fits = rf_copy(swap->dir, sizeof(swap->dir), "/") && fits;
	else
		fits = rf_format(swap->dir, sizeof(swap->dir), "%.*s", head ? (int)head : 1,
				 head ? path : ".") &&
		       fits;
	return fits ? 0 : rf_fail(err, -ENAMETOOLONG, "%.200s: too long a name", path);
}

static int look(const struct file_swap *swap, struct stat *st, bool *exists)
{
	*exists = fstatat(swap->dir_fd, swap->name, st, AT_SYMLINK_NOFOLLOW) == 0;
	return *exists || errno == ENOENT ? 0 : -errno;
}

/* The new file is nobody else's until it has the old one's owner and mode. */
static int make_temp(struct file_swap *swap)
{
	const struct stat *was = &swap->was;

	swap->fd =
		openat(swap->dir_fd, swap->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE_NEW);
	if (swap->fd < 0)
		return -errno;
	file_claim(swap->fd);
	if (!swap->existed)
		return 0;
	if ((was->st_uid != geteuid() || was->st_gid != getegid()) &&
	    fchown(swap->fd, was->st_uid, was->st_gid) < 0)
		return -errno;
	return fchmod(swap->fd, was->st_mode & 07777) < 0 ? -errno : 0;
}

int file_swap_open(const char *path, struct file_swap *swap, struct rf_err *err)
{
	int rc = split(path, swap, err);

	if (rc < 0)
		return rc;
	swap->dir_fd = open(swap->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = swap->dir_fd < 0 ? -errno : look(swap, &swap->was, &swap->existed);
	if (rc == 0 && swap->existed && S_ISLNK(swap->was.st_mode))
		rc = -ELOOP;
	else if (rc == 0 && swap->existed && !S_ISREG(swap->was.st_mode))
		rc = RF_E_UNSUPPORTED;
	if (rc == 0) {
		file_stale_remove(swap->dir_fd, swap->name);
		rc = make_temp(swap);
	}
	return rc < 0 ? fail(swap, rc, err) : 0;
}

static bool unchanged(const struct file_swap *swap)
{
	struct stat now;
	bool exists = false;

	if (look(swap, &now, &exists) < 0 || exists != swap->existed)
		return false;
	return !exists || (now.st_ino == swap->was.st_ino && now.st_dev == swap->was.st_dev &&
			   now.st_size == swap->was.st_size &&
			   now.st_mtim.tv_sec == swap->was.st_mtim.tv_sec &&
			   now.st_mtim.tv_nsec == swap->was.st_mtim.tv_nsec);
}

int file_swap_commit(struct file_swap *swap, struct rf_slice bytes, struct rf_err *err)
{
	int rc = rf_write_all(swap->fd, bytes);

	if (rc == 0 && fsync(swap->fd) < 0)
		rc = -errno;
	if (rc == 0 && !unchanged(swap))
		return rf_fail(err, RF_E_MISMATCH,
			       "%s/%s: somebody changed it meanwhile; nothing was written",
			       swap->dir, swap->name);
	if (rc == 0 && renameat(swap->dir_fd, swap->temp, swap->dir_fd, swap->name) < 0)
		rc = -errno;
	if (rc < 0)
		return fail(swap, rc, err);
	swap->temp[0] = '\0';
	/* The name must survive a power cut too. */
	return fsync(swap->dir_fd) < 0 ? fail(swap, -errno, err) : 0;
}

void file_swap_done(struct file_swap *swap)
{
	if (swap->fd >= 0) {
		close(swap->fd);
		if (swap->temp[0])
			(void)unlinkat(swap->dir_fd, swap->temp, 0);
	}
	if (swap->dir_fd >= 0)
		close(swap->dir_fd);
	swap->fd = swap->dir_fd = -1;
}
