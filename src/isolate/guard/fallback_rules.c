/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a port's policy to rules of nft: one table of steps, which says what its chains are. Where
 * extension headers could hide something a rule refuses more than the BPF programs do. What is no
 * port's is fallback_base.c.
 * Sources: those of packet.bpf.h and packet6.bpf.h, nft(8).
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/fallback_parts.h"

#define MATCHES 6

/* What a step may depend on beside the port's flags, which are the low bits. */
#define TRAIT_VGT	 0x00010000u /* the VM tags */
#define TRAIT_TAGGED	 0x00020000u /* and always */
#define TRAIT_RESTRICTED 0x00040000u /* quarantine: the services listed and no others */
_Static_assert((GUARD_FLAGS_ALL & 0xffff0000u) == 0, "flags and traits do not meet");

enum {
	LL = NFT_PAYLOAD_LL_HEADER,
	NH = NFT_PAYLOAD_NETWORK_HEADER,
	TH = NFT_PAYLOAD_TRANSPORT_HEADER
};
enum {
	ACCEPT = FALLBACK_ACCEPT,
	DROP = FALLBACK_DROP,
	RETURN = FALLBACK_RETURN,
	JUMP = FALLBACK_JUMP,
	GOTO = FALLBACK_GOTO
};

/* Bytes of the frame, compared; len 0: no more. */
struct match {
	uint8_t base, offset, len;
	uint8_t value[16], mask[16]; /* mask all zero: the whole value */
	uint8_t op;		     /* enum nft_cmp_ops; 0 is equal */
};

/* What a step compares, besides its matches. */
enum list {
	LIST_NONE,
	LIST_MAC,  /* the port's first address, at match[0] */
	LIST_MACS, /* each of its addresses */
	LIST_V4,
	LIST_V6,
	LIST_GROUPS,
	LIST_TYPES,
	LIST_VLANS, /* the tag's number, which stands at match[0] */
};

struct step {
	const char *chain;
	struct match match[MATCHES];
	int32_t verdict;
	const char *to;
	enum list list;
	uint32_t only, unless; /* traits of the port */
};

#define B(...)                                                                                     \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define IS(base, at, n, ...)                                                                       \
	{                                                                                          \
		base, at, n, B(__VA_ARGS__), {0}, NFT_CMP_EQ                                       \
	}
#define NOT(base, at, n, ...)                                                                      \
	{                                                                                          \
		base, at, n, B(__VA_ARGS__), {0}, NFT_CMP_NEQ                                      \
	}
#define GT(base, at, n, ...)                                                                       \
	{                                                                                          \
		base, at, n, B(__VA_ARGS__), {0}, NFT_CMP_GT                                       \
	}
#define GE(base, at, n, ...)                                                                       \
	{                                                                                          \
		base, at, n, B(__VA_ARGS__), {0}, NFT_CMP_GTE                                      \
	}
#define AT(base, at, n)                                                                            \
	{                                                                                          \
		base, at, n, {0}, {0}, NFT_CMP_EQ                                                  \
	}
#define BITS(base, at, n, m, v)                                                                    \
	{                                                                                          \
		base, at, n, v, m, NFT_CMP_EQ                                                      \
	}
#define TYPE(high, low)	 IS(LL, 12, 2, high, low)
#define INNER(high, low) IS(LL, 16, 2, high, low) /* behind a tag */
#define NEXT(number)	 IS(NH, 6, 1, number)
#define ICMP(number)	 IS(NH, 40, 1, number)
#define FROM_NOWHERE	 IS(NH, 8, 16, 0)
#define FIRST_PART	 BITS(NH, 42, 2, B(0xff, 0xf8), B(0, 0))
#define BROADCAST	 IS(LL, 0, 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
#define ARP_HEAD	 NOT(NH, 0, 6, 0, 1, 8, 0, 6, 4)

/* In the order in which a frame meets them. */
static const struct step steps[] = {
	/* What the VM sends. A tag stands where the type would: it is no type that passes. */
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
	{"mac", {AT(LL, 6, 6)}, RETURN, .list = LIST_MACS},
	{"mac", {{0}}, DROP},
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

static void match_put(struct nlmsghdr *m, const struct match *match)
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

/* ---- what a port is ---- */

static uint32_t traits_of(const struct guard_port *port)
{
	uint32_t traits = port->flags & GUARD_FLAGS_ALL;

	if (port->vlan_mode == GUARD_VLAN_VGT)
		traits |= TRAIT_VGT | (port->vlans[0] & 1 ? 0 : TRAIT_TAGGED);
	return port->quarantine == GUARD_RESTRICT ? traits | TRAIT_RESTRICTED : traits;
}

/* Everything is refused, or nothing: a port that only observes is let alone, for nft cannot tell
 * what it would have done. */
static bool is_shut(const struct guard_port *port)
{
	return port->mode == GUARD_MODE_DENY || port->quarantine == GUARD_SEAL;
}
static bool is_judged(const struct guard_port *port)
{
	return port->mode == GUARD_MODE_ENFORCE && !is_shut(port);
}
static bool is_vm(const struct guard_port *port)
{
	return port->role == GUARD_ROLE_VM && is_judged(port);
}
static bool is_policed(const struct guard_port *port)
{
	return is_vm(port) && (port->pps || port->flood_pps || port->quarantine == GUARD_RESTRICT);
}
static bool is_restricted(const struct guard_port *port)
{
	return is_vm(port) && port->quarantine == GUARD_RESTRICT;
}
static bool has_chains(const struct guard_port *port)
{
	return port->role != GUARD_ROLE_HOST;
}
static bool always(const struct guard_port *port)
{
	(void)port;
	return true;
}

/* Chains that no step begins. */
static const struct {
	const char *suffix;
	bool (*has)(const struct guard_port *port);
} others[] = {
	{"policy", always},	{"sent", has_chains},	     {"gets", has_chains},
	{"police", is_policed}, {"services", is_restricted}, {"answers", is_restricted},
};

static bool is_other(const char *suffix)
{
	for (size_t i = 0; i < RF_COUNT(others); i++) {
		if (strcmp(others[i].suffix, suffix) == 0)
			return true;
	}
	return false;
}

/* A chain is there when one of its steps counts; steps of a chain stand together. */
static bool begins_chain(const struct guard_port *port, size_t i)
{
	uint32_t traits = traits_of(port);

	if (is_other(steps[i].chain) || !step_counts(traits, &steps[i]))
		return false;
	for (size_t k = i; k > 0 && strcmp(steps[k - 1].chain, steps[i].chain) == 0; k--) {
		if (step_counts(traits, &steps[k - 1]))
			return false;
	}
	return true;
}

const char *fallback_port_suffix(const struct fallback_port *port, size_t n)
{
	for (size_t i = 0; i < RF_COUNT(others); i++) {
		if (others[i].has(&port->port) && n-- == 0)
			return others[i].suffix;
	}
	for (size_t i = 0; is_vm(&port->port) && i < RF_COUNT(steps); i++) {
		if (begins_chain(&port->port, i) && n-- == 0)
			return steps[i].chain;
	}
	return NULL;
}

/* ---- services of a quarantine ---- */

/* Where a frame names the other end: what it sends names it behind, what it gets before. */
static const struct {
	const char *chain;
	uint8_t v4, v6, th, th6;
} ways[] = {{"services", 16, 24, 2, 42}, {"answers", 12, 8, 0, 40}};

static struct nlmsghdr *protocol_begin(struct making *m, const char *chain, uint16_t type)
{
	struct nlmsghdr *message = making_begin(m, chain);
	uint16_t protocol = htons(type);

	nft_meta(message, NFT_META_PROTOCOL);
	nft_compare(message, NFT_CMP_EQ, &protocol, sizeof(protocol));
	return message;
}

static void compare_at(struct nlmsghdr *message, const struct match *match, const void *value)
{
	struct match full = *match;

	memcpy(full.value, value, full.len);
	match_put(message, &full);
}

static void service_put(struct making *m, size_t way, const char *chain,
			const struct guard_service *s, uint8_t protocol)
{
	static const struct match whole = BITS(NH, 6, 2, B(0x3f, 0xff), B(0, 0));
	const bool four = s->family == 4;
	const uint8_t *address = (const uint8_t *)s->address + (four ? 12 : 0);
	struct nlmsghdr *message = protocol_begin(m, chain, four ? 0x0800 : 0x86dd);

	if (s->address[0] || s->address[1])
		compare_at(message,
			   four ? &(struct match)AT(NH, ways[way].v4, 4)
				: &(struct match)AT(NH, ways[way].v6, 16),
			   address);
	if (protocol)
		compare_at(message,
			   four ? &(struct match)AT(NH, 9, 1) : &(struct match)AT(NH, 6, 1),
			   &protocol);
	/* Of a fragment nobody knows the port; no port stands behind IPv6's extension headers. */
	if (s->port && four)
		match_put(message, &whole);
	if (s->port)
		compare_at(message,
			   four ? &(struct match)AT(TH, ways[way].th, 2)
				: &(struct match)AT(NH, ways[way].th6, 2),
			   &s->port);
	making_end(m, RETURN, NULL);
}

static void services_put(struct making *m, size_t way)
{
	static const uint16_t arps[] = {0x0806, 0x8035};
	static const struct match discovery[] = {NEXT(58), GE(NH, 40, 1, 133)};
	static const struct match last = {NH, 40, 1, {136}, {0}, NFT_CMP_LTE};
	const struct guard_port *port = &m->port->port;
	char chain[FALLBACK_NAME_BYTES];

	making_port_chain(m->port, ways[way].chain, chain);
	for (size_t i = 0; i < RF_COUNT(arps); i++) {
		protocol_begin(m, chain, arps[i]);
		making_end(m, RETURN, NULL);
	}
	struct nlmsghdr *message = protocol_begin(m, chain, 0x86dd);

	match_put(message, &discovery[0]);
	match_put(message, &discovery[1]);
	match_put(message, &last);
	making_end(m, RETURN, NULL);
	for (size_t i = 0; i < port->n_services && i < GUARD_SERVICES; i++) {
		const struct guard_service *s = &port->services[i];

		if (s->port && !s->protocol) {
			service_put(m, way, chain, s, 6);
			service_put(m, way, chain, s, 17);
		} else {
			service_put(m, way, chain, s, s->protocol);
		}
	}
	making_begin(m, chain);
	making_end(m, DROP, NULL);
}

/* ---- a port ---- */

static void limit_put(struct making *m, const char *chain, bool groups, uint32_t pps,
		      uint32_t burst)
{
	static const struct match group = BITS(LL, 0, 1, B(1), B(1));

	if (!pps)
		return;
	struct nlmsghdr *message = making_begin(m, chain);

	if (groups)
		match_put(message, &group);
	nft_over(message, pps, burst ? burst : 1);
	making_end(m, DROP, NULL);
}

/* Behind all else, in a hook of its own: what was refused counts against no limit. */
static void police_put(struct making *m)
{
	const struct guard_port *port = &m->port->port;
	char chain[FALLBACK_NAME_BYTES], to[FALLBACK_NAME_BYTES];

	making_port_chain(m->port, "police", chain);
	if (is_restricted(port)) {
		making_begin(m, chain);
		making_end(m, JUMP, making_port_chain(m->port, "services", to));
	}
	limit_put(m, chain, false, port->pps, port->pps_burst);
	limit_put(m, chain, true, port->flood_pps, port->flood_burst);
}

static void mark_put(struct making *m)
{
	char chain[FALLBACK_NAME_BYTES];

	nft_mark(making_begin(m, making_port_chain(m->port, "sent", chain)),
		 m->state->secret | m->port->port.zone);
	making_end(m, FALLBACK_GO_ON, NULL);
}

/* May the zone that the sender's chain put in the mark reach this one? */
static void zone_rules(struct making *m)
{
	uint32_t to = m->port->port.zone;
	char chain[FALLBACK_NAME_BYTES];
	struct nlmsghdr *message;

	making_port_chain(m->port, "gets", chain);
	message = making_begin(m, chain);
	making_marked(m, message, true);
	making_pair(m, message, to, true, NFT_LOOKUP_HAS);
	making_end(m, ACCEPT, NULL);
	making_marked(m, making_begin(m, chain), true);
	making_end(m, DROP, NULL);
	making_begin(m, chain);
	making_end(m, JUMP, "unmarked");
	making_pair(m, making_begin(m, chain), to, false, NFT_LOOKUP_HAS);
	making_end(m, ACCEPT, NULL);
	making_begin(m, chain);
	making_end(m, DROP, NULL);
}

/* An address of a VM of this host does not come in by an uplink. */
static void uplink_rules(struct making *m)
{
	char chain[FALLBACK_NAME_BYTES];

	for (size_t i = 0; i < RF_COUNT(uplink_steps); i++)
		step_put(m, &uplink_steps[i]);
	struct nlmsghdr *message = making_begin(m, making_port_chain(m->port, "sent", chain));

	nft_payload(message, NFT_PAYLOAD_LL_HEADER, 6, 6);
	nft_lookup(message, fallback_sets[SET_OWNERS].name, NFT_LOOKUP_HAS);
	making_end(m, DROP, NULL);
	mark_put(m);
	making_begin(m, chain);
	making_end(m, ACCEPT, NULL);
	zone_rules(m);
}

static void all_rules(struct making *m, int32_t verdict)
{
	static const char *const ends[] = {"sent", "gets"};
	char chain[FALLBACK_NAME_BYTES];

	if (verdict == ACCEPT)
		mark_put(m);
	for (size_t i = 0; i < RF_COUNT(ends); i++) {
		making_begin(m, making_port_chain(m->port, ends[i], chain));
		making_end(m, verdict, NULL);
	}
}

static void port_rules(struct making *m)
{
	const struct guard_port *port = &m->port->port;

	if (!has_chains(port))
		return;
	if (!is_judged(port)) {
		all_rules(m, is_shut(port) ? DROP : ACCEPT);
		return;
	}
	if (port->role == GUARD_ROLE_UPLINK) {
		uplink_rules(m);
		return;
	}
	mark_put(m);
	for (size_t i = 0; i < RF_COUNT(steps); i++)
		step_put(m, &steps[i]);
	zone_rules(m);
	if (is_policed(port))
		police_put(m);
	for (size_t way = 0; is_restricted(port) && way < RF_COUNT(ways); way++)
		services_put(m, way);
}

/* ---- a port's elements ---- */

static bool port_has(const struct guard_port *port, unsigned upto, const uint8_t mac[6])
{
	if (port->role != GUARD_ROLE_VM)
		return false;
	for (unsigned i = 0; i < upto && i <= port->n_macs && i <= GUARD_MACS; i++) {
		if (memcmp(i ? port->macs[i - 1] : port->mac, mac, 6) == 0)
			return true;
	}
	return false;
}

/* Whether a MAC is in the set for another port's sake, too. While the whole table is made only the
 * ports before count: one of them brought it. */
static bool is_anothers(const struct making *m, const uint8_t mac[6])
{
	for (size_t i = 0; i < m->state->ports_count; i++) {
		const struct fallback_port *other = &m->state->ports[i];

		if (strcmp(other->name, m->port->name) == 0) {
			if (m->whole)
				return false;
			continue;
		}
		if (port_has(&other->port, GUARD_MACS + 1, mac))
			return true;
	}
	return false;
}

static void element_do(struct making *m, const struct nft_element *e, bool remove)
{
	if (remove)
		nft_element_put(m->batch, e, true);
	else
		making_element(m, e);
}

static void elements_do(struct making *m, bool remove)
{
	static const struct {
		int set;
		const char *suffix;
		bool (*has)(const struct guard_port *port);
	} links[] = {{SET_BY_SENDER, "sent", has_chains},
		     {SET_BY_RECEIVER, "gets", has_chains},
		     {SET_POLICED, "police", is_policed}};
	static const uint8_t none[6];
	const struct guard_port *port = &m->port->port;
	char chain[FALLBACK_NAME_BYTES];

	for (size_t i = 0; i < RF_COUNT(links); i++) {
		if (!links[i].has(port))
			continue;
		making_port_chain(m->port, links[i].suffix, chain);
		const struct nft_element e =
			fallback_link_element(links[i].set, m->port->name, chain);

		element_do(m, &e, remove);
	}
	for (unsigned i = 0; port->role == GUARD_ROLE_VM && i <= port->n_macs && i <= GUARD_MACS;
	     i++) {
		const uint8_t *mac = i ? port->macs[i - 1] : port->mac;
		struct nft_element e = {.set = fallback_sets[SET_OWNERS].name,
					.kind = fallback_sets[SET_OWNERS].kind};

		if (memcmp(mac, none, 6) == 0 || port_has(port, i, mac) || is_anothers(m, mac))
			continue;
		memcpy(e.key, mac, 6);
		element_do(m, &e, remove);
	}
}

/* ---- all of a port ---- */

void fallback_port_make(struct making *m, const struct fallback_port *port)
{
	char chain[FALLBACK_NAME_BYTES];
	const char *suffix;

	m->port = port;
	m->traits = traits_of(&port->port);
	for (size_t i = 0; (suffix = fallback_port_suffix(port, i)); i++)
		making_chain(m, making_port_chain(port, suffix, chain), NFT_NO_HOOK, 0);
	fallback_port_pieces(m);
	port_rules(m);
	elements_do(m, false);
}

/* Nothing leads to a chain that is taken away: elements first, then rules, which lead to others. */
void fallback_port_unmake(struct making *m, const struct fallback_port *port)
{
	char chain[FALLBACK_NAME_BYTES];
	const char *suffix;

	m->port = port;
	elements_do(m, true);
	for (size_t i = 0; (suffix = fallback_port_suffix(port, i)); i++)
		nft_chain_flush(m->batch, making_port_chain(port, suffix, chain));
	for (size_t i = 0; (suffix = fallback_port_suffix(port, i)); i++)
		nft_chain_remove(m->batch, making_port_chain(port, suffix, chain));
}
