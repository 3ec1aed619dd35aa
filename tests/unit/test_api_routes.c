/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of routes: each row whole, each path found, the OpenAPI document and the reference page
 * of the same rows. RF_API_WRITE=1 writes docs/reference/api.md anew.
 */
#include "api/handlers.h"
#include "api/route.h"
#include "api_test.h"
#include "govern/approval_rule.h"

/* Whoever calls these need not be known. */
static const char *const public_routes[] = {"sign-in", "health", "openapi", "authority"};

static void members_check(const struct route *route, const struct schema *schema)
{
	for (size_t i = 0; schema && i < schema->count; i++) {
		const struct schema_member *m = &schema->members[i];
		bool nested = m->type == SCHEMA_OBJECT || m->type == SCHEMA_LIST;

		if (!m->name[0] || nested != (m->of != NULL) || m->max < m->min)
			fail_msg("%s: the member %s is not whole", route->id, m->name);
		if ((m->type <= SCHEMA_SECRET || m->type == SCHEMA_TEXTS) && !m->max)
			fail_msg("%s: the member %s has no limit", route->id, m->name);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(m->name, schema->members[j].name);
		members_check(route, m->of);
	}
}

static void test_rows(void **state)
{
	size_t public_count = 0;

	(void)state;
	for (size_t i = 0; i < routes_count; i++) {
		const struct route *r = &routes[i];
		bool lists =
			r->shape == ROUTE_ONE || r->shape == ROUTE_MANY || r->shape == ROUTE_STREAM;

		if (!r->id || !r->summary[0] || !r->handle || lists != (r->answer != NULL))
			fail_msg("%s is not whole", r->id);
		if ((r->method == ROUTE_GET) != (r->audit == NULL))
			fail_msg("%s: what changes is in the ledger, and nothing else", r->id);
		for (const char *at = r->operation; at && *at; at += strspn(at, " ")) {
			size_t len = strcspn(at, " ");

			if (!approval_operation_find((struct rf_slice){(const uint8_t *)at, len}))
				fail_msg("%s: there is no operation %s", r->id, at);
			at += len;
		}
		if ((r->method == ROUTE_GET || r->method == ROUTE_DELETE) && r->body)
			fail_msg("%s: the gate lets no body of it through", r->id);
		members_check(r, r->body);
		members_check(r, r->query);
		members_check(r, r->answer);
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(r->id, routes[j].id);
			assert_false(r->method == routes[j].method &&
				     rf_equal(r->path, routes[j].path));
		}
		if (r->access != ROUTE_PUBLIC)
			continue;
		bool named = false;

		for (size_t j = 0; j < RF_COUNT(public_routes); j++)
			named = named || rf_equal(r->id, public_routes[j]);
		if (!named)
			fail_msg("%s is open to anybody, and not named here", r->id);
		public_count++;
	}
	assert_int_equal(public_count, RF_COUNT(public_routes));
}

static const struct {
	enum route_method method;
	const char *path, *id;
	int code;
	const char *var;
} paths[] = {
	{ROUTE_GET, "/api/v1/hosts", "host-list", 0, NULL},
	{ROUTE_GET, "/api/v1/hosts/h1", "host-show", 0, "h1"},
	{ROUTE_GET, "/api/v1/hosts/a%20b", "host-show", 0, "a b"},
	{ROUTE_POST, "/api/v1/commands/check", "command-check", 0, NULL},
	{ROUTE_GET, "/api/v1/commands/command-1", "command-show", 0, "command-1"},
	/* A part that is fixed goes before a variable. */
	{ROUTE_GET, "/api/v1/commands/check", NULL, RF_E_UNSUPPORTED, NULL},
	{ROUTE_GET, "/api/v1/hosts/%ff", NULL, RF_E_SYNTAX, NULL},
	{ROUTE_GET, "/api/v1/hosts/", NULL, RF_E_UNKNOWN, NULL},
	{ROUTE_GET, "/api/v1/hosts/h1/more/parts", NULL, RF_E_UNKNOWN, NULL},
	{ROUTE_GET, "/api/v1", NULL, RF_E_UNKNOWN, NULL},
	{ROUTE_GET, "/", NULL, RF_E_UNKNOWN, NULL},
	{ROUTE_GET, "", NULL, RF_E_UNKNOWN, NULL},
	{ROUTE_GET, "/api/v1/{host}", NULL, RF_E_UNKNOWN, NULL},
	{ROUTE_GET, "/API/v1/hosts", NULL, RF_E_UNKNOWN, NULL},
	{ROUTE_DELETE, "/api/v1/hosts", NULL, RF_E_UNSUPPORTED, NULL},
	{ROUTE_METHODS, "/api/v1/hosts", NULL, RF_E_UNSUPPORTED, NULL},
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(paths); i++) {
		struct route_match match;
		struct rf_err err = {0};
		int rc = route_find(paths[i].method, paths[i].path, &match, &err);

		if (rc != paths[i].code)
			fail_msg("%s: %d %s", paths[i].path, rc, rf_err_text(&err));
		if (!rc)
			assert_string_equal(match.route->id, paths[i].id);
		if (paths[i].var)
			assert_string_equal(match.vars[0], paths[i].var);
	}
}

static void test_openapi(void **state)
{
	json_t *document = route_openapi(), *paths_json = json_object_get(document, "paths");

	(void)state;
	assert_non_null(document);
	for (size_t i = 0; i < routes_count; i++) {
		char method[8];

		snprintf(method, sizeof(method), "%s", route_method_name(routes[i].method));
		rf_lower(method);
		const json_t *row =
			json_object_get(json_object_get(paths_json, routes[i].path), method);

		if (!rf_equal(json_string_value(json_object_get(row, "operationId")), routes[i].id))
			fail_msg("%s is not in the document", routes[i].id);
	}
	json_decref(document);
}

static void test_reference(void **state)
{
	RF_AUTOBUF struct rf_buf made = {0};
	char path[512];
	static char kept[1 << 20];

	(void)state;
	assert_int_equal(route_reference(&made), 0);
	snprintf(path, sizeof(path), "%s/docs/reference/api.md",
		 getenv("SOURCE_DIR") ? getenv("SOURCE_DIR") : ".");
	FILE *file = fopen(path, getenv("RF_API_WRITE") ? "w" : "r");

	assert_non_null(file);
	if (getenv("RF_API_WRITE")) {
		assert_int_equal(fwrite(made.data, 1, made.len, file), made.len);
	} else {
		kept[fread(kept, 1, sizeof(kept) - 1, file)] = '\0';
		if (!rf_equal(kept, rf_buf_text(&made)))
			fail_msg("docs/reference/api.md is not what the table says: "
				 "RF_API_WRITE=1 test_api_routes");
	}
	fclose(file);
}

/* Text that means something elsewhere, in every text of every body and query: nothing of it may be
 * a failure of ours, and the store is as it was. */
static void test_hostile_texts(void **state)
{
	static const char *const texts[] = {"' OR 1=1 --", "'; DROP TABLE host; --", "$1",
					    "%s%n%x",	   "../../etc/passwd",	     "<script>",
					    "\\u202e",	   "\\ud83d\\ude00"};
	struct api_test t;
	char setup[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	const struct api_as as = {.bearer = setup};

	for (size_t i = 0; i < routes_count; i++) {
		const struct route *r = &routes[i];

		for (size_t x = 0; r->body && x < RF_COUNT(texts); x++) {
			RF_AUTOBUF struct rf_buf body = {0};

			for (size_t m = 0; m < r->body->count; m++) {
				const struct schema_member *member = &r->body->members[m];
				bool text = member->type <= SCHEMA_SECRET && !member->words;

				if (text || (member->type == SCHEMA_TEXTS && !member->words))
					rf_buf_printf(&body,
						      text ? "%s\"%s\":\"%s\""
							   : "%s\"%s\":[\"%s\"]",
						      body.len ? "," : "{", member->name, texts[x]);
			}
			rf_buf_add_text(&body, body.len ? "}" : "{}");
			int status = api_test_status(&t, route_method_name(r->method), r->path,
						     rf_buf_text(&body), &as, NULL);

			if (status >= 500 || status < 200)
				fail_msg("%s answers %d to %s", r->id, status, rf_buf_text(&body));
		}
	}
	/* It is still a store, and still administered. */
	assert_int_equal(rights_try(&t.api, &err), 0);
	api_test_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	      cmocka_unit_test(test_paths),
		cmocka_unit_test(test_openapi),	      cmocka_unit_test(test_reference),
		cmocka_unit_test(test_hostile_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
