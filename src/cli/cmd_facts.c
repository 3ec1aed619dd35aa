/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence facts and ringfence query: the fact tables for a person. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/rows.h"

/* One row for each table: name, rows, what a row is. */
static int list_tables(struct fact_store *store, enum rows_format format, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf sql = {0};
	struct rows_printer printer = {.format = format};
	sqlite3_stmt *stmt = NULL;

	for (size_t i = 0; i < FACT_T_COUNT; i++) {
		const struct fact_table *t = &fact_tables[i];

		rf_buf_printf(&sql,
			      "%sSELECT '%s' AS \"table\", (SELECT count(*) FROM %s) AS rows, ",
			      i ? " UNION ALL " : "", t->name, t->name);
		rf_buf_add_byte(&sql, '\'');
		for (const char *p = t->doc; *p; p++) {
			if (*p == '\'')
				rf_buf_add_byte(&sql, '\'');
			rf_buf_add_byte(&sql, (uint8_t)*p);
		}
		rf_buf_add_text(&sql, "' AS \"what a row is\"");
	}
	if (sqlite3_prepare_v2(fact_store_db(store), rf_buf_text(&sql), -1, &stmt, NULL))
		return rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(fact_store_db(store)));
	int rc = 0;

	while (rc == 0 && sqlite3_step(stmt) == SQLITE_ROW)
		rc = rows_print(&printer, sqlite3_column_count(stmt), stmt);
	sqlite3_finalize(stmt);
	int done = rows_done(&printer, err);

	return rc ? rf_fail(err, rc, "the table could not be printed") : done;
}

static int write_sqlite(struct fact_store *store, const char *path, struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = fact_store_db(store);

	if (access(path, F_OK) == 0)
		return rf_fail(err, -EEXIST, "%s exists already; name another file", path);
	int rc = sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	if (rc != SQLITE_DONE)
		return rf_fail(err, RF_E_DATABASE, "%s: %s", path, sqlite3_errmsg(db));
	printf("%llu facts written to %s\n", (unsigned long long)fact_store_rows(store), path);
	return 0;
}

static int run_query(struct fact_store *store, const char *sql, enum rows_format format,
		     struct rf_err *err)
{
	struct rows_printer printer = {.format = format};
	struct rf_err ignored;
	int rc = judge_query(store, sql, rows_print, &printer, err);

	if (rc) {
		(void)!rows_done(&printer, &ignored);
		return rc < 0 ? rc : -EIO;
	}
	return rows_done(&printer, err);
}

/* The columns of a table whose name is right, or the names that are near. */
static int print_table(struct fact_store *store, const char *name, enum rows_format format,
		       struct rf_err *err)
{
	char sql[128];

	if (!fact_table_find(name))
		return rf_fail(err, RF_E_UNKNOWN,
			       "there is no table %s; `ringfence facts` lists them", name);
	rf_format(sql, sizeof(sql), "SELECT * FROM %s", name);
	return run_query(store, sql, format, err);
}

int cmd_facts(const struct cli_args *args, struct rf_err *err)
{
	FACT_AUTOSTORE struct fact_store *store = NULL;
	const char *output = cli_value(args, OPT_OUTPUT);
	const char *path = output && rf_starts(output, "sqlite:") ? output + 7 : NULL;
	enum rows_format format = ROWS_TABLE;
	int rc = path ? 0 : rows_format_parse(output, &format, err);

	if (!rc)
		rc = common_facts(args, &store, err);
	if (!rc)
		rc = common_lock_in(args, err);
	if (rc < 0)
		return rc;
	if (path)
		return write_sqlite(store, path, err);
	if (args->words_count)
		return print_table(store, args->words[0], format, err);
	return list_tables(store, format, err);
}

int cmd_query(const struct cli_args *args, struct rf_err *err)
{
	FACT_AUTOSTORE struct fact_store *store = NULL;
	enum rows_format format;
	int rc = rows_format_parse(cli_value(args, OPT_OUTPUT), &format, err);

	if (!rc)
		rc = common_facts(args, &store, err);
	if (!rc)
		rc = common_lock_in(args, err);
	return rc ? rc : run_query(store, args->words[0], format, err);
}
