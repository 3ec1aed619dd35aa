/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector bridges: Linux bridges and their ports. Open vSwitch keeps its ports to itself: a gap
 * says so. Sources: linux/if_link.h (IFLA_BR_*, IFLA_BRPORT_*), linux/if_bridge.h, bridge(8).
 */
#include <linux/if_bridge.h>
#include <linux/neighbour.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/netlink.h"

/* What is counted for one link while the dumps are walked. */
struct tally {
	uint32_t addresses;  /* of the host, on a bridge */
	uint32_t static_fdb; /* entries of a port */
	uint32_t tagged;     /* VLANs of a port */
	uint16_t pvid;
};

struct bridges {
	struct sys *sys;
	struct net_links links;
	struct tally *tallies; /* one for each link */
	bool has_addresses, has_fdb, has_vlans;
	bool nf_global; /* br_netfilter is loaded and its sysctl sends frames to the IP hooks */
	bool nf_loaded;
};

static void bridges_done(struct bridges *b)
{
	net_links_done(&b->links);
	rf_free(b->tallies);
}

static struct tally *tally_of(struct bridges *b, uint32_t ifindex)
{
	const struct net_link *link = net_link_find(&b->links, ifindex);

	return link ? &b->tallies[link - b->links.links] : NULL;
}

static void tally_address(struct bridges *b, const struct nl_message *message)
{
	struct net_address address;

	if (!net_address_parse(message, &address) || net_address_is_link_local(&address))
		return;
	struct tally *tally = tally_of(b, address.ifindex);

	if (tally)
		tally->addresses++;
}

/* Static entries are those of state NOARP; PERMANENT ones are the bridge's own addresses. */
static void tally_fdb(struct bridges *b, const struct nl_message *message)
{
	struct rf_slice a[NDA_MASTER + 1];
	struct ndmsg header;

	if (message->type != RTM_NEWNEIGH || message->body.len < sizeof(header))
		return;
	memcpy(&header, message->body.data, sizeof(header));
	nl_attrs(nl_behind(message->body, sizeof(header)), a, RF_COUNT(a));
	if (header.ndm_family != AF_BRIDGE || !a[NDA_MASTER].data ||
	    (header.ndm_flags & NTF_SELF) || !(header.ndm_state & NUD_NOARP))
		return;
	struct tally *tally = tally_of(b, (uint32_t)header.ndm_ifindex);

	if (tally)
		tally->static_fdb++;
}

static void tally_vlan_range(struct tally *tally, uint16_t flags, uint32_t first, uint32_t last)
{
	if (flags & BRIDGE_VLAN_INFO_PVID)
		tally->pvid = (uint16_t)last;
	if (!(flags & BRIDGE_VLAN_INFO_UNTAGGED) && last >= first)
		tally->tagged += last - first + 1;
}

static void tally_vlans(struct bridges *b, const struct nl_message *message)
{
	struct rf_slice a[IFLA_AF_SPEC + 1];
	struct ifinfomsg header;
	struct bridge_vlan_info info;
	struct nl_attr attr;
	uint32_t first = 0;

	if (message->type != RTM_NEWLINK || message->body.len < sizeof(header))
		return;
	memcpy(&header, message->body.data, sizeof(header));
	nl_attrs(nl_behind(message->body, sizeof(header)), a, RF_COUNT(a));
	struct tally *tally = tally_of(b, (uint32_t)header.ifi_index);

	if (!tally)
		return;
	tally->pvid = 0;
	tally->tagged = 0;
	while (nl_attr_next(&a[IFLA_AF_SPEC], &attr)) {
		if (attr.type != IFLA_BRIDGE_VLAN_INFO || attr.value.len != sizeof(info))
			continue;
		memcpy(&info, attr.value.data, sizeof(info));
		if (info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
			first = info.vid;
			continue;
		}
		bool range = info.flags & BRIDGE_VLAN_INFO_RANGE_END;

		tally_vlan_range(tally, info.flags, range ? first : info.vid, info.vid);
	}
}

/* Walks one dump; false when it could not be had (then table, col has a gap). */
static bool walk(struct bridges *b, const char *probe,
		 void (*each)(struct bridges *, const struct nl_message *), struct fact_sink *out,
		 enum fact_table_id table, const char *col)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	struct nl_message message;
	struct rf_err err = {0};
	int rc = sys_probe(b->sys, probe, "", &raw, &err);
	struct rf_slice rest = rf_buf_slice(&raw);

	while (rc == 0 && (rc = nl_next(&rest, &message)) > 0) {
		each(b, &message);
		rc = 0;
	}
	if (rc < 0)
		fact_gap(out, table, "", col, probe, "the kernel was asked and answered: %s",
			 err.code ? rf_err_text(&err) : rf_code_text(rc));
	return rc == 0;
}

static void read_nf_call(struct bridges *b)
{
	int64_t ip = 0, ip6 = 0;

	b->nf_loaded =
		sys_read_int(b->sys, "/proc/sys/net/bridge/bridge-nf-call-iptables", &ip) == 0;
	if (sys_read_int(b->sys, "/proc/sys/net/bridge/bridge-nf-call-ip6tables", &ip6) < 0)
		ip6 = 0;
	b->nf_global = b->nf_loaded && (ip || ip6);
}

struct port_counts {
	uint32_t ports, uplinks, guests;
};

static struct port_counts count_ports(const struct bridges *b, uint32_t bridge)
{
	struct port_counts n = {0};

	for (size_t i = 0; i < b->links.count; i++) {
		const struct net_link *link = &b->links.links[i];

		if (!net_link_is_port(link) || link->master != bridge)
			continue;
		n.ports++;
		if (net_link_is_guest(b->sys, link))
			n.guests++;
		else if (net_link_is_uplink(b->sys, &b->links, link))
			n.uplinks++;
	}
	return n;
}

static void put_bridge(struct bridges *b, const struct net_link *link, struct fact_sink *out)
{
	struct rf_slice a[IFLA_BR_VLAN_DEFAULT_PVID + 1];
	struct port_counts n = count_ports(b, link->ifindex);
	struct fact_int addresses = {0}, stp = {0};

	nl_attrs(link->data, a, RF_COUNT(a));
	bool nf_own =
		nl_u8(a[IFLA_BR_NF_CALL_IPTABLES], 0) || nl_u8(a[IFLA_BR_NF_CALL_IP6TABLES], 0);

	if (b->has_addresses)
		addresses = FACT_INT(tally_of(b, link->ifindex)->addresses);
	if (a[IFLA_BR_STP_STATE].data)
		stp = FACT_BOOL(nl_u32(a[IFLA_BR_STP_STATE], 0));
	else
		fact_gap(out, FACT_T_BRIDGE, link->name, "stp", "rtnl-link",
			 "the kernel's answer has no bridge settings");
	/* A kernel built without VLAN filtering or snooping does not name them: then they are off.
	 */
	fact_put_bridge(out,
			&(struct fact_bridge){
				.name = link->name,
				.vlan_filtering = FACT_BOOL(nl_u8(a[IFLA_BR_VLAN_FILTERING], 0)),
				.default_pvid = FACT_INT(nl_u16(a[IFLA_BR_VLAN_DEFAULT_PVID], 0)),
				.stp = stp,
				.mcast_snooping = FACT_BOOL(nl_u8(a[IFLA_BR_MCAST_SNOOPING], 0)),
				.nf_call = FACT_BOOL(b->nf_global || (b->nf_loaded && nf_own)),
				.ports_count = FACT_INT(n.ports),
				.uplinks_count = FACT_INT(n.uplinks),
				.guest_ports_count = FACT_INT(n.guests),
				.addresses_count = addresses,
				.source = "rtnl-link",
			});
}

/* A flag of a port; one that the kernel does not know yet counts as off. */
static struct fact_int port_flag(const struct rf_slice *a, int type)
{
	return FACT_BOOL(nl_u8(a[type], 0));
}

/* A flag that every kernel has: without it the answer is not to be trusted. */
static struct fact_int port_old_flag(const struct rf_slice *a, int type)
{
	return a[type].data ? FACT_BOOL(nl_u8(a[type], 0)) : (struct fact_int){0};
}

static const char *port_role(const struct bridges *b, const struct net_link *link)
{
	if (net_link_is_guest(b->sys, link))
		return "guest";
	return net_link_is_uplink(b->sys, &b->links, link) ? "uplink" : "other";
}

static void put_port(struct bridges *b, const struct net_link *link, struct fact_sink *out)
{
	struct rf_slice a[IFLA_BRPORT_MAX + 1];
	const struct tally *tally = tally_of(b, link->ifindex);
	struct fact_int none = {0};

	nl_attrs(link->slave_data, a, RF_COUNT(a));
	if (!a[IFLA_BRPORT_LEARNING].data)
		fact_gap(out, FACT_T_BRIDGE_PORT, link->name, "", "rtnl-link",
			 "the kernel's answer has no port settings");
	fact_put_bridge_port(out,
			     &(struct fact_bridge_port){
				     .name = link->name,
				     .bridge = net_link_name(&b->links, link->master),
				     .role = port_role(b, link),
				     .isolated = port_flag(a, IFLA_BRPORT_ISOLATED),
				     .locked = port_flag(a, IFLA_BRPORT_LOCKED),
				     .learning = port_old_flag(a, IFLA_BRPORT_LEARNING),
				     .unicast_flood = port_old_flag(a, IFLA_BRPORT_UNICAST_FLOOD),
				     .mcast_flood = port_old_flag(a, IFLA_BRPORT_MCAST_FLOOD),
				     .hairpin = port_old_flag(a, IFLA_BRPORT_MODE),
				     .bpdu_guard = port_old_flag(a, IFLA_BRPORT_GUARD),
				     .root_block = port_old_flag(a, IFLA_BRPORT_PROTECT),
				     .neigh_suppress = port_flag(a, IFLA_BRPORT_NEIGH_SUPPRESS),
				     .static_fdb = b->has_fdb ? FACT_INT(tally->static_fdb) : none,
				     .pvid = b->has_vlans ? FACT_INT(tally->pvid) : none,
				     .tagged_vlans = b->has_vlans ? FACT_INT(tally->tagged) : none,
				     .source = "rtnl-link",
			     });
}

static void read_tallies(struct bridges *b, struct fact_sink *out)
{
	b->has_addresses =
		walk(b, "rtnl-addr", tally_address, out, FACT_T_BRIDGE, "addresses_count");
	b->has_fdb = walk(b, "rtnl-fdb", tally_fdb, out, FACT_T_BRIDGE_PORT, "static_fdb");
	b->has_vlans = walk(b, "rtnl-bridge-vlan", tally_vlans, out, FACT_T_BRIDGE_PORT, "pvid");
	if (!b->has_vlans)
		fact_gap(out, FACT_T_BRIDGE_PORT, "", "tagged_vlans", "rtnl-bridge-vlan",
			 "the kernel did not list the VLANs of bridge ports");
	read_nf_call(b);
}

int collect_bridges(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		    struct rf_err *err)
{
	__attribute__((cleanup(bridges_done))) struct bridges b = {.sys = sys};
	bool any = false, ovs = false;
	int rc = net_links_read(sys, &b.links, err);

	(void)req;
	if (rc < 0)
		return rf_wrap(err, rc, "bridges");
	b.tallies = rf_alloc(b.links.count, sizeof(*b.tallies));
	if (!b.tallies)
		return rf_fail(err, -ENOMEM, "bridges: no memory");
	for (size_t i = 0; i < b.links.count; i++) {
		any = any || rf_equal(b.links.links[i].kind, "bridge");
		ovs = ovs || rf_equal(b.links.links[i].kind, "openvswitch");
	}
	if (ovs)
		fact_gap(out, FACT_T_BRIDGE, "", "", "rtnl-link",
			 "Open vSwitch is in use; its bridges and ports are not read");
	if (b.links.broken)
		fact_gap(out, FACT_T_BRIDGE, "", "", "rtnl-link",
			 "the kernel's answer ends in the middle of a message");
	if (!any)
		return 0;
	read_tallies(&b, out);
	for (size_t i = 0; i < b.links.count; i++) {
		if (rf_equal(b.links.links[i].kind, "bridge"))
			put_bridge(&b, &b.links.links[i], out);
		if (net_link_is_port(&b.links.links[i]))
			put_port(&b, &b.links.links[i], out);
	}
	return 0;
}
