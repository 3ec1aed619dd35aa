/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of files looked at in one go, for the probe "special-files". File by file through the seam
 * it would take several times as long, and a capture would hold a line for each file.
 */
#ifndef RF_SYS_SPECIAL_H
#define RF_SYS_SPECIAL_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* What is looked at for one answer, so that whoever asks hears from us now and then. */
#define SPECIAL_MAX_ENTRIES 20000u
#define SPECIAL_MAX_MS	    1000u

/*
 * Looks at everything below dir (absolute, a directory and no link), neither following links nor
 * entering other file systems. Lines, blanks and controls in paths as \040:
 *
 *   f MODE UID GID PATH   a regular file that is set-uid or set-gid, or writable by everybody, or
 *                         not root's; MODE octal
 *   d MODE UID GID PATH   such a directory (not for set-gid; writable only without sticky bit)
 *   o MODE UID GID PATH   anything else that is not root's
 *   later PATH            a directory that was not entered, because max_entries were looked at,
 *                         max_ms went by, or it lies very deep
 *   closed PATH           a directory that could not be read, or not all that is in it
 *
 * Returns 0, -ENOTDIR, -ENOENT, -EACCES, -ENOMEM, or RF_E_LIMIT for an answer over 16 MiB.
 */
int special_scan(const char *dir, size_t max_entries, unsigned max_ms, struct rf_buf *out,
		 struct rf_err *why) RF_MUST_CHECK;

#endif
