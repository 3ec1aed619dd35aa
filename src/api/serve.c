/* SPDX-License-Identifier: Apache-2.0 */
/* From evhttp's requests to api_answer and back; and /metrics. */
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/server.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

/* What every answer carries: nothing of it is shown by a browser, framed or kept. */
static const struct {
	const char *name, *value;
} always[] = {
	{"Cache-Control", "no-store"},
	{"X-Content-Type-Options", "nosniff"},
	{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
	{"Referrer-Policy", "no-referrer"},
	{"Strict-Transport-Security", "max-age=31536000"},
};

static const char *method_of(const struct evhttp_request *request)
{
	switch (evhttp_request_get_command(request)) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_HEAD:
		return "HEAD";
	case EVHTTP_REQ_POST:
		return "POST";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	default:
		return "?";
	}
}

static int64_t clock_ms(struct server *server)
{
	int64_t ms = 0;

	/* The clock that all managers share; ours where it cannot be asked. */
	if (!store_now(server->api.store, &ms, NULL))
		return ms;
	return rf_clock_ms(CLOCK_REALTIME);
}

/* The target is cut at its '?' into a text of our own, which hangs in out->path. */
void serve_read(struct evhttp_request *request, struct server *server, const char *method,
		struct api_request *out)
{
	struct evkeyvalq *heads = evhttp_request_get_input_headers(request);
	struct evbuffer *body = evhttp_request_get_input_buffer(request);
	const struct conn *conn = conn_of(request);
	size_t len = evbuffer_get_length(body);

	*out = (struct api_request){
		.method = method,
		.authorization = evhttp_find_header(heads, "Authorization"),
		.cookie = evhttp_find_header(heads, "Cookie"),
		.csrf = evhttp_find_header(heads, "X-Ringfence-CSRF"),
		.origin = evhttp_find_header(heads, "Origin"),
		.host = evhttp_find_header(heads, "Host"),
		.content_type = evhttp_find_header(heads, "Content-Type"),
		.etag = evhttp_find_header(heads, "If-None-Match"),
		.last_event = evhttp_find_header(heads, "Last-Event-ID"),
		.approval = evhttp_find_header(heads, "X-Ringfence-Approval"),
		.glass = evhttp_find_header(heads, "X-Ringfence-Break-Glass"),
		.body = {len ? evbuffer_pullup(body, -1) : NULL, len},
		.address = conn ? conn->address : "",
		.now_ms = clock_ms(server),
	};
}

static void head_add(struct evkeyvalq *heads, const char *name, const char *value)
{
	if (value && value[0])
		evhttp_add_header(heads, name, value);
}

void serve_reply(struct server *server, struct evhttp_request *request, struct api_reply *reply)
{
	struct evkeyvalq *heads = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evhttp_request_get_output_buffer(request);
	struct conn *conn = conn_of(request);
	char seconds[16];

	for (size_t i = 0; i < RF_COUNT(always); i++)
		head_add(heads, always[i].name, always[i].value);
	head_add(heads, "Content-Type", reply->type ? reply->type : "text/plain");
	head_add(heads, "ETag", reply->etag);
	head_add(heads, "Allow", reply->allow);
	head_add(heads, "Set-Cookie", reply->cookie);
	if (reply->status == 401)
		head_add(heads, "WWW-Authenticate", "Bearer");
	if (reply->retry_s && rf_format(seconds, sizeof(seconds), "%d", reply->retry_s))
		head_add(heads, "Retry-After", seconds);
	if (server->stopping)
		head_add(heads, "Connection", "close");
	if (reply->body.len)
		evbuffer_add(body, reply->body.data, reply->body.len);
	conn_answered(conn);
	evhttp_send_reply(request, reply->status ? reply->status : 500,
			  problem_title(reply->status), NULL);
	api_reply_done(reply);
}

/* A handle on the target, cut in two. */
static int target_of(struct evhttp_request *request, struct api_request *out, char **owned)
{
	char *text = rf_strdup(evhttp_request_get_uri(request));
	char *question = text ? strchr(text, '?') : NULL;

	if (!text)
		return -1;
	if (question)
		*question = '\0';
	out->path = text;
	out->query = question ? question + 1 : NULL;
	*owned = text;
	return 0;
}

void serve_request(struct evhttp_request *request, void *arg)
{
	struct server *server = arg;
	struct api_request in;
	struct api_reply reply = {0};
	RF_AUTOFREE char *target = NULL;
	struct conn *conn = conn_of(request);

	/* What evhttp itself did not understand went past no gate of ours. */
	if (!conn || conn->refusing || !evhttp_request_get_uri(request)) {
		evhttp_send_error(request, HTTP_BADREQUEST, NULL);
		return;
	}
	serve_read(request, server, method_of(request), &in);
	if (target_of(request, &in, &target) < 0) {
		reply.status = 503;
		serve_reply(server, request, &reply);
		return;
	}
	api_answer(&server->api, &in, &reply);
	conn->proven = conn->proven || reply.who.way != API_BY_NOTHING;
	if (reply.then == API_THEN_STREAM) {
		stream_begin(server, request, &reply);
		api_reply_done(&reply);
		return;
	}
	if (reply.then == API_THEN_QUERY) {
		int rc = query_ask(server, request, &reply);

		if (rc) {
			const char *why = rc == -EBUSY ? "another question of yours is not "
							 "answered yet"
						       : "too many questions wait";

			reply.retry_s = QUERY_RETRY_S;
			api_query_known(&server->api, &in, rc, rf_slice_text(why), &reply);
		} else {
			api_reply_done(&reply);
			return;
		}
	}
	if (reply.then == API_THEN_PASSWORD) {
		if (sign_in_ask(server, request, &reply)) {
			api_reply_done(&reply);
			return;
		}
		char account[API_NAME_BYTES];

		(void)rf_copy(account, sizeof(account), reply.account);
		api_password_known(&server->api, &in, &(struct api_password){account, -1, NULL},
				   &reply);
	}
	serve_reply(server, request, &reply);
}

void serve_metrics(struct evhttp_request *request, void *arg)
{
	static const struct {
		const char *name, *about;
	} rows[API_N_COUNT] = {
#define ROW(id, name, about) [API_N_##id] = {name, about},
		API_COUNTERS(ROW)
#undef ROW
	};
	struct server *server = arg;
	struct evbuffer *body = evhttp_request_get_output_buffer(request);

	if (!rf_equal(evhttp_request_get_uri(request), "/metrics")) {
		evhttp_send_error(request, HTTP_NOTFOUND, NULL);
		return;
	}
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		evbuffer_add_printf(body,
				    "# HELP ringfence_api_%s %s\n# TYPE ringfence_api_%s counter\n"
				    "ringfence_api_%s %llu\n",
				    rows[i].name, rows[i].about, rows[i].name, rows[i].name,
				    (unsigned long long)server->api.counters[i]);
	evbuffer_add_printf(
		body,
		"# HELP ringfence_api_connections Connections that are open.\n"
		"# TYPE ringfence_api_connections gauge\nringfence_api_connections %zu\n"
		"# HELP ringfence_api_streams Streams of events that are open.\n"
		"# TYPE ringfence_api_streams gauge\nringfence_api_streams %zu\n",
		server->conns_count, server->streams_count);
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
			  "text/plain; version=0.0.4");
	evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}
