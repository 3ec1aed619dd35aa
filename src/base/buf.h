/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes: rf_slice borrows, rf_buf owns and grows up to a limit. */
#ifndef RF_BASE_BUF_H
#define RF_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Borrowed bytes; data may be NULL when len is 0. */
struct rf_slice {
	const uint8_t *data;
	size_t len;
};

/* Owned bytes, always followed by a NUL that len does not count. A failed append makes `failed`
 * sticky, so that a writer checks once at its end. Zero-initialise. */
struct rf_buf {
	uint8_t *data;
	size_t len;
	size_t capacity;
	bool failed;
};

#define RF_AUTOBUF __attribute__((cleanup(rf_buf_done)))

/* Appends; on no memory sets failed and returns -ENOMEM (callers may ignore and check failed). */
int rf_buf_add(struct rf_buf *buf, const void *data, size_t len);
int rf_buf_add_text(struct rf_buf *buf, const char *text);
int rf_buf_add_byte(struct rf_buf *buf, uint8_t byte);
int rf_buf_printf(struct rf_buf *buf, const char *fmt, ...) RF_PRINTF(2, 3);

/* Makes room for more bytes behind len and returns where they go; NULL when memory is short. */
uint8_t *rf_buf_reserve(struct rf_buf *buf, size_t more);

/* Empties, keeps the storage. */
void rf_buf_reset(struct rf_buf *buf);

/* Frees. Accepts a zeroed buffer. */
void rf_buf_done(struct rf_buf *buf);

/* The text so far; "" when empty. Valid until the next append. */
const char *rf_buf_text(const struct rf_buf *buf);

/* Moves the text out (caller frees with rf_free); NULL when an append failed. */
char *rf_buf_take_text(struct rf_buf *buf) RF_MUST_CHECK;

/* What buf holds, borrowed. */
struct rf_slice rf_buf_slice(const struct rf_buf *buf);

/* A NUL-terminated text as a slice. */
struct rf_slice rf_slice_text(const char *text);

/* Same length and bytes. */
bool rf_slice_equal(struct rf_slice a, struct rf_slice b);

#endif
