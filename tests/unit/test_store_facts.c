/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of all hosts and questions over them, on both engines. */
#include "store_test.h"

#include "model/fact.h"
#include "store/facts.h"
#include "store/judge_parts.h"

static const struct store_question plain = {.rows_max = 1000, .timeout_ms = 10000};

static void facts_ready(struct place *p)
{
	struct rf_err err = {0};

	must(store_facts_upgrade(p->owner, &err), &err);
}

static int judge_open(struct place *p, struct store_judge **out, struct rf_err *err)
{
	char url[128];

	snprintf(url, sizeof(url), "%s", p->url);
	if (p->is_postgres)
		snprintf(url, sizeof(url), "postgresql://judge@%s", strchr(p->url, '@') + 1);
	return store_judge_open(url, out, err);
}

static int take_answer(void *arg, const struct store_answer *answer)
{
	struct rf_buf *out = arg;

	for (size_t i = 0; i < answer->count; i++) {
		const struct store_value *v = &answer->values[i];

		if (v->kind == STORE_INT)
			rf_buf_printf(out, "%lld", (long long)v->number);
		else
			rf_buf_add_text(out, v->kind == STORE_NULL ? "-" : store_value_text(v));
		rf_buf_add_text(out, i + 1 < answer->count ? "," : ";");
	}
	return 0;
}

static int ask_facts(struct place *p, const char *sql, struct rf_buf *out, struct rf_err *err)
{
	struct store_question q = plain;
	struct store_judge *judge = NULL;
	int rc = judge_open(p, &judge, err);

	q.sql = sql;
	rf_buf_reset(out);
	rc = rc ? rc : store_judge_ask(judge, &q, take_answer, out, err);
	store_judge_close(judge);
	return rc;
}

static void assert_answer(struct place *p, const char *sql, const char *want)
{
	RF_AUTOBUF struct rf_buf got = {0};
	struct rf_err err = {0};

	must(ask_facts(p, sql, &got, &err), &err);
	assert_string_equal(rf_buf_text(&got), want);
}

static struct store_fact sysctl(const char *host, const char *key, const char *value,
				struct store_value out[4])
{
	out[0] = store_text(host);
	out[1] = store_text(key);
	out[2] = store_text(value);
	out[3] = store_text("/proc/sys");
	return (struct store_fact){"sysctl", out, 4, false};
}

static int put_one(struct place *p, const char *host, bool whole, const struct store_fact *fact,
		   struct rf_err *err)
{
	struct store_facts facts = {host, whole, fact, fact ? 1 : 0, 77};

	return store_facts_put(p->store, &facts, NULL, err);
}

static void facts_are_the_hosts_own(struct place *p)
{
	struct store_value v[4];
	struct store_fact fact = sysctl("other", "a", "1", v);
	int64_t at_ms = 1;
	struct rf_err err = {0};

	facts_ready(p);
	add_host(p->store, "h1");
	add_host(p->store, "h2");
	must(store_facts_at(p->store, "h1", &at_ms, &err), &err);
	assert_int_equal(at_ms, 0);
	assert_int_equal(put_one(p, "h1", false, &fact, &err), RF_E_CHANGED);
	/* An agent that says another's name speaks of itself. */
	must(put_one(p, "h1", true, &fact, &err), &err);
	must(put_one(p, "h2", true, &fact, &err), &err);
	assert_answer(p, "SELECT host, key, value FROM sysctl ORDER BY host", "h1,a,1;h2,a,1;");
	fact = sysctl("h1", "b", NULL, v);
	must(put_one(p, "h1", false, &fact, &err), &err);
	fact = sysctl("h1", "a", "2", v);
	must(put_one(p, "h1", false, &fact, &err), &err);
	assert_answer(p, "SELECT host, key, value FROM sysctl ORDER BY host, key",
		      "h1,a,2;h1,b,-;h2,a,1;");
	fact.gone = true;
	v[0] = store_text("h2");
	must(put_one(p, "h1", false, &fact, &err), &err);
	must(put_one(p, "h1", false, &fact, &err), &err);
	assert_answer(p, "SELECT host, key, value FROM sysctl ORDER BY host, key",
		      "h1,b,-;h2,a,1;");
	must(store_facts_at(p->store, "h1", &at_ms, &err), &err);
	assert_int_equal(at_ms, 77);
	/* The whole is all there is. */
	must(put_one(p, "h1", true, NULL, &err), &err);
	assert_answer(p, "SELECT count(*), sum(length(host)) FROM sysctl", "1,2;");
	assert_answer(p, "SELECT host, at_ms FROM fleet_state ORDER BY host", "h1,77;h2,77;");
}

static void bad_facts_change_nothing(struct place *p)
{
	struct store_value v[4];
	struct store_fact good = sysctl("h", "a", "1", v), bad[2] = {good, good};
	struct store_facts facts = {"h", true, bad, 2, 5};
	struct rf_err err = {0};

	facts_ready(p);
	add_host(p->store, "h");
	must(put_one(p, "h", true, &good, &err), &err);
	bad[1].count = 3;
	assert_int_equal(store_facts_put(p->store, &facts, NULL, &err), RF_E_SYNTAX);
	bad[1] = (struct store_fact){"fleet_state", v, 2, false};
	assert_int_equal(store_facts_put(p->store, &facts, NULL, &err), RF_E_UNKNOWN);
	bad[1].table = "sysctl; DROP TABLE host";
	assert_int_equal(store_facts_put(p->store, &facts, NULL, &err), RF_E_UNKNOWN);
	bad[1] = good;
	v[2] = store_int(1);
	assert_int_equal(store_facts_put(p->store, &facts, NULL, &err), RF_E_USAGE);
	/* The key is not NULL. */
	v[2] = store_text("1");
	v[1] = store_text(NULL);
	assert_int_equal(store_facts_put(p->store, &facts, NULL, &err), RF_E_MISMATCH);
	facts.host = "none";
	assert_int_equal(store_facts_put(p->store, &facts, NULL, &err), RF_E_UNKNOWN);
	assert_answer(p, "SELECT key, value FROM sysctl", "a,1;");
}

/* The tables are those of the model, column by column. */
static void tables_are_the_models(struct place *p)
{
	size_t hosts = 0;
	struct rf_err err = {0};

	facts_ready(p);
	add_host(p->store, "h");
	for (size_t i = 1; i < store_fact_tables_count; i++) {
		const struct store_fact_table *table = &store_fact_tables[i];
		const struct fact_table *model = fact_table_find(table->name);
		struct store_value values[STORE_MAX_COLUMNS];
		struct store_fact fact = {table->name, values, strlen(table->put.params), false};

		assert_non_null(model);
		assert_int_equal(fact.count, model->columns_count);
		for (size_t k = 0; k < fact.count; k++) {
			assert_int_equal(table->put.params[k],
					 model->columns[k].is_text ? 't' : 'i');
			values[k] = model->columns[k].is_text ? store_text("x") : store_int(7);
		}
		must(put_one(p, "h", i == 1, &fact, &err), &err);
		/* Twice is once, and its key finds it. */
		must(put_one(p, "h", false, &fact, &err), &err);
		fact.gone = true;
		must(put_one(p, "h", false, &fact, &err), &err);
		hosts++;
	}
	assert_true(hosts > 90);
	assert_answer(p, "SELECT (SELECT count(*) FROM vm) + (SELECT count(*) FROM vm_nic)", "0;");
}

static int take_fact(void *arg, const struct store_fact *fact)
{
	struct rf_buf *out = arg;

	assert_false(fact->gone);
	rf_buf_printf(out, "%s", fact->table);
	for (size_t i = 0; i < fact->count; i++) {
		const struct store_value *v = &fact->values[i];

		if (v->kind == STORE_INT)
			rf_buf_printf(out, ",%lld", (long long)v->number);
		else
			rf_buf_printf(out, ",%s",
				      v->kind == STORE_NULL ? "-" : store_value_text(v));
	}
	return rf_buf_add_text(out, ";");
}

static int take_stop(void *arg, const struct store_fact *fact)
{
	(void)fact;
	++*(int *)arg;
	return -EINTR;
}

static void a_hosts_facts_are_read(struct place *p)
{
	struct store_value v[4];
	struct store_fact fact = sysctl("h1", "a", NULL, v);
	RF_AUTOBUF struct rf_buf got = {0};
	struct rf_err err = {0};
	int calls = 0;

	facts_ready(p);
	add_host(p->store, "h1");
	add_host(p->store, "h2");
	must(store_facts_each(p->store, "h1", take_fact, &got, &err), &err);
	assert_int_equal(got.len, 0);
	must(put_one(p, "h1", true, &fact, &err), &err);
	must(put_one(p, "h2", true, &fact, &err), &err);
	fact = sysctl("h1", "b", "2", v);
	must(put_one(p, "h1", false, &fact, &err), &err);
	must(store_facts_each(p->store, "h1", take_fact, &got, &err), &err);
	assert_string_equal(rf_buf_text(&got), "sysctl,h1,a,-,/proc/sys;sysctl,h1,b,2,/proc/sys;");
	assert_int_equal(store_facts_each(p->store, "h1", take_stop, &calls, &err), -EINTR);
	assert_int_equal(calls, 1);
}

static int take_due(void *arg, const char *host, int64_t revision)
{
	return rf_buf_printf(arg, "%s:%lld;", host, (long long)revision);
}

static void assert_due(struct place *p, const char *judge, const char *after, const char *want)
{
	const struct store_unjudged page = {judge, after, 2};
	RF_AUTOBUF struct rf_buf got = {0};
	struct rf_err err = {0};

	must(store_facts_unjudged(p->store, &page, take_due, &got, &err), &err);
	assert_string_equal(rf_buf_text(&got), want);
}

/* Each change makes due, also in one ms; what is judged is what was read. */
static void changed_facts_are_due(struct place *p)
{
	struct store_value v[4];
	struct store_fact fact = sysctl("h1", "a", "1", v);
	const struct store_state retired = {"h3", "RETIRED", "", 9};
	struct rf_err err = {0};

	facts_ready(p);
	assert_due(p, "j", "", "");
	for (const char *const *h = (const char *const[]){"h1", "h2", "h3", NULL}; *h; h++) {
		add_host(p->store, *h);
		must(put_one(p, *h, true, &fact, &err), &err);
	}
	assert_due(p, "j", "", "h1:1;h2:1;");
	assert_due(p, "j", "h2", "h3:1;");
	must(store_host_state(p->store, &retired, NULL, &err), &err);
	assert_due(p, "j", "h2", "");
	must(put_one(p, "h1", false, &fact, &err), &err);
	assert_int_equal(store_facts_judged(p->store, "h1", 1, "j", &err), RF_E_CHANGED);
	must(store_facts_judged(p->store, "h1", 2, "j", &err), &err);
	assert_due(p, "j", "", "h2:1;");
	assert_due(p, "another", "", "h1:2;h2:1;");
	/* The whole anew does not begin to count anew. */
	must(put_one(p, "h1", true, &fact, &err), &err);
	assert_due(p, "j", "", "h1:3;h2:1;");
	assert_int_equal(store_facts_judged(p->store, "h1", 2, "j", &err), RF_E_CHANGED);
	assert_int_equal(store_facts_judged(p->store, "none", 0, "j", &err), RF_E_CHANGED);
}

static void questions_read_facts_alone(struct place *p)
{
	static const char *const forbidden[] = {
		"SELECT sha256 FROM session",
		"SELECT * FROM ringfence.session",
		"SELECT * FROM main.session",
		"SELECT changed_by FROM role",
		"DELETE FROM sysctl",
		"INSERT INTO sysctl (host, key) VALUES ('h', 'k')",
		"UPDATE facts.sysctl SET value = '1'",
		"UPDATE main.facts_sysctl SET value = '1'",
		"SELECT 1; DELETE FROM facts.sysctl",
		"CREATE TABLE x (a TEXT)",
		"SELECT * FROM sqlite_master",
		"SELECT load_extension('x')",
		"SELECT pg_read_file('/etc/passwd')",
		"SELECT * FROM pragma_database_list",
		"PRAGMA user_version = 7",
		"ATTACH 'x' AS y",
		"SELECT query_to_xml('SELECT * FROM ringfence.session', true, true, '')",
		"SELECT set_config('role', 'manager', false)",
		"SET ROLE ringfence_runtime",
		"COPY sysctl TO PROGRAM 'id'",
		"not a question",
		"",
		"\xc3\x28",
	};
	struct store_value v[4];
	struct store_fact fact = sysctl("h", "a", "1", v);
	RF_AUTOBUF struct rf_buf got = {0};
	struct rf_err err = {0};

	facts_ready(p);
	add_host(p->store, "h");
	must(put_one(p, "h", true, &fact, &err), &err);
	for (size_t i = 0; i < RF_COUNT(forbidden); i++) {
		if (ask_facts(p, forbidden[i], &got, &err) == 0)
			fail_msg("%s: %s", forbidden[i], rf_buf_text(&got));
	}
	/* `host` is the facts' table, not the store's. */
	assert_int_not_equal(ask_facts(p, "SELECT ek_sha256 FROM host", &got, &err), 0);
	assert_answer(p, "SELECT count(cpu_model) FROM host", "0;");
	assert_answer(p, "WITH s AS (SELECT key FROM sysctl) SELECT upper(key), NULL FROM s",
		      "A,-;");
	assert_answer(p, "SELECT value FROM sysctl WHERE key = 'a';", "1;");
}

static void questions_end(struct place *p)
{
	struct store_question q = {
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
		"SELECT count(*) FROM n",
		10, 50};
	struct store_judge *judge = NULL;
	RF_AUTOBUF struct rf_buf got = {0};
	struct rf_err err = {0};

	facts_ready(p);
	must(judge_open(p, &judge, &err), &err);
	assert_int_equal(store_judge_ask(judge, &q, take_answer, &got, &err), RF_E_TIMEOUT);
	q = (struct store_question){"SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3", 2, 10000};
	assert_int_equal(store_judge_ask(judge, &q, take_answer, &got, &err), RF_E_LIMIT);
	assert_string_equal(rf_buf_text(&got), "1;2;");
	q.rows_max = 3;
	rf_buf_reset(&got);
	must(store_judge_ask(judge, &q, take_answer, &got, &err), &err);
	assert_string_equal(rf_buf_text(&got), "1;2;3;");
	store_judge_close(judge);
}

static void other_tables_are_made_anew(struct place *p)
{
	struct store_value v[4];
	struct store_fact fact = sysctl("h", "a", "1", v);
	struct store_judge *none = NULL;
	struct rf_err err = {0};

	/* Not yet there. */
	assert_true(judge_open(p, &none, &err) != 0 || p->is_postgres);
	store_judge_close(none);
	facts_ready(p);
	add_host(p->store, "h");
	must(put_one(p, "h", true, &fact, &err), &err);
	facts_ready(p);
	assert_answer(p, "SELECT count(*) FROM sysctl", "1;");
	place_sql(p, p->is_postgres ? "UPDATE facts.fleet_schema SET sha256 = 'another'"
				    : "UPDATE facts_fleet_schema SET sha256 = 'another'");
	facts_ready(p);
	assert_answer(p, "SELECT count(*) FROM sysctl", "0;");
	assert_int_equal(put_one(p, "h", false, &fact, &err), RF_E_CHANGED);
	must(put_one(p, "h", true, &fact, &err), &err);
}

static void the_judge_may_not_be_more(void **state)
{
	struct place p;
	struct store_judge *judge = NULL;
	struct rf_err err = {0};

	(void)state;
	if (!place_address(&p, true)) {
		print_message("skipped: PostgreSQL is not installed\n");
		skip();
	}
	must(store_upgrade(p.owner, &err), &err);
	facts_ready(&p);
	assert_int_equal(store_judge_open(p.url, &judge, &err), RF_E_DENIED);
	assert_int_equal(store_judge_open(p.owner, &judge, &err), RF_E_DENIED);
	assert_non_null(strstr(rf_err_text(&err), "ringfence_judge"));
	assert_int_equal(store_judge_open("mysql://x", &judge, &err), RF_E_SYNTAX);
	assert_int_equal(store_judge_open("sqlite:/nonexistent/x", &judge, &err), RF_E_MISSING);
	assert_null(judge);
	store_judge_close(NULL);
	place_done(&p);
}

static const struct shared_case cases[] = {
	{"facts are the host's own", facts_are_the_hosts_own},
	{"bad facts change nothing", bad_facts_change_nothing},
	{"tables are the model's", tables_are_the_models},
	{"a host's facts are read", a_hosts_facts_are_read},
	{"changed facts are due", changed_facts_are_due},
	{"questions read facts alone", questions_read_facts_alone},
	{"questions end", questions_end},
	{"other tables are made anew", other_tables_are_made_anew},
};

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases) + 1];

	engine_tests(cases, RF_COUNT(cases), rows, tests);
	tests[2 * RF_COUNT(cases)] = (struct CMUnitTest)cmocka_unit_test(the_judge_may_not_be_more);
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
