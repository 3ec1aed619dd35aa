/* SPDX-License-Identifier: Apache-2.0 */
/* The store's roles and backups, and the ways in which a database can be wrong. */
#include "store_test.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

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

static const struct shared_case cases[] = {
	{"bad addresses are refused", bad_addresses_are_refused},
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

static int body_stopped(struct store *store, void *arg, struct rf_err *err)
{
	struct store_verdict v = {"lost", "h", "UNTRUSTED", "", {NULL, 0}, 6};

	(void)arg;
	server_down();
	return store_verdict_add(store, &v, NULL, err);
}

/* The whole server is stopped in the middle, stays away, and comes back. */
static void a_stopped_server_is_told_and_used_again(void **state)
{
	struct store_verdict v = {"kept", "h", "TRUSTED", "", {NULL, 0}, 5};
	struct place p;
	struct rf_err err = {0};
	int64_t now;

	(void)state;
	fresh(&p, true);
	add_host(p.store, "h");
	must(store_verdict_add(p.store, &v, NULL, &err), &err);
	assert_int_equal(store_transaction(p.store, body_stopped, NULL, &err), RF_E_PEER);
	print_message("A %s\n", rf_err_text(&err));
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_now(p.store, &now, &err), RF_E_PEER);
	v.verdict = "away";
	assert_int_equal(store_verdict_add(p.store, &v, NULL, &err), RF_E_PEER);
	server_up();
	/* What was acknowledged is there, what was not is not, and the same store goes on. */
	assert_int_equal(ask(p.store, "SELECT count(*) FROM verdict WHERE verdict = 'kept'"), 1);
	assert_int_equal(ask(p.store, "SELECT count(*) FROM verdict"), 1);
	v.verdict = "again";
	must(store_verdict_add(p.store, &v, NULL, &err), &err);
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
	struct store_verdict after = {"after", "h", "TRUSTED", "", {bytes, sizeof(bytes)}, 7};
	struct rf_err err = {0};
	int64_t stored = 0;
	int rc = 0;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", p->dir, "tmpfs", 0, "size=1m"))
		return 77;
	if (store_upgrade(p->owner, NULL) || store_open(p->url, &store, NULL))
		return 1;
	add_host(store, "h");
	char room[64];

	/* What somebody else has on this disk. */
	path_of(p, ".room", room);
	write_file(room, (const char *)bytes, sizeof(bytes), 0);
	write_file(room, (const char *)bytes, sizeof(bytes), sizeof(bytes));
	for (; !rc && stored < 100; stored += rc == 0) {
		char id[32];
		struct store_verdict v = {id, "h", "TRUSTED", "", {bytes, sizeof(bytes)}, stored};

		snprintf(id, sizeof(id), "%d", (int)stored);
		memcpy(bytes, id, sizeof(id));
		rc = store_verdict_add(store, &v, NULL, &err);
	}
	if (rc != -ENOSPC || !stored || !strstr(rf_err_text(&err), "make room"))
		return 2;
	/* What was answered is there, and only that; and reading goes on. */
	if (ask(store, "SELECT count(*) FROM verdict") != stored ||
	    ask(store, "SELECT count(*) FROM evidence") != stored)
		return 3;
	/* Room is made: the same store goes on. */
	bytes[0] = 'z';
	if (unlink(room) || store_verdict_add(store, &after, NULL, NULL))
		return 6;
	store_close(rf_take(store));
	if (store_open(p->url, &store, NULL))
		return 4;
	return ask(store, "SELECT count(*) FROM verdict") == stored + 1 ? 0 : 5;
}

/* The kernel refuses to write more of the file: EFBIG, which SQLite tells as an I/O error. */
static int fail_disk(struct place *p)
{
	static uint8_t bytes[65536];
	STORE_AUTOCLOSE struct store *store = NULL;
	struct store_verdict v = {"v1", "h", "TRUSTED", "", {bytes, sizeof(bytes)}, 5};
	struct rlimit limit;
	struct rf_err err = {0};

	signal(SIGXFSZ, SIG_IGN);
	if (store_open(p->url, &store, NULL) || getrlimit(RLIMIT_FSIZE, &limit))
		return 1;
	add_host(store, "h");
	if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, limit.rlim_max}))
		return 2;
	int rc = store_verdict_add(store, &v, NULL, &err);

	if (rc != RF_E_DATABASE || !strstr(rf_err_text(&err), "nothing of it was kept"))
		return 3;
	if (ask(store, "SELECT count(*) FROM verdict") ||
	    ask(store, "SELECT count(*) FROM host WHERE state = 'TRUSTED'"))
		return 4;
	/* The disk is good again: the same store goes on. */
	if (setrlimit(RLIMIT_FSIZE, &limit) || store_verdict_add(store, &v, NULL, NULL))
		return 5;
	return ask(store, "SELECT count(*) FROM verdict") == 1 ? 0 : 6;
}

static void a_disk_that_fails_is_told(void **state)
{
	struct place p;
	int status;

	(void)state;
	fresh(&p, false);
	pid_t pid = fork();

	if (!pid)
		_exit(fail_disk(&p));
	waitpid(pid, &status, 0);
	place_done(&p);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
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
	cmocka_unit_test(a_disk_that_fails_is_told),
	cmocka_unit_test(a_stopped_server_is_told_and_used_again),
};

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases) + RF_COUNT(alone)];

	engine_tests(cases, RF_COUNT(cases), rows, tests);
	memcpy(tests + 2 * RF_COUNT(cases), alone, sizeof(alone));
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
