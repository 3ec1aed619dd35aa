/* SPDX-License-Identifier: Apache-2.0 */
/* Setting VMs apart by counters: stories with a clock of the test's. */
#include "base/mem.h"
#include "isolate/hostile.h"
#include "test_base.h"

static const struct hostile_rules RULES = {
	.limits = {[HOSTILE_MACHINE_CLEARS] = {1000, 200}, [HOSTILE_SPLIT_LOCKS] = {10, 2}},
	.settle_ms = 2000,
	.minimum_ms = 10000,
	.calm_ms = 3000,
	.maximum_ms = 60000};

struct beat {
	int64_t at_ms, clears; /* -1: not read */
	enum hostile_step step;
	enum hostile_state state;
};

static void play(const char *name, const struct hostile_rules *rules, const struct beat *beats,
		 size_t count)
{
	struct hostile vm = {0};

	for (size_t i = 0; i < count; i++) {
		struct hostile_reading reading = {0};
		RF_AUTOBUF struct rf_buf why = {0};

		reading.has[HOSTILE_MACHINE_CLEARS] = beats[i].clears >= 0;
		reading.rates[HOSTILE_MACHINE_CLEARS] = beats[i].clears;
		enum hostile_step step = hostile_take(rules, &vm, &reading, beats[i].at_ms, &why);

		if (step != beats[i].step || vm.state != beats[i].state)
			fail_msg("%s, beat %zu: step %d, %s", name, i, step,
				 hostile_state_name(vm.state));
		assert_int_equal(why.len > 0, step != HOSTILE_STAY);
	}
}
#define PLAY(name, ...)                                                                            \
	do {                                                                                       \
		static const struct beat beats[] = {__VA_ARGS__};                                  \
		play(name, &RULES, beats, RF_COUNT(beats));                                        \
	} while (0)

static void stories(void **state)
{
	(void)state;
	PLAY("a short burst is nothing", {0, 5000, HOSTILE_STAY, HOSTILE_SUSPECT},
	     {1999, 5000, HOSTILE_STAY, HOSTILE_SUSPECT}, {2000, 900, HOSTILE_STAY, HOSTILE_CALM});
	PLAY("the limit itself is not over it", {0, 1000, HOSTILE_STAY, HOSTILE_CALM},
	     {9000, 1000, HOSTILE_STAY, HOSTILE_CALM});
	PLAY("set apart, and back when calm for long enough",
	     {0, 5000, HOSTILE_STAY, HOSTILE_SUSPECT},
	     {2000, 5000, HOSTILE_SET_APART, HOSTILE_APART},
	     {3000, 100, HOSTILE_STAY, HOSTILE_COOLING},
	     {11999, 100, HOSTILE_STAY, HOSTILE_COOLING},
	     {12000, 100, HOSTILE_RELEASE, HOSTILE_CALM});
	PLAY("between the limits it is not calm", {0, 5000, HOSTILE_STAY, HOSTILE_SUSPECT},
	     {2000, 5000, HOSTILE_SET_APART, HOSTILE_APART},
	     {3000, 100, HOSTILE_STAY, HOSTILE_COOLING}, {5000, 500, HOSTILE_STAY, HOSTILE_APART},
	     {20000, 500, HOSTILE_STAY, HOSTILE_APART}, {21000, 100, HOSTILE_STAY, HOSTILE_COOLING},
	     {23999, 100, HOSTILE_STAY, HOSTILE_COOLING},
	     {24000, 199, HOSTILE_RELEASE, HOSTILE_CALM});
	PLAY("at most so long, and again when it goes on", {0, 5000, HOSTILE_STAY, HOSTILE_SUSPECT},
	     {2000, 5000, HOSTILE_SET_APART, HOSTILE_APART},
	     {61999, 5000, HOSTILE_STAY, HOSTILE_APART},
	     {62000, 5000, HOSTILE_RELEASE, HOSTILE_CALM},
	     {62001, 5000, HOSTILE_STAY, HOSTILE_SUSPECT},
	     {64001, 5000, HOSTILE_SET_APART, HOSTILE_APART});
	PLAY("counters that go away release nobody", {0, 5000, HOSTILE_STAY, HOSTILE_SUSPECT},
	     {2000, 5000, HOSTILE_SET_APART, HOSTILE_APART},
	     {40000, -1, HOSTILE_STAY, HOSTILE_APART}, {62000, -1, HOSTILE_RELEASE, HOSTILE_CALM});
	PLAY("and accuse nobody", {0, 5000, HOSTILE_STAY, HOSTILE_SUSPECT},
	     {2000, -1, HOSTILE_STAY, HOSTILE_CALM});
	PLAY("a clock that steps back is no time", {5000, 5000, HOSTILE_STAY, HOSTILE_SUSPECT},
	     {0, 5000, HOSTILE_STAY, HOSTILE_SUSPECT},
	     {7000, 5000, HOSTILE_SET_APART, HOSTILE_APART},
	     {0, 5000, HOSTILE_STAY, HOSTILE_APART});
}

static void rules_are_checked(void **state)
{
	static const struct {
		struct hostile_rules rules;
		bool fine;
	} CASES[] = {
		{{{{0, 0}}, 0, 0, 0, 0}, false},     {{{{10, 5}}, 0, 0, 0, 0}, true},
		{{{{10, 10}}, 0, 0, 0, 0}, false},   {{{{10, -1}}, 0, 0, 0, 0}, false},
		{{{{-1, -2}}, 0, 0, 0, 0}, false},   {{{{10, 5}}, 0, 100, 0, 99}, false},
		{{{{10, 5}}, 0, 100, 0, 100}, true}, {{{{10, 5}}, -1, 0, 0, 0}, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		if ((hostile_rules_check(&CASES[i].rules, NULL) == 0) != CASES[i].fine)
			fail_msg("case %zu", i);
	}
	assert_int_equal(hostile_rules_check(&RULES, NULL), 0);
}

static void missing_counters_are_named(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct hostile_reading reading = {0};

	(void)state;
	assert_true(hostile_missing(&RULES, &reading, &out));
	assert_string_equal(rf_buf_text(&out), "machine clears, split locks");
	rf_buf_reset(&out);
	reading.has[HOSTILE_MACHINE_CLEARS] = reading.has[HOSTILE_SPLIT_LOCKS] = true;
	assert_false(hostile_missing(&RULES, &reading, &out));
	assert_string_equal(hostile_counter_name(HOSTILE_COUNTERS), "?");
	assert_string_equal(hostile_counter_name(HOSTILE_PRESSURE), "pressure on others");
}

/* What could not be done is tried again, not at once; who was apart before watching began stays so.
 */
static void a_step_may_fail(void **state)
{
	struct hostile_reading high = {.has = {[HOSTILE_MACHINE_CLEARS] = true},
				       .rates = {[HOSTILE_MACHINE_CLEARS] = 5000}};
	struct hostile_reading low = {.has = {[HOSTILE_MACHINE_CLEARS] = true}};
	RF_AUTOBUF struct rf_buf why = {0};
	struct hostile vm = {0};

	(void)state;
	assert_int_equal(hostile_take(&RULES, &vm, &high, 0, &why), HOSTILE_STAY);
	assert_int_equal(hostile_take(&RULES, &vm, &high, 2000, &why), HOSTILE_SET_APART);
	assert_string_equal(rf_buf_text(&why),
			    "machine clears: 5000 a second, the limit is 1000 a second, for 2 s");
	hostile_undo(&vm, HOSTILE_SET_APART, 2500);
	assert_int_equal(vm.times, 0);
	assert_int_equal(hostile_take(&RULES, &vm, &high, 4499, &why), HOSTILE_STAY);
	assert_int_equal(hostile_take(&RULES, &vm, &high, 4500, &why), HOSTILE_SET_APART);
	assert_int_equal(hostile_take(&RULES, &vm, &low, 5000, &why), HOSTILE_STAY);
	assert_int_equal(hostile_take(&RULES, &vm, &low, 14500, &why), HOSTILE_RELEASE);
	hostile_undo(&vm, HOSTILE_RELEASE, 14600);
	assert_int_equal(vm.state, HOSTILE_APART);
	assert_int_equal(hostile_take(&RULES, &vm, &low, 14700, &why), HOSTILE_STAY);
	assert_int_equal(hostile_take(&RULES, &vm, &low, 17700, &why), HOSTILE_RELEASE);
	hostile_undo(&vm, HOSTILE_STAY, 17800);
	assert_int_equal(vm.state, HOSTILE_CALM);
	hostile_resume(&vm, 20000);
	assert_int_equal(hostile_take(&RULES, &vm, &low, 20001, &why), HOSTILE_STAY);
	assert_int_equal(hostile_take(&RULES, &vm, &low, 29999, &why), HOSTILE_STAY);
	assert_int_equal(hostile_take(&RULES, &vm, &low, 30000, &why), HOSTILE_RELEASE);
}

static void rates_have_units(void **state)
{
	static const char *const texts[HOSTILE_COUNTERS] = {
		"1234 a second", "1234 a minute", "1234 a second", "12.34%", "12.34%", "12.34%"};

	(void)state;
	for (enum hostile_counter i = 0; i < HOSTILE_COUNTERS; i++) {
		RF_AUTOBUF struct rf_buf text = {0};

		hostile_rate_text(i, 1234, &text);
		assert_string_equal(rf_buf_text(&text), texts[i]);
	}
	assert_int_equal(hostile_rules_check(&hostile_usual, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_may_fail),
		cmocka_unit_test(rates_have_units),
		cmocka_unit_test(stories),
		cmocka_unit_test(rules_are_checked),
		cmocka_unit_test(missing_counters_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
