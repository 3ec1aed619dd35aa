/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of QMP: read and written. See qmp.h; the socket is qmp_socket.c. */
#include "sys/qmp.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

void qmp_message_done(struct qmp_message *message)
{
	json_decref(message->doc);
	memset(message, 0, sizeof(*message));
}

/* Counted before the parser sees it, for the parser calls itself for each. */
static bool deeper_than(struct rf_slice line, unsigned limit)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < line.len; i++) {
		uint8_t c = line.data[i];

		if (quoted) {
			i += c == '\\';
			quoted = c != '"';
			continue;
		}
		quoted = c == '"';
		if ((c == '[' || c == '{') && ++depth > limit)
			return true;
		depth -= (c == ']' || c == '}') && depth > 0;
	}
	return false;
}

/* What a QEMU says goes to a terminal and a ledger: printable, and not too much of it. */
static void error_text(const json_t *error, char out[160])
{
	const char *text = json_string_value(json_object_get(error, "desc"));
	size_t n = 0;

	for (const char *p = text ? text : "an error without words"; *p && n < 159; p++)
		out[n++] = *p >= 0x20 && *p < 0x7f ? *p : '?';
	out[n] = '\0';
}

/* False for a map that is none of the four. */
static bool kind_find(struct qmp_message *m)
{
	static const struct {
		const char *key;
		enum qmp_kind kind;
	} keys[] = {
		{"return", QMP_RETURN},
		{"error", QMP_ERROR},
		{"event", QMP_EVENT},
		{"QMP", QMP_GREETING},
	};
	size_t found = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *value = json_object_get(m->doc, keys[i].key);

		if (!value)
			continue;
		found++;
		m->kind = keys[i].kind;
		m->value = m->kind == QMP_RETURN ? value : NULL;
		if (m->kind == QMP_ERROR)
			error_text(value, m->text);
	}
	return found == 1;
}

int qmp_message_read(struct rf_slice line, struct qmp_message *out, struct rf_err *err)
{
	struct qmp_message m = {0};
	json_error_t why;

	if (line.len > QMP_MAX_MESSAGE)
		return rf_fail(err, RF_E_LIMIT, "QEMU sent %zu bytes, at most %u are read",
			       line.len, QMP_MAX_MESSAGE);
	if (deeper_than(line, QMP_MAX_DEPTH))
		return rf_fail(err, RF_E_LIMIT, "QEMU sent more than %u levels of JSON",
			       QMP_MAX_DEPTH);
	m.doc = line.len ? json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES,
				      &why)
			 : NULL;
	if (!json_is_object(m.doc) || !kind_find(&m)) {
		qmp_message_done(&m);
		return rf_fail(err, RF_E_SYNTAX, "QEMU did not send a message of QMP");
	}
	const char *id = json_string_value(json_object_get(m.doc, "id"));

	/* An id that does not fit is none of ours. */
	if (id && !rf_copy(m.id, sizeof(m.id), id))
		rf_copy(m.id, sizeof(m.id), "?");
	*out = m;
	return 0;
}

int qmp_command_write(const char *command, json_t *arguments, const char *id, struct rf_buf *out)
{
	json_t *doc = json_pack("{s:s}", "execute", command);
	bool fine = doc != NULL;

	if (arguments)
		fine = fine && json_object_set(doc, "arguments", arguments) == 0;
	json_decref(arguments);
	if (id[0])
		fine = fine && json_object_set_new(doc, "id", json_string(id)) == 0;
	/* Jansson's own copy is freed as it was made. */
	size_t size = fine ? json_dumpb(doc, NULL, 0, JSON_COMPACT) : 0;
	uint8_t *room = size ? rf_buf_reserve(out, size) : NULL;

	if (room) {
		(void)json_dumpb(doc, (char *)room, size, JSON_COMPACT);
		out->len += size;
		out->data[out->len] = 0;
	}
	json_decref(doc);
	return room ? 0 : -ENOMEM;
}
