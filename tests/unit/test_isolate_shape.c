/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shaping: units, buckets in the kernel's numbers, what is refused, and the verb's prediction. Real
 * queueing disciplines and frames: tests/system/test_shape.py.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/shape.h"
#include "isolate/units.h"
#include "isolate/verbs.h"
#include "test_base.h"

static void rates(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t bytes_s;
	} CASES[] = {
		{"100mbit", 0, 12500000},
		{"100 mbit", 0, 12500000},
		{"100 Mbit/s", 0, 12500000},
		{"1gbit", 0, 125000000},
		{"64kbit/s", 0, 8000},
		{"8bit", 0, 1},
		{"100gbit", 0, 12500000000},
		{"7bit", RF_E_LIMIT, 0},
		{"0mbit", RF_E_LIMIT, 0},
		{"101gbit", RF_E_LIMIT, 0},
		{"99999999999999999999gbit", RF_E_SYNTAX, 0},
		{"9223372036854775807gbit", RF_E_LIMIT, 0},
		{"100", RF_E_SYNTAX, 0},
		{"", RF_E_SYNTAX, 0},
		{"mbit", RF_E_SYNTAX, 0},
		{"-1mbit", RF_E_SYNTAX, 0},
		{"1.5mbit", RF_E_SYNTAX, 0},
		{"1 mbit ", RF_E_SYNTAX, 0},
		{"1mbyte", RF_E_SYNTAX, 0},
		{"1mbit/s/s", RF_E_SYNTAX, 0},
		{"1 a-unit-that-is-longer-than-any", RF_E_SYNTAX, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		uint64_t n = 4711;

		if (unit_rate(CASES[i].text, &n) != CASES[i].rc ||
		    n != (CASES[i].rc ? 4711 : CASES[i].bytes_s))
			fail_msg("%s: %llu", CASES[i].text, (unsigned long long)n);
	}
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t bytes;
	} CASES[] = {
		{"1518", 0, 1518},
		{"64 KiB", 0, 65536},
		{"64kb", 0, 64000},
		{"10MB/s", 0, 10000000},
		{"2 bytes", 0, 2},
		{"1TiB", 0, 1ull << 40},
		{"1TB", 0, 1000000000000},
		{"0", 0, 0},
		{"64 k", RF_E_SYNTAX, 0},
		{"KiB", RF_E_SYNTAX, 0},
		{"0x10", RF_E_SYNTAX, 0},
		{" 1", RF_E_SYNTAX, 0},
		{"9000000TiB", RF_E_LIMIT, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		uint64_t n = 4711;

		if (unit_bytes(CASES[i].text, &n) != CASES[i].rc ||
		    n != (CASES[i].rc ? 4711 : CASES[i].bytes))
			fail_msg("%s: %llu", CASES[i].text, (unsigned long long)n);
	}
}

static void rate_words(void **state)
{
	static const struct {
		uint64_t bytes_s;
		const char *says;
	} CASES[] = {{1, "8 bit"},	    {125, "1 kbit"},	   {12500000, "100 mbit"},
		     {125000000, "1 gbit"}, {187500, "1500 kbit"}, {0, "0 bit"}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf out = {0};

		unit_rate_words(CASES[i].bytes_s, &out);
		assert_string_equal(rf_buf_text(&out), CASES[i].says);
	}
}

/* Whatever a policy may say becomes something that the privileged side takes and the kernel holds.
 */
static void ways(void **state)
{
	static const struct {
		struct shape_limit limit;
		uint32_t frame;
		int rc;
		uint64_t burst, pburst;
	} CASES[] = {
		{{0, 0, 0}, 1518, 0, 0, 0},
		{{0, 1000, 0}, 1518, RF_E_LIMIT, 0, 0},
		{{0, 0, 1000}, 1518, RF_E_LIMIT, 0, 0},
		{{125000, 0, 0}, 1518, 0, 3036, 0},
		{{125000000, 0, 0}, 1518, 0, 1250000, 0},
		{{1000000, 2000000, 40000}, 1518, 0, 40000, 3036},
		{{1000000, 1000000, 40000}, 1518, RF_E_LIMIT, 0, 0},
		{{1000000, 0, 1517}, 1518, RF_E_LIMIT, 0, 0},
		{{1000000, 0, 1518}, 60, 0, 1518, 0},
		{{1000000, 0, 9000}, 9018, RF_E_LIMIT, 0, 0},
		{{1000000, 0, 4290000}, 1518, 0, 4290000, 0},
		{{1000000, 0, 4300000}, 1518, RF_E_LIMIT, 0, 0},
		{{1, 0, 0}, 1518, RF_E_LIMIT, 0, 0},
		{{SHAPE_RATE_MAX, 0, 0}, 65550, 0, 125000000, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct shape shape = {0};
		struct shape_way *w = &shape.to_vm;
		struct rf_err err = {0};
		int rc = shape_way_make(&CASES[i].limit, CASES[i].frame, w, &err);

		if (rc != CASES[i].rc)
			fail_msg("case %zu: %d %s", i, rc, rf_err_text(&err));
		if (rc < 0)
			continue;
		assert_int_equal(shape_check(&shape, NULL), 0);
		uint64_t burst = shape_ticks_bytes(w->average, w->bucket);
		uint64_t tick = w->average * SHAPE_TICK_NS / 1000000000ull + 1;

		/* Not less than was said, and at most one tick more. */
		if (burst + 1 < CASES[i].burst || burst > CASES[i].burst + tick)
			fail_msg("case %zu: burst %llu", i, (unsigned long long)burst);
		assert_true(shape_ticks_bytes(w->peak, w->pbucket) + 1 >= CASES[i].pburst);
	}
}

static const struct shape GOOD = {.to_vm = {.average = 125000,
					    .peak = 250000,
					    .bucket = 400000,
					    .pbucket = 200000,
					    .limit = 50000,
					    .on = 1}};

/* What a planner that was taken over might ask for. */
static void hostile(void **state)
{
	(void)state;
#define BAD(field, value)                                                                          \
	do {                                                                                       \
		struct shape s = GOOD;                                                             \
		s.field = (value);                                                                 \
		if (shape_check(&s, NULL) == 0)                                                    \
			fail_msg("%s = %s is taken", #field, #value);                              \
	} while (0)
	assert_int_equal(shape_check(&GOOD, NULL), 0);
	BAD(to_vm.on, 0);
	BAD(to_vm.on, 2);
	BAD(to_vm.average, 0);
	BAD(to_vm.average, UINT64_MAX);
	BAD(to_vm.peak, UINT64_MAX);
	BAD(to_vm.peak, 125000);
	BAD(to_vm.peak, 0);
	BAD(to_vm.bucket, 0);
	BAD(to_vm.bucket, UINT32_MAX);
	BAD(to_vm.pbucket, 1);
	BAD(to_vm.pbucket, UINT32_MAX);
	BAD(to_vm.limit, 0);
	BAD(to_vm.limit, UINT32_MAX);
	BAD(from_vm.average, 1);
	BAD(from_vm.on, 1);
#undef BAD
}

static void words(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	shape_words(&GOOD, &out);
	assert_string_equal(
		rf_buf_text(&out),
		"to the VM 1 mbit, peak 2 mbit, burst 3200 bytes; from the VM no limit");
}

static const struct verb *verb(void)
{
	static const struct verb_table *const tables[] = {&shape_verbs, NULL};
	static const struct verb_set set = {tables};

	return verb_find(&set, "port-shape");
}

static struct change_spec spec_of(const struct shape *shape)
{
	struct change_spec spec;

	assert_int_equal(change_spec_set(&spec, "port-shape", "vnet0", NULL, NULL, NULL), 0);
	memcpy(spec.value, shape, sizeof(*shape));
	spec.value_bytes = sizeof(*shape);
	return spec;
}

static void predicted(void **state)
{
	static const struct {
		const char *root, *ingress, *says; /* says: of a refusal */
		bool to_vm, from_vm;
	} CASES[] = {
		{"", "", NULL, true, true},	    {"htb", "", "htb", true, false},
		{"htb", "", NULL, false, true},	    {"", "ingress", "ingress", false, true},
		{"", "ingress", NULL, true, false}, {"htb", "ingress", NULL, false, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct shape_state before = {0}, after;
		struct shape wanted = {0};
		RF_AUTOBUF struct rf_buf out = {0};
		struct rf_err err = {0};

		rf_copy(before.root, sizeof(before.root), CASES[i].root);
		rf_copy(before.ingress, sizeof(before.ingress), CASES[i].ingress);
		wanted.to_vm = CASES[i].to_vm ? GOOD.to_vm : wanted.to_vm;
		wanted.from_vm = CASES[i].from_vm ? GOOD.to_vm : wanted.from_vm;
		struct change_spec spec = spec_of(&wanted);
		int rc = verb()->predict(
			&spec, (struct rf_slice){(uint8_t *)&before, sizeof(before)}, &out, &err);

		if ((rc < 0) != (CASES[i].says != NULL))
			fail_msg("case %zu: %d %s", i, rc, rf_err_text(&err));
		if (rc < 0) {
			assert_int_equal(rc, RF_E_DENIED);
			assert_non_null(strstr(rf_err_text(&err), CASES[i].says));
			continue;
		}
		assert_int_equal(out.len, sizeof(after));
		memcpy(&after, out.data, sizeof(after));
		assert_memory_equal(&after.now, &wanted, sizeof(wanted));
		assert_string_equal(after.root, CASES[i].root);
	}
}

static void states_that_are_none(void **state)
{
	static const uint8_t bytes[sizeof(struct shape_state) + 1];
	struct change_spec spec = spec_of(&GOOD);
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct rf_slice in = {bytes, n};

		if (n == sizeof(struct shape_state))
			continue;
		assert_int_equal(verb()->predict(&spec, in, &out, NULL), RF_E_SYNTAX);
		assert_false(verb()->show(&spec, in, &out));
		assert_true(verb()->kind->put(&(struct verb_env){.live = true}, "vnet0", in, NULL) <
			    0);
	}
	assert_int_equal(out.len, 0);
	/* A directory that stands for a host has no ports. */
	assert_int_equal(verb()->kind->read(&(struct verb_env){0}, "vnet0", &out, NULL),
			 RF_E_UNSUPPORTED);
	/* Whose root is no text. */
	struct shape_state wild = {0};

	memset(wild.root, 'x', sizeof(wild.root));
	struct change_spec set = spec_of(&GOOD);

	assert_int_equal(verb()->predict(&set, (struct rf_slice){(uint8_t *)&wild, sizeof(wild)},
					 &out, NULL),
			 RF_E_DENIED);
}

/* Keys of a policy. */
static void keys(void **state)
{
	static const struct {
		const char *network, *says; /* says: NULL where it is taken */
	} CASES[] = {
		{"rate-in: 100mbit", NULL},
		{"rate-in: unlimited", NULL},
		{"rate-out: {average: 8 mbit/s, peak: 1gbit, burst: 64 KiB}", NULL},
		{"rate-out: {average: 8mbit, burst: 1000}", "rate-out: a burst of 1000 bytes"},
		{"rate-out: {average: 8mbit, peak: 8mbit}", "above the average"},
		{"rate-out: {average: 8mbit}, frame-bytes: 9018", NULL},
		{"rate-out: {average: 8mbit, burst: 9000}, frame-bytes: 9018", "9018"},
		{"rate-in: {average: 1gbit, burst: 1GB}", "4 seconds"},
		{"rate-in: {peak: 1gbit}", "average"},
		{"rate-in: {average: 1gbit, bursts: 2}", "bursts"},
		{"rate-in: fast", "a rate is"},
		{"rate-in: 100", "a rate is"},
		{"rate-in: [1mbit]", "rate-in: a rate"},
		{"rate-in: {average: 1mbit, burst: some}", "a burst is"},
		{"rate-in: {average: 1mbit, burst: 0}", "a burst is"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf text = {0};
		struct policy *policy = NULL;
		struct rf_err err = {0};

		rf_buf_printf(&text,
			      "isolate: 1\nassignments: []\nprofiles: {x: {based-on: standard, "
			      "network: {%s}}}\n",
			      CASES[i].network);
		int rc = policy_parse(rf_buf_slice(&text), "p", &policy, &err);

		if ((rc < 0) != (CASES[i].says != NULL))
			fail_msg("%s: %s", CASES[i].network, rf_err_text(&err));
		if (rc < 0)
			assert_non_null(strstr(rf_err_text(&err), CASES[i].says));
		policy_free(policy);
	}
}

static void wanted(void **state)
{
	static const char text[] =
		"isolate: 1\nzones: {z: {}}\nassignments:\n"
		"  - {vm: a, profile: slow, zone: z}\n"
		"  - {vm: b, profile: standard, zone: z}\n"
		"  - {vm: c, profile: standard, zone: z}\n"
		"profiles: {slow: {based-on: standard, network: {rate-in: 8mbit}}}\n";
	static const struct policy_nic nics[] = {
		{"a", "", "", "net0", "52:54:00:00:00:01", "vnet0", "bridge", false},
		{"b", "", "", "net0", "52:54:00:00:00:02", "vnet1", "bridge", false},
		{"c", "", "", "net0", "52:54:00:00:00:03", "vnet2", "bridge", true},
	};
	RF_AUTOFREE struct guard_zone *live = rf_alloc(GUARD_ZONES, sizeof(*live));
	struct policy *policy = NULL;
	struct policy_result result;
	struct isolate_wants wants;
	size_t count = 0;

	(void)state;
	for (uint32_t z = 0; z < GUARD_ZONES; z++)
		live[z] = isolate_zone_new(z);
	assert_int_equal(policy_parse(rf_slice_text(text), "p", &policy, NULL), 0);
	assert_int_equal(policy_resolve(policy, nics, 3, &result, NULL), 0);
	assert_int_equal(isolate_wants_make(policy, &result, &(struct isolate_scene){.live = live},
					    &wants, NULL),
			 0);
	for (size_t i = 0; i < wants.count; i++) {
		const struct change_spec *spec = &wants.items[i].spec;
		struct shape shape;

		if (strcmp(spec->verb, "port-shape") != 0)
			continue;
		memcpy(&shape, spec->value, sizeof(shape));
		assert_int_equal(shape.to_vm.on, strcmp(spec->target, "vnet0") == 0);
		assert_int_equal(shape.from_vm.on, 0);
		count++;
	}
	/* That of c goes: it was ours, and its profile has none. */
	assert_int_equal(count, 2);
	isolate_wants_done(&wants);
	policy_result_done(&result);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates),      cmocka_unit_test(sizes),
		cmocka_unit_test(rate_words), cmocka_unit_test(ways),
		cmocka_unit_test(hostile),    cmocka_unit_test(words),
		cmocka_unit_test(predicted),  cmocka_unit_test(states_that_are_none),
		cmocka_unit_test(keys),	      cmocka_unit_test(wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
