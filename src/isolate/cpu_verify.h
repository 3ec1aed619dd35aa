/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy promises of a VM's processor, and whether the kernel keeps it: read back from the
 * VM's cgroup, from every group above it, and from its threads. Nothing is changed, and no load is
 * made. A row of a table for each type of promise.
 */
#ifndef RF_ISOLATE_CPU_VERIFY_H
#define RF_ISOLATE_CPU_VERIFY_H

#include "isolate/cpu.h"
#include "isolate/promise.h"
#include "sys/sys.h"

/* Judges every running VM that a profile speaks of, and every VM that must keep off others' cores.
 * What cannot be read is not enforced, with the reason.
 * Fails for lack of memory only. */
int cpu_promises(const struct cpu_result *result, struct sys *sys, struct isolate_promises *out,
		 struct rf_err *err) RF_MUST_CHECK;

#endif
