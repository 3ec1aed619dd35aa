/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at a tree of files; see special.h. It opens directories only. A host has a hundred thousand
 * programs' files, so each costs one fstatat by its name alone: a directory is opened once, from
 * its parent's descriptor, and read in large pieces. Sources: inode(7), getdents(2), openat(2).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/special.h"

#define MAX_ANSWER_BYTES (16u << 20)
#define PIECE_BYTES	 32768u
/* Directories that are open at a time; what lies deeper is for later. */
#define MAX_LEVELS 32u

/* A directory that is open while those in it are looked at. */
struct level {
	int fd;
	size_t path_len;    /* of its own path */
	size_t names_start; /* where its directories begin among the names */
	bool told;	    /* that not all in it could be looked at */
};

struct scan {
	struct level levels[MAX_LEVELS];
	size_t depth;
	struct rf_buf names; /* directories not yet entered, each with its NUL; the last is next */
	char path[RF_MAX_PATH_BYTES]; /* of the directory or entry at hand */
	size_t entries, max_entries;
	int64_t end_ms;
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

/* Puts an entry's name behind its directory's path; false when that is too long for any call. */
static bool path_enter(struct scan *s, size_t dir_len, const char *name)
{
	size_t len = strlen(name);

	if (dir_len + 1 + len >= sizeof(s->path))
		return false;
	s->path[dir_len] = '/';
	memcpy(s->path + dir_len + 1, name, len + 1);
	return true;
}

/* Says once that something in a directory could not be looked at. */
static void tell_closed(struct scan *s, struct level *dir)
{
	s->path[dir->path_len] = '\0';
	if (!dir->told)
		add_word(s->out, "closed ", s->path);
	dir->told = true;
}

static void tell_special(struct scan *s, struct level *dir, const char *name, const struct stat *st)
{
	char kind = S_ISREG(st->st_mode) ? 'f' : S_ISDIR(st->st_mode) ? 'd' : 'o';

	if (!path_enter(s, dir->path_len, name)) {
		tell_closed(s, dir);
		return;
	}
	rf_buf_printf(s->out, "%c %04o %u %u ", kind, (unsigned)(st->st_mode & 07777),
		      (unsigned)st->st_uid, (unsigned)st->st_gid);
	add_path(s->out, s->path);
}

static int look(struct scan *s, struct level *dir, const char *name)
{
	struct stat st;

	if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		/* What vanished meanwhile is nothing. */
		if (errno != ENOENT)
			tell_closed(s, dir);
		return 0;
	}
	if (S_ISLNK(st.st_mode))
		return 0;
	s->entries++;
	if (is_special(&st))
		tell_special(s, dir, name, &st);
	if (S_ISDIR(st.st_mode) && st.st_dev == s->dev)
		rf_buf_add(&s->names, name, strlen(name) + 1);
	if (s->out->failed || s->names.failed)
		return -ENOMEM;
	return s->out->len > MAX_ANSWER_BYTES ? RF_E_LIMIT : 0;
}

/* Every entry of the directory that was opened last. */
static int look_at_all(struct scan *s)
{
	struct level *dir = &s->levels[s->depth - 1];
	alignas(struct dirent64) char piece[PIECE_BYTES];
	ssize_t got = 0;
	int rc = 0;

	while (rc == 0 && (got = getdents64(dir->fd, piece, sizeof(piece))) > 0) {
		for (ssize_t at = 0; rc == 0 && at < got;) {
			const struct dirent64 *e = (const struct dirent64 *)(piece + at);

			at += e->d_reclen;
			if (e->d_type != DT_LNK && strcmp(e->d_name, ".") != 0 &&
			    strcmp(e->d_name, "..") != 0)
				rc = look(s, dir, e->d_name);
		}
	}
	if (got < 0)
		tell_closed(s, dir);
	return rc;
}

/* Enters the directory that s->path names, by name from its parent; the first one must be there. */
static int enter(struct scan *s, int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0) {
		int rc = -errno;

		if (s->depth == 0)
			return rc;
		if (rc != -ENOENT)
			add_word(s->out, "closed ", s->path);
		return 0;
	}
	if (s->depth == 0)
		s->dev = fstat(fd, &st) == 0 ? st.st_dev : 0;
	s->levels[s->depth++] =
		(struct level){.fd = fd, .path_len = strlen(s->path), .names_start = s->names.len};
	return look_at_all(s);
}

/* Takes the last directory that waits at this level; NULL when none is left. It stays where it is
 * until something is added behind. */
static const char *next_name(struct scan *s, const struct level *level)
{
	const char *names = (const char *)s->names.data;
	size_t at = s->names.len;

	if (at == level->names_start)
		return NULL;
	for (at--; at > level->names_start && names[at - 1];)
		at--;
	s->names.len = at;
	return names + at;
}

static bool is_used_up(const struct scan *s)
{
	return s->depth >= MAX_LEVELS || s->entries >= s->max_entries ||
	       rf_clock_ms(CLOCK_MONOTONIC) >= s->end_ms;
}

/* Goes on with the deepest open directory: into one of its directories, or up. */
static int step(struct scan *s)
{
	struct level *level = &s->levels[s->depth - 1];
	const char *name = next_name(s, level);

	s->path[level->path_len] = '\0';
	if (!name) {
		close(level->fd);
		s->depth--;
		return 0;
	}
	if (!path_enter(s, level->path_len, name)) {
		tell_closed(s, level);
		return 0;
	}
	if (!is_used_up(s))
		return enter(s, level->fd, name);
	add_word(s->out, "later ", s->path);
	return 0;
}

int special_scan(const char *dir, size_t max_entries, unsigned max_ms, struct rf_buf *out,
		 struct rf_err *why)
{
	struct scan s = {.out = out,
			 .max_entries = max_entries,
			 .end_ms = rf_clock_ms(CLOCK_MONOTONIC) + max_ms};

	if (!rf_copy(s.path, sizeof(s.path), dir))
		return -ENAMETOOLONG;
	int rc = enter(&s, AT_FDCWD, dir);

	while (rc == 0 && s.depth > 0)
		rc = step(&s);
	while (s.depth > 0)
		close(s.levels[--s.depth].fd);
	rf_buf_done(&s.names);
	if (rc == RF_E_LIMIT)
		return rf_fail(why, rc, "more than %u bytes", MAX_ANSWER_BYTES);
	return rc < 0 ? rc : out->failed ? -ENOMEM : 0;
}
