/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as they come (server-sent events, HTML 9.2). Every stream looks in the store by itself, so
 * that it sees what any manager wrote; it ends after a while, and who follows comes again with
 * Last-Event-ID, which asks for their rights anew.
 */
#include <event2/buffer.h>
#include <string.h>
#include <time.h>

#include "api/server.h"
#include "base/mem.h"
#include "store/ask.h"

#define STREAM_LIFE_S 900
#define STREAM_EVENTS 200

struct stream {
	TAILQ_ENTRY(stream) next;
	struct server *server;
	struct evhttp_request *request;
	struct evhttp_connection *http;
	struct api_who who;
	int64_t after;
	unsigned age_s, silent_s;
	struct evbuffer *out;
};

static void stream_free(struct stream *stream)
{
	TAILQ_REMOVE(&stream->server->streams, stream, next);
	stream->server->streams_count--;
	if (stream->out)
		evbuffer_free(stream->out);
	rf_free(stream);
}

/* evhttp has ended the connection, and the request with it. */
static void on_close(struct evhttp_connection *http, void *arg)
{
	struct stream *stream = arg;

	evhttp_connection_set_closecb(http, NULL, NULL);
	stream_free(stream);
}

static void stream_end(struct stream *stream)
{
	struct evhttp_request *request = stream->request;
	struct conn *conn = conn_of(request);

	evhttp_connection_set_closecb(stream->http, NULL, NULL);
	stream_free(stream);
	conn_answered(conn);
	evhttp_send_reply_end(request);
}

static void flush(struct stream *stream)
{
	if (evbuffer_get_length(stream->out))
		evhttp_send_reply_chunk(stream->request, stream->out);
}

void stream_begin(struct server *server, struct evhttp_request *request,
		  const struct api_reply *reply)
{
	struct stream *stream = rf_alloc(1, sizeof(*stream));
	struct evkeyvalq *heads = evhttp_request_get_output_headers(request);
	struct evbuffer *out = stream ? evbuffer_new() : NULL;

	if (!out || server->streams_count >= API_MAX_STREAMS) {
		struct api_reply refusal = {.status = 503, .retry_s = 10};

		if (out)
			evbuffer_free(out);
		rf_free(stream);
		serve_reply(server, request, &refusal);
		return;
	}
	*stream = (struct stream){.server = server,
				  .request = request,
				  .http = evhttp_request_get_connection(request),
				  .who = reply->who,
				  .after = reply->after,
				  .out = out};
	TAILQ_INSERT_TAIL(&server->streams, stream, next);
	server->streams_count++;
	evhttp_connection_set_timeout(stream->http, STREAM_LIFE_S + 60);
	evhttp_connection_set_closecb(stream->http, on_close, stream);
	evhttp_add_header(heads, "Content-Type", "text/event-stream");
	evhttp_add_header(heads, "Cache-Control", "no-store");
	evhttp_add_header(heads, "X-Content-Type-Options", "nosniff");
	evhttp_send_reply_start(request, HTTP_OK, "OK");
	evbuffer_add_printf(stream->out, "retry: 2000\n\n");
	flush(stream);
}

static int take_event(void *arg, const struct store_event *event)
{
	struct stream *stream = arg;

	stream->after = event->seq;
	if (!event_seen(&stream->server->api, &stream->who, event))
		return 0;
	API_AUTOJSON json_t *json = event_json(event);
	RF_AUTOFREE char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (!text)
		return -1;
	evbuffer_add_printf(stream->out, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)event->seq,
			    "event", text);
	stream->silent_s = 0;
	return 0;
}

/* What is not read is not written for ever. */
static bool is_slow(const struct stream *stream)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(stream->http);

	return evbuffer_get_length(bufferevent_get_output(bev)) > SERVER_STREAM_BYTES;
}

static bool stream_go_on(struct stream *stream)
{
	struct server *server = stream->server;
	struct rf_err err = {0};

	stream->age_s += SERVER_STREAM_S;
	stream->silent_s += SERVER_STREAM_S;
	if (server->stopping || stream->age_s > STREAM_LIFE_S || is_slow(stream))
		return false;
	rights_who(&server->api, &stream->who);
	if (store_event_after(server->api.store, stream->after, STREAM_EVENTS, take_event, stream,
			      &err))
		return false;
	if (stream->silent_s >= SERVER_BEAT_S) {
		evbuffer_add_printf(stream->out, ": still here\n\n");
		stream->silent_s = 0;
	}
	flush(stream);
	return true;
}

void streams_run(struct server *server)
{
	struct stream *stream = TAILQ_FIRST(&server->streams);
	struct rf_err err = {0};
	int64_t now = 0;

	if (!store_now(server->api.store, &now, &err))
		denied_flush(&server->api, now, false);
	if (stream && rights_fresh(&server->api, &err))
		return;
	while (stream) {
		struct stream *next = TAILQ_NEXT(stream, next);

		if (!stream_go_on(stream))
			stream_end(stream);
		stream = next;
	}
}

void streams_end(struct server *server)
{
	while (!TAILQ_EMPTY(&server->streams))
		stream_end(TAILQ_FIRST(&server->streams));
}
