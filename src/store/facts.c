/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of all hosts, put as a whole or as differences; see facts.h. */
#include "store/facts.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "store/acts.h"
#include "store/judge_parts.h"

static const struct store_statement has_schema = {
	"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'facts_fleet_schema'",
	"SELECT count(*) FROM pg_tables WHERE schemaname = 'facts' AND tablename = 'fleet_schema'",
	"", "i"};
static const struct store_statement schema_is = {
	"SELECT count(*) FROM facts_fleet_schema WHERE sha256 = $1",
	"SELECT count(*) FROM facts.fleet_schema WHERE sha256 = $1", "t", "i"};
static const struct store_statement schema_set = {
	"INSERT INTO facts_fleet_schema (sha256) VALUES ($1)",
	"INSERT INTO facts.fleet_schema (sha256) VALUES ($1)", "t", ""};
static const struct store_statement state_get = {
	"SELECT at_ms, revision, judged, judged_by FROM facts_fleet_state WHERE host = $1",
	"SELECT at_ms, revision, judged, judged_by FROM facts.fleet_state WHERE host = $1", "t",
	"iiit"};
#define UNJUDGED(p)                                                                                \
	"SELECT s.host, s.revision FROM " p "fleet_state s JOIN host h ON h.host = s.host "        \
	"WHERE h.state <> 'RETIRED' AND (s.revision <> s.judged OR s.judged_by <> $1) AND "        \
	"s.host > $2 ORDER BY s.host LIMIT $3"
static const struct store_statement unjudged = {UNJUDGED("facts_"), UNJUDGED("facts."), "tti",
						"ti"};
/* The number may have grown since: then these were not judged. */
#define JUDGED(p)                                                                                  \
	"UPDATE " p "fleet_state SET judged = $2, judged_by = $3 WHERE host = $1 AND "             \
	"revision = $2 RETURNING 1"
static const struct store_statement judged = {JUDGED("facts_"), JUDGED("facts."), "tit", "i"};
static const struct store_statement old_each = {
	"SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'facts\\_%' ESCAPE '\\'",
	NULL, "", "t"};

#define LOCK_POSTGRES "SELECT pg_advisory_xact_lock(1380348789)"

/* The judge's role is the administrator's to make; it is given what it may read when it is there.
 */
static const char grants[] =
	"GRANT USAGE ON SCHEMA facts TO ringfence_runtime;"
	"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA facts TO ringfence_runtime;"
	"REVOKE INSERT, UPDATE, DELETE ON facts.fleet_schema FROM ringfence_runtime;"
	"DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'ringfence_judge') THEN "
	"GRANT USAGE ON SCHEMA facts TO ringfence_judge; "
	"GRANT SELECT ON ALL TABLES IN SCHEMA facts TO ringfence_judge; END IF; END $$";

static int take_int(void *arg, const struct store_value *row)
{
	*(int64_t *)arg = row[0].number;
	return 0;
}

/* Are the tables those of this program? */
static int schema_ask(struct store *store, bool *out, struct rf_err *err)
{
	int64_t there = 0;
	int rc = store_run_text(store, &has_schema, STORE_NO_PARAMS,
				(struct store_rows){take_int, &there}, err);

	if (!rc && there)
		rc = store_run_text(store, &schema_is, STORE_PARAMS(store_text(store_facts_sha256)),
				    (struct store_rows){take_int, &there}, err);
	if (!rc)
		*out = there != 0;
	return rc;
}

int store_facts_check(struct store *store, struct rf_err *err)
{
	bool is_so = false;
	int rc = schema_ask(store, &is_so, err);

	return rc || is_so ? rc
			   : rf_fail(err, RF_E_CHANGED,
				     "the store's tables of facts are those of another version: "
				     "upgrade it first");
}

static int take_old(void *arg, const struct store_value *row)
{
	struct rf_buf *script = arg;

	rf_buf_add_text(script, "DROP TABLE ");
	rf_buf_add_text(script, store_value_text(&row[0]));
	return rf_buf_add_text(script, "; ");
}

static int tables_make(struct store *store, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf script = {0};
	bool is_postgres = store->backend->is_postgres;
	int rc = 0;

	if (is_postgres)
		rf_buf_add_text(&script,
				"DROP SCHEMA IF EXISTS facts CASCADE; CREATE SCHEMA facts; ");
	else
		rc = store_run_text(store, &old_each, STORE_NO_PARAMS,
				    (struct store_rows){take_old, &script}, err);
	rf_buf_add_text(&script, is_postgres ? store_facts_postgres : store_facts_sqlite);
	rf_buf_add_text(&script, is_postgres
					 ? "CREATE TABLE facts.fleet_schema (sha256 TEXT NOT NULL);"
					 : "CREATE TABLE facts_fleet_schema (sha256 TEXT NOT NULL) "
					   "STRICT;");
	if (!rc && script.failed)
		rc = rf_fail(err, -ENOMEM, "no memory");
	return rc ? rc : store->backend->script(store->db, rf_buf_text(&script), err);
}

static int facts_upgrade(struct store *store, void *arg, struct rf_err *err)
{
	bool is_so = false, is_postgres = store->backend->is_postgres;
	int rc = is_postgres ? store->backend->script(store->db, LOCK_POSTGRES, err) : 0;

	(void)arg;
	if (!rc)
		rc = schema_ask(store, &is_so, err);
	if (!rc && !is_so)
		rc = tables_make(store, err);
	if (!rc && !is_so)
		rc = store_run_text(store, &schema_set,
				    STORE_PARAMS(store_text(store_facts_sha256)), STORE_NO_ROWS,
				    err);
	return rc || !is_postgres ? rc : store->backend->script(store->db, grants, err);
}

int store_facts_upgrade(const char *url, struct rf_err *err)
{
	STORE_AUTOCLOSE struct store *store = NULL;
	int rc = store_connect(url, STORE_AS_OWNER, &store, err);

	if (!rc)
		rc = store_transaction(store, facts_upgrade, NULL, err);
	return rc ? rf_wrap(err, rc, "facts") : 0;
}

/* What is kept of a host beside its facts; zeroed: they are not here. */
struct facts_state {
	int64_t at_ms, revision, judged;
	char judged_by[STORE_ID_BYTES];
};

static int take_facts_state(void *arg, const struct store_value *row)
{
	struct facts_state *state = arg;

	state->at_ms = row[0].number;
	state->revision = row[1].number;
	state->judged = row[2].number;
	return rf_copy(state->judged_by, sizeof(state->judged_by), store_value_text(&row[3]))
		       ? 0
		       : RF_E_LIMIT;
}

static int facts_state_get(struct store *store, const char *host, struct facts_state *out,
			   struct rf_err *err)
{
	*out = (struct facts_state){0};
	return store_run_text(store, &state_get, STORE_PARAMS(store_text(host)),
			      (struct store_rows){take_facts_state, out}, err);
}

int store_facts_at(struct store *store, const char *host, int64_t *out_ms, struct rf_err *err)
{
	struct facts_state state;
	int rc = facts_state_get(store, host, &state, err);

	if (!rc)
		*out_ms = state.at_ms;
	return rc;
}

/* Putting ------------------------------------------------------------------------------------- */

/* What a table's statements are to the back end: prepared, with numbers behind the rows of
 * statements.c. */
enum deed { PUT, DROP, CLEAR, EACH, EACH_OF, DEEDS };

static int table_ask(struct store *store, size_t table, enum deed deed, struct store_params params,
		     struct store_rows rows, struct rf_err *err)
{
	const struct store_fact_table *t = &store_fact_tables[table];
	const struct store_statement *statements[DEEDS] = {&t->put, &t->drop, &t->clear, &t->each,
							   &t->each_of};

	return store_run_more(store, statements[deed], table * DEEDS + deed, params, rows, err);
}

static int table_run(struct store *store, size_t table, enum deed deed, struct store_params params,
		     struct rf_err *err)
{
	return table_ask(store, table, deed, params, STORE_NO_ROWS, err);
}

static int table_find(const char *name, size_t *out, struct rf_err *err)
{
	/* The first is not an agent's. */
	for (size_t i = 1; i < store_fact_tables_count; i++) {
		*out = i;
		if (rf_equal(store_fact_tables[i].name, name))
			return 0;
	}
	return rf_fail(err, RF_E_UNKNOWN, "there is no table of facts %s", name);
}

static int fact_put(struct store *store, const struct store_facts *facts,
		    const struct store_fact *fact, struct rf_err *err)
{
	struct store_value values[STORE_MAX_COLUMNS];
	size_t at = 0;
	int rc = table_find(fact->table, &at, err);

	if (rc)
		return rc;
	const struct store_fact_table *table = &store_fact_tables[at];

	if (fact->count != strlen(table->put.params) || fact->count > STORE_MAX_COLUMNS)
		return rf_fail(err, RF_E_SYNTAX, "a row of %s has %zu values, %zu were given",
			       table->name, strlen(table->put.params), fact->count);
	memcpy(values, fact->values, fact->count * sizeof(*values));
	/* Whatever an agent says: it speaks of itself. */
	values[0] = store_text(facts->host);
	if (!fact->gone)
		return table_run(store, at, PUT, (struct store_params){values, fact->count}, err);
	struct store_value key[STORE_MAX_COLUMNS];

	for (size_t i = 0; i < table->key_count; i++)
		key[i] = values[(uint8_t)table->key[i]];
	return table_run(store, at, DROP, (struct store_params){key, table->key_count}, err);
}

/* A host's facts are here from now on; of a difference they have to be here already. */
static int state_set(struct store *store, const struct store_facts *facts, struct rf_err *err)
{
	struct facts_state was;
	int rc = facts_state_get(store, facts->host, &was, err);

	if (!rc && !facts->whole && !was.at_ms)
		rc = rf_fail(err, RF_E_CHANGED, "the facts of %s are not here: the whole is wanted",
			     facts->host);
	for (size_t i = 0; !rc && facts->whole && i < store_fact_tables_count; i++)
		rc = table_run(store, i, CLEAR, STORE_PARAMS(store_text(facts->host)), err);
	return rc ? rc
		  : table_run(store, 0, PUT,
			      STORE_PARAMS(store_text(facts->host), store_int(facts->at_ms),
					   store_int(was.revision + 1), store_int(was.judged),
					   store_text(was.judged_by)),
			      err);
}

struct facts_act {
	const struct store_facts *facts;
	const struct store_lease *lease;
};

static int facts_put(struct store *store, void *arg, struct rf_err *err)
{
	const struct facts_act *act = arg;
	char state[STORE_STATE_BYTES];
	int rc = store_host_lock(store, act->facts->host, act->lease, state, err);

	if (!rc)
		rc = state_set(store, act->facts, err);
	for (size_t i = 0; !rc && i < act->facts->count; i++)
		rc = fact_put(store, act->facts, &act->facts->facts[i], err);
	return rc;
}

int store_facts_put(struct store *store, const struct store_facts *facts,
		    const struct store_lease *lease, struct rf_err *err)
{
	struct facts_act act = {facts, lease};

	return store_transaction(store, facts_put, &act, err);
}

/* Reading, for who judges a host -------------------------------------------------------------- */

struct fact_rows {
	const struct store_fact_table *table;
	int (*take)(void *arg, const struct store_fact *fact);
	void *arg;
};

static int take_fact(void *arg, const struct store_value *row)
{
	const struct fact_rows *rows = arg;
	const struct store_fact fact = {rows->table->name, row, strlen(rows->table->each.columns),
					false};

	return rows->take(rows->arg, &fact);
}

/* deed: EACH of a host, or EACH_OF a JSON array of hosts. */
static int rows_each(struct store *store, const char *of, size_t table, enum deed deed,
		     int (*take)(void *arg, const struct store_fact *fact), void *arg,
		     struct rf_err *err)
{
	struct fact_rows rows = {&store_fact_tables[table], take, arg};

	return table_ask(store, table, deed, STORE_PARAMS(store_text(of)),
			 (struct store_rows){take_fact, &rows}, err);
}

int store_facts_each(struct store *store, const char *host,
		     int (*take)(void *arg, const struct store_fact *fact), void *arg,
		     struct rf_err *err)
{
	int rc = 0;

	for (size_t i = 1; !rc && i < store_fact_tables_count; i++)
		rc = rows_each(store, host, i, EACH, take, arg, err);
	return rc;
}

int store_facts_table(struct store *store, const char *hosts, const char *table,
		      int (*take)(void *arg, const struct store_fact *fact), void *arg,
		      struct rf_err *err)
{
	size_t at = 0;
	int rc = table_find(table, &at, err);

	return rc ? rc : rows_each(store, hosts, at, EACH_OF, take, arg, err);
}

struct unjudged_rows {
	int (*take)(void *arg, const char *host, int64_t revision);
	void *arg;
};

static int take_unjudged(void *arg, const struct store_value *row)
{
	const struct unjudged_rows *rows = arg;

	return rows->take(rows->arg, store_value_text(&row[0]), row[1].number);
}

int store_facts_unjudged(struct store *store, const struct store_unjudged *page,
			 int (*take)(void *arg, const char *host, int64_t revision), void *arg,
			 struct rf_err *err)
{
	struct unjudged_rows rows = {take, arg};

	return store_run_text(store, &unjudged,
			      STORE_PARAMS(store_text(page->judge), store_text(page->after),
					   store_int(page->limit)),
			      (struct store_rows){take_unjudged, &rows}, err);
}

int store_facts_judged(struct store *store, const char *host, int64_t revision, const char *judge,
		       struct rf_err *err)
{
	int64_t hit = 0;
	int rc = strlen(judge) < STORE_ID_BYTES
			 ? store_run_text(store, &judged,
					  STORE_PARAMS(store_text(host), store_int(revision),
						       store_text(judge)),
					  (struct store_rows){take_int, &hit}, err)
			 : rf_fail(err, RF_E_LIMIT, "the name of a judge is too long");

	if (!rc && !hit)
		rc = rf_fail(err, RF_E_CHANGED, "the facts of %s are others now", host);
	return rc;
}
