/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What collector tests share: a host made of files in a temporary directory, a collector run over
 * it, and questions to the facts in SQL.
 */
#ifndef FACTS_TEST_H
#define FACTS_TEST_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "collect/collect.h"
#include "model/store.h"

/* A directory host below /tmp. */
struct test_host {
	char dir[64];
	struct fact_store *store;
};

static inline void host_make(struct test_host *h)
{
	*h = (struct test_host){.dir = "/tmp/rf-test-XXXXXX"};
	assert_non_null(mkdtemp(h->dir));
}

/* Writes DIR/path with its parent directories. */
static inline void host_file(struct test_host *h, const char *path, const char *text)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", h->dir, path);
	for (char *p = full + strlen(h->dir) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	FILE *f = fopen(full, "wb");

	assert_non_null(f);
	fwrite(text, 1, strlen(text), f);
	fclose(f);
}

/* Adds a line to DIR/.ringfence/meta, see sys/dir.c. */
static inline void host_meta(struct test_host *h, const char *line)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/.ringfence", h->dir);
	mkdir(full, 0755);
	snprintf(full, sizeof(full), "%s/.ringfence/meta", h->dir);
	FILE *f = fopen(full, "ab");

	assert_non_null(f);
	fprintf(f, "%s\n", line);
	fclose(f);
}

/* Runs one collector over the directory; the facts are in h->store. Returns what it returned. */
static inline int host_collect_request(struct test_host *h, collect_fn *run,
				       const struct collect_request *req)
{
	struct sys *sys;
	struct rf_err err = {0};

	fact_store_close(h->store);
	h->store = NULL;
	assert_int_equal(fact_store_open(&h->store, &err), 0);
	assert_int_equal(sys_open_dir(h->dir, &sys, &err), 0);
	struct fact_sink *sink = fact_store_sink(h->store, "h");
	int rc = run(sys, req, sink, &err);

	sys_close(sys);
	if (rc < 0)
		print_message("collector: %s\n", rf_err_text(&err));
	if (fact_sink_check(sink, &err) < 0)
		fail_msg("sink: %s", rf_err_text(&err));
	return rc;
}

static inline void host_collect(struct test_host *h, collect_fn *run)
{
	struct collect_request req = {.host = true};

	assert_int_equal(host_collect_request(h, run, &req), 0);
}

/* The first column of the first row as text ("NULL" for NULL, "-" for no row). Static storage. */
static inline const char *host_ask(struct test_host *h, const char *sql)
{
	static char out[4096];
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(fact_store_db(h->store), sql, -1, &stmt, NULL))
		fail_msg("%s: %s", sql, sqlite3_errmsg(fact_store_db(h->store)));
	snprintf(out, sizeof(out), "-");
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		snprintf(out, sizeof(out), "%s", text ? text : "NULL");
	}
	sqlite3_finalize(stmt);
	return out;
}

#define assert_fact(h, sql, want) assert_string_equal(host_ask(h, sql), want)

static inline void host_done(struct test_host *h)
{
	char command[128];

	fact_store_close(h->store);
	snprintf(command, sizeof(command), "rm -rf '%s'", h->dir);
	assert_int_equal(system(command), 0);
}

/*
 * AddressSanitizer wraps xdrmem_create before libvirt's library brings it, and then calls nothing:
 * with a daemon on the other side such a test would fail for that reason alone. It skips by name
 * instead.
 */
#ifdef __SANITIZE_ADDRESS__
#define NO_LIBVIRT_DAEMON_UNDER_ASAN 1
#else
#define NO_LIBVIRT_DAEMON_UNDER_ASAN 0
#endif

#endif
