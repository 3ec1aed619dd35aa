/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share; nobody else includes it. */
#ifndef RF_CONTROL_INTERNAL_H
#define RF_CONTROL_INTERNAL_H

#include "control/control.h"
#include "control/sql_token.h"

/* ---- guard.c: SQL of strangers runs read-only, on facts alone, and not for ever ---- */

/* One bit for each fact table. */
#define TABLE_WORDS ((FACT_T_COUNT + 63) / 64)

struct sql_guard {
	uint64_t tables[TABLE_WORDS];  /* out: fact tables that were read */
	char denied[96];	       /* out: what was refused; "" when nothing */
	const struct fact_table *last; /* the one asked about before */
};

/* From here on the connection prepares only SELECTs over fact tables. guard may be NULL to only
 * check. Ends with sql_guard_leave. */
void sql_guard_enter(sqlite3 *db, struct sql_guard *guard);
void sql_guard_leave(sqlite3 *db);

/* Prepares one guarded statement. A refusal says what was refused. */
int sql_guard_prepare(sqlite3 *db, const char *sql, struct sql_guard *guard, sqlite3_stmt **out,
		      struct rf_err *err) RF_MUST_CHECK;

/* Steps until done; row (may be NULL) sees each row. RF_E_TIMEOUT past the step limit. */
int sql_guard_run(sqlite3 *db, sqlite3_stmt *stmt, judge_row_fn *row, void *arg,
		  struct rf_err *err) RF_MUST_CHECK;

/* ---- check.c: from a bound control to SQL ---- */

/* Columns of the judge's statement, before the needs and the evidence. */
enum {
	COL_HOST,
	COL_RESOURCE,
	COL_VM,
	COL_LAYER,
	COL_GAP_KEY,
	COL_APPLIES,
	COL_PASS,
	COL_SOURCE,
	COL_FIXED
};

/* Validates texts, tables, columns, refs, fix; finds what the expressions need. With db (any
 * connection with the schema) also that SQLite accepts the SQL and the fence lets it through. */
int control_check(struct control *control, sqlite3 *db, struct rf_err *err) RF_MUST_CHECK;

/*
 * The statement of a control, with other expressions in the place of when and pass (mutants; NULL
 * for the control's own) and, for a row test, values in the place of the table.
 */
struct control_sql_options {
	const char *when, *pass, *query;
	const struct yaml_node *row; /* map of a row test, or NULL */
};
int control_sql(const struct control *control, const struct control_sql_options *options,
		struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

/* The control's statement, guarded, ready for its parameters. guard->tables says what it reads. */
int control_prepare(const struct control *control, sqlite3 *db, struct sql_guard *guard,
		    sqlite3_stmt **out, struct rf_err *err) RF_MUST_CHECK;

/* The verb table of `fix`, see docs/howto/add-a-control.md. */
int control_fix_check(const struct control *control, struct rf_err *err) RF_MUST_CHECK;

/* Binds :name parameters: the control's defaults, then overrides of the profiles (may be NULL). */
int control_params_bind(const struct control *control, const struct yaml_node *const *overrides,
			size_t overrides_count, sqlite3_stmt *stmt,
			struct rf_err *err) RF_MUST_CHECK;

/* Frees what a control owns. */
void control_done(struct control *control);

/* Refuses a file: why becomes a line of set->problems. Only lack of memory is an error. */
int control_problem_add(struct control_set *set, const struct rf_err *why,
			struct rf_err *err) RF_MUST_CHECK;

/* ---- profile.c: one file each, parsed, checked and added ---- */
int profile_load(struct control_set *set, const char *name, struct rf_slice text, bool from_site,
		 struct rf_err *err) RF_MUST_CHECK;
int waivers_load(struct control_set *set, const char *name, struct rf_slice text,
		 struct rf_err *err) RF_MUST_CHECK;

/* ---- findings.c ---- */

/* Room in the arena, zeroed; NULL when memory is short. */
char *finding_text(struct finding_set *set, const char *text, size_t len);
struct finding *finding_add(struct finding_set *set);
void finding_sort(struct finding_set *set);

/* ---- judge.c ---- */

/* Runs a control's statement (already bound) and adds a finding for each row; reasons of gaps are
 * not looked up (tests compare states). */
int judge_rows(struct fact_store *store, const struct control *control, sqlite3_stmt *stmt,
	       struct finding_set *out, struct rf_err *err) RF_MUST_CHECK;

/* ---- mutant.c ---- */

typedef int mutant_fn(void *arg, const char *expression, const char *what);

/* Calls back with each mutant of an SQL expression. Stops at a non-zero answer and returns it. */
int mutants_of_expression(const char *expression, mutant_fn *call, void *arg);
/* The same for a whole query: constants, comparisons, AND/OR; no clause is dropped. */
int mutants_of_query(const char *query, mutant_fn *call, void *arg);

#endif
