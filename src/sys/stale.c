/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a writer that was killed leaves beside its file: ".NAME.new-PID". The next writer of the
 * same file takes it away, and nothing else. Not for recordings, which are thrown away as a whole.
 * Source: flock(2), kill(2), unlinkat(2).
 *
 * Whose process it was is told by its number and by its lock: a number comes again, and a process
 * in another container has one that we cannot see; a lock goes with its process.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/str.h"
#include "sys/internal.h"

#define PID_MOST 4194304 /* of the kernel: PID_MAX_LIMIT */

/* The number behind ".NAME.new-"; 0 for any other name, also for one with a zero before. */
static pid_t writer_of(const char *entry, const char *name)
{
	size_t len = strlen(name);
	int64_t pid;

	if (entry[0] != '.' || strncmp(entry + 1, name, len) != 0 ||
	    !rf_starts(entry + 1 + len, ".new-"))
		return 0;
	const char *number = entry + 1 + len + strlen(".new-");

	if (number[0] < '1' || number[0] > '9' || number[strspn(number, "0123456789")] ||
	    rf_num(number, 10, 1, PID_MOST, &pid) < 0)
		return 0;
	return (pid_t)pid;
}

/* In the program's sandbox nobody may be asked whether he lives (EPERM): then the lock tells. Our
 * own number on a file that we did not make is one that came again. */
static bool is_alive(pid_t pid)
{
	return pid != getpid() && kill(pid, 0) == 0;
}

static void remove_one(int dir_fd, const char *entry)
{
	struct stat st, there;
	int fd = openat(dir_fd, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		    st.st_nlink == 1;

	/* Whoever holds the lock is still writing. */
	if (ours && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    fstatat(dir_fd, entry, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == st.st_ino &&
	    there.st_dev == st.st_dev)
		(void)unlinkat(dir_fd, entry, 0);
	close(fd);
}

/* Where others may put files, a name proves nothing. */
static bool is_our_folder(int dir_fd)
{
	struct stat st;

	return fstat(dir_fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

void file_stale_remove(int dir_fd, const char *name)
{
	int fd = is_our_folder(dir_fd) ? openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
				       : -1;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t seen = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *e; seen < RF_MAX_DIR_ENTRIES && (e = readdir(dir)); seen++) {
		pid_t pid = writer_of(e->d_name, name);

		if (pid && !is_alive(pid))
			remove_one(dir_fd, e->d_name);
	}
	closedir(dir);
}

void file_claim(int fd)
{
	/* Where there are no locks, nobody takes the file away either. */
	(void)flock(fd, LOCK_EX | LOCK_NB);
}
