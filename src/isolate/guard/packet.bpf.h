/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Kernel side only: judges what a VM says in ARP and IPv4. IPv6 is in packet6.bpf.h. Each function
 * gives a verdict. Sources: RFC 826, 791, 2131; isolation reference 3.2.
 */
#ifndef RF_ISOLATE_GUARD_PACKET_BPF_H
#define RF_ISOLATE_GUARD_PACKET_BPF_H

#include <linux/ip.h>

#include "isolate/guard/frame.bpf.h"

#define ARP_IS_REQUEST	1
#define ARP_IS_REPLY	2
#define RARP_IS_REQUEST 3
#define IP_IS_UDP	17
#define IP_IS_TCP	6
#define IP_FRAGMENT	0x3fff /* offset and "more" */
#define IP_OFFSET	0x1fff
#define DHCP_SERVER	67
#define DHCP_CLIENT	68

struct arp {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 op;
	__u8 sender_mac[6];
	__be32 sender;
	__u8 target_mac[6];
	__be32 target;
} __attribute__((packed, aligned(2)));

struct ports {
	__be16 source, destination;
};

/* An address that a host may send from at all: not 0/8, 127/8, multicast or beyond. */
static __always_inline bool v4_may_be_source(__be32 address)
{
	__u32 top = bpf_ntohl(address) >> 24;

	return top != 0 && top != 127 && top < 224;
}

static __always_inline bool v4_is_own(const struct guard_port *port, __be32 address)
{
	if (port->flags & GUARD_ANY_V4)
		return v4_may_be_source(address);
	for (int i = 0; i < GUARD_V4; i++) {
		if (i >= port->n_v4)
			break;
		if ((address & port->v4[i].mask) == port->v4[i].address)
			return true;
	}
	return false;
}

/* Sender MAC and IP must be the port's; sender IP 0 only asks (a probe, RFC 5227). */
static __always_inline int arp_judge(const struct guard_port *port, const struct frame *f)
{
	const struct arp *arp = f->data + f->l3;

	if ((void *)(arp + 1) > f->end)
		return GUARD_HEADER;
	if (arp->hardware != bpf_htons(1) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_len != ETH_ALEN || arp->protocol_len != 4)
		return GUARD_ARP;
	if (!source_is(f, arp->sender_mac))
		return GUARD_ARP;
	/* What QEMU announces after a migration names nothing but the port's own MAC. */
	if (f->type == bpf_htons(ETH_P_RARP))
		return arp->op == bpf_htons(RARP_IS_REQUEST) && source_is(f, arp->target_mac)
			       ? GUARD_PASS
			       : GUARD_ARP;
	if (arp->op == bpf_htons(ARP_IS_REQUEST) && arp->sender == 0)
		return GUARD_PASS;
	if (arp->op != bpf_htons(ARP_IS_REQUEST) && arp->op != bpf_htons(ARP_IS_REPLY))
		return GUARD_ARP;
	return v4_is_own(port, arp->sender) ? GUARD_PASS : GUARD_ARP;
}

/* A client listens on its port whatever port the answer comes from. */
static __always_inline bool dhcp_answer(const struct ports *p, __u16 server, __u16 client)
{
	return p->source == bpf_htons(server) || p->destination == bpf_htons(client);
}

static __always_inline int ipv4_ports(struct __sk_buff *skb, const struct frame *f, __u32 bytes,
				      struct ports *out)
{
	if (bytes == sizeof(struct iphdr)) {
		const struct ports *p = f->data + f->l3 + sizeof(struct iphdr);

		if ((void *)(p + 1) > f->end)
			return GUARD_HEADER;
		*out = *p;
		return GUARD_PASS;
	}
	return bpf_skb_load_bytes(skb, f->l3 + bytes, out, sizeof(*out)) ? GUARD_HEADER
									 : GUARD_PASS;
}

/* Source 0.0.0.0 is for a DHCP client that has no address yet, and for nothing else. */
static __always_inline int ipv4_unnumbered(const struct iphdr *ip, const struct frame *f)
{
	const struct ports *p = (const void *)(ip + 1);

	if (ip->protocol != IP_IS_UDP || ip->ihl != 5 || ip->daddr != 0xffffffff ||
	    !is_broadcast(f->data) || (ip->frag_off & bpf_htons(IP_FRAGMENT)) ||
	    (void *)(p + 1) > f->end)
		return GUARD_IPV4;
	return p->source == bpf_htons(DHCP_CLIENT) && p->destination == bpf_htons(DHCP_SERVER)
		       ? GUARD_PASS
		       : GUARD_IPV4;
}

static __always_inline int ipv4_judge(struct __sk_buff *skb, const struct guard_port *port,
				      const struct frame *f)
{
	const struct iphdr *ip = f->data + f->l3;
	struct ports ports;

	if ((void *)(ip + 1) > f->end || ip->version != 4 || ip->ihl < 5)
		return GUARD_HEADER;
	if (ip->saddr == 0)
		return ipv4_unnumbered(ip, f);
	if (!v4_is_own(port, ip->saddr))
		return GUARD_IPV4;
	/* Ports stand in the first fragment only, and always whole: fragments count by eights. */
	if (ip->protocol != IP_IS_UDP || (ip->frag_off & bpf_htons(IP_OFFSET)))
		return GUARD_PASS;
	if (ipv4_ports(skb, f, ip->ihl * 4, &ports))
		return GUARD_HEADER;
	if (port->flags & GUARD_DHCP_SERVER)
		return GUARD_PASS;
	return dhcp_answer(&ports, DHCP_SERVER, DHCP_CLIENT) ? GUARD_DHCP : GUARD_PASS;
}

#endif
