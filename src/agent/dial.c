/* SPDX-License-Identifier: Apache-2.0 */
/* Dialling; see dial.h. Sources: libevent's evdns, RFC 8305 in its simplest form: one after the
 * other, as the resolver orders them. */
#include "agent/dial.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define CONNECT_S    10
#define HANDSHAKE_MS 20000
#define FRAME_MS     60000
#define IDLE_MS	     60000 /* until the manager said how long */

struct dial {
	struct dial_options options;
	char host[254];
	struct evdns_base *names;
	struct evutil_addrinfo *found, *next;
	struct event *connecting;
	struct tls *tls;
	enum wire_phase phase;
	unsigned turn; /* which of the name's addresses is the first now */
	bool busy;
	int fd;
	char why[200];
};

int dial_new(const struct dial_options *options, struct dial **out, struct rf_err *err)
{
	struct dial *dial = rf_alloc(1, sizeof(*dial));

	if (!dial)
		return rf_fail(err, -ENOMEM, "no memory");
	dial->options = *options;
	dial->fd = -1;
	rf_copy(dial->host, sizeof(dial->host), options->host);
	/* Its sockets keep nobody's loop alive. */
	dial->names = evdns_base_new(options->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
							    EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	/* Without a file of name servers addresses and /etc/hosts still do. */
	if (!dial->names)
		dial->names = evdns_base_new(options->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!dial->names) {
		dial_free(dial);
		return rf_fail(err, -ENOMEM, "names cannot be looked up");
	}
	*out = dial;
	return 0;
}

static void over(struct dial *dial)
{
	if (dial->found)
		evutil_freeaddrinfo(dial->found);
	if (dial->connecting)
		event_free(dial->connecting);
	if (dial->fd >= 0)
		close(dial->fd);
	dial->found = dial->next = NULL;
	dial->connecting = NULL;
	dial->fd = -1;
	dial->busy = false;
}

void dial_free(struct dial *dial)
{
	if (!dial)
		return;
	over(dial);
	if (dial->names)
		evdns_base_free(dial->names, 0);
	rf_free(dial);
}

static void failed(struct dial *dial)
{
	over(dial);
	dial->options.handlers->closed(dial->options.arg, NULL, dial->why);
}

static void connected(struct dial *dial)
{
	struct link_options o = {.base = dial->options.base,
				 .fd = dial->fd,
				 .tls = tls_session(dial->tls),
				 .side = {WIRE_MANAGER, dial->phase},
				 .handshake_ms = HANDSHAKE_MS,
				 .frame_ms = FRAME_MS,
				 .idle_ms = IDLE_MS,
				 .handlers = dial->options.handlers,
				 .arg = dial->options.arg};
	struct rf_err err = {0};
	struct link *link = NULL;
	int one = 1;

	(void)setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	dial->fd = -1;
	if (!o.tls || link_new(&o, &link, &err) < 0) {
		if (!o.tls)
			close(o.fd);
		rf_copy(dial->why, sizeof(dial->why), "TLS could not begin");
		failed(dial);
		return;
	}
	over(dial);
}

static void try_next(struct dial *dial);

static void on_connect(evutil_socket_t fd, short what, void *arg)
{
	struct dial *dial = arg;
	int error = 0;
	socklen_t size = sizeof(error);

	if (what & EV_TIMEOUT)
		error = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	event_free(dial->connecting);
	dial->connecting = NULL;
	if (error == 0) {
		connected(dial);
		return;
	}
	rf_format(dial->why, sizeof(dial->why), "no connection: %s", rf_code_text(-error));
	close(dial->fd);
	dial->fd = -1;
	try_next(dial);
}

static void try_next(struct dial *dial)
{
	const struct timeval limit = {.tv_sec = CONNECT_S};

	for (; dial->next;) {
		const struct evutil_addrinfo *a = dial->next;

		dial->next = a->ai_next;
		dial->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (dial->fd < 0)
			continue;
		if (connect(dial->fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS) {
			rf_format(dial->why, sizeof(dial->why), "no connection: %s",
				  rf_code_text(-errno));
			close(dial->fd);
			dial->fd = -1;
			continue;
		}
		dial->connecting =
			event_new(dial->options.base, dial->fd, EV_WRITE, on_connect, dial);
		if (dial->connecting && event_add(dial->connecting, &limit) == 0)
			return;
	}
	failed(dial);
}

/* A manager that takes connections and does not answer (stopped, hung) costs one try, not all: each
 * begins at the next address. */
static struct evutil_addrinfo *turned(struct evutil_addrinfo *list, unsigned by)
{
	struct evutil_addrinfo *last = list, *first;
	unsigned count = 1;

	for (; last->ai_next; last = last->ai_next)
		count++;
	last->ai_next = list;
	for (by %= count, last = by ? list : last; by > 1; by--)
		last = last->ai_next;
	first = last->ai_next;
	last->ai_next = NULL;
	return first;
}

static void on_names(int result, struct evutil_addrinfo *found, void *arg)
{
	struct dial *dial = arg;

	if (result != 0 || !found) {
		rf_format(dial->why, sizeof(dial->why), "its name %s: %s", dial->host,
			  evutil_gai_strerror(result));
		failed(dial);
		return;
	}
	dial->found = found = turned(found, dial->turn++);
	dial->next = found;
	try_next(dial);
}

int dial_start(struct dial *dial, struct tls *tls, enum wire_phase phase, struct rf_err *err)
{
	const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
					      .ai_socktype = SOCK_STREAM,
					      .ai_protocol = IPPROTO_TCP,
					      .ai_flags = EVUTIL_AI_NUMERICSERV};
	char port[8];

	if (dial->busy)
		return rf_fail(err, RF_E_DUPLICATE, "a connection is begun already");
	dial->busy = true;
	dial->tls = tls;
	dial->phase = phase;
	rf_format(port, sizeof(port), "%u", dial->options.port);
	rf_copy(dial->why, sizeof(dial->why), "no address of it takes a connection");
	/* Its callback may come at once, for an address. */
	(void)evdns_getaddrinfo(dial->names, dial->host, port, &hints, on_names, dial);
	return 0;
}
