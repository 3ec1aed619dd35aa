/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question over the facts of hosts: what it says, that it sees no host but those it is told, and
 * what becomes of questions that want more than facts. On both engines.
 */
#include "store_test.h"

#include "manager/query.h"
#include "model/fact.h"
#include "store/facts.h"

static void sysctl_put(struct store *store, const char *host, const char *value)
{
	struct store_value row[] = {store_text(host), store_text("kernel.x"), store_text(value),
				    store_text("/proc/sys/kernel/x")};
	const struct store_fact fact = {"sysctl", row, RF_COUNT(row), false};
	struct rf_err err = {0};

	must(store_facts_put(store, &(struct store_facts){host, true, &fact, 1, 5}, NULL, &err),
	     &err);
}

static void ready(struct place *p)
{
	struct rf_err err = {0};

	must(store_facts_upgrade(p->owner, &err), &err);
	add_host(p->store, "h1");
	add_host(p->store, "h2");
	sysctl_put(p->store, "h1", "1");
	sysctl_put(p->store, "h2", "secret");
}

/* SQLite's connections are not carried across a fork; who answers in earnest has none. */
static int answered(struct place *p, const struct query_limits *limits, struct rf_slice question,
		    struct rf_buf *out, struct rf_err *err)
{
	struct rf_err why = {0};

	store_close(p->store);
	int rc = query_answer(p->url, limits, question, out, err);

	must(store_open(p->url, &p->store, &why), &why);
	return rc;
}

static int asked(struct place *p, const char *hosts, const char *sql, struct rf_buf *out,
		 struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf question = {0};
	struct query_limits limits = query_limits_usual;

	limits.time_ms = limits.wall_ms = 60000;
	limits.rows = 50;
	rf_buf_reset(out);
	rf_err_clear(err);
	rf_buf_printf(&question, "{\"hosts\": [%s], \"sql\": \"%s\"}", hosts, sql);
	return answered(p, &limits, rf_buf_slice(&question), out, err);
}

static void assert_answer(struct place *p, const char *hosts, const char *sql, const char *items)
{
	RF_AUTOBUF struct rf_buf out = {0};
	RF_AUTOFREE char *whole = rf_asprintf("{\"items\":[%s],\"next\":\"\"}", items);
	struct rf_err err = {0};

	must(asked(p, hosts, sql, &out, &err), &err);
	assert_string_equal(rf_buf_text(&out), whole);
}

#define H1   "\"h1\""
#define BOTH "\"h1\", \"h2\""

static void rows_are_answered(struct place *p)
{
	ready(p);
	assert_answer(p, BOTH, "SELECT host, value FROM sysctl ORDER BY host",
		      "{\"host\":\"h1\",\"value\":\"1\"},{\"host\":\"h2\",\"value\":\"secret\"}");
	assert_answer(p, BOTH, "SELECT count(*) AS n, NULL AS missing FROM sysctl",
		      "{\"n\":2,\"missing\":null}");
	assert_answer(p, BOTH, "SELECT host, host FROM sysctl WHERE host = 'h1'",
		      "{\"host\":\"h1\",\"host_2\":\"h1\"}");
	assert_answer(p, BOTH, "SELECT value FROM sysctl WHERE host = 'h9'", "");
	assert_answer(p, BOTH, "SELECT 1 AS one", "{\"one\":1}");
}

/* Neither rows nor errors nor counts tell of a host that is not among those of the question. */
static void other_hosts_are_not_there(struct place *p)
{
	ready(p);
	assert_answer(p, H1, "SELECT host FROM sysctl", "{\"host\":\"h1\"}");
	assert_answer(p, H1, "SELECT count(*) AS n FROM sysctl", "{\"n\":1}");
	assert_answer(p, H1, "SELECT count(*) AS n FROM collector_run", "{\"n\":0}");
	/* Fails where a row with the guessed value is looked at. */
	assert_answer(p, H1,
		      "SELECT host FROM sysctl WHERE value <> 'secret' OR abs(-9223372036854775807 "
		      "- 1) > 0",
		      "{\"host\":\"h1\"}");
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};

	assert_int_equal(asked(p, BOTH,
			       "SELECT host FROM sysctl WHERE value <> 'secret' OR "
			       "abs(-9223372036854775807 - 1) > 0",
			       &out, &err),
			 RF_E_SYNTAX);
	/* A host that is not there is none, whatever its name. */
	assert_answer(p, "\"h1' OR '1'='1\", \"\", \"%\"", "SELECT host FROM sysctl", "");
}

static void derived_columns_are_there(struct place *p)
{
	struct store_value row[FACT_MAX_COLUMNS] = {{.kind = STORE_NULL}};
	const struct fact_table *table = fact_table_find("host");
	const struct store_fact fact = {"host", row, table->columns_count, false};
	struct rf_err err = {0};

	ready(p);
	for (size_t i = 0; i < table->columns_count; i++) {
		const char *name = table->columns[i].name;

		row[i] = store_text(NULL);
		if (rf_equal(name, "os_support_end"))
			row[i] = store_text("1970-01-12");
		else if (rf_equal(name, "clock_ms"))
			row[i] = store_int(86400000);
		else if (table->columns[i].required)
			row[i] = table->columns[i].is_text ? store_text("x") : store_int(0);
	}
	must(store_facts_put(p->store, &(struct store_facts){"h1", false, &fact, 1, 5}, NULL, &err),
	     &err);
	assert_answer(p, H1, "SELECT os_support_days AS d FROM host", "{\"d\":10}");
}

/* Everything that is no SELECT over facts, by what it tries. */
static const struct attack {
	const char *sql;
	int code;
} attacks[] = {
	{"ATTACH 'x.db' AS x", RF_E_DENIED},
	{"PRAGMA table_info(sysctl)", RF_E_DENIED},
	{"SELECT * FROM pragma_table_info('sysctl')", RF_E_DENIED},
	{"SELECT load_extension('/tmp/x.so')", RF_E_DENIED},
	{"SELECT readfile('/etc/shadow')", RF_E_SYNTAX},
	{"SELECT pg_read_file('/etc/passwd')", RF_E_SYNTAX},
	{"DELETE FROM sysctl", RF_E_DENIED},
	{"UPDATE sysctl SET value = '2'", RF_E_DENIED},
	{"INSERT INTO sysctl VALUES ('h1', 'a', 'b', 'c')", RF_E_DENIED},
	{"DROP TABLE sysctl", RF_E_DENIED},
	{"CREATE TEMP TABLE t (x)", RF_E_DENIED},
	{"VACUUM INTO '/tmp/x.db'", RF_E_DENIED},
	{"BEGIN", RF_E_DENIED},
	{"SELECT 1; DELETE FROM sysctl", RF_E_DENIED},
	{"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
	 RF_E_DENIED},
	{"SELECT randomblob(1000000000)", RF_E_DENIED},
	{"SELECT printf('%.*c', 1000000000, 'x')", RF_E_DENIED},
	{"SELECT * FROM sqlite_master", RF_E_DENIED},
	{"SELECT * FROM session", RF_E_SYNTAX},
	{"SELECT * FROM main.token", RF_E_SYNTAX},
	{"SELECT * FROM ringfence.session", RF_E_SYNTAX},
	{"SELECT * FROM facts_sysctl", RF_E_SYNTAX},
	{"SELECT * FROM facts.sysctl", RF_E_SYNTAX},
	{"SELECT * FROM fleet_state", RF_E_SYNTAX},
	{"WITH sysctl AS (SELECT * FROM facts_sysctl) SELECT * FROM sysctl", RF_E_SYNTAX},
	{"", RF_E_SYNTAX},
	{"SELECT", RF_E_SYNTAX},
};

static void attacks_are_refused(struct place *p)
{
	ready(p);
	for (size_t i = 0; i < RF_COUNT(attacks); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		struct rf_err err = {0};
		int rc = asked(p, BOTH, attacks[i].sql, &out, &err);

		if (rc != attacks[i].code)
			fail_msg("%s: %d (%s) %s", attacks[i].sql, rc, rf_err_text(&err),
				 rf_buf_text(&out));
	}
	/* Nothing of it was done. */
	assert_answer(p, BOTH, "SELECT count(*) AS n FROM sysctl", "{\"n\":2}");
}

/* Self-joins of a table of a hundred rows never end by themselves. */
static void limits_hold(struct place *p)
{
	RF_AUTOBUF struct rf_buf question = {0}, out = {0};
	struct query_limits limits = query_limits_usual;
	struct rf_err err = {0};
	struct rf_slice slice;

	ready(p);
	for (int i = 0; i < 100; i++) {
		char name[16];

		snprintf(name, sizeof(name), "k%d", i);
		struct store_value row[] = {store_text("h1"), store_text(name), store_text("v"),
					    store_text("x")};
		const struct store_fact fact = {"sysctl", row, RF_COUNT(row), false};

		must(store_facts_put(p->store, &(struct store_facts){"h1", false, &fact, 1, 5},
				     NULL, &err),
		     &err);
	}
	rf_buf_add_text(&question,
			"{\"hosts\": [\"h1\"], \"sql\": \"SELECT count(*) FROM sysctl a, "
			"sysctl b, sysctl c, sysctl d, sysctl e, sysctl f\"}");
	slice = rf_buf_slice(&question);
	limits.time_ms = 300;
	assert_int_equal(answered(p, &limits, slice, &out, &err), RF_E_TIMEOUT);
	assert_non_null(strstr(rf_err_text(&err), "of the processor"));
	limits.time_ms = 600000;
	limits.wall_ms = 300;
	rf_buf_reset(&out);
	rf_err_clear(&err);
	assert_int_equal(answered(p, &limits, slice, &out, &err), RF_E_TIMEOUT);
	assert_null(strstr(rf_err_text(&err), "of the processor"));
	limits = query_limits_usual;
	limits.fact_bytes = 100;
	rf_buf_reset(&out);
	assert_int_equal(answered(p, &limits, slice, &out, &err), RF_E_LIMIT);
	assert_int_equal(asked(p, H1, "SELECT key FROM sysctl", &out, &err), RF_E_LIMIT);
	assert_non_null(strstr(rf_err_text(&err), "more than 50 rows"));
	rf_buf_reset(&question);
	rf_buf_add_text(&question, "{\"hosts\": [\"h1\"], \"sql\": \"SELECT key FROM sysctl\"}");
	limits = query_limits_usual;
	limits.answer_bytes = 200;
	rf_buf_reset(&out);
	assert_int_equal(answered(p, &limits, rf_buf_slice(&question), &out, &err), RF_E_LIMIT);
	/* No question at all. */
	assert_int_equal(answered(p, &limits, rf_slice_text("{}"), &out, &err), RF_E_SYNTAX);
	assert_int_equal(answered(p, &limits, rf_slice_text("[\"\"]"), &out, &err), RF_E_SYNTAX);
}

static const struct shared_case cases[] = {
	{"rows are answered", rows_are_answered},
	{"other hosts are not there", other_hosts_are_not_there},
	{"derived columns are there", derived_columns_are_there},
	{"attacks are refused", attacks_are_refused},
	{"limits hold", limits_hold},
};

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases)];

	signal(SIGPIPE, SIG_IGN);
	engine_tests(cases, RF_COUNT(cases), rows, tests);
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
