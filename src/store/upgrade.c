/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema's versions: forward only, each migration in one transaction with its row in
 * store_migration. What was applied is compared with what this program has, so that nobody works
 * on a schema that only looks like ours.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/parts.h"

/* Two managers that start at once: the second waits, and finds the work done. */
#define LOCK_POSTGRES "SELECT pg_advisory_xact_lock(1380348788)"

#define TABLE                                                                                      \
	"CREATE TABLE IF NOT EXISTS store_migration (version INTEGER PRIMARY KEY, "                \
	"name TEXT NOT NULL, sha256 TEXT NOT NULL)"

/* The roles are made once by the database's administrator; see README.md. */
static const struct store_statement roles = {
	NULL, "SELECT count(*) FROM pg_roles WHERE rolname = 'ringfence_runtime'", "", "i"};

/* Rows for the manager, the schema for its owner alone. */
static const char grants[] =
	"GRANT USAGE ON SCHEMA ringfence TO ringfence_runtime;"
	"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ringfence TO ringfence_runtime;"
	"REVOKE INSERT, UPDATE, DELETE ON store_migration FROM ringfence_runtime";

static const struct store_statement has_table = {
	"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'store_migration'",
	"SELECT count(*) FROM pg_tables WHERE schemaname = 'ringfence' AND tablename = 'store_migration'",
	"", "i"};
static const struct store_statement applied_each = {
	"SELECT version, name, sha256 FROM store_migration ORDER BY version", NULL, "", "itt"};
static const struct store_statement applied_add = {
	"INSERT INTO store_migration (version, name, sha256) VALUES ($1, $2, $3)", NULL, "itt", ""};

/* What is applied, compared with what we have. */
struct applied {
	const struct store_migration *migrations;
	size_t known; /* how many we have */
	size_t count; /* how many are applied */
	struct rf_err *err;
};

static int take_int(void *arg, const struct store_value *row)
{
	*(int64_t *)arg = row[0].number;
	return 0;
}

static int take_applied(void *arg, const struct store_value *row)
{
	struct applied *applied = arg;
	size_t at = applied->count++;

	if (at >= applied->known)
		return 0;
	const struct store_migration *ours = &applied->migrations[at];

	if (row[0].number == ours->version && rf_equal(store_value_text(&row[2]), ours->sha256))
		return 0;
	return rf_fail(applied->err, RF_E_MISMATCH,
		       "migration %lld (%s) of the store is not the one that this program has",
		       (long long)row[0].number, store_value_text(&row[1]));
}

/* How many of the migrations are applied. */
static int applied_count(struct store *store, struct applied *applied, struct rf_err *err)
{
	int64_t there = 0;
	int rc = store_run_text(store, &has_table, STORE_NO_PARAMS,
				(struct store_rows){take_int, &there}, err);

	applied->count = 0;
	applied->err = err;
	if (rc || !there)
		return rc;
	rc = store_run_text(store, &applied_each, STORE_NO_PARAMS,
			    (struct store_rows){take_applied, applied}, err);
	if (!rc && applied->count > applied->known)
		rc = rf_fail(err, RF_E_UNSUPPORTED,
			     "the store is of version %zu and newer than this program, which knows "
			     "%zu: install the newer program, or put back a backup",
			     applied->count, applied->known);
	return rc;
}

int store_version(void)
{
	return (int)store_migrations_count;
}

int store_version_check(struct store *store, const struct store_migration *migrations, size_t count,
			struct rf_err *err)
{
	struct applied applied = {.migrations = migrations, .known = count};
	int rc = applied_count(store, &applied, err);

	if (rc || applied.count == count)
		return rc;
	return rf_fail(err, RF_E_CHANGED,
		       "it is of version %zu, this program's is %zu: upgrade it first",
		       applied.count, count);
}

static int upgrade_lock(struct store *store, struct rf_err *err)
{
	/* SQLite's transaction is the lock. */
	if (!store->backend->is_postgres)
		return 0;
	int rc = store->backend->script(store->db, LOCK_POSTGRES, err);

	return rc ? rc
		  : store->backend->script(store->db, "CREATE SCHEMA IF NOT EXISTS ringfence", err);
}

/* The next one that is missing, if one is: another manager may have been faster. */
static int upgrade_one(struct store *store, void *arg, struct rf_err *err)
{
	struct applied *applied = arg;
	int rc = upgrade_lock(store, err);

	if (!rc)
		rc = store->backend->script(store->db, TABLE, err);
	if (!rc)
		rc = applied_count(store, applied, err);
	if (rc || applied->count == applied->known)
		return rc;
	const struct store_migration *next = &applied->migrations[applied->count];
	const char *sql = store->backend->is_postgres ? next->postgres : next->sqlite;

	rc = store->backend->script(store->db, sql, err);
	if (rc)
		return rf_wrap(err, rc, "migration %d (%s)", next->version, next->name);
	applied->count++;
	return store_run_text(store, &applied_add,
			      STORE_PARAMS(store_int(next->version), store_text(next->name),
					   store_text(next->sha256)),
			      (struct store_rows){NULL, NULL}, err);
}

static int upgrade_roles(struct store *store, struct rf_err *err)
{
	int64_t there = 0;

	if (!store->backend->is_postgres)
		return 0;
	int rc = store_run_text(store, &roles, STORE_NO_PARAMS,
				(struct store_rows){take_int, &there}, err);

	if (rc || there)
		return rc;
	return rf_fail(err, RF_E_MISSING,
		       "PostgreSQL has not the role that the manager runs as a member of; as its "
		       "administrator: CREATE ROLE ringfence_runtime NOLOGIN");
}

/* Under the lock, too: PostgreSQL refuses two who grant on one table at once. */
static int upgrade_grants(struct store *store, void *arg, struct rf_err *err)
{
	(void)arg;
	int rc = upgrade_lock(store, err);

	return rc ? rc : store->backend->script(store->db, grants, err);
}

static int upgrade_all(struct store *store, struct applied *applied, struct rf_err *err)
{
	int rc = upgrade_roles(store, err);

	while (!rc && (rc = store_transaction(store, upgrade_one, applied, err)) == 0 &&
	       applied->count < applied->known)
		;
	if (!rc && store->backend->is_postgres)
		rc = store_transaction(store, upgrade_grants, NULL, err);
	return rc;
}

int store_upgrade_to(const char *url, const struct store_migration *migrations, size_t count,
		     struct rf_err *err)
{
	struct applied applied = {.migrations = migrations, .known = count};
	STORE_AUTOCLOSE struct store *store = NULL;
	int rc = store_connect(url, STORE_AS_OWNER, &store, err);

	if (rc)
		return rc;
	rc = upgrade_all(store, &applied, err);
	return rc ? rf_wrap(err, rc, "upgrade") : 0;
}

int store_upgrade(const char *url, struct rf_err *err)
{
	return store_upgrade_to(url, store_migrations, store_migrations_count, err);
}
