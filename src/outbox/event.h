/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event on its way to a sink, and how it looks there: JSON, a line of syslog. Its texts come
 * from hosts, whoever has them: nothing in them may end a field, a line or a message.
 */
#ifndef RF_OUTBOX_EVENT_H
#define RF_OUTBOX_EVENT_H

#include "base/buf.h"
#include "outbox/kinds.h"

#define OUTBOX_TEXT_BYTES    8192 /* what is longer is cut; RFC 5425 4.3.1 wants 8192 taken */
#define OUTBOX_SHORT_BYTES   1024 /* of every other text */
#define OUTBOX_MESSAGE_BYTES 65536

/* As store_event; the texts are borrowed, never NULL. */
struct outbox_event {
	int64_t seq, at_ms;
	const char *kind, *host, *about, *old_state, *new_state, *text;
};

/* The members of struct outbox_event that are texts: member, name outside. */
#define OUTBOX_TEXTS(X)                                                                            \
	X(kind, "kind")                                                                            \
	X(host, "host")                                                                            \
	X(about, "about")                                                                          \
	X(old_state, "old")                                                                        \
	X(new_state, "new")                                                                        \
	X(text, "text")

/* The end of text cut to at most max bytes, at the end of a whole character. */
size_t outbox_cut(const char *text, size_t max);

/* Appends the event as one JSON object, as webhooks get it: its texts, id, severity, at (RFC 3339)
 * and at_ms. Texts are cut to their limits; what is not UTF-8 is made visible. */
int outbox_event_json(const struct outbox_event *event, struct rf_buf *out,
		      struct rf_err *err) RF_MUST_CHECK;

/* An event read back; done frees what it borrows from. */
struct outbox_parsed {
	struct outbox_event event;
	void *json; /* inside */
};

/* Reads what outbox_event_json wrote. RF_E_SYNTAX, RF_E_LIMIT. */
int outbox_event_parse(struct rf_slice json, struct outbox_parsed *out,
		       struct rf_err *err) RF_MUST_CHECK;
void outbox_parsed_done(struct outbox_parsed *parsed);
#define OUTBOX_AUTOPARSED __attribute__((cleanup(outbox_parsed_done)))

struct outbox_syslog {
	const char *hostname; /* the manager's */
	int facility;	      /* 0 to 23 */
	uint32_t enterprise;  /* private enterprise number of the structured data's id */
	int64_t pid;
};

/* Appends the event as a message of RFC 5424 with its length before it (RFC 5425 section 4.3). */
int outbox_event_syslog(const struct outbox_event *event, const struct outbox_syslog *how,
			struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

#define OUTBOX_SIGNATURE_BYTES 128 /* with its NUL */

/* The value of a webhook's header Ringfence-Signature: "t=SECONDS,v1=HEX", the HMAC-SHA256 under
 * secret over "SECONDS.BODY", so that a receiver can refuse an old or changed one. */
int outbox_signature(struct rf_slice secret, int64_t seconds, struct rf_slice body,
		     char out[OUTBOX_SIGNATURE_BYTES], struct rf_err *err) RF_MUST_CHECK;

#endif
