/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a manager over its HTTP API: where it is, who we are there and which authority vouches for
 * it stand in a file of the user's (made by `ringfence login`). The authority was compared by its
 * fingerprint then, and no other is trusted since.
 */
#ifndef RF_CLI_CLIENT_H
#define RF_CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

/* What the file of a sign-in says. */
struct client_login {
	char *address;	 /* "https://manager:8443" */
	char *authority; /* PEM */
	char *token;	 /* NULL: none yet */
	char *token_id;	 /* what it is called there; NULL when it was made by somebody else */
};
void client_login_done(struct client_login *login);
#define CLIENT_AUTOLOGIN __attribute__((cleanup(client_login_done)))

/* The file: `given`, or .config/ringfence/login.json in the user's home. */
int client_login_path(const char *given, char out[RF_MAX_PATH_BYTES],
		      struct rf_err *err) RF_MUST_CHECK;
/* RF_E_MISSING when there is none (the message says what to do), RF_E_DENIED when others may read
 * it. */
int client_login_read(const char *path, struct client_login *out, struct rf_err *err) RF_MUST_CHECK;
/* Writes it whole or not at all, 0600, its folder 0700. */
int client_login_write(const char *path, const struct client_login *login,
		       struct rf_err *err) RF_MUST_CHECK;

/* Asks the manager at address for its chain of certificates and takes the one with that SHA-256
 * (hexadecimal; colons may be in it). NULL: RF_E_MISSING, and the message has the fingerprint to
 * compare. Nothing is sent. */
int client_authority_fetch(const char *address, const char *fingerprint, char **out_pem,
			   struct rf_err *err) RF_MUST_CHECK;
/* The authority's certificate among PEM texts of a chain, by that fingerprint. As above, without a
 * network. */
int client_authority_choose(const char *const *pems, size_t count, const char *fingerprint,
			    char **out_pem, struct rf_err *err) RF_MUST_CHECK;

struct client_request {
	const char *method, *path; /* "GET", "/api/v1/hosts?limit=5" */
	const json_t *body;	   /* NULL: none */
	const char *approval;	   /* id of the approval under which it runs; NULL */
	const char *glass;	   /* why it runs without one (break-glass); NULL */
	/* A stream: each event's data as it comes; another answer than 0 ends it. NULL: no stream.
	 */
	int (*event)(void *arg, struct rf_slice data);
	void *arg;
	const char *last_event; /* its id, with which a stream goes on; NULL: from the beginning */
};

struct client_answer {
	long status;
	json_t *body; /* NULL where there was none, or no JSON */
	struct rf_buf text;
	char last_event[32]; /* of a stream: the id of the last one; "" */
};
void client_answer_done(struct client_answer *answer);
#define CLIENT_AUTOANSWER __attribute__((cleanup(client_answer_done)))

/* One session for several calls. */
struct client;
int client_open(const struct client_login *login, struct client **out,
		struct rf_err *err) RF_MUST_CHECK;
void client_close(struct client *client);
static inline void client_close_p(struct client **client)
{
	client_close(*client);
}
#define CLIENT_AUTO __attribute__((cleanup(client_close_p)))

/*
 * Calls. An answer from 400 on is an error of ours with the manager's words: RF_E_DENIED (401,
 * 403), RF_E_UNKNOWN (404), RF_E_CHANGED (409), RF_E_USAGE (400, 422), RF_E_PEER. out is filled
 * then, too.
 */
int client_call(struct client *client, const struct client_request *request,
		struct client_answer *out, struct rf_err *err) RF_MUST_CHECK;

/* What an answer's status and problem (RFC 9457) mean to us; 0 below 300. */
int client_problem(long status, const json_t *body, struct rf_err *err) RF_MUST_CHECK;

/* Appends text for a path or a query: all but unreserved characters as %XX (RFC 3986 2.3). */
void client_escape(struct rf_buf *out, const char *text);

/* Splits what comes of a stream into the data of its events. */
struct client_events {
	struct rf_buf line, data;
	char id[32]; /* the last one's */
	int (*event)(void *arg, struct rf_slice data);
	void *arg;
};
/* 0, RF_E_LIMIT for a line or an event that does not end, or what event answered. */
int client_events_take(struct client_events *events, struct rf_slice bytes) RF_MUST_CHECK;
void client_events_done(struct client_events *events);

#endif
