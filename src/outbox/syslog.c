/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event as a message of syslog (RFC 5424) in a frame for TLS (RFC 5425 section 4.3). See
 * event.h; the connection is tls.c's.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "outbox/event.h"
#include "outbox/parts.h"

#define NILVALUE       "-"
#define BOM	       "\xef\xbb\xbf"
#define HOSTNAME_BYTES 255

/* The header's fields: printable US-ASCII without blank; something else is '?' (section 6). */
static void field_add(struct rf_buf *out, const char *text, size_t max)
{
	if (!text[0]) {
		rf_buf_add_text(out, NILVALUE);
		return;
	}
	for (size_t i = 0; text[i] && i < max; i++)
		rf_buf_add_byte(out, text[i] > ' ' && text[i] < 0x7f ? (uint8_t)text[i] : '?');
}

/* PARAM-VALUE: '"', '\' and ']' with a backslash before (section 6.3.3). Control characters and
 * what is not UTF-8 are made visible first, so that no receiver that splits at line ends is led
 * astray. */
static void param_add(struct rf_buf *out, const char *name, const char *text, size_t max)
{
	RF_AUTOBUF struct rf_buf visible = {0};

	rf_buf_add_visible(&visible, text, outbox_cut(text, max));
	out->failed |= visible.failed;
	rf_buf_printf(out, " %s=\"", name);
	for (const char *p = rf_buf_text(&visible); *p; p++) {
		if (*p == '"' || *p == '\\' || *p == ']')
			rf_buf_add_byte(out, '\\');
		rf_buf_add_byte(out, (uint8_t)*p);
	}
	rf_buf_add_byte(out, '"');
}

static void message_add(struct rf_buf *out, const struct outbox_event *event,
			const struct outbox_syslog *how)
{
	const struct outbox_kind *kind = outbox_kind_find(event->kind, event->new_state);
	char at[OUTBOX_TIME_BYTES];

	outbox_time(event->at_ms, at);
	rf_buf_printf(out, "<%d>1 %s ", how->facility * 8 + (int)kind->severity, at);
	field_add(out, how->hostname, HOSTNAME_BYTES);
	rf_buf_printf(out, " ringfence %lld %s [ringfence@%u id=\"%lld\"", (long long)how->pid,
		      kind->msgid, how->enterprise, (long long)event->seq);
	param_add(out, "kind", event->kind, OUTBOX_SHORT_BYTES);
	param_add(out, "host", event->host, OUTBOX_SHORT_BYTES);
	param_add(out, "about", event->about, OUTBOX_SHORT_BYTES);
	param_add(out, "old", event->old_state, OUTBOX_SHORT_BYTES);
	param_add(out, "new", event->new_state, OUTBOX_SHORT_BYTES);
	rf_buf_printf(out, "][origin software=\"ringfence\" swVersion=\"%s\"] " BOM, RF_VERSION);
	rf_buf_add_visible(out, event->text, outbox_cut(event->text, OUTBOX_TEXT_BYTES));
}

int outbox_event_syslog(const struct outbox_event *event, const struct outbox_syslog *how,
			struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf message = {0};

	message_add(&message, event, how);
	rf_buf_printf(out, "%zu ", message.len);
	rf_buf_add(out, message.data, message.len);
	return out->failed || message.failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}
