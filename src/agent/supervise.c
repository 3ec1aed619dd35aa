/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor; see supervise.h. Sources: signalfd(2), memfd_create(2), fcntl(2) F_ADD_SEALS. */
#include "agent/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/role.h"
#include "base/mem.h"
#include "base/str.h"
#include "change/priv_wire.h"
#include "sys/state.h"

#define FIRST_FD     3
#define FDS	     3
#define BACKOFF_MS   500
#define BACKOFF_MOST 60000
#define QUIET_MS     60000 /* after so long without an end the next wait is short again */
#define FAREWELL_MS  3000  /* for the result of "retire" */
#define SEALS	     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define LAST_WORDS   (JOB_WORDS + 8)

enum { NET, COLLECT, PRIV, ROLES };
static const char *const names[ROLES] = {"net", "collect", "priv"};

/* Places of jobs: one for each role that asks, and one for priv's secrets, for which the start of a
 * VM waits: no command that takes its time is before them. */
enum { SECRETS = ROLES, PLACES };

/* A process that works for a role. */
struct job {
	pid_t pid;
	enum job_kind kind;
	char id[JOB_ID_BYTES];
	int memory;
	int64_t ends_ms;
};

struct supervisor {
	const struct supervise_options *options;
	struct identity identity;
	pid_t roles[ROLES];
	int sockets[ROLES]; /* ours to collect and priv */
	struct job jobs[PLACES];
	int signals, local, lock;
	int64_t started_ms, start_ms; /* the roles: last, next */
	int64_t backoff_ms;
	bool stopping, retired;
	int64_t stop_ms;
	struct job_request request; /* large: not on the stack */
};

static void say(const char *text)
{
	agent_say("supervisor", "%s", text);
}

/* ---- processes ---- */

/* In the new process: descriptors fds at 3, 4, 5, and nothing else of ours. */
static void become(const int fds[FDS], const char *program, const char *const *argv)
{
	char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
			     "MALLOC_ARENA_MAX=1", NULL};
	int high[FDS];
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < FDS; i++)
		high[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, 64);
	for (int i = 0; i < FDS; i++) {
		close(FIRST_FD + i);
		if (high[i] >= 0 && dup2(high[i], FIRST_FD + i) < 0)
			_exit(127);
	}
	close_range(FIRST_FD + FDS, ~0u, 0);
	execve(program, (char *const *)argv, env);
	_exit(127);
}

static pid_t role_spawn(struct supervisor *s, int role, const int fds[FDS])
{
	const char *argv[10] = {"ringfence-agent", "--role", names[role]};
	size_t n = 3;

	if (s->options->state) {
		argv[n++] = "--state";
		argv[n++] = s->options->state;
	}
	if (role == NET && s->options->user) {
		argv[n++] = "--user";
		argv[n++] = s->options->user;
	}
	pid_t pid = fork();

	if (pid == 0)
		become(fds, "/proc/self/exe", argv);
	return pid;
}

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* Pairs: net and collect, net and priv; collect and us, priv and us. */
static void roles_start(struct supervisor *s)
{
	int p[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
	const int kinds[] = {SOCK_STREAM, SOCK_STREAM, SOCK_SEQPACKET, SOCK_SEQPACKET};
	bool good = true;

	for (size_t i = 0; i < RF_COUNT(kinds); i++)
		good = good && socketpair(AF_UNIX, kinds[i] | SOCK_CLOEXEC, 0, p + 2 * i) == 0;
	/* Frames are taken as they come. */
	for (size_t i = 0; good && i < 4; i++)
		(void)fcntl(p[i], F_SETFL, O_NONBLOCK);
	if (good) {
		s->roles[NET] = role_spawn(s, NET, (const int[]){p[0], p[2], s->local});
		s->roles[COLLECT] = role_spawn(s, COLLECT, (const int[]){p[1], p[5], -1});
		s->roles[PRIV] = role_spawn(s, PRIV, (const int[]){p[3], p[7], -1});
		s->sockets[COLLECT] = p[4];
		s->sockets[PRIV] = p[6];
		p[4] = p[6] = -1;
	}
	close_all(p, RF_COUNT(p));
	s->started_ms = agent_tick_ms();
	s->start_ms = 0;
}

/* Did priv end because this host was retired? */
static bool retired_by(struct supervisor *s, int status)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) != ROLE_EXIT_RETIRED)
		return false;
	if (!s->retired)
		say("this host is retired");
	s->retired = s->stopping = true;
	s->stop_ms = agent_tick_ms() + FAREWELL_MS;
	return true;
}

static void roles_end(struct supervisor *s)
{
	for (int i = 0; i < ROLES; i++) {
		int status = 0;

		if (s->roles[i] > 0)
			kill(s->roles[i], SIGKILL);
		while (s->roles[i] > 0 && waitpid(s->roles[i], &status, 0) < 0 && errno == EINTR)
			;
		/* The others see its end, too, and may be waited for before it. */
		if (s->roles[i] > 0)
			(void)retired_by(s, status);
		s->roles[i] = 0;
	}
	close_all(s->sockets, ROLES);
	/* What collect asked for nobody waits for any more, nor for a secret, of which priv has
	 * what is left taken away at its start; a command goes on. */
	if (s->jobs[COLLECT].pid > 0)
		kill(s->jobs[COLLECT].pid, SIGKILL);
	if (s->jobs[SECRETS].pid > 0)
		kill(s->jobs[SECRETS].pid, SIGKILL);
}

static void role_ended(struct supervisor *s, int role, int status)
{
	char text[160];

	s->roles[role] = 0;
	if (retired_by(s, status) || s->stopping)
		return;
	rf_format(text, sizeof(text), "the role %s ended (%s %d); all are started anew",
		  names[role], WIFSIGNALED(status) ? "signal" : "status",
		  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	say(text);
	roles_end(s);
	bool quiet = agent_tick_ms() - s->started_ms > QUIET_MS;

	s->backoff_ms = quiet || !s->backoff_ms ? BACKOFF_MS : 2 * s->backoff_ms;
	s->backoff_ms = s->backoff_ms < BACKOFF_MOST ? s->backoff_ms : BACKOFF_MOST;
	s->start_ms = agent_tick_ms() + s->backoff_ms;
}

/* ---- jobs ---- */

static int place_of(int role, enum job_kind kind)
{
	return kind == JOB_SECRET ? SECRETS : role;
}

static void job_answer(struct supervisor *s, int place, int status, int memory)
{
	const int role = place == SECRETS ? PRIV : place;
	struct job *job = &s->jobs[place];
	struct job_answer answer = {.magic = JOB_MAGIC, .kind = job->kind, .exit = status};

	rf_copy(answer.id, sizeof(answer.id), job->id);
	if (s->sockets[role] >= 0 &&
	    priv_send(s->sockets[role], &answer, sizeof(answer), memory, NULL) < 0)
		say("an answer could not be given");
}

static void job_ended(struct supervisor *s, int place, int status)
{
	struct job *job = &s->jobs[place];

	/* Only sealed memory is read: nobody who worked for the job can change it now. */
	if (job->memory >= 0 && fcntl(job->memory, F_ADD_SEALS, SEALS) < 0)
		close_all(&job->memory, 1);
	job_answer(s, place, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
		   job->memory);
	if (job->memory >= 0)
		close(job->memory);
	*job = (struct job){.memory = -1};
}

struct job_files {
	int in, out; /* in: -1: none */
};

/* In the new process. */
static void job_become(struct supervisor *s, enum job_kind kind, const struct job_files *files,
		       const char *const *words)
{
	const char *argv[LAST_WORDS + 1] = {"ringfence-agent"};
	const char *program = "/proc/self/exe";
	size_t n = 1;

	if (job_role_name(kind)) {
		argv[n++] = "--role";
		argv[n++] = job_role_name(kind);
		argv[n++] = "--tcti";
		argv[n++] = s->identity.tcti[0] ? s->identity.tcti : "device:/dev/tpmrm0";
		if (s->options->state) {
			argv[n++] = "--state";
			argv[n++] = s->options->state;
		}
	} else {
		argv[0] = "ringfence";
		program = s->options->program;
	}
	bool state = kind == JOB_COMMAND && s->options->state && job_takes_state(words);

	for (; *words && n < LAST_WORDS - 2; words++)
		argv[n++] = *words;
	if (state) {
		argv[n++] = "--state-dir";
		argv[n++] = s->options->state;
	}
	argv[n] = NULL;
	/* A command's complaints are part of its result. */
	if (dup2(files->out, STDOUT_FILENO) < 0 ||
	    (kind == JOB_COMMAND && dup2(files->out, STDERR_FILENO) < 0) ||
	    (files->in >= 0 && dup2(files->in, STDIN_FILENO) < 0))
		_exit(127);
	become((const int[]){-1, -1, -1}, program, argv);
}

/* in: memory that came with the request, or -1. */
static int job_start(struct supervisor *s, int role, int in, const char *const *words,
		     struct rf_err *err)
{
	const enum job_kind kind = (enum job_kind)s->request.kind;
	struct job *job = &s->jobs[place_of(role, kind)];

	if (job->pid > 0)
		return rf_fail(err, RF_E_DUPLICATE, "a job of this role is at work");
	int memory = memfd_create("job", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	pid_t pid = memory < 0 ? -1 : fork();

	if (pid == 0)
		job_become(s, kind, &(struct job_files){in, memory}, words);
	if (pid < 0) {
		close_all(&memory, 1);
		return rf_fail(err, -EAGAIN, "no process");
	}
	*job = (struct job){.pid = pid,
			    .kind = kind,
			    .memory = memory,
			    .ends_ms = agent_tick_ms() + 1000 * (int64_t)job_seconds(kind)};
	rf_copy(job->id, sizeof(job->id), s->request.id);
	return 0;
}

/* One that is asked for is answered when it ends, also to a role that was started anew. */
static void job_running(struct supervisor *s, int role)
{
	struct job_answer answer = {.magic = JOB_MAGIC, .kind = JOB_RUNNING, .exit = JOB_UNKNOWN};

	if (s->jobs[role].pid > 0 && strcmp(s->jobs[role].id, s->request.id) == 0)
		return;
	rf_copy(answer.id, sizeof(answer.id), s->request.id);
	(void)!priv_send(s->sockets[role], &answer, sizeof(answer), -1, NULL);
}

static void job_take(struct supervisor *s, int role)
{
	const char *words[JOB_WORDS + 1];
	struct rf_err err = {0};
	int fd = -1;
	int rc = priv_receive(s->sockets[role], &s->request, sizeof(s->request), &fd, &err);

	if (!rc)
		rc = job_request_check(&s->request, role == PRIV ? JOB_OF_PRIV : JOB_OF_COLLECT,
				       words, &err);
	if (!rc && s->request.kind == JOB_RUNNING)
		job_running(s, role);
	else if (!rc)
		rc = job_start(s, role, fd, words, &err);
	close_all(&fd, 1);
	if (rc == 0)
		return;
	/* A role that asks for what it may not is not ours any more. */
	say(rf_err_text(&err));
	close_all(&s->sockets[role], 1);
	if (s->roles[role] > 0)
		kill(s->roles[role], SIGKILL);
}

static void jobs_limit(struct supervisor *s)
{
	for (int i = 0; i < PLACES; i++) {
		if (s->jobs[i].pid > 0 && agent_tick_ms() > s->jobs[i].ends_ms)
			kill(s->jobs[i].pid, SIGKILL);
	}
}

/* ---- the loop ---- */

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < PLACES; i++) {
			if (s->jobs[i].pid == pid)
				job_ended(s, i, status);
			else if (i < ROLES && s->roles[i] == pid)
				role_ended(s, i, status);
		}
	}
}

static void signals_take(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			s->stopping = true;
	}
	reap(s);
}

/* Until something is due; -1: nothing is. */
static int wait_ms(const struct supervisor *s)
{
	int64_t now = agent_tick_ms(), next = INT64_MAX;

	for (int i = 0; i < PLACES; i++) {
		if (s->jobs[i].pid > 0 && s->jobs[i].ends_ms < next)
			next = s->jobs[i].ends_ms;
	}
	next = s->start_ms && s->start_ms < next ? s->start_ms : next;
	next = s->stop_ms && s->stop_ms < next ? s->stop_ms : next;
	if (next == INT64_MAX)
		return -1;
	return next <= now ? 0 : (int)(next - now) + 1;
}

static void step(struct supervisor *s)
{
	struct pollfd fds[] = {{.fd = s->signals, .events = POLLIN},
			       {.fd = s->sockets[COLLECT], .events = POLLIN},
			       {.fd = s->sockets[PRIV], .events = POLLIN}};

	if (poll(fds, RF_COUNT(fds), wait_ms(s)) < 0 && errno != EINTR)
		return;
	if (fds[1].revents & POLLIN)
		job_take(s, COLLECT);
	if (fds[2].revents & POLLIN)
		job_take(s, PRIV);
	signals_take(s);
	jobs_limit(s);
	if (s->start_ms && agent_tick_ms() >= s->start_ms && !s->stopping)
		roles_start(s);
}

/* ---- the start ---- */

static int signals_open(struct supervisor *s, struct rf_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return rf_fail(err, -errno, "signals: %s", rf_code_text(-errno));
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals < 0 ? rf_fail(err, -errno, "signals: %s", rf_code_text(-errno)) : 0;
}

static int one_alone(struct supervisor *s, struct rf_err *err)
{
	char dir[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES + 8], pid[24];
	int rc = identity_folder(s->options->state, "", dir, err);

	if (rc)
		return rc;
	rf_format(path, sizeof(path), "%s/%s", dir, SUPERVISE_PID);
	s->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return rf_fail(err, RF_E_TIMEOUT, "the agent runs already");
	rf_format(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(s->lock, 0) < 0 || write(s->lock, pid, strlen(pid)) != (ssize_t)strlen(pid))
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	return 0;
}

static int local_open(struct supervisor *s, struct rf_err *err)
{
	const char *path = s->options->local ? s->options->local : SUPERVISE_LOCAL;
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (!path[0])
		return 0;
	if (!rf_copy(to.sun_path, sizeof(to.sun_path), path))
		return rf_fail(err, -ENAMETOOLONG, "%s", path);
	if (!s->options->local)
		(void)mkdir("/run/ringfence", 0755);
	(void)unlink(path);
	s->local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0177);
	int bound = s->local < 0 ? -1 : bind(s->local, (struct sockaddr *)&to, sizeof(to));

	umask(mask);
	if (bound < 0 || listen(s->local, 64) < 0)
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	return 0;
}

static void finish(struct supervisor *s)
{
	const char *path = s->options->local ? s->options->local : SUPERVISE_LOCAL;

	roles_end(s);
	/* A command that changes this host comes to its end: half of it is nobody's wish. */
	for (int i = 0; i < PLACES; i++) {
		while (s->jobs[i].pid > 0 && waitpid(s->jobs[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (s->local >= 0)
		(void)unlink(path);
	close_all(&s->local, 1);
	close_all(&s->signals, 1);
	close_all(&s->lock, 1);
}

int supervise(const struct supervise_options *options, struct rf_err *err)
{
	static struct supervisor s = {
		.sockets = {-1, -1, -1},
		.jobs = {{.memory = -1}, {.memory = -1}, {.memory = -1}, {.memory = -1}},
		.signals = -1,
		.local = -1,
		.lock = -1};

	s.options = options;
	signal(SIGPIPE, SIG_IGN);
	int rc = identity_read(options->state, &s.identity, err);

	if (!rc)
		rc = one_alone(&s, err);
	if (!rc)
		rc = signals_open(&s, err);
	if (!rc)
		rc = local_open(&s, err);
	if (!rc)
		roles_start(&s);
	while (!rc && (!s.stopping || (s.stop_ms && agent_tick_ms() < s.stop_ms)))
		step(&s);
	finish(&s);
	return rc;
}
