/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tables a question needs: those that it reads, and those from which columns that it reads
 * are derived (model/derive.sql). SQLite itself says so, while it prepares them.
 */
#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/internal.h"

#define NAME_BYTES 160

/* What statements read ("table.column" and "table"), and what one of them writes. */
struct reading {
	struct rf_map reads;
	char table[NAME_BYTES / 2], column[NAME_BYTES / 2]; /* written; column "": new rows */
	bool failed;
};

static void read_add(struct reading *r, const char *table, const char *column)
{
	char name[NAME_BYTES];

	if (!rf_format(name, sizeof(name), "%s%s%s", table, column[0] ? "." : "", column) ||
	    rf_map_set(&r->reads, name, r))
		r->failed = true;
}

static int note(void *arg, int action, const char *a, const char *b, const char *db,
		const char *trigger)
{
	struct reading *r = arg;

	(void)db;
	(void)trigger;
	if (action == SQLITE_READ) {
		read_add(r, a, "");
		read_add(r, a, b);
	}
	if (action == SQLITE_UPDATE || action == SQLITE_INSERT) {
		rf_copy(r->table, sizeof(r->table), a);
		rf_copy(r->column, sizeof(r->column), action == SQLITE_UPDATE ? b : "");
	}
	return SQLITE_OK;
}

/* Notes what a statement reads and writes; *rest is what stands behind it, "" at the end. */
static int statement_note(sqlite3 *db, const char *sql, struct reading *r, const char **rest,
			  struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;

	sqlite3_set_authorizer(db, note, r);
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, rest);

	sqlite3_set_authorizer(db, NULL, NULL);
	sqlite3_finalize(stmt);
	if (rc)
		return rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(db));
	return r->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

static bool is_needed(const struct rf_map *needed, const struct reading *r)
{
	char name[NAME_BYTES];

	(void)rf_format(name, sizeof(name), "%s%s%s", r->table, r->column[0] ? "." : "", r->column);
	return r->table[0] && rf_map_has(needed, name);
}

static int reads_join(struct reading *to, const struct rf_map *from, struct rf_err *err)
{
	for (size_t i = 0; i < from->capacity; i++)
		if (from->slots[i].key && rf_map_set(&to->reads, from->slots[i].key, to))
			return rf_fail(err, -ENOMEM, "no memory");
	return 0;
}

/* One look at all derivations; *out_more when one of them is needed, and reads what was not. */
static int derivations_add(sqlite3 *db, struct reading *needed, bool *out_more, struct rf_err *err)
{
	const char *rest = fact_derive_sql;
	size_t before = needed->reads.count;
	int rc = 0;

	while (!rc && rest && *rest) {
		struct reading own = {.failed = false};

		rc = statement_note(db, rest, &own, &rest, err);
		if (!rc && is_needed(&needed->reads, &own))
			rc = reads_join(needed, &own.reads, err);
		rf_map_done(&own.reads);
	}
	*out_more = needed->reads.count != before;
	return rc;
}

int judge_query_tables(struct fact_store *store, const char *sql, bool out[], struct rf_err *err)
{
	sqlite3 *db = fact_store_db(store);
	struct reading needed = {.failed = false};
	sqlite3_stmt *stmt = NULL;
	const char *rest = NULL;
	bool more = true;
	int rc = sql_guard_prepare(db, sql, NULL, &stmt, err);

	sqlite3_finalize(stmt);
	if (!rc)
		rc = statement_note(db, sql, &needed, &rest, err);
	while (!rc && more)
		rc = derivations_add(db, &needed, &more, err);
	for (size_t t = 0; !rc && t < FACT_T_COUNT; t++)
		out[t] = !fact_tables[t].is_view && rf_map_has(&needed.reads, fact_tables[t].name);
	rf_map_done(&needed.reads);
	return rc;
}
