/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernel and processor have of the things that `hostile:` of a policy looks at, for `isolate
 * verify`: whether split locks of VMs are caught, and whether a VM has performance counters of its
 * own. What is not known is said to be unknown; nothing is counted here.
 */
#ifndef RF_ISOLATE_CPU_COUNTERS_H
#define RF_ISOLATE_CPU_COUNTERS_H

#include "base/buf.h"
#include "isolate/cpu.h"
#include "isolate/promise.h"
#include "model/store.h"
#include "sys/sys.h"

/* Judges the host's split locks by its command line, /proc/cpuinfo and kernel.split_lock_mitigate
 * (empty: cannot be read; "" as mitigate: this kernel has no such setting). Pure. */
struct cpu_locks {
	struct rf_slice cmdline, cpuinfo;
	const char *mitigate;
};
void cpu_locks_judge(const struct cpu_locks *locks, struct isolate_promise *out);

/* What definitions say of a VM's counters: 1 given, 0 refused, CPU_PMU_UNSAID. */
#define CPU_PMU_UNSAID (-1)
/* Judges them: as stored, and as it runs (running false: it is off). Pure. */
void cpu_pmu_judge(int stored, bool running, int live, struct isolate_promise *out);

/* Appends both, of a policy that has some VM watched; nothing of others. -ENOMEM */
int cpu_counters_promises(const struct cpu_result *cpu, struct sys *sys, struct fact_store *facts,
			  struct isolate_promises *out, struct rf_err *err) RF_MUST_CHECK;

#endif
