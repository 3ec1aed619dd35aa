/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy of isolation: zones (who may exchange frames with whom), profiles (what a network card
 * may do) and which VM gets which. One YAML file, examples/policies/isolate-*.yaml. Everything here
 * is pure: a policy and facts about VMs in, what each port of the guard should be out. It changes
 * nothing; verbs.h does.
 */
#ifndef RF_ISOLATE_POLICY_H
#define RF_ISOLATE_POLICY_H

#include "base/arena.h"
#include "isolate/guard/guard.h"
#include "isolate/shape.h"
#include "model/store.h"

#define POLICY_MAX_BYTES (1u << 20)
#define POLICY_MAX_PORTS (GUARD_SLOTS - 1)
#define POLICY_OUTSIDE	 "outside" /* zone 0: uplink, host, and every port without a zone */

struct policy;

#define POLICY_NAME_BYTES 49
/* Which number each zone had when a policy was last applied, also zones that are in it no more:
 * ports carry the numbers. */
struct policy_numbers {
	size_t count;
	struct policy_number {
		char name[POLICY_NAME_BYTES];
		uint16_t number;
	} items[GUARD_ZONES];
};

#define POLICY_LAYER_NAMES 32
struct policy_names {
	const char *items[POLICY_LAYER_NAMES];
	size_t count;
};
enum policy_second { POLICY_SECOND_NONE, POLICY_SECOND_BRIDGE, POLICY_SECOND_NFT };
/* What a policy says of the network as a whole: "network". Names are globs. */
struct policy_layer {
	unsigned second;	     /* bits 1 << enum policy_second */
	bool strict;		     /* frames that no guard marked are refused at each port */
	struct policy_names bridges; /* each tap or veth on them is guarded from birth */
	struct policy_names ports;   /* each link of these names is */
	struct policy_names uplinks; /* ports of these bridges that are no VM's */
	struct policy_names closed;  /* switches, or networks, that nothing leads out of */
	struct policy_names routers; /* VMs and namespaces that may stand between switches */
};

/* Reads a policy. Unknown keys, zones and profiles, values out of range and more zones than the
 * guard has are refused with name, line and column. Free with policy_free. */
int policy_parse(struct rf_slice yaml, const char *name, struct policy **out,
		 struct rf_err *err) RF_MUST_CHECK;
/* The same where zones have numbers from when a policy was last applied: they keep them. */
int policy_parse_numbered(struct rf_slice yaml, const char *name,
			  const struct policy_numbers *before, struct policy **out,
			  struct rf_err *err) RF_MUST_CHECK;
/* Borrowed from policy. */
const struct policy_layer *policy_layer(const struct policy *policy);
/* Whether a name matches one of them. */
bool policy_names_match(const struct policy_names *names, const char *name);
/* The numbers of the policy's zones, and of those in before that it does not name. */
void policy_numbers_make(const struct policy *policy, const struct policy_numbers *before,
			 struct policy_numbers *out);
void policy_free(struct policy *policy);
static inline void policy_free_p(struct policy **policy)
{
	policy_free(*policy);
}
#define POLICY_AUTO __attribute__((cleanup(policy_free_p)))

/* The whole matrix of zones, GUARD_ZONES rows; what the policy does not name may do nothing. */
int policy_zones(const struct policy *policy, struct guard_zone *out,
		 struct rf_err *err) RF_MUST_CHECK;
/* The name of zone number, or NULL when the policy has no such zone. */
const char *policy_zone_name(const struct policy *policy, uint32_t number);

#define POLICY_TEXT_BYTES 256 /* room for a value of a profile's key */

struct policy_profile;
/* A profile by its name, a built-in one or the policy's own; NULL: there is none. */
const struct policy_profile *policy_profile_find(const struct policy *policy, const char *name);
/* The profile that the assignments give to a VM of this name. Those by class count for no VM here.
 * RF_E_MISSING, RF_E_MISMATCH (two assignments disagree). */
int policy_profile_of(const struct policy *policy, const char *vm,
		      const struct policy_profile **out, struct rf_err *err) RF_MUST_CHECK;
/* What a profile says under a key of a block ("network", "noPromisc"), as a policy would write it.
 * False: there is no such key, it is not set, or it is a list. */
bool policy_profile_text(const struct policy_profile *profile, const char *block, const char *name,
			 char out[POLICY_TEXT_BYTES]);

/* One network card of a VM, as the facts have it. Texts are never NULL. */
struct policy_nic {
	const char *vm, *class, *zone; /* name and tags of the VM */
	const char *nic, *mac, *tap;   /* net0; "" when made at start; "" when the VM is off */
	const char *kind;	       /* bridge, network, hostdev ... */
	bool shaped;		       /* its port has a limit of ours now */
};

struct policy_nics {
	struct policy_nic *items;
	size_t count, capacity;
	struct rf_arena texts;
};
/* The network cards of libvirt's VMs: as they run, else as they are defined. Free with
 * policy_nics_done. */
int policy_nics_load(struct fact_store *store, struct policy_nics *out,
		     struct rf_err *err) RF_MUST_CHECK;
void policy_nics_done(struct policy_nics *nics);

/* What a port should be. Texts belong to the policy and the facts. */
struct policy_port {
	const char *vm, *nic, *tap, *profile, *zone;
	bool addresses_bound; /* it may send from its known IP addresses only */
	struct guard_port port;
	struct shape shape;
	bool shaped; /* it has a limit of ours now */
};

/* A network card that gets no port, and why. */
struct policy_left {
	const char *vm, *nic;
	bool conflict; /* the policy contradicts itself or the host: nothing of it may be applied */
	char reason[240];
};

struct policy_result {
	struct policy_port *ports;
	size_t ports_count, ports_capacity;
	struct policy_left *left;
	size_t left_count, left_capacity;
	size_t conflicts;
};

/* Works out every port. Fails for lack of memory or too many ports only. */
int policy_resolve(const struct policy *policy, const struct policy_nic *nics, size_t count,
		   struct policy_result *out, struct rf_err *err) RF_MUST_CHECK;
void policy_result_done(struct policy_result *result);

#endif
