/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who this host is to its manager: the folder STATE/agent with identity.json and, one folder for
 * each role, what that role alone may write:
 *
 *   identity.json, authority.pem    root's; roles get what they need of them
 *   net/      key.pem (the TLS key, mode 0600), certificate.pem, the spool, the last verdict
 *   collect/  facts: the state that the manager has
 *   priv/     orders: the last serial, commands that are not done; the file of a command
 */
#ifndef RF_AGENT_IDENTITY_H
#define RF_AGENT_IDENTITY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#define IDENTITY_FOLDER	   "agent"
#define IDENTITY_PEM_BYTES (64u << 10)
#define IDENTITY_KEY_BYTES 32
#define IDENTITY_KEY_NAME  "key.pem" /* in the folder of net */

struct identity {
	char host[65];	   /* our id; "" while joining */
	char name[254];	   /* what we are called */
	char manager[254]; /* name or address */
	uint16_t port;	   /* for frames */
	char tpm[16];	   /* "device", "software", "none" */
	char tcti[256];	   /* "": the device */
	uint8_t command_key[IDENTITY_KEY_BYTES];
};

/* Folder NAME ("net"; "" for the one above) of state (NULL: STATE_DIR). */
int identity_folder(const char *state, const char *name, char out[RF_MAX_PATH_BYTES],
		    struct rf_err *err) RF_MUST_CHECK;
/* Makes all of them. */
int identity_prepare(const char *state, struct rf_err *err) RF_MUST_CHECK;

/* RF_E_MISSING with what to do where this host has not joined. */
int identity_read(const char *state, struct identity *out, struct rf_err *err) RF_MUST_CHECK;
int identity_write(const char *state, const struct identity *identity,
		   struct rf_err *err) RF_MUST_CHECK;

/* https://HOST[:PORT][/]: HOST may be [an IPv6 address]. No port, or 8443 (people's): frames are at
 * WIRE_PORT. RF_E_USAGE. */
int identity_url(const char *url, struct identity *out, struct rf_err *err) RF_MUST_CHECK;

struct evp_pkey_st;
/* A new TLS key (ECDSA P-256), kept in the folder of `net`, and the old one from there. */
int identity_key_make(const char *dir, struct evp_pkey_st **out, struct rf_err *err) RF_MUST_CHECK;
int identity_key_read(const char *dir, struct evp_pkey_st **out, struct rf_err *err) RF_MUST_CHECK;
/* Appends a PKCS#10 request (RFC 2986, DER) for it in this name. */
int identity_request(struct evp_pkey_st *key, const char *name, struct rf_buf *out,
		     struct rf_err *err) RF_MUST_CHECK;
/* When the certificate (PEM, leaf first) should be renewed (two thirds of its life are over) and
 * when it ends, Unix s. */
int identity_certificate_times(struct rf_slice pem, int64_t *out_renew_s, int64_t *out_end_s,
			       struct rf_err *err) RF_MUST_CHECK;

#endif
