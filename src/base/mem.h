/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one allocator entry: overflow-checked, with a hook by which a test fails the n-th call.
 * The malloc family is banned elsewhere (tools/lint).
 */
#ifndef RF_BASE_MEM_H
#define RF_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Zeroed storage for count things of size bytes; NULL when memory is short or the product
 * overflows. count or size 0 gives a unique pointer. Free with rf_free. */
void *rf_alloc(size_t count, size_t size) RF_MUST_CHECK;

/* Grows or shrinks to count things of size bytes; new bytes are not zeroed. On failure NULL, and
 * old stays valid. */
void *rf_resize(void *old, size_t count, size_t size) RF_MUST_CHECK;

/* A copy of text (NULL gives NULL). */
char *rf_strdup(const char *text) RF_MUST_CHECK;

/* A copy of len bytes with a NUL behind. */
char *rf_strndup(const char *text, size_t len) RF_MUST_CHECK;

/* printf into new storage; NULL when memory is short. */
char *rf_asprintf(const char *fmt, ...) RF_PRINTF(1, 2) RF_MUST_CHECK;

/* Accepts NULL. */
void rf_free(void *p);

/* Overwrites a secret so that the compiler cannot drop the write. */
void rf_wipe(void *p, size_t size_bytes);

/* Compares size_bytes without a data-dependent branch. */
bool rf_equal_secret(const void *a, const void *b, size_t size_bytes);

/* Test hook: the n-th allocation from now (1 is the next) fails; 0 switches off. */
void rf_alloc_fail_after(size_t n);

/* Makes *ptr hold at least want things of size bytes, at least doubling *capacity.
 * Returns 0 or -ENOMEM (then *ptr is unchanged). */
int rf_grow(void **ptr, size_t *capacity, size_t want, size_t size) RF_MUST_CHECK;

static inline void rf_free_p(void *p)
{
	rf_free(*(void **)p);
}

/* A local that is freed when it goes out of scope. */
#define RF_AUTOFREE __attribute__((cleanup(rf_free_p)))

/* Moves a pointer out of an owning local: `return rf_take(p);` */
#define rf_take(p)                                                                                 \
	({                                                                                         \
		__typeof__(p) rf_taken_ = (p);                                                     \
		(p) = NULL;                                                                        \
		rf_taken_;                                                                         \
	})

#define RF_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
