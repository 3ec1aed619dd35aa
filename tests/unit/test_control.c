/* SPDX-License-Identifier: Apache-2.0 */
/* The judge: states, gaps, the fence around a site's SQL, profiles, waivers, mutants, refusals. */
#include "test_base.h"

#include "control/control.h"

#define HEAD(id)                                                                                   \
	"id: " id "\ntitle: T\nseverity: high\npillar: network\nwhy: W\nstep: S\nmanual: M\n"      \
	"refs: {ours: x}\n"
#define TESTS "tests:\n  - {expect: pass, row: {run: 0}}\n  - {expect: fail, row: {run: 1}}\n"

static const char ksm_control[] =
	HEAD("site.ksm") "over: ksm\npass: run = 0\nevidence: [run]\n" TESTS;

struct fixture {
	struct control_set set;
	struct fact_store *store;
	struct finding_set found;
	struct profile all;
	const struct profile *profiles[1];
};

static void add(struct fixture *f, const char *kind, const char *text)
{
	assert_int_equal(control_set_add(&f->set, kind, "t.yaml", rf_slice_text(text), true, NULL),
			 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(fact_store_open(&f->store, NULL), 0);
	add(f, "profiles", "id: all\ntitle: t\nabout: a\nselect: ['*']\n");
	assert_int_equal(f->set.problems_count, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	finding_set_done(&f->found);
	fact_store_close(f->store);
	control_set_done(&f->set);
	free(f);
	return 0;
}

static struct fact_sink *sink_of(struct fixture *f, const char *host, const char *tables)
{
	struct fact_sink *sink = fact_store_sink(f->store, host);

	fact_put_collector_run(sink, &(struct fact_collector_run){
					     .collector = "c", .state = "ok", .tables = tables});
	return sink;
}

static void judge(struct fixture *f, int64_t now_ms)
{
	struct rf_err err = {0};

	f->profiles[0] = profile_find(&f->set, "all");
	const struct judge_request req = {
		.profiles = f->profiles, .profiles_count = 1, .now_ms = now_ms};

	assert_int_equal(fact_store_finish(f->store, &err), 0);
	if (judge_run(f->store, &f->set, &req, &f->found, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
}

static void pass_and_fail_with_evidence(void **state)
{
	struct fixture *f = *state;

	add(f, "controls", ksm_control);
	fact_put_ksm(sink_of(f, "a", "ksm"),
		     &(struct fact_ksm){.run = FACT_INT(1), .source = "/sys/x"});
	fact_put_ksm(sink_of(f, "b", "ksm"), &(struct fact_ksm){.run = FACT_INT(0)});
	judge(f, 0);
	assert_int_equal(f->found.count, 2);
	assert_int_equal(f->found.items[0].state, FINDING_FAIL);
	assert_string_equal(f->found.items[0].host, "a");
	assert_string_equal(f->found.items[0].source, "/sys/x");
	assert_memory_equal(f->found.items[0].evidence,
			    "run\0"
			    "1\0\0",
			    7);
	assert_int_equal(f->found.items[1].state, FINDING_PASS);
}

static void a_missing_fact_is_unknown_and_says_why(void **state)
{
	struct fixture *f = *state;

	add(f, "controls", ksm_control);
	struct fact_sink *sink = sink_of(f, "a", "ksm");

	fact_put_ksm(sink, &(struct fact_ksm){.source = "/sys/x"});
	fact_gap(sink, FACT_T_KSM, "", "run", "/sys/x", "run as root to read it");
	judge(f, 0);
	assert_int_equal(f->found.items[0].state, FINDING_UNKNOWN);
	assert_string_equal(f->found.items[0].reason, "run is not known: run as root to read it");
}

static void no_row_is_not_applicable_but_a_lost_table_is_unknown(void **state)
{
	struct fixture *f = *state;

	add(f, "controls", ksm_control);
	sink_of(f, "a", "ksm");
	fact_gap(sink_of(f, "b", "ksm"), FACT_T_KSM, "", "", "", "the collector took too long");
	judge(f, 0);
	assert_int_equal(f->found.count, 2);
	assert_int_equal(f->found.items[0].state, FINDING_UNKNOWN);
	assert_string_equal(f->found.items[0].host, "b");
	assert_string_equal(f->found.items[0].reason, "the collector took too long");
	assert_int_equal(f->found.items[1].state, FINDING_NOT_APPLICABLE);
}

/* "No bad row" passes only when all rows could be seen. */
static void a_query_does_not_pass_on_a_lost_table(void **state)
{
	struct fixture *f = *state;

	add(f, "controls",
	    HEAD("site.q") "query: SELECT host, '' AS resource, 1 AS pass FROM ksm\ntests:\n"
			   "  - {expect: pass, facts: {ksm: [{run: 0}]}}\n"
			   "  - {expect: fail, facts: {ksm: []}}\n");
	struct fact_sink *sink = sink_of(f, "a", "ksm");

	fact_put_ksm(sink, &(struct fact_ksm){.run = FACT_INT(0)});
	fact_gap(sink, FACT_T_KSM, "", "", "", "only half was read");
	judge(f, 0);
	assert_int_equal(f->found.count, 1);
	assert_int_equal(f->found.items[0].state, FINDING_UNKNOWN);
	assert_string_equal(f->found.items[0].reason, "only half was read");
}

static void a_control_is_skipped_when_nobody_looked(void **state)
{
	struct fixture *f = *state;

	add(f, "controls", ksm_control);
	sink_of(f, "a", "sysctl");
	judge(f, 0);
	assert_int_equal(f->found.count, 0);
	assert_int_equal(f->found.controls_skipped, 1);
}

static void when_decides_what_applies(void **state)
{
	struct fixture *f = *state;

	add(f, "controls",
	    HEAD("site.w") "over: ksm\nwhen: present = 1\napplies: where the kernel has KSM\npass: run = 0\n"
			   "tests:\n  - {expect: pass, row: {present: 1, run: 0}}\n"
			   "  - {expect: fail, row: {present: 1, run: 1}}\n");
	fact_put_ksm(sink_of(f, "a", "ksm"), &(struct fact_ksm){.present = FACT_INT(0)});
	fact_put_ksm(sink_of(f, "b", "ksm"), &(struct fact_ksm){.run = FACT_INT(0)});
	judge(f, 0);
	assert_int_equal(f->found.items[0].state, FINDING_UNKNOWN); /* b: does it apply? */
	assert_string_equal(f->found.items[0].reason, "present is not known");
	assert_int_equal(f->found.items[1].state, FINDING_NOT_APPLICABLE);
	assert_string_equal(f->found.items[1].reason, "where the kernel has KSM");
}

/* One table holds rows of many topics: a control about one of them says nothing about the rest. */
static void rows_of_another_topic_are_silent(void **state)
{
	struct fixture *f = *state;

	add(f, "controls",
	    HEAD("site.t") "over: service\nwhen: unit = 'a.service'\napplies: to a\npass: enabled = 0\n"
			   "tests:\n  - {expect: pass, row: {unit: a.service, enabled: 0}}\n"
			   "  - {expect: fail, row: {unit: a.service, enabled: 1}}\n");
	struct fact_sink *sink = sink_of(f, "a", "service");

	fact_put_service(sink, &(struct fact_service){.unit = "a.service", .enabled = FACT_INT(0)});
	fact_put_service(sink, &(struct fact_service){.unit = "b.service", .enabled = FACT_INT(1)});
	sink = sink_of(f, "b", "service");
	fact_put_service(sink, &(struct fact_service){.unit = "b.service", .enabled = FACT_INT(1)});
	fact_put_service(sink, &(struct fact_service){.unit = "c.service", .enabled = FACT_INT(1)});
	judge(f, 0);
	assert_int_equal(f->found.count, 2);
	assert_int_equal(f->found.items[0].state, FINDING_PASS);
	assert_string_equal(f->found.items[0].resource, "a.service");
	assert_int_equal(f->found.items[1].state, FINDING_NOT_APPLICABLE);
	assert_string_equal(f->found.items[1].host, "b");
	assert_string_equal(f->found.items[1].reason, "to a");
}

static void a_query_answers_one_zero_or_null(void **state)
{
	struct fixture *f = *state;

	add(f, "controls",
	    HEAD("site.q") "query: SELECT k.host, '' AS resource, k.run AS pass FROM ksm k\n"
			   "tests:\n  - {expect: pass, facts: {ksm: [{run: 1}]}}\n"
			   "  - {expect: fail, facts: {ksm: [{run: 0}]}}\n");
	fact_put_ksm(sink_of(f, "a", "ksm"), &(struct fact_ksm){.run = FACT_INT(2)});
	judge(f, 0);
	assert_int_equal(f->found.items[0].state, FINDING_ERROR);
}

static void lookups_take_defaults_of_the_version(void **state)
{
	struct fixture *f = *state;

	add(f, "controls",
	    HEAD("site.l") "over: vmx_vm\nlookup: vm_option tools.x\npass: effective_truth = 1\n"
			   "evidence: [value, absent]\ntests:\n  - {expect: pass, row: {value: 'TRUE'}}\n"
			   "  - {expect: pass, row: {default: 'TRUE'}}\n"
			   "  - {expect: fail, row: {value: 'no', default: 'TRUE'}}\n"
			   "  - {expect: unknown, row: {}}\n");
	assert_int_equal(f->set.problems_count, 0);
	struct fact_sink *sink = sink_of(f, "h", "vm,vm_option");
	struct fact_vm vm = {.vm = "new",
			     .layer = "persistent",
			     .format = "vmx",
			     .product = "esx",
			     .hw_version = FACT_INT(13)};

	fact_put_vm(sink, &vm);
	vm.vm = "old", vm.hw_version = FACT_INT(7);
	fact_put_vm(sink, &vm);
	vm.vm = "set";
	fact_put_vm(sink, &vm);
	fact_put_vm_option(sink, &(struct fact_vm_option){.vm = "set",
							  .layer = "persistent",
							  .key = "tools.x",
							  .value = "FALSE"});
	sqlite3_exec(fact_store_db(f->store),
		     "INSERT INTO vmx_default VALUES ('tools.x','esx',13,99,'TRUE','')", NULL, NULL,
		     NULL);
	judge(f, 0);
	assert_int_equal(f->found.count, 3);
	assert_string_equal(f->found.items[0].vm, "set");
	assert_int_equal(f->found.items[0].state, FINDING_FAIL);
	assert_string_equal(f->found.items[1].vm, "old");
	assert_int_equal(f->found.items[1].state, FINDING_UNKNOWN);
	assert_string_equal(f->found.items[2].vm, "new");
	assert_int_equal(f->found.items[2].state, FINDING_PASS);
}

static void waivers_end(void **state)
{
	struct fixture *f = *state;

	add(f, "controls", ksm_control);
	add(f, "waivers",
	    "- {control: site.*, resource: a, reason: until the move, owner: ops, "
	    "expires: 2030-01-01}\n");
	assert_int_equal(f->set.problems_count, 0);
	fact_put_ksm(sink_of(f, "a", "ksm"), &(struct fact_ksm){.run = FACT_INT(1)});
	judge(f, 1893455999000); /* 2029-12-31 23:59:59 */
	assert_int_equal(f->found.items[0].state, FINDING_WAIVED);
	assert_string_equal(f->found.items[0].reason, "until the move");
	finding_set_done(&f->found);
	const struct judge_request req = {.profiles = f->profiles,
					  .profiles_count = 1,
					  .now_ms = 1893542400000}; /* 2030-01-02 */

	assert_int_equal(judge_run(f->store, &f->set, &req, &f->found, NULL), 0);
	assert_int_equal(f->found.items[0].state, FINDING_FAIL);
}

/* Which waivers of a file are refused, and which do not hold from now on; both are told. */
static void waivers_are_checked(void **state)
{
	static const struct {
		const char *more, *want;
	} rows[] = {
		{"approver: sec, since: 2029-06-01, compensating: none, expires: 2029-12-31", NULL},
		{"approver: Ops, expires: 2029-12-31", "ops owns this waiver"},
		{"since: 2029-01-01, expires: 2029-12-31", NULL},
		{"since: 2029-01-01, expires: 2030-01-01", "at most 365 days"},
		{"since: yesterday, expires: 2030-01-01", "since: YYYY-MM-DD"},
		{"since: 2030-01-01, expires: 2029-12-31", "ends after it begins"},
		{"expires: 2030-06-01", NULL},
		{"expires: 2999-01-01", "choose an earlier end"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		CONTROL_AUTOSET struct control_set set = {0};
		RF_AUTOFREE char *text = rf_asprintf(
			"- {control: a.b, resource: a, reason: r, owner: ops, %s}\n", rows[i].more);

		assert_int_equal(
			control_set_add(&set, "waivers", "w.yaml", rf_slice_text(text), true, NULL),
			0);
		/* 2029-12-31 */
		assert_int_equal(control_waivers_check(&set, 1893369600000, NULL), 0);
		assert_int_equal(set.problems_count, rows[i].want != NULL);
		if (rows[i].want && !strstr(set.problems[0], rows[i].want))
			fail_msg("%s: %s", rows[i].more, set.problems[0]);
	}
	/* What does not hold waives nothing. */
	add(f, "controls", ksm_control);
	add(f, "waivers",
	    "- {control: site.*, resource: a, reason: r, owner: ops, expires: 2999-01-01}\n");
	fact_put_ksm(sink_of(f, "a", "ksm"), &(struct fact_ksm){.run = FACT_INT(1)});
	judge(f, 1893369600000);
	assert_int_equal(f->found.items[0].state, FINDING_FAIL);
}

static void profiles_set_parameters_and_severity(void **state)
{
	struct fixture *f = *state;

	add(f, "profiles",
	    "id: strict\ntitle: t\nabout: a\nselect: ['site.p']\nparams: {max: 1}\n"
	    "severity: {site.p: low}\nnotes: {site.p: because}\n");
	add(f, "controls",
	    HEAD("site.p") "over: ksm\nparams: {max: 5}\npass: run <= :max\ntests:\n"
			   "  - {expect: pass, row: {run: 5}}\n  - {expect: fail, row: {run: 6}}\n");
	assert_int_equal(f->set.problems_count, 0);
	fact_put_ksm(sink_of(f, "a", "ksm"), &(struct fact_ksm){.run = FACT_INT(3)});
	judge(f, 0);
	assert_int_equal(f->found.items[0].state, FINDING_PASS);
	finding_set_done(&f->found);
	const struct profile *strict = profile_find(&f->set, "strict");
	const struct judge_request req = {.profiles = &strict, .profiles_count = 1};

	assert_int_equal(judge_run(f->store, &f->set, &req, &f->found, NULL), 0);
	assert_int_equal(f->found.items[0].state, FINDING_FAIL);
	assert_int_equal(f->found.items[0].severity, SEVERITY_LOW);
	assert_string_equal(f->found.items[0].note, "because");
}

/* What a site's file may not do: each is refused by name and place, and the rest still loads. */
static void hostile_files_are_refused(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"{", "t.yaml:2:1"},
		{HEAD("a.b") "over: nowhere\npass: 1 = 1\n" TESTS, "over: no such table or view"},
		{HEAD("a.b") "over: ksm\npass: nothere = 1\n" TESTS, "no such column: nothere"},
		{HEAD("a.b") "over: ksm\npass: run = 0; DROP TABLE ksm\n" TESTS,
		 "not an SQL expression"},
		{HEAD("a.b") "over: ksm\npass: load_extension('x') = 1\n" TESTS,
		 "the function load_extension is not allowed"},
		{HEAD("a.b") "over: ksm\npass: length(randomblob(1000000000)) > 0\n" TESTS,
		 "the function randomblob is not allowed"},
		{HEAD("a.b") "over: ksm\npass: (SELECT count(*) FROM sqlite_master) > 0\n" TESTS,
		 "the table sqlite_master is not allowed"},
		{HEAD("a.b") "query: DELETE FROM ksm\n" TESTS, "syntax error"},
		{HEAD("a.b") "query: SELECT 1 AS host, 2 AS resource, 1 AS pass) q; DELETE FROM ksm; --\n" TESTS,
		 "only one SELECT is allowed"},
		{HEAD("a.b") "query: SELECT host FROM ksm\n" TESTS,
		 "must return host, resource and pass"},
		{HEAD("a.b") "query: SELECT name AS host, 1 AS resource, 1 AS pass FROM pragma_table_list\n" TESTS,
		 "is not allowed"},
		{HEAD("nodots") "over: ksm\npass: run = 0\n" TESTS, "at least two words"},
		{HEAD("a.b") "over: ksm\npass: run = 0\ntests: []\n",
		 "at least one pass and one fail"},
		{HEAD("a.b") "over: ksm\npass: run = :max\n" TESTS,
		 "the parameter :max has no value"},
		{HEAD("a.b") "over: ksm\npass: run = 0\nevidence: [nothere]\n" TESTS,
		 "no column nothere"},
		{HEAD("a.b") "over: ksm\nwhen: run = 1\npass: run = 0\n" TESTS,
		 "when and applies go together"},
		{HEAD("a.b") "over: ksm\nlookup: ksm run\npass: run = 0\n" TESTS,
		 "not a key/value table"},
		{HEAD("a.b") "over: ksm\npass: run = 0\nfix: {verb: sysctl, key: a, value: b}\n" TESTS,
		 "exactly one of fix and manual"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		size_t before = f->set.problems_count;

		add(f, "controls", rows[i].text);
		assert_int_equal(f->set.controls_count, 0);
		assert_int_equal(f->set.problems_count, before + 1);
		if (!strstr(f->set.problems[before], rows[i].want))
			fail_msg("row %zu: %s (wanted: %s)", i, f->set.problems[before],
				 rows[i].want);
		assert_true(rf_starts(f->set.problems[before], "t.yaml:"));
	}
	add(f, "controls", ksm_control);
	add(f, "controls", ksm_control);
	assert_int_equal(f->set.controls_count, 1);
	assert_non_null(strstr(f->set.problems[f->set.problems_count - 1], "in use already"));
}

/* A query that would run for years ends as a finding in state error; the others still run. */
static void an_endless_query_becomes_an_error(void **state)
{
	struct fixture *f = *state;

	add(f, "controls",
	    HEAD("site.slow") "query: SELECT a.host, '' AS resource, count(*) AS pass FROM sysctl a, sysctl b, "
			      "sysctl c, sysctl d WHERE a.key || b.key || c.key || d.key LIKE '%z%'\n"
			      "tests:\n  - {expect: pass, facts: {sysctl: [{key: z}]}}\n"
			      "  - {expect: fail, facts: {sysctl: []}}\n");
	add(f, "controls", ksm_control);
	assert_int_equal(f->set.problems_count, 0);
	struct fact_sink *sink = sink_of(f, "a", "ksm,sysctl");
	char key[16];

	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		fact_put_sysctl(sink, &(struct fact_sysctl){.key = key});
	}
	fact_put_ksm(sink, &(struct fact_ksm){.run = FACT_INT(0)});
	judge(f, 0);
	assert_int_equal(f->found.count, 2);
	assert_int_equal(f->found.items[0].state, FINDING_ERROR);
	assert_non_null(strstr(f->found.items[0].reason, "steps"));
	assert_int_equal(f->found.items[1].state, FINDING_PASS);
}

static int count_rows(void *arg, int columns, sqlite3_stmt *stmt)
{
	(void)columns;
	(void)stmt;
	++*(int *)arg;
	return 0;
}

static void a_persons_query_is_fenced_too(void **state)
{
	static const char *const refused[] = {
		"DELETE FROM ksm",
		"SELECT * FROM sqlite_schema",
		"PRAGMA user_version",
		"ATTACH '/tmp/x' AS x",
		"SELECT 1; SELECT 2",
		"",
		"VACUUM",
		"INSERT INTO ksm(host) VALUES ('x')",
		"CREATE TABLE x(y)",
		"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT * FROM r",
	};
	struct fixture *f = *state;
	int rows = 0;

	fact_put_ksm(sink_of(f, "a", "ksm"), &(struct fact_ksm){.run = FACT_INT(1)});
	assert_int_equal(fact_store_finish(f->store, NULL), 0);
	assert_int_equal(judge_query(f->store, "SELECT * FROM ksm;", count_rows, &rows, NULL), 0);
	assert_int_equal(rows, 1);
	for (size_t i = 0; i < RF_COUNT(refused); i++) {
		struct rf_err err = {0};

		if (judge_query(f->store, refused[i], count_rows, &rows, &err) >= 0)
			fail_msg("not refused: %s", refused[i]);
	}
	assert_int_equal(rows, 1);
}

static void mutants_of(const char *pass, const char *tests, size_t alive)
{
	struct control_set set = {0};
	FACT_AUTOSTORE struct fact_store *store = NULL;
	RF_AUTOBUF struct rf_buf text = {0}, out = {0};
	struct control_test_result r = {0};
	struct rf_err err = {0};

	rf_buf_printf(&text, HEAD("a.b") "over: ksm\npass: %s\ntests:\n%s", pass, tests);
	assert_int_equal(
		control_set_add(&set, "controls", "t.yaml", rf_buf_slice(&text), true, &err), 0);
	if (set.problems_count)
		fail_msg("%s", set.problems[0]);
	assert_int_equal(fact_store_open(&store, NULL), 0);
	assert_int_equal(control_test(&set.controls[0], store, true, &out, &r, &err), 0);
	assert_int_equal(r.rows_failed, 0);
	if (r.mutants_alive != alive)
		fail_msg("%s: %zu alive of %zu:\n%s", pass, r.mutants_alive, r.mutants_count,
			 rf_buf_text(&out));
	control_set_done(&set);
}

static void mutants_find_untested_edges(void **state)
{
	(void)state;
	/* No row at the edge: 4 against 5 and <= against < live on. */
	mutants_of("run <= 4",
		   "  - {expect: pass, row: {run: 0}}\n  - {expect: fail, row: {run: 9}}\n", 3);
	mutants_of("run <= 4",
		   "  - {expect: pass, row: {run: 4}}\n  - {expect: fail, row: {run: 5}}\n", 0);
	/* The second clause is never needed. */
	mutants_of(
		"run = 0 OR present = 0",
		"  - {expect: pass, row: {run: 0, present: 1}}\n  - {expect: fail, row: {run: 1, present: 1}}\n",
		2);
	mutants_of(
		"run = 0 OR present = 0",
		"  - {expect: pass, row: {run: 0, present: 1}}\n  - {expect: fail, row: {run: 1, present: 1}}\n"
		"  - {expect: pass, row: {run: 1, present: 0}}\n  - {expect: fail, row: {run: 2, present: 2}}\n"
		"  - {expect: fail, row: {run: -1, present: -1}}\n",
		0);
}

static void a_wrong_row_is_reported(void **state)
{
	struct control_set set = {0};
	FACT_AUTOSTORE struct fact_store *store = NULL;
	RF_AUTOBUF struct rf_buf out = {0};
	struct control_test_result r = {0};
	const char *text = HEAD("a.b") "over: ksm\npass: run = 0\n" TESTS
				       "  - {expect: pass, row: {run: 7}}\n";

	(void)state;
	assert_int_equal(
		control_set_add(&set, "controls", "t.yaml", rf_slice_text(text), true, NULL), 0);
	assert_int_equal(fact_store_open(&store, NULL), 0);
	assert_int_equal(control_test(&set.controls[0], store, true, &out, &r, NULL), 0);
	assert_int_equal(r.rows_failed, 1);
	assert_non_null(strstr(rf_buf_text(&out), "expected pass, got fail"));
	assert_int_equal(r.mutants_count, 0);
	control_set_done(&set);
}

static void everything_built_in_loads(void **state)
{
	CONTROL_AUTOSET struct control_set set = {0};
	FACT_AUTOSTORE struct fact_store *store = NULL;
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(control_set_load_builtin(&set, true, &err), 0);
	for (size_t i = 0; i < set.problems_count; i++)
		print_message("%s\n", set.problems[i]);
	assert_int_equal(set.problems_count, 0);
	assert_true(set.controls_count >= 340);
	assert_int_equal(fact_store_open(&store, &err), 0);
	if (control_defaults_load(store, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(pass_and_fail_with_evidence),
		T(a_missing_fact_is_unknown_and_says_why),
		T(no_row_is_not_applicable_but_a_lost_table_is_unknown),
		T(a_query_does_not_pass_on_a_lost_table),
		T(a_control_is_skipped_when_nobody_looked),
		T(when_decides_what_applies),
		T(rows_of_another_topic_are_silent),
		T(a_query_answers_one_zero_or_null),
		T(lookups_take_defaults_of_the_version),
		T(waivers_end),
		T(waivers_are_checked),
		T(profiles_set_parameters_and_severity),
		T(hostile_files_are_refused),
		T(an_endless_query_becomes_an_error),
		T(a_persons_query_is_fenced_too),
		cmocka_unit_test(mutants_find_untested_edges),
		cmocka_unit_test(a_wrong_row_is_reported),
		cmocka_unit_test(everything_built_in_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
