/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals by cases: levels and floors, who may decide, windows and counts, drift, broken glass,
 * clocks, damaged records. All sequences of events: test_approval_model.c. */
#include "base/mem.h"
#include "govern/approval.h"
#include "govern_test.h"

#define MIN	 ((int64_t)60000)
#define HOUR	 (60 * MIN)
#define DAY	 (24 * HOUR)
#define T0	 ((int64_t)1900000000000)
#define LEN(n)	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" n
#define LONGEST	 LEN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") /* 128 */
#define OP(o, l) ((struct approval_site){.operation = (o), .level = (l)})
#define ROLES(...)                                                                                 \
	.roles = (const char *const[]){__VA_ARGS__},                                               \
	.roles_count = RF_COUNT(((const char *const[]){__VA_ARGS__}))

static const uint8_t digest_a[32] = {1}, digest_b[32] = {2};
static const struct approval_person ann = {"ann", "s-ann", "lead"};
static const struct approval_person ann_admin = {"ann-admin", "s-ann", "lead"};
static const struct approval_person bob = {"bob", "s-bob", "lead"};
static const struct approval_person cyd = {"cyd", "s-cyd", "security"};
static const struct approval_person dan = {"dan", "s-dan", "lead"};

/* A story: the record, its rule, and where number and clock are. */
struct story {
	struct approval a;
	struct approval_rule rule;
	uint64_t seq;
	int64_t now_ms;
	struct rf_err err;
};

static struct story story_of(struct approval_site site)
{
	struct story s = {.now_ms = T0};

	assert_int_equal(approval_rule_make(&site, &s.rule, &s.err), 0);
	return s;
}

static int tell(struct story *s, struct approval_event event)
{
	event.seq = event.seq ? event.seq : ++s->seq;
	event.time_ms = s->now_ms;
	event.digest = event.digest ? event.digest : digest_a;
	s->err = (struct rf_err){0};
	int rc = approval_apply(&s->a, &s->rule, &event, &s->err);

	if (rc < 0)
		assert_refusal(&s->err);
	if (rc < 0)
		assert_false(s->a.todo & APPROVAL_TODO_RUN);
	return rc;
}

#define EVENT(v, p, ...) ((struct approval_event){.verb = APPROVAL_##v, .who = (p), __VA_ARGS__})

#define REASON(v, p, ...) EVENT(v, p, .text = "because", __VA_ARGS__)

static void must(struct story *s, struct approval_event event, enum approval_state state)
{
	if (tell(s, event) < 0)
		fail_msg("%s", s->err.text);
	assert_string_equal(approval_state_name(s->a.state), approval_state_name(state));
}

static void refuses(struct story *s, struct approval_event event, int code, const char *says)
{
	struct approval before = s->a;

	assert_int_equal(tell(s, event), code);
	if (!strstr(s->err.text, says))
		fail_msg("expected \"%s\": %s", says, s->err.text);
	if (before.state == s->a.state) {
		before.seq = s->a.seq;
		before.seen_ms = s->a.seen_ms;
		before.todo = s->a.todo;
		assert_memory_equal(&before, &s->a, sizeof(before));
	}
}

static void rules_hold_their_floor(void **state)
{
	static const char *const two[] = {"a", "b"}, *const twice[] = {"a", "a"},
				 *const bad[] = {""};
	static const struct {
		const char *name;
		struct approval_site site;
		int code;
		const char *says;
	} cases[] = {
		{"defaults", {.operation = "vm.migrate"}, 0, ""},
		{"raised", {.operation = "vm.migrate", .level = "window"}, 0, ""},
		{"lowered to the floor", {.operation = "vm.migrate", .level = "record"}, 0, ""},
		{"lowered, still above", {.operation = "policy.change", .level = "one"}, 0, ""},
		{"below",
		 {.operation = "quarantine.release", .level = "notify"},
		 RF_E_DENIED,
		 "floor, which is one"},
		{"no level", {.operation = "vm.migrate", .level = "none"}, RF_E_UNKNOWN, "record,"},
		{"no operation", {.operation = "vm.eat"}, RF_E_UNKNOWN, "no operation"},
		{"nothing", {0}, RF_E_UNKNOWN, "no operation"},
		{"quorum",
		 {.operation = "grant.change",
		  .numbers = {[APPROVAL_QUORUM] = 2},
		  .roles = two,
		  .roles_count = 2},
		 0,
		 ""},
		{"quorum too low",
		 {.operation = "policy.change", .numbers = {[APPROVAL_QUORUM] = 1}},
		 RF_E_DENIED,
		 "quorum of 1"},
		{"quorum too high",
		 {.operation = "policy.change", .numbers = {[APPROVAL_QUORUM] = 9}},
		 RF_E_LIMIT,
		 "0 to 8"},
		{"quorum of nobody",
		 {.operation = "vm.migrate", .numbers = {[APPROVAL_QUORUM] = 1}},
		 RF_E_MISMATCH,
		 "asks nobody"},
		{"more than roles",
		 {.operation = "grant.change",
		  .numbers = {[APPROVAL_QUORUM] = 3},
		  .roles = two,
		  .roles_count = 2},
		 RF_E_MISMATCH,
		 "cannot come from 2"},
		{"more than roles, shared",
		 {.operation = "grant.change",
		  .numbers = {[APPROVAL_QUORUM] = 3},
		  .roles = two,
		  .roles_count = 2,
		  .shared_role = true},
		 0,
		 ""},
		{"a role twice",
		 {.operation = "grant.change", .roles = twice, .roles_count = 2},
		 RF_E_DUPLICATE,
		 "twice"},
		{"a role without name",
		 {.operation = "grant.change", .roles = bad, .roles_count = 1},
		 RF_E_MISSING,
		 "name of a role"},
		{"too many roles",
		 {.operation = "grant.change", .roles = two, .roles_count = 33},
		 RF_E_LIMIT,
		 "33 roles"},
		{"negative",
		 {.operation = "grant.change", .numbers = {[APPROVAL_GRANT_MS] = INT64_MIN}},
		 RF_E_LIMIT,
		 "grant-ms"},
		{"huge",
		 {.operation = "grant.change", .numbers = {[APPROVAL_WINDOW_MS] = INT64_MAX}},
		 RF_E_LIMIT,
		 "window-ms"},
		{"window above its most",
		 {.operation = "grant.change",
		  .numbers =
			  {[APPROVAL_WINDOW_MS] = 2 * 3600000, [APPROVAL_WINDOW_MAX_MS] = 3600000}},
		 RF_E_LIMIT,
		 "more than window-max"},
		{"count",
		 {.operation = "grant.change", .numbers = {[APPROVAL_COUNT_MAX] = 101}},
		 RF_E_LIMIT,
		 "count-max"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct approval_rule rule, zero = {0};
		struct rf_err err = {0};

		memset(&rule, 0, sizeof(rule));
		int rc = approval_rule_make(&cases[i].site, &rule, &err);

		if (rc != cases[i].code || (rc && !strstr(err.text, cases[i].says)))
			fail_msg("%s: %d %s", cases[i].name, rc, err.text);
		if (rc)
			assert_memory_equal(&rule, &zero, sizeof(rule));
	}
}

/* Each row: unique, sorted, a floor not above its level; each number's normal within its limits. */
static void tables_are_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < approval_operations_count; i++) {
		const struct approval_operation *row = &approval_operations[i];

		assert_true(row->floor <= row->level && row->level < APPROVAL_LEVEL_COUNT);
		assert_true(row->title[0]);
		assert_true(i == 0 || strcmp(row[-1].name, row->name) < 0);
		assert_ptr_equal(approval_operation_find(rf_slice_text(row->name)), row);
	}
	for (size_t i = 0; i < APPROVAL_NUMBER_COUNT; i++) {
		const struct approval_number_row *row = &approval_numbers[i];

		assert_true(row->min <= row->normal && row->normal <= row->max);
	}
	for (int i = 0; i < APPROVAL_LEVEL_COUNT; i++) {
		enum approval_level level = APPROVAL_LEVEL_COUNT;

		assert_int_equal(approval_level_parse(approval_level_name((enum approval_level)i),
						      &level, NULL),
				 0);
		assert_int_equal(level, i);
	}
	assert_string_equal(approval_level_name((enum approval_level)99), "unknown");
	assert_string_equal(approval_state_name((enum approval_state) - 1), "unknown");
	assert_int_equal(approval_level_quorum((enum approval_level)99), APPROVAL_MAX_VOTES);
	/* A window is never longer by default than the site lets it be. */
	struct story s = story_of((struct approval_site){
		.operation = "grant.change", .numbers = {[APPROVAL_WINDOW_MAX_MS] = MIN}});
	assert_int_equal(s.rule.numbers[APPROVAL_WINDOW_MS], MIN);
}

static void levels_without_approver_run_at_once(void **state)
{
	(void)state;
	struct story s = story_of(OP("vm.migrate", "record"));

	must(&s, EVENT(REQUEST, ann), APPROVAL_CONSUMED);
	assert_int_equal(s.a.todo, APPROVAL_TODO_RUN);
	refuses(&s, EVENT(USE, ann), RF_E_MISMATCH, "consumed and stays so");
	s = story_of(OP("vm.migrate", NULL));
	must(&s, EVENT(REQUEST, ann), APPROVAL_CONSUMED);
	assert_int_equal(s.a.todo, APPROVAL_TODO_RUN | APPROVAL_TODO_NOTIFY);
	s = story_of(OP("vm.migrate", NULL));
	refuses(&s, REASON(BREAK, ann), RF_E_MISMATCH, "needs no approval");
}

static void one_approver(void **state)
{
	(void)state;
	struct story s = story_of(OP("quarantine.release", NULL));

	refuses(&s, EVENT(APPROVE, bob), RF_E_MISMATCH, "nothing was requested");
	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	assert_int_equal(s.a.todo, APPROVAL_TODO_ASK);
	refuses(&s, EVENT(REQUEST, ann), RF_E_MISMATCH, "0 of 1 approvals");
	refuses(&s, EVENT(USE, ann), RF_E_MISMATCH, "another person than ann who may approve");
	refuses(&s, EVENT(APPROVE, ann), RF_E_DENIED, "the person who requested it");
	refuses(&s, EVENT(APPROVE, ann_admin), RF_E_DENIED, "ann-admin is the person");
	refuses(&s, REASON(DENY, ann_admin), RF_E_DENIED, "the person who requested it");
	refuses(&s, EVENT(CANCEL, bob), RF_E_DENIED, "ann requested it");
	must(&s, EVENT(APPROVE, bob, .terms = {.count = 2}), APPROVAL_APPROVED);
	assert_int_equal(s.a.todo, APPROVAL_TODO_ANSWER);
	refuses(&s, EVENT(APPROVE, cyd), RF_E_MISMATCH, "approved already");
	refuses(&s, REASON(BREAK, ann), RF_E_MISMATCH, "approved already");
	refuses(&s, EVENT(USE, bob), RF_E_DENIED, "ann requested it, so bob");
	must(&s, EVENT(USE, ann_admin), APPROVAL_APPROVED);
	assert_int_equal(s.a.todo, APPROVAL_TODO_RUN);
	must(&s, EVENT(USE, ann), APPROVAL_CONSUMED);
	refuses(&s, EVENT(USE, ann), RF_E_MISMATCH, "ann can request it anew");
}

static void two_approvers_of_two_roles(void **state)
{
	(void)state;
	struct story s = story_of((struct approval_site){.operation = "policy.change",
							 ROLES("lead", "security", "owner")});
	const struct approval_person cyd_lead = {"cyd", "s-cyd", "lead"};
	const struct approval_person bob_too = {"bob2", "s-bob", "security"};
	const struct approval_person other_bob = {"bob", "s-other", "security"};
	const struct approval_person guest = {"gus", "s-gus", "guest"};

	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	refuses(&s, EVENT(APPROVE, guest), RF_E_DENIED, "role guest, by which gus acts");
	refuses(&s, REASON(DENY, guest), RF_E_DENIED, "lead or security (or of others)");
	must(&s, EVENT(APPROVE, bob), APPROVAL_REQUESTED);
	assert_int_equal(s.a.todo, APPROVAL_TODO_ASK);
	refuses(&s, EVENT(APPROVE, bob), RF_E_DUPLICATE, "the person behind bob");
	refuses(&s, EVENT(APPROVE, bob_too), RF_E_DUPLICATE, "the person behind bob2");
	refuses(&s, EVENT(APPROVE, other_bob), RF_E_DUPLICATE, "the person behind bob");
	refuses(&s, EVENT(APPROVE, cyd_lead), RF_E_DENIED, "role lead has approved it already");
	refuses(&s, EVENT(APPROVE, dan), RF_E_DENIED, "role lead has approved");
	must(&s, EVENT(APPROVE, cyd), APPROVAL_APPROVED);
	/* Who approved can take it back. */
	must(&s, REASON(DENY, bob), APPROVAL_DENIED);
	refuses(&s, EVENT(USE, ann), RF_E_MISMATCH, "denied and stays so");

	s = story_of((struct approval_site){
		.operation = "policy.change", ROLES("lead"), .shared_role = true});
	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, bob), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, dan), APPROVAL_APPROVED);
}

static void the_longest_quorum(void **state)
{
	char names[9][8];

	(void)state;
	struct story s = story_of((struct approval_site){.operation = "policy.change",
							 .numbers = {[APPROVAL_QUORUM] = 8},
							 .shared_role = true});

	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	for (int i = 0; i < 8; i++) {
		snprintf(names[i], sizeof(names[i]), "p%d", i);
		const struct approval_person p = {names[i], names[i], "lead"};

		must(&s, EVENT(APPROVE, p), i < 7 ? APPROVAL_REQUESTED : APPROVAL_APPROVED);
	}
	must(&s, EVENT(USE, ann), APPROVAL_APPROVED);
}

/* A role that the requester handed out lately does not decide, whoever holds it. */
static void granted_lately(void **state)
{
	static const struct {
		const char *name;
		struct approval_grant grant;
		bool counts; /* the vote does */
	} cases[] = {
		{"just now", {"lead", "s-ann", T0}, false},
		{"a moment short of three days", {"lead", "s-ann", T0 - 3 * DAY + 1}, false},
		{"three days", {"lead", "s-ann", T0 - 3 * DAY}, true},
		{"by someone else", {"lead", "s-cyd", T0}, true},
		{"another role", {"owner", "s-ann", T0}, true},
		{"in the future", {"lead", "s-ann", INT64_MAX}, false},
		{"at the begin of time", {"lead", "s-ann", INT64_MIN}, true},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct story s = story_of(OP("grant.change", NULL));
		const struct approval_event vote =
			EVENT(APPROVE, bob, .grants = &cases[i].grant, .grants_count = 1);

		must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
		if (cases[i].counts) {
			must(&s, vote, APPROVAL_APPROVED);
			continue;
		}
		refuses(&s, vote, RF_E_DENIED, "granted role lead");
		/* To deny is the safe side. */
		must(&s, REASON(DENY, bob, .grants = &cases[i].grant, .grants_count = 1),
		     APPROVAL_DENIED);
	}
}

static void reasons_and_people_are_needed(void **state)
{
	static const struct {
		const char *name;
		struct approval_event event;
		int code;
		const char *says;
	} cases[] = {
		{"deny without reason",
		 {.verb = APPROVAL_DENY, .who = {"bob", "b", "lead"}},
		 RF_E_MISSING,
		 "reason of a denial"},
		{"deny with none",
		 {.verb = APPROVAL_DENY, .who = {"bob", "b", "lead"}, .text = ""},
		 RF_E_MISSING,
		 "reason of a denial"},
		{"break without reason",
		 {.verb = APPROVAL_BREAK, .who = {"ann", "s-ann", NULL}},
		 RF_E_MISSING,
		 "breaking the glass"},
		{"comment that steers",
		 {.verb = APPROVAL_APPROVE,
		  .who = {"bob", "b", "lead"},
		  .text = "fine \xe2\x80\xae"
			  "enif"},
		 RF_E_SYNTAX,
		 "the comment"},
		{"comment of control",
		 {.verb = APPROVAL_APPROVE, .who = {"bob", "b", "lead"}, .text = "\033[2J"},
		 RF_E_SYNTAX,
		 "the comment"},
		{"no account",
		 {.verb = APPROVAL_APPROVE, .who = {NULL, "b", "lead"}},
		 RF_E_MISSING,
		 "the account"},
		{"empty account",
		 {.verb = APPROVAL_APPROVE, .who = {"", "b", "lead"}},
		 RF_E_MISSING,
		 "the account"},
		{"no subject",
		 {.verb = APPROVAL_APPROVE, .who = {"bob", "", "lead"}},
		 RF_E_MISSING,
		 "the person behind"},
		{"no role",
		 {.verb = APPROVAL_APPROVE, .who = {"bob", "b", NULL}},
		 RF_E_MISSING,
		 "the role"},
		{"long account",
		 {.verb = APPROVAL_APPROVE, .who = {LONGEST "a", "b", "lead"}},
		 RF_E_LIMIT,
		 "128 bytes"},
		{"broken UTF-8",
		 {.verb = APPROVAL_APPROVE, .who = {"b\xff", "b", "lead"}},
		 RF_E_SYNTAX,
		 "cannot be shown"},
		{"line in a name",
		 {.verb = APPROVAL_APPROVE, .who = {"b\nann", "b", "lead"}},
		 RF_E_SYNTAX,
		 "cannot be shown"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct story s = story_of(OP("grant.change", NULL));

		must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
		refuses(&s, cases[i].event, cases[i].code, cases[i].says);
		must(&s, EVENT(APPROVE, bob, .text = "two\nlines"), APPROVAL_APPROVED);
	}
}

/* With the longest names every refusal is still a whole sentence. */
static void longest_names(void **state)
{
	const struct approval_person p = {LONGEST, LONGEST, LONGEST}, q = {"q", "q", LONGEST};
	const struct approval_person r = {"r" LEN(""), "r", LONGEST}, other = {"o", "o", "o"};

	(void)state;
	struct story s = story_of((struct approval_site){.operation = "isolation.network.change",
							 .level = "two",
							 ROLES(LONGEST, LEN("b"), "c")});

	must(&s, EVENT(REQUEST, p), APPROVAL_REQUESTED);
	refuses(&s, EVENT(USE, p), RF_E_MISMATCH, "0 of 2");
	refuses(&s, EVENT(CANCEL, r), RF_E_DENIED, "cannot go on");
	refuses(&s, EVENT(APPROVE, p), RF_E_DENIED, "who requested it");
	refuses(&s, EVENT(APPROVE, other), RF_E_DENIED, "does not decide");
	must(&s, EVENT(APPROVE, q), APPROVAL_REQUESTED);
	refuses(&s, EVENT(APPROVE, r), RF_E_DENIED, "has approved it already");
	refuses(&s, EVENT(APPROVE, q), RF_E_DUPLICATE, "person behind q");
}

static void windows_and_counts(void **state)
{
	static const struct {
		const char *name, *level;
		struct approval_terms terms;
		int code; /* of the vote */
		int64_t start_ms, end_ms;
		uint32_t count;
	} cases[] = {
		{"the rule's", "one", {0}, 0, T0, T0 + 4 * HOUR, 100},
		{"an hour, thrice", "one", {0, HOUR, 3}, 0, T0, T0 + HOUR, 3},
		{"later", "one", {T0 + DAY, HOUR, 1}, 0, T0 + DAY, T0 + DAY + HOUR, 1},
		{"begun already", "one", {T0 - MIN, HOUR, 1}, 0, T0, T0 + HOUR - MIN, 1},
		{"begin before time", "one", {-5, HOUR, 1}, 0, T0, T0 + HOUR, 1},
		{"the longest", "one", {0, DAY, 100}, 0, T0, T0 + DAY, 100},
		{"too long", "one", {0, DAY + 1, 1}, RF_E_LIMIT, 0, 0, 0},
		{"backwards", "one", {0, -1, 1}, RF_E_LIMIT, 0, 0, 0},
		{"longest number", "one", {0, INT64_MAX, 1}, RF_E_LIMIT, 0, 0, 0},
		{"lowest number", "one", {0, INT64_MIN, 1}, RF_E_LIMIT, 0, 0, 0},
		{"too far", "one", {T0 + 30 * DAY + 1, HOUR, 1}, RF_E_LIMIT, 0, 0, 0},
		{"end of time", "one", {INT64_MAX, HOUR, 1}, RF_E_LIMIT, 0, 0, 0},
		{"over", "one", {T0 - HOUR, HOUR, 1}, RF_E_LIMIT, 0, 0, 0},
		{"too often", "one", {0, HOUR, 101}, RF_E_LIMIT, 0, 0, 0},
		{"less than once", "one", {0, HOUR, -1}, RF_E_LIMIT, 0, 0, 0},
		{"wraps to one", "one", {0, HOUR, ((int64_t)1 << 32) + 1}, RF_E_LIMIT, 0, 0, 0},
		{"window without begin", "window", {0, HOUR, 1}, RF_E_MISSING, 0, 0, 0},
		{"window without length", "window", {T0 + HOUR, 0, 1}, RF_E_MISSING, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct story s = story_of(OP("grant.change", cases[i].level));
		const struct approval_event vote = EVENT(APPROVE, bob, .terms = cases[i].terms);

		must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
		if (cases[i].code) {
			refuses(&s, vote, cases[i].code, "bob can");
			continue;
		}
		must(&s, vote, APPROVAL_APPROVED);
		if (s.a.start_ms != cases[i].start_ms || s.a.deadline_ms != cases[i].end_ms ||
		    s.a.count != cases[i].count)
			fail_msg("%s: %lld %lld %u", cases[i].name, (long long)(s.a.start_ms - T0),
				 (long long)(s.a.deadline_ms - T0), s.a.count);
	}
}

/* What two approvers say holds together, and their window is a window. */
static void two_windows(void **state)
{
	(void)state;
	struct story s = story_of(OP("store.migrate", NULL));

	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, bob, .terms = {T0 + HOUR, 2 * HOUR, 5}), APPROVAL_REQUESTED);
	refuses(&s, EVENT(APPROVE, cyd, .terms = {T0 + 3 * HOUR, HOUR, 5}), RF_E_LIMIT,
		"no moment in common");
	must(&s, EVENT(APPROVE, cyd, .terms = {T0 + 2 * HOUR, 5 * HOUR, 2}), APPROVAL_APPROVED);
	assert_int_equal(s.a.start_ms, T0 + 2 * HOUR);
	assert_int_equal(s.a.deadline_ms, T0 + 3 * HOUR);
	assert_int_equal(s.a.count, 2);
	refuses(&s, EVENT(USE, ann), RF_E_DENIED, "begins in 120 min");
	s.now_ms = T0 + 2 * HOUR - 1;
	refuses(&s, EVENT(USE, ann), RF_E_DENIED, "begins in 1 min");
	s.now_ms++;
	must(&s, EVENT(USE, ann), APPROVAL_APPROVED);
	s.now_ms = T0 + 3 * HOUR;
	refuses(&s, EVENT(USE, ann), RF_E_MISMATCH, "expired and stays so");
	assert_int_equal(s.a.todo, APPROVAL_TODO_ANSWER);

	/* The first approver's window passes before the second one comes. */
	s = story_of(OP("store.migrate", NULL));
	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, bob, .terms = {T0, HOUR, 0}), APPROVAL_REQUESTED);
	s.now_ms = T0 + HOUR;
	refuses(&s, EVENT(APPROVE, cyd, .terms = {T0, 2 * HOUR, 0}), RF_E_MISMATCH, "expired");

	/* Lengths without a begin count from the last vote. */
	s = story_of(OP("policy.change", NULL));
	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, bob, .terms = {0, HOUR, 0}), APPROVAL_REQUESTED);
	s.now_ms = T0 + 10 * HOUR;
	must(&s, EVENT(APPROVE, cyd), APPROVAL_APPROVED);
	assert_int_equal(s.a.deadline_ms, T0 + 11 * HOUR);
}

static void drift_voids(void **state)
{
	(void)state;
	struct story s = story_of(OP("grant.change", NULL));

	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	/* Whoever may not decide cannot void it either. */
	refuses(&s, EVENT(APPROVE, ann_admin, .digest = digest_b), RF_E_DENIED, "requested it");
	refuses(&s, EVENT(APPROVE, bob, .digest = digest_b), RF_E_CHANGED, "has changed since");
	assert_int_equal(s.a.state, APPROVAL_CANCELLED);
	assert_int_equal(s.a.cause, APPROVAL_CAUSE_DRIFT);
	refuses(&s, EVENT(APPROVE, bob), RF_E_MISMATCH, "cancelled and stays so");

	s = story_of(OP("grant.change", NULL));
	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, bob), APPROVAL_APPROVED);
	refuses(&s, EVENT(USE, bob, .digest = digest_b), RF_E_DENIED, "ann requested it");
	refuses(&s, EVENT(USE, ann, .digest = digest_b), RF_E_CHANGED, "has changed since");
	refuses(&s, EVENT(USE, ann), RF_E_MISMATCH, "cancelled");
}

static void a_stricter_rule_voids(void **state)
{
	static const struct {
		const char *name;
		struct approval_site site;
		bool voids;
	} cases[] = {
		{"same", {.operation = "isolation.disk.change", .level = "one"}, false},
		{"lower", {.operation = "isolation.disk.change", .level = "notify"}, false},
		{"level", {.operation = "isolation.disk.change", .level = "two"}, true},
		{"quorum",
		 {.operation = "isolation.disk.change", .numbers = {[APPROVAL_QUORUM] = 2}},
		 true},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct story s = story_of(OP("isolation.disk.change", "one"));

		must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
		must(&s, EVENT(APPROVE, bob), APPROVAL_APPROVED);
		assert_int_equal(approval_rule_make(&cases[i].site, &s.rule, NULL), 0);
		if (!cases[i].voids) {
			must(&s, EVENT(USE, ann), APPROVAL_APPROVED);
			continue;
		}
		refuses(&s, EVENT(USE, ann), RF_E_CHANGED, "asks for more approval");
		assert_int_equal(s.a.cause, APPROVAL_CAUSE_POLICY);
	}
	/* A lower rule does not help who asked under a higher one. */
	struct story s = story_of(OP("isolation.disk.change", "two"));

	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	assert_int_equal(approval_rule_make(&cases[0].site, &s.rule, NULL), 0);
	must(&s, EVENT(APPROVE, bob), APPROVAL_REQUESTED);
}

static void broken_glass(void **state)
{
	const unsigned alarm = APPROVAL_TODO_RUN | APPROVAL_TODO_ALARM | APPROVAL_TODO_ASK;

	(void)state;
	struct story s = story_of(OP("quarantine.release", NULL));

	must(&s, REASON(BREAK, ann), APPROVAL_GLASS);
	assert_int_equal(s.a.todo, alarm);
	refuses(&s, EVENT(USE, ann), RF_E_MISMATCH, "else it is an incident");
	refuses(&s, REASON(BREAK, ann), RF_E_MISMATCH, "else it is an incident");
	refuses(&s, EVENT(CANCEL, ann), RF_E_MISMATCH, "broken glass");
	refuses(&s, EVENT(APPROVE, ann_admin), RF_E_DENIED, "requested it");
	/* What ran has changed its object by running. */
	must(&s, EVENT(APPROVE, bob, .digest = digest_b), APPROVAL_CONSUMED);
	assert_true(s.a.glass);
	refuses(&s, EVENT(USE, ann), RF_E_MISMATCH, "consumed");

	s = story_of(OP("policy.change", NULL));
	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, bob), APPROVAL_REQUESTED);
	refuses(&s, REASON(BREAK, cyd), RF_E_DENIED, "ann requested it");
	must(&s, REASON(BREAK, ann), APPROVAL_GLASS);
	/* A vote for running it later is none for having run it now. */
	assert_int_equal(s.a.votes_count, 0);
	must(&s, EVENT(APPROVE, bob), APPROVAL_GLASS);
	s.now_ms += DAY;
	must(&s, EVENT(LOOK, ((struct approval_person){0})), APPROVAL_INCIDENT);
	assert_int_equal(s.a.todo,
			 APPROVAL_TODO_INCIDENT | APPROVAL_TODO_ALARM | APPROVAL_TODO_ANSWER);
	refuses(&s, EVENT(APPROVE, cyd), RF_E_MISMATCH, "an incident and stays so");
	assert_int_equal(s.a.todo, 0);

	s = story_of(OP("policy.change", NULL));
	must(&s, REASON(BREAK, ann), APPROVAL_GLASS);
	must(&s, REASON(DENY, bob), APPROVAL_INCIDENT);
	assert_true(s.a.todo & APPROVAL_TODO_INCIDENT);

	/* Too late by a refused vote: the incident is told all the same. */
	s = story_of(OP("policy.change", NULL));
	must(&s, REASON(BREAK, ann), APPROVAL_GLASS);
	s.now_ms += DAY;
	refuses(&s, EVENT(APPROVE, bob), RF_E_MISMATCH, "incident");
	assert_true(s.a.todo & APPROVAL_TODO_INCIDENT);
}

static void clocks_reopen_nothing(void **state)
{
	static const int64_t back[] = {T0, 0, -1, INT64_MIN};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(back); i++) {
		struct story s = story_of(OP("grant.change", NULL));

		must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
		must(&s, EVENT(APPROVE, bob), APPROVAL_APPROVED);
		s.now_ms = T0 + 4 * HOUR;
		must(&s, EVENT(LOOK, ann), APPROVAL_EXPIRED);
		s.now_ms = back[i];
		refuses(&s, EVENT(USE, ann), RF_E_MISMATCH, "expired");

		/* Nor does it when the end was only seen by someone who was refused. */
		s = story_of(OP("grant.change", NULL));
		must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
		must(&s, EVENT(APPROVE, bob), APPROVAL_APPROVED);
		s.now_ms = T0 + 4 * HOUR - 1;
		refuses(&s, EVENT(USE, cyd), RF_E_DENIED, "ann requested");
		s.now_ms = back[i];
		must(&s, EVENT(USE, ann), APPROVAL_APPROVED);
		assert_int_equal(s.a.seen_ms, T0 + 4 * HOUR - 1);
	}
	struct story s = story_of(OP("grant.change", NULL));

	s.now_ms = INT64_MAX;
	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	refuses(&s, EVENT(APPROVE, bob), RF_E_MISMATCH, "expired");
	s = story_of(OP("grant.change", NULL));
	s.now_ms = INT64_MIN;
	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, bob), APPROVAL_APPROVED);
	must(&s, EVENT(USE, ann), APPROVAL_APPROVED);
}

static void numbers_decide_the_order(void **state)
{
	(void)state;
	struct story s = story_of(OP("grant.change", NULL));

	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, bob, .terms = {.count = 3}), APPROVAL_APPROVED);
	must(&s, EVENT(USE, ann, .seq = 10), APPROVAL_APPROVED);
	/* The same event again, or one from before, is not counted. */
	refuses(&s, EVENT(USE, ann, .seq = 10), RF_E_CHANGED, "event 10 comes behind event 10");
	refuses(&s, REASON(DENY, bob, .seq = 9), RF_E_CHANGED, "behind");
	assert_int_equal(s.a.used, 1);
	must(&s, EVENT(USE, ann, .seq = UINT64_MAX), APPROVAL_APPROVED);
	refuses(&s, EVENT(USE, ann, .seq = UINT64_MAX), RF_E_CHANGED, "behind");
}

static void damaged_records_run_nothing(void **state)
{
	struct approval whole;

	(void)state;
	struct story s =
		story_of((struct approval_site){.operation = "policy.change", .shared_role = true});
	must(&s, EVENT(REQUEST, ann), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, bob), APPROVAL_REQUESTED);
	must(&s, EVENT(APPROVE, dan), APPROVAL_APPROVED);
	assert_int_equal(approval_check(&s.a, NULL), 0);
	whole = s.a;
#define DAMAGE(change)                                                                             \
	do {                                                                                       \
		s.a = whole;                                                                       \
		change;                                                                            \
		if (tell(&s, EVENT(USE, ann)) != RF_E_MISMATCH)                                    \
			fail_msg("%s", #change);                                                   \
	} while (0)
	DAMAGE(s.a.state = (enum approval_state)77);
	DAMAGE(s.a.state = (enum approval_state) - 1);
	DAMAGE(s.a.cause = (enum approval_cause)9);
	DAMAGE(s.a.level = (enum approval_level)9);
	DAMAGE(s.a.votes_count = 1);
	DAMAGE(s.a.votes_count = UINT32_MAX);
	DAMAGE(s.a.quorum = 0);
	DAMAGE(s.a.quorum = UINT32_MAX);
	DAMAGE(s.a.count = 0);
	DAMAGE(s.a.count = 1000);
	DAMAGE(s.a.used = s.a.count);
	DAMAGE(s.a.used = UINT32_MAX);
	DAMAGE(s.a.seen_ms = -1);
	DAMAGE(s.a.deadline_ms = INT64_MIN);
	DAMAGE(s.a.start_ms = INT64_MAX);
	DAMAGE(s.a.subject[0] = 0);
	DAMAGE(memset(s.a.subject, 'x', sizeof(s.a.subject)));
	DAMAGE(memset(s.a.account, 'x', sizeof(s.a.account)));
	DAMAGE(memset(s.a.votes[1].role, 'x', sizeof(s.a.votes[1].role)));
	DAMAGE(s.a.votes[1].account[0] = 0);
	/* One person in two rows, the requester as a vote, a role twice where it may not be. */
	DAMAGE(s.a.votes[1] = s.a.votes[0]);
	DAMAGE(rf_copy(s.a.votes[1].subject, sizeof(s.a.votes[1].subject), "s-ann"));
	DAMAGE(rf_copy(s.a.votes[1].account, sizeof(s.a.votes[1].account), "ann"));
	DAMAGE(s.a.distinct_roles = true);
#undef DAMAGE
	s.a = whole;
	must(&s, EVENT(USE, ann), APPROVAL_APPROVED);

	/* Rules, verbs and events that are not for it. */
	struct story other = story_of(OP("grant.change", NULL));
	struct approval_event event = EVENT(USE, ann, .seq = 99, .digest = digest_a);

	assert_int_equal(approval_apply(&s.a, &other.rule, &event, NULL), RF_E_USAGE);
	event.digest = NULL;
	assert_int_equal(approval_apply(&s.a, &s.rule, &event, NULL), RF_E_USAGE);
	event = EVENT(USE, ann, .seq = 99, .digest = digest_a);
	event.verb = (enum approval_verb)99;
	assert_int_equal(approval_apply(&s.a, &s.rule, &event, NULL), RF_E_USAGE);
}

/* A rule that no number was said of follows who is there; never to nobody. */
static void rules_follow_people(void **state)
{
	static const char *const named[] = {"chiefs"};
	static const struct {
		const char *name;
		struct approval_site site;
		struct approval_people people;
		int64_t quorum;
		bool distinct, reached;
	} cases[] = {
		{"two of two roles", {.operation = "policy.change"}, {2, 2}, 2, true, true},
		{"two of one role", {.operation = "policy.change"}, {2, 1}, 2, false, true},
		{"one", {.operation = "policy.change"}, {1, 1}, 1, false, true},
		{"nobody", {.operation = "policy.change"}, {0, 0}, 1, false, true},
		{"a window of two, and one is there",
		 {.operation = "store.migrate"},
		 {1, 1},
		 1,
		 false,
		 true},
		{"one is asked for", {.operation = "grant.change"}, {0, 0}, 1, false, true},
		{"nobody is asked for", {.operation = "host.fix"}, {0, 0}, 0, false, true},
		{"the site said two",
		 {.operation = "policy.change", .level = "two"},
		 {1, 1},
		 2,
		 true,
		 false},
		{"the site said three",
		 {.operation = "policy.change", .numbers = {[APPROVAL_QUORUM] = 3}},
		 {2, 2},
		 3,
		 true,
		 false},
		{"of one role, and the site said two",
		 {.operation = "policy.change", .level = "two"},
		 {2, 1},
		 2,
		 true,
		 false},
		{"who share it",
		 {.operation = "policy.change", .level = "two", .shared_role = true},
		 {2, 1},
		 2,
		 false,
		 true},
		{"the site said by whom",
		 {.operation = "grant.change", .roles = named, .roles_count = 1},
		 {2, 2},
		 1,
		 false,
		 true},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct approval_rule rule;
		struct rf_err err = {0};

		if (approval_rule_make(&cases[i].site, &rule, &err))
			fail_msg("%s: %s", cases[i].name, err.text);
		approval_rule_fit(&rule, cases[i].people);
		bool reached = approval_rule_reach(&rule, cases[i].people, &err) == 0;

		if (rule.numbers[APPROVAL_QUORUM] != cases[i].quorum ||
		    rule.distinct_roles != cases[i].distinct || reached != cases[i].reached ||
		    rule.level < rule.operation->floor)
			fail_msg("%s: %lld, %d, %d", cases[i].name,
				 (long long)rule.numbers[APPROVAL_QUORUM], rule.distinct_roles,
				 reached);
		if (!reached)
			assert_refusal(&err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_hold_their_floor),
		cmocka_unit_test(tables_are_sound),
		cmocka_unit_test(levels_without_approver_run_at_once),
		cmocka_unit_test(one_approver),
		cmocka_unit_test(two_approvers_of_two_roles),
		cmocka_unit_test(the_longest_quorum),
		cmocka_unit_test(granted_lately),
		cmocka_unit_test(reasons_and_people_are_needed),
		cmocka_unit_test(longest_names),
		cmocka_unit_test(windows_and_counts),
		cmocka_unit_test(two_windows),
		cmocka_unit_test(drift_voids),
		cmocka_unit_test(a_stricter_rule_voids),
		cmocka_unit_test(broken_glass),
		cmocka_unit_test(clocks_reopen_nothing),
		cmocka_unit_test(numbers_decide_the_order),
		cmocka_unit_test(damaged_records_run_nothing),
		cmocka_unit_test(rules_follow_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
