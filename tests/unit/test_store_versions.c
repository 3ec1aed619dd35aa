/* SPDX-License-Identifier: Apache-2.0 */
/* The store's versions with rows in every table of each, and its move to another engine. */
#include "store_test.h"

#include "store/ledger.h"

/* Rows of each version, as they were when it was the newest: at least one in each table that it
 * made. # is 32 bytes. Those of the ledger are appended as the store does it (ledger_rows). */
static const char *const seeds[] = {
	"INSERT INTO counter VALUES ('change', 2);"
	"INSERT INTO host VALUES ('h', 'web', 'TRUSTED', 5, #, '1.0', '{}', 1, 5);"
	"INSERT INTO host_change VALUES (1, 'h', '', 'NEW', 'made known', 1);"
	"INSERT INTO evidence VALUES (#, #, 4);"
	"INSERT INTO verdict VALUES ('v', 'h', 'TRUSTED', '', #, 5);"
	"INSERT INTO finding VALUES ('h', 'c', 'r', 'PASS', 'e', 5);"
	"INSERT INTO finding_change VALUES (2, 'h', 'c', 'r', '', 'PASS', 5)",
	"INSERT INTO counter VALUES ('event', 1);"
	"INSERT INTO lease VALUES ('l', 'm', 3, 9);"
	"INSERT INTO work VALUES ('w', 'k', #, 9223372036854775807, 2);"
	"INSERT INTO event VALUES (1, 'k', 'h', '', '', '', 't', 5);"
	"INSERT INTO sink VALUES ('s', 1)",
	"INSERT INTO account VALUES ('a', 'p', 'local', 'n', 0, 1);"
	"INSERT INTO session VALUES (#, 'a', '192.0.2.1', 1, 2, 3);"
	"INSERT INTO token VALUES ('t', #, 'a', 'n', '{}', 0, 1, 9, 0, 0);"
	"INSERT INTO sign_in_failure VALUES ('a', '192.0.2.1', 2, 5)",
	"INSERT INTO object VALUES ('site', 'site', 'n', '{}');"
	"INSERT INTO object VALUES ('group', 'group', 'n', '{}');"
	"INSERT INTO object_parent VALUES ('group', 0, 'site');"
	"INSERT INTO role VALUES ('r', 't', 'p', 1);"
	"INSERT INTO role_privilege VALUES ('r', 'host.read');"
	"INSERT INTO principal VALUES (1, 'g', 0);"
	"INSERT INTO member VALUES (0, 'a', 'g', 'p', 1);"
	"INSERT INTO permission VALUES ('', 0, 'a', 'r', 1, '{}', 'p', 1);"
	"INSERT INTO approval VALUES ('q', 'o', 'approved', 0, 2, 0, 1, #, 'a', 'p', 3, 4, 5, 6, 7, 8, 1, "
	"1, 0, 0, #, 'why', 1);"
	"INSERT INTO approval_vote VALUES ('q', 0, 'b', 'p2', 'r', 2, 3);"
	"INSERT INTO waiver VALUES ('w', 'c', '*', 'r', 'a', 'p', NULL, NULL, NULL, 0, 9, 0, 0, 1)",
	"INSERT INTO counter VALUES ('document', 1);"
	"INSERT INTO invite VALUES ('i', #, '', '{}', 'p', 1, 9, 2, 'h', 0);"
	"INSERT INTO certificate VALUES ('01', 'h', #, 1, 9, 0, '');"
	"INSERT INTO host_tpm VALUES ('h', 'site', NULL, #, #, #, 1, 2, 3, 4, 5, 6);"
	"INSERT INTO host_document VALUES (1, 'h', 'baseline', #, 'p', '', 5)",
	"INSERT INTO agent VALUES ('h', 7, 3);"
	"INSERT INTO command VALUES ('h', 3, 'c', 'check', '{}', 'a', '', 1, 9, NULL, 'waiting', 0, '', 1)",
	"",
	"INSERT INTO approval_rule VALUES ('isolation.change', '{}', 'p', 5)",
	"INSERT INTO duty_set VALUES ('s', '{}', 'p', 6)",
};
#define LEDGER_VERSION 7u

/* Tables of a store, facts aside. The migrations are one file for both engines, so SQLite's list is
 * PostgreSQL's. */
#define TABLES                                                                                     \
	"FROM sqlite_master WHERE type = 'table' AND name <> 'store_migration' AND name NOT LIKE " \
	"'facts\\_%' ESCAPE '\\'"

/* The sample's rows of one version. */
static void seed(struct place *p, size_t version)
{
	RF_AUTOBUF struct rf_buf sql = {0};

	for (const char *c = seeds[version - 1]; *c; c++) {
		if (*c == '#')
			rf_buf_add_text(&sql, p->is_postgres ? "decode(repeat('00', 32), 'hex')"
							     : "zeroblob(32)");
		else
			rf_buf_add(&sql, c, 1);
	}
	if (sql.len)
		place_sql(p, rf_buf_text(&sql));
}

static int note_make(void *arg, uint64_t size, const uint8_t root[LEDGER_HASH_BYTES],
		     struct rf_buf *out_note, struct rf_err *err)
{
	return ledger_key_sign(arg, size, root, out_note, err);
}

/* A row in each of the ledger's tables, through the door that is meant for it. */
static void ledger_rows(struct store *store)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	RF_AUTOBUF struct rf_buf public_key = {0};
	struct ledger_key *key = NULL;
	const struct store_agent_entry entry = {"h", 4, rf_slice_text("{\"agent\":4}"), 5};
	struct rf_err err = {0};

	must(ledger_key_make("manager", &pem, &public_key, &err), &err);
	must(ledger_key_load(rf_buf_slice(&pem), rf_buf_text(&public_key), &key, &err), &err);
	must(store_ledger_append(store, &(struct ledger_entry){.kind = "k"}, NULL, &err), &err);
	must(store_ledger_include(store, &entry, &err), &err);
	must(store_ledger_sign(store, &(struct store_signer){note_make, key}, NULL, &err), &err);
	ledger_key_free(key);
}

struct tables {
	char names[64][64];
	size_t count;
};

static int take_table(void *arg, const struct store_value *row)
{
	struct tables *t = arg;

	assert_true(t->count < RF_COUNT(t->names));
	assert_true(rf_copy(t->names[t->count++], sizeof(t->names[0]), store_value_text(&row[0])));
	return 0;
}

/* The schema itself is asked, so that no table that comes later is forgotten in the sample. */
static void assert_no_table_empty(struct place *p, struct place *schema)
{
	static const struct store_statement each = {"SELECT name " TABLES, NULL, "", "t"};
	struct tables t = {.count = 0};
	struct rf_err err = {0};

	must(store_run_text(schema->store, &each, STORE_NO_PARAMS,
			    (struct store_rows){take_table, &t}, &err),
	     &err);
	assert_true(t.count > 30);
	for (size_t i = 0; i < t.count; i++) {
		char sql[128];

		snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", t.names[i]);
		if (!ask(p->store, sql))
			fail_msg("the sample has no row of %s: add one to seeds", t.names[i]);
	}
}

/* A row of each version that is looked at again. */
static const char *const seeded[] = {"SELECT count(*) FROM finding_change",
				     "SELECT epoch FROM lease",
				     "SELECT failures FROM sign_in_failure",
				     "SELECT count(*) FROM object",
				     "SELECT value FROM counter WHERE name = 'document'",
				     "SELECT spool FROM agent",
				     "SELECT entry FROM ledger_agent",
				     "SELECT changed_ms FROM approval_rule",
				     "SELECT changed_ms FROM duty_set"};
static const int64_t seeded_is[] = {1, 3, 2, 2, 1, 7, 4, 5, 6};

static const struct store_migration later = {
	0, "later", "sum", "CREATE TABLE later (a TEXT) STRICT", "CREATE TABLE later (a TEXT)"};
static const struct store_migration broken = {
	0, "broken", "sum", "CREATE TABLE half (a TEXT); CREATE TABLE host (a TEXT)",
	"CREATE TABLE half (a TEXT); CREATE TABLE host (a TEXT)"};

/* Ours, and one that follows. */
static size_t and_one_more(struct store_migration *out, const struct store_migration *more)
{
	memcpy(out, store_migrations, store_migrations_count * sizeof(*out));
	out[store_migrations_count] = *more;
	out[store_migrations_count].version = store_version() + 1;
	return store_migrations_count + 1;
}

static int64_t count_in(struct place *p, const char *sql)
{
	STORE_AUTOCLOSE struct store *store = NULL;
	struct rf_err err = {0};

	must(store_open(p->url, &store, &err), &err);
	return ask(store, sql);
}

static void every_version_becomes_the_newest(struct place *p)
{
	struct rf_err err = {0};

	assert_int_equal(RF_COUNT(seeds), store_migrations_count);
	assert_int_equal(store_version(), (int)store_migrations_count);
	for (size_t version = 1; version <= store_migrations_count; version++) {
		struct place q;

		assert_true(place_address(&q, p->is_postgres));
		must(store_upgrade_to(q.owner, store_migrations, version, &err), &err);
		for (size_t i = 1; i <= version; i++)
			seed(&q, i);
		assert_int_equal(store_open(q.url, &q.store, &err),
				 version < store_migrations_count ? RF_E_CHANGED : 0);
		store_close(rf_take(q.store));
		must(store_upgrade(q.owner, &err), &err);
		must(store_upgrade(q.owner, &err), &err);
		must(store_open(q.url, &q.store, &err), &err);
		for (size_t i = 0; i < version; i++) {
			if (i + 1 != LEDGER_VERSION)
				assert_int_equal(ask(q.store, seeded[i]), seeded_is[i]);
		}
		/* What the ledger had no table for it takes now. */
		ledger_rows(q.store);
		assert_int_equal(ask(q.store, seeded[LEDGER_VERSION - 1]),
				 seeded_is[LEDGER_VERSION - 1]);
		/* And work goes on, with numbers behind those given. */
		add_host(q.store, "new");
		assert_int_equal(ask(q.store, "SELECT max(seq) FROM host_change"), 3);
		place_done(&q);
	}
}

static void another_version_is_refused_in_words(struct place *p)
{
	struct store_migration migrations[16];
	size_t count = and_one_more(migrations, &later);
	struct store *none = NULL;
	struct rf_err err = {0};

	must(store_upgrade_to(p->owner, migrations, count, &err), &err);
	assert_int_equal(store_open(p->url, &none, &err), RF_E_UNSUPPORTED);
	assert_non_null(strstr(rf_err_text(&err), "newer than this program"));
	assert_int_equal(store_upgrade(p->owner, &err), RF_E_UNSUPPORTED);
	/* A past migration that is not the one that was applied. */
	migrations[0].sha256 = "edited";
	assert_int_equal(store_upgrade_to(p->owner, migrations, count, &err), RF_E_MISMATCH);
	assert_non_null(strstr(rf_err_text(&err), "migration 1 (hosts)"));
	assert_null(none);
}

static void a_migration_is_whole_or_nothing(struct place *p)
{
	struct store_migration migrations[16];
	size_t count = and_one_more(migrations, &broken);
	struct rf_err err = {0};

	assert_int_not_equal(store_upgrade_to(p->owner, migrations, count, &err), 0);
	assert_non_null(strstr(rf_err_text(&err), "(broken)"));
	/* Its first table is not there, and neither is its row. */
	place_sql(p, "CREATE TABLE half (a TEXT); DROP TABLE half");
	must(store_version_check(p->store, store_migrations, store_migrations_count, &err), &err);
}

static void two_upgrades_at_once(struct place *p)
{
	struct place q;
	pid_t pids[3];
	int status;

	assert_true(place_address(&q, p->is_postgres));
	for (size_t i = 0; i < RF_COUNT(pids); i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(store_upgrade(q.owner, NULL) ? 1 : 0);
	}
	for (size_t i = 0; i < RF_COUNT(pids); i++) {
		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_in(&q, "SELECT count(*) FROM store_migration"), store_version());
	place_done(&q);
}

/* Move --------------------------------------------------------------------------------------- */

struct counted {
	size_t tables;
	uint64_t rows_count;
};

static void count_table(void *arg, const struct store_table_count *count)
{
	struct counted *counted = arg;

	counted->tables++;
	counted->rows_count += count->rows_count;
}

/* The whole sample, as a SQLite store of this version. */
static void fill(struct place *from)
{
	struct rf_err err = {0};

	assert_true(place_address(from, false));
	must(store_upgrade(from->owner, &err), &err);
	must(store_open(from->url, &from->store, &err), &err);
	for (size_t version = 1; version <= store_migrations_count; version++)
		seed(from, version);
	ledger_rows(from->store);
	assert_no_table_empty(from, from);
}

static void assert_moved(struct place *from, struct place *p)
{
	uint8_t here[LEDGER_HASH_BYTES], there[LEDGER_HASH_BYTES];
	struct rf_err err = {0};

	assert_no_table_empty(p, from);
	must(store_ledger_check(from->store, here, &err), &err);
	must(store_ledger_check(p->store, there, &err), &err);
	assert_memory_equal(here, there, sizeof(here));
	assert_int_equal(ask(p->store, "SELECT due_ms FROM work"), INT64_MAX);
}

static void a_sqlite_store_moves(struct place *p)
{
	struct place from;
	struct counted counted = {0};
	struct rf_err err = {0};

	fill(&from);
	/* Rows that vanish on the way are noticed, and nothing stays. */
	if (p->is_postgres) {
		place_sql(p, "CREATE RULE gone AS ON INSERT TO work DO INSTEAD NOTHING");
		assert_int_equal(store_migrate(from.url, p->url, count_table, &counted, &err),
				 RF_E_MISMATCH);
		assert_int_equal(ask(p->store, "SELECT count(*) FROM host"), 0);
		assert_int_equal(counted.tables, 0);
		place_sql(p, "DROP RULE gone ON work");
	}
	/* A ledger that was altered does not move. */
	place_sql(&from, "UPDATE ledger_entry SET n = 5 WHERE n = 0");
	assert_int_equal(store_migrate(from.url, p->url, NULL, NULL, &err), RF_E_MISMATCH);
	assert_non_null(strstr(rf_err_text(&err), "altered"));
	place_sql(&from, "UPDATE ledger_entry SET n = 0 WHERE n = 5");
	must(store_migrate(from.url, p->url, count_table, &counted, &err), &err);
	assert_int_equal(counted.tables, ask(from.store, "SELECT count(*) " TABLES));
	assert_true(counted.rows_count > counted.tables);
	assert_moved(&from, p);
	add_host(p->store, "next");
	assert_int_equal(ask(p->store, "SELECT max(seq) FROM host_change"), 3);
	assert_int_equal(store_migrate(from.url, p->url, NULL, NULL, &err), RF_E_DUPLICATE);
	if (p->is_postgres)
		assert_int_equal(store_migrate(p->url, from.url, NULL, NULL, &err),
				 RF_E_UNSUPPORTED);
	place_done(&from);
}

/* It waits in the middle of its copy for somebody else's lock, and is killed there. */
static void a_move_that_is_killed_left_nothing(void **state)
{
	struct place p, from;
	struct rf_err err = {0};
	char url[128];

	(void)state;
	if (!place_address(&p, true)) {
		print_message("skipped: PostgreSQL is not installed\n");
		skip();
	}
	must(store_upgrade(p.owner, &err), &err);
	must(store_open(p.url, &p.store, &err), &err);
	fill(&from);
	snprintf(url, sizeof(url), "postgresql://admin@/t%d?host=%s", server.databases, server.dir);
	PGconn *other = PQconnectdb(url);

	PQclear(PQexec(other, "BEGIN"));
	PQclear(PQexec(other, "LOCK TABLE ringfence.waiver IN ACCESS EXCLUSIVE MODE"));
	pid_t pid = fork();

	if (!pid)
		_exit(store_migrate(from.url, p.url, NULL, NULL, NULL) ? 1 : 0);
	while (!ask(p.store, "SELECT count(*) FROM pg_locks WHERE NOT granted")) {
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	PQfinish(other);
	assert_int_equal(ask(p.store, "SELECT count(*) FROM host"), 0);
	/* Its session may still be on its way out: who comes then waits for its locks. */
	must(store_migrate(from.url, p.url, NULL, NULL, &err), &err);
	assert_moved(&from, &p);
	place_done(&from);
	place_done(&p);
}

static const struct shared_case cases[] = {
	{"every version becomes the newest", every_version_becomes_the_newest},
	{"another version is refused in words", another_version_is_refused_in_words},
	{"a migration is whole or nothing", a_migration_is_whole_or_nothing},
	{"two upgrades at once", two_upgrades_at_once},
	{"a SQLite store moves", a_sqlite_store_moves},
};

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases) + 1];

	engine_tests(cases, RF_COUNT(cases), rows, tests);
	tests[2 * RF_COUNT(cases)] =
		(struct CMUnitTest)cmocka_unit_test(a_move_that_is_killed_left_nothing);
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
