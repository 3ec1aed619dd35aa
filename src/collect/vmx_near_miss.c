/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that look like a security setting but are none, so that their author is protected by
 * nothing: names that web pages pass on (folklore), names of an older product (obsolete), and slips
 * of one or two letters (distance). Keys that are known to exist are never reported, nor are those
 * of families without security settings.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/vmx_facts.h"
#include "collect/vmx_known_keys.h"

/* A slip in the first part of a key (isolation.) is only looked for when that part is long. */
enum { LONG_FAMILY = 7, ONE_SLIP_FROM = 9, TWO_SLIPS_FROM = 18, MAX_SLIPS = 2 };

static const struct {
	const char *key;
	const char *meant;
	const char *reason;
} folklore[] = {
	/* The 2005 deck's spelling for hosted products; later products do not know it. */
	{"isolation.tools.copy", "isolation.tools.copy.disable", "obsolete"},
	{"isolation.tools.paste", "isolation.tools.paste.disable", "obsolete"},
	/* In public configurations and tutorials, in no guide of the maker. */
	{"isolation.tools.draganddrop.disable", "isolation.tools.dnd.disable", "folklore"},
	{"isolation.tools.draganddrop.enable", "isolation.tools.dnd.disable", "folklore"},
	{"isolation.tools.dragdrop.disable", "isolation.tools.dnd.disable", "folklore"},
	{"isolation.tools.drag.disable", "isolation.tools.dnd.disable", "folklore"},
	{"isolation.tools.drop.disable", "isolation.tools.dnd.disable", "folklore"},
	{"isolation.tools.clipboard.disable", "isolation.tools.copy.disable", "folklore"},
	{"isolation.tools.copypaste.disable", "isolation.tools.copy.disable", "folklore"},
	{"isolation.tools.copypaste.enable", "isolation.tools.copy.disable", "folklore"},
	{"isolation.tools.setguioptions.disable", "isolation.tools.setGUIOptions.enable",
	 "folklore"},
	{"isolation.tools.sharedfolders.disable", "isolation.tools.hgfs.disable", "folklore"},
};

/* Writes each run of digits as #. False when it does not fit. */
static bool normalise(const char *key, char *out, size_t size)
{
	size_t n = 0;

	for (const char *p = key; *p; p++) {
		bool digit = *p >= '0' && *p <= '9';

		if (digit && p > key && p[-1] >= '0' && p[-1] <= '9')
			continue;
		if (n + 1 >= size)
			return false;
		out[n++] = digit ? '#' : *p;
	}
	out[n] = '\0';
	return true;
}

/* Puts the numbers of the key in the place of each # of the spelling. */
static void write_meant(const char *spelling, const char *key, char *out, size_t size)
{
	size_t n = 0;

	for (const char *p = spelling; *p && n + 1 < size; p++) {
		if (*p != '#') {
			out[n++] = *p;
			continue;
		}
		key += strcspn(key, "0123456789");
		if (!*key)
			out[n++] = 'N';
		while (*key >= '0' && *key <= '9' && n + 1 < size)
			out[n++] = *key++;
	}
	out[n] = '\0';
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Slips between two texts: a letter added, lost, changed, or two neighbours swapped (optimal string
 * alignment), counted up to MAX_SLIPS; MAX_SLIPS + 1 for more.
 */
static size_t slips(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][VMX_MAX_KEY_BYTES + 4];
	size_t *before = rows[0], *above = rows[1], *here = rows[2];
	const size_t far = MAX_SLIPS + 1;

	for (size_t j = 0; j <= b_len && j <= far; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		/* Only cells this near to the diagonal can be within the limit. */
		size_t first = i > MAX_SLIPS ? i - MAX_SLIPS : 1;
		size_t last = smaller(b_len, i + MAX_SLIPS);
		size_t least = here[first - 1] = first == 1 ? i : far;

		for (size_t j = first; j <= last; j++) {
			size_t cost = a[i - 1] != b[j - 1];

			here[j] = smaller(above[j - 1] + cost, smaller(above[j], here[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				here[j] = smaller(here[j], before[j - 2] + 1);
			least = smaller(least, here[j]);
		}
		here[last + 1] = far;
		if (least > MAX_SLIPS)
			return far;
		size_t *oldest = before;

		before = above;
		above = here;
		here = oldest;
	}
	return smaller(above[b_len], far);
}

static bool same_family(const char *key, const char *known)
{
	size_t len = strcspn(known, ".");

	if (len >= LONG_FAMILY)
		return true;
	return strncmp(key, known, len) == 0 && key[len] == known[len];
}

/* The known security key that is nearest, within the slips that its length allows. */
static const struct vmx_known_key *nearest(const char *key)
{
	const struct vmx_known_key *best = NULL;
	size_t len = strlen(key);
	size_t best_slips = len >= TWO_SLIPS_FROM ? MAX_SLIPS : len >= ONE_SLIP_FROM ? 1 : 0;

	if (best_slips++ == 0)
		return NULL;
	/* The table is sorted, and a slip in the first letter is not looked for. */
	for (size_t i = vmx_known_keys_from(key[0]);
	     i < vmx_known_keys_count && vmx_known_keys[i].key[0] == key[0]; i++) {
		const struct vmx_known_key *k = &vmx_known_keys[i];

		if (!k->spelling)
			continue;
		size_t k_len = strlen(k->key);

		if (k_len > len + MAX_SLIPS || len > k_len + MAX_SLIPS || !same_family(key, k->key))
			continue;
		size_t n = slips(key, len, k->key, k_len);

		if (n < best_slips) {
			best_slips = n;
			best = k;
		}
	}
	return best;
}

/* isolation.x.enable or isolation.x where isolation.x.disable is the key that works. */
static const struct vmx_known_key *turned_round(const char *key)
{
	static const char *const endings[] = {".enabled", ".enable", ".disabled", ""};
	char right[VMX_MAX_KEY_BYTES + 16];

	if (!rf_starts(key, "isolation."))
		return NULL;
	for (size_t i = 0; i < RF_COUNT(endings); i++) {
		if (!rf_ends(key, endings[i]))
			continue;
		int stem = (int)(strlen(key) - strlen(endings[i]));

		rf_format(right, sizeof(right), "%.*s.disable", stem, key);
		const struct vmx_known_key *k = vmx_known_key_find(right);

		if (k && k->spelling)
			return k;
	}
	return NULL;
}

static void put(struct vmx_vm *vm, const struct vmx_entry *e, const char *meant, const char *reason)
{
	fact_put_vm_option_near_miss(
		vm->out, &(struct fact_vm_option_near_miss){.vm = vm->path,
							    .layer = VMX_LAYER,
							    .key = e->spelling,
							    .meant = meant,
							    .reason = reason,
							    .source = vmx_where(vm, e)});
}

static void look_at(struct vmx_vm *vm, const struct vmx_entry *e)
{
	char key[VMX_MAX_KEY_BYTES + 1], meant[VMX_MAX_KEY_BYTES + 64];

	if (!normalise(e->key, key, sizeof(key)) || vmx_known_key_find(key))
		return;
	for (size_t i = 0; i < RF_COUNT(folklore); i++) {
		if (rf_equal(key, folklore[i].key)) {
			put(vm, e, folklore[i].meant, folklore[i].reason);
			return;
		}
	}
	const struct vmx_known_key *k = turned_round(key);
	const char *reason = k ? "folklore" : "distance";

	k = k ? k : nearest(key);
	if (!k)
		return;
	write_meant(k->spelling, e->key, meant, sizeof(meant));
	put(vm, e, meant, reason);
}

/* guestinfo. and answer. are free for anybody's names. */
static bool is_free_name(const char *key)
{
	return rf_starts(key, "guestinfo.") || rf_starts(key, "answer.") ||
	       rf_starts(key, "cpuid.");
}

void vmx_facts_near_misses(struct vmx_vm *vm)
{
	for (size_t i = 0; i < vm->vmx->count; i++) {
		const struct vmx_entry *e = &vm->vmx->entries[i];

		if (!e->superseded && !is_free_name(e->key))
			look_at(vm, e);
	}
}
