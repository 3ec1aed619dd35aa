/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of switches: what is told of becomes nodes and arcs. The walk is topology_walk.c, facts
 * come in by topology_load.c. What passes frames or packets on has arcs; an arc too many is a false
 * alarm, one too few a hole: what is not understood is a way out. Sources: ip-link(8), veth(4),
 * the kernel's net/bridge, net/8021q, drivers/net/{veth,macvlan,tun}.c and fib_validate_source().
 */
#include "isolate/topology.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* What is told of a link beyond its node, kept until all are there. */
struct topology_pending {
	struct topology_link link;
	size_t node;
};

/* A network namespace. */
struct topology_space {
	int64_t netns;
	const char *name;
	bool readable;
};

enum class {
	CLASS_PLAIN, /* frames go no further by it alone */
	CLASS_SWITCH,
	CLASS_OVS,
	CLASS_PAIR,    /* what goes in comes out of the other end */
	CLASS_STACKED, /* stands on another */
	CLASS_TUNNEL,
	CLASS_UNKNOWN,
};

static const struct {
	const char *kind;
	enum class class;
} kinds[] = {
	{"bridge", CLASS_SWITCH},    {"openvswitch", CLASS_OVS},  {"veth", CLASS_PAIR},
	{"netkit", CLASS_PAIR},	     {"vlan", CLASS_STACKED},	  {"macvlan", CLASS_STACKED},
	{"macvtap", CLASS_STACKED},  {"ipvlan", CLASS_STACKED},	  {"ipvtap", CLASS_STACKED},
	{"macsec", CLASS_STACKED},   {"tun", CLASS_PLAIN},	  {"bond", CLASS_PLAIN},
	{"team", CLASS_PLAIN},	     {"dummy", CLASS_PLAIN},	  {"ifb", CLASS_PLAIN},
	{"nlmon", CLASS_PLAIN},	     {"vrf", CLASS_PLAIN},	  {"vxlan", CLASS_TUNNEL},
	{"geneve", CLASS_TUNNEL},    {"gre", CLASS_TUNNEL},	  {"gretap", CLASS_TUNNEL},
	{"ip6gre", CLASS_TUNNEL},    {"ip6gretap", CLASS_TUNNEL}, {"erspan", CLASS_TUNNEL},
	{"ip6erspan", CLASS_TUNNEL}, {"ipip", CLASS_TUNNEL},	  {"sit", CLASS_TUNNEL},
	{"ip6tnl", CLASS_TUNNEL},    {"l2tpeth", CLASS_TUNNEL},	  {"wireguard", CLASS_TUNNEL},
	{"vti", CLASS_TUNNEL},	     {"vti6", CLASS_TUNNEL},	  {"xfrm", CLASS_TUNNEL},
	{"bareudp", CLASS_TUNNEL},   {"gtp", CLASS_TUNNEL},	  {"ppp", CLASS_TUNNEL},
	{"amt", CLASS_TUNNEL},	     {"ovpn", CLASS_TUNNEL},	  {"batadv", CLASS_TUNNEL},
};

/* Links whose ports or slaves exchange frames with it. */
static const char *const masters[] = {"bridge", "openvswitch", "bond", "team"};

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (rf_equal(text, list[i]))
			return true;
	}
	return false;
}

static enum class class_of(const struct topology_link *link) {
	if (rf_equal(link->role, "loopback")) return CLASS_PLAIN;
	for (size_t i = 0; i < RF_COUNT(kinds);
	     i++){if (rf_equal(link->kind, kinds[i].kind)) return kinds[i].class;}
/* Hardware, which has no kind, ends a walk by being an uplink. */
return link->kind[0] ? CLASS_UNKNOWN : CLASS_PLAIN;
}

/* ---- nodes and arcs ---- */

static int node_add(struct topology *t, const struct topology_node *node, size_t *out)
{
	if (t->nodes_count >= TOPOLOGY_MAX_NODES)
		return RF_E_LIMIT;
	if (!node->name || !node->what ||
	    rf_grow((void **)&t->nodes, &t->nodes_capacity, t->nodes_count + 1, sizeof(*t->nodes)) <
		    0)
		return -ENOMEM;
	*out = t->nodes_count++;
	t->nodes[*out] = *node;
	t->nodes[*out].first = TOPOLOGY_NONE;
	return 0;
}

static int remember(struct rf_map *map, const char *key, size_t number)
{
	return rf_map_set(map, key, (void *)(uintptr_t)(number + 1));
}

static size_t recall(const struct rf_map *map, const char *key)
{
	return (size_t)(uintptr_t)rf_map_get(map, key) - 1;
}

size_t topology_find(const struct topology *t, const char *name)
{
	return recall(&t->by_name, name);
}

const char *topology_network_bridge(const struct topology *t, const char *network)
{
	return rf_map_get(&t->networks, network);
}

static int arc_add(struct topology *t, size_t from, size_t to, unsigned layers, const char *words)
{
	if (!words ||
	    rf_grow((void **)&t->arcs, &t->arcs_capacity, t->arcs_count + 1, sizeof(*t->arcs)) < 0)
		return -ENOMEM;
	t->arcs[t->arcs_count] = (struct topology_arc){
		.from = from, .to = to, .next = TOPOLOGY_NONE, .layers = layers, .words = words};
	/* In the order of their making: that of the kernel's numbers. */
	if (t->nodes[from].first == TOPOLOGY_NONE)
		t->nodes[from].first = t->arcs_count;
	else
		t->arcs[t->nodes[from].last].next = t->arcs_count;
	t->nodes[from].last = t->arcs_count++;
	return 0;
}

/* The node of that key, made where there is none. */
static int node_named(struct topology *t, const char *key, const struct topology_node *node,
		      size_t *out)
{
	*out = topology_find(t, key);
	if (*out != TOPOLOGY_NONE)
		return 0;
	int rc = node_add(t, node, out);

	return rc ? rc : remember(&t->by_name, key, *out);
}

/* What a link or card leads to that has no link here. */
static int beyond(struct topology *t, const char *name, enum topology_escape escape, size_t *out)
{
	char key[300];

	rf_format(key, sizeof(key), "beyond %.250s", name);
	return node_named(t, key,
			  &(struct topology_node){.kind = TOPOLOGY_IS_BEYOND,
						  .escape = escape,
						  .ends = true,
						  .here = true,
						  .live = true,
						  .name = rf_arena_copy(&t->texts, name),
						  .what = ""},
			  out);
}

static const struct topology_space *space_find(const struct topology *t, int64_t netns)
{
	for (size_t i = 0; i < t->spaces_count; i++) {
		if (t->spaces[i].netns == netns)
			return &t->spaces[i];
	}
	return NULL;
}

static const char *space_name(struct topology *t, int64_t netns)
{
	const struct topology_space *space = space_find(t, netns);

	return space ? space->name
		     : rf_arena_printf(&t->texts, "network namespace %lld", (long long)netns);
}

int topology_netns_add(struct topology *t, int64_t netns, const char *name, bool readable)
{
	if (rf_grow((void **)&t->spaces, &t->spaces_capacity, t->spaces_count + 1,
		    sizeof(*t->spaces)) < 0)
		return -ENOMEM;
	t->spaces[t->spaces_count] = (struct topology_space){
		.netns = netns,
		.name = rf_arena_printf(&t->texts, "network namespace %s", name),
		.readable = readable};
	return t->spaces[t->spaces_count++].name ? 0 : -ENOMEM;
}

/* ---- links ---- */

/* A program has the other end. */
static bool is_tap(const char *kind)
{
	static const char *const taps[] = {"tun", "macvtap", "ipvtap"};

	return is_one_of(kind, taps, RF_COUNT(taps));
}

static enum topology_escape escape_of(const struct topology_link *link, enum class class, bool here)
{
	if (link->uplink || rf_equal(link->role, "physical"))
		return TOPOLOGY_UPLINK;
	if (class == CLASS_SWITCH)
		return here ? TOPOLOGY_SWITCH : TOPOLOGY_INSIDE;
	if (class == CLASS_TUNNEL)
		return TOPOLOGY_TUNNEL;
	if (class == CLASS_UNKNOWN || (is_tap(link->kind) && !link->no_carrier))
		return TOPOLOGY_UNKNOWN;
	return TOPOLOGY_INSIDE;
}

static void texts_copy(struct topology *t, struct topology_link *link)
{
	const char **const texts[] = {&link->name, &link->kind, &link->role, &link->master,
				      &link->addresses};

	for (size_t i = 0; i < RF_COUNT(texts); i++)
		*texts[i] = rf_arena_copy(&t->texts, *texts[i] ? *texts[i] : "");
}

static const char *link_title(struct topology *t, const struct topology_link *link)
{
	static const char prefix[] = "network ";
	const char *space = link->netns == t->own ? NULL : space_name(t, link->netns);

	if (!space)
		return link->netns == t->own ? link->name : NULL;
	return rf_arena_printf(&t->texts, "%s in %s", link->name,
			       rf_starts(space, prefix) ? space + strlen(prefix) : space);
}

int topology_link_add(struct topology *t, const struct topology_link *told)
{
	struct topology_link link = *told;
	char key[64];

	texts_copy(t, &link);
	if (t->texts.failed || rf_grow((void **)&t->pending, &t->pending_capacity,
				       t->pending_count + 1, sizeof(*t->pending)) < 0)
		return -ENOMEM;
	enum class class = class_of(&link);
	bool here = link.netns == t->own;
	bool is_switch = class == CLASS_SWITCH || class == CLASS_OVS;
	const struct topology_node node = {.kind = is_switch ? TOPOLOGY_IS_SWITCH
							     : TOPOLOGY_IS_LINK,
					   .escape = escape_of(&link, class, here),
					   .ends = escape_of(&link, class, here) != TOPOLOGY_INSIDE,
					   .here = here,
					   .live = true,
					   .named = link.uplink,
					   .name = link_title(t, &link),
					   .what = link.kind[0] ? link.kind : "hardware"};
	size_t at = 0;
	int rc = node_add(t, &node, &at);

	rf_format(key, sizeof(key), "%lld/%u", (long long)link.netns, link.ifindex);
	if (!rc)
		rc = remember(&t->by_index, key, at);
	if (!rc && here)
		rc = remember(&t->by_name, link.name, at);
	if (!rc)
		t->pending[t->pending_count++] =
			(struct topology_pending){.link = link, .node = at};
	return rc;
}

/* Frames go both ways. */
static int join(struct topology *t, size_t a, size_t b, const char *to_b, const char *to_a)
{
	int rc = arc_add(t, a, b, TOPOLOGY_LIVE, to_b);

	return rc ? rc : arc_add(t, b, a, TOPOLOGY_LIVE, to_a);
}

/* A link of the same namespace by its name: the host's by map, others by looking. */
static size_t mate_find(const struct topology *t, const struct topology_pending *p,
			const char *name)
{
	if (p->link.netns == t->own)
		return topology_find(t, name);
	for (size_t i = 0; i < t->pending_count; i++) {
		if (t->pending[i].link.netns == p->link.netns &&
		    rf_equal(t->pending[i].link.name, name))
			return t->pending[i].node;
	}
	return TOPOLOGY_NONE;
}

/* Its bridge of Open vSwitch was told: the datapath tells nothing more. */
static bool ovs_is_known(const struct topology *t, const struct topology_pending *p)
{
	return p->link.netns == t->own && rf_map_get(&t->ovs, p->link.name) != NULL;
}

static int master_join(struct topology *t, const struct topology_pending *p)
{
	size_t master = p->link.master[0] ? mate_find(t, p, p->link.master) : TOPOLOGY_NONE;

	if (ovs_is_known(t, p))
		return 0;
	if (master == TOPOLOGY_NONE ||
	    !is_one_of(t->nodes[master].what, masters, RF_COUNT(masters)))
		return 0;
	bool port = t->nodes[master].kind == TOPOLOGY_IS_SWITCH;

	return join(t, p->node, master,
		    port ? "" : rf_arena_printf(&t->texts, "%s", t->nodes[master].name),
		    rf_arena_printf(&t->texts, "%s %s", port ? "port" : "its part",
				    t->nodes[p->node].name));
}

static int lower_join(struct topology *t, const struct topology_pending *p)
{
	const struct topology_link *link = &p->link;
	enum class class = class_of(link);
	int64_t netns = link->lower_netns < 0 ? link->netns : link->lower_netns;
	const char *name = t->nodes[p->node].name;
	size_t at, nowhere;
	char key[64];

	if (!link->lower_index || (class != CLASS_PAIR && class != CLASS_STACKED))
		return 0;
	rf_format(key, sizeof(key), "%lld/%u", (long long)netns, link->lower_index);
	at = recall(&t->by_index, key);
	if (at == TOPOLOGY_NONE) {
		int rc = beyond(t, space_name(t, netns), TOPOLOGY_UNKNOWN, &nowhere);

		return rc ? rc
			  : arc_add(t, p->node, nowhere, TOPOLOGY_LIVE,
				    rf_arena_printf(&t->texts,
						    "whose other end is in %s, which could not be "
						    "looked into",
						    space_name(t, netns)));
	}
	if (class == CLASS_PAIR)
		return arc_add(t, p->node, at, TOPOLOGY_LIVE,
			       rf_arena_printf(&t->texts, "its other end %s", t->nodes[at].name));
	return join(t, p->node, at, rf_arena_printf(&t->texts, "%s below it", t->nodes[at].name),
		    rf_arena_printf(&t->texts, "%s (%s) on top of it", name, link->kind));
}

/* All bridges of Open vSwitch share its datapath: those that its database does not tell apart count
 * as one. */
static int datapath_join(struct topology *t, const struct topology_pending *p)
{
	size_t datapath = mate_find(t, p, "ovs-system");

	if (class_of(&p->link) != CLASS_OVS || datapath == TOPOLOGY_NONE || datapath == p->node ||
	    ovs_is_known(t, p))
		return 0;
	return join(t, p->node, datapath, "the datapath of Open vSwitch",
		    rf_arena_printf(&t->texts, "its bridge %s", t->nodes[p->node].name));
}

/* ---- stacks ---- */

enum stack { STACK_LOCAL, STACK_FORWARD4, STACK_FORWARD6 };

static int stack_node(struct topology *t, int64_t netns, enum stack which, size_t *out)
{
	bool own = netns == t->own;
	char key[64];

	rf_format(key, sizeof(key), "stack %lld %d", (long long)netns, which);
	return node_named(
		t, key,
		&(struct topology_node){.kind = TOPOLOGY_IS_STACK,
					.escape = own ? TOPOLOGY_HOST : TOPOLOGY_INSIDE,
					.ends = own && which == STACK_LOCAL,
					.here = own,
					.live = true,
					.name = own ? "the host itself" : space_name(t, netns),
					.what = which == STACK_LOCAL ? "" : "forwarding"},
		out);
}

struct families {
	bool four, six, six_global;
	char first[64];
};

static void families_read(const char *addresses, struct families *out)
{
	const char *at = addresses;

	*out = (struct families){.first = ""};
	while (*at) {
		size_t len = strcspn(at, ",");
		bool six = memchr(at, ':', len) != NULL;

		out->four |= !six;
		out->six |= six;
		/* fe80::/10 is as the kernel writes it: small letters. */
		out->six_global |=
			six && !(len > 3 && strncmp(at, "fe", 2) == 0 && strchr("89ab", at[2]));
		if (!out->first[0])
			rf_format(out->first, sizeof(out->first), "%.*s", (int)len, at);
		at += len + (at[len] == ',');
	}
}

/* Into the forwarding of the host, and out of it. */
static int forward_join(struct topology *t, const struct topology_pending *p, enum stack which,
			bool in, bool out)
{
	const struct topology_node *node = &t->nodes[p->node];
	const char *family = which == STACK_FORWARD4 ? "IPv4" : "IPv6";
	size_t stack = TOPOLOGY_NONE;
	int rc = in || out ? stack_node(t, p->link.netns, which, &stack) : 0;

	node = &t->nodes[p->node];
	if (!rc && in)
		rc = arc_add(t, p->node, stack, TOPOLOGY_LIVE,
			     rf_arena_printf(&t->texts,
					     p->link.addresses[0]
						     ? "%s comes in at %s"
						     : "%s comes in at %s, although it has no "
						       "address (rp_filter is 0)",
					     family, node->name));
	if (!rc && out)
		rc = arc_add(t, stack, p->node, TOPOLOGY_LIVE,
			     rf_arena_printf(&t->texts, "and is forwarded to %s", node->name));
	return rc;
}

/* The master that takes every frame of a link before its own addresses are asked; NULL. */
static const struct topology_node *switch_of(const struct topology *t,
					     const struct topology_pending *p)
{
	size_t master = p->link.master[0] ? mate_find(t, p, p->link.master) : TOPOLOGY_NONE;

	if (master == TOPOLOGY_NONE || t->nodes[master].kind != TOPOLOGY_IS_SWITCH)
		return NULL;
	return &t->nodes[master];
}

/*
 * A bridge leaves its ports one thing: frames to the nearest bridge (01:80:c2:00:00:0e, IEEE 802.1Q
 * table 8-1), whatever they carry, so that an address of the port itself is in reach (a tap has one
 * unless it is told not to). The guard refuses such frames. They are never forwarded.
 */
static int port_join(struct topology *t, const struct topology_pending *p, const char *address,
		     const struct topology_node *master)
{
	size_t stack = TOPOLOGY_NONE;

	if (!address[0] || p->link.guarded || !rf_equal(master->what, "bridge"))
		return 0;
	int rc = stack_node(t, p->link.netns, STACK_LOCAL, &stack);

	return rc ? rc
		  : arc_add(t, p->node, stack, TOPOLOGY_LIVE,
			    rf_arena_printf(&t->texts,
					    "%s has an address of its own, %s, which frames to "
					    "01:80:c2:00:00:0e reach past the bridge",
					    t->nodes[p->node].name, address));
}

static int stacks_join(struct topology *t, const struct topology_pending *p)
{
	const struct topology_link *link = &p->link;
	const struct topology_node *master = switch_of(t, p);
	struct families have;
	size_t stack = TOPOLOGY_NONE;
	int rc = 0;

	if (rf_equal(link->role, "loopback"))
		return 0;
	families_read(link->addresses, &have);
	if (master)
		return port_join(t, p, have.first, master);
	if (have.first[0])
		rc = stack_node(t, link->netns, STACK_LOCAL, &stack);
	if (!rc && have.first[0])
		rc = arc_add(t, p->node, stack, TOPOLOGY_LIVE,
			     rf_arena_printf(&t->texts, "%s has address %s", t->nodes[p->node].name,
					     have.first));
	/* Programs of another namespace are as little known as those of a VM. */
	if (!rc && have.first[0] && link->netns != t->own)
		rc = arc_add(t, stack, p->node, TOPOLOGY_LIVE,
			     rf_arena_printf(&t->texts, "%s has address %s%s",
					     t->nodes[p->node].name, have.first,
					     link->ip_forward || link->ip6_forward
						     ? ", and it forwards"
						     : ""));
	if (rc || link->netns != t->own)
		return rc;
	rc = forward_join(t, p, STACK_FORWARD4, link->ip_forward && (have.four || link->any_source),
			  have.four);
	return rc ? rc
		  : forward_join(t, p, STACK_FORWARD6, link->ip6_forward && have.six,
				 have.six_global);
}

int topology_join(struct topology *t)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < t->pending_count; i++) {
		const struct topology_pending *p = &t->pending[i];

		rc = master_join(t, p);
		if (!rc)
			rc = lower_join(t, p);
		if (!rc)
			rc = datapath_join(t, p);
		if (!rc)
			rc = stacks_join(t, p);
	}
	return rc;
}

/* ---- networks, redirections ---- */

/* The switch of that name; one that is only defined gets a node, too. */
static int switch_named(struct topology *t, const char *name, size_t *out)
{
	return node_named(t, name,
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
		rc = stack_node(t, t->own, STACK_LOCAL, &end);
	if (!rc && net->addresses > 0)
		rc = arc_add(t, at, end, TOPOLOGY_DEFINED,
			     rf_arena_printf(&t->texts, "network %s has <ip>", net->name));
	if (rc || !is_one_of(net->forward_mode, routed, RF_COUNT(routed)))
		return rc;
	rc = beyond(t, "what the host routes to", TOPOLOGY_UPLINK, &end);
	return rc ? rc
		  : arc_add(t, at, end, TOPOLOGY_DEFINED,
			    rf_arena_printf(&t->texts, "network %s has <forward mode='%s'/>",
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
	int rc = beyond(
		t, rf_arena_printf(&t->texts, "%s, %s", ovs_types[row].words, port->name) ?: "",
		ovs_types[row].escape, &end);

	return rc ? rc
		  : arc_add(t, bridge, end, TOPOLOGY_LIVE,
			    rf_arena_printf(&t->texts, "port %s (%s)", port->name, port->type));
}

/* Both ends of a patch are told of: each leads to the other's bridge once that is known. */
static int patch_join(struct topology *t, const struct topology_ovs_port *port, size_t bridge)
{
	char key[300];
	size_t end = TOPOLOGY_NONE;

	rf_format(key, sizeof(key), "patch %.250s", port->name);
	int rc = node_named(t, key,
			    &(struct topology_node){.kind = TOPOLOGY_IS_LINK,
						    .here = true,
						    .live = true,
						    .name = rf_arena_copy(&t->texts, port->name),
						    .what = "patch"},
			    &end);

	if (!rc)
		rc = join(t, end, bridge, "", rf_arena_printf(&t->texts, "patch %s", port->name));
	rf_format(key, sizeof(key), "patch %.250s", port->peer);
	size_t peer = rc ? TOPOLOGY_NONE : topology_find(t, key);

	return rc || peer == TOPOLOGY_NONE || peer == end
		       ? rc
		       : join(t, end, peer,
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
	return join(t, link, bridge, "", rf_arena_printf(&t->texts, "port %s", port->name));
}

int topology_redirect_add(struct topology *t, const char *link, const char *to, const char *program)
{
	size_t from = topology_find(t, link), target = to ? topology_find(t, to) : TOPOLOGY_NONE;
	int rc = 0;

	if (from == TOPOLOGY_NONE)
		return 0;
	if (target == TOPOLOGY_NONE)
		rc = beyond(t,
			    rf_arena_printf(&t->texts, "what %s on %s does", program, link) ?: "",
			    TOPOLOGY_UNKNOWN, &target);
	return rc ? rc
		  : arc_add(t, from, target, TOPOLOGY_LIVE,
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
			return beyond(t, linkless[i].name, linkless[i].escape, out);
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
	return beyond(t, rf_arena_printf(&t->texts, "%s %s", card->kind, card->network) ?: "",
		      TOPOLOGY_UNKNOWN, out);
}

int topology_card_add(struct topology *t, const struct topology_card *card)
{
	const char *vm = rf_arena_printf(&t->texts, "VM %s", card->vm);
	const char *words = rf_arena_printf(&t->texts, "nic %s %s", card->nic, card->mac);
	size_t at = TOPOLOGY_NONE, end = TOPOLOGY_NONE;
	int rc = vm ? node_named(t, vm,
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
	    is_tap(node->what)) {
		node->escape = TOPOLOGY_INSIDE;
		node->ends = false;
	}
	const char *where = node->kind == TOPOLOGY_IS_BEYOND ? node->name : card->target;

	rc = arc_add(t, at, end, card->layer,
		     where[0] ? rf_arena_printf(&t->texts, "%s at %s", words, where) : words);
	return rc ? rc : arc_add(t, end, at, card->layer, words);
}

void topology_done(struct topology *t)
{
	rf_free(t->nodes);
	rf_free(t->arcs);
	rf_free(t->pending);
	rf_free(t->spaces);
	rf_map_done(&t->by_index);
	rf_map_done(&t->by_name);
	rf_map_done(&t->networks);
	rf_map_done(&t->ovs);
	rf_arena_done(&t->texts);
	memset(t, 0, sizeof(*t));
}
