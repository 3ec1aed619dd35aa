/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The longest common subsequence of two token sequences, bounded, see diff_align.h. Not for what
 * the tokens mean.
 * Source: E. Myers, "An O(ND) Difference Algorithm and Its Variations", Algorithmica 1 (1986).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attest/diff_align.h"
#include "base/mem.h"

/* Tokens that are only in one sequence, for which an exact answer is sought. Hostile logs may hold
 * 65,536 events with nothing in common: beyond this the order no longer says anything. */
#define EDITS_MAX 768

static void pair_up(struct diff_sequence *a, size_t i, struct diff_sequence *b, size_t j)
{
	a->pairs[i] = (uint32_t)j;
	b->pairs[j] = (uint32_t)i;
}

/* ---- in the same order ---- */

/* What lies between the common beginning and the common end. */
struct middle {
	struct diff_sequence *a, *b;
	int from; /* in both */
	int a_len, b_len;
	int32_t *trace; /* furthest x of each diagonal, one row of width for each edit */
	int width;
};

static bool same(const struct middle *m, int x, int y)
{
	return m->a->tokens[m->from + x] == m->b->tokens[m->from + y];
}

/* Does the best path to diagonal k with d edits come from above (an insertion)? */
static bool comes_down(const int32_t *row, int k, int d, int zero)
{
	return k == -d || (k != d && row[zero + k - 1] < row[zero + k + 1]);
}

/* One round: the furthest points with d edits from those with d - 1. True at the end. */
static bool advance(const struct middle *m, const int32_t *before, int32_t *row, int d)
{
	int zero = EDITS_MAX + 1;

	for (int k = -d; k <= d; k += 2) {
		int x = 0;

		if (d > 0)
			x = comes_down(before, k, d, zero) ? before[zero + k + 1]
							   : before[zero + k - 1] + 1;
		while (x < m->a_len && x - k < m->b_len && x - k >= 0 && same(m, x, x - k))
			x++;
		row[zero + k] = x;
		if (x >= m->a_len && x - k >= m->b_len)
			return true;
	}
	return false;
}

/* Walks the rounds back and pairs what lies on the diagonals. */
static void walk_back(const struct middle *m, int d)
{
	int zero = EDITS_MAX + 1, x = m->a_len, y = m->b_len;

	for (; d >= 0; d--) {
		const int32_t *before =
			d > 0 ? m->trace + (size_t)(d - 1) * (size_t)m->width : NULL;
		int k = x - y, from_x = 0, from_y = 0;

		if (before) {
			bool down = comes_down(before, k, d, zero);
			int from_k = down ? k + 1 : k - 1;

			from_x = before[zero + from_k];
			from_y = from_x - from_k;
		}
		while (x > from_x && y > from_y && same(m, x - 1, y - 1)) {
			x--;
			y--;
			pair_up(m->a, (size_t)(m->from + x), m->b, (size_t)(m->from + y));
		}
		x = from_x;
		y = from_y;
	}
}

static int find_path(struct middle *m)
{
	size_t rounds = 0;
	bool done = m->a_len == 0 || m->b_len == 0;
	int most = m->a_len + m->b_len < EDITS_MAX ? m->a_len + m->b_len : EDITS_MAX;

	m->width = 2 * EDITS_MAX + 3;
	for (int d = 0; !done && d <= most; d++) {
		if (rf_grow((void **)&m->trace, &rounds, (size_t)d + 1,
			    (size_t)m->width * sizeof(*m->trace)))
			return -ENOMEM;
		int32_t *row = m->trace + (size_t)d * (size_t)m->width;
		const int32_t *before = d > 0 ? row - m->width : NULL;

		memset(row, 0, (size_t)m->width * sizeof(*row));
		done = advance(m, before, row, d);
		if (done)
			walk_back(m, d);
	}
	return 0;
}

static int pair_in_order(struct diff_sequence *a, struct diff_sequence *b)
{
	size_t from = 0, end = 0, shorter = a->count < b->count ? a->count : b->count;

	for (; from < shorter && a->tokens[from] == b->tokens[from]; from++)
		pair_up(a, from, b, from);
	for (;
	     end < shorter - from && a->tokens[a->count - 1 - end] == b->tokens[b->count - 1 - end];
	     end++)
		pair_up(a, a->count - 1 - end, b, b->count - 1 - end);
	struct middle m = {.a = a,
			   .b = b,
			   .from = (int)from,
			   .a_len = (int)(a->count - from - end),
			   .b_len = (int)(b->count - from - end)};
	int rc = find_path(&m);

	rf_free(m.trace);
	return rc;
}

/* ---- what moved ---- */

struct place {
	uint32_t token, at;
};

static int by_token(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->token != b->token)
		return a->token < b->token ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* Places without a partner, by token and place; NULL when memory is short. */
static struct place *list_single(const struct diff_sequence *s, size_t *out_count)
{
	struct place *places = rf_alloc(s->count, sizeof(*places));
	size_t n = 0;

	for (size_t i = 0; places && i < s->count; i++) {
		if (s->pairs[i] == DIFF_NONE)
			places[n++] = (struct place){s->tokens[i], (uint32_t)i};
	}
	if (places)
		qsort(places, n, sizeof(*places), by_token);
	*out_count = n;
	return places;
}

static int pair_moved(struct diff_sequence *a, struct diff_sequence *b)
{
	size_t a_count, b_count;
	RF_AUTOFREE struct place *left = list_single(a, &a_count);
	RF_AUTOFREE struct place *right = list_single(b, &b_count);

	if (!left || !right)
		return -ENOMEM;
	for (size_t i = 0, j = 0; i < a_count && j < b_count;) {
		if (left[i].token == right[j].token)
			pair_up(a, left[i++].at, b, right[j++].at);
		else if (left[i].token < right[j].token)
			i++;
		else
			j++;
	}
	return 0;
}

static bool pairs_cross(const struct diff_sequence *a)
{
	uint32_t last = 0;

	for (size_t i = 0; i < a->count; i++) {
		if (a->pairs[i] == DIFF_NONE)
			continue;
		if (a->pairs[i] < last)
			return true;
		last = a->pairs[i];
	}
	return false;
}

int diff_align(struct diff_sequence *a, struct diff_sequence *b, bool *out_moved)
{
	for (size_t i = 0; i < a->count; i++)
		a->pairs[i] = DIFF_NONE;
	for (size_t i = 0; i < b->count; i++)
		b->pairs[i] = DIFF_NONE;
	int rc = pair_in_order(a, b);

	if (rc == 0)
		rc = pair_moved(a, b);
	if (rc == 0)
		*out_moved = pairs_cross(a);
	return rc;
}
