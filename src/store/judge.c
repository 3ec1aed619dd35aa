/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions over the facts of all hosts: which engine, and SQLite's side of it. There the question
 * runs on a connection of its own that can only read, under an authorizer that knows no table but
 * those of facts, which it sees under their names in facts.sql. See facts.h.
 */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/judge_parts.h"

#define SCHEME "sqlite:"
#define TICK   1000 /* steps of the machine between two looks at the clock */

struct store_judge {
	const struct store_judge_engine *engine;
	void *conn;
};

int store_judge_open(const char *url, struct store_judge **out, struct rf_err *err)
{
	const struct store_judge_engine *engine = rf_starts(url, SCHEME) ? &store_judge_sqlite
						  : rf_starts(url, "postgresql://")
							  ? &store_judge_postgres
							  : NULL;
	struct store_judge *judge = engine ? rf_alloc(1, sizeof(*judge)) : NULL;

	if (!judge)
		return engine ? rf_fail(err, -ENOMEM, "no memory")
			      : rf_fail(err, RF_E_SYNTAX,
					"judge: expected sqlite:/path/file.db or postgresql://...");
	judge->engine = engine;
	int rc = engine->open(url, &judge->conn, err);

	if (rc) {
		rf_free(judge);
		return rf_wrap(err, rc, "judge");
	}
	*out = judge;
	return 0;
}

void store_judge_close(struct store_judge *judge)
{
	if (!judge)
		return;
	judge->engine->close(judge->conn);
	rf_free(judge);
}

int store_judge_ask(struct store_judge *judge, const struct store_question *question,
		    int (*take)(void *arg, const struct store_answer *answer), void *arg,
		    struct rf_err *err)
{
	if (!rf_utf8_valid((const uint8_t *)question->sql, strlen(question->sql)))
		return rf_fail(err, RF_E_SYNTAX, "the question is not UTF-8");
	int rc = judge->engine->ask(judge->conn, question, (struct store_answers){take, arg}, err);

	return rc ? rf_wrap(err, rc, "query") : 0;
}

/* SQLite -------------------------------------------------------------------------------------- */

static bool table_ours(const char *name)
{
	for (size_t i = 0; i < store_fact_tables_count; i++) {
		if (rf_equal(store_fact_tables[i].name, name))
			return true;
	}
	return false;
}

/* A view is read through its table, and both are asked for. Without a table's name it is of the
 * question itself. */
static int authorize(void *arg, int action, const char *a, const char *b, const char *db,
		     const char *inner)
{
	(void)arg;
	(void)inner;
	/* Recursion ends by the clock. */
	if (action == SQLITE_SELECT || action == SQLITE_RECURSIVE)
		return SQLITE_OK;
	if (action == SQLITE_FUNCTION)
		return b && rf_equal(b, "load_extension") ? SQLITE_DENY : SQLITE_OK;
	if (action != SQLITE_READ || !a)
		return SQLITE_DENY;
	if (!db)
		return SQLITE_OK;
	if (rf_equal(db, "main"))
		return rf_starts(a, "facts_") && !rf_equal(a, "facts_fleet_schema") ? SQLITE_OK
										    : SQLITE_DENY;
	return rf_equal(db, "temp") && table_ours(a) ? SQLITE_OK : SQLITE_DENY;
}

static int views_make(sqlite3 *db, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf script = {0};

	for (size_t i = 0; i < store_fact_tables_count; i++)
		rf_buf_printf(&script, "CREATE TEMP VIEW %s AS SELECT * FROM main.facts_%s;",
			      store_fact_tables[i].name, store_fact_tables[i].name);
	if (script.failed)
		return rf_fail(err, -ENOMEM, "no memory");
	/* A view of a table that is not there is made all the same: look for one. */
	rf_buf_add_text(&script, "SELECT 1 FROM fleet_state LIMIT 0");
	if (sqlite3_exec(db, rf_buf_text(&script), NULL, NULL, NULL))
		return rf_fail(err, RF_E_CHANGED, "the store has no facts yet: %s",
			       sqlite3_errmsg(db));
	return 0;
}

static void judge_sqlite_close(void *conn)
{
	sqlite3_close(conn);
}

static int judge_sqlite_open(const char *url, void **out_conn, struct rf_err *err)
{
	sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, rc = 0;

	if (sqlite3_open_v2(url + strlen(SCHEME), &db, flags, NULL))
		rc = rf_fail(err, RF_E_MISSING, "%s", db ? sqlite3_errmsg(db) : "no memory");
	if (!rc) {
		sqlite3_busy_timeout(db, 2000);
		sqlite3_limit(db, SQLITE_LIMIT_LENGTH, (int)RF_MAX_KEPT_TEXT_BYTES);
		sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		rc = views_make(db, err);
	}
	if (rc) {
		sqlite3_close(db);
		return rc;
	}
	sqlite3_set_authorizer(db, authorize, NULL);
	*out_conn = db;
	return 0;
}

static int tick(void *arg)
{
	return rf_clock_ms(CLOCK_MONOTONIC) >= *(const int64_t *)arg;
}

static struct store_value column(sqlite3_stmt *stmt, int i)
{
	int type = sqlite3_column_type(stmt, i);

	if (type == SQLITE_INTEGER)
		return store_int(sqlite3_column_int64(stmt, i));
	if (type == SQLITE_NULL)
		return store_text(NULL);
	const unsigned char *text = sqlite3_column_text(stmt, i);

	return (struct store_value){.kind = STORE_TEXT,
				    .bytes = {text, (size_t)sqlite3_column_bytes(stmt, i)}};
}

static int row_give(sqlite3_stmt *stmt, struct store_answers to)
{
	struct store_value values[STORE_MAX_COLUMNS];
	const char *names[STORE_MAX_COLUMNS];
	int count = sqlite3_column_count(stmt);

	for (int i = 0; i < count; i++) {
		names[i] = sqlite3_column_name(stmt, i);
		values[i] = column(stmt, i);
	}
	return to.take(to.arg, &(struct store_answer){names, values, (size_t)count});
}

static int rows_give(sqlite3 *db, sqlite3_stmt *stmt, const struct store_question *q,
		     struct store_answers to, struct rf_err *err)
{
	int64_t rows = 0;
	int step, rc = 0;

	while (!rc && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (rows++ >= q->rows_max)
			return rf_fail(err, RF_E_LIMIT, "more than %lld rows",
				       (long long)q->rows_max);
		rc = row_give(stmt, to);
	}
	if (rc || step == SQLITE_DONE)
		return rc;
	if (step == SQLITE_INTERRUPT)
		return rf_fail(err, RF_E_TIMEOUT, "it took longer than %lld ms",
			       (long long)q->timeout_ms);
	return rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(db));
}

static int judge_sqlite_ask(void *conn, const struct store_question *q, struct store_answers to,
			    struct rf_err *err)
{
	sqlite3 *db = conn;
	sqlite3_stmt *stmt = NULL;
	const char *rest = NULL;
	int64_t until_ms = rf_clock_ms(CLOCK_MONOTONIC) + q->timeout_ms;
	int result = sqlite3_prepare_v2(db, q->sql, -1, &stmt, &rest), rc = 0;

	if (result || !stmt)
		rc = rf_fail(err, result == SQLITE_AUTH ? RF_E_DENIED : RF_E_DATABASE, "%s",
			     stmt || result ? sqlite3_errmsg(db) : "nothing is asked");
	else if (rest[strspn(rest, " \t\r\n;")])
		rc = rf_fail(err, RF_E_DENIED, "one question at a time");
	else if (sqlite3_column_count(stmt) == 0 || sqlite3_column_count(stmt) > STORE_MAX_COLUMNS)
		rc = rf_fail(err, RF_E_LIMIT, "an answer has 1 to %d columns", STORE_MAX_COLUMNS);
	if (!rc) {
		sqlite3_progress_handler(db, TICK, tick, &until_ms);
		rc = rows_give(db, stmt, q, to, err);
		sqlite3_progress_handler(db, 0, NULL, NULL);
	}
	sqlite3_finalize(stmt);
	return rc;
}

const struct store_judge_engine store_judge_sqlite = {judge_sqlite_open, judge_sqlite_close,
						      judge_sqlite_ask};
