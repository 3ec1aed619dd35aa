/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Kernel side only: the chain of IPv6 extension headers, and which addresses are the port's.
 * Sources: RFC 8200, 5095 (routing header 0), 7112 (whole chain in the first fragment).
 */
#ifndef RF_ISOLATE_GUARD_CHAIN6_BPF_H
#define RF_ISOLATE_GUARD_CHAIN6_BPF_H

#include <linux/ipv6.h>

#include "isolate/guard/packet.bpf.h"

#define EXTENSIONS_MAX 4

enum next_header {
	NEXT_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_ESP = 50,
	NEXT_AH = 51,
	NEXT_NONE = 59,
	NEXT_OPTIONS = 60,
	NEXT_MOBILITY = 135,
	NEXT_HIP = 139,
	NEXT_SHIM6 = 140,
	NEXT_OPAQUE = 256, /* a later fragment: nothing more to judge */
};

struct chain {
	__u32 offset; /* of the upper-layer header */
	__u32 next;   /* which one */
	__u32 end;    /* of the IPv6 payload, at most the frame's */
	bool fragment;
	bool walked; /* there are extension headers */
};

static __always_inline bool v6_is_own(const struct guard_port *port, __be64 a, __be64 b)
{
	if ((port->flags & GUARD_LINK_LOCAL) &&
	    (a & bpf_cpu_to_be64(0xffc0000000000000ull)) == bpf_cpu_to_be64(0xfe80000000000000ull))
		return true;
	/* Not ff00::/8, ::, ::1. */
	if (port->flags & GUARD_ANY_V6)
		return (a & bpf_cpu_to_be64(0xff00000000000000ull)) !=
			       bpf_cpu_to_be64(0xff00000000000000ull) &&
		       (a || (b & ~bpf_cpu_to_be64(1)));
	for (int i = 0; i < GUARD_V6; i++) {
		if (i >= port->n_v6)
			break;
		if ((a & port->v6[i].mask[0]) == port->v6[i].address[0] &&
		    (b & port->v6[i].mask[1]) == port->v6[i].address[1])
			return true;
	}
	return false;
}

/* Steps over one extension header. A routing header of type 0 is refused (RFC 5095). */
static __always_inline int chain_step(struct __sk_buff *skb, struct chain *c)
{
	__u8 head[8];

	if (bpf_skb_load_bytes(skb, c->offset, head, sizeof(head)))
		return c->fragment ? GUARD_FRAGMENT : GUARD_HEADER;
	if (c->next == NEXT_ROUTING && head[2] == 0)
		return GUARD_EXTENSION;
	if (c->next == NEXT_FRAGMENT) {
		c->fragment = true;
		c->offset += 8;
		/* 13 bits of offset: what is not first was let in, or not, with the first. */
		c->next = (head[2] || (head[3] & 0xf8)) ? NEXT_OPAQUE : head[0];
		return GUARD_PASS;
	}
	c->offset += c->next == NEXT_AH ? (head[1] + 2u) * 4 : (head[1] + 1u) * 8;
	c->next = head[0];
	return GUARD_PASS;
}

static __always_inline bool is_extension(__u32 next)
{
	return next == NEXT_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
	       next == NEXT_AH || next == NEXT_OPTIONS || next == NEXT_MOBILITY ||
	       next == NEXT_HIP || next == NEXT_SHIM6;
}

static __always_inline int chain_walk(struct __sk_buff *skb, struct chain *c)
{
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (!is_extension(c->next))
			return GUARD_PASS;

		int verdict = chain_step(skb, c);

		c->walked = true;

		if (verdict)
			return verdict;
	}
	return is_extension(c->next) ? GUARD_EXTENSION : GUARD_PASS;
}

#endif
