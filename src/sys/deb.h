/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a Debian package (.deb), by SHA-256, without installing or unpacking it: an ar archive
 * with two tar archives in it. Hostile bytes: to be read by a process that is locked in.
 */
#ifndef RF_SYS_DEB_H
#define RF_SYS_DEB_H

#include "base/buf.h"
#include "base/err.h"

#define DEB_MAX_BYTES	      (4096LL << 20) /* unpacked, in all */
#define DEB_MAX_FILES	      200000u
#define DEB_MAX_CONTROL_BYTES (64u << 10)

struct deb_package {
	char name[256], version[256];
};

/* Called with each regular file that is not empty: its path from / on, its SHA-256 in hexadecimal.
 * Anything but 0 ends the reading with that code. */
typedef int deb_file_fn(void *arg, const struct deb_package *package, const char *path,
			const char *sha256);

/* Opens a .deb that a person named, for deb_read. Descriptor or the error. */
int deb_open(const char *path, struct rf_err *err) RF_MUST_CHECK;

/*
 * Reads the package at fd (at its beginning; stays the caller's). RF_E_SYNTAX for what is no .deb,
 * is damaged, or holds a path that leads out; RF_E_LIMIT above the limits; -ENOMEM. Files that were
 * given before an error count for nothing.
 */
int deb_read(int fd, deb_file_fn *each, void *arg, struct rf_err *err) RF_MUST_CHECK;

#endif
