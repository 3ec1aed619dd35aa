/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces: answers made here, hostile lists, then this kernel's own. */
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <sched.h>
#include <unistd.h>

#include "netlink_test.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/netlink.h"

static void add_pair(struct build *b, uint32_t other, int netns, bool forwards)
{
	uint32_t conf[IPV4_DEVCONF_RP_FILTER] = {forwards};

	build_kind(b, "veth");
	mnl_attr_put_u32(b->nlh, IFLA_LINK, other);
	if (netns >= 0)
		mnl_attr_put_u32(b->nlh, IFLA_LINK_NETNSID, (uint32_t)netns);
	struct nlattr *spec = mnl_attr_nest_start(b->nlh, IFLA_AF_SPEC);
	struct nlattr *four = mnl_attr_nest_start(b->nlh, AF_INET);

	mnl_attr_put(b->nlh, IFLA_INET_CONF, sizeof(conf), conf);
	mnl_attr_nest_end(b->nlh, four);
	mnl_attr_nest_end(b->nlh, spec);
	build_end(b);
}

static void add_address(struct build *b, uint32_t ifindex, const char *text)
{
	struct ifaddrmsg *header = build_begin(b, RTM_NEWADDR, sizeof(*header));
	struct in_addr in;

	header->ifa_family = AF_INET;
	header->ifa_index = ifindex;
	header->ifa_prefixlen = 24;
	assert_int_equal(inet_pton(AF_INET, text, &in), 1);
	mnl_attr_put(b->nlh, IFA_LOCAL, sizeof(in), &in);
	build_end(b);
}

static int64_t number(struct test_host *h, const char *sql)
{
	return strtoll(host_ask(h, sql), NULL, 10);
}

/* Ours is 4; 5 has a name and a pair with ours and with 6, which only links tell of. */
static void make_host(struct test_host *h)
{
	struct build *b = rf_alloc(1, sizeof(*b));

	host_file(h, "/.ringfence/probe/netns",
		  "4 4026531840 /proc/self\n5 4026532000 /run/netns/lab\n-1 4026532001 /proc/99\n");
	host_file(h, "/proc/99/comm", "qemu-system-x86\n");
	build_link(b, 2, "va", IFF_UP);
	add_pair(b, 7, 5, false);
	build_probe(b, h, "rtnl-link");
	build_link(b, 7, "eth0", IFF_UP);
	add_pair(b, 2, 4, true);
	build_link(b, 8, "eth1", 0);
	add_pair(b, 3, 6, false);
	build_link(b, 1, "lo", IFF_UP | IFF_LOOPBACK);
	build_end(b);
	build_link(b, 9, "ens1", IFF_UP);
	build_end(b);
	build_probe(b, h, "rtnl-link-in/5");
	add_address(b, 7, "10.9.0.4");
	add_address(b, 7, "10.9.1.4");
	build_probe(b, h, "rtnl-addr-in/5");
	build_link(b, 3, "x", IFF_UP);
	add_pair(b, 8, 5, false);
	build_probe(b, h, "rtnl-link-in/6");
	rf_free(b);
}

static void test_namespaces(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	make_host(&h);
	host_collect(&h, collect_namespaces);
	assert_string_equal(host_ask(&h,
				     "SELECT group_concat(netns || ' ' || name || ' ' || own || "
				     "' ' || readable, '; ') FROM (SELECT * FROM netns ORDER "
				     "BY netns)"),
			    "-2 qemu-system-x86 (99) 0 0; 4 self 1 1; 5 lab 0 1; 6 id 6 0 1");
	assert_string_equal(host_ask(&h, "SELECT group_concat(name || ' ' || role || ' ' || "
					 "lower_index || ' ' || lower_netns || ' ' || ip_forward "
					 "|| ' ' || addresses, '; ') FROM (SELECT * FROM "
					 "netns_link WHERE netns = 5 ORDER BY ifindex)"),
			    "lo loopback 0 -1 0 ; eth0 virtual 2 4 1 10.9.0.4,10.9.1.4; eth1 "
			    "virtual 3 6 0 ; ens1 physical 0 -1 0 ");
	/* Its addresses could not be had: not known, and said. */
	assert_int_equal(number(&h, "SELECT addresses IS NULL FROM netns_link WHERE netns = 6"), 1);
	assert_int_equal(number(&h, "SELECT count(*) FROM fact_gap WHERE tbl = 'netns_link' AND "
				    "key = '6' AND col = 'addresses'"),
			 1);
	assert_int_equal(number(&h, "SELECT count(*) FROM fact_gap WHERE tbl = 'netns'"), 1);
	host_done(&h);
}

/* Lists that no kernel gives. */
static void test_hostile_lists(void **state)
{
	static const struct {
		const char *list;
		int rows;
	} rows[] = {
		{"", 0},
		{"\n\n\n", 0},
		{"4 1 /proc/self\n4 1 /proc/self\n4 2 /x\n", 1},
		{"4\n5 6\n", 0},
		{"99999999999999999999 1 /a\n", 0},
		{"4 -1 /a\n", 0},
		{"-7 1 /a\n", 0},
		{"4 1 a b c d\n", 1},
		{"-1 1 /proc/self\n-1 2 /b\n-1 3 /c\n", 3},
		{"4 1 /\n5 1 \x01\xff\n", 2},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, "/.ringfence/probe/netns", rows[i].list);
		host_file(&h, "/.ringfence/probe/rtnl-link", "");
		host_file(&h, "/.ringfence/probe/rtnl-link-in/5", "\x05");
		host_collect(&h, collect_namespaces);
		assert_int_equal(number(&h, "SELECT count(*) FROM netns"), rows[i].rows);
		host_done(&h);
	}
}

static void test_no_answer(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	assert_true(host_collect_request(&h, collect_namespaces,
					 &(struct collect_request){.host = true}) < 0);
	host_done(&h);
}

/* Settings of a link that are cut short are not known, never another's. */
static void test_settings(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct net_links links = {0};

	(void)state;
	build_link(b, 2, "a", 0);
	build_end(b);
	build_link(b, 3, "b", 0);
	struct nlattr *spec = mnl_attr_nest_start(b->nlh, IFLA_AF_SPEC);
	struct nlattr *four = mnl_attr_nest_start(b->nlh, AF_INET);

	mnl_attr_put(b->nlh, IFLA_INET_CONF, 3, "abc");
	mnl_attr_nest_end(b->nlh, four);
	mnl_attr_nest_end(b->nlh, spec);
	build_end(b);
	build_link(b, 4, "c", 0);
	add_pair(b, 2, -1, true);
	links.raw = b->answer;
	assert_int_equal(net_links_parse(&links), 0);
	assert_int_equal(links.count, 3);
	assert_int_equal(links.links[0].ip_forward, -1);
	assert_int_equal(links.links[0].lower_netns, -1);
	assert_int_equal(links.links[1].ip_forward, -1);
	assert_int_equal(links.links[2].ip_forward, 1);
	assert_int_equal(links.links[2].rp_filter, 0);
	assert_int_equal(links.links[2].ip6_forward, -1);
	assert_int_equal(net_link_setting(-1).v, 0);
	assert_true(net_link_setting(2).known);
	net_links_done(&links);
	rf_free(b);
}

/* This kernel: a namespace of a child's is found, and its lo seen, without going in. */
static void test_this_kernel(void **state)
{
	struct test_host h = {.dir = ""};
	struct fact_store *store = NULL;
	struct rf_err err = {0};
	struct sys *sys = NULL;
	int go[2], end[2];
	char byte = 0;

	(void)state;
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(end), 0);
	pid_t child = fork();

	if (child == 0) {
		close(end[1]);
		byte = unshare(CLONE_NEWNET) == 0;
		(void)!write(go[1], &byte, 1);
		(void)!read(end[0], &byte, 1);
		_exit(0);
	}
	close(end[0]);
	assert_int_equal(read(go[0], &byte, 1), 1);
	if (!byte) {
		close(end[1]);
		print_message("no right to make a network namespace\n");
		skip();
	}
	assert_int_equal(sys_open_live(&sys, &err), 0);
	assert_int_equal(fact_store_open(&store, &err), 0);
	const struct collect_request req = {.host = true};
	struct fact_sink *sink = fact_store_sink(store, "h");

	assert_int_equal(collect_namespaces(sys, &req, sink, &err), 0);
	assert_int_equal(fact_store_finish(store, &err), 0);
	h.store = store;
	char question[300];

	rf_format(
		question, sizeof(question),
		"SELECT count(*) FROM netns n JOIN netns_link l ON l.netns = n.netns WHERE n.own = "
		"0 AND n.readable = 1 AND l.name = 'lo' AND l.role = 'loopback'");
	assert_true(number(&h, question) >= 1);
	assert_int_equal(number(&h, "SELECT count(*) FROM netns WHERE own = 1"), 1);
	close(end[1]);
	fact_store_close(store);
	sys_close(sys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces),  cmocka_unit_test(test_hostile_lists),
		cmocka_unit_test(test_no_answer),   cmocka_unit_test(test_settings),
		cmocka_unit_test(test_this_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
