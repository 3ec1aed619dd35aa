/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role agents: takes connections of agents, lets those with a host's certificate into a session
 * and those without join, and turns what the store has for hosts (commands, states) into frames.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/call.h"
#include "manager/agents.h"
#include "manager/authority.h"
#include "manager/listen.h"
#include "manager/roles.h"
#include "manager/server.h"
#include "store/ledger.h"
#include "sys/sandbox.h"
#include "sys/state.h"

#define HANDSHAKE_MS	   10000
#define FRAME_MS	   60000
#define JOIN_IDLE_MS	   30000
#define HANDSHAKES_MAX	   1024u /* more wait in the kernel's queue */
#define PRESSED_SILENT	   1u	 /* times POLL_MS: who says nothing makes room for others, */
#define PRESSED_SLOW	   10u	 /* and who does not come to an end */
#define ACCEPTS_AT_ONCE	   64
#define POLL_MS		   200
#define LEASE_MS	   30000
#define LEASE_RENEW_MS	   10000
#define REFUSED_PER_MINUTE 120
#define PAGE		   1000
#define LARGE_BYTES	   32768

struct role {
	struct agents a;
	struct event *accept, *tick, *stop;
	int listener;
	bool accepting;
	int64_t leased_ms;
	struct rf_err fault;
};

/* ---- what join.c and session.c share ---- */

void conn_refuse(struct conn *conn, const struct refusal *refusal)
{
	const struct message m = {.kind = WIRE_REFUSED,
				  .refused = {refusal->reason, refusal->next, refusal->retry_ms}};

	/* One that cannot be told is ended all the same. */
	if (link_send(conn->link, &m, (struct rf_slice){0}, NULL))
		link_close(conn->link, "refused");
	link_close(conn->link, "refused");
}

/* What strangers can cause as often as they like is kept so often in a minute; the rest is counted
 * on standard error. */
static bool is_too_much(struct agents *a, const char *kind)
{
	const int64_t now = a->now_ms();

	if (!rf_equal(kind, "host.refused"))
		return false;
	if (now - a->refused_ms >= 60000 || now < a->refused_ms) {
		if (a->refused > REFUSED_PER_MINUTE)
			fprintf(stderr, "ringfence-manager agents: %lld more were refused\n",
				(long long)(a->refused - REFUSED_PER_MINUTE));
		a->refused_ms = now;
		a->refused = 0;
	}
	return ++a->refused > REFUSED_PER_MINUTE;
}

struct told {
	const struct store_event *event;
	const struct ledger_entry *entry;
};

static int tell(struct store *store, void *arg, struct rf_err *err)
{
	const struct told *told = arg;
	int rc = store_event_add(store, told->event, err);

	return rc ? rc : store_ledger_append(store, told->entry, NULL, err);
}

int conn_note(struct conn *conn, const char *kind, const char *text, struct rf_err *err)
{
	const struct store_event event = {.kind = kind,
					  .host = conn->peer.host,
					  .about = conn->address,
					  .old_state = "",
					  .new_state = "",
					  .text = text,
					  .at_ms = conn->a->now_ms()};
	const struct ledger_entry entry = {.kind = kind,
					   .actor = conn->address,
					   .about = conn->peer.host,
					   .text = text,
					   .time_ms = event.at_ms};
	struct told told = {&event, &entry};

	return store_transaction(conn->a->store, tell, &told, err);
}

void conn_event(struct conn *conn, const char *kind, const char *text)
{
	struct rf_err err = {0};

	if (!is_too_much(conn->a, kind) && conn_note(conn, kind, text, &err))
		fprintf(stderr, "ringfence-manager agents: an event is lost: %s: %s: %s\n", kind,
			text, rf_err_text(&err));
}

int agents_random_id(char out[AGENTS_ID_BYTES], struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf hex = {0};
	uint8_t bytes[(AGENTS_ID_BYTES - 1) / 2];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return rf_fail(err, RF_E_CRYPTO, "no random bytes");
	rf_buf_add_hex(&hex, bytes, sizeof(bytes));
	return rf_copy(out, AGENTS_ID_BYTES, rf_buf_text(&hex)) ? 0 : -ENOMEM;
}

int agents_certify(struct agents *a, const struct certificate_order *order, struct message *out,
		   struct rf_err *err)
{
	const struct message question = {
		.kind = WIRE_CERTIFY,
		.certify = {order->host, order->request, order->from_ms, order->to_ms}};
	int rc = call_ask(&(struct call){a->keys, &question, {0}, WIRE_CERTIFIED}, out, NULL, err);

	if (!rc && out->certified.fault)
		return rf_fail(err, RF_E_DENIED, "%s", out->certified.fault);
	if (!rc &&
	    (!out->certified.certificate || !out->certified.serial || !out->certified.sha256.len))
		return rf_fail(err, RF_E_PEER, "keys gave half a certificate");
	return rc;
}

/* ---- connections ---- */

static void handshake_over(struct conn *conn)
{
	struct role *role = (struct role *)conn->a;

	if (conn->state != CONN_HANDSHAKE)
		return;
	role->a.handshakes--;
	if (!role->accepting && event_add(role->accept, NULL) == 0)
		role->accepting = true;
}

static void on_opened(void *arg, struct link *link)
{
	struct conn *conn = arg;
	struct rf_err err = {0};

	handshake_over(conn);
	conn->state = CONN_JOINING;
	if (link_peer(link, &conn->peer, &err))
		link_close(link, rf_err_text(&err));
	else if (conn->peer.host[0])
		session_open(conn);
	else
		link_idle(link, JOIN_IDLE_MS);
}

static int on_frame(void *arg, struct link *link, const struct wire_frame *frame,
		    struct rf_err *err)
{
	struct conn *conn = arg;

	(void)link;
	if (conn->state == CONN_ENDING)
		return 0;
	return conn->state == CONN_HELLO || conn->state == CONN_OPEN
		       ? session_frame(conn, frame, err)
		       : join_frame(conn, frame, err);
}

static void conn_free(struct conn *conn)
{
	*conn->at = conn->next;
	if (conn->next)
		conn->next->at = conn->at;
	conn->a->conns_count--;
	if (conn->clock)
		event_free(conn->clock);
	rf_buf_done(&conn->evidence);
	evidence_forget(conn);
	rf_free(conn);
}

/* Who shows a certificate that another authority made, or that is over, does not get as far as a
 * session: it is told all the same. A handshake that fails otherwise is anybody's. */
static void handshake_refused(struct conn *conn, const struct link *link)
{
	struct tls_peer peer;
	struct rf_err err = {0};

	if (conn->state == CONN_HANDSHAKE && link_peer(link, &peer, &err) == RF_E_DENIED)
		conn_event(conn, "host.refused", rf_err_text(&err));
}

static void on_closed(void *arg, struct link *link, const char *why)
{
	struct conn *conn = arg;

	handshake_refused(conn, link);
	if (conn->state == CONN_OPEN && !rf_starts(why, "the other side"))
		fprintf(stderr, "ringfence-manager agents: host %s: %s\n", conn->peer.host, why);
	handshake_over(conn);
	join_end(conn);
	session_end(conn);
	conn_free(conn);
}

static const struct link_handlers handlers = {
	.opened = on_opened, .frame = on_frame, .closed = on_closed};

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	evidence_clock(arg);
}

static void address_text(const struct sockaddr_storage *from, char *out, size_t size)
{
	const void *at = from->ss_family == AF_INET6
				 ? (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr
				 : (const void *)&((const struct sockaddr_in *)from)->sin_addr;

	out[0] = '\0';
	(void)inet_ntop(from->ss_family, at, out, (socklen_t)size);
}

static void conn_add(struct role *role, int fd, const struct sockaddr_storage *from)
{
	struct agents *a = &role->a;
	struct conn *conn = rf_alloc(1, sizeof(*conn));
	const int on = 1;
	struct link_options options = {.base = a->base,
				       .fd = fd,
				       .side = {WIRE_AGENT, WIRE_JOINING},
				       .handshake_ms = HANDSHAKE_MS,
				       .frame_ms = FRAME_MS,
				       .idle_ms = JOIN_IDLE_MS,
				       .handlers = &handlers,
				       .arg = conn};

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (conn)
		conn->clock = evtimer_new(a->base, on_clock, conn);
	options.tls = conn && conn->clock ? tls_session(a->tls) : NULL;
	if (!options.tls) {
		if (conn && conn->clock)
			event_free(conn->clock);
		rf_free(conn);
		close(fd);
		return;
	}
	conn->a = a;
	conn->next = a->conns;
	conn->at = &a->conns;
	if (conn->next)
		conn->next->at = &conn->next;
	a->conns = conn;
	a->conns_count++;
	address_text(from, conn->address, sizeof(conn->address));
	if (link_new(&options, &conn->link, NULL)) {
		conn_free(conn);
		return;
	}
	a->handshakes++;
}

/* Who waited in the kernel's queue for longer than it would, and has gone: its greeting is still
 * there to be read, and a handshake with nobody costs as much as one with a host. In a storm that
 * is what keeps the others waiting. */
static bool is_gone(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLRDHUP};

	return poll(&one, 1, 0) > 0 && (one.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct role *role = arg;
	struct sockaddr_storage from;

	(void)what;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		socklen_t len = sizeof(from);

		if (role->a.handshakes >= HANDSHAKES_MAX) {
			(void)event_del(role->accept);
			role->accepting = false;
			return;
		}
		int fd = accept4((int)listener, (struct sockaddr *)&from, &len,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		if (role->a.conns_count >= (size_t)role->a.config->connections_max || is_gone(fd))
			close(fd);
		else
			conn_add(role, fd, &from);
	}
}

/* While others wait to be let in: strangers that keep a place and do not use it are ended, those
 * that said nothing first. A host's own handshake begins with its first packet. */
static void strangers_press(struct role *role)
{
	if (role->accepting)
		return;
	for (struct conn *c = role->a.conns; c; c = c->next) {
		if (c->state != CONN_HANDSHAKE)
			continue;
		c->pressed++;
		if (c->pressed > (link_silent(c->link) ? PRESSED_SILENT : PRESSED_SLOW))
			link_close(c->link, "no handshake while others waited");
	}
}

/* ---- what the store has for hosts ---- */

struct page {
	size_t count;
	char hosts[PAGE][TLS_HOST_BYTES];
};

static int host_take(void *arg, const char *host)
{
	struct page *p = arg;

	if (p->count < PAGE)
		rf_copy(p->hosts[p->count++], TLS_HOST_BYTES, host);
	return 0;
}

static int commands_poll(struct agents *a, struct rf_err *err)
{
	static struct page page; /* large: not on the stack */
	char after[TLS_HOST_BYTES] = "";

	do {
		page.count = 0;
		int rc = store_command_hosts(a->store, after, PAGE, host_take, &page, err);

		if (rc)
			return rc;
		for (size_t i = 0; i < page.count; i++) {
			struct conn *conn = rf_map_get(&a->sessions, page.hosts[i]);

			if (conn)
				session_commands(conn);
			rf_copy(after, sizeof(after), page.hosts[i]);
		}
	} while (page.count == PAGE);
	return 0;
}

/* States that somebody else set: an approval, a retirement, the watchdog. */
struct change {
	char host[TLS_HOST_BYTES], reason[1024];
};
struct changes {
	int64_t seq;
	size_t count;
	struct change list[PAGE];
};

static int event_take(void *arg, const struct store_event *event)
{
	struct changes *c = arg;

	c->seq = event->seq;
	if (!rf_equal(event->kind, "host.state") || !event->host || c->count == PAGE)
		return 0;
	struct change *one = &c->list[c->count++];

	rf_copy(one->host, sizeof(one->host), event->host);
	rf_copy(one->reason, sizeof(one->reason), event->text ? event->text : "");
	return 0;
}

static int events_poll(struct agents *a, struct rf_err *err)
{
	static struct changes changes; /* large: not on the stack */

	changes.count = 0;
	changes.seq = 0;
	int rc = store_event_each(a->store, a->sink, PAGE, event_take, &changes, err);

	if (rc || changes.seq == 0)
		return rc;
	for (size_t i = 0; i < changes.count; i++) {
		struct conn *conn = rf_map_get(&a->sessions, changes.list[i].host);

		if (conn)
			session_changed(conn, changes.list[i].reason);
	}
	return store_sink_confirm(a->store, a->sink, changes.seq, err);
}

static int leases_renew(struct role *role, struct rf_err *err)
{
	struct agents *a = &role->a;
	int64_t now = a->now_ms();

	if (now - role->leased_ms < LEASE_RENEW_MS && now >= role->leased_ms)
		return 0;
	role->leased_ms = now;
	if (!a->shared)
		return store_lease_renew(a->store, &a->lease, LEASE_MS, err);
	for (struct conn *c = a->conns, *next; c; c = next) {
		next = c->next;
		if (c->state != CONN_OPEN)
			continue;
		int rc = store_lease_renew(a->store, &c->lease, 2 * LEASE_MS, err);

		if (rc == RF_E_CHANGED)
			link_close(c->link, "another manager serves this host now");
		else if (rc)
			return rc;
	}
	return 0;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval again = {.tv_usec = POLL_MS * 1000};
	struct role *role = arg;
	struct rf_err err = {0};
	int rc = leases_renew(role, &err);

	(void)fd;
	(void)what;
	strangers_press(role);
	if (!rc)
		rc = events_poll(&role->a, &err);
	if (!rc)
		rc = commands_poll(&role->a, &err);
	/* A store that went away may come back; who lost the lease is not the manager any more. */
	if (rc == RF_E_CHANGED && !role->a.shared) {
		role->fault = err;
		(void)event_base_loopbreak(role->a.base);
		return;
	}
	if (rc)
		fprintf(stderr, "ringfence-manager agents: %s\n", rf_err_text(&err));
	(void)evtimer_add(role->tick, &again);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)event_base_loopbreak(((struct role *)arg)->a.base);
}

/* ---- starting ---- */

static int leases_open(struct role *role, struct rf_err *err)
{
	struct agents *a = &role->a;
	char id[AGENTS_ID_BYTES];
	int rc = agents_random_id(id, err);

	if (rc)
		return rc;
	a->shared = !rf_starts(a->config->store, "sqlite:");
	rf_format(a->holder, sizeof(a->holder), "%.80s:%s", a->config->name, id);
	rf_format(a->sink, sizeof(a->sink), "agents:%.80s", a->config->name);
	rc = store_sink_add(a->store, a->sink, err);
	/* The one before us was ended by the same supervisor, so its lease is taken over: the name
	 * is the manager's, the epoch a new one. */
	if (!rc && !a->shared)
		rc = store_lease_take(a->store, "agents", a->config->name, LEASE_MS, &a->lease,
				      err);
	role->leased_ms = a->now_ms();
	return rc;
}

static int loop_open(struct role *role, struct rf_err *err)
{
	struct agents *a = &role->a;
	const struct timeval soon = {.tv_usec = POLL_MS * 1000};

	a->base = event_base_new();
	if (!a->base)
		return rf_fail(err, -ENOMEM, "no event loop");
	role->accept = event_new(a->base, role->listener, EV_READ | EV_PERSIST, on_accept, role);
	role->tick = evtimer_new(a->base, on_tick, role);
	role->stop = event_new(a->base, ROLE_FD_STOP, EV_READ, on_stop, role);
	if (!role->accept || !role->tick || !role->stop || event_add(role->accept, NULL) ||
	    evtimer_add(role->tick, &soon) || event_add(role->stop, NULL))
		return rf_fail(err, -ENOMEM, "no event loop");
	role->accepting = true;
	int rc = batch_new(a->base, a->store, &a->batch, err);

	return rc ? rc : workers_new(a->base, ROLE_FD_OTHER, &a->workers, err);
}

static int sandbox(const struct agents *a, char *missing, struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES];
	const char *writable[2] = {folder, a->config->secrets};
	int rc = server_store_folder(a->config, folder, sizeof(folder), err);

	if (rc)
		return rc;
	return a->shared ? sandbox_enter(SANDBOX_SERVE_NET, writable + 1, 1, missing, err)
			 : sandbox_enter(SANDBOX_SERVE, writable, 2, missing, err);
}

static int start(struct role *role, struct rf_err *err)
{
	struct agents *a = &role->a;
	char missing[SANDBOX_MISSING_BYTES], address[AGENTS_ADDRESS_BYTES];
	int rc = server_tls(a->config, &a->tls, &a->authority, a->command_key, err);

	/* What came as one large frame goes back to the system. */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	if (!rc)
		rc = listen_open(a->config->agents, &role->listener, err);
	if (!rc)
		rc = listen_address(role->listener, address, sizeof(address), err);
	if (!rc)
		rc = call_limit(a->keys, CALL_TIMEOUT_MS, err);
	if (!rc)
		rc = store_open(a->config->store, &a->store, err);
	if (!rc)
		rc = leases_open(role, err);
	if (!rc)
		rc = sandbox(a, missing, err);
	if (!rc)
		rc = loop_open(role, err);
	if (!rc)
		role_ready("agents", address, missing);
	return rc;
}

static void kept_free(struct agents *a)
{
	while (a->kept_list) {
		struct kept *kept = a->kept_list;

		a->kept_list = kept->next;
		rf_buf_done(&kept->good.reason);
		rf_free(kept);
	}
	rf_map_done(&a->kept);
}

static void stop(struct role *role)
{
	struct agents *a = &role->a;

	/* While the connections are there that it speaks of. */
	batch_free(a->batch);
	while (a->conns) {
		struct conn *conn = a->conns;

		link_free(conn->link);
		join_end(conn);
		session_end(conn);
		conn_free(conn);
	}
	workers_free(a->workers);
	struct event *const events[] = {role->accept, role->tick, role->stop};

	for (size_t i = 0; i < RF_COUNT(events); i++)
		if (events[i])
			event_free(events[i]);
	/* libevent lets go of connections at the loop's next turn. */
	if (a->base && event_base_loop(a->base, EVLOOP_NONBLOCK) >= 0)
		event_base_free(a->base);
	store_close(a->store);
	tls_free(a->tls);
	rf_buf_done(&a->authority);
	rf_map_done(&a->sessions);
	kept_free(a);
	if (role->listener >= 0)
		close(role->listener);
}

int role_agents(const struct config *config, struct rf_err *err)
{
	struct role role = {.a = {.config = config, .keys = ROLE_FD_KEYS, .now_ms = role_now_ms},
			    .listener = -1};
	int rc = start(&role, err);

	if (!rc)
		(void)event_base_dispatch(role.a.base);
	if (!rc && role.fault.code) {
		rc = role.fault.code;
		*err = role.fault;
	}
	stop(&role);
	return rc;
}
