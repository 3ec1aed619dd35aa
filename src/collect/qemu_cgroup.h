/* SPDX-License-Identifier: Apache-2.0 */
/* The resource limits that hold for a process: those of its control groups and all above them. */
#ifndef RF_COLLECT_QEMU_CGROUP_H
#define RF_COLLECT_QEMU_CGROUP_H

#include "model/fact.h"
#include "sys/sys.h"

/* Fills row from /proc/PID/cgroup and the hierarchies below /sys/fs/cgroup; of several limits the
 * tightest counts. path has room for RF_MAX_PATH_BYTES, cpuset for 1,024 bytes, io_max for
 * QEMU_CGROUP_IO_MAX. Returns 0, or the code with which the process' groups could not be read. */
int qemu_cgroup_read(struct sys *sys, const char *pid, char *path, char *cpuset, char *io_max,
		     struct fact_vm_cgroup *row) RF_MUST_CHECK;
#define QEMU_CGROUP_IO_MAX 2048u

#endif
