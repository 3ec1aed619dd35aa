/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of isolation: what is read, what is refused and where, and what a port becomes. */
#include "base/str.h"
#include "isolate/policy.h"
#include "isolate/verbs.h"
#include "test_base.h"

#define ZONES "zones: {web: {exchanges-with: [web, outside]}, db: {exchanges-with: web}}\n"
#define HEAD  "isolate: 1\n" ZONES

static struct policy *parse(const char *text)
{
	struct policy *policy = NULL;
	struct rf_err err = {0};

	if (policy_parse(rf_slice_text(text), "p", &policy, &err) != 0)
		fail_msg("%s", rf_err_text(&err));
	return policy;
}

/* Where and why each is refused; the policy stays untouched. */
static void refused(void **state)
{
	static const struct {
		const char *text, *says;
	} CASES[] = {
		{"", "p"},
		{"[]", "p"},
		{"zones: {}\nassignments: []\n", "isolate"},
		{"isolate: 2\nassignments: []\n", "p:1:10"},
		{"isolate: 1\n", "assignments"},
		{"isolate: 1\nassignments: []\nzonez: {}\n", "zonez"},
		{"isolate: 1\nassignments: {}\n", "p:2"},
		{HEAD "assignments: [{vm: a, profile: nope, zone: web}]\n", "no profile nope"},
		{HEAD "assignments: [{vm: a, profile: standard, zone: nope}]\n", "p:3:48"},
		{HEAD "assignments: [{vm: a, class: b, profile: standard, zone: web}]\n",
		 "one of them"},
		{HEAD "assignments: [{profile: standard, zone: web}]\n", "one of them"},
		{HEAD "assignments: [{vm: a, profile: standard, zone: web, cpu: 1}]\n", "cpu"},
		{HEAD "assignments: [x]\n", "p:3:15"},
		{HEAD "assignments: []\nothers: {vm: a, profile: standard, zone: web}\n",
		 "all other VMs"},
		{"isolate: 1\nzones: {a: {exchanges-with: b}}\nassignments: []\n", "no such zone"},
		{"isolate: 1\nzones: {outside: {}}\nassignments: []\n", "cannot be called"},
		{"isolate: 1\nzones: {'a b': {}}\nassignments: []\n", "cannot be called"},
		{"isolate: 1\nzones: {a: {}, a: {}}\nassignments: []\n", "p:2"},
		{"isolate: 1\nzones: {a: {number: 1024}}\nassignments: []\n", "1 to 1023"},
		{"isolate: 1\nzones: {a: {number: 0}}\nassignments: []\n", "1 to 1023"},
		{"isolate: 1\nzones: {a: {number: 2}, b: {number: 2}}\nassignments: []\n",
		 "same number"},
		{"isolate: 1\nzones: {a: []}\nassignments: []\n", "map"},
		{"isolate: 1\nassignments: []\nprofiles: {standard: {based-on: risky, network: "
		 "{}}}\n",
		 "cannot be called"},
		{"isolate: 1\nassignments: []\nprofiles: {x: {based-on: y, network: {}}}\n",
		 "no such profile"},
		{"isolate: 1\nassignments: []\nprofiles: {x: {based-on: x, network: {}}}\n",
		 "no such profile"},
		{"isolate: 1\nassignments: []\nprofiles:\n  x:\n    based-on: risky\n    network:\n"
		 "      noPromiscc: yes\n",
		 "p:7:19: a profile's network has no key noPromiscc"},
		{"isolate: 1\nassignments: []\naddresses: [{vm: a, ip: [10.0.0.1/24]}]\n",
		 "p:3:26"},
		{"isolate: 1\nassignments: []\naddresses: [{vm: a, ip: [[x]]}]\n", "an address"},
		{"isolate: 1\nassignments: []\naddresses: [{vm: a}]\n", "ip"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct policy *policy = NULL;
		struct rf_err err = {0};

		if (policy_parse(rf_slice_text(CASES[i].text), "p", &policy, &err) == 0 || policy)
			fail_msg("case %zu is taken: %s", i, CASES[i].text);
		if (!strstr(rf_err_text(&err), CASES[i].says))
			fail_msg("case %zu: \"%s\" does not say \"%s\"", i, rf_err_text(&err),
				 CASES[i].says);
	}
}

static int network_rc(const char *network)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct policy *policy = NULL;

	rf_buf_printf(&text,
		      "isolate: 1\nassignments: []\nprofiles: {x: {based-on: standard, network: "
		      "{%s}}}\n",
		      network);
	int rc = policy_parse(rf_buf_slice(&text), "p", &policy, NULL);

	policy_free(policy);
	return rc;
}

static void network_keys(void **state)
{
	static const struct {
		const char *network;
		bool taken;
	} CASES[] = {
		{"", true},
		{"noForgedSrcAddr: TRUE", true},
		{"noForgedSrcAddr: maybe", false},
		{"noForgedSrcAddr: [yes]", false},
		{"noForgedSrcAddr: no, downWhenAddrMisMatch: yes", false},
		{"noForgedSrcAddr: no, downWhenAddrMisMatch: no", true},
		{"mode: observe", true},
		{"mode: off", false},
		{"ip-source: bound", true},
		{"ip-source: unknown", false},
		{"groups-only: yes", false},
		{"groups-only: yes, ip-source: bound, link-local: no", true},
		{"frame-bytes: 59", false},
		{"frame-bytes: 60", true},
		{"frame-bytes: 65550", true},
		{"frame-bytes: 65551", false},
		{"frames-per-second: 100000001", false},
		{"frames-burst: 10", false},
		{"frames-per-second: 100, frames-burst: 10", true},
		{"vlan-tag: 0", false},
		{"vlan-tag: 4094", true},
		{"vlan-tag: 4095", false},
		{"vlans: [1, 4094, untagged]", true},
		{"vlans: [0]", false},
		{"vlans: []", false},
		{"vlans: 5", false},
		{"vlan-tag: 5, vlans: [6]", false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		if ((network_rc(CASES[i].network) == 0) != CASES[i].taken)
			fail_msg("%s: %s", CASES[i].network, CASES[i].taken ? "refused" : "taken");
	}
}

static void as_many_zones_as_the_guard(void **state)
{
	(void)state;
	for (unsigned count = GUARD_ZONES - 1; count <= GUARD_ZONES; count++) {
		RF_AUTOBUF struct rf_buf text = {0};
		struct policy *policy = NULL;
		struct rf_err err = {0};

		rf_buf_printf(&text, "isolate: 1\nassignments: []\nzones:\n");
		for (unsigned i = 0; i < count; i++)
			rf_buf_printf(&text, "  z%u: {exchanges-with: z0}\n", i);
		int rc = policy_parse(rf_buf_slice(&text), "p", &policy, &err);

		assert_int_equal(rc, count < GUARD_ZONES ? 0 : RF_E_SYNTAX);
		policy_free(policy);
	}
}

static void the_matrix(void **state)
{
	static struct guard_zone rows[GUARD_ZONES];
	struct policy *policy = parse(HEAD "assignments: []\n");

	(void)state;
	assert_int_equal(policy_zones(policy, rows, NULL), 0);
	assert_int_equal(rows[0].to[0], 1 << 0 | 1 << 1);
	assert_int_equal(rows[1].to[0], 1 << 0 | 1 << 1 | 1 << 2);
	assert_int_equal(rows[2].to[0], 1 << 1);
	for (uint32_t zone = 0; zone < GUARD_ZONES; zone++) {
		struct guard_zone fresh = isolate_zone_new(zone);

		assert_int_equal(rows[zone].restricted, 1);
		if (zone > 2)
			assert_memory_equal(&rows[zone], &fresh, sizeof(fresh));
	}
	assert_string_equal(policy_zone_name(policy, 2), "db");
	assert_string_equal(policy_zone_name(policy, 0), POLICY_OUTSIDE);
	assert_null(policy_zone_name(policy, 3));
	policy_free(policy);
}

#define MAC "52:54:00:00:00:01"
static const struct policy_nic WEB = {"web-1", "", "", "net0", MAC, "vnet0", "bridge"};

static void resolve(const char *text, const struct policy_nic *nics, size_t count,
		    struct policy **out, struct policy_result *result)
{
	*out = parse(text);
	assert_int_equal(policy_resolve(*out, nics, count, result, NULL), 0);
}

static void a_port(void **state)
{
	static const char text[] = HEAD
		"profiles: {sniffer: {based-on: hostile, network: {noPromisc: no, groups-only: no,"
		" downWhenAddrMisMatch: no, link-local: yes, vlan-tag: 7, frames-per-second: 9,"
		" frames-burst: 3}}}\n"
		"assignments: [{vm: 'web-*', profile: sniffer, zone: web}]\n"
		"addresses: [{vm: web-1, ip: [10.0.0.5]}, {vm: web-1, nic: net1, ip: [10.0.0.6]},"
		" {vm: web-2, ip: [10.0.0.7]}]\n";
	RF_AUTOBUF struct rf_buf words = {0};
	struct policy_result result;
	struct policy *policy;

	(void)state;
	resolve(text, &WEB, 1, &policy, &result);
	assert_int_equal(result.ports_count, 1);
	assert_int_equal(result.left_count, 0);
	const struct policy_port *p = &result.ports[0];

	assert_string_equal(p->tap, "vnet0");
	assert_string_equal(p->profile, "sniffer");
	assert_string_equal(p->zone, "web");
	assert_true(p->addresses_bound);
	assert_int_equal(p->port.zone, 1);
	assert_int_equal(p->port.flags, GUARD_PROMISCUOUS | GUARD_LINK_LOCAL);
	assert_int_equal(p->port.n_v4, 1);
	assert_int_equal(p->port.vlan_mode, GUARD_VLAN_VST);
	assert_int_equal(p->port.vid, 7);
	assert_int_equal(p->port.pps, 9);
	assert_int_equal(guard_port_check(&p->port, NULL), 0);
	isolate_port_words(&p->port, &words);
	assert_non_null(strstr(rf_buf_text(&words), "enforce " MAC " zone 1 10.0.0.5/32"));
	policy_result_done(&result);
	policy_free(policy);
}

#define WHO(rules) HEAD "assignments: [" rules "]\n"

/* A card that gets no port, in words; conflicts are those that stop everything. */
static void left_with_a_reason(void **state)
{
	static const struct {
		const char *text;
		struct policy_nic nic;
		bool conflict;
		const char *says;
	} CASES[] = {
		{WHO(""), {"a", "", "", "net0", MAC, "t", "bridge"}, false, "no assignment"},
		{WHO("{vm: a, profile: standard, zone: web}, {vm: '*', profile: standard, zone: "
		     "db}"),
		 {"a", "", "", "net0", MAC, "t", "bridge"},
		 true,
		 "two places"},
		{WHO("{vm: a, profile: standard, zone: web}, {class: c, profile: risky, zone: "
		     "web}"),
		 {"a", "c", "", "net0", MAC, "t", "bridge"},
		 true,
		 "two places"},
		{WHO("{vm: a, profile: standard, zone: web}"),
		 {"a", "", "db", "net0", MAC, "t", "bridge"},
		 true,
		 "two zones"},
		{WHO("{vm: a, profile: standard}"),
		 {"a", "", "", "net0", MAC, "t", "bridge"},
		 true,
		 "no zone"},
		{WHO("{vm: a, profile: standard}"),
		 {"a", "", "moon", "net0", MAC, "t", "bridge"},
		 true,
		 "zone moon"},
		{WHO("{vm: a, profile: standard, zone: web}"),
		 {"a", "", "", "net0", "", "t", "bridge"},
		 true,
		 "MAC address"},
		{WHO("{vm: a, profile: standard, zone: web}"),
		 {"a", "", "", "net0", "01:00:5e:00:00:01", "t", "bridge"},
		 true,
		 "MAC address"},
		{WHO("{vm: a, profile: standard, zone: web}"),
		 {"a", "", "", "net0", MAC, "", "bridge"},
		 false,
		 "off"},
		{WHO("{vm: a, profile: standard, zone: web}"),
		 {"a", "", "", "net0", MAC, "", "hostdev"},
		 false,
		 "cannot see"},
		{WHO("{vm: a, profile: hostile, zone: web}"),
		 {"a", "", "", "net0", MAC, "t", "bridge"},
		 true,
		 "none is known"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct policy_result result;
		struct policy *policy;

		resolve(CASES[i].text, &CASES[i].nic, 1, &policy, &result);
		if (result.ports_count || result.left_count != 1 ||
		    result.conflicts != CASES[i].conflict ||
		    !strstr(result.left[0].reason, CASES[i].says))
			fail_msg("case %zu: %zu ports, %zu conflicts, %s", i, result.ports_count,
				 result.conflicts,
				 result.left_count ? result.left[0].reason : "nothing left");
		policy_result_done(&result);
		policy_free(policy);
	}
}

/* Rules that agree, others, a class, the VM's own tag: no conflict. */
static void who_gets_it(void **state)
{
	static const char text[] = HEAD
		"assignments: [{vm: 'a*', profile: trusted, zone: web}, {vm: ab, profile: trusted, "
		"zone: web}, {class: red, profile: standard}]\n"
		"others: {profile: standard, zone: db}\n";
	static const struct policy_nic NICS[] = {
		{"ab", "", "web", "net0", MAC, "t0", "bridge"},
		{"r", "red", "db", "net0", MAC, "t1", "network"},
		{"z", "", "", "net0", MAC, "t2", "bridge"},
		{"z", "", "", "net1", MAC, "t2", "bridge"},
	};
	struct policy_result result;
	struct policy *policy;

	(void)state;
	resolve(text, NICS, RF_COUNT(NICS), &policy, &result);
	assert_int_equal(result.ports_count, 3);
	assert_string_equal(result.ports[0].profile, "trusted");
	assert_int_equal(result.ports[0].port.zone, 1);
	assert_string_equal(result.ports[1].zone, "db");
	assert_string_equal(result.ports[2].zone, "db");
	assert_false(result.ports[2].addresses_bound);
	assert_int_equal(result.conflicts, 1);
	assert_non_null(strstr(result.left[0].reason, "port t2 is that of VM z"));
	policy_result_done(&result);
	policy_free(policy);
}

static void wants_of_a_policy(void **state)
{
	static struct guard_zone live[GUARD_ZONES];
	struct policy_result result;
	struct isolate_wants wants;
	struct policy *policy;
	bool gone = false;

	(void)state;
	for (uint32_t i = 0; i < GUARD_ZONES; i++)
		live[i] = isolate_zone_new(i);
	live[9].to[0] = 1; /* of a policy that was */
	resolve(WHO("{vm: '*', profile: standard, zone: web}"), &WEB, 1, &policy, &result);
	assert_int_equal(isolate_wants_make(policy, &result, &(struct isolate_scene){.live = live},
					    &wants, NULL),
			 0);
	assert_int_equal(wants.count, 5);
	for (size_t i = 0; i < wants.count; i++)
		gone |= strcmp(wants.items[i].spec.target, "zone 9") == 0;
	assert_true(gone);
	assert_string_equal(wants.items[4].spec.verb, "guard-port");
	assert_string_equal(wants.items[4].spec.target, "vnet0");
	assert_int_equal(wants.items[4].spec.value_bytes, sizeof(struct guard_port));
	isolate_wants_done(&wants);
	policy_result_done(&result);
	policy_free(policy);
}

/* No allocation that fails leaks, or leaves half a policy. */
static void without_memory(void **state)
{
	static const char text[] = WHO("{vm: '*', profile: standard, zone: web}");
	bool done = false;

	(void)state;
	for (size_t n = 1; n < 2000 && !done; n++) {
		struct policy_result result = {0};
		struct policy *policy = NULL;

		rf_alloc_fail_after(n);
		int rc = policy_parse(rf_slice_text(text), "p", &policy, NULL);

		if (rc == 0)
			rc = policy_resolve(policy, &WEB, 1, &result, NULL);
		rf_alloc_fail_after(0);
		done = rc == 0;
		policy_result_done(&result);
		policy_free(policy);
	}
	assert_true(done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(network_keys),
		cmocka_unit_test(as_many_zones_as_the_guard),
		cmocka_unit_test(the_matrix),
		cmocka_unit_test(a_port),
		cmocka_unit_test(left_with_a_reason),
		cmocka_unit_test(who_gets_it),
		cmocka_unit_test(wants_of_a_policy),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
