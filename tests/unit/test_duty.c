/* SPDX-License-Identifier: Apache-2.0 */
/* Segregation of duties: sets, places, findings, parts of a change record, hostile rows. */
#include "govern/duty.h"
#include "govern_test.h"

static const struct duty_set site_sets[] = {
	{"two-keys", "no person has two of the keys", false, {"key a", "key b", "key c"}, NULL},
};

static void grants(void **state)
{
	static const struct {
		const char *name;
		struct duty_holding held, wanted;
		bool fits;
	} cases[] = {
		{"auditor, operator",
		 {"s", "auditor", "", "r1"},
		 {"s", "operator", "", "r2"},
		 false},
		{"other way", {"s", "operator", "", "r1"}, {"s", "auditor", "", "r2"}, false},
		{"two persons", {"s", "auditor", "", "r1"}, {"t", "operator", "", "r2"}, true},
		{"the same again", {"s", "auditor", "", "r1"}, {"s", "auditor", "/a", "r2"}, true},
		{"no set", {"s", "auditor", "", "r1"}, {"s", "guest", "", "r2"}, true},
		{"other places do not help",
		 {"s", "requester", "/a", "r1"},
		 {"s", "approver", "/b", "r2"},
		 false},
		{"same place",
		 {"s", "remediator", "/a", "r1"},
		 {"s", "assessor", "/a", "r2"},
		 false},
		{"below", {"s", "remediator", "/a", "r1"}, {"s", "assessor", "/a/b", "r2"}, false},
		{"above", {"s", "remediator", "/a/b", "r1"}, {"s", "assessor", "/a", "r2"}, false},
		{"everywhere",
		 {"s", "remediator", "/a/b", "r1"},
		 {"s", "assessor", "", "r2"},
		 false},
		{"beside",
		 {"s", "remediator", "/a/b", "r1"},
		 {"s", "assessor", "/a/c", "r2"},
		 true},
		{"a longer name",
		 {"s", "remediator", "/a/web", "r1"},
		 {"s", "assessor", "/a/web-2", "r2"},
		 true},
		{"the site's", {"s", "key a", "", "r1"}, {"s", "key c", "", "r2"}, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		const struct duty_rows rows = {&cases[i].held, 1, site_sets, 1};
		struct rf_err err = {0};
		int rc = duty_grant_check(&rows, &cases[i].wanted, &err);

		if (rc != (cases[i].fits ? 0 : RF_E_DENIED))
			fail_msg("%s: %d %s", cases[i].name, rc, err.text);
		if (rc)
			assert_refusal(&err);
	}
}

/* Each pair of each set, both ways, as a grant, as a use, and as a finding. */
static int count_up(void *arg, const struct duty_conflict *conflict)
{
	++*(int *)arg;
	assert_string_equal(conflict->a->subject, conflict->b->subject);
	return 0;
}

static void every_pair(void **state)
{
	(void)state;
	for (size_t i = 0; i < duty_sets_count; i++) {
		const struct duty_set *set = &duty_sets[i];

		assert_int_equal(duty_set_check(set, NULL), 0);
		for (int k = 0; k < 2; k++) {
			const struct duty_holding both[] = {{"s", set->duties[k], "", "r1"},
							    {"s", set->duties[!k], "", "r2"}};
			const struct duty_rows rows = {both, 2, NULL, 0}, one = {both, 1, NULL, 0};
			int found = 0;

			assert_int_equal(duty_grant_check(&one, &both[1], NULL), RF_E_DENIED);
			assert_int_equal(duty_use_check(&one, &both[0], NULL), 0);
			assert_int_equal(duty_use_check(&rows, &both[0], NULL), RF_E_DENIED);
			assert_int_equal(duty_use_check(&rows, &both[1], NULL), RF_E_DENIED);
			assert_int_equal(duty_conflicts(&rows, count_up, &found, NULL), 0);
			assert_int_equal(found, 1);
		}
	}
}

static void uses(void **state)
{
	static const struct duty_holding held[] = {
		{"ann", "remediator", "/a", "fixers"},
		{"bob", "remediator", "/a", "fixers"},
		{"bob", "assessor", "/a/b", "judges"},
		{"bob", "assessor", "/c", "judges"},
	};
	static const struct {
		struct duty_holding wanted;
		int code;
	} cases[] = {
		{{"ann", "remediator", "/a", "-"}, 0},
		{{"ann", "remediator", "/a/x", "-"}, 0},
		{{"ann", "remediator", "", "-"}, RF_E_DENIED},
		{{"ann", "remediator", "/ab", "-"}, RF_E_DENIED},
		{{"ann", "assessor", "/a", "-"}, RF_E_DENIED},
		{{"cyd", "assessor", "/a", "-"}, RF_E_DENIED},
		{{"bob", "remediator", "/a", "-"}, RF_E_DENIED},
		{{"bob", "assessor", "/a/b", "-"}, RF_E_DENIED},
		{{"bob", "assessor", "/c/d", "-"}, 0},
	};
	const struct duty_rows rows = {held, RF_COUNT(held), NULL, 0};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct rf_err err = {0};

		if (duty_use_check(&rows, &cases[i].wanted, &err) != cases[i].code)
			fail_msg("case %zu: %s", i, err.text);
		if (cases[i].code)
			assert_refusal(&err);
	}
	struct rf_err err = {0};

	assert_int_equal(duty_edit_check(&rows, "ann", "fixers", &err), RF_E_DENIED);
	assert_refusal(&err);
	assert_int_equal(duty_edit_check(&rows, "ann", "judges", NULL), 0);
	assert_int_equal(duty_edit_check(&rows, "", "judges", NULL), RF_E_MISSING);
	assert_int_equal(duty_edit_check(&rows, "ann", NULL, NULL), RF_E_MISSING);
}

static int list(void *arg, const struct duty_conflict *c)
{
	rf_buf_printf(arg, "%s %s %s %s\n", c->a->subject, c->set->id, c->a->through,
		      c->b->through);
	return 0;
}

static int stop(void *arg, const struct duty_conflict *c)
{
	(void)c;
	++*(int *)arg;
	return -ECANCELED;
}

static void findings(void **state)
{
	static const struct duty_holding held[] = {
		{"zoe", "operator", "/x", "ops"},  {"ann", "key b", "", "kb"},
		{"zoe", "auditor", "/y", "audit"}, {"zoe", "role admin", "", "admins"},
		{"ann", "key a", "", "ka"},	   {"bob", "operator", "", "ops"},
		{"ann", "key c", "", "kc"},	   {"zoe", "auditor", "/z", "audit-2"},
	};
	const struct duty_rows rows = {held, RF_COUNT(held), site_sets, 1};
	RF_AUTOBUF struct rf_buf text = {0};
	int calls = 0;

	(void)state;
	assert_int_equal(duty_conflicts(&rows, list, &text, NULL), 0);
	assert_string_equal(rf_buf_text(&text), "ann two-keys ka kb\n"
						"zoe auditor-operator audit ops\n"
						"zoe roles-operator ops admins\n");
	assert_int_equal(duty_conflicts(&rows, stop, &calls, NULL), -ECANCELED);
	assert_int_equal(calls, 1);
	rf_alloc_fail_after(1);
	assert_int_equal(duty_conflicts(&rows, stop, &calls, NULL), -ENOMEM);
	rf_alloc_fail_after(0);
	const struct duty_rows none = {0};

	assert_int_equal(duty_conflicts(&none, stop, &calls, NULL), 0);
	assert_int_equal(calls, 1);
}

static void parts(void **state)
{
	static const struct duty_part played[] = {{"s-ann", "requester"}, {"s-bob", "approver"}};
	static const struct {
		struct duty_part wanted;
		int code;
	} cases[] = {
		{{"s-cyd", "approver"}, 0},	      {{"s-ann", "requester"}, 0},
		{{"s-ann", "approver"}, RF_E_DENIED}, {{"s-bob", "remediator"}, RF_E_DENIED},
		{{"s-cyd", "friend"}, RF_E_UNKNOWN},  {{"s-cyd", NULL}, RF_E_UNKNOWN},
		{{"", "approver"}, RF_E_MISSING},     {{NULL, "approver"}, RF_E_MISSING},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct rf_err err = {0};

		assert_int_equal(duty_part_check(played, 2, &cases[i].wanted, &err), cases[i].code);
		if (cases[i].code == RF_E_DENIED)
			assert_refusal(&err);
	}
	assert_int_equal(duty_part_check(played, DUTY_MAX_PARTS + 1, &cases[0].wanted, NULL),
			 RF_E_LIMIT);
	/* One of each part for seven persons is fine; for one it never is. */
	for (size_t i = 0; i < duty_parts_count; i++) {
		for (size_t k = 0; k < duty_parts_count; k++) {
			const struct duty_part a = {"s", duty_parts[i]}, b = {"s", duty_parts[k]};

			assert_int_equal(duty_part_check(&a, 1, &b, NULL),
					 i == k ? 0 : RF_E_DENIED);
		}
	}
}

/* Rows that cannot be judged are no yes. */
static void hostile(void **state)
{
	static const struct duty_holding bad[] = {
		{NULL, "operator", "", "r"},
		{"", "operator", "", "r"},
		{"s", NULL, "", "r"},
		{"s", "operator", NULL, "r"},
		{"s", "operator", "", NULL},
		{"s", "operator", "a", "r"},
		{"s", "operator", "/", "r"},
		{"s", "operator", "/a/", "r"},
		{"s", "operator", "/a//b", "r"},
		{"s\n", "operator", "", "r"},
		{"s", "op\x7f", "", "r"},
		{"s", "operator", "/a\xe2\x80\x8b", "r"},
	};
	static const struct duty_set sets[] = {
		{NULL, "", false, {"a", "b"}, NULL},
		{"", "", false, {"a", "b"}, NULL},
		{"x", "", false, {NULL}, NULL},
		{"x", "", false, {"a"}, NULL},
		{"x", "", false, {"a", "a"}, NULL},
		{"x", "", false, {"a", ""}, NULL},
		{"author-publisher", "", false, {"a", "b"}, NULL},
	};
	static const struct duty_set full = {
		"x", "", false, {"1", "2", "3", "4", "5", "6", "7", "8"}, NULL};
	static struct duty_holding many[DUTY_MAX_SUBJECT_HOLDINGS + 1];
	const struct duty_holding good = {"s", "auditor", "/a", "r"};
	int calls = 0;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(bad); i++) {
		const struct duty_rows rows = {&bad[i], 1, NULL, 0}, none = {0};

		assert_true(duty_grant_check(&rows, &good, NULL) < 0);
		assert_true(duty_grant_check(&none, &bad[i], NULL) < 0);
		assert_true(duty_use_check(&rows, &good, NULL) < 0);
		assert_true(duty_conflicts(&rows, stop, &calls, NULL) < 0);
	}
	for (size_t i = 0; i < RF_COUNT(sets); i++) {
		const struct duty_rows rows = {&good, 1, &sets[i], 1};

		assert_true(duty_set_check(&sets[i], NULL) < 0);
		assert_true(duty_use_check(&rows, &good, NULL) < 0);
	}
	assert_int_equal(duty_set_check(&full, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(many); i++)
		many[i] = good;
	struct duty_rows rows = {many, RF_COUNT(many) - 1, NULL, 0};

	assert_int_equal(duty_conflicts(&rows, stop, &calls, NULL), 0);
	rows.holdings_count++;
	assert_int_equal(duty_conflicts(&rows, stop, &calls, NULL), RF_E_LIMIT);
	rows.holdings_count = DUTY_MAX_HOLDINGS + 1;
	assert_int_equal(duty_use_check(&rows, &good, NULL), RF_E_LIMIT);
	rows = (struct duty_rows){many, 1, sets, DUTY_MAX_SETS + 1};
	assert_int_equal(duty_use_check(&rows, &good, NULL), RF_E_LIMIT);
	assert_int_equal(calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grants),   cmocka_unit_test(every_pair), cmocka_unit_test(uses),
		cmocka_unit_test(findings), cmocka_unit_test(parts),	  cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
