/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what VMs get of the processor to wants: in the running VM and in its definition. Pure. A VM
 * that no profile speaks of is moved off others' cores while it runs; its definition is its own.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/cpu.h"
#include "isolate/verbs.h"

struct maker {
	struct isolate_wants *wants;
	const struct cpu_result *result;
	const struct policy_host *host;
	const struct cpu_item *item;
	const char *why;
	struct rf_err *err;
};

static const char *explain(struct isolate_wants *w, const struct cpu_item *item)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (!item->managed)
		return rf_arena_copy(&w->texts, "keeps to the CPUs that VMs share");
	rf_buf_printf(&text, "profile %s", item->profile);
	if (item->cpu.cap_pct)
		rf_buf_printf(&text, ", cap %lld%%", (long long)item->cpu.cap_pct);
	if (item->cpu.floor_pct)
		rf_buf_printf(&text, ", floor %lld%%", (long long)item->cpu.floor_pct);
	if (item->apart && item->exclusive)
		rf_buf_printf(&text, ", set apart as hostile (%lld CPUs booked)",
			      (long long)item->charged);
	else if (item->configured != HT_ANY || item->effective != HT_ANY)
		rf_buf_printf(&text, ", ht-sharing %s (effective: %s, %lld CPUs booked)",
			      ht_mode_name(item->configured), ht_mode_name(item->effective),
			      (long long)item->charged);
	return rf_arena_copy(&w->texts, rf_buf_text(&text));
}

/* value NULL: unset, in the definition. */
static int want(struct maker *m, enum virt_layer layer, const char *row, const char *item,
		const char *value)
{
	const struct tune_want what = {m->item->vm->name, layer, row, item, value, m->why};

	return isolate_wants_tune(m->wants, &what, m->err);
}

static int want_number(struct maker *m, enum virt_layer layer, const char *row, int64_t n)
{
	char text[24];

	rf_format(text, sizeof(text), "%lld", (long long)n);
	return want(m, layer, row, NULL, text);
}

/* A place that is every CPU is none in a definition. */
static int want_place(struct maker *m, enum virt_layer layer, const char *row, const char *item,
		      const struct rf_cpus *cpus)
{
	RF_AUTOBUF struct rf_buf list = {0};
	bool all = rf_cpus_equal(cpus, &m->host->online);

	rf_cpus_format(cpus, &list);
	return want(m, layer, row, item,
		    all && layer == VIRT_PERSISTENT ? NULL : rf_buf_text(&list));
}

static int places_want(struct maker *m, enum virt_layer layer)
{
	const struct cpu_item *item = m->item;
	char number[24];
	int rc = 0;

	for (int64_t i = 0; rc == 0 && i < item->vm->vcpus; i++) {
		struct rf_cpus cpus = cpu_item_vcpu(item, i);

		rf_format(number, sizeof(number), "%lld", (long long)i);
		rc = want_place(m, layer, "cpu.pin.vcpu", number, &cpus);
	}
	if (!rc)
		rc = want_place(m, layer, "cpu.pin.emulator", NULL, &item->cpus);
	for (int64_t i = 1; rc == 0 && i <= item->vm->iothreads; i++) {
		rf_format(number, sizeof(number), "%lld", (long long)i);
		rc = want_place(m, layer, "cpu.pin.iothread", number, &item->cpus);
	}
	return rc;
}

static int layer_want(struct maker *m, enum virt_layer layer)
{
	const struct cpu_item *item = m->item;
	bool stored = layer == VIRT_PERSISTENT, capped = item->quota_us > 0;
	int rc = want_number(m, layer, "cpu.shares", item->weight);

	if (!rc && capped)
		rc = want_number(m, layer, "cpu.period", CPU_PERIOD_US);
	else if (!rc && stored)
		rc = want(m, layer, "cpu.period", NULL, NULL);
	if (!rc && (capped || !stored))
		rc = want_number(m, layer, "cpu.quota", item->quota_us);
	else if (!rc)
		rc = want(m, layer, "cpu.quota", NULL, NULL);
	return rc ? rc : places_want(m, layer);
}

/* What is apart while it runs is not in its definition: a restart ends it. */
static int stored_want(struct maker *m, size_t number)
{
	const struct cpu_item *live = m->item;

	if (m->result->stored)
		m->item = &m->result->stored[number];
	m->why = explain(m->wants, m->item);
	int rc = layer_want(m, VIRT_PERSISTENT);

	m->item = live;
	return rc;
}

int cpu_wants_add(const struct cpu_result *result, const struct policy_host *host,
		  struct isolate_wants *wants, struct rf_err *err)
{
	struct maker m = {.wants = wants, .result = result, .host = host, .err = err};
	int rc = 0;

	for (size_t i = 0; rc == 0 && result->any && i < result->count; i++) {
		m.item = &result->items[i];
		m.why = explain(wants, m.item);
		if (m.item->managed && m.item->vm->running)
			rc = layer_want(&m, VIRT_LIVE);
		if (rc == 0 && m.item->managed && m.item->vm->defined)
			rc = stored_want(&m, i);
		if (rc == 0 && !m.item->managed && m.item->vm->running && cpu_is_shared(result))
			rc = places_want(&m, VIRT_LIVE);
	}
	return rc;
}

bool cpu_is_shared(const struct cpu_result *result)
{
	return result->exclusive_count || result->host->has_cell;
}

int cpu_wants_between(const struct cpu_result *before, const struct cpu_result *after,
		      const struct policy_host *host, struct isolate_wants *wants,
		      struct rf_err *err)
{
	struct maker m = {.wants = wants, .result = after, .host = host, .err = err};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < after->count && i < before->count; i++) {
		const struct cpu_item *old = &before->items[i];

		m.item = &after->items[i];
		if (!m.item->vm->running)
			continue;
		m.why = explain(wants, m.item);
		if (!rf_cpus_equal(&old->cpus, &m.item->cpus))
			rc = places_want(&m, VIRT_LIVE);
		if (rc == 0 && m.item->managed && old->weight != m.item->weight)
			rc = want_number(&m, VIRT_LIVE, "cpu.shares", m.item->weight);
	}
	return rc;
}
