/* SPDX-License-Identifier: Apache-2.0 */
/* The in-memory fact store; see store.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/store.h"

/* Values that one statement inserts: with many rows at a time SQLite finds the end of the table
 * once for all of them, and takes a third of the time. */
#define BATCH_VALUES 384u
#define BATCH_ROWS   64u

/* Rows of one table on their way into it. */
struct batch {
	sqlite3_stmt *one, *many;  /* prepared when first needed */
	struct fact_value *values; /* of a text, number is where it stands in texts */
	struct rf_buf texts;
	size_t rows_count;
};

struct fact_store {
	struct fact_sink sink; /* first: put gets it back */
	sqlite3 *db;
	struct batch batches[FACT_T_COUNT];
	char *host;
	char *indexes; /* made when all rows are there */
	uint64_t rows_count;
	struct rf_err err; /* what failed where nobody could be told */
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

/* The schema for SQLite in two parts: a table without rowid is one tree instead of two, half the
 * work for each row; and an index is made at once at the end, not row by row. */
static char *schema_for_sqlite(char **out_indexes)
{
	RF_AUTOBUF struct rf_buf sql = {0};
	RF_AUTOBUF struct rf_buf indexes = {0};
	const char *end;

	for (const char *at = fact_schema_sql; *at; at = end) {
		size_t len = strcspn(at, "\n");

		end = at + len + (at[len] != '\0');
		if (rf_starts(at, "CREATE INDEX "))
			rf_buf_add(&indexes, at, (size_t)(end - at));
		else if (len == 2 && rf_starts(at, ");"))
			rf_buf_add_text(&sql, ") WITHOUT ROWID;\n");
		else
			rf_buf_add(&sql, at, (size_t)(end - at));
	}
	*out_indexes = rf_buf_take_text(&indexes);
	return rf_buf_take_text(&sql);
}

/*
 * Large pages are split less often. Preparing a control allocates thousands of small pieces: from
 * one block, not from malloc.
 */
static int db_open(sqlite3 **out, struct rf_err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

	/* Nobody asks how much memory SQLite uses, and counting it takes a lock for each piece. It
	 * is refused, without harm, once SQLite is in use. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite3_open_v2(":memory:", out, flags, NULL) ||
	    sqlite3_exec(*out,
			 "PRAGMA page_size = 16384; PRAGMA temp_store = MEMORY; "
			 "PRAGMA case_sensitive_like = ON; PRAGMA trusted_schema = OFF;",
			 NULL, NULL, NULL))
		return db_fail(*out, "fact store", err);
	sqlite3_db_config(*out, SQLITE_DBCONFIG_LOOKASIDE, NULL, 512, 4000);
	return fact_functions_register(*out, err);
}

static int store_put(struct fact_sink *sink, const struct fact_table *table, const void *row);

int fact_store_open(struct fact_store **out, struct rf_err *err)
{
	struct fact_store *store = rf_alloc(1, sizeof(*store));
	RF_AUTOFREE char *schema = store ? schema_for_sqlite(&store->indexes) : NULL;

	if (!schema || !store->indexes) {
		fact_store_close(store);
		return rf_fail(err, -ENOMEM, "fact store: no memory");
	}
	store->sink.put = store_put;
	int rc = db_open(&store->db, err);

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

static void batch_done(struct batch *batch)
{
	sqlite3_finalize(batch->one);
	sqlite3_finalize(batch->many);
	rf_free(batch->values);
	rf_buf_done(&batch->texts);
}

void fact_store_close(struct fact_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < FACT_T_COUNT; i++)
		batch_done(&store->batches[i]);
	sqlite3_close(store->db);
	rf_free(store->host);
	rf_free(store->indexes);
	rf_free(store);
}

sqlite3 *fact_store_db(struct fact_store *store)
{
	/* The next insert, or finish, tells what fails here. */
	if (!store->err.code)
		(void)!fact_store_flush(store, &store->err);
	return store->db;
}

int fact_store_each(struct fact_store *store, const char *question,
		    int (*take)(void *arg, sqlite3_stmt *row), void *arg)
{
	sqlite3_stmt *stmt = NULL;
	int rc = 0, step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(fact_store_db(store), question, -1, &stmt, NULL) == SQLITE_OK) {
		while (rc == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW)
			rc = take(arg, stmt);
	}
	sqlite3_finalize(stmt);
	return rc == 0 && step != SQLITE_DONE ? RF_E_DATABASE : rc;
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

static size_t batch_rows(const struct fact_table *table)
{
	size_t rows = BATCH_VALUES / table->columns_count;

	return rows < 1 ? 1 : rows > BATCH_ROWS ? BATCH_ROWS : rows;
}

/* OR FAIL: what stands before a row that is already there is kept, and their number tells which. */
static int insert_prepare(struct fact_store *store, const struct fact_table *table, size_t rows,
			  sqlite3_stmt **stmt, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf sql = {0};

	if (*stmt)
		return 0;
	rf_buf_printf(&sql, "INSERT OR FAIL INTO %s VALUES ", table->name);
	for (size_t r = 0; r < rows; r++) {
		rf_buf_add_text(&sql, r ? ",(" : "(");
		for (size_t i = 0; i < table->columns_count; i++)
			rf_buf_add_text(&sql, i ? ",?" : "?");
		rf_buf_add_text(&sql, ")");
	}
	if (sql.failed)
		return rf_fail(err, -ENOMEM, "fact store: no memory");
	if (sqlite3_prepare_v3(store->db, rf_buf_text(&sql), -1, SQLITE_PREPARE_PERSISTENT, stmt,
			       NULL))
		return db_fail(store->db, table->name, err);
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

/* A row of a batch with its texts where they stand now. */
static void batch_row(const struct batch *batch, const struct fact_table *table, size_t row,
		      struct fact_value out[FACT_MAX_COLUMNS])
{
	memcpy(out, batch->values + row * table->columns_count,
	       table->columns_count * sizeof(*out));
	for (size_t i = 0; i < table->columns_count; i++) {
		if (table->columns[i].is_text && out[i].known)
			out[i].text = (const char *)batch->texts.data + out[i].number;
	}
}

static void row_bind(sqlite3_stmt *stmt, const struct fact_table *table,
		     const struct fact_value *values, int n)
{
	for (size_t i = 0; i < table->columns_count; i++, n++) {
		if (!values[i].known)
			sqlite3_bind_null(stmt, n);
		else if (table->columns[i].is_text)
			sqlite3_bind_text(stmt, n, values[i].text, -1, SQLITE_STATIC);
		else
			sqlite3_bind_int64(stmt, n, values[i].number);
	}
}

/* Inserts rows of a batch with one statement. *done is set to how many are dealt with: all, or
 * those up to and with one whose key was there before. */
static int batch_insert(struct fact_store *store, const struct fact_table *table, size_t first,
			size_t rows, size_t *done, struct rf_err *err)
{
	struct batch *batch = &store->batches[fact_table_id(table)];
	sqlite3_stmt **stmt = rows > 1 ? &batch->many : &batch->one;
	struct fact_value values[FACT_MAX_COLUMNS];
	int rc = insert_prepare(store, table, rows, stmt, err);

	if (rc < 0)
		return rc;
	for (size_t r = 0; r < rows; r++) {
		batch_row(batch, table, first + r, values);
		row_bind(*stmt, table, values, (int)(r * table->columns_count) + 1);
	}
	int step = sqlite3_step(*stmt);
	bool is_twice = sqlite3_extended_errcode(store->db) == SQLITE_CONSTRAINT_PRIMARYKEY;

	sqlite3_reset(*stmt);
	*done = rows;
	if (step == SQLITE_DONE)
		return 0;
	if (!is_twice)
		return db_fail(store->db, table->name, err);
	size_t before = (size_t)sqlite3_changes(store->db);

	*done = before + 1;
	store->rows_count--;
	batch_row(batch, table, first + before, values);
	return insert_duplicate_gap(store, table, values, err);
}

static int batch_flush(struct fact_store *store, const struct fact_table *table, struct rf_err *err)
{
	struct batch *batch = &store->batches[fact_table_id(table)];
	size_t count = batch->rows_count, many = count ? batch_rows(table) : 0, done = 0;
	int rc = 0;

	batch->rows_count = 0;
	for (size_t i = 0; rc == 0 && i < count; i += done)
		rc = batch_insert(store, table, i, count - i >= many ? many : 1, &done, err);
	rf_buf_reset(&batch->texts);
	return rc;
}

int fact_store_flush(struct fact_store *store, struct rf_err *err)
{
	const struct fact_table *gaps = &fact_tables[FACT_T_FACT_GAP];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < FACT_T_COUNT; i++) {
		if (&fact_tables[i] != gaps)
			rc = batch_flush(store, &fact_tables[i], err);
	}
	/* Last, since each of the others may add to it. */
	return rc ? rc : batch_flush(store, gaps, err);
}

static int batch_add(struct batch *batch, const struct fact_table *table,
		     const struct fact_value *values)
{
	if (!batch->values)
		batch->values =
			rf_alloc(batch_rows(table) * table->columns_count, sizeof(*batch->values));
	if (!batch->values)
		return -ENOMEM;
	struct fact_value *to = batch->values + batch->rows_count * table->columns_count;

	for (size_t i = 0; i < table->columns_count; i++) {
		to[i] = values[i];
		if (!table->columns[i].is_text || !values[i].known)
			continue;
		to[i].number = (int64_t)batch->texts.len;
		rf_buf_add(&batch->texts, values[i].text, strlen(values[i].text) + 1);
	}
	batch->rows_count += !batch->texts.failed;
	return batch->texts.failed ? -ENOMEM : 0;
}

int fact_store_insert(struct fact_store *store, const struct fact_table *table,
		      const struct fact_value *values, struct rf_err *err)
{
	struct batch *batch = &store->batches[fact_table_id(table)];

	if (store->err.code)
		return rf_fail(err, store->err.code, "%s", store->err.text);
	if (store->rows_count >= RF_MAX_FACT_ROWS)
		return rf_fail(err, RF_E_LIMIT, "more than %u facts", RF_MAX_FACT_ROWS);
	if (batch_add(batch, table, values) < 0)
		return rf_fail(err, -ENOMEM, "fact store: no memory");
	store->rows_count++;
	return batch->rows_count < batch_rows(table) ? 0 : batch_flush(store, table, err);
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
	int rc = store->err.code ? rf_fail(err, store->err.code, "%s", store->err.text)
				 : fact_store_flush(store, err);

	if (rc < 0)
		return rc;
	/* Without statistics SQLite takes every index for equally good, and reads all disks of a
	 * host for each disk. */
	if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) ||
	    sqlite3_exec(store->db, store->indexes, NULL, NULL, NULL) ||
	    sqlite3_exec(store->db, "ANALYZE", NULL, NULL, NULL) ||
	    sqlite3_exec(store->db, fact_derive_sql, NULL, NULL, NULL) ||
	    sqlite3_exec(store->db, "ANALYZE fact_gap", NULL, NULL, NULL))
		return db_fail(store->db, "fact store: derive", err);
	store->finished = true;
	return 0;
}
