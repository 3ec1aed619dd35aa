/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy says of the network as a whole: read or refused, the numbers that zones keep, what
 * of it has to be so on which link of a host, and which of that could cut off the administrator.
 */
#include "isolate/policy_parts.h"
#include "isolate/verbs.h"
#include "test_base.h"

#define HEAD "isolate: 1\nassignments: []\n"

static const struct {
	const char *network;
	const char *says; /* NULL: it is taken */
} networks[] = {
	{"{}", NULL},
	{"{second-layer: none}", NULL},
	{"{second-layer: bridge}", NULL},
	{"{second-layer: [bridge, nft], ports: 'vnet*'}", NULL},
	{"{second-layer: nft, bridges: [br0, br1]}", NULL},
	{"{strict: yes, bridges: br0, uplinks: [eth0, 'bond*']}", NULL},
	{"{second-layer: [], ports: []}", NULL},
	{"[]", "map"},
	{"{second-layer: ebtables}", "second-layer: none, bridge, nft"},
	{"{second-layer: [bridge, [nft]]}", "second-layer"},
	{"{second-layer: {bridge: yes}}", "second-layer"},
	{"{second-layer: [none, bridge]}", "none, and another one"},
	{"{second-layer: nft}", "wants bridges or ports"},
	{"{second-layer: nft, uplinks: eth0}", "wants bridges or ports"},
	{"{strict: yes}", "wants bridges or uplinks"},
	{"{strict: yes, ports: 'vnet*'}", "wants bridges or uplinks"},
	{"{strict: perhaps, bridges: br0}", "strict"},
	{"{bridge: br0}", "unknown key bridge"},
	/* Names end up in rules of nft. */
	{"{ports: 'vnet*0'}", "ports: a link's name"},
	{"{ports: '*'}", "ports: a link's name"},
	{"{ports: ''}", "ports: a link's name"},
	{"{ports: 'v net'}", "ports: a link's name"},
	{"{ports: 'a\"b'}", "ports: a link's name"},
	{"{uplinks: [eth0, {a: b}]}", "uplinks: a list of texts"},
	{"{bridges: fifteen-letters}", NULL},
	{"{bridges: sixteen--letters}", "bridges: a link's name"},
	{"{bridges: ../br0}", "bridges: a link's name"},
};

static void networks_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(networks); i++) {
		RF_AUTOBUF struct rf_buf text = {0};
		POLICY_AUTO struct policy *policy = NULL;
		struct rf_err err = {0};

		rf_buf_printf(&text, HEAD "network: %s\n", networks[i].network);
		int rc = policy_parse(rf_buf_slice(&text), "p", &policy, &err);

		if ((rc == 0) != !networks[i].says)
			fail_msg("%s: %s", networks[i].network, rf_err_text(&err));
		if (networks[i].says && !strstr(rf_err_text(&err), networks[i].says))
			fail_msg("%s: \"%s\" does not say \"%s\"", networks[i].network,
				 rf_err_text(&err), networks[i].says);
	}
}

static void as_many_names_as_fit(void **state)
{
	(void)state;
	for (unsigned count = POLICY_LAYER_NAMES; count <= POLICY_LAYER_NAMES + 1; count++) {
		RF_AUTOBUF struct rf_buf text = {0};
		POLICY_AUTO struct policy *policy = NULL;

		rf_buf_printf(&text, HEAD "network: {uplinks: [");
		for (unsigned i = 0; i < count; i++)
			rf_buf_printf(&text, "%seth%u", i ? ", " : "", i);
		rf_buf_printf(&text, "]}\n");
		int rc = policy_parse(rf_buf_slice(&text), "p", &policy, NULL);

		assert_int_equal(rc, count == POLICY_LAYER_NAMES ? 0 : RF_E_SYNTAX);
		if (!rc)
			assert_int_equal(policy_layer(policy)->uplinks.count, count);
	}
}

/* ---- numbers of zones ---- */

struct known {
	const char *name;
	uint16_t number;
};

static const struct {
	const char *name;
	struct known before[4];
	const char *zones;
	struct known want[4];
} numberings[] = {
	{"by place", {{NULL, 0}}, "a: {}, b: {}", {{"a", 1}, {"b", 2}}},
	{"its own number counts", {{NULL, 0}}, "a: {number: 9}, b: {}", {{"a", 9}, {"b", 2}}},
	{"a place that is taken", {{NULL, 0}}, "a: {}, b: {number: 1}", {{"a", 2}, {"b", 1}}},
	{"what it had before", {{"b", 1}, {"a", 2}}, "a: {}, b: {}", {{"a", 2}, {"b", 1}}},
	{"a new one in front",
	 {{"a", 1}, {"b", 2}},
	 "new: {}, a: {}, b: {}",
	 {{"new", 3}, {"a", 1}, {"b", 2}}},
	{"not that of one which is no more", {{"old", 1}}, "a: {}", {{"a", 2}}},
	{"unless it names it again", {{"old", 1}}, "old: {}, a: {}", {{"old", 1}, {"a", 2}}},
	{"its own before what it had", {{"a", 5}}, "a: {number: 6}", {{"a", 6}}},
	{"what it had is another's own", {{"a", 5}}, "a: {}, b: {number: 5}", {{"a", 1}, {"b", 5}}},
	{"two that had the same", {{"a", 4}, {"b", 4}}, "a: {}, b: {}", {{"a", 4}, {"b", 2}}},
	{"a kept number of none", {{"a", 0}}, "a: {}", {{"a", 1}}},
	{"a kept number beyond all", {{"a", 5000}}, "a: {}", {{"a", 904}}},
};

static void before_fill(const struct known *known, struct policy_numbers *out)
{
	out->count = 0;
	for (; out->count < 4 && known[out->count].name; out->count++) {
		struct policy_number *item = &out->items[out->count];

		rf_copy(item->name, sizeof(item->name), known[out->count].name);
		item->number = known[out->count].number;
	}
}

static void zones_keep_their_numbers(void **state)
{
	static struct policy_numbers before, after;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(numberings); i++) {
		RF_AUTOBUF struct rf_buf text = {0};
		POLICY_AUTO struct policy *policy = NULL;
		struct rf_err err = {0};

		before_fill(numberings[i].before, &before);
		rf_buf_printf(&text, HEAD "zones: {%s}\n", numberings[i].zones);
		if (policy_parse_numbered(rf_buf_slice(&text), "p", &before, &policy, &err) != 0)
			fail_msg("%s: %s", numberings[i].name, rf_err_text(&err));
		policy_numbers_make(policy, &before, &after);
		for (size_t k = 0; k < 4 && numberings[i].want[k].name; k++) {
			const struct known *want = &numberings[i].want[k];

			if (!rf_equal(policy_zone_name(policy, want->number), want->name))
				fail_msg("%s: %s is not %u", numberings[i].name, want->name,
					 want->number);
			assert_string_equal(after.items[k].name, want->name);
			assert_int_equal(after.items[k].number, want->number);
		}
	}
}

/* Names that are gone are remembered as long as nobody has their number. */
static void numbers_are_remembered(void **state)
{
	static const struct known known[4] = {{"a", 1}, {"gone", 2}, {"robbed", 3}};
	static struct policy_numbers before, after;
	POLICY_AUTO struct policy *policy = NULL;

	(void)state;
	before_fill(known, &before);
	assert_int_equal(policy_parse_numbered(rf_slice_text(HEAD "zones: {a: {}, b: {number: "
								  "3}}\n"),
					       "p", &before, &policy, NULL),
			 0);
	policy_numbers_make(policy, &before, &after);
	assert_int_equal(after.count, 3);
	assert_string_equal(after.items[2].name, "gone");
	/* With every number given away a zone of the past has to give way. */
	for (before.count = 0; before.count < GUARD_ZONES - 1; before.count++) {
		struct policy_number *item = &before.items[before.count];

		rf_format(item->name, sizeof(item->name), "past%zu", before.count);
		item->number = (uint16_t)(before.count + 1);
	}
	policy_free(policy);
	policy = NULL;
	assert_int_equal(policy_parse_numbered(rf_slice_text(HEAD "zones: {a: {}}\n"), "p", &before,
					       &policy, NULL),
			 0);
	assert_string_equal(policy_zone_name(policy, GUARD_ZONES - 1), "a");
	policy_numbers_make(policy, &before, &after);
	assert_int_equal(after.count, GUARD_ZONES - 1);
}

/* ---- what has to be so ---- */

static struct guard_link links_items[] = {
	{.ifindex = 2, .name = "br0", .kind = "bridge"},
	{.ifindex = 3, .name = "eth1", .master = 2, .port_of = "bridge"},
	{.ifindex = 4, .name = "vnet0", .kind = "tun", .master = 2, .port_of = "bridge"},
	{.ifindex = 5, .name = "vnet1", .kind = "tun", .master = 2, .port_of = "bridge"},
	{.ifindex = 6, .name = "br9", .kind = "bridge"},
	{.ifindex = 7, .name = "eth9", .master = 6, .port_of = "bridge"},
	{.ifindex = 8, .name = "eth5"},
};
static const struct guard_links links = {links_items, RF_COUNT(links_items), 0};
static const struct policy_nic nics[] = {
	{"a", "", "", "net0", "52:54:00:00:00:01", "vnet0", "bridge", false},
	{"b", "", "", "net0", "52:54:00:00:00:02", "vnet1", "bridge", false},
};

#define TWO                                                                                        \
	"isolate: 1\nzones: {x: {exchanges-with: outside}, y: {exchanges-with: outside}}\n"        \
	"assignments: [{vm: a, profile: standard, zone: x}, {vm: b, profile: standard, zone: "     \
	"y}]\n"

static const struct want_case {
	const char *name, *network, *before, *way;
	bool by_bridge;
	/* Targets by verb but for zones, with "!" where it could cut access. */
	const char *wants;
} want_cases[] = {
	{"nothing is said", "{}", NULL, "", false,
	 "port vnet0, port vnet1, strict strict, rules bridge ringfence_guard"},
	{"a fence for each VM's port", "{second-layer: bridge}", NULL, "", false,
	 "port vnet0, port vnet1, fence vnet0, fence vnet1, strict strict, rules bridge "
	 "ringfence_guard"},
	{"fences that the policy drops are opened", "{}", "{second-layer: bridge}", "", false,
	 "port vnet0, port vnet1, fence vnet0, fence vnet1, strict strict, rules bridge "
	 "ringfence_guard"},
	{"an uplink, and only one that is a port of a bridge", "{uplinks: [eth1, eth5]}", NULL, "",
	 false,
	 "port vnet0, port vnet1, uplink eth1, fence eth1, strict strict, rules bridge "
	 "ringfence_guard"},
	{"an uplink that the policy drops", "{}", "{uplinks: 'eth*'}", "", false,
	 "port vnet0, port vnet1, uplink-off eth1, fence eth1, uplink-off eth9, fence eth9, strict "
	 "strict, rules bridge ringfence_guard"},
	{"strict: the host's own end of bridges with VMs", "{strict: yes, uplinks: eth1}", NULL, "",
	 false,
	 "port vnet0, port vnet1, uplink eth1, fence eth1, uplink br0, strict strict, rules bridge "
	 "ringfence_guard"},
	{"strict no more", "{}", "{strict: yes, bridges: br0}", "", false,
	 "port vnet0, port vnet1, uplink-off br0, uplink-off br9, strict strict, rules bridge "
	 "ringfence_guard"},
	{"the way leads elsewhere", "{second-layer: bridge, uplinks: eth1}", NULL, "eth5", false,
	 "port vnet0, port vnet1, fence vnet0, fence vnet1, uplink eth1, fence eth1, strict strict, "
	 "rules bridge ringfence_guard"},
	{"the way leads over the bridge and its uplink", "{second-layer: bridge, uplinks: eth1}",
	 NULL, "br0 eth1", true,
	 "port vnet0, port vnet1, fence vnet0, fence vnet1, uplink eth1!, fence eth1!, strict "
	 "strict!, rules bridge ringfence_guard!"},
	{"the way leads through a VM: its port, its zone, the host's zone", "{}", NULL, "br0 vnet1",
	 true,
	 "zone 0!, zone 2!, port vnet0, port vnet1!, strict strict!, rules bridge ringfence_guard!"},
	{"a taken-off uplink that the way goes over", "{}", "{uplinks: eth1}", "eth1", false,
	 "port vnet0, port vnet1, uplink-off eth1!, fence eth1!, strict strict, rules bridge "
	 "ringfence_guard"},
};

/* Zones that are marked count; of the others nothing is said here. */
static void wants_words(const struct isolate_wants *wants, struct rf_buf *out)
{
	for (size_t i = 0; i < wants->count; i++) {
		const struct want *w = &wants->items[i];

		assert_true(rf_starts(w->spec.verb, "guard-"));
		if (rf_equal(w->spec.verb, "guard-zone")) {
			if (w->could_cut_access)
				rf_buf_printf(out, "%s%s!", out->len ? ", " : "", w->spec.target);
			continue;
		}
		rf_buf_printf(out, "%s%s %s%s", out->len ? ", " : "", w->spec.verb + 6,
			      w->spec.target, w->could_cut_access ? "!" : "");
	}
}

static struct policy *policy_of(const char *network)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct policy *policy = NULL;
	struct rf_err err = {0};

	rf_buf_printf(&text, TWO "network: %s\n", network);
	if (policy_parse(rf_buf_slice(&text), "p", &policy, &err) != 0)
		fail_msg("%s", rf_err_text(&err));
	return policy;
}

static void way_fill(const struct want_case *c, struct ownway *out)
{
	RF_AUTOFREE char *names = rf_strndup(c->way, strlen(c->way));
	char *cursor = names;
	const char *name;

	*out = (struct ownway){.by_bridge = c->by_bridge};
	while ((name = rf_word_next(&cursor)))
		rf_copy(out->links[out->count++], sizeof(out->links[0]), name);
}

static void what_is_wanted(void **state)
{
	static struct guard_zone live[GUARD_ZONES];

	(void)state;
	for (uint32_t zone = 0; zone < GUARD_ZONES; zone++)
		live[zone] = isolate_zone_new(zone);
	for (size_t i = 0; i < RF_COUNT(want_cases); i++) {
		const struct want_case *c = &want_cases[i];
		POLICY_AUTO struct policy *policy = policy_of(c->network);
		POLICY_AUTO struct policy *before = c->before ? policy_of(c->before) : NULL;
		RF_AUTOBUF struct rf_buf words = {0};
		struct policy_result result = {0};
		struct isolate_wants wants = {0};
		struct ownway way;
		const struct isolate_scene scene = {.live = live,
						    .links = &links,
						    .before = before ? policy_layer(before) : NULL,
						    .access = &way};

		way_fill(c, &way);
		assert_int_equal(policy_resolve(policy, nics, RF_COUNT(nics), &result, NULL), 0);
		assert_int_equal(isolate_wants_make(policy, &result, &scene, &wants, NULL), 0);
		wants_words(&wants, &words);
		if (strcmp(rf_buf_text(&words), c->wants) != 0)
			fail_msg("%s: %s", c->name, rf_buf_text(&words));
		isolate_wants_done(&wants);
		policy_result_done(&result);
	}
}

/* Where nft guards, rules hold new ports from birth, whatever the second layer is. */
static void births_where_nft_guards(void **state)
{
	static const struct {
		const char *network;
		size_t plain, by_nft;
		uint8_t kind;
	} rows[] = {
		{"{uplinks: eth0}", 0, 0, 0},
		{"{ports: ['vnet*', 'tap*']}", 0, 2, GUARD_RULE_LINK},
		{"{bridges: br0}", 0, 1, GUARD_RULE_BRIDGE},
		{"{bridges: br0, ports: 'vnet*'}", 0, 1, GUARD_RULE_LINK},
		{"{second-layer: nft, bridges: br0}", 1, 1, GUARD_RULE_BRIDGE},
		{"{second-layer: bridge, ports: 'vnet*'}", 0, 1, GUARD_RULE_LINK},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		POLICY_AUTO struct policy *policy = policy_of(rows[i].network);
		struct guard_rules rules;

		isolate_layer_rules(policy_layer(policy), false, &rules);
		assert_int_equal(rules.count, rows[i].plain);
		isolate_layer_rules(policy_layer(policy), true, &rules);
		assert_int_equal(rules.count, rows[i].by_nft);
		assert_int_equal(rules.items[0].kind, rows[i].kind);
		assert_int_equal(guard_rules_check(&rules, NULL), 0);
	}
}

/* What the privileged side gets is what it takes: every want is checked as it will check it. */
static void wants_pass_the_privileged_side(void **state)
{
	static const struct verb_table *const tables[] = {&isolate_verbs, &isolate_layer_verbs,
							  NULL};
	static const struct verb_set set = {tables};
	static const struct verb_env env = {.live = true};
	static struct guard_zone live[GUARD_ZONES];
	POLICY_AUTO struct policy *policy = policy_of(
		"{second-layer: [bridge, nft], strict: yes, bridges: br0, uplinks: 'eth*'}");
	struct policy_result result = {0};
	struct isolate_wants wants = {0};
	const struct isolate_scene scene = {.live = live, .links = &links};

	(void)state;
	assert_int_equal(policy_resolve(policy, nics, RF_COUNT(nics), &result, NULL), 0);
	assert_int_equal(isolate_wants_make(policy, &result, &scene, &wants, NULL), 0);
	assert_true(wants.count > 8);
	for (size_t i = 0; i < wants.count; i++) {
		const struct verb *verb = NULL;
		struct rf_err err = {0};

		assert_false(wants.items[i].could_cut_access);
		if (verb_check(&set, &env, &wants.items[i].spec, &verb, &err) != 0)
			fail_msg("%s %s: %s", wants.items[i].spec.verb, wants.items[i].spec.target,
				 rf_err_text(&err));
	}
	isolate_wants_done(&wants);
	policy_result_done(&result);
}

static void strays_are_conflicts(void **state)
{
	static const struct {
		const char *network;
		size_t conflicts;
	} CASES[] = {
		{"{}", 0},
		{"{second-layer: bridge}", 0},
		{"{strict: yes, bridges: br0}", 1},
		{"{strict: yes, bridges: br0, uplinks: eth1}", 0},
		{"{strict: yes, bridges: ['br*'], uplinks: eth1}", 1},
		{"{second-layer: nft, bridges: br9}", 2},
		{"{second-layer: nft, ports: 'vnet*'}", 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		POLICY_AUTO struct policy *policy = policy_of(CASES[i].network);
		struct policy_result result = {0};

		assert_int_equal(policy_resolve(policy, nics, RF_COUNT(nics), &result, NULL), 0);
		assert_int_equal(isolate_layer_check(policy, &links, &result), 0);
		if (result.conflicts != CASES[i].conflicts)
			fail_msg("%s: %zu", CASES[i].network, result.conflicts);
		policy_result_done(&result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_read),
		cmocka_unit_test(as_many_names_as_fit),
		cmocka_unit_test(zones_keep_their_numbers),
		cmocka_unit_test(numbers_are_remembered),
		cmocka_unit_test(what_is_wanted),
		cmocka_unit_test(births_where_nft_guards),
		cmocka_unit_test(wants_pass_the_privileged_side),
		cmocka_unit_test(strays_are_conflicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
