/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second person: which routes want one, by whose word, for exactly which act, until when; who
 * is told; and the broken glass. Each story is a row or a few calls with a clock of its own.
 */
#include "api_test.h"
#include "store/ask.h"
#include "store/consent.h"
#include "store/ledger.h"

#define DAY ((int64_t)86400000)
#define OFF "/api/v1/commands/quarantine-release"

static const char release[] = "{\"hosts\":[\"h1\"],\"vm\":\"db\",\"reason\":\"clean\"}";

/* A fleet of two hosts, who operates, two who approve, who administers. */
struct story {
	struct api_test t;
	char setup[API_SECRET_TEXT_BYTES], ann[API_SECRET_TEXT_BYTES], bob[API_SECRET_TEXT_BYTES],
		cid[API_SECRET_TEXT_BYTES];
	char id[STORE_ID_BYTES], digest[80];
};

static void must(int rc, const struct rf_err *err)
{
	if (rc)
		fail_msg("%s", rf_err_text(err));
}

static void story_begin(struct story *s)
{
	struct rf_err err = {0};

	memset(s, 0, sizeof(*s));
	api_test_begin(&s->t);
	api_test_setup(&s->t, s->setup);
	for (int i = 1; i <= 2; i++) {
		char id[8], name[8];
		const struct store_host host = {
			.host = id, .name = name, .labels = "{}", .created_ms = API_NOW};

		snprintf(id, sizeof(id), "h%d", i);
		snprintf(name, sizeof(name), "web-%d", i);
		must(store_host_add(s->t.api.store, &host, &err), &err);
	}
	/* Roles and grants are older than what counts as lately. */
	s->t.now_ms += 10 * DAY;
	api_test_person(&s->t, "root", "administrator", s->setup);
	api_test_person(&s->t, "ann", "operator", s->ann);
	api_test_person(&s->t, "bob", "approver", s->bob);
	static const char *const more[] = {"approval.give", "object.read"};
	const struct store_role second = {"second", "", more, 2, "setup", API_NOW};

	must(store_role_put(s->t.api.store, &second, &err), &err);
	api_test_person(&s->t, "cid", "second", s->cid);
}

static int call(struct story *s, const char *who, const char *const line[3], json_t **out)
{
	const struct api_as as = {.bearer = who, .approval = s->id[0] ? s->id : NULL};

	s->t.now_ms += 1000;
	return api_test_status(&s->t, line[0], line[1], line[2], &as, out);
}
#define CALL(...) ((const char *const[3]){__VA_ARGS__})

static void text_of(const json_t *json, const char *member, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(json, member));

	assert_non_null(text);
	assert_true(rf_copy(out, size, text));
}

/* Tries, is refused, and reads what is asked for. */
static void request(struct story *s, const char *who, const char *const line[3])
{
	char path[256];
	json_t *json = NULL;

	s->id[0] = '\0';
	assert_int_equal(call(s, who, line, &json), 403);
	assert_string_equal(json_string_value(json_object_get(json, "type")),
			    "urn:ringfence:problem:approval-needed");
	text_of(json, "approval", s->id, sizeof(s->id));
	json_decref(json);
	snprintf(path, sizeof(path), "/api/v1/approvals/%s", s->id);
	assert_int_equal(call(s, s->bob, CALL("GET", path, NULL), &json), 200);
	text_of(json, "digest", s->digest, sizeof(s->digest));
	json_decref(json);
}

static int vote(struct story *s, const char *who, const char *terms)
{
	char path[256], body[512];

	snprintf(path, sizeof(path), "/api/v1/approvals/%s/approve", s->id);
	snprintf(body, sizeof(body), "{\"digest\":\"%s\"%s}", s->digest, terms);
	return call(s, who, CALL("POST", path, body), NULL);
}

static void state_is(struct story *s, const char *state)
{
	char path[256];
	json_t *json = NULL;

	snprintf(path, sizeof(path), "/api/v1/approvals/%s", s->id);
	assert_int_equal(call(s, s->bob, CALL("GET", path, NULL), &json), 200);
	assert_string_equal(json_string_value(json_object_get(json, "state")), state);
	json_decref(json);
}

static int take_event(void *arg, const struct store_event *event)
{
	return rf_buf_printf(arg, "%s %s %s %s\n", event->kind, event->new_state, event->about,
			     event->text);
}

/* All events, a line each. */
static void events_have(struct story *s, const char *words, bool wanted)
{
	RF_AUTOBUF struct rf_buf all = {0};
	struct rf_err err = {0};

	must(store_event_after(s->t.api.store, 0, 1000, take_event, &all, &err), &err);
	if ((strstr(rf_buf_text(&all), words) != NULL) != wanted)
		fail_msg("%s: %s", words, rf_buf_text(&all));
}

/* Everything that the issue names wants a second person, and some things only tell. */
static void test_routes(void **state)
{
	static const struct {
		const char *name, *line[3];
		bool by_admin;
		int status; /* 403: an approval is asked for */
	} rows[] = {
		{"isolation",
		 {"POST", "/api/v1/commands/isolate-apply", "{\"hosts\":[\"h1\"]}"},
		 false,
		 403},
		{"undo of isolation",
		 {"POST", "/api/v1/commands/isolate-rollback",
		  "{\"hosts\":[\"h1\"],\"plan\":\"p\"}"},
		 false,
		 403},
		{"out of quarantine", {"POST", OFF, release}, false, 403},
		{"a baseline", {"POST", "/api/v1/hosts/h1/approve", NULL}, true, 403},
		{"a permission",
		 {"PUT", "/api/v1/permissions",
		  "{\"object\":\"\",\"principal\":\"ann\",\"role\":\"viewer\"}"},
		 true,
		 403},
		{"taking one",
		 {"POST", "/api/v1/permissions/take", "{\"object\":\"\",\"principal\":\"ann\"}"},
		 true,
		 403},
		{"a group", {"PUT", "/api/v1/groups/g/members/ann", NULL}, true, 403},
		{"a role", {"PUT", "/api/v1/roles/r", "{\"privileges\":[]}"}, true, 403},
		{"the policy of this itself",
		 {"PUT", "/api/v1/approval-rules/host.retire", "{\"level\":\"two\"}"},
		 true,
		 403},
		{"into quarantine",
		 {"POST", "/api/v1/commands/quarantine",
		  "{\"hosts\":[\"h1\"],\"level\":\"seal\",\"reason\":\"r\"}"},
		 false,
		 201},
		{"a check", {"POST", "/api/v1/commands/check", "{\"hosts\":[\"h1\"]}"}, false, 201},
	};
	struct story s;

	(void)state;
	story_begin(&s);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		json_t *json = NULL;
		int status = call(&s, rows[i].by_admin ? s.setup : s.ann, rows[i].line, &json);
		bool asked = json_object_get(json, "approval") != NULL;

		json_decref(json);
		if (status != rows[i].status || asked != (status == 403))
			fail_msg("%s: %d", rows[i].name, status);
	}
	/* Nobody waited to shut a VM in; approvers hear of it. */
	events_have(&s, "approval.notice done quarantine.begin", true);
	events_have(&s, "approval.wanted requested", true);
	api_test_end(&s.t);
}

/* What was approved is that act, of those objects as they were. */
static void test_bound(void **state)
{
	static const struct {
		const char *name, *line[3];
		const char *host_becomes; /* NULL: as it was */
		int status;
	} rows[] = {
		{"the same", {"POST", OFF, release}, NULL, 201},
		{"in another order of members",
		 {"POST", OFF, "{\"vm\":\"db\", \"reason\":\"clean\",\"hosts\":[\"h1\"]}"},
		 NULL,
		 201},
		{"another VM",
		 {"POST", OFF, "{\"hosts\":[\"h1\"],\"vm\":\"web\",\"reason\":\"clean\"}"},
		 NULL,
		 409},
		{"one host more",
		 {"POST", OFF, "{\"hosts\":[\"h1\",\"h2\"],\"vm\":\"db\",\"reason\":\"clean\"}"},
		 NULL,
		 409},
		{"another host",
		 {"POST", OFF, "{\"hosts\":[\"h2\"],\"vm\":\"db\",\"reason\":\"clean\"}"},
		 NULL,
		 409},
		{"another operation",
		 {"POST", "/api/v1/commands/isolate-apply", "{\"hosts\":[\"h1\"]}"},
		 NULL,
		 400},
		{"the host's state has changed", {"POST", OFF, release}, "UNTRUSTED", 409},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct story s;
		struct rf_err err = {0};
		const struct store_state becomes = {"h1", rows[i].host_becomes, "test",
						    API_NOW + 11 * DAY};

		story_begin(&s);
		request(&s, s.ann, CALL("POST", OFF, release));
		assert_int_equal(vote(&s, s.bob, ""), 201);
		events_have(&s, "approval.answer approved", true);
		if (rows[i].host_becomes)
			must(store_host_state(s.t.api.store, &becomes, NULL, &err), &err);
		int status = call(&s, s.ann, rows[i].line, NULL);

		if (status != rows[i].status)
			fail_msg("%s: %d", rows[i].name, status);
		/* Void, for good: also for what was approved. */
		if (status == 409)
			assert_int_not_equal(call(&s, s.ann, CALL("POST", OFF, release), NULL),
					     201);
		api_test_end(&s.t);
	}
}

/* Start, duration, count, and a clock that goes back. */
static void test_window(void **state)
{
	static const struct {
		const char *name, *terms;
		int64_t after_ms[3]; /* when it is tried */
		int status[3];
	} rows[] = {
		{"once", "", {1000, 2000, 3000}, {201, 422, 422}},
		{"twice", ",\"count\":2", {1000, 2000, 3000}, {201, 201, 422}},
		{"for an hour",
		 ",\"duration_ms\":3600000,\"count\":9",
		 {1000, 3500000, 3700000},
		 {201, 201, 422}},
		{"it has ended, and the clock jumps back",
		 ",\"duration_ms\":3600000,\"count\":9",
		 {1000, 3700000, 2000},
		 {201, 422, 422}},
		{"as the rule says", ",\"count\":9", {1000, 14300000, 14500000}, {201, 201, 422}},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct story s;

		story_begin(&s);
		request(&s, s.ann, CALL("POST", OFF, release));
		assert_int_equal(vote(&s, s.bob, rows[i].terms), 201);
		int64_t begin = s.t.now_ms;

		for (int k = 0; k < 3; k++) {
			s.t.now_ms = begin + rows[i].after_ms[k];
			int status = call(&s, s.ann, CALL("POST", OFF, release), NULL);

			if (status != rows[i].status[k])
				fail_msg("%s: try %d: %d", rows[i].name, k, status);
		}
		api_test_end(&s.t);
	}
}

static void test_not_before(void **state)
{
	char terms[64];
	struct story s;

	(void)state;
	story_begin(&s);
	request(&s, s.ann, CALL("POST", OFF, release));
	snprintf(terms, sizeof(terms), ",\"start_ms\":%lld", (long long)(s.t.now_ms + 3600000));
	assert_int_equal(vote(&s, s.bob, terms), 201);
	assert_int_equal(call(&s, s.ann, CALL("POST", OFF, release), NULL), 403);
	s.t.now_ms += 3600000;
	assert_int_equal(call(&s, s.ann, CALL("POST", OFF, release), NULL), 201);
	api_test_end(&s.t);
}

/* Nobody approves their own request, by whichever account; nor uses another's. */
static void test_never_by_the_requester(void **state)
{
	char twin[API_SECRET_TEXT_BYTES], path[256];
	struct rf_err err = {0};
	struct story s;

	(void)state;
	story_begin(&s);
	request(&s, s.ann, CALL("POST", OFF, release));
	assert_int_equal(vote(&s, s.ann, ""), 403);
	api_test_person(&s.t, "twin", "approver", twin);
	must(store_account_put(s.t.api.store,
			       &(struct store_account){"twin", "ann", "pam", "", false, 1}, &err),
	     &err);
	assert_int_equal(vote(&s, twin, ""), 403);
	/* She holds two duties now: neither is hers, until the second account is not. */
	must(store_account_put(s.t.api.store,
			       &(struct store_account){"twin", "twin", "pam", "", true, 1}, &err),
	     &err);
	assert_int_equal(vote(&s, s.bob, ""), 201);
	assert_int_equal(call(&s, s.setup, CALL("POST", OFF, release), NULL), 403);
	state_is(&s, "approved");
	snprintf(path, sizeof(path), "/api/v1/approvals/%s/cancel", s.id);
	assert_int_equal(call(&s, s.bob, CALL("POST", path, NULL), NULL), 403);
	assert_int_equal(call(&s, s.ann, CALL("POST", path, NULL), NULL), 201);
	assert_int_equal(call(&s, s.ann, CALL("POST", OFF, release), NULL), 422);
	api_test_end(&s.t);
}

/* Who may not ask is not given a second person. */
static void test_who_may_ask(void **state)
{
	static const char *const alone[] = {"quarantine.release"};
	const struct store_role role = {"alone", "", alone, 1, "root", 1};
	char dan[API_SECRET_TEXT_BYTES];
	json_t *json = NULL;
	struct rf_err err = {0};
	struct story s;

	(void)state;
	story_begin(&s);
	must(store_role_put(s.t.api.store, &role, &err), &err);
	api_test_person(&s.t, "dan", "alone", dan);
	assert_int_equal(call(&s, dan, CALL("POST", OFF, release), &json), 403);
	assert_null(json_object_get(json, "approval"));
	assert_non_null(
		strstr(json_string_value(json_object_get(json, "detail")), "approval.request"));
	json_decref(json);
	api_test_end(&s.t);
}

/* The site's policy, which is changed under itself. */
static void test_policy(void **state)
{
	static const struct {
		const char *name, *path, *body;
		int status;
		const char *words;
	} wrong[] = {
		{"below the floor", "/api/v1/approval-rules/grant.change", "{\"level\":\"record\"}",
		 422, "floor"},
		{"no operation", "/api/v1/approval-rules/moon.walk", "{\"level\":\"one\"}", 404,
		 NULL},
		{"no level", "/api/v1/approval-rules/host.fix", "{\"level\":\"three\"}", 400, NULL},
		{"a quorum below the level", "/api/v1/approval-rules/host.fix",
		 "{\"level\":\"two\",\"quorum\":1}", 422, "quorum"},
		{"a window longer than any", "/api/v1/approval-rules/host.fix",
		 "{\"level\":\"one\",\"window_ms\":999999999}", 413, NULL},
		{"a role twice", "/api/v1/approval-rules/host.fix",
		 "{\"level\":\"one\",\"roles\":[\"a\",\"a\"]}", 409, NULL},
		{"another member", "/api/v1/approval-rules/host.fix", "{\"all\":true}", 404, NULL},
	};
	const char *const begin[3] = {"POST", "/api/v1/commands/quarantine",
				      "{\"hosts\":[\"h1\"],\"level\":\"seal\",\"reason\":\"r\"}"};
	const char *const two[3] = {"PUT", "/api/v1/approval-rules/quarantine.begin",
				    "{\"level\":\"two\",\"window_ms\":60000}"};
	char setup[API_SECRET_TEXT_BYTES];
	struct story s;

	(void)state;
	/* Alone, every word is judged by itself. */
	api_test_begin(&s.t);
	s.id[0] = '\0';
	api_test_setup(&s.t, setup);
	for (size_t i = 0; i < RF_COUNT(wrong); i++) {
		json_t *json = NULL;
		int status = call(&s, setup, CALL("PUT", wrong[i].path, wrong[i].body), &json);
		const char *detail = json_string_value(json_object_get(json, "detail"));

		if (status != wrong[i].status ||
		    (wrong[i].words && !strstr(detail, wrong[i].words)))
			fail_msg("%s: %d %s", wrong[i].name, status, detail);
		json_decref(json);
	}
	api_test_end(&s.t);

	story_begin(&s);
	assert_int_equal(call(&s, s.ann, begin, NULL), 201);
	request(&s, s.setup, two);
	assert_int_equal(vote(&s, s.bob, ""), 201);
	state_is(&s, "requested"); /* a policy wants two, of different roles */
	assert_int_equal(vote(&s, s.cid, ""), 201);
	assert_int_equal(call(&s, s.setup, two, NULL), 204);
	s.id[0] = '\0';
	request(&s, s.ann, begin);
	assert_int_equal(vote(&s, s.bob, ""), 201);
	assert_int_equal(vote(&s, s.bob, ""), 409);
	assert_int_not_equal(call(&s, s.ann, begin, NULL), 201);
	assert_int_equal(vote(&s, s.cid, ""), 201);
	assert_int_equal(call(&s, s.ann, begin, NULL), 201);
	json_t *json = NULL;

	assert_int_equal(call(&s, s.ann, CALL("GET", "/api/v1/approval-rules", NULL), &json), 200);
	RF_AUTOFREE char *text = json_dumps(json, JSON_COMPACT);

	assert_non_null(strstr(text, "\"operation\":\"quarantine.begin\",\"title\":\"shut a VM "
				     "in\",\"level\":\"two\",\"floor\":\"record\",\"quorum\":2"));
	json_decref(json);
	api_test_end(&s.t);
}

/* A rule that becomes stricter ends what is open under the one before. */
static void test_stricter(void **state)
{
	const struct store_rule rule = {"quarantine.release", "{\"level\":\"two\"}", "root", 1};
	struct rf_err err = {0};
	struct story s;

	(void)state;
	story_begin(&s);
	request(&s, s.ann, CALL("POST", OFF, release));
	assert_int_equal(vote(&s, s.bob, ""), 201);
	must(store_rule_put(s.t.api.store, &rule, &err), &err);
	assert_int_not_equal(call(&s, s.ann, CALL("POST", OFF, release), NULL), 201);
	api_test_end(&s.t);
}

static int break_it(struct story *s, const char *who, const char *const line[3], const char *why)
{
	struct api_reply reply;
	const struct api_request request = {
		.method = line[0],
		.path = line[1],
		.authorization = who,
		.host = "manager",
		.content_type = "application/json",
		.approval = s->id[0] ? s->id : NULL,
		.glass = why,
		.body = rf_slice_text(line[2]),
		.address = "192.0.2.1",
		.now_ms = s->t.now_ms += 1000,
	};

	memset(&reply, 0, sizeof(reply));
	api_answer(&s->t.api, &request, &reply);
	int status = reply.status;

	api_reply_done(&reply);
	return status;
}

static int take_line(void *arg, int64_t n, struct rf_slice line)
{
	(void)n;
	return rf_buf_add(arg, line.data, line.len);
}

static int take_first(void *arg, const char *approval, const char *state)
{
	(void)state;
	return rf_copy(arg, STORE_ID_BYTES, approval) ? 0 : RF_E_LIMIT;
}

/* It runs at once; an alarm is raised; somebody stands by it within a day, or it is an incident. */
static void test_glass(void **state)
{
	static const struct {
		const char *name, *ends; /* approve, deny, or time */
		const char *state, *event;
	} rows[] = {
		{"somebody stands by it", "approve", "consumed", "approval.answer consumed"},
		{"somebody does not", "deny", "an incident", "approval.incident an incident"},
		{"nobody does", "", "an incident", "approval.incident an incident"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct story s;
		struct rf_err err = {0};
		char bearer[128], path[256];
		RF_AUTOBUF struct rf_buf ledger = {0};
		const struct store_approval_page page = {"glass broken", "", 10};

		story_begin(&s);
		snprintf(bearer, sizeof(bearer), "Bearer %s", s.ann);
		/* Not without a word of why. */
		assert_int_equal(break_it(&s, bearer, CALL("POST", OFF, release), ""), 400);
		assert_int_equal(break_it(&s, bearer, CALL("POST", OFF, release), "on fire"), 201);
		events_have(&s, "approval.alarm glass broken", true);
		events_have(&s, "on fire", true);
		events_have(&s, "approval.incident", false);
		must(store_ledger_each(s.t.api.store, 0, 1000, take_line, &ledger, &err), &err);
		assert_non_null(strstr(rf_buf_text(&ledger), "the glass was broken"));
		must(store_approval_each(s.t.api.store, &page, take_first, s.id, &err), &err);
		assert_true(s.id[0]);
		json_t *json = NULL;

		snprintf(path, sizeof(path), "/api/v1/approvals/%s", s.id);
		assert_int_equal(call(&s, s.bob, CALL("GET", path, NULL), &json), 200);
		text_of(json, "digest", s.digest, sizeof(s.digest));
		json_decref(json);
		/* Once, not again, and nothing is an incident before its time. */
		assert_int_not_equal(call(&s, s.ann, CALL("POST", OFF, release), NULL), 201);
		must(api_approvals_look(s.t.api.store, s.t.now_ms + 3600000, &err), &err);
		events_have(&s, "approval.incident", false);
		snprintf(path, sizeof(path), "/api/v1/approvals/%s/deny", s.id);
		if (rf_equal(rows[i].ends, "approve"))
			assert_int_equal(vote(&s, s.bob, ""), 201);
		else if (rf_equal(rows[i].ends, "deny"))
			assert_int_equal(
				call(&s, s.bob, CALL("POST", path, "{\"reason\":\"no\"}"), NULL),
				201);
		must(api_approvals_look(s.t.api.store, s.t.now_ms + 2 * DAY, &err), &err);
		state_is(&s, rows[i].state);
		events_have(&s, rows[i].event, true);
		api_test_end(&s.t);
	}
}

/* Who may not do it at all breaks no glass, nor who may not ask. */
static void test_glass_is_no_right(void **state)
{
	char bearer[128];
	struct story s;

	(void)state;
	story_begin(&s);
	snprintf(bearer, sizeof(bearer), "Bearer %s", s.bob);
	assert_int_equal(break_it(&s, bearer, CALL("POST", OFF, release), "please"), 403);
	events_have(&s, "approval.alarm", false);
	api_test_end(&s.t);
}

/* Time ends a request that nobody answered, once, and says so. */
static void test_look(void **state)
{
	struct rf_err err = {0};
	struct story s;

	(void)state;
	story_begin(&s);
	request(&s, s.ann, CALL("POST", OFF, release));
	must(api_approvals_look(s.t.api.store, s.t.now_ms + 1000, &err), &err);
	state_is(&s, "requested");
	must(api_approvals_look(s.t.api.store, s.t.now_ms + 2 * DAY, &err), &err);
	state_is(&s, "expired");
	events_have(&s, "approval.answer expired", true);
	assert_int_not_equal(vote(&s, s.bob, ""), 201);
	api_test_end(&s.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_not_before),
		cmocka_unit_test(test_never_by_the_requester),
		cmocka_unit_test(test_who_may_ask),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_stricter),
		cmocka_unit_test(test_glass),
		cmocka_unit_test(test_glass_is_no_right),
		cmocka_unit_test(test_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
