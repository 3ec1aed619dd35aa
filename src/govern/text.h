/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and reasons that people give, and times that may be anything: checked once, in one way.
 * Used by approvals, duties and waivers. Not a parser.
 */
#ifndef RF_GOVERN_TEXT_H
#define RF_GOVERN_TEXT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define GOVERN_MAX_NAME_BYTES  128u  /* an account, a subject, a role, an operation */
#define GOVERN_MAX_PROSE_BYTES 2048u /* a reason, a comment */
#define GOVERN_SHORT_BYTES     64u   /* of a name in a sentence, with its NUL */

/*
 * That text can be shown to a person who decides by it: 1 to max_bytes of UTF-8 without control
 * characters and without the characters that turn the direction of writing (they make a text look
 * like another). RF_E_MISSING, RF_E_LIMIT or RF_E_SYNTAX, and err says so of what.
 */
int govern_text_check(struct rf_slice text, size_t max_bytes, const char *what,
		      struct rf_err *err) RF_MUST_CHECK;
/* The same of a NUL-terminated name; NULL is missing. */
int govern_name_check(const char *text, size_t max_bytes, const char *what,
		      struct rf_err *err) RF_MUST_CHECK;

/* The same of what is told in sentences, where a text may have lines. */
int govern_prose_check(const char *text, const char *what, struct rf_err *err) RF_MUST_CHECK;

/* A name for a sentence: cut with "..." at a character's end where it is long. Returns out. */
const char *govern_name_short(const char *name, char out[GOVERN_SHORT_BYTES]);

/* a + b, held at the ends of int64_t. */
int64_t govern_time_add(int64_t a, int64_t b);
/* Whole minutes from a to b, rounded up, at least 0: for sentences. */
long long govern_minutes_between(int64_t a_ms, int64_t b_ms);

#endif
