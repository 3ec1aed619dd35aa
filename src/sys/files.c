/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files below a root: the live machine's "/" or a directory that stands for a host, which nothing
 * leaves (openat2(2), RESOLVE_IN_ROOT). Reading never waits and has no side effect: what is not a
 * regular file is found out with O_PATH, before it is opened. Not for meta data of directory hosts
 * (dir.c) and not for scrubbing (scrub.c).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"

#define READ_PASSES 3 /* a file that changes is read this often */
#define OPEN_TRIES  8 /* openat2 says EAGAIN when a rename raced with it */
#define CHUNK_BYTES 65536u
#define SMALL_BYTES 4095u
#define PATH_OF_FD  32 /* "/proc/self/fd/" and a number */

static void fd_close_p(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define AUTOFD __attribute__((cleanup(fd_close_p)))

static const char *relative(const char *path)
{
	path += strspn(path, "/");
	return *path ? path : ".";
}

static int open_contained(int fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	for (int i = 0; i < OPEN_TRIES; i++) {
		long rc = syscall(SYS_openat2, fd, path, &how, sizeof(how));

		if (rc >= 0)
			return (int)rc;
		if (errno == ENOSYS)
			return RF_E_UNSUPPORTED;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int file_open(struct file_root root, const char *path, int flags)
{
	/* openat2 refuses O_PATH beside flags that would mean nothing. */
	flags |= flags & O_PATH ? O_CLOEXEC : O_CLOEXEC | O_NOCTTY;
	if (root.contained)
		return open_contained(root.fd, relative(path), flags);
	int fd = openat(root.fd, relative(path), flags);

	return fd < 0 ? -errno : fd;
}

static void fd_path(int fd, char out[PATH_OF_FD])
{
	(void)rf_format(out, PATH_OF_FD, "/proc/self/fd/%d", fd);
}

/* File systems whose files are made while they are read: their size and times say nothing. */
static bool is_made_up(int fd)
{
	static const unsigned magics[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC,	 CGROUP_SUPER_MAGIC,	    CGROUP2_SUPER_MAGIC,
		DEBUGFS_MAGIC,	  TRACEFS_MAGIC, SECURITYFS_MAGIC,	    SELINUX_MAGIC,
		EFIVARFS_MAGIC,	  BPF_FS_MAGIC,	 0x62656570 /* configfs */,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < RF_COUNT(magics); i++) {
		if ((unsigned)fs.f_type == magics[i])
			return true;
	}
	return false;
}

/* One pass over the file, from its start. Small files are many, so that room is asked for as much
 * as the file says it has, which those of /proc do not say. */
static int read_pass(int fd, size_t max_bytes, int64_t size_bytes, struct rf_buf *out)
{
	size_t chunk = size_bytes <= 0		  ? SMALL_BYTES
		       : size_bytes < CHUNK_BYTES ? (size_t)size_bytes + 1
						  : CHUNK_BYTES;

	rf_buf_reset(out);
	if (lseek(fd, 0, SEEK_SET) < 0 && errno != ESPIPE)
		return -errno;
	for (;;) {
		size_t left = max_bytes - out->len;
		/* One byte more than allowed, to see that there is more. */
		size_t want = left < chunk ? left + 1 : chunk;
		uint8_t *to = rf_buf_reserve(out, want);

		if (!to)
			return -ENOMEM;
		ssize_t n = read(fd, to, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		if ((size_t)n > left)
			return RF_E_LIMIT;
		out->len += (size_t)n;
		/* Larger than it said: then it may be much larger. */
		chunk = (size_t)n == want ? CHUNK_BYTES : chunk;
	}
	/* The reserve above always left room for this NUL. */
	out->data[out->len] = 0;
	return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int file_read_fd(int fd, size_t max_bytes, bool check_change, const struct file_pass *pass,
		 struct rf_buf *out, struct rf_err *why)
{
	struct stat before, after;

	for (int i = 0; i < READ_PASSES; i++) {
		if (fstat(fd, &before) < 0)
			return -errno;
		if (check_change && before.st_size > (int64_t)max_bytes)
			return rf_fail(why, RF_E_LIMIT, "%lld bytes, at most %zu are read",
				       (long long)before.st_size, max_bytes);
		int rc = read_pass(fd, max_bytes, before.st_size, out);

		if (pass && pass->between)
			pass->between(pass->ctx);
		if (rc == RF_E_LIMIT)
			return rf_fail(why, rc, "more than the %zu bytes that are read", max_bytes);
		if (rc < 0 || !check_change)
			return rc;
		if (fstat(fd, &after) < 0)
			return -errno;
		if (same_file(&before, &after) && (int64_t)out->len == after.st_size)
			return 0;
	}
	return rf_fail(why, RF_E_CHANGED, "changed each of the %d times it was read", READ_PASSES);
}

/* Opens for reading what path_fd (O_PATH) stands for, and nothing else. */
static int reopen(struct file_root root, const char *path, int path_fd, const struct stat *want)
{
	char name[PATH_OF_FD];
	struct stat st;

	fd_path(path_fd, name);
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0)
		return fd;
	if (errno != ENOENT && errno != EACCES)
		return -errno;
	/* /proc is not there or, for a program with file capabilities, not ours. */
	AUTOFD int again = file_open(root, path, O_RDONLY | O_NONBLOCK);

	if (again < 0)
		return again;
	if (fstat(again, &st) < 0)
		return -errno;
	if (st.st_dev != want->st_dev || st.st_ino != want->st_ino)
		return RF_E_CHANGED;
	fd = again;
	again = -1;
	return fd;
}

/* A process that ended while its files in /proc are read gives ESRCH: it is just not there. */
static int gone(int rc)
{
	return rc == -ESRCH ? -ENOENT : rc;
}

static void real_path(int fd, const char *path, char *real)
{
	char name[PATH_OF_FD];

	if (!real)
		return;
	fd_path(fd, name);
	ssize_t n = readlink(name, real, RF_MAX_PATH_BYTES - 1);

	if (n > 0)
		real[n] = '\0';
	else
		(void)rf_copy(real, RF_MAX_PATH_BYTES, path);
}

int file_read(struct file_root root, const char *path, size_t max_bytes, struct rf_buf *out,
	      char *real, struct rf_err *why)
{
	struct stat st;
	AUTOFD int path_fd = file_open(root, path, O_PATH);

	if (path_fd < 0)
		return gone(path_fd);
	if (fstat(path_fd, &st) < 0)
		return gone(-errno);
	if (!S_ISREG(st.st_mode))
		return rf_fail(why, -EINVAL, "not a regular file");
	AUTOFD int fd = reopen(root, path, path_fd, &st);

	if (fd < 0)
		return gone(fd);
	real_path(fd, path, real);
	return gone(file_read_fd(fd, max_bytes, !is_made_up(fd), NULL, out, why));
}

int names_add(struct sys_names *names, size_t *capacity, const char *name)
{
	if (names->count >= RF_MAX_DIR_ENTRIES)
		return RF_E_LIMIT;
	int rc = rf_grow((void **)&names->names, capacity, names->count + 1, sizeof(char *));

	if (rc < 0)
		return rc;
	char *copy = rf_strdup(name);

	if (!copy)
		return -ENOMEM;
	names->names[names->count++] = copy;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort_unique(struct sys_names *names)
{
	size_t kept = 0;

	if (names->count < 2)
		return;
	qsort(names->names, names->count, sizeof(char *), by_text);
	for (size_t i = 0; i < names->count; i++) {
		if (kept > 0 && strcmp(names->names[kept - 1], names->names[i]) == 0)
			rf_free(names->names[i]);
		else
			names->names[kept++] = names->names[i];
	}
	names->count = kept;
}

static int read_names(DIR *dir, struct sys_names *out)
{
	size_t capacity = 0;

	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(dir);

		if (!entry)
			return -errno;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		int rc = names_add(out, &capacity, entry->d_name);

		if (rc < 0)
			return rc;
	}
}

int file_list(struct file_root root, const char *path, struct sys_names *out, struct rf_err *why)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int fd = file_open(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);

	if (fd < 0)
		return gone(fd);
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	int rc = gone(read_names(dir, &names));

	closedir(dir);
	if (rc == RF_E_LIMIT)
		return rf_fail(why, rc, "more than %u entries", RF_MAX_DIR_ENTRIES);
	if (rc < 0)
		return rc;
	names_sort_unique(&names);
	*out = names;
	names = (struct sys_names){0};
	return 0;
}

static bool has_acl(const char *path, bool follow)
{
	static const char name[] = "system.posix_acl_access";

	return (follow ? getxattr(path, name, NULL, 0) : lgetxattr(path, name, NULL, 0)) > 0;
}

static void stat_fill(const struct stat *st, struct sys_stat *out)
{
	*out = (struct sys_stat){
		.type = st->st_mode & S_IFMT,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size_bytes = st->st_size,
		.mtime_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000,
		.dev = st->st_dev,
		.inode = st->st_ino,
	};
}

int file_stat(struct file_root root, const char *path, bool follow, struct sys_stat *out)
{
	int flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
	char name[PATH_OF_FD];
	struct stat st;

	if (!root.contained) {
		/* An automount point is looked at, not mounted. */
		if (fstatat(root.fd, relative(path), &st, flags | AT_NO_AUTOMOUNT) < 0)
			return gone(-errno);
		stat_fill(&st, out);
		if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
			out->has_acl = has_acl(path, follow);
		return 0;
	}
	AUTOFD int fd = file_open(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW));

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	stat_fill(&st, out);
	fd_path(fd, name);
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		out->has_acl = has_acl(name, true);
	return 0;
}

int file_readlink(struct file_root root, const char *path, char *out, size_t size)
{
	char target[RF_MAX_PATH_BYTES];
	ssize_t n;

	if (root.contained) {
		AUTOFD int fd = file_open(root, path, O_PATH | O_NOFOLLOW);

		if (fd < 0)
			return fd;
		n = readlinkat(fd, "", target, sizeof(target) - 1);
		/* With an empty path the kernel says ENOENT of what is not a link. */
		if (n < 0 && errno == ENOENT)
			return -EINVAL;
	} else {
		n = readlinkat(root.fd, relative(path), target, sizeof(target) - 1);
	}
	if (n < 0)
		return gone(-errno);
	target[n] = '\0';
	return (size_t)n == sizeof(target) - 1 || !rf_copy(out, size, target) ? -ENAMETOOLONG : 0;
}
