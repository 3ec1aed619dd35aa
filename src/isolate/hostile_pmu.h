/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor's own counters of a VM's vCPUs: machine clears, cache misses of the last level,
 * split locks. One counter for each thread and event (perf_event_open(2)); without a PMU, as in
 * most virtual machines, there is none, and that is said. Which event a processor calls what:
 * Intel's SDM, volume 3, "Performance Monitoring Events"; others have no machine clears to count.
 */
#ifndef RF_ISOLATE_HOSTILE_PMU_H
#define RF_ISOLATE_HOSTILE_PMU_H

#include "isolate/hostile_count.h"

struct hostile_pmu;

/* What this machine counts, by trying. cpuinfo: the text of /proc/cpuinfo. Never NULL but for lack
 * of memory. */
struct hostile_pmu *hostile_pmu_open(struct rf_slice cpuinfo);
void hostile_pmu_close(struct hostile_pmu *pmu);
/* Fills the counters that are the PMU's; for a thread that is new they begin at 0. */
void hostile_pmu_read(struct hostile_pmu *pmu, const struct hostile_subject *subject,
		      struct hostile_count *out);
/* Ends the counting of threads that no subject was read for since the last call. */
void hostile_pmu_sweep(struct hostile_pmu *pmu);

/* The raw event of machine clears and of split locks on the processor that this text is about; 0:
 * none is known. Pure. */
uint64_t hostile_pmu_clears(struct rf_slice cpuinfo);
uint64_t hostile_pmu_locks(struct rf_slice cpuinfo);

#endif
