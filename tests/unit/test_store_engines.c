/* SPDX-License-Identifier: Apache-2.0 */
/* The store's versions, roles, backups and moves, and the ways in which a database can be wrong. */
#include "store_test.h"

#include <sched.h>
#include <sys/mount.h>

#include "store/ledger.h"

/* Rows of each version, as they were when it was the newest. */
static const char *const seeds[] = {
	"INSERT INTO counter VALUES ('change', 2);"
	"INSERT INTO host VALUES ('h', 'web', 'TRUSTED', 5, NULL, '1.0', '{}', 1, 5);"
	"INSERT INTO host_change VALUES (1, 'h', '', 'NEW', 'made known', 1);"
	"INSERT INTO verdict VALUES ('v', 'h', 'TRUSTED', '', NULL, 5);"
	"INSERT INTO finding VALUES ('h', 'c', 'r', 'PASS', 'e', 5);"
	"INSERT INTO finding_change VALUES (2, 'h', 'c', 'r', '', 'PASS', 5)",
	"INSERT INTO counter VALUES ('event', 1);"
	"INSERT INTO lease VALUES ('l', 'm', 3, 9);"
	"INSERT INTO event VALUES (1, 'k', 'h', '', '', '', 't', 5);"
	"INSERT INTO sink VALUES ('s', 1)",
	"INSERT INTO account VALUES ('a', 'p', 'local', 'n', 0, 1);"
	"INSERT INTO sign_in_failure VALUES ('a', '192.0.2.1', 2, 5)",
	"INSERT INTO object VALUES ('site', 'site', 'n', '{}');"
	"INSERT INTO object VALUES ('group', 'group', 'n', '{}');"
	"INSERT INTO object_parent VALUES ('group', 0, 'site');"
	"INSERT INTO role VALUES ('r', 't', 'p', 1);"
	"INSERT INTO permission VALUES ('', 0, 'a', 'r', 1, '{}', 'p', 1);"
	"INSERT INTO waiver VALUES ('w', 'c', '*', 'r', 'a', 'p', NULL, NULL, NULL, 0, 9, 0, 0, 1)",
	"INSERT INTO counter VALUES ('document', 1)",
	"INSERT INTO agent VALUES ('h', 7, 3);"
	"INSERT INTO command VALUES ('h', 3, 'c', 'check', '{}', 'a', '', 1, 9, NULL, 'waiting', 0, '', 1)",
	"INSERT INTO counter VALUES ('ledger', 1)",
	"INSERT INTO approval_rule VALUES ('isolation.change', '{}', 'p', 5)",
	"INSERT INTO duty_set VALUES ('s', '{}', 'p', 6)",
};
/* A table of each version's rows. */
static const char *const seeded[] = {"SELECT count(*) FROM finding_change",
				     "SELECT epoch FROM lease",
				     "SELECT failures FROM sign_in_failure",
				     "SELECT count(*) FROM object",
				     "SELECT value FROM counter WHERE name = 'document'",
				     "SELECT spool FROM agent",
				     "SELECT value FROM counter WHERE name = 'ledger'",
				     "SELECT changed_ms FROM approval_rule",
				     "SELECT changed_ms FROM duty_set"};
static const int64_t seeded_is[] = {1, 3, 2, 2, 1, 7, 1, 5, 6};

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
		for (size_t i = 0; i < version; i++)
			place_sql(&q, seeds[i]);
		assert_int_equal(store_open(q.url, &q.store, &err),
				 version < store_migrations_count ? RF_E_CHANGED : 0);
		store_close(rf_take(q.store));
		must(store_upgrade(q.owner, &err), &err);
		must(store_upgrade(q.owner, &err), &err);
		must(store_open(q.url, &q.store, &err), &err);
		for (size_t i = 0; i < version; i++)
			assert_int_equal(ask(q.store, seeded[i]), seeded_is[i]);
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

static void bad_addresses_are_refused(struct place *p)
{
	static const char *const urls[] = {"",
					   "mysql://x",
					   "sqlite:relative.db",
					   "/plain/path",
					   "postgresql://u:secret@h:notaport/x?y=",
					   "postgres",
					   "sqlite:"};
	struct store *none = NULL;
	struct rf_err err = {0};

	(void)p;
	for (size_t i = 0; i < RF_COUNT(urls); i++) {
		assert_int_equal(store_open(urls[i], &none, &err), RF_E_SYNTAX);
		assert_null(strstr(rf_err_text(&err), "secret"));
	}
	assert_int_equal(store_open("postgresql://u:secret@/x?host=/nonexistent", &none, &err),
			 RF_E_PEER);
	assert_null(strstr(rf_err_text(&err), "secret"));
	assert_int_equal(store_open("sqlite:/nonexistent/x.db", &none, &err), RF_E_MISSING);
	assert_null(none);
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

static void fill(struct place *p)
{
	uint8_t ek[32] = {7};
	struct store_host host = {
		.host = "tpm", .name = "tpm", .ek_sha256 = {ek, 32}, .created_ms = 1};
	struct store_verdict v = {"v'1", "tpm", "TRUSTED", "\xc3\xa4", {ek, 32}, 5};
	struct rf_err err = {0};

	add_host(p->store, "h");
	must(store_host_add(p->store, &host, &err), &err);
	must(store_verdict_add(p->store, &v, NULL, &err), &err);
	must(store_work_add(p->store, "k", "w", (struct rf_slice){NULL, 0}, INT64_MAX, &err), &err);
	must(store_ledger_append(p->store, &(struct ledger_entry){.kind = "k"}, NULL, &err), &err);
}

/* 3 counters, 2 hosts, 3 transitions, 3 events, evidence, verdict, work, entry */
#define FILLED_ROWS 15

static void a_sqlite_store_moves(struct place *p)
{
	struct place from;
	struct counted counted = {0};
	struct rf_err err = {0};

	assert_true(place_address(&from, false));
	must(store_upgrade(from.owner, &err), &err);
	must(store_open(from.url, &from.store, &err), &err);
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
	place_sql(&from, "UPDATE ledger_entry SET n = 5");
	assert_int_equal(store_migrate(from.url, p->url, NULL, NULL, &err), RF_E_MISMATCH);
	assert_non_null(strstr(rf_err_text(&err), "altered"));
	place_sql(&from, "UPDATE ledger_entry SET n = 0");
	must(store_migrate(from.url, p->url, count_table, &counted, &err), &err);
	assert_int_equal(counted.tables,
			 ask(from.store, "SELECT count(*) FROM sqlite_master WHERE type = 'table' "
					 "AND name <> 'store_migration'"));
	assert_int_equal(counted.rows_count, FILLED_ROWS);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host WHERE ek_sha256 IS NULL"), 1);
	assert_int_equal(ask(p->store, "SELECT due_ms FROM work"), INT64_MAX);
	add_host(p->store, "next");
	assert_int_equal(ask(p->store, "SELECT max(seq) FROM event"), 4);
	assert_int_equal(store_migrate(from.url, p->url, NULL, NULL, &err), RF_E_DUPLICATE);
	if (p->is_postgres)
		assert_int_equal(store_migrate(p->url, from.url, NULL, NULL, &err),
				 RF_E_UNSUPPORTED);
	place_done(&from);
}

static const struct shared_case cases[] = {
	{"every version becomes the newest", every_version_becomes_the_newest},
	{"another version is refused in words", another_version_is_refused_in_words},
	{"a migration is whole or nothing", a_migration_is_whole_or_nothing},
	{"two upgrades at once", two_upgrades_at_once},
	{"bad addresses are refused", bad_addresses_are_refused},
	{"a SQLite store moves", a_sqlite_store_moves},
};

/* PostgreSQL alone --------------------------------------------------------------------------- */

static void fresh(struct place *p, bool is_postgres)
{
	struct rf_err err = {0};

	if (!place_address(p, is_postgres)) {
		print_message("skipped: PostgreSQL is not installed\n");
		skip();
	}
	must(store_upgrade(p->owner, &err), &err);
	must(store_open(p->url, &p->store, &err), &err);
}

static void the_manager_cannot_change_the_schema(void **state)
{
	static const char *const forbidden[] = {"CREATE TABLE x (a TEXT)",
						"DROP TABLE host",
						"ALTER TABLE host ADD COLUMN x TEXT",
						"TRUNCATE host",
						"DELETE FROM store_migration",
						"CREATE TABLE public.x (a TEXT)",
						"CREATE ROLE x",
						"SELECT pg_read_file('/etc/passwd')",
						"SET ROLE owner"};
	struct place p;
	struct store *none = NULL;
	struct rf_err err = {0};

	(void)state;
	fresh(&p, true);
	for (size_t i = 0; i < RF_COUNT(forbidden); i++) {
		int rc = p.store->backend->script(p.store->db, forbidden[i], &err);

		if (rc != RF_E_DENIED)
			fail_msg("%s: %d %s", forbidden[i], rc, rf_err_text(&err));
	}
	/* Who may is not let in. */
	assert_int_equal(store_open(p.owner, &none, &err), RF_E_DENIED);
	assert_int_equal(store_backup(p.store, "/tmp/x", &err), RF_E_UNSUPPORTED);
	assert_non_null(strstr(rf_err_text(&err), "pg_dump"));
	place_done(&p);
}

static void missing_roles_are_told(void **state)
{
	struct place p;
	struct rf_err err = {0};

	(void)state;
	fresh(&p, true);
	server_sql("postgres", "ALTER ROLE ringfence_runtime RENAME TO elsewhere");
	int rc = store_upgrade(p.owner, &err);

	server_sql("postgres", "ALTER ROLE elsewhere RENAME TO ringfence_runtime");
	assert_int_equal(rc, RF_E_MISSING);
	assert_non_null(strstr(rf_err_text(&err), "CREATE ROLE ringfence_runtime"));
	place_done(&p);
}

static void cut_connections(void)
{
	server_sql("postgres", "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
			       "WHERE usename = 'manager'");
}

static int body_cut(struct store *store, void *arg, struct rf_err *err)
{
	struct store_event event = {0, "k", "", "", "", "", "", 1};

	(void)arg;
	add_host(store, "half");
	cut_connections();
	return store_event_add(store, &event, err);
}

static void a_lost_connection_is_made_anew(void **state)
{
	struct place p;
	struct rf_err err = {0};
	int64_t now;

	(void)state;
	fresh(&p, true);
	assert_int_equal(store_transaction(p.store, body_cut, NULL, &err), RF_E_PEER);
	assert_int_equal(ask(p.store, "SELECT count(*) FROM host"), 0);
	cut_connections();
	/* The first to notice is told; from then on it works, with everything prepared again. */
	assert_int_equal(store_now(p.store, &now, &err), RF_E_PEER);
	must(store_now(p.store, &now, &err), &err);
	add_host(p.store, "after");
	place_done(&p);
}

/* SQLite alone ------------------------------------------------------------------------------- */

static void path_of(const struct place *p, const char *suffix, char out[64])
{
	snprintf(out, 64, "%s/fleet.db%s", p->dir, suffix);
}

static void write_file(const char *path, const char *bytes, size_t len, off_t at)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

static void a_file_that_is_no_store_is_refused(void **state)
{
	char path[64], other[64], junk[8192];
	struct place p;
	struct stat st;
	struct rf_err err = {0};

	(void)state;
	fresh(&p, false);
	path_of(&p, "", path);
	path_of(&p, "-other", other);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_close(rf_take(p.store));
	/* A link is not followed. */
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_not_equal(store_open(p.url, &p.store, &err), 0);
	assert_int_not_equal(store_upgrade(p.owner, &err), 0);
	assert_int_equal(unlink(path), 0);
	memset(junk, 'j', sizeof(junk));
	write_file(path, junk, sizeof(junk), 0);
	assert_int_equal(store_upgrade(p.owner, &err), RF_E_DATABASE);
	assert_non_null(strstr(rf_err_text(&err), "damaged"));
	/* Nothing yet, and another program's. */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(store_open(p.url, &p.store, &err), RF_E_CHANGED);
	must(store_upgrade(p.owner, &err), &err);
	write_file(path, "\x11\x22\x33\x44", 4, 68); /* application_id */
	assert_int_equal(store_open(p.url, &p.store, &err), RF_E_MISMATCH);
	assert_int_equal(store_upgrade(p.owner, &err), RF_E_MISMATCH);
	place_done(&p);
}

static void damage_is_found_after_an_unclean_end(void **state)
{
	char path[64], log[64], junk[4096];
	struct place p;
	struct rf_err err = {0};

	(void)state;
	fresh(&p, false);
	path_of(&p, "", path);
	path_of(&p, "-wal", log);
	for (int i = 0; i < 200; i++) {
		snprintf(junk, sizeof(junk), "host-%03d", i);
		add_host(p.store, junk);
	}
	store_close(rf_take(p.store));
	write_file(log, "torn", 4, 0);
	must(store_upgrade(p.owner, &err), &err);
	memset(junk, 0x55, sizeof(junk));
	write_file(path, junk, sizeof(junk), 4096 * 20);
	write_file(log, "torn", 4, 0);
	assert_int_equal(store_upgrade(p.owner, &err), RF_E_DATABASE);
	assert_non_null(strstr(rf_err_text(&err), "damaged"));
	place_done(&p);
}

static int write_forever(struct place *p)
{
	STORE_AUTOCLOSE struct store *store = NULL;
	int rc = store_open(p->url, &store, NULL);

	for (int i = 0; !rc; i++) {
		struct store_state state = {"h", i % 2 ? "WARNING" : "TRUSTED", "", i};

		rc = store_host_state(store, &state, NULL, NULL);
	}
	return rc;
}

static void a_backup_is_whole_while_others_write(void **state)
{
	char path[64], part[64], url[80];
	struct place p;
	struct stat st;
	struct rf_err err = {0};

	(void)state;
	fresh(&p, false);
	add_host(p.store, "h");
	path_of(&p, ".bak", path);
	path_of(&p, ".bak.part", part);
	snprintf(url, sizeof(url), "sqlite:%s", path);
	pid_t pid = fork();

	if (!pid)
		_exit(write_forever(&p) ? 1 : 0);
	for (int i = 0; i < 5; i++) {
		STORE_AUTOCLOSE struct store *copy = NULL;

		/* What a killed one left is no hindrance. */
		write_file(part, "half", 4, 0);
		must(store_backup(p.store, path, &err), &err);
		assert_int_equal(store_backup(p.store, path, &err), -EEXIST);
		assert_int_not_equal(stat(part, &st), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		must(store_open(url, &copy, &err), &err);
		assert_int_equal(ask(copy, "SELECT count(*) FROM host_change"),
				 ask(copy, "SELECT count(*) FROM event"));
		assert_int_equal(ask(copy, "SELECT count(*) FROM host"), 1);
		assert_int_equal(unlink(path), 0);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(store_backup(p.store, "relative", &err), RF_E_SYNTAX);
	assert_int_equal(store_backup(p.store, "/nonexistent/x", &err), -ENOENT);
	place_done(&p);
}

/* 0, 77 where no disk can be made, or the line that failed. */
static int fill_disk(struct place *p)
{
	static uint8_t bytes[65536];
	STORE_AUTOCLOSE struct store *store = NULL;
	int64_t stored = 0;
	int rc = 0;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", p->dir, "tmpfs", 0, "size=1m"))
		return 77;
	if (store_upgrade(p->owner, NULL) || store_open(p->url, &store, NULL))
		return 1;
	add_host(store, "h");
	for (; !rc && stored < 100; stored += rc == 0) {
		char id[32];
		struct store_verdict v = {id, "h", "TRUSTED", "", {bytes, sizeof(bytes)}, stored};

		snprintf(id, sizeof(id), "%d", (int)stored);
		memcpy(bytes, id, sizeof(id));
		rc = store_verdict_add(store, &v, NULL, NULL);
	}
	if (rc != -ENOSPC || !stored)
		return 2;
	/* What was answered is there, and only that; and reading goes on. */
	if (ask(store, "SELECT count(*) FROM verdict") != stored ||
	    ask(store, "SELECT count(*) FROM evidence") != stored)
		return 3;
	store_close(rf_take(store));
	if (store_open(p->url, &store, NULL))
		return 4;
	return ask(store, "SELECT count(*) FROM verdict") == stored ? 0 : 5;
}

static void a_full_disk_is_told(void **state)
{
	struct place p;
	int status;

	(void)state;
	assert_true(place_address(&p, false));
	pid_t pid = fork();

	if (!pid)
		_exit(fill_disk(&p));
	waitpid(pid, &status, 0);
	place_done(&p);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("skipped: no small disk can be mounted here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static const struct CMUnitTest alone[] = {
	cmocka_unit_test(the_manager_cannot_change_the_schema),
	cmocka_unit_test(missing_roles_are_told),
	cmocka_unit_test(a_lost_connection_is_made_anew),
	cmocka_unit_test(a_file_that_is_no_store_is_refused),
	cmocka_unit_test(damage_is_found_after_an_unclean_end),
	cmocka_unit_test(a_backup_is_whole_while_others_write),
	cmocka_unit_test(a_full_disk_is_told),
};

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases) + RF_COUNT(alone)];

	engine_tests(cases, RF_COUNT(cases), rows, tests);
	memcpy(tests + 2 * RF_COUNT(cases), alone, sizeof(alone));
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
