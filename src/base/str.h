/* SPDX-License-Identifier: Apache-2.0 */
/* Text: the one number parser, line and word iteration, prefixes, globs, safe printing. */
#ifndef RF_BASE_STR_H
#define RF_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * The one text-to-number function. The whole of text must be a number in [min, max]; base 10, or
 * with base 0 also 0x hexadecimal, or base 8/16. Writes *out only on success.
 * Returns 0, RF_E_SYNTAX or RF_E_LIMIT.
 */
int rf_num(const char *text, int base, int64_t min, int64_t max, int64_t *out) RF_MUST_CHECK;

/* Does text begin or end so? */
bool rf_starts(const char *text, const char *prefix);
bool rf_ends(const char *text, const char *suffix);
/* Equal, ASCII letters without regard to case. */
bool rf_equal_nocase(const char *a, const char *b);
/* NULL-safe equality; two NULLs are equal. */
bool rf_equal(const char *a, const char *b);

/* 1 for true/yes/on/1/enabled, 0 for false/no/off/0/disabled (any case), -1 otherwise. */
int rf_truth(const char *text);

/* Cuts blanks at both ends in place; returns the new start. */
char *rf_trim(char *text);

/* Shell-like pattern: * ? and [set] ([a-z], [!x]); / is an ordinary character, there is no escape.
 */
bool rf_glob(const char *pattern, const char *text);

/* Makes ASCII letters small, in place. */
void rf_lower(char *text);

/*
 * Walks the lines of a NUL-terminated text in place: cuts at \n (and drops \r before it).
 * *cursor starts at the text and is NULL at the end. Returns the line or NULL.
 */
char *rf_line_next(char **cursor);

/* Walks blank-separated words in place, like rf_line_next. */
char *rf_word_next(char **cursor);

/* Copies text into out (size_bytes > 0), cut if need be; always terminated. True if it fit. */
bool rf_copy(char *out, size_t size_bytes, const char *text);

/* snprintf that says whether it fit; out is always terminated. */
bool rf_format(char *out, size_t size_bytes, const char *fmt, ...) RF_PRINTF(3, 4);

/* True when data is well-formed UTF-8 without NUL (no surrogates, nothing over-long). */
bool rf_utf8_valid(const uint8_t *data, size_t len);

/* Appends text for a terminal or a log: control characters as \xNN, broken UTF-8 as \xNN. */
void rf_buf_add_visible(struct rf_buf *buf, const char *text, size_t len);

/* Appends lower-case hexadecimal. */
void rf_buf_add_hex(struct rf_buf *buf, const void *data, size_t len);

/* Bytes from hexadecimal text; at most size of them. *out_len on success. 0 or RF_E_SYNTAX/LIMIT */
int rf_hex_decode(const char *text, uint8_t *out, size_t size, size_t *out_len) RF_MUST_CHECK;

/* Columns that text takes on a terminal (wide characters 2, combining 0). */
size_t rf_width(const char *text);

#endif
