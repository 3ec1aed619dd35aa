/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of switches: which links lead into a network stack, and out of it again by forwarding.
 * A stack takes packets where it has an address, and beyond that where its settings let it: those
 * for its other addresses (the weak host model), and those of a segment that a route leads to.
 * Sources: the kernel's fib_validate_source(), arp_process() and ip6_forward(), ip-sysctl.rst.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/topology_parts.h"

int topology_stack(struct topology *t, int64_t netns, enum stack which, size_t *out)
{
	bool own = netns == t->own;
	char key[64];

	rf_format(key, sizeof(key), "stack %lld %d", (long long)netns, which);
	return topology_node_named(
		t, key,
		&(struct topology_node){.kind = TOPOLOGY_IS_STACK,
					.escape = own ? TOPOLOGY_HOST : TOPOLOGY_INSIDE,
					.ends = own && which == STACK_LOCAL,
					.here = own,
					.live = true,
					.name = own ? "the host itself"
						    : topology_space_name(t, netns),
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

/* Whether the host has an address of that family that a frame by this link could be for, although
 * it is another's. 127.0.0.0/8 is taken from nowhere (route_localnet is 0), ::1 neither. */
static bool has_elsewhere(const struct topology *t, const struct topology_pending *p, bool six)
{
	for (size_t i = 0; i < t->pending_count; i++) {
		const struct topology_link *other = &t->pending[i].link;
		struct families have;

		if (other->netns != t->own || t->pending[i].node == p->node)
			continue;
		families_read(other->addresses, &have);
		if (six ? have.six_global && !rf_equal(other->role, "loopback")
			: have.four && (!rf_equal(other->role, "loopback") ||
					!rf_starts(have.first, "127.")))
			return true;
	}
	return false;
}

/* The source of a packet is taken where the way back leads to the link it came in by, or where
 * nobody looks (rp_filter 0). IPv6 does not look at all, but wants the link to speak it. */
void topology_takes_read(const struct topology *t, const struct topology_pending *p,
			 struct topology_takes *out)
{
	struct families have;

	families_read(p->link.addresses, &have);
	*out = (struct topology_takes){
		.four = have.four || p->link.any_source || p->route4,
		.six = have.six || p->route6 || p->link.proxy_ndp,
	};
	out->to_others4 = !have.four && out->four && has_elsewhere(t, p, false);
	out->to_others6 = !have.six && p->route6 && has_elsewhere(t, p, true);
}

static const char *routed(const struct topology_pending *p, enum stack which)
{
	return which == STACK_FORWARD4 ? p->route4 : p->route6;
}

static const char *in_words(struct topology *t, const struct topology_pending *p, enum stack which,
			    bool has)
{
	const char *family = which == STACK_FORWARD4 ? "IPv4" : "IPv6";
	const char *name = t->nodes[p->node].name, *route = routed(p, which);
	bool proxy = which == STACK_FORWARD4 ? p->link.proxy_arp : p->link.proxy_ndp;
	const char *answers = !proxy ? ""
			      : which == STACK_FORWARD4
				      ? ", which answers ARP for others (proxy_arp "
					"is 1)"
				      : ", which answers ND for others (proxy_ndp "
					"is 1)";

	if (has)
		return rf_arena_printf(&t->texts, "%s comes in at %s%s", family, name, answers);
	if (which == STACK_FORWARD4 && p->link.any_source)
		return rf_arena_printf(
			&t->texts,
			"%s comes in at %s, although it has no address (rp_filter is 0)%s", family,
			name, answers);
	if (!route)
		return rf_arena_printf(&t->texts, "%s comes in at %s%s", family, name, answers);
	return rf_arena_printf(&t->texts,
			       "%s comes in at %s, which has no address but a route, %s%s", family,
			       name, route, answers);
}

/* Into the forwarding of the host, and out of it. */
static int forward_join(struct topology *t, const struct topology_pending *p, enum stack which,
			const struct families *have)
{
	struct topology_takes takes;
	bool four = which == STACK_FORWARD4, has = four ? have->four : have->six;
	bool near = four ? have->four : have->six_global;
	bool out = near || routed(p, which);
	size_t stack = TOPOLOGY_NONE;

	topology_takes_read(t, p, &takes);
	bool in = four ? p->link.ip_forward && takes.four : p->link.ip6_forward && takes.six;
	int rc = in || out ? topology_stack(t, p->link.netns, which, &stack) : 0;

	if (!rc && in)
		rc = topology_arc_add(t, p->node, stack, TOPOLOGY_LIVE, in_words(t, p, which, has));
	if (!rc && out)
		rc = topology_arc_add(
			t, stack, p->node, TOPOLOGY_LIVE,
			near ? rf_arena_printf(&t->texts, "and is forwarded to %s",
					       t->nodes[p->node].name)
			     : rf_arena_printf(&t->texts, "and is forwarded to %s by a route, %s",
					       t->nodes[p->node].name, routed(p, which)));
	return rc;
}

/* A host answers for all its addresses wherever they are asked for, unless told not to (RFC 1122,
 * 3.3.4.2: the weak model, which is Linux's). */
static int others_join(struct topology *t, const struct topology_pending *p)
{
	const char *name = t->nodes[p->node].name, *words;
	struct topology_takes takes;
	size_t stack = TOPOLOGY_NONE;

	topology_takes_read(t, p, &takes);
	if (!takes.to_others4 && !takes.to_others6)
		return 0;
	int rc = topology_stack(t, p->link.netns, STACK_LOCAL, &stack);

	if (!takes.to_others4)
		words = rf_arena_printf(&t->texts,
					"%s has no address, but a route, %s: packets for the "
					"host's other addresses are taken there",
					name, p->route6);
	else
		words = rf_arena_printf(
			&t->texts,
			"%s has no address, but packets for the host's others are taken "
			"there (%s%s)%s",
			name, p->link.any_source ? "rp_filter is 0" : "a route leads back, ",
			p->link.any_source ? "" : p->route4,
			p->link.any_arp ? ", and it answers ARP for them (arp_ignore is 0)" : "");
	return rc ? rc : topology_arc_add(t, p->node, stack, TOPOLOGY_LIVE, words);
}

const struct topology_node *topology_switch_of(const struct topology *t,
					       const struct topology_pending *p)
{
	size_t master = p->link.master[0] ? topology_mate(t, p, p->link.master) : TOPOLOGY_NONE;

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
	int rc = topology_stack(t, p->link.netns, STACK_LOCAL, &stack);

	return rc ? rc
		  : topology_arc_add(
			    t, p->node, stack, TOPOLOGY_LIVE,
			    rf_arena_printf(&t->texts,
					    "%s has an address of its own, %s, which frames to "
					    "01:80:c2:00:00:0e reach past the bridge",
					    t->nodes[p->node].name, address));
}

int topology_stacks_join(struct topology *t, const struct topology_pending *p)
{
	const struct topology_link *link = &p->link;
	const struct topology_node *master = topology_switch_of(t, p);
	struct families have;
	size_t stack = TOPOLOGY_NONE;
	int rc = 0;

	if (rf_equal(link->role, "loopback"))
		return 0;
	families_read(link->addresses, &have);
	if (master)
		return port_join(t, p, have.first, master);
	if (have.first[0])
		rc = topology_stack(t, link->netns, STACK_LOCAL, &stack);
	if (!rc && have.first[0])
		rc = topology_arc_add(t, p->node, stack, TOPOLOGY_LIVE,
				      rf_arena_printf(&t->texts, "%s has address %s",
						      t->nodes[p->node].name, have.first));
	/* Programs of another namespace are as little known as those of a VM. */
	if (!rc && have.first[0] && link->netns != t->own)
		rc = topology_arc_add(t, stack, p->node, TOPOLOGY_LIVE,
				      rf_arena_printf(&t->texts, "%s has address %s%s",
						      t->nodes[p->node].name, have.first,
						      link->ip_forward || link->ip6_forward
							      ? ", and it forwards"
							      : ""));
	if (rc || link->netns != t->own)
		return rc;
	rc = others_join(t, p);
	if (!rc)
		rc = forward_join(t, p, STACK_FORWARD4, &have);
	return rc ? rc : forward_join(t, p, STACK_FORWARD6, &have);
}
