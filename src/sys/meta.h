/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/.ringfence/meta of a directory host: what a directory cannot say of the files in it. One line
 * for a path, fields separated by one tab, later fields may be left off, an empty field or "-" says
 * nothing:
 *
 *	PATH TYPE MODE UID GID SIZE MTIME_MS FLAGS TEXT
 *
 *   PATH   absolute, without "//", "." and ".."; tab, newline, carriage return and backslash are
 *          written \t \n \r \\
 *   TYPE   f file, d directory, l symbolic link, c and b devices, p FIFO, s socket;
 *          ? even stat gave the error in TEXT (ENOENT: known to be absent)
 *   MODE   12 permission bits, octal. UID, GID, SIZE, MTIME_MS are decimal.
 *   FLAGS  comma-separated: acl (an ACL is attached), listed (all entries of the directory are
 *          known), read (its content is below DIR), large (larger than we read), error (see TEXT)
 *   TEXT   of l without the flag error: the target. Otherwise the name of the error that reading,
 *          listing or readlink gives, such as EACCES, and after a blank what was said of it.
 *
 * Several lines for one path are one: a later field replaces, flags add up, and the flag read takes
 * an error back. The first line "#recorded" says that what has no line was never looked at, so that
 * asking for it is an error instead of "not there". Other lines that begin with # are comments.
 */
#ifndef RF_SYS_META_H
#define RF_SYS_META_H

#include "base/map.h"
#include "sys/sys.h"

enum meta_flag {
	META_ACL = 1,
	META_LISTED = 2,
	META_READ = 4,
	META_LARGE = 8,
	META_ERROR = 16,
};

/* Fields that a line had. */
enum meta_known {
	META_TYPE = 1,
	META_MODE = 2,
	META_UID = 4,
	META_GID = 8,
	META_SIZE = 16,
	META_MTIME = 32,
};

struct meta_entry {
	char *path;
	unsigned known, flags;
	bool stat_failed;	  /* type ?: error is that of stat */
	bool implied;		  /* has no line: a directory above one that has */
	struct sys_stat st;	  /* fields in known */
	int error;		  /* 0 or negative */
	char *text;		  /* target, or what was said of the error; NULL when none */
	struct meta_entry **kids; /* entries below, unsorted, without those known to be absent */
	size_t kids_count, kids_capacity;
};

struct meta;

/* Parses the bytes of a meta file. Returns 0, -ENOMEM, RF_E_SYNTAX or RF_E_LIMIT with the line. */
int meta_parse(const char *text, size_t len, struct meta **out, struct rf_err *err) RF_MUST_CHECK;
/* One with no entry. NULL when memory is short. */
struct meta *meta_new(void) RF_MUST_CHECK;
/* Accepts NULL. */
void meta_free(struct meta *meta);

/* Whether what has no line was never looked at. */
bool meta_is_recorded(const struct meta *meta);
/* The entry of a path, or NULL. */
const struct meta_entry *meta_find(const struct meta *meta, const char *path);
/* Whether its path was named by a line; entries may be implied only. */
size_t meta_count(const struct meta *meta);

/* What is known of a path that has no entry: -ENOENT, the error of a directory above it, or
 * RF_E_MISSING when nobody looked. */
int meta_absent(const struct meta *meta, const char *path) RF_MUST_CHECK;

/* Appends the line of an entry (kids are not used). */
void meta_add_line(const struct meta_entry *entry, struct rf_buf *out);
/* Appends all lines, sorted by path, merged, with the head line. */
int meta_write(const struct meta *meta, struct rf_buf *out) RF_MUST_CHECK;

/* "EACCES" for -EACCES, "RF_E_LIMIT" for that; "EIO" for what is in no table. And back: -EIO for an
 * unknown name. */
const char *meta_error_name(int code);
int meta_error_code(const char *name);

#endif
