/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of this host's hooks: may a VM that wants a trusted host start here, or come here?
 * Answered at once from the last verdict: TRUSTED or WARNING, and in its time. One line, one
 * answer. The socket's mode (0600) says who may ask. See net.h.
 */
#include "agent/net.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define CALLERS_MAX 16
#define CALLER_MS   2000

struct caller {
	struct net *net;
	struct event *event;
	size_t len;
	char question[NET_QUESTION_BYTES];
};

static size_t callers; /* of this process: one loop, one thread */

static bool trusted(const struct net_verdict *v)
{
	return strcmp(v->state, "TRUSTED") == 0;
}

void net_answer(const struct net_verdict *verdict, int64_t now_ms, const char *question, char *out,
		size_t size)
{
	const char *state = verdict->state[0] ? verdict->state : "NEW";
	/* A clock that went back makes no verdict younger than it is. */
	bool stale =
		now_ms - verdict->at_ms > verdict->valid_ms || now_ms < verdict->at_ms - 120000;

	if (strcmp(question, "state") == 0)
		rf_format(out, size, "yes %s", stale && verdict->state[0] ? "STALE" : state);
	else if (!rf_starts(question, "start ") && !rf_starts(question, "migrate "))
		rf_format(out, size, "no not a question");
	else if (!trusted(verdict))
		rf_format(out, size, "no this host is %s", state);
	else if (stale)
		rf_format(out, size, "no this host's last verdict is too old (STALE)");
	else
		rf_format(out, size, "yes %s", state);
}

static void caller_end(struct caller *caller)
{
	int fd = event_get_fd(caller->event);

	event_free(caller->event);
	close(fd);
	rf_free(caller);
	callers--;
}

static void on_question(evutil_socket_t fd, short what, void *arg)
{
	struct caller *c = arg;
	char answer[200];
	ssize_t n = what & EV_TIMEOUT
			    ? 0
			    : read(fd, c->question + c->len, sizeof(c->question) - 1 - c->len);

	if (n < 0 && errno == EAGAIN)
		return;
	c->len += n > 0 ? (size_t)n : 0;
	c->question[c->len] = '\0';
	char *end = strchr(c->question, '\n');

	if (!end && n > 0 && c->len < sizeof(c->question) - 1)
		return;
	if (end) {
		*end = '\0';
		net_answer(&c->net->verdict, agent_now_ms(), c->question, answer,
			   sizeof(answer) - 1);
		if (rf_starts(answer, "no this"))
			net_event(c->net, "hook-refused", c->question, answer);
		size_t len = strlen(answer);

		answer[len] = '\n';
		(void)send(fd, answer, len + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	caller_end(c);
}

static void on_caller(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval limit = {.tv_sec = CALLER_MS / 1000};
	struct net *net = arg;
	int one = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct caller *caller =
		one >= 0 && callers < CALLERS_MAX ? rf_alloc(1, sizeof(*caller)) : NULL;

	(void)what;
	if (!caller) {
		if (one >= 0)
			close(one);
		return;
	}
	caller->net = net;
	caller->event = event_new(net->base, one, EV_READ | EV_PERSIST, on_question, caller);
	if (!caller->event) {
		close(one);
		rf_free(caller);
		return;
	}
	callers++;
	(void)event_add(caller->event, &limit);
}

int net_local_open(struct net *net, struct rf_err *err)
{
	int listens = 0;
	socklen_t size = sizeof(listens);

	if (getsockopt(ROLE_NET_TO_LOCAL, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 ||
	    !listens)
		return 0;
	net->local = event_new(net->base, ROLE_NET_TO_LOCAL, EV_READ | EV_PERSIST, on_caller, net);
	return net->local && event_add(net->local, NULL) == 0
		       ? 0
		       : rf_fail(err, -ENOMEM, "the local socket");
}
