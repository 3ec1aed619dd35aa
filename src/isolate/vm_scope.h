/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup of a running VM: the one that holds all of its threads. libvirt makes
 * machine.slice/machine-qemu...scope/libvirt/{emulator,vcpu0,...} (with systemd) or
 * machine/qemu-1-NAME.libvirt-qemu/{emulator,...} (without). Source: libvirt's cgroups.html.
 */
#ifndef RF_ISOLATE_VM_SCOPE_H
#define RF_ISOLATE_VM_SCOPE_H

#include "base/err.h"
#include "sys/sys.h"

struct vm_scope {
	int pid;
	int version;	/* of the hierarchy that has the controller: 1 or 2 */
	char path[400]; /* its folder, from the root of the host */
};

/*
 * Finds the cgroup of a VM for a controller ("cpu.max" or "cpu": what stands before the dot).
 * root is a descriptor of the host's root. RF_E_MISSING when the VM does not run or has no cgroup
 * of its own, RF_E_UNSUPPORTED when no hierarchy has the controller; out->pid is set then, too,
 * where the process is known.
 */
int vm_scope_find(int root, const char *vm, const char *controller, struct vm_scope *out,
		  struct rf_err *err) RF_MUST_CHECK;

/* The same where files are read through the seam. */
int vm_scope_see(struct sys *sys, const char *vm, const char *controller, struct vm_scope *out,
		 struct rf_err *err) RF_MUST_CHECK;

/* The pure part: the folder of the VM's cgroup out of /proc/PID/cgroup and /proc/PID/mountinfo (or
 * that of our own process). */
int vm_scope_parse(const char *cgroup, const char *mountinfo, const char *controller,
		   struct vm_scope *out, struct rf_err *err) RF_MUST_CHECK;

#endif
