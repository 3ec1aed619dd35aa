/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the command line and the API are one thing: each row's route is there and takes what the
 * row sends, and each route with words for the command line has its command. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "api/route.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/fleet.h"

static const struct route *route_of(const struct fleet_row *row)
{
	for (size_t i = 0; i < routes_count; i++) {
		if (strcmp(routes[i].path, row->path) == 0 &&
		    strcmp(route_method_name(routes[i].method), row->method) == 0)
			return &routes[i];
	}
	return NULL;
}

static const struct schema_member *member_of(const struct schema *schema, const char *name)
{
	for (size_t i = 0; schema && i < schema->count; i++) {
		if (strcmp(schema->members[i].name, name) == 0)
			return &schema->members[i];
	}
	return NULL;
}

/* Whether what an argument becomes is what the API takes there. */
static bool fits(enum fleet_type type, enum schema_type want)
{
	switch (type) {
	case FLEET_TEXT:
		return want == SCHEMA_TEXT || want == SCHEMA_PROSE;
	case FLEET_CONTENT:
		return want == SCHEMA_PROSE;
	case FLEET_NUMBER:
	case FLEET_SECONDS:
	case FLEET_DURATION:
		return want == SCHEMA_INT;
	case FLEET_UNTIL:
		return want == SCHEMA_TIME;
	case FLEET_TRUTH:
	case FLEET_UNTRUTH:
		return want == SCHEMA_BOOL;
	case FLEET_TEXTS:
	case FLEET_SOME:
		return want == SCHEMA_TEXTS;
	case FLEET_MAP:
		return want == SCHEMA_MAP;
	case FLEET_FILE:
		return want == SCHEMA_OBJECT || want == SCHEMA_ANY;
	}
	return false;
}

static void check_argument(const struct fleet_row *row, const struct route *route,
			   const struct fleet_argument *a)
{
	char variable[64];
	const struct schema_member *m =
		member_of(route->method == ROUTE_GET ? route->query : route->body, a->member);

	snprintf(variable, sizeof(variable), "{%s}", a->member);
	if (strstr(row->path, variable))
		return;
	if (!m)
		fail_msg("%s: %s takes no %s", row->command, route->id, a->member);
	if (!fits(a->type, m->type))
		fail_msg("%s: %s of %s has another type", row->command, a->member, route->id);
}

static bool given(const struct fleet_row *row, const char *member)
{
	for (const struct fleet_argument *a = row->words; a->member; a++) {
		if (strcmp(a->member, member) == 0)
			return true;
	}
	for (const struct fleet_argument *a = row->options; a->member; a++) {
		if (strcmp(a->member, member) == 0)
			return true;
	}
	return row->order && strcmp(member, "hosts") == 0;
}

static bool sends_body(const struct fleet_row *row)
{
	static struct cli_args args; /* large */
	FLEET_AUTOREQUEST struct fleet_request r = {0};
	struct fleet_row plain = *row;

	args.words_count = 0;
	for (const struct fleet_argument *a = row->words; a->member && args.words_count < 4; a++)
		args.words[args.words_count++] = "x";
	/* A file that is not there is not what is asked here. */
	if (plain.words[0].type == FLEET_CONTENT)
		args.words_count = 0;
	assert_int_equal(fleet_request_make(&plain, &args, 0, &r, NULL), 0);
	return r.body != NULL;
}

static void test_rows_have_their_routes(void **state)
{
	(void)state;
	for (size_t i = 0; i < fleet_rows_count; i++) {
		const struct fleet_row *row = &fleet_rows[i];
		const struct route *route = route_of(row);

		if (!route)
			fail_msg("%s: there is no %s %s", row->command, row->method, row->path);
		for (const struct fleet_argument *a = row->words; a->member; a++)
			check_argument(row, route, a);
		for (const struct fleet_argument *a = row->options; a->member; a++)
			check_argument(row, route, a);
		for (size_t k = 0; route->body && k < route->body->count; k++) {
			const struct schema_member *m = &route->body->members[k];

			if (m->required && !given(row, m->name))
				fail_msg("%s gives no %s", row->command, m->name);
		}
		if (strcmp(row->method, "GET") != 0 && (route->body != NULL) != sends_body(row))
			fail_msg("%s: %s %s a body", row->command, route->id,
				 route->body ? "takes" : "takes no");
		if (row->paged && !member_of(route->query, "after"))
			fail_msg("%s: %s has no pages", row->command, route->id);
	}
}

static void test_columns_are_members(void **state)
{
	(void)state;
	for (size_t i = 0; i < fleet_rows_count; i++) {
		const struct route *route = route_of(&fleet_rows[i]);
		const char *p = fleet_rows[i].columns;

		/* What an order answers first is another schema; its results are commands. */
		if (!p || fleet_rows[i].order)
			continue;
		while ((p = strchr(p, '='))) {
			char name[48];

			p += p[1] == '~'; /* shown as an age */
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + 1, " "), p + 1);
			if (!member_of(route->answer, name))
				fail_msg("%s: %s answers no %s", fleet_rows[i].command, route->id,
					 name);
			p++;
		}
	}
}

/* Routes that the command line calls otherwise than by a row. */
static bool called_elsewhere(const char *cli)
{
	static const char *const others[] = {"login", "login --show", "logout",
					     "ledger list --fleet"};

	for (size_t i = 0; i < RF_COUNT(others); i++) {
		if (strcmp(others[i], cli) == 0)
			return true;
	}
	return false;
}

static void test_routes_have_their_commands(void **state)
{
	(void)state;
	for (size_t i = 0; i < routes_count; i++) {
		bool found = !routes[i].cli || called_elsewhere(routes[i].cli);

		for (size_t k = 0; k < fleet_rows_count && !found; k++)
			found = route_of(&fleet_rows[k]) == &routes[i];
		if (!found)
			fail_msg("%s has no command: ringfence %s", routes[i].id, routes[i].cli);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_have_their_routes),
		cmocka_unit_test(test_columns_are_members),
		cmocka_unit_test(test_routes_have_their_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
