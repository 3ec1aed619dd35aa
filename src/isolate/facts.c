/* SPDX-License-Identifier: Apache-2.0 */
/* The collectors that isolate needs. See facts.h; tests/unit/test_isolate_facts.c holds the lists
 * against what the questions really read. */
#include "isolate/facts.h"

#include <stddef.h>

#define VMS  "libvirt", "xml-files"
#define NETS "links", "namespaces", "tc", "ovs", "firewall"
#define PLAN VMS, NETS, "host", "cpu", "qemu-processes"

const char *const isolate_collectors_cpu[] = {VMS, "host", "cpu", "qemu-processes", NULL};
const char *const isolate_collectors_vms[] = {VMS, NULL};
const char *const isolate_collectors_nets[] = {VMS, NETS, NULL};
const char *const isolate_collectors[] = {PLAN, NULL};
const char *const isolate_collectors_verify[] = {
	PLAN, "libvirt-hypervisor", "libvirt-conf", "mounts", "storage-devices", "qemu-conf", NULL};
