/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which links the host routes to, table by table; see routes.h. Which packets meet which table is
 * told by rules (ip-rule(8)), which are not read: a route counts whoever may use it. Sources:
 * linux/rtnetlink.h, ip-route(8).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/routes.h"

/* Routes of one family and table out of one link. */
struct way {
	uint8_t family; /* 4 or 6 */
	uint32_t table, ifindex;
	int64_t count;
	char example[INET6_ADDRSTRLEN * 2 + 16];
};

struct ways {
	struct way *items;
	size_t count, capacity;
	struct rf_map places; /* "FAMILY TABLE IFINDEX" to a place + 1 */
	bool unnamed;	      /* a route that names no link */
};

static void ways_done(struct ways *ways)
{
	rf_free(ways->items);
	rf_map_done(&ways->places);
}

struct route {
	uint8_t family, prefix; /* family 4 or 6 */
	uint32_t table;
	struct rf_slice to, via, ifindex, nexthops, nexthop_id;
};

/* ff00::/8 is every link's, and fe80::/10 that of every link with an address. */
static bool is_every_links(const struct route *route)
{
	return route->family == 6 && route->to.len == 16 && route->prefix >= 8 &&
	       (route->to.data[0] == 0xff ||
		(route->to.data[0] == 0xfe && (route->to.data[1] & 0xc0) == 0x80));
}

/* False for what is no unicast route, and for what is broken. */
static bool route_parse(const struct nl_message *message, struct route *out)
{
	struct rf_slice a[RTA_NH_ID + 1];
	struct rtmsg header;

	if (message->type != RTM_NEWROUTE || message->body.len < sizeof(header))
		return false;
	memcpy(&header, message->body.data, sizeof(header));
	if (header.rtm_type != RTN_UNICAST || (header.rtm_flags & RTM_F_CLONED) ||
	    (header.rtm_family != AF_INET && header.rtm_family != AF_INET6))
		return false;
	nl_attrs(nl_behind(message->body, sizeof(header)), a, RF_COUNT(a));
	*out = (struct route){.family = header.rtm_family == AF_INET ? 4 : 6,
			      .prefix = header.rtm_dst_len,
			      .table = nl_u32(a[RTA_TABLE], header.rtm_table),
			      .to = a[RTA_DST],
			      .via = a[RTA_GATEWAY],
			      .ifindex = a[RTA_OIF],
			      .nexthops = a[RTA_MULTIPATH],
			      .nexthop_id = a[RTA_NH_ID]};
	return out->table != RT_TABLE_LOCAL && !is_every_links(out);
}

static const char *address_text(uint8_t family, struct rf_slice value, char out[INET6_ADDRSTRLEN])
{
	if (value.len != (family == 4 ? 4u : 16u) ||
	    !inet_ntop(family == 4 ? AF_INET : AF_INET6, value.data, out, INET6_ADDRSTRLEN))
		return NULL;
	return out;
}

static void route_words(const struct route *route, struct rf_slice via, char *out, size_t size)
{
	char to[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN], dest[INET6_ADDRSTRLEN + 8];
	const char *net = address_text(route->family, route->to, to);
	const char *by = address_text(route->family, via, gateway);

	if (net)
		rf_format(dest, sizeof(dest), "%s/%u", net, route->prefix);
	else
		rf_copy(dest, sizeof(dest), "default");
	rf_format(out, size, by ? "%s via %s" : "%s", dest, by);
}

static int way_add(struct ways *ways, const struct route *route, uint32_t ifindex,
		   struct rf_slice via)
{
	char key[48];

	rf_format(key, sizeof(key), "%u %u %u", route->family, route->table, ifindex);
	size_t at = (size_t)(uintptr_t)rf_map_get(&ways->places, key);

	if (at) {
		ways->items[at - 1].count++;
		return 0;
	}
	if (rf_grow((void **)&ways->items, &ways->capacity, ways->count + 1, sizeof(*ways->items)) <
	    0)
		return -ENOMEM;
	struct way *way = &ways->items[ways->count++];

	*way = (struct way){
		.family = route->family, .table = route->table, .ifindex = ifindex, .count = 1};
	route_words(route, via, way->example, sizeof(way->example));
	return rf_map_set(&ways->places, key, (void *)(uintptr_t)ways->count);
}

/* Several next hops: each struct rtnexthop with attributes of its own. */
static int hops_add(struct ways *ways, const struct route *route)
{
	struct rf_slice rest = route->nexthops;
	int rc = 0;

	while (rc == 0 && rest.len >= sizeof(struct rtnexthop)) {
		struct rf_slice a[RTA_GATEWAY + 1];
		struct rtnexthop hop;

		memcpy(&hop, rest.data, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > rest.len)
			break;
		nl_attrs((struct rf_slice){rest.data + sizeof(hop), hop.rtnh_len - sizeof(hop)}, a,
			 RF_COUNT(a));
		rc = way_add(ways, route, (uint32_t)hop.rtnh_ifindex, a[RTA_GATEWAY]);
		size_t step = (hop.rtnh_len + 3u) & ~3u;

		rest = nl_behind(rest, step < rest.len ? step : rest.len);
	}
	ways->unnamed |= rest.len > 0;
	return rc;
}

static int route_add(struct ways *ways, const struct route *route)
{
	if (route->nexthops.data)
		return hops_add(ways, route);
	if (route->ifindex.data)
		return way_add(ways, route, nl_u32(route->ifindex, 0), route->via);
	ways->unnamed = true;
	return 0;
}

int routes_put(struct sys *sys, const struct net_links *links, struct fact_sink *out)
{
	__attribute__((cleanup(ways_done))) struct ways ways = {.items = NULL};
	RF_AUTOBUF struct rf_buf raw = {0};
	struct nl_message message;
	struct rf_err err = {0};
	struct route route;
	int more = 0, rc = 0;

	if (sys_probe(sys, "rtnl-route", "", &raw, &err) < 0) {
		fact_gap(out, FACT_T_ROUTE_LINK, "", "", "rtnl-route",
			 "the routes could not be asked for: %s", rf_err_text(&err));
		return 0;
	}
	struct rf_slice rest = rf_buf_slice(&raw);

	while (rc == 0 && (more = nl_next(&rest, &message)) > 0) {
		if (route_parse(&message, &route))
			rc = route_add(&ways, &route);
	}
	for (size_t i = 0; rc == 0 && i < ways.count; i++) {
		const char *link = net_link_name(links, ways.items[i].ifindex);

		ways.unnamed |= !link[0];
		if (!link[0])
			continue;
		fact_put_route_link(out, &(struct fact_route_link){
						 .family = FACT_INT(ways.items[i].family),
						 .tbl = FACT_INT(ways.items[i].table),
						 .link = link,
						 .routes_count = FACT_INT(ways.items[i].count),
						 .example = ways.items[i].example,
						 .source = "rtnl-route"});
	}
	if (rc == 0 && (more < 0 || ways.unnamed))
		fact_gap(out, FACT_T_ROUTE_LINK, "", "", "rtnl-route",
			 more < 0 ? "the kernel's answer ends in the middle of a message"
				  : "a route names no link that is there, or what it names could "
				    "not be read: see ip route show table all");
	return rc;
}
