/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many small things that live and die together: a parser's tree, the facts of one VM. A failed
 * allocation makes `failed` sticky and returns NULL, so that a builder checks once at its end.
 */
#ifndef RF_BASE_ARENA_H
#define RF_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct rf_arena_block;

/* Zero-initialise. */
struct rf_arena {
	struct rf_arena_block *blocks;
	size_t used;	 /* of the newest block */
	size_t capacity; /* of the newest block */
	bool failed;
};

#define RF_AUTOARENA __attribute__((cleanup(rf_arena_done)))

/* Zeroed storage, aligned for any type; NULL when memory is short. Lives until rf_arena_done. */
void *rf_arena_alloc(struct rf_arena *arena, size_t count, size_t size) RF_MUST_CHECK;

/* A copy of len bytes with a NUL behind; NULL when memory is short. */
char *rf_arena_text(struct rf_arena *arena, const char *text, size_t len);

/* A copy of text; NULL for NULL. */
char *rf_arena_copy(struct rf_arena *arena, const char *text);

/* printf into the arena. */
char *rf_arena_printf(struct rf_arena *arena, const char *fmt, ...) RF_PRINTF(2, 3);

/* Frees everything. Accepts a zeroed arena. */
void rf_arena_done(struct rf_arena *arena);

#endif
