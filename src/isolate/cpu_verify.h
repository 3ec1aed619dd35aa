/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy promises of a VM's processor, and whether the kernel keeps it: read back from the
 * VM's cgroup, from every group above it, from its threads and from all processes that could
 * disturb it. Nothing is changed, and no load is made unless that is asked for (cpu_try.h). A row
 * of a table for each type of promise.
 */
#ifndef RF_ISOLATE_CPU_VERIFY_H
#define RF_ISOLATE_CPU_VERIFY_H

#include "isolate/cpu.h"
#include "isolate/cpu_try.h"
#include "isolate/promise.h"
#include "sys/sys.h"

struct watched;

struct cpu_look {
	struct sys *sys;
	/* Tries a weight or cap with real load beside a VM's group; NULL: nothing is tried. */
	int (*attempt)(void *arg, const char *vm, const struct cpu_load *load,
		       struct cpu_trial *out, struct rf_err *err);
	void *arg;
	const struct watched *watched; /* the account of who watches hostile VMs; NULL: none */
	int64_t now_s;
};

/* Judges every running VM that a profile speaks of, every VM that must keep off others' cores, and
 * the cell of the VMs. What cannot be read is not enforced, with the reason. Fails for lack of
 * memory only. */
int cpu_promises(const struct cpu_result *result, const struct cpu_look *look,
		 struct isolate_promises *out, struct rf_err *err) RF_MUST_CHECK;

#endif
