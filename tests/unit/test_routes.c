/* SPDX-License-Identifier: Apache-2.0 */
/* The fact route_link out of a dump of routes: which count, next hops, and broken answers. */
#include <linux/if.h>

#include "netlink_test.h"
#include "base/mem.h"
#include "collect/routes.h"

struct shape {
	uint8_t family, type, table;
	const char *to;
	uint8_t prefix;
	const char *via;
	uint32_t ifindex;
};

static void put_address(struct build *b, uint16_t attribute, const char *text)
{
	uint8_t bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, text, bytes), 1);
	mnl_attr_put(b->nlh, attribute, family == AF_INET ? 4 : 16, bytes);
}

static struct rtmsg *begin(struct build *b, const struct shape *s)
{
	struct rtmsg *header = build_begin(b, RTM_NEWROUTE, sizeof(*header));

	header->rtm_family = s->family;
	header->rtm_type = s->type;
	header->rtm_table = s->table;
	header->rtm_dst_len = s->prefix;
	if (s->to)
		put_address(b, RTA_DST, s->to);
	if (s->via)
		put_address(b, RTA_GATEWAY, s->via);
	if (s->ifindex)
		mnl_attr_put_u32(b->nlh, RTA_OIF, s->ifindex);
	return header;
}

static void links_make(struct build *b, struct test_host *h)
{
	static const char *const names[] = {"lo", "eth0", "br-lab"};

	for (uint32_t i = 0; i < RF_COUNT(names); i++) {
		build_link(b, i + 1, names[i], i ? 0 : IFF_LOOPBACK);
		build_end(b);
	}
	build_probe(b, h, "rtnl-link");
	build_probe(b, h, "rtnl-addr");
}

#define ROWS                                                                                        \
	"SELECT group_concat(family || '/' || tbl || '/' || link || '/' || routes_count || '/' || " \
	"example, ' ') FROM (SELECT * FROM route_link ORDER BY family, tbl, link)"
#define GAPS "SELECT count(*) FROM fact_gap WHERE tbl = 'route_link'"

static void which_routes_count(void **state)
{
	static const struct shape routes[] = {
		{AF_INET, RTN_UNICAST, 254, NULL, 0, "192.0.2.1", 2},
		{AF_INET, RTN_UNICAST, 254, "192.0.2.0", 24, NULL, 2},
		{AF_INET, RTN_UNICAST, 100, "10.5.0.0", 24, NULL, 3},
		{AF_INET6, RTN_UNICAST, 254, "2001:db8::", 32, "2001:db8:1::1", 3},
		/* These say nothing of where packets go. */
		{AF_INET, RTN_LOCAL, 255, "192.0.2.7", 32, NULL, 2},
		{AF_INET, RTN_UNICAST, 255, "192.0.2.9", 32, NULL, 3},
		{AF_INET, RTN_BLACKHOLE, 254, "10.6.0.0", 24, NULL, 0},
		{AF_INET, RTN_UNREACHABLE, 254, "10.7.0.0", 24, NULL, 3},
		{AF_INET6, RTN_UNICAST, 254, "fe80::", 64, NULL, 3},
		{AF_INET6, RTN_UNICAST, 254, "ff00::", 8, NULL, 3},
		{AF_BRIDGE, RTN_UNICAST, 254, NULL, 0, NULL, 3},
	};
	struct build *b = rf_alloc(1, sizeof(*b));
	struct test_host h;

	(void)state;
	host_make(&h);
	links_make(b, &h);
	for (size_t i = 0; i < RF_COUNT(routes); i++) {
		begin(b, &routes[i]);
		build_end(b);
	}
	build_probe(b, &h, "rtnl-route");
	host_collect(&h, collect_links);
	assert_fact(&h, ROWS,
		    "4/100/br-lab/1/10.5.0.0/24 4/254/eth0/2/default via 192.0.2.1 "
		    "6/254/br-lab/1/2001:db8::/32 via 2001:db8:1::1");
	assert_fact(&h, GAPS, "0");
	host_done(&h);
	rf_free(b);
}

/* A default route over two links; a table beyond 255; one of the links is not there. */
static void next_hops(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct rtnexthop hops[3] = {{.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = 2},
				    {.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = 3},
				    {.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = 99}};
	struct test_host h;

	(void)state;
	for (size_t count = 2; count <= 3; count++) {
		host_make(&h);
		links_make(b, &h);
		begin(b, &(struct shape){AF_INET, RTN_UNICAST, RT_TABLE_COMPAT, NULL, 0, NULL, 0});
		mnl_attr_put_u32(b->nlh, RTA_TABLE, 70000);
		mnl_attr_put(b->nlh, RTA_MULTIPATH, count * sizeof(hops[0]), hops);
		build_end(b);
		build_probe(b, &h, "rtnl-route");
		host_collect(&h, collect_links);
		assert_fact(&h, ROWS, "4/70000/br-lab/1/default 4/70000/eth0/1/default");
		assert_fact(&h, GAPS, count == 2 ? "0" : "1");
		host_done(&h);
	}
	rf_free(b);
}

static void broken_answers(void **state)
{
	static const struct {
		const char *name;
		uint16_t attribute, len;
		uint8_t bytes[12];
	} rows[] = {
		{"a next hop of no length", RTA_MULTIPATH, 8, {0}},
		{"a next hop longer than all", RTA_MULTIPATH, 8, {200, 0, 0, 0, 2, 0, 0, 0}},
		{"half a next hop", RTA_MULTIPATH, 5, {8, 0, 0, 0, 2}},
		{"an object instead of a link", RTA_NH_ID, 4, {1, 0, 0, 0}},
		{"no link at all", RTA_DST, 3, {1, 2, 3}},
		{"half a number", RTA_OIF, 2, {2, 0}},
	};
	struct build *b = rf_alloc(1, sizeof(*b));
	struct test_host h;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		host_make(&h);
		links_make(b, &h);
		begin(b, &(struct shape){AF_INET, RTN_UNICAST, 254, NULL, 0, NULL, 0});
		mnl_attr_put(b->nlh, rows[i].attribute, rows[i].len, rows[i].bytes);
		build_end(b);
		build_probe(b, &h, "rtnl-route");
		host_collect(&h, collect_links);
		assert_fact(&h, "SELECT count(*) FROM route_link", "0");
		assert_fact(&h, GAPS, "1");
		host_done(&h);
	}
	/* An old capture has no answer: what is not known is told. */
	host_make(&h);
	links_make(b, &h);
	host_collect(&h, collect_links);
	assert_fact(&h, GAPS, "1");
	host_done(&h);
	rf_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_routes_count),
		cmocka_unit_test(next_hops),
		cmocka_unit_test(broken_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
