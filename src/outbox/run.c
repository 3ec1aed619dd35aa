/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role outbox: takes from the store what sinks have not confirmed, and hands it to their
 * processes, one event at a time for each. Among several managers a lease says who serves a sink.
 * It waits for no sink: each has its own time at which something is due.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "outbox/outbox.h"
#include "outbox/parts.h"
#include "store/fleet.h"

#define BATCH	     64
#define POLL_MS	     1000  /* between looks at the store */
#define LEASE_MS     60000 /* who died is followed after it */
#define RENEW_MS     20000
#define IDLE_MS	     60000 /* a process without work ends */
#define ANSWER_MS    45000 /* more than OUTBOX_ATTEMPT_MS and the resolver's time */
#define BACKOFF_MS   1000  /* after the first failure; doubled up to the next */
#define BACKOFF_MAX  300000
#define REFUSALS_MAX 3	 /* of one event; then it is skipped, and that is an event */
#define END_MS	     500 /* a process that was asked to end has this long */
#define SOCKET_FD    3

struct message {
	int64_t seq;
	bool wanted, skip_told;
	struct rf_buf json;
};

struct sink {
	const struct outbox_sink *row;
	struct store_lease lease;
	bool leased;
	pid_t pid;
	int fd; /* -1: no process */
	struct message queue[BATCH];
	size_t count, at;
	bool busy;
	int64_t due_ms, deadline_ms, renew_ms, idle_ms;
	unsigned failures, refusals;
	int64_t confirmed; /* of this queue: the last that the store was told */
};

struct outbox {
	const struct outbox_options *options;
	struct store *store;
	struct outbox_config config;
	struct sink sinks[OUTBOX_SINKS];
	int64_t now_ms;
};

static void say(const struct sink *sink, const char *text)
{
	fprintf(stderr, "ringfence: sink %s: %s\n", sink->row->name, text);
}

static void queue_clear(struct sink *s)
{
	for (size_t i = 0; i < s->count; i++)
		rf_buf_done(&s->queue[i].json);
	s->count = s->at = 0;
	s->confirmed = 0;
}

/* Asks the process to end; one that works is not waited for. */
static void process_end(struct sink *s)
{
	int64_t until = outbox_now_ms() + END_MS;

	if (s->fd < 0)
		return;
	close(s->fd);
	s->fd = -1;
	while (!s->busy && outbox_now_ms() < until) {
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
			return;
		(void)poll(NULL, 0, 10);
	}
	s->busy = false;
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void process_exec(const struct outbox *o, const struct sink *s, int fd)
{
	const char *const argv[] = {"ringfence",	"--role",     "outbox-sink",
				    o->options->config, s->row->name, NULL};
	/* MIBS: net-snmp shall look for no files. */
	char *const env[] = {"LC_ALL=C", "MIBS=", NULL};

	/* It finds its socket at 3, and nothing else of ours but standard error. */
	if (fd != SOCKET_FD && dup2(fd, SOCKET_FD) < 0)
		_exit(127);
	fcntl(SOCKET_FD, F_SETFD, 0);
	close_range(SOCKET_FD + 1, ~0u, 0);
	execve(o->options->program ? o->options->program : "/proc/self/exe",
	       (char *const *)(uintptr_t)argv, env);
	_exit(127);
}

static int process_start(const struct outbox *o, struct sink *s)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s->pid = fork();
	if (s->pid == 0)
		process_exec(o, s, pair[1]);
	close(pair[1]);
	if (s->pid < 0) {
		close(pair[0]);
		return -EAGAIN;
	}
	s->fd = pair[0];
	return 0;
}

/* Tells the store how far the sink is; a manager whose lease is another's now confirms nothing. */
static int confirm_held(struct store *store, void *arg, struct rf_err *err)
{
	struct sink *s = arg;
	int rc = store_lease_hold(store, &s->lease, err);

	return rc ? rc : store_sink_confirm(store, s->row->name, s->queue[s->at - 1].seq, err);
}

static int confirm(struct outbox *o, struct sink *s)
{
	struct rf_err err = {0};

	if (s->at == 0 || s->queue[s->at - 1].seq <= s->confirmed)
		return 0;
	int rc = store_transaction(o->store, confirm_held, s, &err);

	if (!rc) {
		s->confirmed = s->queue[s->at - 1].seq;
		return 0;
	}
	/* They are sent again, by us or by who has the lease: a receiver knows them by their id. */
	say(s, rf_err_text(&err));
	s->leased = s->leased && rc != RF_E_CHANGED;
	s->due_ms = o->now_ms + POLL_MS;
	queue_clear(s);
	return rc;
}

static void failed(struct outbox *o, struct sink *s, int64_t retry_s, const char *why)
{
	int64_t wait_ms = BACKOFF_MS;

	for (unsigned i = 0; i < s->failures && wait_ms < BACKOFF_MAX; i++)
		wait_ms *= 2;
	/* Receivers that went away together are not all asked in the same moment. */
	wait_ms = wait_ms < BACKOFF_MAX ? wait_ms : BACKOFF_MAX;
	wait_ms += (outbox_now_ms() * 7919) % (wait_ms / 4 + 1);
	if (s->failures == 0)
		say(s, why);
	s->failures++;
	/* A new process knows the resolver's files and the configuration as they are then. */
	process_end(s);
	s->due_ms = o->now_ms + (retry_s * 1000 > wait_ms ? retry_s * 1000 : wait_ms);
	(void)confirm(o, s);
}

static void delivered(struct outbox *o, struct sink *s)
{
	if (s->failures)
		say(s, "delivers again");
	s->failures = s->refusals = 0;
	s->at++;
	s->idle_ms = o->now_ms + IDLE_MS;
}

/* The receiver does not want this event, today or tomorrow: the next are worth more than it. */
static void skip(struct outbox *o, struct sink *s, const char *why)
{
	RF_AUTOFREE char *about =
		rf_asprintf("%s %lld", s->row->name, (long long)s->queue[s->at].seq);
	const struct store_event event = {.kind = "outbox.skipped",
					  .host = "",
					  .about = about,
					  .old_state = "",
					  .new_state = "",
					  .text = why,
					  .at_ms = outbox_clock_s() * 1000};
	struct rf_err err = {0};

	fprintf(stderr, "ringfence: sink %s: event %lld is skipped: %s\n", s->row->name,
		(long long)s->queue[s->at].seq, why);
	/* One of these events that is itself refused makes no other. */
	if (about && !s->queue[s->at].skip_told && store_event_add(o->store, &event, &err) < 0)
		say(s, rf_err_text(&err));
	delivered(o, s);
}

static void answer_take(struct outbox *o, struct sink *s)
{
	struct outbox_answer answer = {0};
	ssize_t n = recv(s->fd, &answer, sizeof(answer), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!s->busy || n <= 0 ||
	    outbox_answer_check(&answer, (size_t)n, s->queue[s->at].seq) < 0) {
		failed(o, s, 0, "its process ended; it is started again");
		return;
	}
	s->busy = false;
	if (answer.code == 0)
		delivered(o, s);
	else if (answer.code == RF_E_DENIED && ++s->refusals >= REFUSALS_MAX)
		skip(o, s, answer.text);
	else
		failed(o, s, answer.retry_s, answer.text);
}

static int take_event(void *arg, const struct store_event *event)
{
	struct sink *s = arg;
	struct message *m = &s->queue[s->count];
	const struct outbox_event e = {event->seq,	 event->at_ms, event->kind,
				       event->host,	 event->about, event->old_state,
				       event->new_state, event->text};

	*m = (struct message){.seq = event->seq,
			      .wanted = outbox_sink_wants(s->row, event->kind, event->new_state),
			      .skip_told = rf_equal(event->kind, "outbox.skipped")};
	int rc = m->wanted ? outbox_event_json(&e, &m->json, NULL) : 0;

	s->count += rc == 0;
	return rc;
}

static int refill(struct outbox *o, struct sink *s)
{
	struct rf_err err = {0};
	int rc = confirm(o, s);

	if (rc < 0)
		return rc;
	queue_clear(s);
	rc = store_event_each(o->store, s->row->name, BATCH, take_event, s, &err);
	if (rc < 0) {
		say(s, rf_err_text(&err));
		queue_clear(s);
	}
	if (s->count == 0)
		s->due_ms = o->now_ms + POLL_MS;
	return rc;
}

/* Whether the sink is ours; *due_ms is set when it is not. */
static bool lease_have(struct outbox *o, struct sink *s)
{
	char lease[STORE_ID_BYTES];
	struct rf_err err = {0};
	int rc = 0;

	(void)rf_format(lease, sizeof(lease), "sink/%s", s->row->name);
	if (!s->leased)
		rc = store_lease_take(o->store, lease, o->options->holder, LEASE_MS, &s->lease,
				      &err);
	else if (s->renew_ms <= o->now_ms)
		rc = store_lease_renew(o->store, &s->lease, LEASE_MS, &err);
	else
		return true;
	s->leased = rc == 0;
	s->renew_ms = o->now_ms + RENEW_MS;
	if (rc == 0)
		return true;
	if (rc != RF_E_DENIED)
		say(s, rf_err_text(&err));
	process_end(s);
	queue_clear(s);
	s->due_ms = o->now_ms + POLL_MS;
	return false;
}

static void hand_over(struct outbox *o, struct sink *s)
{
	const struct message *m = &s->queue[s->at];
	int rc = s->fd < 0 ? process_start(o, s) : 0;

	if (!rc && send(s->fd, m->json.data, m->json.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		rc = -errno;
	if (rc < 0) {
		failed(o, s, 0, rf_code_text(rc));
		return;
	}
	s->busy = true;
	s->deadline_ms = o->now_ms + ANSWER_MS;
}

/* All that is due for one sink and does not wait. */
static void step(struct outbox *o, struct sink *s)
{
	if (s->busy && s->deadline_ms <= o->now_ms)
		failed(o, s, 0, "its process does not answer; it is started again");
	if (s->due_ms > o->now_ms || !lease_have(o, s))
		return;
	while (!s->busy && s->due_ms <= o->now_ms) {
		while (s->at < s->count && !s->queue[s->at].wanted)
			s->at++;
		if (s->at < s->count)
			hand_over(o, s);
		else if (refill(o, s) < 0)
			return;
	}
	if (s->fd >= 0 && !s->busy && s->idle_ms <= o->now_ms)
		process_end(s);
}

/* Until when nothing happens by itself. */
static int64_t next_due(const struct outbox *o)
{
	int64_t next = o->now_ms + POLL_MS;

	for (size_t i = 0; i < o->config.sinks_count; i++) {
		const struct sink *s = &o->sinks[i];
		int64_t due = s->busy ? s->deadline_ms : s->due_ms;

		next = due < next ? due : next;
	}
	return next > o->now_ms ? next - o->now_ms : 0;
}

/* Takes the answers that come within timeout_ms; true when it is time to end. */
static bool answers_take(struct outbox *o, int64_t timeout_ms)
{
	struct pollfd fds[OUTBOX_SINKS + 1];
	size_t count = o->config.sinks_count;

	for (size_t i = 0; i < count; i++)
		fds[i] = (struct pollfd){o->sinks[i].fd, POLLIN, 0};
	fds[count] = (struct pollfd){o->options->stop_fd, POLLIN, 0};
	int n = poll(fds, count + 1, (int)timeout_ms);

	o->now_ms = outbox_now_ms();
	for (size_t i = 0; n > 0 && i < count; i++) {
		if (fds[i].revents)
			answer_take(o, &o->sinks[i]);
	}
	return n > 0 && fds[count].revents;
}

static int sinks_init(struct outbox *o, struct rf_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < o->config.sinks_count && !rc; i++) {
		o->sinks[i].row = &o->config.sinks[i];
		o->sinks[i].fd = -1;
		rc = store_sink_add(o->store, o->sinks[i].row->name, err);
	}
	return rc;
}

/* What was handed over and is answered within END_MS counts. */
static void settle(struct outbox *o)
{
	int64_t until = outbox_now_ms() + END_MS;
	bool busy = true;

	while (busy && outbox_now_ms() < until) {
		busy = false;
		for (size_t i = 0; i < o->config.sinks_count; i++)
			busy |= o->sinks[i].busy;
		(void)answers_take(o, 0);
		(void)poll(NULL, 0, busy ? 5 : 0);
	}
}

static void sinks_end(struct outbox *o)
{
	struct rf_err err = {0};

	settle(o);

	for (size_t i = 0; i < o->config.sinks_count; i++) {
		struct sink *s = &o->sinks[i];

		process_end(s);
		(void)confirm(o, s);
		queue_clear(s);
		if (s->leased && store_lease_drop(o->store, &s->lease, &err) < 0)
			say(s, rf_err_text(&err));
	}
}

int outbox_run(const struct outbox_options *options, struct rf_err *err)
{
	struct outbox *o = rf_alloc(1, sizeof(*o));

	if (!o)
		return rf_fail(err, -ENOMEM, "no memory");
	signal(SIGPIPE, SIG_IGN);
	o->options = options;
	int rc = outbox_config_read(options->config, &o->config, err);

	if (!rc)
		rc = store_open(options->store_url, &o->store, err);
	if (!rc)
		rc = sinks_init(o, err);
	for (bool end = false; !rc && !end; end = answers_take(o, next_due(o))) {
		o->now_ms = outbox_now_ms();
		for (size_t i = 0; i < o->config.sinks_count; i++)
			step(o, &o->sinks[i]);
	}
	if (!rc)
		sinks_end(o);
	store_close(o->store);
	outbox_config_done(&o->config);
	rf_free(o);
	return rc;
}
