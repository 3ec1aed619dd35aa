/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the policy of ports to rules of nft: one table of steps, which says what a port's chains
 * are. Where extension headers could hide something a rule refuses more than the BPF programs do.
 * Sources: those of packet.bpf.h and packet6.bpf.h, nft(8).
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/fallback_parts.h"

#define PRIORITY (-290) /* behind the second layer's, before everybody else's */
#define MATCHES	 6

enum {
	LL = NFT_PAYLOAD_LL_HEADER,
	NH = NFT_PAYLOAD_NETWORK_HEADER,
	TH = NFT_PAYLOAD_TRANSPORT_HEADER
};
enum { ACCEPT = NF_ACCEPT, DROP = NF_DROP, RETURN = NFT_RETURN, JUMP = NFT_JUMP, GOTO = NFT_GOTO };

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
};

struct step {
	const char *chain;
	struct match match[MATCHES];
	int32_t verdict;
	const char *to;
	enum list list;
	uint32_t only, unless; /* flags of the port */
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
#define TYPE(high, low) IS(LL, 12, 2, high, low)
#define NEXT(number)	IS(NH, 6, 1, number)
#define ICMP(number)	IS(NH, 40, 1, number)
#define FROM_NOWHERE	IS(NH, 8, 16, 0)
#define FIRST_PART	BITS(NH, 42, 2, B(0xff, 0xf8), B(0, 0))
#define BROADCAST	IS(LL, 0, 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
#define ARP_HEAD	NOT(NH, 0, 6, 0, 1, 8, 0, 6, 4)

/* In the order in which a frame meets them. */
static const struct step steps[] = {
	/* What the VM sends. Tags stand where the type would: they are no type that passes. */
	{"sent", {{0}}, JUMP, "mac", .unless = GUARD_MAC_CHANGE},
	{"sent", {BITS(LL, 6, 1, B(1), B(1))}, DROP, .only = GUARD_MAC_CHANGE},
	{"sent", {BITS(LL, 0, 6, B(0xff, 0xff, 0xff, 0xff, 0xff, 0xf0), B(1, 0x80, 0xc2))}, DROP},
	{"sent", {TYPE(0x08, 0x00)}, GOTO, "ipv4"},
	{"sent", {TYPE(0x86, 0xdd)}, GOTO, "ipv6"},
	{"sent", {TYPE(0x08, 0x06)}, GOTO, "arp"},
	{"sent", {TYPE(0x80, 0x35)}, GOTO, "rarp"},
	{"sent", {AT(LL, 12, 2)}, ACCEPT, .list = LIST_TYPES},
	{"sent", {{0}}, DROP},
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
	{"gets", {TYPE(0x81, 0x00)}, DROP},
	{"gets", {TYPE(0x88, 0xa8)}, DROP},
	{"own", {AT(LL, 0, 6)}, RETURN, .list = LIST_MACS},
	{"own", {{0}}, DROP},
	{"groups", {BROADCAST}, RETURN},
	{"groups", {AT(LL, 0, 6)}, RETURN, .list = LIST_GROUPS},
	{"groups", {{0}}, DROP},
};

struct making {
	const struct fallback *state;
	struct nft_batch *batch;
	struct folds *folds;
	const struct guard_port *port;
	size_t id;			 /* of the port */
	char chain[FALLBACK_NAME_BYTES]; /* of the rule at hand */
	struct nft_rule rule;
};

/* ---- chains and rules ---- */

/* "p3_arp": names of links are not all names of chains. */
static const char *port_chain(const struct making *m, const char *suffix,
			      char out[FALLBACK_NAME_BYTES])
{
	rf_format(out, FALLBACK_NAME_BYTES, "p%zu_%s", m->id, suffix);
	return out;
}

static void chain_add(struct making *m, const char *name, int hook)
{
	nft_chain_add(m->batch, name, hook, PRIORITY);
	folds_at(m->folds, name)->hook = (uint32_t)(hook + 1);
}

static struct nlmsghdr *begin(struct making *m, const char *chain)
{
	rf_copy(m->chain, sizeof(m->chain), chain);
	nft_rule_begin(m->batch, chain, &m->rule);
	return m->rule.message;
}

/* Each rule carries a sum of its own bytes: nobody can put another in its place unseen. */
static void tag_and_end(struct making *m)
{
	struct fold *fold = folds_at(m->folds, m->chain);
	uint8_t tag[9] = {FALLBACK_TAG};
	uint64_t sum;
	size_t len;
	const void *bytes = nft_rule_bytes(&m->rule, &len);

	sum = fold_bytes(0, bytes, len);
	memcpy(tag + 1, &sum, sizeof(sum));
	fold->sum = fold_bytes(fold->sum, &sum, sizeof(sum));
	fold->count++;
	nft_rule_end(&m->rule, tag, sizeof(tag));
}

static void end(struct making *m, int32_t verdict, const char *to)
{
	if (verdict == DROP)
		nft_counter(m->rule.message);
	nft_verdict(m->rule.message, (uint32_t)verdict, to);
	tag_and_end(m);
}

static void element_add(struct making *m, const char *set, const char *link, const char *chain)
{
	nft_element_add(m->batch, set, link, chain);
	fold_element(m->folds, set, link, chain ? chain : "");
}

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
		nft_mask(m, match->mask, match->len);
	nft_compare(m, match->op, match->value, match->len);
}

static void step_end(struct making *m, const struct step *step)
{
	char to[FALLBACK_NAME_BYTES];

	end(m, step->verdict, step->to ? port_chain(m, step->to, to) : NULL);
}

/* One item of a list, at the place that the step's first match names. */
static void item_put(struct making *m, const struct step *step, const void *value, const void *mask)
{
	struct match match = step->match[0];
	char chain[FALLBACK_NAME_BYTES];

	memcpy(match.value, value, match.len);
	if (mask)
		memcpy(match.mask, mask, match.len);
	match_put(begin(m, port_chain(m, step->chain, chain)), &match);
	step_end(m, step);
}

static void list_put(struct making *m, const struct step *step)
{
	const struct guard_port *p = m->port;

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
}

static void step_put(struct making *m, const struct step *step)
{
	char chain[FALLBACK_NAME_BYTES];

	if ((m->port->flags & step->only) != step->only || (m->port->flags & step->unless))
		return;
	if (step->list != LIST_NONE) {
		list_put(m, step);
		return;
	}
	struct nlmsghdr *message = begin(m, port_chain(m, step->chain, chain));

	for (size_t i = 0; i < MATCHES && step->match[i].len; i++)
		match_put(message, &step->match[i]);
	step_end(m, step);
}

/* ---- zones ---- */

static bool allows(const struct fallback *f, uint32_t from, uint32_t to)
{
	struct guard_zone row;

	fallback_zone_get(f, from, &row);
	return row.to[to / 64 % (GUARD_ZONES / 64)] >> (to % 64) & 1;
}

/* Whether an earlier port is in the same zone: its sets and chains are there. */
static bool is_told(const struct fallback *f, size_t port)
{
	for (size_t i = 0; i < port; i++) {
		if (f->ports[i].port.zone == f->ports[port].port.zone)
			return true;
	}
	return false;
}

static void lookup_rule(struct making *m, const char *chain, const char *set, int32_t verdict)
{
	struct nlmsghdr *message = begin(m, chain);

	nft_meta(message, NFT_META_IIFNAME);
	nft_lookup(message, set, false);
	end(m, verdict, NULL);
}

/* Who may send to a zone; and, in "leave", whether its own may send to what has no guard. */
static void zone_put(struct making *m, uint32_t zone)
{
	static const struct match unicast = BITS(LL, 0, 1, B(1), B(0));
	char chain[FALLBACK_NAME_BYTES], set[FALLBACK_NAME_BYTES];

	rf_format(chain, sizeof(chain), "to_zone%u", zone);
	for (size_t i = 0; i < m->state->ports_count; i++) {
		uint32_t from = m->state->ports[i].port.zone;

		if (is_told(m->state, i) || !allows(m->state, from, zone))
			continue;
		rf_format(set, sizeof(set), "zone%u", from);
		lookup_rule(m, chain, set, ACCEPT);
	}
	lookup_rule(m, chain, "guarded", DROP);
	begin(m, chain);
	end(m, allows(m->state, 0, zone) ? ACCEPT : DROP, NULL);
	if (allows(m->state, zone, 0))
		return;
	rf_format(chain, sizeof(chain), "leave%u", zone);
	match_put(begin(m, chain), &unicast);
	end(m, DROP, NULL);
}

/* ---- the table ---- */

static void port_chains(struct making *m)
{
	char chain[FALLBACK_NAME_BYTES];

	for (size_t i = 0; i < RF_COUNT(steps); i++) {
		if (i == 0 || strcmp(steps[i].chain, steps[i - 1].chain) != 0)
			chain_add(m, port_chain(m, steps[i].chain, chain), NFT_NO_HOOK);
	}
	chain_add(m, port_chain(m, "bridged", chain), NFT_NO_HOOK);
	chain_add(m, port_chain(m, "hosts", chain), NFT_NO_HOOK);
}

/* A port that only observes is let alone: nft counts, and cannot tell what it would have done. */
static void port_rules(struct making *m)
{
	char chain[FALLBACK_NAME_BYTES], to[FALLBACK_NAME_BYTES];
	uint32_t zone = m->port->zone;
	bool seal = m->port->mode == GUARD_MODE_DENY || m->port->quarantine == GUARD_SEAL;
	int32_t all = seal ? DROP : ACCEPT;

	if (seal || m->port->mode == GUARD_MODE_OBSERVE) {
		static const char *const ends[] = {"sent", "bridged", "hosts"};

		for (size_t i = 0; i < RF_COUNT(ends); i++) {
			begin(m, port_chain(m, ends[i], chain));
			end(m, all, NULL);
		}
		return;
	}
	for (size_t i = 0; i < RF_COUNT(steps); i++)
		step_put(m, &steps[i]);
	begin(m, port_chain(m, "bridged", chain));
	end(m, JUMP, port_chain(m, "gets", to));
	begin(m, port_chain(m, "bridged", chain));
	rf_format(to, sizeof(to), "to_zone%u", zone);
	end(m, GOTO, to);
	begin(m, port_chain(m, "hosts", chain));
	end(m, JUMP, port_chain(m, "gets", to));
	begin(m, port_chain(m, "hosts", chain));
	end(m, allows(m->state, 0, zone) ? ACCEPT : DROP, NULL);
}

static void port_elements(struct making *m, const char *name)
{
	char to[FALLBACK_NAME_BYTES], set[FALLBACK_NAME_BYTES];

	rf_format(set, sizeof(set), "zone%u", m->port->zone);
	element_add(m, set, name, NULL);
	element_add(m, "guarded", name, NULL);
	element_add(m, "by_sender", name, port_chain(m, "sent", to));
	element_add(m, "by_receiver", name, port_chain(m, "bridged", to));
	element_add(m, "by_host", name, port_chain(m, "hosts", to));
	rf_format(to, sizeof(to), "leave%u", m->port->zone);
	element_add(m, "leaving", name, to);
}

/* Where frames enter the chains of a port. */
static const struct {
	const char *chain, *map;
	int hook;
	uint32_t key;
} hooks[] = {
	{"from_ports", "by_sender", NFT_PRE_ROUTING, NFT_META_IIFNAME},
	{"between", "by_receiver", NFT_FORWARD, NFT_META_OIFNAME},
	{"between", "leaving", NFT_FORWARD, NFT_META_IIFNAME},
	{"from_host", "by_host", NFT_LOCAL_OUT, NFT_META_OIFNAME},
	{"to_host", "leaving", NFT_LOCAL_IN, NFT_META_IIFNAME},
};

static void sets_add(struct making *m)
{
	static const char *const maps[] = {"by_sender", "by_receiver", "by_host", "leaving"};
	char name[FALLBACK_NAME_BYTES];

	nft_set_add(m->batch, "guarded", false);
	for (size_t i = 0; i < RF_COUNT(maps); i++)
		nft_set_add(m->batch, maps[i], true);
	for (size_t i = 0; i < m->state->ports_count; i++) {
		uint32_t zone = m->state->ports[i].port.zone;

		if (is_told(m->state, i))
			continue;
		rf_format(name, sizeof(name), "zone%u", zone);
		nft_set_add(m->batch, name, false);
		rf_format(name, sizeof(name), "to_zone%u", zone);
		chain_add(m, name, NFT_NO_HOOK);
		rf_format(name, sizeof(name), "leave%u", zone);
		chain_add(m, name, NFT_NO_HOOK);
	}
}

static void hooks_add(struct making *m)
{
	for (size_t i = 0; i < RF_COUNT(hooks); i++) {
		if (i == 0 || strcmp(hooks[i].chain, hooks[i - 1].chain) != 0)
			chain_add(m, hooks[i].chain, hooks[i].hook);

		struct nlmsghdr *message = begin(m, hooks[i].chain);

		nft_meta(message, hooks[i].key);
		nft_lookup(message, hooks[i].map, true);
		tag_and_end(m);
	}
}

void fallback_make(const struct fallback *f, struct nft_batch *batch, struct folds *folds)
{
	struct making m = {.state = f, .batch = batch, .folds = folds};

	sets_add(&m);
	for (m.id = 0; m.id < f->ports_count; m.id++) {
		m.port = &f->ports[m.id].port;
		port_chains(&m);
	}
	for (size_t i = 0; i < f->ports_count; i++) {
		if (!is_told(f, i))
			zone_put(&m, f->ports[i].port.zone);
	}
	for (m.id = 0; m.id < f->ports_count; m.id++) {
		m.port = &f->ports[m.id].port;
		port_rules(&m);
		port_elements(&m, f->ports[m.id].name);
	}
	/* Last: nothing is judged by half a table, and here not even within the transaction. */
	hooks_add(&m);
}
