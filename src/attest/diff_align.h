/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the difference's files: which things of two sequences are the same ones. Tokens are
 * equal numbers for equal things. Source: E. Myers, "An O(ND) Difference Algorithm", 1986.
 */
#ifndef RF_ATTEST_DIFF_ALIGN_H
#define RF_ATTEST_DIFF_ALIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DIFF_NONE UINT32_MAX

/* Sequences as token and place: places are the caller's (indexes of items). */
struct diff_sequence {
	const uint32_t *tokens;
	size_t count;
	uint32_t *pairs; /* out: position in the other sequence, or DIFF_NONE */
};

/*
 * Pairs equal tokens: as many as can be in the same order, then those that moved. Sequences that
 * differ too much for that are paired one by one in order of appearance. *out_moved: some pairs
 * cross each other. 0 or -ENOMEM.
 */
int diff_align(struct diff_sequence *a, struct diff_sequence *b, bool *out_moved) RF_MUST_CHECK;

#endif
