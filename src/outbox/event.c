/* SPDX-License-Identifier: Apache-2.0 */
/* Events as JSON and their signature. See event.h. Syslog is syslog.c's. */
#include "outbox/event.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "outbox/parts.h"

size_t outbox_cut(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len <= max)
		return len;
	len = max;
	/* Bytes 10xxxxxx go on with a character. */
	while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

void outbox_time(int64_t at_ms, char out[OUTBOX_TIME_BYTES])
{
	/* RFC 3339 has years of four digits only. */
	int64_t ms = at_ms < 0 ? 0 : at_ms > OUTBOX_TIME_MAX_MS ? OUTBOX_TIME_MAX_MS : at_ms;
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char day[32];

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	rf_format(out, OUTBOX_TIME_BYTES, "%s.%03dZ", day, (int)(ms % 1000));
}

static json_t *text_json(const char *text, size_t max)
{
	RF_AUTOBUF struct rf_buf visible = {0};
	size_t len = outbox_cut(text, max);

	if (rf_utf8_valid((const uint8_t *)text, len))
		return json_stringn(text, len);
	rf_buf_add_visible(&visible, text, len);
	return visible.failed ? NULL : json_string(rf_buf_text(&visible));
}

static int take_text(const char *text, size_t len, void *out)
{
	return rf_buf_add(out, text, len);
}

int outbox_event_json(const struct outbox_event *event, struct rf_buf *out, struct rf_err *err)
{
	const struct outbox_kind *kind = outbox_kind_find(event->kind, event->new_state);
	char at[OUTBOX_TIME_BYTES];
	json_t *json = json_object();
	int bad = !json;

	outbox_time(event->at_ms, at);
	bad |= json_object_set_new(json, "id", json_integer(event->seq));
	bad |= json_object_set_new(json, "at", json_string(at));
	bad |= json_object_set_new(json, "at_ms", json_integer(event->at_ms));
	bad |= json_object_set_new(json, "severity",
				   json_string(outbox_severity_name(kind->severity)));
#define SET(member, name)                                                                          \
	bad |= json_object_set_new(json, name,                                                     \
				   text_json(event->member, rf_equal(name, "text")                 \
								    ? OUTBOX_TEXT_BYTES            \
								    : OUTBOX_SHORT_BYTES));
	OUTBOX_TEXTS(SET)
#undef SET
	if (!bad)
		bad = json_dump_callback(json, take_text, out, JSON_COMPACT);
	json_decref(json);
	return bad || out->failed
		       ? rf_fail(err, -ENOMEM, "no memory for event %lld", (long long)event->seq)
		       : 0;
}

static int parsed_fill(json_t *json, struct outbox_event *out)
{
	const json_t *seq = json_object_get(json, "id"), *at = json_object_get(json, "at_ms");

	if (!json_is_integer(seq) || !json_is_integer(at))
		return RF_E_SYNTAX;
	out->seq = json_integer_value(seq);
	out->at_ms = json_integer_value(at);
#define GET(member, name)                                                                          \
	out->member = json_string_value(json_object_get(json, name));                              \
	if (!out->member)                                                                          \
		return RF_E_SYNTAX;
	OUTBOX_TEXTS(GET)
#undef GET
	return 0;
}

int outbox_event_parse(struct rf_slice text, struct outbox_parsed *out, struct rf_err *err)
{
	struct outbox_event event = {0};
	json_error_t why;

	if (text.len > OUTBOX_MESSAGE_BYTES)
		return rf_fail(err, RF_E_LIMIT, "an event of %zu bytes", text.len);
	json_t *json = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &why);

	if (!json)
		return rf_fail(err, RF_E_SYNTAX, "event: %s", why.text);
	int rc = parsed_fill(json, &event);

	if (rc < 0) {
		json_decref(json);
		return rf_fail(err, rc, "event: a member is missing or not of its type");
	}
	*out = (struct outbox_parsed){event, json};
	return 0;
}

void outbox_parsed_done(struct outbox_parsed *parsed)
{
	json_decref(parsed->json);
	*parsed = (struct outbox_parsed){0};
}

int outbox_signature(struct rf_slice secret, int64_t seconds, struct rf_slice body,
		     char out[OUTBOX_SIGNATURE_BYTES], struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0}, hex = {0};
	uint8_t mac[EVP_MAX_MD_SIZE];
	size_t len = 0;

	rf_buf_printf(&text, "%lld.", (long long)seconds);
	rf_buf_add(&text, body.data, body.len);
	if (text.failed)
		return rf_fail(err, -ENOMEM, "no memory");
	if (!EVP_Q_mac(NULL, OSSL_MAC_NAME_HMAC, NULL, "SHA256", NULL, secret.data, secret.len,
		       text.data, text.len, mac, sizeof(mac), &len))
		return rf_fail(err, RF_E_CRYPTO, "the body cannot be signed");
	rf_buf_add_hex(&hex, mac, len);
	if (hex.failed || !rf_format(out, OUTBOX_SIGNATURE_BYTES, "t=%lld,v1=%s",
				     (long long)seconds, rf_buf_text(&hex)))
		return rf_fail(err, -ENOMEM, "no memory");
	return 0;
}
