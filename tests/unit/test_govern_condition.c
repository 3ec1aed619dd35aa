/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of a permission: what is one, and when it holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "govern/condition.h"

#define HOUR_MS ((int64_t)3600000)
/* 2026-11-23 12:30 UTC, a Monday. */
#define NOON ((int64_t)1795437000000)

static const struct {
	const char *name, *text;
	int code;
} texts[] = {
	{"nothing", "{}", 0},
	{"all",
	 "{\"addresses\":[\"10.0.0.0/8\"],\"days\":[\"mon\"],\"hours\":\"08:00-18:00\","
	 "\"labels\":{\"zone\":\"prod\"},\"states\":[\"TRUSTED\"]}",
	 0},
	{"no JSON", "{", RF_E_SYNTAX},
	{"no object", "[]", RF_E_SYNTAX},
	{"twice", "{\"hours\":\"08:00-18:00\",\"hours\":\"08:00-18:00\"}", RF_E_SYNTAX},
	{"unknown", "{\"moon\":\"full\"}", RF_E_UNKNOWN},
	{"an empty list", "{\"addresses\":[]}", RF_E_LIMIT},
	{"a wrong kind", "{\"addresses\":\"10.0.0.1\"}", RF_E_SYNTAX},
	{"no text", "{\"days\":[1]}", RF_E_SYNTAX},
	{"no address", "{\"addresses\":[\"10.0.0\"]}", RF_E_SYNTAX},
	{"too many bits", "{\"addresses\":[\"10.0.0.0/33\"]}", RF_E_SYNTAX},
	{"a mapped address has 32", "{\"addresses\":[\"::ffff:10.0.0.0/33\"]}", RF_E_SYNTAX},
	{"no day", "{\"days\":[\"noday\"]}", RF_E_SYNTAX},
	{"no hour", "{\"hours\":\"8:00-18:00\"}", RF_E_SYNTAX},
	{"minute 60", "{\"hours\":\"08:60-18:00\"}", RF_E_SYNTAX},
	{"hour 25", "{\"hours\":\"08:00-25:00\"}", RF_E_SYNTAX},
	{"no time at all", "{\"hours\":\"08:00-08:00\"}", RF_E_SYNTAX},
	{"an empty label", "{\"labels\":{\"zone\":\"\"}}", RF_E_LIMIT},
	{"no state", "{\"states\":[\"FINE\"]}", RF_E_SYNTAX},
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		struct rf_err err = {0};
		struct condition_facts none = {0};
		int rc = condition_check(texts[i].text, &err);

		if (rc != texts[i].code)
			fail_msg("%s: %d %s", texts[i].name, rc, rf_err_text(&err));
		/* What is none holds never. */
		if (rc)
			assert_int_not_equal(condition_holds(texts[i].text, &none, &err), 0);
	}
}

static const struct {
	const char *name, *text;
	struct condition_facts facts;
	bool holds;
} holds[] = {
	{"always", "{}", {0}, true},
	{"in the network", "{\"addresses\":[\"10.0.0.0/8\"]}", {.address = "10.1.2.3"}, true},
	{"at its end", "{\"addresses\":[\"10.0.0.0/9\"]}", {.address = "10.127.255.255"}, true},
	{"behind its end", "{\"addresses\":[\"10.0.0.0/9\"]}", {.address = "10.128.0.0"}, false},
	{"one address", "{\"addresses\":[\"192.0.2.1\"]}", {.address = "192.0.2.1"}, true},
	{"its neighbour", "{\"addresses\":[\"192.0.2.1\"]}", {.address = "192.0.2.2"}, false},
	{"the second",
	 "{\"addresses\":[\"192.0.2.1\",\"2001:db8::/32\"]}",
	 {.address = "2001:db8::9"},
	 true},
	{"by IPv6", "{\"addresses\":[\"10.0.0.0/8\"]}", {.address = "::ffff:10.1.2.3"}, true},
	{"another family", "{\"addresses\":[\"0.0.0.0/0\"]}", {.address = "2001:db8::9"}, false},
	{"no address", "{\"addresses\":[\"0.0.0.0/0\"]}", {.address = NULL}, false},
	{"on the day", "{\"days\":[\"mon\"]}", {.now_ms = NOON}, true},
	{"the day after", "{\"days\":[\"mon\"]}", {.now_ms = NOON + 24 * HOUR_MS}, false},
	{"before time", "{\"days\":[\"wed\",\"thu\"]}", {.now_ms = -1}, false},
	{"in the hour", "{\"hours\":\"08:00-18:00\"}", {.now_ms = NOON}, true},
	{"after it", "{\"hours\":\"08:00-18:00\"}", {.now_ms = NOON + 6 * HOUR_MS}, false},
	{"its end is out", "{\"hours\":\"08:00-12:30\"}", {.now_ms = NOON}, false},
	{"over midnight", "{\"hours\":\"22:00-06:00\"}", {.now_ms = NOON + 11 * HOUR_MS}, true},
	{"not at noon", "{\"hours\":\"22:00-06:00\"}", {.now_ms = NOON}, false},
	{"the label",
	 "{\"labels\":{\"zone\":\"prod\"}}",
	 {.labels = "{\"zone\":\"prod\",\"a\":\"b\"}"},
	 true},
	{"another label",
	 "{\"labels\":{\"zone\":\"prod\"}}",
	 {.labels = "{\"zone\":\"test\"}"},
	 false},
	{"no labels", "{\"labels\":{\"zone\":\"prod\"}}", {.labels = NULL}, false},
	{"the state", "{\"states\":[\"WARNING\",\"TRUSTED\"]}", {.state = "TRUSTED"}, true},
	{"another state", "{\"states\":[\"TRUSTED\"]}", {.state = "STALE"}, false},
	{"no host", "{\"states\":[\"TRUSTED\"]}", {.state = NULL}, false},
	{"one of two", "{\"days\":[\"mon\"],\"hours\":\"08:00-09:00\"}", {.now_ms = NOON}, false},
};

static void test_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(holds); i++) {
		struct rf_err err = {0};
		int rc = condition_holds(holds[i].text, &holds[i].facts, &err);

		if (rc != (holds[i].holds ? 0 : RF_E_DENIED))
			fail_msg("%s: %d %s", holds[i].name, rc, rf_err_text(&err));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts),
					   cmocka_unit_test(test_holds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
