/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what netlink answered, as sys_probe hands it over: concatenated messages. Nothing of it is
 * trusted: each length is checked against what is left. Sources: netlink(7), rtnetlink(7) and the
 * kernel's include/uapi.
 */
#ifndef RF_COLLECT_NETLINK_H
#define RF_COLLECT_NETLINK_H

#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/fact.h"
#include "sys/sys.h"

/* One message; body is what stands behind its header. */
struct nl_message {
	uint16_t type;
	struct rf_slice body;
};

/* Takes the first message from rest. Returns 1, 0 at the end, or RF_E_TRUNCATED. */
int nl_next(struct rf_slice *rest, struct nl_message *out) RF_MUST_CHECK;

/* One attribute; the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER are taken off its type. */
struct nl_attr {
	uint16_t type;
	struct rf_slice value;
};

/* Takes the first attribute from rest. False at the end, or where the rest is broken. */
bool nl_attr_next(struct rf_slice *rest, struct nl_attr *out);

/*
 * Fills table[TYPE] with the attributes of in that have a type below count; of a repeated one the
 * last. An attribute that is not there has data NULL.
 */
void nl_attrs(struct rf_slice in, struct rf_slice *table, size_t count);

/* The slice behind the first skip bytes (the fixed header of a message, padded to 4); empty when
 * there are not as many. */
struct rf_slice nl_behind(struct rf_slice in, size_t skip);

/* Numbers in host order; otherwise is returned when the value is absent or has another size. */
uint32_t nl_u32(struct rf_slice value, uint32_t otherwise);
uint16_t nl_u16(struct rf_slice value, uint16_t otherwise);
uint8_t nl_u8(struct rf_slice value, uint8_t otherwise);
/* Numbers in network order, as nf_tables sends them. */
uint32_t nl_be32(struct rf_slice value, uint32_t otherwise);
uint64_t nl_be64(struct rf_slice value, uint64_t otherwise);
/* A text in out (size > 0), cut at its NUL or its end; "" when absent. Returns out. */
const char *nl_text(struct rf_slice value, char *out, size_t size);

/* A network link as RTM_NEWLINK tells of it. The slices point into struct net_links. */
struct net_link {
	uint32_t ifindex;
	uint32_t flags;	   /* IFF_UP, IFF_PROMISC ... */
	uint16_t hardware; /* ARPHRD_... */
	char name[64];
	char kind[32];	     /* IFLA_INFO_KIND; "" for hardware */
	char slave_kind[32]; /* "bridge" for a port of one; "" */
	char mac[64];
	uint32_t mtu;
	uint32_t master; /* index of the bridge or bond; 0 */
	uint32_t lower;	 /* index of the link below (IFLA_LINK); 0 */
	uint32_t promiscuity;
	int carrier;	     /* 1, 0, or -1 when not told */
	bool peer_elsewhere; /* the link below or the peer is in another network namespace */
	int32_t lower_netns; /* that namespace, as ours knows it; -1 */
	/* IPV4_DEVCONF_FORWARDING, _RP_FILTER, _ARP_IGNORE, _PROXY_ARP; DEVCONF_FORWARDING,
	 * _PROXY_NDP; -1 when not told */
	int ip_forward, rp_filter, arp_ignore, proxy_arp, ip6_forward, proxy_ndp;
	struct rf_slice data; /* IFLA_INFO_DATA */
	struct rf_slice slave_data;
	struct rf_slice vfs; /* IFLA_VFINFO_LIST */
	struct rf_slice xdp; /* IFLA_XDP */
};

/* All links of the host. Zero-initialise. */
struct net_links {
	struct rf_buf raw;
	struct net_link *links;
	size_t count, capacity;
	bool broken; /* the answer ends in the middle of a message */
};
#define NET_AUTOLINKS __attribute__((cleanup(net_links_done)))

/* Asks the seam for the links. */
int net_links_read(struct sys *sys, struct net_links *links, struct rf_err *err) RF_MUST_CHECK;
/* The same of another network namespace, by its id. */
int net_links_read_in(struct sys *sys, const char *netns, struct net_links *links,
		      struct rf_err *err) RF_MUST_CHECK;
/* Reads links from an answer that links->raw holds. 0 or -ENOMEM. */
int net_links_parse(struct net_links *links) RF_MUST_CHECK;
void net_links_done(struct net_links *links);
/* NULL when there is none. */
const struct net_link *net_link_find(const struct net_links *links, uint32_t ifindex);
/* A setting of a link as a fact: a link without that protocol has it off. */
struct fact_int net_link_setting(int value);
/* The name of a link; "" when there is none. */
const char *net_link_name(const struct net_links *links, uint32_t ifindex);

/* physical, loopback, tap, bridge, bond, vlan or virtual: the column link.role. */
const char *net_link_role(struct sys *sys, const struct net_link *link);
/* True for a tap, and for a veth whose other end is in another namespace: a port of a VM. */
bool net_link_is_guest(struct sys *sys, const struct net_link *link);
/* True for hardware, a bond, and a VLAN on one of them. */
bool net_link_is_uplink(struct sys *sys, const struct net_links *links,
			const struct net_link *link);
/* True when the link is a port of a bridge. */
bool net_link_is_port(const struct net_link *link);

/* An address of the host. */
struct net_address {
	uint32_t ifindex;
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t prefix;
	uint8_t scope; /* RT_SCOPE_... */
	char text[64];
};

/* Reads one RTM_NEWADDR. False for another message or one that is broken. */
bool net_address_parse(const struct nl_message *message, struct net_address *out);
/* True for an IPv6 address fe80::/10. */
bool net_address_is_link_local(const struct net_address *address);

#endif
