/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end for several managers: PostgreSQL by libpq, everything typed and binary, rows one at
 * a time. Sources: postgresql.org/docs/15 libpq, errcodes-appendix, runtime-config-client.
 */
#include <endian.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/judge_parts.h"
#include "store/parts.h"

#define SCHEME	   "postgresql://"
#define OLDEST	   130000 /* server version 13: what Debian 11 had */
#define MAX_PARAMS STORE_MAX_COLUMNS
#define OID_BYTEA  17
#define OID_INT8   20
#define OID_INT4   23
#define OID_TEXT   25

struct postgres {
	PGconn *conn;
	enum store_access access;
	bool in_transaction;
	bool listening;
	bool prepared[STORE_MAX_PREPARED]; /* on this connection */
};

/* What the head of an SQLSTATE means to a caller; the first that fits. */
static const struct {
	const char *state;
	int code;
} states[] = {
	{"23505", RF_E_DUPLICATE}, {"23503", RF_E_MISSING}, {"23", RF_E_MISMATCH},
	{"40", -EAGAIN},	   {"55P03", -EAGAIN},	    {"53100", -ENOSPC},
	{"53200", -ENOMEM},	   {"54", RF_E_LIMIT},	    {"57014", RF_E_TIMEOUT},
	{"25006", RF_E_DENIED},	   {"42501", RF_E_DENIED},  {"08", RF_E_PEER},
	{"57P0", RF_E_PEER},	   {"25P03", RF_E_PEER},
};

/* The first line of what the server says: the others repeat the statement. */
static int say(int code, const char *what, const char *message, struct rf_err *err)
{
	return rf_fail(err, code, "%s: %.*s", what, (int)strcspn(message, "\n"), message);
}

static int result_fail(struct postgres *p, const PGresult *result, const char *what,
		       struct rf_err *err)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	/* What failed without a state the server never said: libpq did, of a connection that is
	 * gone, and at times before the connection's own status tells. */
	bool gone = PQstatus(p->conn) != CONNECTION_OK ||
		    (PQresultStatus(result) == PGRES_FATAL_ERROR && !state);
	int code = gone ? RF_E_PEER : RF_E_DATABASE;

	for (size_t i = 0; state && i < RF_COUNT(states); i++) {
		if (!rf_starts(state, states[i].state))
			continue;
		code = states[i].code;
		break;
	}
	return say(code, what, message ? message : PQerrorMessage(p->conn), err);
}

static int script(struct postgres *p, const char *sql, const char *what, struct rf_err *err)
{
	PGresult *result = PQexec(p->conn, sql);
	ExecStatusType status = PQresultStatus(result);
	int rc = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
			 ? 0
			 : result_fail(p, result, what, err);

	PQclear(result);
	return rc;
}

/* The one answer of a question of our own is yes (1). */
static bool ask(struct postgres *p, const char *sql)
{
	PGresult *result = PQexec(p->conn, sql);
	bool yes = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
		   rf_equal(PQgetvalue(result, 0, 0), "1");

	PQclear(result);
	return yes;
}

/* For each access: what a session is set to, and how long a statement may take. */
static const char *const sessions[] = {
	/* A migration may rewrite a large table. */
	[STORE_AS_OWNER] = "SET statement_timeout = 0; SET lock_timeout = 60000",
	[STORE_AS_RUNTIME] = "SET statement_timeout = 30000; SET lock_timeout = 5000; "
			     "SET idle_in_transaction_session_timeout = 60000",
};

static int session_start(struct postgres *p, struct rf_err *err)
{
	if (PQstatus(p->conn) != CONNECTION_OK)
		return say(RF_E_PEER, "no connection", PQerrorMessage(p->conn), err);
	if (PQserverVersion(p->conn) < OLDEST)
		return rf_fail(err, RF_E_UNSUPPORTED, "PostgreSQL %d is too old, 13 is the oldest",
			       PQserverVersion(p->conn) / 10000);
	if (!rf_equal(PQparameterStatus(p->conn, "server_encoding"), "UTF8"))
		return rf_fail(err, RF_E_UNSUPPORTED, "the database's encoding is not UTF8");
	memset(p->prepared, 0, sizeof(p->prepared));
	int rc =
		script(p,
		       "SET search_path = ringfence; SET synchronous_commit = on; "
		       "SET timezone = 'UTC'; SET default_transaction_isolation = 'read committed'",
		       "session", err);

	if (!rc)
		rc = script(p, sessions[p->access], "session", err);
	if (!rc && p->listening)
		rc = script(p, "LISTEN ringfence", "listen", err);
	/* The rule of the database's owner: who runs the manager cannot change the schema. */
	if (!rc && p->access == STORE_AS_RUNTIME &&
	    ask(p, "SELECT count(*) FROM pg_namespace WHERE nspname = 'ringfence' AND "
		   "has_schema_privilege(oid, 'CREATE')"))
		rc = rf_fail(err, RF_E_DENIED,
			     "this role may change the schema; run the manager as a member of "
			     "ringfence_runtime that owns nothing");
	return rc;
}

static void notice_drop(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

static void postgres_close(void *arg)
{
	struct postgres *p = arg;

	PQfinish(p->conn);
	rf_free(p);
}

/* What stands before dbname the URL may override; what stands behind, not. Without a word of the
 * URL's, a connection by network is encrypted and the server's name proven. */
PGconn *store_postgres_connect(const char *url)
{
	static const char *const names[] = {
		"connect_timeout", "tcp_user_timeout", "sslmode", "fallback_application_name",
		"dbname",	   "client_encoding",  NULL};
	const char *values[] = {"10", "30000", "verify-full", "ringfence", url, "UTF8", NULL};

	PGconn *conn = PQconnectdbParams(names, values, 1);

	PQsetNoticeProcessor(conn, notice_drop, NULL);
	return conn;
}

static int postgres_open(const char *url, enum store_access access, void **out_db,
			 struct rf_err *err)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);

	/* libpq's own words would repeat the URL, and with it a password. */
	if (!options)
		return rf_fail(err, RF_E_SYNTAX, "the postgresql:// address is not understood");
	PQconninfoFree(options);
	struct postgres *p = rf_alloc(1, sizeof(*p));

	if (!p)
		return rf_fail(err, -ENOMEM, "no memory");
	p->access = access;
	p->conn = store_postgres_connect(url);
	int rc = session_start(p, err);

	if (rc) {
		postgres_close(p);
		return rc;
	}
	*out_db = p;
	return 0;
}

/* Outside a transaction nothing hangs on a connection: a lost one is made anew. */
static int connection_check(struct postgres *p, struct rf_err *err)
{
	if (PQstatus(p->conn) == CONNECTION_OK || p->in_transaction)
		return 0;
	PQreset(p->conn);
	return session_start(p, err);
}

/* Parameters as libpq wants them. */
struct wire {
	Oid types[MAX_PARAMS];
	const char *values[MAX_PARAMS];
	int lengths[MAX_PARAMS];
	int formats[MAX_PARAMS];
	uint64_t numbers[MAX_PARAMS];
	int count;
};

static Oid type_of(char letter)
{
	return letter == 'i' ? OID_INT8 : letter == 't' ? OID_TEXT : OID_BYTEA;
}

static void wire_fill(struct wire *wire, const char *types, struct store_params params)
{
	wire->count = (int)params.count;
	for (size_t i = 0; i < params.count && i < MAX_PARAMS; i++) {
		const struct store_value *value = &params.values[i];

		wire->types[i] = type_of(types[i]);
		wire->formats[i] = 1;
		wire->values[i] = NULL;
		if (value->kind == STORE_NULL)
			continue;
		wire->lengths[i] = (int)value->bytes.len;
		/* A NULL pointer would be a NULL. */
		wire->values[i] = value->bytes.data ? (const char *)value->bytes.data : "";
		if (value->kind != STORE_INT)
			continue;
		wire->numbers[i] = htobe64((uint64_t)value->number);
		wire->values[i] = (const char *)&wire->numbers[i];
		wire->lengths[i] = (int)sizeof(wire->numbers[i]);
	}
}

static struct store_value column(const PGresult *result, int i)
{
	const char *data = PQgetvalue(result, 0, i);
	size_t len = (size_t)PQgetlength(result, 0, i);
	Oid type = PQftype(result, i);
	uint64_t wide;
	uint32_t narrow;

	if (PQgetisnull(result, 0, i))
		return (struct store_value){.kind = STORE_NULL};
	if (type == OID_INT8 && len == sizeof(wide)) {
		memcpy(&wide, data, sizeof(wide));
		return store_int((int64_t)be64toh(wide));
	}
	if (type == OID_INT4 && len == sizeof(narrow)) {
		memcpy(&narrow, data, sizeof(narrow));
		return store_int((int32_t)be32toh(narrow));
	}
	return (struct store_value){.kind = type == OID_BYTEA ? STORE_BLOB : STORE_TEXT,
				    .bytes = {(const uint8_t *)data, len}};
}

static int take_row(const PGresult *result, struct store_rows rows)
{
	struct store_value values[STORE_MAX_COLUMNS];
	int count = PQnfields(result);

	for (int i = 0; i < count && i < STORE_MAX_COLUMNS; i++)
		values[i] = column(result, i);
	return rows.take ? rows.take(rows.arg, values) : 0;
}

/* Reads to the end whatever happens: else the connection could not be used again. */
static int results_read(struct postgres *p, struct store_rows rows, struct rf_err *err)
{
	PGresult *result;
	int rc = 0;

	while ((result = PQgetResult(p->conn))) {
		ExecStatusType status = PQresultStatus(result);

		if (!rc && status == PGRES_SINGLE_TUPLE)
			rc = take_row(result, rows);
		else if (!rc && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
			rc = result_fail(p, result, "statement", err);
		PQclear(result);
	}
	return rc;
}

static int prepare(struct postgres *p, size_t id, const char *sql, const struct wire *wire,
		   struct rf_err *err)
{
	char name[24];

	if (p->prepared[id])
		return 0;
	snprintf(name, sizeof(name), "s%zu", id);
	PGresult *result = PQprepare(p->conn, name, sql, wire->count, wire->types);
	int rc = PQresultStatus(result) == PGRES_COMMAND_OK
			 ? 0
			 : result_fail(p, result, "statement", err);

	PQclear(result);
	p->prepared[id] = rc == 0;
	return rc;
}

static int postgres_run(void *arg, const struct store_statement *statement, size_t id,
			struct store_params params, struct store_rows rows, struct rf_err *err)
{
	struct postgres *p = arg;
	const char *sql = statement->postgres ? statement->postgres : statement->sql;
	struct wire wire = {.count = 0};
	char name[24];
	int sent, rc = connection_check(p, err);

	if (rc)
		return rc;
	if (params.count > MAX_PARAMS)
		return rf_fail(err, RF_E_USAGE, "more than %d parameters", MAX_PARAMS);
	wire_fill(&wire, statement->params, params);
	rc = id < STORE_MAX_PREPARED ? prepare(p, id, sql, &wire, err) : 0;
	if (rc)
		return rc;
	snprintf(name, sizeof(name), "s%zu", id);
	if (id < STORE_MAX_PREPARED)
		sent = PQsendQueryPrepared(p->conn, name, wire.count, wire.values, wire.lengths,
					   wire.formats, 1);
	else
		sent = PQsendQueryParams(p->conn, sql, wire.count, wire.types, wire.values,
					 wire.lengths, wire.formats, 1);
	if (!sent)
		return result_fail(p, NULL, "statement", err);
	PQsetSingleRowMode(p->conn);
	return results_read(p, rows, err);
}

static int postgres_script(void *arg, const char *sql, struct rf_err *err)
{
	return script(arg, sql, "schema", err);
}

static int postgres_begin(void *arg, struct rf_err *err)
{
	struct postgres *p = arg;
	int rc = connection_check(p, err);

	if (!rc)
		rc = script(p, "BEGIN", "begin", err);
	p->in_transaction = rc == 0;
	return rc;
}

/* COMMIT of a transaction that failed answers well, and is a ROLLBACK. */
static int postgres_commit(void *arg, struct rf_err *err)
{
	struct postgres *p = arg;

	if (PQtransactionStatus(p->conn) == PQTRANS_INERROR)
		return rf_fail(err, RF_E_DATABASE, "commit: the transaction had failed");
	int rc = script(p, "COMMIT", "commit", err);

	if (!rc)
		p->in_transaction = false;
	return rc;
}

static void postgres_rollback(void *arg)
{
	struct postgres *p = arg;

	p->in_transaction = false;
	if (PQstatus(p->conn) == CONNECTION_OK && PQtransactionStatus(p->conn) != PQTRANS_IDLE)
		(void)script(p, "ROLLBACK", "rollback", NULL);
}

static int postgres_backup(void *arg, const char *path, struct rf_err *err)
{
	(void)arg;
	(void)path;
	return rf_fail(err, RF_E_UNSUPPORTED,
		       "for PostgreSQL: pg_dump --format=custom --schema=ringfence");
}

static int postgres_wake_listen(void *arg, struct rf_err *err)
{
	struct postgres *p = arg;
	int rc = connection_check(p, err);

	if (!rc)
		rc = script(p, "LISTEN ringfence", "listen", err);
	p->listening = p->listening || rc == 0;
	return rc;
}

static int postgres_wake_fd(void *arg)
{
	const struct postgres *p = arg;

	return p->listening ? PQsocket(p->conn) : -1;
}

/* A connection that was lost wakes, too: whoever looks makes it anew by its next statement. */
static bool postgres_wake_read(void *arg)
{
	struct postgres *p = arg;
	bool waked = PQconsumeInput(p->conn) == 0;
	PGnotify *note;

	while ((note = PQnotifies(p->conn))) {
		waked = true;
		PQfreemem(note);
	}
	return waked;
}

const struct store_backend store_backend_postgres = {
	.scheme = SCHEME,
	.is_postgres = true,
	.open = postgres_open,
	.close = postgres_close,
	.run = postgres_run,
	.script = postgres_script,
	.begin = postgres_begin,
	.commit = postgres_commit,
	.rollback = postgres_rollback,
	.backup = postgres_backup,
	.wake_listen = postgres_wake_listen,
	.wake_fd = postgres_wake_fd,
	.wake_read = postgres_wake_read,
};
