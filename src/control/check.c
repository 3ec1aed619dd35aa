/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a bound control into SQL and checks it: one statement that returns, for each row of the
 * table asked about, who it is, whether the control applies, whether it passes, and its evidence.
 * Not for running it: see judge.c.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/internal.h"

static void add_sql_string(struct rf_buf *out, const char *text)
{
	rf_buf_add_byte(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			rf_buf_add_byte(out, '\'');
		rf_buf_add_byte(out, (uint8_t)*text);
	}
	rf_buf_add_byte(out, '\'');
}

static const struct fact_column *column_find(const struct fact_table *table, const char *name)
{
	for (size_t i = 0; i < table->columns_count; i++) {
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	}
	return NULL;
}

static bool key_has(const struct fact_table *table, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = table->key; *p;) {
		size_t len = strcspn(p, ",");

		if (len == n && memcmp(p, name, n) == 0)
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

/* `ethernetN.x` is short for `{nic}.x`: the option of the device that the row is about. */
static const char *key_device_column(const char *key, size_t *skip)
{
	static const struct {
		const char *prefix, *column;
	} rows[] = {{"ethernetn.", "nic"},
		    {"{nic}.", "nic"},
		    {"{disk}.", "disk"},
		    {"{device}.", "device"},
		    {"{console}.", "console"}};

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (rf_starts(key, rows[i].prefix)) {
			*skip = strlen(rows[i].prefix) - 1;
			return rows[i].column;
		}
	}
	return NULL;
}

/* The lookup's value and source, and for .vmx options the default of that product and version. */
static void add_lookup_columns(const struct control *c, struct rf_buf *out)
{
	rf_buf_add_text(out, ", k.value AS value, k.source AS value_source");
	if (strcmp(c->lookup_table, "vm_option") == 0)
		/* A key that is there without a known value (it stands twice) has no default. */
		rf_buf_add_text(out, ", CASE WHEN k.key IS NULL THEN d.value END AS default_value"
				     ", CASE WHEN k.key IS NULL THEN 1 ELSE 0 END AS absent");
}

static void add_lookup_joins(const struct control *c, struct rf_buf *out)
{
	size_t skip = 0;
	const char *column = key_device_column(c->lookup_key, &skip);
	bool vm = strcmp(c->lookup_table, "vm_option") == 0;

	rf_buf_printf(out, " LEFT JOIN %s k ON k.host = t.host", c->lookup_table);
	if (vm)
		rf_buf_add_text(out, " AND k.vm = t.vm AND k.layer = t.layer");
	rf_buf_add_text(out, " AND k.key = ");
	if (column) {
		rf_buf_printf(out, "lower(t.%s) || ", column);
		add_sql_string(out, c->lookup_key + skip);
	} else {
		add_sql_string(out, c->lookup_key);
	}
	if (!vm)
		return;
	rf_buf_add_text(out, " LEFT JOIN vmx_default d ON d.key = ");
	add_sql_string(out, c->lookup_key);
	rf_buf_add_text(out, " AND d.product = t.product"
			     " AND t.hw_version >= d.hw_first AND t.hw_version <= d.hw_last");
}

/* num, truth and the effective ones follow from value in one place, for facts and for tests. */
static void add_lookup_derived(const struct control *c, struct rf_buf *out)
{
	rf_buf_add_text(out, ", rf_num(s.value) AS num, rf_truth(s.value) AS truth");
	if (strcmp(c->lookup_table, "vm_option") != 0)
		return;
	rf_buf_add_text(out, ", COALESCE(s.value, s.default_value) AS effective"
			     ", rf_num(COALESCE(s.value, s.default_value)) AS effective_num"
			     ", rf_truth(COALESCE(s.value, s.default_value)) AS effective_truth");
}

/* One value of a row test as SQL: numbers for INTEGER columns, else text. */
static void add_row_value(const struct control *c, const struct yaml_node *node, struct rf_buf *out)
{
	int64_t n;
	bool is_text;
	const struct fact_column *column = column_find(fact_table_find(c->table->base), node->key);

	/* A column that a view adds is of a type only SQLite knows; quotes tell, as in YAML. */
	is_text = column ? column->is_text : node->quoted;
	if (strcmp(node->key, "value") == 0 || strcmp(node->key, "default_value") == 0)
		is_text = true;
	if (!is_text && rf_num(node->text, 10, INT64_MIN, INT64_MAX, &n) == 0)
		rf_buf_printf(out, "%lld", (long long)n);
	else
		add_sql_string(out, node->text);
}

/* Every column a view or table has, asked from SQLite once by the caller through `columns`. */
static const struct yaml_node *row_entry(const struct yaml_node *row, const char *column)
{
	if (strcmp(column, "default_value") == 0)
		return yaml_get(row, "default");
	return yaml_get(row, column);
}

static void add_row_column(const struct control *c, const struct yaml_node *row, const char *column,
			   struct rf_buf *out)
{
	const struct yaml_node *entry = row_entry(row, column);

	if (entry && entry->kind == YAML_TEXT)
		add_row_value(c, entry, out);
	else if (strcmp(column, "host") == 0)
		rf_buf_add_text(out, "'h'");
	else
		rf_buf_add_text(out, "NULL");
	rf_buf_printf(out, " AS %s", column);
}

/* Only the columns that the statement uses: a VM's row has ninety, and each costs at every prepare.
 */
static void add_row_subquery(const struct control *c, const struct yaml_node *row,
			     struct rf_buf *out)
{
	rf_buf_add_text(out, "SELECT ");
	for (size_t i = 0; i < c->columns_count; i++) {
		rf_buf_add_text(out, i ? ", " : "");
		add_row_column(c, row, c->columns[i], out);
	}
	if (c->lookup) {
		rf_buf_add_text(out, ", ");
		add_row_column(c, row, "value", out);
		rf_buf_add_text(out, ", NULL AS value_source");
		if (strcmp(c->lookup_table, "vm_option") == 0) {
			rf_buf_add_text(out, ", ");
			add_row_column(c, row, "default_value", out);
			rf_buf_printf(out, ", %d AS absent", row_entry(row, "value") ? 0 : 1);
		}
	}
}

static void add_table_subquery(const struct control *c, struct rf_buf *out)
{
	rf_buf_add_text(out, "SELECT ");
	for (size_t i = 0; i < c->columns_count; i++)
		rf_buf_printf(out, "%st.%s", i ? ", " : "", c->columns[i]);
	if (c->lookup)
		add_lookup_columns(c, out);
	rf_buf_printf(out, " FROM %s t", c->over);
	if (c->lookup)
		add_lookup_joins(c, out);
}

/* resource: key columns without host and layer, joined by '/'. */
static void add_key(const struct fact_table *table, bool with_layer, struct rf_buf *out)
{
	bool first = true;

	for (const char *p = table->key; *p;) {
		size_t len = strcspn(p, ",");
		bool layer = len == 5 && memcmp(p, "layer", 5) == 0;

		if (!layer || with_layer) {
			rf_buf_add_text(out, first ? "" : " || '/' || ");
			rf_buf_printf(out, "COALESCE(CAST(x.%.*s AS TEXT), '')", (int)len, p);
			first = false;
		}
		p += len + (p[len] == ',');
	}
	if (first)
		rf_buf_add_text(out, "''");
}

static void add_result_columns(const struct control *c, const char *when, const char *pass,
			       struct rf_buf *out)
{
	rf_buf_add_text(out, "SELECT x.host, ");
	add_key(c->table, false, out);
	rf_buf_add_text(out, key_has(c->table, "vm") ? ", x.vm" : ", ''");
	rf_buf_add_text(out, key_has(c->table, "layer") ? ", x.layer, " : ", '', ");
	add_key(c->table, true, out);
	if (when)
		rf_buf_printf(out, ", CASE WHEN (%s) THEN 1 WHEN NOT (%s) THEN 0 END", when, when);
	else
		rf_buf_add_text(out, ", 1");
	rf_buf_printf(out, ", CASE WHEN (%s) THEN 1 WHEN NOT (%s) THEN 0 END", pass, pass);
	rf_buf_add_text(out, c->lookup ? ", COALESCE(x.value_source, x.source)" : ", x.source");
	for (size_t i = 0; i < c->needs_count; i++)
		rf_buf_printf(out, ", x.%s", c->needs[i]);
	for (size_t i = 0; c->evidence && i < c->evidence->items_count; i++)
		rf_buf_printf(out, ", x.%s", c->evidence->items[i].text);
}

int control_sql(const struct control *c, const struct control_sql_options *options,
		struct rf_buf *out, struct rf_err *err)
{
	rf_buf_reset(out);
	if (c->query) {
		rf_buf_printf(out, "SELECT * FROM (%s) q",
			      options->query ? options->query : c->query);
	} else {
		rf_buf_add_text(out, "WITH s AS (");
		if (options->row) {
			add_row_subquery(c, options->row, out);
		} else {
			add_table_subquery(c, out);
		}
		rf_buf_add_text(out, "), x AS (SELECT s.*");
		if (c->lookup)
			add_lookup_derived(c, out);
		rf_buf_add_text(out, " FROM s) ");
		add_result_columns(c, options->when ? options->when : c->when,
				   options->pass ? options->pass : c->pass, out);
		rf_buf_add_text(out, " FROM x");
	}
	return out->failed ? rf_fail(err, -ENOMEM, "%s: no memory", c->id) : 0;
}

/* ---- checks ---- */

static int place_fail(const struct control *c, const char *key, struct rf_err *err,
		      const char *text)
{
	const struct yaml_node *at = yaml_get(c->doc.root, key);

	return yaml_fail(&c->doc, at ? at : c->doc.root, err, "%s: %s", key, text);
}

static int check_texts(const struct control *c, struct rf_err *err)
{
	for (const char *p = c->id; *p; p++) {
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) &&
		    !strchr(".-_", *p))
			return place_fail(c, "id", err, "small letters, digits, '.' and '-' only");
	}
	if (!strchr(c->id, '.'))
		return place_fail(c, "id", err, "at least two words joined by '.'");
	bool known = false;

	for (size_t i = 0; i < control_pillars_count; i++)
		known = known || strcmp(control_pillars[i], c->pillar) == 0;
	if (!known)
		return place_fail(c, "pillar", err, "not one of the pillars, see docs/howto");
	if (!c->title[0] || !c->why[0] || !c->step[0])
		return yaml_fail(&c->doc, c->doc.root, err,
				 "title, why and step must say something");
	if (!c->fix == !c->manual)
		return yaml_fail(&c->doc, c->doc.root, err,
				 "exactly one of fix and manual is needed");
	if (c->refs->items_count == 0)
		return place_fail(c, "refs", err, "at least one reference is needed");
	if (!c->when != !c->applies)
		return yaml_fail(
			&c->doc, c->doc.root, err,
			"when and applies go together: the second says the first in words");
	if (c->query ? c->over || c->pass || c->lookup : !c->over || !c->pass)
		return yaml_fail(&c->doc, c->doc.root, err,
				 "either query, or over and pass (and when, lookup)");
	return 0;
}

static int check_refs(const struct control *c, struct rf_err *err)
{
	static const char *const keys[] = {
		"sln138",   "vmkernel", "stig", "scg",	     "nist80053r5", "nist800125", "cis",
		"kubevirt", "libvirt",	"qemu", "openstack", "bsi",	    "ours"};

	for (size_t i = 0; i < c->refs->items_count; i++) {
		bool known = false;

		for (size_t k = 0; k < RF_COUNT(keys); k++)
			known = known || strcmp(keys[k], c->refs->items[i].key) == 0;
		if (!known)
			return yaml_fail(&c->doc, &c->refs->items[i], err, "unknown reference %s",
					 c->refs->items[i].key);
	}
	return 0;
}

static int check_lookup(struct control *c, struct rf_err *err)
{
	const char *space = strchr(c->lookup, ' ');

	if (!space)
		return place_fail(c, "lookup", err, "TABLE KEY was expected");
	c->lookup_table = rf_strndup(c->lookup, (size_t)(space - c->lookup));
	c->lookup_key = rf_strdup(space + 1);
	if (!c->lookup_table || !c->lookup_key)
		return rf_fail(err, -ENOMEM, "%s: no memory", c->id);
	const struct fact_table *table = fact_table_find(c->lookup_table);

	if (!table || !table->is_kv)
		return place_fail(c, "lookup", err, "not a key/value table");
	if (strcmp(c->lookup_table, "vm_option") == 0) {
		if (!key_has(c->table, "vm") || !key_has(c->table, "layer"))
			return place_fail(c, "lookup", err, "vm_option needs rows of VMs");
		rf_lower(c->lookup_key);
	}
	return 0;
}

/* Adds a name to a list of names, once. */
static int name_add(char ***names, size_t *count, const char *name, size_t len)
{
	for (size_t i = 0; i < *count; i++) {
		if (strlen((*names)[i]) == len && memcmp((*names)[i], name, len) == 0)
			return 0;
	}
	size_t capacity = *count; /* names are few: growing one by one is no cost */
	char *copy = rf_strndup(name, len);

	if (!copy || rf_grow((void **)names, &capacity, *count + 1, sizeof(**names)) < 0) {
		rf_free(copy);
		return -ENOMEM;
	}
	(*names)[(*count)++] = copy;
	return 0;
}

/* Columns that a lookup adds to the row. */
static const char *const lookup_columns[] = {"value", "num", "truth", "value_source"};
static const char *const option_columns[] = {"default_value", "absent", "effective",
					     "effective_num", "effective_truth"};

static bool names_hold(const char *const *names, size_t count, const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return true;
	}
	return false;
}

static bool list_holds(const char *list, const char *name, size_t len)
{
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ",");

		if (n == len && memcmp(p, name, len) == 0)
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

/* Whether the row that the expressions see has such a column. */
static bool row_has_column(const struct control *c, const char *name, size_t len)
{
	const struct fact_table *base = fact_table_find(c->table->base);

	for (size_t i = 0; i < base->columns_count; i++) {
		const char *column = base->columns[i].name;

		if (strlen(column) == len && memcmp(column, name, len) == 0)
			return true;
	}
	if (list_holds(c->table->extras, name, len))
		return true;
	if (!c->lookup)
		return false;
	return names_hold(lookup_columns, RF_COUNT(lookup_columns), name, len) ||
	       (strcmp(c->lookup_table, "vm_option") == 0 &&
		names_hold(option_columns, RF_COUNT(option_columns), name, len));
}

static bool stmt_has_column(sqlite3_stmt *stmt, const char *name, size_t len)
{
	for (int i = 0; i < sqlite3_column_count(stmt); i++) {
		const char *column = sqlite3_column_name(stmt, i);

		if (strlen(column) == len && memcmp(column, name, len) == 0)
			return true;
	}
	return false;
}

/* Which columns an expression reads: its words that are columns. */
static int needs_find(struct control *c, const char *expression, struct rf_err *err)
{
	struct sql_token tokens[SQL_MAX_TOKENS];
	size_t count = sql_tokens(expression, tokens, SQL_MAX_TOKENS);

	if (count == 0)
		return rf_fail(err, RF_E_SYNTAX, "%s: not an SQL expression: %s", c->doc.name,
			       expression);
	for (size_t i = 0; i < count; i++) {
		const char *word = expression + tokens[i].at;

		if (tokens[i].kind != SQL_WORD || !row_has_column(c, word, tokens[i].len))
			continue;
		if (name_add(&c->needs, &c->needs_count, word, tokens[i].len) < 0)
			return rf_fail(err, -ENOMEM, "%s: no memory", c->id);
	}
	return 0;
}

static int check_evidence(const struct control *c, struct rf_err *err)
{
	for (size_t i = 0; c->evidence && i < c->evidence->items_count; i++) {
		const struct yaml_node *item = &c->evidence->items[i];

		if (!row_has_column(c, item->text, strlen(item->text)))
			return yaml_fail(&c->doc, item, err, "evidence: no column %s in %s",
					 item->text, c->over);
	}
	return 0;
}

static bool is_fact_column(const struct control *c, const char *name, size_t len)
{
	return !(c->lookup && (names_hold(lookup_columns, RF_COUNT(lookup_columns), name, len) ||
			       names_hold(option_columns, RF_COUNT(option_columns), name, len)));
}

static int column_use(struct control *c, const char *name, size_t len)
{
	return is_fact_column(c, name, len) ? name_add(&c->columns, &c->columns_count, name, len)
					    : 0;
}

/* Which columns of the table or view the statement uses at all. */
static int columns_find(struct control *c, struct rf_err *err)
{
	int rc = column_use(c, "host", 4);

	for (const char *p = c->table->key; rc == 0 && *p;) {
		size_t len = strcspn(p, ",");

		rc = column_use(c, p, len);
		p += len + (p[len] == ',');
	}
	if (!rc)
		rc = column_use(c, "source", 6);
	for (size_t i = 0; rc == 0 && i < c->needs_count; i++)
		rc = column_use(c, c->needs[i], strlen(c->needs[i]));
	for (size_t i = 0; rc == 0 && c->evidence && i < c->evidence->items_count; i++)
		rc = column_use(c, c->evidence->items[i].text, strlen(c->evidence->items[i].text));
	return rc ? rf_fail(err, rc, "%s: no memory", c->id) : 0;
}

static int check_over(struct control *c, struct rf_err *err)
{
	c->table = fact_table_find(c->over);
	if (!c->table)
		return place_fail(c, "over", err, "no such table or view");
	int rc = c->lookup ? check_lookup(c, err) : 0;

	if (!rc && c->when)
		rc = needs_find(c, c->when, err);
	if (!rc)
		rc = needs_find(c, c->pass, err);
	if (!rc)
		rc = check_evidence(c, err);
	return rc ? rc : columns_find(c, err);
}

static int check_query_columns(const struct control *c, sqlite3_stmt *stmt, struct rf_err *err)
{
	static const char *const needed[] = {"host", "resource", "pass"};

	for (size_t i = 0; i < RF_COUNT(needed); i++) {
		if (!stmt_has_column(stmt, needed[i], strlen(needed[i])))
			return place_fail(c, "query", err, "must return host, resource and pass");
	}
	return 0;
}

int control_prepare(const struct control *c, sqlite3 *db, struct sql_guard *guard,
		    sqlite3_stmt **out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf sql = {0};
	int rc = control_sql(c, &(struct control_sql_options){0}, &sql, err);

	return rc ? rc : sql_guard_prepare(db, rf_buf_text(&sql), guard, out, err);
}

char *control_sql_text(const struct control *c)
{
	struct rf_buf sql = {0};

	if (control_sql(c, &(struct control_sql_options){0}, &sql, NULL) < 0) {
		rf_buf_done(&sql);
		return NULL;
	}
	return rf_buf_take_text(&sql);
}

static int check_sql(struct control *c, sqlite3 *db, struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = control_prepare(c, db, NULL, &stmt, err);

	if (rc) {
		const struct yaml_node *at = yaml_get(c->doc.root, c->query ? "query" : "pass");

		rf_wrap(err, rc, "%s:%u:%u: %s", c->doc.name, at->line, at->column,
			c->query ? "query" : "when or pass");
		return rc;
	}
	if (c->query)
		rc = check_query_columns(c, stmt, err);
	if (!rc)
		rc = control_params_bind(c, NULL, 0, stmt, err);
	sqlite3_finalize(stmt);
	return rc;
}

static int check_tests(const struct control *c, struct rf_err *err)
{
	bool pass = false, fail = false;

	if (!c->tests)
		return c->from_site
			       ? yaml_fail(&c->doc, c->doc.root, err, "the key tests is missing")
			       : 0;
	for (size_t i = 0; i < c->tests->items_count; i++) {
		const struct yaml_node *expect = yaml_get(&c->tests->items[i], "expect");

		if (!expect || expect->kind != YAML_TEXT)
			return yaml_fail(&c->doc, &c->tests->items[i], err, "a test says expect:");
		pass = pass || strcmp(expect->text, "pass") == 0;
		fail = fail || strcmp(expect->text, "fail") == 0;
	}
	if (!pass || !fail)
		return place_fail(c, "tests", err, "at least one pass and one fail are needed");
	return 0;
}

int control_check(struct control *c, sqlite3 *db, struct rf_err *err)
{
	int rc = check_texts(c, err);

	if (!rc)
		rc = check_refs(c, err);
	if (!rc)
		rc = control_fix_check(c, err);
	if (!rc)
		rc = check_tests(c, err);
	if (!rc && c->over)
		rc = check_over(c, err);
	/* Our own were prepared when the program was built and tested (controls test); a site's
	 * are strangers. */
	if (!rc && db)
		rc = check_sql(c, db, err);
	return rc;
}
