/* SPDX-License-Identifier: Apache-2.0 */
/* Which duties privileges are: what a role may have, what a site's table may say. */
#include "base/mem.h"
#include "base/str.h"
#include "govern/duty_role.h"
#include "govern_test.h"

#define P(x) PRIVILEGE_##x
static const struct duty_table ours;

static struct privilege_set set_of(const enum privilege *list, size_t count)
{
	struct privilege_set set = {0};

	for (size_t i = 0; i < count; i++)
		privilege_add(&set, list[i]);
	return set;
}

/* Each set that we have excludes for every pair of privileges that are its duties. */
static void every_pair_is_excluded(void **state)
{
	const struct duty_row *a, *b;
	const struct duty_set *set;
	size_t pairs = 0;

	(void)state;
	for (size_t s = 0; (set = duty_set_at(&ours, s)); s++)
		for (size_t i = 0; (a = duty_row_at(&ours, i)); i++)
			for (size_t k = 0; (b = duty_row_at(&ours, k)); k++) {
				const enum privilege both[] = {a->privilege, b->privilege};
				const struct privilege_set have = set_of(both, 2);
				struct rf_err err = {0};

				if (!duty_in_set(set, a->duty) || !duty_in_set(set, b->duty) ||
				    rf_equal(a->duty, b->duty))
					continue;
				pairs++;
				assert_int_equal(duty_role_check(&ours, "r", &have, &err),
						 RF_E_DENIED);
				assert_non_null(strstr(err.text, privilege_name(a->privilege)));
				assert_non_null(strstr(err.text, privilege_name(b->privilege)));
				assert_int_equal(duty_count(&ours, set, &have), 2);
			}
	assert_true(pairs > 60);
}

/* Each duty of our sets is something, and every duty that privileges are is in a set. */
static void the_table_is_whole(void **state)
{
	const struct privilege_set all = privilege_all();
	const struct duty_set *set;
	const struct duty_row *row;

	(void)state;
	for (size_t s = 0; (set = duty_set_at(&ours, s)); s++) {
		for (size_t i = 0; i < DUTY_MAX_MEMBERS && set->duties[i]; i++)
			if (duty_held(&ours, set->duties[i], &all) == PRIVILEGE_COUNT)
				fail_msg("%s: %s is nothing", set->id, set->duties[i]);
		if (set->yields)
			assert_true(duty_in_set(set, set->yields));
	}
	for (size_t i = 0; (row = duty_row_at(&ours, i)); i++) {
		bool in = false;

		for (size_t s = 0; (set = duty_set_at(&ours, s)); s++)
			in = in || duty_in_set(set, row->duty);
		if (!in)
			fail_msg("%s is in no set", row->duty);
	}
	assert_int_equal(duty_table_check(&ours, NULL), 0);
}

static void what_roles_may(void **state)
{
	static const struct {
		const char *name;
		enum privilege list[4];
		size_t count;
		bool may;
	} cases[] = {
		{"nothing", {0}, 0, true},
		{"all of one duty", {P(LEDGER_READ), P(EVIDENCE_READ)}, 2, true},
		{"mends and operates", {P(HOST_FIX), P(ISOLATE_APPLY)}, 2, true},
		{"mends and checks", {P(HOST_FIX), P(HOST_CHECK)}, 2, false},
		{"operates and sees all",
		 {P(ISOLATE_APPLY), P(OBJECT_READ), P(EVENT_READ), P(REPORT_MAKE)},
		 4,
		 true},
		{"decides on rights and audits", {P(ROLE_EDIT), P(LEDGER_READ)}, 2, true},
		{"decides on rights and shuts in", {P(GRANT_EDIT), P(QUARANTINE_SET)}, 2, false},
		{"lets users in and shuts in", {P(USER_EDIT), P(QUARANTINE_SET)}, 2, true},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		const struct privilege_set set = set_of(cases[i].list, cases[i].count);

		if ((duty_role_check(&ours, "r", &set, NULL) == 0) != cases[i].may)
			fail_msg("%s", cases[i].name);
	}
}

static void tables_of_sites(void **state)
{
	static const struct duty_row plug[] = {{P(NETWORK_USE), "plugger"},
					       {P(NETWORK_WRITE), "plugger"}},
				     mine[] = {{P(OBJECT_VIEW), "auditor"}},
				     none[] = {{PRIVILEGE_COUNT, "plugger"}},
				     unnamed[] = {{P(NETWORK_USE), ""}},
				     hostile[] = {{P(NETWORK_USE), "plug\x1b[2J"}};
	static const struct duty_set
		good[] = {{"s", "why", false, {"plugger", "auditor"}, NULL},
			  {"t", "why", true, {"plugger", "approver"}, NULL}},
		twice[] = {{"s", "why", false, {"plugger", "auditor"}, NULL},
			   {"s", "why", false, {"plugger", "approver"}, NULL}},
		empty[] = {{"s", "why", false, {"plugger", "idler"}, NULL}},
		same[] = {{"s", "why", false, {"plugger", "plugger"}, NULL}},
		built[] = {{"keys-storage", "", false, {"plugger", "auditor"}, NULL}};
	static const struct {
		const char *name;
		struct duty_table table;
		int code;
	} cases[] = {
		{"two sets", {good, 2, plug, 2}, 0},
		{"duties of ours alone", {good, 0, NULL, 0}, 0},
		{"a name twice", {twice, 2, plug, 2}, RF_E_DUPLICATE},
		{"a duty of nothing", {empty, 1, plug, 2}, RF_E_MISSING},
		{"one duty twice", {same, 1, plug, 2}, RF_E_DUPLICATE},
		{"a name of ours", {built, 1, plug, 2}, RF_E_DUPLICATE},
		{"our duty, more of it", {good, 0, mine, 1}, RF_E_DUPLICATE},
		{"no privilege", {good, 0, none, 1}, RF_E_UNKNOWN},
		{"a duty without a name", {good, 0, unnamed, 1}, RF_E_MISSING},
		{"a duty that steers a terminal", {good, 0, hostile, 1}, RF_E_SYNTAX},
		{"too many sets", {good, DUTY_MAX_SITE_SETS + 1, plug, 2}, RF_E_LIMIT},
		{"too many rows", {good, 1, plug, DUTY_MAX_SITE_ROWS + 1}, RF_E_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct rf_err err = {0};
		int rc = duty_table_check(&cases[i].table, &err);

		if (rc != cases[i].code)
			fail_msg("%s: %d %s", cases[i].name, rc, err.text);
		if (rc == RF_E_DUPLICATE || rc == RF_E_LIMIT || rc == RF_E_MISSING)
			assert_refusal(&err);
	}
	const enum privilege both[] = {P(NETWORK_USE), P(EVIDENCE_READ)};
	const struct privilege_set have = set_of(both, 2);
	struct rf_err err = {0};

	assert_int_equal(duty_role_check(&ours, "r", &have, NULL), 0);
	assert_int_equal(duty_role_check(&cases[0].table, "r", &have, &err), RF_E_DENIED);
	assert_non_null(strstr(err.text, "why (s)"));
	const struct privilege_set part = duty_privileges(&cases[0].table, &good[0]);

	assert_true(privilege_in(&part, P(NETWORK_WRITE)) && privilege_in(&part, P(LEDGER_READ)) &&
		    !privilege_in(&part, P(APPROVAL_GIVE)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_is_excluded),
		cmocka_unit_test(the_table_is_whole),
		cmocka_unit_test(what_roles_may),
		cmocka_unit_test(tables_of_sites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
