/* SPDX-License-Identifier: Apache-2.0 */
/* Where rules of nft send packets: each expression that can, what it computes, and broken rules.
 * The facts out of them: the chains and rules of a directory host. */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include "netlink_test.h"
#include "base/mem.h"
#include "collect/firewall_redirect.h"
#include "collect/nft_way.h"

#define REG  NFT_REG32_00
#define REG2 (NFT_REG32_00 + 4)

/* Rules are messages whose attributes are the expressions. */
static struct nlattr *expression(struct build *b, const char *name, struct nlattr **data)
{
	struct nlattr *element = mnl_attr_nest_start(b->nlh, NFTA_LIST_ELEM);

	mnl_attr_put_strz(b->nlh, NFTA_EXPR_NAME, name);
	*data = mnl_attr_nest_start(b->nlh, NFTA_EXPR_DATA);
	return element;
}

static void finish(struct build *b, struct nlattr *element, struct nlattr *data)
{
	mnl_attr_nest_end(b->nlh, data);
	mnl_attr_nest_end(b->nlh, element);
}

static void number_put(struct build *b, uint16_t attribute, uint32_t value)
{
	mnl_attr_put_u32(b->nlh, attribute, htonl(value));
}

static void value_put(struct build *b, uint16_t attribute, const void *value, size_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(b->nlh, attribute);

	mnl_attr_put(b->nlh, NFTA_DATA_VALUE, len, value);
	mnl_attr_nest_end(b->nlh, nest);
}

static void immediate(struct build *b, uint32_t reg, const void *value, size_t len)
{
	struct nlattr *data, *e = expression(b, "immediate", &data);

	number_put(b, NFTA_IMMEDIATE_DREG, reg);
	value_put(b, NFTA_IMMEDIATE_DATA, value, len);
	finish(b, e, data);
}

static void comes_by(struct build *b, uint32_t key, const void *value, size_t len)
{
	struct nlattr *data, *e = expression(b, "meta", &data);

	number_put(b, NFTA_META_KEY, key);
	number_put(b, NFTA_META_DREG, REG);
	finish(b, e, data);
	e = expression(b, "cmp", &data);
	number_put(b, NFTA_CMP_SREG, REG);
	number_put(b, NFTA_CMP_OP, NFT_CMP_EQ);
	value_put(b, NFTA_CMP_DATA, value, len);
	finish(b, e, data);
}

/* An expression of up to two numbers. */
static void numbers(struct build *b, const char *name, uint16_t a, uint32_t a_value, uint16_t c,
		    uint32_t c_value)
{
	struct nlattr *data, *e = expression(b, name, &data);

	if (a)
		number_put(b, a, a_value);
	if (c)
		number_put(b, c, c_value);
	finish(b, e, data);
}

static void target(struct build *b, const char *name, uint32_t revision, const void *info,
		   size_t len)
{
	struct nlattr *data, *e = expression(b, "target", &data);

	mnl_attr_put_strz(b->nlh, NFTA_TARGET_NAME, name);
	number_put(b, NFTA_TARGET_REV, revision);
	mnl_attr_put(b->nlh, NFTA_TARGET_INFO, len, info);
	finish(b, e, data);
}

static const uint32_t five = 5;
static const uint8_t four[4] = {10, 2, 0, 77};
static const uint8_t six[16] = {0x20, 1, 0xd, 0xb8, [15] = 7};

static void put_fwd(struct build *b)
{
	immediate(b, REG, &five, sizeof(five));
	numbers(b, "fwd", NFTA_FWD_SREG_DEV, REG, 0, 0);
}
static void put_fwd_computed(struct build *b)
{
	immediate(b, REG, &five, sizeof(five));
	numbers(b, "lookup", NFTA_LOOKUP_SREG, REG2, NFTA_LOOKUP_DREG, REG);
	numbers(b, "fwd", NFTA_FWD_SREG_DEV, REG, 0, 0);
}
/* 16 bytes behind the register that holds it, and before. */
static void put_fwd_overwritten(struct build *b)
{
	immediate(b, REG + 1, &five, sizeof(five));
	immediate(b, REG, six, sizeof(six));
	numbers(b, "fwd", NFTA_FWD_SREG_DEV, REG + 1, 0, 0);
}
static void put_dup(struct build *b)
{
	immediate(b, REG, four, sizeof(four));
	immediate(b, REG2, &five, sizeof(five));
	numbers(b, "dup", NFTA_DUP_SREG_ADDR, REG, NFTA_DUP_SREG_DEV, REG2);
}
static void put_dup_six(struct build *b)
{
	immediate(b, NFT_REG_1, six, sizeof(six));
	numbers(b, "dup", NFTA_DUP_SREG_ADDR, NFT_REG_1, 0, 0);
}
static void put_dnat(struct build *b)
{
	immediate(b, REG, four, sizeof(four));
	numbers(b, "nat", NFTA_NAT_TYPE, NFT_NAT_DNAT, NFTA_NAT_REG_ADDR_MIN, REG);
}
static void put_dnat_map(struct build *b)
{
	numbers(b, "nat", NFTA_NAT_TYPE, NFT_NAT_DNAT, NFTA_NAT_REG_ADDR_MIN, REG);
}
static void put_dnat_port(struct build *b)
{
	numbers(b, "nat", NFTA_NAT_TYPE, NFT_NAT_DNAT, NFTA_NAT_REG_PROTO_MIN, REG);
}
static void put_snat(struct build *b)
{
	immediate(b, REG, four, sizeof(four));
	numbers(b, "nat", NFTA_NAT_TYPE, NFT_NAT_SNAT, NFTA_NAT_REG_ADDR_MIN, REG);
}
static void put_redir(struct build *b)
{
	numbers(b, "redir", 0, 0, 0, 0);
}
static void put_tproxy(struct build *b)
{
	numbers(b, "tproxy", 0, 0, 0, 0);
}
static void put_broute(struct build *b)
{
	numbers(b, "meta", NFTA_META_KEY, 35, NFTA_META_SREG, REG);
}
static void put_mark(struct build *b)
{
	numbers(b, "meta", NFTA_META_KEY, NFT_META_MARK, NFTA_META_SREG, REG);
}
static void put_xt_dnat0(struct build *b)
{
	struct nf_nat_ipv4_multi_range_compat info = {.rangesize = 1};

	info.range[0].flags = NF_NAT_RANGE_MAP_IPS;
	memcpy(&info.range[0].min_ip, four, sizeof(four));
	target(b, "DNAT", 0, &info, sizeof(info));
}
static void put_xt_dnat2(struct build *b)
{
	struct nf_nat_range2 info = {.flags = NF_NAT_RANGE_MAP_IPS};

	memcpy(&info.min_addr, four, sizeof(four));
	target(b, "DNAT", 2, &info, sizeof(info));
}
static void put_xt_dnat_port(struct build *b)
{
	struct nf_nat_range2 info = {.flags = NF_NAT_RANGE_PROTO_SPECIFIED};

	target(b, "DNAT", 2, &info, sizeof(info));
}
static void put_xt_dnat_cut(struct build *b)
{
	target(b, "DNAT", 2, four, sizeof(four));
}
static void put_tee(struct build *b)
{
	uint8_t info[40] = {10, 2, 0, 77, [16] = 'e', 't', 'h', '7'};

	target(b, "TEE", 1, info, sizeof(info));
}
static void put_tee_cut(struct build *b)
{
	target(b, "TEE", 1, six, sizeof(six));
}
static void put_xt_redirect(struct build *b)
{
	target(b, "REDIRECT", 0, six, sizeof(six));
}
static void put_ebt_redirect(struct build *b)
{
	target(b, "redirect", 0, six, 4);
}
static void put_named(struct build *b)
{
	static const char name[16] = "vnet0", star[5] = "vnet";

	comes_by(b, NFT_META_IIFNAME, name, sizeof(name));
	comes_by(b, NFT_META_IIFNAME, star, sizeof(star) - 1);
	comes_by(b, NFT_META_IIF, &five, sizeof(five));
	put_redir(b);
}
static void put_broken(struct build *b)
{
	numbers(b, "fwd", NFTA_FWD_SREG_DEV, 7777, 0, 0);
	numbers(b, "dup", NFTA_DUP_SREG_ADDR, UINT32_MAX, NFTA_DUP_SREG_DEV, NFT_REG_VERDICT);
	immediate(b, REG, "", 0);
	immediate(b, REG + 15, b->bytes, 64);
	numbers(b, "fwd", NFTA_FWD_SREG_DEV, REG + 15, 0, 0);
}

/* "kind index link address@names#indexes", a "?" where it is computed. */
static void words_of(const struct nft_ways *ways, struct rf_buf *out)
{
	for (size_t i = 0; i < ways->count; i++) {
		const struct nft_way *w = &ways->items[i];

		rf_buf_printf(out, "%s%s %u %s %s", i ? "; " : "", w->kind, w->to_index,
			      w->link_known ? w->to_link : "?",
			      w->address_known ? w->to_address : "?");
	}
	for (size_t i = 0; i < ways->links_count; i++)
		rf_buf_printf(out, "@%s", ways->links[i]);
	for (size_t i = 0; i < ways->indexes_count; i++)
		rf_buf_printf(out, "#%u", ways->indexes[i]);
}

static void each_expression(void **state)
{
	static const struct {
		const char *name;
		void (*put)(struct build *b);
		const char *want;
		uint8_t family;
	} rows[] = {
		{"fwd", put_fwd, "fwd 5  ", NFPROTO_NETDEV},
		{"fwd by a map", put_fwd_computed, "fwd 0 ? ", NFPROTO_NETDEV},
		{"fwd by what was overwritten", put_fwd_overwritten, "fwd 0 ? ", NFPROTO_NETDEV},
		{"dup", put_dup, "dup 5  10.2.0.77", NFPROTO_IPV4},
		{"dup in IPv6", put_dup_six, "dup 0  2001:db8::7", NFPROTO_IPV6},
		{"dnat", put_dnat, "dnat 0  10.2.0.77", NFPROTO_INET},
		{"dnat by a map", put_dnat_map, "dnat 0  ?", NFPROTO_INET},
		{"dnat of the port only", put_dnat_port, "", NFPROTO_INET},
		{"snat", put_snat, "", NFPROTO_INET},
		{"redirect", put_redir, "redirect 0  ", NFPROTO_INET},
		{"tproxy", put_tproxy, "tproxy 0  ", NFPROTO_INET},
		{"broute", put_broute, "broute 0  ", NFPROTO_BRIDGE},
		{"broute is the bridge's", put_broute, "", NFPROTO_IPV4},
		{"a mark", put_mark, "", NFPROTO_BRIDGE},
		{"DNAT of iptables, first form", put_xt_dnat0, "dnat 0  10.2.0.77", NFPROTO_IPV4},
		{"DNAT of iptables", put_xt_dnat2, "dnat 0  10.2.0.77", NFPROTO_IPV4},
		{"DNAT of a port", put_xt_dnat_port, "", NFPROTO_IPV4},
		{"DNAT cut off", put_xt_dnat_cut, "dnat 0  ?", NFPROTO_IPV4},
		{"TEE", put_tee, "dup 0 eth7 10.2.0.77", NFPROTO_IPV4},
		{"TEE cut off", put_tee_cut, "dup 0 ? ?", NFPROTO_IPV4},
		{"REDIRECT", put_xt_redirect, "redirect 0  ", NFPROTO_IPV4},
		{"redirect of ebtables", put_ebt_redirect, "redirect 0  ", NFPROTO_BRIDGE},
		{"the link it came in by", put_named, "redirect 0  @vnet0#5", NFPROTO_INET},
		{"broken", put_broken, "fwd 0 ? ; dup 0 ? ?; fwd 0 ? ", NFPROTO_NETDEV},
	};
	struct build *b = rf_alloc(1, sizeof(*b));

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf words = {0};
		struct nft_ways ways;

		build_begin(b, 0, 0);
		rows[i].put(b);
		const struct rf_slice all = {mnl_nlmsg_get_payload(b->nlh),
					     mnl_nlmsg_get_payload_len(b->nlh)};

		nft_ways_read(all, rows[i].family, &ways);
		words_of(&ways, &words);
		if (strcmp(rf_buf_text(&words), rows[i].want) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, rf_buf_text(&words));
		/* Cut off anywhere it says less, and nothing else happens. */
		for (size_t len = 0; len < all.len; len++)
			nft_ways_read((struct rf_slice){all.data, len}, rows[i].family, &ways);
	}
	rf_free(b);
}

static void more_than_are_followed(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	static const char name[16] = "vnet0";
	struct nft_ways ways;

	(void)state;
	build_begin(b, 0, 0);
	for (size_t i = 0; i < NFT_WAYS_MAX + 3; i++) {
		comes_by(b, NFT_META_IIFNAME, name, sizeof(name));
		put_redir(b);
	}
	nft_ways_read(
		(struct rf_slice){mnl_nlmsg_get_payload(b->nlh), mnl_nlmsg_get_payload_len(b->nlh)},
		NFPROTO_INET, &ways);
	assert_int_equal(ways.count, NFT_WAYS_MAX);
	assert_true(ways.overflow);
	assert_int_equal(ways.links_count, NFT_WAY_LINKS);
	rf_free(b);
}

/* ---- facts ---- */

static void message_begin(struct build *b, uint16_t type)
{
	struct nfgenmsg *header = build_begin(b, NFNL_SUBSYS_NFTABLES << 8 | type, sizeof(*header));

	header->nfgen_family = NFPROTO_NETDEV;
	mnl_attr_put_strz(b->nlh, NFTA_RULE_TABLE, "t");
}

static void rows_of_a_host(void **state)
{
	static const char *const devices[] = {"eth0", "br-lab"};
	struct build *b = rf_alloc(1, sizeof(*b));
	struct test_host h;

	(void)state;
	host_make(&h);
	build_link(b, 5, "br-prod", 0);
	build_end(b);
	build_probe(b, &h, "rtnl-link");
	message_begin(b, NFT_MSG_NEWCHAIN);
	mnl_attr_put_strz(b->nlh, NFTA_CHAIN_NAME, "c");
	struct nlattr *hook = mnl_attr_nest_start(b->nlh, NFTA_CHAIN_HOOK);

	number_put(b, NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
	mnl_attr_put_strz(b->nlh, NFTA_HOOK_DEV, "eth0");
	struct nlattr *list = mnl_attr_nest_start(b->nlh, NFTA_HOOK_DEVS);

	for (size_t i = 0; i < RF_COUNT(devices); i++)
		mnl_attr_put_strz(b->nlh, NFTA_DEVICE_NAME, devices[i]);
	mnl_attr_nest_end(b->nlh, list);
	mnl_attr_nest_end(b->nlh, hook);
	build_end(b);
	build_probe(b, &h, "nft/chains");
	void (*const puts[])(struct build * b) = {put_fwd, put_fwd_computed};

	for (uint64_t i = 0; i < RF_COUNT(puts); i++) {
		message_begin(b, NFT_MSG_NEWRULE);
		mnl_attr_put_strz(b->nlh, NFTA_RULE_CHAIN, "c");
		mnl_attr_put_u64(b->nlh, NFTA_RULE_HANDLE, htobe64(i + 1));
		list = mnl_attr_nest_start(b->nlh, NFTA_RULE_EXPRESSIONS);
		puts[i](b);
		mnl_attr_nest_end(b->nlh, list);
		build_end(b);
	}
	build_probe(b, &h, "nft/rules");
	host_collect(&h, collect_firewall);
	assert_fact(&h, "SELECT hook || ' ' || devices FROM firewall_chain", "ingress eth0,br-lab");
	assert_fact(&h,
		    "SELECT kind || ' ' || to_link || ' ' || to_index || '/' || to_address || "
		    "links FROM firewall_redirect WHERE handle = 1",
		    "fwd br-prod 5/");
	assert_fact(&h, "SELECT to_link IS NULL FROM firewall_redirect WHERE handle = 2", "1");
	assert_fact(&h, "SELECT key || ' ' || col FROM fact_gap WHERE tbl = 'firewall_redirect'",
		    "netdev/t/c/2/0 to_link");
	host_done(&h);
	rf_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_expression),
		cmocka_unit_test(more_than_are_followed),
		cmocka_unit_test(rows_of_a_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
