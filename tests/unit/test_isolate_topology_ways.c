/* SPDX-License-Identifier: Apache-2.0 */
/* Ways out of a closed switch that no cable makes: rules of nft, routes without an address, and the
 * host's other addresses. Links, VMs and pictures: test_isolate_topology.c. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/topology.h"

#define OWN	      7
#define L(...)	      ((struct topology_link){.netns = OWN, __VA_ARGS__})
#define BRIDGE(n, nm) L(.ifindex = n, .name = nm, .kind = "bridge", .role = "bridge")
#define LAB(...)      L(.ifindex = 1, .name = "br-lab", .kind = "bridge", .role = "bridge", __VA_ARGS__)
#define PROD	      L(.ifindex = 2, .name = "br-prod", .kind = "bridge", .addresses = "10.2.0.1")
#define PROD6	      L(.ifindex = 2, .name = "br-prod", .kind = "bridge", .addresses = "2001:db8::1")
#define NFT(k, f, l, to, address)                                                                  \
	{                                                                                          \
		k, f, "table t, chain c", l, to, address                                           \
	}

struct scene {
	const char *name;
	struct topology_link links[5];
	struct {
		const char *link, *address;
		int64_t prefix;
	} near[3];
	struct {
		const char *link;
		int family;
		const char *words;
	} routes[3];
	struct topology_filter filters[2];
	enum topology_escape escape;
	const char *words; /* of the nearest way; NULL: there is none */
};

#define ROUTED "10.5.0.0/24 (table 100)"

static const struct scene scenes[] = {
	/* ---- the weak host ---- */
	{"the host's other address, where nobody looks at sources",
	 {LAB(.any_source = true, .any_arp = true), PROD},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: br-lab has no address, but packets for the "
		  "host's others are taken there (rp_filter is 0), and it answers ARP for them "
		  "(arp_ignore is 0)"},
	{"arp_ignore keeps it silent, not away",
	 {LAB(.any_source = true), PROD},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: br-lab has no address, but packets for the "
		  "host's others are taken there (rp_filter is 0)"},
	{"sources are looked at", {LAB(.any_arp = true), PROD}, .escape = TOPOLOGY_INSIDE},
	{"it has no other address", {LAB(.any_source = true), BRIDGE(2, "br-prod")}},
	{"nobody takes 127.0.0.1 from a link",
	 {LAB(.any_source = true),
	  L(.ifindex = 2, .name = "lo", .role = "loopback", .addresses = "127.0.0.1,::1")}},
	{"an address of the loopback that is no 127.0.0.1 counts",
	 {LAB(.any_source = true),
	  L(.ifindex = 2, .name = "lo", .role = "loopback", .addresses = "10.255.0.1")},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: br-lab has no address, but packets for the "
		  "host's others are taken there (rp_filter is 0)"},
	{"an address in another namespace is none of the host's",
	 {LAB(.any_source = true),
	  {.netns = 9, .ifindex = 2, .name = "x", .kind = "dummy", .addresses = "10.9.0.9"}}},
	{"IPv6 of another link is not IPv4", {LAB(.any_source = true), PROD6}},
	/* ---- routes ---- */
	{"a route back to a segment without an address",
	 {LAB(.any_arp = true), PROD},
	 .routes = {{"br-lab", 4, ROUTED}},
	 .escape = TOPOLOGY_HOST,
	 .words =
		 "br-lab reaches the host itself: br-lab has no address, but packets for the "
		 "host's others are taken there (a route leads back, 10.5.0.0/24 (table 100)), and "
		 "it answers ARP for them (arp_ignore is 0)"},
	{"two routes, and it forwards",
	 {LAB(.ip_forward = true), BRIDGE(2, "br-prod")},
	 .routes = {{"br-lab", 4, ROUTED}, {"br-lab", 4, "a second"}, {"br-prod", 4, "default"}},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod by the host itself: IPv4 comes in at br-lab, which has "
		  "no address but a route, 10.5.0.0/24 (table 100), and is forwarded to br-prod by "
		  "a route, default"},
	{"a route, but no forwarding",
	 {LAB(), BRIDGE(2, "br-prod")},
	 .routes = {{"br-lab", 4, ROUTED}, {"br-prod", 4, "default"}}},
	{"a route out only",
	 {LAB(.ip_forward = true), BRIDGE(2, "br-prod")},
	 .routes = {{"br-prod", 4, "default"}}},
	{"proxy_arp is named",
	 {LAB(.ip_forward = true, .any_source = true, .proxy_arp = true), BRIDGE(2, "br-prod")},
	 .routes = {{"br-prod", 4, "10.6.0.0/24"}},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod by the host itself: IPv4 comes in at br-lab, although it "
		  "has no address (rp_filter is 0), which answers ARP for others (proxy_arp is 1), "
		  "and is forwarded to br-prod by a route, 10.6.0.0/24"},
	{"proxy_ndp without an address",
	 {LAB(.ip6_forward = true, .proxy_ndp = true), PROD6},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod by the host itself: IPv6 comes in at br-lab, which "
		  "answers ND for others (proxy_ndp is 1), and is forwarded to br-prod"},
	{"proxy_ndp, but nothing is forwarded", {LAB(.proxy_ndp = true), PROD6}},
	{"an IPv6 route reaches the host's other addresses",
	 {LAB(), PROD6},
	 .routes = {{"br-lab", 6, "2001:db8:5::/64"}},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: br-lab has no address, but a route, "
		  "2001:db8:5::/64: packets for the host's other addresses are taken there"},
	{"a route of no family, and of no link",
	 {LAB(.ip_forward = true), PROD},
	 .routes = {{"br-lab", 5, "x"}, {"nowhere", 4, "x"}}},
	/* ---- nft ---- */
	{"fwd in netdev",
	 {LAB(), BRIDGE(2, "br-prod")},
	 .filters = {NFT("fwd", "netdev", "br-lab", "br-prod", "")},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod: nft fwd on br-lab, table t, chain c"},
	{"fwd on a port",
	 {LAB(), BRIDGE(2, "br-prod"),
	  L(.ifindex = 3, .name = "vnet0", .kind = "dummy", .master = "br-lab")},
	 .filters = {NFT("fwd", "netdev", "x,vnet0", "br-prod", "")},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod: port vnet0, nft fwd on vnet0, table t, chain c"},
	{"fwd on another link is none of ours",
	 {LAB(), BRIDGE(2, "br-prod"), L(.ifindex = 3, .name = "x", .kind = "dummy")},
	 .filters = {NFT("fwd", "netdev", "x", "br-prod", "")}},
	{"fwd to where nobody can say",
	 {LAB()},
	 .filters = {NFT("fwd", "netdev", "br-lab", NULL, "")},
	 .escape = TOPOLOGY_UNKNOWN,
	 .words = "br-lab reaches what fwd of nft in table t, chain c does: nft fwd on br-lab, "
		  "table t, chain c"},
	{"fwd to a link that is not there",
	 {LAB()},
	 .filters = {NFT("fwd", "netdev", "br-lab", "gone", "")},
	 .escape = TOPOLOGY_UNKNOWN,
	 .words = "br-lab reaches what fwd of nft in table t, chain c does: nft fwd on br-lab, "
		  "table t, chain c"},
	{"dup needs no forwarding",
	 {LAB(), PROD},
	 .near = {{"br-prod", "10.2.0.1", 24}},
	 .filters = {NFT("dup", "ip", "", "", "10.2.0.77")},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod by the host's packet filter: what comes in at br-lab, "
		  "nft dup, table t, chain c"},
	{"dup to an address of no link",
	 {LAB(), PROD},
	 .near = {{"br-prod", "10.2.0.1", 24}},
	 .filters = {NFT("dup", "ip", "br-lab", "", "10.3.0.77")},
	 .escape = TOPOLOGY_UPLINK,
	 .words = "br-lab reaches what the host routes to: nft dup on br-lab, table t, chain c"},
	{"dnat to another segment",
	 {LAB(.ip_forward = true, .any_source = true), PROD},
	 .near = {{"br-prod", "10.2.0.1", 24}},
	 .filters = {NFT("dnat", "ip", "", "", "10.2.0.77")},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod by the host's packet filter: what comes in at br-lab, "
		  "nft dnat, table t, chain c"},
	{"dnat where nothing is forwarded",
	 {LAB(), PROD},
	 .near = {{"br-prod", "10.2.0.1", 24}},
	 .filters = {NFT("dnat", "ip", "", "", "10.2.0.77")}},
	{"dnat of the other family",
	 {LAB(.ip6_forward = true), BRIDGE(2, "br-prod")},
	 .near = {{"br-prod", "2001:db8::1", 64}},
	 .filters = {NFT("dnat", "ip6", "", "", "2001:db8::77")}},
	{"dnat to an address of the host",
	 {LAB(), BRIDGE(2, "br-prod")},
	 .near = {{"br-prod", "10.2.0.1", 24}},
	 .routes = {{"br-lab", 4, ROUTED}},
	 .filters = {NFT("dnat", "inet", "br-lab", "", "10.2.0.1")},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: nft dnat on br-lab, table t, chain c"},
	{"redirect where nothing is taken",
	 {LAB(), PROD},
	 .filters = {NFT("redirect", "ip", "", "", "")}},
	{"redirect",
	 {LAB(.any_source = true), BRIDGE(2, "br-prod")},
	 .filters = {NFT("redirect", "ip", "br-lab", "", "")},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: nft redirect on br-lab, table t, chain c"},
	{"broute takes frames out of every bridge",
	 {LAB(), BRIDGE(2, "br-prod")},
	 .filters = {NFT("broute", "bridge", "", "", "")},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself by the host's packet filter: what comes in at "
		  "br-lab, nft broute, table t, chain c"},
	{"an address that no rule should name",
	 {LAB(), PROD},
	 .near = {{"br-prod", "no address", 24},
		  {"br-prod", "10.2.0.1", 77},
		  {"gone", "10.2.0.1", 8}},
	 .filters = {NFT("dup", "ip", "br-lab", "", "10.2.0.77.9")},
	 .escape = TOPOLOGY_UNKNOWN,
	 .words = "br-lab reaches an address that no rule should name: nft dup on br-lab, table t, "
		  "chain c"},
	{"names of links that cannot be",
	 {LAB(), BRIDGE(2, "br-prod")},
	 .filters = {NFT("fwd", "netdev", ",,,a-name-that-no-link-can-have,,\n,", "br-prod", "")}},
	{"a rule that takes frames to where they are",
	 {LAB()},
	 .filters = {NFT("fwd", "netdev", "br-lab", "br-lab", "")}},
};

static void scene_make(const struct scene *s, struct topology *t)
{
	t->own = OWN;
	for (size_t i = 0; i < RF_COUNT(s->links) && s->links[i].name; i++)
		assert_int_equal(topology_link_add(t, &s->links[i]), 0);
	for (size_t i = 0; i < RF_COUNT(s->near) && s->near[i].link; i++)
		assert_int_equal(topology_address_add(t, s->near[i].link, s->near[i].address,
						      s->near[i].prefix),
				 0);
	for (size_t i = 0; i < RF_COUNT(s->routes) && s->routes[i].link; i++)
		assert_int_equal(topology_route_add(t, s->routes[i].link, s->routes[i].family,
						    s->routes[i].words),
				 0);
	for (size_t i = 0; i < RF_COUNT(s->filters) && s->filters[i].kind; i++)
		assert_int_equal(topology_filter_add(t, &s->filters[i]), 0);
	assert_int_equal(topology_join(t), 0);
}

static void test_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(scenes); i++) {
		TOPOLOGY_AUTO struct topology t = {0};
		TOPOLOGY_AUTOWALK struct topology_walk walk = {0};
		RF_AUTOBUF struct rf_buf words = {0};
		size_t end = TOPOLOGY_NONE;

		scene_make(&scenes[i], &t);
		assert_int_equal(
			topology_walk(&t, topology_find(&t, "br-lab"), TOPOLOGY_LIVE, &walk), 0);
		for (int e = TOPOLOGY_INSIDE + 1; end == TOPOLOGY_NONE && e < TOPOLOGY_ESCAPES;
		     e++) {
			if (!scenes[i].words || e == (int)scenes[i].escape)
				end = topology_nearest(&t, &walk, (enum topology_escape)e);
		}
		if (end != TOPOLOGY_NONE)
			topology_path_words(&t, &walk, end, &words);
		if ((end == TOPOLOGY_NONE) != !scenes[i].words ||
		    (end != TOPOLOGY_NONE && (t.nodes[end].escape != scenes[i].escape ||
					      strcmp(rf_buf_text(&words), scenes[i].words) != 0)))
			fail_msg("%s: \"%s\"", scenes[i].name, rf_buf_text(&words));
	}
}

/* A thousand rules for every link and a thousand links are no million ways. */
static void test_many(void **state)
{
	TOPOLOGY_AUTO struct topology t = {.own = OWN};
	char name[16], target[16];

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		rf_format(name, sizeof(name), "br%u", i);
		assert_int_equal(topology_link_add(&t, &BRIDGE(i + 1, name)), 0);
	}
	for (uint32_t i = 0; i < 1000; i++) {
		rf_format(target, sizeof(target), "br%u", i);
		assert_int_equal(
			topology_filter_add(&t, &(struct topology_filter)NFT("dup", "ip", "",
									     target, "10.0.0.1")),
			0);
	}
	assert_int_equal(topology_join(&t), 0);
	assert_true(t.arcs_count <= 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
