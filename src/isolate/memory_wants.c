/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to be so for a policy's words about memory: values of the kernel, settings of VMs. Pure.
 * See memory.h. A group above the VMs is given at least what they have together, for the kernel
 * protects nobody more than what stands above him; it is never given less than it has.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/memory.h"
#include "isolate/tune.h"

#define KIB 1024ll

struct adding {
	struct isolate_wants *wants;
	const struct memory_wanted *w; /* NULL: the host */
};

static int want_add(const struct adding *a, const struct want *want, const char *explanation)
{
	struct isolate_wants *wants = a->wants;

	if (!explanation || rf_grow((void **)&wants->items, &wants->capacity, wants->count + 1,
				    sizeof(*wants->items)) < 0)
		return -ENOMEM;
	wants->items[wants->count] = *want;
	wants->items[wants->count].explanation = explanation;
	wants->items[wants->count++].origin = "isolate";
	return 0;
}

/* A value of the kernel. */
static int value_want(const struct adding *a, const char *path, const char *value, const char *why)
{
	struct want want = {.needs = NEEDS_LIVE, .risk = RISK_LOW};
	int rc = change_spec_set(&want.spec, "value", path, NULL, value, NULL);

	return rc ? rc : want_add(a, &want, rf_arena_copy(&a->wants->texts, why));
}

/* A setting of a VM; value NULL: it is taken out of the definition. */
static int tune_want(const struct adding *a, enum virt_layer layer, const char *row,
		     const char *value, enum change_needs needs)
{
	const struct memory_wanted *w = a->w;
	struct want want = {.needs = needs, .risk = RISK_LOW};
	char target[512];
	int rc = tune_target(target, w->vm->vm, layer, row, NULL);

	if (!rc)
		rc = change_spec_set(&want.spec, "vm-tune", target, NULL, value ? value : "", NULL);
	if (rc < 0)
		return rc;
	rf_copy(want.spec.op, sizeof(want.spec.op), value ? "set" : "remove");
	return want_add(
		a, &want,
		w->profile[0]
			? rf_arena_printf(&a->wants->texts, "%s: profile %s", w->vm->vm, w->profile)
			: rf_arena_printf(&a->wants->texts, "%s: in no group that shares pages",
					  w->vm->vm));
}

static int number_want(const struct adding *a, enum virt_layer layer, const char *row, int64_t n)
{
	char text[24];

	rf_format(text, sizeof(text), "%lld", (long long)n);
	return tune_want(a, layer, row, text, layer == VIRT_LIVE ? NEEDS_LIVE : NEEDS_VM_BOOT);
}

static int sharing_want(const struct adding *a)
{
	const struct memory_wanted *w = a->w;
	bool group = w->share == SHARE_GROUP;
	int rc = 0;

	if (w->share == SHARE_AS_IS)
		return 0;
	if (w->vm->running)
		rc = tune_want(a, VIRT_LIVE, "memory.page-sharing", group ? "on" : "off",
			       NEEDS_LIVE);
	/* A VM that the policy does not name keeps its definition. */
	if (!rc && w->vm->defined && w->profile[0])
		rc = tune_want(a, VIRT_PERSISTENT, "memory.page-sharing", group ? NULL : "off",
			       NEEDS_VM_BOOT);
	return rc;
}

static int protection_want(const struct adding *a)
{
	const struct memory_wanted *w = a->w;
	int rc = 0;

	if (!w->vm->running || w->vm->version != 2)
		return 0;
	if (w->min_bytes >= 0)
		rc = number_want(a, VIRT_LIVE, "memory.min", w->min_bytes);
	if (!rc && w->min_bytes >= 0 && w->no_swap)
		rc = number_want(a, VIRT_LIVE, "memory.swap.max", 0);
	if (!rc && w->low_bytes >= 0)
		rc = number_want(a, VIRT_LIVE, "memory.low", w->low_bytes);
	return rc;
}

/* libvirt counts in KiB. */
static int limit_want(const struct adding *a)
{
	const struct memory_wanted *w = a->w;
	int rc = 0;

	if (w->max_bytes < 0)
		return 0;
	if (w->vm->running)
		rc = number_want(a, VIRT_LIVE, "memory.max", w->max_bytes / KIB);
	if (!rc && w->vm->defined)
		rc = number_want(a, VIRT_PERSISTENT, "memory.max", w->max_bytes / KIB);
	return rc;
}

static int boot_want(const struct adding *a)
{
	const struct memory_wanted *w = a->w;
	int rc = 0;

	if (!w->vm->defined)
		return 0;
	if (w->no_balloon)
		rc = tune_want(a, VIRT_PERSISTENT, "memory.balloon", "none", NEEDS_VM_BOOT);
	if (!rc && w->locked)
		rc = tune_want(a, VIRT_PERSISTENT, "memory.locked", "on", NEEDS_VM_BOOT);
	if (!rc && w->hugepages)
		rc = tune_want(a, VIRT_PERSISTENT, "memory.hugepages", "on", NEEDS_VM_BOOT);
	return rc;
}

/* ---- the host ---- */

/* One of KSM's values where this kernel has it. */
static int ksm_want(const struct adding *a, const char *file, int64_t now, int64_t wanted,
		    const char *why)
{
	char path[96], text[24];

	if (now < 0)
		return 0;
	rf_format(path, sizeof(path), MEMORY_KSM_DIR "/%s", file);
	rf_format(text, sizeof(text), "%lld", (long long)wanted);
	return value_want(a, path, text, why);
}

/* 2 and not 0: what is merged already is taken apart, too. Before the two values that the kernel
 * takes only then; an advisor owns pages_to_scan, so it comes first. */
static int host_want(const struct adding *a, const struct memory_policy *host,
		     const struct memory_ksm *ksm)
{
	const char *why = "host: memory";
	int rc = 0;

	if ((host->said & SAID_SHARING) && !host->sharing)
		rc = ksm_want(a, "run", ksm->run, 2,
			      "host: memory: no page is shared, and shared ones are taken apart");
	if (!rc && (host->said & SAID_ACROSS))
		rc = ksm_want(a, "merge_across_nodes", ksm->across_nodes, host->across_nodes, why);
	if (!rc && (host->said & SAID_MAX_SHARING))
		rc = ksm_want(a, "max_page_sharing", ksm->max_page_sharing, host->max_page_sharing,
			      why);
	if (!rc && (host->said & SAID_ADVISOR) && ksm->advisor[0])
		rc = value_want(a, MEMORY_KSM_DIR "/advisor_mode", host->advisor, why);
	if (!rc && (host->said & SAID_SCAN))
		rc = ksm_want(a, "pages_to_scan", ksm->pages_to_scan, host->pages_to_scan, why);
	if (!rc && (host->said & SAID_SLEEP))
		rc = ksm_want(a, "sleep_millisecs", ksm->sleep_ms, host->sleep_ms, why);
	if (!rc && (host->said & SAID_SHARING) && host->sharing)
		rc = ksm_want(a, "run", ksm->run, 1, why);
	return rc;
}

static int64_t group_sum(const struct memory_result *result, size_t group, bool low)
{
	int64_t sum = 0;

	for (size_t i = 0; i < result->count; i++) {
		const struct memory_wanted *w = &result->items[i];
		int64_t bytes = low ? w->low_bytes : w->min_bytes;

		for (size_t g = 0; bytes > 0 && g < w->vm->groups_count; g++) {
			if (w->vm->groups[g] == group && __builtin_add_overflow(sum, bytes, &sum))
				return INT64_MAX;
		}
	}
	return sum;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t memory_group_min(const struct memory_input *input, const struct memory_result *result,
			 size_t group)
{
	return larger(input->groups[group].min_bytes, group_sum(result, group, false));
}

int64_t memory_group_low(const struct memory_input *input, const struct memory_result *result,
			 size_t group)
{
	return larger(input->groups[group].low_bytes, group_sum(result, group, true));
}

static int group_want(const struct adding *a, const char *path, const char *file, int64_t now,
		      int64_t wanted)
{
	char target[512], text[24];

	if (wanted <= now)
		return 0;
	if (!rf_format(target, sizeof(target), "%s/%s", path, file))
		return RF_E_LIMIT;
	rf_format(text, sizeof(text), "%lld", (long long)wanted);
	return value_want(a, target, text,
			  "a VM's reservation counts only where each group above it has as much");
}

int memory_wants_add(const struct policy *policy, const struct memory_input *input,
		     const struct memory_result *result, struct isolate_wants *wants,
		     struct rf_err *err)
{
	struct adding a = {wants, NULL};
	int rc = host_want(&a, policy_memory(policy), &input->ksm);

	for (size_t g = 0; rc == 0 && g < input->groups_count; g++) {
		const struct memory_group *group = &input->groups[g];

		rc = group_want(&a, group->path, "memory.min", group->min_bytes,
				memory_group_min(input, result, g));
		if (!rc)
			rc = group_want(&a, group->path, "memory.low", group->low_bytes,
					memory_group_low(input, result, g));
	}
	for (size_t i = 0; rc == 0 && i < result->count; i++) {
		a.w = &result->items[i];
		rc = sharing_want(&a);
		if (!rc)
			rc = protection_want(&a);
		if (!rc)
			rc = limit_want(&a);
		if (!rc)
			rc = boot_want(&a);
	}
	return rc ? rf_wrap(err, rc, "memory of the policy") : 0;
}
