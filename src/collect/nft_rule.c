/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One nftables rule as columns; see nft_rule.h. A rule is a list of expressions over registers:
 * one loads a field, the next compares it. Each register remembers which field it holds.
 */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/netlink.h"
#include "collect/nft_rule.h"

/* What a register holds. */
enum field {
	FIELD_NONE,
	FIELD_NEUTRAL, /* says nothing of the peer: family, destination address, output link */
	FIELD_PROTO,
	FIELD_DPORT,
	FIELD_PEER, /* source address or input link */
	FIELD_CT_STATE,
	FIELD_OTHER,
};

/* 32-bit registers; the four old ones of 16 bytes are their groups of four. */
#define REGS_COUNT 16

struct state {
	struct nft_rule *rule;
	nft_set_fn *set;
	void *ctx;
	enum field regs[REGS_COUNT];
	bool masked_out[REGS_COUNT]; /* a mask of zeros: the comparison holds for everything */
	bool fresh[REGS_COUNT];	     /* loaded since the last comparison */
	uint32_t ct_mask;	     /* of the last bitwise on a connection state */
};

static size_t reg_index(struct rf_slice value)
{
	uint32_t n = nl_be32(value, 0);

	if (n >= NFT_REG_1 && n <= NFT_REG_4)
		return (n - NFT_REG_1) * 4;
	if (n >= NFT_REG32_00 && n < NFT_REG32_00 + REGS_COUNT)
		return n - NFT_REG32_00;
	return REGS_COUNT;
}

static void reg_load(struct state *s, struct rf_slice reg, enum field field)
{
	size_t i = reg_index(reg);

	if (i >= REGS_COUNT)
		return;
	s->regs[i] = field;
	s->masked_out[i] = false;
	s->fresh[i] = true;
}

static void ports_add(struct nft_rule *rule, uint32_t first, uint32_t last)
{
	if (first > last || last > UINT16_MAX || rule->ports_count >= NFT_RULE_MAX_RANGES) {
		rule->ports_known = false;
		return;
	}
	rule->ports[rule->ports_count++] = (struct nft_range){(uint16_t)first, (uint16_t)last};
}

/* A second comparison of the port narrows the first: `>= 1024` and then `<= 2048`. */
static void ports_narrow(struct nft_rule *rule, uint32_t first, uint32_t last)
{
	if (rule->ports_count == 0) {
		ports_add(rule, first, last);
		return;
	}
	if (rule->ports_count > 1) {
		rule->ports_known = false;
		return;
	}
	struct nft_range *range = &rule->ports[0];

	if (first > range->first)
		range->first = (uint16_t)first;
	if (last < range->last)
		range->last = (uint16_t)last;
	if (range->first > range->last)
		rule->ports_known = false;
}

static void protos_add(struct nft_rule *rule, uint8_t proto)
{
	for (size_t i = 0; i < rule->protos_count; i++) {
		if (rule->protos[i] == proto)
			return;
	}
	if (rule->protos_count >= NFT_RULE_MAX_PROTOS) {
		rule->protos_known = false;
		return;
	}
	rule->protos[rule->protos_count++] = proto;
}

static struct rf_slice data_value(struct rf_slice data)
{
	struct rf_slice a[NFTA_DATA_VERDICT + 1];

	nl_attrs(data, a, RF_COUNT(a));
	return a[NFTA_DATA_VALUE];
}

/* The value of a port or protocol, big end first; -1 when it has another size. */
static int64_t data_number(struct rf_slice value)
{
	if (!value.data || value.len == 0 || value.len > 2)
		return -1;
	return value.len == 1 ? value.data[0] : value.data[0] << 8 | value.data[1];
}

static void read_meta(struct state *s, struct rf_slice data)
{
	struct rf_slice a[NFTA_META_SREG + 1];
	enum field field = FIELD_OTHER;

	nl_attrs(data, a, RF_COUNT(a));
	/* With a source register the rule sets a mark and asks nothing. */
	if (a[NFTA_META_SREG].data)
		return;
	switch (nl_be32(a[NFTA_META_KEY], UINT32_MAX)) {
	case NFT_META_L4PROTO:
		field = FIELD_PROTO;
		break;
	case NFT_META_IIF:
	case NFT_META_IIFNAME:
	case NFT_META_IIFGROUP:
	case NFT_META_BRI_IIFNAME:
		field = FIELD_PEER;
		break;
	case NFT_META_NFPROTO:
	case NFT_META_PROTOCOL:
	case NFT_META_OIF:
	case NFT_META_OIFNAME:
	case NFT_META_OIFGROUP:
	case NFT_META_BRI_OIFNAME:
		field = FIELD_NEUTRAL;
		break;
	default:
		break;
	}
	reg_load(s, a[NFTA_META_DREG], field);
}

/* The fields of a header that are followed: base, offset, shortest and longest load. */
static const struct {
	uint32_t base, offset, shortest, longest;
	enum field field;
} payload_fields[] = {
	{NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 2, FIELD_DPORT},
	{NFT_PAYLOAD_NETWORK_HEADER, 9, 1, 1, FIELD_PROTO},	/* IPv4 protocol */
	{NFT_PAYLOAD_NETWORK_HEADER, 6, 1, 1, FIELD_PROTO},	/* IPv6 next header */
	{NFT_PAYLOAD_NETWORK_HEADER, 12, 1, 4, FIELD_PEER},	/* IPv4 source, whole or prefix */
	{NFT_PAYLOAD_NETWORK_HEADER, 8, 2, 16, FIELD_PEER},	/* IPv6 source */
	{NFT_PAYLOAD_NETWORK_HEADER, 16, 1, 4, FIELD_NEUTRAL},	/* IPv4 destination */
	{NFT_PAYLOAD_NETWORK_HEADER, 24, 1, 16, FIELD_NEUTRAL}, /* IPv6 destination */
	{NFT_PAYLOAD_LL_HEADER, 6, 1, 6, FIELD_PEER},		/* Ethernet source */
	{NFT_PAYLOAD_LL_HEADER, 0, 1, 6, FIELD_NEUTRAL},	/* Ethernet destination */
	{NFT_PAYLOAD_LL_HEADER, 12, 2, 2, FIELD_NEUTRAL},	/* Ethernet type */
};

static void read_payload(struct state *s, struct rf_slice data)
{
	struct rf_slice a[NFTA_PAYLOAD_SREG + 1];
	enum field field = FIELD_OTHER;

	nl_attrs(data, a, RF_COUNT(a));
	if (a[NFTA_PAYLOAD_SREG].data)
		return;
	uint32_t base = nl_be32(a[NFTA_PAYLOAD_BASE], UINT32_MAX);
	uint32_t offset = nl_be32(a[NFTA_PAYLOAD_OFFSET], UINT32_MAX);
	uint32_t len = nl_be32(a[NFTA_PAYLOAD_LEN], 0);

	for (size_t i = 0; i < RF_COUNT(payload_fields); i++) {
		if (payload_fields[i].base == base && payload_fields[i].offset == offset &&
		    len >= payload_fields[i].shortest && len <= payload_fields[i].longest)
			field = payload_fields[i].field;
	}
	reg_load(s, a[NFTA_PAYLOAD_DREG], field);
}

static void read_ct(struct state *s, struct rf_slice data)
{
	struct rf_slice a[NFTA_CT_SREG + 1];

	nl_attrs(data, a, RF_COUNT(a));
	if (a[NFTA_CT_SREG].data)
		return;
	bool is_state = nl_be32(a[NFTA_CT_KEY], UINT32_MAX) == NFT_CT_STATE;

	s->ct_mask = 0;
	reg_load(s, a[NFTA_CT_DREG], is_state ? FIELD_CT_STATE : FIELD_OTHER);
}

static void read_bitwise(struct state *s, struct rf_slice data)
{
	struct rf_slice a[NFTA_BITWISE_DATA + 1];

	nl_attrs(data, a, RF_COUNT(a));
	size_t from = reg_index(a[NFTA_BITWISE_SREG]);
	size_t to = reg_index(a[NFTA_BITWISE_DREG]);
	struct rf_slice mask = data_value(a[NFTA_BITWISE_MASK]);
	bool zero = mask.len > 0;

	if (from >= REGS_COUNT || to >= REGS_COUNT)
		return;
	for (size_t i = 0; i < mask.len; i++)
		zero = zero && mask.data[i] == 0;
	s->regs[to] = s->regs[from];
	s->masked_out[to] = zero;
	if (s->regs[to] == FIELD_CT_STATE)
		s->ct_mask = nl_u32(mask, 0);
	/* A masked port is no range. */
	if (s->regs[to] == FIELD_DPORT || s->regs[to] == FIELD_PROTO)
		s->regs[to] = FIELD_OTHER;
}

/* True when a connection in one of these states was let in before. */
static bool ct_excludes_new(uint32_t mask)
{
	return mask != 0 && !(mask & (NF_CT_STATE_BIT(IP_CT_NEW) | NF_CT_STATE_UNTRACKED_BIT |
				      NF_CT_STATE_INVALID_BIT));
}

static void compare_ct(struct state *s, uint32_t op, struct rf_slice value)
{
	uint32_t states = op == NFT_CMP_EQ ? nl_u32(value, 0) : s->ct_mask;

	/* `ct state new` limits nobody: every stranger's first packet is new. */
	if (states & NF_CT_STATE_BIT(IP_CT_NEW))
		return;
	if (ct_excludes_new(states))
		s->rule->peer_limited = true;
	else
		s->rule->other_match = true;
}

static void compare_port(struct nft_rule *rule, uint32_t op, int64_t n)
{
	if (n < 0 || op == NFT_CMP_NEQ || (op == NFT_CMP_LT && n == 0) ||
	    (op == NFT_CMP_GT && n == UINT16_MAX)) {
		rule->ports_known = false;
		return;
	}
	uint32_t port = (uint32_t)n;

	if (op == NFT_CMP_EQ)
		ports_narrow(rule, port, port);
	else if (op == NFT_CMP_LT || op == NFT_CMP_LTE)
		ports_narrow(rule, 0, op == NFT_CMP_LT ? port - 1 : port);
	else
		ports_narrow(rule, op == NFT_CMP_GT ? port + 1 : port, UINT16_MAX);
}

/* One comparison of a field with a value. */
static void compare(struct state *s, size_t reg, uint32_t op, struct rf_slice value)
{
	switch (s->regs[reg]) {
	case FIELD_PROTO:
		if (op == NFT_CMP_EQ && data_number(value) >= 0)
			protos_add(s->rule, (uint8_t)data_number(value));
		else
			s->rule->protos_known = false;
		break;
	case FIELD_DPORT:
		compare_port(s->rule, op, data_number(value));
		break;
	case FIELD_PEER:
		if (!s->masked_out[reg])
			s->rule->peer_limited = true;
		break;
	case FIELD_CT_STATE:
		compare_ct(s, op, value);
		break;
	case FIELD_NEUTRAL:
		break;
	case FIELD_NONE:
	case FIELD_OTHER:
		s->rule->other_match = true;
		break;
	}
}

static void read_cmp(struct state *s, struct rf_slice data)
{
	struct rf_slice a[NFTA_CMP_DATA + 1];

	nl_attrs(data, a, RF_COUNT(a));
	size_t reg = reg_index(a[NFTA_CMP_SREG]);

	memset(s->fresh, 0, sizeof(s->fresh));
	if (reg < REGS_COUNT)
		compare(s, reg, nl_be32(a[NFTA_CMP_OP], UINT32_MAX), data_value(a[NFTA_CMP_DATA]));
	else
		s->rule->other_match = true;
}

static void read_range(struct state *s, struct rf_slice data)
{
	struct rf_slice a[NFTA_RANGE_TO_DATA + 1];

	nl_attrs(data, a, RF_COUNT(a));
	size_t reg = reg_index(a[NFTA_RANGE_SREG]);
	int64_t first = data_number(data_value(a[NFTA_RANGE_FROM_DATA]));
	int64_t last = data_number(data_value(a[NFTA_RANGE_TO_DATA]));
	bool equal = nl_be32(a[NFTA_RANGE_OP], UINT32_MAX) == NFT_RANGE_EQ;

	memset(s->fresh, 0, sizeof(s->fresh));
	if (reg >= REGS_COUNT) {
		s->rule->other_match = true;
	} else if (s->regs[reg] == FIELD_DPORT) {
		if (equal && first >= 0 && last >= 0)
			ports_narrow(s->rule, (uint32_t)first, (uint32_t)last);
		else
			s->rule->ports_known = false;
	} else {
		compare(s, reg, NFT_CMP_NEQ, (struct rf_slice){0});
	}
}

/* A set decides over one field: take its elements where they are at hand. */
static void lookup_field(struct state *s, enum field field, const char *set, bool inverted)
{
	size_t size = field == FIELD_PROTO ? 1 : 2;
	struct nft_set_view view = {0};
	bool known = !inverted && s->set && s->set(s->ctx, set, size, &view) && view.known &&
		     view.ranges_count > 0;

	if (field == FIELD_DPORT) {
		s->rule->ports_known = s->rule->ports_known && known;
		for (size_t i = 0; known && i < view.ranges_count; i++)
			ports_add(s->rule, view.ranges[i].first, view.ranges[i].last);
		return;
	}
	s->rule->protos_known = s->rule->protos_known && known;
	for (size_t i = 0; known && i < view.ranges_count; i++) {
		for (unsigned int n = view.ranges[i].first; n <= view.ranges[i].last; n++)
			protos_add(s->rule, (uint8_t)n);
	}
}

static void read_lookup(struct state *s, struct rf_slice data)
{
	struct rf_slice a[NFTA_LOOKUP_FLAGS + 1];
	char set[256];

	nl_attrs(data, a, RF_COUNT(a));
	size_t reg = reg_index(a[NFTA_LOOKUP_SREG]);
	bool inverted = nl_be32(a[NFTA_LOOKUP_FLAGS], 0) & NFT_LOOKUP_F_INV;

	nl_text(a[NFTA_LOOKUP_SET], set, sizeof(set));
	if (reg >= REGS_COUNT) {
		s->rule->other_match = true;
		return;
	}
	/* A map to verdicts decides by the element: nothing simple can be said of it. */
	if (a[NFTA_LOOKUP_DREG].data && nl_be32(a[NFTA_LOOKUP_DREG], 1) == NFT_REG_VERDICT)
		s->rule->verdict = "other";
	bool joined = false;

	/* Fields that are looked up together were loaded into registers one behind another. */
	for (size_t i = reg + 1; i < REGS_COUNT; i++)
		joined = joined || s->fresh[i];
	for (size_t i = reg; i < REGS_COUNT; i++) {
		if (i != reg && !s->fresh[i])
			continue;
		if (s->regs[i] == FIELD_PROTO || s->regs[i] == FIELD_DPORT)
			lookup_field(s, s->regs[i], set, inverted || joined);
		else
			compare(s, i, NFT_CMP_NEQ, (struct rf_slice){0});
	}
	memset(s->fresh, 0, sizeof(s->fresh));
}

static const char *verdict_name(uint32_t code)
{
	switch ((int32_t)code) {
	case NF_DROP:
		return "drop";
	case NF_ACCEPT:
		return "accept";
	case NFT_JUMP:
	case NFT_GOTO:
		return "jump";
	default:
		return "other";
	}
}

static void read_immediate(struct state *s, struct rf_slice data)
{
	struct rf_slice a[NFTA_IMMEDIATE_DATA + 1];
	struct rf_slice d[NFTA_DATA_VERDICT + 1];
	struct rf_slice v[NFTA_VERDICT_CODE + 1];

	nl_attrs(data, a, RF_COUNT(a));
	if (nl_be32(a[NFTA_IMMEDIATE_DREG], 1) != NFT_REG_VERDICT) {
		reg_load(s, a[NFTA_IMMEDIATE_DREG], FIELD_NEUTRAL);
		return;
	}
	nl_attrs(a[NFTA_IMMEDIATE_DATA], d, RF_COUNT(d));
	nl_attrs(d[NFTA_DATA_VERDICT], v, RF_COUNT(v));
	if (v[NFTA_VERDICT_CODE].data)
		s->rule->verdict = verdict_name(nl_be32(v[NFTA_VERDICT_CODE], 0));
}

static void read_reject(struct state *s, struct rf_slice data)
{
	(void)data;
	s->rule->verdict = "reject";
}

static void read_nothing(struct state *s, struct rf_slice data)
{
	(void)s;
	(void)data;
}

/* xt_tcp and xt_udp begin alike: two source ports, two destination ports, host order. */
static void match_ports(struct state *s, struct rf_slice info, size_t inverse_at, uint8_t proto)
{
	uint16_t p[4];

	protos_add(s->rule, proto);
	if (info.len <= inverse_at) {
		s->rule->ports_known = false;
		return;
	}
	memcpy(p, info.data, sizeof(p));
	if (p[0] != 0 || p[1] != UINT16_MAX)
		s->rule->other_match = true;
	if (info.data[inverse_at] & 0x02) /* XT_TCP_INV_DSTPT, XT_UDP_INV_DSTPT */
		s->rule->ports_known = false;
	else if (p[2] != 0 || p[3] != UINT16_MAX)
		ports_narrow(s->rule, p[2], p[3]);
}

/* struct xt_multiport_v1: flags, count, 15 ports, 15 range flags, invert. */
static void match_multiport(struct state *s, struct rf_slice info)
{
	uint16_t ports[15];

	if (info.len < 2 + sizeof(ports) + 16 || info.data[1] > 15) {
		s->rule->ports_known = false;
		return;
	}
	const uint8_t *ranges = info.data + 2 + sizeof(ports);
	bool inverted = ranges[15];

	memcpy(ports, info.data + 2, sizeof(ports));
	if (info.data[0] == 0) { /* XT_MULTIPORT_SOURCE */
		s->rule->other_match = true;
		return;
	}
	if (inverted)
		s->rule->ports_known = false;
	for (size_t i = 0; !inverted && i < info.data[1]; i++) {
		bool range = ranges[i] && i + 1 < info.data[1];

		ports_add(s->rule, ports[i], range ? ports[i + 1] : ports[i]);
		i += range;
	}
}

/* struct xt_conntrack_mtinfo2 and 3 behind their addresses, times and ports. */
#define CONNTRACK_FLAGS	 146
#define CONNTRACK_INVERT 148
#define CONNTRACK_STATES 150
#define CONNTRACK_STATE	 0x0001
#define CONNTRACK_ALIAS	 0x2000 /* written as -m state */

/* A state of the connection, by the match conntrack or the older match state. */
static void match_states(struct state *s, uint32_t states)
{
	s->ct_mask = states;
	compare_ct(s, NFT_CMP_NEQ, (struct rf_slice){0});
}

/* struct xt_state_info, padded to 8 bytes. */
static void match_old_states(struct state *s, struct rf_slice info)
{
	uint32_t states = 0;

	if (info.len >= sizeof(states))
		memcpy(&states, info.data, sizeof(states));
	match_states(s, states);
}

static void match_conntrack(struct state *s, struct rf_slice info, uint32_t revision)
{
	uint16_t flags, invert, states;

	if (revision < 2 || info.len < CONNTRACK_STATES + sizeof(states)) {
		s->rule->other_match = true;
		return;
	}
	memcpy(&flags, info.data + CONNTRACK_FLAGS, sizeof(flags));
	memcpy(&invert, info.data + CONNTRACK_INVERT, sizeof(invert));
	memcpy(&states, info.data + CONNTRACK_STATES, sizeof(states));
	if ((flags & ~CONNTRACK_ALIAS) == CONNTRACK_STATE && invert == 0)
		match_states(s, states);
	else
		s->rule->other_match = true;
}

/* A match of iptables that nf_tables has no expression for. */
static void read_xt_match(struct state *s, struct rf_slice data)
{
	struct rf_slice a[NFTA_MATCH_INFO + 1];
	char name[32];

	nl_attrs(data, a, RF_COUNT(a));
	nl_text(a[NFTA_MATCH_NAME], name, sizeof(name));
	if (strcmp(name, "comment") == 0)
		return;
	if (strcmp(name, "tcp") == 0)
		match_ports(s, a[NFTA_MATCH_INFO], 11, IPPROTO_TCP);
	else if (strcmp(name, "udp") == 0)
		match_ports(s, a[NFTA_MATCH_INFO], 8, IPPROTO_UDP);
	else if (strcmp(name, "multiport") == 0)
		match_multiport(s, a[NFTA_MATCH_INFO]);
	else if (strcmp(name, "conntrack") == 0)
		match_conntrack(s, a[NFTA_MATCH_INFO], nl_be32(a[NFTA_MATCH_REV], 0));
	else if (strcmp(name, "state") == 0)
		match_old_states(s, a[NFTA_MATCH_INFO]);
	else if (strcmp(name, "iprange") == 0 || strcmp(name, "mac") == 0)
		s->rule->peer_limited = true;
	else
		s->rule->other_match = true;
}

static void read_xt_target(struct state *s, struct rf_slice data)
{
	struct rf_slice a[NFTA_TARGET_INFO + 1];
	char name[32];

	nl_attrs(data, a, RF_COUNT(a));
	nl_text(a[NFTA_TARGET_NAME], name, sizeof(name));
	if (strcmp(name, "REJECT") == 0)
		s->rule->verdict = "reject";
}

static const struct {
	const char *name;
	void (*read)(struct state *s, struct rf_slice data);
} expressions_known[] = {
	{"meta", read_meta},
	{"payload", read_payload},
	{"ct", read_ct},
	{"bitwise", read_bitwise},
	{"cmp", read_cmp},
	{"range", read_range},
	{"lookup", read_lookup},
	{"immediate", read_immediate},
	{"reject", read_reject},
	{"match", read_xt_match},
	{"target", read_xt_target},
	{"counter", read_nothing},
	{"log", read_nothing},
	{"notrack", read_nothing},
	{"masq", read_nothing},
	{"nat", read_nothing},
	{"redir", read_nothing},
	{"objref", read_nothing},
	{"dynset", read_nothing},
	{"last", read_nothing},
	{"queue", read_nothing},
	{"byteorder", read_nothing},
};

static void read_expression(struct state *s, struct rf_slice element)
{
	struct rf_slice a[NFTA_EXPR_DATA + 1];
	char name[32];

	nl_attrs(element, a, RF_COUNT(a));
	nl_text(a[NFTA_EXPR_NAME], name, sizeof(name));
	for (size_t i = 0; i < RF_COUNT(expressions_known); i++) {
		if (strcmp(name, expressions_known[i].name) == 0) {
			expressions_known[i].read(s, a[NFTA_EXPR_DATA]);
			return;
		}
	}
	/* fib, limit, connlimit, socket, hash, numgen, exthdr ...: a condition not followed. */
	s->rule->other_match = true;
}

void nft_rule_read(struct rf_slice expressions, nft_set_fn *set, void *ctx, struct nft_rule *out)
{
	struct state s = {.rule = out, .set = set, .ctx = ctx};
	struct nl_attr attr;

	*out = (struct nft_rule){.protos_known = true, .ports_known = true, .verdict = "other"};
	while (nl_attr_next(&expressions, &attr)) {
		if (attr.type == NFTA_LIST_ELEM)
			read_expression(&s, attr.value);
	}
	if (expressions.len)
		out->other_match = true;
}

static int by_first(const void *a, const void *b)
{
	const struct nft_range *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	/* One range ends where the next begins: the end comes first. */
	return (int)y->last - (int)x->last;
}

void nft_set_read(struct rf_slice elements, size_t size_bytes, struct nft_set_view *out)
{
	/* An interval set lists where ranges begin and, flagged, the first value behind them. */
	struct nft_range marks[NFT_RULE_MAX_RANGES * 2]; /* last is 1 for an end */
	size_t marks_count = 0;
	bool intervals = false;
	struct nl_attr attr;

	*out = (struct nft_set_view){.known = true};
	while (nl_attr_next(&elements, &attr)) {
		struct rf_slice a[NFTA_SET_ELEM_KEY_END + 1];

		nl_attrs(attr.value, a, RF_COUNT(a));
		struct rf_slice value = data_value(a[NFTA_SET_ELEM_KEY]);
		bool end = nl_be32(a[NFTA_SET_ELEM_FLAGS], 0) & NFT_SET_ELEM_INTERVAL_END;

		if (value.len != size_bytes || a[NFTA_SET_ELEM_KEY_END].data ||
		    marks_count >= RF_COUNT(marks)) {
			out->known = false;
			return;
		}
		intervals = intervals || end;
		marks[marks_count++] = (struct nft_range){(uint16_t)data_number(value), end};
	}
	qsort(marks, marks_count, sizeof(*marks), by_first);
	for (size_t i = 0; i < marks_count; i++) {
		uint16_t last = marks[i].first;

		if (marks[i].last)
			continue;
		/* Without an end behind it a range of an interval set runs to the last value. */
		if (intervals && i + 1 < marks_count)
			last = (uint16_t)(marks[i + 1].first - 1);
		else if (intervals)
			last = size_bytes == 1 ? UINT8_MAX : UINT16_MAX;
		if (out->ranges_count >= NFT_RULE_MAX_RANGES || last < marks[i].first) {
			out->known = false;
			return;
		}
		out->ranges[out->ranges_count++] = (struct nft_range){marks[i].first, last};
	}
}
