/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both back ends have in common: which one a URL means, what a statement's parameters have to
 * be, and transactions. Here both are made to behave alike: SQLite would take text that PostgreSQL
 * refuses, and would go on in a transaction in which a statement failed.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/parts.h"

/* How often a transaction is tried in which another writer was in the way. */
#define TRIES 8

static const struct store_backend *const backends[] = {
	&store_backend_sqlite,
	&store_backend_postgres,
};

int store_connect(const char *url, enum store_access access, struct store **out, struct rf_err *err)
{
	const struct store_backend *backend = NULL;

	for (size_t i = 0; i < RF_COUNT(backends) && !backend; i++)
		backend = rf_starts(url, backends[i]->scheme) ? backends[i] : NULL;
	/* The URL may hold a password: it is never repeated. */
	if (!backend)
		return rf_fail(err, RF_E_SYNTAX,
			       "store: expected sqlite:/path/file.db or postgresql://...");
	struct store *store = rf_alloc(1, sizeof(*store));

	if (!store)
		return rf_fail(err, -ENOMEM, "store: no memory");
	*store = (struct store){.backend = backend, .pid = getpid()};
	int rc = backend->open(url, access, &store->db, err);

	if (rc) {
		rf_free(store);
		return rf_wrap(err, rc, "store");
	}
	*out = store;
	return 0;
}

int store_open(const char *url, struct store **out, struct rf_err *err)
{
	struct store *store = NULL;
	int rc = store_connect(url, STORE_AS_RUNTIME, &store, err);

	if (rc)
		return rc;
	rc = store_version_check(store, store_migrations, store_migrations_count, err);
	if (rc) {
		store_close(store);
		return rf_wrap(err, rc, "store");
	}
	*out = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	/* The parent's connection is not ours to say good-bye on. */
	if (store->pid == getpid())
		store->backend->close(store->db);
	rf_free(store);
}

static const char kind_letters[] = {[STORE_INT] = 'i', [STORE_TEXT] = 't', [STORE_BLOB] = 'b'};

static int param_check(const struct store_value *value, char want, size_t at, struct rf_err *err)
{
	if (value->kind == STORE_NULL)
		return 0;
	if (kind_letters[value->kind] != want)
		return rf_fail(err, RF_E_USAGE, "parameter %zu is of the wrong type", at + 1);
	if (value->kind == STORE_INT)
		return 0;
	size_t max = value->kind == STORE_TEXT ? RF_MAX_KEPT_TEXT_BYTES : RF_MAX_KEPT_BLOB_BYTES;

	if (value->bytes.len > max)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes, the store takes %zu", value->bytes.len,
			       max);
	if (value->kind == STORE_TEXT && !rf_utf8_valid(value->bytes.data, value->bytes.len))
		return rf_fail(err, RF_E_SYNTAX,
			       "a text with a NUL byte or that is not UTF-8 is not stored");
	return 0;
}

static int params_check(const struct store_statement *statement, struct store_params params,
			struct rf_err *err)
{
	if (params.count != strlen(statement->params))
		return rf_fail(err, RF_E_USAGE, "%zu parameters, the statement has %zu",
			       params.count, strlen(statement->params));
	for (size_t i = 0; i < params.count; i++) {
		int rc = param_check(&params.values[i], statement->params[i], i, err);

		if (rc)
			return rc;
	}
	return 0;
}

/* A callback under the store's guard. */
struct guarded_rows {
	struct store *store;
	struct store_rows rows;
	int rc;
};

/* The rest is read, so that both engines do the same when a callback has enough. */
static int guarded_take(void *arg, const struct store_value *row)
{
	struct guarded_rows *guarded = arg;

	if (guarded->rc || !guarded->rows.take)
		return 0;
	guarded->store->in_rows = true;
	guarded->rc = guarded->rows.take(guarded->rows.arg, row);
	guarded->store->in_rows = false;
	return 0;
}

static int run_any(struct store *store, const struct store_statement *statement, size_t id,
		   struct store_params params, struct store_rows rows, struct rf_err *err)
{
	struct guarded_rows guarded = {.store = store, .rows = rows};
	struct rf_err local = {0};

	if (store->pid != getpid() || store->in_rows)
		return rf_fail(err, RF_E_USAGE, "store: used %s",
			       store->in_rows ? "while rows of it are read" : "across a fork");
	if (store->failed.code) {
		if (err)
			*err = store->failed;
		return store->failed.code;
	}
	int rc = params_check(statement, params, &local);

	if (!rc)
		rc = store->backend->run(store->db, statement, id, params,
					 (struct store_rows){guarded_take, &guarded}, &local);
	if (rc)
		rf_wrap(&local, rc, "store");
	if (rc && store->in_transaction)
		store->failed = local;
	if (rc && err)
		*err = local;
	return rc ? rc : guarded.rc;
}

int store_run(struct store *store, enum store_statement_id id, struct store_params params,
	      struct store_rows rows, struct rf_err *err)
{
	return run_any(store, &store_statements[id], id, params, rows, err);
}

int store_run_text(struct store *store, const struct store_statement *statement,
		   struct store_params params, struct store_rows rows, struct rf_err *err)
{
	return run_any(store, statement, STORE_ONCE, params, rows, err);
}

int store_run_more(struct store *store, const struct store_statement *statement, size_t number,
		   struct store_params params, struct store_rows rows, struct rf_err *err)
{
	return run_any(store, statement, STORE_S_COUNT + number, params, rows, err);
}

static int take_int(void *arg, const struct store_value *row)
{
	*(int64_t *)arg = row[0].number;
	return 0;
}

int store_run_int(struct store *store, enum store_statement_id id, struct store_params params,
		  int64_t *out, struct rf_err *err)
{
	return store_run(store, id, params, (struct store_rows){take_int, out}, err);
}

int store_now(struct store *store, int64_t *out_ms, struct rf_err *err)
{
	return store_run_int(store, STORE_S_NOW, STORE_NO_PARAMS, out_ms, err);
}

static int transaction_once(struct store *store,
			    int (*body)(struct store *store, void *arg, struct rf_err *err),
			    void *arg, struct rf_err *err)
{
	int rc = store->backend->begin(store->db, err);

	if (rc)
		return rf_wrap(err, rc, "store");
	store->in_transaction = true;
	rf_err_clear(&store->failed);
	rc = body(store, arg, err);
	/* A body that overlooked a failure has failed all the same. */
	if (!rc && store->failed.code) {
		rc = store->failed.code;
		if (err)
			*err = store->failed;
	}
	rf_err_clear(&store->failed);
	store->in_transaction = false;
	if (rc) {
		store->backend->rollback(store->db);
		return rc;
	}
	rc = store->backend->commit(store->db, err);
	if (rc) {
		store->backend->rollback(store->db);
		return rf_wrap(err, rc, "store");
	}
	return 0;
}

int store_transaction(struct store *store,
		      int (*body)(struct store *store, void *arg, struct rf_err *err), void *arg,
		      struct rf_err *err)
{
	int rc = -EAGAIN;

	if (store->pid != getpid() || store->in_rows)
		return rf_fail(err, RF_E_USAGE,
			       "store: used while rows of it are read, or across a fork");
	/* Within a transaction it is a part of that one, and fails with it. */
	if (store->in_transaction) {
		struct rf_err local = {0};

		rc = body(store, arg, &local);
		if (rc && !store->failed.code)
			rf_fail(&store->failed, rc, "%s", rf_err_text(&local));
		if (rc && err)
			*err = local;
		return rc;
	}
	for (int i = 0; rc == -EAGAIN && i < TRIES; i++) {
		rf_err_clear(err);
		rc = transaction_once(store, body, arg, err);
	}
	return rc;
}

int store_backup(struct store *store, const char *path, struct rf_err *err)
{
	int rc = store->in_transaction || store->in_rows
			 ? rf_fail(err, RF_E_USAGE, "within a transaction")
			 : store->backend->backup(store->db, path, err);

	return rc ? rf_wrap(err, rc, "backup") : 0;
}
