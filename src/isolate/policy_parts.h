/* SPDX-License-Identifier: Apache-2.0 */
/* What reading and resolving a policy share; nobody else's business. */
#ifndef RF_ISOLATE_POLICY_PARTS_H
#define RF_ISOLATE_POLICY_PARTS_H

#include "base/yaml.h"
#include "isolate/memory.h"
#include "isolate/cpu.h"
#include "isolate/disk.h"
#include "isolate/policy.h"

enum ip_source {
	IP_ANY,	  /* any address */
	IP_KNOWN, /* its own where the policy lists some, else any */
	IP_BOUND, /* its own alone; a card without known addresses is refused */
};

struct policy_profile {
	const char *name;
	uint32_t flags;
	enum ip_source ip;
	enum guard_mode mode;
	bool groups_only;
	uint32_t max_bytes, pps, pps_burst, flood_pps, flood_burst, vid;
	bool tags; /* VGT: vlans counts */
	uint64_t vlans[64];
	struct shape_limit rate_in, rate_out; /* to the VM, from the VM */
	struct memory_profile memory;
	struct policy_cpu cpu;
	struct disk_profile disk;
};

struct policy_zone {
	const char *name;
	uint16_t number;
	const struct yaml_node *exchanges; /* list, or NULL */
	const struct yaml_node *node;
};

/* Who gets what: vm or class is set, the other NULL; both NULL: everybody else. */
struct policy_rule {
	const char *vm, *class;
	const struct policy_profile *profile;
	const struct policy_zone *zone; /* NULL: as the VM's own tag says */
	uint32_t line;
};

struct policy_address {
	const char *vm, *nic; /* nic NULL: each of the VM's */
	const struct yaml_node *ip;
};

struct policy {
	struct yaml_doc doc;   /* owns every text */
	struct rf_arena texts; /* but those that stand for words of a .vmx */
	struct policy_zone *zones;
	size_t zones_count;
	struct policy_profile *profiles; /* built-in ones first */
	size_t profiles_count;
	struct policy_rule *rules;
	size_t rules_count;
	struct policy_rule others;
	bool has_others;
	struct policy_address *addresses;
	size_t addresses_count;
	struct memory_policy memory; /* of the host */
	struct policy_cpu_host cpu;  /* of the host */
	struct guard_pair *pairs;
	size_t pairs_count, pairs_capacity;
	struct policy_layer layer;
};

/* Whether an assignment names this VM; class is its tag, "" without one. */
bool policy_rule_names(const struct policy_rule *rule, const char *vm, const char *class);

extern const struct policy_profile policy_builtin[];
extern const size_t policy_builtin_count;

/* Reads the network part of a profile over what it is based on. */
int policy_network_read(const struct yaml_doc *doc, const struct yaml_node *network,
			struct policy_profile *profile, struct rf_err *err) RF_MUST_CHECK;
/* The same for its processor part. */
int policy_cpu_read(const struct yaml_doc *doc, const struct yaml_node *map, struct policy_cpu *cpu,
		    struct rf_err *err) RF_MUST_CHECK;
/* What it says under shares, cap-mhz, floor-mhz or ht-sharing; false: nothing that a .vmx can say.
 */
bool policy_cpu_text(const struct policy_cpu *cpu, const char *name, char out[POLICY_TEXT_BYTES]);
/* By name; NULL: no such zone. */
const struct policy_zone *policy_zone_find(const struct policy *policy, const char *name);
/* A port by this profile: no MAC and IP addresses yet. */
void policy_profile_port(const struct policy_profile *profile, const uint8_t mac[6],
			 struct guard_port *out);

/* A port's shaping by this profile. RF_E_LIMIT with the reason. */
int policy_profile_shape(const struct policy_profile *profile, struct shape *out,
			 struct rf_err *err) RF_MUST_CHECK;
/* Gives each zone without a number one: what it had before, else its place, else a free one that
 * no zone had before. */
void policy_zones_number(struct policy *policy, const struct policy_numbers *before);
/* Reads "network". */
int policy_layer_read(const struct yaml_doc *doc, const struct yaml_node *map,
		      struct policy_layer *out, struct rf_err *err) RF_MUST_CHECK;

#endif
