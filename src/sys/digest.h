/* SPDX-License-Identifier: Apache-2.0 */
/* The probes file-md5 and file-digest: what a file hashes to, so that a capture need not hold the
 * file. */
#ifndef RF_SYS_DIGEST_H
#define RF_SYS_DIGEST_H

#include "base/buf.h"
#include "base/err.h"

#define DIGEST_MAX_BYTES (256u << 20) /* of one file */

/* Appends "HEX SIZE\n" of a regular file. 0, -EINVAL for anything else, RF_E_LIMIT, -errno. */
int digest_md5(const char *path, struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;

/* Appends "size N\nsha1 HEX\nsha256 HEX\nsha384 HEX\n" of a regular file: the hashes in which boot
 * loaders and the kernel measure files. Errors as above. */
int digest_file(const char *path, struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;

#endif
