/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What SQLite's inserts alone cost: takes the facts of `ringfence facts -o sqlite:FILE`, and puts
 * the same rows of the .vmx tables into the same tables in memory, in order, 64 rows a statement
 * and with nothing else around it. No store over SQLite can be faster. Prints the rows and the CPU
 * time.
 *
 * usage: store_limit FILE
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/store.h"

#define BATCH_ROWS   64u
#define BATCH_VALUES 384u

struct rows {
	sqlite3_value **values;
	size_t count, capacity; /* values */
};

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int rows_read(sqlite3 *db, const struct fact_table *table, struct rows *out)
{
	char sql[128];
	sqlite3_stmt *stmt = NULL;

	rf_format(sql, sizeof(sql), "SELECT * FROM %s", table->name);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
		return -1;
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		if (rf_grow((void **)&out->values, &out->capacity,
			    out->count + table->columns_count, sizeof(*out->values)) < 0)
			break;
		for (int i = 0; i < (int)table->columns_count; i++)
			out->values[out->count++] =
				sqlite3_value_dup(sqlite3_column_value(stmt, i));
	}
	return sqlite3_finalize(stmt);
}

static sqlite3_stmt *insert_make(sqlite3 *db, const struct fact_table *table, size_t rows)
{
	RF_AUTOBUF struct rf_buf sql = {0};
	sqlite3_stmt *stmt = NULL;

	rf_buf_printf(&sql, "INSERT OR FAIL INTO %s VALUES ", table->name);
	for (size_t r = 0; r < rows; r++) {
		rf_buf_add_text(&sql, r ? ",(" : "(");
		for (size_t i = 0; i < table->columns_count; i++)
			rf_buf_add_text(&sql, i ? ",?" : "?");
		rf_buf_add_text(&sql, ")");
	}
	(void)sqlite3_prepare_v2(db, rf_buf_text(&sql), -1, &stmt, NULL);
	return stmt;
}

/* Seconds of CPU for the rows; negative when SQLite refused. */
static double rows_insert(sqlite3 *db, const struct fact_table *table, const struct rows *rows)
{
	size_t columns = table->columns_count, wide = BATCH_VALUES / columns;
	size_t many = wide < 1 ? 1 : wide > BATCH_ROWS ? BATCH_ROWS : wide;
	size_t left = rows->count / columns, at = 0;
	double start = cpu_s();

	for (size_t batch = many; batch && left; batch = batch > 1 ? 1 : 0) {
		sqlite3_stmt *stmt = insert_make(db, table, batch);

		for (; stmt && left >= batch; left -= batch) {
			for (size_t i = 0; i < batch * columns; i++)
				sqlite3_bind_value(stmt, (int)i + 1, rows->values[at++]);
			if (sqlite3_step(stmt) != SQLITE_DONE)
				return -1;
			sqlite3_reset(stmt);
		}
		sqlite3_finalize(stmt);
	}
	return cpu_s() - start;
}

int main(int argc, char **argv)
{
	sqlite3 *from = NULL;
	struct fact_store *store = NULL;
	double total = 0;
	size_t count = 0;

	if (argc != 2 || fact_store_open(&store, NULL) < 0 ||
	    sqlite3_open_v2(argv[1], &from, SQLITE_OPEN_READONLY, NULL)) {
		fputs("usage: store_limit FILE of ringfence facts -o sqlite:FILE\n", stderr);
		return 64;
	}
	for (size_t t = 0; t < FACT_T_COUNT; t++) {
		const struct fact_table *table = &fact_tables[t];
		struct rows rows = {0};

		/* The tables of a VM; the others are not what a .vmx fills. */
		if (table->is_view || !rf_starts(table->name, "vm") ||
		    rows_read(from, table, &rows) || rows.count == 0)
			continue;
		double took = rows_insert(fact_store_db(store), table, &rows);

		if (took < 0 || t == FACT_T_VMX_DEFAULT)
			continue;
		total += took;
		count += rows.count / table->columns_count;
		for (size_t i = 0; i < rows.count; i++)
			sqlite3_value_free(rows.values[i]);
		rf_free(rows.values);
	}
	printf("%zu rows %.4f s\n", count, total);
	sqlite3_close(from);
	fact_store_close(store);
	return 0;
}
