/* SPDX-License-Identifier: Apache-2.0 */
/* One question, in a fork; see query.h. It answers with a code, and text behind it. */
#include "manager/query.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/control.h"
#include "store/facts.h"
#include "sys/sandbox.h"

#define FD_OUT 3
/* Sanitizers want more memory than there is. */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_BYTES RLIM_INFINITY
#else
#define MEMORY_BYTES (1ULL << 30)
#endif
#define READ_BYTES 65536u

const struct query_limits query_limits_usual = {.time_ms = 10000,
						.wall_ms = 60000,
						.rows = 10000,
						.fact_bytes = 256u << 20,
						.answer_bytes = 4u << 20};

struct query {
	const struct query_limits *limits;
	const char *sql;
	const json_t *hosts;
	struct fact_store *facts;
	size_t bytes;
	uint64_t rows;
	struct rf_buf *out;
	struct rf_err *err;
};

/* ---- facts ---- */

static int fact_take(void *arg, const struct store_fact *fact)
{
	struct query *q = arg;
	const struct fact_table *table = fact_table_find(fact->table);
	struct fact_value values[FACT_MAX_COLUMNS] = {{0}};

	if (!table || table->columns_count != fact->count || fact->count > FACT_MAX_COLUMNS)
		return rf_fail(q->err, RF_E_DATABASE, "the store's table %s is another",
			       fact->table);
	for (size_t i = 0; i < fact->count; i++) {
		const struct store_value *v = &fact->values[i];

		q->bytes += 1 + (v->kind == STORE_INT ? sizeof(v->number) : v->bytes.len);
		values[i] = (struct fact_value){.text = store_value_text(v),
						.number = v->number,
						.known = v->kind != STORE_NULL};
	}
	if (q->bytes > q->limits->fact_bytes)
		return rf_fail(q->err, RF_E_LIMIT,
			       "the facts that it needs take more than %zu MiB: ask about fewer "
			       "hosts (--where)",
			       q->limits->fact_bytes >> 20);
	return fact_store_insert(q->facts, table, values, q->err);
}

static int facts_load(struct query *q, const char *store_url)
{
	bool wanted[FACT_T_COUNT] = {false};
	struct store *store = NULL;
	RF_AUTOFREE char *hosts = json_dumps(q->hosts, JSON_COMPACT);
	int rc = judge_query_tables(q->facts, q->sql, wanted, q->err);

	if (!rc && !hosts)
		rc = -ENOMEM;
	if (!rc)
		rc = store_open(store_url, &store, q->err);
	for (size_t t = 0; t < FACT_T_COUNT; t++) {
		/* Data of ours, no facts of hosts. */
		if (!wanted[t] || t == FACT_T_VMX_DEFAULT || rc)
			continue;
		rc = store_facts_table(store, hosts, fact_tables[t].name, fact_take, q, q->err);
	}
	store_close(store);
	return rc;
}

/* ---- the answer ---- */

static json_t *value_json(sqlite3_stmt *stmt, int i)
{
	const char *text;

	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_NULL:
		return json_null();
	case SQLITE_INTEGER:
		return json_integer(sqlite3_column_int64(stmt, i));
	case SQLITE_FLOAT:
		return json_real(sqlite3_column_double(stmt, i));
	default:
		text = (const char *)sqlite3_column_text(stmt, i);
		return json_stringn_nocheck(text ? text : "", text ? strlen(text) : 0);
	}
}

/* Two columns of one name are told apart by a number. */
static void member_set(json_t *row, sqlite3_stmt *stmt, int i)
{
	char name[128];

	(void)rf_format(name, sizeof(name), "%.100s", sqlite3_column_name(stmt, i));
	for (int again = 2; json_object_get(row, name); again++)
		(void)rf_format(name, sizeof(name), "%.100s_%d", sqlite3_column_name(stmt, i),
				again);
	json_object_set_new_nocheck(row, name, value_json(stmt, i));
}

static int row_write(void *arg, int columns, sqlite3_stmt *stmt)
{
	struct query *q = arg;
	json_t *row = json_object();

	if (++q->rows > q->limits->rows) {
		json_decref(row);
		return rf_fail(q->err, RF_E_LIMIT,
			       "it has more than %llu rows: add LIMIT, or ask "
			       "for less",
			       (unsigned long long)q->limits->rows);
	}
	for (int i = 0; i < columns; i++)
		member_set(row, stmt, i);
	RF_AUTOFREE char *text = row ? json_dumps(row, JSON_COMPACT) : NULL;

	json_decref(row);
	/* A text that is no UTF-8 has no place in JSON. */
	if (!text)
		return rf_fail(q->err, RF_E_SYNTAX, "a value of it is no text in UTF-8");
	rf_buf_add_text(q->out, q->rows > 1 ? "," : "");
	rf_buf_add_text(q->out, text);
	if (q->out->len > q->limits->answer_bytes)
		return rf_fail(q->err, RF_E_LIMIT, "its answer takes more than %zu bytes",
			       q->limits->answer_bytes);
	return 0;
}

static int answer(struct query *q, const char *store_url)
{
	const struct rlimit memory = {MEMORY_BYTES, MEMORY_BYTES}, none = {0, 0};
	char missing[SANDBOX_MISSING_BYTES];
	int rc = fact_store_open(&q->facts, q->err);

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_AS, &memory);
	if (!rc)
		rc = facts_load(q, store_url);
	/* From here on there is no store, no file and no network. */
	if (!rc)
		rc = sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, q->err);
	if (!rc)
		rc = control_defaults_load(q->facts, q->err);
	if (!rc)
		rc = fact_store_finish(q->facts, q->err);
	rf_buf_add_text(q->out, "{\"items\":[");
	if (!rc)
		rc = judge_query(q->facts, q->sql, row_write, q, q->err);
	/* It is the question that cannot be computed. */
	if (rc == RF_E_DATABASE)
		rc = q->err->code = RF_E_SYNTAX;
	rf_buf_add_text(q->out, "],\"next\":\"\"}");
	return rc;
}

static _Noreturn void child(struct query *q, const char *store_url, int fd)
{
	const int64_t ms = q->limits->time_ms, wall_ms = q->limits->wall_ms;
	const struct itimerval cpu = {.it_value = {ms / 1000, ms % 1000 * 1000}};
	const struct itimerval wall = {.it_value = {wall_ms / 1000, wall_ms % 1000 * 1000}};
	struct rf_buf out = {0};
	int32_t code;
	sigset_t nothing;

	signal(SIGALRM, SIG_DFL);
	signal(SIGPROF, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&nothing);
	sigprocmask(SIG_SETMASK, &nothing, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setitimer(ITIMER_PROF, &cpu, NULL);
	(void)setitimer(ITIMER_REAL, &wall, NULL);
	if (dup2(fd, FD_OUT) < 0 || close_range(FD_OUT + 1, ~0U, 0) < 0)
		_exit(1);
	q->out = &out;
	code = answer(q, store_url);
	if (code) {
		rf_buf_reset(&out);
		rf_buf_add_text(&out, rf_err_text(q->err));
	}
	if (out.failed || code == -ENOMEM)
		_exit(2);
	if (rf_write_all(FD_OUT, (struct rf_slice){(const uint8_t *)&code, sizeof(code)}) ||
	    rf_write_all(FD_OUT, rf_buf_slice(&out)))
		_exit(1);
	_exit(0);
}

/* ---- who waits for it ---- */

static int answer_read(int fd, size_t max, struct rf_buf *out)
{
	ssize_t n = 1;

	while (n) {
		uint8_t *room = rf_buf_reserve(out, READ_BYTES);

		if (!room)
			return -ENOMEM;
		n = read(fd, room, READ_BYTES);
		if (n < 0 && errno != EINTR)
			return -errno;
		out->len += n > 0 ? (size_t)n : 0;
		if (out->len > max)
			return RF_E_LIMIT;
	}
	return 0;
}

static int ended(int status, const struct query_limits *limits, struct rf_err *err)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
		return rf_fail(err, RF_E_TIMEOUT, "it takes more than %lld ms of the processor",
			       (long long)limits->time_ms);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return rf_fail(err, RF_E_TIMEOUT, "it takes longer than %lld ms",
			       (long long)limits->wall_ms);
	if (WIFSIGNALED(status))
		return rf_fail(err, RF_E_PEER, "the question was ended by: %s",
			       strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) == 2)
		return rf_fail(err, RF_E_LIMIT, "it takes more memory than it may");
	return WEXITSTATUS(status) ? rf_fail(err, RF_E_PEER, "the question came to no end") : 0;
}

static int asked(struct query *q, const char *store_url, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	int ends[2], status = 0;
	int32_t code = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return rf_fail(err, -errno, "no pipe: %s", rf_code_text(-errno));
	pid_t pid = fork();

	if (pid == 0)
		child(q, store_url, ends[1]);
	close(ends[1]);
	int rc = pid < 0 ? -EAGAIN
			 : answer_read(ends[0], sizeof(code) + 2 * q->limits->answer_bytes, &raw);

	/* What it still writes ends it. */
	close(ends[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc)
		return rf_fail(err, rc, "no answer of the process that asks: %s", rf_code_text(rc));
	rc = ended(status, q->limits, err);
	if (!rc && raw.len < sizeof(code))
		rc = rf_fail(err, RF_E_PEER, "the question came to no end");
	if (rc)
		return rc;
	memcpy(&code, raw.data, sizeof(code));
	if (rf_buf_add(out, raw.data + sizeof(code), raw.len - sizeof(code)))
		return rf_fail(err, -ENOMEM, "no memory");
	return code ? rf_fail(err, code, "%s", rf_buf_text(out)) : 0;
}

int query_answer(const char *store_url, const struct query_limits *limits, struct rf_slice question,
		 struct rf_buf *out, struct rf_err *err)
{
	json_t *json = json_loadb((const char *)question.data, question.len, 0, NULL);
	struct rf_err why = {0};
	struct query q = {.limits = limits,
			  .sql = json_string_value(json_object_get(json, "sql")),
			  .hosts = json_object_get(json, "hosts"),
			  .err = &why};
	int rc = q.sql && json_is_array(q.hosts)
			 ? asked(&q, store_url, out, err)
			 : rf_fail(err, RF_E_SYNTAX, "the role api sent no question");

	json_decref(json);
	return rc;
}
