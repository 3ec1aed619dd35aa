/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of switches: packets that rules of nft send elsewhere, and what near the host an
 * address stands for. What a rule asks for first is not judged (it may come true), and whether
 * another rule drops the packet neither. Sources: nft(8), net/netfilter/nf_dup_netdev.c,
 * net/ipv4/netfilter/nf_dup_ipv4.c, net/bridge/br_netfilter_hooks.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/topology_parts.h"

static struct topology_pending *told_of(const struct topology *t, const char *link)
{
	size_t node = topology_find(t, link);

	for (size_t i = 0; node != TOPOLOGY_NONE && i < t->pending_count; i++) {
		if (t->pending[i].node == node)
			return &t->pending[i];
	}
	return NULL;
}

/* ---- addresses and routes ---- */

int topology_address_add(struct topology *t, const char *link, const char *address, int64_t prefix)
{
	struct topology_near near = {.node = topology_find(t, link),
				     .six = strchr(address, ':') != NULL};

	if (near.node == TOPOLOGY_NONE || prefix < 0 || prefix > (near.six ? 128 : 32) ||
	    inet_pton(near.six ? AF_INET6 : AF_INET, address, near.address) != 1)
		return 0;
	near.prefix = (uint8_t)prefix;
	if (rf_grow((void **)&t->nears, &t->nears_capacity, t->nears_count + 1, sizeof(*t->nears)) <
	    0)
		return -ENOMEM;
	t->nears[t->nears_count++] = near;
	return 0;
}

int topology_route_add(struct topology *t, const char *link, int family, const char *words)
{
	struct topology_pending *p = told_of(t, link);

	if (!p || (family != 4 && family != 6))
		return 0;
	const char **place = family == 4 ? &p->route4 : &p->route6;

	/* The first one is enough to say so. */
	if (!*place)
		*place = rf_arena_copy(&t->texts, words);
	return *place ? 0 : -ENOMEM;
}

static bool is_near(const struct topology_near *near, const uint8_t address[16], unsigned bits)
{
	for (unsigned i = 0; i < bits; i++) {
		if ((near->address[i / 8] ^ address[i / 8]) >> (7 - i % 8) & 1)
			return false;
	}
	return true;
}

/* Where an address is: the host itself, a link of it, or whatever the host routes to. */
static int address_end(struct topology *t, const char *text, bool *out_own, size_t *out)
{
	bool six = strchr(text, ':') != NULL;
	const struct topology_near *best = NULL;
	uint8_t address[16] = {0};

	*out_own = false;
	if (inet_pton(six ? AF_INET6 : AF_INET, text, address) != 1)
		return topology_beyond(t, "an address that no rule should name", TOPOLOGY_UNKNOWN,
				       out);
	for (size_t i = 0; i < t->nears_count; i++) {
		const struct topology_near *near = &t->nears[i];

		if (near->six != six || !is_near(near, address, near->prefix))
			continue;
		*out_own |= is_near(near, address, six ? 128 : 32);
		if (!best || near->prefix > best->prefix)
			best = near;
	}
	if (*out_own)
		return topology_stack(t, t->own, STACK_LOCAL, out);
	if (!best)
		return topology_beyond(t, "what the host routes to", TOPOLOGY_UPLINK, out);
	*out = best->node;
	return 0;
}

/* ---- where to, and where from ---- */

/* What a kind of rule asks of the link that a packet came in by. */
enum need {
	NEED_NOTHING, /* the packet is sent on before anything else */
	NEED_TAKEN,   /* the host's stack takes the packet as its own or for another */
	NEED_FORWARD, /* and forwards it */
};

/* The end of a rule. out_own: it is the host itself. */
static int filter_end(struct topology *t, const struct topology_filter *f, bool *out_own,
		      size_t *out)
{
	static const char *const to_host[] = {"redirect", "tproxy", "broute"};

	*out_own = false;
	if (topology_is_one(f->kind, to_host, RF_COUNT(to_host))) {
		*out_own = true;
		return topology_stack(t, t->own, STACK_LOCAL, out);
	}
	if (f->to_link && f->to_link[0])
		*out = topology_find(t, f->to_link);
	else if (f->to_link && f->to_address && f->to_address[0])
		return address_end(t, f->to_address, out_own, out);
	else
		*out = TOPOLOGY_NONE;
	if (*out != TOPOLOGY_NONE)
		return 0;
	return topology_beyond(
		t, rf_arena_printf(&t->texts, "what %s of nft in %s does", f->kind, f->rule) ?: "",
		TOPOLOGY_UNKNOWN, out);
}

static enum need need_of(const struct topology_filter *f, bool own)
{
	static const char *const at_once[] = {"fwd", "dup", "broute"};

	if (topology_is_one(f->kind, at_once, RF_COUNT(at_once)) || rf_equal(f->family, "bridge"))
		return NEED_NOTHING;
	return own ? NEED_TAKEN : NEED_FORWARD;
}

/* inet is both. */
static bool is_met(const struct topology *t, const struct topology_pending *p,
		   const struct topology_filter *f, enum need need)
{
	bool four = !rf_equal(f->family, "ip6"), six = !rf_equal(f->family, "ip");
	struct topology_takes takes;

	topology_takes_read(t, p, &takes);
	four = four && takes.four;
	six = six && takes.six;
	switch (need) {
	case NEED_TAKEN:
		return four || six;
	case NEED_FORWARD:
		return (four && p->link.ip_forward) || (six && p->link.ip6_forward);
	default:
		return true;
	}
}

struct filtering {
	struct topology *t;
	const struct topology_filter *filter;
	enum need need;
	size_t end;
	const char *words;
};

/* netdev and bridge meet a frame at the link itself, the others where the stack gets it: a port's
 * come by its bridge. */
static int link_way(const struct filtering *w, const struct topology_pending *p, bool named)
{
	bool early = rf_equal(w->filter->family, "netdev") || rf_equal(w->filter->family, "bridge");

	if (rf_equal(p->link.role, "loopback") || p->link.netns != w->t->own)
		return 0;
	if (!early && !named && topology_switch_of(w->t, p))
		return 0;
	if (p->node == w->end || !is_met(w->t, p, w->filter, w->need))
		return 0;
	return topology_arc_add(w->t, p->node, w->end, TOPOLOGY_LIVE, w->words);
}

/* A rule for every link has a node of its own, so that a thousand rules and a thousand links are
 * two thousand ways, not a million. */
static int every_link(struct filtering *w)
{
	struct topology *t = w->t;
	char key[96];
	size_t hub, end = w->end;
	bool first;

	rf_format(key, sizeof(key), "filter %.20s %d", w->filter->family, (int)w->need);
	first = topology_find(t, key) == TOPOLOGY_NONE;
	int rc = topology_node_named(t, key,
				     &(struct topology_node){.kind = TOPOLOGY_IS_STACK,
							     .here = true,
							     .live = true,
							     .name = "the host's packet filter",
							     .what = "nft"},
				     &hub);

	if (rc)
		return rc;
	w->end = hub;
	for (size_t i = 0; first && rc == 0 && i < t->pending_count; i++) {
		w->words = rf_arena_printf(&t->texts, "what comes in at %s",
					   t->nodes[t->pending[i].node].name);
		rc = w->words ? link_way(w, &t->pending[i], false) : -ENOMEM;
	}
	w->words = rf_arena_printf(&t->texts, "nft %s, %s", w->filter->kind, w->filter->rule);
	return rc ? rc : topology_arc_add(t, hub, end, TOPOLOGY_LIVE, w->words);
}

static int named_link(const struct filtering *w, const char *name)
{
	const struct topology_pending *p = told_of(w->t, name);

	return p ? link_way(w, p, true) : 0;
}

int topology_filter_add(struct topology *t, const struct topology_filter *filter)
{
	struct filtering w = {.t = t, .filter = filter};
	const char *at = filter->links;
	bool own;
	int rc = filter_end(t, filter, &own, &w.end);

	if (rc)
		return rc;
	w.need = need_of(filter, own);
	if (!at[0])
		return every_link(&w);
	while (rc == 0 && *at) {
		size_t len = strcspn(at, ",");
		char name[16];

		/* No link has a longer name. */
		if (len < sizeof(name)) {
			rf_format(name, sizeof(name), "%.*s", (int)len, at);
			w.words = rf_arena_printf(&t->texts, "nft %s on %s, %s", filter->kind, name,
						  filter->rule);
			rc = w.words ? named_link(&w, name) : -ENOMEM;
		}
		at += len + (at[len] == ',');
	}
	return rc;
}
