/* SPDX-License-Identifier: Apache-2.0 */
/* A bump allocator; see arena.h. */
#include <stdarg.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"

/* Most definitions of a VM fit into one or two blocks of this size. */
#define BLOCK_BYTES 32768u

struct rf_arena_block {
	struct rf_arena_block *next;
	alignas(max_align_t) char data[];
};

static bool add_block(struct rf_arena *arena, size_t want)
{
	size_t capacity = want > BLOCK_BYTES ? want : BLOCK_BYTES;
	struct rf_arena_block *block = rf_alloc(1, sizeof(*block) + capacity);

	if (!block) {
		arena->failed = true;
		return false;
	}
	block->next = arena->blocks;
	arena->blocks = block;
	arena->used = 0;
	arena->capacity = capacity;
	return true;
}

static void *take_bytes(struct rf_arena *arena, size_t size, size_t align)
{
	size_t start = (arena->used + align - 1) & ~(align - 1);

	if (arena->failed || size > (size_t)1 << 40) {
		arena->failed = true;
		return NULL;
	}
	if (!arena->blocks || start > arena->capacity || size > arena->capacity - start) {
		if (!add_block(arena, size))
			return NULL;
		start = 0;
	}
	arena->used = start + size;
	return arena->blocks->data + start;
}

void *rf_arena_alloc(struct rf_arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total)) {
		arena->failed = true;
		return NULL;
	}
	return take_bytes(arena, total ? total : 1, alignof(max_align_t));
}

char *rf_arena_text(struct rf_arena *arena, const char *text, size_t len)
{
	char *copy = take_bytes(arena, len + 1, 1);

	if (copy && len)
		memcpy(copy, text, len);
	return copy;
}

char *rf_arena_copy(struct rf_arena *arena, const char *text)
{
	return text ? rf_arena_text(arena, text, strlen(text)) : NULL;
}

char *rf_arena_printf(struct rf_arena *arena, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);

	va_end(ap);
	if (len < 0)
		return NULL;
	char *out = take_bytes(arena, (size_t)len + 1, 1);

	if (!out)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(out, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return out;
}

void rf_arena_done(struct rf_arena *arena)
{
	for (struct rf_arena_block *next, *b = arena->blocks; b; b = next) {
		next = b->next;
		rf_free(b);
	}
	*arena = (struct rf_arena){0};
}
