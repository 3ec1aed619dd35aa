/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy says of the network as a whole (second layer, strict, uplinks, which ports are
 * guarded from birth), and the numbers of its zones. Pure. Reading the rest is policy.c.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/policy_parts.h"

struct layer_map {
	const struct yaml_node *second, *bridges, *ports, *uplinks, *closed, *routers;
	bool strict;
};
static const struct yaml_field layer_fields[] = {
	{"second-layer", YAML_T_TEXTS, offsetof(struct layer_map, second), false},
	{"strict", YAML_T_BOOL, offsetof(struct layer_map, strict), false},
	{"bridges", YAML_T_TEXTS, offsetof(struct layer_map, bridges), false},
	{"ports", YAML_T_TEXTS, offsetof(struct layer_map, ports), false},
	{"uplinks", YAML_T_TEXTS, offsetof(struct layer_map, uplinks), false},
	{"closed", YAML_T_TEXTS, offsetof(struct layer_map, closed), false},
	{"routers", YAML_T_TEXTS, offsetof(struct layer_map, routers), false},
};

/* One text, or a list of them: the i-th; NULL behind the last. */
static const struct yaml_node *text_at(const struct yaml_node *node, size_t i)
{
	if (node->kind == YAML_TEXT)
		return i == 0 ? node : NULL;
	return i < node->items_count ? &node->items[i] : NULL;
}

static int names_read(const struct yaml_doc *doc, const struct yaml_node *node,
		      struct policy_names *out, struct rf_err *err)
{
	struct guard_rules scratch = {.count = 0};
	const struct yaml_node *item;

	for (size_t i = 0; node && (item = text_at(node, i)); i++) {
		if (out->count == POLICY_LAYER_NAMES)
			return yaml_fail(doc, item, err, "%s: at most %u names", node->key,
					 POLICY_LAYER_NAMES);
		/* Names end up in rules of nft: the same letters, and at most a star at the end. */
		scratch.count = 0;
		if (item->kind != YAML_TEXT ||
		    guard_rules_add(&scratch, GUARD_RULE_LINK, item->text, NULL) < 0)
			return yaml_fail(doc, item, err,
					 "%s: a link's name, with at most a star at its end",
					 node->key);
		out->items[out->count++] = item->text;
	}
	return 0;
}

/* Names of switches, networks and VMs: they stand in no rule. */
static int globs_read(const struct yaml_doc *doc, const struct yaml_node *node,
		      struct policy_names *out, struct rf_err *err)
{
	const struct yaml_node *item;

	for (size_t i = 0; node && (item = text_at(node, i)); i++) {
		if (out->count == POLICY_LAYER_NAMES)
			return yaml_fail(doc, item, err, "%s: at most %u names", node->key,
					 POLICY_LAYER_NAMES);
		if (item->kind != YAML_TEXT || !item->text[0])
			return yaml_fail(doc, item, err, "%s: a name, or a glob", node->key);
		out->items[out->count++] = item->text;
	}
	return 0;
}

static int second_read(const struct yaml_doc *doc, const struct yaml_node *node, unsigned *out,
		       struct rf_err *err)
{
	static const char *const words[] = {"none", "bridge", "nft"};
	const struct yaml_node *item;
	unsigned second = 0;

	for (size_t i = 0; node && (item = text_at(node, i)); i++) {
		size_t w = 0;

		while (w < RF_COUNT(words) &&
		       !(item->kind == YAML_TEXT && strcmp(item->text, words[w]) == 0))
			w++;
		if (w == RF_COUNT(words))
			return yaml_fail(doc, item, err,
					 "second-layer: none, bridge, nft, or both "
					 "of the last in a list");
		second |= 1u << w;
	}
	if ((second & 1) && second != 1)
		return yaml_fail(doc, node, err, "second-layer: none, and another one");
	*out = second & ~1u;
	return 0;
}

int policy_layer_read(const struct yaml_doc *doc, const struct yaml_node *map,
		      struct policy_layer *out, struct rf_err *err)
{
	struct layer_map read = {.strict = false};
	struct policy_layer layer = {.second = 0};
	int rc = yaml_bind(doc, map, layer_fields, RF_COUNT(layer_fields), &read, err);

	if (!rc)
		rc = second_read(doc, read.second, &layer.second, err);
	if (!rc)
		rc = names_read(doc, read.bridges, &layer.bridges, err);
	if (!rc)
		rc = names_read(doc, read.ports, &layer.ports, err);
	if (!rc)
		rc = names_read(doc, read.uplinks, &layer.uplinks, err);
	if (!rc)
		rc = globs_read(doc, read.closed, &layer.closed, err);
	if (!rc)
		rc = globs_read(doc, read.routers, &layer.routers, err);
	if (rc < 0)
		return rc;
	layer.strict = read.strict;
	if ((layer.second & 1u << POLICY_SECOND_NFT) && !layer.bridges.count && !layer.ports.count)
		return yaml_fail(doc, map, err,
				 "second-layer: nft wants bridges or ports: whose frames need a "
				 "guard's mark");
	if (layer.strict && !layer.uplinks.count && !layer.bridges.count)
		return yaml_fail(doc, map, err,
				 "strict wants bridges or uplinks: frames of an uplink without a "
				 "guard would reach nobody");
	*out = layer;
	return 0;
}

const struct policy_layer *policy_layer(const struct policy *policy)
{
	return &policy->layer;
}

bool policy_names_match(const struct policy_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (rf_glob(names->items[i], name))
			return true;
	}
	return false;
}

/* ---- numbers of zones ---- */

static uint16_t number_before(const struct policy_numbers *before, const char *name)
{
	for (size_t i = 0; before && i < before->count; i++) {
		if (strcmp(before->items[i].name, name) == 0)
			return before->items[i].number;
	}
	return 0;
}

void policy_zones_number(struct policy *policy, const struct policy_numbers *before)
{
	bool taken[GUARD_ZONES] = {true}, known[GUARD_ZONES] = {true};

	for (size_t i = 1; i < policy->zones_count; i++)
		taken[policy->zones[i].number] = true;
	for (size_t i = 0; before && i < before->count; i++)
		known[before->items[i].number % GUARD_ZONES] = true;
	for (size_t i = 1; i < policy->zones_count; i++) {
		uint16_t number = number_before(before, policy->zones[i].name) % GUARD_ZONES;

		if (policy->zones[i].number || !number || taken[number])
			continue;
		policy->zones[i].number = number;
		taken[number] = true;
	}
	for (size_t i = 1; i < policy->zones_count; i++) {
		uint16_t number = (uint16_t)i;

		if (policy->zones[i].number)
			continue;
		for (uint16_t n = 1; n < GUARD_ZONES && (taken[number] || known[number]); n++)
			number = n;
		/* Only numbers of zones that are no more are left: then one of those. */
		for (uint16_t n = 1; n < GUARD_ZONES && taken[number]; n++)
			number = n;
		policy->zones[i].number = number;
		taken[number] = true;
	}
}

void policy_numbers_make(const struct policy *policy, const struct policy_numbers *before,
			 struct policy_numbers *out)
{
	out->count = 0;
	for (size_t i = 1; i < policy->zones_count; i++) {
		struct policy_number *item = &out->items[out->count++];

		rf_copy(item->name, sizeof(item->name), policy->zones[i].name);
		item->number = policy->zones[i].number;
	}
	for (size_t i = 0; before && i < before->count && out->count < GUARD_ZONES - 1; i++) {
		if (!policy_zone_find(policy, before->items[i].name) &&
		    !policy_zone_name(policy, before->items[i].number))
			out->items[out->count++] = before->items[i];
	}
}
