/* SPDX-License-Identifier: Apache-2.0 */
/* The screens of a running VM. See console.h. */
#include "isolate/console.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/xmltext.h"
#include "sys/qmp.h"

#define PLACES_MAX 16u
#define PLACE_MAX  256u
/* One second behind the beginning of time: libvirt takes 0 for "never". */
#define PAST "1970-01-01T00:00:01"

static bool word_is(struct rf_slice word, const char *text)
{
	return rf_slice_equal(word, rf_slice_text(text));
}

/* Metadata, which may hold anything, stands before the devices. */
struct rf_slice console_screen(struct rf_slice domain_xml, const char *wanted, unsigned *out_index)
{
	const uint8_t *at = xmltext_find(domain_xml, "<devices>");
	struct rf_slice rest = at ? xmltext_behind(domain_xml, at) : (struct rf_slice){0}, one,
			type;

	for (unsigned i = 0; (one = xmltext_element(rest, "graphics")).len; i++) {
		if (xmltext_attribute(one, "type", &type) && word_is(type, wanted)) {
			if (out_index)
				*out_index = i;
			return one;
		}
		rest = xmltext_behind(rest, one.data + one.len);
	}
	return (struct rf_slice){0};
}

/* ---- VNC ---- */

static bool printable(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	return text[0] != '\0' && strlen(text) < PLACE_MAX;
}

static int server_add(const json_t *server, struct rf_buf *out, struct rf_err *err)
{
	const char *host = json_string_value(json_object_get(server, "host"));
	const char *service = json_string_value(json_object_get(server, "service"));
	const char *family = json_string_value(json_object_get(server, "family"));

	if (json_is_true(json_object_get(server, "websocket")))
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "its VNC screen has a websocket, which QEMU cannot close while it "
			       "runs");
	if (!host || !family || !printable(host))
		return rf_fail(err, RF_E_SYNTAX, "QEMU says where it listens as none does");
	rf_buf_printf(out, "%s", out->len ? " " : "");
	if (strcmp(family, "unix") == 0)
		rf_buf_printf(out, "unix:%s", host);
	else if (service && printable(service) && !strchr(service, ':'))
		rf_buf_printf(out, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, service);
	else
		return rf_fail(err, RF_E_SYNTAX, "QEMU listens at no port");
	return out->failed ? -ENOMEM : 0;
}

int console_vnc_work(void *arg, struct rf_slice answer, struct rf_buf *out, struct rf_err *err)
{
	QMP_AUTOMESSAGE struct qmp_message m = {0};
	size_t i, k, count = 0;
	json_t *display, *server;
	int rc = qmp_message_read(answer, &m, err);

	(void)arg;
	if (rc < 0)
		return rc;
	if (m.kind == QMP_ERROR)
		return rf_fail(err, RF_E_PEER, "QEMU: %s", m.text);
	if (m.kind != QMP_RETURN || !json_is_array(m.value))
		return rf_fail(err, RF_E_SYNTAX, "QEMU's list of VNC screens is none");
	/* QEMU's command changes the first screen only; libvirt gives a VM no second one. */
	if (json_array_size(m.value) != 1)
		return rf_fail(err, RF_E_UNSUPPORTED, "the VM has %zu VNC screens, not one",
			       json_array_size(m.value));
	json_array_foreach(m.value, i, display)
	{
		json_array_foreach(json_object_get(display, "server"), k, server)
		{
			rc = count++ < PLACES_MAX ? server_add(server, out, err)
						  : rf_fail(err, RF_E_LIMIT, "too many places");
			if (rc < 0)
				return rc;
		}
	}
	return count ? 0 : rf_buf_add_text(out, CONSOLE_CLOSED);
}

static json_t *place_json(char *place)
{
	char *port = strrchr(place, ':');

	if (rf_starts(place, "unix:/"))
		return json_pack("{s:s,s:s}", "type", "unix", "path", place + strlen("unix:"));
	if (!port || port == place || !port[1] || rf_starts(place, "unix:"))
		return NULL;
	*port++ = '\0';
	if (place[0] == '[') {
		size_t len = strlen(place);

		if (place[len - 1] != ']' || len < 3)
			return NULL;
		place[len - 1] = '\0';
		place++;
	}
	return json_pack("{s:s,s:s,s:s}", "type", "inet", "host", place, "port", port);
}

int console_vnc_arguments(const char *places, json_t **out)
{
	RF_AUTOFREE char *copy = rf_strdup(places);
	char *cursor = copy;
	json_t *list = json_array();
	size_t count = 0;
	int rc = copy && list ? 0 : -ENOMEM;
	bool closed = strcmp(places, CONSOLE_CLOSED) == 0;

	for (char *word; rc == 0 && !closed && (word = rf_word_next(&cursor)); count++)
		if (count == PLACES_MAX || json_array_append_new(list, place_json(word)) < 0)
			rc = RF_E_SYNTAX;
	if (!rc && !closed && !count)
		rc = RF_E_SYNTAX;
	if (rc < 0) {
		json_decref(list);
		return rc;
	}
	*out = json_pack("{s:s,s:o}", "type", "vnc", "addresses", list);
	return *out ? 0 : -ENOMEM;
}

/* ---- SPICE ---- */

int console_spice_read(struct rf_slice domain_xml, struct rf_buf *out)
{
	struct rf_slice screen = console_screen(domain_xml, "spice", NULL), until, connected,
			password;

	if (!screen.len)
		return RF_E_MISSING;
	if (!xmltext_attribute(screen, "passwd", &password) || !password.len)
		return RF_E_UNSUPPORTED;
	bool ends = xmltext_attribute(screen, "passwdValidTo", &until);
	bool acts = xmltext_attribute(screen, "connected", &connected);

	if (ends && word_is(until, PAST) && acts && word_is(connected, "disconnect"))
		return rf_buf_add_text(out, CONSOLE_EXPIRED);
	if (!ends && !acts)
		return rf_buf_add_text(out, CONSOLE_OPEN);
	if (ends)
		rf_buf_printf(out, "until=%.*s%s", (int)until.len, (const char *)until.data,
			      acts ? " " : "");
	if (acts)
		rf_buf_printf(out, "connected=%.*s", (int)connected.len,
			      (const char *)connected.data);
	return out->failed ? -ENOMEM : 0;
}

/* "until=TIME connected=WORD" as attributes; false for another text. */
static bool attributes_add(const char *value, struct rf_buf *out)
{
	static const char letters[] = "0123456789-:Tabcdefghijklmnopqrstuvwxyz";
	RF_AUTOFREE char *copy = rf_strdup(value);
	char *cursor = copy;
	bool good = copy != NULL;

	if (strcmp(value, CONSOLE_OPEN) == 0)
		return true;
	if (strcmp(value, CONSOLE_EXPIRED) == 0)
		return rf_buf_printf(out, " passwdValidTo='" PAST "' connected='disconnect'") == 0;
	for (char *word; good && (word = rf_word_next(&cursor));) {
		bool until = rf_starts(word, "until=");
		const char *text = word + strcspn(word, "=") + (strchr(word, '=') != NULL);

		good = (until || rf_starts(word, "connected=")) && text[0] &&
		       text[strspn(text, letters)] == '\0';
		rf_buf_printf(out, " %s='%s'", until ? "passwdValidTo" : "connected", text);
	}
	return good && value[0] && !out->failed;
}

/* Appends a tag without an attribute. */
static void tag_without(struct rf_slice tag, const char *name, struct rf_buf *out)
{
	struct rf_slice value;

	if (!xmltext_attribute(tag, name, &value)) {
		rf_buf_add(out, tag.data, tag.len);
		return;
	}
	/* From the blank before its name to behind the quote. */
	const uint8_t *from = value.data - strlen(name) - strlen(" =''") + 1;
	const uint8_t *to = value.data + value.len + 1;

	rf_buf_add(out, tag.data, (size_t)(from - tag.data));
	rf_buf_add(out, to, (size_t)(tag.data + tag.len - to));
}

int console_spice_replace(struct rf_slice domain_xml, const char *value, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf attributes = {0}, half = {0};
	struct rf_slice screen = console_screen(domain_xml, "spice", NULL);
	const uint8_t *end = xmltext_find(screen, ">");
	size_t head = strlen("<graphics");

	if (!screen.len || !end || !attributes_add(value, &attributes))
		return RF_E_SYNTAX;
	tag_without(xmltext_slice(screen.data, end + 1), "passwdValidTo", &half);
	rf_buf_add(out, half.data, head);
	rf_buf_add(out, attributes.data, attributes.len);

	RF_AUTOBUF struct rf_buf rest = {0};

	tag_without(rf_buf_slice(&half), "connected", &rest);
	rf_buf_add(out, rest.data + head, rest.len - head);
	struct rf_slice body = xmltext_behind(screen, end + 1);

	rf_buf_add(out, body.data, body.len);
	for (struct rf_buf *const *b = (struct rf_buf *const[]){&half, &rest, NULL}; *b; b++)
		rf_wipe((*b)->data, (*b)->len);
	return out->failed ? -ENOMEM : 0;
}
