/* SPDX-License-Identifier: Apache-2.0 */
/* One reader and one writer for the texts of all kinds, driven by the table of message.h. */
#include "fleet/message.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"

enum member_type { T_NAME, T_TEXT, T_INT, T_BOOL, T_BYTES, T_LIST, T_OBJECT };

struct member {
	const char *name;
	size_t offset;
	enum member_type type;
	int64_t least, most;
	bool required;
};

#define MEMBER_ROW(kind, member, type, least, most, required)                                      \
	{#member, offsetof(struct message, kind.member), T_##type, least, most, required},
#define MEMBER_TABLE(id, name)                                                                     \
	static const struct member members_##name[] = {MESSAGE_##id(MEMBER_ROW){NULL}};
MESSAGE_EACH(MEMBER_TABLE)

static const struct member *const tables[WIRE_KIND_COUNT] = {
#define KIND_ROW(id, name) [WIRE_##id] = members_##name,
	MESSAGE_EACH(KIND_ROW)
#undef KIND_ROW
};

static const struct member *table_of(enum wire_kind kind)
{
	return wire_row(kind) ? tables[kind] : NULL;
}

/* ---- what a value may be: the same for reading and writing ---- */

static int length_check(const struct member *m, size_t len, struct rf_err *err)
{
	if ((int64_t)len < m->least || (int64_t)len > m->most)
		return rf_fail(err, RF_E_LIMIT, "%s: %zu bytes, allowed are %lld to %lld", m->name,
			       len, (long long)m->least, (long long)m->most);
	return 0;
}

static bool is_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._:@/+-";

	return text[strspn(text, letters)] == '\0';
}

static int text_check(const struct member *m, const char *text, struct rf_err *err)
{
	if (m->type == T_NAME && !is_name(text))
		return rf_fail(err, RF_E_SYNTAX, "%s: letters, digits and ._:@/+- only", m->name);
	return length_check(m, strlen(text), err);
}

static int number_check(const struct member *m, int64_t n, struct rf_err *err)
{
	if (n < m->least || n > m->most)
		return rf_fail(err, RF_E_LIMIT, "%s: %lld, allowed are %lld to %lld", m->name,
			       (long long)n, (long long)m->least, (long long)m->most);
	return 0;
}

static int wrong_type(const struct member *m, struct rf_err *err)
{
	static const char *const words[] = {
		[T_NAME] = "a text",	    [T_TEXT] = "a text",  [T_INT] = "a whole number",
		[T_BOOL] = "true or false", [T_BYTES] = "base64", [T_LIST] = "a list of base64",
		[T_OBJECT] = "an object",
	};

	return rf_fail(err, RF_E_SYNTAX, "%s: not %s", m->name, words[m->type]);
}

/* ---- reading ---- */

/* Decodes into storage that was reserved for the whole message, so that nothing moves. */
static int bytes_read(const struct member *m, json_t *value, struct rf_buf *decoded,
		      struct rf_slice *out, struct rf_err *err)
{
	const struct rf_slice text = {(const uint8_t *)json_string_value(value),
				      json_string_length(value)};
	size_t len;
	int rc;

	if (!json_is_string(value))
		return wrong_type(m, err);
	rc = rf_base64_decode(text, decoded->data + decoded->len, decoded->capacity - decoded->len,
			      &len);
	if (rc)
		return wrong_type(m, err);
	*out = (struct rf_slice){decoded->data + decoded->len, len};
	decoded->len += len;
	return length_check(m, len, err);
}

static int list_read(const struct member *m, json_t *value, struct rf_buf *decoded,
		     struct message_list *out, struct rf_err *err)
{
	if (!json_is_array(value))
		return wrong_type(m, err);
	if (json_array_size(value) > MESSAGE_MAX_LIST)
		return rf_fail(err, RF_E_LIMIT, "%s: %zu items, at most %u", m->name,
			       json_array_size(value), MESSAGE_MAX_LIST);
	for (; out->count < json_array_size(value); out->count++) {
		int rc = bytes_read(m, json_array_get(value, out->count), decoded,
				    &out->items[out->count], err);

		if (rc)
			return rc;
	}
	return 0;
}

static int value_read(const struct member *m, json_t *value, struct message *out,
		      struct rf_err *err)
{
	void *at = (char *)out + m->offset;

	switch (m->type) {
	case T_NAME:
	case T_TEXT:
		if (!json_is_string(value))
			return wrong_type(m, err);
		*(const char **)at = json_string_value(value);
		return text_check(m, json_string_value(value), err);
	case T_INT:
		if (!json_is_integer(value))
			return wrong_type(m, err);
		*(int64_t *)at = json_integer_value(value);
		return number_check(m, json_integer_value(value), err);
	case T_BOOL:
		*(bool *)at = json_is_true(value);
		return json_is_boolean(value) ? 0 : wrong_type(m, err);
	case T_BYTES:
		return bytes_read(m, value, &out->decoded, at, err);
	case T_LIST:
		return list_read(m, value, &out->decoded, at, err);
	case T_OBJECT:
		*(json_t **)at = value;
		return json_is_object(value) ? 0 : wrong_type(m, err);
	}
	return -EINVAL;
}

static int members_read(const struct member *table, struct message *out, struct rf_err *err)
{
	size_t known = 0;

	for (const struct member *m = table; m->name; m++) {
		json_t *value = json_object_get(out->owned, m->name);
		int rc = value ? value_read(m, value, out, err) : 0;

		if (rc)
			return rc;
		if (!value && m->required)
			return rf_fail(err, RF_E_MISSING, "%s is missing", m->name);
		known += value != NULL;
	}
	if (known == json_object_size(out->owned))
		return 0;

	const char *key;
	json_t *value;

	json_object_foreach(out->owned, key, value)
	{
		const struct member *m = table;

		while (m->name && strcmp(m->name, key) != 0)
			m++;
		if (!m->name)
			break;
	}
	return rf_fail(err, RF_E_UNKNOWN, "there is no member %.64s", key);
}

int message_read(enum wire_kind kind, struct rf_slice text, struct message *out, struct rf_err *err)
{
	MESSAGE_AUTO struct message m = {.kind = kind};
	const struct member *table = table_of(kind);
	json_error_t why;

	if (!table)
		return rf_fail(err, RF_E_UNKNOWN, "there is no frame of kind %d", (int)kind);
	if (text.len > wire_row(kind)->text_max)
		return rf_fail(err, RF_E_LIMIT, "frame %s: too long a text", wire_row(kind)->name);
	m.owned = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &why);
	if (!m.owned)
		return rf_fail(err,
			       json_error_code(&why) == json_error_duplicate_key ? RF_E_DUPLICATE
										 : RF_E_SYNTAX,
			       "frame %s: %s", wire_row(kind)->name, why.text);
	if (!json_is_object(m.owned))
		return rf_fail(err, RF_E_SYNTAX, "frame %s: no object", wire_row(kind)->name);
	if (!rf_buf_reserve(&m.decoded, text.len))
		return rf_fail(err, -ENOMEM, "no memory for a message");
	int rc = members_read(table, &m, err);

	if (rc)
		return rf_wrap(err, rc, "frame %s", wire_row(kind)->name);
	*out = m;
	m = (struct message){0};
	return 0;
}

void message_done(struct message *message)
{
	json_decref(message->owned);
	/* A proof is a secret. */
	if (message->decoded.data)
		rf_wipe(message->decoded.data, message->decoded.len);
	rf_buf_done(&message->decoded);
	message->owned = NULL;
}

/* ---- writing ---- */

static json_t *base64_json(struct rf_slice bytes)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (rf_base64_add(&text, bytes.data, bytes.len))
		return NULL;
	return json_stringn(rf_buf_text(&text), text.len);
}

static json_t *list_json(const struct message_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < list->count; i++) {
		if (json_array_append_new(array, base64_json(list->items[i])) == 0)
			continue;
		json_decref(array);
		array = NULL;
	}
	return array;
}

/* Is it there? */
static bool is_set(const struct member *m, const void *at)
{
	switch (m->type) {
	case T_NAME:
	case T_TEXT:
		return *(const char *const *)at != NULL;
	case T_INT:
		return m->required || *(const int64_t *)at != 0;
	case T_BOOL:
		return m->required || *(const bool *)at;
	case T_BYTES:
		return ((const struct rf_slice *)at)->len > 0;
	case T_LIST:
		return ((const struct message_list *)at)->count > 0;
	case T_OBJECT:
		return *(json_t *const *)at != NULL;
	}
	return false;
}

static int value_check(const struct member *m, const void *at, struct rf_err *err)
{
	const struct message_list *list = at;
	int rc = 0;

	switch (m->type) {
	case T_NAME:
	case T_TEXT:
		return text_check(m, *(const char *const *)at, err);
	case T_INT:
		return number_check(m, *(const int64_t *)at, err);
	case T_BYTES:
		return length_check(m, ((const struct rf_slice *)at)->len, err);
	case T_LIST:
		if (list->count > MESSAGE_MAX_LIST)
			return rf_fail(err, RF_E_LIMIT, "%s: %zu items", m->name, list->count);
		for (size_t i = 0; i < list->count && !rc; i++)
			rc = length_check(m, list->items[i].len, err);
		return rc;
	case T_OBJECT:
		return json_is_object(*(json_t *const *)at) ? 0 : wrong_type(m, err);
	case T_BOOL:
		return 0;
	}
	return -EINVAL;
}

/* NULL for text that is no UTF-8, too. */
static json_t *value_json(const struct member *m, const void *at)
{
	switch (m->type) {
	case T_NAME:
	case T_TEXT:
		return json_string(*(const char *const *)at);
	case T_INT:
		return json_integer(*(const int64_t *)at);
	case T_BOOL:
		return json_boolean(*(const bool *)at);
	case T_BYTES:
		return base64_json(*(const struct rf_slice *)at);
	case T_LIST:
		return list_json(at);
	case T_OBJECT:
		return json_incref(*(json_t *const *)at);
	}
	return NULL;
}

static int members_write(const struct member *table, const struct message *message, json_t *object,
			 struct rf_err *err)
{
	for (const struct member *m = table; m->name; m++) {
		const void *at = (const char *)message + m->offset;
		bool set = is_set(m, at);
		int rc = set ? value_check(m, at, err) : 0;

		if (!set && m->required)
			rc = rf_fail(err, RF_E_MISSING, "%s is missing", m->name);
		if (rc)
			return rc;
		if (set && json_object_set_new(object, m->name, value_json(m, at)))
			return rf_fail(err, RF_E_SYNTAX, "%s: not UTF-8, or no memory", m->name);
	}
	return 0;
}

static int dump(const char *text, size_t len, void *out)
{
	return rf_buf_add(out, text, len) ? -1 : 0;
}

int message_text(const struct message *message, struct rf_buf *out, struct rf_err *err)
{
	const struct member *table = table_of(message->kind);
	json_t *object = json_object();
	int rc = 0;

	if (!table)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no frame of kind %d", (int)message->kind);
	else if (!object)
		rc = rf_fail(err, -ENOMEM, "no memory for a message");
	else
		rc = members_write(table, message, object, err);
	if (!rc && json_dump_callback(object, dump, out, JSON_COMPACT))
		rc = rf_fail(err, -ENOMEM, "no memory for a message");
	json_decref(object);
	return rc && table ? rf_wrap(err, rc, "frame %s", wire_row(message->kind)->name) : rc;
}

int message_frame(const struct message *message, struct rf_slice bytes, struct rf_buf *out,
		  struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = message_text(message, &text, err);

	if (rc)
		return rc;
	return wire_write(out, &(struct wire_frame){message->kind, rf_buf_slice(&text), bytes},
			  err);
}
