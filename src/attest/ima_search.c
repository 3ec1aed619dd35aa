/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names the entry that keeps an IMA list from fitting: by trying (ima_find_culprit), or against an
 * earlier list of the same boot (ima_compare). Not the hot path: this runs after a failure.
 */
#include <errno.h>
#include <string.h>

#include "attest/digestset.h"
#include "attest/ima_match.h"
#include "base/mem.h"

/* The banks that are tried (one, unless the quoted digest needs several): what each entry hands to
 * them, and their values before each entry. */
struct chain {
	struct attest_hasher *hasher;
	struct ima_match match;
	struct ima_state state; /* at the list's start */
	size_t banks[ATTEST_MAX_BANKS], offsets[ATTEST_MAX_BANKS], banks_count;
	size_t stride, count;	   /* bytes of one entry in all tried banks; entries */
	uint8_t *digests, *values; /* count strides; count + 1 strides */
	uint32_t *indexes;	   /* of the entries: those for other PCRs are not here */
	uint64_t budget;	   /* extends that may still be spent */
};

static void chain_done(struct chain *c)
{
	rf_free(c->digests);
	rf_free(c->values);
	rf_free(c->indexes);
}

/* Extends values (by bank of the state) with entry i. */
static int chain_extend(struct chain *c, uint8_t values[][ATTEST_MAX_DIGEST], size_t i)
{
	int rc = 0;

	for (size_t b = 0; b < c->banks_count && rc == 0; b++) {
		size_t bank = c->banks[b];
		const uint8_t *digest = c->digests + i * c->stride + c->offsets[b];

		rc = attest_extend(c->hasher, c->state.algs[bank], values[bank],
				   (struct rf_slice){digest, c->match.size[bank]});
		c->budget -= c->budget > 0;
	}
	return rc;
}

static void chain_load(const struct chain *c, uint8_t values[][ATTEST_MAX_DIGEST], size_t i)
{
	for (size_t b = 0; b < c->banks_count; b++)
		memcpy(values[c->banks[b]], c->values + i * c->stride + c->offsets[b],
		       c->match.size[c->banks[b]]);
}

static void chain_store(struct chain *c, uint8_t values[][ATTEST_MAX_DIGEST], size_t i)
{
	for (size_t b = 0; b < c->banks_count; b++)
		memcpy(c->values + i * c->stride + c->offsets[b], values[c->banks[b]],
		       c->match.size[c->banks[b]]);
}

/* How many entries a list has; negative when it is broken. */
static int64_t list_count(struct ima_list list)
{
	struct ima_entry entry;
	int rc;

	while ((rc = ima_next(&list, &entry, NULL)) > 0)
		;
	return rc < 0 ? (int64_t)rc : (int64_t)list.count;
}

static int chain_fill(struct chain *c, struct ima_list list)
{
	uint8_t values[ATTEST_MAX_BANKS][ATTEST_MAX_DIGEST], digest[ATTEST_MAX_DIGEST];
	struct ima_entry entry;
	int rc;

	memcpy(values, c->state.values, sizeof(values));
	c->count = 0;
	chain_store(c, values, 0);
	while ((rc = ima_next(&list, &entry, NULL)) > 0) {
		if (entry.pcr != c->state.pcr)
			continue;
		for (size_t b = 0; b < c->banks_count; b++) {
			rc = ima_bank_digest(c->hasher, &entry, &c->state, c->banks[b], digest);
			if (rc)
				return rc;
			memcpy(c->digests + c->count * c->stride + c->offsets[b], digest,
			       c->match.size[c->banks[b]]);
		}
		c->indexes[c->count] = entry.index;
		rc = chain_extend(c, values, c->count++);
		if (rc)
			return rc;
		chain_store(c, values, c->count);
	}
	return rc;
}

/* The quoted digest needs every bank of IMA's PCR; otherwise the smallest is enough, and fastest.
 */
static void chain_choose(struct chain *c)
{
	size_t best = ATTEST_MAX_BANKS;

	for (size_t i = 0; i < c->state.banks_count; i++) {
		if (!(c->match.banks & 1u << i))
			continue;
		if (c->match.by_digest) {
			c->offsets[c->banks_count] = c->stride;
			c->banks[c->banks_count++] = i;
			c->stride += c->match.size[i];
		} else if (best == ATTEST_MAX_BANKS || c->match.size[i] < c->match.size[best])
			best = i;
	}
	if (c->match.by_digest)
		return;
	c->banks_count = 1;
	c->banks[0] = best;
	c->stride = c->match.size[best];
	for (size_t i = 0; i < ATTEST_MAX_BANKS; i++)
		c->match.want[i] = i == best ? c->match.want[i] : NULL;
}

static int chain_init(struct chain *c, const struct ima_list *list, const struct ima_target *target)
{
	int64_t count = list_count(*list);
	int rc = ima_match_init(&c->match, target, &c->state, NULL);

	if (count < 0 || rc < 0)
		return count < 0 ? (int)count : rc;
	if (count > IMA_SEARCH_MAX)
		return RF_E_LIMIT;
	chain_choose(c);
	c->digests = rf_alloc((size_t)count + 1, c->stride);
	c->values = rf_alloc((size_t)count + 1, c->stride);
	c->indexes = rf_alloc((size_t)count + 1, sizeof(*c->indexes));
	return c->digests && c->values && c->indexes ? 0 : -ENOMEM;
}

/* Goes on from values at entry i. 1 when a prefix fits (its length in *prefix), 0, negative. */
static int chain_try(struct chain *c, uint8_t values[][ATTEST_MAX_DIGEST], size_t i, size_t *prefix)
{
	int fits = ima_match_check(c->hasher, &c->match, values);

	for (; fits == 0 && i < c->count && c->budget > 0; i++) {
		int rc = chain_extend(c, values, i);

		if (rc < 0)
			return rc;
		fits = ima_match_check(c->hasher, &c->match, values);
	}
	*prefix = i;
	return fits;
}

static int try_without(struct chain *c, size_t i, size_t *prefix)
{
	uint8_t values[ATTEST_MAX_BANKS][ATTEST_MAX_DIGEST];

	chain_load(c, values, i);
	return chain_try(c, values, i + 1, prefix);
}

static int try_exchanged(struct chain *c, size_t i, size_t *prefix)
{
	uint8_t values[ATTEST_MAX_BANKS][ATTEST_MAX_DIGEST];

	chain_load(c, values, i);
	if (chain_extend(c, values, i + 1) < 0 || chain_extend(c, values, i) < 0)
		return RF_E_CRYPTO;
	return chain_try(c, values, i + 2, prefix);
}

static int found(const struct chain *c, enum ima_change kind, size_t i, size_t prefix,
		 struct ima_culprit *out)
{
	*out = (struct ima_culprit){
		.kind = kind,
		.index = c->indexes[i],
		.entries = prefix > 0 ? c->indexes[prefix - 1] + 1 : 0,
	};
	return 1;
}

static int search_suspects(struct chain *c, const struct ima_search *search,
			   struct ima_culprit *out)
{
	size_t prefix, at = 0;

	for (size_t s = 0; s < search->suspects_count && c->budget > 0; s++) {
		/* Suspects come in the list's order; another order only costs time. */
		if (at == c->count || c->indexes[at] > search->suspects[s])
			at = 0;
		while (at < c->count && c->indexes[at] < search->suspects[s])
			at++;
		if (at == c->count || c->indexes[at] != search->suspects[s])
			continue;
		int rc = try_without(c, at, &prefix);

		if (rc)
			return rc < 0 ? rc : found(c, IMA_PLANTED, at, prefix, out);
	}
	return 0;
}

/* The kernel measures nothing twice (but violations), so that what stands there twice is odd. */
static int search_doubled(struct chain *c, struct ima_culprit *out)
{
	struct digestset *seen = NULL;
	uint32_t first;
	size_t prefix;
	int rc = digestset_new(c->count, &seen, NULL);

	for (size_t i = 0; rc == 0 && i < c->count && c->budget > 0; i++) {
		struct rf_slice digest = {c->digests + i * c->stride, c->match.size[c->banks[0]]};
		uint16_t alg = c->state.algs[c->banks[0]];

		if (!digestset_has(seen, alg, digest, &first)) {
			rc = digestset_add(seen, alg, digest, (uint32_t)i);
			continue;
		}
		if ((rc = try_without(c, i, &prefix)) > 0)
			rc = found(c, IMA_DOUBLED, i, prefix, out);
		else if (rc == 0 && (rc = try_without(c, first, &prefix)) > 0)
			rc = found(c, IMA_DOUBLED, first, prefix, out);
	}
	digestset_free(seen);
	return rc;
}

static int search_backwards(struct chain *c, struct ima_culprit *out)
{
	size_t prefix;
	int rc = 0;

	for (size_t i = c->count; i > 0 && rc == 0 && c->budget > 0; i--) {
		if ((rc = try_without(c, i - 1, &prefix)) > 0)
			rc = found(c, IMA_PLANTED, i - 1, prefix, out);
	}
	for (size_t i = c->count; i > 1 && rc == 0 && c->budget > 0; i--) {
		if ((rc = try_exchanged(c, i - 2, &prefix)) > 0)
			rc = found(c, IMA_REORDERED, i - 2, prefix, out);
	}
	return rc;
}

static int search_all(struct chain *c, const struct ima_list *list, const struct ima_search *search,
		      struct ima_culprit *out)
{
	int rc = chain_fill(c, *list);

	if (rc == 0)
		rc = search_suspects(c, search, out);
	if (rc == 0)
		rc = search_doubled(c, out);
	if (rc == 0)
		rc = search_backwards(c, out);
	return rc;
}

/* Kernels that pad SHA-1 digests (before 5.8) make a SHA-1 boot aggregate. */
static bool looks_padded(struct ima_list list)
{
	struct ima_entry entry;

	return ima_next(&list, &entry, NULL) > 0 && entry.file.alg == ATTEST_SHA1;
}

int ima_find_culprit(struct attest_hasher *hasher, const struct ima_list *list,
		     const struct ima_target *target, const struct ima_state *state,
		     const struct ima_search *search, struct ima_culprit *out)
{
	struct chain *c = rf_alloc(1, sizeof(*c));
	bool whole = state->entries == 0;
	int rc = c ? 0 : -ENOMEM;

	if (rc)
		return rc;
	c->hasher = hasher;
	c->state = *state;
	c->budget = search->max_extends;
	if (whole)
		c->state.padded_banks = looks_padded(*list) ? 0xff : 0;
	rc = chain_init(c, list, target);
	if (rc == 0)
		rc = search_all(c, list, search, out);
	/* The other kind of kernel, unless only the SHA-1 bank is asked, which is never padded. */
	if (rc == 0 && whole && c->stride > 20 && c->budget > 0) {
		c->state.padded_banks = (uint8_t)~c->state.padded_banks;
		rc = search_all(c, list, search, out);
	}
	chain_done(c);
	rf_free(c);
	return rc;
}

static bool same_entry(const struct ima_entry *a, const struct ima_entry *b)
{
	return a->pcr == b->pcr && rf_slice_equal(a->template_digest, b->template_digest) &&
	       rf_slice_equal(a->template_name, b->template_name) &&
	       rf_slice_equal(a->template_data, b->template_data);
}

/* Does the entry stand in the list before its index-th one? */
static bool stands_before(struct ima_list list, const struct ima_entry *entry, uint32_t index)
{
	struct ima_entry other;

	while (list.count < index && ima_next(&list, &other, NULL) > 0) {
		if (same_entry(&other, entry))
			return true;
	}
	return false;
}

/* The lists part at a (of known) and b (of now): how, as the entries behind them tell. */
static enum ima_change kind_of_change(const struct ima_list *known, struct ima_list known_at,
				      struct ima_list now_at, const struct ima_entry *a,
				      const struct ima_entry *b)
{
	struct ima_entry a2, b2;
	bool has_a2 = ima_next(&known_at, &a2, NULL) > 0, has_b2 = ima_next(&now_at, &b2, NULL) > 0;
	bool a_follows = has_b2 && same_entry(a, &b2), b_follows = has_a2 && same_entry(&a2, b);

	if (a_follows && b_follows)
		return IMA_REORDERED;
	if (b_follows)
		return IMA_DROPPED;
	if (a_follows)
		return stands_before(*known, b, a->index) ? IMA_DOUBLED : IMA_PLANTED;
	return IMA_CHANGED;
}

int ima_compare(const struct ima_list *known, const struct ima_list *now, struct ima_culprit *out,
		struct rf_err *err)
{
	struct ima_list known_at = *known, now_at = *now;
	struct ima_entry a, b;
	int rc;

	while ((rc = ima_next(&known_at, &a, err)) > 0) {
		rc = ima_next(&now_at, &b, err);
		if (rc < 0)
			return rc;
		if (rc == 1 && same_entry(&a, &b))
			continue;
		*out = (struct ima_culprit){
			.kind = rc == 1 ? kind_of_change(known, known_at, now_at, &a, &b)
					: IMA_DROPPED,
			.index = rc == 1 ? b.index : now_at.count,
		};
		return 1;
	}
	return rc;
}
