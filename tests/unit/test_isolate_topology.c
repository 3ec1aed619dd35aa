/* SPDX-License-Identifier: Apache-2.0 */
/* Ways out of a closed switch: each kind of escape by a table of links and cards, rings, a thousand
 * nodes, hostile names, and the pictures. Facts to graph and promises: test_isolate_closed.c. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/topology.h"

#define OWN 7
#define LAB 9

/* Short for a table: links of the host, ifindex by place. */
#define L(...)	      ((struct topology_link){.netns = OWN, __VA_ARGS__})
#define IN(...)	      ((struct topology_link){.netns = LAB, __VA_ARGS__})
#define BRIDGE(n, nm) L(.ifindex = n, .name = nm, .kind = "bridge", .role = "bridge")
#define OVS(n, nm, m)                                                                              \
	L(.ifindex = n, .name = nm, .kind = "openvswitch", .role = "virtual", .master = m)
#define TAP(n, nm, m) L(.ifindex = n, .name = nm, .kind = "tun", .role = "tap", .master = m)
#define VETH(n, nm, m, peer)                                                                       \
	L(.ifindex = n, .name = nm, .kind = "veth", .role = "virtual", .master = m,                \
	  .lower_index = peer)
#define CARD(v, n, target_)                                                                        \
	((struct topology_card){.layer = TOPOLOGY_LIVE,                                            \
				.vm = v,                                                           \
				.nic = n,                                                          \
				.mac = "52:54:00:00:00:01",                                        \
				.kind = "bridge",                                                  \
				.network = "",                                                     \
				.target = target_})

struct scene {
	const char *name;
	struct topology_link links[9];
	struct topology_card cards[4];
	const char *redirect[3]; /* link, to or NULL, program */
	struct topology_ovs_port ovs[6];
	const char *allowed; /* may stand between */
	enum topology_escape escape;
	const char *words; /* of the nearest way; NULL: there is none */
};

static const struct scene scenes[] = {
	{"a bridge with two VMs",
	 {BRIDGE(1, "br-lab"), TAP(2, "vnet0", "br-lab"), TAP(3, "vnet1", "br-lab")},
	 {CARD("web1", "net0", "vnet0"), CARD("web2", "net0", "vnet1")},
	 .escape = TOPOLOGY_INSIDE},
	{"an uplink",
	 {BRIDGE(1, "br-lab"),
	  L(.ifindex = 2, .name = "eth0", .role = "physical", .kind = "", .master = "br-lab")},
	 .escape = TOPOLOGY_UPLINK,
	 .words = "br-lab reaches eth0: port eth0"},
	{"an uplink that the policy names",
	 {BRIDGE(1, "br-lab"),
	  L(.ifindex = 2, .name = "up0", .kind = "dummy", .master = "br-lab", .uplink = true)},
	 .escape = TOPOLOGY_UPLINK,
	 .words = "br-lab reaches up0: port up0"},
	{"a dummy is none",
	 {BRIDGE(1, "br-lab"), L(.ifindex = 2, .name = "dm0", .kind = "dummy", .master = "br-lab")},
	 .escape = TOPOLOGY_INSIDE},
	{"a bond's card",
	 {BRIDGE(1, "br-lab"),
	  L(.ifindex = 2, .name = "bond0", .kind = "bond", .role = "bond", .master = "br-lab"),
	  L(.ifindex = 3, .name = "eth1", .role = "physical", .master = "bond0")},
	 .escape = TOPOLOGY_UPLINK,
	 .words = "br-lab reaches eth1: port bond0, its part eth1"},
	{"a VLAN of a card",
	 {BRIDGE(1, "br-lab"), L(.ifindex = 2, .name = "eth0", .role = "physical"),
	  L(.ifindex = 3, .name = "eth0.5", .kind = "vlan", .role = "vlan", .master = "br-lab",
	    .lower_index = 2)},
	 .escape = TOPOLOGY_UPLINK,
	 .words = "br-lab reaches eth0: port eth0.5, eth0 below it"},
	{"an address of the host",
	 {L(.ifindex = 1, .name = "br-lab", .kind = "bridge", .addresses = "10.9.0.1,fe80::1")},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: br-lab has address 10.9.0.1"},
	{"a link-local address is one, too",
	 {L(.ifindex = 1, .name = "br-lab", .kind = "bridge", .addresses = "fe80::1")},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: br-lab has address fe80::1"},
	{"an address of a port itself: frames to the nearest bridge reach it",
	 {BRIDGE(1, "br-lab"), L(.ifindex = 2, .name = "vnet0", .kind = "dummy", .master = "br-lab",
				 .addresses = "fe80::2", .ip6_forward = true)},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: port vnet0, vnet0 has an address of its own, "
		  "fe80::2, which frames to 01:80:c2:00:00:0e reach past the bridge"},
	{"the guard refuses such frames",
	 {BRIDGE(1, "br-lab"), L(.ifindex = 2, .name = "vnet0", .kind = "dummy", .master = "br-lab",
				 .addresses = "fe80::2", .guarded = true)},
	 .escape = TOPOLOGY_INSIDE},
	{"bridges of Open vSwitch that its database tells apart",
	 {OVS(1, "ovs-system", ""), OVS(2, "br-lab", ""), OVS(3, "br-prod", ""),
	  TAP(4, "vnet0", "ovs-system"), TAP(5, "vnet1", "ovs-system"),
	  L(.ifindex = 6, .name = "eth0", .role = "physical", .master = "ovs-system")},
	 {CARD("web1", "net0", "vnet0"), CARD("web2", "net0", "vnet1")},
	 .ovs = {{"vnet0", "br-lab", "", ""},
		 {"vnet1", "br-prod", "", ""},
		 {"eth0", "br-prod", "system", ""},
		 {"br-lab", "br-lab", "internal", ""},
		 {"br-prod", "br-prod", "internal", ""}},
	 .escape = TOPOLOGY_INSIDE},
	{"one that it does not tell of",
	 {OVS(1, "ovs-system", ""), OVS(2, "br-lab", ""), OVS(3, "br-prod", ""),
	  L(.ifindex = 4, .name = "eth0", .role = "physical", .master = "ovs-system")},
	 .ovs = {{"br-prod", "br-prod", "internal", ""}},
	 .escape = TOPOLOGY_UPLINK,
	 .words = "br-lab reaches eth0: the datapath of Open vSwitch, port eth0"},
	{"a patch between two of them",
	 {OVS(1, "br-lab", ""), OVS(2, "br-prod", "")},
	 .ovs = {{"br-lab", "br-lab", "internal", ""},
		 {"br-prod", "br-prod", "internal", ""},
		 {"pa", "br-lab", "patch", "pb"},
		 {"pb", "br-prod", "patch", "pa"}},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod: patch pa, its other end pb"},
	{"a patch without another end",
	 {OVS(1, "br-lab", "")},
	 .ovs = {{"pa", "br-lab", "patch", "pa"},
		 {"br-lab", "br-lab", "internal", ""},
		 {"pc", "br-none", "patch", "pa"},
		 {"gone", "br-lab", "", ""}},
	 .escape = TOPOLOGY_INSIDE},
	{"a tunnel of Open vSwitch, which is no link of its own",
	 {OVS(1, "br-lab", "")},
	 .ovs = {{"br-lab", "br-lab", "internal", ""}, {"vx0", "br-lab", "vxlan", ""}},
	 .escape = TOPOLOGY_TUNNEL,
	 .words = "br-lab reaches a tunnel of Open vSwitch, vx0: port vx0 (vxlan)"},
	{"a port of Open vSwitch that nobody knows",
	 {OVS(1, "br-lab", "")},
	 .ovs = {{"x0", "br-lab", "dpdkvhostuserclient", ""}},
	 .escape = TOPOLOGY_UNKNOWN,
	 .words = "br-lab reaches a port of Open vSwitch that is no link, x0: port x0 "
		  "(dpdkvhostuserclient)"},
	{"an internal port with an address",
	 {OVS(1, "br-lab", ""),
	  L(.ifindex = 2, .name = "in0", .kind = "openvswitch", .addresses = "10.9.0.1")},
	 .ovs = {{"in0", "br-lab", "internal", ""}},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: port in0, in0 has address 10.9.0.1"},
	{"Open vSwitch leaves its ports nothing",
	 {L(.ifindex = 1, .name = "br-lab", .kind = "openvswitch"),
	  L(.ifindex = 2, .name = "vnet0", .kind = "dummy", .master = "br-lab",
	    .addresses = "fe80::2")},
	 .escape = TOPOLOGY_INSIDE},
	{"an address on a macvlan on top",
	 {BRIDGE(1, "br-lab"), L(.ifindex = 2, .name = "mv0", .kind = "macvlan", .lower_index = 1,
				 .addresses = "10.9.0.9")},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: mv0 (macvlan) on top of it, mv0 has address "
		  "10.9.0.9"},
	{"an address on the other end of a pair",
	 {BRIDGE(1, "br-lab"), VETH(2, "va", "br-lab", 3),
	  L(.ifindex = 3, .name = "vb", .kind = "veth", .lower_index = 2, .addresses = "10.9.0.3")},
	 .escape = TOPOLOGY_HOST,
	 .words = "br-lab reaches the host itself: port va, its other end vb, vb has address "
		  "10.9.0.3"},
	{"a veth pair",
	 {BRIDGE(1, "br-lab"), BRIDGE(2, "br-prod"), VETH(3, "va", "br-lab", 4),
	  VETH(4, "vb", "br-prod", 3)},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod: port va, its other end vb"},
	{"a VM with two cards",
	 {BRIDGE(1, "br-lab"), BRIDGE(2, "br-prod"), TAP(3, "vnet0", "br-lab"),
	  TAP(4, "vnet1", "br-prod")},
	 {CARD("web1", "net0", "vnet0"), CARD("web1", "net1", "vnet1")},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod by VM web1: port vnet0, nic net0 52:54:00:00:00:01, nic "
		  "net1 52:54:00:00:00:01 at vnet1"},
	{"a VM that may stand between",
	 {BRIDGE(1, "br-lab"), BRIDGE(2, "br-prod"), TAP(3, "vnet0", "br-lab"),
	  TAP(4, "vnet1", "br-prod")},
	 {CARD("fw1", "net0", "vnet0"), CARD("fw1", "net1", "vnet1")},
	 .allowed = "VM fw1",
	 .escape = TOPOLOGY_INSIDE},
	{"a VM with both cards on the same switch",
	 {BRIDGE(1, "br-lab"), TAP(3, "vnet0", "br-lab"), TAP(4, "vnet1", "br-lab")},
	 {CARD("web1", "net0", "vnet0"), CARD("web1", "net1", "vnet1")},
	 .escape = TOPOLOGY_INSIDE},
	{"a VM with a card of QEMU's own",
	 {BRIDGE(1, "br-lab"), TAP(3, "vnet0", "br-lab")},
	 {CARD("web1", "net0", "vnet0"),
	  {.layer = TOPOLOGY_LIVE,
	   .vm = "web1",
	   .nic = "net1",
	   .mac = "",
	   .kind = "user",
	   .network = "",
	   .target = ""}},
	 .escape = TOPOLOGY_UPLINK,
	 .words = "br-lab reaches the host's network, by QEMU itself by VM web1: port vnet0, nic "
		  "net0 52:54:00:00:00:01, nic net1  at the host's network, by QEMU itself"},
	{"a VM with hardware of its own",
	 {BRIDGE(1, "br-lab"), TAP(3, "vnet0", "br-lab")},
	 {CARD("web1", "net0", "vnet0"),
	  {.layer = TOPOLOGY_LIVE,
	   .vm = "web1",
	   .nic = "net1",
	   .mac = "m",
	   .kind = "hostdev",
	   .network = "",
	   .target = ""}},
	 .escape = TOPOLOGY_UPLINK,
	 .words = "br-lab reaches hardware that was given to a VM by VM web1: port vnet0, nic net0 "
		  "52:54:00:00:00:01, nic net1 m at hardware that was given to a VM"},
	{"a VM's macvtap on a card",
	 {BRIDGE(1, "br-lab"), TAP(2, "vnet0", "br-lab"),
	  L(.ifindex = 3, .name = "eth0", .role = "physical"),
	  L(.ifindex = 4, .name = "macvtap0", .kind = "macvtap", .role = "tap", .lower_index = 3)},
	 {CARD("web1", "net0", "vnet0"), CARD("web1", "net1", "macvtap0")},
	 .escape = TOPOLOGY_UPLINK,
	 .words =
		 "br-lab reaches eth0 by VM web1: port vnet0, nic net0 52:54:00:00:00:01, nic net1 "
		 "52:54:00:00:00:01 at macvtap0, eth0 below it"},
	{"a macvtap on top, of a VM",
	 {BRIDGE(1, "br-lab"), BRIDGE(2, "br-prod"), TAP(3, "vnet1", "br-prod"),
	  L(.ifindex = 4, .name = "macvtap0", .kind = "macvtap", .role = "tap", .lower_index = 1)},
	 {CARD("web1", "net0", "macvtap0"), CARD("web1", "net1", "vnet1")},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod by VM web1: macvtap0 (macvtap) on top of it, nic net0 "
		  "52:54:00:00:00:01, nic net1 52:54:00:00:00:01 at vnet1"},
	{"a VLAN on top that is another's port",
	 {BRIDGE(1, "br-lab"), BRIDGE(2, "br-prod"),
	  L(.ifindex = 3, .name = "br-lab.7", .kind = "vlan", .master = "br-prod",
	    .lower_index = 1)},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod: br-lab.7 (vlan) on top of it"},
	{"a vxlan",
	 {BRIDGE(1, "br-lab"), L(.ifindex = 2, .name = "vx0", .kind = "vxlan", .master = "br-lab")},
	 .escape = TOPOLOGY_TUNNEL,
	 .words = "br-lab reaches vx0: port vx0"},
	{"a gretap",
	 {BRIDGE(1, "br-lab"), L(.ifindex = 2, .name = "g0", .kind = "gretap", .master = "br-lab")},
	 .escape = TOPOLOGY_TUNNEL,
	 .words = "br-lab reaches g0: port g0"},
	{"a tap of a program that is no VM",
	 {BRIDGE(1, "br-lab"), TAP(2, "tap9", "br-lab")},
	 .escape = TOPOLOGY_UNKNOWN,
	 .words = "br-lab reaches tap9: port tap9"},
	{"a tap that nobody holds",
	 {BRIDGE(1, "br-lab"), L(.ifindex = 2, .name = "virbr0-nic", .kind = "tun", .role = "tap",
				 .master = "br-lab", .no_carrier = true)},
	 .escape = TOPOLOGY_INSIDE},
	{"a kind that is not known",
	 {BRIDGE(1, "br-lab"),
	  L(.ifindex = 2, .name = "q0", .kind = "quantum", .master = "br-lab")},
	 .escape = TOPOLOGY_UNKNOWN,
	 .words = "br-lab reaches q0: port q0"},
	{"a pair into a namespace that cannot be seen",
	 {BRIDGE(1, "br-lab"), L(.ifindex = 2, .name = "va", .kind = "veth", .master = "br-lab",
				 .lower_index = 5, .lower_netns = 33)},
	 .escape = TOPOLOGY_UNKNOWN,
	 .words = "br-lab reaches network namespace 33: port va, whose other end is in network "
		  "namespace 33, which could not be looked into"},
	{"a namespace that is a member",
	 {BRIDGE(1, "br-lab"),
	  L(.ifindex = 2, .name = "va", .kind = "veth", .master = "br-lab", .lower_index = 2,
	    .lower_netns = LAB),
	  IN(.ifindex = 2, .name = "eth0", .kind = "veth", .lower_index = 2, .lower_netns = OWN,
	     .addresses = "10.9.0.4")},
	 .escape = TOPOLOGY_INSIDE},
	{"a namespace with two legs, which forwards",
	 {BRIDGE(1, "br-lab"), BRIDGE(3, "br-prod"),
	  L(.ifindex = 2, .name = "va", .kind = "veth", .master = "br-lab", .lower_index = 2,
	    .lower_netns = LAB),
	  L(.ifindex = 4, .name = "vb", .kind = "veth", .master = "br-prod", .lower_index = 3,
	    .lower_netns = LAB),
	  IN(.ifindex = 2, .name = "eth0", .kind = "veth", .lower_index = 2, .lower_netns = OWN,
	     .addresses = "10.9.0.4", .ip_forward = true),
	  IN(.ifindex = 3, .name = "eth1", .kind = "veth", .lower_index = 4, .lower_netns = OWN,
	     .addresses = "10.8.0.4", .ip_forward = true)},
	 .escape = TOPOLOGY_SWITCH,
	 .words =
		 "br-lab reaches br-prod by network namespace lab: port va, its other end eth0 in namespace lab, eth0 in namespace lab has address 10.9.0.4, eth1 in namespace lab has address 10.8.0.4, and it forwards, its other end "
		 "vb"},
	{"a bridge in a namespace joins two of ours",
	 {BRIDGE(1, "br-lab"), BRIDGE(3, "br-prod"),
	  L(.ifindex = 2, .name = "va", .kind = "veth", .master = "br-lab", .lower_index = 2,
	    .lower_netns = LAB),
	  L(.ifindex = 4, .name = "vb", .kind = "veth", .master = "br-prod", .lower_index = 3,
	    .lower_netns = LAB),
	  IN(.ifindex = 1, .name = "br0", .kind = "bridge"),
	  IN(.ifindex = 2, .name = "e0", .kind = "veth", .lower_index = 2, .lower_netns = OWN,
	     .master = "br0"),
	  IN(.ifindex = 3, .name = "e1", .kind = "veth", .lower_index = 4, .lower_netns = OWN,
	     .master = "br0")},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod: port va, its other end e0 in namespace lab, port "
		  "e1 in namespace lab, its other end vb"},
	{"a bridge that is a namespace's own matter",
	 {BRIDGE(1, "br-lab"),
	  L(.ifindex = 2, .name = "va", .kind = "veth", .master = "br-lab", .lower_index = 2,
	    .lower_netns = LAB),
	  IN(.ifindex = 1, .name = "br0", .kind = "bridge"),
	  IN(.ifindex = 2, .name = "e0", .kind = "veth", .lower_index = 2, .lower_netns = OWN,
	     .master = "br0")},
	 .escape = TOPOLOGY_INSIDE},
	{"hardware that was given to a namespace",
	 {BRIDGE(1, "br-lab"),
	  L(.ifindex = 2, .name = "va", .kind = "veth", .master = "br-lab", .lower_index = 2,
	    .lower_netns = LAB),
	  IN(.ifindex = 2, .name = "e0", .kind = "veth", .lower_index = 2, .lower_netns = OWN,
	     .addresses = "10.9.0.4"),
	  IN(.ifindex = 3, .name = "eth0", .kind = "", .role = "physical",
	     .addresses = "192.0.2.1")},
	 .escape = TOPOLOGY_UPLINK,
	 .words = "br-lab reaches eth0 in namespace lab by network namespace lab: port va, "
		  "its other end e0 in namespace lab, e0 in namespace lab has "
		  "address 10.9.0.4, eth0 in namespace lab has address 192.0.2.1"},
	{"a mirror of tc",
	 {BRIDGE(1, "br-lab"), BRIDGE(2, "br-prod"), TAP(3, "vnet0", "br-lab"),
	  L(.ifindex = 4, .name = "dm0", .kind = "dummy", .master = "br-prod")},
	 {CARD("web1", "net0", "vnet0")},
	 {"vnet0", "dm0", "mirror"},
	 .escape = TOPOLOGY_SWITCH,
	 .words = "br-lab reaches br-prod: port vnet0, mirror on vnet0"},
	{"a program of tc that is not ours",
	 {BRIDGE(1, "br-lab"), TAP(3, "vnet0", "br-lab")},
	 {CARD("web1", "net0", "vnet0")},
	 {"vnet0", NULL, "cilium"},
	 .escape = TOPOLOGY_UNKNOWN,
	 .words = "br-lab reaches what cilium on vnet0 does: port vnet0, cilium on vnet0"},
	{"bridges of Open vSwitch count as one",
	 {L(.ifindex = 1, .name = "br-lab", .kind = "openvswitch"),
	  L(.ifindex = 2, .name = "ovs-system", .kind = "openvswitch"),
	  L(.ifindex = 3, .name = "eth0", .role = "physical", .master = "ovs-system")},
	 .escape = TOPOLOGY_UPLINK,
	 .words = "br-lab reaches eth0: the datapath of Open vSwitch, port eth0"},
	{"a link that says to be its own end",
	 {BRIDGE(1, "br-lab"), VETH(2, "va", "br-lab", 2)},
	 .escape = TOPOLOGY_INSIDE},
	{"a link that says to be its own master",
	 {BRIDGE(1, "br-lab"), L(.ifindex = 2, .name = "x", .kind = "bridge", .master = "x"),
	  TAP(3, "t", "br-lab")},
	 {CARD("web1", "net0", "t")},
	 .escape = TOPOLOGY_INSIDE},
	{"ports of a ring of pairs and namespaces",
	 {BRIDGE(1, "br-lab"), VETH(2, "va", "br-lab", 3), VETH(3, "vb", "br-lab", 2),
	  L(.ifindex = 4, .name = "vlan1", .kind = "vlan", .lower_index = 5),
	  L(.ifindex = 5, .name = "vlan2", .kind = "vlan", .lower_index = 4, .master = "br-lab")},
	 .escape = TOPOLOGY_INSIDE},
};

/* A table leaves out what is in the same namespace. */
static int link_add(struct topology *t, struct topology_link link)
{
	link.lower_netns = link.lower_netns ? link.lower_netns : -1;
	return topology_link_add(t, &link);
}

static void scene_make(const struct scene *s, struct topology *t)
{
	*t = (struct topology){.own = OWN};
	assert_int_equal(topology_netns_add(t, LAB, "lab", true), 0);
	for (size_t i = 0; i < RF_COUNT(s->links) && s->links[i].name; i++)
		assert_int_equal(link_add(t, s->links[i]), 0);
	for (size_t i = 0; i < RF_COUNT(s->ovs) && s->ovs[i].name; i++)
		assert_int_equal(topology_ovs_port_add(t, &s->ovs[i]), 0);
	for (size_t i = 0; i < RF_COUNT(s->cards) && s->cards[i].vm; i++)
		assert_int_equal(topology_card_add(t, &s->cards[i]), 0);
	if (s->redirect[0])
		assert_int_equal(
			topology_redirect_add(t, s->redirect[0], s->redirect[1], s->redirect[2]),
			0);
	assert_int_equal(topology_join(t), 0);
	size_t closed = topology_find(t, "br-lab");

	assert_int_not_equal(closed, TOPOLOGY_NONE);
	t->nodes[closed].closed = true;
	if (s->allowed)
		t->nodes[topology_find(t, s->allowed)].ends = true;
}

static void scene_judge(const struct scene *s, const struct topology *t)
{
	TOPOLOGY_AUTOWALK struct topology_walk walk = {0};
	RF_AUTOBUF struct rf_buf words = {0};

	assert_int_equal(topology_walk(t, topology_find(t, "br-lab"), TOPOLOGY_LIVE, &walk), 0);
	for (int e = TOPOLOGY_UPLINK; e < TOPOLOGY_ESCAPES; e++) {
		size_t end = topology_nearest(t, &walk, (enum topology_escape)e);

		if ((enum topology_escape)e == s->escape) {
			assert_int_not_equal(end, TOPOLOGY_NONE);
			topology_path_words(t, &walk, end, &words);
		} else if (end != TOPOLOGY_NONE) {
			topology_path_words(t, &walk, end, &words);
			fail_msg("%s: also %s", s->name, rf_buf_text(&words));
		}
	}
	if (s->words)
		assert_string_equal(rf_buf_text(&words), s->words);
}

static void test_scenes(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(scenes); i++) {
		TOPOLOGY_AUTO struct topology t = {0};

		print_message("%s\n", scenes[i].name);
		scene_make(&scenes[i], &t);
		scene_judge(&scenes[i], &t);
	}
}

/* Forwarding of the host: an address gives it away, too, so more than one kind of way is there. */
static void forwarding(const struct topology_link *lab, const char *expected)
{
	const struct topology_link prod = {.netns = OWN,
					   .ifindex = 2,
					   .lower_netns = -1,
					   .name = "br-prod",
					   .kind = "bridge",
					   .addresses = "10.8.0.1,2001:db8::1"};
	TOPOLOGY_AUTO struct topology t = {.own = OWN};
	TOPOLOGY_AUTOWALK struct topology_walk walk = {0};
	RF_AUTOBUF struct rf_buf words = {0};

	assert_int_equal(topology_link_add(&t, lab), 0);
	assert_int_equal(topology_link_add(&t, &prod), 0);
	assert_int_equal(topology_join(&t), 0);
	assert_int_equal(topology_walk(&t, 0, TOPOLOGY_LIVE, &walk), 0);
	size_t end = topology_nearest(&t, &walk, TOPOLOGY_SWITCH);

	if (end != TOPOLOGY_NONE)
		topology_path_words(&t, &walk, end, &words);
	assert_string_equal(rf_buf_text(&words), expected);
}

static void test_forwarding(void **state)
{
	struct topology_link lab = {
		.netns = OWN, .ifindex = 1, .lower_netns = -1, .name = "br-lab", .kind = "bridge"};

	(void)state;
	lab.addresses = "10.9.0.1";
	forwarding(&lab, "");
	lab.ip_forward = true;
	forwarding(&lab,
		   "br-lab reaches br-prod by the host itself: IPv4 comes in at br-lab, and is "
		   "forwarded to br-prod");
	/* Without an address only what takes any source is forwarded. */
	lab.addresses = "";
	forwarding(&lab, "");
	lab.any_source = true;
	forwarding(&lab,
		   "br-lab reaches br-prod by the host itself: IPv4 comes in at br-lab, although "
		   "it has no address (rp_filter is 0), and is forwarded to br-prod");
	lab = (struct topology_link){.netns = OWN,
				     .ifindex = 1,
				     .lower_netns = -1,
				     .name = "br-lab",
				     .kind = "bridge",
				     .addresses = "fe80::1",
				     .ip6_forward = true};
	forwarding(&lab,
		   "br-lab reaches br-prod by the host itself: IPv6 comes in at br-lab, and is "
		   "forwarded to br-prod");
}

/* A definition alone is another layer. */
static void test_defined(void **state)
{
	const struct topology_card cards[] = {
		{TOPOLOGY_DEFINED, "web1", "net0", "m0", "network", "lab", ""},
		{TOPOLOGY_DEFINED, "web1", "net1", "m1", "bridge", "br-prod", ""}};
	const struct topology_network nets[] = {{"lab", "br-lab", "none", "", 0},
						{"out", "br-out", "nat", "", 1},
						{"card", "", "bridge", "eth0", 0}};
	TOPOLOGY_AUTO struct topology t = {.own = OWN};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(nets); i++)
		assert_int_equal(topology_network_add(&t, &nets[i]), 0);
	for (size_t i = 0; i < RF_COUNT(cards); i++)
		assert_int_equal(topology_card_add(&t, &cards[i]), 0);
	assert_int_equal(topology_join(&t), 0);
	assert_string_equal(topology_network_bridge(&t, "lab"), "br-lab");
	assert_string_equal(topology_network_bridge(&t, "card"), "eth0");
	assert_null(topology_network_bridge(&t, "none"));
	static const struct {
		const char *from;
		enum topology_layer layer;
		enum topology_escape escape;
		bool there;
	} rows[] = {{"br-lab", TOPOLOGY_DEFINED, TOPOLOGY_SWITCH, true},
		    {"br-lab", TOPOLOGY_LIVE, TOPOLOGY_SWITCH, false},
		    {"br-lab", TOPOLOGY_DEFINED, TOPOLOGY_UPLINK, false},
		    {"br-out", TOPOLOGY_DEFINED, TOPOLOGY_UPLINK, true},
		    {"br-out", TOPOLOGY_DEFINED, TOPOLOGY_HOST, true},
		    {"br-out", TOPOLOGY_LIVE, TOPOLOGY_HOST, false}};

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		TOPOLOGY_AUTOWALK struct topology_walk walk = {0};

		assert_int_equal(
			topology_walk(&t, topology_find(&t, rows[i].from), rows[i].layer, &walk),
			0);
		assert_int_equal(topology_nearest(&t, &walk, rows[i].escape) != TOPOLOGY_NONE,
				 rows[i].there);
	}
}

/* Five hundred bridges in a row, joined by pairs, and a VM on each; the last has a card. */
static void test_a_thousand_nodes(void **state)
{
	TOPOLOGY_AUTO struct topology t = {.own = OWN};
	TOPOLOGY_AUTOWALK struct topology_walk walk = {0};
	RF_AUTOBUF struct rf_buf words = {0}, svg = {0}, dot = {0}, text = {0};
	char name[32], master[32], vm[32];

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		rf_format(name, sizeof(name), "vnet%u", i);
		rf_format(vm, sizeof(vm), "vm%u", i / 2);
		rf_format(master, sizeof(master), "br%u", (i + 1) / 2);
		if (i % 2 == 0)
			assert_int_equal(link_add(&t, L(.ifindex = 5000 + i, .name = master,
							.kind = "bridge")),
					 0);
		assert_int_equal(link_add(&t, TAP(i + 1, name, master)), 0);
		assert_int_equal(topology_card_add(&t, &CARD(vm, i % 2 ? "net1" : "net0", name)),
				 0);
	}
	assert_int_equal(link_add(&t, L(.ifindex = 9000, .name = "br500", .kind = "bridge")), 0);
	assert_int_equal(link_add(&t, L(.ifindex = 9001, .name = "eth0", .role = "physical",
					.master = "br500")),
			 0);
	assert_int_equal(topology_join(&t), 0);
	/* Switches end a walk; as members of one they would not. */
	for (size_t i = 0; i < t.nodes_count; i++)
		t.nodes[i].ends &= t.nodes[i].kind != TOPOLOGY_IS_SWITCH;
	size_t first = topology_find(&t, "br0");

	t.nodes[first].closed = true;
	assert_int_equal(topology_walk(&t, first, TOPOLOGY_LIVE, &walk), 0);
	assert_int_equal(walk.count, t.nodes_count);
	size_t end = topology_nearest(&t, &walk, TOPOLOGY_UPLINK);

	assert_int_not_equal(end, TOPOLOGY_NONE);
	topology_path_words(&t, &walk, end, &words);
	assert_non_null(strstr(rf_buf_text(&words), "br0 reaches eth0 by VM vm0: port vnet0"));
	assert_non_null(strstr(rf_buf_text(&words), "nic net1 52:54:00:00:00:01 at vnet999"));
	assert_int_equal(topology_svg(&t, &svg), 0);
	assert_int_equal(topology_dot(&t, &dot), 0);
	assert_int_equal(topology_text(&t, &text), 0);
	assert_true(rf_ends(rf_buf_text(&svg), "</svg>\n"));
}

static const struct scene *scene_named(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(scenes); i++) {
		if (strcmp(scenes[i].name, name) == 0)
			return &scenes[i];
	}
	fail_msg("there is no scene %s", name);
	return NULL;
}

static void test_pictures(void **state)
{
	TOPOLOGY_AUTO struct topology t = {0};
	RF_AUTOBUF struct rf_buf svg = {0}, dot = {0}, text = {0};
	TOPOLOGY_AUTOVIEW struct topology_view view = {0};
	size_t broken = 0;

	(void)state;
	scene_make(scene_named("a VM with two cards"), &t);
	assert_int_equal(topology_text(&t, &text), 0);
	assert_string_equal(
		rf_buf_text(&text),
		"br-lab  bridge, to be closed\n"
		"  ! port vnet0  VM web1 nic net0 52:54:00:00:00:01\n"
		"br-prod  bridge\n"
		"    port vnet1  VM web1 nic net1 52:54:00:00:00:01\n"
		"! br-lab reaches br-prod by VM web1: port vnet0, nic net0 52:54:00:00:00:01, nic "
		"net1 52:54:00:00:00:01 at vnet1\n");
	assert_int_equal(topology_view_make(&t, &view), 0);
	assert_int_equal(view.ways, 1);
	for (size_t i = 0; i < t.arcs_count; i++)
		broken += view.breaks[i];
	assert_int_equal(broken, 4);
	assert_int_equal(topology_dot(&t, &dot), 0);
	assert_non_null(strstr(rf_buf_text(&dot), "digraph switches {"));
	assert_non_null(strstr(rf_buf_text(&dot), "color=\"#c62828\""));
	assert_int_equal(topology_svg(&t, &svg), 0);
	assert_non_null(strstr(rf_buf_text(&svg), ">closed: NOT<"));
	assert_non_null(strstr(rf_buf_text(&svg), ">VM web1<"));
	/* Nothing closed, nothing red. */
	t.nodes[topology_find(&t, "br-lab")].closed = false;
	rf_buf_reset(&svg);
	assert_int_equal(topology_svg(&t, &svg), 0);
	assert_null(strstr(rf_buf_text(&svg), "closed: NOT"));
	assert_null(strstr(rf_buf_text(&svg), "stroke=\"#c62828\""));
}

static int way_take(void *arg, const struct topology_walk *walk, size_t end)
{
	(void)walk;
	(void)end;
	return ++*(int *)arg == 45 ? -1 : 0;
}

/* Each port that leads out is a way of its own, also to the same end. */
static void test_every_way(void **state)
{
	TOPOLOGY_AUTO struct topology t = {.own = OWN};
	RF_AUTOBUF struct rf_buf svg = {0};
	char a[16], b[16];
	int ways = 0;

	(void)state;
	assert_int_equal(link_add(&t, BRIDGE(1, "br-lab")), 0);
	assert_int_equal(link_add(&t, BRIDGE(2, "br-prod")), 0);
	for (uint32_t i = 0; i < 42; i++) {
		rf_format(a, sizeof(a), "a%u", i);
		rf_format(b, sizeof(b), "b%u", i);
		assert_int_equal(link_add(&t, VETH(10 + 2 * i, a, "br-lab", 11 + 2 * i)), 0);
		assert_int_equal(link_add(&t, VETH(11 + 2 * i, b, "br-prod", 10 + 2 * i)), 0);
	}
	assert_int_equal(topology_join(&t), 0);
	assert_int_equal(topology_ways(&t, 0, TOPOLOGY_LIVE, way_take, &ways), 0);
	assert_int_equal(ways, 42);
	assert_int_equal(topology_ways(&t, 0, TOPOLOGY_LIVE, way_take, &ways), -1);
	ways = 0;
	assert_int_equal(topology_ways(&t, 0, TOPOLOGY_DEFINED, way_take, &ways), 0);
	assert_int_equal(ways, 0);
	t.nodes[0].closed = true;
	assert_int_equal(topology_svg(&t, &svg), 0);
	assert_non_null(strstr(rf_buf_text(&svg), ">and 2 more ways<"));
}

/* A namespace that nothing of the host leads to is no part of its picture. */
static void test_what_is_shown(void **state)
{
	TOPOLOGY_AUTO struct topology t = {.own = OWN};
	TOPOLOGY_AUTOVIEW struct topology_view view = {0};
	struct topology_card defined = CARD("web1", "net0", "");

	(void)state;
	assert_int_equal(link_add(&t, BRIDGE(1, "br-lab")), 0);
	assert_int_equal(link_add(&t, TAP(2, "vnet0", "br-lab")), 0);
	assert_int_equal(link_add(&t, IN(.ifindex = 1, .name = "br0", .kind = "bridge")), 0);
	assert_int_equal(
		link_add(&t, IN(.ifindex = 2, .name = "t0", .kind = "tun", .master = "br0")), 0);
	assert_int_equal(topology_card_add(&t, &CARD("web1", "net0", "vnet0")), 0);
	defined.layer = TOPOLOGY_DEFINED;
	defined.network = "br-lab";
	assert_int_equal(topology_card_add(&t, &defined), 0);
	assert_int_equal(topology_join(&t), 0);
	assert_int_equal(topology_view_make(&t, &view), 0);
	for (size_t i = 0; i < t.nodes_count; i++)
		assert_int_equal(view.nodes[i], t.nodes[i].here);
	for (size_t i = 0; i < t.arcs_count; i++)
		assert_int_equal(view.arcs[i],
				 t.arcs[i].layers == TOPOLOGY_LIVE && t.nodes[t.arcs[i].from].here);
	assert_int_equal(topology_port_of(&t, topology_find(&t, "vnet0")),
			 topology_find(&t, "br-lab"));
	assert_int_equal(topology_port_of(&t, topology_find(&t, "VM web1")), TOPOLOGY_NONE);
}

/* Names are others': they break no picture. */
static void test_hostile_names(void **state)
{
	static const char *const names[] = {"\"></svg><script>",
					    "a\\\"b",
					    "\x1b[31m",
					    "\xff\xfe",
					    "%s%n",
					    "",
					    "&amp;",
					    "ääääääääääääääääääääääääääääääääääää"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(names); i++) {
		TOPOLOGY_AUTO struct topology t = {.own = OWN};
		RF_AUTOBUF struct rf_buf svg = {0}, dot = {0}, text = {0};

		assert_int_equal(link_add(&t, BRIDGE(1, "br-lab")), 0);
		assert_int_equal(link_add(&t, TAP(2, "vnet0", "br-lab")), 0);
		assert_int_equal(topology_card_add(&t, &CARD(names[i], names[i], "vnet0")), 0);
		assert_int_equal(topology_join(&t), 0);
		assert_int_equal(topology_svg(&t, &svg), 0);
		assert_int_equal(topology_dot(&t, &dot), 0);
		assert_int_equal(topology_text(&t, &text), 0);
		assert_null(strstr(rf_buf_text(&svg), "<script>"));
		assert_null(strchr(rf_buf_text(&svg), 0x1b));
		assert_null(strchr(rf_buf_text(&text), 0x1b));
		assert_null(strchr(rf_buf_text(&dot), 0x1b));
		assert_true(rf_utf8_valid(svg.data, svg.len));
		assert_true(rf_utf8_valid(dot.data, dot.len));
		for (const char *p = strstr(rf_buf_text(&dot), "a\\\\\\\"b"); i == 1;) {
			assert_non_null(p);
			break;
		}
	}
}

static void test_an_empty_host(void **state)
{
	TOPOLOGY_AUTO struct topology t = {0};
	RF_AUTOBUF struct rf_buf svg = {0}, text = {0};

	(void)state;
	assert_int_equal(topology_join(&t), 0);
	assert_int_equal(topology_find(&t, "br0"), TOPOLOGY_NONE);
	assert_int_equal(topology_text(&t, &text), 0);
	assert_int_equal(text.len, 0);
	assert_int_equal(topology_svg(&t, &svg), 0);
	assert_true(rf_ends(rf_buf_text(&svg), "</svg>\n"));
}

/* Each allocation fails once: an error, no crash, nothing lost. */
static void test_no_memory(void **state)
{
	int rc = -1;

	(void)state;
	for (size_t n = 1; rc != 0 && n < 2000; n++) {
		TOPOLOGY_AUTO struct topology t = {.own = OWN};
		TOPOLOGY_AUTOWALK struct topology_walk walk = {0};
		RF_AUTOBUF struct rf_buf svg = {0};
		const struct scene *s = scene_named("a VM with two cards");

		rf_alloc_fail_after(n);
		rc = 0;
		for (size_t i = 0; rc == 0 && s->links[i].name; i++)
			rc = link_add(&t, s->links[i]);
		for (size_t i = 0; rc == 0 && s->cards[i].vm; i++)
			rc = topology_card_add(&t, &s->cards[i]);
		if (!rc)
			rc = topology_join(&t);
		if (!rc)
			rc = topology_walk(&t, 0, TOPOLOGY_LIVE, &walk);
		if (!rc)
			rc = topology_svg(&t, &svg);
		rf_alloc_fail_after(0);
		assert_true(rc == 0 || rc == -12);
	}
	assert_int_equal(rc, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenes),	      cmocka_unit_test(test_forwarding),
		cmocka_unit_test(test_defined),	      cmocka_unit_test(test_a_thousand_nodes),
		cmocka_unit_test(test_pictures),      cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_every_way),     cmocka_unit_test(test_what_is_shown),
		cmocka_unit_test(test_an_empty_host), cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
