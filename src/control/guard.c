/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fence around SQL that is not ours: an authorizer that allows SELECT over fact tables and a
 * closed list of functions, and a limit on the steps of SQLite's machine. A site's control can
 * neither write, nor read outside the facts, nor hang the check.
 */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/internal.h"

/* Steps between two looks at the limit. */
#define GUARD_TICK 100000

/* Functions that exist on PostgreSQL as well, cost little and touch nothing. */
static const char *const allowed_functions[] = {
	"abs", "avg",  "coalesce", "count",  "length",	 "like",       "lower",	     "ltrim",
	"max", "min",  "not",	   "nullif", "replace",	 "round",      "rtrim",	     "substr",
	"sum", "trim", "upper",	   "rf_num", "rf_truth", "row_number", "string_agg", "group_concat",
};

static bool function_allowed(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(allowed_functions); i++) {
		if (rf_equal_nocase(name, allowed_functions[i]))
			return true;
	}
	return false;
}

static int guard_deny(struct sql_guard *guard, const char *what, const char *name)
{
	if (guard && !guard->denied[0])
		snprintf(guard->denied, sizeof(guard->denied), "%s %s", what, name ? name : "");
	return SQLITE_DENY;
}

static int guard_authorize(void *arg, int action, const char *a, const char *b, const char *db,
			   const char *trigger)
{
	struct sql_guard *guard = arg;

	(void)db;
	(void)trigger;
	if (action == SQLITE_SELECT)
		return SQLITE_OK;
	if (action == SQLITE_FUNCTION)
		return function_allowed(b) ? SQLITE_OK : guard_deny(guard, "the function", b);
	if (action != SQLITE_READ)
		return guard_deny(guard, "anything but SELECT, such as", a);
	const struct fact_table *table = guard ? guard->last : NULL;

	/* SQLite asks for each column of a table in turn. */
	if (!table || strcmp(table->name, a) != 0)
		table = fact_table_find(a);
	if (table) {
		size_t id = (size_t)fact_table_id(table);

		if (guard) {
			guard->last = table;
			guard->tables[id / 64] |= (uint64_t)1 << id % 64;
		}
		return SQLITE_OK;
	}
	/* SQLite never asks about the columns of a subquery or of WITH x AS (...). */
	return guard_deny(guard, "the table", a);
}

void sql_guard_enter(sqlite3 *db, struct sql_guard *guard)
{
	sqlite3_set_authorizer(db, guard_authorize, guard);
}

void sql_guard_leave(sqlite3 *db)
{
	sqlite3_set_authorizer(db, NULL, NULL);
}

int sql_guard_prepare(sqlite3 *db, const char *sql, struct sql_guard *guard, sqlite3_stmt **out,
		      struct rf_err *err)
{
	const char *tail = NULL;
	struct sql_guard own = {0};
	struct sql_guard *g = guard ? guard : &own;

	g->denied[0] = '\0';
	sql_guard_enter(db, g);
	int rc = sqlite3_prepare_v2(db, sql, -1, out, &tail);

	sql_guard_leave(db);
	if (rc != SQLITE_OK && g->denied[0])
		return rf_fail(err, RF_E_DENIED, "%s is not allowed here: only SELECT over facts",
			       g->denied);
	if (rc != SQLITE_OK)
		return rf_fail(err, RF_E_SYNTAX, "%s", sqlite3_errmsg(db));
	if (!*out)
		return rf_fail(err, RF_E_SYNTAX, "an SQL statement was expected");
	while (tail && (*tail == ' ' || *tail == '\n' || *tail == '\t' || *tail == ';'))
		tail++;
	if ((tail && *tail) || !sqlite3_stmt_readonly(*out)) {
		sqlite3_finalize(*out);
		*out = NULL;
		return rf_fail(err, RF_E_DENIED, "only one SELECT is allowed");
	}
	return 0;
}

struct tick {
	uint64_t left;
};

static int guard_tick(void *arg)
{
	struct tick *tick = arg;

	return tick->left-- == 0;
}

int sql_guard_run(sqlite3 *db, sqlite3_stmt *stmt, judge_row_fn *row, void *arg, struct rf_err *err)
{
	struct tick tick = {RF_MAX_SQL_STEPS / GUARD_TICK};
	int step, rc = 0;

	sqlite3_progress_handler(db, GUARD_TICK, guard_tick, &tick);
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		rc = row ? row(arg, sqlite3_column_count(stmt), stmt) : 0;
		if (rc)
			break;
	}
	sqlite3_progress_handler(db, 0, NULL, NULL);
	if (step == SQLITE_INTERRUPT)
		rc = rf_fail(err, RF_E_TIMEOUT, "takes more than %u steps", RF_MAX_SQL_STEPS);
	else if (step != SQLITE_DONE && step != SQLITE_ROW)
		rc = rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(db));
	sqlite3_reset(stmt);
	return rc;
}

int judge_query(struct fact_store *store, const char *sql, judge_row_fn *row, void *arg,
		struct rf_err *err)
{
	sqlite3 *db = fact_store_db(store);
	sqlite3_stmt *stmt = NULL;
	int rc = sql_guard_prepare(db, sql, NULL, &stmt, err);

	if (!rc)
		rc = sql_guard_run(db, stmt, row, arg, err);
	sqlite3_finalize(stmt);
	return rc;
}
