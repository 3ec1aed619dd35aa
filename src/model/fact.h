/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: what a collector saw, one row at a time. The tables are those of facts.sql;
 *tools/gen-facts makes a struct and a put function for each, so that a collector writes
 *
 *	fact_put_sysctl(out, &(struct fact_sysctl){.key = "kernel.kptr_restrict", .value = "1",
 *	                                           .source = "/proc/sys/kernel/kptr_restrict"});
 *
 * A field that is left out is NULL: not known. `host` is filled in by the sink.
 */
#ifndef RF_MODEL_FACT_H
#define RF_MODEL_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* A number that may be unknown; zeroed means unknown. */
struct fact_int {
	bool known;
	int64_t v;
};

#define FACT_INT(x)  ((struct fact_int){true, (int64_t)(x)})
#define FACT_BOOL(x) ((struct fact_int){true, (x) ? 1 : 0})

struct fact_column {
	const char *name;
	size_t offset; /* of the field in the row's struct: const char * or struct fact_int */
	bool is_text;
	bool in_key;
	bool required;
	const char *doc;
};

struct fact_table {
	const char *name;
	const char *doc;
	const char *key;		   /* natural key without host, joined by ',' */
	const struct fact_column *columns; /* NULL for a view */
	size_t columns_count;
	bool is_kv;
	bool is_view;
	const char *base;   /* of a view: the table its rows come from; else the table itself */
	const char *extras; /* of a view: columns it adds, joined by ',' */
};

struct fact_sink;
enum fact_table_id;

/* Where rows go. put returns 0 or a negative code; the sink keeps the first failure. */
struct fact_sink {
	int (*put)(struct fact_sink *sink, const struct fact_table *table, const void *row);
	const char *host; /* written into every row whose host is NULL */
	uint64_t rows_count;
	uint64_t gaps_count;
	struct rf_err err; /* first failure; once set, puts do nothing */
};

/* Writes one row; row is the table's struct. Never fails visibly: ask fact_sink_check at the end.
 */
void fact_put(struct fact_sink *sink, enum fact_table_id table, const void *row);

/*
 * Says that a fact could not be had. key is the row's natural key without host, joined by '/', or
 * "" for the whole table; col is the column or "" for the row. The format is one sentence for a
 * person.
 */
void fact_gap(struct fact_sink *sink, enum fact_table_id table, const char *key, const char *col,
	      const char *source, const char *fmt, ...) RF_PRINTF(6, 7);

/* 0 or the first failure of the sink. */
int fact_sink_check(const struct fact_sink *sink, struct rf_err *err) RF_MUST_CHECK;

/* The tables, indexed by enum fact_table_id. */
extern const struct fact_table fact_tables[];
/* The schema, and the statements that fill derived columns, as SQL. */
extern const char fact_schema_sql[];
/* Names the schema: rows in the wire form are read only by who has the same. 32 digits. */
extern const char fact_schema_id[];
extern const char fact_derive_sql[];

/* The table of that name, or NULL. */
const struct fact_table *fact_table_find(const char *name);
/* Its number in fact_tables. */
enum fact_table_id fact_table_id(const struct fact_table *table);

/*
 * Wire form of a row, for the pipe between a collector's process and the judge's. The reader trusts
 * nothing: table, column count, lengths and total size are checked.
 */
int fact_encode(const struct fact_table *table, const char *host, const void *row,
		struct rf_buf *out) RF_MUST_CHECK;

/* One value of a decoded row; text is borrowed from the message and NUL-terminated. */
struct fact_value {
	const char *text;
	int64_t number;
	bool known;
};

#define FACT_MAX_COLUMNS 96

/* The same wire form from a decoded row's values, as many as the table has columns. RF_E_MISSING
 * for a required one that is not known. */
int fact_encode_values(const struct fact_table *table,
		       const struct fact_value values[FACT_MAX_COLUMNS],
		       struct rf_buf *out) RF_MUST_CHECK;

/* Decodes one message into values (as many as the table has columns). Returns 0 or RF_E_*. */
int fact_decode(struct rf_slice message, const struct fact_table **out_table,
		struct fact_value out_values[FACT_MAX_COLUMNS], struct rf_err *err) RF_MUST_CHECK;

#include "model/facts_gen.h"

#endif
