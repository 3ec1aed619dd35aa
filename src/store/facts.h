/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts of all hosts (the tables of model/facts.sql), and questions over them. They are what
 * the agents said last and can say again: when the tables of this program are others than the
 * store's, they are made anew, and each host is asked for all of its facts.
 *
 * Callbacks and answers as in fleet.h.
 */
#ifndef RF_STORE_FACTS_H
#define RF_STORE_FACTS_H

#include "store/fleet.h"

/* Makes the tables of facts, or makes them anew where they are others; as the owner, after
 * store_upgrade. What it says, and nothing where they are as they should be. */
int store_facts_upgrade(const char *url, struct rf_err *err) RF_MUST_CHECK;

/* RF_E_CHANGED where they are not this program's and want store_facts_upgrade first. */
int store_facts_check(struct store *store, struct rf_err *err) RF_MUST_CHECK;

/* A row. values has one for each column of the table, host first: whatever stands there, the row is
 * the host's that the act names. Of one that is gone the key alone is read. */
struct store_fact {
	const char *table;
	const struct store_value *values;
	size_t count;
	bool gone;
};

struct store_facts {
	const char *host;
	bool whole; /* these are all: what else is here of the host goes */
	const struct store_fact *facts;
	size_t count;
	int64_t at_ms;
};

/* Makes a host's facts so, best within store_spool_take. RF_E_CHANGED for a difference when the
 * host's facts are not here: it has to send the whole. RF_E_UNKNOWN (host, table), RF_E_DENIED
 * (retired), RF_E_SYNTAX (not as many values as columns), RF_E_USAGE (of another type). */
int store_facts_put(struct store *store, const struct store_facts *facts,
		    const struct store_lease *lease, struct rf_err *err) RF_MUST_CHECK;

/* When the host's facts were put last; 0: they are not here. */
int store_facts_at(struct store *store, const char *host, int64_t *out_ms,
		   struct rf_err *err) RF_MUST_CHECK;

/* Gives take every row of the host, table by table. They may change between two tables: what was
 * made of them counts once store_facts_judged says that they did not. */
int store_facts_each(struct store *store, const char *host,
		     int (*take)(void *arg, const struct store_fact *fact), void *arg,
		     struct rf_err *err) RF_MUST_CHECK;

/* Gives take the rows of one table of many hosts (a JSON array of ids), by one question.
 * RF_E_UNKNOWN for no table of facts. */
int store_facts_table(struct store *store, const char *hosts, const char *table,
		      int (*take)(void *arg, const struct store_fact *fact), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

/* Which hosts: not retired, whose facts are others than those that were judged last, or were judged
 * by another judge (its controls, by any name below STORE_ID_BYTES). */
struct store_unjudged {
	const char *judge, *after; /* "" for the first; in order of id */
	int64_t limit;
};

/* Gives take the hosts, each with the number that its facts have now; a change makes it greater. */
int store_facts_unjudged(struct store *store, const struct store_unjudged *page,
			 int (*take)(void *arg, const char *host, int64_t revision), void *arg,
			 struct rf_err *err) RF_MUST_CHECK;

/* The facts of that number are judged: in the transaction of the findings, behind
 * store_findings_put. RF_E_CHANGED when the host's are others now. */
int store_facts_judged(struct store *store, const char *host, int64_t revision, const char *judge,
		       struct rf_err *err) RF_MUST_CHECK;

struct store_judge;

/*
 * Opens the store for questions over the facts, and for nothing else: no other table, no writing.
 * For SQLite the store's own address; for PostgreSQL one of a role that may sign in and is
 * ringfence_judge or a member of it alone. RF_E_DENIED when the role may do more than read facts;
 * else as store_open.
 */
int store_judge_open(const char *url, struct store_judge **out, struct rf_err *err) RF_MUST_CHECK;
void store_judge_close(struct store_judge *judge); /* accepts NULL */

/* A row of an answer. Numbers are STORE_INT, all else is text; names are the columns'. */
struct store_answer {
	const char *const *names;
	const struct store_value *values;
	size_t count;
};

struct store_question {
	const char *sql; /* a person's: one SELECT */
	int64_t rows_max;
	int64_t timeout_ms;
};

/* Asks; tables are named as in facts.sql. RF_E_LIMIT when there were more rows (those before were
 * given), RF_E_TIMEOUT, RF_E_DENIED (not a table of facts, or not reading), RF_E_DATABASE (not
 * understood). */
int store_judge_ask(struct store_judge *judge, const struct store_question *question,
		    int (*take)(void *arg, const struct store_answer *answer), void *arg,
		    struct rf_err *err) RF_MUST_CHECK;

#endif
