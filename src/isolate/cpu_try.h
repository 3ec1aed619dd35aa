/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the kernel keeps a weight and a cap: real load in two groups of our own beside a VM's,
 * for a part of a second on one of its CPUs. The VM itself is not touched, but shares that CPU with
 * the load while it lasts: `isolate verify --active` alone does this. Sources: cgroups(7),
 * sched-bwc.rst.
 */
#ifndef RF_ISOLATE_CPU_TRY_H
#define RF_ISOLATE_CPU_TRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "isolate/vm_scope.h"

#define CPU_TRY_MS 200 /* of load, for each of the two */

/* What is tried: a weight, or (0) a cap. */
struct cpu_load {
	uint32_t cpu; /* where */
	int64_t weight;
	int64_t quota_us, period_us;
};

struct cpu_trial {
	double wanted, had; /* ratio of the two, or part of a CPU */
	bool loaded;	    /* the machine let them have enough to judge by */
	double slack;	    /* of a cap: what one period and one tick of the scheduler are */
};

/*
 * A weight: two groups beside the VM's, one with it and one with three times (or a third of) it;
 * had is the ratio that the lighter and the heavier had. A cap: a group that is held to that part
 * of one CPU (half of one, where it is a CPU or more). RF_E_UNSUPPORTED where no group can be made,
 * RF_E_SYNTAX for a load that is none.
 */
int cpu_try(const struct vm_scope *scope, const struct cpu_load *load, struct cpu_trial *out,
	    struct rf_err *err) RF_MUST_CHECK;

/* Whether what they had is what was wanted, as near as so short a time can tell. Pure. */
bool cpu_trial_holds(const struct cpu_load *load, const struct cpu_trial *trial);

#endif
