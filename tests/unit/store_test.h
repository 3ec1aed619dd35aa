/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the store share: a PostgreSQL of their own (in a temporary directory, on a unix
 * socket, as an unprivileged user), and a fresh store of either engine for each case.
 */
#ifndef STORE_TEST_H
#define STORE_TEST_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/acts.h"

/* The server of this program; bin is "" where PostgreSQL is not installed. */
static struct {
	char bin[64], dir[32];
	pid_t pid;
	int databases;
} server;

/* Debian's /usr/lib/postgresql/VERSION/bin; the greatest version. */
static inline void server_find(void)
{
	DIR *dir = opendir("/usr/lib/postgresql");
	int64_t best = 0, version;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		char bin[64];

		if (rf_num(e->d_name, 10, 13, 99, &version) || version < best)
			continue;
		snprintf(bin, sizeof(bin), "/usr/lib/postgresql/%d/bin/initdb", (int)version);
		if (access(bin, X_OK) == 0) {
			best = version;
			snprintf(server.bin, sizeof(server.bin), "/usr/lib/postgresql/%d/bin",
				 (int)version);
		}
	}
	if (dir)
		closedir(dir);
}

/* PostgreSQL refuses to run as root: as postgres, or nobody, or whoever runs the test. */
static inline pid_t server_spawn(char *const argv[])
{
	const struct passwd *user = getpwnam("postgres");
	char path[128];

	user = user ? user : getpwnam("nobody");
	pid_t pid = fork();

	if (pid)
		return pid;
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	if (getuid() == 0 && (setgid(user->pw_gid) || setuid(user->pw_uid)))
		_exit(126);
	/* A test that is killed leaves no server behind. */
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	snprintf(path, sizeof(path), "%s/%s", server.bin, argv[0]);
	execv(path, argv);
	_exit(127);
}

static inline void server_sql(const char *database, const char *sql)
{
	char url[128];

	snprintf(url, sizeof(url), "postgresql://admin@/%s?host=%s", database, server.dir);
	PGconn *conn = PQconnectdb(url);
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(conn));
	PQclear(result);
	PQfinish(conn);
}

/* Starts the server on its data, and waits until it answers. */
static inline void server_up(void)
{
	char url[128], data[64], sockets[96];

	snprintf(data, sizeof(data), "%s/data", server.dir);
	snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", server.dir);
	server.pid = server_spawn((char *[]){"postgres", "-D", data, "-c",
					     "listen_addresses=", "-c", sockets, "-c", "fsync=off",
					     "-c", "shared_buffers=16MB", NULL});

	snprintf(url, sizeof(url), "postgresql://admin@/postgres?host=%s", server.dir);
	while (PQping(url) != PQPING_OK && waitpid(server.pid, NULL, WNOHANG) == 0)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

/* Stops it as a crash would. */
static inline void server_down(void)
{
	kill(server.pid, SIGQUIT);
	waitpid(server.pid, NULL, 0);
}

static inline void server_roles(void)
{
	server_sql("postgres", "CREATE ROLE ringfence_runtime NOLOGIN");
	server_sql("postgres", "CREATE ROLE owner LOGIN");
	server_sql("postgres", "CREATE ROLE manager LOGIN IN ROLE ringfence_runtime");
	server_sql("postgres", "CREATE ROLE ringfence_judge NOLOGIN");
	server_sql("postgres", "CREATE ROLE judge LOGIN IN ROLE ringfence_judge");
}

/* A group's setup. Without PostgreSQL its cases are skipped. */
static inline int server_start(void **state)
{
	char data[64];
	int status = 0;

	(void)state;
	server_find();
	if (!server.bin[0])
		return 0;
	strcpy(server.dir, "/tmp/rf-pg-XXXXXX");
	assert_non_null(mkdtemp(server.dir));
	const struct passwd *user = getpwnam("postgres");

	user = user ? user : getpwnam("nobody");
	if (getuid() == 0)
		assert_int_equal(chown(server.dir, user->pw_uid, user->pw_gid), 0);
	snprintf(data, sizeof(data), "%s/data", server.dir);
	pid_t pid = server_spawn((char *[]){"initdb", "-D", data, "-A", "trust", "-U", "admin",
					    "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", NULL});

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	server_up();
	server_roles();
	return 0;
}

static inline void remove_tree(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

static inline int server_stop(void **state)
{
	(void)state;
	if (!server.pid)
		return 0;
	kill(server.pid, SIGQUIT);
	waitpid(server.pid, NULL, 0);
	remove_tree(server.dir);
	return 0;
}

/* A fresh store. */
struct place {
	bool is_postgres;
	char dir[32];
	char owner[128], url[128]; /* for who makes the schema, for who runs the manager */
	struct store *store;
};

/* Addresses of a store that is not there yet; false where the engine is not. */
static inline bool place_address(struct place *p, bool is_postgres)
{
	char sql[96];

	*p = (struct place){.is_postgres = is_postgres, .dir = "/tmp/rf-store-XXXXXX"};
	if (is_postgres && !server.pid)
		return false;
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->owner, sizeof(p->owner), "sqlite:%s/fleet.db", p->dir);
	memcpy(p->url, p->owner, sizeof(p->url));
	if (!is_postgres)
		return true;
	snprintf(sql, sizeof(sql), "CREATE DATABASE t%d OWNER owner", ++server.databases);
	server_sql("postgres", sql);
	snprintf(p->owner, sizeof(p->owner), "postgresql://owner@/t%d?host=%s", server.databases,
		 server.dir);
	snprintf(p->url, sizeof(p->url), "postgresql://manager@/t%d?host=%s", server.databases,
		 server.dir);
	return true;
}

static inline void must(int rc, const struct rf_err *err)
{
	if (rc)
		fail_msg("%d: %s", rc, rf_err_text(err));
}

static inline void place_done(struct place *p)
{
	store_close(p->store);
	remove_tree(p->dir);
}

/* SQL as the owner, behind the store's back. */
static inline void place_sql(struct place *p, const char *sql)
{
	struct rf_err err = {0};
	STORE_AUTOCLOSE struct store *owner = NULL;

	must(store_connect(p->owner, STORE_AS_OWNER, &owner, &err), &err);
	must(owner->backend->script(owner->db, sql, &err), &err);
}

static inline int take_number(void *arg, const struct store_value *row)
{
	*(int64_t *)arg = row[0].number;
	return 0;
}

/* The one number that a question has for an answer. */
static inline int64_t ask(struct store *store, const char *sql)
{
	const struct store_statement question = {sql, NULL, "", "i"};
	struct rf_err err = {0};
	int64_t n = -1;

	must(store_run_text(store, &question, STORE_NO_PARAMS, (struct store_rows){take_number, &n},
			    &err),
	     &err);
	return n;
}

static inline void add_host(struct store *store, const char *host)
{
	struct rf_err err = {0};
	struct store_host row = {.host = host, .name = host, .created_ms = 1};

	must(store_host_add(store, &row, &err), &err);
}

/* A case for both engines. */
struct shared_case {
	const char *name;
	void (*run)(struct place *p);
};

struct engine_case {
	const struct shared_case *shared;
	bool is_postgres;
	char name[128];
};

static inline void engine_run(void **state)
{
	const struct engine_case *c = *state;
	struct place p;
	struct rf_err err = {0};

	if (!place_address(&p, c->is_postgres)) {
		print_message("skipped: PostgreSQL is not installed\n");
		skip();
	}
	must(store_upgrade(p.owner, &err), &err);
	must(store_open(p.url, &p.store, &err), &err);
	c->shared->run(&p);
	place_done(&p);
}

/* Each case with SQLite, then with PostgreSQL. */
static inline void engine_tests(const struct shared_case *cases, size_t count,
				struct engine_case *rows, struct CMUnitTest *out)
{
	for (size_t i = 0; i < 2 * count; i++) {
		rows[i].shared = &cases[i / 2];
		rows[i].is_postgres = i % 2;
		snprintf(rows[i].name, sizeof(rows[i].name), "%s: %s",
			 i % 2 ? "postgresql" : "sqlite", cases[i / 2].name);
		out[i] = (struct CMUnitTest){
			.name = rows[i].name, .test_func = engine_run, .initial_state = &rows[i]};
	}
}

#endif
