/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fact store of one run: an SQLite database in memory with the tables of facts.sql.
 * Rows come from a sink (same process) or as decoded messages (another process).
 */
#ifndef RF_MODEL_STORE_H
#define RF_MODEL_STORE_H

#include <sqlite3.h>

#include "model/fact.h"

struct fact_store;

/* An empty store with every table. Close with fact_store_close. */
int fact_store_open(struct fact_store **out, struct rf_err *err) RF_MUST_CHECK;
void fact_store_close(struct fact_store *store);

static inline void fact_store_close_p(struct fact_store **store)
{
	fact_store_close(*store);
}
#define FACT_AUTOSTORE __attribute__((cleanup(fact_store_close_p)))

/* A sink that inserts directly; host is copied. One sink at a time; valid until the next call. */
struct fact_sink *fact_store_sink(struct fact_store *store, const char *host);

/* Inserts a decoded row, which is copied: many go into the database at once. A second row with the
 * same natural key is not inserted; a fact_gap row says so. Returns 0, RF_E_LIMIT when the store is
 * full, -ENOMEM, RF_E_DATABASE. */
int fact_store_insert(struct fact_store *store, const struct fact_table *table,
		      const struct fact_value *values, struct rf_err *err) RF_MUST_CHECK;

/* Puts every row that waits into the database. 0, -ENOMEM or RF_E_DATABASE. */
int fact_store_flush(struct fact_store *store, struct rf_err *err) RF_MUST_CHECK;

/* Ends the loading: makes the indexes, runs derive.sql. No insert may follow. */
int fact_store_finish(struct fact_store *store, struct rf_err *err) RF_MUST_CHECK;

/* The database, for the judge, with every row that was inserted. */
sqlite3 *fact_store_db(struct fact_store *store);

/* Calls take for each row that a question of our own has, in order. take's error ends it; else
 * RF_E_DATABASE where the question cannot be asked to its end. */
int fact_store_each(struct fact_store *store, const char *question,
		    int (*take)(void *arg, sqlite3_stmt *row), void *arg) RF_MUST_CHECK;

/* Rows inserted so far. */
uint64_t fact_store_rows(const struct fact_store *store);

/* Registers rf_num(text) and rf_truth(text) on a connection: the number or the yes/no of a
 * setting's text, NULL when it is none. PostgreSQL has the same two as SQL functions. */
int fact_functions_register(sqlite3 *db, struct rf_err *err) RF_MUST_CHECK;

#endif
