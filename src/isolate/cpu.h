/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor's part of a policy: what a profile's cpu: says, and what follows from it for every
 * VM of a host. Pure: policy and facts in, places, weights and limits out, and what had to be said.
 *
 * Weights share what is contended (normal is 1000 for each vCPU, as in ESX). A cap holds for the
 * whole VM with its I/O threads. A floor is kept by admission: the sum of floors must fit, and
 * weights are raised until each VM gets its floor when all want everything. ht-sharing is whole
 * cores set apart: "internal" for the VM's own vCPUs, "none" for one vCPU on each core, charged
 * double.
 */
#ifndef RF_ISOLATE_CPU_H
#define RF_ISOLATE_CPU_H

#include "base/yaml.h"
#include "isolate/host.h"
#include "isolate/hostile.h"
#include "isolate/schedule.h"

enum ht_mode { HT_ANY, HT_INTERNAL, HT_NONE };
/* "any", "internal", "none". */
const char *ht_mode_name(enum ht_mode mode);

struct policy_shift {
	struct schedule when;
	int64_t shares, shares_each, cap_pct; /* -1: as the profile says */
};
#define POLICY_MAX_SHIFTS 4

/* What becomes of a VM whose counters say that it is hostile. */
enum hostile_watch { HOSTILE_WATCH_OFF, HOSTILE_WATCH_REPORT, HOSTILE_WATCH_APART };
/* "off", "report", "apart". */
const char *hostile_watch_name(enum hostile_watch watch);

/* "host: cpu:" */
struct policy_cpu_host {
	bool has_cell;
	struct rf_cpus cell; /* CPUs that are the VMs' alone */
	struct hostile_rules hostile;
	int64_t hostile_cores; /* whole cores that a hostile VM is moved to */
};

struct policy_cpu {
	bool said;	     /* the profile has a cpu: at all; else nothing is wanted */
	int64_t shares;	     /* of the whole VM; 0: shares_each for each vCPU */
	int64_t shares_each; /* 1000 is normal */
	int64_t cap_pct;     /* of one CPU; 0: none */
	int64_t floor_pct;
	int64_t cap_mhz, floor_mhz; /* the same in the unit of a .vmx file */
	bool has_affinity, has_numa;
	struct rf_cpus affinity, numa; /* CPUs; numbers of cells */
	enum ht_mode ht;
	enum hostile_watch hostile;
	struct policy_shift shifts[POLICY_MAX_SHIFTS]; /* the first that holds counts */
	size_t shifts_count;
};

struct cpu_item {
	const struct policy_vm *vm;
	const char *profile;
	bool managed;	       /* a profile speaks of it; else it is only kept off others' cores */
	struct policy_cpu cpu; /* at this time of the week, in percent */
	enum ht_mode configured, effective;
	bool apart;	     /* it is hostile, and its profile has it set apart for it */
	bool exclusive;	     /* has cores of its own */
	struct rf_cpus cpus; /* where it may run */
	struct rf_cpus each; /* "none": one thread of each core; vCPU n gets the n-th */
	int64_t charged;     /* logical CPUs that are booked for it when exclusive */
	int64_t weight;	     /* in the unit of the host's cgroups; what we do not set, as it is */
	int64_t quota_us;    /* per CPU_PERIOD_US; -1: no cap */
};
#define CPU_PERIOD_US 100000

struct cpu_result {
	struct cpu_item *items;	 /* one for each VM of the host */
	struct cpu_item *stored; /* the same for definitions, where some VM is apart: it is so
				    while it runs alone; NULL: as items */
	size_t count;
	struct rf_cpus pool; /* CPUs that are nobody's own */
	size_t exclusive_count;
	bool any;			    /* a profile speaks of the processor */
	const struct policy_cpu_host *host; /* the policy's */
	const char *cell_dir;		    /* of the host */
};

/* Works everything out. now: local time, for schedules. Conflicts and overrides go to notes. Fails
 * for lack of memory only. Free with cpu_result_done. */
int cpu_resolve(const struct policy *policy, const struct policy_host *host, const struct tm *now,
		struct cpu_result *out, struct policy_notes *notes,
		struct rf_err *err) RF_MUST_CHECK;
void cpu_result_done(struct cpu_result *result);

/* Whether VMs that no profile speaks of have to keep off some CPUs. */
bool cpu_is_shared(const struct cpu_result *result);

struct isolate_wants;
/* Appends what has to be so. Pure. */
int cpu_wants_add(const struct cpu_result *result, const struct policy_host *host,
		  struct isolate_wants *wants, struct rf_err *err) RF_MUST_CHECK;

/* The same, live, of those VMs alone whose place or weight differs between two results for one
 * host. Pure. */
int cpu_wants_between(const struct cpu_result *before, const struct cpu_result *after,
		      const struct policy_host *host, struct isolate_wants *wants,
		      struct rf_err *err) RF_MUST_CHECK;
/* Appends what has to be so for the cell of a policy, or so that there is none any more. Pure. */
int cpu_cell_want(const struct policy *policy, const struct policy *before,
		  const struct policy_host *host, struct isolate_wants *wants,
		  struct rf_err *err) RF_MUST_CHECK;

/* Reads "host: cpu:". RF_E_SYNTAX with name and place. */
int policy_cpu_host_read(const struct yaml_doc *doc, const struct yaml_node *map,
			 struct policy_cpu_host *out, struct rf_err *err) RF_MUST_CHECK;
/* What a policy says there; what it does not is as usual. */
const struct policy_cpu_host *policy_cpu_host(const struct policy *policy);

/* The host CPUs of one vCPU. */
struct rf_cpus cpu_item_vcpu(const struct cpu_item *item, int64_t vcpu);

/* The weight that keeps every floor: weights (in: as wanted by shares; out: raised) of count VMs of
 * which floors[i] of 1 is promised. false: the floors leave nothing for the others. Pure. */
bool cpu_weights_raise(double *weights, const double *floors, size_t count);

#endif
