/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cpu: part of a profile, as rows of a table. VMware's own words (sched.cpu.*) are
 * vmxwords.c's. Source: vSphere Resource Management, "CPU Resource Settings".
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/cpu.h"
#include "isolate/policy_parts.h"

#define SHARES_MAX 1000000
#define PCT_MAX	   (100 * (int64_t)RF_MAX_CPUS)
#define MHZ_MAX	   100000000

struct reader {
	const struct yaml_doc *doc;
	const struct yaml_node *node;
	struct policy_cpu *cpu;
	int64_t *number; /* where a number of this key goes */
	struct rf_err *err;
};

static const char *text_of(const struct yaml_node *node)
{
	return node->kind == YAML_TEXT ? node->text : "";
}

/* 500, 1000, 2000 for each vCPU, or a number for the VM. */
static int shares_value(const struct reader *r, int64_t *whole, int64_t *each)
{
	static const struct {
		const char *word;
		int64_t each;
	} words[] = {{"low", 500}, {"normal", 1000}, {"high", 2000}};
	const char *text = text_of(r->node);

	for (size_t i = 0; i < RF_COUNT(words); i++) {
		if (strcmp(words[i].word, text) != 0)
			continue;
		*whole = 0;
		*each = words[i].each;
		return 0;
	}
	return rf_num(text, 10, 1, SHARES_MAX, whole) == 0
		       ? 0
		       : yaml_fail(r->doc, r->node, r->err,
				   "%s: low, normal, high or a number to %d (1000 is normal for "
				   "one vCPU)",
				   r->node->key, SHARES_MAX);
}

static int read_shares(const struct reader *r)
{
	return shares_value(r, &r->cpu->shares, &r->cpu->shares_each);
}

/* "150%" of one CPU; "no" for none. */
static int percent_value(const struct reader *r, int64_t *out)
{
	const char *text = text_of(r->node);
	char digits[24];
	size_t len = strlen(text);

	if (rf_truth(text) == 0 && strcmp(text, "0") != 0) {
		*out = 0;
		return 0;
	}
	if (len < 2 || text[len - 1] != '%' ||
	    !rf_format(digits, sizeof(digits), "%.*s", (int)len - 1, text) ||
	    rf_num(digits, 10, 1, PCT_MAX, out) < 0)
		return yaml_fail(r->doc, r->node, r->err,
				 "%s: percent of one CPU (150%% is one and a half), or no",
				 r->node->key);
	return 0;
}

static int read_cap(const struct reader *r)
{
	r->cpu->cap_mhz = 0;
	return percent_value(r, &r->cpu->cap_pct);
}

static int read_floor(const struct reader *r)
{
	r->cpu->floor_mhz = 0;
	return percent_value(r, &r->cpu->floor_pct);
}

static int mhz_value(const struct reader *r, int64_t *mhz, int64_t *pct)
{
	int64_t n;

	if (rf_num(text_of(r->node), 10, -1, MHZ_MAX, &n) < 0)
		return yaml_fail(r->doc, r->node, r->err, "%s: MHz, or -1 for no limit",
				 r->node->key);
	*mhz = n < 0 ? 0 : n;
	*pct = 0;
	return 0;
}

static int read_max(const struct reader *r)
{
	return mhz_value(r, &r->cpu->cap_mhz, &r->cpu->cap_pct);
}

static int read_min(const struct reader *r)
{
	return mhz_value(r, &r->cpu->floor_mhz, &r->cpu->floor_pct);
}

static int list_value(const struct reader *r, const char *all, bool *has, struct rf_cpus *out)
{
	const char *text = text_of(r->node);

	if (rf_equal_nocase(text, all)) {
		*has = false;
		return 0;
	}
	if (!text[0] || rf_cpus_parse(text, out) < 0 || rf_cpus_count(out) == 0)
		return yaml_fail(r->doc, r->node, r->err, "%s: numbers as 0-3,8, or %s",
				 r->node->key, all);
	*has = true;
	return 0;
}

static int read_affinity(const struct reader *r)
{
	return list_value(r, "all", &r->cpu->has_affinity, &r->cpu->affinity);
}

static int read_numa(const struct reader *r)
{
	return list_value(r, "all", &r->cpu->has_numa, &r->cpu->numa);
}

static int read_ht(const struct reader *r)
{
	char word[16] = "";

	rf_copy(word, sizeof(word), text_of(r->node));
	rf_lower(word);
	for (enum ht_mode mode = HT_ANY; mode <= HT_NONE; mode++) {
		if (strcmp(word, ht_mode_name(mode)) == 0) {
			r->cpu->ht = mode;
			return 0;
		}
	}
	return yaml_fail(r->doc, r->node, r->err, "%s: any, internal or none", r->node->key);
}

const char *hostile_watch_name(enum hostile_watch watch)
{
	static const char *const words[] = {"off", "report", "apart"};

	return (unsigned)watch < RF_COUNT(words) ? words[watch] : "?";
}

static int read_hostile(const struct reader *r)
{
	const char *text = text_of(r->node);

	for (enum hostile_watch watch = HOSTILE_WATCH_OFF; watch <= HOSTILE_WATCH_APART; watch++) {
		if (strcmp(text, hostile_watch_name(watch)) != 0)
			continue;
		r->cpu->hostile = watch;
		return 0;
	}
	return yaml_fail(r->doc, r->node, r->err, "%s: off, report or apart", r->node->key);
}

/* ---- other times of the week ---- */

static int shift_read(const struct reader *outer, const struct yaml_node *map)
{
	struct policy_cpu *cpu = outer->cpu;
	struct policy_shift shift = {.shares = -1, .shares_each = -1, .cap_pct = -1};
	struct rf_err why = {0};
	bool when = false;
	int rc = 0;

	if (map->kind != YAML_MAP || cpu->shifts_count == POLICY_MAX_SHIFTS)
		return yaml_fail(outer->doc, map, outer->err,
				 "schedule: at most %d entries of when, shares, cap",
				 POLICY_MAX_SHIFTS);
	for (size_t i = 0; rc == 0 && i < map->items_count; i++) {
		struct reader r = *outer;

		r.node = &map->items[i];
		if (strcmp(r.node->key, "shares") == 0) {
			rc = shares_value(&r, &shift.shares, &shift.shares_each);
		} else if (strcmp(r.node->key, "cap") == 0) {
			rc = percent_value(&r, &shift.cap_pct);
		} else if (strcmp(r.node->key, "when") == 0) {
			when = true;
			if (schedule_parse(text_of(r.node), &shift.when, &why) < 0)
				rc = yaml_fail(r.doc, r.node, r.err, "%s", rf_err_text(&why));
		} else {
			rc = yaml_fail(r.doc, r.node, r.err, "schedule has no key %s", r.node->key);
		}
	}
	if (rc == 0 && !when)
		rc = yaml_fail(outer->doc, map, outer->err, "schedule: when is missing");
	if (rc == 0)
		cpu->shifts[cpu->shifts_count++] = shift;
	return rc;
}

static int read_schedule(const struct reader *r)
{
	int rc = 0;

	if (r->node->kind != YAML_LIST)
		return yaml_fail(r->doc, r->node, r->err,
				 "schedule: a list of {when: mon-fri 18:00-08:00, shares, cap}");
	r->cpu->shifts_count = 0;
	for (size_t i = 0; rc == 0 && i < r->node->items_count; i++)
		rc = shift_read(r, &r->node->items[i]);
	return rc;
}

static const struct cpu_key {
	const char *name;
	int (*read)(const struct reader *r);
} keys[] = {
	{"shares", read_shares},
	{"cap", read_cap},
	{"floor", read_floor},
	{"affinity", read_affinity},
	{"numa", read_numa},
	{"ht-sharing", read_ht},
	{"hostile", read_hostile},
	{"schedule", read_schedule},
	/* the same in the unit of a .vmx file */
	{"cap-mhz", read_max},
	{"floor-mhz", read_min},
};

static const struct cpu_key *key_find(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(keys); i++) {
		if (rf_equal_nocase(keys[i].name, name))
			return &keys[i];
	}
	return NULL;
}

int policy_cpu_read(const struct yaml_doc *doc, const struct yaml_node *map, struct policy_cpu *cpu,
		    struct rf_err *err)
{
	int rc = 0;

	if (!cpu->said)
		cpu->shares_each = 1000;
	cpu->said = true;
	for (size_t i = 0; rc == 0 && i < map->items_count; i++) {
		struct reader r = {.doc = doc, .node = &map->items[i], .cpu = cpu, .err = err};
		const struct cpu_key *key = key_find(r.node->key);

		for (size_t k = 0; key && k < i; k++) {
			const struct cpu_key *other = key_find(map->items[k].key);

			if (other && other->read == key->read)
				return yaml_fail(doc, r.node, err, "%s says the same as %s",
						 r.node->key, map->items[k].key);
		}
		rc = key ? key->read(&r)
			 : yaml_fail(doc, r.node, err, "a profile's cpu has no key %s",
				     r.node->key);
	}
	if (rc == 0 && cpu->cap_pct && cpu->floor_pct > cpu->cap_pct)
		rc = yaml_fail(doc, map, err, "floor %lld%% is above cap %lld%%",
			       (long long)cpu->floor_pct, (long long)cpu->cap_pct);
	return rc;
}

static const char *shares_word(int64_t each)
{
	return each == 500 ? "low" : each == 1000 ? "normal" : each == 2000 ? "high" : NULL;
}

bool policy_cpu_text(const struct policy_cpu *cpu, const char *name, char out[POLICY_TEXT_BYTES])
{
	const char *word = shares_word(cpu->shares_each);
	int64_t n = 0;

	if (!cpu->said)
		return false;
	if (strcmp(name, "ht-sharing") == 0)
		return rf_copy(out, POLICY_TEXT_BYTES, ht_mode_name(cpu->ht));
	if (strcmp(name, "shares") == 0 && cpu->shares == 0)
		return word && rf_copy(out, POLICY_TEXT_BYTES, word);
	if (strcmp(name, "shares") == 0)
		n = cpu->shares;
	else if (strcmp(name, "cap-mhz") == 0)
		n = cpu->cap_mhz;
	else if (strcmp(name, "floor-mhz") == 0)
		n = cpu->floor_mhz;
	return n > 0 && rf_format(out, POLICY_TEXT_BYTES, "%lld", (long long)n);
}
