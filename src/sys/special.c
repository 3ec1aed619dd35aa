/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at a tree of files; see special.h. It opens directories only. Source: inode(7). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/special.h"

#define MAX_ANSWER_BYTES (16u << 20)

/* Directories that wait: the last is entered next, so that few wait at any time. */
struct scan {
	char **dirs;
	size_t count, capacity;
	size_t entries;
	dev_t dev;
	struct rf_buf *out;
};

/* As /proc/mounts does it: what would end a word or a line becomes octal. */
static void add_path(struct rf_buf *out, const char *path)
{
	for (const char *p = path; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c <= ' ' || c == '\\' || c == 0x7f)
			rf_buf_printf(out, "\\%03o", c);
		else
			rf_buf_add_byte(out, c);
	}
	rf_buf_add_byte(out, '\n');
}

static void add_word(struct rf_buf *out, const char *word, const char *path)
{
	rf_buf_add_text(out, word);
	add_path(out, path);
}

static bool is_special(const struct stat *st)
{
	if (st->st_uid != 0 || st->st_gid != 0)
		return true;
	if (S_ISREG(st->st_mode))
		return st->st_mode & (S_ISUID | S_ISGID | S_IWOTH);
	return S_ISDIR(st->st_mode) && st->st_mode & S_IWOTH && !(st->st_mode & S_ISVTX);
}

static int push(struct scan *s, const char *path)
{
	int rc = rf_grow((void **)&s->dirs, &s->capacity, s->count + 1, sizeof(*s->dirs));
	char *copy = rc < 0 ? NULL : rf_strdup(path);

	if (!copy)
		return -ENOMEM;
	s->dirs[s->count++] = copy;
	return 0;
}

static int look(struct scan *s, int dir_fd, const char *name, const char *path)
{
	struct stat st;

	/* What vanished meanwhile is nothing. */
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 ||
	    S_ISLNK(st.st_mode))
		return 0;
	s->entries++;
	if (is_special(&st)) {
		char kind = S_ISREG(st.st_mode) ? 'f' : S_ISDIR(st.st_mode) ? 'd' : 'o';

		rf_buf_printf(s->out, "%c %04o %u %u ", kind, (unsigned)(st.st_mode & 07777),
			      (unsigned)st.st_uid, (unsigned)st.st_gid);
		add_path(s->out, path);
	}
	return S_ISDIR(st.st_mode) && st.st_dev == s->dev ? push(s, path) : 0;
}

static int scan_entries(struct scan *s, DIR *dir, const char *path)
{
	char below[RF_MAX_PATH_BYTES];
	int rc = 0;

	for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    e->d_type == DT_LNK)
			continue;
		if (rf_format(below, sizeof(below), "%s/%s", path, e->d_name))
			rc = look(s, dirfd(dir), e->d_name, below);
		if (s->out->len > MAX_ANSWER_BYTES)
			rc = RF_E_LIMIT;
	}
	return rc;
}

/* Enters one directory; the first one must be there. */
static int scan_dir(struct scan *s, const char *path, bool is_first)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;

	if (!dir) {
		int rc = -errno;

		if (fd >= 0)
			close(fd);
		if (is_first)
			return rc;
		if (rc != -ENOENT)
			add_word(s->out, "closed ", path);
		return 0;
	}
	if (is_first)
		s->dev = fstat(fd, &st) == 0 ? st.st_dev : 0;
	int rc = scan_entries(s, dir, path);

	closedir(dir);
	return rc;
}

int special_scan(const char *dir, size_t max_entries, struct rf_buf *out, struct rf_err *why)
{
	struct scan s = {.out = out};
	int rc = scan_dir(&s, dir, true);

	while (rc == 0 && s.count > 0) {
		RF_AUTOFREE char *next = s.dirs[--s.count];

		if (s.entries >= max_entries)
			add_word(out, "later ", next);
		else
			rc = scan_dir(&s, next, false);
	}
	while (s.count > 0)
		rf_free(s.dirs[--s.count]);
	rf_free(s.dirs);
	if (rc == RF_E_LIMIT)
		return rf_fail(why, rc, "more than %u bytes", MAX_ANSWER_BYTES);
	return rc < 0 ? rc : out->failed ? -ENOMEM : 0;
}
