/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a policy. See policy.h; the profiles' network parts are profile.c, what follows from a
 * policy and facts is resolve.c. */
#include "isolate/policy.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/policy_parts.h"
#include "isolate/vmxwords.h"

#define MAX_NODES    65536u
#define MAX_NAME     48u
#define MAX_PROFILES 256u
#define MAX_RULES    4096u
#define MAX_PAIRS    65536u

struct file {
	int64_t version;
	const struct yaml_node *zones, *profiles, *assignments, *others, *addresses, *host,
		*network;
};

static const struct yaml_field file_fields[] = {
	{"isolate", YAML_T_INT, offsetof(struct file, version), true},
	{"zones", YAML_T_MAP, offsetof(struct file, zones), false},
	{"profiles", YAML_T_MAP, offsetof(struct file, profiles), false},
	{"assignments", YAML_T_LIST, offsetof(struct file, assignments), true},
	{"others", YAML_T_MAP, offsetof(struct file, others), false},
	{"addresses", YAML_T_LIST, offsetof(struct file, addresses), false},
	{"host", YAML_T_MAP, offsetof(struct file, host), false},
	{"network", YAML_T_MAP, offsetof(struct file, network), false},
};

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	rf_free(policy->zones);
	rf_free(policy->profiles);
	rf_free(policy->rules);
	rf_free(policy->addresses);
	rf_free(policy->pairs);
	rf_arena_done(&policy->texts);
	yaml_done(&policy->doc);
	rf_free(policy);
}

/* Letters, digits, dot, dash and underline: names are shown, and compared with tags. */
static bool name_ok(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789._-");

	return len > 0 && len <= MAX_NAME && name[len] == '\0';
}

const struct policy_zone *policy_zone_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->zones_count; i++) {
		if (strcmp(policy->zones[i].name, name) == 0)
			return &policy->zones[i];
	}
	return NULL;
}

const char *policy_zone_name(const struct policy *policy, uint32_t number)
{
	for (size_t i = 0; i < policy->zones_count; i++) {
		if (policy->zones[i].number == number && (number != 0 || i == 0))
			return policy->zones[i].name;
	}
	return NULL;
}

const struct policy_profile *policy_profile_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->profiles_count; i++) {
		if (strcmp(policy->profiles[i].name, name) == 0)
			return &policy->profiles[i];
	}
	return NULL;
}

/* ---- zones ---- */

struct zone_map {
	const struct yaml_node *exchanges;
	int64_t number;
};
static const struct yaml_field zone_fields[] = {
	{"exchanges-with", YAML_T_TEXTS, offsetof(struct zone_map, exchanges), false},
	{"number", YAML_T_INT, offsetof(struct zone_map, number), false},
};

static int zone_read(struct policy *p, const struct yaml_node *node, struct rf_err *err)
{
	struct zone_map map = {.number = 0};

	if (!name_ok(node->key) || strcmp(node->key, POLICY_OUTSIDE) == 0)
		return yaml_fail(&p->doc, node, err, "a zone cannot be called %.60s", node->key);
	int rc = node->kind == YAML_MAP
			 ? yaml_bind(&p->doc, node, zone_fields, RF_COUNT(zone_fields), &map, err)
			 : yaml_fail(&p->doc, node, err, "a zone is a map with exchanges-with");

	if (rc < 0)
		return rc;
	bool given = yaml_get(node, "number") != NULL;

	if (given && (map.number < 1 || map.number >= (int64_t)GUARD_ZONES))
		return yaml_fail(&p->doc, node, err, "zone %s: number %lld, the guard has 1 to %u",
				 node->key, (long long)map.number, GUARD_ZONES - 1);
	if (given && policy_zone_name(p, (uint32_t)map.number))
		return yaml_fail(&p->doc, node, err, "zones %s and %s have the same number %lld",
				 policy_zone_name(p, (uint32_t)map.number), node->key,
				 (long long)map.number);
	p->zones[p->zones_count++] = (struct policy_zone){.name = node->key,
							  .number = (uint16_t)map.number,
							  .exchanges = map.exchanges,
							  .node = node};
	return 0;
}

static int pair_add(struct policy *p, const struct policy_zone *zone, const struct yaml_node *with,
		    struct rf_err *err)
{
	const struct policy_zone *other =
		with->kind == YAML_TEXT ? policy_zone_find(p, with->text) : NULL;

	if (!other)
		return yaml_fail(&p->doc, with, err, "zone %s exchanges with %.60s: no such zone",
				 zone->name, with->kind == YAML_TEXT ? with->text : "a list");
	if (p->pairs_count == MAX_PAIRS)
		return yaml_fail(&p->doc, with, err, "more than %u pairs of zones", MAX_PAIRS);
	if (rf_grow((void **)&p->pairs, &p->pairs_capacity, p->pairs_count + 1, sizeof(*p->pairs)) <
	    0)
		return rf_fail(err, -ENOMEM, "no memory");
	p->pairs[p->pairs_count++] = (struct guard_pair){zone->number, other->number};
	return 0;
}

static int pairs_read(struct policy *p, const struct policy_zone *zone, struct rf_err *err)
{
	const struct yaml_node *list = zone->exchanges;
	int rc = 0;

	if (list && list->kind == YAML_TEXT)
		return pair_add(p, zone, list, err);
	for (size_t i = 0; list && rc == 0 && i < list->items_count; i++)
		rc = pair_add(p, zone, &list->items[i], err);
	return rc;
}

static int zones_read(struct policy *p, const struct yaml_node *map,
		      const struct policy_numbers *before, struct rf_err *err)
{
	size_t count = map ? map->items_count : 0;
	int rc = 0;

	if (count >= GUARD_ZONES)
		return yaml_fail(&p->doc, map, err, "%zu zones: the guard has %u", count,
				 GUARD_ZONES - 1);
	p->zones = rf_alloc(count + 1, sizeof(*p->zones));
	if (!p->zones)
		return rf_fail(err, -ENOMEM, "no memory");
	p->zones[p->zones_count++] = (struct policy_zone){.name = POLICY_OUTSIDE};
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = zone_read(p, &map->items[i], err);
	if (rc == 0)
		policy_zones_number(p, before);
	for (size_t i = 1; rc == 0 && i < p->zones_count; i++)
		rc = pairs_read(p, &p->zones[i], err);
	return rc;
}

/* ---- profiles ---- */

struct profile_map {
	const char *based_on;
	const struct yaml_node *network, *cpu, *memory, *vmx, *disk;
};
static const struct yaml_field profile_fields[] = {
	{"based-on", YAML_T_TEXT, offsetof(struct profile_map, based_on), true},
	{"network", YAML_T_MAP, offsetof(struct profile_map, network), false},
	{"vmx", YAML_T_MAP, offsetof(struct profile_map, vmx), false},
	{"memory", YAML_T_MAP, offsetof(struct profile_map, memory), false},
	{"cpu", YAML_T_MAP, offsetof(struct profile_map, cpu), false},
	{"disk", YAML_T_MAP, offsetof(struct profile_map, disk), false},
};

static int profile_read(struct policy *p, const struct yaml_node *node, struct rf_err *err)
{
	struct profile_map map = {0};

	if (!name_ok(node->key) || policy_profile_find(p, node->key))
		return yaml_fail(&p->doc, node, err, "a profile of your own cannot be called %.60s",
				 node->key);
	int rc = node->kind == YAML_MAP
			 ? yaml_bind(&p->doc, node, profile_fields, RF_COUNT(profile_fields), &map,
				     err)
			 : yaml_fail(&p->doc, node, err,
				     "a profile is a map of based-on, network, cpu, memory, disk");

	if (rc < 0)
		return rc;
	const struct policy_profile *base = policy_profile_find(p, map.based_on);

	if (!base)
		return yaml_fail(&p->doc, node, err,
				 "profile %s is based on %.60s: no such profile above it",
				 node->key, map.based_on);
	struct policy_profile *profile = &p->profiles[p->profiles_count];

	*profile = *base;
	profile->name = node->key;
	rc = vmx_words_merge(&p->doc, map.vmx, "network", &p->texts, &map.network, err);
	if (rc == 0 && map.network)
		rc = policy_network_read(&p->doc, map.network, profile, err);
	if (rc == 0)
		rc = vmx_words_merge(&p->doc, map.vmx, "memory", &p->texts, &map.memory, err);
	if (rc == 0 && map.memory)
		rc = memory_profile_read(&p->doc, map.memory, &profile->memory, err);
	if (rc == 0)
		rc = vmx_words_merge(&p->doc, map.vmx, "cpu", &p->texts, &map.cpu, err);
	if (rc == 0 && map.cpu)
		rc = policy_cpu_read(&p->doc, map.cpu, &profile->cpu, err);
	if (rc == 0 && map.disk)
		rc = disk_profile_read(&p->doc, map.disk, &profile->disk, err);
	p->profiles_count += rc == 0;
	return rc;
}

static int profiles_read(struct policy *p, const struct yaml_node *map, struct rf_err *err)
{
	size_t count = map ? map->items_count : 0;
	int rc = 0;

	if (count > MAX_PROFILES)
		return yaml_fail(&p->doc, map, err, "%zu profiles, at most %u", count,
				 MAX_PROFILES);
	p->profiles = rf_alloc(policy_builtin_count + count, sizeof(*p->profiles));
	if (!p->profiles)
		return rf_fail(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < policy_builtin_count; i++)
		p->profiles[p->profiles_count++] = policy_builtin[i];
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = profile_read(p, &map->items[i], err);
	return rc;
}

/* ---- who gets what ---- */

struct rule_map {
	const char *vm, *class, *profile, *zone;
};
static const struct yaml_field rule_fields[] = {
	{"vm", YAML_T_TEXT, offsetof(struct rule_map, vm), false},
	{"class", YAML_T_TEXT, offsetof(struct rule_map, class), false},
	{"profile", YAML_T_TEXT, offsetof(struct rule_map, profile), true},
	{"zone", YAML_T_TEXT, offsetof(struct rule_map, zone), false},
};

static int rule_read(const struct policy *p, const struct yaml_node *node, bool others,
		     struct policy_rule *out, struct rf_err *err)
{
	struct rule_map map = {0};
	int rc = node->kind == YAML_MAP
			 ? yaml_bind(&p->doc, node, rule_fields, RF_COUNT(rule_fields), &map, err)
			 : yaml_fail(&p->doc, node, err,
				     "an assignment is a map: vm or class, profile, zone");

	if (rc < 0)
		return rc;
	if (others ? map.vm || map.class : !map.vm == !map.class)
		return yaml_fail(&p->doc, node, err, "%s",
				 others ? "others are all other VMs: profile and zone alone"
					: "an assignment names VMs by vm or by class, one of them");
	*out = (struct policy_rule){.vm = map.vm,
				    .class = map.class,
				    .profile = policy_profile_find(p, map.profile),
				    .zone = map.zone ? policy_zone_find(p, map.zone) : NULL,
				    .line = node->line};
	if (!out->profile)
		return yaml_fail(&p->doc, yaml_get(node, "profile"), err, "no profile %.60s",
				 map.profile);
	if (map.zone && !out->zone)
		return yaml_fail(&p->doc, yaml_get(node, "zone"), err, "no zone %.60s", map.zone);
	return 0;
}

static int rules_read(struct policy *p, const struct file *file, struct rf_err *err)
{
	const struct yaml_node *list = file->assignments;
	int rc = 0;

	if (list->items_count > MAX_RULES)
		return yaml_fail(&p->doc, list, err, "%zu assignments, at most %u",
				 list->items_count, MAX_RULES);
	p->rules = rf_alloc(list->items_count + 1, sizeof(*p->rules));
	if (!p->rules)
		return rf_fail(err, -ENOMEM, "no memory");
	for (size_t i = 0; rc == 0 && i < list->items_count; i++)
		rc = rule_read(p, &list->items[i], false, &p->rules[p->rules_count++], err);
	if (rc == 0 && file->others) {
		rc = rule_read(p, file->others, true, &p->others, err);
		p->has_others = rc == 0;
	}
	return rc;
}

struct address_map {
	const char *vm, *nic;
	const struct yaml_node *ip;
};
static const struct yaml_field address_fields[] = {
	{"vm", YAML_T_TEXT, offsetof(struct address_map, vm), true},
	{"nic", YAML_T_TEXT, offsetof(struct address_map, nic), false},
	{"ip", YAML_T_LIST, offsetof(struct address_map, ip), true},
};

static int address_read(struct policy *p, const struct yaml_node *node, struct rf_err *err)
{
	struct address_map map = {0};
	struct guard_port port = {0};
	struct rf_err why = {0};
	int rc = node->kind == YAML_MAP
			 ? yaml_bind(&p->doc, node, address_fields, RF_COUNT(address_fields), &map,
				     err)
			 : yaml_fail(&p->doc, node, err, "an address is a map of vm, nic and ip");

	for (size_t i = 0; rc == 0 && i < map.ip->items_count; i++) {
		const struct yaml_node *ip = &map.ip->items[i];

		if (ip->kind != YAML_TEXT || guard_port_add(&port, ip->text, &why) < 0)
			rc = yaml_fail(&p->doc, ip, err, "%s",
				       ip->kind == YAML_TEXT ? rf_err_text(&why) : "an address");
	}
	if (rc == 0)
		p->addresses[p->addresses_count++] =
			(struct policy_address){map.vm, map.nic, map.ip};
	return rc;
}

static int addresses_read(struct policy *p, const struct yaml_node *list, struct rf_err *err)
{
	size_t count = list ? list->items_count : 0;
	int rc = 0;

	if (count > MAX_RULES)
		return yaml_fail(&p->doc, list, err, "%zu addresses, at most %u", count, MAX_RULES);
	p->addresses = rf_alloc(count + 1, sizeof(*p->addresses));
	if (!p->addresses)
		return rf_fail(err, -ENOMEM, "no memory");
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = address_read(p, &list->items[i], err);
	return rc;
}

struct host_map {
	const struct yaml_node *memory, *cpu;
};
static const struct yaml_field host_fields[] = {
	{"memory", YAML_T_MAP, offsetof(struct host_map, memory), false},
	{"cpu", YAML_T_MAP, offsetof(struct host_map, cpu), false},
};

static int host_read(struct policy *p, const struct yaml_node *map, struct rf_err *err)
{
	struct host_map host = {0};
	int rc = map ? yaml_bind(&p->doc, map, host_fields, RF_COUNT(host_fields), &host, err) : 0;

	p->cpu = (struct policy_cpu_host){.hostile = hostile_usual, .hostile_cores = 1};
	if (!rc && host.cpu)
		rc = policy_cpu_host_read(&p->doc, host.cpu, &p->cpu, err);
	return rc || !host.memory ? rc : memory_policy_read(&p->doc, host.memory, &p->memory, err);
}

static int document_read(struct policy *p, const struct policy_numbers *before, struct rf_err *err)
{
	struct file file = {0};
	int rc = p->doc.root && p->doc.root->kind == YAML_MAP
			 ? yaml_bind(&p->doc, p->doc.root, file_fields, RF_COUNT(file_fields),
				     &file, err)
			 : rf_fail(err, RF_E_SYNTAX, "%s: a policy is a map", p->doc.name);

	if (rc == 0 && file.version != 1)
		rc = yaml_fail(&p->doc, yaml_get(p->doc.root, "isolate"), err,
			       "isolate: %lld, this program knows policies of version 1",
			       (long long)file.version);
	if (rc == 0)
		rc = zones_read(p, file.zones, before, err);
	if (rc == 0)
		rc = profiles_read(p, file.profiles, err);
	if (rc == 0)
		rc = rules_read(p, &file, err);
	if (rc == 0)
		rc = host_read(p, file.host, err);
	if (rc == 0)
		rc = addresses_read(p, file.addresses, err);
	return rc || !file.network ? rc : policy_layer_read(&p->doc, file.network, &p->layer, err);
}

int policy_parse(struct rf_slice yaml, const char *name, struct policy **out, struct rf_err *err)
{
	return policy_parse_numbered(yaml, name, NULL, out, err);
}

int policy_parse_numbered(struct rf_slice yaml, const char *name,
			  const struct policy_numbers *before, struct policy **out,
			  struct rf_err *err)
{
	POLICY_AUTO struct policy *policy = rf_alloc(1, sizeof(*policy));

	if (!policy)
		return rf_fail(err, -ENOMEM, "no memory");
	int rc = yaml_parse_large(yaml, name, POLICY_MAX_BYTES, MAX_NODES, &policy->doc, err);

	if (!rc)
		rc = document_read(policy, before, err);
	if (rc < 0)
		return rc;
	*out = rf_take(policy);
	return 0;
}

/* Zone 0 talks to itself: the host and its uplink are not ours to cut. */
int policy_zones(const struct policy *policy, struct guard_zone *out, struct rf_err *err)
{
	RF_AUTOFREE struct guard_pair *pairs =
		rf_alloc(policy->pairs_count + 1, sizeof(*policy->pairs));

	if (!pairs)
		return rf_fail(err, -ENOMEM, "no memory");
	if (policy->pairs_count)
		memcpy(pairs + 1, policy->pairs, policy->pairs_count * sizeof(*pairs));
	return guard_zones_compile(pairs, policy->pairs_count + 1, GUARD_ZONES, out, err);
}
