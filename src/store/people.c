/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts, sessions, tokens, failed sign-ins; see people.h. A use is looked up by reading alone,
 * so that a thousand requests of one session are not a thousand writes: when it was used is written
 * once a minute.
 */
#include "store/people.h"

#include "base/str.h"
#include "store/acts.h"

/* A use within this time of the last is not written. */
#define TOUCH_MS INT64_C(60000)

struct account_rows {
	int (*take)(void *arg, const struct store_account *account);
	void *arg;
	bool any;
};

static int take_account(void *arg, const struct store_value *row)
{
	struct account_rows *rows = arg;
	struct store_account account = {
		.account = store_value_text(&row[0]),
		.subject = store_value_text(&row[1]),
		.source = store_value_text(&row[2]),
		.name = store_value_text(&row[3]),
		.disabled = row[4].number,
		.created_ms = row[5].number,
	};

	rows->any = true;
	return rows->take(rows->arg, &account);
}

static int account_put(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_account *a = arg;
	int rc = store_run(store, STORE_S_ACCOUNT_PUT,
			   STORE_PARAMS(store_text(a->account), store_text(a->subject),
					store_text(a->source), store_text(a->name),
					store_int(a->disabled), store_int(a->created_ms)),
			   STORE_NO_ROWS, err);

	/* Which accounts are one person's is a part of who may do what. */
	if (!rc)
		rc = store_access_changed(store, err);
	return rc || !a->disabled ? rc : store_session_end_all(store, a->account, err);
}

int store_account_put(struct store *store, const struct store_account *account, struct rf_err *err)
{
	struct store_account copy = *account;

	return store_transaction(store, account_put, &copy, err);
}

int store_account_get(struct store *store, const char *account,
		      int (*take)(void *arg, const struct store_account *account), void *arg,
		      struct rf_err *err)
{
	struct account_rows rows = {take, arg, false};
	int rc = store_run(store, STORE_S_ACCOUNT_GET, STORE_PARAMS(store_text(account)),
			   (struct store_rows){take_account, &rows}, err);

	if (!rc && !rows.any)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no account %s", account);
	return rc;
}

int store_account_each(struct store *store, const char *after, int64_t limit,
		       int (*take)(void *arg, const struct store_account *account), void *arg,
		       struct rf_err *err)
{
	struct account_rows rows = {take, arg, false};

	return store_run(store, STORE_S_ACCOUNT_EACH,
			 STORE_PARAMS(store_text(after), store_int(limit)),
			 (struct store_rows){take_account, &rows}, err);
}

/* Sessions ----------------------------------------------------------------------------------- */

int store_session_add(struct store *store, const struct store_session *s, struct rf_err *err)
{
	bool hit = false;
	int rc = store_run_hit(store, STORE_S_SESSION_ADD,
			       STORE_PARAMS(store_blob(s->sha256), store_text(s->account),
					    store_text(s->address), store_int(s->created_ms),
					    store_int(s->expires_ms)),
			       &hit, err);

	if (!rc && !hit)
		rc = rf_fail(err, RF_E_DENIED, "the account %s is not there, or is disabled",
			     s->account);
	return rc;
}

struct session_rows {
	int (*take)(void *arg, const struct store_session *session);
	void *arg;
	bool any;
	int64_t used_ms;
};

static int take_session(void *arg, const struct store_value *row)
{
	struct session_rows *rows = arg;
	struct store_session session = {
		.sha256 = row[0].bytes,
		.account = store_value_text(&row[1]),
		.subject = store_value_text(&row[2]),
		.address = store_value_text(&row[3]),
		.created_ms = row[4].number,
		.used_ms = row[5].number,
		.expires_ms = row[6].number,
	};

	rows->any = true;
	rows->used_ms = session.used_ms;
	return rows->take(rows->arg, &session);
}

int store_session_use(struct store *store, const struct store_use *use,
		      int (*take)(void *arg, const struct store_session *session), void *arg,
		      struct rf_err *err)
{
	struct session_rows rows = {.take = take, .arg = arg};
	int rc = store_run(store, STORE_S_SESSION_GET,
			   STORE_PARAMS(store_sha256(use->sha256), store_int(use->now_ms),
					store_int(use->now_ms - use->idle_ms)),
			   (struct store_rows){take_session, &rows}, err);

	if (!rc && !rows.any)
		rc = rf_fail(err, RF_E_DENIED, "there is no such session, or it has ended");
	if (rc || use->now_ms - rows.used_ms < TOUCH_MS)
		return rc;
	return store_run(store, STORE_S_SESSION_USED,
			 STORE_PARAMS(store_sha256(use->sha256), store_int(use->now_ms)),
			 STORE_NO_ROWS, err);
}

int store_session_end(struct store *store, const uint8_t sha256[STORE_SHA256_BYTES],
		      struct rf_err *err)
{
	return store_run(store, STORE_S_SESSION_END, STORE_PARAMS(store_sha256(sha256)),
			 STORE_NO_ROWS, err);
}

int store_session_end_all(struct store *store, const char *account, struct rf_err *err)
{
	return store_run(store, STORE_S_SESSION_END_ALL, STORE_PARAMS(store_text(account)),
			 STORE_NO_ROWS, err);
}

int store_session_each(struct store *store, const char *account,
		       int (*take)(void *arg, const struct store_session *session), void *arg,
		       struct rf_err *err)
{
	struct session_rows rows = {.take = take, .arg = arg};

	return store_run(store, STORE_S_SESSION_EACH, STORE_PARAMS(store_text(account)),
			 (struct store_rows){take_session, &rows}, err);
}

/* Tokens ------------------------------------------------------------------------------------- */

int store_token_add(struct store *store, const struct store_token *t, struct rf_err *err)
{
	return store_run(store, STORE_S_TOKEN_ADD,
			 STORE_PARAMS(store_text(t->token), store_blob(t->sha256),
				      store_text(t->account), store_text(t->name),
				      store_text(t->scope), store_int(t->one_use),
				      store_int(t->created_ms), store_int(t->expires_ms)),
			 STORE_NO_ROWS, err);
}

struct token_rows {
	int (*take)(void *arg, const struct store_token *token);
	void *arg;
	bool any;
	bool one_use_waits; /* one for one use is not given out by reading it */
	bool one_use;
	int64_t used_ms;
};

static int take_token(void *arg, const struct store_value *row)
{
	struct token_rows *rows = arg;
	struct store_token token = {
		.token = store_value_text(&row[0]),
		.sha256 = row[1].bytes,
		.account = store_value_text(&row[2]),
		.subject = store_value_text(&row[3]),
		.name = store_value_text(&row[4]),
		.scope = store_value_text(&row[5]),
		.one_use = row[6].number,
		.created_ms = row[7].number,
		.expires_ms = row[8].number,
		.used_ms = row[9].number,
		.revoked_ms = row[10].number,
	};

	rows->any = true;
	rows->one_use = token.one_use;
	rows->used_ms = token.used_ms;
	return rows->one_use_waits && token.one_use ? 0 : rows->take(rows->arg, &token);
}

/* The row is what it became by its use, or there is none. */
static int token_use_once(struct store *store, const struct store_use *use, struct token_rows *rows,
			  struct rf_err *err)
{
	rows->any = rows->one_use_waits = false;
	int rc = store_run(store, STORE_S_TOKEN_USE_ONCE,
			   STORE_PARAMS(store_sha256(use->sha256), store_int(use->now_ms)),
			   (struct store_rows){take_token, rows}, err);

	if (!rc && !rows->any)
		rc = rf_fail(err, RF_E_DENIED, "there is no such token, or it has ended");
	return rc;
}

int store_token_use(struct store *store, const struct store_use *use,
		    int (*take)(void *arg, const struct store_token *token), void *arg,
		    struct rf_err *err)
{
	struct token_rows rows = {.take = take, .arg = arg, .one_use_waits = true};
	int rc = store_run(store, STORE_S_TOKEN_GET,
			   STORE_PARAMS(store_sha256(use->sha256), store_int(use->now_ms)),
			   (struct store_rows){take_token, &rows}, err);

	if (!rc && !rows.any)
		rc = rf_fail(err, RF_E_DENIED, "there is no such token, or it has ended");
	if (!rc && rows.one_use)
		return token_use_once(store, use, &rows, err);
	if (rc || use->now_ms - rows.used_ms < TOUCH_MS)
		return rc;
	return store_run(store, STORE_S_TOKEN_USED,
			 STORE_PARAMS(store_sha256(use->sha256), store_int(use->now_ms)),
			 STORE_NO_ROWS, err);
}

int store_token_revoke(struct store *store, const char *token, int64_t at_ms, struct rf_err *err)
{
	bool hit = false;
	int rc = store_run_hit(store, STORE_S_TOKEN_REVOKE,
			       STORE_PARAMS(store_text(token), store_int(at_ms)), &hit, err);

	if (!rc && !hit)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no token %s, or it was taken back",
			     token);
	return rc;
}

int store_token_each(struct store *store, const char *account,
		     int (*take)(void *arg, const struct store_token *token), void *arg,
		     struct rf_err *err)
{
	struct token_rows rows = {.take = take, .arg = arg};

	return store_run(store, STORE_S_TOKEN_EACH, STORE_PARAMS(store_text(account)),
			 (struct store_rows){take_token, &rows}, err);
}

/* Failures ----------------------------------------------------------------------------------- */

int store_failure_add(struct store *store, const struct store_failure *f, int64_t *out_count,
		      struct rf_err *err)
{
	return store_run_int(store, STORE_S_FAILURE_ADD,
			     STORE_PARAMS(store_text(f->account), store_text(f->address),
					  store_int(f->at_ms), store_int(f->at_ms - f->window_ms)),
			     out_count, err);
}

int store_failure_count(struct store *store, const struct store_failure *f, int64_t *out_count,
			struct rf_err *err)
{
	int64_t count = 0;
	int rc = store_run_int(store, STORE_S_FAILURE_COUNT,
			       STORE_PARAMS(store_text(f->account), store_text(f->address),
					    store_int(f->at_ms - f->window_ms)),
			       &count, err);

	if (!rc)
		*out_count = count;
	return rc;
}

int store_failure_clear(struct store *store, const char *account, const char *address,
			struct rf_err *err)
{
	return store_run(store, STORE_S_FAILURE_CLEAR,
			 STORE_PARAMS(store_text(account), store_text(address)), STORE_NO_ROWS,
			 err);
}
