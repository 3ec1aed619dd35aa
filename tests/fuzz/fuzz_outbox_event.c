/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events with hostile texts: whatever a host says, JSON reads back, a syslog message is one line of
 * UTF-8 whose structured data ends where we end it, and answers of a sink's process do no harm.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "outbox/event.h"
#include "outbox/parts.h"

#define PARTS 6

static void require(bool good)
{
	if (!good)
		abort();
}

/* The structured data of a message: where it ends by RFC 5424's rules. */
static const char *structured_end(const char *p)
{
	bool quoted = false;

	for (; *p; p++) {
		if (quoted && *p == '\\')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == ']' && p[1] != '[')
			return p + 1;
	}
	return NULL;
}

static void try_syslog(const struct outbox_event *e)
{
	const struct outbox_syslog how = {e->host, 13, 32473, 1};
	RF_AUTOBUF struct rf_buf out = {0};

	require(outbox_event_syslog(e, &how, &out, NULL) == 0);
	const char *text = rf_buf_text(&out), *data = text;

	require(strlen(text) == out.len && rf_utf8_valid(out.data, out.len));
	require((size_t)strtoul(text, NULL, 10) ==
		out.len - (size_t)(strchr(text, ' ') + 1 - text));
	for (size_t i = 0; i < out.len; i++)
		require(out.data[i] >= 0x20 && out.data[i] != 0x7f);
	/* Length, priority, time, host, program, process and MSGID come first; none has a blank. */
	for (int i = 0; i < 7 && data; i++) {
		data = strchr(data, ' ');
		data = data ? data + 1 : NULL;
	}
	require(data && *data == '[');
	data = structured_end(data);
	require(data && strncmp(data, " \xef\xbb\xbf", 4) == 0);
}

static void try_json(const struct outbox_event *e)
{
	RF_AUTOBUF struct rf_buf out = {0};
	OUTBOX_AUTOPARSED struct outbox_parsed back = {0};

	require(outbox_event_json(e, &out, NULL) == 0);
	if (out.len <= OUTBOX_MESSAGE_BYTES)
		require(outbox_event_parse(rf_buf_slice(&out), &back, NULL) == 0 &&
			back.event.seq == e->seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	struct outbox_answer answer = {0};
	OUTBOX_AUTOPARSED struct outbox_parsed parsed = {0};
	const char *parts[PARTS];
	char *at = text;

	if (!text)
		return 0;
	/* Texts end with a byte 1, which may be in them no less than any other. */
	for (size_t i = 0; i < PARTS; i++) {
		char *end = at ? strchr(at, 1) : NULL;

		parts[i] = at ? at : "";
		if (end)
			*end++ = '\0';
		at = end;
	}
	const struct outbox_event e = {(int64_t)size, (int64_t)size * 1000,
				       parts[0],      parts[1],
				       parts[2],      parts[3],
				       parts[4],      parts[5]};

	try_syslog(&e);
	try_json(&e);
	memcpy(&answer, data, size < sizeof(answer) ? size : sizeof(answer));
	if (outbox_answer_check(&answer, size, answer.seq) == 0)
		require(memchr(answer.text, 0, sizeof(answer.text)) && answer.retry_s >= 0);
	if (outbox_event_parse((struct rf_slice){data, size}, &parsed, NULL) == 0)
		try_syslog(&parsed.event);
	return 0;
}
