/* SPDX-License-Identifier: Apache-2.0 */
/* Checking what was sent against rows of members; see schema.h. */
#include "api/schema.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static void json_free_p(json_t **json)
{
	json_decref(*json);
}
#define AUTOJSON __attribute__((cleanup(json_free_p)))

/* Is text one of "one|two"? */
static bool in_words(const char *words, struct rf_slice text)
{
	for (const char *at = words; at;) {
		const char *end = strchr(at, '|');
		size_t len = end ? (size_t)(end - at) : strlen(at);

		if (len == text.len && memcmp(at, text.data, len) == 0)
			return true;
		at = end ? end + 1 : NULL;
	}
	return false;
}

static bool has_control(struct rf_slice text, bool lines)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if ((c < 0x20 || c == 0x7f) && !(lines && (c == '\n' || c == '\t')))
			return true;
	}
	return false;
}

static int check_text(const struct schema_member *m, const json_t *value, struct rf_err *err)
{
	if (!json_is_string(value))
		return rf_fail(err, RF_E_SYNTAX, "%s has to be a text", m->name);
	struct rf_slice text = {(const uint8_t *)json_string_value(value),
				json_string_length(value)};

	if (memchr(text.data, '\0', text.len))
		return rf_fail(err, RF_E_SYNTAX, "%s has a NUL in it", m->name);
	if ((int64_t)text.len < m->min)
		return rf_fail(err, RF_E_MISSING, "%s is too short: it has at least %lld bytes",
			       m->name, (long long)m->min);
	if ((int64_t)text.len > m->max)
		return rf_fail(err, RF_E_LIMIT, "%s is too long: it has at most %lld bytes",
			       m->name, (long long)m->max);
	if (m->type != SCHEMA_SECRET && has_control(text, m->type == SCHEMA_PROSE))
		return rf_fail(err, RF_E_SYNTAX, "%s has a control character in it", m->name);
	if (m->words && !in_words(m->words, text))
		return rf_fail(err, RF_E_SYNTAX, "%s has to be one of %s", m->name, m->words);
	return 0;
}

static int check_number(const struct schema_member *m, const json_t *value, struct rf_err *err)
{
	if (!json_is_integer(value))
		return rf_fail(err, RF_E_SYNTAX, "%s has to be a whole number", m->name);
	json_int_t number = json_integer_value(value);

	if (number < m->min || number > m->max)
		return rf_fail(err, RF_E_LIMIT, "%s has to be from %lld to %lld", m->name,
			       (long long)m->min, (long long)m->max);
	return 0;
}

/* A list of texts, each once: words bind each of them. */
static int check_texts(const struct schema_member *m, const json_t *value, struct rf_err *err)
{
	struct schema_member each = {m->name, SCHEMA_TEXT, true, 1, 512, m->words, NULL, NULL};

	for (size_t i = 0; i < json_array_size(value); i++) {
		int rc = check_text(&each, json_array_get(value, i), err);

		if (rc)
			return rc;
		for (size_t j = 0; j < i; j++)
			if (json_equal(json_array_get(value, i), json_array_get(value, j)))
				return rf_fail(err, RF_E_DUPLICATE, "%s names %s twice", m->name,
					       json_string_value(json_array_get(value, i)));
	}
	return 0;
}

static int check_map(const struct schema_member *m, json_t *value, struct rf_err *err)
{
	struct schema_member each = {m->name, SCHEMA_TEXT, true, 0, 1024, NULL, NULL, NULL};
	const char *name;
	json_t *text;

	if (!json_is_object(value))
		return rf_fail(err, RF_E_SYNTAX, "%s has to be an object of texts", m->name);
	if ((int64_t)json_object_size(value) > m->max)
		return rf_fail(err, RF_E_LIMIT, "%s has at most %lld members", m->name,
			       (long long)m->max);
	json_object_foreach(value, name, text)
	{
		struct rf_slice key = rf_slice_text(name);

		if (!key.len || key.len > 128 || has_control(key, false))
			return rf_fail(err, RF_E_SYNTAX, "%s has a member whose name is none",
				       m->name);
		int rc = check_text(&each, text, err);

		if (rc)
			return rc;
	}
	return 0;
}

static int check_object(const struct schema *schema, json_t *value, unsigned depth,
			struct rf_err *err);

static int check_list(const struct schema_member *m, const json_t *value, unsigned depth,
		      struct rf_err *err)
{
	size_t count = json_array_size(value);
	int rc = 0;

	if (!json_is_array(value))
		return rf_fail(err, RF_E_SYNTAX, "%s has to be a list", m->name);
	if ((int64_t)count < m->min || (int64_t)count > m->max)
		return rf_fail(err, RF_E_LIMIT, "%s has from %lld to %lld things", m->name,
			       (long long)m->min, (long long)m->max);
	if (m->type == SCHEMA_TEXTS)
		return check_texts(m, value, err);
	for (size_t i = 0; i < count && !rc; i++) {
		rc = check_object(m->of, json_array_get(value, i), depth + 1, err);
		if (rc)
			rc = rf_wrap(err, rc, "%s", m->name);
	}
	return rc;
}

static int check_member(const struct schema_member *m, json_t *value, unsigned depth,
			struct rf_err *err)
{
	switch (m->type) {
	case SCHEMA_TEXT:
	case SCHEMA_PROSE:
	case SCHEMA_SECRET:
		return check_text(m, value, err);
	case SCHEMA_INT:
	case SCHEMA_TIME:
		return check_number(m, value, err);
	case SCHEMA_BOOL:
		return json_is_boolean(value)
			       ? 0
			       : rf_fail(err, RF_E_SYNTAX, "%s has to be true or false", m->name);
	case SCHEMA_TEXTS:
	case SCHEMA_LIST:
		return check_list(m, value, depth, err);
	case SCHEMA_MAP:
		return check_map(m, value, err);
	case SCHEMA_OBJECT:
		return check_object(m->of, value, depth + 1, err);
	case SCHEMA_ANY:
		break;
	}
	return 0;
}

static const struct schema_member *member_find(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->count; i++)
		if (strcmp(schema->members[i].name, name) == 0)
			return &schema->members[i];
	return NULL;
}

static int check_object(const struct schema *schema, json_t *value, unsigned depth,
			struct rf_err *err)
{
	const char *name;
	json_t *each;

	if (depth > SCHEMA_MAX_DEPTH)
		return rf_fail(err, RF_E_LIMIT, "nested too deeply");
	if (!json_is_object(value))
		return rf_fail(err, RF_E_SYNTAX, "it has to be an object");
	json_object_foreach(value, name, each)
	{
		const struct schema_member *m = member_find(schema, name);

		if (!m)
			return rf_fail(err, RF_E_UNKNOWN, "there is no member %.64s here", name);
		/* What is null is what is left out. */
		int rc = json_is_null(each) ? 0 : check_member(m, each, depth, err);

		if (rc)
			return rc;
	}
	for (size_t i = 0; i < schema->count; i++) {
		const struct schema_member *m = &schema->members[i];
		const json_t *found = json_object_get(value, m->name);

		if (m->required && (!found || json_is_null(found)))
			return rf_fail(err, RF_E_MISSING, "the member %s is missing", m->name);
	}
	return 0;
}

int schema_check(const struct schema *schema, const json_t *value, struct rf_err *err)
{
	/* Jansson walks objects that are not const; nothing is changed. */
	return check_object(schema, (json_t *)(uintptr_t)value, 0, err);
}

/* Jansson recurses up to 2048 levels; ours ends long before. */
static bool too_deep(struct rf_slice text)
{
	unsigned depth = 0;
	bool in_text = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (in_text && c == '\\') {
			i++;
			continue;
		}
		if (c == '"')
			in_text = !in_text;
		if (in_text)
			continue;
		if (c == '{' || c == '[')
			depth++;
		if (depth > 2 * SCHEMA_MAX_DEPTH)
			return true;
		if ((c == '}' || c == ']') && depth)
			depth--;
	}
	return false;
}

int schema_read(const struct schema *schema, struct rf_slice text, size_t max_bytes, json_t **out,
		struct rf_err *err)
{
	json_error_t error;

	if (text.len > max_bytes)
		return rf_fail(err, RF_E_LIMIT, "the body is larger than %zu bytes", max_bytes);
	if (!text.len)
		return rf_fail(err, RF_E_MISSING, "the body is missing");
	if (too_deep(text))
		return rf_fail(err, RF_E_LIMIT, "the body is nested too deeply");
	AUTOJSON json_t *value =
		json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);

	if (!value)
		return rf_fail(err, RF_E_SYNTAX, "the body is no JSON: line %d: %s", error.line,
			       error.text);
	int rc = schema_check(schema, value, err);

	if (!rc)
		*out = rf_take(value);
	return rc;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int schema_decode(struct rf_slice text, bool plus, struct rf_buf *out, struct rf_err *err)
{
	size_t begin = out->len;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c == '%') {
			int high = text.len - i > 2 ? hex_digit(text.data[i + 1]) : -1;
			int low = text.len - i > 2 ? hex_digit(text.data[i + 2]) : -1;

			if (high < 0 || low < 0)
				return rf_fail(err, RF_E_SYNTAX, "a %% without two digits");
			c = (uint8_t)(high * 16 + low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		(void)rf_buf_add_byte(out, c);
	}
	if (out->failed)
		return -ENOMEM;
	if (out->len == begin)
		return 0;
	struct rf_slice made = {out->data + begin, out->len - begin};

	if (!rf_utf8_valid(made.data, made.len) || has_control(made, false))
		return rf_fail(err, RF_E_SYNTAX, "a name has broken UTF-8 or control characters");
	return 0;
}

/* The typed value of a member of a query; NULL: not understood. */
static json_t *query_value(const struct schema_member *m, const char *text)
{
	int64_t number = 0;

	switch (m->type) {
	case SCHEMA_INT:
	case SCHEMA_TIME:
		return rf_num(text, 10, INT64_MIN, INT64_MAX, &number) ? NULL
								       : json_integer(number);
	case SCHEMA_BOOL:
		if (rf_equal(text, "true") || !text[0])
			return json_true();
		return rf_equal(text, "false") ? json_false() : NULL;
	default:
		return json_string(text);
	}
}

static int query_pair(const struct schema *schema, struct rf_slice pair, json_t *query,
		      struct rf_err *err)
{
	const uint8_t *sign = memchr(pair.data, '=', pair.len);
	size_t name_len = sign ? (size_t)(sign - pair.data) : pair.len;
	struct rf_slice rest = {pair.data + name_len + 1, sign ? pair.len - name_len - 1 : 0};
	RF_AUTOBUF struct rf_buf name = {0}, value = {0};
	int rc = schema_decode((struct rf_slice){pair.data, name_len}, true, &name, err);

	if (!rc)
		rc = schema_decode(rest, true, &value, err);
	if (rc)
		return rf_wrap(err, rc, "the query");
	const struct schema_member *m = schema ? member_find(schema, rf_buf_text(&name)) : NULL;

	if (!m)
		return rf_fail(err, RF_E_UNKNOWN, "the query has no member %.64s here",
			       rf_buf_text(&name));
	if (json_object_get(query, m->name))
		return rf_fail(err, RF_E_DUPLICATE, "the query gives %s twice", m->name);
	json_t *typed = query_value(m, rf_buf_text(&value));

	if (!typed)
		return rf_fail(err, RF_E_SYNTAX, "the query's %s is not understood", m->name);
	return json_object_set_new(query, m->name, typed) ? -ENOMEM : 0;
}

int schema_query(const struct schema *schema, const char *query, json_t **out, struct rf_err *err)
{
	AUTOJSON json_t *value = json_object();
	unsigned pairs = 0;

	if (!value)
		return -ENOMEM;
	while (query && *query) {
		const char *end = strchr(query, '&');
		size_t len = end ? (size_t)(end - query) : strlen(query);

		if (++pairs > SCHEMA_MAX_QUERY)
			return rf_fail(err, RF_E_LIMIT, "the query has too many members");
		int rc = len ? query_pair(schema, (struct rf_slice){(const uint8_t *)query, len},
					  value, err)
			     : 0;

		if (rc)
			return rc;
		query = end ? end + 1 : NULL;
	}
	int rc = schema ? schema_check(schema, value, err) : 0;

	if (!rc)
		*out = rf_take(value);
	return rc;
}
