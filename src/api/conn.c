/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: TLS, the gate in front of evhttp's parser, deadlines and limits.
 *
 * evhttp owns its connections and tells nobody when one ends. So a struct conn hangs on the SSL
 * object, whose end it sees. The gate hangs on the input buffer: what it refuses is taken out
 * before evhttp reads it, and the answer is written by us.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/server.h"
#include "base/mem.h"
#include "base/str.h"

/* The first octets of ALPN's list: this server speaks HTTP/1.1 alone. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			   const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen = NULL;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void conn_end(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
	struct conn *conn = ptr;

	(void)parent;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	if (!conn)
		return;
	TAILQ_REMOVE(&conn->server->conns, conn, next);
	conn->server->conns_count--;
	if (conn->timer)
		event_free(conn->timer);
	gate_done(&conn->gate);
	rf_free(conn);
}

/* One number for the process: OpenSSL keeps them for ever. */
static int conn_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, conn_end);
	return index;
}

static int tls_fail(struct rf_err *err, const char *what, const char *path)
{
	unsigned long code = ERR_get_error();
	char text[160] = "";

	ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return rf_fail(err, RF_E_CRYPTO, "%s %s: %s", what, path, text);
}

int conn_tls(struct server *server, struct rf_err *err)
{
	const struct api_options *o = server->options;
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	server->tls = tls;
	if (!tls || conn_index() < 0)
		return tls_fail(err, "TLS", "");
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
	/* TLS 1.2: forward secrecy and AEAD alone. */
	if (SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
		return tls_fail(err, "TLS's ciphers", "");
	if (SSL_CTX_use_certificate_chain_file(tls, o->certificate) != 1)
		return tls_fail(err, "the certificate", o->certificate);
	if (SSL_CTX_use_PrivateKey_file(tls, o->key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(tls) != 1)
		return tls_fail(err, "the certificate's key", o->key);
	if (o->ticket_keys && SSL_CTX_set_tlsext_ticket_keys(tls, (void *)(uintptr_t)o->ticket_keys,
							     API_TICKET_BYTES) != 1)
		return tls_fail(err, "the ticket keys", "");
	return 0;
}

static void cut(struct conn *conn)
{
	evutil_socket_t fd = bufferevent_getfd(conn->bev);

	/* evhttp sees the end and frees its connection. */
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

static void deadline(struct conn *conn, int seconds)
{
	struct timeval after = {.tv_sec = seconds};

	if (seconds)
		event_add(conn->timer, &after);
	else
		event_del(conn->timer);
}

/* The answer is out: the peer reads it while what it still sends goes nowhere, for a second. */
static void on_refused(struct bufferevent *bev, void *arg)
{
	(void)arg;
	shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void on_refused_end(struct bufferevent *bev, short what, void *arg)
{
	struct conn *conn = arg;

	conn->http_event(bev, what, conn->http_arg);
}

/* evhttp would take the end of our writing for the end of an answer of its own. */
static void write_alone(struct conn *conn)
{
	bufferevent_data_cb reads, writes;

	bufferevent_getcb(conn->bev, &reads, &writes, &conn->http_event, &conn->http_arg);
	bufferevent_setcb(conn->bev, NULL, on_refused, on_refused_end, conn);
	bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
}

/* Writes the gate's answer; the connection ends when it is out. */
static void refuse(struct conn *conn)
{
	const struct gate_refusal *refusal = &conn->gate.refusal;
	const struct problem problem = {refusal->status, "request", refusal->text,
					"See /api/v1/openapi.json for what is taken here."};
	RF_AUTOBUF struct rf_buf body = {0};

	conn->refusing = true;
	if (!refusal->status || problem_write(&problem, NULL, &body)) {
		cut(conn);
		return;
	}
	write_alone(conn);
	evbuffer_add_printf(bufferevent_get_output(conn->bev),
			    "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
			    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
			    refusal->status, problem_title(refusal->status), body.len,
			    rf_buf_text(&body));
	deadline(conn, 1);
}

/* Answers a refusal once evhttp is not in the middle of reading; ends what is too slow. */
static void on_timer(evutil_socket_t fd, short what, void *arg);

static void watch(struct conn *conn)
{
	static const int seconds[] = {[GATE_IDLE] = SERVER_IDLE_S,
				      [GATE_HEAD] = SERVER_HEAD_S,
				      [GATE_BODY] = SERVER_BODY_S,
				      [GATE_WHOLE] = 0,
				      [GATE_REFUSED] = 0};

	deadline(conn, seconds[conn->gate.phase]);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct conn *conn = arg;
	size_t len = evbuffer_get_length(input);
	size_t left = info->n_added;
	struct evbuffer_ptr at;
	enum gate_phase before = conn->gate.phase;

	if (!info->n_added)
		return;
	if (conn->refusing) {
		evbuffer_drain(input, len);
		return;
	}
	evbuffer_ptr_set(input, &at, len - left, EVBUFFER_PTR_SET);
	while (left) {
		struct evbuffer_iovec piece;

		if (evbuffer_peek(input, (ev_ssize_t)left, &at, &piece, 1) < 1 || !piece.iov_len)
			break;
		size_t count = piece.iov_len < left ? piece.iov_len : left;

		if (!gate_feed(&conn->gate, (struct rf_slice){piece.iov_base, count})) {
			conn->server->api.counters[API_N_REFUSED]++;
			evbuffer_drain(input, len);
			event_active(conn->timer, EV_WRITE, 1);
			return;
		}
		left -= count;
		evbuffer_ptr_set(input, &at, count, EVBUFFER_PTR_ADD);
	}
	/* A head or a body has one deadline from its begin, however slowly it comes. */
	if (conn->gate.phase != before)
		watch(conn);
}

static void network_of(const struct sockaddr_storage *peer, uint8_t out[16])
{
	memset(out, 0, 16);
	if (peer->ss_family == AF_INET)
		memcpy(out, &((const struct sockaddr_in *)peer)->sin_addr, 4);
	else
		memcpy(out, &((const struct sockaddr_in6 *)peer)->sin6_addr, 8);
}

static void address_of(const struct sockaddr_storage *peer, char out[64])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;

	if (peer->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, out, 64);
	else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, out, 64);
	else
		inet_ntop(AF_INET6, &six->sin6_addr, out, 64);
}

/* Who is over a limit goes; where all are taken, the oldest that proved nothing goes. */
static bool has_room(struct conn *conn)
{
	struct server *server = conn->server;
	size_t same = 0;
	struct conn *each, *oldest = NULL;

	TAILQ_FOREACH(each, &server->conns, next)
	{
		same += each->known && memcmp(each->network, conn->network, 16) == 0;
		if (!oldest && !each->proven && each != conn && !each->refusing)
			oldest = each;
	}
	if (same > server->conns_max / SERVER_ADDRESS_PART)
		return false;
	if (server->conns_count <= server->conns_max)
		return true;
	if (!oldest)
		return false;
	oldest->refusing = true;
	cut(oldest);
	return true;
}

/* The descriptor comes after conn_make. */
static bool peer_find(struct conn *conn)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (getpeername(bufferevent_getfd(conn->bev), (struct sockaddr *)&peer, &len) < 0)
		return false;
	network_of(&peer, conn->network);
	address_of(&peer, conn->address);
	conn->known = true;
	return true;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;
	struct server *server = conn->server;

	(void)fd;
	if (!conn->known) {
		if (peer_find(conn) && has_room(conn) && !server->stopping) {
			deadline(conn, SERVER_HEAD_S);
			return;
		}
		server->api.counters[API_N_TURNED_AWAY]++;
		cut(conn);
		return;
	}
	if ((what & EV_WRITE) && !conn->refusing) {
		refuse(conn);
		return;
	}
	if (!conn->refusing)
		server->api.counters[API_N_TIMED_OUT]++;
	cut(conn);
}

struct bufferevent *conn_make(struct event_base *base, void *arg)
{
	struct server *server = arg;
	SSL *ssl = SSL_new(server->tls);
	struct conn *conn = ssl ? rf_alloc(1, sizeof(*conn)) : NULL;

	if (!conn || SSL_set_ex_data(ssl, conn_index(), conn) != 1) {
		rf_free(conn);
		SSL_free(ssl);
		return NULL;
	}
	conn->server = server;
	conn->ssl = ssl;
	TAILQ_INSERT_TAIL(&server->conns, conn, next);
	server->conns_count++;
	server->api.counters[API_N_CONNECTIONS]++;
	conn->timer = event_new(base, -1, 0, on_timer, conn);
	conn->bev = conn->timer ? bufferevent_openssl_socket_new(
					  base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
					  BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS)
				: NULL;
	if (!conn->bev) {
		SSL_free(ssl);
		return NULL;
	}
	bufferevent_openssl_set_allow_dirty_shutdown(conn->bev, 1);
	evbuffer_add_cb(bufferevent_get_input(conn->bev), on_input, conn);
	event_active(conn->timer, EV_TIMEOUT, 1);
	return conn->bev;
}

struct conn *conn_of(struct evhttp_request *request)
{
	struct evhttp_connection *http = evhttp_request_get_connection(request);
	struct bufferevent *bev = http ? evhttp_connection_get_bufferevent(http) : NULL;
	SSL *ssl = bev ? bufferevent_openssl_get_ssl(bev) : NULL;

	return ssl ? SSL_get_ex_data(ssl, conn_index()) : NULL;
}

void conn_answered(struct conn *conn)
{
	if (!conn || conn->refusing)
		return;
	gate_answered(&conn->gate);
	watch(conn);
}
