/* SPDX-License-Identifier: Apache-2.0 */
/* What read(2) and write(2) leave to their caller: interrupted and partial transfers. Opening, and
 * what kind of file it may be, is the caller's. */
#ifndef RF_BASE_IO_H
#define RF_BASE_IO_H

#include "base/buf.h"

/* Writes all of data to fd. 0 or -errno; -EIO where nothing more is taken. */
int rf_write_all(int fd, struct rf_slice data) RF_MUST_CHECK;

/* Adds to `out` what comes from fd until its end, and a NUL that is not counted: what a file says
 * of its size is not asked (those of /proc and securityfs say 0). 0, -errno, -ENOMEM, or RF_E_LIMIT
 * for more than max_bytes; `out` holds what was read until then. */
int rf_read_all(int fd, size_t max_bytes, struct rf_buf *out) RF_MUST_CHECK;

#endif
