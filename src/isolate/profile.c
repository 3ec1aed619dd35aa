/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles: what a network card may do, as rows of a table: the built-in ones and the keys of a
 * site's own. Keys with capitals are VMware's, with VMware's meaning. Not here: who gets which.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/policy_parts.h"
#include "isolate/units.h"

#define PPS_MAX	  100000000
#define BURST_MAX 1000000

const struct policy_profile policy_builtin[] = {
	{.name = "trusted",
	 .flags = GUARD_LINK_LOCAL,
	 .ip = IP_ANY,
	 .mode = GUARD_MODE_ENFORCE,
	 .max_bytes = GUARD_MTU},
	{.name = "standard",
	 .flags = GUARD_LINK_LOCAL,
	 .ip = IP_KNOWN,
	 .mode = GUARD_MODE_ENFORCE,
	 .max_bytes = GUARD_MTU},
	{.name = "risky",
	 .flags = GUARD_LINK_LOCAL,
	 .ip = IP_BOUND,
	 .mode = GUARD_MODE_ENFORCE,
	 .max_bytes = GUARD_MTU,
	 .flood_pps = 500,
	 .flood_burst = 200,
	 .memory = {.said = SAID_SHARING}},
	{.name = "hostile",
	 .flags = GUARD_BLOCK_ON_CHANGE,
	 .ip = IP_BOUND,
	 .mode = GUARD_MODE_ENFORCE,
	 .groups_only = true,
	 .max_bytes = GUARD_MTU,
	 .pps = 50000,
	 .pps_burst = 5000,
	 .flood_pps = 50,
	 .flood_burst = 50,
	 .memory = {.said = SAID_SHARING}},
	{.name = "sensor",
	 .flags = GUARD_LINK_LOCAL | GUARD_PROMISCUOUS,
	 .ip = IP_KNOWN,
	 .mode = GUARD_MODE_ENFORCE,
	 .max_bytes = GUARD_MTU},
};
const size_t policy_builtin_count = RF_COUNT(policy_builtin);

enum key_type {
	KEY_FLAG,
	KEY_NOT_FLAG,
	KEY_BOOL,
	KEY_NUMBER,
	KEY_MODE,
	KEY_IP,
	KEY_VLANS,
	KEY_RATE
};

#define AT(field) offsetof(struct policy_profile, field)
static const struct network_key {
	const char *name;
	enum key_type type;
	uint32_t flag;
	size_t at;
	int64_t min, max;
} keys[] = {
	/* ethernetN.* of a .vmx file */
	{"noForgedSrcAddr", KEY_NOT_FLAG, GUARD_MAC_CHANGE, 0, 0, 0},
	{"downWhenAddrMisMatch", KEY_FLAG, GUARD_BLOCK_ON_CHANGE, 0, 0, 0},
	{"noPromisc", KEY_NOT_FLAG, GUARD_PROMISCUOUS, 0, 0, 0},
	{"mode", KEY_MODE, 0, 0, 0, 0},
	{"ip-source", KEY_IP, 0, 0, 0, 0},
	{"link-local", KEY_FLAG, GUARD_LINK_LOCAL, 0, 0, 0},
	{"dhcp-server", KEY_FLAG, GUARD_DHCP_SERVER, 0, 0, 0},
	{"router", KEY_FLAG, GUARD_ROUTER, 0, 0, 0},
	{"groups-only", KEY_BOOL, 0, AT(groups_only), 0, 0},
	{"frame-bytes", KEY_NUMBER, 0, AT(max_bytes), 60, 65550},
	{"frames-per-second", KEY_NUMBER, 0, AT(pps), 0, PPS_MAX},
	{"frames-burst", KEY_NUMBER, 0, AT(pps_burst), 0, BURST_MAX},
	{"broadcasts-per-second", KEY_NUMBER, 0, AT(flood_pps), 0, PPS_MAX},
	{"broadcasts-burst", KEY_NUMBER, 0, AT(flood_burst), 0, BURST_MAX},
	{"vlan-tag", KEY_NUMBER, 0, AT(vid), 1, 4094},
	{"vlans", KEY_VLANS, 0, 0, 0, 0},
	{"rate-in", KEY_RATE, 0, AT(rate_in), 0, 0},
	{"rate-out", KEY_RATE, 0, AT(rate_out), 0, 0},
};

static const char *const modes[] = {"deny", "enforce", "observe"};
static const char *const sources[] = {"any", "known", "bound"};

static int word_read(const struct yaml_doc *doc, const struct yaml_node *node,
		     const char *const words[3], unsigned *out, struct rf_err *err)
{
	for (unsigned i = 0; i < 3; i++) {
		if (node->kind == YAML_TEXT && strcmp(node->text, words[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return yaml_fail(doc, node, err, "%s: %s, %s or %s", node->key, words[0], words[1],
			 words[2]);
}

/* VLANs that the VM itself may tag with; "untagged" among them lets it send without. */
static int vlans_read(const struct yaml_doc *doc, const struct yaml_node *node,
		      struct policy_profile *profile, struct rf_err *err)
{
	int64_t vid = 0;

	if (node->kind != YAML_LIST || node->items_count == 0)
		return yaml_fail(doc, node, err, "vlans: a list of 1 to 4094 or \"untagged\"");
	memset(profile->vlans, 0, sizeof(profile->vlans));
	for (size_t i = 0; i < node->items_count; i++) {
		const struct yaml_node *item = &node->items[i];

		if (item->kind != YAML_TEXT || (strcmp(item->text, "untagged") != 0 &&
						rf_num(item->text, 10, 1, 4094, &vid) < 0))
			return yaml_fail(doc, item, err, "vlans: 1 to 4094 or \"untagged\"");
		vid = strcmp(item->text, "untagged") == 0 ? 0 : vid;
		profile->vlans[vid / 64] |= 1ull << (vid % 64);
	}
	profile->tags = true;
	profile->vid = 0;
	return 0;
}

static int truth_read(const struct yaml_doc *doc, const struct yaml_node *node, bool *out,
		      struct rf_err *err)
{
	int truth = node->kind == YAML_TEXT ? rf_truth(node->text) : -1;

	if (truth < 0)
		return yaml_fail(doc, node, err, "%s: yes or no", node->key);
	*out = truth == 1;
	return 0;
}

static int number_read(const struct yaml_doc *doc, const struct yaml_node *node,
		       const struct network_key *key, struct policy_profile *profile,
		       struct rf_err *err)
{
	int64_t n;

	if (node->kind != YAML_TEXT || rf_num(node->text, 10, key->min, key->max, &n) < 0)
		return yaml_fail(doc, node, err, "%s: a number from %lld to %lld", key->name,
				 (long long)key->min, (long long)key->max);
	*(uint32_t *)((char *)profile + key->at) = (uint32_t)n;
	if (key->at == AT(vid))
		profile->tags = false;
	return 0;
}

struct rate_map {
	const char *average, *peak, *burst;
};
static const struct yaml_field rate_fields[] = {
	{"average", YAML_T_TEXT, offsetof(struct rate_map, average), true},
	{"peak", YAML_T_TEXT, offsetof(struct rate_map, peak), false},
	{"burst", YAML_T_TEXT, offsetof(struct rate_map, burst), false},
};

/* "100mbit", "unlimited", or a map of average, peak and burst. */
static int rate_read(const struct yaml_doc *doc, const struct yaml_node *node,
		     struct shape_limit *out, struct rf_err *err)
{
	struct rate_map map = {0};
	struct shape_limit limit = {0};

	if (node->kind == YAML_TEXT)
		map.average = node->text;
	else if (node->kind != YAML_MAP)
		return yaml_fail(doc, node, err, "%s: a rate, or a map of average, peak and burst",
				 node->key);
	else if (yaml_bind(doc, node, rate_fields, RF_COUNT(rate_fields), &map, err) < 0)
		return RF_E_SYNTAX;
	if (node->kind == YAML_TEXT && strcmp(node->text, "unlimited") == 0)
		map.average = NULL;
	if ((map.average && unit_rate(map.average, &limit.average) < 0) ||
	    (map.peak && unit_rate(map.peak, &limit.peak) < 0))
		return yaml_fail(
			doc, node, err,
			"%s: a rate is 8 bit to 100 gbit (100mbit, 2 gbit/s), or unlimited",
			node->key);
	if (map.burst && (unit_bytes(map.burst, &limit.burst) < 0 || limit.burst == 0))
		return yaml_fail(doc, node, err, "%s: a burst is a number of bytes (64 KiB, 1MB)",
				 node->key);
	*out = limit;
	return 0;
}

static int key_read(const struct yaml_doc *doc, const struct yaml_node *node,
		    const struct network_key *key, struct policy_profile *profile,
		    struct rf_err *err)
{
	unsigned word = 0;
	bool truth = false;
	int rc;

	if (key->type == KEY_NUMBER)
		return number_read(doc, node, key, profile, err);
	if (key->type == KEY_VLANS)
		return vlans_read(doc, node, profile, err);
	if (key->type == KEY_RATE)
		return rate_read(doc, node, (struct shape_limit *)((char *)profile + key->at), err);
	if (key->type == KEY_MODE || key->type == KEY_IP) {
		rc = word_read(doc, node, key->type == KEY_MODE ? modes : sources, &word, err);
		if (rc == 0 && key->type == KEY_MODE)
			profile->mode = (enum guard_mode)word;
		if (rc == 0 && key->type == KEY_IP)
			profile->ip = (enum ip_source)word;
		return rc;
	}
	rc = truth_read(doc, node, &truth, err);
	if (rc < 0)
		return rc;
	if (key->type == KEY_BOOL)
		*(bool *)((char *)profile + key->at) = truth;
	else if (truth == (key->type == KEY_FLAG))
		profile->flags |= key->flag;
	else
		profile->flags &= ~key->flag;
	return 0;
}

static const struct network_key *key_find(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(keys); i++) {
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

static bool number_text(const struct policy_profile *profile, const struct network_key *key,
			char *out)
{
	uint32_t n = *(const uint32_t *)((const char *)profile + key->at);

	if (n < key->min)
		return false; /* a VLAN tag that is not set */
	return rf_format(out, POLICY_TEXT_BYTES, "%u", n);
}

/* What has no limit is not said: nobody asked for it. */
static bool rate_text(const struct policy_profile *profile, const struct network_key *key,
		      char *out)
{
	uint64_t bits =
		8 * ((const struct shape_limit *)((const char *)profile + key->at))->average;
	bool whole = bits % 1000000 == 0;

	if (bits == 0)
		return false;
	return rf_format(out, POLICY_TEXT_BYTES, "%llu%s",
			 (unsigned long long)(whole ? bits / 1000000 : bits),
			 whole ? "mbit" : "bit");
}

bool policy_profile_text(const struct policy_profile *profile, const char *block, const char *name,
			 char out[POLICY_TEXT_BYTES])
{
	const struct network_key *key = strcmp(block, "network") == 0 ? key_find(name) : NULL;

	if (strcmp(block, "cpu") == 0)
		return policy_cpu_text(&profile->cpu, name, out);
	if (strcmp(block, "memory") == 0)
		return memory_profile_text(&profile->memory, name, out);
	if (!key || key->type == KEY_VLANS)
		return false;
	if (key->type == KEY_RATE)
		return rate_text(profile, key, out);
	if (key->type == KEY_NUMBER)
		return number_text(profile, key, out);
	if (key->type == KEY_MODE)
		return rf_copy(out, POLICY_TEXT_BYTES, modes[profile->mode]);
	if (key->type == KEY_IP)
		return rf_copy(out, POLICY_TEXT_BYTES, sources[profile->ip]);
	bool truth = key->type == KEY_BOOL
			     ? *(const bool *)((const char *)profile + key->at)
			     : !(profile->flags & key->flag) == (key->type == KEY_NOT_FLAG);

	return rf_copy(out, POLICY_TEXT_BYTES, truth ? "yes" : "no");
}

void policy_profile_port(const struct policy_profile *profile, const uint8_t mac[6],
			 struct guard_port *out)
{
	guard_port_init(out, mac);
	out->mode = (uint8_t)profile->mode;
	out->flags = profile->flags;
	out->max_bytes = profile->max_bytes;
	out->pps = profile->pps;
	out->pps_burst = profile->pps_burst;
	out->flood_pps = profile->flood_pps;
	out->flood_burst = profile->flood_burst;
	if (profile->tags) {
		out->vlan_mode = GUARD_VLAN_VGT;
		memcpy(out->vlans, profile->vlans, sizeof(out->vlans));
	} else if (profile->vid) {
		out->vlan_mode = GUARD_VLAN_VST;
		out->vid = (uint16_t)profile->vid;
	}
}

int policy_profile_shape(const struct policy_profile *profile, struct shape *out,
			 struct rf_err *err)
{
	int rc = shape_way_make(&profile->rate_in, profile->max_bytes, &out->to_vm, err);

	if (rc < 0)
		return rf_wrap(err, rc, "rate-in");
	rc = shape_way_make(&profile->rate_out, profile->max_bytes, &out->from_vm, err);
	return rc ? rf_wrap(err, rc, "rate-out") : 0;
}

int policy_network_read(const struct yaml_doc *doc, const struct yaml_node *network,
			struct policy_profile *profile, struct rf_err *err)
{
	static const uint8_t some_mac[6] = {0x52, 0x54, 0, 0, 0, 1};
	struct guard_port port;
	struct shape shape;
	struct rf_err why = {0};

	for (size_t i = 0; i < network->items_count; i++) {
		const struct yaml_node *node = &network->items[i];
		const struct network_key *key = key_find(node->key);
		int rc = key ? key_read(doc, node, key, profile, err)
			     : yaml_fail(doc, node, err, "a profile's network has no key %s",
					 node->key);

		if (rc < 0)
			return rc;
	}
	if (yaml_get(network, "vlan-tag") && yaml_get(network, "vlans"))
		return yaml_fail(doc, network, err,
				 "vlan-tag (the guard tags) and vlans (the VM tags) exclude each "
				 "other");
	if ((profile->flags & GUARD_MAC_CHANGE) && (profile->flags & GUARD_BLOCK_ON_CHANGE))
		return yaml_fail(doc, network, err,
				 "noForgedSrcAddr: no allows what downWhenAddrMisMatch: yes blocks "
				 "the port for");
	if (profile->groups_only && (profile->ip != IP_BOUND || profile->flags & GUARD_LINK_LOCAL))
		return yaml_fail(doc, network, err,
				 "groups-only follows from known addresses: it wants ip-source: "
				 "bound and link-local: no");
	policy_profile_port(profile, some_mac, &port);
	return guard_port_check(&port, &why) < 0 || policy_profile_shape(profile, &shape, &why) < 0
		       ? yaml_fail(doc, network, err, "%s", rf_err_text(&why))
		       : 0;
}
