/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What limits of processor, memory and disk are worked out from: the VMs of this host with what
 * they have, and the host itself. Read from the facts; everything behind is pure.
 */
#ifndef RF_ISOLATE_HOST_H
#define RF_ISOLATE_HOST_H

#include "base/arena.h"
#include "base/cpus.h"
#include "isolate/policy.h"

/* A VM of libvirt's. Texts are never NULL; numbers that are not known are 0. */
struct policy_vm {
	const char *name, *uuid;
	const char *class, *zone; /* its tags */
	bool apart;		  /* it is set apart as hostile (policy_host_apart) */
	bool running, defined;	  /* has live settings; has a definition */
	int64_t vcpus, iothreads;
	int64_t memory_bytes;
	int64_t cpu_weight;   /* of its cgroup, in the host's unit; 0: does not run, or not known */
	const char *cpu_set;  /* CPUs that its vCPUs are pinned to now; "" */
	const char *ht_asked; /* ht_sharing of its tag or .vmx; "" */
};

struct policy_core {
	struct rf_cpus cpus; /* the hardware threads that are online */
	int64_t package, node;
};

struct policy_host {
	struct policy_vm *vms;
	size_t vms_count, vms_capacity;
	struct policy_core *cores; /* none: the topology is not known */
	size_t cores_count, cores_capacity;
	struct rf_cpus online;
	bool smt;	    /* a core has more than one thread online */
	bool core_sched;    /* the kernel has core scheduling */
	int cgroup_version; /* of the cpu controller; 0: not known */
	int64_t mhz;	    /* nominal; 0: not known */
	int64_t memory_bytes;
	const char *cell_dir; /* group above all VMs that can be a partition; "": there is none */
	bool has_timer;	      /* a timer applies the policy again (policy_host_look) */
	struct rf_arena texts;
};
/* Free with policy_host_done. */
int policy_host_load(struct fact_store *store, struct policy_host *out,
		     struct rf_err *err) RF_MUST_CHECK;
void policy_host_done(struct policy_host *host);
struct sys;
/* What no fact says: cell_dir and has_timer. */
void policy_host_look(struct policy_host *host, struct sys *sys);
/* Marks the VM of this UUID as set apart. */
void policy_host_apart(struct policy_host *host, const char *uuid);

/* What is to be said of a VM (or, with vm "", of the host) besides what is wanted. */
struct policy_note {
	const char *vm, *part; /* part: "cpu", "memory", "disk" */
	bool conflict;	       /* the policy cannot be had: nothing of it may be applied */
	char text[640];
};
struct policy_notes {
	struct policy_note *items;
	size_t count, capacity, conflicts;
};
void policy_notes_done(struct policy_notes *notes);
/* Adds one. -ENOMEM. */
int policy_note(struct policy_notes *notes, const struct policy_note *who, const char *fmt, ...)
	RF_PRINTF(3, 4);

/* The profile of a VM, or NULL: none names it. *out_twice: two assignments disagree (a conflict
 * that policy_resolve tells, too), NULL is returned. */
const struct policy_profile *policy_vm_profile(const struct policy *policy,
					       const struct policy_vm *vm, bool *out_twice);

#endif
