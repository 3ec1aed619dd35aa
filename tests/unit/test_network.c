/* SPDX-License-Identifier: Apache-2.0 */
/* Links, bridges, traffic control: answers made here, then the kernel's own in a namespace. */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "netlink_test.h"
#include "base/mem.h"
#include "collect/netlink.h"

static void add_port(struct build *b, uint32_t master, const char *kind, bool isolated)
{
	struct nlattr *info = mnl_attr_nest_start(b->nlh, IFLA_LINKINFO);

	if (*kind)
		mnl_attr_put_strz(b->nlh, IFLA_INFO_KIND, kind);
	mnl_attr_put_strz(b->nlh, IFLA_INFO_SLAVE_KIND, "bridge");
	struct nlattr *data = mnl_attr_nest_start(b->nlh, IFLA_INFO_SLAVE_DATA);

	mnl_attr_put_u8(b->nlh, IFLA_BRPORT_MODE, 0);
	mnl_attr_put_u8(b->nlh, IFLA_BRPORT_GUARD, isolated);
	mnl_attr_put_u8(b->nlh, IFLA_BRPORT_PROTECT, 0);
	mnl_attr_put_u8(b->nlh, IFLA_BRPORT_LEARNING, !isolated);
	mnl_attr_put_u8(b->nlh, IFLA_BRPORT_UNICAST_FLOOD, 1);
	mnl_attr_put_u8(b->nlh, IFLA_BRPORT_MCAST_FLOOD, 1);
	mnl_attr_put_u8(b->nlh, IFLA_BRPORT_ISOLATED, isolated);
	mnl_attr_nest_end(b->nlh, data);
	mnl_attr_nest_end(b->nlh, info);
	mnl_attr_put_u32(b->nlh, IFLA_MASTER, master);
}

static void add_vlan(struct build *b, uint16_t id)
{
	struct nlattr *info = mnl_attr_nest_start(b->nlh, IFLA_LINKINFO);

	mnl_attr_put_strz(b->nlh, IFLA_INFO_KIND, "vlan");
	struct nlattr *data = mnl_attr_nest_start(b->nlh, IFLA_INFO_DATA);

	mnl_attr_put_u16(b->nlh, IFLA_VLAN_ID, id);
	mnl_attr_nest_end(b->nlh, data);
	mnl_attr_nest_end(b->nlh, info);
}

static void add_bridge(struct build *b)
{
	struct nlattr *info = mnl_attr_nest_start(b->nlh, IFLA_LINKINFO);

	mnl_attr_put_strz(b->nlh, IFLA_INFO_KIND, "bridge");
	struct nlattr *data = mnl_attr_nest_start(b->nlh, IFLA_INFO_DATA);

	mnl_attr_put_u32(b->nlh, IFLA_BR_STP_STATE, 1);
	mnl_attr_put_u8(b->nlh, IFLA_BR_VLAN_FILTERING, 1);
	mnl_attr_put_u16(b->nlh, IFLA_BR_VLAN_DEFAULT_PVID, 7);
	mnl_attr_put_u8(b->nlh, IFLA_BR_MCAST_SNOOPING, 1);
	mnl_attr_nest_end(b->nlh, data);
	mnl_attr_nest_end(b->nlh, info);
}

static void add_vf(struct build *b, uint32_t vf, uint32_t spoofchk, uint32_t trust)
{
	struct nlattr *info = mnl_attr_nest_start(b->nlh, IFLA_VF_INFO);
	struct ifla_vf_mac mac = {.vf = vf, .mac = {2, 0, 0, 0, 9, (uint8_t)vf}};
	struct ifla_vf_spoofchk check = {vf, spoofchk};
	struct ifla_vf_trust trusted = {vf, trust};

	mnl_attr_put(b->nlh, IFLA_VF_MAC, sizeof(mac), &mac);
	mnl_attr_put(b->nlh, IFLA_VF_SPOOFCHK, sizeof(check), &check);
	mnl_attr_put(b->nlh, IFLA_VF_TRUST, sizeof(trusted), &trusted);
	mnl_attr_nest_end(b->nlh, info);
}

/* lo, two cards, a bridge with a tap, a VM's veth, an uplink VLAN, and a veth of the host. */
static void make_links(struct test_host *h)
{
	struct build *b = rf_alloc(1, sizeof(*b));

	build_link(b, 1, "lo", IFF_UP | IFF_LOOPBACK);
	build_end(b);
	build_link(b, 2, "eth0", IFF_UP | IFF_PROMISC);
	struct nlattr *vfs = mnl_attr_nest_start(b->nlh, IFLA_VFINFO_LIST);

	add_vf(b, 0, 1, 0);
	add_vf(b, 1, UINT32_MAX, 1);
	mnl_attr_nest_end(b->nlh, vfs);
	build_end(b);
	build_link(b, 3, "br0", IFF_UP);
	add_bridge(b);
	build_end(b);
	build_link(b, 4, "vnet0", IFF_UP);
	add_port(b, 3, "tun", true);
	build_end(b);
	build_link(b, 5, "veth-vm", IFF_UP);
	mnl_attr_put_u32(b->nlh, IFLA_LINK_NETNSID, 0);
	add_port(b, 3, "veth", false);
	build_end(b);
	build_link(b, 6, "eth0.5", IFF_UP);
	mnl_attr_put_u32(b->nlh, IFLA_LINK, 2);
	add_port(b, 3, "vlan", false);
	build_end(b);
	build_link(b, 7, "veth-host", 0);
	add_port(b, 3, "veth", false);
	build_end(b);
	build_link(b, 8, "vlan9", 0);
	add_vlan(b, 9);
	build_end(b);
	build_link(b, 9, "bond0", IFF_UP);
	build_kind(b, "bond");
	build_end(b);
	build_probe(b, h, "rtnl-link");
	host_file(h, "/sys/class/net/eth0/device/vendor", "0x8086");
	host_link(h, "/sys/class/net/eth0/device/driver", "../../../bus/pci/drivers/ixgbe");
	host_file(h, "/sys/class/net/vnet0/tun_flags", "0x5002\n");
	rf_free(b);
}

static void add_address(struct build *b, uint32_t ifindex, const char *text, uint8_t prefix,
			uint8_t scope)
{
	uint8_t ip[16];
	bool v6 = strchr(text, ':') != NULL;
	struct ifaddrmsg *header = build_begin(b, RTM_NEWADDR, sizeof(*header));

	header->ifa_family = v6 ? AF_INET6 : AF_INET;
	header->ifa_prefixlen = prefix;
	header->ifa_scope = scope;
	header->ifa_index = ifindex;
	assert_int_equal(inet_pton(header->ifa_family, text, ip), 1);
	mnl_attr_put(b->nlh, IFA_ADDRESS, v6 ? 16 : 4, ip);
	build_end(b);
}

static void add_fdb(struct build *b, uint32_t ifindex, uint16_t state, uint8_t flags, bool master)
{
	static const uint8_t mac[6] = {2, 1, 1, 1, 1, 1};
	struct ndmsg *header = build_begin(b, RTM_NEWNEIGH, sizeof(*header));

	header->ndm_family = AF_BRIDGE;
	header->ndm_ifindex = (int)ifindex;
	header->ndm_state = state;
	header->ndm_flags = flags;
	mnl_attr_put(b->nlh, NDA_LLADDR, sizeof(mac), mac);
	if (master)
		mnl_attr_put_u32(b->nlh, NDA_MASTER, 3);
	build_end(b);
}

static void add_port_vlans(struct build *b, uint32_t ifindex)
{
	static const struct bridge_vlan_info infos[] = {
		{BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, 7},
		{0, 20},
		{BRIDGE_VLAN_INFO_RANGE_BEGIN, 100},
		{BRIDGE_VLAN_INFO_RANGE_END, 109},
	};
	struct ifinfomsg *header = build_begin(b, RTM_NEWLINK, sizeof(*header));

	header->ifi_family = AF_BRIDGE;
	header->ifi_index = (int)ifindex;
	struct nlattr *spec = mnl_attr_nest_start(b->nlh, IFLA_AF_SPEC);

	for (size_t i = 0; i < RF_COUNT(infos); i++)
		mnl_attr_put(b->nlh, IFLA_BRIDGE_VLAN_INFO, sizeof(infos[i]), &infos[i]);
	mnl_attr_nest_end(b->nlh, spec);
	build_end(b);
}

static void test_links(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct test_host h;

	(void)state;
	host_make(&h);
	make_links(&h);
	add_address(b, 2, "192.0.2.7", 24, RT_SCOPE_UNIVERSE);
	add_address(b, 1, "127.0.0.1", 8, RT_SCOPE_HOST);
	add_address(b, 3, "fe80::1", 64, RT_SCOPE_LINK);
	build_probe(b, &h, "rtnl-addr");
	host_collect(&h, collect_links);
	assert_fact(&h,
		    "SELECT group_concat(name || '=' || role, ' ') FROM (SELECT * FROM link ORDER "
		    "BY ifindex)",
		    "lo=loopback eth0=physical br0=bridge vnet0=tap veth-vm=virtual "
		    "eth0.5=vlan veth-host=virtual vlan9=vlan bond0=bond");
	assert_fact(&h, "SELECT driver || promisc || up || mac FROM link WHERE name = 'eth0'",
		    "ixgbe1102:00:00:00:00:01");
	assert_fact(&h, "SELECT vlan_id FROM link WHERE name = 'vlan9'", "9");
	assert_fact(&h, "SELECT master || kind FROM link WHERE name = 'vnet0'", "br0tun");
	assert_fact(&h, "SELECT spoofchk || trust || mac FROM sriov_vf WHERE vf = 0",
		    "1002:00:00:00:09:00");
	assert_fact(&h, "SELECT spoofchk FROM sriov_vf WHERE vf = 1", "NULL");
	assert_fact(&h, "SELECT col FROM fact_gap WHERE key = 'eth0/1'", "spoofchk");
	assert_fact(&h,
		    "SELECT group_concat(link || address || '/' || prefix || scope, ' ') FROM "
		    "address",
		    "br0fe80::1/64link eth0192.0.2.7/24global lo127.0.0.1/8host");
	host_done(&h);
	rf_free(b);
}

static void test_links_hostile(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct test_host h;
	uint32_t huge = UINT32_MAX;

	(void)state;
	host_make(&h);
	build_link(b, 1, "lo", IFF_LOOPBACK);
	build_end(b);
	/* A message that says it is longer than all that there is. */
	rf_buf_add(&b->answer, &huge, sizeof(huge));
	rf_buf_add(&b->answer, "xxxxxxxxxxxxxxxx", 16);
	struct net_links links = {.raw = b->answer};

	b->answer = (struct rf_buf){0};
	assert_int_equal(net_links_parse(&links), 0);
	assert_int_equal(links.count, 1);
	assert_true(links.broken);
	net_links_done(&links);
	struct collect_request req = {.host = true};

	/* Without the probe there is nothing to say: the collector fails, and says why. */
	assert_true(host_collect_request(&h, collect_links, &req) < 0);
	assert_true(host_collect_request(&h, collect_bridges, &req) < 0);
	assert_true(host_collect_request(&h, collect_tc, &req) < 0);
	host_done(&h);
	rf_free(b);
}

static void test_bridges(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct test_host h;

	(void)state;
	host_make(&h);
	make_links(&h);
	add_address(b, 3, "192.0.2.1", 24, RT_SCOPE_UNIVERSE);
	add_address(b, 3, "fe80::1", 64, RT_SCOPE_LINK);
	build_probe(b, &h, "rtnl-addr");
	add_fdb(b, 4, NUD_NOARP, 0, true);
	add_fdb(b, 4, NUD_PERMANENT, 0, true);	  /* the port's own address */
	add_fdb(b, 4, NUD_REACHABLE, 0, true);	  /* learned */
	add_fdb(b, 4, NUD_NOARP, NTF_SELF, true); /* the device's filter, not the bridge's */
	build_probe(b, &h, "rtnl-fdb");
	add_port_vlans(b, 4);
	build_probe(b, &h, "rtnl-bridge-vlan");
	host_file(&h, "/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
	host_collect(&h, collect_bridges);
	assert_fact(&h,
		    "SELECT vlan_filtering || ' ' || default_pvid || ' ' || stp || nf_call || "
		    "' ' || ports_count || uplinks_count || guest_ports_count || "
		    "addresses_count FROM bridge WHERE name = 'br0'",
		    "1 7 11 4121");
	assert_fact(&h, "SELECT group_concat(name || '=' || role, ' ') FROM bridge_port",
		    "eth0.5=uplink veth-host=other veth-vm=guest vnet0=guest");
	assert_fact(&h,
		    "SELECT isolated || bpdu_guard || learning || unicast_flood || hairpin || "
		    "root_block || locked FROM bridge_port WHERE name = 'vnet0'",
		    "1101000");
	assert_fact(&h,
		    "SELECT static_fdb || ' ' || pvid || ' ' || tagged_vlans FROM bridge_port "
		    "WHERE name = 'vnet0'",
		    "1 7 11");
	assert_fact(&h, "SELECT tagged_vlans FROM bridge_port WHERE name = 'veth-vm'", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
	rf_free(b);
}

static void test_bridges_without_dumps(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	make_links(&h);
	host_collect(&h, collect_bridges);
	assert_fact(&h, "SELECT addresses_count FROM bridge", "NULL");
	assert_fact(&h, "SELECT static_fdb FROM bridge_port WHERE name = 'vnet0'", "NULL");
	assert_fact(&h, "SELECT nf_call FROM bridge", "0");
	assert_fact(&h, "SELECT group_concat(col, ' ') FROM (SELECT col FROM fact_gap ORDER BY 1)",
		    "addresses_count pvid static_fdb tagged_vlans");
	host_done(&h);
}

static void add_qdisc(struct build *b, int ifindex, uint32_t handle, const char *kind)
{
	struct tcmsg *header = build_begin(b, RTM_NEWQDISC, sizeof(*header));

	header->tcm_ifindex = ifindex;
	header->tcm_handle = handle;
	mnl_attr_put_strz(b->nlh, TCA_KIND, kind);
	build_end(b);
}

static void add_bpf_filter(struct build *b, uint32_t handle, const char *name)
{
	static const uint8_t tag[8] = {0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4};
	struct tcmsg *header = build_begin(b, RTM_NEWTFILTER, sizeof(*header));

	header->tcm_handle = handle;
	mnl_attr_put_strz(b->nlh, TCA_KIND, "bpf");
	struct nlattr *options = mnl_attr_nest_start(b->nlh, TCA_OPTIONS);

	mnl_attr_put_strz(b->nlh, TCA_BPF_NAME, name);
	mnl_attr_put(b->nlh, TCA_BPF_TAG, sizeof(tag), tag);
	mnl_attr_nest_end(b->nlh, options);
	build_end(b);
}

static void add_mirror_filter(struct build *b, uint32_t ifindex, int eaction)
{
	struct tc_mirred parms = {.eaction = eaction, .ifindex = ifindex};
	struct tcmsg *header = build_begin(b, RTM_NEWTFILTER, sizeof(*header));

	header->tcm_handle = 1;
	mnl_attr_put_strz(b->nlh, TCA_KIND, "matchall");
	struct nlattr *options = mnl_attr_nest_start(b->nlh, TCA_OPTIONS);
	struct nlattr *acts = mnl_attr_nest_start(b->nlh, TCA_MATCHALL_ACT);
	struct nlattr *act = mnl_attr_nest_start(b->nlh, 1);

	mnl_attr_put_strz(b->nlh, TCA_ACT_KIND, "mirred");
	struct nlattr *data = mnl_attr_nest_start(b->nlh, TCA_ACT_OPTIONS);

	mnl_attr_put(b->nlh, TCA_MIRRED_PARMS, sizeof(parms), &parms);
	mnl_attr_nest_end(b->nlh, data);
	mnl_attr_nest_end(b->nlh, act);
	mnl_attr_nest_end(b->nlh, acts);
	mnl_attr_nest_end(b->nlh, options);
	build_end(b);
}

static void test_tc(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct test_host h;

	(void)state;
	host_make(&h);
	make_links(&h);
	add_qdisc(b, 4, 0xffff0000, "clsact");
	add_qdisc(b, 2, 0x00010000, "htb");
	add_qdisc(b, 5, 0, "noqueue");
	build_probe(b, &h, "rtnl-qdisc");
	add_bpf_filter(b, 1, "rf_guard_in:[42]");
	add_bpf_filter(b, 2, "spy:[section]");
	build_probe(b, &h, "rtnl-filter/4:fffffff2");
	add_mirror_filter(b, 2, TCA_EGRESS_MIRROR);
	build_probe(b, &h, "rtnl-filter/4:fffffff3");
	add_mirror_filter(b, 77, TCA_EGRESS_REDIR);
	build_probe(b, &h, "rtnl-filter/2:10000");
	host_collect(&h, collect_tc);
	assert_fact(&h,
		    "SELECT group_concat(item || kind || name || ours, ' ') FROM tc_program "
		    "WHERE link = 'vnet0' AND direction = 'ingress'",
		    "0bpfrf_guard_in1 1bpfspy:[section]0");
	assert_fact(&h, "SELECT tag FROM tc_program WHERE ours = 1", "deadbeef01020304");
	assert_fact(&h,
		    "SELECT kind || name || ours FROM tc_program WHERE direction = 'egress' AND "
		    "link = 'vnet0'",
		    "mirroreth00");
	assert_fact(&h, "SELECT kind || ' ' || name FROM tc_program WHERE link = 'eth0'",
		    "redirect index 77");
	assert_fact(&h, "SELECT group_concat(source) FROM fact_gap", "bpf-tcx");
	host_done(&h);
	rf_free(b);
}

static void add_xdp(struct build *b, uint32_t id)
{
	struct nlattr *xdp = mnl_attr_nest_start(b->nlh, IFLA_XDP);

	mnl_attr_put_u8(b->nlh, IFLA_XDP_ATTACHED, XDP_ATTACHED_SKB);
	mnl_attr_put_u32(b->nlh, IFLA_XDP_PROG_ID, id);
	mnl_attr_put_u32(b->nlh, IFLA_XDP_SKB_PROG_ID, id);
	mnl_attr_nest_end(b->nlh, xdp);
}

static void test_xdp(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct test_host h;

	(void)state;
	host_make(&h);
	build_link(b, 2, "tap0", IFF_UP);
	add_xdp(b, 12);
	build_end(b);
	build_link(b, 3, "tap1", IFF_UP);
	add_xdp(b, 13);
	build_end(b);
	build_probe(b, &h, "rtnl-link");
	build_probe(b, &h, "rtnl-qdisc");
	host_file(&h, "/.ringfence/probe/bpf-prog/12", "name rf_guard_xdp\ntag 0011\n");
	host_file(&h, "/.ringfence/probe/bpf-prog/14", "name spy\ntag 0022\n");
	host_file(&h, "/.ringfence/probe/bpf-tcx/2", "");
	host_file(&h, "/.ringfence/probe/bpf-tcx/3", "ingress 14\n");
	host_collect(&h, collect_tc);
	assert_fact(&h,
		    "SELECT name || tag || ours FROM tc_program WHERE link = 'tap1' AND "
		    "direction = 'ingress'",
		    "spy00220");
	assert_fact(&h, "SELECT name || tag || ours FROM tc_program WHERE link = 'tap0'",
		    "rf_guard_xdp00111");
	/* What cannot be asked is not known to be ours, and not known to be foreign. */
	assert_fact(&h,
		    "SELECT coalesce(name, '?') || coalesce(ours, '?') FROM tc_program WHERE "
		    "link = 'tap1' AND direction = 'xdp'",
		    "??");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key = 'tap1/xdp/0'", "3");
	host_done(&h);
	rf_free(b);
}

static int make_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Goal: what the kernel answers about a real bridge, tap and veth is read as it is. */
static void test_live_namespace(void **state)
{
	static const char *const commands[] = {
		"ip link add br0 type bridge stp_state 1",
		"ip link add v0 type veth peer name v1",
		"ip link set v0 master br0",
		"ip link set v0 type bridge_slave isolated on guard on learning off",
		"ip link set t0 master br0",
		"ip addr add 192.0.2.1/24 dev br0",
		"bridge fdb add 02:00:00:00:00:55 dev v0 master static",
		"tc qdisc add dev t0 clsact",
		"tc filter add dev t0 ingress u32 match u32 0 0 action mirred egress mirror dev v1",
	};
	struct sys *sys;
	struct test_host h = {0};
	struct rf_err err = {0};
	struct collect_request req = {.host = true};

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		print_message("skipped: live namespace (needs root and network namespaces)\n");
		skip();
	}
	int tap = make_tap("t0");
	bool ready = tap >= 0;

	for (size_t i = 0; ready && i < RF_COUNT(commands); i++)
		ready = system(commands[i]) == 0;
	if (!ready) {
		print_message("skipped: live namespace (no tap, bridge, ip or tc here)\n");
		skip();
	}
	assert_int_equal(fact_store_open(&h.store, &err), 0);
	assert_int_equal(sys_open_live(&sys, &err), 0);
	struct fact_sink *sink = fact_store_sink(h.store, "h");

	assert_int_equal(collect_links(sys, &req, sink, &err), 0);
	assert_int_equal(collect_bridges(sys, &req, sink, &err), 0);
	assert_int_equal(collect_tc(sys, &req, sink, &err), 0);
	sys_close(sys);
	close(tap);
	assert_fact(&h, "SELECT kind || role FROM link WHERE name = 't0'", "tuntap");
	assert_fact(&h, "SELECT role FROM link WHERE name = 'lo'", "loopback");
	assert_fact(&h,
		    "SELECT stp || ports_count || guest_ports_count || addresses_count FROM "
		    "bridge",
		    "1211");
	assert_fact(&h,
		    "SELECT isolated || bpdu_guard || learning || static_fdb || role FROM "
		    "bridge_port WHERE name = 'v0'",
		    "1101other");
	assert_fact(&h, "SELECT isolated || learning || role FROM bridge_port WHERE name = 't0'",
		    "01guest");
	assert_fact(&h, "SELECT direction || kind || name FROM tc_program", "ingressmirrorv1");
	fact_store_close(h.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_links_hostile),
		cmocka_unit_test(test_bridges),
		cmocka_unit_test(test_bridges_without_dumps),
		cmocka_unit_test(test_tc),
		cmocka_unit_test(test_xdp),
		cmocka_unit_test(test_live_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
