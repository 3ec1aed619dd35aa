/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions over facts wait here for their answer, so that nobody else waits for them: one of each
 * account, and few of all. See query.h.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <string.h>

#include "api/query.h"
#include "api/server.h"
#include "base/mem.h"
#include "base/str.h"

#define QUERY_WAITING 16u
/* More than all that waits may take by the limits of who answers: what comes later never comes. */
#define QUERY_S 120

struct question {
	TAILQ_ENTRY(question) next;
	struct server *server;
	struct evhttp_request *request; /* NULL: gone */
	uint64_t id;
	char account[API_NAME_BYTES];
};

struct query {
	struct server *server;
	struct bufferevent *bev; /* NULL: nobody answers */
	TAILQ_HEAD(questions, question) all;
	struct event *late;
	unsigned count;
	uint64_t last_id;
};

static void question_free(struct question *q)
{
	struct query *query = q->server->query;

	TAILQ_REMOVE(&query->all, q, next);
	query->count--;
	if (q->request)
		evhttp_connection_set_closecb(evhttp_request_get_connection(q->request), NULL,
					      NULL);
	rf_free(q);
}

static void on_close(struct evhttp_connection *http, void *arg)
{
	struct question *q = arg;

	(void)http;
	q->request = NULL;
}

static void finish(struct question *q, int code, struct rf_slice text)
{
	struct server *server = q->server;
	struct evhttp_request *request = q->request;
	struct api_reply reply = {0};
	struct api_request in;

	question_free(q);
	if (!request)
		return;
	serve_read(request, server, "POST", &in);
	in.path = "/api/v1/query";
	api_query_known(&server->api, &in, code, text, &reply);
	serve_reply(server, request, &reply);
}

static void end(struct query *query)
{
	bufferevent_free(query->bev);
	query->bev = NULL;
	evtimer_del(query->late);
	query->server->api.settings.has_queries = false;
	while (!TAILQ_EMPTY(&query->all))
		finish(TAILQ_FIRST(&query->all), -EAGAIN,
		       rf_slice_text("the process that asks has ended"));
}

/* Questions are answered in order: when the first has been waiting too long, all have. */
static void on_late(evutil_socket_t fd, short what, void *arg)
{
	struct query *query = arg;

	(void)fd;
	(void)what;
	end(query);
}

static void watch(struct query *query)
{
	static const struct timeval limit = {.tv_sec = QUERY_S};

	if (TAILQ_EMPTY(&query->all))
		evtimer_del(query->late);
	else
		evtimer_add(query->late, &limit);
}

static void on_answer(struct bufferevent *bev, void *arg)
{
	struct query *query = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	struct query_head head;

	while (evbuffer_copyout(input, &head, sizeof(head)) == (ssize_t)sizeof(head)) {
		struct question *q;

		if (head.bytes > QUERY_MAX_ANSWER_BYTES) {
			end(query);
			return;
		}
		if (evbuffer_get_length(input) < sizeof(head) + head.bytes)
			return;
		TAILQ_FOREACH(q, &query->all, next)
		{
			if (q->id == head.id)
				break;
		}
		const uint8_t *all = evbuffer_pullup(input, (ssize_t)(sizeof(head) + head.bytes));

		if (q && all)
			finish(q, head.code, (struct rf_slice){all + sizeof(head), head.bytes});
		evbuffer_drain(input, sizeof(head) + head.bytes);
		watch(query);
	}
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	end(arg);
}

int query_open(struct server *server, int fd, struct rf_err *err)
{
	struct query *query = rf_alloc(1, sizeof(*query));

	server->query = query;
	if (!query)
		return rf_fail(err, -ENOMEM, "no memory");
	query->server = server;
	TAILQ_INIT(&query->all);
	if (fd < 0)
		return 0;
	evutil_make_socket_nonblocking(fd);
	query->bev = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	query->late = evtimer_new(server->base, on_late, query);
	if (!query->bev || !query->late)
		return rf_fail(err, -ENOMEM, "no memory");
	bufferevent_setcb(query->bev, on_answer, NULL, on_end, query);
	return bufferevent_enable(query->bev, EV_READ | EV_WRITE)
		       ? rf_fail(err, RF_E_PEER, "the process for questions cannot be heard")
		       : 0;
}

void query_close(struct query *query)
{
	if (!query)
		return;
	while (!TAILQ_EMPTY(&query->all))
		question_free(TAILQ_FIRST(&query->all));
	if (query->bev)
		bufferevent_free(query->bev);
	if (query->late)
		event_free(query->late);
	rf_free(query);
}

int query_ask(struct server *server, struct evhttp_request *request, const struct api_reply *reply)
{
	struct query *query = server->query;
	struct query_head head = {.id = query->last_id + 1, .bytes = (uint32_t)reply->question.len};
	struct question *q;

	TAILQ_FOREACH(q, &query->all, next)
	{
		if (rf_equal(q->account, reply->account))
			return -EBUSY;
	}
	if (!query->bev || query->count >= QUERY_WAITING)
		return -EAGAIN;
	q = rf_alloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct question){.server = server, .request = request, .id = head.id};
	(void)rf_copy(q->account, sizeof(q->account), reply->account);
	TAILQ_INSERT_TAIL(&query->all, q, next);
	if (query->count++ == 0)
		watch(query);
	query->last_id = head.id;
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, q);
	bufferevent_write(query->bev, &head, sizeof(head));
	bufferevent_write(query->bev, reply->question.data, reply->question.len);
	return 0;
}
