/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole cores for VMs that share none: ht-sharing internal (a core's threads run this VM only) and
 * none (one thread of a core runs, the other rests; booked double). A VM that has cores of its own
 * keeps them, so that planning again changes nothing; the others get the lowest free ones, of one
 * NUMA cell where that is possible. One core at least stays for the host and everybody else.
 * Sources: vSphere Resource Management, "Hyperthreaded Core Sharing Options"; kernel
 * Documentation/admin-guide/hw-vuln/core-scheduling.rst.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/cpu_parts.h"

struct cores {
	bool *taken;
	size_t free;
};

/* How many cores a VM needs. */
static size_t need_of(const struct cpu_solver *s, const struct cpu_item *item)
{
	size_t vcpus = (size_t)item->vm->vcpus, threads = 1;

	for (size_t i = 0; i < s->host->cores_count; i++) {
		size_t n = rf_cpus_count(&s->host->cores[i].cpus);

		threads = n > threads ? n : threads;
	}
	/* Squeezed is what it is to be: the policy's number, or fewer where that is all it needs.
	 */
	if (item->apart && item->configured == HT_ANY &&
	    (size_t)s->out->host->hostile_cores < vcpus)
		return (size_t)s->out->host->hostile_cores;
	return item->effective == HT_NONE ? vcpus : (vcpus + threads - 1) / threads;
}

static bool core_usable(const struct cpu_solver *s, const struct cores *cores, size_t core,
			const struct rf_cpus *allowed)
{
	struct rf_cpus rest = s->host->cores[core].cpus;

	rf_cpus_minus(&rest, allowed);
	return !cores->taken[core] && rf_cpus_count(&rest) == 0;
}

static void core_take(struct cores *cores, const struct policy_core *core, size_t number,
		      struct cpu_item *item)
{
	unsigned first = 0;

	while (!rf_cpus_has(&core->cpus, first))
		first++;
	cores->taken[number] = true;
	cores->free--;
	item->charged += rf_cpus_count(&core->cpus);
	rf_cpus_add(&item->each, first);
	rf_cpus_or(&item->cpus, &core->cpus);
}

/* Takes need cores out of those allowed, of one cell unless node is -1. */
static bool pick(const struct cpu_solver *s, struct cores *cores, const struct rf_cpus *allowed,
		 int64_t node, size_t need, struct cpu_item *item)
{
	size_t found = 0;

	for (size_t i = 0; i < s->host->cores_count; i++)
		found += (node < 0 || s->host->cores[i].node == node) &&
			 core_usable(s, cores, i, allowed);
	if (found < need)
		return false;
	item->cpus = item->each = (struct rf_cpus){0};
	for (size_t i = 0; need && i < s->host->cores_count; i++) {
		const struct policy_core *core = &s->host->cores[i];

		if ((node >= 0 && core->node != node) || !core_usable(s, cores, i, allowed))
			continue;
		core_take(cores, core, i, item);
		need--;
	}
	rf_cpus_minus(&s->out->pool, &item->cpus);
	s->out->exclusive_count++;
	item->exclusive = true;
	if (item->effective == HT_NONE)
		item->cpus = item->each;
	return true;
}

/* Where it is now, if that is as many whole cores as it needs. For "none" its threads are one of
 * each core: the core is meant. */
static bool keep(const struct cpu_solver *s, struct cores *cores, size_t need,
		 struct cpu_item *item)
{
	struct rf_cpus now, whole = {0};
	size_t count = 0;

	if (rf_cpus_parse(item->vm->cpu_set, &now) < 0)
		return false;
	for (size_t i = 0; i < s->host->cores_count; i++) {
		if (!rf_cpus_meet(&s->host->cores[i].cpus, &now))
			continue;
		rf_cpus_or(&whole, &s->host->cores[i].cpus);
		count++;
	}
	struct rf_cpus beyond = whole;

	rf_cpus_minus(&beyond, &item->cpus);
	if (count != need || rf_cpus_count(&beyond) ||
	    (item->effective == HT_INTERNAL && !rf_cpus_equal(&now, &whole)))
		return false;
	return pick(s, cores, &whole, -1, need, item);
}

static bool choose(const struct cpu_solver *s, struct cores *cores, size_t need,
		   struct cpu_item *item)
{
	struct rf_cpus allowed = item->cpus;

	for (size_t i = 0; i < s->host->cores_count; i++) {
		if (pick(s, cores, &allowed, s->host->cores[i].node, need, item))
			return true;
	}
	return pick(s, cores, &allowed, -1, need, item);
}

/* What ESX does, too: with an affinity that leaves no whole cores it is the affinity that holds. */
static int overridden(struct cpu_solver *s, struct cpu_item *item, size_t need)
{
	const struct policy_note who = cpu_note_of(item, false);

	item->effective = HT_ANY;
	return policy_note(s->notes, &who,
			   "ht-sharing %s is overridden by its affinity, which holds no %zu whole "
			   "cores that are free: effective is any",
			   ht_mode_name(item->configured), need);
}

static int refused(struct cpu_solver *s, const struct cores *cores, const struct cpu_item *item,
		   size_t need)
{
	const struct policy_note who = cpu_note_of(item, !item->apart);
	RF_AUTOBUF struct rf_buf holders = {0};

	for (size_t i = 0; i < s->out->count; i++) {
		if (s->out->items[i].exclusive)
			rf_buf_printf(&holders, "%s%s", holders.len ? ", " : "; others hold: ",
				      s->out->items[i].vm->name);
	}
	if (item->apart)
		return policy_note(s->notes, &who,
				   "it is hostile and cannot be set apart: %zu whole cores are "
				   "needed, %zu are free, and one stays for everybody else%s",
				   need, cores->free, rf_buf_text(&holders));
	return policy_note(s->notes, &who,
			   "ht-sharing %s needs %zu whole cores of its own; %zu of %zu are free, "
			   "and one stays for the host%s",
			   ht_mode_name(item->configured), need, cores->free, s->host->cores_count,
			   rf_buf_text(&holders));
}

static int item_assign(struct cpu_solver *s, struct cores *cores, struct cpu_item *item)
{
	size_t need = need_of(s, item);
	bool fits = cores->free > need;

	if (fits && (keep(s, cores, need, item) || choose(s, cores, need, item)))
		return 0;
	if (!item->apart && (item->cpu.has_affinity || item->cpu.has_numa))
		return overridden(s, item, need);
	int rc = refused(s, cores, item, need);

	if (item->apart)
		item->effective = HT_ANY;
	return rc;
}

/* What will be in force, before cores are looked for. */
static int mode_settle(struct cpu_solver *s, struct cpu_item *item)
{
	const struct policy_note who = cpu_note_of(item, false);

	item->configured = item->effective = item->cpu.ht;
	if (item->apart && (item->configured == HT_ANY || !s->host->smt)) {
		item->configured = HT_ANY;
		item->effective = HT_INTERNAL;
	}
	if (item->apart || item->configured == HT_ANY)
		return 0;
	if (!s->host->smt) {
		item->effective = HT_ANY;
		return policy_note(s->notes, &who,
				   "ht-sharing %s holds by itself: no core of this host has a "
				   "second thread",
				   ht_mode_name(item->configured));
	}
	if (item->configured == HT_INTERNAL && item->vm->vcpus == 1) {
		item->effective = HT_NONE;
		return policy_note(s->notes, &who,
				   "one vCPU has no partner of its own: internal is none");
	}
	return 0;
}

static bool wants_cores(const struct cpu_item *item)
{
	return item->managed && item->effective != HT_ANY && !item->exclusive;
}

static int say_how(struct cpu_solver *s)
{
	const struct policy_note who = cpu_note_of(NULL, false);

	if (s->out->exclusive_count == 0)
		return 0;
	return policy_note(
		s->notes, &who, "whole cores are set apart%s%s",
		s->host->core_sched ? "; this kernel has core scheduling, too (sched_core in "
				      "qemu.conf, from the next start of a VM)"
				    : ": this kernel has no core scheduling",
		s->out->host->has_cell && s->host->cell_dir[0]
			? ""
			: ". Processes of the host itself may still run there: a cell (host: cpu: "
			  "cell) keeps them off, with cgroup v2");
}

int cpu_cores_assign(struct cpu_solver *s)
{
	RF_AUTOFREE bool *taken = rf_alloc(s->host->cores_count + 1, sizeof(*taken));
	struct cores cores = {taken, 0};
	struct cpu_result *r = s->out;
	int rc = taken ? 0 : -ENOMEM;

	/* A core that is not whole within the VMs' cell is nobody's own. */
	for (size_t i = 0; rc == 0 && i < s->host->cores_count; i++) {
		taken[i] = !rf_cpus_within(&s->host->cores[i].cpus, &s->out->pool);
		cores.free += !taken[i];
	}

	for (size_t i = 0; rc == 0 && i < r->count; i++)
		rc = r->items[i].managed ? mode_settle(s, &r->items[i]) : 0;
	/* Who has cores already chooses first. */
	for (size_t i = 0; rc == 0 && i < r->count; i++) {
		struct cpu_item *item = &r->items[i];
		size_t need = wants_cores(item) ? need_of(s, item) : 0;

		if (need && cores.free > need)
			(void)keep(s, &cores, need, item);
	}
	for (size_t i = 0; rc == 0 && i < r->count; i++) {
		if (wants_cores(&r->items[i]))
			rc = item_assign(s, &cores, &r->items[i]);
	}
	return rc ? rc : say_how(s);
}
