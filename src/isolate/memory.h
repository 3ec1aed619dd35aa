/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of VMs: what a policy says of it ("memory:" of a profile, "host: memory:"), and what has
 * to be so for it. Reading and resolving are pure; the settings are rows of tune_memory.c and
 * values of the kernel. What is proven of it is memory_verify.h.
 *
 * A balloon is never counted: it takes memory from a guest that agrees. Every sum here is of what a
 * VM may have at most. Sources: Linux's Documentation/admin-guide/mm/ksm.rst and cgroup-v2.rst,
 * libvirt's formatdomain; the keys with "sched.mem." are those of a .vmx file.
 */
#ifndef RF_ISOLATE_MEMORY_H
#define RF_ISOLATE_MEMORY_H

#include "base/yaml.h"
#include "isolate/verbs.h"
#include "model/store.h"
#include "sys/sys.h"

/* Which keys a profile or the host has: what is not said is left as it is. */
enum memory_said {
	SAID_SHARING = 1u << 0,
	SAID_RESERVATION = 1u << 1,
	SAID_PRIORITY = 1u << 2,
	SAID_LIMIT = 1u << 3,
	SAID_BALLOON = 1u << 4,
	SAID_LOCKED = 1u << 5,
	SAID_HUGEPAGES = 1u << 6,
	/* of the host */
	SAID_LABEL = 1u << 7,
	SAID_SCAN = 1u << 8,
	SAID_SLEEP = 1u << 9,
	SAID_MAX_SHARING = 1u << 10,
	SAID_ACROSS = 1u << 11,
	SAID_ADVISOR = 1u << 12,
	SAID_OVER_COMMIT = 1u << 13,
	SAID_KEEP_FREE = 1u << 14,
};

/* "memory:" of a profile. */
struct memory_profile {
	uint32_t said;
	const char *label; /* NULL: its pages are shared with nobody; else with VMs of this label */
	/* Percent of the VM's memory, or MiB where that is not 0. */
	uint32_t reservation_pct, reservation_mib;
	uint32_t priority_pct;
	uint32_t limit_pct, limit_mib;
	bool balloon, locked, hugepages;
};

/* "host: memory:" */
struct memory_policy {
	uint32_t said;
	bool sharing;	   /* KSM runs; else it is stopped and what it merged is taken apart */
	const char *label; /* the one group whose VMs may share */
	uint32_t pages_to_scan, sleep_ms, max_page_sharing;
	bool across_nodes;
	const char *advisor;
	uint32_t over_commit_pct; /* memory of all running VMs to that of the host */
	uint32_t keep_free_pct;	  /* of the host's memory is not given as reservations */
};

/* Read "memory:" of a profile over what it is based on, and of the host. A key that is not known,
 * said twice or out of range is RF_E_SYNTAX with its place; what was there stays untouched. */
int memory_profile_read(const struct yaml_doc *doc, const struct yaml_node *map,
			struct memory_profile *profile, struct rf_err *err) RF_MUST_CHECK;
#define MEMORY_TEXT_BYTES 256
/* What a profile says under a key, as a policy would write it. False: it says nothing of it. */
bool memory_profile_text(const struct memory_profile *profile, const char *name,
			 char out[MEMORY_TEXT_BYTES]);
/* The same of the host. */
int memory_policy_read(const struct yaml_doc *doc, const struct yaml_node *map,
		       struct memory_policy *policy, struct rf_err *err) RF_MUST_CHECK;

/* A cgroup above VMs (machine.slice), and what it has. -1: the kernel has no such value. */
struct memory_group {
	const char *path; /* its folder */
	int64_t min_bytes, low_bytes;
};

#define MEMORY_LEVELS 12

/* A VM of this host as it is. Texts are never NULL. */
struct memory_vm {
	const char *vm, *uuid, *class;
	int64_t bytes; /* the most that it may have */
	bool running;
	bool defined;	     /* libvirt holds a definition that can be changed */
	bool balloon;	     /* it has the device now, or will have when it starts */
	bool shares_defined; /* its definition lets pages be shared */
	int64_t pid;	     /* 0 when it does not run */
	int version;	     /* of the cgroups that its memory is counted in; 0: not known */
	const char *group;   /* its own cgroup's folder; "" when not known */
	size_t groups[MEMORY_LEVELS]; /* those above it, in memory_input.groups */
	size_t groups_count;
};

/* What KSM is set to; -1 for what this kernel does not have. */
struct memory_ksm {
	int64_t run, pages_shared, pages_sharing, pages_to_scan, sleep_ms, max_page_sharing;
	int64_t across_nodes;
	char advisor[32]; /* "" when there is none */
};

struct memory_input {
	struct memory_vm *vms;
	size_t count, capacity;
	struct memory_group *groups; /* each once */
	size_t groups_count, groups_capacity;
	struct memory_ksm ksm;
	int64_t host_bytes;
	struct rf_arena texts;
};
#define MEMORY_AUTOINPUT __attribute__((cleanup(memory_input_done)))
void memory_input_done(struct memory_input *input);
/* libvirt's VMs out of the facts (vm, vm_process, host), cgroups and KSM out of sys. */
int memory_input_load(struct fact_store *store, struct sys *sys, struct memory_input *out,
		      struct rf_err *err) RF_MUST_CHECK;

enum memory_share { SHARE_AS_IS, SHARE_OFF, SHARE_GROUP };

/* What one VM should have. -1: as it is. */
struct memory_wanted {
	const struct memory_vm *vm;
	const char *profile, *label; /* "" for a VM without one */
	enum memory_share share;
	int64_t min_bytes, low_bytes, max_bytes;
	bool no_swap, no_balloon, locked, hugepages;
};

/* What cannot be had, or should be known; a conflict lets nothing be applied. */
struct memory_note {
	const char *vm; /* "" for the host */
	bool conflict;
	const char *text;
};

struct memory_result {
	struct memory_wanted *items; /* as the VMs of the input */
	size_t count;
	const char *label; /* of the group that may share; NULL: none */
	struct memory_note *notes;
	size_t notes_count, notes_capacity, conflicts;
	struct rf_arena texts;
};
#define MEMORY_AUTORESULT __attribute__((cleanup(memory_result_done)))
void memory_result_done(struct memory_result *result);

/* Works out what each VM should have, which group may share, and whether the host can give it:
 * reservations against its memory, all that run against its over-commit. Pure. */
int memory_resolve(const struct policy *policy, const struct memory_input *input,
		   struct memory_result *out, struct rf_err *err) RF_MUST_CHECK;

/* Adds what has to be so. Pure. */
int memory_wants_add(const struct policy *policy, const struct memory_input *input,
		     const struct memory_result *result, struct isolate_wants *wants,
		     struct rf_err *err) RF_MUST_CHECK;

/* What a group above the VMs has to have for theirs to count: what it has, or the sum. Pure. */
int64_t memory_group_min(const struct memory_input *input, const struct memory_result *result,
			 size_t group);
int64_t memory_group_low(const struct memory_input *input, const struct memory_result *result,
			 size_t group);

/* "host: memory:" of a policy. */
const struct memory_policy *policy_memory(const struct policy *policy);

#define MEMORY_KSM_DIR "/sys/kernel/mm/ksm"

#endif
