/* SPDX-License-Identifier: Apache-2.0 */
/* What the roles share; see role.h. */
#include "agent/role.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "change/priv_wire.h"

int64_t agent_now_ms(void)
{
	return rf_clock_ms(CLOCK_REALTIME);
}

int64_t agent_tick_ms(void)
{
	return rf_clock_ms(CLOCK_BOOTTIME);
}

void agent_say(const char *role, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "ringfence-agent %s: %s\n", role, text);
}

const char *agent_option(int argc, char **argv, const char *name)
{
	for (int i = 0; i + 1 < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	}
	return NULL;
}

void agent_end(struct role *role, int result)
{
	role->result = result;
	(void)event_base_loopbreak(role->base);
}

static int on_frame(void *arg, struct link *link, const struct wire_frame *frame,
		    struct rf_err *err)
{
	struct role *role = arg;

	(void)link;
	return role->frame(role, frame, err);
}

static void on_closed(void *arg, struct link *link, const char *why)
{
	struct role *role = arg;

	(void)link;
	role->net = NULL;
	agent_say(role->name, "net is gone%s%s", why[0] ? ": " : "", why);
	agent_end(role, 1);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct role *role = arg;
	struct job_answer answer;
	int memory = -1;

	(void)what;
	if (priv_receive(fd, &answer, sizeof(answer), &memory, NULL) < 0 ||
	    answer.magic != JOB_MAGIC || !memchr(answer.id, 0, sizeof(answer.id))) {
		agent_end(role, 1);
		return;
	}
	role->answer(role, &answer, memory);
	if (memory >= 0)
		close(memory);
}

int agent_start(struct role *role, const char *state, struct rf_err *err)
{
	static const struct link_handlers handlers = {.frame = on_frame, .closed = on_closed};
	char missing[SANDBOX_MISSING_BYTES];
	const char *writable[] = {role->dir};
	int rc = identity_read(state, &role->identity, err);

	if (!rc)
		rc = identity_folder(state, role->name, role->dir, err);
	signal(SIGPIPE, SIG_IGN);
	role->base = rc ? NULL : event_base_new();
	if (!rc && !role->base)
		rc = rf_fail(err, -ENOMEM, "no loop");
	if (!rc)
		rc = sandbox_enter(SANDBOX_RECORD, writable, 1, missing, err);
	if (rc)
		return rc;
	if (missing[0])
		agent_say(role->name, "without: %s", missing);
	const struct link_options o = {.base = role->base,
				       .fd = ROLE_TO_NET,
				       .side = {WIRE_MANAGER, WIRE_SESSION},
				       .handlers = &handlers,
				       .arg = role};

	rc = link_new(&o, &role->net, err);
	role->answers =
		event_new(role->base, ROLE_TO_SUPERVISOR, EV_READ | EV_PERSIST, on_answer, role);
	if (!rc && (!role->answers || event_add(role->answers, NULL) < 0))
		rc = rf_fail(err, -ENOMEM, "no memory");
	return rc;
}

int agent_loop(struct role *role)
{
	(void)event_base_dispatch(role->base);
	link_free(role->net);
	event_free(role->answers);
	event_base_free(role->base);
	return role->result;
}

int agent_ask_with(enum job_kind kind, const char *id, const char *const *words, int memory,
		   struct rf_err *err)
{
	static struct job_request request; /* large: not on the stack */
	int rc = job_request_make(kind, id, words, &request, err);

	return rc ? rc : priv_send(ROLE_TO_SUPERVISOR, &request, sizeof(request), memory, err);
}

int agent_ask(struct role *role, enum job_kind kind, const char *id, const char *const *words,
	      struct rf_err *err)
{
	(void)role;
	return agent_ask_with(kind, id, words, -1, err);
}
