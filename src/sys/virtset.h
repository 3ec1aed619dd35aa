/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of one VM through libvirt: what is read and changed by src/isolate's table of tunables.
 * virt.h asks for the inventory; this is the only place that changes something. Source: libvirt's
 * public API, version 9.0. Loaded with dlopen, as virt.h does.
 */
#ifndef RF_SYS_VIRTSET_H
#define RF_SYS_VIRTSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum virt_layer { VIRT_LIVE, VIRT_PERSISTENT };

/* Families of libvirt's typed parameters. */
enum virt_group {
	VIRT_SCHEDULER, /* virDomainSetSchedulerParametersFlags */
	VIRT_MEMORY,	/* virDomainSetMemoryParameters */
	VIRT_BLKIO,	/* virDomainSetBlkioParameters */
	VIRT_IOTUNE,	/* virDomainSetBlockIoTune; item: the disk's target (vda) */
	VIRT_INTERFACE, /* virDomainSetInterfaceParameters; item: the MAC address or link */
};

enum virt_threads { VIRT_VCPU, VIRT_EMULATOR, VIRT_IOTHREAD };

/* One typed parameter by libvirt's own name. text is set for a string, else number counts. */
struct virt_param {
	char name[80];
	int64_t number;
	char text[256];
	bool is_text;
};
#define VIRT_MAX_PARAMS 40

struct virt_vm;

/* Opens a connection that may change things, and finds a VM by UUID or else by name. RF_E_MISSING
 * when there is none, RF_E_UNSUPPORTED without libvirt, RF_E_PEER when it does not answer. */
int virt_vm_open(const char *uri, const char *vm, struct virt_vm **out,
		 struct rf_err *err) RF_MUST_CHECK;
/* Loads the libraries of libvirt and nothing else, so that children need not, each for itself.
 * RF_E_UNSUPPORTED without libvirt. */
int virt_load_all(struct rf_err *err) RF_MUST_CHECK;
void virt_vm_close(struct virt_vm *vm);
static inline void virt_vm_close_p(struct virt_vm **vm)
{
	virt_vm_close(*vm);
}
#define VIRT_AUTOVM __attribute__((cleanup(virt_vm_close_p)))

/* Whether the VM has that layer: it runs, or it has a definition. */
bool virt_vm_has(struct virt_vm *vm, enum virt_layer layer);
/* The UUID in lower case with dashes; "" when libvirt does not say. */
void virt_vm_uuid(struct virt_vm *vm, char out[37]);

/* Which parameters of a VM. */
struct virt_where {
	enum virt_group group;
	const char *item; /* "" where the group has none */
	enum virt_layer layer;
};

/* All of them, at most VIRT_MAX_PARAMS. RF_E_UNSUPPORTED when libvirt refuses the question (no such
 * cgroup controller, say). */
int virt_params_get(struct virt_vm *vm, const struct virt_where *where, struct virt_param *out,
		    size_t *out_count, struct rf_err *err) RF_MUST_CHECK;
/* Sets some of them in one call; each must be one that the group has (RF_E_UNKNOWN). */
int virt_params_set(struct virt_vm *vm, const struct virt_where *where,
		    const struct virt_param *params, size_t count,
		    struct rf_err *err) RF_MUST_CHECK;

/* CPUs (a list, "0-3,8") on which threads of a running VM may run. number: of the vCPU or I/O
 * thread. */
int virt_pin_get(struct virt_vm *vm, enum virt_threads threads, unsigned number, struct rf_buf *out,
		 struct rf_err *err) RF_MUST_CHECK;
int virt_pin_set(struct virt_vm *vm, enum virt_threads threads, unsigned number, const char *cpus,
		 struct rf_err *err) RF_MUST_CHECK;

/* Changes a device of one layer: the one that xml, its whole element, identifies. RF_E_PEER. */
int virt_device_update(struct virt_vm *vm, const char *xml, enum virt_layer layer,
		       struct rf_err *err) RF_MUST_CHECK;

/* Whether a VM's processors run; halts them or lets them go on (not VIRT_OFF), memory stays. */
enum virt_run { VIRT_OFF, VIRT_RUNS, VIRT_PAUSED };
int virt_run_get(struct virt_vm *vm, enum virt_run *out, struct rf_err *err) RF_MUST_CHECK;
int virt_run_set(struct virt_vm *vm, enum virt_run run, struct rf_err *err) RF_MUST_CHECK;

/* A connection to one of a running VM's screens (its place among all of them) that needs no
 * password. RF_E_UNSUPPORTED where libvirt is older than 1.2.8. */
int virt_graphics_open(struct virt_vm *vm, unsigned screen, int *out_fd,
		       struct rf_err *err) RF_MUST_CHECK;

/* One QMP command (JSON) through libvirt, the answer appended. libvirt marks the VM as tainted
 * (custom-monitor). RF_E_PEER for an error of QEMU's. */
int virt_monitor(struct virt_vm *vm, const char *command, struct rf_buf *out,
		 struct rf_err *err) RF_MUST_CHECK;

/* The XML of one layer, with passwords when secret. */
int virt_xml_get(struct virt_vm *vm, enum virt_layer layer, bool secret, struct rf_buf *out,
		 struct rf_err *err) RF_MUST_CHECK;
/* Replaces the persistent definition. */
int virt_xml_put(struct virt_vm *vm, const char *xml, struct rf_err *err) RF_MUST_CHECK;

#endif
