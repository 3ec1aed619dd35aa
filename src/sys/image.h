/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of a disk image, for the probe "image-head". */
#ifndef RF_SYS_IMAGE_H
#define RF_SYS_IMAGE_H

#include "base/buf.h"
#include "base/err.h"

#define IMAGE_HEAD_BYTES 4096u

/* Reads at most IMAGE_HEAD_BYTES from the start of a regular file or block device; anything else is
 * refused (-EINVAL) without opening it. path is absolute. */
int image_head(const char *path, struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;

#endif
