/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of facts as tools/gen-store-facts makes them of facts.sql. */
#ifndef RF_STORE_JUDGE_PARTS_H
#define RF_STORE_JUDGE_PARTS_H

#include <libpq-fe.h>

#include "store/facts.h"
#include "store/parts.h"

struct store_fact_table {
	const char *name;
	const char *key; /* places of the key's columns, a byte each */
	size_t key_count;
	struct store_statement put, drop, clear, each, each_of;
};
/* The first is the fleet's own: fleet_state. */
extern const struct store_fact_table store_fact_tables[];
extern const size_t store_fact_tables_count;
extern const char store_facts_sha256[], store_facts_sqlite[], store_facts_postgres[];

/* A connection as the store makes it; never NULL but without memory. */
PGconn *store_postgres_connect(const char *url);

/* Where an answer goes. */
struct store_answers {
	int (*take)(void *arg, const struct store_answer *answer);
	void *arg;
};

/* How an engine is asked; conn is its own. */
struct store_judge_engine {
	int (*open)(const char *url, void **out_conn, struct rf_err *err);
	void (*close)(void *conn);
	int (*ask)(void *conn, const struct store_question *question, struct store_answers to,
		   struct rf_err *err);
};
extern const struct store_judge_engine store_judge_sqlite, store_judge_postgres;

#endif
