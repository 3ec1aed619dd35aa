/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's own authority: one P-256 key that certifies managers and hosts, one Ed25519 key that
 * signs commands. Only `ringfence-manager init` and the role keys hold them (docs/adr/0012).
 *
 * Not here: who may have a certificate (join.c), how long it is remembered (the store).
 */
#ifndef RF_MANAGER_AUTHORITY_H
#define RF_MANAGER_AUTHORITY_H

#include "base/buf.h"
#include "base/err.h"

#define AUTHORITY_FOLDER      "authority" /* below the state folder */
#define AUTHORITY_SIGNATURE   64
#define AUTHORITY_PUBLIC      32
#define AUTHORITY_SERIAL      33 /* 16 bytes in hexadecimal, and a NUL */
#define AUTHORITY_SHA256      32
#define AUTHORITY_HOST_DAYS   90 /* no host's certificate is longer */
#define AUTHORITY_SERVER_DAYS 397

struct authority;

/* Makes the keys below STATE/authority (0600 in 0700); fleet names its ledger. -EEXIST when there
 * are some: they are never replaced. */
int authority_create(const char *state, const char *fleet, int64_t now_s,
		     struct rf_err *err) RF_MUST_CHECK;

/* Reads them. RF_E_MISSING when init was not run; state_read's errors. */
int authority_open(const char *state, struct authority **out, struct rf_err *err) RF_MUST_CHECK;
/* Wipes them. NULL is fine. */
void authority_free(struct authority *authority);

/* The authority's certificate, PEM; the public half of the key for commands. */
struct rf_slice authority_pem(const struct authority *authority);
int authority_command_key(const struct authority *authority, uint8_t out[AUTHORITY_PUBLIC],
			  struct rf_err *err) RF_MUST_CHECK;

/* Bytes for one purpose (its label) that are the same wherever this authority is, and tell nothing
 * of its keys. */
int authority_derive(const struct authority *authority, const char *label, uint8_t *out,
		     size_t size, struct rf_err *err) RF_MUST_CHECK;

/* What is to be certified. */
struct authority_order {
	const char *host; /* the only name in it: what the request says of names counts not */
	struct rf_slice request; /* PKCS#10, DER, signed by its own key */
	int64_t from_s, to_s;	 /* Unix */
};

struct authority_certificate {
	struct rf_buf pem; /* the leaf, then the authority */
	char serial[AUTHORITY_SERIAL];
	uint8_t sha256[AUTHORITY_SHA256]; /* of the leaf's DER */
};

/* Certifies a host's key (P-256, P-384, RSA from 2048). RF_E_SYNTAX: no request, or bytes behind
 * it; RF_E_DENIED: not signed by its own key, a weak key, too long a time. out->pem is the
 * caller's. */
int authority_certify(const struct authority *authority, const struct authority_order *order,
		      struct authority_certificate *out, struct rf_err *err) RF_MUST_CHECK;

/* A new key and certificate for this manager under these names and addresses, both PEM. */
struct authority_server {
	const char *const *names;
	size_t names_count;
	int64_t from_s, to_s;
};
int authority_serve(const struct authority *authority, const struct authority_server *server,
		    struct rf_buf *out_pem, struct rf_buf *out_key,
		    struct rf_err *err) RF_MUST_CHECK;

/* Signs the text of a command; RF_E_SYNTAX when it is none (message.h). */
int authority_sign(const struct authority *authority, struct rf_slice text,
		   uint8_t out[AUTHORITY_SIGNATURE], struct rf_err *err) RF_MUST_CHECK;

/* Signs a checkpoint of the fleet's ledger (govern/ledger.h): appends the note. */
int authority_note(const struct authority *authority, uint64_t size, const uint8_t root[32],
		   struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

/* The ledger's public key, as `ringfence ledger verify` takes it. */
const char *authority_ledger_key(const struct authority *authority);

#endif
