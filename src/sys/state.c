/* SPDX-License-Identifier: Apache-2.0 */
/* Files of our own that last; see state.h. Source: open(2), rename(2), fsync(2). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"
#include "sys/state.h"

static int fail(struct rf_err *err, int rc, const char *dir, const char *name)
{
	return rf_fail(err, rc, "%s%s%s: %s", dir, name[0] ? "/" : "", name, rf_code_text(rc));
}

int state_folder(const char *state, const char *name, char *out, size_t size, struct rf_err *err)
{
	return rf_format(out, size, "%s/%s", state ? state : STATE_DIR, name)
		       ? 0
		       : rf_fail(err, -ENAMETOOLONG, "the state folder's path is too long");
}

int state_prepare(const char *dir, struct rf_err *err)
{
	char part[RF_MAX_PATH_BYTES];

	if (!rf_copy(part, sizeof(part), dir))
		return fail(err, -ENAMETOOLONG, dir, "");
	for (char *slash = part + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return fail(err, -errno, part, "");
	}
	return mkdir(dir, 0700) < 0 && errno != EEXIST ? fail(err, -errno, dir, "") : 0;
}

/* Whoever may write the file could give us a key or a list of his choice. */
static bool is_ours(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int state_read(const char *dir, const char *name, size_t max_bytes, struct rf_buf *out,
	       struct rf_err *err)
{
	char path[RF_MAX_PATH_BYTES];
	struct stat st;

	if (!rf_format(path, sizeof(path), "%s/%s", dir, name))
		return fail(err, -ENAMETOOLONG, dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return fail(err, -errno, dir, name);
	int rc = fstat(fd, &st) < 0 ? -errno : 0;

	if (rc == 0 && (!S_ISREG(st.st_mode) || !is_ours(&st)))
		rc = rf_fail(
			err, RF_E_DENIED,
			"%s: others may write it, so it is not read; look who did, then remove "
			"it",
			path);
	else if (rc == 0)
		rc = rf_read_all(fd, max_bytes, out);
	close(fd);
	return rc < 0 && rc != RF_E_DENIED ? fail(err, rc, dir, name) : rc;
}

static int write_new(int dir_fd, const char *temp, const char *name, struct rf_slice bytes)
{
	int fd = file_create(dir_fd, temp, O_TRUNC);

	if (fd >= 0)
		file_claim(fd);
	int rc = fd < 0 ? fd : rf_write_all(fd, bytes);

	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && renameat(dir_fd, temp, dir_fd, name) < 0)
		rc = -errno;
	if (rc < 0)
		(void)unlinkat(dir_fd, temp, 0);
	return rc;
}

int state_write(const char *dir, const char *name, struct rf_slice bytes, struct rf_err *err)
{
	char temp[300];
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = dir_fd < 0 ? -errno : 0;

	if (rc == 0 && (strchr(name, '/') ||
			!rf_format(temp, sizeof(temp), ".%s.new-%d", name, (int)getpid())))
		rc = -EINVAL;
	if (rc == 0)
		file_stale_remove(dir_fd, name);
	if (rc == 0)
		rc = write_new(dir_fd, temp, name, bytes);
	/* The name must survive a power cut too. */
	if (rc == 0)
		(void)fsync(dir_fd);
	if (dir_fd >= 0)
		close(dir_fd);
	return rc < 0 ? fail(err, rc, dir, name) : 0;
}
