/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controls' SQL is of both engines (docs/adr/0003): every statement and every test of ours runs
 * as it is on PostgreSQL, over the tables, views and functions that store_facts_upgrade makes
 * there, by the role that may only read, and finds what SQLite finds.
 */
#include "store_test.h"

#include <sqlite3.h>

#include "control/internal.h"
#include "model/fact.h"
#include "model/store.h"
#include "store/facts.h"

#define SMALL "abcdefghijklmnopqrstuvwxyz_0123456789"

static PGconn *conn; /* the owner, who becomes the judge where it asks */
static sqlite3 *db;
static struct fact_store *facts;
static struct control_set set;
static struct place place;

static bool is_there(void)
{
	if (conn)
		return true;
	print_message("skipped: PostgreSQL is not installed\n");
	skip();
	return false;
}

static void both(const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &message))
		fail_msg("sqlite: %s: %s", sql, message);
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("postgresql: %s: %s", sql, PQresultErrorMessage(result));
	PQclear(result);
}

static void text_add(struct rf_buf *out, const char *text)
{
	rf_buf_add_text(out, "'");
	for (; *text; text++)
		rf_buf_add(out, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
	rf_buf_add_text(out, "'");
}

/* A control's statement with the defaults of its parameters in their places. */
static void statement(const struct control *c, const struct yaml_node *row, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf sql = {0};
	bool is_quoted = false;

	assert_int_equal(control_sql(c, &(struct control_sql_options){.row = row}, &sql, NULL), 0);
	for (const char *p = rf_buf_text(&sql); *p; p++) {
		size_t len = strspn(p + 1, SMALL);
		char name[64];

		is_quoted ^= *p == '\'';
		if (is_quoted || *p != ':' || len == 0 || len >= sizeof(name)) {
			rf_buf_add(out, p, 1);
			continue;
		}
		memcpy(name, p + 1, len);
		name[len] = '\0';
		const struct yaml_node *value = c->params ? yaml_get(c->params, name) : NULL;
		int64_t n;

		assert_non_null(value);
		if (rf_num(value->text, 10, INT64_MIN, INT64_MAX, &n))
			text_add(out, value->text);
		else
			rf_buf_printf(out, "%lld", (long long)n);
		p += len;
	}
}

/* A row of constants has types only where it says so: in PostgreSQL it takes them from the table
 * that it stands for, of which no row is taken. */
static void typed(const struct control *c, struct rf_buf *sql)
{
	static const char before[] = "WITH s AS (", behind[] = "), x AS (SELECT s.*";
	RF_AUTOBUF struct rf_buf of_table = {0}, out = {0};

	statement(c, NULL, &of_table);
	const char *from = rf_buf_text(&of_table) + sizeof(before) - 1, *end = strstr(from, behind);

	assert_non_null(end);
	rf_buf_printf(&out, "%s%.*s WHERE 1 = 0 UNION ALL %s", before, (int)(end - from), from,
		      rf_buf_text(sql) + sizeof(before) - 1);
	rf_buf_reset(sql);
	rf_buf_add_text(sql, rf_buf_text(&out));
}

/* Rows as text: a line each, sorted, so that the order in which they come does not matter. */
#define LINES_MAX 256
struct answer {
	struct rf_buf lines[LINES_MAX];
	size_t count;
};

static int line_compare(const void *a, const void *b)
{
	return strcmp(rf_buf_text((struct rf_buf *)(uintptr_t)a),
		      rf_buf_text((struct rf_buf *)(uintptr_t)b));
}

static void value_add(struct answer *a, const char *value)
{
	rf_buf_printf(&a->lines[a->count], "[%s]", value ? value : "NULL");
}

static void answer_done(struct answer *a)
{
	for (size_t i = 0; i < a->count; i++)
		rf_buf_done(&a->lines[i]);
	a->count = 0;
}

static void ask_sqlite(const char *sql, struct answer *out)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
		fail_msg("sqlite: %s: %s", sqlite3_errmsg(db), sql);
	for (; sqlite3_step(stmt) == SQLITE_ROW && out->count < LINES_MAX; out->count++)
		for (int i = 0; i < sqlite3_column_count(stmt); i++)
			value_add(out, (const char *)sqlite3_column_text(stmt, i));
	sqlite3_finalize(stmt);
	qsort(out->lines, out->count, sizeof(out->lines[0]), line_compare);
}

/* A truth is a number in SQLite. */
static const char *value_of(const PGresult *result, int row, int i)
{
	const char *text = PQgetisnull(result, row, i) ? NULL : PQgetvalue(result, row, i);

	if (text && PQftype(result, i) == 16)
		return *text == 't' ? "1" : "0";
	return text;
}

static bool ask_postgres(const struct control *c, const char *sql, struct answer *out)
{
	PGresult *result = PQexecParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0);
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (!good)
		print_error("%s: %s\n", c->id, PQresultErrorMessage(result));
	for (int row = 0; row < PQntuples(result) && out->count < LINES_MAX; row++, out->count++)
		for (int i = 0; i < PQnfields(result); i++)
			value_add(out, value_of(result, row, i));
	PQclear(result);
	qsort(out->lines, out->count, sizeof(out->lines[0]), line_compare);
	return good;
}

static bool is_same(const struct control *c, const char *sql, const char *sql_postgres)
{
	static struct answer ours, theirs; /* large: not on the stack */

	ask_sqlite(sql, &ours);
	bool good = ask_postgres(c, sql_postgres, &theirs) && ours.count == theirs.count;

	for (size_t i = 0; good && i < ours.count; i++)
		good = line_compare(&ours.lines[i], &theirs.lines[i]) == 0;
	for (size_t i = 0; !good && i < ours.count && i < theirs.count; i++)
		print_error("%s:\nsqlite     %s\npostgresql %s\n", c->id,
			    rf_buf_text(&ours.lines[i]), rf_buf_text(&theirs.lines[i]));
	answer_done(&ours);
	answer_done(&theirs);
	return good;
}

/* What a test does not say of a row is as control/selftest.c fills it. */
static void fact_value(const struct fact_column *column, const struct yaml_node *entry, size_t row,
		       struct rf_buf *out)
{
	if (entry && column->is_text)
		text_add(out, entry->text);
	else if (entry)
		rf_buf_add_text(out, entry->text);
	else if (!column->required)
		rf_buf_add_text(out, "NULL");
	else if (column->is_text)
		text_add(out, rf_equal(column->name, "host") ? "h" : "-");
	else
		rf_buf_printf(out, "%zu", row);
}

static void facts_insert(const struct yaml_node *tables)
{
	for (size_t i = 0; i < tables->items_count; i++) {
		const struct yaml_node *rows = &tables->items[i];
		const struct fact_table *table = fact_table_find(rows->key);

		for (size_t k = 0; k < rows->items_count; k++) {
			RF_AUTOBUF struct rf_buf sql = {0};

			rf_buf_printf(&sql, "INSERT INTO %s VALUES (", table->name);
			for (size_t n = 0; n < table->columns_count; n++) {
				const struct fact_column *column = &table->columns[n];

				rf_buf_add_text(&sql, n ? ", " : "");
				fact_value(column, yaml_get(&rows->items[k], column->name), k,
					   &sql);
			}
			rf_buf_add_text(&sql, ")");
			both(rf_buf_text(&sql));
		}
	}
}

static void every_control_is_prepared_by_who_only_reads(void **state)
{
	char url[160];
	size_t refused = 0;

	(void)state;
	if (!is_there())
		return;
	snprintf(url, sizeof(url), "postgresql://judge@/t%d?host=%s", server.databases, server.dir);
	PGconn *judge = PQconnectdb(url);

	PQclear(PQexec(judge, "SET search_path = facts"));
	for (size_t i = 0; i < set.controls_count; i++) {
		RF_AUTOBUF struct rf_buf sql = {0};

		statement(&set.controls[i], NULL, &sql);
		PGresult *result = PQprepare(judge, "", rf_buf_text(&sql), 0, NULL);

		if (PQresultStatus(result) != PGRES_COMMAND_OK) {
			refused++;
			print_error("%s: %s\n", set.controls[i].id, PQresultErrorMessage(result));
		}
		PQclear(result);
	}
	PQfinish(judge);
	assert_true(set.controls_count > 500);
	assert_int_equal(refused, 0);
}

static void every_test_finds_the_same(void **state)
{
	size_t count = 0, other = 0;

	(void)state;
	if (!is_there())
		return;
	for (size_t i = 0; i < set.controls_count; i++) {
		const struct control *c = &set.controls[i];

		for (size_t k = 0; k < c->tests->items_count; k++) {
			const struct yaml_node *tables = yaml_get(&c->tests->items[k], "facts");
			const struct yaml_node *row = yaml_get(&c->tests->items[k], "row");
			RF_AUTOBUF struct rf_buf sql = {0}, theirs = {0};

			statement(c, row, &sql);
			statement(c, row, &theirs);
			if (row)
				typed(c, &theirs);
			both("SAVEPOINT test");
			if (tables)
				facts_insert(tables);
			other += !is_same(c, rf_buf_text(&sql), rf_buf_text(&theirs));
			both("ROLLBACK TO test");
			both("RELEASE test");
			count++;
		}
	}
	assert_true(count > 1000);
	assert_int_equal(other, 0);
}

static void functions_are_the_same(void **state)
{
	static const char *const texts[] = {
		"0",
		"-0",
		"7",
		"-7",
		"+7",
		" 7",
		"7 ",
		"007",
		"7x",
		"0x7",
		"",
		"-",
		"--7",
		"1e3",
		"1.0",
		"yes",
		"YES",
		"On",
		"true",
		"n",
		"off",
		"maybe",
		"ON ",
		"y",
		"No",
		"Enabled",
		"9223372036854775807",
		"9223372036854775808",
		"-9223372036854775808",
		"-9223372036854775809",
		"00000000000000000000000000000012",
		"99999999999999999999999999999999",
	};
	static const char *const questions[] = {
		"SELECT rf_num(NULL), rf_truth(NULL)",
		"SELECT group_concat(t, ', ') FROM (SELECT 'a' AS t UNION ALL SELECT NULL "
		"UNION ALL SELECT 'b' ORDER BY 1) q",
		"SELECT group_concat(t, ', ') FROM (SELECT 'a' AS t) q WHERE t = 'b'",
	};
	const struct control c = {.id = "functions"};

	(void)state;
	if (!is_there())
		return;
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		RF_AUTOBUF struct rf_buf sql = {0};

		rf_buf_add_text(&sql, "SELECT rf_num(t), rf_truth(t) FROM (SELECT ");
		text_add(&sql, texts[i]);
		rf_buf_add_text(&sql, " AS t) q");
		assert_true(is_same(&c, rf_buf_text(&sql), rf_buf_text(&sql)));
	}
	for (size_t i = 0; i < RF_COUNT(questions); i++)
		assert_true(is_same(&c, questions[i], questions[i]));
}

/* Data of ours that is no host's fact: as the controls' loader has it. */
static void defaults_copy(void)
{
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(db, "SELECT * FROM vmx_default", -1, &stmt, NULL), 0);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *values[6];

		for (int i = 0; i < 6; i++)
			values[i] = (const char *)sqlite3_column_text(stmt, i);
		PGresult *result = PQexecParams(
			conn, "INSERT INTO vmx_default VALUES ($1, $2, $3, $4, $5, $6)", 6, NULL,
			values, NULL, NULL, 0);

		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			fail_msg("%s", PQresultErrorMessage(result));
		PQclear(result);
	}
	sqlite3_finalize(stmt);
}

static void run(const char *sql)
{
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(result));
	PQclear(result);
}

/* The table of facts.sql that is no host's, in PostgreSQL's words. */
static void defaults_table(void)
{
	RF_AUTOBUF struct rf_buf sql = {0};
	const char *at = strstr(fact_schema_sql, "CREATE TABLE vmx_default "), *end;

	assert_non_null(at);
	end = strstr(at, "\n);");
	assert_non_null(end);
	rf_buf_add(&sql, at, (size_t)(end + 3 - at));
	run(rf_buf_text(&sql));
	run("GRANT SELECT ON vmx_default TO ringfence_judge");
}

static int all_open(void **state)
{
	char url[160];
	struct rf_err err = {0};

	if (server_start(state))
		return -1;
	if (!place_address(&place, true))
		return 0;
	must(store_upgrade(place.owner, &err), &err);
	must(store_facts_upgrade(place.owner, &err), &err);
	must(control_set_load_builtin(&set, true, &err), &err);
	must(fact_store_open(&facts, &err), &err);
	must(control_defaults_load(facts, &err), &err);
	db = fact_store_db(facts);
	snprintf(url, sizeof(url), "%s", place.owner);
	conn = PQconnectdb(url);
	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	run("SET search_path = facts");
	defaults_table();
	defaults_copy();
	run("BEGIN");
	return 0;
}

static int all_close(void **state)
{
	if (conn) {
		PQfinish(conn);
		control_set_done(&set);
		fact_store_close(facts);
		place_done(&place);
	}
	return server_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_are_the_same),
		cmocka_unit_test(every_test_finds_the_same),
		cmocka_unit_test(every_control_is_prepared_by_who_only_reads),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, all_open, all_close);
}
