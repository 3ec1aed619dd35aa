/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge: runs the chosen controls over a finished fact store. A pure function of its inputs.
 * Unknown is never a pass: a missing fact, a table that could not be read and a query that takes
 * too long all end as UNKNOWN or ERROR with the reason.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/internal.h"

/* Reasons of gaps by "host\x1ftable\x1fkey\x1fcolumn": asked for each unknown row, so not from
 * SQLite. */
struct gap_index {
	struct rf_map reasons;
	struct rf_map tables; /* the first reason of "host\x1ftable", owned above */
};

struct row_context {
	const struct control *control;
	struct finding_set *out;
	const struct gap_index *gaps;
	struct sql_guard guard;		   /* fact tables that the statement reads */
	const char *any_host, *any_reason; /* see any_gap */
	struct rf_err *err;
};

#define GAP_KEY_BYTES 2048

static void gap_key(char out[GAP_KEY_BYTES], const char *host, const char *tbl, const char *key,
		    const char *col)
{
	(void)!rf_format(out, GAP_KEY_BYTES, "%s\x1f%s\x1f%s\x1f%s", host, tbl, key, col);
}

static void table_key(char out[GAP_KEY_BYTES], const char *host, const char *tbl)
{
	(void)!rf_format(out, GAP_KEY_BYTES, "%s\x1f%s", host, tbl);
}

static int gap_index_load(sqlite3 *db, struct gap_index *out, struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;
	char key[GAP_KEY_BYTES];
	int rc = 0;

	if (sqlite3_prepare_v2(db,
			       "SELECT host, tbl, key, col, reason FROM fact_gap "
			       "ORDER BY host, tbl, key, col",
			       -1, &stmt, NULL))
		return rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(db));
	while (rc == 0 && sqlite3_step(stmt) == SQLITE_ROW) {
		gap_key(key, (const char *)sqlite3_column_text(stmt, 0),
			(const char *)sqlite3_column_text(stmt, 1),
			(const char *)sqlite3_column_text(stmt, 2),
			(const char *)sqlite3_column_text(stmt, 3));
		char *reason = rf_strdup((const char *)sqlite3_column_text(stmt, 4));

		/* The store has at most one row for a key, so nothing is replaced. */
		rc = reason ? rf_map_set(&out->reasons, key, reason) : -ENOMEM;
		if (rc < 0)
			rf_free(reason);
		table_key(key, (const char *)sqlite3_column_text(stmt, 0),
			  (const char *)sqlite3_column_text(stmt, 1));
		if (!rc && !rf_map_has(&out->tables, key))
			rc = rf_map_set(&out->tables, key, reason);
	}
	sqlite3_finalize(stmt);
	return rc ? rf_fail(err, rc, "no memory") : 0;
}

static void gap_index_done(struct gap_index *gaps)
{
	for (size_t i = 0; i < gaps->reasons.capacity; i++)
		rf_free(gaps->reasons.slots[i].value);
	rf_map_done(&gaps->reasons);
	rf_map_done(&gaps->tables);
}

/*
 * The reason of a gap in the arena, or NULL when nobody said one. Most specific first: this column
 * of this row, the whole row, this column of every row, the table; of a view also of its base
 * table.
 */
static const char *gap_reason(struct row_context *x, const char *host, const char *tbl,
			      const char *key, const char *col)
{
	const char *tables[] = {tbl, x->control->table ? x->control->table->base : tbl};
	const char *keys[] = {key, key, "", ""}, *cols[] = {col, "", col, ""};
	char text[GAP_KEY_BYTES];

	for (size_t i = 0; i < RF_COUNT(keys); i++) {
		for (size_t t = 0; t < RF_COUNT(tables); t++) {
			gap_key(text, host, tables[t], keys[i], cols[i]);
			const char *reason = rf_map_get(&x->gaps->reasons, text);

			if (reason)
				return finding_text(x->out, reason, strlen(reason));
		}
	}
	return NULL;
}

static const char *column_text(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? text : "";
}

static const char *keep(struct finding_set *set, const char *text)
{
	return *text ? finding_text(set, text, strlen(text)) : "";
}

/* Whether a word is one of the columns that a lookup adds. */
static bool is_lookup_column(const char *name)
{
	static const char *const names[] = {"value",	 "num",		  "truth",
					    "effective", "effective_num", "effective_truth",
					    "absent",	 "default_value"};

	for (size_t i = 0; i < RF_COUNT(names); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* Why the key that a row looks up has no value: of this row, or of all. */
static const char *lookup_gap(struct row_context *x, sqlite3_stmt *stmt, const char *host)
{
	const struct control *c = x->control;
	RF_AUTOFREE char *own = rf_asprintf("%s/%s", column_text(stmt, COL_GAP_KEY), c->lookup_key);
	const char *why = own ? gap_reason(x, host, c->lookup_table, own, "value") : NULL;

	return why ? why : gap_reason(x, host, c->lookup_table, c->lookup_key, "value");
}

/* Why a row could not be judged: which facts are missing, and what the collector said of them. */
static const char *unknown_reason(struct row_context *x, sqlite3_stmt *stmt)
{
	const struct control *c = x->control;
	RF_AUTOBUF struct rf_buf text = {0};
	const char *host = column_text(stmt, COL_HOST);

	for (size_t i = 0; i < c->needs_count; i++) {
		if (sqlite3_column_type(stmt, COL_FIXED + (int)i) != SQLITE_NULL)
			continue;
		bool lookup = c->lookup && is_lookup_column(c->needs[i]);
		const char *why = lookup ? lookup_gap(x, stmt, host)
					 : gap_reason(x, host, c->table->name,
						      column_text(stmt, COL_GAP_KEY), c->needs[i]);

		/* The file was read: then the key is not in it, and no default is known. */
		if (lookup && !why && strcmp(c->lookup_table, "vm_option") == 0)
			why = "the key is not set, and what this product does then is not known";
		rf_buf_add_text(&text, text.len ? "; " : "");
		rf_buf_printf(&text, "%s is not known%s%s", lookup ? c->lookup_key : c->needs[i],
			      why ? ": " : "", why ? why : "");
	}
	if (!text.len)
		rf_buf_add_text(&text, "the facts do not decide");
	return finding_text(x->out, rf_buf_text(&text), text.len);
}

/* Columns first..count as "name\0value\0...\0"; no_value stands for a looked-up key without one. */
static const char *evidence_pack(struct finding_set *set, sqlite3_stmt *stmt, int first, int count,
				 const char *no_value)
{
	RF_AUTOBUF struct rf_buf pack = {0};

	for (int i = first; i < count; i++) {
		const char *name = sqlite3_column_name(stmt, i);
		const char *value = (const char *)sqlite3_column_text(stmt, i);

		rf_buf_add(&pack, name, strlen(name) + 1);
		if (!value)
			value = strcmp(name, "value") == 0 ? no_value : "unknown";
		rf_buf_add(&pack, value, strlen(value) + 1);
	}
	rf_buf_add_byte(&pack, 0);
	return pack.failed ? NULL : finding_text(set, (const char *)pack.data, pack.len);
}

/* A row of an `over` control, columns as in control_sql. */
static int over_row(void *arg, int columns, sqlite3_stmt *stmt)
{
	struct row_context *x = arg;
	const struct control *c = x->control;
	bool applies_known = sqlite3_column_type(stmt, COL_APPLIES) != SQLITE_NULL;
	bool pass_known = sqlite3_column_type(stmt, COL_PASS) != SQLITE_NULL;

	/* Rows of another topic say nothing: judge_tables adds one N/A for a host without others.
	 */
	if (applies_known && !sqlite3_column_int(stmt, COL_APPLIES))
		return 0;
	struct finding *f = finding_add(x->out);

	if (!f)
		return rf_fail(x->err, -ENOMEM, "no memory");
	f->control = c;
	f->severity = c->severity;
	f->host = keep(x->out, column_text(stmt, COL_HOST));
	f->resource = keep(x->out, column_text(stmt, COL_RESOURCE));
	f->vm = keep(x->out, column_text(stmt, COL_VM));
	f->layer = keep(x->out, column_text(stmt, COL_LAYER));
	f->source = keep(x->out, column_text(stmt, COL_SOURCE));
	/* What was judged without a value was judged by the default of a key that is not there. */
	bool is_default = pass_known && c->lookup && strcmp(c->lookup_table, "vm_option") == 0;

	f->evidence = evidence_pack(x->out, stmt, COL_FIXED + (int)c->needs_count, columns,
				    is_default ? "(not set)" : "unknown");

	if (!applies_known || !pass_known) {
		f->state = FINDING_UNKNOWN;
		f->reason = unknown_reason(x, stmt);
	} else {
		f->state = sqlite3_column_int(stmt, COL_PASS) ? FINDING_PASS : FINDING_FAIL;
	}
	return f->evidence && f->reason && f->source ? 0 : rf_fail(x->err, -ENOMEM, "no memory");
}

static int column_by_name(sqlite3_stmt *stmt, const char *name)
{
	for (int i = 0; i < sqlite3_column_count(stmt); i++) {
		if (strcmp(sqlite3_column_name(stmt, i), name) == 0)
			return i;
	}
	return -1;
}

/* Evidence of a query: every column that is not one of the fixed names. What a query that passes
 * has as NULL is what it looked for and did not find. */
static const char *query_evidence(struct finding_set *set, sqlite3_stmt *stmt, bool passes)
{
	static const char *const fixed[] = {"host", "resource", "vm", "layer", "pass", "source"};
	RF_AUTOBUF struct rf_buf pack = {0};

	for (int i = 0; i < sqlite3_column_count(stmt); i++) {
		const char *name = sqlite3_column_name(stmt, i);
		const char *value = (const char *)sqlite3_column_text(stmt, i);
		bool skip = false;

		for (size_t k = 0; k < RF_COUNT(fixed); k++)
			skip = skip || strcmp(fixed[k], name) == 0;
		if (skip || (passes && !value))
			continue;
		rf_buf_add(&pack, name, strlen(name) + 1);
		if (!value)
			value = "unknown";
		rf_buf_add(&pack, value, strlen(value) + 1);
	}
	rf_buf_add_byte(&pack, 0);
	return pack.failed ? NULL : finding_text(set, (const char *)pack.data, pack.len);
}

static const char *query_text(struct finding_set *set, sqlite3_stmt *stmt, const char *name)
{
	int i = column_by_name(stmt, name);

	return i < 0 ? "" : keep(set, column_text(stmt, i));
}

/* Any gap in the tables that the query reads, remembered for its next row; NULL when none. */
static const char *any_gap(struct row_context *x, const char *host)
{
	char key[GAP_KEY_BYTES];

	if (x->any_host && strcmp(x->any_host, host) == 0)
		return x->any_reason;
	x->any_host = host;
	x->any_reason = NULL;
	for (size_t t = 0; t < FACT_T_COUNT && !x->any_reason; t++) {
		/* Nearly every query begins with the host, whose gaps are of another kind. */
		if (t == FACT_T_HOST || !(x->guard.tables[t / 64] >> t % 64 & 1))
			continue;
		table_key(key, host, fact_tables[t].name);
		x->any_reason = rf_map_get(&x->gaps->tables, key);
	}
	return x->any_reason;
}

/* Why a query could not decide: what was said of a column that it has as NULL, of this VM or of all
 * rows, or else of anything that it reads. */
static const char *query_reason(struct row_context *x, sqlite3_stmt *stmt, const struct finding *f)
{
	for (size_t t = 0; t < FACT_T_COUNT; t++) {
		if (!(x->guard.tables[t / 64] >> t % 64 & 1))
			continue;
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			if (sqlite3_column_type(stmt, i) != SQLITE_NULL)
				continue;
			const char *said = gap_reason(x, f->host, fact_tables[t].name, f->vm,
						      sqlite3_column_name(stmt, i));

			if (said)
				return said;
		}
	}
	const char *said = any_gap(x, f->host);

	return said ? keep(x->out, said) : "a fact that this question needs is not known";
}

static int query_row(void *arg, int columns, sqlite3_stmt *stmt)
{
	struct row_context *x = arg;
	struct finding *f = finding_add(x->out);
	int pass = column_by_name(stmt, "pass");

	(void)columns;
	if (!f)
		return rf_fail(x->err, -ENOMEM, "no memory");
	f->control = x->control;
	f->severity = x->control->severity;
	f->host = query_text(x->out, stmt, "host");
	f->resource = query_text(x->out, stmt, "resource");
	f->vm = query_text(x->out, stmt, "vm");
	f->layer = query_text(x->out, stmt, "layer");
	f->source = query_text(x->out, stmt, "source");
	f->evidence = query_evidence(x->out, stmt, sqlite3_column_int64(stmt, pass) == 1);
	if (sqlite3_column_type(stmt, pass) == SQLITE_NULL) {
		f->state = FINDING_UNKNOWN;
		f->reason = query_reason(x, stmt, f);
	} else if (sqlite3_column_int64(stmt, pass) & ~(sqlite3_int64)1) {
		f->state = FINDING_ERROR;
		f->reason = "the query's pass is neither 1 nor 0 nor NULL";
	} else {
		f->state = sqlite3_column_int(stmt, pass) ? FINDING_PASS : FINDING_FAIL;
	}
	return f->evidence ? 0 : rf_fail(x->err, -ENOMEM, "no memory");
}

/* The whole-table gap of a host, or NULL: then rows of that table are missing. */
static const char *table_gap(struct row_context *x, const char *host, const char *tbl)
{
	return gap_reason(x, host, tbl, "", "");
}

static int finding_for_table(struct row_context *x, const char *host, const char *gap)
{
	struct finding *f = finding_add(x->out);

	if (!f)
		return rf_fail(x->err, -ENOMEM, "no memory");
	f->control = x->control;
	f->severity = x->control->severity;
	f->host = host;
	f->state = gap ? FINDING_UNKNOWN : FINDING_NOT_APPLICABLE;
	f->reason = gap			  ? gap
		    : x->control->applies ? x->control->applies
					  : "there is nothing of this kind here";
	return 0;
}

/* Whether a table may decide what a control over a view says: by a column that the view adds to its
 * base, or because the expressions name it. */
static bool asks_of(const struct control *c, const char *table)
{
	for (size_t i = 0; i < c->needs_count; i++) {
		if (strstr(c->table->extras, c->needs[i]))
			return true;
	}
	return strstr(c->pass, table) || (c->when && strstr(c->when, table));
}

/* A control's findings of one host: where the first is, and from each the one behind it. */
#define NO_FINDING SIZE_MAX
struct of_host {
	const char *name;
	size_t head, tail;
	const size_t *next;
};

/* What a control said nothing about on a host, and which tables it could not see whole. */
static int judge_tables(struct row_context *x, const struct of_host *of)
{
	const struct control *c = x->control;
	const struct fact_table *base = c->table ? fact_table_find(c->table->base) : NULL;
	const char *host = of->name;
	const bool rows = of->head != NO_FINDING;

	for (size_t t = 0; t < FACT_T_COUNT; t++) {
		if (!(x->guard.tables[t / 64] >> t % 64 & 1) || fact_tables[t].is_view)
			continue;
		/* A lookup table that is missing shows in each row already. */
		if (c->lookup_table && strcmp(fact_tables[t].name, c->lookup_table) == 0)
			continue;
		/* Rows were judged, and by nothing that this table gives to the view. */
		if (rows && !c->query && &fact_tables[t] != base &&
		    !asks_of(c, fact_tables[t].name))
			continue;
		const char *gap = table_gap(x, host, fact_tables[t].name);

		if (!gap)
			continue;
		/* What passed for lack of rows has not passed. */
		for (size_t i = of->head; c->query && i != NO_FINDING; i = of->next[i]) {
			struct finding *f = &x->out->items[i];

			if (f->state == FINDING_PASS) {
				f->state = FINDING_UNKNOWN;
				f->reason = gap;
			}
		}
		return c->query && rows ? 0 : finding_for_table(x, host, gap);
	}
	return rows ? 0 : finding_for_table(x, host, NULL);
}

int judge_rows(struct fact_store *store, const struct control *control, sqlite3_stmt *stmt,
	       struct finding_set *out, struct rf_err *err)
{
	const struct gap_index none = {0};
	struct row_context x = {.control = control, .out = out, .gaps = &none, .err = err};

	return sql_guard_run(fact_store_db(store), stmt, control->query ? query_row : over_row, &x,
			     err);
}

/* ---- a whole run ---- */

/* A host, and the fact tables that some collector looked at there. */
struct run_host {
	char *name;
	uint64_t tables[TABLE_WORDS];
	struct of_host of; /* of the control in hand */
};

struct host_list {
	struct run_host *items;
	size_t count, capacity;
	uint64_t tables[TABLE_WORDS]; /* on any of them */
	struct rf_map numbers;	      /* of a name: its place, plus one */
};

static int host_list_add(struct host_list *hosts, const char *name)
{
	if (hosts->count && strcmp(hosts->items[hosts->count - 1].name, name) == 0)
		return 0;
	if (rf_grow((void **)&hosts->items, &hosts->capacity, hosts->count + 1,
		    sizeof(*hosts->items)) < 0)
		return -ENOMEM;
	struct run_host *host = &hosts->items[hosts->count];

	*host = (struct run_host){.name = rf_strdup(name)};
	if (!host->name)
		return -ENOMEM;
	hosts->count++;
	return rf_map_set(&hosts->numbers, name, (void *)(uintptr_t)hosts->count);
}

static struct run_host *host_find(const struct host_list *hosts, const char *name)
{
	size_t number = (size_t)(uintptr_t)rf_map_get(&hosts->numbers, name);

	return number ? &hosts->items[number - 1] : NULL;
}

/* Of the last host of the list. */
static void tables_mark(struct host_list *hosts, const char *names)
{
	struct run_host *host = &hosts->items[hosts->count - 1];
	char name[64];

	for (const char *p = names; *p;) {
		size_t len = strcspn(p, ",");

		if (rf_format(name, sizeof(name), "%.*s", (int)len, p)) {
			const struct fact_table *table = fact_table_find(name);
			size_t id = table ? (size_t)fact_table_id(table) : 0;
			uint64_t bit = table ? (uint64_t)1 << id % 64 : 0;

			host->tables[id / 64] |= bit;
			hosts->tables[id / 64] |= bit;
		}
		p += len + (p[len] == ',');
	}
}

/* Which hosts there are and which tables somebody tried to fill: the runner's own rows say. */
static int hosts_find(sqlite3 *db, struct host_list *hosts, struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(db, "SELECT host, tables FROM collector_run ORDER BY host", -1,
			       &stmt, NULL))
		return rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(db));
	while (rc == 0 && sqlite3_step(stmt) == SQLITE_ROW) {
		rc = host_list_add(hosts, column_text(stmt, 0));
		if (!rc)
			tables_mark(hosts, column_text(stmt, 1));
	}
	sqlite3_finalize(stmt);
	return rc;
}

static bool looked_at(const struct sql_guard *guard, const uint64_t tables[TABLE_WORDS])
{
	for (size_t t = 0; t < FACT_T_COUNT; t++) {
		bool read = guard->tables[t / 64] >> t % 64 & 1;
		bool data = fact_tables[t].is_view || t == FACT_T_VMX_DEFAULT ||
			    t == FACT_T_FACT_GAP || t == FACT_T_COLLECTOR_RUN;

		if (read && !data && !(tables[t / 64] >> t % 64 & 1))
			return false;
	}
	return true;
}

static int control_error(const struct control *c, struct finding_set *out, const struct rf_err *why,
			 struct rf_err *err)
{
	struct finding *f = finding_add(out);

	if (!f)
		return rf_fail(err, -ENOMEM, "no memory");
	f->control = c;
	f->severity = c->severity;
	f->state = FINDING_ERROR;
	f->reason = keep(out, rf_err_text(why));
	return f->reason ? 0 : rf_fail(err, -ENOMEM, "no memory");
}

/* Nobody looked at the table whose rows it is about: no need to ask SQLite. */
static bool surely_not_looked_at(const struct control *c, const struct host_list *hosts)
{
	const struct sql_guard over = {0};
	struct sql_guard base = over;

	if (!c->table)
		return false;
	size_t id = (size_t)fact_table_id(fact_table_find(c->table->base));

	base.tables[id / 64] |= (uint64_t)1 << id % 64;
	return !looked_at(&base, hosts->tables);
}

/* What a run shares between controls. */
struct run {
	struct fact_store *store;
	const struct yaml_node *params[16];
	size_t params_count;
	struct host_list hosts;
	struct gap_index gaps;
	struct finding_set *out;
	size_t *next; /* see of_host; as long as there were findings */
	size_t next_capacity;
};

/* Of a host where nobody looked at what a control asks about nothing is said, though others' rows
 * had to be asked for. */
static void unseen_drop(struct run *run, const struct sql_guard *guard, size_t first)
{
	struct finding_set *out = run->out;
	size_t kept = first;

	for (size_t i = first; i < out->count; i++) {
		const struct run_host *host = host_find(&run->hosts, out->items[i].host);

		if (!host || looked_at(guard, host->tables))
			out->items[kept++] = out->items[i];
	}
	out->count = kept;
}

static int of_hosts_make(struct run *run, size_t first)
{
	const struct finding_set *out = run->out;

	if (rf_grow((void **)&run->next, &run->next_capacity, out->count, sizeof(*run->next)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < run->hosts.count; i++)
		run->hosts.items[i].of = (struct of_host){run->hosts.items[i].name, NO_FINDING,
							  NO_FINDING, run->next};
	for (size_t i = first; i < out->count; i++) {
		struct run_host *host = host_find(&run->hosts, out->items[i].host);

		run->next[i] = NO_FINDING;
		if (host && host->of.head == NO_FINDING)
			host->of.head = i;
		else if (host)
			run->next[host->of.tail] = i;
		if (host)
			host->of.tail = i;
	}
	return 0;
}

/* What a control's rows leave open, host by host. */
static int hosts_judge(struct run *run, struct row_context *x, size_t first)
{
	unseen_drop(run, &x->guard, first);
	int rc = of_hosts_make(run, first);

	for (size_t i = 0; rc == 0 && i < run->hosts.count; i++) {
		const struct run_host *host = &run->hosts.items[i];

		if (looked_at(&x->guard, host->tables))
			rc = judge_tables(x, &host->of);
	}
	return rc;
}

/* Runs one control; its own failure is a finding, only lack of memory is an error. 1: judged,
 * 0: skipped, since nobody looked at what it asks about. */
static int control_run(struct run *run, const struct control *c)
{
	struct rf_err why = {0};
	sqlite3 *db = fact_store_db(run->store);
	sqlite3_stmt *stmt = NULL;
	size_t first = run->out->count;
	struct row_context x = {.control = c, .out = run->out, .err = &why, .gaps = &run->gaps};

	if (surely_not_looked_at(c, &run->hosts))
		return 0;
	int rc = control_prepare(c, db, &x.guard, &stmt, &why);

	if (!rc && !looked_at(&x.guard, run->hosts.tables)) {
		sqlite3_finalize(stmt);
		return 0;
	}
	if (!rc)
		rc = control_params_bind(c, run->params, run->params_count, stmt, &why);
	if (!rc)
		rc = sql_guard_run(db, stmt, c->query ? query_row : over_row, &x, &why);
	sqlite3_finalize(stmt);
	if (rc && rc != -ENOMEM) {
		run->out->count = first; /* half an answer is none */
		rc = control_error(c, run->out, &why, &why);
		return rc ? rc : 1;
	}
	if (!rc)
		rc = hosts_judge(run, &x, first);
	return rc ? rc : 1;
}

/* What the chosen profiles say of a control: later ones win. */
struct choice {
	bool chosen;
	enum severity severity;
	const char *note;
};

static struct choice choose(const struct judge_request *req, const struct control *c)
{
	struct choice choice = {.severity = c->severity, .note = ""};
	bool wanted = req->only_count == 0;

	for (size_t i = 0; i < req->only_count; i++)
		wanted = wanted || rf_glob(req->only[i], c->id);
	for (size_t i = 0; wanted && i < req->profiles_count; i++) {
		const struct profile *p = req->profiles[i];
		const struct yaml_node *node;

		if (!profile_selects(p, c))
			continue;
		choice.chosen = true;
		if ((node = yaml_get(p->severity, c->id)) && node->kind == YAML_TEXT)
			(void)!severity_parse(node->text, &choice.severity);
		if ((node = yaml_get(p->notes, c->id)) && node->kind == YAML_TEXT)
			choice.note = node->text;
	}
	return choice;
}

static void waivers_apply(const struct control_set *set, int64_t now_ms, struct finding *f)
{
	for (size_t i = 0; f->state == FINDING_FAIL && i < set->waivers_count; i++) {
		const struct waiver *w = &set->waivers[i];

		if (!waiver_covers(w, f->control->id, f->resource, f->host) ||
		    waiver_state(w, &waiver_rules_file, now_ms) != WAIVER_IN_FORCE)
			continue;
		f->state = FINDING_WAIVED;
		f->reason = w->reason;
	}
}

/* hosts keep their names in the findings, so they move into the arena. */
static int hosts_keep(struct host_list *hosts, struct finding_set *out)
{
	for (size_t i = 0; i < hosts->count; i++) {
		struct run_host *host = &hosts->items[i];
		char *kept = finding_text(out, host->name, strlen(host->name));

		if (!kept)
			return -ENOMEM;
		rf_free(host->name);
		host->name = kept;
	}
	return 0;
}

static int run_controls(struct run *run, const struct control_set *set,
			const struct judge_request *req)
{
	struct finding_set *out = run->out;

	for (size_t i = 0; i < set->controls_count; i++) {
		const struct control *c = &set->controls[i];
		struct choice choice = choose(req, c);
		size_t first = out->count;

		if (!choice.chosen)
			continue;
		int rc = control_run(run, c);

		if (rc < 0)
			return rc;
		out->controls_judged += rc == 1;
		out->controls_skipped += rc == 0;
		for (size_t k = first; k < out->count; k++) {
			out->items[k].severity = choice.severity;
			out->items[k].note = choice.note;
			waivers_apply(set, req->now_ms, &out->items[k]);
		}
	}
	return 0;
}

int judge_run(struct fact_store *store, const struct control_set *set,
	      const struct judge_request *req, struct finding_set *out, struct rf_err *err)
{
	struct run run = {.store = store, .out = out};
	sqlite3 *db = fact_store_db(store);
	int rc = hosts_find(db, &run.hosts, err);

	for (size_t i = 0; i < req->profiles_count && run.params_count < RF_COUNT(run.params);
	     i++) {
		if (req->profiles[i]->params)
			run.params[run.params_count++] = req->profiles[i]->params;
	}
	if (!rc)
		rc = hosts_keep(&run.hosts, out);
	if (!rc)
		rc = gap_index_load(db, &run.gaps, err);
	if (!rc)
		rc = run_controls(&run, set, req);
	if (rc && err && !err->code)
		rf_fail(err, rc, "judge: %s", rf_code_text(rc));
	gap_index_done(&run.gaps);
	rf_map_done(&run.hosts.numbers);
	rf_free(run.hosts.items);
	rf_free(run.next);
	if (!rc)
		finding_sort(out);
	return rc;
}
