/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts; see tls.h. A certificate of another purpose is refused by libssl (a host's has
 * clientAuth alone, so that no host can play the manager), one of another name by
 * X509_VERIFY_PARAM.
 */
#include "fleet/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define MAX_CHAIN 4

struct tls {
	SSL_CTX *context;
	SSL_SESSION *last; /* client: of the last connection, for the next */
	char host[256];
	uint8_t pin[TLS_SHA256_BYTES];
	bool server;
};

/* The first thing that libcrypto said, and forgets the rest. */
static int crypto_fail(struct rf_err *err, int code, const char *what)
{
	const char *words = ERR_reason_error_string(ERR_get_error());

	ERR_clear_error();
	return rf_fail(err, code, "%s: %s", what, words ? words : rf_code_text(code));
}

/* ---- certificates ---- */

static BIO *pem_open(struct rf_slice pem)
{
	return pem.len > 0 && pem.len <= RF_MAX_FILE_BYTES ? BIO_new_mem_buf(pem.data, (int)pem.len)
							   : NULL;
}

/* The certificates of a PEM text. NULL when there is none or one is broken. */
static STACK_OF(X509) * chain_read(struct rf_slice pem)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	BIO *in = pem_open(pem);
	X509 *one;

	while (in && chain && sk_X509_num(chain) < MAX_CHAIN &&
	       (one = PEM_read_bio_X509(in, NULL, NULL, NULL)))
		if (!sk_X509_push(chain, one))
			X509_free(one);
	bool ended = in && chain && sk_X509_num(chain) > 0 &&
		     (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE || BIO_eof(in));

	BIO_free(in);
	if (ended) {
		ERR_clear_error();
		return chain;
	}
	sk_X509_pop_free(chain, X509_free);
	return NULL;
}

static bool digest_of(const X509 *certificate, uint8_t out[TLS_SHA256_BYTES])
{
	unsigned len = TLS_SHA256_BYTES;

	return X509_digest(certificate, EVP_sha256(), out, &len) == 1;
}

int tls_authority_digest(struct rf_slice pem, uint8_t out[TLS_SHA256_BYTES], struct rf_err *err)
{
	STACK_OF(X509) *chain = chain_read(pem);
	int rc = 0;

	if (!chain)
		return crypto_fail(err, RF_E_SYNTAX, "the authority's certificate");
	if (sk_X509_num(chain) != 1)
		rc = rf_fail(err, RF_E_LIMIT, "an authority is one certificate");
	else if (!digest_of(sk_X509_value(chain, 0), out))
		rc = crypto_fail(err, RF_E_CRYPTO, "the authority's certificate");
	sk_X509_pop_free(chain, X509_free);
	return rc;
}

static int own_certificate(SSL_CTX *context, const struct tls_options *o, struct rf_err *err)
{
	STACK_OF(X509) *chain = chain_read(o->certificate);
	int rc = 0;

	if (!chain || !o->key) {
		sk_X509_pop_free(chain, X509_free);
		return crypto_fail(err, RF_E_MISSING, "own certificate or key");
	}
	if (SSL_CTX_use_certificate(context, sk_X509_value(chain, 0)) != 1)
		rc = crypto_fail(err, RF_E_CRYPTO, "own certificate");
	for (int i = 1; !rc && i < sk_X509_num(chain); i++)
		if (SSL_CTX_add1_chain_cert(context, sk_X509_value(chain, i)) != 1)
			rc = crypto_fail(err, RF_E_CRYPTO, "own certificate's chain");
	if (!rc && SSL_CTX_use_PrivateKey(context, o->key) != 1)
		rc = crypto_fail(err, RF_E_MISMATCH, "own key");
	sk_X509_pop_free(chain, X509_free);
	return rc;
}

/* ---- whom to trust ---- */

static int authority_trust(SSL_CTX *context, struct rf_slice pem, struct rf_err *err)
{
	STACK_OF(X509) *chain = chain_read(pem);
	int rc = 0;

	if (!chain)
		return crypto_fail(err, RF_E_MISSING, "the authority's certificate");
	for (int i = 0; !rc && i < sk_X509_num(chain); i++)
		if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), sk_X509_value(chain, i)) !=
		    1)
			rc = crypto_fail(err, RF_E_CRYPTO, "the authority's certificate");
	sk_X509_pop_free(chain, X509_free);
	return rc;
}

/* The authority is the one among what the manager sent that has the digest of the invitation. */
static int pinned_verify(X509_STORE_CTX *context, void *arg)
{
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(context);
	STACK_OF(X509) *trusted = sk_X509_new_null();
	const struct tls *tls = arg;
	uint8_t digest[TLS_SHA256_BYTES];

	for (int i = 0; trusted && i < sk_X509_num(sent); i++) {
		X509 *one = sk_X509_value(sent, i);

		if (X509_check_ca(one) && digest_of(one, digest) &&
		    memcmp(digest, tls->pin, sizeof(digest)) == 0)
			(void)sk_X509_push(trusted, one);
	}
	/* With none, there is nothing to trust, and it fails as it should. */
	X509_STORE_CTX_set0_trusted_stack(context, trusted);
	int good = trusted ? X509_verify_cert(context) : 0;

	X509_STORE_CTX_set0_trusted_stack(context, NULL);
	sk_X509_free(trusted);
	return good;
}

static int trust(struct tls *tls, const struct tls_options *o, struct rf_err *err)
{
	/* A server asks, and lets who has none in as one who joins. */
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls->context), X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set_depth(SSL_CTX_get0_param(tls->context), MAX_CHAIN);
	if (o->authority_sha256 && !o->server) {
		memcpy(tls->pin, o->authority_sha256, sizeof(tls->pin));
		SSL_CTX_set_cert_verify_callback(tls->context, pinned_verify, tls);
		return 0;
	}
	return authority_trust(tls->context, o->authority, err);
}

/* ---- resumption ---- */

/* The client keeps a copy of the last one, for libssl spoils the one of a connection that is cut; a
 * ticket serves once (RFC 8446, C.4). */
static int session_keep(SSL *ssl, SSL_SESSION *session)
{
	struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(tls->last);
	tls->last = SSL_SESSION_dup(session);
	return 0;
}

static int resumption(struct tls *tls, const struct tls_options *o, struct rf_err *err)
{
	static const unsigned char name[] = "ringfence";

	SSL_CTX_set_app_data(tls->context, tls);
	if (!o->server) {
		SSL_CTX_set_session_cache_mode(tls->context,
					       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(tls->context, session_keep);
		return 0;
	}
	SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
	if (!o->ticket_key) {
		SSL_CTX_set_num_tickets(tls->context, 0);
		return 0;
	}
	SSL_CTX_set_num_tickets(tls->context, 1);
	uint8_t key[TLS_TICKET_BYTES];

	memcpy(key, o->ticket_key, sizeof(key));
	long done = SSL_CTX_set_tlsext_ticket_keys(tls->context, key, sizeof(key));

	rf_wipe(key, sizeof(key));
	if (done != 1 || SSL_CTX_set_session_id_context(tls->context, name, sizeof(name)) != 1)
		return crypto_fail(err, RF_E_CRYPTO, "the key of tickets");
	return 0;
}

/* ---- contexts ---- */

static int limits(SSL_CTX *context, struct rf_err *err)
{
	if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set1_groups_list(context, "X25519:P-256") != 1)
		return crypto_fail(err, RF_E_CRYPTO, "TLS 1.3");
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					     SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* An idle connection has no buffers. What is trusted is never part of what is sent. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_ENABLE_PARTIAL_WRITE);
	SSL_CTX_set_max_cert_list(context, 32768);
	return 0;
}

static int fill(struct tls *tls, const struct tls_options *o, struct rf_err *err)
{
	int rc = limits(tls->context, err);

	if (!rc && !o->server && (!o->host || !rf_copy(tls->host, sizeof(tls->host), o->host)))
		rc = rf_fail(err, RF_E_MISSING, "the manager's name");
	if (!rc)
		rc = trust(tls, o, err);
	if (!rc && (o->server || o->certificate.len > 0))
		rc = own_certificate(tls->context, o, err);
	return rc ? rc : resumption(tls, o, err);
}

int tls_new(const struct tls_options *options, struct tls **out, struct rf_err *err)
{
	struct tls *tls = rf_alloc(1, sizeof(*tls));

	if (!tls)
		return rf_fail(err, -ENOMEM, "no memory for TLS");
	ERR_clear_error();
	tls->server = options->server;
	tls->context = SSL_CTX_new(options->server ? TLS_server_method() : TLS_client_method());
	int rc = tls->context ? fill(tls, options, err) : crypto_fail(err, RF_E_CRYPTO, "TLS");

	if (rc) {
		tls_free(tls);
		return rf_wrap(err, rc, "TLS");
	}
	*out = tls;
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_SESSION_free(tls->last);
	SSL_CTX_free(tls->context);
	rf_free(tls);
}

static bool name_set(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return true;
	ERR_clear_error();
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
						       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *tls_session(struct tls *tls)
{
	SSL *ssl = SSL_new(tls->context);

	if (!ssl)
		return NULL;
	if (tls->server) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_set_connect_state(ssl);
	if (!name_set(ssl, tls->host)) {
		SSL_free(ssl);
		return NULL;
	}
	if (tls->last) {
		(void)SSL_set_session(ssl, tls->last);
		SSL_SESSION_free(tls->last);
		tls->last = NULL;
	}
	return ssl;
}

/* ---- who is there ---- */

static int name_read(const X509 *certificate, char *out, size_t size)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return RF_E_SYNTAX;
	int len = ASN1_STRING_to_UTF8(&text,
				      X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	bool good = len > 0 && (size_t)len == strlen((const char *)text) &&
		    rf_copy(out, size, (const char *)text);

	OPENSSL_free(text);
	return good ? 0 : RF_E_SYNTAX;
}

static int peer_read(X509 *certificate, struct tls_peer *out)
{
	BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char *hex = serial ? BN_bn2hex(serial) : NULL;
	struct tm end;
	int rc = hex && rf_copy(out->serial, sizeof(out->serial), hex) ? 0 : RF_E_SYNTAX;

	OPENSSL_free(hex);
	BN_free(serial);
	rf_lower(out->serial);
	if (rc || !digest_of(certificate, out->sha256) ||
	    ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1)
		return RF_E_SYNTAX;
	out->not_after_s = timegm(&end);
	return name_read(certificate, out->host, sizeof(out->host));
}

int tls_peer(SSL *session, struct tls_peer *out, struct rf_err *err)
{
	X509 *certificate = SSL_get0_peer_certificate(session);
	struct tls_peer peer = {0};

	/* After a handshake that failed by it, libssl has the result and not the certificate. */
	if (SSL_get_verify_result(session) != X509_V_OK)
		return rf_fail(err, RF_E_DENIED, "the other side's certificate: %s",
			       X509_verify_cert_error_string(SSL_get_verify_result(session)));
	if (certificate && peer_read(certificate, &peer))
		return rf_fail(err, RF_E_SYNTAX, "the other side's certificate has not one name");
	peer.resumed = SSL_session_reused(session);
	*out = peer;
	return 0;
}

void tls_fault(SSL *session, char *out, size_t size)
{
	long verified = SSL_get_verify_result(session);
	const char *words = ERR_reason_error_string(ERR_peek_error());

	ERR_clear_error();
	if (verified != X509_V_OK)
		words = X509_verify_cert_error_string(verified);
	rf_copy(out, size, words ? words : "");
}
