/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS between agents and managers: 1.3 only, both sides by the fleet's own authority, which is the
 * only one that is trusted (RFC 8446, RFC 5280). An agent that joins has no certificate yet; it
 * knows the authority by the digest that came with its invitation.
 *
 * Not here: sockets (link.h), who may join.
 */
#ifndef RF_FLEET_TLS_H
#define RF_FLEET_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define TLS_SHA256_BYTES 32
#define TLS_TICKET_BYTES 80
#define TLS_HOST_BYTES	 65 /* an id of a host with its NUL */

struct evp_pkey_st;
struct ssl_st;
struct tls;

struct tls_options {
	bool server; /* certificate and key must be there; a client's certificate may lack */
	struct rf_slice certificate; /* own, PEM, leaf first; none: a client that joins */
	struct evp_pkey_st *key;     /* own, used until tls_free (a TPM's, too) */
	struct rf_slice authority;   /* PEM; one of it and the digest below */
	const uint8_t
		*authority_sha256; /* client that joins: of the authority's certificate, DER */
	/* Client: the name or address that the manager's certificate must be of. */
	const char *host;
	/* Server: TLS_TICKET_BYTES, the same on all managers of a fleet, so that an agent resumes
	 * at any of them. NULL: no resumption. */
	const uint8_t *ticket_key;
};

/* A context for any number of connections. RF_E_CRYPTO, RF_E_MISSING, RF_E_MISMATCH (the key is not
 * the certificate's); words say what of the options it is. */
int tls_new(const struct tls_options *options, struct tls **out, struct rf_err *err) RF_MUST_CHECK;
void tls_free(struct tls *tls);

/* One connection's state, set to accept or to connect; the caller's (SSL_free), or link_new's. */
struct ssl_st *tls_session(struct tls *tls) RF_MUST_CHECK;

/* Who is at the other side, after the handshake. */
struct tls_peer {
	char host[TLS_HOST_BYTES];	  /* the certificate's name; "" without a certificate */
	char serial[64];		  /* hexadecimal; of revocation */
	int64_t not_after_s;		  /* Unix */
	uint8_t sha256[TLS_SHA256_BYTES]; /* of the certificate */
	bool resumed;			  /* by a ticket: known from an earlier connection */
};
/* RF_E_DENIED when its certificate was not found good, RF_E_SYNTAX when it has not one name. */
int tls_peer(struct ssl_st *session, struct tls_peer *out, struct rf_err *err) RF_MUST_CHECK;

/* Why a handshake failed, in words: "certificate has expired". "" when nothing is known. */
void tls_fault(struct ssl_st *session, char *out, size_t size);

/* The certificate of an authority that the manager sent, in DER's SHA-256: what an invitation
 * names. pem: one certificate. */
int tls_authority_digest(struct rf_slice pem, uint8_t out[TLS_SHA256_BYTES],
			 struct rf_err *err) RF_MUST_CHECK;

#endif
