/* SPDX-License-Identifier: Apache-2.0 */
/* The pure side of the guard: what people write, what may be set, the matrix of zones. */
#include <arpa/inet.h>

#include "isolate/guard/frames.h"
#include "isolate/guard/guard.h"
#include "test_base.h"

static const uint8_t MAC[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

static void macs_as_written(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} CASES[] = {
		{"52:54:00:12:34:56", 0},
		{"FF:ff:Ff:00:0A:b0", 0},
		{"52:54:00:12:34", RF_E_SYNTAX},
		{"52:54:00:12:34:5", RF_E_SYNTAX},
		{"52-54-00-12-34-56", RF_E_SYNTAX},
		{"52:54:00:12:34:5g", RF_E_SYNTAX},
		{"52:54:00:12:34:567", RF_E_SYNTAX},
		{" 2:54:00:12:34:56", RF_E_SYNTAX},
		{"5::54:00:12:34:56", RF_E_SYNTAX},
		{"", RF_E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		uint8_t mac[6] = {9, 9, 9, 9, 9, 9};

		assert_int_equal(guard_mac_parse(CASES[i].text, mac), CASES[i].rc);
		if (CASES[i].rc)
			assert_int_equal(mac[0], 9);
	}

	uint8_t mac[6];

	assert_int_equal(guard_mac_parse("52:54:00:12:34:56", mac), 0);
	assert_memory_equal(mac, MAC, 6);
}

static void addresses_as_written(void **state)
{
	static const struct {
		const char *text;
		int rc;
		unsigned v4, v6;
	} CASES[] = {
		{"10.0.0.1", 0, 1, 0},
		{"10.0.0.0/24", 0, 2, 0},
		{"10.0.0.1", RF_E_DUPLICATE, 2, 0},
		{"10.0.0.1/32", RF_E_DUPLICATE, 2, 0},
		{"10.0.0.1/24", RF_E_SYNTAX, 2, 0},
		{"0.0.0.0/0", RF_E_SYNTAX, 2, 0},
		{"10.0.0.1/33", RF_E_SYNTAX, 2, 0},
		{"10.0.0.1/", RF_E_SYNTAX, 2, 0},
		{"10.0.0.1/8/8", RF_E_SYNTAX, 2, 0},
		{"10.0.0", RF_E_SYNTAX, 2, 0},
		{"010.0.0.1", RF_E_SYNTAX, 2, 0},
		{"2001:db8::1", 0, 2, 1},
		{"2001:db8:1::/64", 0, 2, 2},
		{"2001:db8::1/128", RF_E_DUPLICATE, 2, 2},
		{"2001:db8::1/64", RF_E_SYNTAX, 2, 2},
		{"::/0", RF_E_SYNTAX, 2, 2},
		{"fe80::1%eth0", RF_E_SYNTAX, 2, 2},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", RF_E_SYNTAX, 2, 2},
		{"", RF_E_SYNTAX, 2, 2},
	};
	struct guard_port port;
	char text[32];

	(void)state;
	guard_port_init(&port, MAC);
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct rf_err err = {0};

		assert_int_equal(guard_port_add(&port, CASES[i].text, &err), CASES[i].rc);
		assert_int_equal(port.n_v4, CASES[i].v4);
		assert_int_equal(port.n_v6, CASES[i].v6);
		if (CASES[i].rc)
			assert_non_null(strstr(err.text, CASES[i].text));
	}
	assert_int_equal(port.v4[1].mask, htonl(0xffffff00));
	assert_int_equal(port.v6[1].mask[0], UINT64_MAX);
	assert_int_equal(port.v6[1].mask[1], 0);
	for (int i = 0; i < GUARD_V4 - 2; i++) {
		snprintf(text, sizeof(text), "10.1.0.%d", i);
		assert_int_equal(guard_port_add(&port, text, NULL), 0);
	}
	assert_int_equal(guard_port_add(&port, "10.2.0.1", NULL), RF_E_LIMIT);
	assert_int_equal(guard_port_check(&port, NULL), 0);
}

/* What one change to a good policy does. */
static void no_mac(struct guard_port *p)
{
	memset(p->mac, 0, 6);
}
static void no_mac_denied(struct guard_port *p)
{
	no_mac(p);
	p->mode = GUARD_MODE_DENY;
	p->max_bytes = 0;
}
static void group_mac(struct guard_port *p)
{
	p->mac[0] |= 1;
}
static void bad_mode(struct guard_port *p)
{
	p->mode = 3;
}
static void bad_role(struct guard_port *p)
{
	p->role = 3;
}
static void bad_vlan_mode(struct guard_port *p)
{
	p->vlan_mode = 3;
}
static void bad_flags(struct guard_port *p)
{
	p->flags = GUARD_FLAGS_ALL + 1;
}
static void bad_reserved(struct guard_port *p)
{
	p->called[15] = 1;
}
static void bad_zone(struct guard_port *p)
{
	p->zone = GUARD_ZONES;
}
static void last_zone(struct guard_port *p)
{
	p->zone = GUARD_ZONES - 1;
}
static void many_macs(struct guard_port *p)
{
	p->n_macs = GUARD_MACS + 1;
}
static void many_v4(struct guard_port *p)
{
	p->n_v4 = 255;
}
static void empty_more_mac(struct guard_port *p)
{
	p->n_macs = 1;
}
static void padded_more_mac(struct guard_port *p)
{
	p->n_macs = 1;
	memcpy(p->macs[0], MAC, 6);
	p->macs[0][7] = 1;
}
static void holed_mask(struct guard_port *p)
{
	p->n_v4 = 1;
	p->v4[0].address = htonl(0x0a000000);
	p->v4[0].mask = htonl(0xff00ff00);
}
static void any_mask(struct guard_port *p)
{
	p->n_v4 = 1;
}
static void beyond_mask(struct guard_port *p)
{
	p->n_v4 = 1;
	p->v4[0].address = htonl(0x0a000001);
	p->v4[0].mask = htonl(0xffffff00);
}
static void loopback_v4(struct guard_port *p)
{
	p->n_v4 = 1;
	p->v4[0].address = htonl(0x7f000001);
	p->v4[0].mask = UINT32_MAX;
}
static void multicast_v6(struct guard_port *p)
{
	p->n_v6 = 1;
	memset(&p->v6[0], 0xff, sizeof(p->v6[0]));
}
static void loopback_v6(struct guard_port *p)
{
	p->n_v6 = 1;
	memset(p->v6[0].mask, 0xff, 16);
	((uint8_t *)p->v6[0].address)[15] = 1;
}
static void station_group(struct guard_port *p)
{
	p->n_groups = 1;
	memcpy(p->groups[0], MAC, 6);
}
static void type_length(struct guard_port *p)
{
	p->n_types = 1;
	p->types[0] = htons(0x5ff);
}
static void type_arp(struct guard_port *p)
{
	p->n_types = 1;
	p->types[0] = htons(0x0806);
}
static void type_tag(struct guard_port *p)
{
	p->n_types = 1;
	p->types[0] = htons(0x88a8);
}
static void type_pppoe(struct guard_port *p)
{
	p->n_types = 1;
	p->types[0] = htons(0x8863);
}
static void vst(struct guard_port *p)
{
	p->vlan_mode = GUARD_VLAN_VST;
	p->vid = 4094;
}
static void vst_0(struct guard_port *p)
{
	p->vlan_mode = GUARD_VLAN_VST;
}
static void vst_4095(struct guard_port *p)
{
	p->vlan_mode = GUARD_VLAN_VST;
	p->vid = 4095;
}
static void est_vid(struct guard_port *p)
{
	p->vid = 1;
}
static void est_list(struct guard_port *p)
{
	p->vlans[0] = 2;
}
static void vgt_list(struct guard_port *p)
{
	p->vlan_mode = GUARD_VLAN_VGT;
	p->vlans[63] = 1ull << 62;
}
static void vgt_4095(struct guard_port *p)
{
	p->vlan_mode = GUARD_VLAN_VGT;
	p->vlans[63] = 1ull << 63;
}
static void tiny(struct guard_port *p)
{
	p->max_bytes = 59;
}
static void huge(struct guard_port *p)
{
	p->max_bytes = UINT32_MAX;
}
static void burst_alone(struct guard_port *p)
{
	p->pps_burst = 1;
}
static void pps_huge(struct guard_port *p)
{
	p->pps = UINT32_MAX;
}
static void pps_good(struct guard_port *p)
{
	p->pps = 1000;
	p->pps_burst = 64;
	p->flood_pps = 10;
}
static void uplink(struct guard_port *p)
{
	no_mac(p);
	p->role = GUARD_ROLE_UPLINK;
	p->flags = GUARD_TAGGED_ONLY;
}
static void uplink_mac(struct guard_port *p)
{
	p->role = GUARD_ROLE_UPLINK;
}
static void redirect_far(struct guard_port *p)
{
	p->redirect_ifindex = UINT32_MAX;
}

static void policies_are_checked(void **state)
{
	static const struct {
		void (*change)(struct guard_port *p);
		bool good;
	} CASES[] = {
		{no_mac, false},	 {no_mac_denied, true},
		{group_mac, false},	 {bad_mode, false},
		{bad_role, false},	 {bad_vlan_mode, false},
		{bad_flags, false},	 {bad_reserved, false},
		{bad_zone, false},	 {last_zone, true},
		{many_macs, false},	 {many_v4, false},
		{empty_more_mac, false}, {padded_more_mac, false},
		{holed_mask, false},	 {any_mask, false},
		{beyond_mask, false},	 {loopback_v4, false},
		{multicast_v6, false},	 {loopback_v6, false},
		{station_group, false},	 {type_length, false},
		{type_arp, false},	 {type_tag, false},
		{type_pppoe, true},	 {vst, true},
		{vst_0, false},		 {vst_4095, false},
		{est_vid, false},	 {est_list, false},
		{vgt_list, true},	 {vgt_4095, false},
		{tiny, false},		 {huge, false},
		{burst_alone, false},	 {pps_huge, false},
		{pps_good, true},	 {uplink, true},
		{uplink_mac, false},	 {redirect_far, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct guard_port port;
		struct rf_err err = {0};

		guard_port_init(&port, MAC);
		assert_int_equal(guard_port_check(&port, &err), 0);
		CASES[i].change(&port);
		assert_int_equal(guard_port_check(&port, &err) == 0, CASES[i].good);
		assert_int_equal(err.code == 0, CASES[i].good);
	}
}

static bool may(const struct guard_zone *rows, unsigned from, unsigned to)
{
	return rows[from].to[to / 64] >> (to % 64) & 1;
}

static void zones_compile(void **state)
{
	static const struct guard_pair PAIRS[] = {{1, 1}, {1, 70}, {70, 0}, {0, 0}, {70, 1}};
	struct guard_zone *rows = rf_alloc(GUARD_ZONES, sizeof(*rows));
	struct rf_err err = {0};

	(void)state;
	assert_non_null(rows);
	assert_int_equal(guard_zones_compile(PAIRS, RF_COUNT(PAIRS), 71, rows, &err), 0);
	assert_true(may(rows, 1, 1) && may(rows, 1, 70) && may(rows, 70, 1));
	assert_true(may(rows, 0, 70) && may(rows, 0, 0));
	/* Nothing follows from two pairs: 1 to 70 and 70 to 0 is not 1 to 0; 70 is isolated. */
	assert_false(may(rows, 1, 0) || may(rows, 0, 1) || may(rows, 70, 70));
	assert_int_equal(rows[1].restricted, 1);
	/* Two zones that may do all: nothing is left to look up. */
	static const struct guard_pair ALL[] = {{0, 0}, {0, 1}, {1, 1}};

	assert_int_equal(guard_zones_compile(ALL, 3, 2, rows, &err), 0);
	assert_int_equal(rows[0].restricted | rows[1].restricted, 0);
	assert_int_equal(rows[2].restricted, 1);
	assert_false(may(rows, 0, 70));
	/* A refusal changes nothing. */
	assert_int_equal(guard_zones_compile(PAIRS, RF_COUNT(PAIRS), 70, rows, &err), RF_E_LIMIT);
	assert_non_null(strstr(err.text, "zones 1 and 70"));
	assert_true(may(rows, 0, 1));
	assert_int_equal(guard_zones_compile(NULL, 0, 0, rows, &err), RF_E_LIMIT);
	assert_int_equal(guard_zones_compile(NULL, 0, GUARD_ZONES + 1, rows, &err), RF_E_LIMIT);
	assert_int_equal(guard_zones_compile(NULL, 0, GUARD_ZONES, rows, &err), 0);
	assert_false(may(rows, 0, 0));
	rf_free(rows);
}

static void groups_follow_addresses(void **state)
{
	static const uint8_t SOLICITED[6] = {0x33, 0x33, 0xff, 0x12, 0x34, 0x56};
	struct guard_port port, before;

	(void)state;
	guard_port_init(&port, MAC);
	assert_int_equal(guard_port_add(&port, "fe80::5054:ff:fe12:3456", NULL), 0);
	assert_int_equal(guard_port_add(&port, "2001:db8::5054:ff:fe12:3456", NULL), 0);
	assert_int_equal(guard_port_groups(&port, NULL), 0);
	assert_int_equal(port.n_groups, 3);
	assert_memory_equal(port.groups[2], SOLICITED, 6);
	assert_true(port.flags & GUARD_GROUPS_ONLY);
	assert_int_equal(guard_port_check(&port, NULL), 0);
	assert_int_equal(guard_port_add(&port, "2001:db8:1::/64", NULL), 0);
	before = port;
	assert_int_equal(guard_port_groups(&port, NULL), -EINVAL);
	assert_memory_equal(&port, &before, sizeof(port));
	port.flags |= GUARD_LINK_LOCAL;
	assert_int_equal(guard_port_groups(&port, NULL), -EINVAL);
}

static void verdicts_have_words(void **state)
{
	(void)state;
	assert_true(GUARD_VERDICT_COUNT <= GUARD_VERDICTS);
	assert_string_equal(guard_verdict_word(GUARD_SOURCE_MAC), "source-mac");
	assert_string_equal(guard_verdict_word(GUARD_VERDICT_COUNT), "unknown-verdict");
	for (uint32_t i = 0; i < GUARD_VERDICT_COUNT; i++) {
		assert_true(strlen(guard_verdict_why(i)) > 5);
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(guard_verdict_word(i), guard_verdict_word(j));
	}
	assert_non_null(guard_verdict_why(UINT32_MAX));
}

/* Test frames use what is certainly another's, whatever the policy calls its own. */
static void subjects_are_strangers(void **state)
{
	static struct guard_zone rows[GUARD_ZONES];
	struct test_subject s;
	struct guard_port port;

	(void)state;
	guard_port_init(&port, MAC);
	port.n_macs = 1;
	memcpy(port.macs[0], MAC, 6);
	port.macs[0][5]++;
	assert_int_equal(guard_port_add(&port, "192.0.2.0/24", NULL), 0);
	assert_int_equal(guard_port_add(&port, "2001:db8::/48", NULL), 0);
	port.zone = 3;
	rows[9].to[0] = 1 << 3;
	guard_subject_init(&s, &port, rows);
	assert_int_equal(s.stranger[5], 0x58);
	assert_false(guard_owns_v4(&port, s.other_v4));
	assert_true(guard_owns_v4(&port, s.v4));
	assert_false(guard_owns_v6(&port, s.other_v6));
	assert_true(guard_owns_v6(&port, s.v6));
	assert_true(s.has_zone && s.has_wrong_zone);
	assert_int_equal(s.zone, 9);
	assert_int_equal(s.wrong_zone, 0);
	/* A trunk: one VLAN of the list, and one that is not on it. */
	port.vlan_mode = GUARD_VLAN_VGT;
	port.vlans[0] = 1ull << 1 | 1ull << 20;
	guard_subject_init(&s, &port, rows);
	assert_true(s.tagged && s.has_wrong_vid);
	assert_int_equal(s.vid, 1);
	assert_int_equal(s.wrong_vid, 2);
	memset(port.vlans, 0xff, sizeof(port.vlans));
	guard_subject_init(&s, &port, rows);
	assert_false(s.tagged || s.has_wrong_vid);
}

static void test_frames_fit(void **state)
{
	static struct guard_zone rows[GUARD_ZONES];
	struct guard_port port;
	struct test_subject s;
	unsigned honest = 0;

	(void)state;
	guard_port_init(&port, MAC);
	for (uint32_t max = 60; max <= 65550; max = max == 60	  ? 1518
						    : max == 1518 ? 9018
								  : max * 7) {
		port.max_bytes = max;
		guard_subject_init(&s, &port, rows);
		for (size_t i = 0; i < GUARD_PROBES; i++) {
			struct test_frame f = {.len = 0};

			GUARD_TESTS[i].build(&f, &s);
			assert_true(f.len >= 14 && f.len < FRAME_ROOM);
			honest += GUARD_TESTS[i].honest;
		}
	}
	assert_int_equal(honest % 6, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(macs_as_written),	   cmocka_unit_test(addresses_as_written),
		cmocka_unit_test(policies_are_checked),	   cmocka_unit_test(zones_compile),
		cmocka_unit_test(groups_follow_addresses), cmocka_unit_test(verdicts_have_words),
		cmocka_unit_test(subjects_are_strangers),  cmocka_unit_test(test_frames_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
