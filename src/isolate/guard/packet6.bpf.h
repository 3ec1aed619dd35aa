/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Kernel side only: judges what a VM says in IPv6, with neighbour discovery. Sources: RFC 4861 and
 * 4862 (ND, DAD), 6980 and 7113 (ND and fragments), 3810 (MLD from ::), 8415 (DHCPv6).
 */
#ifndef RF_ISOLATE_GUARD_PACKET6_BPF_H
#define RF_ISOLATE_GUARD_PACKET6_BPF_H

#include "isolate/guard/chain6.bpf.h"

#define ND_OPTIONS_MAX 4
#define IP_IS_ICMP6    58
#define DHCP6_SERVER   547
#define DHCP6_CLIENT   546

enum icmp6_type {
	MLD_REPORT = 131,
	MLD_DONE = 132,
	ND_ROUTER_SOLICIT = 133,
	ND_ROUTER_ADVERT = 134,
	ND_SOLICIT = 135,
	ND_ADVERT = 136,
	ND_REDIRECT = 137,
	MLD2_REPORT = 143,
};

/* Link-layer address options, source or target, must name the sender of the frame. */
static __always_inline int nd_options(struct __sk_buff *skb, const struct frame *f,
				      const struct chain *c, __u32 at)
{
	struct {
		__u8 type, len;
		__u8 mac[6];
	} option;

	for (int i = 0; i < ND_OPTIONS_MAX; i++) {
		if (at + sizeof(option) > c->end)
			return GUARD_PASS;
		if (bpf_skb_load_bytes(skb, at, &option, sizeof(option)) || option.len == 0)
			return GUARD_ND;
		if ((option.type == 1 || option.type == 2) && !source_is(f, option.mac))
			return GUARD_ND;
		at += option.len * 8u;
	}
	return at + sizeof(option) > c->end ? GUARD_PASS : GUARD_ND;
}

static __always_inline int nd_judge(struct __sk_buff *skb, const struct guard_port *port,
				    const struct frame *f, const struct chain *c, __u8 type)
{
	__be64 target[2];

	if (type < ND_ROUTER_SOLICIT || type > ND_REDIRECT)
		return GUARD_PASS;
	/* RFC 6980: no neighbour discovery in fragments, so that none can hide there. */
	if (c->fragment)
		return GUARD_FRAGMENT;
	if (type == ND_ROUTER_ADVERT || type == ND_REDIRECT)
		return port->flags & GUARD_ROUTER ? GUARD_PASS : GUARD_ADVERT;
	if (type == ND_ROUTER_SOLICIT)
		return nd_options(skb, f, c, c->offset + 8);
	if (bpf_skb_load_bytes(skb, c->offset + 8, target, sizeof(target)))
		return GUARD_HEADER;

	const struct ipv6hdr *ip = f->data + f->l3;

	if ((void *)(ip + 1) > f->end)
		return GUARD_HEADER;

	const __be64 *source = (const __be64 *)&ip->saddr;
	bool from_nowhere = !source[0] && !source[1];

	/* An advertisement claims its target, and so does a solicitation from :: (DAD). */
	if ((type == ND_ADVERT || from_nowhere) && !v6_is_own(port, target[0], target[1]))
		return GUARD_ND;
	return nd_options(skb, f, c, c->offset + 24);
}

static __always_inline bool speaks_from_nowhere(__u32 next, __u8 type)
{
	return next == IP_IS_ICMP6 &&
	       (type == ND_SOLICIT || type == ND_ROUTER_SOLICIT || type == MLD_REPORT ||
		type == MLD_DONE || type == MLD2_REPORT);
}

/* The first four bytes of the upper layer: ports, or an ICMPv6 type. */
static __always_inline int upper_read(struct __sk_buff *skb, const struct frame *f,
				      const struct chain *c, struct ports *out)
{
	const struct ports *p = f->data + f->l3 + sizeof(struct ipv6hdr);

	/* Behind extension headers the place varies: a helper's work. */
	if (c->walked)
		return bpf_skb_load_bytes(skb, c->offset, out, sizeof(*out));
	if ((void *)(p + 1) > f->end)
		return -1;
	*out = *p;
	return 0;
}

static __always_inline int ipv6_judge(struct __sk_buff *skb, const struct guard_port *port,
				      const struct frame *f)
{
	const struct ipv6hdr *ip = f->data + f->l3;
	struct chain c = {.offset = f->l3 + sizeof(*ip)};
	struct ports upper = {};

	if ((void *)(ip + 1) > f->end || ip->version != 6)
		return GUARD_HEADER;

	const __be64 *source = (const __be64 *)&ip->saddr;
	__be64 a = source[0], b = source[1];

	if ((a || b) && !v6_is_own(port, a, b))
		return GUARD_IPV6;
	c.next = ip->nexthdr;
	c.end = c.offset + bpf_ntohs(ip->payload_len);
	if (c.end > skb->len)
		c.end = skb->len;

	int verdict = chain_walk(skb, &c);

	if (verdict)
		return verdict;
	if (c.next == IP_IS_UDP || c.next == IP_IS_ICMP6) {
		if (upper_read(skb, f, &c, &upper))
			return c.fragment ? GUARD_FRAGMENT : GUARD_HEADER;
	}

	__u8 type = *(__u8 *)&upper;

	if (!a && !b && !speaks_from_nowhere(c.next, type))
		return GUARD_IPV6;
	if (c.next == IP_IS_ICMP6)
		return nd_judge(skb, port, f, &c, type);
	if (c.next == IP_IS_UDP && !(port->flags & GUARD_DHCP_SERVER) &&
	    dhcp_answer(&upper, DHCP6_SERVER, DHCP6_CLIENT))
		return GUARD_DHCP;
	return GUARD_PASS;
}

#endif
