/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role verify: reads the certificates of TPM makers, locks itself in, and keeps workers going.
 * A worker judges one question after another (judge.h), in a process of its own that has one socket
 * and nothing else. It ends itself when one takes too long; a new one takes its place.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/call.h"
#include "manager/judge.h"
#include "manager/roles.h"
#include "sys/sandbox.h"
#include "sys/sys.h"

/* Of the processor: by the clock on the wall a busy machine could not judge good hosts. That one is
 * for what sleeps. */
#define JOB_MS	    2000
#define JOB_WALL_MS 20000
/* Sanitizers want more memory than there is. */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_BYTES RLIM_INFINITY
#else
#define MEMORY_BYTES (1ULL << 30)
#endif
#define MAX_WORKERS 64
#define POLL_MS	    100

/* ---- a worker ---- */

/* What takes longer ends the process, wherever it hangs: SIGPROF and SIGALRM are not caught. */
static void clocks_set(int64_t cpu_ms, int64_t wall_ms)
{
	const struct itimerval cpu = {.it_value = {cpu_ms / 1000, cpu_ms % 1000 * 1000}};
	const struct itimerval wall = {.it_value = {wall_ms / 1000, wall_ms % 1000 * 1000}};

	(void)setitimer(ITIMER_PROF, &cpu, NULL);
	(void)setitimer(ITIMER_REAL, &wall, NULL);
}

static int work(int fd, const struct verify_job *job, struct ekcert_store *roots)
{
	RF_AUTOBUF struct rf_buf in = {0}, out = {0};
	struct judge *judge = NULL;
	struct wire_frame question;
	int rc = judge_new(roots, &judge, NULL);

	while (!rc) {
		rc = call_read(fd, &in, &question, NULL);
		if (rc)
			break;
		clocks_set(job->cpu_ms, job->wall_ms);
		rf_buf_reset(&out);
		rc = job->answer(judge, &question, &out, NULL);
		clocks_set(0, 0);
		if (!rc)
			rc = rf_write_all(fd, rf_buf_slice(&out));
	}
	judge_free(judge);
	return rc == RF_E_PEER ? 0 : 1;
}

/* ---- keeping them going ---- */

struct verify {
	const struct verify_job *job;
	struct ekcert_store *roots;
	pid_t pids[MAX_WORKERS];
	size_t count;
};

/* 1: nobody takes it, for the role agents has ended: then workers end, too, and the one that is to
 * follow them may be noticed before the end itself. That is no fault. */
static int worker_start(struct verify *v, size_t slot, struct rf_err *err)
{
	const struct rlimit memory = {MEMORY_BYTES, MEMORY_BYTES}, none = {0, 0};
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return rf_fail(err, -errno, "no socket for a worker: %s", rf_code_text(-errno));
	v->pids[slot] = fork();
	if (v->pids[slot] == 0) {
		signal(SIGPIPE, SIG_DFL);
		signal(SIGPROF, SIG_DFL);
		signal(SIGALRM, SIG_DFL);
		/* It ends with us. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)setrlimit(RLIMIT_AS, &memory);
		for (int fd = 3; fd < 1024; fd++)
			if (fd != pair[1])
				close(fd);
		_exit(work(pair[1], v->job, v->roots));
	}
	close(pair[1]);
	if (v->pids[slot] < 0) {
		close(pair[0]);
		v->pids[slot] = 0;
		return rf_fail(err, -EAGAIN, "no process for a worker");
	}
	rc = call_fd_send(ROLE_FD_OTHER, pair[0], err);
	close(pair[0]);
	return rc == -EPIPE || rc == -ECONNRESET ? 1 : rc;
}

static const char *signal_words(int number)
{
	if (number == SIGPROF)
		return "its limit of the processor's time";
	return number == SIGALRM ? "its limit of time by the clock" : strsignal(number);
}

static void worker_ended(struct verify *v, pid_t pid, int status)
{
	for (size_t i = 0; i < v->count; i++) {
		if (v->pids[i] != pid)
			continue;
		v->pids[i] = 0;
		if (WIFSIGNALED(status))
			fprintf(stderr, "ringfence-manager verify: a worker ended by %s\n",
				signal_words(WTERMSIG(status)));
	}
}

/* 1: the end. */
static int turn(struct verify *v, struct rf_err *err)
{
	struct pollfd polls[] = {{.fd = ROLE_FD_STOP}, {.fd = ROLE_FD_OTHER}};
	int status, rc = 0;
	pid_t pid;

	if (poll(polls, RF_COUNT(polls), POLL_MS) < 0 && errno != EINTR)
		return rf_fail(err, -errno, "poll: %s", rf_code_text(-errno));
	if (polls[0].revents || polls[1].revents)
		return 1;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		worker_ended(v, pid, status);
	for (size_t i = 0; i < v->count && !rc; i++) {
		if (v->pids[i])
			continue;
		rc = worker_start(v, i, err);
	}
	return rc;
}

/* ---- makers' certificates ---- */

static bool holds_certificates(const char *name)
{
	static const char *const endings[] = {".pem", ".crt", ".cer", ".der", ".crl"};

	for (size_t i = 0; i < RF_COUNT(endings); i++)
		if (rf_ends(name, endings[i]))
			return true;
	return false;
}

static int root_add(struct sys *sys, const char *path, struct ekcert_store *store,
		    struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0};
	int rc = sys_read(sys, path, RF_MAX_FILE_BYTES, &file, err);

	if (!rc)
		rc = ekcert_store_add(store, rf_buf_slice(&file), NULL, err);
	return rc ? rf_wrap(err, rc, "%s", path) : 0;
}

/* No folder, or nothing in it: then *out stays NULL. */
static int roots_read(const char *folder, struct ekcert_store **out, struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names names = {0};
	struct ekcert_store *store = NULL;
	struct sys *sys = NULL;
	int rc = sys_open_live(&sys, err);

	if (!rc)
		rc = sys_list(sys, folder, &names, NULL);
	if (rc == -ENOENT)
		rc = 0;
	for (size_t i = 0; i < names.count && !rc; i++) {
		RF_AUTOFREE char *path = rf_asprintf("%s/%s", folder, names.names[i]);

		if (!holds_certificates(names.names[i]))
			continue;
		if (!path)
			rc = -ENOMEM;
		if (!rc && !store)
			rc = ekcert_store_new(&store, err);
		if (!rc)
			rc = root_add(sys, path, store, err);
	}
	sys_close(sys);
	if (rc) {
		ekcert_store_free(store);
		return rf_wrap(err, rc, "ek_roots");
	}
	*out = store;
	return 0;
}

int verify_serve(const struct config *config, const struct verify_job *job, struct rf_err *err)
{
	struct verify v = {.job = job, .count = (size_t)config->workers};
	char missing[SANDBOX_MISSING_BYTES];
	int rc = roots_read(config->ek_roots, &v.roots, err);

	if (v.count > MAX_WORKERS)
		v.count = MAX_WORKERS;
	if (!rc)
		rc = sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, err);
	for (size_t i = 0; i < v.count && !rc; i++)
		rc = worker_start(&v, i, err);
	if (!rc)
		role_ready("verify", "", missing);
	while (!rc)
		rc = turn(&v, err);
	/* Each worker ends when its socket does, or with us. */
	ekcert_store_free(v.roots);
	return rc < 0 ? rc : 0;
}

int role_verify(const struct config *config, struct rf_err *err)
{
	static const struct verify_job usual = {JOB_MS, JOB_WALL_MS, judge_answer};

	return verify_serve(config, &usual, err);
}
