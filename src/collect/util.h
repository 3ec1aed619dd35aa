/* SPDX-License-Identifier: Apache-2.0 */
/* What several collectors share: settings files and their drop-ins, accounts and groups. */
#ifndef RF_COLLECT_UTIL_H
#define RF_COLLECT_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/fact.h"
#include "sys/sys.h"

/* Room for "path:line". */
#define UTIL_WHERE_BYTES 512u

/* Writes "path:line" into out (UTIL_WHERE_BYTES) and returns it. */
const char *util_where(char *out, const char *path, unsigned int line);

/*
 * Reads a text file whose absence is a fact of its own. Returns 1 when it was read, 0 when it is
 * not there, and a negative code when it could not be read: then a gap of table, key and column ""
 * says why, and what would mend it.
 */
int util_read(struct sys *sys, struct fact_sink *out, enum fact_table_id table, const char *key,
	      const char *path, size_t max_bytes, struct rf_buf *buf);

/* The gap that util_read writes, for other calls of the seam that failed with rc. */
void util_gap(struct fact_sink *out, enum fact_table_id table, const char *key, const char *path,
	      int rc);

/* The host's clock in milliseconds since 1970: as it was, where the host is a recording.
 * RF_E_MISSING when it is not known. */
int util_clock_ms(struct sys *sys, int64_t *out_ms, struct rf_err *err) RF_MUST_CHECK;

/* One setting of a file of `key = value`, `key value` or `[section] key=value` lines. */
struct util_setting {
	const char *path;
	const char *section; /* "" before the first [section] */
	const char *key;
	const char *value; /* "" when there is none; quotes around the whole are taken off */
	unsigned int line;
	bool has_equals; /* false for a bare word or `key value` */
};

/*
 * Walks the settings of a text in place. comments are the characters that make a line a comment
 * ("#;"); with inline_comments they also end a line.
 */
void util_settings_walk(char *text, const char *path, const char *comments, bool inline_comments,
			void (*each)(void *ctx, const struct util_setting *s), void *ctx);

/* Paths that a daemon reads, in the order in which it reads them. Zero-initialise. */
struct util_paths {
	char **paths;
	size_t count, capacity;
};
#define UTIL_AUTOPATHS __attribute__((cleanup(util_paths_done)))
int util_paths_add(struct util_paths *list, const char *path) RF_MUST_CHECK;
void util_paths_done(struct util_paths *list);

/*
 * The drop-in files of several directories, as systemd and libpwquality order them: by name, and of
 * two with one name only that of the directory named first. A directory that is not there holds no
 * file. Adds to list; returns 0 or the first failure of a directory that is there.
 */
int util_dropins(struct sys *sys, const char *const *dirs, size_t dirs_count, const char *suffix,
		 struct util_paths *list) RF_MUST_CHECK;

/* A line of /etc/passwd. */
struct util_user {
	char *name, *home, *shell;
	char *password;	  /* second field, scrubbed: x, *, !, a scheme prefix and *, or empty */
	int64_t uid, gid; /* -1 when not a number */
	unsigned int line;
};

/* A line of /etc/group. */
struct util_group {
	char *name;
	char *members; /* as written, separated by ',' */
	int64_t gid;   /* -1 when not a number */
	unsigned int line;
};

/* Accounts and groups of the host's own files. Zero-initialise. */
struct util_users {
	struct util_user *users;
	size_t users_count, users_capacity;
	struct util_group *groups;
	size_t groups_count, groups_capacity;
	size_t broken_count;	  /* lines that are not understood */
	unsigned int broken_line; /* first such line */
	const char *broken_path;  /* and its file; NULL when there is none */
	bool has_nis;		  /* a line that begins with + or - brings in a directory */
};
#define UTIL_AUTOUSERS __attribute__((cleanup(util_users_done)))

/* Reads /etc/passwd and /etc/group. A missing /etc/group is an empty one. */
int util_users_read(struct sys *sys, struct util_users *users, struct rf_err *err) RF_MUST_CHECK;
void util_users_done(struct util_users *users);

/* The first account with that uid, the first group with that gid; NULL when there is none. */
const struct util_user *util_user_find(const struct util_users *users, int64_t uid);
const struct util_user *util_user_named(const struct util_users *users, const char *name);
const struct util_group *util_group_find(const struct util_users *users, int64_t gid);

/* The name of a uid or gid, or its number as text in out (size bytes). */
const char *util_user_name(const struct util_users *users, int64_t uid, char *out, size_t size);
const char *util_group_name(const struct util_users *users, int64_t gid, char *out, size_t size);

/* The first bytes of the SHA-256 of bytes, as hex: out has 2 * first + 1 characters. */
int util_digest(const struct rf_buf *bytes, size_t first, char *out) RF_MUST_CHECK;

/* Splits text in place at each separator; at most max fields, the last holds the rest. */
size_t util_split(char *text, char separator, char **fields, size_t max);

#endif
