/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's own way: which links a route leads over, from the texts of /proc. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/watch.h"
#include "isolate/ownway.h"

/* eth0 is alone; br0 has the uplink eth1 and a VM's tap; br1 is another bridge. */
static struct guard_link links_items[] = {
	{.ifindex = 2, .name = "eth0"},
	{.ifindex = 3, .name = "br0", .kind = "bridge"},
	{.ifindex = 4, .name = "eth1", .master = 3, .port_of = "bridge"},
	{.ifindex = 5,
	 .name = "vnet0",
	 .kind = "tun",
	 .master = 3,
	 .port_of = "bridge",
	 .mac = {0xfe, 0x54, 0, 0, 0, 1}},
	{.ifindex = 6, .name = "br1", .kind = "bridge"},
	{.ifindex = 7, .name = "eth2", .master = 6, .port_of = "bridge"},
	{.ifindex = 8, .name = "br0.7", .kind = "vlan"},
};
static const struct guard_links links = {links_items, RF_COUNT(links_items), 0};

#define ROUTES	     "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
#define DEFAULT_ETH0 "eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n"
#define NET_BR0	     "br0 00000A0A 00000000 0001 0 0 0 0000FFFF 0 0 0\n" /* 10.10.0.0/16 */
#define NET_BR1	     "br1 00010A0A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n" /* 10.10.1.0/24 */
#define TCP(remote, state)                                                                         \
	"  sl local_address rem_address st\n   0: 0101A8C0:0016 " remote ":C350 " state " 0 0\n"

static const struct way_case {
	const char *name, *ssh, *tcp, *tcp6, *routes, *routes6, *neighbours;
	const char *want; /* names joined by blanks, in the order that they are found */
	bool by_bridge;
} cases[] = {
	{"nothing is known", "", "", "", "", "", "", "", false},
	{"the default route alone", "", "", "", ROUTES DEFAULT_ETH0, "", "", "eth0", false},
	{"a peer behind a bridge: its uplink, and every VM while nobody knows the hop",
	 "10.10.2.2 50000 10.10.0.1 22", "", "", ROUTES NET_BR0, "", "", "br0 eth1 vnet0", true},
	{"a hop that is no VM", "10.10.2.2 50000 10.10.0.1 22", "", "", ROUTES NET_BR0, "",
	 "IP address HW type Flags HW address Mask Device\n"
	 "10.10.2.2 0x1 0x2 52:54:00:00:00:99 * br0\n",
	 "br0 eth1", true},
	{"a hop that is this VM", "10.10.2.2 50000 10.10.0.1 22", "", "", ROUTES NET_BR0, "",
	 "IP address HW type Flags HW address Mask Device\n"
	 "10.10.2.2 0x1 0x2 52:54:00:00:00:01 * br0\n",
	 "br0 eth1 vnet0", true},
	{"the longer prefix wins", "10.10.1.9 50000 10.10.1.1 22", "", "",
	 ROUTES NET_BR0 NET_BR1 DEFAULT_ETH0, "", "", "br1 eth2 eth0", true},
	{"a connection of /proc/net/tcp", "", TCP("0902 0A0A", "01"), "", ROUTES NET_BR0, "", "",
	 "", false},
	{"an established one counts", "", TCP("09010A0A", "01"), "", ROUTES NET_BR1, "", "",
	 "br1 eth2", true},
	{"one that listens does not", "", TCP("09010A0A", "0A"), "", ROUTES NET_BR1, "", "", "",
	 false},
	{"IPv4 in IPv6's table", "", "",
	 " sl\n 0: 0000000000000000FFFF00000101A8C0:0016 "
	 "0000000000000000FFFF000009010A0A:C350 01\n",
	 ROUTES NET_BR1, "", "", "br1 eth2", true},
	{"IPv6", "2001:db8::9 50000 2001:db8::1 22", "", "", "",
	 "20010db8000000000000000000000000 20 00000000000000000000000000000000 00 "
	 "00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n",
	 "", "eth0", false},
	{"IPv6 with a zone", "fe80::1%eth0 50000 fe80::2%eth0 22", "", "", "",
	 "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
	 "00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n",
	 "", "eth0", false},
	{"a VLAN of a bridge: every bridge it may be", "10.10.2.2 50000 10.10.0.1 22", "", "",
	 "x\nbr0.7 00000A0A 00000000 0001 0 0 0 0000FFFF 0 0 0\n", "",
	 "x\n10.10.2.2 0x1 0x2 52:54:00:00:00:99 * br0.7\n", "br0.7 br0 eth1 br1 eth2", true},
	{"a link that nobody knows", "", "", "", "x\nppp0 00000000 0 0003 0 0 0 00000000 0 0 0\n",
	 "", "", "ppp0", false},
	{"a route that is down", "", "", "", "x\neth0 00000000 0 0002 0 0 0 00000000 0 0 0\n", "",
	 "", "", false},
	{"texts that make no sense", "a b c d", "x x x x\n: : : :\n", "0: :0016 :0016 01\n",
	 "\n\n \t\neth0\neth0 zz zz zz zz zz zz zz\n", "ff 81 a a a a a a a a\n", "\n", "", false},
	{"a prefix longer than an address", "2001:db8::9 1 2001:db8::1 22", "", "", "",
	 "20010db8000000000000000000000000 ff 0 00 0 00000100 1 0 00000001 eth0\n", "", "", false},
};

static void ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		const struct way_case *c = &cases[i];
		const struct ownway_facts facts = {.ssh_connection = c->ssh,
						   .tcp = rf_slice_text(c->tcp),
						   .tcp6 = rf_slice_text(c->tcp6),
						   .routes = rf_slice_text(c->routes),
						   .routes6 = rf_slice_text(c->routes6),
						   .neighbours = rf_slice_text(c->neighbours)};
		RF_AUTOBUF struct rf_buf got = {0};
		struct ownway way;

		ownway_find(&facts, &links, &way);
		for (size_t k = 0; k < way.count; k++)
			rf_buf_printf(&got, "%s%s", k ? " " : "", way.links[k]);
		if (strcmp(rf_buf_text(&got), c->want) != 0 || way.by_bridge != c->by_bridge)
			fail_msg("%s: %s (by a bridge: %d), want %s", c->name, rf_buf_text(&got),
				 way.by_bridge, c->want);
		for (size_t k = 0; k < way.count; k++)
			assert_true(ownway_has(&way, way.links[k]));
		assert_false(ownway_has(&way, "none"));
	}
}

/* More links than there is room for: the first are kept. */
static void many_links(void **state)
{
	static struct guard_link items[100] = {{.ifindex = 1, .name = "br0", .kind = "bridge"}};
	const struct guard_links many = {items, RF_COUNT(items), 0};
	const struct ownway_facts facts = {
		.ssh_connection = "",
		.routes = rf_slice_text("br0 00000000 0 0003 0 0 0 00000000\n")};
	struct ownway way;

	(void)state;
	for (uint32_t i = 1; i < RF_COUNT(items); i++) {
		items[i] = (struct guard_link){.ifindex = i + 1, .master = 1, .port_of = "bridge"};
		rf_format(items[i].name, sizeof(items[i].name), "p%u", i);
	}
	ownway_find(&facts, &many, &way);
	assert_int_equal(way.count, OWNWAY_LINKS);
	assert_true(way.by_bridge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ways),
		cmocka_unit_test(many_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
