/* SPDX-License-Identifier: Apache-2.0 */
/* What dpkg says is installed, and how Debian compares versions. */
#ifndef RF_COLLECT_DPKG_H
#define RF_COLLECT_DPKG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "sys/sys.h"

#define DPKG_STATUS "/var/lib/dpkg/status"

/* One stanza of the status file; texts are borrowed from dpkg_status.text. */
struct dpkg_package {
	const char *name, *arch, *version;
	const char *source;    /* source package's name; the package's own where none is given */
	const char *state;     /* third word of Status: installed, config-files ... */
	const char *conffiles; /* Conffiles lines as written; NULL when there are none */
};

/* The status file as a table; zero-initialise. */
struct dpkg_status {
	struct rf_buf text;
	struct dpkg_package *packages;
	size_t count, capacity;
	size_t broken_count; /* stanzas without name */
};
#define DPKG_AUTOSTATUS __attribute__((cleanup(dpkg_status_done)))

/* Reads /var/lib/dpkg/status. 0, -ENOENT on a host without dpkg, or why it cannot be read. */
int dpkg_status_read(struct sys *sys, struct dpkg_status *status, struct rf_err *err) RF_MUST_CHECK;
/* Parses the text that is in status->text. 0 or -ENOMEM. */
int dpkg_status_parse(struct dpkg_status *status) RF_MUST_CHECK;
void dpkg_status_done(struct dpkg_status *status);

/* The installed package of that name, of any architecture, or NULL. */
const struct dpkg_package *dpkg_find(const struct dpkg_status *status, const char *name);

/*
 * Walks the fields of one stanza in place. *cursor stands at its first line and moves on; at the
 * end of the stanza it stands on the next one (or at the text's end) and false comes back. The
 * value of a field of several lines keeps its newlines.
 */
bool dpkg_field_next(char **cursor, char **key, char **value);

/* Less than, equal to or greater than 0, as dpkg --compare-versions orders them (deb-version(7)).
 */
int dpkg_version_compare(const char *a, const char *b);

/* The upstream part of a version, without epoch and revision, in out. */
void dpkg_version_upstream(const char *version, char *out, size_t size);

#endif
