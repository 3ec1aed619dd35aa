/* SPDX-License-Identifier: Apache-2.0 */
/* YAML tree and binder; see yaml.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"

struct builder {
	yaml_parser_t parser;
	struct yaml_doc *doc;
	struct rf_err *err;
	size_t nodes_count, nodes_max;
	size_t depth;
};

static int fail_at(const struct yaml_doc *doc, size_t line, size_t column, struct rf_err *err,
		   const char *text)
{
	return rf_fail(err, RF_E_SYNTAX, "%s:%zu:%zu: %s", doc->name, line, column, text);
}

int yaml_fail(const struct yaml_doc *doc, const struct yaml_node *at, struct rf_err *err,
	      const char *fmt, ...)
{
	char text[384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail_at(doc, at->line, at->column, err, text);
}

static void node_done(struct yaml_node *node)
{
	for (size_t i = 0; i < node->items_count; i++)
		node_done(&node->items[i]);
	rf_free(node->items);
	rf_free(node->text);
	rf_free(node->key);
}

void yaml_done(struct yaml_doc *doc)
{
	if (!doc)
		return;
	if (doc->root)
		node_done(doc->root);
	rf_free(doc->root);
	rf_free(doc->name);
	*doc = (struct yaml_doc){0};
}

/* The next event, or what libyaml says of the place. */
static int event_next(struct builder *b, yaml_event_t *out)
{
	const yaml_parser_t *p = &b->parser;

	if (yaml_parser_parse(&b->parser, out))
		return 0;
	if (p->error == YAML_MEMORY_ERROR)
		return rf_fail(b->err, -ENOMEM, "%s: no memory", b->doc->name);
	return fail_at(b->doc, p->problem_mark.line + 1, p->problem_mark.column + 1, b->err,
		       p->problem ? p->problem : "not YAML");
}

static int event_fail(struct builder *b, const yaml_event_t *e, const char *text)
{
	return fail_at(b->doc, e->start_mark.line + 1, e->start_mark.column + 1, b->err, text);
}

static int node_build(struct builder *b, yaml_event_t *e, struct yaml_node *out);

/* Appends an empty node to a list or map; NULL when memory is short. */
static struct yaml_node *item_add(struct yaml_node *parent, size_t *capacity)
{
	if (rf_grow((void **)&parent->items, capacity, parent->items_count + 1,
		    sizeof(*parent->items)) < 0)
		return NULL;
	struct yaml_node *item = &parent->items[parent->items_count++];

	*item = (struct yaml_node){0};
	return item;
}

static int list_build(struct builder *b, struct yaml_node *out)
{
	size_t capacity = 0;

	for (;;) {
		yaml_event_t e;
		int rc = event_next(b, &e);

		if (rc < 0)
			return rc;
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&e);
			return 0;
		}
		struct yaml_node *item = item_add(out, &capacity);

		rc = item ? node_build(b, &e, item) : -ENOMEM;
		yaml_event_delete(&e);
		if (rc < 0)
			return rc;
	}
}

static int map_key(struct builder *b, const yaml_event_t *e, const struct yaml_node *map,
		   struct yaml_node *item)
{
	if (e->type != YAML_SCALAR_EVENT)
		return event_fail(b, e, "a key must be plain text");
	const char *key = (const char *)e->data.scalar.value;

	if (strlen(key) != e->data.scalar.length)
		return event_fail(b, e, "a key must not hold a NUL byte");
	if (map->items_count >= RF_MAX_YAML_KEYS)
		return event_fail(b, e, "too many keys in one map");
	if (yaml_get(map, key))
		return event_fail(b, e, "this key stands twice");
	item->key = rf_strdup(key);
	return item->key ? 0 : rf_fail(b->err, -ENOMEM, "%s: no memory", b->doc->name);
}

static int map_build(struct builder *b, struct yaml_node *out)
{
	size_t capacity = 0;

	for (;;) {
		yaml_event_t e;
		int rc = event_next(b, &e);

		if (rc < 0)
			return rc;
		if (e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			return 0;
		}
		struct yaml_node item = {0};

		rc = map_key(b, &e, out, &item);
		yaml_event_delete(&e);
		if (rc < 0 || (rc = event_next(b, &e)) < 0) {
			node_done(&item);
			return rc;
		}
		struct yaml_node *place = item_add(out, &capacity);

		if (!place) {
			node_done(&item);
			rc = -ENOMEM;
		} else {
			*place = item;
			rc = node_build(b, &e, place);
		}
		yaml_event_delete(&e);
		if (rc < 0)
			return rc;
	}
}

static int scalar_build(struct builder *b, const yaml_event_t *e, struct yaml_node *out)
{
	const char *text = (const char *)e->data.scalar.value;

	if (e->data.scalar.tag || e->data.scalar.anchor)
		return event_fail(b, e, "tags and anchors are not allowed");
	if (strlen(text) != e->data.scalar.length)
		return event_fail(b, e, "text must not hold a NUL byte");
	out->kind = YAML_TEXT;
	out->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	out->text = rf_strdup(text);
	return out->text ? 0 : rf_fail(b->err, -ENOMEM, "%s: no memory", b->doc->name);
}

static int node_build(struct builder *b, yaml_event_t *e, struct yaml_node *out)
{
	int rc;

	out->line = (uint32_t)e->start_mark.line + 1;
	out->column = (uint32_t)e->start_mark.column + 1;
	if (++b->nodes_count > b->nodes_max)
		return event_fail(b, e, "too many values");
	if (e->type == YAML_SCALAR_EVENT)
		return scalar_build(b, e, out);
	if (e->type == YAML_ALIAS_EVENT)
		return event_fail(b, e, "aliases are not allowed");
	if (e->type != YAML_SEQUENCE_START_EVENT && e->type != YAML_MAPPING_START_EVENT)
		return event_fail(b, e, "a value was expected");
	bool is_map = e->type == YAML_MAPPING_START_EVENT;

	if (is_map ? e->data.mapping_start.anchor || e->data.mapping_start.tag
		   : e->data.sequence_start.anchor || e->data.sequence_start.tag)
		return event_fail(b, e, "tags and anchors are not allowed");
	if (++b->depth > RF_MAX_YAML_DEPTH)
		return event_fail(b, e, "nested too deeply");
	out->kind = is_map ? YAML_MAP : YAML_LIST;
	rc = is_map ? map_build(b, out) : list_build(b, out);
	b->depth--;
	return rc;
}

/* Reads events up to and including the one wanted; anything else is an error. */
static int event_expect(struct builder *b, yaml_event_type_t type, const char *text)
{
	yaml_event_t e;
	int rc = event_next(b, &e);

	if (rc < 0)
		return rc;
	if (e.type != type)
		rc = event_fail(b, &e, text);
	yaml_event_delete(&e);
	return rc;
}

static int document_build(struct builder *b)
{
	int rc = event_expect(b, YAML_STREAM_START_EVENT, "not YAML");

	if (!rc)
		rc = event_expect(b, YAML_DOCUMENT_START_EVENT, "the file is empty");
	if (rc < 0)
		return rc;
	yaml_event_t e;

	rc = event_next(b, &e);
	if (rc < 0)
		return rc;
	b->doc->root = rf_alloc(1, sizeof(*b->doc->root));
	rc = b->doc->root ? node_build(b, &e, b->doc->root)
			  : rf_fail(b->err, -ENOMEM, "%s: no memory", b->doc->name);
	yaml_event_delete(&e);
	if (!rc)
		rc = event_expect(b, YAML_DOCUMENT_END_EVENT, "one value was expected");
	if (!rc)
		rc = event_expect(b, YAML_STREAM_END_EVENT, "only one document is allowed");
	return rc;
}

int yaml_parse(struct rf_slice in, const char *name, struct yaml_doc *out, struct rf_err *err)
{
	return yaml_parse_large(in, name, RF_MAX_YAML_BYTES, RF_MAX_YAML_NODES, out, err);
}

int yaml_parse_large(struct rf_slice in, const char *name, size_t max_bytes, size_t max_nodes,
		     struct yaml_doc *out, struct rf_err *err)
{
	struct yaml_doc doc = {.name = rf_strdup(name)};
	struct builder b = {.doc = &doc, .err = err, .nodes_max = max_nodes};

	if (!doc.name)
		return rf_fail(err, -ENOMEM, "%s: no memory", name);
	if (in.len > max_bytes) {
		yaml_done(&doc);
		return rf_fail(err, RF_E_LIMIT, "%s: %zu bytes, at most %zu are read", name, in.len,
			       max_bytes);
	}
	if (!yaml_parser_initialize(&b.parser)) {
		yaml_done(&doc);
		return rf_fail(err, -ENOMEM, "%s: no memory", name);
	}
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, in.data ? in.data : (const uint8_t *)"", in.len);
	int rc = document_build(&b);

	yaml_parser_delete(&b.parser);
	if (rc < 0) {
		yaml_done(&doc);
		if (err && err->code == 0)
			rf_fail(err, rc, "%s: %s", name, rf_code_text(rc));
		return rc;
	}
	*out = doc;
	return 0;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->items_count; i++) {
		if (map->items[i].key && strcmp(map->items[i].key, key) == 0)
			return &map->items[i];
	}
	return NULL;
}

static const struct yaml_field *field_find(const struct yaml_field *fields, size_t count,
					   const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(fields[i].key, key) == 0)
			return &fields[i];
	}
	return NULL;
}

static bool is_texts(const struct yaml_node *node)
{
	if (node->kind == YAML_TEXT)
		return true;
	if (node->kind != YAML_LIST)
		return false;
	for (size_t i = 0; i < node->items_count; i++) {
		if (node->items[i].kind != YAML_TEXT)
			return false;
	}
	return true;
}

static int bind_scalar(const struct yaml_doc *doc, const struct yaml_node *node,
		       const struct yaml_field *field, void *place, struct rf_err *err)
{
	if (node->kind != YAML_TEXT)
		return yaml_fail(doc, node, err, "%s: text was expected", field->key);
	if (field->type == YAML_T_TEXT) {
		*(const char **)place = node->text;
		return 0;
	}
	if (field->type == YAML_T_INT) {
		if (rf_num(node->text, 10, INT64_MIN, INT64_MAX, (int64_t *)place) < 0)
			return yaml_fail(doc, node, err, "%s: a whole number was expected, not %s",
					 field->key, node->text);
		return 0;
	}
	int truth = rf_truth(node->text);

	if (truth < 0)
		return yaml_fail(doc, node, err, "%s: true or false was expected, not %s",
				 field->key, node->text);
	*(bool *)place = truth == 1;
	return 0;
}

static int bind_field(const struct yaml_doc *doc, const struct yaml_node *node,
		      const struct yaml_field *field, void *place, struct rf_err *err)
{
	switch (field->type) {
	case YAML_T_TEXT:
	case YAML_T_INT:
	case YAML_T_BOOL:
		return bind_scalar(doc, node, field, place, err);
	case YAML_T_LIST:
		if (node->kind != YAML_LIST)
			return yaml_fail(doc, node, err, "%s: a list was expected", field->key);
		break;
	case YAML_T_MAP:
		if (node->kind != YAML_MAP)
			return yaml_fail(doc, node, err, "%s: a map was expected", field->key);
		break;
	case YAML_T_TEXTS:
		if (!is_texts(node))
			return yaml_fail(doc, node, err, "%s: a list of texts was expected",
					 field->key);
		break;
	case YAML_T_NODE:
		break;
	}
	*(const struct yaml_node **)place = node;
	return 0;
}

int yaml_bind(const struct yaml_doc *doc, const struct yaml_node *map,
	      const struct yaml_field *fields, size_t fields_count, void *out, struct rf_err *err)
{
	if (map->kind != YAML_MAP)
		return yaml_fail(doc, map, err, "a map was expected");
	for (size_t i = 0; i < map->items_count; i++) {
		const struct yaml_node *node = &map->items[i];
		const struct yaml_field *field = field_find(fields, fields_count, node->key);

		if (!field)
			return yaml_fail(doc, node, err, "unknown key %s", node->key);
		int rc = bind_field(doc, node, field, (char *)out + field->offset, err);

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < fields_count; i++) {
		if (fields[i].required && !yaml_get(map, fields[i].key))
			return yaml_fail(doc, map, err, "the key %s is missing", fields[i].key);
	}
	return 0;
}
