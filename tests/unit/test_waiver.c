/* SPDX-License-Identifier: Apache-2.0 */
/* Waivers: what makes one whole, when it is in force, and that its end reopens the finding. */
#include "govern/waiver.h"
#include "govern_test.h"

#define DAY ((int64_t)86400000)
#define T0  ((int64_t)1900000000000)

static struct waiver whole(void)
{
	return (struct waiver){.control = "host.ksm.off",
			       .resource = "web-*",
			       .reason = "until the\nmove",
			       .owner = "ann",
			       .approver = "bob",
			       .compensating = "no foreign VMs there",
			       .since_ms = T0,
			       .expires_ms = T0 + 365 * DAY,
			       .owner_subject = "s-ann",
			       .approver_subject = "s-bob"};
}

static void checked(void **state)
{
	char long_text[4096];

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = 0;
#define CASE(fleet, file, change)                                                                  \
	do {                                                                                       \
		struct waiver w = whole();                                                         \
		struct rf_err err = {0};                                                           \
		change;                                                                            \
		if (waiver_check(&w, &waiver_rules_fleet, true, &err) != (fleet))                  \
			fail_msg("fleet: %s: %s", #change, err.text);                              \
		if (fleet)                                                                         \
			assert_refusal(&err);                                                      \
		if (waiver_check(&w, &waiver_rules_file, true, &err) != (file))                    \
			fail_msg("file: %s: %s", #change, err.text);                               \
		if (file)                                                                          \
			assert_refusal(&err);                                                      \
	} while (0)
	CASE(0, 0, (void)0);
	CASE(RF_E_MISSING, RF_E_MISSING, w.control = NULL);
	CASE(RF_E_MISSING, RF_E_MISSING, w.control = "");
	CASE(RF_E_DENIED, 0, w.control = "*");
	CASE(RF_E_DENIED, 0, w.control = "?**");
	CASE(0, 0, w.control = "host.*");
	CASE(RF_E_MISSING, RF_E_MISSING, w.resource = "");
	CASE(0, 0, w.resource = "*");
	CASE(RF_E_LIMIT, RF_E_LIMIT, w.resource = long_text);
	CASE(RF_E_MISSING, RF_E_MISSING, w.reason = "");
	CASE(RF_E_SYNTAX, RF_E_SYNTAX, w.reason = "\033[1m");
	CASE(RF_E_LIMIT, RF_E_LIMIT, w.reason = long_text);
	CASE(RF_E_MISSING, RF_E_MISSING, w.owner = NULL);
	CASE(RF_E_MISSING, 0, w.approver = NULL);
	CASE(RF_E_DENIED, RF_E_DENIED, w.approver = "ann");
	CASE(RF_E_DENIED, RF_E_DENIED, w.approver = "Ann");
	CASE(RF_E_DENIED, RF_E_DENIED, w.approver_subject = "s-ann");
	CASE(RF_E_MISSING, 0, w.approver_subject = NULL);
	CASE(RF_E_MISSING, 0, w.owner_subject = NULL);
	CASE(RF_E_MISSING, RF_E_MISSING, w.owner_subject = "");
	CASE(RF_E_MISSING, 0, w.compensating = NULL);
	CASE(RF_E_MISSING, 0, w.since_ms = 0);
	CASE(RF_E_DENIED, RF_E_DENIED, w.expires_ms++);
	CASE(0, 0, w.expires_ms--);
	CASE(RF_E_DENIED, RF_E_DENIED, w.expires_ms = w.since_ms);
	CASE(0, 0, w.expires_ms = w.since_ms + 1);
	CASE(RF_E_DENIED, RF_E_DENIED, w.expires_ms = INT64_MAX);
	CASE(RF_E_DENIED, RF_E_DENIED, w.since_ms = INT64_MIN);
	CASE(RF_E_DENIED, RF_E_DENIED, w.expires_ms = INT64_MIN);
#undef CASE
	/* A proposal has no approver yet, and is whole otherwise. */
	struct waiver w = whole();

	w.approver = w.approver_subject = NULL;
	assert_int_equal(waiver_check(&w, &waiver_rules_fleet, false, NULL), 0);
	w.compensating = NULL;
	assert_int_equal(waiver_check(&w, &waiver_rules_fleet, false, NULL), RF_E_MISSING);
}

static void ends_by_itself(void **state)
{
	(void)state;
#define IS(name, now, change)                                                                      \
	do {                                                                                       \
		struct waiver w = whole();                                                         \
		change;                                                                            \
		assert_string_equal(                                                               \
			waiver_state_name(waiver_state(&w, &waiver_rules_fleet, (now))), name);    \
	} while (0)
	IS("to come", T0 - 1, (void)0);
	IS("to come", INT64_MIN, (void)0);
	IS("in force", T0, (void)0);
	IS("in force", T0 + 365 * DAY - 1, (void)0);
	IS("ended", T0 + 365 * DAY, (void)0);
	IS("ended", INT64_MAX, (void)0);
	/* A clock that jumps back brings nothing back. */
	IS("ended", T0, w.seen_ms = T0 + 365 * DAY);
	IS("ended", INT64_MIN, w.seen_ms = INT64_MAX);
	IS("in force", 0, w.seen_ms = T0);
	IS("revoked", T0, w.revoked = true);
	IS("revoked", INT64_MAX, w.revoked = true);
	IS("proposed", T0, w.approver = w.approver_subject = NULL);
	IS("ended", INT64_MAX, w.approver = w.approver_subject = NULL);
	IS("invalid", T0, w.approver_subject = "s-ann");
	IS("invalid", T0, w.expires_ms++);
	IS("invalid", T0, w.since_ms = 0);
#undef IS
	/* A file need not say since when: then its end is within 365 days from now. */
	struct waiver w = whole();

	w.since_ms = 0;
	assert_int_equal(waiver_state(&w, &waiver_rules_file, T0 - 1), WAIVER_INVALID);
	assert_int_equal(waiver_state(&w, &waiver_rules_file, T0), WAIVER_IN_FORCE);
	assert_int_equal(waiver_state(&w, &waiver_rules_file, w.expires_ms), WAIVER_ENDED);
	w.expires_ms = INT64_MAX;
	assert_int_equal(waiver_state(&w, &waiver_rules_file, T0), WAIVER_INVALID);
	assert_string_equal(waiver_state_name((enum waiver_state) - 1), "unknown");
}

static void covers(void **state)
{
	static const struct {
		const char *control, *resource, *host;
		bool covered;
	} cases[] = {
		{"host.ksm.off", "web-1", "h", true},	   {"host.ksm.off", "", "web-9", true},
		{"host.ksm.off", "", "h", false},	   {"host.ksm.off", "db", "web-9", false},
		{"host.ksm.offline", "web-1", "h", false},
	};
	const struct waiver w = whole();

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		assert_int_equal(
			waiver_covers(&w, cases[i].control, cases[i].resource, cases[i].host),
			cases[i].covered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checked),
		cmocka_unit_test(ends_by_itself),
		cmocka_unit_test(covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
