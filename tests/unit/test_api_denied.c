/* SPDX-License-Identifier: Apache-2.0 */
/* Denied attempts: told with who, from where, what, on what and why, and counted beyond a few. */
#include "api_test.h"
#include "store/fleet.h"
#include "store/ledger.h"

struct lines {
	struct rf_buf text;
	int denied;
};

static int take_line(void *arg, int64_t n, struct rf_slice line)
{
	struct lines *lines = arg;

	(void)n;
	rf_buf_add(&lines->text, line.data, line.len);
	rf_buf_add_text(&lines->text, "\n");
	lines->denied += strstr(rf_buf_text(&lines->text) + lines->text.len - line.len - 1,
				"\"denied\"") != NULL;
	return lines->text.failed ? -1 : 0;
}

static struct lines ledger(struct api_test *t)
{
	struct lines lines = {0};
	struct rf_err err = {0};

	assert_int_equal(store_ledger_each(t->api.store, 0, 10000, take_line, &lines, &err), 0);
	return lines;
}

/* How many tries, by how many addresses, over how long: how many entries come of it. */
static void test_tries(void **state)
{
	static const struct {
		const char *name;
		int tries, addresses;
		int64_t step_ms;
		int entries;	 /* before the last minute is over */
		int behind;	 /* and behind it */
		const char *sum; /* NULL: none */
	} rows[] = {
		{"one", 1, 1, 10, 1, 1, NULL},
		{"as many as are told", 5, 1, 10, 5, 5, NULL},
		{"a hundred", 100, 1, 10, 5, 6, "95 more attempts"},
		{"slowly", 10, 1, 60000, 10, 10, NULL},
		{"a clock that jumps back", 10, 1, -1, 10, 10, NULL},
		{"from several places", 30, 3, 10, 15, 18, "5 more attempts"},
		{"from everywhere", 600, 300, 10, 60, 60 + 1 + 0, "more attempts"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		char setup[API_SECRET_TEXT_BYTES], eve[API_SECRET_TEXT_BYTES];
		struct api_test t;

		api_test_begin(&t);
		api_test_setup(&t, setup);
		api_test_person(&t, "eve", "viewer", eve);
		t.now_ms += 1000000;
		for (int k = 0; k < rows[i].tries; k++) {
			char address[32];
			const struct api_as as = {.bearer = eve, .address = address};

			snprintf(address, sizeof(address), "10.0.%d.%d",
				 (k % rows[i].addresses) / 250, (k % rows[i].addresses) % 250);
			t.now_ms += rows[i].step_ms;
			assert_int_equal(
				api_test_status(&t, "GET", "/api/v1/users", NULL, &as, NULL), 403);
		}
		assert_int_equal(t.api.counters[API_N_DENIED], rows[i].tries);
		struct lines before = ledger(&t);

		denied_flush(&t.api, t.now_ms + 120000, false);
		struct lines after = ledger(&t);

		if (before.denied != rows[i].entries || after.denied < rows[i].behind ||
		    (rows[i].sum && !strstr(rf_buf_text(&after.text), rows[i].sum)))
			fail_msg("%s: %d and %d entries: %s", rows[i].name, before.denied,
				 after.denied, rf_buf_text(&after.text));
		/* Nothing is told twice. */
		denied_flush(&t.api, t.now_ms + 240000, true);
		struct lines last = ledger(&t);

		assert_int_equal(last.denied, after.denied);
		rf_buf_done(&before.text);
		rf_buf_done(&after.text);
		rf_buf_done(&last.text);
		api_test_end(&t);
	}
}

/* Guesses under a thousand names from one address. */
static void test_names(void **state)
{
	static const struct api_as nobody = {.address = "198.51.100.9"};
	char setup[API_SECRET_TEXT_BYTES], body[64];
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	t.now_ms += 1000000;
	for (int i = 0; i < 1000; i++) {
		snprintf(body, sizeof(body), "{\"code\":\"AAAAA-%d\"}", i);
		t.now_ms += 10;
		(void)api_test_status(&t, "POST", "/api/v1/session", body, &nobody, NULL);
	}
	struct lines lines = ledger(&t);

	assert_in_range(lines.denied, 1, 60);
	assert_non_null(strstr(rf_buf_text(&lines.text), "198.51.100.9"));
	rf_buf_done(&lines.text);
	api_test_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tries),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
