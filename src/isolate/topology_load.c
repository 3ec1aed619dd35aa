/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of this host's switches out of the facts (netns, link, address, netns_link, network,
 * vm_nic, tc_program, address, route_link, firewall_redirect), with what a policy says of them. See
 * closed.h.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/closed.h"

struct loading {
	struct topology *t;
	const struct policy_layer *layer;   /* NULL: no policy */
	const struct closed_guards *guards; /* NULL: none */
};

static bool is_guarded(const struct loading *l, const char *name)
{
	for (size_t i = 0; l->guards && i < l->guards->count; i++) {
		if (strcmp(l->guards->names[i], name) == 0)
			return true;
	}
	return false;
}

static const char *text_of(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? text : "";
}

static int own_take(void *arg, sqlite3_stmt *row)
{
	((struct loading *)arg)->t->own = sqlite3_column_int64(row, 0);
	return 0;
}

static int netns_take(void *arg, sqlite3_stmt *row)
{
	return topology_netns_add(((struct loading *)arg)->t, sqlite3_column_int64(row, 0),
				  text_of(row, 1), sqlite3_column_int(row, 2));
}

static int link_take(void *arg, sqlite3_stmt *row)
{
	struct loading *l = arg;
	bool own = sqlite3_column_type(row, 0) == SQLITE_NULL;
	const char *name = text_of(row, 2);
	const struct topology_link link = {
		.netns = own ? l->t->own : sqlite3_column_int64(row, 0),
		.ifindex = (uint32_t)sqlite3_column_int64(row, 1),
		.name = name,
		.kind = text_of(row, 3),
		.role = text_of(row, 4),
		.master = text_of(row, 5),
		.lower_index = (uint32_t)sqlite3_column_int64(row, 6),
		.lower_netns = sqlite3_column_int64(row, 7),
		.ip_forward = sqlite3_column_int(row, 8),
		.ip6_forward = sqlite3_column_int(row, 9),
		.any_source = sqlite3_column_int(row, 10),
		.no_carrier = sqlite3_column_int(row, 11),
		.addresses = text_of(row, 12),
		.any_arp = sqlite3_column_type(row, 14) != SQLITE_NULL &&
			   sqlite3_column_int(row, 14) == 0,
		.proxy_arp = sqlite3_column_int(row, 15),
		.proxy_ndp = sqlite3_column_int(row, 16),
		.guarded = own && sqlite3_column_int(row, 13) && is_guarded(l, name),
		.uplink = own && l->layer && policy_names_match(&l->layer->uplinks, name)};

	return topology_link_add(l->t, &link);
}

static int address_take(void *arg, sqlite3_stmt *row)
{
	return topology_address_add(((struct loading *)arg)->t, text_of(row, 0), text_of(row, 1),
				    sqlite3_column_int64(row, 2));
}

static int route_take(void *arg, sqlite3_stmt *row)
{
	char words[200];

	/* 254 is the one that ip-route(8) calls main. */
	rf_format(words, sizeof(words),
		  sqlite3_column_int64(row, 2) == 254 ? "%.120s" : "%.120s (table %lld)",
		  text_of(row, 3), (long long)sqlite3_column_int64(row, 2));
	return topology_route_add(((struct loading *)arg)->t, text_of(row, 0),
				  sqlite3_column_int(row, 1), words);
}

static const char *text_or_null(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

static int filter_take(void *arg, sqlite3_stmt *row)
{
	char rule[300];

	rf_format(rule, sizeof(rule), "table %.120s, chain %.120s", text_of(row, 2),
		  text_of(row, 3));
	return topology_filter_add(((struct loading *)arg)->t,
				   &(struct topology_filter){.family = text_of(row, 0),
							     .kind = text_of(row, 1),
							     .rule = rule,
							     .links = text_of(row, 4),
							     .to_link = text_or_null(row, 5),
							     .to_address = text_or_null(row, 6)});
}

static int ovs_take(void *arg, sqlite3_stmt *row)
{
	const struct topology_ovs_port port = {.name = text_of(row, 0),
					       .bridge = text_of(row, 1),
					       .type = text_of(row, 2),
					       .peer = text_of(row, 3)};

	return topology_ovs_port_add(((struct loading *)arg)->t, &port);
}

static int network_take(void *arg, sqlite3_stmt *row)
{
	const struct topology_network net = {.name = text_of(row, 0),
					     .bridge = text_of(row, 1),
					     .forward_mode = text_of(row, 2),
					     .forward_dev = text_of(row, 3),
					     .addresses = sqlite3_column_int64(row, 4)};

	return topology_network_add(((struct loading *)arg)->t, &net);
}

static int card_take(void *arg, sqlite3_stmt *row)
{
	const struct topology_card card = {.layer = sqlite3_column_int(row, 6) ? TOPOLOGY_LIVE
									       : TOPOLOGY_DEFINED,
					   .vm = text_of(row, 0),
					   .nic = text_of(row, 1),
					   .mac = text_of(row, 2),
					   .kind = text_of(row, 3),
					   .network = text_of(row, 4),
					   .target = text_of(row, 5)};

	return topology_card_add(((struct loading *)arg)->t, &card);
}

static int redirect_take(void *arg, sqlite3_stmt *row)
{
	const char *kind = text_of(row, 1);
	bool known = strcmp(kind, "mirror") == 0 || strcmp(kind, "redirect") == 0;

	return topology_redirect_add(((struct loading *)arg)->t, text_of(row, 0),
				     known ? text_of(row, 2) : NULL,
				     known		  ? kind
				     : text_of(row, 2)[0] ? text_of(row, 2)
							  : kind);
}

/* In this order: each stands on what was read before. */
static const struct {
	const char *question;
	int (*take)(void *arg, sqlite3_stmt *row);
} questions[] = {
	{"SELECT netns FROM netns WHERE own = 1", own_take},
	{"SELECT netns, name, readable FROM netns WHERE own = 0 ORDER BY 1", netns_take},
	{"SELECT NULL, l.ifindex, l.name, l.kind, l.role, l.master, l.lower_index, l.lower_netns,"
	 " l.ip_forward, l.ip6_forward, l.rp_filter = 0, l.carrier = 0 AND l.up = 1, (SELECT"
	 " group_concat(a.address) FROM address a WHERE a.host = l.host AND a.link = l.name),"
	 " EXISTS (SELECT 1 FROM tc_program p WHERE p.host = l.host AND p.link = l.name AND"
	 " p.direction = 'ingress' AND p.ours = 1), l.arp_ignore, l.proxy_arp, l.proxy_ndp FROM link l ORDER BY l.ifindex",
	 link_take},
	{"SELECT n.netns, n.ifindex, n.name, n.kind, n.role, n.master, n.lower_index,"
	 " n.lower_netns, n.ip_forward, n.ip6_forward, 0, 0, n.addresses, 0, NULL, 0, 0 FROM netns_link n WHERE"
	 " n.netns >= 0 ORDER BY n.netns, n.ifindex",
	 link_take},
	{"SELECT link, address, prefix FROM address ORDER BY link, address", address_take},
	{"SELECT link, family, tbl, example FROM route_link ORDER BY link, family, tbl = 254 DESC,"
	 " tbl",
	 route_take},
	/* A chain that others lead to hangs on all the links of its table; a rule of the hook
	 * output meets what the host sends, and no frame of a switch. */
	{"SELECT r.family, r.kind, r.tbl, r.chain, CASE WHEN r.links <> '' THEN r.links ELSE"
	 " coalesce((SELECT group_concat(c.devices) FROM firewall_chain c WHERE c.host = r.host AND"
	 " c.family = r.family AND c.tbl = r.tbl AND c.devices <> '' AND (c.chain = r.chain OR NOT"
	 " EXISTS (SELECT 1 FROM firewall_chain o WHERE o.host = r.host AND o.family = r.family AND"
	 " o.tbl = r.tbl AND o.chain = r.chain AND o.hook <> ''))), '') END, r.to_link,"
	 " r.to_address FROM firewall_redirect r WHERE NOT EXISTS (SELECT 1 FROM firewall_chain c"
	 " WHERE c.host = r.host AND c.family = r.family AND c.tbl = r.tbl AND c.chain = r.chain"
	 " AND c.hook = 'output') ORDER BY r.family, r.tbl, r.chain, r.handle, r.item",
	 filter_take},
	{"SELECT name, bridge, type, peer FROM ovs_port ORDER BY name", ovs_take},
	{"SELECT network, bridge, forward_mode, forward_dev, addresses_count FROM network n WHERE"
	 " layer = 'persistent' OR NOT EXISTS (SELECT 1 FROM network p WHERE p.host = n.host AND"
	 " p.network = n.network AND p.layer = 'persistent') ORDER BY network",
	 network_take},
	/* A definition whose ports are there is that of a VM that runs, where nothing tells more.
	 */
	{"SELECT coalesce(nullif(v.name, ''), v.vm), n.nic, n.mac, n.kind, n.network, n.target, 1"
	 " FROM vm_nic n JOIN vm v ON v.host = n.host AND v.vm = n.vm AND v.layer = n.layer WHERE"
	 " v.format = 'libvirt' AND (n.layer = 'live' OR (n.layer = 'persistent' AND n.target <> ''"
	 " AND NOT EXISTS (SELECT 1 FROM vm o WHERE o.host = v.host AND o.vm = v.vm AND o.layer ="
	 " 'live') AND EXISTS (SELECT 1 FROM link l WHERE l.host = n.host AND l.name = n.target)))"
	 " ORDER BY 1, 2",
	 card_take},
	{"SELECT coalesce(nullif(v.name, ''), v.vm), n.nic, n.mac, n.kind, n.network, '', 0 FROM"
	 " vm_nic n JOIN vm v ON v.host = n.host AND v.vm = n.vm AND v.layer = n.layer WHERE"
	 " v.format = 'libvirt' AND n.layer = 'persistent' ORDER BY 1, 2",
	 card_take},
	{"SELECT link, kind, name FROM tc_program WHERE coalesce(ours, 0) = 0 AND kind IN ('bpf',"
	 " 'mirror', 'redirect') ORDER BY link, direction, item",
	 redirect_take},
};

/* Whether the policy wants this switch closed: by its own name, or by that of a network on it. */
static bool wants_closed(const struct topology *t, const struct policy_layer *layer,
			 const char *name)
{
	if (policy_names_match(&layer->closed, name))
		return true;
	for (size_t i = 0; i < t->networks.capacity; i++) {
		const struct rf_map_slot *slot = &t->networks.slots[i];

		if (slot->key && rf_equal(slot->value, name) &&
		    policy_names_match(&layer->closed, slot->key))
			return true;
	}
	return false;
}

/* "web-1" out of "VM web-1" or "network namespace web-1". */
static const char *bare(const char *name)
{
	static const char *const titles[] = {"VM ", "network namespace "};

	for (size_t i = 0; i < RF_COUNT(titles); i++) {
		if (rf_starts(name, titles[i]))
			return name + strlen(titles[i]);
	}
	return name;
}

static void policy_mark(struct topology *t, const struct policy_layer *layer)
{
	for (size_t i = 0; i < t->nodes_count; i++) {
		struct topology_node *node = &t->nodes[i];
		bool between = node->kind == TOPOLOGY_IS_VM ||
			       (node->kind == TOPOLOGY_IS_STACK && !node->here);

		node->closed = node->kind == TOPOLOGY_IS_SWITCH && node->here &&
			       wants_closed(t, layer, node->name);
		if (between && policy_names_match(&layer->routers, bare(node->name)))
			node->allowed = node->ends = true;
	}
}

int topology_load(struct topology *t, const struct topology_sources *from, struct rf_err *err)
{
	struct loading l = {.t = t, .layer = from->layer, .guards = from->guards};
	int rc = 0;

	/* Without the fact netns (an older capture) ours has no id: -1 is no other's. */
	t->own = -1;
	for (size_t i = 0; rc == 0 && i < RF_COUNT(questions); i++)
		rc = fact_store_each(from->store, questions[i].question, questions[i].take, &l);
	if (!rc)
		rc = topology_join(t);
	if (rc < 0)
		return rf_fail(err, rc, "the facts about links and VMs cannot be read: %s",
			       rf_code_text(rc));
	if (from->layer)
		policy_mark(t, from->layer);
	return 0;
}
