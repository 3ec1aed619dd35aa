/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds text of visible characters in storage of the caller: what firmware wrote is shown, never
 * obeyed. Text that does not fit ends in "...". Nothing allocates.
 */
#ifndef RF_ATTEST_WORDS_H
#define RF_ATTEST_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct words {
	char *out; /* always terminated, always well-formed UTF-8 */
	size_t size, len;
	bool cut; /* nothing more is added */
};

/* Begins an empty text in out (size of 8 bytes or more). */
struct words words_into(char *out, size_t size);

/* Adds our own text, or a format of ours. */
void words_add(struct words *w, const char *text);
void words_printf(struct words *w, const char *fmt, ...) RF_PRINTF(2, 3);

/* Adds one character; one that cannot be seen as \xNN or \uNNNN. */
void words_add_character(struct words *w, uint32_t character);

/* Adds foreign UTF-8; bytes that are none as \xNN. */
void words_add_utf8(struct words *w, struct rf_slice text);

/* Adds foreign UTF-16, little or big endian, up to a NUL; half a pair as U+FFFD. */
void words_add_utf16(struct words *w, struct rf_slice text);
void words_add_utf16_be(struct words *w, struct rf_slice text);

/* Adds a GUID of 16 bytes as UEFI prints it. Adds "?" for any other length. */
void words_add_guid(struct words *w, struct rf_slice guid);

/* Adds at most max bytes as hexadecimal digits, and "..." when there are more. */
void words_add_hex(struct words *w, struct rf_slice bytes, size_t max);

#endif
