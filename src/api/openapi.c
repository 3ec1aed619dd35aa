/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAPI 3.1 document and the reference page, from the rows of the routes. */
#include <errno.h>
#include <string.h>

#include "api/handlers.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

static void schema_put(json_t *schemas, const struct schema *schema)
{
	if (!schema || json_object_get(schemas, schema->name))
		return;
	json_object_set_new(schemas, schema->name, schema_json(schema));
	for (size_t i = 0; i < schema->count; i++)
		schema_put(schemas, schema->members[i].of);
}

static json_t *reference(const char *name)
{
	return json_pack("{s:s+}", "$ref", "#/components/schemas/", name);
}

static json_t *parameters_json(const struct route *route)
{
	json_t *list = json_array();

	for (const char *at = route->path; (at = strchr(at, '{'));) {
		const char *end = strchr(at, '}');

		json_array_append_new(list,
				      json_pack("{s:s%, s:s, s:b, s:{s:s, s:i}}", "name", at + 1,
						(size_t)(end - at - 1), "in", "path", "required", 1,
						"schema", "type", "string", "maxLength", 512));
		at = end;
	}
	for (size_t i = 0; route->query && i < route->query->count; i++) {
		const struct schema_member *m = &route->query->members[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:o}", "name", m->name, "in",
						      "query", "required", m->required, "schema",
						      schema_member_json(m)));
	}
	if (route->operation)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name",
						      "X-Ringfence-Approval", "in", "header",
						      "required", 0, "description",
						      "Id of the approval under which it runs.",
						      "schema", "type", "string"));
	return list;
}

static json_t *content(const char *type, json_t *schema)
{
	return json_pack("{s:{s:o}}", type, "schema", schema);
}

static json_t *many(const struct schema *schema)
{
	return json_pack("{s:s, s:[s, s], s:{s:{s:s, s:o}, s:{s:s, s:s}}}", "type", "object",
			 "required", "items", "next", "properties", "items", "type", "array",
			 "items", reference(schema->name), "next", "type", "string", "description",
			 "For `after`; empty at the end.");
}

static json_t *success_json(const struct route *route)
{
	json_t *json = json_pack("{s:s}", "description", route->summary);
	json_t *body = NULL;

	switch (route->shape) {
	case ROUTE_ONE:
		body = content("application/json", reference(route->answer->name));
		break;
	case ROUTE_MANY:
		body = content("application/json", many(route->answer));
		break;
	case ROUTE_STREAM:
		body = content("application/json", many(route->answer));
		json_object_set_new(body, "text/event-stream",
				    json_pack("{s:{s:s}}", "schema", "type", "string"));
		break;
	case ROUTE_TEXT:
		body = content("*/*", json_object());
		break;
	case ROUTE_NONE:
		break;
	}
	if (body)
		json_object_set_new(json, "content", body);
	return json;
}

static const char *success_code(const struct route *route)
{
	if (route->shape == ROUTE_NONE)
		return "204";
	return route->method == ROUTE_POST && route->audit ? "201" : "200";
}

static json_t *operation_json(const struct route *route)
{
	static const char *const failures[] = {"400", "401", "403", "404", "409", "429"};
	json_t *answers = json_pack("{s:o}", success_code(route), success_json(route));
	json_t *json = json_pack("{s:s, s:s, s:o, s:o}", "operationId", route->id, "summary",
				 route->summary, "parameters", parameters_json(route), "responses",
				 answers);

	for (size_t i = 0; i < RF_COUNT(failures); i++)
		json_object_set_new(answers, failures[i],
				    json_pack("{s:s}", "$ref", "#/components/responses/Problem"));
	if (route->body)
		json_object_set_new(
			json, "requestBody",
			json_pack("{s:b, s:o}", "required", 1, "content",
				  content("application/json", reference(route->body->name))));
	if (route->access == ROUTE_PUBLIC)
		json_object_set_new(json, "security", json_array());
	if (route->access == ROUTE_PRIVILEGED)
		json_object_set_new(json, "x-privilege",
				    json_string(privilege_name(route->privilege)));
	if (route->operation)
		json_object_set_new(json, "x-approval", json_string(route->operation));
	if (route->audit)
		json_object_set_new(json, "x-ledger", json_string(route->audit));
	if (route->cli)
		json_object_set_new(json, "x-cli", json_string(route->cli));
	return json;
}

json_t *route_openapi(void)
{
	json_t *paths = json_object(), *schemas = json_object();

	schema_put(schemas, &schema_problem);
	schema_put(schemas, &schema_permission_put);
	for (size_t i = 0; i < routes_count; i++) {
		const struct route *route = &routes[i];
		json_t *path = json_object_get(paths, route->path);
		char method[8];

		if (!path) {
			path = json_object();
			json_object_set_new(paths, route->path, path);
		}
		(void)rf_copy(method, sizeof(method), route_method_name(route->method));
		rf_lower(method);
		json_object_set_new(path, method, operation_json(route));
		schema_put(schemas, route->body);
		schema_put(schemas, route->answer);
	}
	json_t *problem =
		json_pack("{s:s, s:o}", "description", "Problem details (RFC 9457).", "content",
			  content("application/problem+json", reference("Problem")));

	return json_pack(
		"{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s}], s:o, s:{s:o, s:{s:o}, "
		"s:{s:{s:s, s:s}, s:{s:s, s:s, s:s}}}, s:[{s:[]}, {s:[]}]}",
		"openapi", "3.1.0", "info", "title", "Ringfence manager", "version", RF_VERSION,
		"description", "The API of ringfence-manager. Times are ms since 1970-01-01 UTC.",
		"license", "name", "Apache-2.0", "identifier", "Apache-2.0", "servers", "url", "/",
		"paths", paths, "components", "schemas", schemas, "responses", "Problem", problem,
		"securitySchemes", "token", "type", "http", "scheme", "bearer", "cookie", "type",
		"apiKey", "in", "cookie", "name", API_COOKIE, "security", "token", "cookie");
}

static void members_write(const struct schema *schema, const char *title, struct rf_buf *out)
{
	if (!schema)
		return;
	rf_buf_printf(out, "\n%s:\n\n| name | needed | meaning |\n|---|---|---|\n", title);
	for (size_t i = 0; i < schema->count; i++) {
		const struct schema_member *m = &schema->members[i];

		rf_buf_printf(out, "| `%s` | %s | %s%s%s%s |\n", m->name, m->required ? "yes" : "",
			      m->about ? m->about : "", m->words ? " One of `" : "",
			      m->words ? m->words : "", m->words ? "`." : "");
	}
}

static void route_write(const struct route *route, struct rf_buf *out)
{
	rf_buf_printf(out, "\n## %s\n\n`%s %s` — %s.\n\n", route->id,
		      route_method_name(route->method), route->path, route->summary);
	if (route->access == ROUTE_PUBLIC)
		rf_buf_add_text(out, "For anybody.");
	else if (route->access == ROUTE_SIGNED_IN)
		rf_buf_add_text(out, "For who is signed in, about what they may see.");
	else
		rf_buf_printf(out, "Wants `%s`.", privilege_name(route->privilege));
	if (route->operation)
		rf_buf_printf(out, " May want a second person (`%s`).", route->operation);
	if (route->audit)
		rf_buf_printf(out, " In the ledger as `%s`.", route->audit);
	rf_buf_add_text(out, "\n");
	members_write(route->query, "Query", out);
	members_write(route->body, "Body", out);
	members_write(route->answer, route->shape == ROUTE_ONE ? "Answer" : "Each of `items`", out);
}

int route_reference(struct rf_buf *out)
{
	rf_buf_add_text(
		out, "# The manager's API\n\nWritten by `RF_API_WRITE=1 test_api_routes` from the "
		     "table of routes; do not edit. Lists answer `{\"items\": [...], \"next\": "
		     "\"...\"}`: send `next` as `after` for the next page. What fails answers "
		     "problem details (RFC 9457) with `next`, the next step.\n");
	for (size_t i = 0; i < routes_count; i++)
		route_write(&routes[i], out);
	return out->failed ? -ENOMEM : 0;
}
