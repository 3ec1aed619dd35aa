/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's kernel programs, asked by BPF_PROG_TEST_RUN: a table of frames and what becomes of
 * each under a policy. Frames are written as hexadecimal, so that each byte of a trick is seen.
 */
#include "guard_test.h"

#define MAC    "525400123456"
#define OTHER  "525400123457"
#define ALL    "ffffffffffff"
#define NODES  "333300000001"
#define OWN4   "0a000005"
#define LIE4   "0a000006"
#define ANY4   "ffffffff"
#define OWN6   "20010db8000100000000000000000005"
#define LIE6   "20010db8000200000000000000000005"
#define LINK6  "fe80000000000000505400fffe123456"
#define NONE6  "00000000000000000000000000000000"
#define NODES6 "ff020000000000000000000000000001"

/* IPv4 header: fragment field, protocol, source, destination. */
#define IP4(frag, proto, from, to)	"0800" IP4_BODY(frag, proto, from, to)
#define IP4_BODY(frag, proto, from, to) "4500002c0000" frag "40" proto "0000" from to
#define UDP(from, to)                                                                              \
	from to "00180000"                                                                         \
		"00000000000000000000000000000000"
#define TCP   "00500051000000000000000050000000000000000000"
#define PLAIN IP4("0000", "11", OWN4, LIE4) UDP("9c40", "9c41")
#define IP6(next, from, to)                                                                        \
	"86dd60000000"                                                                             \
	"0040" next "ff" from to
/* ICMPv6 of a type, then 16 bytes of target. */
#define ND(type, target)  type "00000000000000" target
#define LLA(kind, mac)	  kind "01" mac
#define HOP(next)	  next "00010400000000"
#define FRAG(next, field) next "00" field "00000001"
#define ARP(op, sha, spa)                                                                          \
	"0806"                                                                                     \
	"000108000604" op sha spa "000000000000" LIE4

#define PAD "0000000000000000000000000000000000000000000000000000000000000000000000000000000000"

struct row {
	const char *name;
	uint32_t flags; /* policy beyond the common one */
	const char *frame;
	uint32_t verdict;
};

static const struct row FROM_VM[] = {
	/* Ethernet */
	{"own UDP", 0, ALL MAC PLAIN, GUARD_PASS},
	{"own TCP", 0, OTHER MAC IP4("4000", "06", OWN4, LIE4) TCP, GUARD_PASS},
	{"second own MAC", 0, ALL "525400abcdef" PLAIN, GUARD_PASS},
	{"forged MAC", 0, ALL OTHER PLAIN, GUARD_SOURCE_MAC},
	{"forged MAC, first bytes alike", 0, ALL "525400120000" PLAIN, GUARD_SOURCE_MAC},
	{"zero MAC", 0, ALL "000000000000" PLAIN, GUARD_SOURCE_MAC},
	{"multicast MAC", 0, ALL "535400123456" PLAIN, GUARD_SOURCE_MAC},
	{"any MAC where allowed", GUARD_MAC_CHANGE, ALL OTHER PLAIN, GUARD_PASS},
	{"but no zero MAC", GUARD_MAC_CHANGE, ALL "000000000000" PLAIN, GUARD_SOURCE_MAC},
	{"but no multicast MAC", GUARD_MAC_CHANGE, ALL "535400123456" PLAIN, GUARD_SOURCE_MAC},
	{"spanning tree", 0, "0180c2000000" MAC "0026424203" PAD, GUARD_CONTROL},
	{"LLDP", 0, "0180c200000e" MAC "88cc" PAD, GUARD_CONTROL},
	{"LACP", 0, "0180c2000002" MAC "8809" PAD, GUARD_CONTROL},
	{"LLC to anybody", 0, OTHER MAC "0026424203" PAD, GUARD_CONTROL},
	{"near the control range", 0, "0180c2000010" MAC PLAIN, GUARD_PASS},
	{"MPLS", 0, OTHER MAC "8847" PAD, GUARD_TYPE},
	{"PPPoE on the list", 0, OTHER MAC "8863" PAD, GUARD_PASS},
	{"MACsec", 0, OTHER MAC "88e5" PAD, GUARD_TYPE},
	/* Tags */
	{"a tag", 0, ALL MAC "8100000a" PLAIN, GUARD_VLAN},
	{"a priority tag", 0, ALL MAC "8100a000" PLAIN, GUARD_VLAN},
	{"a service tag", 0, ALL MAC "88a8000a" PLAIN, GUARD_VLAN},
	{"two tags", 0, ALL MAC "8100000a8100000b" PLAIN, GUARD_VLAN},
	{"old QinQ", 0, ALL MAC "9100000a" PLAIN, GUARD_TYPE},
	/* ARP */
	{"ARP request", 0, ALL MAC ARP("0001", MAC, OWN4), GUARD_PASS},
	{"ARP reply", 0, OTHER MAC ARP("0002", MAC, OWN4), GUARD_PASS},
	{"ARP probe", 0, ALL MAC ARP("0001", MAC, "00000000"), GUARD_PASS},
	{"ARP reply from 0", 0, ALL MAC ARP("0002", MAC, "00000000"), GUARD_ARP},
	{"ARP, another's IP", 0, ALL MAC ARP("0002", MAC, LIE4), GUARD_ARP},
	{"ARP, another's MAC", 0, ALL MAC ARP("0002", OTHER, OWN4), GUARD_ARP},
	{"ARP with the second own MAC inside", 0, ALL MAC ARP("0002", "525400abcdef", OWN4),
	 GUARD_ARP},
	{"ARP, unknown operation", 0, ALL MAC ARP("0008", MAC, OWN4), GUARD_ARP},
	{"ARP, other hardware", 0,
	 ALL MAC "0806"
		 "000608000604"
		 "0001" MAC OWN4 PAD,
	 GUARD_ARP},
	{"ARP, long addresses", 0,
	 ALL MAC "0806"
		 "000108000804"
		 "0001" MAC OWN4 PAD,
	 GUARD_ARP},
	{"ARP cut short", 0,
	 ALL MAC "0806"
		 "000108000604"
		 "0001" MAC,
	 GUARD_HEADER},
	{"RARP of itself", 0,
	 ALL MAC "8035"
		 "000108000604"
		 "0003" MAC "00000000" MAC "00000000",
	 GUARD_PASS},
	{"RARP of another", 0,
	 ALL MAC "8035"
		 "000108000604"
		 "0003" MAC "00000000" OTHER "00000000",
	 GUARD_ARP},
	{"ARP, any IP", GUARD_ANY_V4, ALL MAC ARP("0002", MAC, LIE4), GUARD_PASS},
	{"ARP, any IP but loopback", GUARD_ANY_V4, ALL MAC ARP("0002", MAC, "7f000001"), GUARD_ARP},
	/* IPv4 */
	{"another's IPv4", 0, ALL MAC IP4("0000", "11", LIE4, OWN4) UDP("9c40", "9c41"),
	 GUARD_IPV4},
	{"inside the own prefix", 0, ALL MAC IP4("0000", "06", "c0000263", LIE4) TCP, GUARD_PASS},
	{"beside the own prefix", 0, ALL MAC IP4("0000", "06", "c0000301", LIE4) TCP, GUARD_IPV4},
	{"any IPv4", GUARD_ANY_V4, ALL MAC IP4("0000", "06", LIE4, OWN4) TCP, GUARD_PASS},
	{"any but loopback", GUARD_ANY_V4, ALL MAC IP4("0000", "06", "7f000001", OWN4) TCP,
	 GUARD_IPV4},
	{"any but multicast", GUARD_ANY_V4, ALL MAC IP4("0000", "06", "e0000001", OWN4) TCP,
	 GUARD_IPV4},
	{"version 5", 0,
	 ALL MAC "0800"
		 "5500002c00000000401100000a0000050a000006" PAD,
	 GUARD_HEADER},
	{"IHL 4", 0,
	 ALL MAC "0800"
		 "4400002c00000000401100000a0000050a000006" PAD,
	 GUARD_HEADER},
	{"UDP header missing", 0, ALL MAC IP4("0000", "11", OWN4, LIE4), GUARD_HEADER},
	{"DHCP discover", 0, ALL MAC IP4("0000", "11", "00000000", ANY4) UDP("0044", "0043"),
	 GUARD_PASS},
	{"DHCP discover, unicast MAC", 0,
	 OTHER MAC IP4("0000", "11", "00000000", ANY4) UDP("0044", "0043"), GUARD_IPV4},
	{"0.0.0.0 to DNS", 0, ALL MAC IP4("0000", "11", "00000000", ANY4) UDP("0044", "0035"),
	 GUARD_IPV4},
	{"0.0.0.0 to one host", 0, ALL MAC IP4("0000", "11", "00000000", LIE4) UDP("0044", "0043"),
	 GUARD_IPV4},
	{"0.0.0.0 TCP", 0, ALL MAC IP4("0000", "06", "00000000", ANY4) TCP, GUARD_IPV4},
	{"0.0.0.0 in fragments", 0, ALL MAC IP4("2000", "11", "00000000", ANY4) UDP("0044", "0043"),
	 GUARD_IPV4},
	{"DHCP request, renewing", 0, OTHER MAC IP4("0000", "11", OWN4, LIE4) UDP("0044", "0043"),
	 GUARD_PASS},
	{"DHCP offer", 0, ALL MAC IP4("0000", "11", OWN4, ANY4) UDP("0043", "0044"), GUARD_DHCP},
	{"DHCP offer from another port", 0,
	 ALL MAC IP4("0000", "11", OWN4, ANY4) UDP("1043", "0044"), GUARD_DHCP},
	{"DHCP offer, behind IP options", 0,
	 ALL MAC "0800"
		 "4600002c000000004011000"
		 "0" OWN4 ANY4 "01010101" UDP("0043", "0044"),
	 GUARD_DHCP},
	{"DHCP offer, first fragment", 0, ALL MAC IP4("2000", "11", OWN4, ANY4) UDP("0043", "0044"),
	 GUARD_DHCP},
	{"a later fragment", 0, ALL MAC IP4("2001", "11", OWN4, ANY4) UDP("0043", "0044"),
	 GUARD_PASS},
	{"TCP from port 67", 0, ALL MAC IP4("0000", "06", OWN4, ANY4) UDP("0043", "0044"),
	 GUARD_PASS},
	{"DHCP server's offer", GUARD_DHCP_SERVER,
	 ALL MAC IP4("0000", "11", OWN4, ANY4) UDP("0043", "0044"), GUARD_PASS},
	/* IPv6 */
	{"own IPv6", 0, OTHER MAC IP6("06", OWN6, LIE6) TCP, GUARD_PASS},
	{"another's IPv6", 0, OTHER MAC IP6("06", LIE6, OWN6) TCP, GUARD_IPV6},
	{"own link-local", 0, OTHER MAC IP6("06", LINK6, LIE6) TCP, GUARD_PASS},
	{"another's link-local", 0,
	 OTHER MAC IP6("06", "fe800000000000000000000000000001", LIE6) TCP, GUARD_IPV6},
	{"any link-local", GUARD_LINK_LOCAL,
	 OTHER MAC IP6("06", "fe800000000000000000000000000001", LIE6) TCP, GUARD_PASS},
	{"any IPv6", GUARD_ANY_V6, OTHER MAC IP6("06", LIE6, OWN6) TCP, GUARD_PASS},
	{"any but multicast", GUARD_ANY_V6, OTHER MAC IP6("06", NODES6, OWN6) TCP, GUARD_IPV6},
	{"any but ::1", GUARD_ANY_V6,
	 OTHER MAC IP6("06", "00000000000000000000000000000001", OWN6) TCP, GUARD_IPV6},
	{"version 4", 0, OTHER MAC "86dd40000000004006ff" OWN6 LIE6 TCP, GUARD_HEADER},
	{"TCP from ::", 0, OTHER MAC IP6("06", NONE6, LIE6) TCP, GUARD_IPV6},
	{"DAD", 0, NODES MAC IP6("3a", NONE6, NODES6) ND("87", OWN6), GUARD_PASS},
	{"DAD for another's", 0, NODES MAC IP6("3a", NONE6, NODES6) ND("87", LIE6), GUARD_ND},
	{"router solicitation from ::", 0, NODES MAC IP6("3a", NONE6, NODES6) "8500000000000000",
	 GUARD_PASS},
	{"MLDv2 report from ::", 0,
	 NODES MAC IP6("00", NONE6, NODES6) HOP("3a") "8f00000000000001" PAD, GUARD_PASS},
	{"ping from ::", 0, NODES MAC IP6("3a", NONE6, NODES6) "8000000000000000" PAD, GUARD_IPV6},
	{"ping", 0, NODES MAC IP6("3a", OWN6, NODES6) "8000000000000000" PAD, GUARD_PASS},
	{"solicitation", 0, NODES MAC IP6("3a", OWN6, NODES6) ND("87", LIE6) LLA("01", MAC),
	 GUARD_PASS},
	{"solicitation, another's MAC", 0,
	 NODES MAC IP6("3a", OWN6, NODES6) ND("87", LIE6) LLA("01", OTHER), GUARD_ND},
	{"advertisement", 0, NODES MAC IP6("3a", OWN6, NODES6) ND("88", OWN6) LLA("02", MAC),
	 GUARD_PASS},
	{"advertisement for another's", 0,
	 NODES MAC IP6("3a", OWN6, NODES6) ND("88", LIE6) LLA("02", MAC), GUARD_ND},
	{"advertisement, another's MAC", 0,
	 NODES MAC IP6("3a", OWN6, NODES6) ND("88", OWN6) LLA("02", OTHER), GUARD_ND},
	{"another's MAC in a second option", 0,
	 NODES MAC IP6("3a", OWN6, NODES6) ND("88", OWN6) LLA("0e", MAC) LLA("02", OTHER),
	 GUARD_ND},
	{"an option of length 0", 0, NODES MAC IP6("3a", OWN6, NODES6) ND("88", OWN6) "0200" OTHER,
	 GUARD_ND},
	{"five options", 0,
	 NODES MAC IP6("3a", OWN6, NODES6) ND("88", OWN6) LLA("0e", MAC) LLA("0e", MAC)
		 LLA("0e", MAC) LLA("0e", MAC) LLA("02", OTHER),
	 GUARD_ND},
	{"router solicitation, another's MAC", 0,
	 NODES MAC IP6("3a", OWN6, NODES6) "8500000000000000" LLA("01", OTHER), GUARD_ND},
	{"RA", 0, NODES MAC IP6("3a", LINK6, NODES6) ND("86", NONE6), GUARD_ADVERT},
	{"RA of a router", GUARD_ROUTER, NODES MAC IP6("3a", LINK6, NODES6) ND("86", NONE6),
	 GUARD_PASS},
	{"redirect", 0, NODES MAC IP6("3a", LINK6, NODES6) ND("89", LIE6) LIE6, GUARD_ADVERT},
	{"RA behind hop-by-hop", 0, NODES MAC IP6("00", LINK6, NODES6) HOP("3a") ND("86", NONE6),
	 GUARD_ADVERT},
	{"RA behind four headers", 0,
	 NODES MAC IP6("00", LINK6, NODES6) HOP("3c") HOP("3c") HOP("3c") HOP("3a") ND("86", NONE6),
	 GUARD_ADVERT},
	{"RA behind five headers", 0,
	 NODES MAC IP6("00", LINK6, NODES6) HOP("3c") HOP("3c") HOP("3c") HOP("3c") HOP("3a")
		 ND("86", NONE6),
	 GUARD_EXTENSION},
	{"RA behind an atomic fragment", 0,
	 NODES MAC IP6("2c", LINK6, NODES6) FRAG("3a", "0000") ND("86", NONE6), GUARD_FRAGMENT},
	{"RA in a first fragment", 0,
	 NODES MAC IP6("2c", LINK6, NODES6) FRAG("3a", "0001") ND("86", NONE6), GUARD_FRAGMENT},
	{"RA behind options in a first fragment", 0,
	 NODES MAC IP6("2c", LINK6, NODES6) FRAG("3c", "0001") HOP("3a") ND("86", NONE6),
	 GUARD_FRAGMENT},
	{"first fragment whose chain goes on", 0,
	 NODES MAC IP6("2c", LINK6, NODES6) FRAG("3c", "0001"), GUARD_FRAGMENT},
	{"first fragment without its UDP header", 0,
	 NODES MAC IP6("2c", LINK6, NODES6) FRAG("11", "0001"), GUARD_FRAGMENT},
	{"a later fragment", 0, NODES MAC IP6("2c", OWN6, NODES6) FRAG("3a", "0008") PAD,
	 GUARD_PASS},
	{"a later fragment from ::", 0, NODES MAC IP6("2c", NONE6, NODES6) FRAG("3a", "0008") PAD,
	 GUARD_IPV6},
	{"the RA of a router, in a fragment", GUARD_ROUTER,
	 NODES MAC IP6("2c", LINK6, NODES6) FRAG("3a", "0001") ND("86", NONE6), GUARD_FRAGMENT},
	{"routing header 0", 0, NODES MAC IP6("2b", OWN6, LIE6) "0602000100000000" PAD,
	 GUARD_EXTENSION},
	{"routing header 2", 0, NODES MAC IP6("2b", OWN6, LIE6) "0600020100000000" TCP, GUARD_PASS},
	{"RA behind AH", 0,
	 NODES MAC IP6("33", LINK6, NODES6) "3a04000000000001" NONE6 ND("86", NONE6), GUARD_ADVERT},
	{"ESP", 0, NODES MAC IP6("32", OWN6, LIE6) PAD, GUARD_PASS},
	{"no next header", 0, NODES MAC IP6("3b", OWN6, LIE6) PAD, GUARD_PASS},
	{"an extension header that is not there", 0, NODES MAC IP6("00", OWN6, LIE6), GUARD_HEADER},
	{"one that points beyond the frame", 0,
	 NODES MAC IP6("00", OWN6, LIE6) "3aff010400000000" PAD, GUARD_HEADER},
	{"ICMPv6 that is not there", 0, NODES MAC IP6("3a", OWN6, LIE6), GUARD_HEADER},
	{"solicitation cut short", 0, NODES MAC IP6("3a", OWN6, NODES6) "8700000000000000",
	 GUARD_HEADER},
	{"DHCPv6 client", 0, NODES MAC IP6("11", LINK6, NODES6) UDP("0222", "0223"), GUARD_PASS},
	{"DHCPv6 server", 0, NODES MAC IP6("11", LINK6, NODES6) UDP("0223", "0222"), GUARD_DHCP},
	{"DHCPv6 server behind options", 0,
	 NODES MAC IP6("3c", LINK6, NODES6) HOP("11") UDP("0223", "0222"), GUARD_DHCP},
	{"DHCPv6 server in a fragment", 0,
	 NODES MAC IP6("2c", LINK6, NODES6) FRAG("11", "0001") UDP("0223", "0222"), GUARD_DHCP},
	{"the DHCPv6 server", GUARD_DHCP_SERVER,
	 NODES MAC IP6("11", LINK6, NODES6) UDP("0223", "0222"), GUARD_PASS},
};

static const struct row TO_VM[] = {
	{"unicast", 0, MAC OTHER PLAIN, GUARD_PASS},
	{"its second MAC", 0, "525400abcdef" OTHER PLAIN, GUARD_PASS},
	{"broadcast", 0, ALL OTHER PLAIN, GUARD_PASS},
	{"multicast", 0, NODES OTHER PLAIN, GUARD_PASS},
	{"a neighbour's", 0, OTHER "525400000001" PLAIN, GUARD_FOREIGN},
	{"a neighbour's, for an IDS", GUARD_PROMISCUOUS, OTHER "525400000001" PLAIN, GUARD_PASS},
	{"its own, back", 0, ALL MAC PLAIN, GUARD_LOOP},
	{"tagged", 0, MAC OTHER "8100000a" PLAIN, GUARD_VLAN},
	{"tagged twice", 0, MAC OTHER "8100000a8100000a" PLAIN, GUARD_VLAN},
	{"joined group", GUARD_GROUPS_ONLY, "01005e000001" OTHER PLAIN, GUARD_PASS},
	{"other group", GUARD_GROUPS_ONLY, "01005e000002" OTHER PLAIN, GUARD_GROUP},
	{"broadcast to one of groups", GUARD_GROUPS_ONLY, ALL OTHER PLAIN, GUARD_PASS},
};

static void common_policy(struct guard_port *port, uint32_t flags)
{
	uint8_t mac[6];

	assert_int_equal(guard_mac_parse("52:54:00:12:34:56", mac), 0);
	guard_port_init(port, mac);
	assert_int_equal(guard_mac_parse("52:54:00:ab:cd:ef", port->macs[0]), 0);
	port->n_macs = 1;
	port->types[0] = htons(0x8863);
	port->n_types = 1;
	memcpy(port->groups[0], "\x01\0\x5e\0\0\1", 6);
	port->n_groups = 1;
	port->flags = flags;
	assert_int_equal(guard_port_add(port, "10.0.0.5", NULL), 0);
	assert_int_equal(guard_port_add(port, "192.0.2.0/24", NULL), 0);
	assert_int_equal(guard_port_add(port, "fe80::5054:ff:fe12:3456", NULL), 0);
	assert_int_equal(guard_port_add(port, "2001:db8:1::/64", NULL), 0);
}

static void set(const struct guard_port *port)
{
	struct rf_err err = {0};

	if (guard_attach(guard, LOOPBACK, &err) != 0 ||
	    guard_port_set(guard, LOOPBACK, port, &err) != 0)
		fail_msg("%s", rf_err_text(&err));
}

static struct guard_answer ask(enum guard_direction direction, const char *hex, uint32_t zone)
{
	uint8_t bytes[2048];
	struct guard_question q = {.ifindex = LOOPBACK, .direction = direction, .from_zone = zone};
	struct guard_answer answer = {0};
	struct rf_err err = {0};
	size_t len = 0;

	assert_int_equal(rf_hex_decode(hex, bytes, sizeof(bytes), &len), 0);
	q.frame = (struct rf_slice){bytes, len};
	if (guard_trace(guard, &q, &answer, &err) != 0)
		fail_msg("%s: %s", hex, rf_err_text(&err));
	return answer;
}

static void table(const struct row *rows, size_t count, enum guard_direction direction)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < count; i++) {
		struct guard_port port;
		struct guard_answer a;

		common_policy(&port, rows[i].flags);
		set(&port);
		a = ask(direction, rows[i].frame, 0);
		if (a.verdict == rows[i].verdict && a.passes == (a.verdict == GUARD_PASS))
			continue;
		wrong++;
		print_message("%s: %s, not %s\n", rows[i].name, guard_verdict_word(a.verdict),
			      guard_verdict_word(rows[i].verdict));
	}
	assert_int_equal(wrong, 0);
}

static void frames_from_a_vm(void **state)
{
	(void)state;
	need_guard();
	table(FROM_VM, RF_COUNT(FROM_VM), GUARD_FROM_VM);
}

static void frames_to_a_vm(void **state)
{
	(void)state;
	need_guard();
	table(TO_VM, RF_COUNT(TO_VM), GUARD_TO_VM);
}

static void vlans(void **state)
{
	struct guard_port port;

	(void)state;
	need_guard();
	common_policy(&port, 0);
	port.vlan_mode = GUARD_VLAN_VST;
	port.vid = 10;
	set(&port);
	assert_int_equal(ask(GUARD_FROM_VM, ALL MAC PLAIN, 0).vlan, 10);
	assert_int_equal(ask(GUARD_FROM_VM, ALL MAC "8100000a" PLAIN, 0).verdict, GUARD_VLAN);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER "8100000a" PLAIN, 0).vlan, 10);
	assert_true(ask(GUARD_TO_VM, MAC OTHER "8100000a" PLAIN, 0).passes);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER "8100000b" PLAIN, 0).verdict, GUARD_VLAN);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER "88a8000a" PLAIN, 0).verdict, GUARD_VLAN);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER PLAIN, 0).verdict, GUARD_VLAN);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER "8100000a8100000a" PLAIN, 0).verdict,
			 GUARD_VLAN);
	common_policy(&port, 0);
	port.vlan_mode = GUARD_VLAN_VGT;
	port.vlans[0] = 1ull << 10;
	port.vlans[63] = 1ull << 62;
	set(&port);
	assert_true(ask(GUARD_FROM_VM, ALL MAC "8100000a" PLAIN, 0).passes);
	assert_true(ask(GUARD_FROM_VM, ALL MAC "8100effe" PLAIN, 0).passes);
	assert_int_equal(ask(GUARD_FROM_VM, ALL MAC "8100000b" PLAIN, 0).verdict, GUARD_VLAN);
	assert_int_equal(ask(GUARD_FROM_VM, ALL MAC "81000000" PLAIN, 0).verdict, GUARD_VLAN);
	assert_int_equal(ask(GUARD_FROM_VM, ALL MAC "88a8000a" PLAIN, 0).verdict, GUARD_VLAN);
	assert_int_equal(ask(GUARD_FROM_VM, ALL MAC "8100000a8100000a" PLAIN, 0).verdict,
			 GUARD_VLAN);
	assert_int_equal(ask(GUARD_FROM_VM, ALL MAC PLAIN, 0).verdict, GUARD_VLAN);
	/* What is judged in a tagged frame is what stands behind the tag. */
	assert_int_equal(
		ask(GUARD_FROM_VM, ALL MAC "8100000a" IP4("0000", "06", LIE4, OWN4) TCP, 0).verdict,
		GUARD_IPV4);
	assert_int_equal(
		ask(GUARD_FROM_VM, NODES MAC "8100000a" IP6("3a", LINK6, NODES6) ND("86", NONE6), 0)
			.verdict,
		GUARD_ADVERT);
	assert_true(ask(GUARD_TO_VM, MAC OTHER "8100000a" PLAIN, 0).passes);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER PLAIN, 0).verdict, GUARD_VLAN);
	port.vlans[0] |= 1;
	set(&port);
	assert_true(ask(GUARD_FROM_VM, ALL MAC PLAIN, 0).passes);
	assert_true(ask(GUARD_TO_VM, MAC OTHER PLAIN, 0).passes);
}

/* As the programs make it: four bytes and two, as they lie in memory. */
static uint64_t key_of(const uint8_t *mac)
{
	uint32_t high;
	uint16_t low;

	memcpy(&high, mac, 4);
	memcpy(&low, mac + 4, 2);
	return (uint64_t)high << 16 | low;
}

static void zones(void **state)
{
	static const struct guard_pair PAIRS[] = {{0, 0}, {3, 3}, {3, 700}};
	struct guard_zone *rows = rf_alloc(GUARD_ZONES, sizeof(*rows));
	struct guard_zone was;
	struct guard_port port;

	(void)state;
	need_guard();
	assert_int_equal(guard_zones_compile(PAIRS, 3, 701, rows, NULL), 0);
	assert_int_equal(guard_zone_get(guard, 3, &was), 0);
	for (uint32_t i = 0; i < GUARD_ZONES; i++)
		assert_int_equal(guard_zone_set(guard, i, &rows[i]), 0);
	common_policy(&port, 0);
	port.zone = 3;
	set(&port);
	assert_int_equal(ask(GUARD_FROM_VM, ALL MAC PLAIN, 0).zone, 3);
	assert_true(ask(GUARD_TO_VM, MAC OTHER PLAIN, 3).passes);
	assert_true(ask(GUARD_TO_VM, MAC OTHER PLAIN, 700).passes);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER PLAIN, 0).verdict, GUARD_ZONE);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER PLAIN, 701).verdict, GUARD_ZONE);
	/* The sender's side: nobody here owns this address, so it is outside, in zone 0. */
	assert_int_equal(ask(GUARD_FROM_VM, OTHER MAC PLAIN, 0).verdict, GUARD_ZONE);
	/* Its own addresses are in its own zone. */
	assert_true(ask(GUARD_FROM_VM, "525400abcdef" MAC PLAIN, 0).passes);
	assert_int_equal(guard_zone_set(guard, 3, &was), 0);
	assert_int_equal(guard_zone_set(guard, GUARD_ZONES, &was), RF_E_LIMIT);
	assert_int_equal(guard_zone_get(guard, GUARD_ZONES, &was), RF_E_LIMIT);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER PLAIN, 3).verdict, GUARD_ZONE);
	rf_free(rows);
}

/* Five addresses of one place, which has room for four: each is found, and forgotten. */
static void addresses_that_collide(void **state)
{
	struct guard_zone row = {.restricted = 1, .to = {1u << 3}};
	struct guard_zone was;
	struct guard_port port;
	unsigned found = 0;

	(void)state;
	need_guard();
	common_policy(&port, 0);
	port.zone = 3;
	port.n_macs = GUARD_MACS;
	memset(port.macs, 0, sizeof(port.macs));
	assert_int_equal(guard_zone_get(guard, 3, &was), 0);
	assert_int_equal(guard_zone_set(guard, 3, &row), 0);
	for (uint32_t n = 1; found < GUARD_MACS; n++) {
		uint8_t mac[6] = {2, 0xaa, 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

		if (NEAR_PLACE(key_of(mac)) == NEAR_PLACE(key_of(port.mac)))
			memcpy(port.macs[found++], mac, 6);
	}
	for (unsigned turn = 0; turn < 2; turn++) {
		char frame[256];

		set(&port);
		for (unsigned i = 0; i < GUARD_MACS; i++) {
			RF_AUTOBUF struct rf_buf to = {0};

			rf_buf_add_hex(&to, port.macs[i], 6);
			snprintf(frame, sizeof(frame), "%s" MAC PLAIN, rf_buf_text(&to));
			assert_true(ask(GUARD_FROM_VM, frame, 0).passes);
		}
		port.n_macs = 0;
		set(&port);
		assert_int_equal(ask(GUARD_FROM_VM, frame, 0).verdict, GUARD_ZONE);
		port.n_macs = GUARD_MACS;
	}
	assert_int_equal(ask(GUARD_FROM_VM, "000000000000" MAC PLAIN, 0).verdict, GUARD_ZONE);
	assert_int_equal(guard_zone_set(guard, 3, &was), 0);
}

static void lengths(void **state)
{
	uint8_t bytes[1600] = {0};
	struct guard_question q = {.ifindex = LOOPBACK, .frame = {bytes, 0}};
	struct guard_answer a;
	struct guard_port port;
	size_t len;

	(void)state;
	need_guard();
	assert_int_equal(rf_hex_decode(ALL MAC PLAIN, bytes, sizeof(bytes), &len), 0);
	common_policy(&port, 0);
	set(&port);
	q.frame.len = GUARD_MTU;
	assert_int_equal(guard_trace(guard, &q, &a, NULL), 0);
	assert_true(a.passes);
	q.frame.len = GUARD_MTU + 1;
	assert_int_equal(guard_trace(guard, &q, &a, NULL), 0);
	assert_int_equal(a.verdict, GUARD_LENGTH);
	/* A GSO frame is long; its segments count. */
	q.gso_bytes = 1448;
	assert_int_equal(guard_trace(guard, &q, &a, NULL), 0);
	assert_true(a.passes);
	q.gso_bytes = GUARD_MTU + 1;
	assert_int_equal(guard_trace(guard, &q, &a, NULL), 0);
	assert_int_equal(a.verdict, GUARD_LENGTH);
	/* What is no frame is not asked at all. */
	q.frame.len = 13;
	a.verdict = 99;
	assert_int_equal(guard_trace(guard, &q, &a, NULL), RF_E_LIMIT);
	q.frame.len = 60;
	q.from_zone = GUARD_ZONES;
	assert_int_equal(guard_trace(guard, &q, &a, NULL), -EINVAL);
	assert_int_equal(a.verdict, 99);
}

static void modes(void **state)
{
	struct guard_counts before, after;
	struct guard_port port;

	(void)state;
	need_guard();
	assert_int_equal(guard_detach(guard, LOOPBACK, NULL), 0);
	assert_int_equal(ask(GUARD_FROM_VM, ALL MAC PLAIN, 0).verdict, GUARD_UNKNOWN);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER PLAIN, 0).verdict, GUARD_UNKNOWN);
	/* Attached and nothing more: denied. */
	assert_int_equal(guard_attach(guard, LOOPBACK, NULL), 0);
	assert_int_equal(ask(GUARD_FROM_VM, ALL MAC PLAIN, 0).verdict, GUARD_DENIED);
	assert_int_equal(ask(GUARD_TO_VM, MAC OTHER PLAIN, 0).verdict, GUARD_DENIED);
	common_policy(&port, 0);
	port.mode = GUARD_MODE_OBSERVE;
	set(&port);
	assert_int_equal(guard_counts(guard, LOOPBACK, &before), 0);

	struct guard_answer a = ask(GUARD_FROM_VM, ALL OTHER PLAIN, 0);

	assert_true(a.passes);
	assert_int_equal(a.verdict, GUARD_SOURCE_MAC);
	port.mode = GUARD_MODE_ENFORCE;
	port.redirect_ifindex = 7;
	set(&port);
	assert_true(ask(GUARD_FROM_VM, ALL MAC PLAIN, 0).redirect);
	assert_false(ask(GUARD_FROM_VM, ALL OTHER PLAIN, 0).redirect);
	/* Nothing that was asked is counted. */
	assert_int_equal(guard_counts(guard, LOOPBACK, &after), 0);
	assert_memory_equal(&before, &after, sizeof(after));
}

static void uplink_and_host(void **state)
{
	struct guard_port port = {.role = GUARD_ROLE_UPLINK, .mode = GUARD_MODE_ENFORCE};

	(void)state;
	need_guard();
	set(&port);
	assert_true(ask(GUARD_FROM_VM, ALL OTHER PLAIN, 0).passes);
	port.flags = GUARD_TAGGED_ONLY;
	set(&port);
	assert_int_equal(ask(GUARD_FROM_VM, ALL OTHER PLAIN, 0).verdict, GUARD_UNTAGGED);
	assert_true(ask(GUARD_FROM_VM, ALL OTHER "8100000a" PLAIN, 0).passes);
	assert_true(ask(GUARD_TO_VM, OTHER MAC PLAIN, 0).passes);
	assert_int_equal(ask(GUARD_TO_VM, OTHER MAC PLAIN, 5).verdict, GUARD_ZONE);
	port.role = GUARD_ROLE_HOST;
	port.flags = 0;
	set(&port);
	/* Its ingress is what VMs send to the host. */
	assert_int_equal(ask(GUARD_FROM_VM, OTHER MAC PLAIN, 5).verdict, GUARD_ZONE);
	assert_true(ask(GUARD_FROM_VM, OTHER MAC PLAIN, 0).passes);
	assert_true(ask(GUARD_TO_VM, OTHER MAC PLAIN, 5).passes);
	port.mode = GUARD_MODE_DENY;
	set(&port);
	assert_int_equal(ask(GUARD_TO_VM, OTHER MAC PLAIN, 5).verdict, GUARD_DENIED);
}

static void every_promise_is_proven(void **state)
{
	struct guard_proof proofs[GUARD_PROBES];
	struct guard_port port;
	struct rf_err err = {0};

	(void)state;
	need_guard();
	for (unsigned trunk = 0; trunk < 3; trunk++) {
		common_policy(&port, 0);
		port.vlan_mode = (uint8_t)trunk;
		port.vid = trunk == GUARD_VLAN_VST ? 10 : 0;
		port.vlans[0] = trunk == GUARD_VLAN_VGT ? 1u << 20 : 0;
		port.max_bytes = trunk ? 9018 : GUARD_MTU;
		set(&port);
		if (guard_probe(guard, LOOPBACK, proofs, &err) != 0)
			fail_msg("%s", rf_err_text(&err));
		for (size_t i = 0; i < GUARD_PROBES; i++) {
			const struct guard_proof *p = &proofs[i];

			if (!p->configured || !p->enforced || !p->proven || p->passes != p->honest)
				fail_msg("VLAN mode %u: %s: %s", trunk, p->name, p->evidence);
		}
	}
}

/* A role that the policy grants is not a fault, and a port that only counts proves nothing. */
static void proofs_tell_the_difference(void **state)
{
	struct guard_proof proofs[GUARD_PROBES];
	struct guard_port port;
	unsigned granted = 0, unenforced = 0;

	(void)state;
	need_guard();
	common_policy(&port, GUARD_ROUTER | GUARD_DHCP_SERVER | GUARD_MAC_CHANGE);
	set(&port);
	assert_int_equal(guard_probe(guard, LOOPBACK, proofs, NULL), 0);
	for (size_t i = 0; i < GUARD_PROBES; i++) {
		if (!proofs[i].proven)
			fail_msg("%s: %s", proofs[i].name, proofs[i].evidence);
		granted += !proofs[i].configured;
	}
	/* A MAC address, an offer, an advertisement, a redirect. */
	assert_int_equal(granted, 4);
	port.mode = GUARD_MODE_OBSERVE;
	set(&port);
	assert_int_equal(guard_probe(guard, LOOPBACK, proofs, NULL), 0);
	for (size_t i = 0; i < GUARD_PROBES; i++) {
		unenforced += !proofs[i].enforced;
		assert_non_null(strstr(proofs[i].evidence, "only observes"));
	}
	assert_int_equal(unenforced, GUARD_PROBES);
	assert_int_equal(guard_detach(guard, LOOPBACK, NULL), 0);
	assert_int_equal(guard_probe(guard, LOOPBACK, proofs, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_from_a_vm),
		cmocka_unit_test(frames_to_a_vm),
		cmocka_unit_test(vlans),
		cmocka_unit_test(lengths),
		cmocka_unit_test(modes),
		cmocka_unit_test(uplink_and_host),
		cmocka_unit_test(every_promise_is_proven),
		cmocka_unit_test(proofs_tell_the_difference),
		cmocka_unit_test(zones),
		cmocka_unit_test(addresses_that_collide),
	};

	return cmocka_run_group_tests(tests, guard_begin, guard_end);
}
