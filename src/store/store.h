/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager's durable store: one interface over SQLite (one manager) and PostgreSQL (several).
 *
 * A statement is a row of statements.c, its values are typed parameters, and no text of a caller
 * ever becomes SQL. What the fleet needs in whole transactions is in fleet.h. It is not the store
 * of facts in memory that one run judges (model/store.h).
 */
#ifndef RF_STORE_STORE_H
#define RF_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum store_kind { STORE_NULL, STORE_INT, STORE_TEXT, STORE_BLOB };

/* One value, borrowed: of a parameter until the call ends, of a row until its callback returns.
 * The bytes of a row's text are followed by a NUL. */
struct store_value {
	enum store_kind kind;
	int64_t number;
	struct rf_slice bytes;
};

struct store_params {
	const struct store_value *values;
	size_t count;
};

static inline struct store_value store_int(int64_t number)
{
	return (struct store_value){.kind = STORE_INT, .number = number};
}

static inline struct store_value store_blob(struct rf_slice bytes)
{
	return (struct store_value){.kind = STORE_BLOB, .bytes = bytes};
}

/* NULL gives a NULL. */
static inline struct store_value store_text(const char *text)
{
	return text ? (struct store_value){.kind = STORE_TEXT, .bytes = rf_slice_text(text)}
		    : (struct store_value){.kind = STORE_NULL};
}

/* The text of a row's value; NULL for a NULL. */
static inline const char *store_value_text(const struct store_value *value)
{
	return value->kind == STORE_NULL ? NULL : (const char *)value->bytes.data;
}

/* The parameters of a statement: STORE_PARAMS(store_text(host), store_int(now_ms)). */
#define STORE_PARAMS(...)                                                                          \
	((struct store_params){(const struct store_value[]){__VA_ARGS__},                          \
			       sizeof((struct store_value[]){__VA_ARGS__}) /                       \
				       sizeof(struct store_value)})
#define STORE_NO_PARAMS ((struct store_params){NULL, 0})

/* Called for each row, with as many values as the statement has columns. Runs nothing on the
 * same store. Another answer than 0 ends the calls and is what the statement answers. */
struct store_rows {
	int (*take)(void *arg, const struct store_value *row);
	void *arg;
};

struct store;

/*
 * Brings the store at url (sqlite:/path/file.db or postgresql://...) to this program's version,
 * making it where there is none; in PostgreSQL as the owner, who is not who runs the manager.
 * A SQLite store that was not closed in order is checked whole. RF_E_UNSUPPORTED when the store is
 * newer than this program, RF_E_MISMATCH when a migration it had is not the one we have or the
 * file is no store, RF_E_MISSING when PostgreSQL has not the roles, RF_E_DATABASE when damaged.
 */
int store_upgrade(const char *url, struct rf_err *err) RF_MUST_CHECK;

/*
 * Opens a store of exactly this program's version; closed by store_close, used by one thread, and
 * not across fork. RF_E_CHANGED when it wants store_upgrade first, RF_E_DENIED when PostgreSQL's
 * role may change the schema; else as store_upgrade.
 */
int store_open(const char *url, struct store **out, struct rf_err *err) RF_MUST_CHECK;
void store_close(struct store *store);

static inline void store_close_p(struct store **store)
{
	store_close(*store);
}
#define STORE_AUTOCLOSE __attribute__((cleanup(store_close_p)))

/*
 * Runs body in a transaction: all of it lasts when 0 is returned, else nothing. body may be run
 * more than once (when another writer was in the way), so it changes nothing but the store before
 * it succeeds; it fails as it likes, and a statement that failed fails the transaction. Within
 * another transaction it is a part of that one. Errors of body; -EAGAIN when others were in the way
 * to the end, RF_E_PEER when the database went away (whether the commit came to pass is then not
 * known), -ENOSPC, RF_E_DATABASE.
 */
int store_transaction(struct store *store,
		      int (*body)(struct store *store, void *arg, struct rf_err *err), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

/* The database's clock in ms since 1970-01-01 UTC: the one that several managers share. */
int store_now(struct store *store, int64_t *out_ms, struct rf_err *err) RF_MUST_CHECK;

/* The version of the schema that this program has. */
int store_version(void);

/*
 * Writes a copy as of now to the new file path (0600), while others write. It stands there whole or
 * not at all. -EEXIST when something is there; RF_E_UNSUPPORTED for PostgreSQL (pg_dump does it).
 */
int store_backup(struct store *store, const char *path, struct rf_err *err) RF_MUST_CHECK;

/* One table as store_migrate saw it on both sides. */
struct store_table_count {
	const char *table;
	uint64_t rows_count;
};

/*
 * Copies the SQLite store at from into the empty, upgraded store at to, in one transaction, and
 * compares each table's rows (their number and their digests) before it commits. each (NULL for
 * none) hears of each table. RF_E_DUPLICATE when to is not empty, RF_E_MISMATCH when they differ.
 */
int store_migrate(const char *from, const char *to,
		  void (*each)(void *arg, const struct store_table_count *count), void *arg,
		  struct rf_err *err) RF_MUST_CHECK;

#endif
