/* SPDX-License-Identifier: Apache-2.0 */
/* The in-memory fact store; see store.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/store.h"

struct fact_store {
	struct fact_sink sink; /* first: put gets it back */
	sqlite3 *db;
	sqlite3_stmt *insert[FACT_T_COUNT]; /* prepared when first needed */
	char *host;
	uint64_t rows_count;
	bool finished;
};

static int db_fail(sqlite3 *db, const char *what, struct rf_err *err)
{
	return rf_fail(err, RF_E_DATABASE, "%s: %s", what, sqlite3_errmsg(db));
}

static void sql_num(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const char *text = (const char *)sqlite3_value_text(argv[0]);
	int64_t n;

	(void)argc;
	if (text && rf_num(text, 10, INT64_MIN, INT64_MAX, &n) == 0)
		sqlite3_result_int64(ctx, n);
}

static void sql_truth(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	int truth = rf_truth((const char *)sqlite3_value_text(argv[0]));

	(void)argc;
	if (truth >= 0)
		sqlite3_result_int(ctx, truth);
}

int fact_functions_register(sqlite3 *db, struct rf_err *err)
{
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;

	if (sqlite3_create_function(db, "rf_num", 1, flags, NULL, sql_num, NULL, NULL) ||
	    sqlite3_create_function(db, "rf_truth", 1, flags, NULL, sql_truth, NULL, NULL))
		return db_fail(db, "fact store", err);
	return 0;
}

/* A table without rowid is one tree instead of two: half the work for each row. */
static char *schema_for_sqlite(void)
{
	RF_AUTOBUF struct rf_buf sql = {0};
	const char *at = fact_schema_sql, *end;

	while ((end = strstr(at, "\n);"))) {
		rf_buf_add(&sql, at, (size_t)(end - at));
		rf_buf_add_text(&sql, "\n) WITHOUT ROWID;");
		at = end + 3;
	}
	rf_buf_add_text(&sql, at);
	return rf_buf_take_text(&sql);
}

static int store_put(struct fact_sink *sink, const struct fact_table *table, const void *row);

int fact_store_open(struct fact_store **out, struct rf_err *err)
{
	struct fact_store *store = rf_alloc(1, sizeof(*store));
	RF_AUTOFREE char *schema = schema_for_sqlite();

	if (!store || !schema) {
		rf_free(store);
		return rf_fail(err, -ENOMEM, "fact store: no memory");
	}
	store->sink.put = store_put;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int rc = 0;

	if (sqlite3_open_v2(":memory:", &store->db, flags, NULL) ||
	    sqlite3_exec(store->db, "PRAGMA case_sensitive_like = ON; PRAGMA trusted_schema = OFF;",
			 NULL, NULL, NULL))
		rc = db_fail(store->db, "fact store", err);
	/* Preparing a control allocates thousands of small pieces: from one block, not from malloc.
	 */
	if (!rc)
		sqlite3_db_config(store->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 512, 4000);
	if (!rc)
		rc = fact_functions_register(store->db, err);
	if (!rc && (sqlite3_exec(store->db, schema, NULL, NULL, NULL) ||
		    sqlite3_exec(store->db, "BEGIN", NULL, NULL, NULL)))
		rc = db_fail(store->db, "fact store: schema", err);
	if (rc) {
		fact_store_close(store);
		return rc;
	}
	*out = store;
	return 0;
}

void fact_store_close(struct fact_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < FACT_T_COUNT; i++)
		sqlite3_finalize(store->insert[i]);
	sqlite3_close(store->db);
	rf_free(store->host);
	rf_free(store);
}

sqlite3 *fact_store_db(struct fact_store *store)
{
	return store->db;
}

uint64_t fact_store_rows(const struct fact_store *store)
{
	return store->rows_count;
}

struct fact_sink *fact_store_sink(struct fact_store *store, const char *host)
{
	rf_free(store->host);
	store->host = rf_strdup(host);
	store->sink = (struct fact_sink){.put = store_put, .host = store->host};
	return &store->sink;
}

static int insert_prepare(struct fact_store *store, const struct fact_table *table,
			  sqlite3_stmt **out, struct rf_err *err)
{
	size_t id = (size_t)fact_table_id(table);

	if (!store->insert[id]) {
		RF_AUTOBUF struct rf_buf sql = {0};

		rf_buf_printf(&sql, "INSERT OR IGNORE INTO %s VALUES (", table->name);
		for (size_t i = 0; i < table->columns_count; i++)
			rf_buf_add_text(&sql, i ? ",?" : "?");
		rf_buf_add_text(&sql, ")");
		if (sql.failed)
			return rf_fail(err, -ENOMEM, "fact store: no memory");
		if (sqlite3_prepare_v3(store->db, rf_buf_text(&sql), -1, SQLITE_PREPARE_PERSISTENT,
				       &store->insert[id], NULL))
			return db_fail(store->db, table->name, err);
	}
	*out = store->insert[id];
	return 0;
}

/* The natural key of a row without host, parts joined by '/'. */
static void row_key(const struct fact_table *table, const struct fact_value *values,
		    struct rf_buf *out)
{
	for (size_t i = 1; i < table->columns_count; i++) {
		if (!table->columns[i].in_key)
			continue;
		if (out->len)
			rf_buf_add_byte(out, '/');
		if (table->columns[i].is_text)
			rf_buf_add_text(out, values[i].text ? values[i].text : "");
		else
			rf_buf_printf(out, "%lld", (long long)values[i].number);
	}
}

/* Two rows with one key: the first stands, and the second is told of, never lost in silence. */
static int insert_duplicate_gap(struct fact_store *store, const struct fact_table *table,
				const struct fact_value *values, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf key = {0};
	const struct fact_table *gap = &fact_tables[FACT_T_FACT_GAP];

	if (table == gap)
		return 0;
	row_key(table, values, &key);
	if (key.failed)
		return rf_fail(err, -ENOMEM, "fact store: no memory");
	const struct fact_value row[] = {
		{.text = values[0].text, .known = true},
		{.text = table->name, .known = true},
		{.text = rf_buf_text(&key), .known = true},
		{.text = "", .known = true},
		{.text = "stands twice; only the first was judged", .known = true},
		values[table->columns_count - 1],
	};
	return fact_store_insert(store, gap, row, err);
}

int fact_store_insert(struct fact_store *store, const struct fact_table *table,
		      const struct fact_value *values, struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = insert_prepare(store, table, &stmt, err);

	if (rc < 0)
		return rc;
	if (store->rows_count >= RF_MAX_FACT_ROWS)
		return rf_fail(err, RF_E_LIMIT, "more than %u facts", RF_MAX_FACT_ROWS);
	for (size_t i = 0; i < table->columns_count; i++) {
		int n = (int)i + 1;

		if (!values[i].known)
			sqlite3_bind_null(stmt, n);
		else if (table->columns[i].is_text)
			sqlite3_bind_text(stmt, n, values[i].text, -1, SQLITE_STATIC);
		else
			sqlite3_bind_int64(stmt, n, values[i].number);
	}
	int step = sqlite3_step(stmt);

	sqlite3_reset(stmt);
	if (step != SQLITE_DONE)
		return db_fail(store->db, table->name, err);
	if (sqlite3_changes(store->db) == 0)
		return insert_duplicate_gap(store, table, values, err);
	store->rows_count++;
	return 0;
}

static int store_put(struct fact_sink *sink, const struct fact_table *table, const void *row)
{
	struct fact_store *store = (struct fact_store *)sink;
	RF_AUTOBUF struct rf_buf message = {0};
	struct fact_value values[FACT_MAX_COLUMNS];
	const struct fact_table *same;

	/* Through the wire form, so that a row from here and one from a child are alike. */
	int rc = fact_encode(table, sink->host ? sink->host : "", row, &message);

	if (rc < 0)
		return rf_fail(&sink->err, rc, "table %s: %s", table->name, rf_code_text(rc));
	rc = fact_decode(rf_buf_slice(&message), &same, values, &sink->err);
	if (rc < 0)
		return rc;
	return fact_store_insert(store, same, values, &sink->err);
}

int fact_store_finish(struct fact_store *store, struct rf_err *err)
{
	if (store->finished)
		return 0;
	/* Without statistics SQLite takes every index for equally good, and reads all disks of a
	 * host for each disk. */
	if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) ||
	    sqlite3_exec(store->db, "ANALYZE", NULL, NULL, NULL) ||
	    sqlite3_exec(store->db, fact_derive_sql, NULL, NULL, NULL) ||
	    sqlite3_exec(store->db, "ANALYZE fact_gap", NULL, NULL, NULL))
		return db_fail(store->db, "fact store: derive", err);
	store->finished = true;
	return 0;
}
