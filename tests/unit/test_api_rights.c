/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every route tried by everybody: nobody, a user without a role, a role of each single privilege,
 * a role of all privileges but one, and each scope of a token. And what is told of it.
 */
#include "api/route.h"
#include "api_test.h"
#include "store/fleet.h"
#include "store/ledger.h"

#define HOST "h1"

static void host_make(struct api_test *t)
{
	struct rf_err err = {0};
	const struct store_host host = {
		.host = HOST, .name = "web-1", .labels = "{}", .created_ms = API_NOW};

	if (store_host_add(t->api.store, &host, &err))
		fail_msg("%s", rf_err_text(&err));
}

static void role_make(struct api_test *t, const char *role, const char *const *names, size_t count)
{
	struct rf_err err = {0};
	const struct store_role row = {role, "", names, count, "root", 1};

	if (store_role_put(t->api.store, &row, &err))
		fail_msg("%s", rf_err_text(&err));
}

/* A path with something in each of its variables. */
static void path_of(const struct route *route, char out[256])
{
	size_t len = 0;

	for (const char *at = route->path; *at && len < 200; at++) {
		if (*at != '{') {
			out[len++] = *at;
			continue;
		}
		len += (size_t)snprintf(out + len, 256 - len, "%s",
					rf_starts(at, "{host}")	    ? HOST
					: rf_starts(at, "{object}") ? "host:" HOST
								    : "x1");
		at = strchr(at, '}');
	}
	out[len] = '\0';
}

/* A body that is enough to come to the question of rights where it is asked behind the body. */
static const char *body_of(const struct route *route)
{
	if (route->about == ROUTE_HOSTS)
		return "{\"hosts\":[\"" HOST
		       "\"],\"level\":\"seal\",\"reason\":\"r\",\"plan\":\"p\"}";
	if (rf_equal(route->id, "permission-put"))
		return "{\"object\":\"\",\"principal\":\"x\",\"role\":\"x\"}";
	if (rf_equal(route->id, "permission-drop"))
		return "{\"object\":\"\",\"principal\":\"x\"}";
	return route->body ? "{}" : NULL;
}

/* The members of each verb's body differ: the smallest that is one. */
static const char *small_body(const struct route *route)
{
	static const struct {
		const char *id, *body;
	} rows[] = {
		{"command-quarantine",
		 "{\"hosts\":[\"" HOST "\"],\"level\":\"seal\",\"reason\":\"r\"}"},
		{"command-quarantine-release", "{\"hosts\":[\"" HOST "\"],\"reason\":\"r\"}"},
		{"command-confirm", "{\"hosts\":[\"" HOST "\"],\"plan\":\"p\"}"},
	};

	for (size_t i = 0; i < RF_COUNT(rows); i++)
		if (rf_equal(rows[i].id, route->id))
			return rows[i].body;
	return route->about == ROUTE_HOSTS ? "{\"hosts\":[\"" HOST "\"]}" : body_of(route);
}

static int try(struct api_test *t, const struct route *route, const char *bearer)
{
	const struct api_as as = {.bearer = bearer};
	char path[256];

	path_of(route, path);
	return api_test_status(t, route_method_name(route->method), path, small_body(route), &as,
			       NULL);
}

static bool is_refusal(int status)
{
	return status == 401 || status == 403 || status == 404;
}

static void test_nobody(void **state)
{
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	for (size_t i = 0; i < routes_count; i++) {
		int status = try(&t, &routes[i], NULL);

		if (routes[i].access != ROUTE_PUBLIC && status != 401)
			fail_msg("%s answers %d to nobody", routes[i].id, status);
	}
	api_test_end(&t);
}

/* Before the first permission nobody may anything; a token that is none is nobody's. */
static void test_no_rights(void **state)
{
	struct api_test t;
	char secret[API_SECRET_TEXT_BYTES];

	(void)state;
	api_test_begin(&t);
	api_test_person(&t, "eve", NULL, secret);
	for (size_t i = 0; i < routes_count; i++) {
		int status = try(&t, &routes[i], secret);

		if (routes[i].access == ROUTE_PRIVILEGED && status != 403 && status != 404)
			fail_msg("%s answers %d to who may nothing", routes[i].id, status);
		if (routes[i].access != ROUTE_PUBLIC)
			assert_int_equal(try(&t, &routes[i], "rft_00"), 401);
	}
	api_test_end(&t);
}

/* Each privilege opens the routes that name it, and no other. */
static void test_each_privilege(void **state)
{
	struct api_test t;
	char secrets[PRIVILEGE_COUNT][API_SECRET_TEXT_BYTES], setup[API_SECRET_TEXT_BYTES];

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	host_make(&t);
	for (unsigned p = 0; p < PRIVILEGE_COUNT; p++) {
		const char *const names[] = {"object.view", privilege_name(p)};
		char role[64], user[64];

		snprintf(role, sizeof(role), "only-%u", p);
		snprintf(user, sizeof(user), "user-%u", p);
		role_make(&t, role, names, p == PRIVILEGE_OBJECT_VIEW ? 1 : 2);
		api_test_person(&t, user, role, secrets[p]);
	}
	/* What changes the rights of all is tried last: by the table's own word, not here. */
	for (size_t i = 0; i < routes_count; i++) {
		const struct route *route = &routes[i];

		if (route->access != ROUTE_PRIVILEGED)
			continue;
		for (unsigned p = 0; p < PRIVILEGE_COUNT; p++) {
			/* Reading comes with every role that has a privilege (govern/rbac_load.c).
			 */
			bool own =
				p == route->privilege || route->privilege == PRIVILEGE_OBJECT_READ;

			/* Retiring is for good: the host is needed by the others. */
			if (own && (rf_equal(route->id, "host-retire")))
				continue;
			int status = try(&t, route, secrets[p]);

			if (!own && status != 403)
				fail_msg("%s answers %d to who has %s alone", route->id, status,
					 privilege_name(p));
			if (own && status == 401)
				fail_msg("%s answers 401 to who has %s", route->id,
					 privilege_name(p));
			/* A second person may be wanted: then 403, and the approval's id. */
			if (own && status == 403 && !route->operation)
				fail_msg("%s answers 403 to who has %s", route->id,
					 privilege_name(p));
		}
	}
	api_test_end(&t);
}

/* A token with a scope may what is in it and its user may, and makes no other token. */
static void test_scopes(void **state)
{
	struct api_test t;
	char setup[API_SECRET_TEXT_BYTES];
	json_t *made = NULL;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	host_make(&t);
	const struct api_as as = {.bearer = setup};

	assert_int_equal(api_test_status(&t, "POST", "/api/v1/tokens",
					 "{\"name\":\"x\",\"privileges\":[\"object.read\"]}", &as,
					 &made),
			 201);
	const char *secret = json_string_value(json_object_get(made, "secret"));

	for (size_t i = 0; i < routes_count; i++) {
		const struct route *route = &routes[i];
		int status = try(&t, route, secret);

		if (route->access == ROUTE_PRIVILEGED &&
		    route->privilege != PRIVILEGE_OBJECT_READ && !is_refusal(status))
			fail_msg("%s answers %d beyond the scope", route->id, status);
	}
	const struct api_as scoped = {.bearer = secret};

	assert_int_equal(api_test_status(&t, "GET", "/api/v1/hosts/" HOST, NULL, &scoped, NULL),
			 200);
	assert_int_equal(
		api_test_status(&t, "POST", "/api/v1/tokens", "{\"name\":\"y\"}", &scoped, NULL),
		403);
	json_decref(made);
	api_test_end(&t);
}

static int take_denied(void *arg, int64_t n, struct rf_slice line)
{
	(void)n;
	return rf_buf_add(arg, line.data, line.len);
}

/* Who, from where, what, on what and why. */
static void test_denied_is_told(void **state)
{
	struct api_test t;
	char setup[API_SECRET_TEXT_BYTES], eve[API_SECRET_TEXT_BYTES];
	RF_AUTOBUF struct rf_buf lines = {0};
	struct rf_err err = {0};

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	host_make(&t);
	api_test_person(&t, "eve", "viewer", eve);
	const struct api_as as = {.bearer = eve, .address = "198.51.100.7"};

	assert_int_equal(api_test_status(&t, "POST", "/api/v1/hosts/" HOST "/retire",
					 "{\"reason\":\"x\"}", &as, NULL),
			 403);
	assert_int_equal(store_ledger_each(t.api.store, 0, 100, take_denied, &lines, &err), 0);
	static const char *const says[] = {"\"denied\"",  "eve",	"198.51.100.7",
					   "host-retire", "host:" HOST, "host.retire"};

	for (size_t i = 0; i < RF_COUNT(says); i++)
		if (!strstr(rf_buf_text(&lines), says[i]))
			fail_msg("%s is not in %s", says[i], rf_buf_text(&lines));
	api_test_end(&t);
}

/* A permission under conditions, from here and from there. */
static void test_conditions(void **state)
{
	struct api_test t;
	char setup[API_SECRET_TEXT_BYTES], ann[API_SECRET_TEXT_BYTES];

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	host_make(&t);
	api_test_person(&t, "ann", NULL, ann);
	const struct api_as as = {.bearer = setup};

	assert_int_equal(
		api_test_status(&t, "PUT", "/api/v1/permissions",
				"{\"object\":\"\",\"principal\":\"ann\",\"role\":\"viewer\","
				"\"conditions\":{\"addresses\":[\"10.0.0.0/8\"]}}",
				&as, NULL),
		204);
	const struct api_as inside = {.bearer = ann, .address = "10.1.2.3"};
	const struct api_as outside = {.bearer = ann, .address = "192.0.2.9"};

	assert_int_equal(api_test_status(&t, "GET", "/api/v1/hosts/" HOST, NULL, &inside, NULL),
			 200);
	assert_int_equal(api_test_status(&t, "GET", "/api/v1/hosts/" HOST, NULL, &outside, NULL),
			 403);
	assert_int_equal(
		api_test_status(&t, "PUT", "/api/v1/permissions",
				"{\"object\":\"\",\"principal\":\"ann\",\"role\":\"viewer\","
				"\"conditions\":{\"moon\":\"full\"}}",
				&as, NULL),
		404);
	api_test_end(&t);
}

/* The whole story of a second person. */
static void test_second_person(void **state)
{
	struct api_test t;
	char setup[API_SECRET_TEXT_BYTES], ann[API_SECRET_TEXT_BYTES], bob[API_SECRET_TEXT_BYTES];
	char path[256], body[256], id[128];
	json_t *answer = NULL;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	host_make(&t);
	api_test_person(&t, "ann", "operator", ann);
	api_test_person(&t, "bob", "approver", bob);
	const struct api_as as_ann = {.bearer = ann}, as_bob = {.bearer = bob};
	const char *release = "{\"hosts\":[\"" HOST "\"],\"vm\":\"db\",\"reason\":\"clean\"}";

	assert_int_equal(api_test_status(&t, "POST", "/api/v1/commands/quarantine-release", release,
					 &as_ann, &answer),
			 403);
	assert_string_equal(json_string_value(json_object_get(answer, "type")),
			    "urn:ringfence:problem:approval-needed");
	snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(answer, "approval")));
	json_decref(answer);
	const struct api_as with = {.bearer = ann, .approval = id};

	/* Not before somebody approved. */
	assert_int_not_equal(api_test_status(&t, "POST", "/api/v1/commands/quarantine-release",
					     release, &with, NULL),
			     201);
	snprintf(path, sizeof(path), "/api/v1/approvals/%s", id);
	assert_int_equal(api_test_status(&t, "GET", path, NULL, &as_bob, &answer), 200);
	snprintf(body, sizeof(body), "{\"digest\":\"%s\"}",
		 json_string_value(json_object_get(answer, "digest")));
	json_decref(answer);
	snprintf(path, sizeof(path), "/api/v1/approvals/%s/approve", id);
	t.now_ms += 1000;
	/* Not by herself: she has not the privilege; not for another act. */
	assert_int_equal(api_test_status(&t, "POST", path, body, &as_ann, NULL), 403);
	assert_int_equal(
		api_test_status(&t, "POST", path,
				"{\"digest\":\"00000000000000000000000000000000000000000000"
				"00000000000000000000\"}",
				&as_bob, NULL),
		409);
	api_test_end(&t);
	(void)setup;
}

static void test_second_person_approves(void **state)
{
	struct api_test t;
	char setup[API_SECRET_TEXT_BYTES], ann[API_SECRET_TEXT_BYTES], bob[API_SECRET_TEXT_BYTES];
	char path[256], body[256], id[128];
	json_t *answer = NULL;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	host_make(&t);
	api_test_person(&t, "ann", "operator", ann);
	api_test_person(&t, "bob", "approver", bob);
	/* The role was made long ago: else its maker would be behind the vote. */
	t.now_ms += 10 * (int64_t)86400000;
	api_test_person(&t, "ann2", "operator", ann);
	api_test_person(&t, "bob2", "approver", bob);
	const struct api_as as_ann = {.bearer = ann}, as_bob = {.bearer = bob};
	const char *release = "{\"hosts\":[\"" HOST "\"],\"vm\":\"db\",\"reason\":\"clean\"}";

	assert_int_equal(api_test_status(&t, "POST", "/api/v1/commands/quarantine-release", release,
					 &as_ann, &answer),
			 403);
	snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(answer, "approval")));
	json_decref(answer);
	snprintf(path, sizeof(path), "/api/v1/approvals/%s", id);
	assert_int_equal(api_test_status(&t, "GET", path, NULL, &as_bob, &answer), 200);
	snprintf(body, sizeof(body), "{\"digest\":\"%s\"}",
		 json_string_value(json_object_get(answer, "digest")));
	json_decref(answer);
	snprintf(path, sizeof(path), "/api/v1/approvals/%s/approve", id);
	t.now_ms += 1000;
	assert_int_equal(api_test_status(&t, "POST", path, body, &as_bob, &answer), 201);
	assert_string_equal(json_string_value(json_object_get(answer, "state")), "approved");
	json_decref(answer);
	const struct api_as with = {.bearer = ann, .approval = id};

	/* Once, and not again. */
	t.now_ms += 1000;
	assert_int_equal(api_test_status(&t, "POST", "/api/v1/commands/quarantine-release", release,
					 &with, NULL),
			 201);
	t.now_ms += 1000;
	assert_int_not_equal(api_test_status(&t, "POST", "/api/v1/commands/quarantine-release",
					     release, &with, NULL),
			     201);
	api_test_end(&t);
	(void)setup;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_no_rights),
		cmocka_unit_test(test_each_privilege),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_denied_is_told),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_second_person),
		cmocka_unit_test(test_second_person_approves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
