/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of switches: what is told of besides the kernel's links, by libvirt (networks, cards of
 * VMs), Open vSwitch and traffic control. Sources: libvirt's formatdomain and formatnetwork,
 * ovs-vswitchd.conf.db(5), tc-mirred(8).
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/topology_parts.h"

/* ---- networks, redirections ---- */

/* The switch of that name; one that is only defined gets a node, too. */
static int switch_named(struct topology *t, const char *name, size_t *out)
{
	return topology_node_named(t, name,
				   &(struct topology_node){.kind = TOPOLOGY_IS_SWITCH,
							   .escape = TOPOLOGY_SWITCH,
							   .ends = true,
							   .here = true,
							   .name = rf_arena_copy(&t->texts, name),
							   .what = "bridge"},
				   out);
}

int topology_network_add(struct topology *t, const struct topology_network *net)
{
	static const char *const routed[] = {"nat", "route", "open"};
	const char *bridge =
		rf_arena_copy(&t->texts, net->bridge[0] ? net->bridge : net->forward_dev);
	size_t at = TOPOLOGY_NONE, end = TOPOLOGY_NONE;
	int rc = bridge ? rf_map_set(&t->networks, net->name, (void *)(uintptr_t)bridge) : -ENOMEM;

	if (rc || !net->bridge[0])
		return rc;
	rc = switch_named(t, net->bridge, &at);
	if (!rc && net->addresses > 0)
		rc = topology_stack(t, t->own, STACK_LOCAL, &end);
	if (!rc && net->addresses > 0)
		rc = topology_arc_add(t, at, end, TOPOLOGY_DEFINED,
				      rf_arena_printf(&t->texts, "network %s has <ip>", net->name));
	if (rc || !topology_is_one(net->forward_mode, routed, RF_COUNT(routed)))
		return rc;
	rc = topology_beyond(t, "what the host routes to", TOPOLOGY_UPLINK, &end);
	return rc ? rc
		  : topology_arc_add(t, at, end, TOPOLOGY_DEFINED,
				     rf_arena_printf(&t->texts,
						     "network %s has <forward mode='%s'/>",
						     net->name, net->forward_mode));
}

/* Interfaces of Open vSwitch that are no links here, or not alone. */
static const struct {
	const char *type; /* "": every other one */
	const char *words;
	enum topology_escape escape;
} ovs_types[] = {
	{"vxlan", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"geneve", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"gre", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"ip6gre", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"erspan", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"ip6erspan", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"lisp", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"stt", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"gtpu", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"bareudp", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"srv6", "a tunnel of Open vSwitch", TOPOLOGY_TUNNEL},
	{"dpdk", "hardware that Open vSwitch drives itself", TOPOLOGY_UPLINK},
	{"", "a port of Open vSwitch that is no link", TOPOLOGY_UNKNOWN},
};

/* What an interface leads to that has no link of its name; a link that is not there leads nowhere.
 */
static int ovs_beyond(struct topology *t, const struct topology_ovs_port *port, size_t bridge)
{
	size_t row = 0, end = TOPOLOGY_NONE;

	if (!port->type[0] || rf_equal(port->type, "internal") || rf_equal(port->type, "system"))
		return 0;
	while (ovs_types[row].type[0] && !rf_equal(ovs_types[row].type, port->type))
		row++;
	int rc = topology_beyond(
		t, rf_arena_printf(&t->texts, "%s, %s", ovs_types[row].words, port->name) ?: "",
		ovs_types[row].escape, &end);

	return rc ? rc
		  : topology_arc_add(
			    t, bridge, end, TOPOLOGY_LIVE,
			    rf_arena_printf(&t->texts, "port %s (%s)", port->name, port->type));
}

/* Both ends of a patch are told of: each leads to the other's bridge once that is known. */
static int patch_join(struct topology *t, const struct topology_ovs_port *port, size_t bridge)
{
	char key[300];
	size_t end = TOPOLOGY_NONE;

	rf_format(key, sizeof(key), "patch %.250s", port->name);
	int rc = topology_node_named(
		t, key,
		&(struct topology_node){.kind = TOPOLOGY_IS_LINK,
					.here = true,
					.live = true,
					.name = rf_arena_copy(&t->texts, port->name),
					.what = "patch"},
		&end);

	if (!rc)
		rc = topology_both(t, end, bridge, "",
				   rf_arena_printf(&t->texts, "patch %s", port->name));
	rf_format(key, sizeof(key), "patch %.250s", port->peer);
	size_t peer = rc ? TOPOLOGY_NONE : topology_find(t, key);

	return rc || peer == TOPOLOGY_NONE || peer == end
		       ? rc
		       : topology_both(t, end, peer,
				       rf_arena_printf(&t->texts, "its other end %s", port->peer),
				       rf_arena_printf(&t->texts, "its other end %s", port->name));
}

int topology_ovs_port_add(struct topology *t, const struct topology_ovs_port *port)
{
	size_t bridge = topology_find(t, port->bridge), link = topology_find(t, port->name);

	/* A bridge that is not there forwards nothing. */
	if (bridge == TOPOLOGY_NONE || t->nodes[bridge].kind != TOPOLOGY_IS_SWITCH ||
	    !rf_equal(t->nodes[bridge].what, "openvswitch"))
		return 0;
	/* Told apart from the others, it is a switch like any. */
	t->nodes[bridge].escape = TOPOLOGY_SWITCH;
	t->nodes[bridge].ends = true;
	if (rf_equal(port->type, "patch"))
		return patch_join(t, port, bridge);
	if (link == TOPOLOGY_NONE)
		return ovs_beyond(t, port, bridge);
	int rc = rf_map_set(&t->ovs, port->name, t);

	if (rc || link == bridge)
		return rc;
	/* An internal port looks like a bridge of its own to the kernel. */
	t->nodes[link].kind = TOPOLOGY_IS_LINK;
	return topology_both(t, link, bridge, "",
			     rf_arena_printf(&t->texts, "port %s", port->name));
}

int topology_redirect_add(struct topology *t, const char *link, const char *to, const char *program)
{
	size_t from = topology_find(t, link), target = to ? topology_find(t, to) : TOPOLOGY_NONE;
	int rc = 0;

	if (from == TOPOLOGY_NONE)
		return 0;
	if (target == TOPOLOGY_NONE)
		rc = topology_beyond(
			t, rf_arena_printf(&t->texts, "what %s on %s does", program, link) ?: "",
			TOPOLOGY_UNKNOWN, &target);
	return rc ? rc
		  : topology_arc_add(t, from, target, TOPOLOGY_LIVE,
				     rf_arena_printf(&t->texts, "%s on %s", program, link));
}

/* ---- cards ---- */

/* Cards that have no link of the host: where their frames go. */
static const struct {
	const char *kind, *name;
	enum topology_escape escape;
} linkless[] = {
	{"user", "the host's network, by QEMU itself", TOPOLOGY_UPLINK},
	{"hostdev", "hardware that was given to a VM", TOPOLOGY_UPLINK},
	{"vdpa", "hardware that was given to a VM", TOPOLOGY_UPLINK},
	{"vhostuser", "a switch in a program (vhost-user)", TOPOLOGY_UNKNOWN},
	{"server", "a socket between programs", TOPOLOGY_TUNNEL},
	{"client", "a socket between programs", TOPOLOGY_TUNNEL},
	{"mcast", "a socket between programs", TOPOLOGY_TUNNEL},
	{"udp", "a socket between programs", TOPOLOGY_TUNNEL},
};

/* What a card is plugged into; *out stays TOPOLOGY_NONE where that is nothing. */
static int card_end(struct topology *t, const struct topology_card *card, size_t *out)
{
	const char *network = card->network;

	*out = TOPOLOGY_NONE;
	if (card->layer == TOPOLOGY_LIVE && card->target[0])
		*out = topology_find(t, card->target);
	if (*out != TOPOLOGY_NONE || rf_equal(card->kind, "null"))
		return 0;
	for (size_t i = 0; i < RF_COUNT(linkless); i++) {
		if (rf_equal(card->kind, linkless[i].kind))
			return topology_beyond(t, linkless[i].name, linkless[i].escape, out);
	}
	if (rf_equal(card->kind, "network"))
		network = topology_network_bridge(t, card->network);
	if (network && network[0] && rf_equal(card->kind, "direct"))
		*out = topology_find(t, network);
	if (*out != TOPOLOGY_NONE)
		return 0;
	if (network && network[0] &&
	    (rf_equal(card->kind, "bridge") || rf_equal(card->kind, "network")))
		return switch_named(t, network, out);
	return topology_beyond(t,
			       rf_arena_printf(&t->texts, "%s %s", card->kind, card->network) ?: "",
			       TOPOLOGY_UNKNOWN, out);
}

int topology_card_add(struct topology *t, const struct topology_card *card)
{
	const char *vm = rf_arena_printf(&t->texts, "VM %s", card->vm);
	const char *words = rf_arena_printf(&t->texts, "nic %s %s", card->nic, card->mac);
	size_t at = TOPOLOGY_NONE, end = TOPOLOGY_NONE;
	int rc = vm ? topology_node_named(t, vm,
					  &(struct topology_node){.kind = TOPOLOGY_IS_VM,
								  .here = true,
								  .name = vm,
								  .what = "VM"},
					  &at)
		    : -ENOMEM;

	if (!rc)
		rc = card_end(t, card, &end);
	if (rc || end == TOPOLOGY_NONE)
		return rc;
	struct topology_node *node = &t->nodes[end];

	t->nodes[at].live |= card->layer == TOPOLOGY_LIVE;
	/* A tap whose program is known is no way out by itself. */
	if (node->kind == TOPOLOGY_IS_LINK && node->escape == TOPOLOGY_UNKNOWN && node->here &&
	    topology_is_tap(node->what)) {
		node->escape = TOPOLOGY_INSIDE;
		node->ends = false;
	}
	const char *where = node->kind == TOPOLOGY_IS_BEYOND ? node->name : card->target;

	rc = topology_arc_add(t, at, end, card->layer,
			      where[0] ? rf_arena_printf(&t->texts, "%s at %s", words, where)
				       : words);
	return rc ? rc : topology_arc_add(t, end, at, card->layer, words);
}
