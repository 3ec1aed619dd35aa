/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways out of a rule; see nft_way.h. An expression names its target by a register: a value that an
 * immediate put there is known, every other one is computed.
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/netlink.h"
#include "collect/nft_way.h"

#define REGS_COUNT 16
#define REG_BYTES  4u
#define VALUE_MAX  16u
/* Of Linux 6.5; older headers do not have it. */
#define META_BRI_BROUTE 35

/* What is known of a register's content. */
struct reg {
	uint8_t value[VALUE_MAX];
	size_t len;    /* 0: computed */
	uint32_t meta; /* the link that the packet came in by, by enum nft_meta_keys; 0: no */
};

struct reading {
	struct reg regs[REGS_COUNT];
	struct nft_ways *out;
	uint8_t family;
};

/* The first of 32-bit registers; the four old ones of 16 bytes are groups of four. */
static struct reg *reg_at(struct reading *r, struct rf_slice number)
{
	uint32_t n = nl_be32(number, 0);

	if (n >= NFT_REG_1 && n <= NFT_REG_4)
		return &r->regs[(n - NFT_REG_1) * 4];
	if (n >= NFT_REG32_00 && n < NFT_REG32_00 + REGS_COUNT)
		return &r->regs[n - NFT_REG32_00];
	return NULL;
}

/* What is loaded may reach over those behind, and cut into those before. */
static struct reg *reg_load(struct reading *r, struct rf_slice number)
{
	struct reg *to = reg_at(r, number);
	size_t at = to ? (size_t)(to - r->regs) : 0;

	for (size_t i = 0; to && i < REGS_COUNT; i++) {
		bool behind = i >= at && i < at + VALUE_MAX / REG_BYTES;
		bool cut = i < at && r->regs[i].len > (at - i) * REG_BYTES;

		if (behind || cut)
			r->regs[i] = (struct reg){.len = 0};
	}
	return to;
}

static struct rf_slice data_value(struct rf_slice data)
{
	struct rf_slice a[NFTA_DATA_VERDICT + 1];

	nl_attrs(data, a, RF_COUNT(a));
	return a[NFTA_DATA_VALUE];
}

/* ---- what is in registers ---- */

static void read_immediate(struct reading *r, struct rf_slice data)
{
	struct rf_slice a[NFTA_IMMEDIATE_DATA + 1];

	nl_attrs(data, a, RF_COUNT(a));
	struct rf_slice value = data_value(a[NFTA_IMMEDIATE_DATA]);
	struct reg *to = reg_load(r, a[NFTA_IMMEDIATE_DREG]);

	if (!to || value.len > VALUE_MAX || !value.data)
		return;
	memcpy(to->value, value.data, value.len);
	to->len = value.len;
}

static struct nft_way *way_add(struct reading *r, const char *kind)
{
	if (r->out->count >= NFT_WAYS_MAX) {
		r->out->overflow = true;
		return NULL;
	}
	struct nft_way *way = &r->out->items[r->out->count++];

	*way = (struct nft_way){.kind = kind, .link_known = true, .address_known = true};
	return way;
}

static void read_meta(struct reading *r, struct rf_slice data)
{
	struct rf_slice a[NFTA_META_SREG + 1];

	nl_attrs(data, a, RF_COUNT(a));
	uint32_t key = nl_be32(a[NFTA_META_KEY], UINT32_MAX);

	if (a[NFTA_META_SREG].data) {
		if (key == META_BRI_BROUTE && r->family == NFPROTO_BRIDGE)
			way_add(r, "broute");
		return;
	}
	struct reg *to = reg_load(r, a[NFTA_META_DREG]);

	if (to && (key == NFT_META_IIF || key == NFT_META_IIFNAME || key == NFT_META_BRI_IIFNAME))
		to->meta = key;
}

/* `iifname "vnet0"`: with a star the value ends where the star stands, and counts for every one. */
static void read_cmp(struct reading *r, struct rf_slice data)
{
	struct rf_slice a[NFTA_CMP_DATA + 1];
	struct nft_ways *out = r->out;

	nl_attrs(data, a, RF_COUNT(a));
	const struct reg *reg = reg_at(r, a[NFTA_CMP_SREG]);
	struct rf_slice value = data_value(a[NFTA_CMP_DATA]);

	if (!reg || !reg->meta || nl_be32(a[NFTA_CMP_OP], UINT32_MAX) != NFT_CMP_EQ)
		return;
	if (reg->meta == NFT_META_IIF && value.len == sizeof(uint32_t) &&
	    out->indexes_count < NFT_WAY_LINKS) {
		out->indexes[out->indexes_count++] = nl_u32(value, 0);
		return;
	}
	if (reg->meta == NFT_META_IIF || value.len != sizeof(out->links[0]) ||
	    value.data[value.len - 1] || !value.data[0] || out->links_count >= NFT_WAY_LINKS)
		return;
	memcpy(out->links[out->links_count++], value.data, sizeof(out->links[0]));
}

/* Each of them puts something else where an immediate had put a value. */
static void read_load(struct reading *r, struct rf_slice data, uint16_t attribute)
{
	struct rf_slice a[16];

	nl_attrs(data, a, RF_COUNT(a));
	if (attribute < RF_COUNT(a) && a[attribute].data)
		reg_load(r, a[attribute]);
}
static void read_payload(struct reading *r, struct rf_slice data)
{
	read_load(r, data, NFTA_PAYLOAD_DREG);
}
static void read_lookup(struct reading *r, struct rf_slice data)
{
	read_load(r, data, NFTA_LOOKUP_DREG);
}
static void read_bitwise(struct reading *r, struct rf_slice data)
{
	read_load(r, data, NFTA_BITWISE_DREG);
}
static void read_byteorder(struct reading *r, struct rf_slice data)
{
	read_load(r, data, NFTA_BYTEORDER_DREG);
}
static void read_ct(struct reading *r, struct rf_slice data)
{
	read_load(r, data, NFTA_CT_DREG);
}
static void read_number(struct reading *r, struct rf_slice data)
{
	read_load(r, data, NFTA_NG_DREG);
}
static void read_hash(struct reading *r, struct rf_slice data)
{
	read_load(r, data, NFTA_HASH_DREG);
}

/* ---- ways ---- */

static void address_put(struct nft_way *way, const uint8_t *value, size_t len)
{
	way->address_known =
		(len == 4 || len == 16) && inet_ntop(len == 4 ? AF_INET : AF_INET6, value,
						     way->to_address, sizeof(way->to_address));
}

static void address_take(struct reading *r, struct nft_way *way, struct rf_slice number)
{
	const struct reg *reg = reg_at(r, number);

	if (number.data)
		address_put(way, reg ? reg->value : NULL, reg ? reg->len : 0);
}

static void link_take(struct reading *r, struct nft_way *way, struct rf_slice number)
{
	const struct reg *reg = reg_at(r, number);

	if (!number.data)
		return;
	way->link_known = reg && reg->len == sizeof(way->to_index);
	if (way->link_known)
		memcpy(&way->to_index, reg->value, sizeof(way->to_index));
}

static void read_fwd(struct reading *r, struct rf_slice data)
{
	struct rf_slice a[NFTA_FWD_NFPROTO + 1];
	struct nft_way *way = way_add(r, "fwd");

	nl_attrs(data, a, RF_COUNT(a));
	if (!way)
		return;
	link_take(r, way, a[NFTA_FWD_SREG_DEV]);
	address_take(r, way, a[NFTA_FWD_SREG_ADDR]);
}

static void read_dup(struct reading *r, struct rf_slice data)
{
	struct rf_slice a[NFTA_DUP_SREG_DEV + 1];
	struct nft_way *way = way_add(r, "dup");

	nl_attrs(data, a, RF_COUNT(a));
	if (!way)
		return;
	link_take(r, way, a[NFTA_DUP_SREG_DEV]);
	address_take(r, way, a[NFTA_DUP_SREG_ADDR]);
}

/* Without an address only the port changes: it goes where it went. */
static void read_nat(struct reading *r, struct rf_slice data)
{
	struct rf_slice a[NFTA_NAT_REG_ADDR_MAX + 1];

	nl_attrs(data, a, RF_COUNT(a));
	if (nl_be32(a[NFTA_NAT_TYPE], UINT32_MAX) != NFT_NAT_DNAT || !a[NFTA_NAT_REG_ADDR_MIN].data)
		return;
	struct nft_way *way = way_add(r, "dnat");

	if (way)
		address_take(r, way, a[NFTA_NAT_REG_ADDR_MIN]);
}

static void read_redir(struct reading *r, struct rf_slice data)
{
	(void)data;
	way_add(r, "redirect");
}

static void read_tproxy(struct reading *r, struct rf_slice data)
{
	(void)data;
	way_add(r, "tproxy");
}

/* ---- of iptables ---- */

/* Revision 0 of IPv4 counts its ranges (one) before their flags. */
static void target_dnat(struct reading *r, struct rf_slice info, uint32_t revision)
{
	size_t at = revision == 0 ? sizeof(uint32_t) : 0, len = r->family == NFPROTO_IPV6 ? 16 : 4;
	struct nft_way *way;

	if (info.len < at + sizeof(uint32_t) + len) {
		way = way_add(r, "dnat");
		if (way)
			way->address_known = false;
		return;
	}
	uint32_t flags;

	memcpy(&flags, info.data + at, sizeof(flags));
	way = flags & NF_NAT_RANGE_MAP_IPS ? way_add(r, "dnat") : NULL;
	if (way)
		address_put(way, info.data + at + sizeof(flags), len);
}

/* struct xt_tee_tginfo: an address, and the name of a link. */
static void target_tee(struct reading *r, struct rf_slice info, uint32_t revision)
{
	struct nft_way *way = way_add(r, "dup");
	size_t len = r->family == NFPROTO_IPV6 ? 16 : 4;

	(void)revision;
	if (!way)
		return;
	way->address_known = way->link_known = info.len >= 32;
	if (info.len < 32)
		return;
	address_put(way, info.data, len);
	memcpy(way->to_link, info.data + 16, sizeof(way->to_link) - 1);
}

static void target_redirect(struct reading *r, struct rf_slice info, uint32_t revision)
{
	(void)info;
	(void)revision;
	way_add(r, "redirect");
}

static void target_tproxy(struct reading *r, struct rf_slice info, uint32_t revision)
{
	(void)info;
	(void)revision;
	way_add(r, "tproxy");
}

static void read_target(struct reading *r, struct rf_slice data)
{
	static const struct {
		const char *name; /* small letters are ebtables' */
		void (*read)(struct reading *r, struct rf_slice info, uint32_t revision);
	} targets[] = {{"DNAT", target_dnat},
		       {"TEE", target_tee},
		       {"REDIRECT", target_redirect},
		       {"redirect", target_redirect},
		       {"TPROXY", target_tproxy}};
	struct rf_slice a[NFTA_TARGET_INFO + 1];
	char name[32];

	nl_attrs(data, a, RF_COUNT(a));
	nl_text(a[NFTA_TARGET_NAME], name, sizeof(name));
	for (size_t i = 0; i < RF_COUNT(targets); i++) {
		if (strcmp(name, targets[i].name) == 0)
			targets[i].read(r, a[NFTA_TARGET_INFO], nl_be32(a[NFTA_TARGET_REV], 0));
	}
}

static const struct {
	const char *name;
	void (*read)(struct reading *r, struct rf_slice data);
} expressions_known[] = {
	{"immediate", read_immediate},
	{"meta", read_meta},
	{"cmp", read_cmp},
	{"payload", read_payload},
	{"lookup", read_lookup},
	{"bitwise", read_bitwise},
	{"byteorder", read_byteorder},
	{"ct", read_ct},
	{"numgen", read_number},
	{"hash", read_hash},
	{"fwd", read_fwd},
	{"dup", read_dup},
	{"nat", read_nat},
	{"redir", read_redir},
	{"tproxy", read_tproxy},
	{"target", read_target},
};

void nft_ways_read(struct rf_slice expressions, uint8_t family, struct nft_ways *out)
{
	struct reading r = {.out = out, .family = family};
	struct nl_attr attr;

	*out = (struct nft_ways){.count = 0};
	while (nl_attr_next(&expressions, &attr)) {
		struct rf_slice a[NFTA_EXPR_DATA + 1];
		char name[32];

		nl_attrs(attr.value, a, RF_COUNT(a));
		nl_text(a[NFTA_EXPR_NAME], name, sizeof(name));
		for (size_t i = 0; i < RF_COUNT(expressions_known); i++) {
			if (strcmp(name, expressions_known[i].name) == 0)
				expressions_known[i].read(&r, a[NFTA_EXPR_DATA]);
		}
	}
}
