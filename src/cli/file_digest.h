/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests of a host's files through the seam. What is read there comes without its secrets, so a
 * file's digests are asked for instead; only where nobody answers, as in a folder with a host's
 * files, the bytes are taken, and then only if none was left out.
 */
#ifndef RF_CLI_FILE_DIGEST_H
#define RF_CLI_FILE_DIGEST_H

#include "attest/hash.h"
#include "base/buf.h"
#include "base/err.h"
#include "sys/sys.h"

#define FILE_DIGESTS 3u /* SHA-1, SHA-256, SHA-384 */

/* The file's digests; how many there are, 0 when nobody answers. */
size_t file_digest_ask(struct sys *sys, const char *path, struct attest_digest out[FILE_DIGESTS]);

/* Its MD5 as text, as packages give it; "" when nobody answers. */
void file_digest_ask_md5(struct sys *sys, const char *path, char out[33]);

/* Appends the whole file. RF_E_CHANGED when something was left out. */
int file_digest_read(struct sys *sys, const char *path, size_t max_bytes,
		     struct rf_buf *out) RF_MUST_CHECK;

#endif
