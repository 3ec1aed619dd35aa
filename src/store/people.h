/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signs in: accounts, sessions, tokens, and the sign-ins that failed. Of a secret the store is
 * given the SHA-256 alone, and passwords never. Who may do what is access.h.
 *
 * Callbacks and answers as in fleet.h.
 */
#ifndef RF_STORE_PEOPLE_H
#define RF_STORE_PEOPLE_H

#include "store/fleet.h"

struct store_account {
	const char *account, *subject;
	const char *source; /* local, pam */
	const char *name;
	bool disabled;
	int64_t created_ms; /* kept from the first time */
};

/* Makes the account, or changes all but when it was made. One that becomes disabled loses its
 * sessions. RF_E_MISMATCH for a source that is none. */
int store_account_put(struct store *store, const struct store_account *account,
		      struct rf_err *err) RF_MUST_CHECK;

/* Gives take the account; RF_E_UNKNOWN when there is none. */
int store_account_get(struct store *store, const char *account,
		      int (*take)(void *arg, const struct store_account *account), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

/* Gives take up to limit accounts behind `after` ("" for the first), in order. */
int store_account_each(struct store *store, const char *after, int64_t limit,
		       int (*take)(void *arg, const struct store_account *account), void *arg,
		       struct rf_err *err) RF_MUST_CHECK;

struct store_session {
	struct rf_slice sha256;
	const char *account, *address;
	const char *subject; /* read only: the account's */
	int64_t created_ms, used_ms, expires_ms;
};

/* Begins a session (used_ms: as created_ms). RF_E_DENIED when there is no such account, or it is
 * disabled. */
int store_session_add(struct store *store, const struct store_session *session,
		      struct rf_err *err) RF_MUST_CHECK;

/* Gives take the session of that secret, and notes its use once a minute. RF_E_DENIED, with one
 * answer for every reason: there is none, it has ended, its account is disabled. */
int store_session_use(struct store *store, const struct store_use *use,
		      int (*take)(void *arg, const struct store_session *session), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

/* Ends a session; nothing where there is none. */
int store_session_end(struct store *store, const uint8_t sha256[STORE_SHA256_BYTES],
		      struct rf_err *err) RF_MUST_CHECK;

/* Ends all sessions of an account. */
int store_session_end_all(struct store *store, const char *account,
			  struct rf_err *err) RF_MUST_CHECK;

/* Gives take the account's sessions, the newest first. */
int store_session_each(struct store *store, const char *account,
		       int (*take)(void *arg, const struct store_session *session), void *arg,
		       struct rf_err *err) RF_MUST_CHECK;

struct store_token {
	const char *token; /* its id, no secret */
	struct rf_slice sha256;
	const char *account, *name;
	const char *scope;   /* JSON text */
	const char *subject; /* read only: the account's */
	bool one_use;
	int64_t created_ms, expires_ms;
	int64_t used_ms, revoked_ms; /* read only; 0: never */
};

/* Makes a token. RF_E_MISSING without the account; RF_E_DUPLICATE for an id or a secret in use. */
int store_token_add(struct store *store, const struct store_token *token,
		    struct rf_err *err) RF_MUST_CHECK;

/* Gives take the token of that secret (idle_ms is not looked at), and notes its use once a minute;
 * one for one use is gone then, and of many at once only one succeeds. RF_E_DENIED as for a
 * session. */
int store_token_use(struct store *store, const struct store_use *use,
		    int (*take)(void *arg, const struct store_token *token), void *arg,
		    struct rf_err *err) RF_MUST_CHECK;

/* Takes a token back. RF_E_UNKNOWN when there is none that counts. */
int store_token_revoke(struct store *store, const char *token, int64_t at_ms,
		       struct rf_err *err) RF_MUST_CHECK;

/* Gives take the tokens of an account (NULL: of all), in order of id. */
int store_token_each(struct store *store, const char *account,
		     int (*take)(void *arg, const struct store_token *token), void *arg,
		     struct rf_err *err) RF_MUST_CHECK;

/* A sign-in that failed: who guesses from one address locks out nobody elsewhere. */
struct store_failure {
	const char *account, *address;
	int64_t at_ms, window_ms; /* those before at_ms - window_ms are forgotten */
};

/* Counts one more, and tells how many there are in a row. */
int store_failure_add(struct store *store, const struct store_failure *failure, int64_t *out_count,
		      struct rf_err *err) RF_MUST_CHECK;

/* How many there are in a row, without another. */
int store_failure_count(struct store *store, const struct store_failure *failure,
			int64_t *out_count, struct rf_err *err) RF_MUST_CHECK;

/* They signed in: forgotten. */
int store_failure_clear(struct store *store, const char *account, const char *address,
			struct rf_err *err) RF_MUST_CHECK;

#endif
