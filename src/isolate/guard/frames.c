/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure: the test frames, and what a policy says of each. The 24 forged ones are what a hostile VM
 * sends, and what a VM is not to get; the honest ones are what no guard may break. Sources: the
 * RFCs of packet.bpf.h and packet6.bpf.h. Checksums are left 0: nobody looks at them.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/guard/frames.h"

enum { UDP = 17, ICMP6 = 58, FRAGMENT = 44, OPTIONS = 60 };
enum { SOLICIT = 135, ADVERT = 136, ROUTER_ADVERT = 134, REDIRECT = 137 };

static const uint8_t BROADCAST[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t ALL_NODES[6] = {0x33, 0x33, 0, 0, 0, 1};
static const uint8_t GROUP_V6[16] = {0xff, 0x02, [15] = 1};
static const uint8_t NOWHERE_V6[16];

static void put(struct test_frame *f, const void *data, size_t len)
{
	if (len > FRAME_ROOM - f->len)
		return;
	memcpy(f->bytes + f->len, data, len);
	f->len += len;
}

static void put_u8(struct test_frame *f, unsigned n)
{
	uint8_t byte = (uint8_t)n;

	put(f, &byte, 1);
}

static void put_be16(struct test_frame *f, unsigned n)
{
	put_u8(f, n >> 8);
	put_u8(f, n);
}

static void put_zero(struct test_frame *f, size_t len)
{
	while (len--)
		put_u8(f, 0);
}

static void put_tag(struct test_frame *f, unsigned type, unsigned vid)
{
	put_be16(f, type);
	put_be16(f, vid);
}

static void put_macs(struct test_frame *f, const uint8_t to[6], const uint8_t from[6])
{
	put(f, to, 6);
	put(f, from, 6);
}

/* The header of an honest VM's frame: with its own address, and a tag where it must have one. */
static void put_eth(struct test_frame *f, const struct test_subject *s, const uint8_t to[6],
		    unsigned type)
{
	put_macs(f, to, s->port->mac);
	if (s->tagged)
		put_tag(f, ETH_P_8021Q, s->vid);
	put_be16(f, type);
}

static void put_ipv4(struct test_frame *f, uint32_t from, uint32_t to, unsigned payload)
{
	put_be16(f, 0x4500);
	put_be16(f, 20 + payload);
	put_zero(f, 4);
	put_be16(f, 64 << 8 | UDP);
	put_be16(f, 0);
	put(f, &from, 4);
	put(f, &to, 4);
}

static void put_udp(struct test_frame *f, unsigned from, unsigned to, unsigned payload)
{
	put_be16(f, from);
	put_be16(f, to);
	put_be16(f, 8 + payload);
	put_be16(f, 0);
	put_zero(f, payload);
}

static void put_ipv6(struct test_frame *f, const uint8_t from[16], const uint8_t to[16],
		     unsigned next, unsigned payload)
{
	put_be16(f, 0x6000);
	put_be16(f, 0);
	put_be16(f, payload);
	put_be16(f, next << 8 | 255);
	put(f, from, 16);
	put(f, to, 16);
}

static void put_icmp6(struct test_frame *f, unsigned type)
{
	put_be16(f, type << 8);
	put_be16(f, 0);
	put_zero(f, 4);
}

static void put_arp(struct test_frame *f, unsigned op, const uint8_t mac[6], uint32_t from,
		    uint32_t to)
{
	put_be16(f, 1);
	put_be16(f, ETH_P_IP);
	put_be16(f, 6 << 8 | 4);
	put_be16(f, op);
	put(f, mac, 6);
	put(f, &from, 4);
	put_zero(f, 6);
	put(f, &to, 4);
}

static void put_datagram(struct test_frame *f, uint32_t from, uint32_t to)
{
	put_ipv4(f, from, to, 8);
	put_udp(f, 40000, 40001, 0);
}

/* An IPv4 datagram of the port's own, whatever stands before it. */
static void put_own(struct test_frame *f, const struct test_subject *s)
{
	put_datagram(f, s->v4, s->other_v4);
}

static void from_stranger(struct test_frame *f, const struct test_subject *s)
{
	put_macs(f, BROADCAST, s->stranger);
	if (s->tagged)
		put_tag(f, ETH_P_8021Q, s->vid);
	put_be16(f, ETH_P_IP);
	put_own(f, s);
}

static void from_zero(struct test_frame *f, const struct test_subject *s)
{
	static const uint8_t ZERO[6];

	put_macs(f, BROADCAST, ZERO);
	put_be16(f, ETH_P_IP);
	put_own(f, s);
}

static void from_group(struct test_frame *f, const struct test_subject *s)
{
	uint8_t mac[6];

	memcpy(mac, s->port->mac, 6);
	mac[0] |= 1;
	put_macs(f, BROADCAST, mac);
	put_be16(f, ETH_P_IP);
	put_own(f, s);
}

static void arp_of_other(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, BROADCAST, ETH_P_ARP);
	put_arp(f, 2, s->port->mac, s->other_v4, s->other_v4);
}

static void arp_other_mac(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, BROADCAST, ETH_P_ARP);
	put_arp(f, 2, s->stranger, s->v4, s->v4);
}

static void ipv4_of_other(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, BROADCAST, ETH_P_IP);
	put_datagram(f, s->other_v4, s->v4);
}

static void ipv4_from_nowhere(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, BROADCAST, ETH_P_IP);
	put_datagram(f, 0, 0xffffffff);
}

static void dhcp_offer(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, BROADCAST, ETH_P_IP);
	put_ipv4(f, s->v4, 0xffffffff, 8 + 240);
	put_udp(f, 67, 68, 240);
}

static void ipv6_of_other(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, ALL_NODES, ETH_P_IPV6);
	put_ipv6(f, s->other_v6, GROUP_V6, UDP, 8);
	put_udp(f, 40000, 40001, 0);
}

static void router_advert(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, ALL_NODES, ETH_P_IPV6);
	put_ipv6(f, s->v6, GROUP_V6, ICMP6, 16);
	put_icmp6(f, ROUTER_ADVERT);
	put_zero(f, 8);
}

/* RFC 7113: behind options and a fragment header that splits nothing. */
static void router_advert_hidden(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, ALL_NODES, ETH_P_IPV6);
	put_ipv6(f, s->v6, GROUP_V6, OPTIONS, 8 + 8 + 16);
	put_be16(f, FRAGMENT << 8);
	put_be16(f, 0x0104);
	put_zero(f, 4);
	put_be16(f, ICMP6 << 8);
	put_zero(f, 6);
	put_icmp6(f, ROUTER_ADVERT);
	put_zero(f, 8);
}

static void advert_of_other(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, ALL_NODES, ETH_P_IPV6);
	put_ipv6(f, s->v6, GROUP_V6, ICMP6, 32);
	put_icmp6(f, ADVERT);
	put(f, s->other_v6, 16);
	put_be16(f, 0x0201);
	put(f, s->port->mac, 6);
}

static void nd_redirect(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, ALL_NODES, ETH_P_IPV6);
	put_ipv6(f, s->v6, GROUP_V6, ICMP6, 40);
	put_icmp6(f, REDIRECT);
	put(f, s->v6, 16);
	put(f, s->other_v6, 16);
}

static void tagged_with(struct test_frame *f, const struct test_subject *s, unsigned vid)
{
	put_macs(f, BROADCAST, s->port->mac);
	put_tag(f, ETH_P_8021Q, vid);
	put_be16(f, ETH_P_IP);
	put_own(f, s);
}

static void tagged(struct test_frame *f, const struct test_subject *s)
{
	tagged_with(f, s, s->wrong_vid);
}

static void tagged_priority(struct test_frame *f, const struct test_subject *s)
{
	tagged_with(f, s, 5u << 13);
}

static void tagged_twice(struct test_frame *f, const struct test_subject *s)
{
	uint16_t outer = s->tagged ? s->vid : 1;

	put_macs(f, BROADCAST, s->port->mac);
	put_tag(f, ETH_P_8021Q, outer);
	put_tag(f, ETH_P_8021Q, s->wrong_vid);
	put_be16(f, ETH_P_IP);
	put_own(f, s);
}

static void tagged_service(struct test_frame *f, const struct test_subject *s)
{
	put_macs(f, BROADCAST, s->port->mac);
	put_tag(f, ETH_P_8021AD, s->tagged ? s->vid : 1);
	put_be16(f, ETH_P_IP);
	put_own(f, s);
}

static void link_control(struct test_frame *f, const struct test_subject *s, unsigned last,
			 unsigned type)
{
	const uint8_t to[6] = {0x01, 0x80, 0xc2, 0, 0, (uint8_t)last};

	put_eth(f, s, to, type);
	put_zero(f, 46);
}

static void spanning_tree(struct test_frame *f, const struct test_subject *s)
{
	link_control(f, s, 0, 38);
}

static void lldp(struct test_frame *f, const struct test_subject *s)
{
	link_control(f, s, 0x0e, 0x88cc);
}

static void too_long(struct test_frame *f, const struct test_subject *s)
{
	uint32_t max = s->port->max_bytes;

	put_eth(f, s, BROADCAST, ETH_P_IP);
	put_own(f, s);
	if (max < FRAME_ROOM)
		put_zero(f, max + 1 - f->len);
	else
		f->gso_bytes = max + 1;
}

/* Ends where the UDP header should begin. A kernel tests no frame without its whole IP header. */
static void cut_short(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, BROADCAST, ETH_P_IP);
	put_ipv4(f, s->v4, s->other_v4, 0);
}

/* To the VM, from outside: tags as they come on the bridge. */
static void put_inbound(struct test_frame *f, const struct test_subject *s, const uint8_t to[6],
			unsigned vid)
{
	put_macs(f, to, s->stranger);
	if (vid)
		put_tag(f, ETH_P_8021Q, vid);
	put_be16(f, ETH_P_IP);
	put_datagram(f, s->other_v4, s->v4);
}

static unsigned inbound_vid(const struct test_subject *s)
{
	return s->tagged || s->port->vlan_mode == GUARD_VLAN_VST ? s->vid : 0;
}

static void to_stranger(struct test_frame *f, const struct test_subject *s)
{
	put_inbound(f, s, s->stranger, inbound_vid(s));
}

static void of_wrong_vlan(struct test_frame *f, const struct test_subject *s)
{
	put_inbound(f, s, s->port->mac, s->wrong_vid);
}

static void to_vm(struct test_frame *f, const struct test_subject *s)
{
	put_inbound(f, s, s->port->mac, inbound_vid(s));
}

static void dhcp_discover(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, BROADCAST, ETH_P_IP);
	put_ipv4(f, 0, 0xffffffff, 8 + 240);
	put_udp(f, 68, 67, 240);
}

static void arp_own(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, BROADCAST, ETH_P_ARP);
	put_arp(f, 1, s->port->mac, s->has_v4 ? s->v4 : 0, s->other_v4);
}

static void ipv4_own(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, BROADCAST, ETH_P_IP);
	put_own(f, s);
}

/* Duplicate address detection, which SLAAC begins with (RFC 4862). */
static void solicit_own(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, ALL_NODES, ETH_P_IPV6);
	put_ipv6(f, NOWHERE_V6, GROUP_V6, ICMP6, 24);
	put_icmp6(f, SOLICIT);
	put(f, s->v6, 16);
}

static void ipv6_own(struct test_frame *f, const struct test_subject *s)
{
	put_eth(f, s, ALL_NODES, ETH_P_IPV6);
	put_ipv6(f, s->v6, GROUP_V6, UDP, 8);
	put_udp(f, 40000, 40001, 0);
}

static bool never(const struct test_subject *s)
{
	(void)s;
	return false;
}

static bool may_change_mac(const struct test_subject *s)
{
	return s->port->flags & GUARD_MAC_CHANGE;
}

static bool owns_other_v4(const struct test_subject *s)
{
	return guard_owns_v4(s->port, s->other_v4);
}

static bool owns_other_v6(const struct test_subject *s)
{
	return guard_owns_v6(s->port, s->other_v6);
}

static bool may_offer(const struct test_subject *s)
{
	return (s->port->flags & GUARD_DHCP_SERVER) && s->has_v4;
}

static bool may_route(const struct test_subject *s)
{
	return (s->port->flags & GUARD_ROUTER) && s->has_v6;
}

static bool lacks_wrong_vid(const struct test_subject *s)
{
	return !s->has_wrong_vid;
}

static bool is_promiscuous(const struct test_subject *s)
{
	return (s->port->flags & GUARD_PROMISCUOUS) && s->has_zone;
}

static bool lacks_wrong_zone(const struct test_subject *s)
{
	return !s->has_wrong_zone;
}

static bool reached(const struct test_subject *s)
{
	return s->has_zone;
}

static bool always(const struct test_subject *s)
{
	(void)s;
	return true;
}

static bool has_v4(const struct test_subject *s)
{
	return s->has_v4;
}

static bool has_v6(const struct test_subject *s)
{
	return s->has_v6;
}

#define FORGED(name, build, allowed)                                                               \
	{                                                                                          \
		name, GUARD_FROM_VM, false, false, build, allowed                                  \
	}
#define INBOUND(name, build, allowed)                                                              \
	{                                                                                          \
		name, GUARD_TO_VM, false, false, build, allowed                                    \
	}
#define HONEST(name, build, allowed)                                                               \
	{                                                                                          \
		name, GUARD_FROM_VM, true, false, build, allowed                                   \
	}

const struct test_row GUARD_TESTS[GUARD_PROBES] = {
	FORGED("another's source MAC address", from_stranger, may_change_mac),
	FORGED("source MAC address zero", from_zero, never),
	FORGED("a multicast address as source", from_group, never),
	FORGED("ARP for another's IP address", arp_of_other, owns_other_v4),
	FORGED("ARP that names another's MAC address", arp_other_mac, never),
	FORGED("another's IPv4 source address", ipv4_of_other, owns_other_v4),
	FORGED("IPv4 source 0.0.0.0 that is no DHCP", ipv4_from_nowhere, never),
	FORGED("a DHCP offer", dhcp_offer, may_offer),
	FORGED("another's IPv6 source address", ipv6_of_other, owns_other_v6),
	FORGED("a router advertisement", router_advert, may_route),
	FORGED("a router advertisement hidden behind a fragment header", router_advert_hidden,
	       never),
	FORGED("a neighbour advertisement for another's address", advert_of_other, owns_other_v6),
	FORGED("an ICMPv6 redirect", nd_redirect, may_route),
	FORGED("a VLAN tag that is not the port's", tagged, lacks_wrong_vid),
	FORGED("a priority tag", tagged_priority, never),
	FORGED("two VLAN tags", tagged_twice, never),
	FORGED("a service provider's tag", tagged_service, never),
	FORGED("spanning tree", spanning_tree, never),
	FORGED("LLDP", lldp, never),
	FORGED("a frame that is too long", too_long, never),
	FORGED("a header that is cut short", cut_short, never),
	INBOUND("a unicast frame for a neighbour", to_stranger, is_promiscuous),
	INBOUND("a frame of another VLAN", of_wrong_vlan, lacks_wrong_vid),
	{"a frame from a zone that may not reach it", GUARD_TO_VM, false, true, to_vm,
	 lacks_wrong_zone},
	HONEST("a DHCP request", dhcp_discover, always),
	HONEST("ARP for its own address", arp_own, always),
	HONEST("IPv4 from its own address", ipv4_own, has_v4),
	HONEST("duplicate address detection (SLAAC)", solicit_own, has_v6),
	HONEST("IPv6 from its own address", ipv6_own, has_v6),
	{"a frame for it, from a zone that may", GUARD_TO_VM, true, false, to_vm, reached},
};
