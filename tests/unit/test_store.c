/* SPDX-License-Identifier: Apache-2.0 */
/* The store's conformance: every case runs on SQLite and on PostgreSQL, and both do the same. */
#include "store_test.h"

#include "base/limits.h"

static const char *const hostile[] = {
	"'; DROP TABLE host; --",
	"\"; DELETE FROM verdict; --",
	"$1 ? :a @b %s %n {0} \\",
	"' OR '1'='1",
	"*/ UNION SELECT 1 /*",
	"\x01\x1b[2J\r\n\t",
	"\xf0\x9f\x92\xa5 \xc3\xa4 \xe2\x80\xae",
	"",
};

static const struct store_rows nobody = {NULL, NULL};

/* Values ------------------------------------------------------------------------------------- */

struct echo {
	struct store_value want[3];
	int rows;
};

static int take_echo(void *arg, const struct store_value *row)
{
	struct echo *echo = arg;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(row[i].kind, echo->want[i].kind);
		assert_true(row[i].number == echo->want[i].number);
		assert_int_equal(row[i].bytes.len, echo->want[i].bytes.len);
		if (row[i].bytes.len)
			assert_memory_equal(row[i].bytes.data, echo->want[i].bytes.data,
					    row[i].bytes.len);
		if (row[i].kind == STORE_TEXT)
			assert_int_equal(row[i].bytes.data[row[i].bytes.len], 0);
	}
	echo->rows++;
	return 0;
}

static const struct store_statement echo_statement = {"SELECT $1, $2, $3", NULL, "itb", "itb"};

static int echo(struct store *store, struct store_value a, struct store_value b,
		struct store_value c, struct rf_err *err)
{
	struct echo echo = {{a, b, c}, 0};
	int rc = store_run_text(store, &echo_statement, STORE_PARAMS(a, b, c),
				(struct store_rows){take_echo, &echo}, err);

	assert_int_equal(echo.rows, rc == 0);
	return rc;
}

static void values_come_back(struct place *p)
{
	static const uint8_t bytes[] = {0, 255, 0, 128, '\''};
	static const int64_t numbers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1LL << 32};
	struct store_value null = store_text(NULL), blob = store_blob((struct rf_slice){bytes, 5});
	struct rf_err err = {0};

	for (size_t i = 0; i < RF_COUNT(numbers); i++)
		must(echo(p->store, store_int(numbers[i]), null, null, &err), &err);
	for (size_t i = 0; i < RF_COUNT(hostile); i++)
		must(echo(p->store, null, store_text(hostile[i]), blob, &err), &err);
	/* Empty is not NULL. */
	must(echo(p->store, null, store_text(""), store_blob((struct rf_slice){NULL, 0}), &err),
	     &err);
	must(echo(p->store, null, null, null, &err), &err);
}

static void wrong_parameters_are_refused(struct place *p)
{
	static const uint8_t nul[] = {'a', 0, 'b'}, broken[] = {0xc3, 0x28},
			     surrogate[] = {0xed, 0xa0, 0x80};
	struct store_value n = store_int(1), t = store_text("t"), null = store_text(NULL);
	struct store_value b = store_blob((struct rf_slice){nul, 3});
	struct rf_slice texts[] = {{nul, 3}, {broken, 2}, {surrogate, 3}};
	struct rf_err err = {0};

	assert_int_equal(echo(p->store, t, t, b, &err), RF_E_USAGE);
	assert_int_equal(echo(p->store, n, n, b, &err), RF_E_USAGE);
	assert_int_equal(echo(p->store, n, t, t, &err), RF_E_USAGE);
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		struct store_value text = {.kind = STORE_TEXT, .bytes = texts[i]};

		assert_int_equal(echo(p->store, n, text, b, &err), RF_E_SYNTAX);
	}
	assert_int_equal(
		store_run_text(p->store, &echo_statement, STORE_PARAMS(n, t), nobody, &err),
		RF_E_USAGE);
	assert_int_equal(store_run(p->store, STORE_S_NOW, STORE_PARAMS(null), nobody, &err),
			 RF_E_USAGE);
	must(echo(p->store, n, t, b, &err), &err);
}

static void too_much_is_refused(struct place *p)
{
	size_t huge = 100u << 20;
	RF_AUTOFREE uint8_t *bytes = rf_alloc(1, huge);
	struct store_value null = store_text(NULL), text = {.kind = STORE_TEXT};
	struct store_verdict v = {.verdict = "v",
				  .host = "h",
				  .state = "TRUSTED",
				  .reason = "",
				  .evidence = {bytes, huge}};
	struct rf_err err = {0};

	assert_non_null(bytes);
	add_host(p->store, "h");
	memset(bytes, 'a', huge);
	assert_int_equal(store_verdict_add(p->store, &v, NULL, &err), RF_E_LIMIT);
	v.evidence.len = RF_MAX_KEPT_BLOB_BYTES + 1;
	assert_int_equal(store_verdict_add(p->store, &v, NULL, &err), RF_E_LIMIT);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM verdict"), 0);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM evidence"), 0);
	v.evidence.len = RF_MAX_KEPT_BLOB_BYTES;
	must(store_verdict_add(p->store, &v, NULL, &err), &err);
	text.bytes = (struct rf_slice){bytes, RF_MAX_KEPT_TEXT_BYTES + 1};
	assert_int_equal(echo(p->store, null, text, null, &err), RF_E_LIMIT);
	text.bytes.len--;
	must(echo(p->store, null, text, null, &err), &err);
}

/* A row is what its statement's letters promise. */
static int take_typed(void *arg, const struct store_value *row)
{
	static const char letters[] = {'-', 'i', 't', 'b'};
	const struct store_statement *statement = arg;

	for (size_t i = 0; statement->columns[i]; i++) {
		if (row[i].kind != STORE_NULL)
			assert_int_equal(letters[row[i].kind], statement->columns[i]);
	}
	return 0;
}

/* Every row of the table is taken by the engine, with parameters of its letters. */
static void every_statement_is_understood(struct place *p)
{
	struct rf_err err = {0};
	struct store_verdict v = {"v", "h", "UNTRUSTED", "", {(const uint8_t *)"e", 1}, 5};

	add_host(p->store, "h");
	must(store_verdict_add(p->store, &v, NULL, &err), &err);
	for (size_t i = 0; i < STORE_S_COUNT; i++) {
		const struct store_statement *statement = &store_statements[i];
		struct store_value values[STORE_MAX_COLUMNS];

		assert_non_null(statement->sql);
		size_t n = strlen(statement->params);

		for (size_t k = 0; k < n; k++)
			values[k] = statement->params[k] == 'i'	  ? store_int(7)
				    : statement->params[k] == 't' ? store_text("h")
								  : store_blob(rf_slice_text("b"));
		int rc = store_run(
			p->store, (enum store_statement_id)i, (struct store_params){values, n},
			(struct store_rows){take_typed, (void *)(uintptr_t)statement}, &err);

		/* A key, a reference or a CHECK may be against it: words that are not understood,
		 * not. */
		if (rc && rc != RF_E_DUPLICATE && rc != RF_E_MISSING && rc != RF_E_MISMATCH)
			fail_msg("statement %zu: %s", i, rf_err_text(&err));
	}
}

static void sql_in_every_text_stays_text(struct place *p)
{
	struct rf_err err = {0};

	must(store_sink_add(p->store, "s", &err), &err);
	for (size_t i = 0; i < RF_COUNT(hostile); i++) {
		const char *x = hostile[i];
		struct store_host host = {.host = x, .name = x, .labels = x, .created_ms = 1};
		struct store_verdict v = {x, x, "UNTRUSTED", x, {(const uint8_t *)x, strlen(x)}, 5};
		struct store_finding f = {x, x, "FAIL", x, 0};
		struct store_findings run = {x, &f, 1, 6};
		struct store_event event = {0, x, x, x, x, x, x, 7};
		struct store_lease lease;
		struct store_work work;

		must(store_host_add(p->store, &host, &err), &err);
		must(store_host_seen(p->store, x, x, 5, &err), &err);
		must(store_verdict_add(p->store, &v, NULL, &err), &err);
		must(store_findings_put(p->store, &run, NULL, &err), &err);
		must(store_event_add(p->store, &event, &err), &err);
		must(store_lease_take(p->store, x, x, 1000, &lease, &err), &err);
		assert_string_equal(lease.lease, x);
		must(store_work_add(p->store, x, x, rf_slice_text(x), 0, &err), &err);
		must(store_work_take(p->store, x, 1000, &work, &err), &err);
		assert_string_equal(work.work, x);
		assert_string_equal(rf_buf_text(&work.body), x);
		must(store_work_done(p->store, &work, &err), &err);
		rf_buf_done(&work.body);
		must(store_sink_add(p->store, x, &err), &err);
		must(store_sink_drop(p->store, x, &err), &err);
	}
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host"), RF_COUNT(hostile));
	assert_int_equal(ask(p->store, "SELECT count(*) FROM verdict"), RF_COUNT(hostile));
	assert_int_equal(ask(p->store, "SELECT count(*) FROM finding"), RF_COUNT(hostile));
	assert_int_equal(ask(p->store, "SELECT count(*) FROM sink"), 1);
}

/* Transactions ------------------------------------------------------------------------------- */

static int body_fails(struct store *store, void *arg, struct rf_err *err)
{
	(void)arg;
	add_host(store, "a");
	return rf_fail(err, RF_E_DENIED, "no");
}

/* A body that does not look at what failed. */
static int body_overlooks(struct store *store, void *arg, struct rf_err *err)
{
	struct store_host host = {.host = "b", .name = "b"};

	(void)arg;
	(void)err;
	add_host(store, "b");
	assert_int_equal(store_host_add(store, &host, NULL), RF_E_DUPLICATE);
	/* Nothing goes on in it, on either engine. */
	host.host = "c";
	assert_int_equal(store_host_add(store, &host, NULL), RF_E_DUPLICATE);
	return 0;
}

static int body_inner(struct store *store, void *arg, struct rf_err *err)
{
	(void)!store_transaction(store, body_fails, arg, NULL);
	(void)err;
	return 0;
}

static int body_good(struct store *store, void *arg, struct rf_err *err)
{
	(void)arg;
	(void)err;
	add_host(store, "d");
	add_host(store, "e");
	return 0;
}

static void a_transaction_is_whole_or_nothing(struct place *p)
{
	struct rf_err err = {0};

	assert_int_equal(store_transaction(p->store, body_fails, NULL, &err), RF_E_DENIED);
	assert_string_equal(rf_err_text(&err), "no");
	assert_int_equal(store_transaction(p->store, body_overlooks, NULL, &err), RF_E_DUPLICATE);
	assert_int_equal(store_transaction(p->store, body_inner, NULL, &err), RF_E_DENIED);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host"), 0);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM event"), 0);
	must(store_transaction(p->store, body_good, NULL, &err), &err);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host"), 2);
}

static int take_and_ask(void *arg, const struct store_value *row)
{
	int64_t now;

	(void)row;
	return store_now(arg, &now, NULL);
}

static int take_stop(void *arg, const struct store_host *host)
{
	(void)host;
	++*(int *)arg;
	return RF_E_LIMIT;
}

static void misuse_is_refused(struct place *p)
{
	struct store_lease lease = {"l", "h", 1};
	struct rf_err err = {0};
	int count = 0, status;

	must(store_transaction(p->store, body_good, NULL, &err), &err);
	assert_int_equal(store_run(p->store, STORE_S_HOST_GET, STORE_PARAMS(store_text("d")),
				   (struct store_rows){take_and_ask, p->store}, &err),
			 RF_E_USAGE);
	assert_int_equal(store_host_each(p->store, "", 10, take_stop, &count, &err), RF_E_LIMIT);
	assert_int_equal(count, 1);
	assert_int_equal(store_lease_hold(p->store, &lease, &err), RF_E_USAGE);
	pid_t pid = fork();

	if (!pid) {
		int64_t now;
		int rc = store_now(p->store, &now, NULL);

		store_close(p->store);
		_exit(rc == RF_E_USAGE ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	add_host(p->store, "after");
}

static void errors_are_told_apart(struct place *p)
{
	struct store_verdict v = {"v", "h", "PURPLE", "", {NULL, 0}, 5};
	struct rf_err err = {0};

	add_host(p->store, "h");
	assert_int_equal(store_verdict_add(p->store, &v, NULL, &err), RF_E_MISMATCH);
	assert_int_equal(store_run(p->store, STORE_S_EVIDENCE_PUT,
				   STORE_PARAMS(store_blob(rf_slice_text("short")),
						store_blob(rf_slice_text("x")), store_int(1)),
				   nobody, &err),
			 RF_E_MISMATCH);
	assert_int_equal(store_run(p->store, STORE_S_HOST_CHANGE_ADD,
				   STORE_PARAMS(store_int(99), store_text("nobody"), store_text(""),
						store_text("NEW"), store_text(""), store_int(1)),
				   nobody, &err),
			 RF_E_MISSING);
	assert_int_equal(store_run(p->store, STORE_S_HOST_SEEN,
				   STORE_PARAMS(store_text("h"), store_text(NULL), store_int(1)),
				   nobody, &err),
			 RF_E_MISMATCH);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM verdict"), 0);
}

/* Hosts, verdicts, evidence ------------------------------------------------------------------ */

static int take_name(void *arg, const struct store_host *host)
{
	rf_buf_add_text(arg, host->host);
	rf_buf_add_text(arg, " ");
	return 0;
}

static int take_whole(void *arg, const struct store_host *host)
{
	struct rf_buf *out = arg;

	rf_buf_printf(out, "%s %s %s %s %s %zu %lld %lld %lld", host->host, host->name, host->state,
		      host->agent_version, host->labels, host->ek_sha256.len,
		      (long long)host->state_ms, (long long)host->created_ms,
		      (long long)host->seen_ms);
	return 0;
}

static void hosts_are_kept(struct place *p)
{
	RF_AUTOBUF struct rf_buf out = {0};
	uint8_t ek[32] = {1};
	struct store_host host = {.host = "b",
				  .name = "web-1",
				  .labels = "{\"a\":1}",
				  .ek_sha256 = {ek, 32},
				  .created_ms = 9};
	struct store_state retire = {"b", "RETIRED", "given back", 11};
	struct rf_err err = {0};

	must(store_host_add(p->store, &host, &err), &err);
	assert_int_equal(store_host_add(p->store, &host, &err), RF_E_DUPLICATE);
	must(store_host_seen(p->store, "b", "1.2", 10, &err), &err);
	must(store_host_get(p->store, "b", take_whole, &out, &err), &err);
	assert_string_equal(rf_buf_text(&out), "b web-1 NEW 1.2 {\"a\":1} 32 9 9 10");
	assert_int_equal(store_host_get(p->store, "x", take_whole, &out, &err), RF_E_UNKNOWN);
	assert_int_equal(store_host_seen(p->store, "x", "1", 1, &err), RF_E_UNKNOWN);
	/* A TPM is one host for ever, also when that is retired. */
	must(store_host_state(p->store, &retire, NULL, &err), &err);
	host.host = "c";
	assert_int_equal(store_host_add(p->store, &host, &err), RF_E_DUPLICATE);
	/* Bytes decide the order, not a language: B, a, b, ä. */
	add_host(p->store, "\xc3\xa4");
	add_host(p->store, "a");
	add_host(p->store, "B");
	rf_buf_reset(&out);
	must(store_host_each(p->store, "", 3, take_name, &out, &err), &err);
	must(store_host_each(p->store, "b", 3, take_name, &out, &err), &err);
	assert_string_equal(rf_buf_text(&out), "B a b \xc3\xa4 ");
}

static void a_state_is_a_transition(struct place *p)
{
	struct store_state state = {"h", "TRUSTED", "all good", 5};
	struct rf_err err = {0};

	add_host(p->store, "h");
	must(store_host_state(p->store, &state, NULL, &err), &err);
	must(store_host_state(p->store, &state, NULL, &err), &err);
	state.state = "STALE";
	must(store_host_state(p->store, &state, NULL, &err), &err);
	/* made known, TRUSTED, STALE: the one that changed nothing is not told */
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host_change WHERE host = 'h'"), 3);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM event WHERE kind = 'host.state'"), 3);
	state.state = "RETIRED";
	must(store_host_state(p->store, &state, NULL, &err), &err);
	state.state = "TRUSTED";
	assert_int_equal(store_host_state(p->store, &state, NULL, &err), RF_E_DENIED);
	state.host = "x";
	assert_int_equal(store_host_state(p->store, &state, NULL, &err), RF_E_UNKNOWN);
}

static int take_content(void *arg, struct rf_slice content)
{
	rf_buf_add(arg, content.data, content.len);
	return 0;
}

static const uint8_t quote_sha256[32] = {/* of "quote" */ 0x63,
					 0x27,
					 0x24,
					 0x5c,
					 0x3a,
					 0x45,
					 0xd3,
					 0xd9,
					 0xea,
					 0x72,
					 0xb7,
					 0x0f,
					 0xbb,
					 0x67,
					 0x19,
					 0x26,
					 0xe7,
					 0xb8,
					 0x0f,
					 0x63,
					 0xd3,
					 0x11,
					 0xbf,
					 0xd7,
					 0x3d,
					 0xde,
					 0x87,
					 0x6d,
					 0x5d,
					 0xf0,
					 0x2b,
					 0x26};

static void verdicts_rest_on_evidence(struct place *p)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct store_verdict v = {"job-1", "h", "TRUSTED", "", rf_slice_text("quote"), 5};
	uint8_t none[32] = {0};
	struct rf_err err = {0};

	add_host(p->store, "h");
	must(store_verdict_add(p->store, &v, NULL, &err), &err);
	/* Given twice it is one, and nothing of the second is left. */
	v.state = "UNTRUSTED";
	v.evidence = rf_slice_text("another");
	assert_int_equal(store_verdict_add(p->store, &v, NULL, &err), RF_E_DUPLICATE);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM evidence"), 1);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host WHERE state = 'TRUSTED'"), 1);
	v.verdict = "job-2";
	v.evidence = rf_slice_text("quote");
	must(store_verdict_add(p->store, &v, NULL, &err), &err);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM evidence"), 1);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host WHERE state = 'UNTRUSTED'"), 1);
	v = (struct store_verdict){"job-3", "h", "STALE", "silent", {NULL, 0}, 6};
	must(store_verdict_add(p->store, &v, NULL, &err), &err);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM verdict WHERE evidence IS NULL"), 1);
	must(store_evidence_get(p->store, quote_sha256, take_content, &out, &err), &err);
	assert_string_equal(rf_buf_text(&out), "quote");
	assert_int_equal(store_evidence_get(p->store, none, take_content, &out, &err),
			 RF_E_UNKNOWN);
	place_sql(p, p->is_postgres ? "UPDATE evidence SET content = 'quoth'"
				    : "UPDATE evidence SET content = x'71756f7468'");
	assert_int_equal(store_evidence_get(p->store, quote_sha256, take_content, &out, &err),
			 RF_E_MISMATCH);
	assert_string_equal(rf_buf_text(&out), "quote");
}

/* Findings ----------------------------------------------------------------------------------- */

static int take_finding_line(void *arg, const struct store_finding *f)
{
	rf_buf_printf(arg, "%s %s %s %s %lld\n", f->control, f->resource, f->state, f->evidence,
		      (long long)f->since_ms);
	return 0;
}

static void assert_findings(struct store *store, const char *want)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};

	must(store_finding_each(store, "h", take_finding_line, &out, &err), &err);
	assert_string_equal(rf_buf_text(&out), want);
}

static void findings_are_last_known_and_changes(struct place *p)
{
	struct store_finding one[] = {{"c1", "h", "PASS", "x=1", 0}, {"c2", "vm", "FAIL", "y", 0}};
	struct store_finding two[] = {{"c1", "h", "FAIL", "x=0", 0}, {"c3", "vm", "PASS", "z", 0}};
	struct store_findings run = {"h", one, 2, 10};
	struct rf_err err = {0};

	add_host(p->store, "h");
	must(store_findings_put(p->store, &run, NULL, &err), &err);
	run.at_ms = 20;
	must(store_findings_put(p->store, &run, NULL, &err), &err);
	assert_findings(p->store, "c1 h PASS x=1 10\nc2 vm FAIL y 10\n");
	assert_int_equal(ask(p->store, "SELECT count(*) FROM finding_change"), 2);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM event WHERE kind = 'finding'"), 0);
	one[0].evidence = "x=2";
	must(store_findings_put(p->store, &run, NULL, &err), &err);
	assert_findings(p->store, "c1 h PASS x=2 10\nc2 vm FAIL y 10\n");
	assert_int_equal(ask(p->store, "SELECT count(*) FROM finding_change"), 2);
	run = (struct store_findings){"h", two, 2, 30};
	must(store_findings_put(p->store, &run, NULL, &err), &err);
	assert_findings(p->store, "c1 h FAIL x=0 30\nc3 vm PASS z 30\n");
	/* c1 failed, c3 came, c2 went; the passing newcomer is nobody's alarm */
	assert_int_equal(ask(p->store, "SELECT count(*) FROM finding_change"), 5);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM event WHERE kind = 'finding'"), 2);
	run.count = 0;
	must(store_findings_put(p->store, &run, NULL, &err), &err);
	assert_findings(p->store, "");
}

static void bad_findings_change_nothing(struct place *p)
{
	struct store_finding twice[] = {{"c", "r", "PASS", "", 0}, {"c", "r", "FAIL", "", 0}};
	struct store_finding odd[] = {{"c", "r", "PASS", "", 0}, {"d", "r", "MAYBE", "", 0}};
	struct store_findings run = {"h", twice, 2, 10};
	struct rf_err err = {0};

	add_host(p->store, "h");
	assert_int_equal(store_findings_put(p->store, &run, NULL, &err), RF_E_DUPLICATE);
	run.findings = odd;
	assert_int_equal(store_findings_put(p->store, &run, NULL, &err), RF_E_MISMATCH);
	assert_findings(p->store, "");
	run.count = 1;
	must(store_findings_put(p->store, &run, NULL, &err), &err);
	run.findings = twice;
	run.count = 2;
	assert_int_equal(store_findings_put(p->store, &run, NULL, &err), RF_E_DUPLICATE);
	assert_findings(p->store, "c r PASS  10\n");
	run.host = "x";
	assert_int_equal(store_findings_put(p->store, &run, NULL, &err), RF_E_UNKNOWN);
}

/* Each allocation in turn fails: told, and nothing half. */
static void short_memory_is_told(struct place *p)
{
	struct store_finding findings[] = {{"c1", "r", "FAIL", "x", 0},
					   {"c2", "r", "PASS", "y", 0}};
	struct store_findings run = {"h", findings, 2, 10};
	struct rf_err err = {0};
	int rc = -ENOMEM;

	add_host(p->store, "h");
	must(store_findings_put(p->store, &run, NULL, &err), &err);
	findings[1].state = "FAIL";
	for (size_t n = 1; rc; n++) {
		rf_alloc_fail_after(n);
		rc = store_findings_put(p->store, &run, NULL, &err);
		rf_alloc_fail_after(0);
		if (rc)
			assert_int_equal(rc, -ENOMEM);
		assert_int_equal(ask(p->store, "SELECT count(*) FROM finding_change"), rc ? 2 : 3);
	}
}

static const struct shared_case cases[] = {
	{"values come back", values_come_back},
	{"wrong parameters are refused", wrong_parameters_are_refused},
	{"too much is refused", too_much_is_refused},
	{"every statement is understood", every_statement_is_understood},
	{"SQL in every text stays text", sql_in_every_text_stays_text},
	{"a transaction is whole or nothing", a_transaction_is_whole_or_nothing},
	{"misuse is refused", misuse_is_refused},
	{"errors are told apart", errors_are_told_apart},
	{"hosts are kept", hosts_are_kept},
	{"a state is a transition", a_state_is_a_transition},
	{"verdicts rest on evidence", verdicts_rest_on_evidence},
	{"findings are last known and changes", findings_are_last_known_and_changes},
	{"bad findings change nothing", bad_findings_change_nothing},
	{"short memory is told", short_memory_is_told},
};

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases)];

	engine_tests(cases, RF_COUNT(cases), rows, tests);
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
