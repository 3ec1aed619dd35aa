/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of switches: what is told of becomes nodes and arcs. The walk is topology_walk.c, facts
 * come in by topology_load.c. What passes frames or packets on has arcs; an arc too many is a false
 * alarm, one too few a hole: what is not understood is a way out. Sources: ip-link(8), veth(4),
 * the kernel's net/bridge, net/8021q, drivers/net/{veth,macvlan,tun}.c and fib_validate_source().
 */
#include "isolate/topology_parts.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

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

bool topology_is_one(const char *text, const char *const *list, size_t count)
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

int topology_arc_add(struct topology *t, size_t from, size_t to, unsigned layers, const char *words)
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
int topology_node_named(struct topology *t, const char *key, const struct topology_node *node,
			size_t *out)
{
	*out = topology_find(t, key);
	if (*out != TOPOLOGY_NONE)
		return 0;
	int rc = node_add(t, node, out);

	return rc ? rc : remember(&t->by_name, key, *out);
}

/* What a link or card leads to that has no link here. */
int topology_beyond(struct topology *t, const char *name, enum topology_escape escape, size_t *out)
{
	char key[300];

	rf_format(key, sizeof(key), "beyond %.250s", name);
	return topology_node_named(t, key,
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

const char *topology_space_name(struct topology *t, int64_t netns)
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
bool topology_is_tap(const char *kind)
{
	static const char *const taps[] = {"tun", "macvtap", "ipvtap"};

	return topology_is_one(kind, taps, RF_COUNT(taps));
}

static enum topology_escape escape_of(const struct topology_link *link, enum class class, bool here)
{
	if (link->uplink || rf_equal(link->role, "physical"))
		return TOPOLOGY_UPLINK;
	if (class == CLASS_SWITCH)
		return here ? TOPOLOGY_SWITCH : TOPOLOGY_INSIDE;
	if (class == CLASS_TUNNEL)
		return TOPOLOGY_TUNNEL;
	if (class == CLASS_UNKNOWN || (topology_is_tap(link->kind) && !link->no_carrier))
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
	const char *space = link->netns == t->own ? NULL : topology_space_name(t, link->netns);

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
int topology_both(struct topology *t, size_t a, size_t b, const char *to_b, const char *to_a)
{
	int rc = topology_arc_add(t, a, b, TOPOLOGY_LIVE, to_b);

	return rc ? rc : topology_arc_add(t, b, a, TOPOLOGY_LIVE, to_a);
}

/* A link of the same namespace by its name: the host's by map, others by looking. */
size_t topology_mate(const struct topology *t, const struct topology_pending *p, const char *name)
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
	size_t master = p->link.master[0] ? topology_mate(t, p, p->link.master) : TOPOLOGY_NONE;

	if (ovs_is_known(t, p))
		return 0;
	if (master == TOPOLOGY_NONE ||
	    !topology_is_one(t->nodes[master].what, masters, RF_COUNT(masters)))
		return 0;
	bool port = t->nodes[master].kind == TOPOLOGY_IS_SWITCH;

	return topology_both(t, p->node, master,
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
		int rc = topology_beyond(t, topology_space_name(t, netns), TOPOLOGY_UNKNOWN,
					 &nowhere);

		return rc ? rc
			  : topology_arc_add(
				    t, p->node, nowhere, TOPOLOGY_LIVE,
				    rf_arena_printf(&t->texts,
						    "whose other end is in %s, which could not be "
						    "looked into",
						    topology_space_name(t, netns)));
	}
	if (class == CLASS_PAIR)
		return topology_arc_add(
			t, p->node, at, TOPOLOGY_LIVE,
			rf_arena_printf(&t->texts, "its other end %s", t->nodes[at].name));
	return topology_both(t, p->node, at,
			     rf_arena_printf(&t->texts, "%s below it", t->nodes[at].name),
			     rf_arena_printf(&t->texts, "%s (%s) on top of it", name, link->kind));
}

/* All bridges of Open vSwitch share its datapath: those that its database does not tell apart count
 * as one. */
static int datapath_join(struct topology *t, const struct topology_pending *p)
{
	size_t datapath = topology_mate(t, p, "ovs-system");

	if (class_of(&p->link) != CLASS_OVS || datapath == TOPOLOGY_NONE || datapath == p->node ||
	    ovs_is_known(t, p))
		return 0;
	return topology_both(t, p->node, datapath, "the datapath of Open vSwitch",
			     rf_arena_printf(&t->texts, "its bridge %s", t->nodes[p->node].name));
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
			rc = topology_stacks_join(t, p);
	}
	return rc;
}

void topology_done(struct topology *t)
{
	rf_free(t->nodes);
	rf_free(t->arcs);
	rf_free(t->pending);
	rf_free(t->spaces);
	rf_free(t->nears);
	rf_map_done(&t->by_index);
	rf_map_done(&t->by_name);
	rf_map_done(&t->networks);
	rf_map_done(&t->ovs);
	rf_arena_done(&t->texts);
	memset(t, 0, sizeof(*t));
}
