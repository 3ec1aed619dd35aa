/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner of collectors: fork, sandbox, collect, send rows through a pipe. The parent trusts the
 * child with nothing: each row is checked as it arrives (model/fact.c), silence and crashes are
 * told of as gaps. See run.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "collect/run.h"
#include "sys/sandbox.h"

/* More children than cores, since some of them wait. */
#define MAX_CHILDREN 4
/* Files that may crash or hang their reader before we give up on the rest. */
#define MAX_RESTARTS 64
#define FRAME_HEAD   5 /* kind, length (little endian) */
/* A collector in steps is asked to end after the first many times the silence that ends others,
 * and ended after the second. */
#define STEPS_ASK  3
#define STEPS_END  4
#define PIPE_BYTES 65536

enum frame { FRAME_ROW = 'R', FRAME_FILE = 'F', FRAME_END = 'E' };

/* ---- the child's side ---- */

struct pipe_sink {
	struct fact_sink sink; /* first */
	int fd;
	struct rf_buf out;
	const char *resume_after; /* skip files up to and with this one; NULL: none */
	int64_t end_ms;		  /* when a collector in steps should end; 0: never */
};

static int pipe_flush(struct pipe_sink *p)
{
	size_t done = 0;

	while (done < p->out.len) {
		ssize_t n = write(p->fd, p->out.data + done, p->out.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		done += (size_t)n;
	}
	rf_buf_reset(&p->out);
	return 0;
}

/* Room for a frame's head; frame_close fills it in. */
static size_t frame_open(struct pipe_sink *p, enum frame kind)
{
	static const uint8_t zero[FRAME_HEAD - 1];

	rf_buf_add_byte(&p->out, (uint8_t)kind);
	rf_buf_add(&p->out, zero, sizeof(zero));
	return p->out.len;
}

static int frame_close(struct pipe_sink *p, size_t start, size_t flush_at)
{
	if (p->out.failed)
		return -ENOMEM;
	size_t len = p->out.len - start;

	for (size_t i = 0; i < 4; i++)
		p->out.data[start - 4 + i] = (uint8_t)(len >> (8 * i));
	return p->out.len >= flush_at ? pipe_flush(p) : 0;
}

static int pipe_put(struct fact_sink *sink, const struct fact_table *table, const void *row)
{
	struct pipe_sink *p = (struct pipe_sink *)sink;
	size_t start = frame_open(p, FRAME_ROW);
	int rc = fact_encode(table, sink->host, row, &p->out);

	return rc < 0 ? rc : frame_close(p, start, PIPE_BYTES);
}

bool collect_heartbeat(struct fact_sink *out, const char *path)
{
	struct pipe_sink *p = (struct pipe_sink *)out;

	if (out->put != pipe_put)
		return true;
	if (p->resume_after) {
		if (strcmp(p->resume_after, path) == 0)
			p->resume_after = NULL;
		return false;
	}
	size_t start = frame_open(p, FRAME_FILE);

	rf_buf_add_text(&p->out, path);
	/* At once: the parent must know the file before we touch it. */
	if (frame_close(p, start, 1) < 0)
		rf_fail(&out->err, -EPIPE, "the parent went away");
	return true;
}

bool collect_time_left(const struct fact_sink *out)
{
	const struct pipe_sink *p = (const struct pipe_sink *)out;

	return out->put != pipe_put || p->end_ms == 0 || rf_clock_ms(CLOCK_MONOTONIC) < p->end_ms;
}

/* The narrowest profile that lets the collector do its work. */
static int child_sandbox(const struct collector *c, const struct collect_options *o,
			 char missing[SANDBOX_MISSING_BYTES], struct rf_err *err)
{
	static const enum sandbox_profile profiles[] = {
		[COLLECT_FILES_ONLY] = SANDBOX_COLLECT_FILES,
		[COLLECT_PROCESSES] = SANDBOX_COLLECT_PROCESSES,
		[COLLECT_NETLINK] = SANDBOX_COLLECT_NET,
		[COLLECT_TPM] = SANDBOX_COLLECT_TPM,
		[COLLECT_BPF] = SANDBOX_COLLECT_BPF,
	};
	enum sandbox_profile profile = SANDBOX_COLLECT_FILES;

	/* A directory host is files, whatever they stand for. */
	if (sys_is_live(o->sys))
		profile = c->when == COLLECT_LIBVIRT ? SANDBOX_COLLECT_LIBVIRT : profiles[c->reach];
	return sandbox_enter(profile, &o->record_dir, o->record_dir ? 1 : 0, missing, err);
}

/* What the child says last: 0 or the error, how many gaps it wrote, and a sentence. */
static void child_end(struct pipe_sink *p, int rc, const char *text)
{
	size_t start = frame_open(p, FRAME_END);

	rf_buf_printf(&p->out, "%d %llu %s", rc, (unsigned long long)p->sink.gaps_count, text);
	if (!frame_close(p, start, 1))
		return;
	_exit(3);
}

static _Noreturn void child_main(const struct collector *c, const struct collect_options *o, int fd,
				 const char *resume_after)
{
	struct pipe_sink p = {.sink = {.put = pipe_put, .host = sys_host_name(o->sys)},
			      .fd = fd,
			      .resume_after = resume_after,
			      .end_ms = c->in_steps ? rf_clock_ms(CLOCK_MONOTONIC) +
							      STEPS_ASK * (int64_t)o->timeout_ms
						    : 0};
	struct rf_err err = {0};
	char missing[SANDBOX_MISSING_BYTES] = "";
	int rc = 0;

	signal(SIGPIPE, SIG_IGN);
	/* A hostile file may ask for much; the machine's VMs need their memory more. */
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	if (!o->no_sandbox)
		rc = child_sandbox(c, o, missing, &err);
	if (!rc)
		rc = c->run(o->sys, o->req, &p.sink, &err);
	if (!rc)
		rc = fact_sink_check(&p.sink, &err);
	p.sink.err.code = 0;
	child_end(&p, rc, rc ? rf_err_text(&err) : missing);
	_exit(0);
}

/* ---- the parent's side ---- */

struct child {
	const struct collector *collector; /* NULL: free slot */
	pid_t pid;
	int fd;
	struct rf_buf in;
	char file[RF_MAX_PATH_BYTES]; /* the file it is at; "" before the first */
	int64_t started_ms, heard_ms;
	uint64_t rows_count;
	unsigned restarts;
	bool ended; /* its last frame arrived */
	int rc;
	uint64_t gaps_count;
	char text[256];
};

struct runner {
	struct fact_store *store;
	const struct collect_options *options;
	struct child children[MAX_CHILDREN];
	const char *host;
};

static int child_start(struct runner *r, struct child *child, const struct collector *c,
		       const char *resume_after, struct rf_err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return rf_fail(err, -errno, "pipe: %s", rf_code_text(-errno));
	fflush(NULL);
	pid_t pid = fork();

	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return rf_fail(err, -EAGAIN, "a process could not be started");
	}
	if (pid == 0) {
		close(fds[0]);
		child_main(c, r->options, fds[1], resume_after);
	}
	close(fds[1]);
	child->collector = c;
	child->pid = pid;
	child->fd = fds[0];
	child->file[0] = '\0';
	child->started_ms = child->heard_ms = rf_clock_ms(CLOCK_MONOTONIC);
	child->ended = false;
	child->rc = 0;
	rf_buf_reset(&child->in);
	if (r->options->progress)
		r->options->progress(r->options->progress_arg, c->name, c->what);
	return 0;
}

static int frame_row(struct runner *r, struct child *child, struct rf_slice body,
		     struct rf_err *err)
{
	struct fact_value values[FACT_MAX_COLUMNS];
	const struct fact_table *table;
	int rc = fact_decode(body, &table, values, err);

	if (rc < 0)
		return rc;
	child->rows_count++;
	return fact_store_insert(r->store, table, values, err);
}

static void frame_end(struct child *child, struct rf_slice body)
{
	char text[300];
	int at = 0;
	unsigned long long gaps = 0;

	rf_format(text, sizeof(text), "%.*s", (int)body.len, (const char *)body.data);
	if (sscanf(text, "%d %llu %n", &child->rc, &gaps, &at) < 2)
		child->rc = RF_E_PEER;
	child->gaps_count = gaps;
	rf_copy(child->text, sizeof(child->text), text + at);
	child->ended = true;
}

/* Takes whole frames off the child's input. */
static int child_frames(struct runner *r, struct child *child, struct rf_err *err)
{
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && child->in.len - at >= FRAME_HEAD) {
		struct rf_reader head =
			rf_reader((struct rf_slice){child->in.data + at, FRAME_HEAD});
		enum frame kind = rf_read_u8(&head);
		uint32_t len = rf_read_le32(&head);

		if (len > RF_MAX_FACT_ROW_BYTES)
			return rf_fail(err, RF_E_LIMIT, "a row of %u bytes", len);
		if (child->in.len - at - FRAME_HEAD < len)
			break;
		struct rf_slice body = {child->in.data + at + FRAME_HEAD, len};

		if (kind == FRAME_ROW)
			rc = frame_row(r, child, body, err);
		else if (kind == FRAME_FILE)
			rf_format(child->file, sizeof(child->file), "%.*s", (int)len,
				  (const char *)body.data);
		else if (kind == FRAME_END)
			frame_end(child, body);
		else
			rc = rf_fail(err, RF_E_SYNTAX, "an unknown message");
		at += FRAME_HEAD + len;
	}
	memmove(child->in.data, child->in.data + at, child->in.len - at);
	child->in.len -= at;
	return rc;
}

/* Reads what is there. 1: more may come, 0: the child closed its end, negative: broken. */
static int child_read(struct runner *r, struct child *child, struct rf_err *err)
{
	uint8_t *to = rf_buf_reserve(&child->in, PIPE_BYTES);

	if (!to)
		return rf_fail(err, -ENOMEM, "no memory");
	ssize_t n = read(child->fd, to, PIPE_BYTES);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : 0;
	child->in.len += (size_t)n;
	child->heard_ms = rf_clock_ms(CLOCK_MONOTONIC);
	int rc = child_frames(r, child, err);

	if (rc < 0)
		return rc;
	return n > 0;
}

static int gap_insert(struct runner *r, enum fact_table_id table, const char *key,
		      const char *reason, struct rf_err *err)
{
	struct fact_sink *sink = fact_store_sink(r->store, r->host);

	fact_gap(sink, table, key, "", "", "%s", reason);
	return fact_sink_check(sink, err);
}

/* Half a VM must not pass for a whole one: what came of the file goes. */
static int file_forget(struct runner *r, const char *path, struct rf_err *err)
{
	sqlite3 *db = fact_store_db(r->store);

	for (size_t t = 0; t < FACT_T_COUNT; t++) {
		const struct fact_table *table = &fact_tables[t];
		char sql[128];
		sqlite3_stmt *stmt = NULL;

		if (table->is_view || !rf_starts(table->key, "vm"))
			continue;
		if (strncmp(table->key, "vm", 2) != 0 || (table->key[2] && table->key[2] != ','))
			continue;
		rf_format(sql, sizeof(sql), "DELETE FROM %s WHERE vm = ?", table->name);
		if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
			return rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(db));
		sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
		sqlite3_step(stmt);
		sqlite3_finalize(stmt);
	}
	return 0;
}

static void tables_join(const struct collector *c, struct rf_buf *out)
{
	for (size_t i = 0; i < COLLECT_MAX_TABLES && c->tables[i]; i++)
		rf_buf_printf(out, "%s%s", i ? "," : "", fact_tables[c->tables[i]].name);
}

/* The collector's row in collector_run, and gaps for its tables when it failed. */
static int child_record(struct runner *r, struct child *child, const char *state,
			const char *reason, struct rf_err *err)
{
	const struct collector *c = child->collector;
	RF_AUTOBUF struct rf_buf tables = {0};
	struct fact_sink *sink = fact_store_sink(r->store, r->host);

	tables_join(c, &tables);
	fact_put_collector_run(sink, &(struct fact_collector_run){
					     .collector = c->name,
					     .state = state,
					     .rows_count = FACT_INT(child->rows_count),
					     .duration_ms = FACT_INT(rf_clock_ms(CLOCK_MONOTONIC) -
								     child->started_ms),
					     .reason = reason,
					     .tables = rf_buf_text(&tables),
					     .source = "",
				     });
	int rc = fact_sink_check(sink, err);
	bool lost = strcmp(state, "ok") != 0 && strcmp(state, "partial") != 0;

	for (size_t i = 0; rc == 0 && lost && i < COLLECT_MAX_TABLES && c->tables[i]; i++)
		rc = gap_insert(r, c->tables[i], "", reason, err);
	return rc;
}

/* It goes from file to file and has begun: then only one file is at stake. */
static bool reads_files(const struct child *child)
{
	return child->collector->when == COLLECT_FILES && child->file[0];
}

/* A reader of files ended badly at one file: note it, and go on behind it. */
static int child_restart(struct runner *r, struct child *child, const char *reason,
			 struct rf_err *err)
{
	char file[RF_MAX_PATH_BYTES];
	char text[512];

	rf_copy(file, sizeof(file), child->file);
	rf_format(text, sizeof(text), "%s; this file was left out", reason);
	int rc = file_forget(r, file, err);

	if (!rc)
		rc = gap_insert(r, FACT_T_VM, file, text, err);
	child->restarts++;
	return rc ? rc : child_start(r, child, child->collector, file, err);
}

/* The child is gone or was ended: what does that mean for its tables? */
static int child_finish(struct runner *r, struct child *child, const char *trouble,
			struct rf_err *err)
{
	char reason[400];
	int status = 0;

	if (trouble)
		kill(child->pid, SIGKILL);
	close(child->fd);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	const char *state = trouble ? "timeout" : "crashed";

	if (!trouble && child->ended)
		state = child->rc < 0 ? "failed" : child->gaps_count ? "partial" : "ok";
	if (trouble)
		rf_copy(reason, sizeof(reason), trouble);
	else if (child->ended)
		rf_format(reason, sizeof(reason), "collector %s: %s", child->collector->name,
			  child->text);
	else
		rf_format(reason, sizeof(reason), "collector %s ended by itself (%s %d)",
			  child->collector->name, WIFSIGNALED(status) ? "signal" : "status",
			  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	bool broken = trouble || !child->ended;

	if (broken && reads_files(child) && child->restarts < MAX_RESTARTS)
		return child_restart(r, child, reason, err);
	if (child->restarts && !broken)
		state = "partial";
	int rc = child_record(r, child, state, child->rc < 0 || broken ? reason : child->text, err);

	child->collector = NULL;
	return rc;
}

static bool wanted(const struct collector *c, const struct collect_request *req)
{
	switch (c->when) {
	case COLLECT_HOST:
		return req->host;
	case COLLECT_LIBVIRT:
		return req->uri != NULL;
	case COLLECT_FILES:
		return req->vmx_count + req->xml_count > 0 || req->approved_dir;
	}
	return false;
}

/* Starts collectors in free slots; *next moves on. */
static int slots_fill(struct runner *r, size_t *next, struct rf_err *err)
{
	const struct collect_options *o = r->options;

	for (size_t i = 0; i < MAX_CHILDREN; i++) {
		struct child *child = &r->children[i];

		while (*next < o->table_count && !wanted(&o->table[*next], o->req))
			++*next;
		if (child->collector || *next >= o->table_count)
			continue;
		child->rows_count = 0;
		child->restarts = 0;
		int rc = child_start(r, child, &o->table[(*next)++], NULL, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* When a child has been at it for too long. Readers of many files are silent for one file at most;
 * others for their whole life, unless they tell of their steps. */
static bool is_overdue(const struct child *child, unsigned timeout_ms)
{
	bool in_steps = child->collector->in_steps && child->file[0];
	int64_t now = rf_clock_ms(CLOCK_MONOTONIC);
	int64_t since = reads_files(child) || in_steps ? child->heard_ms : child->started_ms;

	return now - since >= (int64_t)timeout_ms ||
	       (in_steps && now - child->started_ms >= STEPS_END * (int64_t)timeout_ms);
}

static int child_serve(struct runner *r, struct child *child, short revents, struct rf_err *err)
{
	char trouble[160];
	struct rf_err why = {0};

	if (revents) {
		int rc = child_read(r, child, &why);

		if (rc == 0)
			return child_finish(r, child, NULL, err);
		if (rc == RF_E_DATABASE || rc == -ENOMEM)
			return rf_fail(err, rc, "%s", rf_err_text(&why));
		if (rc < 0) {
			rf_format(trouble, sizeof(trouble), "collector %s sent nonsense: %s",
				  child->collector->name, rf_err_text(&why));
			return child_finish(r, child, trouble, err);
		}
	}
	unsigned timeout_ms = r->options->timeout_ms;

	if (!is_overdue(child, timeout_ms))
		return 0;
	rf_format(trouble, sizeof(trouble), "collector %s took more than %u s",
		  child->collector->name, timeout_ms / 1000);
	return child_finish(r, child, trouble, err);
}

static int runner_turn(struct runner *r, struct rf_err *err)
{
	struct pollfd polls[MAX_CHILDREN];
	struct child *who[MAX_CHILDREN];
	nfds_t count = 0;

	for (size_t i = 0; i < MAX_CHILDREN; i++) {
		if (!r->children[i].collector)
			continue;
		polls[count] = (struct pollfd){.fd = r->children[i].fd, .events = POLLIN};
		who[count++] = &r->children[i];
	}
	if (count == 0)
		return 1;
	if (poll(polls, count, 100) < 0 && errno != EINTR)
		return rf_fail(err, -errno, "poll: %s", rf_code_text(-errno));
	for (nfds_t i = 0; i < count; i++) {
		int rc = child_serve(r, who[i], polls[i].revents, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static void runner_done(struct runner *r)
{
	for (size_t i = 0; i < MAX_CHILDREN; i++) {
		struct child *child = &r->children[i];

		if (child->collector) {
			kill(child->pid, SIGKILL);
			close(child->fd);
			waitpid(child->pid, NULL, 0);
		}
		rf_buf_done(&child->in);
	}
}

int collect_run(struct fact_store *store, const struct collect_options *options, struct rf_err *err)
{
	struct collect_options o = *options;
	struct runner r = {.store = store, .options = &o, .host = sys_host_name(options->sys)};
	size_t next = 0;
	int rc = 0;

	if (!o.table) {
		o.table = collectors;
		o.table_count = collectors_count;
	}
	if (!o.timeout_ms)
		o.timeout_ms = RF_COLLECTOR_MS;
	while (rc == 0) {
		rc = slots_fill(&r, &next, err);
		if (rc == 0)
			rc = runner_turn(&r, err);
	}
	runner_done(&r);
	return rc > 0 ? 0 : rc;
}
