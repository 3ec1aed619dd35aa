/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an SQL statement for a person or a program. See rows.h. */
#include <errno.h>
#include <jansson.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/rows.h"

int rows_format_parse(const char *name, enum rows_format *out, struct rf_err *err)
{
	static const char *const names[] = {"table", "json", "csv"};

	*out = ROWS_TABLE;
	for (size_t i = 0; name && i < RF_COUNT(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*out = (enum rows_format)i;
			return 0;
		}
	}
	return name ? rf_fail(err, RF_E_USAGE, "there is no format %s here: table, json or csv",
			      name)
		    : 0;
}

bool rows_color(const char *when)
{
	const char *none = getenv("NO_COLOR");

	if (when && strcmp(when, "always") == 0)
		return true;
	if (when && strcmp(when, "never") == 0)
		return false;
	return isatty(STDOUT_FILENO) && !(none && *none);
}

unsigned rows_width(void)
{
	struct winsize w;
	const char *env = getenv("COLUMNS");
	int64_t n;

	if (env && rf_num(env, 10, 40, 1000, &n) == 0)
		return (unsigned)n;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40)
		return w.ws_col;
	return 100;
}

static int table_start(struct rows_printer *p, int columns, sqlite3_stmt *stmt)
{
	p->table = scols_new_table();
	if (!p->table)
		return -ENOMEM;
	/* Whole values into a pipe, fitted columns on a terminal. */
	bool tty = isatty(STDOUT_FILENO);

	scols_table_set_termforce(p->table, tty ? SCOLS_TERMFORCE_AUTO : SCOLS_TERMFORCE_NEVER);
	for (int i = 0; i < columns; i++) {
		int flags = tty && i == columns - 1 ? SCOLS_FL_WRAP : 0;

		if (!scols_table_new_column(p->table, sqlite3_column_name(stmt, i), 0.1, flags))
			return -ENOMEM;
	}
	return 0;
}

static int table_row(struct rows_printer *p, int columns, sqlite3_stmt *stmt)
{
	if (!p->table && table_start(p, columns, stmt) < 0)
		return -ENOMEM;
	struct libscols_line *line = scols_table_new_line(p->table, NULL);

	for (int i = 0; line && i < columns; i++) {
		RF_AUTOBUF struct rf_buf cell = {0};
		const char *text = (const char *)sqlite3_column_text(stmt, i);

		if (!text)
			text = "-";
		rf_buf_add_visible(&cell, text, strlen(text));
		if (scols_line_set_data(line, (size_t)i, rf_buf_text(&cell)))
			return -ENOMEM;
	}
	return line ? 0 : -ENOMEM;
}

static int json_row(struct rows_printer *p, int columns, sqlite3_stmt *stmt)
{
	json_t *row = json_object();

	for (int i = 0; i < columns; i++) {
		json_t *value = json_null();

		if (sqlite3_column_type(stmt, i) == SQLITE_INTEGER)
			value = json_integer(sqlite3_column_int64(stmt, i));
		else if (sqlite3_column_type(stmt, i) == SQLITE_FLOAT)
			value = json_real(sqlite3_column_double(stmt, i));
		else if (sqlite3_column_type(stmt, i) != SQLITE_NULL)
			value = json_string((const char *)sqlite3_column_text(stmt, i));
		json_object_set_new(row, sqlite3_column_name(stmt, i), value);
	}
	fputs(p->rows_count ? ",\n" : "[\n", stdout);
	int rc = row ? json_dumpf(row, stdout, JSON_COMPACT) : -1;

	json_decref(row);
	return rc < 0 ? -ENOMEM : 0;
}

static void csv_field(const char *text, const char *end)
{
	bool quote = strpbrk(text, ",\"\r\n") != NULL;

	if (quote)
		putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	printf("%s%s", quote ? "\"" : "", end);
}

static int csv_row(struct rows_printer *p, int columns, sqlite3_stmt *stmt)
{
	for (int i = 0; p->rows_count == 0 && i < columns; i++)
		csv_field(sqlite3_column_name(stmt, i), i + 1 < columns ? "," : "\r\n");
	for (int i = 0; i < columns; i++) {
		const char *text = (const char *)sqlite3_column_text(stmt, i);

		csv_field(text ? text : "", i + 1 < columns ? "," : "\r\n");
	}
	return 0;
}

int rows_print(void *printer, int columns, sqlite3_stmt *stmt)
{
	struct rows_printer *p = printer;
	int rc;

	if (p->format == ROWS_TABLE)
		rc = table_row(p, columns, stmt);
	else
		rc = p->format == ROWS_JSON ? json_row(p, columns, stmt)
					    : csv_row(p, columns, stmt);
	p->rows_count++;
	return rc;
}

int rows_done(struct rows_printer *p, struct rf_err *err)
{
	int rc = 0;

	if (p->table)
		rc = scols_print_table(p->table);
	else if (p->format == ROWS_JSON)
		puts(p->rows_count ? "\n]" : "[]");
	else if (p->format == ROWS_TABLE)
		puts("no rows");
	scols_unref_table(p->table);
	p->table = NULL;
	return rc ? rf_fail(err, -ENOMEM, "the table could not be printed") : 0;
}
