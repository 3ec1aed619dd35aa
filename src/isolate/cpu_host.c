/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy says of a host's processors as a whole: the cell of CPUs that are the VMs' alone,
 * and when a VM counts as hostile. The cell is a partition of cgroup v2: the kernel keeps
 * everything that is not below the VMs' group off its CPUs. Source: cgroup-v2.rst,
 * "cpuset.cpus.partition".
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/cpu_parts.h"
#include "isolate/wants_parts.h"

#define SECONDS_MAX 86400
#define RATE_MAX    1000000000000

struct place {
	const struct yaml_doc *doc;
	const struct yaml_node *node;
	struct policy_cpu_host *out;
	struct rf_err *err;
};

static const char *text_of(const struct yaml_node *node)
{
	return node && node->kind == YAML_TEXT ? node->text : "";
}

/* ---- hostile ---- */

/* How a counter is written: shares of time in percent, the others as they are counted. */
static const struct {
	const char *name, *unit;
	enum hostile_counter counter;
	int64_t scale, max;
} counters[] = {
	{"machine-clears", "a second", HOSTILE_MACHINE_CLEARS, 1, RATE_MAX},
	{"split-locks", "a minute", HOSTILE_SPLIT_LOCKS, 1, RATE_MAX},
	{"cache-misses", "a second", HOSTILE_CACHE_MISSES, 1, RATE_MAX},
	{"pressure-on-others", "percent", HOSTILE_PRESSURE, 100, 100},
	{"steal", "percent", HOSTILE_STEAL, 100, 100},
	{"throttling", "percent", HOSTILE_THROTTLED, 100, 100},
};

static const struct {
	const char *name;
	size_t at;
} times[] = {
	{"settle-seconds", offsetof(struct hostile_rules, settle_ms)},
	{"minimum-seconds", offsetof(struct hostile_rules, minimum_ms)},
	{"calm-seconds", offsetof(struct hostile_rules, calm_ms)},
	{"maximum-seconds", offsetof(struct hostile_rules, maximum_ms)},
};

/* {above: 50, below: 10}, or off. Without below it is half. */
static int limit_read(const struct place *p, size_t row)
{
	struct hostile_limit *limit = &p->out->hostile.limits[counters[row].counter];
	const struct yaml_node *above = yaml_get(p->node, "above"),
			       *below = yaml_get(p->node, "below");
	int64_t on = 0, off = 0;

	if (p->node->kind == YAML_TEXT && rf_truth(p->node->text) == 0) {
		*limit = (struct hostile_limit){0, 0};
		return 0;
	}
	bool good = p->node->kind == YAML_MAP &&
		    p->node->items_count == (size_t)(above ? 1 : 0) + (below ? 1 : 0) &&
		    rf_num(text_of(above), 10, 1, counters[row].max, &on) == 0;

	if (good && below)
		good = rf_num(text_of(below), 10, 0, on - 1, &off) == 0;
	if (!good)
		return yaml_fail(p->doc, p->node, p->err,
				 "%s: off, or {above: N, below: N} in %s, the second less than the "
				 "first",
				 counters[row].name, counters[row].unit);
	limit->on = on * counters[row].scale;
	limit->off = below ? off * counters[row].scale : limit->on / 2;
	return 0;
}

static int hostile_key(const struct place *p)
{
	int64_t n;

	for (size_t i = 0; i < RF_COUNT(counters); i++) {
		if (strcmp(p->node->key, counters[i].name) == 0)
			return limit_read(p, i);
	}
	for (size_t i = 0; i < RF_COUNT(times); i++) {
		if (strcmp(p->node->key, times[i].name) != 0)
			continue;
		if (rf_num(text_of(p->node), 10, 0, SECONDS_MAX, &n) < 0)
			return yaml_fail(p->doc, p->node, p->err, "%s: 0 to %d", times[i].name,
					 SECONDS_MAX);
		*(int64_t *)((char *)&p->out->hostile + times[i].at) = n * 1000;
		return 0;
	}
	if (strcmp(p->node->key, "cores") != 0)
		return yaml_fail(p->doc, p->node, p->err, "hostile has no key %s", p->node->key);
	return rf_num(text_of(p->node), 10, 1, RF_MAX_CPUS, &p->out->hostile_cores) == 0
		       ? 0
		       : yaml_fail(p->doc, p->node, p->err, "cores: 1 to %u", RF_MAX_CPUS);
}

static int hostile_read(const struct place *where)
{
	struct rf_err why = {0};
	int rc = 0;

	if (where->node->kind != YAML_MAP)
		return yaml_fail(where->doc, where->node, where->err,
				 "hostile: a map of counters and times");
	for (size_t i = 0; rc == 0 && i < where->node->items_count; i++) {
		struct place p = *where;

		p.node = &where->node->items[i];
		rc = hostile_key(&p);
	}
	if (rc == 0 && hostile_rules_check(&where->out->hostile, &why) < 0)
		rc = yaml_fail(where->doc, where->node, where->err, "hostile: %s",
			       rf_err_text(&why));
	return rc;
}

/* ---- the whole ---- */

static int cell_read(const struct place *p)
{
	const char *text = text_of(p->node);

	p->out->has_cell = !rf_equal_nocase(text, "all");
	if (p->out->has_cell &&
	    (!text[0] || rf_cpus_parse(text, &p->out->cell) < 0 || !rf_cpus_count(&p->out->cell)))
		return yaml_fail(p->doc, p->node, p->err,
				 "cell: CPUs that are the VMs' alone, as 2-7,10-15, or all");
	return 0;
}

int policy_cpu_host_read(const struct yaml_doc *doc, const struct yaml_node *map,
			 struct policy_cpu_host *out, struct rf_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < map->items_count; i++) {
		const struct place p = {doc, &map->items[i], out, err};

		if (strcmp(p.node->key, "cell") == 0)
			rc = cell_read(&p);
		else if (strcmp(p.node->key, "hostile") == 0)
			rc = hostile_read(&p);
		else
			rc = yaml_fail(doc, p.node, err, "a host's cpu has no key %s", p.node->key);
	}
	return rc;
}

const struct policy_cpu_host *policy_cpu_host(const struct policy *policy)
{
	return &policy->cpu;
}

/* ---- the cell ---- */

int cpu_cell_take(struct cpu_solver *s)
{
	const struct policy_note who = cpu_note_of(NULL, true), told = cpu_note_of(NULL, false);
	const struct policy_cpu_host *host = s->out->host;
	struct rf_cpus beyond = host->cell, rest = s->host->online;
	RF_AUTOBUF struct rf_buf list = {0};

	if (!host->has_cell)
		return 0;
	rf_cpus_minus(&beyond, &s->host->online);
	rf_cpus_minus(&rest, &host->cell);
	if (rf_cpus_count(&beyond)) {
		rf_cpus_format(&beyond, &list);
		return policy_note(s->notes, &who,
				   "the VMs' cell names CPUs that are not online: %s",
				   rf_buf_text(&list));
	}
	if (rf_cpus_count(&rest) == 0)
		return policy_note(s->notes, &who,
				   "the VMs' cell leaves no CPU for the host itself");
	s->out->pool = host->cell;
	if (s->host->cell_dir[0])
		return 0;
	return policy_note(
		s->notes, &told,
		"the VMs' cell is configured, not enforced: VMs keep to it, but this host "
		"has no partitions of CPUs for them (cgroup v2 with the cpuset controller), "
		"so its own processes may run there, too");
}

static int value_want(struct isolate_wants *wants, const char *dir, const char *file,
		      const char *value, const char *why)
{
	char path[96];

	rf_format(path, sizeof(path), "%s/%s", dir, file);
	return wants_add(wants, "value", path, rf_slice_text(value), why);
}

/* In the order in which the kernel takes it. A group that is no partition any more may run
 * everywhere: an empty list cannot be written, all CPUs mean the same. */
int cpu_cell_want(const struct policy *policy, const struct policy *before,
		  const struct policy_host *host, struct isolate_wants *wants, struct rf_err *err)
{
	const struct policy_cpu_host *now = &policy->cpu;
	RF_AUTOBUF struct rf_buf list = {0};
	bool was = before && before->cpu.has_cell;
	int rc = 0;

	if (!host->cell_dir[0] || (!now->has_cell && !was))
		return 0;
	rf_cpus_format(now->has_cell ? &now->cell : &host->online, &list);
	if (!now->has_cell)
		rc = value_want(wants, host->cell_dir, "cpuset.cpus.partition", "member",
				"the policy has no cell for VMs any more");
	if (!rc)
		rc = value_want(wants, host->cell_dir, "cpuset.cpus", rf_buf_text(&list),
				now->has_cell ? "CPUs that are the VMs' alone"
					      : "VMs may run on every CPU again");
	if (!rc && now->has_cell)
		rc = value_want(wants, host->cell_dir, "cpuset.cpus.partition", "root",
				"the kernel keeps everything else off them");
	return rc ? rf_fail(err, rc, "the VMs' cell: %s", rf_code_text(rc)) : 0;
}
