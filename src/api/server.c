/* SPDX-License-Identifier: Apache-2.0 */
/* The role api: opens what it needs, locks itself in, serves, ends in order; see api.h. */
#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/server.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/tls.h"
#include "sys/sandbox.h"

#define BACKLOG		    1024
#define AUTHORITY_MAX_BYTES 65536
#define STOP_S		    5 /* requests in hand have so long when it ends */
#define FLUSH_MS	    100
#define EVHTTP_S	    120
#define FULL_MS		    100

/* "HOST:PORT" or "[HOST]:PORT" in two. */
static int address_cut(const char *text, char host[128], char port[16], struct rf_err *err)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	int64_t number;

	if (!colon || rf_num(colon + 1, 10, 0, 65535, &number))
		return rf_fail(err, RF_E_SYNTAX, "%s is no address with a port", text);
	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (!rf_format(host, 128, "%.*s", (int)len, text) ||
	    !rf_format(port, 16, "%lld", (long long)number))
		return rf_fail(err, RF_E_SYNTAX, "%s is too long for an address", colon);
	return 0;
}

static int socket_listen(const struct addrinfo *where, int *out)
{
	int on = 1, off = 0;
	int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* Connections have TCP_NODELAY from the socket that listens. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    (where->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off))) ||
	    bind(fd, where->ai_addr, where->ai_addrlen) || listen(fd, BACKLOG)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

static int address_listen(const char *text, int *out, struct rf_err *err)
{
	static const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					      .ai_socktype = SOCK_STREAM};
	char host[128], port[16];
	struct addrinfo *found = NULL;
	int rc = address_cut(text, host, port, err);

	if (rc)
		return rc;
	if (getaddrinfo(host, port, &hints, &found))
		return rf_fail(err, RF_E_SYNTAX, "%s: the address has to be a number", text);
	rc = socket_listen(found, out);
	freeaddrinfo(found);
	return rc ? rf_fail(err, rc, "%s: %s", text, rf_code_text(rc)) : 0;
}

/* Adds "127.0.0.1:8443". */
static void address_add(int fd, struct rf_buf *out)
{
	struct sockaddr_storage self;
	socklen_t len = sizeof(self);
	char host[80], port[16];

	if (getsockname(fd, (struct sockaddr *)&self, &len) ||
	    getnameinfo((struct sockaddr *)&self, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	rf_buf_printf(out, self.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* Out of descriptors: accepting would only fail again, in a busy loop. */
static void on_full_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	evconnlistener_enable(arg);
}

static void on_full(struct evconnlistener *listener, void *arg)
{
	const struct timeval later = {.tv_usec = FULL_MS * 1000};
	struct event_base *base = evconnlistener_get_base(listener);

	(void)arg;
	evconnlistener_disable(listener);
	event_base_once(base, -1, EV_TIMEOUT, on_full_end, listener, &later);
}

static int http_listen(struct server *server, struct evhttp *http, const char *text,
		       struct rf_buf *out, struct rf_err *err)
{
	int fd = -1;
	int rc = address_listen(text, &fd, err);

	if (rc)
		return rc;
	address_add(fd, out);
	struct evconnlistener *listener = evconnlistener_new(
		server->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);

	if (!listener || !evhttp_bind_listener(http, listener)) {
		close(fd);
		return rf_fail(err, -ENOMEM, "no memory for a listener");
	}
	evconnlistener_set_error_cb(listener, on_full);
	return 0;
}

static struct evhttp *http_make(struct event_base *base, ev_uint16_t methods)
{
	struct evhttp *http = evhttp_new(base);

	if (!http)
		return NULL;
	/* Behind the gate: a little more than it lets through. */
	evhttp_set_max_headers_size(http, GATE_MAX_HEAD_BYTES + 1024);
	evhttp_set_max_body_size(http, GATE_MAX_BODY_BYTES);
	evhttp_set_allowed_methods(http, methods);
	evhttp_set_timeout(http, EVHTTP_S);
	return http;
}

static void accept_end(struct evhttp_bound_socket *socket, void *arg)
{
	(void)arg;
	evconnlistener_disable(evhttp_bound_socket_get_listener(socket));
}

/* Answers that are written go out; who waits for a password is waited for. */
static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	const struct timeval soon = {.tv_sec = STOP_S}, at_once = {.tv_usec = FLUSH_MS * 1000};

	(void)fd;
	(void)what;
	server->stopping = true;
	event_del(server->stop);
	evhttp_foreach_bound_socket(server->http, accept_end, NULL);
	evhttp_foreach_bound_socket(server->metrics, accept_end, NULL);
	streams_end(server);
	event_base_loopexit(server->base, sign_in_busy(server->sign_in) ? &soon : &at_once);
}

static void on_streams(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	streams_run(arg);
}

static int events_open(struct server *server, struct rf_err *err)
{
	const struct timeval each = {.tv_sec = SERVER_STREAM_S};
	struct event *stop =
		event_new(server->base, server->options->stop_fd, EV_READ, on_stop, server);
	struct event *timer = event_new(server->base, -1, EV_PERSIST, on_streams, server);

	server->stop = stop;
	server->streams_timer = timer;
	if (!stop || !timer || event_add(timer, &each) ||
	    (server->options->stop_fd >= 0 && event_add(stop, NULL)))
		return rf_fail(err, -ENOMEM, "no memory for the loop");
	return 0;
}

static int http_open(struct server *server, struct rf_buf *addresses, struct rf_err *err)
{
	const struct api_options *o = server->options;
	const ev_uint16_t methods = EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
				    EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE;
	int rc;

	server->base = event_base_new();
	server->http = server->base ? http_make(server->base, methods) : NULL;
	server->metrics = server->base ? http_make(server->base, EVHTTP_REQ_GET) : NULL;
	if (!server->http || !server->metrics)
		return rf_fail(err, -ENOMEM, "no memory for the server");
	evhttp_set_bevcb(server->http, conn_make, server);
	evhttp_set_gencb(server->http, serve_request, server);
	evhttp_set_gencb(server->metrics, serve_metrics, server);
	rc = http_listen(server, server->http, o->listen, addresses, err);
	rf_buf_add_text(addresses, " ");
	if (!rc && o->metrics)
		rc = http_listen(server, server->metrics, o->metrics, addresses, err);
	rf_buf_add_text(addresses, "\n");
	return rc ? rc : events_open(server, err);
}

static int lock_in(const struct api_options *o, struct rf_err *err)
{
	const char *const writable[] = {o->store_dir};
	char missing[SANDBOX_MISSING_BYTES];

	/* Times are written by its own zone's rules, which are a file. */
	tzset();
	return sandbox_enter(o->store_dir ? SANDBOX_SERVE : SANDBOX_SERVE_NET, writable,
			     o->store_dir ? 1 : 0, missing, err);
}

static void descriptors_allow(size_t connections)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	if (limit.rlim_cur < connections + 64)
		limit.rlim_cur =
			limit.rlim_max < connections + 64 ? limit.rlim_max : connections + 64;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int authority_read(struct server *server, const char *path, struct rf_err *err)
{
	uint8_t sha256[TLS_SHA256_BYTES];
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	int rc = fd < 0 ? -errno : rf_read_all(fd, AUTHORITY_MAX_BYTES, &server->authority);

	if (!path)
		return 0;
	if (fd >= 0)
		close(fd);
	if (rc)
		return rf_fail(err, rc, "%s: %s", path, rf_code_text(rc));
	rc = tls_authority_digest(rf_buf_slice(&server->authority), sha256, err);
	if (rc)
		return rf_wrap(err, rc, "%s", path);
	rf_buf_add_hex(&server->fingerprint, sha256, sizeof(sha256));
	server->api.settings.authority = rf_buf_text(&server->authority);
	server->api.settings.fingerprint = rf_buf_text(&server->fingerprint);
	return server->fingerprint.failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

static int open_all(struct server *server, struct rf_buf *addresses, struct rf_err *err)
{
	const struct api_options *o = server->options;
	int rc = conn_tls(server, err);

	if (!rc)
		rc = authority_read(server, o->authority, err);
	if (!rc)
		rc = store_open(o->store_url, &server->api.store, err);
	if (!rc)
		rc = http_open(server, addresses, err);
	if (!rc)
		rc = sign_in_open(server, o->sign_in_fd, err);
	if (!rc)
		rc = query_open(server, o->query_fd, err);
	return rc ? rc : lock_in(o, err);
}

static void close_all(struct server *server)
{
	int64_t now = 0;

	if (server->base)
		streams_end(server);
	sign_in_close(server->sign_in);
	query_close(server->query);
	if (server->http)
		evhttp_free(server->http);
	if (server->metrics)
		evhttp_free(server->metrics);
	if (server->stop)
		event_free(server->stop);
	if (server->streams_timer)
		event_free(server->streams_timer);
	/* Connections end in the loop. */
	if (server->base) {
		event_base_loop(server->base, EVLOOP_NONBLOCK);
		event_base_free(server->base);
	}
	SSL_CTX_free(server->tls);
	if (server->api.store && !store_now(server->api.store, &now, NULL))
		denied_flush(&server->api, now, true);
	rights_done(&server->api.rights);
	rf_buf_done(&server->api.openapi);
	rf_buf_done(&server->authority);
	rf_buf_done(&server->fingerprint);
	store_close(server->api.store);
}

int api_run(const struct api_options *options, struct rf_err *err)
{
	RF_AUTOFREE struct server *server = rf_alloc(1, sizeof(*server));
	RF_AUTOBUF struct rf_buf addresses = {0};

	if (!server)
		return rf_fail(err, -ENOMEM, "no memory");
	server->options = options;
	server->conns_max =
		options->connections_max ? options->connections_max : SERVER_CONNECTIONS_MAX;
	server->api.settings = (struct api_settings){.agents_address = options->agents_address,
						     .has_passwords = options->sign_in_fd >= 0,
						     .has_queries = options->query_fd >= 0};
	TAILQ_INIT(&server->conns);
	TAILQ_INIT(&server->streams);
	signal(SIGPIPE, SIG_IGN);
	descriptors_allow(server->conns_max);
	int rc = open_all(server, &addresses, err);

	if (!rc && options->ready_fd >= 0)
		rc = rf_write_all(options->ready_fd, rf_buf_slice(&addresses));
	if (!rc && event_base_dispatch(server->base) < 0)
		rc = rf_fail(err, -EIO, "the event loop failed");
	close_all(server);
	return rc;
}
