/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the back ends, the statements, the migrations. */
#ifndef RF_STORE_PARTS_H
#define RF_STORE_PARTS_H

#include <sys/types.h>

#include "store/statement_ids.h"
#include "store/store.h"

#define STORE_MAX_COLUMNS 104 /* and parameters */
/* Numbers of statements that are prepared once: those of statements.c, and behind them the facts'.
 */
#define STORE_MAX_PREPARED (STORE_S_COUNT + 600)
#define STORE_ONCE	   SIZE_MAX /* as a number: prepared for one use */

/*
 * Every statement. Parameters are $1, $2 ...; params and columns have one letter for each, i for
 * an integer, t for text, b for bytes. Both engines take the same text; postgres is set where they
 * do not.
 */
struct store_statement {
	const char *sql;
	const char *postgres; /* NULL: as sql */
	const char *params;
	const char *columns;
};

extern const struct store_statement store_statements[STORE_S_COUNT];

struct store_migration {
	int version;
	const char *name, *sha256, *sqlite, *postgres;
};
extern const struct store_migration store_migrations[];
extern const size_t store_migrations_count;

enum store_access { STORE_AS_OWNER, STORE_AS_RUNTIME };

/*
 * An engine. db is its own state. Each answers 0 or a negative code with words: RF_E_DUPLICATE (a
 * key is there), RF_E_MISSING (what it refers to is not), RF_E_MISMATCH (a CHECK), -EAGAIN (another
 * writer), RF_E_PEER, -ENOSPC, RF_E_TIMEOUT, RF_E_DENIED, RF_E_DATABASE.
 */
struct store_backend {
	const char *scheme; /* how its URLs begin */
	bool is_postgres;
	int (*open)(const char *url, enum store_access access, void **out_db, struct rf_err *err);
	void (*close)(void *db);
	/* id as above; rows.take may be NULL. */
	int (*run)(void *db, const struct store_statement *statement, size_t id,
		   struct store_params params, struct store_rows rows, struct rf_err *err);
	/* Our own text of several statements. */
	int (*script)(void *db, const char *sql, struct rf_err *err);
	/* BEGIN, COMMIT, ROLLBACK; begin makes a lost connection anew. */
	int (*begin)(void *db, struct rf_err *err);
	int (*commit)(void *db, struct rf_err *err);
	void (*rollback)(void *db);
	int (*backup)(void *db, const char *path, struct rf_err *err);
	/* store_wake_listen, _fd, _read; NULL where nobody can be waked. */
	int (*wake_listen)(void *db, struct rf_err *err);
	int (*wake_fd)(void *db);
	bool (*wake_read)(void *db);
};
extern const struct store_backend store_backend_sqlite, store_backend_postgres;

struct store {
	const struct store_backend *backend;
	void *db;
	pid_t pid; /* whose it is */
	bool in_transaction;
	bool in_rows;	      /* a callback runs */
	int64_t waked_ms;     /* when others were waked last, by the monotonic clock */
	struct rf_err failed; /* what failed in this transaction */
};

/* Runs a statement, within a transaction or as one of its own. RF_E_USAGE when params are not what
 * it wants; RF_E_SYNTAX for a text with NUL or broken UTF-8, RF_E_LIMIT for too much. */
int store_run(struct store *store, enum store_statement_id id, struct store_params params,
	      struct store_rows rows, struct rf_err *err) RF_MUST_CHECK;

/* The same for a statement that is no row, used once. */
int store_run_text(struct store *store, const struct store_statement *statement,
		   struct store_params params, struct store_rows rows,
		   struct rf_err *err) RF_MUST_CHECK;

/* The same for a statement of another table, prepared once: number is its own there. */
int store_run_more(struct store *store, const struct store_statement *statement, size_t number,
		   struct store_params params, struct store_rows rows,
		   struct rf_err *err) RF_MUST_CHECK;

/* Runs a statement that gives one row of one integer, or none: then *out stays. */
int store_run_int(struct store *store, enum store_statement_id id, struct store_params params,
		  int64_t *out, struct rf_err *err) RF_MUST_CHECK;

/* Opens without a look at the version. */
int store_connect(const char *url, enum store_access access, struct store **out,
		  struct rf_err *err) RF_MUST_CHECK;

/* store_upgrade with other migrations, for tests. */
int store_upgrade_to(const char *url, const struct store_migration *migrations, size_t count,
		     struct rf_err *err) RF_MUST_CHECK;

/* Are the applied migrations exactly these? As store_open says. */
int store_version_check(struct store *store, const struct store_migration *migrations, size_t count,
			struct rf_err *err) RF_MUST_CHECK;

#endif
