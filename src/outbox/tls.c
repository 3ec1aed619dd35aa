/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Syslog over TLS (RFC 5425): one connection, messages in octet-counted frames. The protocol has no
 * answer, so that a message counts as delivered when the receiver's kernel has acknowledged all its
 * bytes and the connection still stands; what was lost behind that, by a receiver that died, is the
 * price of the protocol.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "outbox/parts.h"

#define PORT	   "6514"
#define POLL_MS	   20
#define HOST_BYTES 256

struct tls {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	char host[HOST_BYTES], port[8], hostname[256];
	const struct outbox_sink *sink;
	int64_t deadline_ms; /* of the attempt */
};

static int tls_fail(struct rf_err *err, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return rf_fail(err, RF_E_PEER, "%s: %s", what, why ? why : "the other side went away");
}

static void disconnect(struct tls *t)
{
	SSL_free(t->ssl);
	t->ssl = NULL;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static void tls_close(void *state)
{
	struct tls *t = state;

	if (!t)
		return;
	if (t->ssl)
		(void)SSL_shutdown(t->ssl);
	disconnect(t);
	SSL_CTX_free(t->ctx);
	rf_free(t);
}

/* Waits until fd is ready or the attempt's time is over. */
static int wait_for(struct tls *t, short events, struct rf_err *err)
{
	struct pollfd p = {t->fd, events, 0};
	int64_t left = t->deadline_ms - outbox_now_ms();

	if (left <= 0 || poll(&p, 1, (int)left) == 0)
		return rf_fail(err, RF_E_TIMEOUT, "the receiver does not answer");
	return 0;
}

/* After an operation of OpenSSL that gave rc <= 0: waits for what it wants; then it is tried again.
 */
static int again(struct tls *t, int rc, const char *what, struct rf_err *err)
{
	int want = SSL_get_error(t->ssl, rc);

	if (want == SSL_ERROR_WANT_READ)
		return wait_for(t, POLLIN, err);
	if (want == SSL_ERROR_WANT_WRITE)
		return wait_for(t, POLLOUT, err);
	return tls_fail(err, what);
}

static int connect_one(struct tls *t, const struct addrinfo *a, struct rf_err *err)
{
	int on = 1, error = 0;
	socklen_t len = sizeof(error);

	t->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	if (t->fd < 0)
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(t->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (connect(t->fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
		return rf_fail(err, -errno, "%s", rf_code_text(-errno));
	int rc = wait_for(t, POLLOUT, err);

	if (!rc && (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error))
		rc = rf_fail(err, error ? -error : -EIO, "%s", rf_code_text(-error));
	return rc;
}

static int handshake(struct tls *t, struct rf_err *err)
{
	int rc = 0, done = 0;

	t->ssl = SSL_new(t->ctx);
	if (!t->ssl || !SSL_set_fd(t->ssl, t->fd) || !SSL_set_tlsext_host_name(t->ssl, t->host))
		return tls_fail(err, "TLS");
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);

	/* An address stands in a certificate as one, and a name as a name. */
	if (!X509_VERIFY_PARAM_set1_ip_asc(param, t->host) && !SSL_set1_host(t->ssl, t->host))
		return tls_fail(err, "TLS");
	ERR_clear_error();
	while (rc == 0 && (done = SSL_connect(t->ssl)) != 1)
		rc = again(t, done, "TLS", err);
	long verified = SSL_get_verify_result(t->ssl);

	if (rc < 0 && verified != X509_V_OK)
		rc = rf_fail(err, RF_E_PEER, "its certificate: %s",
			     X509_verify_cert_error_string(verified));
	return rc;
}

static int connect_all(struct tls *t, struct rf_err *err)
{
	struct addrinfo *all = NULL, hints = {.ai_socktype = SOCK_STREAM};
	int bad = getaddrinfo(t->host, t->port, &hints, &all);
	int rc = bad ? rf_fail(err, RF_E_PEER, "%s: %s", t->host, gai_strerror(bad)) : RF_E_PEER;

	for (const struct addrinfo *a = all; a && rc < 0; a = a->ai_next) {
		disconnect(t);
		rc = connect_one(t, a, err);
	}
	if (all)
		freeaddrinfo(all);
	if (!rc)
		rc = handshake(t, err);
	return rc < 0 ? rf_wrap(err, rc, "%s:%s", t->host, t->port) : 0;
}

/* What a receiver says is not read (RFC 5425 has nothing to say); that it closed is. */
static int alive_check(struct tls *t, struct rf_err *err)
{
	uint8_t bytes[256];
	int n = SSL_read(t->ssl, bytes, sizeof(bytes));

	if (n > 0 || SSL_get_error(t->ssl, n) == SSL_ERROR_WANT_READ ||
	    SSL_get_error(t->ssl, n) == SSL_ERROR_WANT_WRITE)
		return 0;
	return tls_fail(err, "the receiver closed the connection");
}

static int acknowledged(struct tls *t, struct rf_err *err)
{
	for (;;) {
		int unsent = 0, rc = alive_check(t, err);

		if (rc < 0 || (ioctl(t->fd, SIOCOUTQ, &unsent) == 0 && unsent == 0))
			return rc;
		if (outbox_now_ms() > t->deadline_ms)
			return rf_fail(err, RF_E_TIMEOUT, "the receiver takes nothing");
		(void)poll(NULL, 0, POLL_MS);
	}
}

static int write_all(struct tls *t, struct rf_slice frame, struct rf_err *err)
{
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && at < frame.len) {
		int n = SSL_write(t->ssl, frame.data + at, (int)(frame.len - at));

		if (n > 0)
			at += (size_t)n;
		else
			rc = again(t, n, "TLS", err);
	}
	return rc ? rc : acknowledged(t, err);
}

static int tls_send(void *state, const struct outbox_event *event, int64_t *out_retry_s,
		    struct rf_err *err)
{
	struct tls *t = state;
	const struct outbox_syslog how = {.hostname = t->hostname,
					  .facility = (int)t->sink->facility,
					  .enterprise = (uint32_t)t->sink->enterprise,
					  .pid = getpid()};
	RF_AUTOBUF struct rf_buf frame = {0};
	int rc = outbox_event_syslog(event, &how, &frame, err);

	*out_retry_s = 0;
	t->deadline_ms = outbox_now_ms() + OUTBOX_ATTEMPT_MS;
	/* A connection that was closed meanwhile is made anew. */
	if (!rc && t->ssl && alive_check(t, NULL) < 0)
		disconnect(t);
	if (!rc && !t->ssl)
		rc = connect_all(t, err);
	if (!rc)
		rc = write_all(t, rf_buf_slice(&frame), err);
	if (rc < 0)
		disconnect(t);
	return rc;
}

static int context_make(struct tls *t, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	const struct outbox_sink *s = t->sink;
	int rc = outbox_authorities_read(s, &pem, err);

	if (rc < 0)
		return rc;
	t->ctx = SSL_CTX_new(TLS_client_method());
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	X509_STORE *store = t->ctx ? SSL_CTX_get_cert_store(t->ctx) : NULL;
	size_t count = 0;
	X509 *x;

	while (bio && store && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		count += X509_STORE_add_cert(store, x) == 1;
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (count == 0)
		return rf_fail(err, RF_E_MISSING, "%s: no certificate in it",
			       s->ca ? s->ca : "the system's authorities");
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(t->ctx,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (!SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) ||
	    (s->certificate &&
	     (SSL_CTX_use_certificate_chain_file(t->ctx, s->certificate) != 1 || !s->key ||
	      SSL_CTX_use_PrivateKey_file(t->ctx, s->key, SSL_FILETYPE_PEM) != 1)))
		return tls_fail(err, "certificate and key of the sink");
	return 0;
}

/* "host", "host:6514", "[::1]:6514" */
static int address_split(struct tls *t, const char *text, struct rf_err *err)
{
	const char *host = text[0] == '[' ? text + 1 : text;
	size_t len = strcspn(host, text[0] == '[' ? "]" : ":");
	const char *rest = host + len + (host[len] == ']');

	if (len == 0 || len >= sizeof(t->host) || (rest[0] && rest[0] != ':') ||
	    !rf_copy(t->port, sizeof(t->port), rest[0] ? rest + 1 : PORT))
		return rf_fail(err, RF_E_SYNTAX, "address %s: HOST or HOST:PORT is wanted", text);
	memcpy(t->host, host, len);
	t->host[len] = '\0';
	return 0;
}

static int tls_open(const struct outbox_sink *sink, void **out, struct rf_err *err)
{
	struct tls *t = rf_alloc(1, sizeof(*t));

	if (!t)
		return rf_fail(err, -ENOMEM, "no memory");
	t->fd = -1;
	t->sink = sink;
	(void)gethostname(t->hostname, sizeof(t->hostname) - 1);
	int rc = address_split(t, sink->address, err);

	if (!rc)
		rc = context_make(t, err);
	if (rc < 0) {
		tls_close(t);
		return rc;
	}
	*out = t;
	return 0;
}

const struct outbox_transport outbox_tls = {"syslog", tls_open, tls_send, tls_close};
