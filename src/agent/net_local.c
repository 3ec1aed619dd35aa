/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions of this host's hooks: may a VM that wants a trusted host start here, or come here?
 * Answered at once from the last verdict: TRUSTED, and in its time. And for the secrets of its
 * disks: the manager is asked, priv has them put into libvirt's memory, then the hook is answered.
 * One line, one answer. The socket's mode (0600) says who may ask. See net.h.
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
#define SECRET_MS   10000 /* the manager's answer and libvirt's */

struct caller {
	struct caller *next; /* of those that wait for a secret */
	struct net *net;
	struct event *event;
	const char *vm, *secret; /* in question; NULL: waits for none */
	bool released;		 /* priv has it */
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
	else if (!rf_starts(question, "start ") && !rf_starts(question, "migrate ") &&
		 !rf_starts(question, "secret "))
		rf_format(out, size, "no not a question");
	else if (!trusted(verdict))
		rf_format(out, size, "no this host is %s", state);
	else if (stale)
		rf_format(out, size, "no this host's last verdict is too old (STALE)");
	else
		rf_format(out, size, "yes %s", state);
}

/* ---- who asks ---- */

static void caller_end(struct caller *caller)
{
	int fd = event_get_fd(caller->event);
	struct caller **at = &caller->net->callers;

	while (*at && *at != caller)
		at = &(*at)->next;
	if (*at)
		*at = caller->next;
	event_free(caller->event);
	close(fd);
	rf_free(caller);
	callers--;
}

static void answer_send(struct caller *caller, const char *answer)
{
	char line[400];

	/* What is too long for a line is cut: its beginning says yes or no. */
	(void)rf_format(line, sizeof(line) - 1, "%s", answer);
	size_t len = strlen(line);

	line[len] = '\n';
	(void)send(event_get_fd(caller->event), line, len + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- secrets ---- */

bool net_secret_question(char *question, const char **vm, const char **secret)
{
	char *cursor = question;
	const char *what = rf_word_next(&cursor);

	if (!what || (strcmp(what, "secret") != 0 && strcmp(what, "forget") != 0))
		return false;
	*vm = cursor ? rf_word_next(&cursor) : NULL;
	*secret = *vm && cursor ? rf_word_next(&cursor) : NULL;
	return *secret && strlen(*vm) <= 64 && strlen(*secret) <= 64 &&
	       (!cursor || !rf_word_next(&cursor));
}

static struct caller *waiting_for(struct net *net, const struct message *m, bool released)
{
	struct caller *c = net->callers;

	while (c && (c->released != released || strcmp(c->vm, m->secret.vm) != 0 ||
		     strcmp(c->secret, m->secret.secret) != 0))
		c = c->next;
	return c;
}

static void secret_end(struct caller *caller, const char *fault)
{
	char answer[400];

	(void)rf_format(answer, sizeof(answer), fault ? "no %s" : "yes", fault);
	if (fault)
		net_event(caller->net, "secret-missing", caller->vm, fault);
	answer_send(caller, answer);
	caller_end(caller);
}

/* Asks for it (or, asking priv alone, has it forgotten); the answer comes later. */
static int secret_ask(struct caller *c, bool forget, struct rf_err *err)
{
	const struct timeval limit = {.tv_sec = SECRET_MS / 1000};
	struct message m = {.kind = WIRE_ASK_SECRET, .ask_secret = {c->vm, c->secret}};
	struct link *link = c->net->manager;

	if (forget) {
		m = (struct message){.kind = WIRE_SECRET,
				     .secret = {.vm = c->vm, .secret = c->secret}};
		link = c->net->roles[NET_PRIV];
	}
	if (!link || (!forget && !c->net->welcome))
		return rf_fail(err, RF_E_PEER, "the manager, which has the secret, is away");
	int rc = link_send(link, &m, (struct rf_slice){0}, err);

	if (rc)
		return rc;
	c->released = forget;
	c->next = c->net->callers;
	c->net->callers = c;
	return event_add(c->event, &limit) < 0 ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

int net_local_secret(struct net *net, const struct message *message, const struct wire_frame *frame,
		     struct rf_err *err)
{
	struct caller *c = waiting_for(net, message, false);

	if (!c)
		return 0;
	if (message->secret.fault || frame->bytes.len == 0) {
		secret_end(c, message->secret.fault ? message->secret.fault : "it is empty");
		return 0;
	}
	c->released = true;
	return net_roles_pass(net, NET_PRIV, frame, err);
}

void net_local_done(struct net *net, const struct message *message)
{
	struct caller *c = waiting_for(net, message, true);

	if (c)
		secret_end(c, message->secret.fault);
}

void net_local_lost(struct net *net)
{
	struct caller *c = net->callers, *next;

	for (; c; c = next) {
		next = c->next;
		if (!c->released)
			secret_end(c, "the manager, which has the secret, went away");
	}
}

/* ---- questions ---- */

/* The line is whole: true when it is answered, false when that comes later. */
static bool answered(struct caller *c)
{
	char answer[200], name[NET_QUESTION_BYTES];
	const bool forget = rf_starts(c->question, "forget ");
	struct rf_err err = {0};

	rf_copy(name, sizeof(name), c->question);
	net_answer(&c->net->verdict, agent_now_ms(), c->question, answer, sizeof(answer));
	if (!forget && rf_starts(answer, "no this"))
		net_event(c->net, "hook-refused", name, answer);
	if (!forget && (!rf_starts(answer, "yes") || !rf_starts(name, "secret "))) {
		answer_send(c, answer);
		return true;
	}
	int rc = net_secret_question(c->question, &c->vm, &c->secret)
			 ? secret_ask(c, forget, &err)
			 : rf_fail(&err, RF_E_SYNTAX, "not a question");

	if (rc == 0)
		return false;
	if (!forget)
		net_event(c->net, "secret-missing", name, rf_err_text(&err));
	(void)rf_format(answer, sizeof(answer), "no %s", rf_err_text(&err));
	answer_send(c, answer);
	return true;
}

static void on_question(evutil_socket_t fd, short what, void *arg)
{
	struct caller *c = arg;
	char more[16];
	ssize_t n;

	/* One that waits says nothing more: it is gone, or its time is over. */
	if (c->vm) {
		n = what & EV_TIMEOUT ? 0 : read(fd, more, sizeof(more));
		if (n == 0 && (what & EV_TIMEOUT))
			secret_end(c, "it did not come in time");
		else if (n == 0 || (n < 0 && errno != EAGAIN))
			caller_end(c);
		return;
	}
	n = what & EV_TIMEOUT ? 0
			      : read(fd, c->question + c->len, sizeof(c->question) - 1 - c->len);
	if (n < 0 && errno == EAGAIN)
		return;
	c->len += n > 0 ? (size_t)n : 0;
	c->question[c->len] = '\0';
	char *end = strchr(c->question, '\n');

	if (!end && n > 0 && c->len < sizeof(c->question) - 1)
		return;
	if (end)
		*end = '\0';
	if (!end || answered(c))
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
