/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor; see supervisor.h. Roles that speak with each other over one socket are a group:
 * where one ends, its whole group is ended and started again, for the other's socket has no other
 * end any more. Everybody who speaks with keys gets a new socket when keys is a new process.
 */
#include "manager/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fleet/call.h"
#include "manager/roles.h"

#define FARE_WELL_MS   8000  /* then it is killed */
#define READY_MS       60000 /* a role that is not up by then is taken for failed */
#define GOOD_MS	       60000 /* so long up: the backoff begins anew */
#define BACKOFF_MS     200
#define BACKOFF_MAX_MS 30000
#define LINE_BYTES     256

enum group_id {
	GROUP_KEYS,
	GROUP_AGENTS,
	GROUP_KEEPER,
	GROUP_API,
	GROUP_OUTBOX,
	GROUP_JUDGE,
	GROUP_COUNT
};

static bool has_sinks(const struct config *config)
{
	return access(config->sinks, R_OK) == 0;
}

/* Every role; the members of a group in the order in which they start. */
static const struct {
	const char *name;
	enum group_id group;
	bool asks_keys;
	bool (*wanted)(const struct config *config); /* NULL: always */
} rows[] = {
	{"keys", GROUP_KEYS, false, NULL},	    {"verify", GROUP_AGENTS, false, NULL},
	{"agents", GROUP_AGENTS, true, NULL},	    {"keeper", GROUP_KEEPER, true, NULL},
	{"sign-in", GROUP_API, false, NULL},	    {"api", GROUP_API, false, NULL},
	{"outbox", GROUP_OUTBOX, false, has_sinks}, {"judge", GROUP_JUDGE, false, NULL},
};
#define ROLES RF_COUNT(rows)

static bool is_wanted(const struct supervisor_options *o, size_t role)
{
	return !rows[role].wanted || rows[role].wanted(o->config);
}

struct process {
	pid_t pid;	 /* 0: not there */
	int stop, ready; /* our ends, -1 */
	int64_t started_ms;
	bool up;
	char line[LINE_BYTES];
	size_t line_len;
};

struct group {
	bool ending;
	int64_t ending_ms, start_ms; /* when it began to end; when it is to start */
	unsigned times;		     /* that it ended in a row */
};

struct supervisor {
	const struct supervisor_options *options;
	struct process processes[ROLES];
	struct group groups[GROUP_COUNT];
	int keys; /* our end of the socket by which keys gets others' */
	int signals;
	bool stopping, told;
};

int64_t supervisor_backoff_ms(unsigned times)
{
	int64_t ms = BACKOFF_MS;

	for (unsigned i = 1; i < times && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	return times == 0 ? 0 : ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

/* ---- one process ---- */

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In the child: descriptors at their numbers, nothing else, and the program anew. */
static void become(const struct supervisor *s, size_t role, const int fds[ROLE_FD_END])
{
	const struct supervisor_options *o = s->options;
	const char *argv[] = {"ringfence-manager",	"--role",
			      rows[role].name,		o->config_path ? o->config_path : "",
			      o->state ? o->state : "", NULL};
	int high[ROLE_FD_END];
	sigset_t none;

	/* First out of the way, so that none is overwritten before it is moved. */
	for (int i = ROLE_FD_STOP; i < ROLE_FD_END; i++)
		high[i] = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD, 64) : -1;
	for (int i = ROLE_FD_STOP; i < ROLE_FD_END; i++)
		if (high[i] < 0 || dup2(high[i], i) < 0)
			close(i);
	if (close_range(ROLE_FD_END, ~0U, 0) < 0)
		_exit(71);
	/* What a terminal or systemd sends to all is for the supervisor, which ends us in order. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(o->program ? o->program : "/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(71);
}

static int keys_introduce(const struct supervisor *s, int *out_fd, struct rf_err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	int rc = call_fd_send(s->keys, pair[0], err);

	close(pair[0]);
	if (rc)
		close(pair[1]);
	else
		*out_fd = pair[1];
	return rc;
}

/* other: the group's socket, or -1. */
static int process_start(struct supervisor *s, size_t role, int other, struct rf_err *err)
{
	struct process *p = &s->processes[role];
	int stop[2] = {-1, -1}, ready[2] = {-1, -1}, fds[ROLE_FD_END], control[2] = {-1, -1},
	    rc = 0;
	const bool is_keys = rows[role].group == GROUP_KEYS;

	for (int i = 0; i < ROLE_FD_END; i++)
		fds[i] = -1;
	fds[ROLE_FD_OTHER] = other;
	if (pipe2(stop, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0 ||
	    (is_keys && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0))
		rc = rf_fail(err, -errno, "no pipe: %s", rf_code_text(-errno));
	if (!rc && rows[role].asks_keys)
		rc = keys_introduce(s, &fds[ROLE_FD_KEYS], err);
	if (is_keys)
		fds[ROLE_FD_KEYS] = control[1];
	fds[ROLE_FD_STOP] = stop[0];
	fds[ROLE_FD_READY] = ready[1];
	pid_t pid = rc ? -1 : fork();

	if (pid == 0)
		become(s, role, fds);
	fd_close(&stop[0]);
	fd_close(&ready[1]);
	fd_close(&fds[ROLE_FD_KEYS]);
	if (pid < 0) {
		fd_close(&stop[1]);
		fd_close(&ready[0]);
		fd_close(&control[0]);
		return rc ? rc : rf_fail(err, -EAGAIN, "no process for %s", rows[role].name);
	}
	if (is_keys) {
		fd_close(&s->keys);
		s->keys = control[0];
	}
	*p = (struct process){
		.pid = pid, .stop = stop[1], .ready = ready[0], .started_ms = role_now_ms()};
	return 0;
}

static void process_gone(struct process *p)
{
	fd_close(&p->stop);
	fd_close(&p->ready);
	p->pid = 0;
	p->up = false;
}

/* ---- groups ---- */

static bool group_runs(const struct supervisor *s, enum group_id g)
{
	for (size_t i = 0; i < ROLES; i++)
		if (rows[i].group == g && s->processes[i].pid)
			return true;
	return false;
}

static void group_end(struct supervisor *s, enum group_id g)
{
	struct group *group = &s->groups[g];

	if (group->ending || !group_runs(s, g))
		return;
	group->ending = true;
	group->ending_ms = role_now_ms();
	for (size_t i = 0; i < ROLES; i++)
		if (rows[i].group == g)
			fd_close(&s->processes[i].stop);
}

/* What is over its time is killed. */
static void group_press(struct supervisor *s, enum group_id g)
{
	if (!s->groups[g].ending || role_now_ms() - s->groups[g].ending_ms < FARE_WELL_MS)
		return;
	for (size_t i = 0; i < ROLES; i++)
		if (rows[i].group == g && s->processes[i].pid)
			kill(s->processes[i].pid, SIGKILL);
}

static int group_start(struct supervisor *s, enum group_id g, struct rf_err *err)
{
	int pair[2] = {-1, -1}, rc = 0;
	size_t member = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	for (size_t i = 0; i < ROLES && !rc; i++)
		if (rows[i].group == g && is_wanted(s->options, i))
			rc = process_start(s, i, pair[member++ % 2], err);
	close(pair[0]);
	close(pair[1]);
	return rc;
}

/* May it start now? keys first, for the others ask it. */
static bool group_is_due(const struct supervisor *s, enum group_id g)
{
	bool member = false, asks = false;

	for (size_t i = 0; i < ROLES; i++) {
		member |= rows[i].group == g && is_wanted(s->options, i);
		asks |= rows[i].group == g && rows[i].asks_keys;
	}
	return member && !s->stopping && !group_runs(s, g) &&
	       role_now_ms() >= s->groups[g].start_ms &&
	       (!asks || (group_runs(s, GROUP_KEYS) && !s->groups[GROUP_KEYS].ending));
}

static void ended(struct supervisor *s, size_t role, int status)
{
	struct process *p = &s->processes[role];
	struct group *g = &s->groups[rows[role].group];
	const int64_t now = role_now_ms();

	if (!s->stopping && !g->ending) {
		fprintf(stderr, "ringfence-manager: the role %s ended by %s %d\n", rows[role].name,
			WIFSIGNALED(status) ? "signal" : "itself, with",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		g->times = now - p->started_ms > GOOD_MS ? 1 : g->times + 1;
		g->start_ms = now + supervisor_backoff_ms(g->times);
	}
	process_gone(p);
	group_end(s, rows[role].group);
	if (rows[role].group == GROUP_KEYS)
		for (size_t i = 0; i < ROLES; i++)
			if (rows[i].asks_keys)
				group_end(s, rows[i].group);
	if (!group_runs(s, rows[role].group))
		g->ending = false;
}

/* ---- the loop ---- */

static void children(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < ROLES; i++)
			if (s->processes[i].pid == pid)
				ended(s, i, status);
}

static void signals_take(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			s->stopping = true;
	children(s);
	for (int g = 0; g < GROUP_COUNT && s->stopping; g++)
		group_end(s, (enum group_id)g);
}

/* The line by which a role says that it is up. */
static void ready_take(struct process *p)
{
	ssize_t n = read(p->ready, p->line + p->line_len, sizeof(p->line) - 1 - p->line_len);

	if (n > 0)
		p->line_len += (size_t)n;
	char *end = memchr(p->line, '\n', p->line_len);

	if (!end && n > 0 && p->line_len < sizeof(p->line) - 1)
		return;
	if (end) {
		*end = '\0';
		p->up = true;
	}
	fd_close(&p->ready);
}

static void tell(struct supervisor *s)
{
	for (size_t i = 0; i < ROLES; i++)
		if (!s->processes[i].up && is_wanted(s->options, i))
			return;
	if (s->told || !s->options->ready)
		return;
	s->told = true;
	for (size_t i = 0; i < ROLES; i++)
		s->options->ready(s->options->arg, rows[i].name, s->processes[i].line);
}

static int start_due(struct supervisor *s)
{
	struct rf_err err = {0};
	int wait_ms = 1000;

	for (int g = 0; g < GROUP_COUNT; g++) {
		group_press(s, (enum group_id)g);
		if (!group_is_due(s, (enum group_id)g))
			continue;
		if (group_start(s, (enum group_id)g, &err)) {
			fprintf(stderr, "ringfence-manager: %s\n", rf_err_text(&err));
			s->groups[g].times++;
			s->groups[g].start_ms =
				role_now_ms() + supervisor_backoff_ms(s->groups[g].times);
			group_end(s, (enum group_id)g);
		}
	}
	for (int g = 0; g < GROUP_COUNT; g++)
		if (!group_runs(s, (enum group_id)g) || s->groups[g].ending)
			wait_ms = 50;
	return wait_ms;
}

/* Roles that never say that they are up are ended, and count as ended by themselves. */
static void late(struct supervisor *s)
{
	const int64_t now = role_now_ms();

	for (size_t i = 0; i < ROLES; i++) {
		const struct process *p = &s->processes[i];

		if (p->pid && !p->up && now - p->started_ms > READY_MS)
			kill(p->pid, SIGKILL);
	}
}

static bool anything_runs(const struct supervisor *s)
{
	for (int g = 0; g < GROUP_COUNT; g++)
		if (group_runs(s, (enum group_id)g))
			return true;
	return false;
}

static int loop(struct supervisor *s, struct rf_err *err)
{
	while (!s->stopping || anything_runs(s)) {
		struct pollfd polls[1 + ROLES] = {{.fd = s->signals, .events = POLLIN}};
		int wait_ms = start_due(s);

		for (size_t i = 0; i < ROLES; i++)
			polls[1 + i] =
				(struct pollfd){.fd = s->processes[i].ready, .events = POLLIN};
		if (poll(polls, RF_COUNT(polls), wait_ms) < 0 && errno != EINTR)
			return rf_fail(err, -errno, "poll: %s", rf_code_text(-errno));
		for (size_t i = 0; i < ROLES; i++)
			if (polls[1 + i].revents && polls[1 + i].fd == s->processes[i].ready)
				ready_take(&s->processes[i]);
		signals_take(s);
		late(s);
		tell(s);
	}
	return 0;
}

int supervisor_run(const struct supervisor_options *options, struct rf_err *err)
{
	struct supervisor s = {.options = options, .keys = -1};
	sigset_t wanted, before;

	for (size_t i = 0; i < ROLES; i++)
		s.processes[i].stop = s.processes[i].ready = -1;
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	sigprocmask(SIG_BLOCK, &wanted, &before);
	s.signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	int rc = s.signals < 0 ? rf_fail(err, -errno, "signals: %s", rf_code_text(-errno))
			       : loop(&s, err);

	fd_close(&s.signals);
	fd_close(&s.keys);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}
