/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a control's own tests, and its mutants against them. Each test is judged by the very
 * statement that judges a host; only the rows come from the file.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "control/internal.h"

struct selftest {
	const struct control *control;
	struct fact_store *store;
	struct rf_buf *out;
	struct control_test_result *result;
	enum finding_state *expected;	   /* one for each test */
	struct control_sql_options mutant; /* of the mutant that runs */
	bool mutate_when;
	struct rf_err *err;
};

/* The one state of a test's findings: the worst, unless it asks for one resource. */
static enum finding_state findings_state(const struct finding_set *set, const char *resource)
{
	static const enum finding_state order[] = {FINDING_ERROR, FINDING_FAIL, FINDING_UNKNOWN,
						   FINDING_PASS};

	for (size_t k = 0; k < RF_COUNT(order); k++) {
		for (size_t i = 0; i < set->count; i++) {
			if (resource && strcmp(set->items[i].resource, resource) != 0)
				continue;
			if (set->items[i].state == order[k])
				return order[k];
		}
	}
	return FINDING_NOT_APPLICABLE;
}

static int fact_value_bind(const struct fact_column *column, const struct yaml_node *entry,
			   size_t row, sqlite3_stmt *stmt, int at)
{
	int64_t n;

	if (!entry && column->required && column->is_text)
		return sqlite3_bind_text(stmt, at, strcmp(column->name, "host") == 0 ? "h" : "-",
					 -1, SQLITE_STATIC);
	if (!entry && column->required)
		return sqlite3_bind_int64(stmt, at, (sqlite3_int64)row);
	if (!entry)
		return sqlite3_bind_null(stmt, at);
	if (column->is_text)
		return sqlite3_bind_text(stmt, at, entry->text, -1, SQLITE_STATIC);
	if (rf_num(entry->text, 10, INT64_MIN, INT64_MAX, &n) < 0)
		return SQLITE_MISMATCH;
	return sqlite3_bind_int64(stmt, at, n);
}

static int row_keys_check(const struct selftest *t, const struct fact_table *table,
			  const struct yaml_node *row)
{
	for (size_t i = 0; i < row->items_count; i++) {
		bool known = false;

		for (size_t k = 0; k < table->columns_count; k++)
			known = known || strcmp(table->columns[k].name, row->items[i].key) == 0;
		if (!known || row->items[i].kind != YAML_TEXT)
			return yaml_fail(&t->control->doc, &row->items[i], t->err,
					 "tests: no column %s in %s", row->items[i].key,
					 table->name);
	}
	return 0;
}

static int facts_insert_row(struct selftest *t, const struct fact_table *table,
			    const struct yaml_node *row, size_t number)
{
	RF_AUTOBUF struct rf_buf sql = {0};
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = fact_store_db(t->store);
	int rc = row_keys_check(t, table, row);

	if (rc < 0)
		return rc;
	rf_buf_printf(&sql, "INSERT INTO %s VALUES (", table->name);
	for (size_t i = 0; i < table->columns_count; i++)
		rf_buf_add_text(&sql, i ? ",?" : "?");
	rf_buf_add_text(&sql, ")");
	rc = sqlite3_prepare_v2(db, rf_buf_text(&sql), -1, &stmt, NULL);
	for (size_t i = 0; rc == SQLITE_OK && i < table->columns_count; i++)
		rc = fact_value_bind(&table->columns[i], yaml_get(row, table->columns[i].name),
				     number, stmt, (int)i + 1);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	if (rc == SQLITE_DONE)
		return 0;
	return yaml_fail(&t->control->doc, row, t->err, "tests: %s: %s", table->name,
			 rc == SQLITE_MISMATCH ? "a number was expected" : sqlite3_errmsg(db));
}

static int facts_insert(struct selftest *t, const struct yaml_node *facts)
{
	for (size_t i = 0; i < facts->items_count; i++) {
		const struct yaml_node *rows = &facts->items[i];
		const struct fact_table *table = fact_table_find(rows->key);

		if (!table || table->is_view || rows->kind != YAML_LIST)
			return yaml_fail(&t->control->doc, rows, t->err,
					 "tests: %s is no fact table with a list of rows",
					 rows->key);
		for (size_t k = 0; k < rows->items_count; k++) {
			int rc = facts_insert_row(t, table, &rows->items[k], k);

			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int row_entries_check(const struct selftest *t, const struct yaml_node *row)
{
	const struct control *c = t->control;
	const struct fact_table *base = fact_table_find(c->table->base);

	for (size_t i = 0; i < row->items_count; i++) {
		const char *key = row->items[i].key;
		bool known =
			c->lookup && (strcmp(key, "value") == 0 || strcmp(key, "default") == 0);

		for (size_t k = 0; k < base->columns_count; k++)
			known = known || strcmp(base->columns[k].name, key) == 0;
		known = known || (c->table->extras[0] && strstr(c->table->extras, key));
		if (!known || row->items[i].kind != YAML_TEXT)
			return yaml_fail(&c->doc, &row->items[i], t->err,
					 "tests: no column %s in %s", key, c->over);
	}
	return 0;
}

/* Runs one statement and gives the state that a test compares. */
static int statement_state(struct selftest *t, const char *sql, const char *resource,
			   enum finding_state *out)
{
	FINDING_AUTOSET struct finding_set found = {0};
	sqlite3 *db = fact_store_db(t->store);
	sqlite3_stmt *stmt = NULL;
	int rc = sql_guard_prepare(db, sql, NULL, &stmt, t->err);

	if (!rc)
		rc = control_params_bind(t->control, NULL, 0, stmt, t->err);
	if (!rc)
		rc = judge_rows(t->store, t->control, stmt, &found, t->err);
	sqlite3_finalize(stmt);
	if (!rc)
		*out = findings_state(&found, resource);
	return rc;
}

static int test_state(struct selftest *t, const struct yaml_node *test, enum finding_state *out)
{
	const struct yaml_node *row = yaml_get(test, "row"), *facts = yaml_get(test, "facts");
	const struct yaml_node *resource = yaml_get(test, "resource");
	struct control_sql_options options = t->mutant;
	RF_AUTOBUF struct rf_buf sql = {0};
	sqlite3 *db = fact_store_db(t->store);
	int rc;

	if (!row == !facts || (row && t->control->query))
		return yaml_fail(&t->control->doc, test, t->err,
				 "a test has either row (with over) or facts");
	options.row = row;
	rc = row ? row_entries_check(t, row) : 0;
	if (!rc)
		rc = control_sql(t->control, &options, &sql, t->err);
	if (rc < 0)
		return rc;
	if (facts) {
		sqlite3_exec(db, "SAVEPOINT test", NULL, NULL, NULL);
		rc = facts_insert(t, facts);
	}
	if (!rc)
		rc = statement_state(t, rf_buf_text(&sql), resource ? resource->text : NULL, out);
	if (facts)
		sqlite3_exec(db, "ROLLBACK TO test; RELEASE test", NULL, NULL, NULL);
	return rc;
}

static int tests_run(struct selftest *t)
{
	const struct yaml_node *tests = t->control->tests;

	for (size_t i = 0; i < tests->items_count; i++) {
		const struct yaml_node *test = &tests->items[i];
		enum finding_state got;

		if (finding_state_parse(yaml_get(test, "expect")->text, &t->expected[i]) < 0)
			return yaml_fail(&t->control->doc, test, t->err,
					 "expect: pass, fail, unknown or not_applicable");
		int rc = test_state(t, test, &got);

		if (rc < 0)
			return rc;
		t->result->rows_count++;
		if (got == t->expected[i])
			continue;
		t->result->rows_failed++;
		rf_buf_printf(t->out, "%s:%u: expected %s, got %s\n", t->control->doc.name,
			      test->line, finding_state_name(t->expected[i]),
			      finding_state_name(got));
	}
	return 0;
}

/* Is there a test that this mutant fails? A mutant that SQL refuses is dead too. */
static int mutant_run(void *arg, const char *expression, const char *what)
{
	struct selftest *t = arg;
	const struct yaml_node *tests = t->control->tests;
	struct rf_err ignored = {0}, *real = t->err;

	t->result->mutants_count++;
	t->mutant = (struct control_sql_options){0};
	if (t->control->query)
		t->mutant.query = expression;
	else if (t->mutate_when)
		t->mutant.when = expression;
	else
		t->mutant.pass = expression;
	for (size_t i = 0; i < tests->items_count; i++) {
		enum finding_state got;

		t->err = &ignored;
		int rc = test_state(t, &tests->items[i], &got);

		t->err = real;
		if (rc < 0 || got != t->expected[i]) {
			t->mutant = (struct control_sql_options){0};
			return 0;
		}
	}
	t->mutant = (struct control_sql_options){0};
	t->result->mutants_alive++;
	rf_buf_printf(t->out, "%s: no test notices when in `%s` %s\n", t->control->doc.name,
		      t->control->query ? "query"
		      : t->mutate_when	? "when"
					: "pass",
		      what);
	return 0;
}

static int mutants_run(struct selftest *t)
{
	const struct control *c = t->control;
	int rc;

	if (c->query)
		return mutants_of_query(c->query, mutant_run, t);
	rc = mutants_of_expression(c->pass, mutant_run, t);
	if (!rc && c->when) {
		t->mutate_when = true;
		rc = mutants_of_expression(c->when, mutant_run, t);
	}
	return rc;
}

int control_test(const struct control *control, struct fact_store *scratch, bool mutants,
		 struct rf_buf *out, struct control_test_result *result, struct rf_err *err)
{
	struct selftest t = {
		.control = control, .store = scratch, .out = out, .result = result, .err = err};

	if (!control->tests)
		return rf_fail(err, RF_E_MISSING, "%s has no tests", control->id);
	t.expected = rf_alloc(control->tests->items_count, sizeof(*t.expected));
	if (!t.expected)
		return rf_fail(err, -ENOMEM, "no memory");
	int rc = tests_run(&t);

	/* Mutants of a control that fails its own tests prove nothing. */
	if (!rc && mutants && result->rows_failed == 0)
		rc = mutants_run(&t);
	rf_free(t.expected);
	return rc;
}
