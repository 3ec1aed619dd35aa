/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what a policy says of memory: the keys are rows of two tables. See memory.h. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/memory.h"

#define MAX_LABEL 48u
#define MIB_MAX	  (64 << 20) /* 64 TiB */

enum key_type {
	KEY_NUMBER,
	KEY_BOOL,
	KEY_SHARING, /* off, or label NAME */
	KEY_LABEL,   /* NAME */
	KEY_BALLOON, /* allowed, forbidden */
	KEY_ADVISOR, /* none, scan-time */
};

struct memory_key {
	const char *name;
	enum key_type type;
	uint32_t said;
	size_t at;
	int64_t min, max;
};

#define AT(field) offsetof(struct memory_profile, field)
static const struct memory_key profile_keys[] = {
	{"page-sharing", KEY_SHARING, SAID_SHARING, AT(label), 0, 0},
	{"reservation-percent", KEY_NUMBER, SAID_RESERVATION, AT(reservation_pct), 0, 100},
	{"reservation-mib", KEY_NUMBER, SAID_RESERVATION, AT(reservation_mib), 0, MIB_MAX},
	{"priority-percent", KEY_NUMBER, SAID_PRIORITY, AT(priority_pct), 0, 100},
	/* Below what QEMU itself needs beside the guest's memory the VM would be ended. */
	{"limit-percent", KEY_NUMBER, SAID_LIMIT, AT(limit_pct), 110, 1000},
	{"limit-mib", KEY_NUMBER, SAID_LIMIT, AT(limit_mib), 64, MIB_MAX},
	{"balloon", KEY_BALLOON, SAID_BALLOON, AT(balloon), 0, 0},
	{"locked", KEY_BOOL, SAID_LOCKED, AT(locked), 0, 0},
	{"hugepages", KEY_BOOL, SAID_HUGEPAGES, AT(hugepages), 0, 0},
};
#undef AT

#define AT(field) offsetof(struct memory_policy, field)
static const struct memory_key host_keys[] = {
	{"page-sharing", KEY_BOOL, SAID_SHARING, AT(sharing), 0, 0},
	{"sharing-label", KEY_LABEL, SAID_LABEL, AT(label), 0, 0},
	{"pages-to-scan", KEY_NUMBER, SAID_SCAN, AT(pages_to_scan), 1, 10000000},
	{"sleep-milliseconds", KEY_NUMBER, SAID_SLEEP, AT(sleep_ms), 0, 3600000},
	{"max-page-sharing", KEY_NUMBER, SAID_MAX_SHARING, AT(max_page_sharing), 2, 1000000},
	{"merge-across-nodes", KEY_BOOL, SAID_ACROSS, AT(across_nodes), 0, 0},
	{"advisor", KEY_ADVISOR, SAID_ADVISOR, AT(advisor), 0, 0},
	{"over-commit-percent", KEY_NUMBER, SAID_OVER_COMMIT, AT(over_commit_pct), 10, 1000},
	{"keep-free-percent", KEY_NUMBER, SAID_KEEP_FREE, AT(keep_free_pct), 0, 90},
};
#undef AT

/* What a key fills. */
struct place {
	const struct yaml_doc *doc;
	const struct yaml_node *node;
	const struct memory_key *key;
	char *out;
	uint32_t *said;
};

static int fail(const struct place *p, struct rf_err *err, const char *what)
{
	return yaml_fail(p->doc, p->node, err, "%s: %s", p->key->name, what);
}

static int number_read(const struct place *p, struct rf_err *err)
{
	int64_t n;

	if (rf_num(p->node->text, 10, p->key->min, p->key->max, &n) < 0)
		return yaml_fail(p->doc, p->node, err, "%s: a number from %lld to %lld",
				 p->key->name, (long long)p->key->min, (long long)p->key->max);
	*(uint32_t *)(p->out + p->key->at) = (uint32_t)n;
	return 0;
}

static int label_take(const struct place *p, const char *name, struct rf_err *err)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789._-");

	if (len == 0 || len > MAX_LABEL || name[len])
		return fail(p, err,
			    "a label is a name of letters, digits, dots, dashes and "
			    "underlines");
	*(const char **)(p->out + p->key->at) = name;
	return 0;
}

static int sharing_read(const struct place *p, struct rf_err *err)
{
	if (rf_truth(p->node->text) == 0) {
		*(const char **)(p->out + p->key->at) = NULL;
		return 0;
	}
	if (rf_starts(p->node->text, "label "))
		return label_take(p, p->node->text + strlen("label "), err);
	return fail(p, err, "off, or label NAME for the group of VMs that may share pages");
}

static int word_read(const struct place *p, const char *const *words, unsigned *out,
		     struct rf_err *err)
{
	for (unsigned i = 0; words[i]; i++) {
		if (rf_equal_nocase(p->node->text, words[i])) {
			*out = i;
			return 0;
		}
	}
	return yaml_fail(p->doc, p->node, err, "%s: %s, %s%s%s", p->key->name, words[0], words[1],
			 words[2] ? " or " : "", words[2] ? words[2] : "");
}

static int balloon_read(const struct place *p, struct rf_err *err)
{
	static const char *const words[] = {"forbidden", "allowed", NULL};
	unsigned word = 0;
	int rc = word_read(p, words, &word, err);

	if (!rc)
		*(bool *)(p->out + p->key->at) = word == 1;
	return rc;
}

static int advisor_read(const struct place *p, struct rf_err *err)
{
	static const char *const words[] = {"none", "scan-time", NULL};
	unsigned word = 0;
	int rc = word_read(p, words, &word, err);

	if (!rc)
		*(const char **)(p->out + p->key->at) = words[word];
	return rc;
}

static int truth_read(const struct place *p, bool *out, struct rf_err *err)
{
	int truth = rf_truth(p->node->text);

	*out = truth == 1;
	return truth < 0 ? fail(p, err, "yes or no") : 0;
}

static int value_read(const struct place *p, struct rf_err *err)
{
	bool truth = false;
	int rc = 0;

	switch (p->key->type) {
	case KEY_NUMBER:
		return number_read(p, err);
	case KEY_SHARING:
		return sharing_read(p, err);
	case KEY_LABEL:
		return label_take(p, p->node->text, err);
	case KEY_BALLOON:
		return balloon_read(p, err);
	case KEY_ADVISOR:
		return advisor_read(p, err);
	case KEY_BOOL:
		rc = truth_read(p, &truth, err);
		if (!rc)
			*(bool *)(p->out + p->key->at) = truth;
		return rc;
	}
	return RF_E_UNKNOWN;
}

static int keys_read(const struct place *where, const struct memory_key *keys, size_t count,
		     struct rf_err *err)
{
	const struct yaml_node *map = where->node;
	uint32_t here = 0;

	for (size_t i = 0; i < map->items_count; i++) {
		struct place p = *where;
		size_t k = 0;

		p.node = &map->items[i];
		while (k < count && strcmp(keys[k].name, p.node->key) != 0)
			k++;
		if (k == count || p.node->kind != YAML_TEXT)
			return yaml_fail(p.doc, p.node, err,
					 k == count ? "memory has no key %s" : "%s: one value",
					 p.node->key);
		p.key = &keys[k];
		if (here & p.key->said)
			return fail(&p, err, "another key has said this already");
		here |= p.key->said;
		int rc = value_read(&p, err);

		if (rc < 0)
			return rc;
		*p.said |= rc == 0 ? p.key->said : 0;
	}
	return 0;
}

/* A later "reservation-percent" counts, not the MiB of the profile that it is based on. */
static void pairs_reset(const struct yaml_node *map, struct memory_profile *profile)
{
	if (yaml_get(map, "reservation-percent"))
		profile->reservation_mib = 0;
	if (yaml_get(map, "reservation-mib"))
		profile->reservation_pct = 0;
	if (yaml_get(map, "limit-percent"))
		profile->limit_mib = 0;
}

int memory_profile_read(const struct yaml_doc *doc, const struct yaml_node *map,
			struct memory_profile *profile, struct rf_err *err)
{
	struct memory_profile next = *profile;
	const struct place where = {doc, map, NULL, (char *)&next, &next.said};

	pairs_reset(map, &next);
	int rc = keys_read(&where, profile_keys, RF_COUNT(profile_keys), err);

	if (!rc)
		*profile = next;
	return rc;
}

int memory_policy_read(const struct yaml_doc *doc, const struct yaml_node *map,
		       struct memory_policy *policy, struct rf_err *err)
{
	struct memory_policy next = *policy;
	const struct place where = {doc, map, NULL, (char *)&next, &next.said};
	int rc = keys_read(&where, host_keys, RF_COUNT(host_keys), err);

	if (rc < 0)
		return rc;
	if ((next.said & SAID_SHARING) && !next.sharing && (next.said & SAID_LABEL))
		return yaml_fail(doc, map, err,
				 "page-sharing: off and sharing-label exclude each other");
	*policy = next;
	return 0;
}

bool memory_profile_text(const struct memory_profile *profile, const char *name,
			 char out[MEMORY_TEXT_BYTES])
{
	const struct memory_key *key = profile_keys;
	const struct memory_key *end = profile_keys + RF_COUNT(profile_keys);

	while (key < end && strcmp(key->name, name) != 0)
		key++;
	if (key == end || !(profile->said & key->said))
		return false;
	const char *at = (const char *)profile + key->at;

	if (key->type == KEY_NUMBER) {
		uint32_t n = *(const uint32_t *)at;

		/* Of a percentage and a size one was said; the other is 0. */
		return (n || key->said == SAID_PRIORITY) &&
		       rf_format(out, MEMORY_TEXT_BYTES, "%u", n);
	}
	if (key->type == KEY_BOOL)
		return rf_copy(out, MEMORY_TEXT_BYTES, *(const bool *)at ? "yes" : "no");
	if (key->type == KEY_BALLOON)
		return rf_copy(out, MEMORY_TEXT_BYTES, *(const bool *)at ? "allowed" : "forbidden");
	return key->type == KEY_SHARING &&
	       rf_format(out, MEMORY_TEXT_BYTES, "%s%s", profile->label ? "label " : "off",
			 profile->label ? profile->label : "");
}
