/* SPDX-License-Identifier: Apache-2.0 */
/* The host's mounts as /proc/self/mountinfo lists them, and which of them holds a path. */
#ifndef RF_COLLECT_MOUNTINFO_H
#define RF_COLLECT_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "sys/sys.h"

/* One line; the texts lie in the table's own buffer. */
struct mount_entry {
	const char *root;    /* what of the file system is mounted, "/" for all */
	const char *target;  /* mount point */
	const char *options; /* of this mount */
	const char *fstype;
	const char *device; /* mount source */
	const char *super;  /* options of the file system */
	int64_t major, minor;
};

/* Zero-initialise. */
struct mount_table {
	struct rf_buf text;
	struct mount_entry *rows;
	size_t count, capacity;
	size_t broken_count; /* lines that are not understood */
};
#define MOUNT_AUTOTABLE __attribute__((cleanup(mount_table_done)))

/* Reads and parses /proc/self/mountinfo. */
int mount_table_read(struct sys *sys, struct mount_table *table, struct rf_err *err) RF_MUST_CHECK;

/* Parses what table->text holds, in place. Returns 0 or -ENOMEM; broken lines are counted. */
int mount_table_parse(struct mount_table *table) RF_MUST_CHECK;
void mount_table_done(struct mount_table *table);

/* The topmost mount at target itself; NULL when nothing is mounted there. */
const struct mount_entry *mount_table_at(const struct mount_table *table, const char *target);

/* The mount that holds path (absolute, links resolved); NULL when there is none. */
const struct mount_entry *mount_table_find(const struct mount_table *table, const char *path);

/* The topmost mount of a device; NULL when it is mounted nowhere. */
const struct mount_entry *mount_table_device(const struct mount_table *table, const char *device);

/* True when word is one of the options, which are separated by ','. */
bool mount_option_has(const char *options, const char *word);

/* Copies the value of NAME= among the options; false when it is not there or does not fit. */
bool mount_option_value(const char *options, const char *name, char *out, size_t size);

/* Takes the octal escapes of /proc (\040 for a blank) out of a field, in place. */
void mount_unescape(char *text);

/*
 * Follows the symbolic links of path, as far as its parts exist, into out (size bytes). False when
 * links go round in circles or the result does not fit; then out is path itself, cut if need be.
 */
bool mount_path_resolve(struct sys *sys, const char *path, char *out, size_t size);

#endif
