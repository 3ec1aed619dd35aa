/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else may run on CPUs that are some VMs' own: every process of the host that is no VM's QEMU
 * and no thread of the kernel, by what the scheduler allows it. Source: proc(5).
 */
#ifndef RF_ISOLATE_CPU_ALONE_H
#define RF_ISOLATE_CPU_ALONE_H

#include "isolate/cpu.h"
#include "sys/sys.h"

struct cpu_strangers {
	uint32_t count[RF_MAX_CPUS]; /* processes that may run on a CPU */
	int pid[RF_MAX_CPUS];	     /* one of them */
	char name[RF_MAX_CPUS][16];
	size_t seen; /* processes looked at; 0: none could be */
};

/* Who is no stranger. */
struct cpu_known {
	const int *pids; /* QEMUs */
	size_t count;
	const char *group; /* whatever is in this group of cgroup v2, or below it; "": nobody */
};
/* A process that ended meanwhile is none. */
void cpu_strangers_find(struct sys *sys, const struct cpu_known *known, struct cpu_strangers *out);
/* The most that may run on one of these CPUs; *out_cpu: which. */
uint32_t cpu_strangers_on(const struct cpu_strangers *strangers, const struct rf_cpus *cpus,
			  unsigned *out_cpu);

#endif
