/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Kernel side only: whether a frame of a restricted VM belongs to a service that it may still use.
 * Asked behind the port's policy, so what is malformed or forged has been refused before. ARP and
 * neighbour discovery pass: without them no service is reached. It is a function of its own to the
 * kernel's verifier, which would else follow it again behind each way through the policy. Sources:
 * RFC 791, 8200, 4861.
 */
#ifndef RF_ISOLATE_GUARD_QUARANTINE_BPF_H
#define RF_ISOLATE_GUARD_QUARANTINE_BPF_H

#include "isolate/guard/packet6.bpf.h"

/* The other end of a frame. */
struct peer {
	__be64 address[2];
	__be16 port;
	__u8 protocol, family;
	bool has_port;
};

static __always_inline bool service_fits(const struct guard_service *s, const struct peer *p)
{
	if (s->family != p->family || (s->protocol && s->protocol != p->protocol))
		return false;
	if ((s->address[0] || s->address[1]) &&
	    (s->address[0] != p->address[0] || s->address[1] != p->address[1]))
		return false;
	return !s->port || (p->has_port && s->port == p->port);
}

static __always_inline void peer_port(struct __sk_buff *skb, struct peer *p, __u32 at,
				      __u32 direction)
{
	struct ports ports;

	if ((p->protocol != IP_IS_UDP && p->protocol != IP_IS_TCP) ||
	    bpf_skb_load_bytes(skb, at, &ports, sizeof(ports)))
		return;
	p->port = direction == GUARD_FROM_VM ? ports.destination : ports.source;
	p->has_port = true;
}

static __always_inline bool peer_v4(struct __sk_buff *skb, __u32 l3, struct peer *p,
				    __u32 direction)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, l3, &ip, sizeof(ip)) || ip.ihl < 5)
		return false;
	p->family = 4;
	p->protocol = ip.protocol;
	*((__be32 *)p->address + 3) = direction == GUARD_FROM_VM ? ip.daddr : ip.saddr;
	/* Of a fragment nobody knows the port: only a service with every port takes it. */
	if (!(ip.frag_off & bpf_htons(IP_FRAGMENT)))
		peer_port(skb, p, l3 + ip.ihl * 4, direction);
	return true;
}

/* Extension headers are no part of DHCP, DNS or an administrator's session: no port behind them. */
static __always_inline bool peer_v6(struct __sk_buff *skb, __u32 l3, struct peer *p,
				    __u32 direction)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, l3, &ip, sizeof(ip)))
		return false;
	p->family = 6;
	p->protocol = ip.nexthdr;
	__builtin_memcpy(p->address, direction == GUARD_FROM_VM ? &ip.daddr : &ip.saddr,
			 sizeof(p->address));
	peer_port(skb, p, l3 + sizeof(ip), direction);
	return true;
}

static __always_inline bool is_discovery(struct __sk_buff *skb, __u32 l3, const struct peer *p)
{
	__u8 type = 0;

	return p->family == 6 && p->protocol == IP_IS_ICMP6 &&
	       !bpf_skb_load_bytes(skb, l3 + sizeof(struct ipv6hdr), &type, 1) &&
	       type >= ND_ROUTER_SOLICIT && type <= ND_ADVERT;
}

/* type_l3: the ethertype, in network order, and where the payload begins. */
__attribute__((noinline)) int guard_service(struct __sk_buff *skb, __u32 config, __u32 type_l3,
					    __u32 direction)
{
	const struct guard_port *port = bpf_map_lookup_elem(&g_configs, &config);
	__u32 l3 = type_l3 & 0xff;
	__be16 type = (__be16)(type_l3 >> 16);
	struct peer p = {};
	bool ip = false;

	if (type == bpf_htons(ETH_P_ARP) || type == bpf_htons(ETH_P_RARP))
		return 1;
	if (type == bpf_htons(ETH_P_IP))
		ip = peer_v4(skb, l3, &p, direction);
	else if (type == bpf_htons(ETH_P_IPV6))
		ip = peer_v6(skb, l3, &p, direction);
	if (!ip || !port)
		return 0;
	if (is_discovery(skb, l3, &p))
		return 1;
	for (int i = 0; i < GUARD_SERVICES; i++) {
		if (i >= port->n_services)
			break;
		if (service_fits(&port->services[i], &p))
			return 1;
	}
	return 0;
}

static __always_inline bool service_allows(struct __sk_buff *skb, __u32 config,
					   const struct frame *f, __u32 direction)
{
	return guard_service(skb, config, (__u32)f->type << 16 | f->l3, direction);
}

#endif
