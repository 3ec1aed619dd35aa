/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM's port asks of each frame, as one table of steps, and rules of nft made of it. Where
 * extension headers could hide something a rule refuses more than the BPF programs do.
 * Sources: those of packet.bpf.h and packet6.bpf.h, nft(8).
 */
#include "isolate/guard/fallback_steps.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define MATCHES 6

/* What a step compares, besides its matches. */
enum list {
	LIST_NONE,
	LIST_MAC,  /* the port's first address, at match[0] */
	LIST_MACS, /* each of its addresses */
	LIST_V4,
	LIST_V6,
	LIST_GROUPS,
	LIST_TYPES,
	LIST_VLANS,   /* the tag's number, which stands at match[0] */
	LIST_BLOCKED, /* the port itself, among those that are blocked */
	LIST_BLOCK,   /* it becomes one of them */
};

struct step {
	const char *chain;
	struct match match[MATCHES];
	int32_t verdict;
	const char *to;
	enum list list;
	uint32_t only, unless; /* traits of the port */
};

#define TYPE(high, low)	 IS(LL, 12, 2, high, low)
#define INNER(high, low) IS(LL, 16, 2, high, low) /* behind a tag */
#define ICMP(number)	 IS(NH, 40, 1, number)
#define FROM_NOWHERE	 IS(NH, 8, 16, 0)
#define FIRST_PART	 BITS(NH, 42, 2, B(0xff, 0xf8), B(0, 0))
#define BROADCAST	 IS(LL, 0, 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
#define ARP_HEAD	 NOT(NH, 0, 6, 0, 1, 8, 0, 6, 4)

/* In the order in which a frame meets them. */
static const struct step steps[] = {
	/* What the VM sends. A tag stands where the type would: it is no type that passes. */
	{"sent", {{0}}, JUMP, "length"},
	{"sent", {{0}}, JUMP, "blocked", .only = GUARD_BLOCK_ON_CHANGE},
	{"sent", {{0}}, JUMP, "mac", .unless = GUARD_MAC_CHANGE},
	{"sent", {BITS(LL, 6, 1, B(1), B(1))}, DROP, .only = GUARD_MAC_CHANGE},
	{"sent", {BITS(LL, 0, 6, B(0xff, 0xff, 0xff, 0xff, 0xff, 0xf0), B(1, 0x80, 0xc2))}, DROP},
	{"sent", {TYPE(0x81, 0x00)}, GOTO, "tagged", .only = TRAIT_VGT},
	{"sent", {{0}}, DROP, .only = TRAIT_TAGGED},
	{"sent", {TYPE(0x08, 0x00)}, GOTO, "ipv4"},
	{"sent", {TYPE(0x86, 0xdd)}, GOTO, "ipv6"},
	{"sent", {TYPE(0x08, 0x06)}, GOTO, "arp"},
	{"sent", {TYPE(0x80, 0x35)}, GOTO, "rarp"},
	{"sent", {AT(LL, 12, 2)}, ACCEPT, .list = LIST_TYPES},
	{"sent", {{0}}, DROP},
	/* One tag, and a listed one. */
	{"tagged", {INNER(0x81, 0x00)}, DROP, .only = TRAIT_VGT},
	{"tagged", {INNER(0x88, 0xa8)}, DROP, .only = TRAIT_VGT},
	{"tagged", {AT(LL, 14, 2)}, GOTO, "inner", .list = LIST_VLANS, .only = TRAIT_VGT},
	{"tagged", {{0}}, DROP, .only = TRAIT_VGT},
	{"inner", {INNER(0x08, 0x00)}, GOTO, "ipv4", .only = TRAIT_VGT},
	{"inner", {INNER(0x86, 0xdd)}, GOTO, "ipv6", .only = TRAIT_VGT},
	{"inner", {INNER(0x08, 0x06)}, GOTO, "arp", .only = TRAIT_VGT},
	{"inner", {INNER(0x80, 0x35)}, GOTO, "rarp", .only = TRAIT_VGT},
	{"inner", {AT(LL, 16, 2)}, ACCEPT, .list = LIST_TYPES, .only = TRAIT_VGT},
	{"inner", {{0}}, DROP, .only = TRAIT_VGT},
	{"blocked", {{0}}, DROP, .list = LIST_BLOCKED, .only = GUARD_BLOCK_ON_CHANGE},
	{"mac", {AT(LL, 6, 6)}, RETURN, .list = LIST_MACS},
	{"mac", {{0}}, DROP, .list = LIST_BLOCK, .only = GUARD_BLOCK_ON_CHANGE},
	{"mac", {{0}}, DROP, .unless = GUARD_BLOCK_ON_CHANGE},
	{"sha", {AT(NH, 8, 6)}, RETURN, .list = LIST_MACS},
	{"sha", {{0}}, DROP},
	{"tha", {AT(NH, 18, 6)}, RETURN, .list = LIST_MACS},
	{"tha", {{0}}, DROP},
	/* A request from 0.0.0.0 only asks (RFC 5227). */
	{"arp", {ARP_HEAD}, DROP},
	{"arp", {{0}}, JUMP, "sha", .unless = GUARD_MAC_CHANGE},
	{"arp", {IS(NH, 6, 2, 0, 1), IS(NH, 14, 4, 0)}, ACCEPT},
	{"arp", {IS(NH, 6, 2, 0, 0)}, DROP},
	{"arp", {GT(NH, 6, 2, 0, 2)}, DROP},
	{"arp", {AT(NH, 14, 4)}, ACCEPT, .list = LIST_V4, .unless = GUARD_ANY_V4},
	{"arp", {IS(NH, 14, 1, 0)}, DROP, .only = GUARD_ANY_V4},
	{"arp", {IS(NH, 14, 1, 127)}, DROP, .only = GUARD_ANY_V4},
	{"arp", {GE(NH, 14, 1, 224)}, DROP, .only = GUARD_ANY_V4},
	{"arp", {{0}}, ACCEPT, .only = GUARD_ANY_V4},
	{"arp", {{0}}, DROP},
	{"rarp", {ARP_HEAD}, DROP},
	{"rarp", {NOT(NH, 6, 2, 0, 3)}, DROP},
	{"rarp", {{0}}, JUMP, "sha"},
	{"rarp", {{0}}, JUMP, "tha"},
	{"rarp", {{0}}, ACCEPT},
	/* 0.0.0.0 is for a DHCP client that has no address yet. */
	{"ipv4", {{NH, 0, 1, {0x40}, {0xf0}, NFT_CMP_NEQ}}, DROP},
	{"ipv4",
	 {IS(NH, 12, 4, 0), IS(NH, 9, 1, 17), IS(NH, 16, 4, 0xff, 0xff, 0xff, 0xff), BROADCAST,
	  BITS(NH, 6, 2, B(0x3f, 0xff), B(0, 0)), IS(TH, 0, 4, 0, 68, 0, 67)},
	 ACCEPT},
	{"ipv4", {IS(NH, 12, 4, 0)}, DROP},
	{"ipv4", {IS(NH, 9, 1, 17), IS(TH, 0, 2, 0, 67)}, DROP, .unless = GUARD_DHCP_SERVER},
	{"ipv4", {IS(NH, 9, 1, 17), IS(TH, 2, 2, 0, 68)}, DROP, .unless = GUARD_DHCP_SERVER},
	{"ipv4", {AT(NH, 12, 4)}, ACCEPT, .list = LIST_V4, .unless = GUARD_ANY_V4},
	{"ipv4", {IS(NH, 12, 1, 0)}, DROP, .only = GUARD_ANY_V4},
	{"ipv4", {IS(NH, 12, 1, 127)}, DROP, .only = GUARD_ANY_V4},
	{"ipv4", {GE(NH, 12, 1, 224)}, DROP, .only = GUARD_ANY_V4},
	{"ipv4", {{0}}, ACCEPT, .only = GUARD_ANY_V4},
	{"ipv4", {{0}}, DROP},
	/* Headers that could hide an advertisement or a server's answer are refused whole. */
	{"ipv6", {{NH, 0, 1, {0x60}, {0xf0}, NFT_CMP_NEQ}}, DROP},
	{"ipv6", {NEXT(58)}, GOTO, "icmp6"},
	{"ipv6", {NEXT(0)}, GOTO, "hops"},
	{"ipv6", {NEXT(44)}, GOTO, "part"},
	{"ipv6", {NEXT(43)}, DROP},
	{"ipv6", {NEXT(51)}, DROP},
	{"ipv6", {NEXT(60)}, DROP},
	{"ipv6", {GE(NH, 6, 1, 135)}, DROP},
	{"ipv6", {NEXT(17), IS(NH, 40, 2, 0x02, 0x23)}, DROP, .unless = GUARD_DHCP_SERVER},
	{"ipv6", {NEXT(17), IS(NH, 42, 2, 0x02, 0x22)}, DROP, .unless = GUARD_DHCP_SERVER},
	{"ipv6", {{0}}, GOTO, "from6"},
	/* Hop-by-hop: only reports of multicast listeners, whose one option this is. */
	{"hops", {ICMP(58), IS(NH, 41, 1, 0), IS(NH, 48, 1, 131)}, GOTO, "mld"},
	{"hops", {ICMP(58), IS(NH, 41, 1, 0), IS(NH, 48, 1, 132)}, GOTO, "mld"},
	{"hops", {ICMP(58), IS(NH, 41, 1, 0), IS(NH, 48, 1, 143)}, GOTO, "mld"},
	{"hops", {{0}}, DROP},
	{"mld", {FROM_NOWHERE}, ACCEPT},
	{"mld", {{0}}, GOTO, "from6"},
	{"part",
	 {ICMP(17), FIRST_PART, IS(NH, 48, 2, 0x02, 0x23)},
	 DROP,
	 .unless = GUARD_DHCP_SERVER},
	{"part",
	 {ICMP(17), FIRST_PART, IS(NH, 50, 2, 0x02, 0x22)},
	 DROP,
	 .unless = GUARD_DHCP_SERVER},
	{"part", {ICMP(17)}, GOTO, "from6"},
	{"part", {ICMP(6)}, GOTO, "from6"},
	{"part", {ICMP(50)}, GOTO, "from6"},
	{"part", {{0}}, DROP},
	{"icmp6", {ICMP(134)}, DROP, .unless = GUARD_ROUTER},
	{"icmp6", {ICMP(137)}, DROP, .unless = GUARD_ROUTER},
	/* An advertisement claims its target, and so does a solicitation from :: (DAD). */
	{"icmp6", {ICMP(136)}, JUMP, "target"},
	{"icmp6", {ICMP(135), FROM_NOWHERE}, JUMP, "target"},
	/* One option at most, so that no address stands behind another. */
	{"icmp6", {ICMP(133), IS(NH, 48, 1, 1)}, JUMP, "option", .unless = GUARD_MAC_CHANGE},
	{"icmp6", {ICMP(133), GE(NH, 56, 1, 0)}, DROP},
	{"icmp6", {ICMP(135), IS(NH, 64, 1, 1)}, JUMP, "option2", .unless = GUARD_MAC_CHANGE},
	{"icmp6", {ICMP(135), GE(NH, 72, 1, 0)}, DROP},
	{"icmp6", {ICMP(136), IS(NH, 64, 1, 2)}, JUMP, "option2", .unless = GUARD_MAC_CHANGE},
	{"icmp6", {ICMP(136), GE(NH, 72, 1, 0)}, DROP},
	{"icmp6", {FROM_NOWHERE, ICMP(133)}, ACCEPT},
	{"icmp6", {FROM_NOWHERE, ICMP(135)}, ACCEPT},
	{"icmp6", {FROM_NOWHERE, ICMP(143)}, ACCEPT},
	{"icmp6", {{0}}, GOTO, "from6"},
	{"option", {AT(NH, 50, 6)}, RETURN, .list = LIST_MACS},
	{"option", {{0}}, DROP},
	{"option2", {AT(NH, 66, 6)}, RETURN, .list = LIST_MACS},
	{"option2", {{0}}, DROP},
	{"target", {AT(NH, 48, 16)}, RETURN, .list = LIST_V6},
	{"target",
	 {BITS(NH, 48, 2, B(0xff, 0xc0), B(0xfe, 0x80))},
	 RETURN,
	 .only = GUARD_LINK_LOCAL},
	{"target", {{0}}, RETURN, .only = GUARD_ANY_V6},
	{"target", {{0}}, DROP},
	{"from6", {FROM_NOWHERE}, DROP},
	{"from6", {AT(NH, 8, 16)}, ACCEPT, .list = LIST_V6},
	{"from6", {BITS(NH, 8, 2, B(0xff, 0xc0), B(0xfe, 0x80))}, ACCEPT, .only = GUARD_LINK_LOCAL},
	{"from6", {IS(NH, 8, 1, 0xff)}, DROP, .only = GUARD_ANY_V6},
	{"from6",
	 {IS(NH, 8, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)},
	 DROP,
	 .only = GUARD_ANY_V6},
	{"from6", {{0}}, ACCEPT, .only = GUARD_ANY_V6},
	{"from6", {{0}}, DROP},
	/* What the VM gets. */
	{"gets", {BITS(LL, 0, 1, B(1), B(0))}, JUMP, "own", .unless = GUARD_PROMISCUOUS},
	{"gets", {BITS(LL, 0, 1, B(1), B(1))}, JUMP, "groups", .only = GUARD_GROUPS_ONLY},
	{"gets", {AT(LL, 6, 6)}, DROP, .list = LIST_MAC},
	{"gets", {TYPE(0x88, 0xa8)}, DROP},
	{"gets", {TYPE(0x81, 0x00)}, DROP, .unless = TRAIT_VGT},
	{"gets", {TYPE(0x81, 0x00)}, JUMP, "arrives", .only = TRAIT_VGT},
	{"gets", {NOT(LL, 12, 2, 0x81, 0x00)}, DROP, .only = TRAIT_TAGGED},
	{"gets", {{0}}, JUMP, "answers", .only = TRAIT_RESTRICTED},
	{"arrives", {INNER(0x81, 0x00)}, DROP, .only = TRAIT_VGT},
	{"arrives", {INNER(0x88, 0xa8)}, DROP, .only = TRAIT_VGT},
	{"arrives", {AT(LL, 14, 2)}, RETURN, .list = LIST_VLANS, .only = TRAIT_VGT},
	{"arrives", {{0}}, DROP, .only = TRAIT_VGT},
	{"own", {AT(LL, 0, 6)}, RETURN, .list = LIST_MACS},
	{"own", {{0}}, DROP},
	{"groups", {BROADCAST}, RETURN},
	{"groups", {AT(LL, 0, 6)}, RETURN, .list = LIST_GROUPS},
	{"groups", {{0}}, DROP},
};

/* What an uplink brings. */
static const struct step uplink_steps[] = {
	{"sent",
	 {NOT(LL, 12, 2, 0x81, 0x00), NOT(LL, 12, 2, 0x88, 0xa8)},
	 DROP,
	 .only = GUARD_TAGGED_ONLY},
};

/* ---- steps ---- */

static bool is_masked(const struct match *match)
{
	for (size_t i = 0; i < sizeof(match->mask); i++) {
		if (match->mask[i])
			return true;
	}
	return false;
}

void match_put(struct nlmsghdr *m, const struct match *match)
{
	nft_payload(m, (enum nft_payload_bases)match->base, match->offset, match->len);
	if (is_masked(match))
		nft_mask(m, match->mask, NULL, match->len);
	nft_compare(m, match->op, match->value, match->len);
}

static void step_end(struct making *m, const struct step *step)
{
	char to[FALLBACK_NAME_BYTES];

	making_end(m, step->verdict, step->to ? making_port_chain(m->port, step->to, to) : NULL);
}

/* One item of a list, at the place that the step's first match names. */
static void item_put(struct making *m, const struct step *step, const void *value, const void *mask)
{
	struct match match = step->match[0];
	char chain[FALLBACK_NAME_BYTES];

	memcpy(match.value, value, match.len);
	if (mask)
		memcpy(match.mask, mask, match.len);
	match_put(making_begin(m, making_port_chain(m->port, step->chain, chain)), &match);
	step_end(m, step);
}

static bool vlan_listed(const struct guard_port *port, unsigned vid)
{
	return vid && vid < 4096 && (port->vlans[vid / 64] >> (vid % 64) & 1);
}

/* Numbers that follow each other are one rule. */
static void vlans_put(struct making *m, const struct step *step)
{
	static const uint8_t number[2] = {0x0f, 0xff};
	const struct guard_port *port = &m->port->port;
	char chain[FALLBACK_NAME_BYTES];

	for (unsigned first = 1, last; first < 4096; first = last + 1) {
		last = first;
		if (!vlan_listed(port, first))
			continue;
		while (vlan_listed(port, last + 1))
			last++;
		struct nlmsghdr *message =
			making_begin(m, making_port_chain(m->port, step->chain, chain));
		uint16_t low = htons((uint16_t)first), high = htons((uint16_t)last);

		nft_payload(message, NFT_PAYLOAD_LL_HEADER, step->match[0].offset, 2);
		nft_mask(message, number, NULL, 2);
		nft_compare(message, NFT_CMP_GTE, &low, 2);
		nft_compare(message, NFT_CMP_LTE, &high, 2);
		step_end(m, step);
	}
}

static void block_put(struct making *m, const struct step *step)
{
	const char *set = fallback_sets[SET_BLOCKED].name;
	char chain[FALLBACK_NAME_BYTES];
	struct nlmsghdr *message = making_begin(m, making_port_chain(m->port, step->chain, chain));

	nft_meta(message, NFT_META_IIFNAME);
	if (step->list == LIST_BLOCK)
		nft_learn(message, set);
	else
		nft_lookup(message, set, NFT_LOOKUP_HAS);
	step_end(m, step);
}

static void list_put(struct making *m, const struct step *step)
{
	const struct guard_port *p = &m->port->port;

	if (step->list == LIST_MAC || step->list == LIST_MACS)
		item_put(m, step, p->mac, NULL);
	for (size_t i = 0; step->list == LIST_MACS && i < p->n_macs && i < GUARD_MACS; i++)
		item_put(m, step, p->macs[i], NULL);
	for (size_t i = 0; step->list == LIST_V4 && i < p->n_v4 && i < GUARD_V4; i++)
		item_put(m, step, &p->v4[i].address, &p->v4[i].mask);
	for (size_t i = 0; step->list == LIST_V6 && i < p->n_v6 && i < GUARD_V6; i++)
		item_put(m, step, p->v6[i].address, p->v6[i].mask);
	for (size_t i = 0; step->list == LIST_GROUPS && i < p->n_groups && i < GUARD_GROUPS; i++)
		item_put(m, step, p->groups[i], NULL);
	for (size_t i = 0; step->list == LIST_TYPES && i < p->n_types && i < GUARD_TYPES; i++)
		item_put(m, step, &p->types[i], NULL);
	if (step->list == LIST_VLANS)
		vlans_put(m, step);
	if (step->list == LIST_BLOCKED || step->list == LIST_BLOCK)
		block_put(m, step);
}

static bool step_counts(uint32_t traits, const struct step *step)
{
	return (traits & step->only) == step->only && !(traits & step->unless);
}

static void step_put(struct making *m, const struct step *step)
{
	char chain[FALLBACK_NAME_BYTES];

	if (!step_counts(m->traits, step))
		return;
	if (step->list != LIST_NONE) {
		list_put(m, step);
		return;
	}
	struct nlmsghdr *message = making_begin(m, making_port_chain(m->port, step->chain, chain));

	for (size_t i = 0; i < MATCHES && step->match[i].len; i++)
		match_put(message, &step->match[i]);
	step_end(m, step);
}
void fallback_steps_make(struct making *m)
{
	for (size_t i = 0; i < RF_COUNT(steps); i++)
		step_put(m, &steps[i]);
}

void fallback_uplink_steps_make(struct making *m)
{
	for (size_t i = 0; i < RF_COUNT(uplink_steps); i++)
		step_put(m, &uplink_steps[i]);
}

/* A chain is there when one of its steps counts; steps of a chain stand together. */
static bool begins_chain(uint32_t traits, size_t i)
{
	if (!step_counts(traits, &steps[i]))
		return false;
	for (size_t k = i; k > 0 && strcmp(steps[k - 1].chain, steps[i].chain) == 0; k--) {
		if (step_counts(traits, &steps[k - 1]))
			return false;
	}
	return true;
}

const char *fallback_steps_chain(uint32_t traits, size_t n, bool (*listed)(const char *chain))
{
	for (size_t i = 0; i < RF_COUNT(steps); i++) {
		if (!listed(steps[i].chain) && begins_chain(traits, i) && n-- == 0)
			return steps[i].chain;
	}
	return NULL;
}
