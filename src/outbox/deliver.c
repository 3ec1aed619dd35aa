/* SPDX-License-Identifier: Apache-2.0 */
/* The role outbox-sink: one sink, one event at a time. See outbox.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "outbox/outbox.h"
#include "outbox/parts.h"
#include "sys/sandbox.h"

static const struct outbox_transport *const transports[] = {&outbox_webhook, &outbox_tls,
							    &outbox_snmp};

const struct outbox_transport *outbox_transport_find(const char *kind)
{
	for (size_t i = 0; i < RF_COUNT(transports); i++) {
		if (rf_equal(transports[i]->kind, kind))
			return transports[i];
	}
	return NULL;
}

int64_t outbox_now_ms(void)
{
	return rf_clock_ms(CLOCK_MONOTONIC);
}

int64_t outbox_clock_s(void)
{
	return (int64_t)time(NULL);
}

int outbox_answer_check(struct outbox_answer *answer, size_t len, int64_t seq)
{
	if (len != sizeof(*answer) || answer->magic != OUTBOX_MAGIC || answer->seq != seq ||
	    answer->code > 0)
		return RF_E_SYNTAX;
	answer->text[sizeof(answer->text) - 1] = '\0';
	if (answer->retry_s < 0 || answer->retry_s > OUTBOX_RETRY_MAX_S)
		answer->retry_s = 0;
	return 0;
}

/* One event; false when the other side is gone. */
static bool serve_one(int fd, const struct outbox_transport *transport, void *state,
		      struct rf_buf *message)
{
	OUTBOX_AUTOPARSED struct outbox_parsed parsed = {0};
	struct outbox_answer answer = {.magic = OUTBOX_MAGIC};
	struct rf_err err = {0};
	ssize_t n = recv(fd, message->data, OUTBOX_MESSAGE_BYTES, 0);

	if (n <= 0)
		return n < 0 && errno == EINTR;
	answer.code =
		outbox_event_parse((struct rf_slice){message->data, (size_t)n}, &parsed, &err);
	answer.seq = parsed.event.seq;
	if (!answer.code)
		answer.code = transport->send(state, &parsed.event, &answer.retry_s, &err);
	if (answer.code)
		(void)rf_copy(answer.text, sizeof(answer.text), rf_err_text(&err));
	return send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer);
}

static int sink_open(const struct outbox_config *config, const char *name, void **out,
		     const struct outbox_sink **out_sink, struct rf_err *err)
{
	char missing[SANDBOX_MISSING_BYTES];
	const struct outbox_sink *sink = outbox_config_sink(config, name);

	if (!sink)
		return rf_fail(err, RF_E_UNKNOWN, "there is no such sink any more");
	int rc = sink->transport->open(sink, out, err);

	if (!rc)
		rc = sandbox_enter(SANDBOX_DELIVER, NULL, 0, missing, err);
	if (!rc && missing[0])
		fprintf(stderr, "ringfence: sink %s: sandbox: %s\n", name, missing);
	*out_sink = sink;
	return rc;
}

int outbox_sink_run(int fd, const char *path, const char *name)
{
	struct outbox_config *config = rf_alloc(1, sizeof(*config));
	RF_AUTOBUF struct rf_buf message = {0};
	const struct outbox_sink *sink = NULL;
	struct rf_err err = {0};
	void *state = NULL;

	signal(SIGPIPE, SIG_IGN);
	if (!config || !rf_buf_reserve(&message, OUTBOX_MESSAGE_BYTES))
		return 1;
	int rc = outbox_config_read(path, config, &err);

	if (!rc)
		rc = sink_open(config, name, &state, &sink, &err);
	if (rc < 0)
		fprintf(stderr, "ringfence: sink %s: %s\n", name, rf_err_text(&err));
	while (!rc && serve_one(fd, sink->transport, state, &message))
		;
	if (state)
		sink->transport->close(state);
	outbox_config_done(config);
	rf_free(config);
	return rc < 0;
}
