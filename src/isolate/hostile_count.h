/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hostile.h judges by: counters of each running VM as they stand in /proc and in its cgroup,
 * and the rates between two looks. The processor's own counters are hostile_pmu.h. What this
 * machine does not count is missing, by name, and never guessed. Sources: sched-stats.rst
 * (/proc/PID/schedstat), psi.rst (cpu.pressure), cgroup-v2.rst (cpu.stat), sched-bwc.rst, the
 * kernel's arch/x86/kernel/cpu/bus_lock.c.
 */
#ifndef RF_ISOLATE_HOSTILE_COUNT_H
#define RF_ISOLATE_HOSTILE_COUNT_H

#include "isolate/hostile.h"
#include "sys/sys.h"

#define HOSTILE_MAX_TASKS 512u

/* A running VM, and where its counters are. */
struct hostile_subject {
	char vm[256];
	int pid;
	char group[400];	      /* its cgroup, of the cpu controller; "" */
	int version;		      /* of that: 1 or 2 */
	int tasks[HOSTILE_MAX_TASKS]; /* its vCPUs' threads */
	size_t tasks_count;
};

/* Finds it anew. RF_E_MISSING when it does not run. */
int hostile_subject_find(struct sys *sys, const char *vm, struct hostile_subject *out,
			 struct rf_err *err) RF_MUST_CHECK;
/* Whether a thread is one of its own, vCPU or not. */
bool hostile_subject_has(struct sys *sys, const struct hostile_subject *subject, int tid);

/* Absolute counts at one time. has: whether a counter of that row could be read; the first and
 * third are filled by hostile_pmu.h. */
struct hostile_count {
	int64_t at_ms;
	bool has[HOSTILE_COUNTERS];
	int64_t clears, misses;
	int64_t locks;	  /* all since watching began */
	int64_t run_ns;	  /* its vCPUs ran */
	int64_t wait_ns;  /* they waited for a CPU */
	int64_t vcpus;	  /* how many they are */
	int64_t stall_us; /* PSI of its group, "some" */
	int64_t held_us;  /* held back by its cap */
};

/* Takes what is in files. at_ms, clears, misses and locks are the caller's. */
void hostile_count_read(struct sys *sys, const struct hostile_subject *subject,
			struct hostile_count *out);

/* Two looks at all VMs of a host. A VM whose counts went back or are new has no reading. */
struct hostile_look {
	struct hostile_count before, now;
	bool fresh;	     /* there is no before */
	int64_t locks_milli; /* lines of a minute, a thousandth each: kept by hostile_rates */
};
/* The rates of number `which` of count VMs. Of what others suffer it is given the part that its own
 * use of CPUs has in that of all. Pure. */
void hostile_rates(struct hostile_look *looks, size_t count, size_t which,
		   struct hostile_reading *out);

/* The thread that a record of /dev/kmsg says took a split lock or held the bus; 0: it says
 * something else. Pure. */
int hostile_lock_line(const char *record);

/* Whether this processor tells the kernel of them, by /proc/cpuinfo. Pure. */
bool hostile_locks_logged(struct rf_slice cpuinfo);

#endif
