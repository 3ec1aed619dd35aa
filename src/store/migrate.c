/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SQLite store becomes a PostgreSQL one: every row is copied in one transaction, and both sides
 * are compared by the number of rows and the sum of their digests, and the ledger by its root,
 * before it commits. The columns
 * are asked of the source, whose schema is proven ours by its migrations' sums.
 */
#include <openssl/evp.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/ledger.h"
#include "store/parts.h"

#define MAX_TABLES 64

/* In the order in which they were made: what is referred to comes first. Facts are not moved: the
 * agents say them again. */
static const struct store_statement tables_each = {
	"SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'store_migration' "
	"AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'facts\\_%' ESCAPE '\\' ORDER BY rowid",
	NULL, "", "t"};
static const struct store_statement columns_each = {
	"SELECT name, type FROM pragma_table_info($1) ORDER BY cid", NULL, "t", "tt"};

/* The rows of one side: order does not matter in a sum. */
struct sum {
	uint64_t rows_count;
	uint64_t digest[4];
};

struct table {
	char name[64];
	char columns[512]; /* joined by comma */
	char types[STORE_MAX_COLUMNS + 1];
	char insert[1024], select[640];
	struct sum sum;
};

struct migrate {
	struct store *from, *to;
	struct table *tables;
	size_t count, at;
	EVP_MD_CTX *hash;
	struct rf_err *err;
};

/* Our own names, and nothing else, become part of a statement. */
static bool name_ours(const char *name)
{
	return name[0] && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static int take_table(void *arg, const struct store_value *row)
{
	struct migrate *m = arg;
	const char *name = store_value_text(&row[0]);

	if (m->count == MAX_TABLES || !name_ours(name) ||
	    !rf_copy(m->tables[m->count].name, sizeof(m->tables->name), name))
		return rf_fail(m->err, RF_E_LIMIT, "the table %s cannot be copied", name);
	m->count++;
	return 0;
}

static int take_column(void *arg, const struct store_value *row)
{
	struct table *t = arg;
	const char *name = store_value_text(&row[0]), *type = store_value_text(&row[1]);
	size_t n = strlen(t->types), len = strlen(t->columns);

	if (n == STORE_MAX_COLUMNS || !name_ours(name) ||
	    !rf_format(t->columns + len, sizeof(t->columns) - len, "%s%s", len ? ", " : "", name))
		return RF_E_LIMIT;
	t->types[n] = rf_equal(type, "INTEGER") ? 'i' : rf_equal(type, "BLOB") ? 'b' : 't';
	return 0;
}

static int table_prepare(struct migrate *m, struct table *t)
{
	char marks[STORE_MAX_COLUMNS * 6] = "";
	int rc = store_run_text(m->from, &columns_each, STORE_PARAMS(store_text(t->name)),
				(struct store_rows){take_column, t}, m->err);

	for (size_t i = 0; !rc && t->types[i]; i++) {
		size_t len = strlen(marks);

		if (!rf_format(marks + len, sizeof(marks) - len, "%s$%zu", i ? ", " : "", i + 1))
			rc = RF_E_LIMIT;
	}
	if (!rc &&
	    (!rf_format(t->select, sizeof(t->select), "SELECT %s FROM %s", t->columns, t->name) ||
	     !rf_format(t->insert, sizeof(t->insert), "INSERT INTO %s (%s) VALUES (%s)", t->name,
			t->columns, marks)))
		rc = RF_E_LIMIT;
	return rc ? rf_wrap(m->err, rc, "%s", t->name) : 0;
}

/* A row's digest: of each value its kind, its number, its length and its bytes. */
static int sum_add(struct migrate *m, struct sum *sum, const struct store_value *row, size_t count)
{
	uint64_t digest[4];
	bool good = EVP_DigestInit_ex(m->hash, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; i < count && good; i++) {
		const int64_t head[] = {(int64_t)row[i].kind, row[i].number,
					(int64_t)row[i].bytes.len};

		good = EVP_DigestUpdate(m->hash, head, sizeof(head)) == 1 &&
		       EVP_DigestUpdate(m->hash, row[i].bytes.data, row[i].bytes.len) == 1;
	}
	if (!good || EVP_DigestFinal_ex(m->hash, (unsigned char *)digest, NULL) != 1)
		return rf_fail(m->err, RF_E_CRYPTO, "SHA-256 failed");
	for (size_t i = 0; i < RF_COUNT(digest); i++)
		sum->digest[i] += digest[i];
	sum->rows_count++;
	return 0;
}

static int take_copy(void *arg, const struct store_value *row)
{
	struct migrate *m = arg;
	struct table *t = &m->tables[m->at];
	size_t count = strlen(t->types);
	const struct store_statement insert = {t->insert, NULL, t->types, ""};
	int rc = sum_add(m, &t->sum, row, count);

	return rc ? rc
		  : store_run_text(m->to, &insert, (struct store_params){row, count},
				   (struct store_rows){NULL, NULL}, m->err);
}

/* The other side's sum is taken where the first one's is not. */
struct compared {
	struct migrate *m;
	struct sum sum;
};

static int take_compare(void *arg, const struct store_value *row)
{
	struct compared *c = arg;

	return sum_add(c->m, &c->sum, row, strlen(c->m->tables[c->m->at].types));
}

static int table_copy(struct migrate *m, struct table *t)
{
	const struct store_statement select = {t->select, NULL, "", t->types};
	struct compared there = {m, {0}};
	int rc;

	t->sum = (struct sum){0};
	/* What stands there already would be counted as ours. */
	rc = store_run_text(m->to, &select, STORE_NO_PARAMS,
			    (struct store_rows){take_compare, &there}, m->err);
	if (!rc && there.sum.rows_count)
		rc = rf_fail(m->err, RF_E_DUPLICATE, "the new store is not empty");
	if (!rc)
		rc = store_run_text(m->from, &select, STORE_NO_PARAMS,
				    (struct store_rows){take_copy, m}, m->err);
	if (!rc)
		rc = store_run_text(m->to, &select, STORE_NO_PARAMS,
				    (struct store_rows){take_compare, &there}, m->err);
	if (!rc && memcmp(&there.sum, &t->sum, sizeof(t->sum)) != 0)
		rc = rf_fail(m->err, RF_E_MISMATCH,
			     "%llu rows were read, %llu stand there, or others",
			     (unsigned long long)t->sum.rows_count,
			     (unsigned long long)there.sum.rows_count);
	return rc ? rf_wrap(m->err, rc, "%s", t->name) : 0;
}

/* The ledger is whole on both sides, and one. */
static int ledger_compare(struct migrate *m)
{
	uint8_t here[LEDGER_HASH_BYTES], there[LEDGER_HASH_BYTES];
	int rc = store_ledger_check(m->from, here, m->err);

	if (!rc)
		rc = store_ledger_check(m->to, there, m->err);
	if (!rc && memcmp(here, there, sizeof(here)) != 0)
		rc = rf_fail(m->err, RF_E_MISMATCH, "the ledger is another one");
	return rc ? rf_wrap(m->err, rc, "ledger") : 0;
}

static int copy_to(struct store *to, void *arg, struct rf_err *err)
{
	struct migrate *m = arg;
	int rc = 0;

	(void)to;
	m->err = err;
	for (m->at = 0; !rc && m->at < m->count; m->at++)
		rc = table_copy(m, &m->tables[m->at]);
	return rc ? rc : ledger_compare(m);
}

/* One snapshot of the source for the whole copy. */
static int copy_from(struct store *from, void *arg, struct rf_err *err)
{
	struct migrate *m = arg;

	(void)from;
	m->err = err;
	int rc = store_run_text(m->from, &tables_each, STORE_NO_PARAMS,
				(struct store_rows){take_table, m}, err);

	for (size_t i = 0; !rc && i < m->count; i++)
		rc = table_prepare(m, &m->tables[i]);
	return rc ? rc : store_transaction(m->to, copy_to, m, err);
}

int store_migrate(const char *from, const char *to,
		  void (*each)(void *arg, const struct store_table_count *count), void *arg,
		  struct rf_err *err)
{
	STORE_AUTOCLOSE struct store *source = NULL;
	STORE_AUTOCLOSE struct store *target = NULL;
	RF_AUTOFREE struct table *tables = rf_alloc(MAX_TABLES, sizeof(*tables));
	struct migrate m = {.tables = tables, .err = err};
	int rc = store_open(from, &source, err);

	if (!rc && source->backend->is_postgres)
		rc = rf_fail(err, RF_E_UNSUPPORTED, "only a SQLite store is copied");
	if (!rc)
		rc = store_open(to, &target, err);
	m.from = source;
	m.to = target;
	m.hash = rc ? NULL : EVP_MD_CTX_new();
	if (!rc)
		rc = tables && m.hash ? store_transaction(source, copy_from, &m, err)
				      : rf_fail(err, -ENOMEM, "no memory");
	EVP_MD_CTX_free(m.hash);
	for (size_t i = 0; !rc && each && i < m.count; i++)
		each(arg, &(struct store_table_count){tables[i].name, tables[i].sum.rows_count});
	return rc ? rf_wrap(err, rc, "migrate") : 0;
}
