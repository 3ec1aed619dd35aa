/* SPDX-License-Identifier: Apache-2.0 */
/* What read(2) and write(2) leave to their caller: interrupted and partial transfers. */
#ifndef RF_BASE_IO_H
#define RF_BASE_IO_H

#include "base/buf.h"

/* Writes all of data to fd. 0 or -errno; -EIO where nothing more is taken. */
int rf_write_all(int fd, struct rf_slice data) RF_MUST_CHECK;

#endif
