/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of our own state folder: written whole and on disk, or not at all. */
#ifndef RF_CHANGE_FILES_H
#define RF_CHANGE_FILES_H

#include "base/buf.h"

/* A new file of that mode with data, on disk (the folder is not). -EEXIST when it is there. */
int files_make(int folder, const char *name, unsigned mode, struct rf_slice data,
	       struct rf_err *err) RF_MUST_CHECK;
/* The same without waiting for the disk: for what is of no use after a loss of power. */
int files_put(int folder, const char *name, unsigned mode, struct rf_slice data,
	      struct rf_err *err) RF_MUST_CHECK;

/* Appends a regular file of at most max_bytes. -ENOENT, RF_E_LIMIT ... */
int files_read(int folder, const char *name, size_t max_bytes, struct rf_buf *out,
	       struct rf_err *err) RF_MUST_CHECK;

#endif
