/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When an act wants a second person: what of a route changes rights, and how many are asked where
 * the site has said nothing and has few people.
 */
#include "api/rights_parts.h"
#include "api_test.h"
#include "store/consent.h"

#define DAY ((int64_t)86400000)

static void must(int rc, const struct rf_err *err)
{
	if (rc)
		fail_msg("%s", rf_err_text(err));
}

static int call(struct api_test *t, const char *who, const char *const line[3], json_t **out)
{
	const struct api_as as = {.bearer = who};

	t->now_ms += 1000;
	return api_test_status(t, line[0], line[1], line[2], &as, out);
}
#define CALL(...) ((const char *const[3]){__VA_ARGS__})

static void approvers_make(struct api_test *t, size_t people, size_t roles)
{
	static const char *const may[] = {"approval.give", "object.read"};
	char secret[API_SECRET_TEXT_BYTES], name[40], role[40];
	struct rf_err err = {0};

	for (size_t i = 0; i < people; i++) {
		snprintf(name, sizeof(name), "second-%zu", i);
		snprintf(role, sizeof(role), "role-%zu", i % roles);
		const struct store_role row = {role, "", may, RF_COUNT(may), "setup", API_NOW};

		must(store_role_put(t->api.store, &row, &err), &err);
		api_test_person(t, name, role, secret);
	}
}

/* What of the inventory's routes moves rights. */
static void test_moves(void **state)
{
	static const struct {
		const char *name, *call[3];
		int status; /* 403: a second person is asked for */
	} rows[] = {
		{"a new group",
		 {"PUT", "/api/v1/objects/group:g3",
		  "{\"kind\":\"group\",\"name\":\"g3\",\"parents\":[\"site:s\"]}"},
		 204},
		{"a new VM",
		 {"PUT", "/api/v1/objects/vm:v2",
		  "{\"kind\":\"vm\",\"name\":\"v2\",\"parents\":[\"host:h2\"]}"},
		 204},
		{"another name, the same place",
		 {"PUT", "/api/v1/objects/group:g1",
		  "{\"kind\":\"group\",\"name\":\"West\",\"parents\":[\"site:s\"]}"},
		 204},
		{"labels that no permission asks for",
		 {"PUT", "/api/v1/objects/group:g1",
		  "{\"kind\":\"group\",\"name\":\"West\",\"labels\":{\"a\":\"b\"},\"parents\":[\"site:s\"]}"},
		 204},
		{"the same, in another order",
		 {"PUT", "/api/v1/objects/vm:v1",
		  "{\"kind\":\"vm\",\"name\":\"v1\",\"parents\":[\"group:g1\",\"host:h2\"]}"},
		 204},
		{"a VM to another host",
		 {"PUT", "/api/v1/objects/vm:v1",
		  "{\"kind\":\"vm\",\"name\":\"v1\",\"parents\":[\"host:h3\",\"group:g1\"]}"},
		 403},
		{"a VM out of its group",
		 {"PUT", "/api/v1/objects/vm:v1",
		  "{\"kind\":\"vm\",\"name\":\"v1\",\"parents\":[\"host:h2\"]}"},
		 403},
		{"a VM into another place, too",
		 {"PUT", "/api/v1/objects/vm:v2",
		  "{\"kind\":\"vm\",\"name\":\"v2\",\"parents\":[\"host:h2\",\"group:g2\"]}"},
		 403},
		{"a group to another",
		 {"PUT", "/api/v1/objects/group:g1",
		  "{\"kind\":\"group\",\"name\":\"g1\",\"parents\":[\"group:g2\"]}"},
		 403},
		{"a host of the fleet below a group",
		 {"PUT", "/api/v1/objects/host:h1",
		  "{\"kind\":\"host\",\"name\":\"web-1\",\"parents\":[\"group:g1\"]}"},
		 403},
		{"a host that no agent is of",
		 {"PUT", "/api/v1/objects/host:h9",
		  "{\"kind\":\"host\",\"name\":\"h9\",\"parents\":[\"group:g1\"]}"},
		 204},
		{"an object with a permission goes",
		 {"DELETE", "/api/v1/objects/vm:v3", NULL},
		 403},
		{"a host goes back to the fleet", {"DELETE", "/api/v1/objects/host:h3", NULL}, 403},
		{"what nobody had rights of its own on goes",
		 {"DELETE", "/api/v1/objects/group:g3", NULL},
		 204},
		{"what is not there", {"DELETE", "/api/v1/objects/group:g8", NULL}, 404},
	};
	static const struct store_object objects[] = {
		{"site:s", "site", "s", NULL, {NULL, NULL}},
		{"group:g1", "group", "g1", NULL, {"site:s", NULL}},
		{"group:g2", "group", "g2", NULL, {"site:s", NULL}},
		{"host:h2", "host", "h2", NULL, {"group:g2", NULL}},
		{"host:h3", "host", "h3", NULL, {"group:g2", NULL}},
		{"vm:v1", "vm", "v1", NULL, {"host:h2", "group:g1"}},
		{"vm:v3", "vm", "v3", NULL, {"host:h2", NULL}},
	};
	const struct store_permission permission = {"vm:v3", "root", false,  "no-access",
						    true,    NULL,   "root", API_NOW};
	const struct store_host host = {
		.host = "h1", .name = "web-1", .labels = "{}", .created_ms = API_NOW};
	char setup[API_SECRET_TEXT_BYTES], root[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	must(store_host_add(t.api.store, &host, &err), &err);
	for (size_t i = 0; i < RF_COUNT(objects); i++)
		must(store_object_put(t.api.store, &objects[i], &err), &err);
	api_test_person(&t, "root", "administrator", root);
	must(store_permission_put(t.api.store, &permission, &err), &err);
	approvers_make(&t, 1, 1);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		json_t *json = NULL;
		int status = call(&t, setup, rows[i].call, &json);
		bool asked = json_object_get(json, "approval") != NULL;

		json_decref(json);
		if (status != rows[i].status || asked != (status == 403))
			fail_msg("%s: %d", rows[i].name, status);
	}
	/* Where a permission holds for labels, who labels gives rights. */
	must(store_permission_put(
		     t.api.store,
		     &(struct store_permission){"site:s", "root", false, "viewer", true,
						"{\"labels\":{\"zone\":\"dmz\"}}", "root", API_NOW},
		     &err),
	     &err);
	assert_int_equal(
		call(&t, setup,
		     CALL("PUT", "/api/v1/objects/group:g1",
			  "{\"kind\":\"group\",\"name\":\"g1\",\"labels\":{\"zone\":\"dmz\"},"
			  "\"parents\":[\"site:s\"]}"),
		     NULL),
		403);
	assert_int_equal(call(&t, setup,
			      CALL("PUT", "/api/v1/objects/group:g1",
				   "{\"kind\":\"group\",\"name\":\"g0\",\"labels\":{\"a\":\"b\"},"
				   "\"parents\":[\"site:s\"]}"),
			      NULL),
			 204);
	api_test_end(&t);
}

/* Who would be asked is not shut out by who would have to ask. */
static void test_approver_changes(void **state)
{
	static const struct {
		const char *name, *user, *body;
		int status;
	} rows[] = {
		{"an approver is shut out", "second-0", "{\"disabled\":true}", 403},
		{"an approver becomes another person", "second-0", "{\"subject\":\"ann\"}", 403},
		{"an approver gets a name", "second-0", "{\"name\":\"Zwei\"}", 201},
		{"one that was shut out is let in again", "second-1", "{}", 403},
		{"another is shut out", "eve", "{\"disabled\":true}", 201},
		{"somebody new", "new", "{}", 201},
	};
	char setup[API_SECRET_TEXT_BYTES], eve[API_SECRET_TEXT_BYTES], path[64];
	struct rf_err err = {0};
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	approvers_make(&t, 2, 1);
	api_test_person(&t, "eve", "viewer", eve);
	must(store_account_put(t.api.store,
			       &(struct store_account){"second-1", "second-1", "pam", "", true, 1},
			       &err),
	     &err);
	must(store_principal_put(t.api.store, &(struct store_principal){"second-1", false, true},
				 &err),
	     &err);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		snprintf(path, sizeof(path), "/api/v1/users/%s", rows[i].user);
		int status = call(&t, setup, CALL("PUT", path, rows[i].body), NULL);

		if (status != rows[i].status && !(rows[i].status == 201 && status == 200))
			fail_msg("%s: %d", rows[i].name, status);
	}
	api_test_end(&t);
}

static int asked_of(struct api_test *t, const char *setup, const char *const line[3],
		    char id[STORE_ID_BYTES])
{
	json_t *json = NULL;
	int status = call(t, setup, line, &json);
	const char *text = json_string_value(json_object_get(json, "approval"));

	id[0] = '\0';
	if (text)
		assert_true(rf_copy(id, STORE_ID_BYTES, text));
	json_decref(json);
	return status;
}

struct asked {
	int64_t quorum;
	bool distinct;
};

static int take_asked(void *arg, const struct store_approval *approval)
{
	struct asked *asked = arg;

	asked->quorum = approval->record.quorum;
	asked->distinct = approval->record.distinct_roles;
	return 0;
}

/* A change of the policy wants two of different roles; one where one is there, never nobody. */
static void test_fit(void **state)
{
	static const struct {
		const char *name;
		size_t people, roles;
		const char *site; /* of policy.change; NULL: nothing */
		int64_t quorum;
		bool distinct;
	} rows[] = {
		{"two, of two roles", 2, 2, NULL, 2, true},
		{"three of one role", 3, 1, NULL, 2, false},
		{"one", 1, 1, NULL, 1, false},
		{"one, and the site said one", 1, 1, "{\"level\":\"one\"}", 1, false},
		{"two, and the site said one", 2, 2, "{\"level\":\"one\"}", 1, false},
		{"one, and the site said two: its word holds", 1, 1, "{\"level\":\"two\"}", 2,
		 true},
		{"one, and the site said when alone", 1, 1, "{\"window_ms\":60000}", 1, false},
	};
	const char *const line[3] = {"PUT", "/api/v1/approval-rules/host.retire",
				     "{\"level\":\"one\"}"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct store_rule rule = {"policy.change", rows[i].site, "root", API_NOW};
		char setup[API_SECRET_TEXT_BYTES], id[STORE_ID_BYTES];
		struct asked asked = {0};
		struct rf_err err = {0};
		struct api_test t;

		api_test_begin(&t);
		api_test_setup(&t, setup);
		approvers_make(&t, rows[i].people, rows[i].roles);
		if (rows[i].site)
			must(store_rule_put(t.api.store, &rule, &err), &err);
		assert_int_equal(asked_of(&t, setup, line, id), 403);
		must(store_approval_get(t.api.store, id, take_asked, &asked, &err), &err);
		if (asked.quorum != rows[i].quorum || asked.distinct != rows[i].distinct)
			fail_msg("%s: %lld, %d", rows[i].name, (long long)asked.quorum,
				 asked.distinct);
		api_test_end(&t);
	}
}

/* One approver is enough to change the policy, and the vote counts by the same rule. */
static void test_one_approver(void **state)
{
	const char *const line[3] = {"PUT", "/api/v1/approval-rules/host.retire",
				     "{\"level\":\"one\"}"};
	char setup[API_SECRET_TEXT_BYTES], root[API_SECRET_TEXT_BYTES], bob[API_SECRET_TEXT_BYTES],
		id[STORE_ID_BYTES], path[256], body[256];
	json_t *json = NULL;
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	t.now_ms += 10 * DAY;
	api_test_person(&t, "root", "administrator", root);
	api_test_person(&t, "bob", "approver", bob);
	assert_int_equal(asked_of(&t, root, line, id), 403);
	snprintf(path, sizeof(path), "/api/v1/approvals/%s", id);
	assert_int_equal(call(&t, bob, CALL("GET", path, NULL), &json), 200);
	snprintf(body, sizeof(body), "{\"digest\":\"%s\"}",
		 json_string_value(json_object_get(json, "digest")));
	json_decref(json);
	snprintf(path, sizeof(path), "/api/v1/approvals/%s/approve", id);
	assert_int_equal(call(&t, bob, CALL("POST", path, body), NULL), 201);
	const struct api_as with = {.bearer = root, .approval = id};

	t.now_ms += 1000;
	assert_int_equal(api_test_status(&t, line[0], line[1], line[2], &with, NULL), 204);
	api_test_end(&t);
}

/* Another token of an account. */
static void token_make(struct api_test *t, const char *account, char out[API_SECRET_TEXT_BYTES])
{
	uint8_t sha256[STORE_SHA256_BYTES];
	struct rf_err err = {0};
	const struct store_token token = {.token = "token-more",
					  .sha256 = {sha256, sizeof(sha256)},
					  .account = account,
					  .name = "more",
					  .scope = "{}",
					  .created_ms = t->now_ms,
					  .expires_ms = t->now_ms + DAY};

	must(secret_make("rft_", out, sha256, &err), &err);
	must(store_token_add(t->api.store, &token, &err), &err);
}

/* A rule that nobody could meet is refused with what is missing. */
static void test_reach(void **state)
{
	static const struct {
		const char *name;
		size_t people, roles;
		const char *body, *words; /* NULL: it is asked for like any other */
	} rows[] = {
		{"two of one", 1, 1, "{\"level\":\"two\"}", "only 1 people here can be"},
		{"two of one role", 2, 1, "{\"level\":\"two\"}", "they have 1 here"},
		{"two of one role that they share", 2, 1,
		 "{\"level\":\"two\",\"shared_role\":true}", NULL},
		{"two of two", 2, 2, "{\"level\":\"two\"}", NULL},
		{"three of two", 2, 2, "{\"level\":\"two\",\"quorum\":3}", "want 3 approvers"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct store_rule rule = {"policy.change", "{\"level\":\"one\"}", "root",
						API_NOW};
		char setup[API_SECRET_TEXT_BYTES], root[API_SECRET_TEXT_BYTES], id[STORE_ID_BYTES],
			path[256], body[256];
		struct rf_err err = {0};
		json_t *json = NULL;
		struct api_test t;

		api_test_begin(&t);
		api_test_setup(&t, setup);
		must(store_rule_put(t.api.store, &rule, &err), &err);
		t.now_ms += 10 * DAY;
		api_test_person(&t, "root", "administrator", root);
		approvers_make(&t, rows[i].people, rows[i].roles);
		const char *const line[3] = {"PUT", "/api/v1/approval-rules/host.retire",
					     rows[i].body};
		char bob[API_SECRET_TEXT_BYTES];

		token_make(&t, "second-0", bob);
		assert_int_equal(asked_of(&t, root, line, id), 403);
		snprintf(path, sizeof(path), "/api/v1/approvals/%s", id);
		assert_int_equal(call(&t, bob, CALL("GET", path, NULL), &json), 200);
		snprintf(body, sizeof(body), "{\"digest\":\"%s\"}",
			 json_string_value(json_object_get(json, "digest")));
		json_decref(json);
		snprintf(path, sizeof(path), "/api/v1/approvals/%s/approve", id);
		assert_int_equal(call(&t, bob, CALL("POST", path, body), NULL), 201);
		const struct api_as with = {.bearer = root, .approval = id};

		t.now_ms += 1000;
		int status = api_test_status(&t, line[0], line[1], line[2], &with, &json);
		const char *detail = json_string_value(json_object_get(json, "detail"));

		if (rows[i].words ? status != 422 || !detail || !strstr(detail, rows[i].words)
				  : status != 204)
			fail_msg("%s: %d %s", rows[i].name, status, detail ? detail : "");
		json_decref(json);
		api_test_end(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves), cmocka_unit_test(test_approver_changes),
		cmocka_unit_test(test_fit),   cmocka_unit_test(test_one_approver),
		cmocka_unit_test(test_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
