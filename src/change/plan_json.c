/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as a JSON document, written and read by one table of fields. Reading is for strangers'
 * bytes: a limit on the whole, no duplicate and no unknown key, every text fits its field. The key
 * "inverse" is for people: rollback puts the saved state back, whatever it says, so it is not read.
 */
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/plan.h"

#define FORMAT "ringfence-plan/1"

enum type {
	T_TEXT,	 /* char[size] */
	T_ARENA, /* const char *; JSON null is NULL */
	T_BOOL,
	T_MODE,	  /* uint32_t, octal text; absent: CHANGE_LEAVE */
	T_ID,	  /* uint32_t; absent: CHANGE_LEAVE */
	T_DIGEST, /* uint8_t[CHANGE_DIGEST_BYTES], hexadecimal */
	T_NEEDS,
	T_RISK,
};

struct field {
	const char *key;
	enum type type;
	size_t offset, size;
	bool required;
};

#define SPEC(name, type, required)                                                                 \
	{                                                                                          \
#name, type, offsetof(struct change, spec.name),                                   \
			sizeof(((struct change *)0)->spec.name), required                          \
	}
#define CHANGE(name, type, required)                                                               \
	{                                                                                          \
#name, type, offsetof(struct change, name), sizeof(((struct change *)0)->name),    \
			required                                                                   \
	}
#define PLAN(name, type, required)                                                                 \
	{                                                                                          \
#name, type, offsetof(struct plan, name), sizeof(((struct plan *)0)->name),        \
			required                                                                   \
	}
#define REFUSAL(name)                                                                              \
	{                                                                                          \
#name, T_ARENA, offsetof(struct plan_refusal, name), sizeof(char *), true          \
	}

static const struct field change_fields[] = {
	SPEC(verb, T_TEXT, true),
	SPEC(op, T_TEXT, false),
	SPEC(style, T_TEXT, false),
	SPEC(target, T_TEXT, true),
	SPEC(section, T_TEXT, false),
	SPEC(key, T_TEXT, false),
	SPEC(hook, T_TEXT, false),
	SPEC(part, T_TEXT, false),
	SPEC(mode, T_MODE, false),
	SPEC(uid, T_ID, false),
	SPEC(gid, T_ID, false),
	SPEC(before, T_DIGEST, true),
	SPEC(after, T_DIGEST, true),
	CHANGE(old_value, T_ARENA, false),
	CHANGE(explanation, T_ARENA, true),
	CHANGE(origin, T_ARENA, true),
	CHANGE(needs, T_NEEDS, true),
	CHANGE(risk, T_RISK, true),
	CHANGE(could_cut_access, T_BOOL, false),
	CHANGE(secret, T_BOOL, false),
};
static const struct field plan_fields[] = {
	PLAN(id, T_TEXT, true),	   PLAN(created, T_TEXT, true), PLAN(made_by, T_TEXT, false),
	PLAN(host, T_TEXT, false), PLAN(reason, T_TEXT, false), PLAN(root, T_TEXT, true),
};
static const struct field refusal_fields[] = {REFUSAL(origin), REFUSAL(target), REFUSAL(reason)};

/* ---- writing ---- */

static json_t *hex_new(const uint8_t *data, size_t len)
{
	RF_AUTOBUF struct rf_buf text = {0};

	rf_buf_add_hex(&text, data, len);
	return text.failed ? NULL : json_string(rf_buf_text(&text));
}

/* NULL for what is left off: "", false, CHANGE_LEAVE. *failed when memory is short. */
static json_t *field_json(const struct field *f, const void *object, bool *failed)
{
	const void *at = (const char *)object + f->offset;
	uint32_t number = 0;
	char octal[16];
	json_t *out = NULL;

	if (f->type == T_MODE || f->type == T_ID)
		memcpy(&number, at, sizeof(number));
	switch (f->type) {
	case T_TEXT:
		if (!*(const char *)at && !f->required)
			return NULL;
		out = json_string(at);
		break;
	case T_ARENA:
		out = *(const char *const *)at ? json_string(*(const char *const *)at)
					       : json_null();
		break;
	case T_BOOL:
		if (!*(const bool *)at)
			return NULL;
		out = json_true();
		break;
	case T_MODE:
		if (number == CHANGE_LEAVE)
			return NULL;
		rf_format(octal, sizeof(octal), "%04o", number);
		out = json_string(octal);
		break;
	case T_ID:
		if (number == CHANGE_LEAVE)
			return NULL;
		out = json_integer(number);
		break;
	case T_DIGEST:
		out = hex_new(at, CHANGE_DIGEST_BYTES);
		break;
	case T_NEEDS:
		out = json_string(change_needs_name(*(const enum change_needs *)at));
		break;
	case T_RISK:
		out = json_string(change_risk_name(*(const enum change_risk *)at));
		break;
	}
	*failed |= !out;
	return out;
}

static json_t *object_json(const struct field *fields, size_t count, const void *object)
{
	json_t *out = json_object();
	bool failed = !out;

	for (size_t i = 0; i < count && !failed; i++) {
		json_t *value = field_json(&fields[i], object, &failed);

		if (value && json_object_set_new(out, fields[i].key, value) < 0)
			failed = true;
	}
	if (!failed)
		return out;
	json_decref(out);
	return NULL;
}

/* The same verb with the old value, for who reads the plan. */
static json_t *inverse_json(const struct change *c)
{
	const char *op = !strcmp(c->spec.op, "set") || !strcmp(c->spec.op, "remove")
				 ? (c->old_value ? "set" : "remove")
				 : "restore";

	if (c->secret)
		return json_pack("{s:s,s:s}", "verb", c->spec.verb, "op", "restore");
	return json_pack("{s:s,s:s,s:s?}", "verb", c->spec.verb, "op", op, "value", c->old_value);
}

static json_t *change_json(const struct change *c, bool text)
{
	struct change shown = *c;

	if (c->secret)
		shown.old_value = c->old_value ? "(secret)" : NULL;
	json_t *out = object_json(change_fields, RF_COUNT(change_fields), &shown);
	json_t *value = text ? json_string(change_spec_value(&c->spec))
			     : hex_new(c->spec.value, c->spec.value_bytes);

	if (out && value && json_object_set_new(out, text ? "value" : "payload", value) == 0 &&
	    json_object_set_new(out, "inverse", inverse_json(&shown)) == 0)
		return out;
	json_decref(out);
	return NULL;
}

/* A value is text when it ends where it says; a payload is not read as one. */
static bool is_text(const struct change_spec *spec)
{
	return strnlen((const char *)spec->value, sizeof(spec->value)) == spec->value_bytes &&
	       rf_utf8_valid(spec->value, spec->value_bytes);
}

static int piece(const char *data, size_t len, void *out)
{
	return rf_buf_add(out, data, len) < 0 ? -1 : 0;
}

int plan_write(const struct plan *plan, struct rf_buf *out, struct rf_err *err)
{
	json_t *doc = object_json(plan_fields, RF_COUNT(plan_fields), plan);
	json_t *changes = json_array(), *refusals = json_array();
	bool failed = !doc;

	for (size_t i = 0; i < plan->count && !failed; i++)
		failed = json_array_append_new(changes,
					       change_json(&plan->changes[i],
							   is_text(&plan->changes[i].spec))) < 0;
	for (size_t i = 0; i < plan->refusals_count && !failed; i++)
		failed = json_array_append_new(refusals,
					       object_json(refusal_fields, RF_COUNT(refusal_fields),
							   &plan->refusals[i])) < 0;
	if (!failed)
		failed = json_object_set(doc, "changes", changes) < 0 ||
			 json_object_set(doc, "refusals", refusals) < 0 ||
			 json_object_set_new(doc, "format", json_string(FORMAT)) < 0 ||
			 json_object_set_new(doc, "held",
					     json_integer((json_int_t)plan->held_count)) < 0;
	if (!failed)
		failed = json_dump_callback(doc, piece, out, JSON_INDENT(1) | JSON_SORT_KEYS) < 0;
	json_decref(changes);
	json_decref(refusals);
	json_decref(doc);
	rf_buf_add_byte(out, '\n');
	return failed || out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

/* ---- reading ---- */

static int bad(struct rf_err *err, const char *key, const char *why)
{
	return rf_fail(err, RF_E_SYNTAX, "%s: %s", key, why);
}

static int number_read(const struct field *f, const json_t *value, void *at, struct rf_err *err)
{
	uint32_t number;
	int64_t n;

	if (f->type == T_MODE) {
		if (!json_is_string(value) || rf_num(json_string_value(value), 8, 0, 07777, &n) < 0)
			return bad(err, f->key, "permission bits in octal, as text");
	} else {
		n = json_integer_value(value);
		if (!json_is_integer(value) || n < 0 || n >= CHANGE_LEAVE)
			return bad(err, f->key, "a number of a user or group");
	}
	number = (uint32_t)n;
	memcpy(at, &number, sizeof(number));
	return 0;
}

static int word_read(const struct field *f, const char *text, void *at, struct rf_err *err)
{
	int rc = f->type == T_NEEDS ? change_needs_parse(text, at) : change_risk_parse(text, at);

	return rc < 0 ? bad(err, f->key, "an unknown word") : 0;
}

static int text_read(const struct field *f, const char *text, void *at, struct rf_arena *arena,
		     struct rf_err *err)
{
	size_t len;

	switch (f->type) {
	case T_TEXT:
		return rf_copy(at, f->size, text)
			       ? 0
			       : rf_fail(err, RF_E_LIMIT, "%s: longer than %zu bytes", f->key,
					 f->size - 1);
	case T_ARENA:
		*(const char **)at = rf_arena_copy(arena, text);
		return *(const char **)at ? 0 : rf_fail(err, -ENOMEM, "no memory");
	case T_DIGEST:
		if (rf_hex_decode(text, at, CHANGE_DIGEST_BYTES, &len) < 0 ||
		    len != CHANGE_DIGEST_BYTES)
			return bad(err, f->key, "a SHA-256 in hexadecimal");
		return 0;
	default:
		return word_read(f, text, at, err);
	}
}

static int field_read(const struct field *f, const json_t *value, void *object,
		      struct rf_arena *arena, struct rf_err *err)
{
	void *at = (char *)object + f->offset;

	if (!value)
		return f->required ? bad(err, f->key, "is missing") : 0;
	if (f->type == T_BOOL) {
		if (!json_is_boolean(value))
			return bad(err, f->key, "true or false");
		*(bool *)at = json_is_true(value);
		return 0;
	}
	if (f->type == T_MODE || f->type == T_ID)
		return number_read(f, value, at, err);
	if (f->type == T_ARENA && json_is_null(value) && !f->required)
		return 0;
	if (!json_is_string(value))
		return bad(err, f->key, "a text");
	return text_read(f, json_string_value(value), at, arena, err);
}

/* What an object may hold: fields, and keys that are read elsewhere, joined by blanks. */
struct shape {
	const struct field *fields;
	size_t count;
	const char *extra;
};

static const struct shape plan_shape = {plan_fields, RF_COUNT(plan_fields),
					"format changes refusals held"};
static const struct shape change_shape = {change_fields, RF_COUNT(change_fields),
					  "value payload inverse"};
static const struct shape refusal_shape = {refusal_fields, RF_COUNT(refusal_fields), ""};

static bool key_known(const struct shape *shape, const char *key)
{
	for (size_t i = 0; i < shape->count; i++) {
		if (strcmp(shape->fields[i].key, key) == 0)
			return true;
	}
	for (const char *p = shape->extra; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (strlen(key) == n && memcmp(p, key, n) == 0)
			return true;
		p += n;
	}
	return false;
}

static int object_read(json_t *object, const struct shape *shape, void *out, struct rf_arena *arena,
		       struct rf_err *err)
{
	if (!json_is_object(object))
		return rf_fail(err, RF_E_SYNTAX, "an object is expected");
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		if (!key_known(shape, json_object_iter_key(at)))
			return rf_fail(err, RF_E_SYNTAX, "%.60s: an unknown key",
				       json_object_iter_key(at));
	}
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < shape->count; i++)
		rc = field_read(&shape->fields[i], json_object_get(object, shape->fields[i].key),
				out, arena, err);
	return rc;
}

static int value_read(const json_t *object, const struct verb *verb, struct change_spec *spec,
		      struct rf_err *err)
{
	const char *key = verb->payload_bytes ? "payload" : "value";
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	size_t len;

	if (json_object_get(object, verb->payload_bytes ? "value" : "payload"))
		return bad(err, verb->payload_bytes ? "value" : "payload", "this verb has none");
	if (!text)
		return bad(err, key, "a text");
	if (!verb->payload_bytes) {
		if (strlen(text) >= sizeof(spec->value))
			return rf_fail(err, RF_E_LIMIT, "value: too long");
		rf_copy((char *)spec->value, sizeof(spec->value), text);
		spec->value_bytes = (uint32_t)strlen(text);
		return 0;
	}
	if (rf_hex_decode(text, spec->value, sizeof(spec->value), &len) < 0)
		return bad(err, key, "hexadecimal of at most the payload's size");
	spec->value_bytes = (uint32_t)len;
	return 0;
}

static int change_read(json_t *json, const struct verb_set *verbs, struct plan *plan,
		       struct rf_err *err)
{
	struct change change = {
		.spec = {.mode = CHANGE_LEAVE, .uid = CHANGE_LEAVE, .gid = CHANGE_LEAVE}};
	int rc = object_read(json, &change_shape, &change, &plan->texts, err);
	const struct verb *verb = rc ? NULL : verb_find(verbs, change.spec.verb);

	if (!rc && !verb)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no verb %s", change.spec.verb);
	if (!rc)
		rc = value_read(json, verb, &change.spec, err);
	if (!rc)
		rc = change_spec_check(&change.spec, err);
	if (!rc &&
	    rf_grow((void **)&plan->changes, &plan->capacity, plan->count + 1, sizeof(change)) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (!rc)
		plan->changes[plan->count++] = change;
	return rc;
}

/* The changes of a target are neighbours, and each begins where the one before ended. */
static int order_check(const struct plan *plan, const struct verb_set *verbs, struct rf_err *err)
{
	for (size_t i = 1; i < plan->count; i++) {
		const struct change_spec *a = &plan->changes[i].spec;
		const struct verb_kind *kind = verb_find(verbs, a->verb)->kind;

		for (size_t k = 0; k < i; k++) {
			const struct change_spec *b = &plan->changes[k].spec;

			if (strcmp(a->target, b->target) != 0 ||
			    verb_find(verbs, b->verb)->kind != kind)
				continue;
			const struct change_spec *last = &plan->changes[i - 1].spec;

			if (strcmp(last->target, a->target) == 0 &&
			    memcmp(last->after, a->before, sizeof(a->before)) == 0)
				break;
			return rf_fail(err, RF_E_SYNTAX,
				       "change %zu: the changes of %s do not follow one another",
				       i + 1, a->target);
		}
	}
	return 0;
}

static int refusal_read(json_t *json, struct plan *plan, struct rf_err *err)
{
	struct plan_refusal r = {0};
	int rc = object_read(json, &refusal_shape, &r, &plan->texts, err);

	if (!rc && rf_grow((void **)&plan->refusals, &plan->refusals_capacity,
			   plan->refusals_count + 1, sizeof(r)) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (!rc)
		plan->refusals[plan->refusals_count++] = r;
	return rc;
}

static int document_read(json_t *doc, const struct verb_set *verbs, struct plan *plan,
			 struct rf_err *err)
{
	const char *format = json_string_value(json_object_get(doc, "format"));
	json_t *changes = json_object_get(doc, "changes"), *item;
	json_t *refusals = json_object_get(doc, "refusals");
	size_t i;

	if (!format || strcmp(format, FORMAT) != 0)
		return rf_fail(err, RF_E_SYNTAX, "this is no " FORMAT);
	int rc = object_read(doc, &plan_shape, plan, &plan->texts, err);

	if (!rc && (!json_is_array(changes) || json_array_size(changes) > CHANGE_MAX_STEPS ||
		    (refusals && json_array_size(refusals) > CHANGE_MAX_STEPS)))
		rc = rf_fail(err, RF_E_LIMIT, "changes: a list of at most %u", CHANGE_MAX_STEPS);
	if (rc < 0)
		return rc;
	plan->held_count = (size_t)json_integer_value(json_object_get(doc, "held"));
	json_array_foreach(changes, i, item)
	{
		rc = change_read(item, verbs, plan, err);
		if (rc < 0)
			return rf_wrap(err, rc, "change %zu", i + 1);
	}
	json_array_foreach(refusals, i, item)
	{
		rc = refusal_read(item, plan, err);
		if (rc < 0)
			return rf_wrap(err, rc, "refusal %zu", i + 1);
	}
	return order_check(plan, verbs, err);
}

int plan_read(struct rf_slice json, const struct verb_set *verbs, struct plan *out,
	      struct rf_err *err)
{
	struct plan plan = {0};
	json_error_t why;

	if (json.len > PLAN_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "a plan has at most %u bytes", PLAN_MAX_BYTES);
	json_t *doc = json.len ? json_loadb((const char *)json.data, json.len,
					    JSON_REJECT_DUPLICATES, &why)
			       : NULL;

	if (!doc)
		return rf_fail(err, RF_E_SYNTAX, "the plan is no JSON: %s, line %d",
			       json.len ? why.text : "it is empty", json.len ? why.line : 1);
	int rc = json_is_object(doc) ? document_read(doc, verbs, &plan, err)
				     : rf_fail(err, RF_E_SYNTAX, "the plan is no object");

	json_decref(doc);
	if (rc < 0) {
		plan_done(&plan);
		return rf_wrap(err, rc, "plan");
	}
	*out = plan;
	return 0;
}
