/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the rows of an SQL statement as a table, JSON or CSV. */
#ifndef RF_CLI_ROWS_H
#define RF_CLI_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum rows_format { ROWS_TABLE, ROWS_JSON, ROWS_CSV };

/* "table", "json", "csv"; NULL is table. 0 or RF_E_USAGE. */
int rows_format_parse(const char *name, enum rows_format *out, struct rf_err *err) RF_MUST_CHECK;

struct rows_printer {
	enum rows_format format;
	struct libscols_table *table;
	size_t rows_count;
};

/* Usable as judge_row_fn with the printer as arg. */
int rows_print(void *printer, int columns, sqlite3_stmt *stmt);
/* Prints what is left and frees. */
int rows_done(struct rows_printer *printer, struct rf_err *err) RF_MUST_CHECK;

/* Whether standard output wants colour (terminal, NO_COLOR, --color). */
bool rows_color(const char *when);
/* Columns of the terminal; 100 when there is none. */
unsigned rows_width(void);

#endif
