/* SPDX-License-Identifier: Apache-2.0 */
/* nftables: what a kernel answered (tests/fixtures/nft), hostile answers, and what survives a boot.
 */
#include <unistd.h>

#include "netlink_test.h"
#include "base/limits.h"
#include "base/mem.h"
#include "collect/nft_rule.h"
#include "collect/netlink.h"

static void add_fixture(struct test_host *h, const char *name, const char *probe)
{
	char path[512];
	static char data[65536];

	snprintf(path, sizeof(path), "%s/tests/fixtures/nft/%s.bin", getenv("SOURCE_DIR"), name);
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	size_t n = fread(data, 1, sizeof(data), f);

	fclose(f);
	path[0] = '\0';
	snprintf(path, 256, "/.ringfence/probe/nft/%s", probe);
	host_bytes(h, path, data, n);
}

/* The file of the probe's argument, in which / is written %2F. */
static void add_fixtures(struct test_host *h)
{
	static const char *const sets[] = {"__set0", "__set1", "mgmt", "hosts"};
	char probe[128];

	add_fixture(h, "chains", "chains");
	add_fixture(h, "rules", "rules");
	for (size_t i = 0; i < RF_COUNT(sets); i++) {
		snprintf(probe, sizeof(probe), "elements%%2F1%%2Ffilter%%2F%s", sets[i]);
		add_fixture(h, sets[i], probe);
	}
}

static void test_rules(void **state)
{
	/* One row of rules.nft each: what it says, and how it reads as columns. */
	static const struct {
		const char *rule, *where, *want;
	} rows[] = {
		{"ct state established,related accept", "handle = 5", "/0-65535/1/0/accept"},
		{"ct state invalid drop", "handle = 6", "/0-65535/0/1/drop"},
		{"iifname lo accept", "handle = 7", "/0-65535/1/0/accept"},
		{"tcp dport 22 accept", "handle = 8", "tcp/22-22/0/0/accept"},
		{"tcp dport { 80, 443 }", "handle = 10 AND item = 1", "tcp/443-443/0/0/accept"},
		{"ip saddr 10.0.0.0/8 tcp dport @mgmt", "handle = 11 AND item = 1",
		 "tcp/5900-5999/1/0/accept"},
		{"tcp dport @mgmt", "handle = 12 AND item = 2", "tcp/16514-16514/0/0/accept"},
		{"meta l4proto { tcp, udp } th dport 53", "handle = 14 AND item = 1",
		 "udp/53-53/0/0/accept"},
		{"udp dport 1000-2000", "handle = 15", "udp/1000-2000/0/0/accept"},
		{"tcp dport >= 49152 ct state new", "handle = 16", "tcp/49152-65535/0/0/accept"},
		{"ip saddr . tcp dport @hosts", "handle = 17", "tcp/?-?/1/0/accept"},
		{"tcp dport != 25 drop", "handle = 18", "tcp/?-?/0/0/drop"},
		{"icmp type echo-request limit", "handle = 19", "icmp/0-65535/0/1/accept"},
		{"tcp sport 53", "handle = 22", "tcp/0-65535/0/1/accept"},
		{"ip6 saddr fe80::/10 udp dport 546", "handle = 23", "udp/546-546/1/0/accept"},
		{"ip saddr 0.0.0.0/0 limits nobody", "handle = 24", "tcp/99-99/0/0/accept"},
		{"jump other", "handle = 25", "tcp/7-7/0/0/jump"},
		{"counter log", "handle = 26", "/0-65535/0/0/other"},
		{"reject", "handle = 27", "/0-65535/0/0/reject"},
		{"-m conntrack --ctstate ESTABLISHED", "family = 'ip' AND handle = 2",
		 "/0-65535/1/0/accept"},
		{"-m state --state NEW", "family = 'ip' AND handle = 3", "tcp/5-5/0/0/accept"},
		{"-m multiport", "family = 'ip' AND handle = 4 AND item = 2",
		 "tcp/8000-8010/0/0/accept"},
		{"-s 192.0.2.0/24 --dport 100:200", "family = 'ip' AND handle = 5",
		 "udp/100-200/1/0/accept"},
		{"-m comment", "family = 'ip' AND handle = 6", "/0-65535/0/0/reject"},
	};
	struct test_host h;
	char sql[512];

	(void)state;
	host_make(&h);
	add_fixtures(&h);
	host_collect(&h, collect_firewall);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		snprintf(
			sql, sizeof(sql),
			"SELECT coalesce(proto, '?') || '/' || coalesce(dport_first, '?') || '-' || "
			"coalesce(dport_last, '?') || '/' || peer_limited || '/' || other_match || "
			"'/' || verdict FROM firewall_rule WHERE %s%s",
			strstr(rows[i].where, "family") ? "" : "family = 'inet' AND ",
			rows[i].where);
		if (strcmp(host_ask(&h, sql), rows[i].want) != 0)
			fail_msg("%s: %s, wanted %s", rows[i].rule, host_ask(&h, sql),
				 rows[i].want);
	}
	/* What is not known has a gap: a set of pairs, !=, and a map that was not captured. */
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl = 'firewall_rule'", "6");
	host_done(&h);
}

static void test_chains(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	add_fixtures(&h);
	host_collect(&h, collect_firewall);
	assert_fact(&h,
		    "SELECT policy || rules_count FROM firewall_chain WHERE family = 'inet' AND "
		    "hook = 'input'",
		    "drop20");
	assert_fact(&h, "SELECT hook || policy FROM firewall_chain WHERE family = 'bridge'",
		    "forwardaccept");
	assert_fact(&h,
		    "SELECT hook || policy || rules_count FROM firewall_chain WHERE chain = "
		    "'other'",
		    "0");
	assert_fact(&h, "SELECT value FROM firewall_option WHERE key = 'present'", "1");
	host_done(&h);
}

/* Without sets their ports stay unknown; without rules their number. */
static void test_partial(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	add_fixture(&h, "chains", "chains");
	host_collect(&h, collect_firewall);
	assert_fact(&h, "SELECT rules_count FROM firewall_chain WHERE hook = 'input'", "NULL");
	assert_fact(&h, "SELECT count(*) FROM firewall_rule", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE col = 'rules_count'", "1");
	add_fixture(&h, "rules", "rules");
	host_collect(&h, collect_firewall);
	assert_fact(&h,
		    "SELECT dport_first FROM firewall_rule WHERE family = 'inet' AND handle = "
		    "10",
		    "NULL");
	host_done(&h);
}

static void test_nothing_known(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_firewall);
	/* A chain that could not be asked for is not a chain that is not there. */
	assert_fact(&h, "SELECT coalesce(value, '?') FROM firewall_option WHERE key = 'present'",
		    "?");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl = 'firewall_chain'", "2");
	host_done(&h);
}

static void test_legacy(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_bytes(&h, "/.ringfence/probe/nft/chains", "", 0);
	host_bytes(&h, "/.ringfence/probe/nft/rules", "", 0);
	host_collect(&h, collect_firewall);
	assert_fact(&h, "SELECT value FROM firewall_option WHERE key = 'present'", "0");
	host_file(&h, "/proc/net/ip_tables_names", "filter\nnat\n");
	host_collect(&h, collect_firewall);
	assert_fact(&h, "SELECT value FROM firewall_option WHERE key = 'present'", "1");
	assert_fact(&h,
		    "SELECT reason LIKE '%tables filter nat%' FROM fact_gap WHERE tbl = "
		    "'firewall_chain'",
		    "1");
	host_done(&h);
}

static void test_persistence(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/usr/lib/systemd/system/nftables.service", "[Service]\n");
	host_file(&h, "/usr/lib/systemd/system/ufw.service", "[Service]\n");
	host_file(&h, "/usr/lib/systemd/system/sysinit.target", "[Unit]\n");
	host_link(&h, "/etc/systemd/system/sysinit.target.wants/nftables.service",
		  "/lib/systemd/system/nftables.service");
	host_link(&h, "/etc/systemd/system/sysinit.target.wants/ufw.service",
		  "/lib/systemd/system/ufw.service");
	host_file(&h, "/etc/nftables.conf", "flush ruleset\n");
	host_file(&h, "/etc/ufw/ufw.conf", "# on or off\nENABLED=no\n");
	host_collect(&h, collect_firewall);
	assert_fact(&h,
		    "SELECT group_concat(value, ' ') FROM (SELECT value FROM firewall_option "
		    "WHERE key IN ('nftables/enabled', 'nftables/file', 'ufw/enabled', "
		    "'firewalld/enabled') ORDER BY key)",
		    "0 1 /etc/nftables.conf 0");
	host_file(&h, "/etc/ufw/ufw.conf", "ENABLED=yes\n");
	host_collect(&h, collect_firewall);
	assert_fact(&h, "SELECT value FROM firewall_option WHERE key = 'ufw/enabled'", "1");
	host_done(&h);
}

static void add_element(struct build *b, uint16_t port, bool end)
{
	uint8_t key[2] = {(uint8_t)(port >> 8), (uint8_t)port};
	struct nlattr *element = mnl_attr_nest_start(b->nlh, 1 /* NFTA_LIST_ELEM */);
	struct nlattr *nest = mnl_attr_nest_start(b->nlh, 1 /* NFTA_SET_ELEM_KEY */);

	mnl_attr_put(b->nlh, 1 /* NFTA_DATA_VALUE */, sizeof(key), key);
	mnl_attr_nest_end(b->nlh, nest);
	if (end)
		mnl_attr_put_u32(b->nlh, 3 /* NFTA_SET_ELEM_FLAGS */, htonl(1));
	mnl_attr_nest_end(b->nlh, element);
}

static struct rf_slice elements(const struct build *b)
{
	return (struct rf_slice){(const uint8_t *)mnl_nlmsg_get_payload(b->nlh),
				 mnl_nlmsg_get_payload_len(b->nlh)};
}

static void test_sets(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct nft_set_view view;

	(void)state;
	/* Two ranges that touch, then one to the end; the kernel lists them in any order. */
	build_begin(b, 0, 0);
	add_element(b, 60000, false);
	add_element(b, 20, true);
	add_element(b, 20, false);
	add_element(b, 10, false);
	add_element(b, 31, true);
	nft_set_read(elements(b), 2, &view);
	assert_true(view.known);
	assert_int_equal(view.ranges_count, 3);
	assert_int_equal(view.ranges[0].last, 19);
	assert_int_equal(view.ranges[1].first, 20);
	assert_int_equal(view.ranges[1].last, 30);
	assert_int_equal(view.ranges[2].last, 65535);
	/* Elements of another size, and more of them than are followed. */
	nft_set_read(elements(b), 1, &view);
	assert_false(view.known);
	build_begin(b, 0, 0);
	for (uint16_t i = 0; i < 3 * NFT_RULE_MAX_RANGES; i++)
		add_element(b, i, false);
	nft_set_read(elements(b), 2, &view);
	assert_false(view.known);
	rf_free(b);
}

static void test_broken_rule(void **state)
{
	static const uint8_t junk[] = {0x10, 0, 1, 0x80, 0xff, 0xff, 1, 0, 'm', 'e', 't', 'a'};
	struct nft_rule rule;

	(void)state;
	nft_rule_read((struct rf_slice){junk, sizeof(junk)}, NULL, NULL, &rule);
	assert_true(rule.other_match);
	assert_string_equal(rule.verdict, "other");
	nft_rule_read((struct rf_slice){0}, NULL, NULL, &rule);
	assert_false(rule.other_match);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),	cmocka_unit_test(test_chains),
		cmocka_unit_test(test_partial), cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_legacy),	cmocka_unit_test(test_persistence),
		cmocka_unit_test(test_sets),	cmocka_unit_test(test_broken_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
