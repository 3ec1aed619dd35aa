/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the server share: connections, streams, the role sign-in. libevent, one loop.
 */
#ifndef RF_API_SERVER_H
#define RF_API_SERVER_H

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#include "api/api.h"
#include "api/core.h"
#include "api/gate.h"

#define SERVER_CONNECTIONS_MAX 4096u
#define SERVER_ADDRESS_PART    4u /* one address has at most a quarter of them */
#define SERVER_HEAD_S	       10 /* TLS and the first head, and each later head */
#define SERVER_BODY_S	       30
#define SERVER_IDLE_S	       60
#define SERVER_STREAM_S	       1	    /* how often streams look for events */
#define SERVER_BEAT_S	       15	    /* and say that they are alive */
#define SERVER_STREAM_BYTES    (256u << 10) /* that a slow reader may leave unread */
#define QUERY_RETRY_S	       2	    /* when many ask */
#define SERVER_FAILED_S	       1	    /* a sign-in that failed is answered so much later */

struct server;

/* A connection lives as long as its SSL. */
struct conn {
	TAILQ_ENTRY(conn) next; /* the oldest first */
	struct server *server;
	struct bufferevent *bev; /* evhttp's */
	SSL *ssl;
	struct gate gate;
	struct event *timer; /* of what it is waited for */
	uint8_t network[16]; /* of the peer, for the limit of one address */
	char address[64];
	bool known;    /* its peer is known */
	bool proven;   /* somebody signed in over it: it is not ended for others */
	bool refusing; /* its last answer is on its way */
	bufferevent_event_cb http_event; /* evhttp's, while we write that answer */
	void *http_arg;
};

struct stream;
struct sign_in;
struct query;

struct server {
	const struct api_options *options;
	struct api api;
	struct rf_buf authority, fingerprint; /* of which settings tells */
	struct event_base *base;
	struct evhttp *http, *metrics;
	SSL_CTX *tls;
	struct event *stop, *streams_timer;
	struct sign_in *sign_in;
	struct query *query;
	TAILQ_HEAD(conns, conn) conns;
	size_t conns_count, conns_max;
	TAILQ_HEAD(streams, stream) streams;
	size_t streams_count;
	bool stopping;
};

/* Makes evhttp's connections (evhttp_set_bevcb). */
struct bufferevent *conn_make(struct event_base *base, void *server);
/* The connection of a request; NULL where it is gone. */
struct conn *conn_of(struct evhttp_request *request);
/* Its request has its answer, or is a stream now: no deadline and no gate until then. */
void conn_answered(struct conn *conn);
/* The certificate, the key, what TLS may be, and the hook by which connections end. */
int conn_tls(struct server *server, struct rf_err *err) RF_MUST_CHECK;

/* Answers a request of evhttp. */
void serve_request(struct evhttp_request *request, void *server);
/* Sends a reply; the request is evhttp's again. */
void serve_reply(struct server *server, struct evhttp_request *request, struct api_reply *reply);
/* Answers /metrics. */
void serve_metrics(struct evhttp_request *request, void *server);
/* What a request says, borrowed from it. */
void serve_read(struct evhttp_request *request, struct server *server, const char *method,
		struct api_request *out);

/* Begins a stream of events behind reply->after. */
void stream_begin(struct server *server, struct evhttp_request *request,
		  const struct api_reply *reply);
/* Looks for events; ends streams whose caller may no more. */
void streams_run(struct server *server);
/* Ends all. */
void streams_end(struct server *server);

/* The other end of the role sign-in. */
int sign_in_open(struct server *server, int fd, struct rf_err *err) RF_MUST_CHECK;
void sign_in_close(struct sign_in *sign_in);
/* Does somebody wait for an answer of it? */
bool sign_in_busy(const struct sign_in *sign_in);
/* Asks whether the password is good, and answers request then; false when it cannot be asked. */
bool sign_in_ask(struct server *server, struct evhttp_request *request,
		 const struct api_reply *reply);

/* The other end of who answers questions over facts (query.h). */
int query_open(struct server *server, int fd, struct rf_err *err) RF_MUST_CHECK;
void query_close(struct query *query);
/* Asks, and answers request then. -EBUSY while a question of the same account waits, -EAGAIN when
 * too many wait or nobody answers, -ENOMEM. */
int query_ask(struct server *server, struct evhttp_request *request,
	      const struct api_reply *reply) RF_MUST_CHECK;

#endif
