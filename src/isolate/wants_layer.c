/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the second layer has to be: fences of ports, uplinks, the hosts' own ends of bridges,
 * strict, rules of nft; and what of an earlier policy's goes. Pure: links of the host are given.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/wants_parts.h"

#define SECOND_BRIDGE (1u << POLICY_SECOND_BRIDGE)
#define SECOND_NFT    (1u << POLICY_SECOND_NFT)

void isolate_fence_port(const struct guard_port *port, struct isolate_fence *out)
{
	*out = (struct isolate_fence){.flags = {1, 0, 0, ISOLATE_FENCE_LEAVE}, .count = 1};
	memcpy(out->macs[0], port->mac, 6);
	for (unsigned i = 0; i < port->n_macs && i < GUARD_MACS; i++)
		memcpy(out->macs[out->count++], port->macs[i], 6);
}

void isolate_uplink_port(enum guard_role role, struct guard_port *out)
{
	memset(out, 0, sizeof(*out));
	out->mode = GUARD_MODE_ENFORCE;
	out->role = (uint8_t)role;
}

static void rules_add(const struct policy_names *names, enum guard_rule_kind kind,
		      struct guard_rules *out)
{
	for (size_t i = 0; i < names->count && out->count < GUARD_RULES; i++) {
		struct guard_rule *rule = &out->items[out->count++];

		rule->kind = (uint8_t)kind;
		rf_copy(rule->name, sizeof(rule->name), names->items[i]);
	}
}

void isolate_layer_rules(const struct policy_layer *layer, bool by_nft, struct guard_rules *out)
{
	*out = (struct guard_rules){.count = 0};
	if (!by_nft && !(layer->second & SECOND_NFT))
		return;
	rules_add(&layer->ports, GUARD_RULE_LINK, out);
	/* Not every kernel tells nft a bridge by its name: names of links are enough. */
	if (!layer->ports.count)
		rules_add(&layer->bridges, GUARD_RULE_BRIDGE, out);
}

static const struct policy_port *port_named(const struct policy_result *result, const char *name)
{
	for (size_t i = 0; i < result->ports_count; i++) {
		if (strcmp(result->ports[i].tap, name) == 0)
			return &result->ports[i];
	}
	return NULL;
}

bool isolate_layer_has(const struct policy_layer *layer, const struct policy_result *result,
		       const struct guard_links *links, const struct guard_link *bridge)
{
	if (policy_names_match(&layer->bridges, bridge->name))
		return true;
	for (size_t i = 0; i < links->count; i++) {
		const struct guard_link *link = &links->items[i];

		if (link->master == bridge->ifindex &&
		    (port_named(result, link->name) ||
		     policy_names_match(&layer->uplinks, link->name)))
			return true;
	}
	return false;
}

/* A port that is nobody's: strict, or the rules of a bridge, would let nothing of it pass. */
static bool is_stray(const struct policy_layer *layer, const struct guard_link *link)
{
	return guard_link_is_port(link) && !guard_link_is_vm(link) &&
	       !policy_names_match(&layer->uplinks, link->name);
}

int isolate_layer_check(const struct policy *policy, const struct guard_links *links,
			struct policy_result *result)
{
	const struct policy_layer *layer = policy_layer(policy);
	bool marks = layer->strict || ((layer->second & SECOND_NFT) && !layer->ports.count);

	for (size_t i = 0; marks && i < links->count; i++) {
		const struct guard_link *link = &links->items[i];
		const struct guard_link *bridge = guard_links_find(links, link->master);
		struct policy_left *left;

		if (!is_stray(layer, link) || !bridge ||
		    !isolate_layer_has(layer, result, links, bridge))
			continue;
		if (rf_grow((void **)&result->left, &result->left_capacity, result->left_count + 1,
			    sizeof(*result->left)) < 0)
			return -ENOMEM;
		left = &result->left[result->left_count++];
		/* The names live as long as the links. */
		*left = (struct policy_left){
			.vm = bridge->name, .nic = link->name, .conflict = true};
		rf_format(left->reason, sizeof(left->reason),
			  "it is no VM's port and not among the uplinks: its frames carry no mark, "
			  "and would reach nobody");
		result->conflicts++;
	}
	return 0;
}

static int fence_want(struct isolate_wants *w, const char *link, const struct isolate_fence *fence,
		      const char *why)
{
	return wants_add(w, "guard-fence", link,
			 (struct rf_slice){(const uint8_t *)fence, sizeof(*fence)},
			 rf_arena_copy(&w->texts, why));
}

static int uplink_want(struct isolate_wants *w, const char *link, enum guard_role role,
		       const char *why)
{
	struct guard_port port;

	isolate_uplink_port(role, &port);
	return wants_add(w, "guard-uplink", link,
			 (struct rf_slice){(const uint8_t *)&port, sizeof(port)},
			 rf_arena_copy(&w->texts, why));
}

static int off_want(struct isolate_wants *w, const char *link)
{
	return wants_add(w, "guard-uplink-off", link, (struct rf_slice){(const uint8_t *)"", 0},
			 rf_arena_copy(&w->texts, "the policy names it no more"));
}

static int ports_fence(struct isolate_wants *w, const struct policy_layer *layer,
		       const struct policy_result *result, const struct isolate_scene *scene)
{
	bool now = layer->second & SECOND_BRIDGE;
	bool before = scene->before && (scene->before->second & SECOND_BRIDGE);
	struct isolate_fence fence = {.flags = {0, 1, 1, ISOLATE_FENCE_LEAVE}, .count = 0};
	int rc = 0;

	for (size_t i = 0; (now || before) && rc == 0 && i < result->ports_count; i++) {
		const struct policy_port *port = &result->ports[i];

		if (now)
			isolate_fence_port(&port->port, &fence);
		rc = fence_want(w, port->tap, &fence,
				now ? "second layer: only its own addresses pass the bridge, too"
				    : "no second layer in the bridge any more");
	}
	return rc;
}

static int uplinks_want(struct isolate_wants *w, const struct policy_layer *layer,
			const struct isolate_scene *scene, const struct guard_link *link)
{
	struct isolate_fence fence = {
		.flags = {ISOLATE_FENCE_LEAVE, ISOLATE_FENCE_LEAVE, ISOLATE_FENCE_LEAVE, 1},
		.count = ISOLATE_FENCE_LEAVE_MACS};
	int rc;

	if (!guard_link_is_port(link))
		return 0;
	if (policy_names_match(&layer->uplinks, link->name)) {
		rc = uplink_want(w, link->name, GUARD_ROLE_UPLINK,
				 "an uplink: brings no address of a VM of this host");
		return rc ? rc
			  : fence_want(w, link->name, &fence,
				       "uplinks exchange no frames with each other");
	}
	if (!scene->before || !policy_names_match(&scene->before->uplinks, link->name))
		return 0;
	fence.flags[3] = 0;
	rc = off_want(w, link->name);
	return rc ? rc : fence_want(w, link->name, &fence, "the policy names it no more");
}

static int bridges_want(struct isolate_wants *w, const struct policy_layer *layer,
			const struct policy_result *result, const struct isolate_scene *scene)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < scene->links->count; i++) {
		const struct guard_link *link = &scene->links->items[i];
		bool has = guard_link_is_bridge(link) &&
			   isolate_layer_has(layer, result, scene->links, link);

		if (has && layer->strict)
			rc = uplink_want(w, link->name, GUARD_ROLE_HOST,
					 "strict: what the host sends carries a mark, too");
		else if (guard_link_is_bridge(link) && scene->before && scene->before->strict)
			rc = off_want(w, link->name);
	}
	return rc;
}

int wants_layer(struct isolate_wants *w, const struct policy_layer *layer,
		const struct policy_result *result, const struct isolate_scene *scene)
{
	struct guard_rules rules;
	const uint8_t strict = layer->strict;
	int rc = ports_fence(w, layer, result, scene);

	for (size_t i = 0; rc == 0 && i < scene->links->count; i++)
		rc = uplinks_want(w, layer, scene, &scene->links->items[i]);
	if (!rc)
		rc = bridges_want(w, layer, result, scene);
	if (!rc)
		rc = wants_add(w, "guard-strict", "strict", (struct rf_slice){&strict, 1},
			       rf_arena_copy(&w->texts,
					     "whether ports refuse frames that no guard marked"));
	isolate_layer_rules(layer, scene->by_nft, &rules);
	return rc ? rc
		  : wants_add(w, "guard-rules", ISOLATE_RULES_TARGET,
			      (struct rf_slice){(const uint8_t *)&rules, sizeof(rules)},
			      rf_arena_copy(&w->texts,
					    scene->by_nft
						    ? layer->ports.count
							      ? "new links of the names in "
								"`ports` are refused "
								"everything until they are guarded"
							      : "new ports of `bridges` are "
								"refused everything until they "
								"are guarded"
						    : "second layer: nft drops what no guard "
						      "marked"));
}
