/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds-checked walk over netlink answers, and the links in them; see netlink.h. Sources:
 * netlink(7), rtnetlink(7), linux/if_link.h, linux/if_tun.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/netlink.h"

/* More links than this are not read: a host with as many has another problem. */
#define NET_MAX_LINKS 65536u

static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

struct rf_slice nl_behind(struct rf_slice in, size_t skip)
{
	skip = align4(skip);
	if (skip >= in.len)
		return (struct rf_slice){0};
	return (struct rf_slice){in.data + skip, in.len - skip};
}

int nl_next(struct rf_slice *rest, struct nl_message *out)
{
	struct nlmsghdr header;

	if (rest->len == 0)
		return 0;
	if (rest->len < sizeof(header))
		return RF_E_TRUNCATED;
	memcpy(&header, rest->data, sizeof(header));
	if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > rest->len)
		return RF_E_TRUNCATED;
	out->type = header.nlmsg_type;
	out->body =
		(struct rf_slice){rest->data + sizeof(header), header.nlmsg_len - sizeof(header)};
	*rest = nl_behind(*rest, header.nlmsg_len);
	return 1;
}

bool nl_attr_next(struct rf_slice *rest, struct nl_attr *out)
{
	struct nlattr header;

	if (rest->len < sizeof(header))
		return false;
	memcpy(&header, rest->data, sizeof(header));
	if (header.nla_len < sizeof(header) || header.nla_len > rest->len)
		return false;
	out->type = header.nla_type & 0x3fff;
	out->value =
		(struct rf_slice){rest->data + sizeof(header), header.nla_len - sizeof(header)};
	*rest = nl_behind(*rest, header.nla_len);
	return true;
}

void nl_attrs(struct rf_slice in, struct rf_slice *table, size_t count)
{
	struct nl_attr attr;

	memset(table, 0, count * sizeof(*table));
	while (nl_attr_next(&in, &attr)) {
		if (attr.type < count)
			table[attr.type] = attr.value;
	}
}

uint32_t nl_u32(struct rf_slice value, uint32_t otherwise)
{
	uint32_t n;

	if (!value.data || value.len != sizeof(n))
		return otherwise;
	memcpy(&n, value.data, sizeof(n));
	return n;
}

uint16_t nl_u16(struct rf_slice value, uint16_t otherwise)
{
	uint16_t n;

	if (!value.data || value.len != sizeof(n))
		return otherwise;
	memcpy(&n, value.data, sizeof(n));
	return n;
}

uint8_t nl_u8(struct rf_slice value, uint8_t otherwise)
{
	return value.data && value.len == 1 ? value.data[0] : otherwise;
}

uint32_t nl_be32(struct rf_slice value, uint32_t otherwise)
{
	return value.data && value.len == 4 ? ntohl(nl_u32(value, 0)) : otherwise;
}

uint64_t nl_be64(struct rf_slice value, uint64_t otherwise)
{
	uint64_t n = 0;

	if (!value.data || value.len != sizeof(n))
		return otherwise;
	for (size_t i = 0; i < sizeof(n); i++)
		n = n << 8 | value.data[i];
	return n;
}

const char *nl_text(struct rf_slice value, char *out, size_t size)
{
	size_t n = value.data ? strnlen((const char *)value.data, value.len) : 0;

	if (n >= size)
		n = size - 1;
	if (n)
		memcpy(out, value.data, n);
	out[n] = '\0';
	return out;
}

static void mac_text(struct rf_slice value, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < value.len && used + 4 < size; i++) {
		rf_format(out + used, size - used, i ? ":%02x" : "%02x", value.data[i]);
		used += i ? 3 : 2;
	}
}

static void link_info_parse(struct rf_slice info, struct net_link *link)
{
	struct rf_slice a[IFLA_INFO_SLAVE_DATA + 1];

	nl_attrs(info, a, RF_COUNT(a));
	nl_text(a[IFLA_INFO_KIND], link->kind, sizeof(link->kind));
	nl_text(a[IFLA_INFO_SLAVE_KIND], link->slave_kind, sizeof(link->slave_kind));
	link->data = a[IFLA_INFO_DATA];
	link->slave_data = a[IFLA_INFO_SLAVE_DATA];
}

/* One of the kernel's settings of a link, which come as an array of numbers; -1: not there. */
static int conf_at(struct rf_slice conf, size_t index)
{
	struct rf_slice one = {NULL, 0};

	if (conf.len >= (index + 1) * sizeof(uint32_t))
		one = (struct rf_slice){conf.data + index * sizeof(uint32_t), sizeof(uint32_t)};
	return one.data ? (int)(nl_u32(one, 0) & INT32_MAX) : -1;
}

static void conf_parse(struct rf_slice spec, struct net_link *link)
{
	struct rf_slice families[AF_INET6 + 1], four[IFLA_INET_CONF + 1], six[IFLA_INET6_CONF + 1];

	nl_attrs(spec, families, RF_COUNT(families));
	nl_attrs(families[AF_INET], four, RF_COUNT(four));
	nl_attrs(families[AF_INET6], six, RF_COUNT(six));
	link->ip_forward = conf_at(four[IFLA_INET_CONF], IPV4_DEVCONF_FORWARDING - 1);
	link->rp_filter = conf_at(four[IFLA_INET_CONF], IPV4_DEVCONF_RP_FILTER - 1);
	link->arp_ignore = conf_at(four[IFLA_INET_CONF], IPV4_DEVCONF_ARP_IGNORE - 1);
	link->proxy_arp = conf_at(four[IFLA_INET_CONF], IPV4_DEVCONF_PROXY_ARP - 1);
	link->proxy_ndp = conf_at(six[IFLA_INET6_CONF], DEVCONF_PROXY_NDP);
	link->ip6_forward = conf_at(six[IFLA_INET6_CONF], DEVCONF_FORWARDING);
}

static bool link_parse(const struct nl_message *message, struct net_link *link)
{
	struct rf_slice a[IFLA_XDP + 1];
	struct ifinfomsg header;

	if (message->type != RTM_NEWLINK || message->body.len < sizeof(header))
		return false;
	memcpy(&header, message->body.data, sizeof(header));
	nl_attrs(nl_behind(message->body, sizeof(header)), a, RF_COUNT(a));
	*link = (struct net_link){
		.ifindex = (uint32_t)header.ifi_index,
		.flags = header.ifi_flags,
		.hardware = header.ifi_type,
		.mtu = nl_u32(a[IFLA_MTU], 0),
		.master = nl_u32(a[IFLA_MASTER], 0),
		.lower = nl_u32(a[IFLA_LINK], 0),
		.promiscuity = nl_u32(a[IFLA_PROMISCUITY], 0),
		.carrier = a[IFLA_CARRIER].data ? nl_u8(a[IFLA_CARRIER], 0) != 0 : -1,
		.peer_elsewhere = a[IFLA_LINK_NETNSID].data != NULL,
		.lower_netns = (int32_t)nl_u32(a[IFLA_LINK_NETNSID], UINT32_MAX),
		.vfs = a[IFLA_VFINFO_LIST],
		.xdp = a[IFLA_XDP],
	};
	nl_text(a[IFLA_IFNAME], link->name, sizeof(link->name));
	mac_text(a[IFLA_ADDRESS], link->mac, sizeof(link->mac));
	link_info_parse(a[IFLA_LINKINFO], link);
	conf_parse(a[IFLA_AF_SPEC], link);
	return link->name[0] != '\0';
}

int net_links_parse(struct net_links *links)
{
	struct rf_slice rest = rf_buf_slice(&links->raw);
	struct nl_message message;
	int more;

	while ((more = nl_next(&rest, &message)) > 0) {
		struct net_link link;
		void *array = links->links;

		if (links->count >= NET_MAX_LINKS || !link_parse(&message, &link))
			continue;
		if (rf_grow(&array, &links->capacity, links->count + 1, sizeof(link)) < 0)
			return -ENOMEM;
		links->links = array;
		links->links[links->count++] = link;
	}
	links->broken = more < 0;
	return 0;
}

static int links_ask(struct sys *sys, const char *probe, const char *arg, struct net_links *links,
		     struct rf_err *err)
{
	int rc = sys_probe(sys, probe, arg, &links->raw, err);

	if (rc < 0)
		return rc;
	rc = net_links_parse(links);
	return rc < 0 ? rf_fail(err, rc, "links: no memory") : 0;
}

int net_links_read(struct sys *sys, struct net_links *links, struct rf_err *err)
{
	return links_ask(sys, "rtnl-link", "", links, err);
}

int net_links_read_in(struct sys *sys, const char *netns, struct net_links *links,
		      struct rf_err *err)
{
	return links_ask(sys, "rtnl-link-in", netns, links, err);
}

void net_links_done(struct net_links *links)
{
	rf_free(links->links);
	rf_buf_done(&links->raw);
	*links = (struct net_links){0};
}

const struct net_link *net_link_find(const struct net_links *links, uint32_t ifindex)
{
	for (size_t i = 0; i < links->count; i++) {
		if (links->links[i].ifindex == ifindex)
			return &links->links[i];
	}
	return NULL;
}

struct fact_int net_link_setting(int value)
{
	return FACT_INT(value < 0 ? 0 : value);
}

const char *net_link_name(const struct net_links *links, uint32_t ifindex)
{
	const struct net_link *link = net_link_find(links, ifindex);

	return link ? link->name : "";
}

/* A tun device is a tap when it carries frames and not packets (IFF_TAP). */
static bool is_tap(struct sys *sys, const struct net_link *link)
{
	struct rf_slice a[IFLA_TUN_TYPE + 1];
	char path[128];
	char text[32];
	int64_t flags;

	if (rf_equal(link->kind, "macvtap") || rf_equal(link->kind, "ipvtap"))
		return true;
	if (!rf_equal(link->kind, "tun"))
		return false;
	nl_attrs(link->data, a, RF_COUNT(a));
	if (a[IFLA_TUN_TYPE].data)
		return nl_u8(a[IFLA_TUN_TYPE], 0) == IFF_TAP;
	rf_format(path, sizeof(path), "/sys/class/net/%s/tun_flags", link->name);
	if (sys_read_line(sys, path, text, sizeof(text)) < 0 ||
	    rf_num(text, 0, 0, UINT32_MAX, &flags) < 0)
		return link->hardware == ARPHRD_ETHER;
	return flags & IFF_TAP;
}

static bool is_hardware(struct sys *sys, const struct net_link *link)
{
	char path[128];

	rf_format(path, sizeof(path), "/sys/class/net/%s/device", link->name);
	return sys_exists(sys, path);
}

const char *net_link_role(struct sys *sys, const struct net_link *link)
{
	static const struct {
		const char *kind;
		const char *role;
	} roles[] = {{"bridge", "bridge"}, {"bond", "bond"}, {"team", "bond"}, {"vlan", "vlan"}};

	if (link->flags & IFF_LOOPBACK)
		return "loopback";
	for (size_t i = 0; i < RF_COUNT(roles); i++) {
		if (rf_equal(link->kind, roles[i].kind))
			return roles[i].role;
	}
	if (is_tap(sys, link))
		return "tap";
	return is_hardware(sys, link) ? "physical" : "virtual";
}

bool net_link_is_guest(struct sys *sys, const struct net_link *link)
{
	return is_tap(sys, link) || (rf_equal(link->kind, "veth") && link->peer_elsewhere);
}

bool net_link_is_uplink(struct sys *sys, const struct net_links *links, const struct net_link *link)
{
	/* VLANs may stand on one another; a circle cannot be made, yet the bytes could say so. */
	for (int depth = 0; link && depth < 8; depth++) {
		const char *role = net_link_role(sys, link);

		if (rf_equal(role, "physical") || rf_equal(role, "bond"))
			return true;
		if (!rf_equal(role, "vlan"))
			return false;
		link = net_link_find(links, link->lower);
	}
	return false;
}

bool net_link_is_port(const struct net_link *link)
{
	return link->master != 0 && rf_equal(link->slave_kind, "bridge");
}

bool net_address_parse(const struct nl_message *message, struct net_address *out)
{
	struct rf_slice a[IFA_LOCAL + 1];
	struct ifaddrmsg header;

	if (message->type != RTM_NEWADDR || message->body.len < sizeof(header))
		return false;
	memcpy(&header, message->body.data, sizeof(header));
	nl_attrs(nl_behind(message->body, sizeof(header)), a, RF_COUNT(a));
	/* On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL is ours. */
	struct rf_slice value = a[IFA_LOCAL].data ? a[IFA_LOCAL] : a[IFA_ADDRESS];
	size_t want = header.ifa_family == AF_INET ? 4 : 16;

	if ((header.ifa_family != AF_INET && header.ifa_family != AF_INET6) || value.len != want)
		return false;
	*out = (struct net_address){.ifindex = header.ifa_index,
				    .family = header.ifa_family,
				    .prefix = header.ifa_prefixlen,
				    .scope = header.ifa_scope};
	return inet_ntop(header.ifa_family, value.data, out->text, sizeof(out->text)) != NULL;
}

bool net_address_is_link_local(const struct net_address *address)
{
	struct in6_addr in;

	if (address->family != AF_INET6 || inet_pton(AF_INET6, address->text, &in) != 1)
		return false;
	return in.s6_addr[0] == 0xfe && (in.s6_addr[1] & 0xc0) == 0x80;
}
