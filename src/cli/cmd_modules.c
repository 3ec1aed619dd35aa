/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence modules: what is loaded into the kernel, who signed it, whether the file is still the
 * one that was measured, and what differs from the boot before. The lists of two boots are kept in
 * one file of our own, by boot id.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/rows.h"
#include "sys/sandbox.h"
#include "sys/state.h"

#define FILE_NAME "modules.json"

/* Modules as {name: what it is by signature and taint}. */
struct lists {
	json_t *now, *before; /* before: NULL when no other boot is known */
	char boot_id[64];
	bool kept;
};

static const char *cell(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? text : "?";
}

/* In words, for the last column; "" when there is nothing to say. */
static const char *worry(sqlite3_stmt *stmt)
{
	const char *state = cell(stmt, 4), *taint = cell(stmt, 3), *disk = cell(stmt, 5);

	if (strcmp(state, "unverified") == 0)
		return "the kernel could not verify it";
	if (sqlite3_column_type(stmt, 1) == SQLITE_INTEGER && sqlite3_column_int(stmt, 1) == 0)
		return strcmp(state, "verified") == 0
			       ? "not signed on disk, though the kernel verified what it loaded"
			       : "not signed";
	if (strcmp(disk, "changed") == 0)
		return "its file changed since it was measured";
	if (strcmp(disk, "missing") == 0)
		return "its file is gone";
	return strchr(taint, 'F') ? "loaded by force" : "";
}

/* What is compared from boot to boot. */
static json_t *describe(sqlite3_stmt *stmt)
{
	return json_pack("{s:s, s:s, s:s}", "signer", cell(stmt, 2), "taint", cell(stmt, 3),
			 "signature", cell(stmt, 4));
}

static json_t *row_json(sqlite3_stmt *stmt)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", cell(stmt, 0), "signed",
		sqlite3_column_type(stmt, 1) == SQLITE_NULL ? "unknown"
		: sqlite3_column_int(stmt, 1)		    ? "yes"
							    : "no",
		"signer", cell(stmt, 2), "taint", cell(stmt, 3), "signature", cell(stmt, 4),
		"on_disk", cell(stmt, 5), "path", cell(stmt, 6), "worry", worry(stmt));
}

struct counts {
	size_t all, worries;
	bool headed;
};

static void print_row(sqlite3_stmt *stmt, bool all, struct counts *counts)
{
	const char *about = worry(stmt);

	if (!all && !about[0])
		return;
	if (!counts->headed)
		printf("%-24s %-10s %-6s %-12s %s\n", "module", "signature", "taint", "on disk",
		       "signer");
	counts->headed = true;
	printf("%-24s %-10s %-6s %-12s %s%s%s\n", cell(stmt, 0), cell(stmt, 4), cell(stmt, 3),
	       cell(stmt, 5), cell(stmt, 2), about[0] ? "  ✖ " : "", about);
}

/* Prints all rows, or gathers them; fills lists->now. */
static int walk(struct fact_store *store, bool all, json_t *rows, struct lists *lists,
		struct counts *counts, struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(
		    fact_store_db(store),
		    "SELECT name, has_signature, signer, taint, signature_state, on_disk, "
		    "path FROM module ORDER BY name",
		    -1, &stmt, NULL))
		return rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(fact_store_db(store)));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *about = worry(stmt);

		counts->all++;
		counts->worries += about[0] != '\0';
		json_object_set_new(lists->now, cell(stmt, 0), describe(stmt));
		if (rows)
			json_array_append_new(rows, row_json(stmt));
		else
			print_row(stmt, all, counts);
	}
	sqlite3_finalize(stmt);
	return 0;
}

/* The file: {"boot_id": ..., "modules": {...}, "before": {...} of the boot before that}. */
static void lists_read(const char *dir, struct lists *lists)
{
	RF_AUTOBUF struct rf_buf file = {0};

	if (state_read(dir, FILE_NAME, RF_MAX_JSON_BYTES, &file, NULL) < 0)
		return;
	json_t *old = json_loadb((const char *)file.data, file.len, JSON_REJECT_DUPLICATES, NULL);
	const char *id = json_string_value(json_object_get(old, "boot_id"));
	bool same = id && strcmp(id, lists->boot_id) == 0;
	json_t *before = json_object_get(old, same ? "before" : "modules");

	if (json_is_object(before))
		lists->before = json_incref(before);
	json_decref(old);
}

/* Keeps the list of this boot, as it is now, and of the one before. */
static void lists_write(const char *dir, struct lists *lists)
{
	json_t *doc = json_pack("{s:s, s:O}", "boot_id", lists->boot_id, "modules", lists->now);

	if (lists->before)
		json_object_set(doc, "before", lists->before);
	char *out = doc ? json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	lists->kept = out && state_write(dir, FILE_NAME, rf_slice_text(out), NULL) == 0;
	rf_free(out);
	json_decref(doc);
}

static void print_names(const char *what, json_t *from, json_t *without)
{
	const char *name, *between = what;
	json_t *value;

	json_object_foreach(from, name, value)
	{
		if (json_object_get(without, name))
			continue;
		printf("%s%s", between, name);
		between = ", ";
	}
	if (between != what)
		puts("");
}

static const char *word(json_t *module, const char *key)
{
	const char *text = json_string_value(json_object_get(module, key));

	return text ? text : "?";
}

static void print_changed(struct lists *lists)
{
	const char *name;
	json_t *now;

	json_object_foreach(lists->now, name, now)
	{
		json_t *was = json_object_get(lists->before, name);

		if (was && !json_equal(was, now))
			printf("  changed: %s (signer %s, was %s; signature %s, was %s)\n", name,
			       word(now, "signer"), word(was, "signer"), word(now, "signature"),
			       word(was, "signature"));
	}
}

static void print_difference(struct lists *lists)
{
	if (!lists->boot_id[0])
		return;
	if (!lists->before) {
		puts(lists->kept ? "Nothing is known of an earlier boot; this one is remembered."
				 : "Nothing is known of an earlier boot; root remembers each one.");
		return;
	}
	if (json_equal(lists->now, lists->before)) {
		puts("The same as at the boot before.");
		return;
	}
	puts("Since the boot before:");
	print_names("  new: ", lists->now, lists->before);
	print_names("  gone: ", lists->before, lists->now);
	print_changed(lists);
}

static int print_all(const struct cli_args *args, struct fact_store *store, struct lists *lists,
		     enum rows_format format, struct rf_err *err)
{
	const char *dir = cli_value(args, OPT_STATE_DIR);
	struct counts counts = {0};
	json_t *rows = format == ROWS_JSON ? json_array() : NULL;
	int rc = walk(store, cli_has(args, OPT_ALL), rows, lists, &counts, err);

	dir = dir ? dir : STATE_DIR;
	if (rc == 0 && lists->boot_id[0]) {
		lists_read(dir, lists);
		lists_write(dir, lists);
	}
	if (rc == 0 && rows) {
		json_t *doc = json_pack("{s:O, s:O?}", "modules", rows, "before", lists->before);

		json_dumpf(doc, stdout, JSON_INDENT(1));
		puts("");
		json_decref(doc);
	} else if (rc == 0) {
		printf("%zu modules loaded, %zu of them worth a look%s\n", counts.all,
		       counts.worries,
		       cli_has(args, OPT_ALL) || counts.all == 0 ? "." : "; -a shows all.");
		print_difference(lists);
	}
	json_decref(rows);
	return rc < 0 ? rc : counts.worries ? CLI_FINDINGS : 0;
}

static void read_boot_id(const struct cli_args *args, char *out, size_t size)
{
	struct sys *sys = NULL;

	if (common_open_source(args, &sys, NULL) < 0 ||
	    sys_read_line(sys, "/proc/sys/kernel/random/boot_id", out, size) < 0)
		out[0] = '\0';
	sys_close(sys);
}

/* Everything about the host is read: what is left is the file of the last boot. */
static int lock_in(const struct cli_args *args, const char *dir, struct rf_err *err)
{
	char missing[SANDBOX_MISSING_BYTES];

	if (!dir || access(dir, R_OK | X_OK) < 0)
		return common_lock_in(args, err);
	return sandbox_enter(SANDBOX_EVIDENCE, &dir, 1, missing, err);
}

int cmd_modules(const struct cli_args *args, struct rf_err *err)
{
	static const char *const names[] = {"host", "kernel", NULL};
	FACT_AUTOSTORE struct fact_store *store = NULL;
	const char *dir = cli_value(args, OPT_STATE_DIR);
	struct lists lists = {.now = json_object()};
	enum rows_format format;
	int rc = rows_format_parse(cli_value(args, OPT_OUTPUT), &format, err);

	if (rc == 0 && format == ROWS_CSV)
		rc = rf_fail(
			err, RF_E_USAGE,
			"modules are printed as table or json; ringfence query -o csv 'SELECT * "
			"FROM module' gives the rest");
	if (rc == 0)
		rc = common_some_facts(args, names, &store, err);
	/* A list that was not read to its end must be neither shown nor kept. */
	if (rc == 0)
		rc = common_collected(store, "module", err);
	/* Another host's list is not kept among ours, only where somebody asks for it. */
	if (rc == 0 && (dir || !cli_has(args, OPT_FROM)))
		read_boot_id(args, lists.boot_id, sizeof(lists.boot_id));
	dir = dir ? dir : STATE_DIR;
	if (rc == 0 && lists.boot_id[0] && geteuid() == 0)
		rc = state_prepare(dir, err);
	if (rc == 0)
		rc = lock_in(args, lists.boot_id[0] ? dir : NULL, err);
	if (rc == 0)
		rc = print_all(args, store, &lists, format, err);
	json_decref(lists.now);
	json_decref(lists.before);
	return rc;
}
