/* SPDX-License-Identifier: Apache-2.0 */
/* The second layer as promises: what is wanted held against what there is, one fault each. Real
 * bridges, rules and links: tests/system/test_isolate_drift.py. */
#include "isolate/layer_verify.h"
#include "test_base.h"

static struct change_spec spec_of(const char *verb, const char *target, const void *payload,
				  size_t bytes)
{
	struct change_spec spec;

	assert_int_equal(change_spec_set(&spec, verb, target, NULL, NULL, NULL), 0);
	memcpy(spec.value, payload, bytes);
	spec.value_bytes = (uint32_t)bytes;
	return spec;
}

static bool kept(const struct isolate_promise *p)
{
	return !isolate_promise_fails(p);
}

static void fences(void **state)
{
	static const uint8_t one[6] = {2, 0, 0, 0, 0, 1}, two[6] = {2, 0, 0, 0, 0, 2};
	const struct isolate_fence vm = {.flags = {1, 0, 0, ISOLATE_FENCE_LEAVE},
					 .count = 2,
					 .macs = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}}};
	const struct isolate_fence uplink = {
		.flags = {ISOLATE_FENCE_LEAVE, ISOLATE_FENCE_LEAVE, ISOLATE_FENCE_LEAVE, 1},
		.count = ISOLATE_FENCE_LEAVE_MACS};
	const struct change_spec want = spec_of("guard-fence", "vnet0", &vm, sizeof(vm)),
				 want_uplink =
					 spec_of("guard-fence", "eth0", &uplink, sizeof(uplink));
	struct prover_layer good = {.is_port = 1, .macs_count = 2, .bridge = {.locked = true}};
	struct prover_layer bad;
	struct prover_port none = {0};
	struct isolate_promise p;

	(void)state;
	/* In whatever order the kernel tells of them. */
	memcpy(good.macs[0], two, 6);
	memcpy(good.macs[1], one, 6);
	assert_true(layer_judge(&want, &good, &none, &p));
	assert_true(kept(&p));
	assert_string_equal(p.subject, "network vnet0");
	assert_int_equal(p.proven, PROMISE_NOT_ASKED);
#define FAILS(change, says)                                                                        \
	do {                                                                                       \
		bad = good;                                                                        \
		change;                                                                            \
		assert_true(layer_judge(&want, &bad, &none, &p));                                  \
		assert_false(kept(&p));                                                            \
		assert_non_null(strstr(p.evidence, says));                                         \
	} while (0)
	FAILS(bad.bridge.locked = false, "locked off (NOT as wanted)");
	FAILS(bad.bridge.learning = true, "learning on (NOT as wanted)");
	FAILS(bad.bridge.flood = true, "flood on (NOT as wanted)");
	FAILS(bad.is_port = 0, "no port of a bridge");
	FAILS(bad.macs_count = 1, "NOT those wanted");
	FAILS(bad.macs_count = 3, "NOT those wanted");
	FAILS(bad.macs_count = PROVER_MACS + 1, "NOT those wanted");
	FAILS(bad.macs[0][5] = 9, "NOT those wanted");
	/* What the policy leaves alone may be anything. */
	bad = good;
	bad.bridge.isolated = true;
	assert_true(layer_judge(&want, &bad, &none, &p) && kept(&p));
	bad.macs_count = 7;
	bad.bridge.learning = bad.bridge.flood = true;
	assert_true(layer_judge(&want_uplink, &bad, &none, &p) && kept(&p));
	bad.bridge.isolated = false;
	assert_true(layer_judge(&want_uplink, &bad, &none, &p) && !kept(&p));
}

static void uplinks(void **state)
{
	struct prover_layer layer = {0};
	struct prover_port good = {.ifindex = 3, .guarded = 1, .hangs = 1}, bad;
	struct guard_port wanted;
	struct isolate_promise p;

	(void)state;
	isolate_uplink_port(GUARD_ROLE_UPLINK, &wanted);
	const struct change_spec want = spec_of("guard-uplink", "eth0", &wanted, sizeof(wanted));

	good.live = wanted;
	/* What the guard itself writes is no difference. */
	good.live.ifindex = 3;
	good.live.slot = 9;
	assert_true(layer_judge(&want, &layer, &good, &p) && kept(&p));
	bad = good;
	bad.hangs = 0;
	assert_true(layer_judge(&want, &layer, &bad, &p) && !kept(&p));
	assert_int_equal(p.configured, PROMISE_YES);
	bad = good;
	bad.live.zone = 4;
	assert_true(layer_judge(&want, &layer, &bad, &p) && !kept(&p));
	assert_int_equal(p.enforced, PROMISE_YES);
	bad = good;
	bad.guarded = 0;
	assert_true(layer_judge(&want, &layer, &bad, &p) && !kept(&p));
	bad.ifindex = 0;
	assert_true(layer_judge(&want, &layer, &bad, &p) && !kept(&p));
	assert_non_null(strstr(p.evidence, "no such link"));
	bad = good;
	bad.nft = 1;
	assert_true(layer_judge(&want, &layer, &bad, &p) && kept(&p));
	assert_non_null(strstr(p.evidence, "rules of nft are as made"));
	bad.hangs = 0;
	assert_true(layer_judge(&want, &layer, &bad, &p) && !kept(&p));
	assert_non_null(strstr(p.evidence, "altered"));
}

static void strict_and_rules(void **state)
{
	const uint8_t on = 1, off = 0;
	struct guard_rules rules = {.count = 0}, none = {.count = 0};
	struct prover_layer layer = {0};
	struct prover_port port = {0};
	struct isolate_promise p;

	(void)state;
	assert_int_equal(guard_rules_add(&rules, GUARD_RULE_LINK, "vnet*", NULL), 0);
	const struct change_spec strict = spec_of("guard-strict", "strict", &on, 1),
				 loose = spec_of("guard-strict", "strict", &off, 1),
				 some = spec_of("guard-rules", "x", &rules, sizeof(rules)),
				 no = spec_of("guard-rules", "x", &none, sizeof(none)),
				 other = spec_of("guard-port", "vnet0", &on, 1);

	/* Nothing wanted and nothing there promises nothing; nor does another's verb. */
	assert_false(layer_judge(&loose, &layer, &port, &p));
	assert_false(layer_judge(&no, &layer, &port, &p));
	assert_false(layer_judge(&other, &layer, &port, &p));
	assert_true(layer_judge(&strict, &layer, &port, &p) && !kept(&p));
	assert_true(layer_judge(&some, &layer, &port, &p) && !kept(&p));
	layer.strict = 1;
	layer.rules = rules;
	assert_true(layer_judge(&strict, &layer, &port, &p) && kept(&p));
	assert_true(layer_judge(&some, &layer, &port, &p) && kept(&p));
	assert_string_equal(p.subject, "network");
	assert_non_null(strstr(p.evidence, "ringfence_guard: 1 rules"));
	/* Where nft guards they are of ports from birth, in its own table. */
	layer.nft = 1;
	assert_true(layer_judge(&some, &layer, &port, &p) && kept(&p));
	assert_non_null(strstr(p.what, "until they are guarded"));
	assert_non_null(strstr(p.evidence, "table bridge ringfence: 1 rules"));
	layer.nft = 0;
	/* What the policy does not want and is there is a drift, too. */
	assert_true(layer_judge(&loose, &layer, &port, &p) && !kept(&p));
	assert_true(layer_judge(&no, &layer, &port, &p) && !kept(&p));
	layer.rules.items[0].kind = GUARD_RULE_BRIDGE;
	assert_true(layer_judge(&some, &layer, &port, &p) && !kept(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fences),
		cmocka_unit_test(uplinks),
		cmocka_unit_test(strict_and_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
