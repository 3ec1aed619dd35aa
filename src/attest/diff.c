/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which measurements of two boots are not the same, see diff.h: items are compared by register and
 * digest, what is left over is paired by part and name. Not for words (diff_describe.c) and not for
 * which change follows from which (diff_absorb.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attest/diff_parts.h"
#include "attest/eventlog_types.h"
#include "base/mem.h"
#include "base/str.h"

/* PCR 0 to 23, and one for what goes elsewhere (an NV index). */
#define BUCKETS (ATTEST_PCRS + 1)

struct side {
	const struct boot *boot;
	uint32_t *tokens; /* of each item; 0: extends nothing */
	uint32_t *pairs;  /* place of the same item in the other boot */
	enum eventlog_component *roles;
};

static void side_done(struct side *side)
{
	rf_free(side->tokens);
	rf_free(side->pairs);
	rf_free(side->roles);
}

void diff_changes_done(struct diff_changes *changes)
{
	rf_free(changes->items);
	memset(changes, 0, sizeof(*changes));
}

static bool extends(const struct boot_item *item)
{
	bool firmware = item->source != BOOT_USERSPACE_LOG;

	return item->digests_count > 0 && !(firmware && item->type == EV_NO_ACTION);
}

static uint32_t bucket_of(const struct boot_item *item)
{
	return item->pcr < ATTEST_PCRS ? item->pcr : ATTEST_PCRS;
}

/* ---- equal digests get equal numbers ---- */

uint16_t diff_common_alg(const struct boot *was, const struct boot *now)
{
	static const uint16_t strongest_first[] = {ATTEST_SHA512, ATTEST_SHA384, ATTEST_SHA256,
						   ATTEST_SM3, ATTEST_SHA1};

	for (size_t a = 0; a < RF_COUNT(strongest_first); a++) {
		bool left = false, right = false;

		for (size_t i = 0; i < was->count && !left; i++)
			left = extends(&was->items[i]) &&
			       boot_item_digest(&was->items[i], strongest_first[a]);
		for (size_t i = 0; i < now->count && !right; i++)
			right = extends(&now->items[i]) &&
				boot_item_digest(&now->items[i], strongest_first[a]);
		if (left && right)
			return strongest_first[a];
	}
	return 0;
}

struct token_entry {
	const struct attest_digest *digest;
	uint32_t *out;
};

static int by_digest(const void *left, const void *right)
{
	const struct attest_digest *a = ((const struct token_entry *)left)->digest;
	const struct attest_digest *b = ((const struct token_entry *)right)->digest;

	if (a->alg != b->alg)
		return a->alg < b->alg ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->bytes, b->bytes, a->len);
}

static size_t list_tokens(const struct side *side, uint16_t alg, struct token_entry *out)
{
	size_t n = 0;

	for (size_t i = 0; i < side->boot->count; i++) {
		const struct boot_item *item = &side->boot->items[i];
		const struct attest_digest *digest = boot_item_digest(item, alg);

		if (!extends(item))
			continue;
		/* A record may lack a bank (tboot): then its first digest tells it apart. */
		out[n].digest = digest ? digest : &item->digests[0];
		out[n++].out = &side->tokens[i];
	}
	return n;
}

/* Numbers are exact: no two different digests share one, whoever made them. */
static int number_tokens(struct side *was, struct side *now, uint16_t alg)
{
	size_t most = was->boot->count + now->boot->count, n;
	RF_AUTOFREE struct token_entry *entries = rf_alloc(most, sizeof(*entries));
	uint32_t number = 1;

	if (!entries)
		return -ENOMEM;
	n = list_tokens(was, alg, entries);
	n += list_tokens(now, alg, entries + n);
	qsort(entries, n, sizeof(*entries), by_digest);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && by_digest(&entries[i - 1], &entries[i]) != 0)
			number++;
		*entries[i].out = number;
	}
	return 0;
}

/* ---- each register's sequence ---- */

/* Storage for one register's items of one side. */
struct column {
	uint32_t *tokens, *places, *pairs;
	size_t count;
};

static int column_init(struct column *c, size_t most)
{
	c->tokens = rf_alloc(most * 3 + 1, sizeof(*c->tokens));
	if (!c->tokens)
		return -ENOMEM;
	c->places = c->tokens + most;
	c->pairs = c->places + most;
	return 0;
}

static void column_fill(struct column *c, const struct side *side, uint32_t bucket)
{
	c->count = 0;
	for (size_t i = 0; i < side->boot->count; i++) {
		if (side->tokens[i] == 0 || bucket_of(&side->boot->items[i]) != bucket)
			continue;
		c->tokens[c->count] = side->tokens[i];
		c->places[c->count++] = (uint32_t)i;
	}
}

static void note_reordered(uint32_t pcr, struct reasons *out)
{
	struct reason *reason = reasons_add(out, REASON_EVENT_REORDERED);

	if (!reason)
		return;
	reason->pcr = pcr < ATTEST_PCRS ? pcr : REASON_NOWHERE;
	reason->pcrs = pcr < ATTEST_PCRS ? 1u << pcr : 0;
	rf_copy(reason->detail, sizeof(reason->detail),
		"the same things were measured in another order");
}

/* Aligns one register; *moved: the same things stand in another order. */
static int align_bucket(struct side *was, struct side *now, struct column *a, struct column *b,
			bool *moved)
{
	struct diff_sequence left = {a->tokens, a->count, a->pairs};
	struct diff_sequence right = {b->tokens, b->count, b->pairs};
	int rc = diff_align(&left, &right, moved);

	for (size_t i = 0; rc == 0 && i < a->count; i++) {
		if (a->pairs[i] != DIFF_NONE)
			was->pairs[a->places[i]] = b->places[a->pairs[i]];
	}
	for (size_t i = 0; rc == 0 && i < b->count; i++) {
		if (b->pairs[i] != DIFF_NONE)
			now->pairs[b->places[i]] = a->places[b->pairs[i]];
	}
	return rc;
}

static int align_all(struct side *was, struct side *now, struct reasons *out)
{
	struct column a = {0}, b = {0};
	int rc = column_init(&a, was->boot->count);

	if (rc == 0)
		rc = column_init(&b, now->boot->count);
	for (uint32_t bucket = 0; rc == 0 && bucket < BUCKETS; bucket++) {
		bool moved = false;

		column_fill(&a, was, bucket);
		column_fill(&b, now, bucket);
		rc = align_bucket(was, now, &a, &b, &moved);
		if (rc == 0 && moved)
			note_reordered(bucket, out);
	}
	rf_free(a.tokens);
	rf_free(b.tokens);
	return rc;
}

/* ---- what is left over, paired by part and name ---- */

struct loose {
	uint32_t place;
	uint32_t bucket;
	enum eventlog_component role;
	char key[128];	/* what tells it from others of its kind */
	char stem[128]; /* the key with a # for each number */
	bool taken;
};

/* Digits become one #, so that two versions of a file have one stem. */
static void make_stem(const char *key, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; key[i] && n + 1 < size; i++) {
		bool digit = key[i] >= '0' && key[i] <= '9';

		if (digit && n > 0 && out[n - 1] == '#')
			continue;
		out[n++] = digit ? '#' : key[i];
	}
	out[n] = '\0';
}

/* ESXi names its parts in the text: "module" would tell nothing. */
static void make_key(const struct boot_item *item, enum eventlog_component role, char *out,
		     size_t size)
{
	bool esx = role == COMPONENT_ESX_MODULE || role == COMPONENT_ESX_OPTION;

	rf_copy(out, size, esx ? item->text : item->name);
	if (esx)
		out[strcspn(out, ", ")] = '\0';
}

static struct loose *list_loose(const struct side *side, size_t *out_count)
{
	struct loose *list;
	size_t n = 0;

	for (size_t i = 0; i < side->boot->count; i++)
		n += side->tokens[i] != 0 && side->pairs[i] == DIFF_NONE;
	list = rf_alloc(n, sizeof(*list));
	n = 0;
	for (size_t i = 0; list && i < side->boot->count; i++) {
		const struct boot_item *item = &side->boot->items[i];

		if (side->tokens[i] == 0 || side->pairs[i] != DIFF_NONE)
			continue;
		struct loose *entry = &list[n++];

		entry->place = (uint32_t)i;
		entry->bucket = bucket_of(item);
		entry->role = side->roles[i];
		make_key(item, entry->role, entry->key, sizeof(entry->key));
		make_stem(entry->key, entry->stem, sizeof(entry->stem));
	}
	*out_count = n;
	return list;
}

static int by_place_in_machine(const struct loose *a, const struct loose *b)
{
	if (a->taken != b->taken)
		return a->taken ? 1 : -1;
	if (a->bucket != b->bucket)
		return a->bucket < b->bucket ? -1 : 1;
	if (a->role != b->role)
		return a->role < b->role ? -1 : 1;
	return 0;
}

static int by_key(const void *left, const void *right)
{
	const struct loose *a = left, *b = right;
	int order = by_place_in_machine(a, b);

	return order ? order : strcmp(a->key, b->key);
}

static int by_stem(const void *left, const void *right)
{
	const struct loose *a = left, *b = right;
	int order = by_place_in_machine(a, b);

	return order ? order : strcmp(a->stem, b->stem);
}

/* Names do not matter where a machine has one of a kind. */
static int by_role(const void *left, const void *right)
{
	return by_place_in_machine(left, right);
}

static int loose_order(int (*compare)(const void *, const void *), const struct loose *a,
		       const struct loose *b)
{
	int order = compare(a, b);

	return order ? order : a->place < b->place ? -1 : a->place > b->place;
}

static int by_key_stable(const void *a, const void *b)
{
	return loose_order(by_key, a, b);
}

static int by_stem_stable(const void *a, const void *b)
{
	return loose_order(by_stem, a, b);
}

static int by_role_stable(const void *a, const void *b)
{
	return loose_order(by_role, a, b);
}

static const struct pass {
	int (*compare)(const void *, const void *);
	int (*stable)(const void *, const void *);
	bool one_of_a_kind;
} passes[] = {{by_key, by_key_stable, false},
	      {by_stem, by_stem_stable, false},
	      {by_role, by_role_stable, true}};

static int add_change(struct diff_changes *out, const struct side *was, const struct side *now,
		      const struct loose *gone, const struct loose *fresh)
{
	if (rf_grow((void **)&out->items, &out->room, out->count + 1, sizeof(*out->items)))
		return -ENOMEM;
	struct diff_change *change = &out->items[out->count++];

	memset(change, 0, sizeof(*change));
	change->was = gone ? &was->boot->items[gone->place] : NULL;
	change->now = fresh ? &now->boot->items[fresh->place] : NULL;
	change->was_at = gone ? gone->place : DIFF_NONE;
	change->now_at = fresh ? fresh->place : DIFF_NONE;
	change->role = fresh ? fresh->role : gone->role;
	change->reason = SIZE_MAX;
	/* One name for both of a pair whose names differ by version: the new one. */
	rf_copy(change->key, sizeof(change->key), fresh ? fresh->key : gone->key);
	return 0;
}

struct loose_lists {
	struct loose *gone, *fresh;
	size_t gone_count, fresh_count;
};

static int run_pass(const struct pass *pass, struct loose_lists *lists, const struct side *was,
		    const struct side *now, struct diff_changes *out)
{
	int rc = 0;

	qsort(lists->gone, lists->gone_count, sizeof(*lists->gone), pass->stable);
	qsort(lists->fresh, lists->fresh_count, sizeof(*lists->fresh), pass->stable);
	for (size_t i = 0, j = 0; rc == 0 && i < lists->gone_count && j < lists->fresh_count;) {
		struct loose *gone = &lists->gone[i], *fresh = &lists->fresh[j];
		int order = gone->taken || fresh->taken ? 2 : pass->compare(gone, fresh);

		if (order == 2) /* all that is left is taken */
			break;
		i += order <= 0;
		j += order >= 0;
		if (order != 0 ||
		    (pass->one_of_a_kind && diff_row_of(gone->role)->merge != DIFF_ALL))
			continue;
		rc = add_change(out, was, now, gone, fresh);
		gone->taken = fresh->taken = true;
	}
	return rc;
}

static int pair_loose(struct side *was, struct side *now, struct diff_changes *out)
{
	struct loose_lists lists = {0};
	RF_AUTOFREE struct loose *gone = list_loose(was, &lists.gone_count);
	RF_AUTOFREE struct loose *fresh = list_loose(now, &lists.fresh_count);
	int rc = gone && fresh ? 0 : -ENOMEM;

	lists.gone = gone;
	lists.fresh = fresh;
	for (size_t p = 0; rc == 0 && p < RF_COUNT(passes); p++)
		rc = run_pass(&passes[p], &lists, was, now, out);
	for (size_t i = 0; rc == 0 && i < lists.gone_count; i++) {
		if (!gone[i].taken)
			rc = add_change(out, was, now, &gone[i], NULL);
	}
	for (size_t i = 0; rc == 0 && i < lists.fresh_count; i++) {
		if (!fresh[i].taken)
			rc = add_change(out, was, now, NULL, &fresh[i]);
	}
	return rc;
}

/* ---- the whole ---- */

static int side_init(struct side *side, const struct boot *boot)
{
	side->boot = boot;
	side->tokens = rf_alloc(boot->count, sizeof(*side->tokens));
	side->pairs = rf_alloc(boot->count, sizeof(*side->pairs));
	side->roles = diff_roles(boot);
	for (size_t i = 0; side->pairs && i < boot->count; i++)
		side->pairs[i] = DIFF_NONE;
	return side->tokens && side->pairs && side->roles ? 0 : -ENOMEM;
}

/* What the registers began with is part of their values, and stands in no event that extends. */
static void compare_start(const struct boot *was, const struct boot *now, struct reasons *out)
{
	const struct eventlog *a = &was->firmware, *b = &now->firmware;

	if (a->locality == b->locality && a->hcrtm == b->hcrtm)
		return;
	struct reason *reason = reasons_add(out, REASON_FIRMWARE_CHANGED);

	if (!reason)
		return;
	reason->component = COMPONENT_FIRMWARE;
	reason->pcr = 0;
	reason->pcrs = 1;
	rf_copy(reason->subject, sizeof(reason->subject), "how measuring began");
	rf_format(reason->was, sizeof(reason->was), "locality %d%s", a->locality,
		  a->hcrtm ? ", by the processor (H-CRTM)" : "");
	rf_format(reason->now, sizeof(reason->now), "locality %d%s", b->locality,
		  b->hcrtm ? ", by the processor (H-CRTM)" : "");
}

static int collect(struct side *was, struct side *now, struct reasons *out,
		   struct diff_changes *changes)
{
	uint16_t alg = diff_common_alg(was->boot, now->boot);
	int rc;

	/* Digests of different algorithms cannot be compared: that is no difference. */
	if (alg == 0 && was->boot->count > 0 && now->boot->count > 0)
		return RF_E_MISMATCH;
	rc = number_tokens(was, now, alg);
	if (rc == 0)
		rc = align_all(was, now, out);
	if (rc == 0)
		rc = pair_loose(was, now, changes);
	if (rc < 0)
		return rc;
	compare_start(was->boot, now->boot, out);
	rc = diff_absorb(changes);
	if (rc == 0)
		diff_describe(changes, out);
	return rc;
}

int diff_collect(const struct boot *was, const struct boot *now, struct reasons *out,
		 struct diff_changes *changes)
{
	struct side left = {0}, right = {0};
	int rc = side_init(&left, was);

	if (rc == 0)
		rc = side_init(&right, now);
	if (rc == 0)
		rc = collect(&left, &right, out, changes);
	side_done(&left);
	side_done(&right);
	return rc;
}

int boot_diff(const struct boot *was, const struct boot *now, struct reasons *out)
{
	DIFF_AUTOCHANGES struct diff_changes changes = {0};

	return diff_collect(was, now, out, &changes);
}
