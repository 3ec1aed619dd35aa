/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of members as JSON Schema (draft 2020-12, as OpenAPI 3.1 has it). */
#include <string.h>

#include "api/schema.h"

static json_t *words_json(const char *words)
{
	json_t *list = json_array();

	for (const char *at = words; at;) {
		const char *end = strchr(at, '|');

		json_array_append_new(list,
				      json_stringn(at, end ? (size_t)(end - at) : strlen(at)));
		at = end ? end + 1 : NULL;
	}
	return list;
}

static json_t *reference(const struct schema *schema)
{
	return json_pack("{s:s+}", "$ref", "#/components/schemas/", schema->name);
}

static json_t *text_json(const struct schema_member *m)
{
	json_t *json = json_pack("{s:s}", "type", "string");

	if (m->words) {
		json_object_set_new(json, "enum", words_json(m->words));
		return json;
	}
	/* Limits are in bytes, of which a character has one at least: as a maximum that holds. */
	if (m->min > 0)
		json_object_set_new(json, "minLength", json_integer(1));
	if (m->max > 0)
		json_object_set_new(json, "maxLength", json_integer(m->max));
	if (m->type == SCHEMA_SECRET)
		json_object_set_new(json, "writeOnly", json_true());
	return json;
}

static json_t *number_json(const struct schema_member *m)
{
	json_t *json = json_pack("{s:s, s:s}", "type", "integer", "format", "int64");

	if (m->max > m->min) {
		json_object_set_new(json, "minimum", json_integer(m->min));
		json_object_set_new(json, "maximum", json_integer(m->max));
	}
	return json;
}

static json_t *list_json(const struct schema_member *m)
{
	json_t *items =
		m->type == SCHEMA_LIST ? reference(m->of) : json_pack("{s:s}", "type", "string");
	json_t *json = json_pack("{s:s, s:o}", "type", "array", "items", items);

	if (m->type == SCHEMA_TEXTS && m->words)
		json_object_set_new(items, "enum", words_json(m->words));
	if (m->max > 0)
		json_object_set_new(json, "maxItems", json_integer(m->max));
	return json;
}

json_t *schema_member_json(const struct schema_member *m)
{
	json_t *json = NULL;

	switch (m->type) {
	case SCHEMA_TEXT:
	case SCHEMA_PROSE:
	case SCHEMA_SECRET:
		json = text_json(m);
		break;
	case SCHEMA_INT:
	case SCHEMA_TIME:
		json = number_json(m);
		break;
	case SCHEMA_BOOL:
		json = json_pack("{s:s}", "type", "boolean");
		break;
	case SCHEMA_TEXTS:
	case SCHEMA_LIST:
		json = list_json(m);
		break;
	case SCHEMA_MAP:
		json = json_pack("{s:s, s:{s:s}}", "type", "object", "additionalProperties", "type",
				 "string");
		break;
	case SCHEMA_OBJECT:
		json = reference(m->of);
		break;
	case SCHEMA_ANY:
		json = json_object();
		break;
	}
	if (json && m->about)
		json_object_set_new(json, "description", json_string(m->about));
	return json;
}

json_t *schema_json(const struct schema *schema)
{
	json_t *properties = json_object(), *required = json_array();

	for (size_t i = 0; i < schema->count; i++) {
		const struct schema_member *m = &schema->members[i];

		json_object_set_new(properties, m->name, schema_member_json(m));
		if (m->required)
			json_array_append_new(required, json_string(m->name));
	}
	json_t *json =
		json_pack("{s:s, s:s, s:o, s:b}", "type", "object", "description", schema->about,
			  "properties", properties, "additionalProperties", schema->count == 0);

	if (json_array_size(required))
		json_object_set(json, "required", required);
	json_decref(required);
	return json;
}
