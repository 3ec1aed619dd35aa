/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the host collector that take a walk: installed kernels, CPUs, signs of VMs. */
#ifndef RF_COLLECT_HOST_KERNEL_H
#define RF_COLLECT_HOST_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/sys.h"

/*
 * Orders two kernel releases as a person would: numbers by value, and "-rc1" before the release
 * itself. Negative, 0 or positive, like strcmp.
 */
int host_release_compare(const char *a, const char *b);

/* The newest kernel in /boot or with files in /lib/modules; "" when none is installed. Negative
 * when those folders are there but cannot be listed. */
int host_kernel_newest(struct sys *sys, char *out, size_t size) RF_MUST_CHECK;

struct host_cpus {
	size_t online; /* logical CPUs */
	size_t cores;
	size_t threads_per_core; /* of the core that has most */
};

/* Counts CPUs by sysfs; negative when it does not tell. */
int host_cpus_read(struct sys *sys, struct host_cpus *cpus) RF_MUST_CHECK;

/* Counts CPUs of a list such as "0-3,8"; -1 when it is not understood. */
int64_t host_cpu_list_count(const char *list);

/* NUMA cells; 1 where the kernel has no notion of them. */
size_t host_numa_nodes(struct sys *sys);

/* True when libvirt or QEMU is installed, or a QEMU process runs. */
bool host_is_virt(struct sys *sys);

#endif
