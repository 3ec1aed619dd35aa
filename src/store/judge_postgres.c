/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL's side of questions over facts (facts.h). The question runs as whoever signed in, so
 * that is where the fence stands: a role that may read facts and nothing else of ours. What it may
 * do is proven when the connection is made. SET ROLE would be no fence: a function of the question
 * could set it back.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/judge_parts.h"

/* Yes (1) when the role is held to facts: nobody's superior, no member of the manager's or the
 * owner's role, no reader of the store. */
#define HELD                                                                                       \
	"SELECT CASE WHEN NOT r.rolsuper AND NOT r.rolcreaterole AND NOT r.rolreplication "        \
	"AND NOT r.rolbypassrls AND NOT pg_has_role(r.oid, 'ringfence_runtime', 'MEMBER') "        \
	"AND NOT EXISTS (SELECT 1 FROM pg_namespace n WHERE n.nspname IN ('ringfence', 'facts') "  \
	"AND pg_has_role(r.oid, n.nspowner, 'MEMBER')) "                                           \
	"AND NOT EXISTS (SELECT 1 FROM pg_namespace n WHERE n.nspname = 'ringfence' "              \
	"AND has_schema_privilege(r.oid, n.oid, 'USAGE')) "                                        \
	"AND NOT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "  \
	"WHERE n.nspname = 'facts' AND c.relkind = 'r' "                                           \
	"AND has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) "              \
	"AND NOT EXISTS (SELECT 1 FROM pg_roles p WHERE p.rolname IN ('pg_read_server_files', "    \
	"'pg_write_server_files', 'pg_execute_server_program', 'pg_read_all_data', "               \
	"'pg_write_all_data') AND pg_has_role(r.oid, p.oid, 'MEMBER')) "                           \
	"THEN 1 ELSE 0 END FROM pg_roles r WHERE r.rolname = session_user"

static int fail_of(PGconn *conn, const PGresult *result, struct rf_err *err)
{
	static const struct {
		const char *state;
		int code;
	} states[] = {{"42501", RF_E_DENIED}, {"25006", RF_E_DENIED}, {"57014", RF_E_TIMEOUT},
		      {"08", RF_E_PEER},      {"57P0", RF_E_PEER},    {"54", RF_E_LIMIT}};
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	int code = PQstatus(conn) == CONNECTION_OK ? RF_E_DATABASE : RF_E_PEER;

	text = text ? text : PQerrorMessage(conn);
	for (size_t i = 0; state && i < RF_COUNT(states); i++) {
		if (!rf_starts(state, states[i].state))
			continue;
		code = states[i].code;
		break;
	}
	return rf_fail(err, code, "%.*s", (int)strcspn(text, "\n"), text);
}

static int script(PGconn *conn, const char *sql, struct rf_err *err)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);
	int rc = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
			 ? 0
			 : fail_of(conn, result, err);

	PQclear(result);
	return rc;
}

static int role_check(PGconn *conn, struct rf_err *err)
{
	PGresult *result = PQexec(conn, HELD);
	int rc = 0;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		rc = fail_of(conn, result, err);
	else if (PQntuples(result) != 1 || !rf_equal(PQgetvalue(result, 0, 0), "1"))
		rc = rf_fail(err, RF_E_DENIED,
			     "this role may do more than read facts; the judge signs in as "
			     "ringfence_judge, or as a member of that role alone");
	PQclear(result);
	return rc;
}

static void judge_postgres_close(void *conn)
{
	PQfinish(conn);
}

static int judge_postgres_open(const char *url, void **out_conn, struct rf_err *err)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);

	/* libpq's own words would repeat the URL, and with it a password. */
	if (!options)
		return rf_fail(err, RF_E_SYNTAX, "the postgresql:// address is not understood");
	PQconninfoFree(options);
	PGconn *conn = store_postgres_connect(url);
	int rc = PQstatus(conn) == CONNECTION_OK ? role_check(conn, err) : fail_of(conn, NULL, err);

	if (rc) {
		PQfinish(conn);
		return rc;
	}
	*out_conn = conn;
	return 0;
}

/* Numbers as such, all else as the server writes it. */
static struct store_value column(const PGresult *result, int i)
{
	const char *text = PQgetvalue(result, 0, i);
	Oid type = PQftype(result, i);
	int64_t number;

	if (PQgetisnull(result, 0, i))
		return store_text(NULL);
	/* int8, int4, int2, and numeric, which a sum of int8 is */
	if ((type == 20 || type == 23 || type == 21 || type == 1700) &&
	    !rf_num(text, 10, INT64_MIN, INT64_MAX, &number))
		return store_int(number);
	return store_text(text);
}

static int row_give(const PGresult *result, struct store_answers to)
{
	struct store_value values[STORE_MAX_COLUMNS];
	const char *names[STORE_MAX_COLUMNS];
	int count = PQnfields(result);

	for (int i = 0; i < count; i++) {
		names[i] = PQfname(result, i);
		values[i] = column(result, i);
	}
	return to.take(to.arg, &(struct store_answer){names, values, (size_t)count});
}

/* Enough rows: the server is told, and what is on its way is read. */
static void enough(PGconn *conn)
{
	char text[256];
	PGcancel *cancel = PQgetCancel(conn);

	if (cancel)
		(void)PQcancel(cancel, text, sizeof(text));
	PQfreeCancel(cancel);
}

static int result_take(PGconn *conn, const PGresult *result, int64_t *rows,
		       const struct store_question *q, struct store_answers to, struct rf_err *err)
{
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK)
		return 0;
	if (status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
		return rf_fail(err, RF_E_DENIED, "only questions are answered");
	if (status != PGRES_SINGLE_TUPLE)
		return fail_of(conn, result, err);
	if (PQnfields(result) > STORE_MAX_COLUMNS)
		return rf_fail(err, RF_E_LIMIT, "an answer has 1 to %d columns", STORE_MAX_COLUMNS);
	if ((*rows)++ >= q->rows_max)
		return rf_fail(err, RF_E_LIMIT, "more than %lld rows", (long long)q->rows_max);
	return row_give(result, to);
}

static int rows_give(PGconn *conn, const struct store_question *q, struct store_answers to,
		     struct rf_err *err)
{
	PGresult *result;
	int64_t rows = 0;
	int rc = 0;

	PQsetSingleRowMode(conn);
	while ((result = PQgetResult(conn))) {
		if (!rc) {
			rc = result_take(conn, result, &rows, q, to, err);
			if (rc)
				enough(conn);
		}
		PQclear(result);
	}
	return rc;
}

/* What a question before may have set for the session is set back first. */
static int judge_postgres_ask(void *arg, const struct store_question *q, struct store_answers to,
			      struct rf_err *err)
{
	PGconn *conn = arg;
	char settings[192];

	if (PQstatus(conn) != CONNECTION_OK)
		PQreset(conn);
	rf_format(settings, sizeof(settings),
		  "SET search_path = facts; SET statement_timeout = %lld; "
		  "SET default_transaction_read_only = on",
		  (long long)q->timeout_ms);
	int rc = script(conn, "ROLLBACK", err);

	if (!rc)
		rc = script(conn, "DISCARD ALL", err);
	if (!rc)
		rc = script(conn, settings, err);
	/* The extended protocol takes one statement, whatever stands in the text. */
	if (!rc && !PQsendQueryParams(conn, q->sql, 0, NULL, NULL, NULL, NULL, 0))
		rc = fail_of(conn, NULL, err);
	return rc ? rc : rows_give(conn, q, to, err);
}

const struct store_judge_engine store_judge_postgres = {judge_postgres_open, judge_postgres_close,
							judge_postgres_ask};
