/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM in quarantine may use of the host besides its network: a row for each limit, made with
 * the settings that a policy has, too (tune.h). What is tighter already stays. A limit that cannot
 * be had does not hinder a quarantine: it is said. See quarantine.h.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/quarantine.h"
#include "isolate/tune.h"

enum scope { FOR_VM, FOR_DISK, FOR_VNC, FOR_SPICE };

/* Half of one processor in all, with its I/O threads: enough to be looked at, too little to harm.
 */
#define CPU_PERIOD_US "100000"
#define CPU_QUOTA_US  "50000"
/* Enough to go on writing a log, too little to fill or to starve a shared store. */
#define DISK_LIMITS "total_bytes_sec=10000000 total_iops_sec=200"

static const struct limit {
	enum quarantine_level from;
	enum scope scope;
	const char *row, *op, *value;
	bool stored; /* in the definition, too: so it stays when the VM is started again */
	const char *why;
} limits[] = {
	{QUARANTINE_RESTRICT, FOR_VM, "memory.page-sharing", "set", "off", true,
	 "no page in common with another VM tells it anything"},
	{QUARANTINE_HONEYWALL, FOR_VM, "cpu.period", "at-least", CPU_PERIOD_US, true,
	 "its processors and I/O threads get half of one CPU"},
	{QUARANTINE_HONEYWALL, FOR_VM, "cpu.quota", "at-most", CPU_QUOTA_US, true,
	 "its processors and I/O threads get half of one CPU"},
	{QUARANTINE_HONEYWALL, FOR_DISK, "disk.limits", "at-most", DISK_LIMITS, true,
	 "it cannot starve what else uses the store"},
	{QUARANTINE_SEAL, FOR_VNC, "console.vnc", "set", "closed", false,
	 "viewers are put out, and nobody new gets at its screen and keyboard"},
	{QUARANTINE_SEAL, FOR_SPICE, "console.spice", "set", "expired", false,
	 "viewers are put out, and nobody new gets at its screen and keyboard"},
};

static int limit_add(struct quarantine_wants *w, const struct quarantine_vm *vm,
		     const struct limit *limit, const char *item, enum virt_layer layer)
{
	struct change_spec spec;
	char target[512];
	int rc = tune_target(target, vm->name, layer, limit->row, item);

	if (!rc)
		rc = change_spec_set(&spec, "vm-tune", target, NULL, limit->value, NULL);
	if (rc < 0)
		return rc;
	rf_copy(spec.op, sizeof(spec.op), limit->op);
	return quarantine_want_add(w, vm, &spec, QUARANTINE_LIMIT_ORIGIN,
				   rf_arena_printf(&w->texts, "%s: %s", vm->name, limit->why));
}

static int limit_layers(struct quarantine_wants *w, const struct quarantine_vm *vm,
			const struct limit *limit, const char *item)
{
	int rc = vm->running ? limit_add(w, vm, limit, item, VIRT_LIVE) : 0;

	return !rc && limit->stored && vm->persistent
		       ? limit_add(w, vm, limit, item, VIRT_PERSISTENT)
		       : rc;
}

int quarantine_limits_add(struct quarantine_wants *w, const struct quarantine_vm *vm,
			  enum quarantine_level level)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(limits); i++) {
		const struct limit *limit = &limits[i];

		if (level < limit->from)
			continue;
		switch (limit->scope) {
		case FOR_DISK:
			for (size_t d = 0; rc == 0 && d < vm->disks_count; d++)
				rc = limit_layers(w, vm, limit, vm->disks[d]);
			break;
		case FOR_VNC:
			rc = vm->has_vnc ? limit_layers(w, vm, limit, NULL) : 0;
			break;
		case FOR_SPICE:
			rc = vm->has_spice ? limit_layers(w, vm, limit, NULL) : 0;
			break;
		case FOR_VM:
			rc = limit_layers(w, vm, limit, NULL);
			break;
		}
	}
	return rc;
}

static bool holds(enum quarantine_level level, const struct change_spec *spec, const char *vm)
{
	struct tune_name name;

	if (strcmp(spec->verb, "vm-tune") != 0 || tune_parse(spec->target, &name, NULL) < 0 ||
	    strcmp(name.vm, vm) != 0)
		return false;
	for (size_t i = 0; i < RF_COUNT(limits); i++)
		if (level >= limits[i].from && strcmp(limits[i].row, name.row->name) == 0)
			return true;
	return false;
}

void quarantine_limits_hold(struct want *wants, size_t *count, const char *vm,
			    enum quarantine_level level)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++)
		if (!holds(level, &wants[i].spec, vm))
			wants[kept++] = wants[i];
	*count = kept;
}
