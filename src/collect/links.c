/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector links: network links, their addresses, virtual functions of network cards. Bridges are
 * bridges.c, programs on links tc.c. Sources: rtnetlink(7), linux/if_link.h, sysfs.
 */
#include <linux/if.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/netlink.h"
#include "collect/routes.h"
#include "collect/util.h"

static bool link_has(struct sys *sys, const struct net_link *link, const char *file)
{
	char path[160];

	rf_format(path, sizeof(path), "/sys/class/net/%s/%s", link->name, file);
	return sys_exists(sys, path);
}

/* The driver's name in out; "" for a link without hardware. */
static void link_driver(struct sys *sys, const struct net_link *link, char *out, size_t size)
{
	char path[160];
	char target[512];

	out[0] = '\0';
	rf_format(path, sizeof(path), "/sys/class/net/%s/device/driver", link->name);
	if (sys_readlink(sys, path, target, sizeof(target)) < 0)
		return;
	const char *slash = strrchr(target, '/');

	rf_copy(out, size, slash ? slash + 1 : target);
}

static bool link_has_xdp(const struct net_link *link)
{
	struct rf_slice a[IFLA_XDP_ATTACHED + 1];

	nl_attrs(link->xdp, a, RF_COUNT(a));
	return nl_u8(a[IFLA_XDP_ATTACHED], XDP_ATTACHED_NONE) != XDP_ATTACHED_NONE;
}

static uint16_t link_vlan_id(const struct net_link *link)
{
	struct rf_slice a[IFLA_VLAN_ID + 1];

	if (!rf_equal(link->kind, "vlan"))
		return 0;
	nl_attrs(link->data, a, RF_COUNT(a));
	return nl_u16(a[IFLA_VLAN_ID], 0);
}

/* The larger of the link's own and that of all links counts (ip-sysctl.rst). */
static struct fact_int link_or_all(struct sys *sys, const char *family, const char *name, int own)
{
	char path[80];
	int64_t all = 0;

	rf_format(path, sizeof(path), "/proc/sys/net/%s/conf/all/%s", family, name);
	if (sys_read_int(sys, path, &all) < 0)
		all = 0;
	/* Where nothing is told of the link that of all is not enough to go by. */
	return net_link_setting(own >= 0 && all > own && all <= INT32_MAX ? (int)all : own);
}

static void put_link(struct sys *sys, const struct net_links *links, const struct net_link *link,
		     struct fact_sink *out)
{
	char driver[128];
	struct fact_int carrier = {0};

	link_driver(sys, link, driver, sizeof(driver));
	if (link->carrier >= 0)
		carrier = FACT_BOOL(link->carrier);
	else
		fact_gap(out, FACT_T_LINK, link->name, "carrier", "rtnl-link",
			 "the kernel does not tell whether the other end is there");
	fact_put_link(
		out, &(struct fact_link){
			     .name = link->name,
			     .ifindex = FACT_INT(link->ifindex),
			     .kind = link->kind,
			     .role = net_link_role(sys, link),
			     .up = FACT_BOOL(link->flags & IFF_UP),
			     .carrier = carrier,
			     .mac = link->mac,
			     .mtu = FACT_INT(link->mtu),
			     .master = net_link_name(links, link->master),
			     .promisc = FACT_BOOL(link->flags & IFF_PROMISC),
			     .promiscuity = FACT_INT(link->promiscuity),
			     .driver = driver,
			     .wireless = FACT_BOOL(link_has(sys, link, "phy80211") ||
						   link_has(sys, link, "wireless")),
			     .vlan_id = FACT_INT(link_vlan_id(link)),
			     .xdp = FACT_BOOL(link_has_xdp(link)),
			     .lower = link->peer_elsewhere ? "" : net_link_name(links, link->lower),
			     .lower_index = FACT_INT(link->lower),
			     .lower_netns = FACT_INT(link->lower_netns),
			     .ip_forward = net_link_setting(link->ip_forward),
			     .ip6_forward = net_link_setting(link->ip6_forward),
			     .rp_filter = link_or_all(sys, "ipv4", "rp_filter", link->rp_filter),
			     .arp_ignore = link_or_all(sys, "ipv4", "arp_ignore", link->arp_ignore),
			     .proxy_arp = link_or_all(sys, "ipv4", "proxy_arp", link->proxy_arp),
			     .proxy_ndp = link_or_all(sys, "ipv6", "proxy_ndp", link->proxy_ndp),
			     .source = "rtnl-link",
		     });
}

/* A switch of a virtual function; drivers that do not know answer all ones. */
static struct fact_int vf_switch(struct rf_slice value)
{
	struct ifla_vf_spoofchk both;

	if (value.len < sizeof(both))
		return (struct fact_int){0};
	memcpy(&both, value.data, sizeof(both));
	return both.setting == UINT32_MAX ? (struct fact_int){0} : FACT_BOOL(both.setting);
}

static void vf_gap(struct fact_sink *out, const struct net_link *link, uint32_t vf, const char *col,
		   struct fact_int value)
{
	char key[96];

	if (value.known)
		return;
	rf_format(key, sizeof(key), "%s/%u", link->name, vf);
	fact_gap(out, FACT_T_SRIOV_VF, key, col, "rtnl-link",
		 "the driver of %s does not tell %s of its virtual functions", link->name, col);
}

static void put_vf(const struct net_link *link, struct rf_slice info, struct fact_sink *out)
{
	struct rf_slice a[IFLA_VF_TRUST + 1];
	struct ifla_vf_mac mac;
	char text[32];

	nl_attrs(info, a, RF_COUNT(a));
	if (a[IFLA_VF_MAC].len < sizeof(mac))
		return;
	memcpy(&mac, a[IFLA_VF_MAC].data, sizeof(mac));
	rf_format(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac.mac[0], mac.mac[1],
		  mac.mac[2], mac.mac[3], mac.mac[4], mac.mac[5]);
	struct fact_int spoofchk = vf_switch(a[IFLA_VF_SPOOFCHK]);
	struct fact_int trust = vf_switch(a[IFLA_VF_TRUST]);

	vf_gap(out, link, mac.vf, "spoofchk", spoofchk);
	vf_gap(out, link, mac.vf, "trust", trust);
	fact_put_sriov_vf(out, &(struct fact_sriov_vf){.link = link->name,
						       .vf = FACT_INT(mac.vf),
						       .mac = text,
						       .spoofchk = spoofchk,
						       .trust = trust,
						       .source = "rtnl-link"});
}

static void put_vfs(const struct net_link *link, struct fact_sink *out)
{
	struct rf_slice rest = link->vfs;
	struct nl_attr attr;

	while (nl_attr_next(&rest, &attr)) {
		if (attr.type == IFLA_VF_INFO)
			put_vf(link, attr.value, out);
	}
}

static const char *scope_name(uint8_t scope)
{
	if (scope >= RT_SCOPE_HOST)
		return "host";
	return scope == RT_SCOPE_LINK ? "link" : "global";
}

static void put_addresses(struct sys *sys, const struct net_links *links, struct fact_sink *out)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	struct nl_message message;
	struct net_address address;
	struct rf_err err = {0};
	int more;

	if (sys_probe(sys, "rtnl-addr", "", &raw, &err) < 0) {
		fact_gap(out, FACT_T_ADDRESS, "", "", "rtnl-addr",
			 "the addresses could not be asked for: %s", rf_err_text(&err));
		return;
	}
	struct rf_slice rest = rf_buf_slice(&raw);

	while ((more = nl_next(&rest, &message)) > 0) {
		if (!net_address_parse(&message, &address))
			continue;
		fact_put_address(out, &(struct fact_address){
					      .link = net_link_name(links, address.ifindex),
					      .address = address.text,
					      .prefix = FACT_INT(address.prefix),
					      .family = FACT_INT(address.family == AF_INET ? 4 : 6),
					      .scope = scope_name(address.scope),
					      .source = "rtnl-addr"});
	}
	if (more < 0)
		fact_gap(out, FACT_T_ADDRESS, "", "", "rtnl-addr",
			 "the kernel's answer ends in the middle of a message");
}

int collect_links(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		  struct rf_err *err)
{
	NET_AUTOLINKS struct net_links links = {0};
	int rc = net_links_read(sys, &links, err);

	(void)req;
	if (rc < 0)
		return rf_wrap(err, rc, "network links");
	for (size_t i = 0; i < links.count; i++) {
		put_link(sys, &links, &links.links[i], out);
		put_vfs(&links.links[i], out);
	}
	if (links.broken)
		fact_gap(out, FACT_T_LINK, "", "", "rtnl-link",
			 "the kernel's answer ends in the middle of a message");
	put_addresses(sys, &links, out);
	return routes_put(sys, &links, out);
}
