/* SPDX-License-Identifier: Apache-2.0 */
/* The set of findings: an arena for their texts, and their order. See control.h. */
#include <string.h>
#include <stdlib.h>

#include "base/mem.h"
#include "control/internal.h"

#define ARENA_BYTES 65536

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	char data[];
};

char *finding_text(struct finding_set *set, const char *text, size_t len)
{
	struct arena_block *block = set->arena;

	if (!block || block->size - block->used < len + 1) {
		size_t size = len + 1 > ARENA_BYTES ? len + 1 : ARENA_BYTES;

		block = rf_alloc(1, sizeof(*block) + size);
		if (!block)
			return NULL;
		block->size = size;
		block->next = set->arena;
		set->arena = block;
	}
	char *at = block->data + block->used;

	if (len)
		memcpy(at, text, len);
	at[len] = '\0';
	block->used += len + 1;
	return at;
}

struct finding *finding_add(struct finding_set *set)
{
	if (rf_grow((void **)&set->items, &set->capacity, set->count + 1, sizeof(*set->items)) < 0)
		return NULL;
	struct finding *f = &set->items[set->count++];

	*f = (struct finding){.host = "",
			      .resource = "",
			      .vm = "",
			      .layer = "",
			      .reason = "",
			      .source = "",
			      .evidence = "\0",
			      .note = ""};
	return f;
}

void finding_set_done(struct finding_set *set)
{
	while (set->arena) {
		struct arena_block *next = set->arena->next;

		rf_free(set->arena);
		set->arena = next;
	}
	rf_free(set->items);
	*set = (struct finding_set){0};
}

/* What a tired administrator wants to see first. */
static int state_rank(enum finding_state state)
{
	static const int rank[] = {
		[FINDING_FAIL] = 0,   [FINDING_ERROR] = 1, [FINDING_UNKNOWN] = 2,
		[FINDING_WAIVED] = 3, [FINDING_PASS] = 4,  [FINDING_NOT_APPLICABLE] = 5};

	return rank[state];
}

static int finding_compare(const void *va, const void *vb)
{
	const struct finding *a = va, *b = vb;
	int d = state_rank(a->state) - state_rank(b->state);

	if (!d)
		d = (int)b->severity - (int)a->severity;
	if (!d)
		d = strcmp(a->control->id, b->control->id);
	if (!d)
		d = strcmp(a->host, b->host);
	if (!d)
		d = strcmp(a->resource, b->resource);
	return d ? d : strcmp(a->layer, b->layer);
}

void finding_sort(struct finding_set *set)
{
	if (set->count)
		qsort(set->items, set->count, sizeof(*set->items), finding_compare);
	memset(set->by_state, 0, sizeof(set->by_state));
	for (size_t i = 0; i < set->count; i++)
		set->by_state[set->items[i].state]++;
}

bool evidence_next(const char **at, const char **name, const char **value)
{
	if (!**at)
		return false;
	*name = *at;
	*value = *name + strlen(*name) + 1;
	*at = *value + strlen(*value) + 1;
	return true;
}
