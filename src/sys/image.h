/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of large files: the first bytes of a disk image (probe "image-head"), the last of a kernel
 * module (probe "module-tail"). */
#ifndef RF_SYS_IMAGE_H
#define RF_SYS_IMAGE_H

#include "base/buf.h"
#include "base/err.h"

#define IMAGE_HEAD_BYTES  4096u
#define IMAGE_MAGIC_BYTES 8	/* of a format other than qcow2 */
#define IMAGE_TAIL_BYTES  16384 /* a signature with a long key takes some 1,500 */

/* Reads at most IMAGE_HEAD_BYTES from the start of a regular file or block device; anything else is
 * refused (-EINVAL) without opening it. path is absolute. */
int image_head(const char *path, struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;

/* Reads at most IMAGE_TAIL_BYTES from the end of a regular file whose name ends in .ko. */
int image_module_tail(const char *path, struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;

/*
 * Looks whether a regular file or block device is blank: IMAGE_SAMPLES blocks of
 * IMAGE_SAMPLE_BYTES, the first, the last and one from each part between, always the same ones of a
 * medium of one size. "size N\nread N\nblank N\nfirst N\n": how many were read, how many hold
 * nothing but zeros, and (where one is not) at which byte the first of the others begins. What they
 * hold stays where it is. A sample that cannot be read is not counted.
 */
#define IMAGE_SAMPLES	   32u
#define IMAGE_SAMPLE_BYTES 4096u
int image_samples(const char *path, struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;

#define IMAGE_BOOT_MAX_BYTES (256u << 20)

/* Reads a boot program whole: a regular file that begins like a PE file, so that nothing else
 * passes here without being scrubbed. RF_E_UNSUPPORTED for any other. */
int image_boot(const char *path, struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;

#endif
