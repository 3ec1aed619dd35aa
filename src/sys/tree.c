/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing below a directory of our own: recordings and unpacked captures. Not for a host's files,
 * which nothing in this folder writes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"

#define MAX_DEPTH 128

/* Opens below dir_fd, never through a symbolic link and never above. */
static int open_beneath(int dir_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? 0600 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	if (fd >= 0)
		return (int)fd;
	return errno == ENOSYS ? RF_E_UNSUPPORTED : -errno;
}

static int make_parents(int dir_fd, const char *path)
{
	char part[RF_MAX_PATH_BYTES];

	if (!rf_copy(part, sizeof(part), path))
		return -ENAMETOOLONG;
	for (char *slash = part; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		if (mkdirat(dir_fd, part, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int file_create(int dir_fd, const char *path, int extra_flags)
{
	int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NOCTTY | extra_flags;

	path += strspn(path, "/");
	int fd = open_beneath(dir_fd, path, flags);

	if (fd != -ENOENT)
		return fd;
	int rc = make_parents(dir_fd, path);

	return rc < 0 ? rc : open_beneath(dir_fd, path, flags);
}

int file_replace(int dir_fd, const char *path, const void *data, size_t len)
{
	char temp[RF_MAX_PATH_BYTES];

	path += strspn(path, "/");
	const char *slash = strrchr(path, '/');
	int head = slash ? (int)(slash - path) + 1 : 0;

	/* Beside the file, so that the rename needs no right on a second directory. */
	if (!rf_format(temp, sizeof(temp), "%.*s.rf-new-%d", head, path, (int)getpid()))
		return -ENAMETOOLONG;
	int fd = file_create(dir_fd, temp, O_TRUNC);

	if (fd < 0)
		return fd;
	int rc = rf_write_all(fd, (struct rf_slice){data, len});

	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && renameat(dir_fd, temp, dir_fd, path) < 0)
		rc = -errno;
	if (rc < 0)
		(void)unlinkat(dir_fd, temp, 0);
	return rc;
}

/* Empties the directory behind fd, which it takes. Recursion is bounded by MAX_DEPTH. */
static int empty(int fd, unsigned depth)
{
	DIR *dir = depth < MAX_DEPTH ? fdopendir(fd) : NULL;
	int rc = 0;

	if (!dir) {
		close(fd);
		return depth < MAX_DEPTH ? -ENOMEM : RF_E_LIMIT;
	}
	for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0)
			continue;
		int sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		rc = sub < 0 ? -errno : empty(sub, depth + 1);
		if (rc == 0 && unlinkat(fd, e->d_name, AT_REMOVEDIR) < 0)
			rc = -errno;
	}
	closedir(dir);
	return rc;
}

int file_remove_tree(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int rc = empty(fd, 0);

	if (rc == 0 && rmdir(path) < 0)
		rc = -errno;
	return rc;
}
