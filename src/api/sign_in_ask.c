/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the role sign-in: questions wait here for their answer, one behind the other;
 * requests whose connection has gone are forgotten. What failed is answered later than what
 * succeeded, by a timer, so that nobody else waits.
 */
#include <string.h>
#include <unistd.h>

#include "api/server.h"
#include "api/sign_in.h"
#include "base/mem.h"
#include "base/str.h"

#define SIGN_IN_WAITING 64u

/* A request that waits for its verdict, or for its delay. */
struct waiting {
	TAILQ_ENTRY(waiting) next;
	struct server *server;
	struct evhttp_request *request; /* NULL: gone */
	uint64_t id;
	char account[API_NAME_BYTES];
	int verdict;
	char *groups; /* NULL: none */
	struct event *delay;
};

struct sign_in {
	struct server *server;
	struct bufferevent *bev;
	TAILQ_HEAD(waitings, waiting) all;
	unsigned count;
	uint64_t last_id;
};

static void waiting_free(struct waiting *waiting)
{
	struct sign_in *sign_in = waiting->server->sign_in;

	TAILQ_REMOVE(&sign_in->all, waiting, next);
	sign_in->count--;
	if (waiting->request)
		evhttp_connection_set_closecb(evhttp_request_get_connection(waiting->request), NULL,
					      NULL);
	if (waiting->delay)
		event_free(waiting->delay);
	rf_free(waiting->groups);
	rf_free(waiting);
}

static void on_close(struct evhttp_connection *http, void *arg)
{
	struct waiting *waiting = arg;

	(void)http;
	waiting->request = NULL;
}

static void finish(struct waiting *waiting)
{
	struct server *server = waiting->server;
	struct evhttp_request *request = waiting->request;
	char account[API_NAME_BYTES];
	RF_AUTOFREE char *groups = rf_take(waiting->groups);
	const struct api_password password = {account, waiting->verdict, groups};
	struct api_reply reply = {0};
	struct api_request in;

	(void)rf_copy(account, sizeof(account), waiting->account);
	waiting_free(waiting);
	if (!request)
		return;
	serve_read(request, server, "POST", &in);
	in.path = "/api/v1/session";
	api_password_known(&server->api, &in, &password, &reply);
	serve_reply(server, request, &reply);
}

static void on_delay(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg);
}

static void verdict_came(struct waiting *waiting, int verdict)
{
	const struct timeval later = {.tv_sec = SERVER_FAILED_S};

	waiting->verdict = verdict;
	if (verdict == 1 || !waiting->delay || event_add(waiting->delay, &later))
		finish(waiting);
}

static void on_answer(struct bufferevent *bev, void *arg)
{
	struct sign_in *sign_in = arg;
	struct sign_in_answer answer;

	while (bufferevent_read(bev, &answer, sizeof(answer)) == sizeof(answer)) {
		struct waiting *waiting;

		TAILQ_FOREACH(waiting, &sign_in->all, next)
		{
			if (waiting->id == answer.id)
				break;
		}
		if (!waiting)
			continue;
		if (sign_in_text_good(answer.groups, sizeof(answer.groups)))
			waiting->groups = rf_strdup(answer.groups);
		verdict_came(waiting, answer.verdict);
	}
}

/* The role has ended: all who wait are told, and who comes, too. */
static void on_end(struct bufferevent *bev, short what, void *arg)
{
	struct sign_in *sign_in = arg;

	(void)what;
	bufferevent_free(bev);
	sign_in->bev = NULL;
	sign_in->server->api.settings.has_passwords = false;
	while (!TAILQ_EMPTY(&sign_in->all)) {
		TAILQ_FIRST(&sign_in->all)->verdict = -1;
		finish(TAILQ_FIRST(&sign_in->all));
	}
}

int sign_in_open(struct server *server, int fd, struct rf_err *err)
{
	struct sign_in *sign_in = rf_alloc(1, sizeof(*sign_in));

	server->sign_in = sign_in;
	if (!sign_in)
		return rf_fail(err, RF_E_LIMIT, "no memory");
	sign_in->server = server;
	TAILQ_INIT(&sign_in->all);
	if (fd < 0)
		return 0;
	evutil_make_socket_nonblocking(fd);
	sign_in->bev = bufferevent_socket_new(server->base, fd, 0);
	if (!sign_in->bev)
		return rf_fail(err, RF_E_LIMIT, "no memory");
	bufferevent_setcb(sign_in->bev, on_answer, NULL, on_end, sign_in);
	bufferevent_setwatermark(sign_in->bev, EV_READ, sizeof(struct sign_in_answer), 0);
	return bufferevent_enable(sign_in->bev, EV_READ | EV_WRITE)
		       ? rf_fail(err, RF_E_PEER, "the role sign-in cannot be heard")
		       : 0;
}

void sign_in_close(struct sign_in *sign_in)
{
	if (!sign_in)
		return;
	while (!TAILQ_EMPTY(&sign_in->all))
		waiting_free(TAILQ_FIRST(&sign_in->all));
	if (sign_in->bev)
		bufferevent_free(sign_in->bev);
	rf_free(sign_in);
}

bool sign_in_busy(const struct sign_in *sign_in)
{
	return sign_in && sign_in->count > 0;
}

bool sign_in_ask(struct server *server, struct evhttp_request *request,
		 const struct api_reply *reply)
{
	struct sign_in *sign_in = server->sign_in;
	struct sign_in_question question = {.id = sign_in->last_id + 1};

	if (!sign_in->bev || sign_in->count >= SIGN_IN_WAITING ||
	    !rf_copy(question.name, sizeof(question.name), reply->account) ||
	    !rf_copy(question.password, sizeof(question.password), rf_buf_text(&reply->password)))
		return false;
	struct waiting *waiting = rf_alloc(1, sizeof(*waiting));

	if (!waiting)
		return false;
	*waiting = (struct waiting){.server = server, .request = request, .id = question.id};
	waiting->delay = event_new(server->base, -1, 0, on_delay, waiting);
	(void)rf_copy(waiting->account, sizeof(waiting->account), reply->account);
	TAILQ_INSERT_TAIL(&sign_in->all, waiting, next);
	sign_in->count++;
	sign_in->last_id = question.id;
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, waiting);
	bufferevent_write(sign_in->bev, &question, sizeof(question));
	rf_wipe(&question, sizeof(question));
	return true;
}
