/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on strangers' bytes apart: the privileged process reads them but never parses them. A child
 * that opens nothing and may do nothing does, and hands the result back through a pipe. Work with
 * somebody who may hang is done so, too, under a timer of the child's own: the privileged process
 * may end nobody (sys/sandbox.c), so the child has to have its end with it. Source:
 * timer_create(2).
 */
#include "change/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "change/spec.h"
#include "sys/sandbox.h"

/* AddressSanitizer's own memory counts as data: there the bound would end the process. */
#ifdef __SANITIZE_ADDRESS__
#define BOUND_DATA 0
#else
#define BOUND_DATA 1
#endif

#define CHILD_CPU_S 20
#define CHILD_BYTES (1ull << 30)

struct answer {
	int32_t code;
	char text[sizeof(((struct rf_err *)0)->text)];
};

static void lock_in(void)
{
	const struct rlimit cpu = {CHILD_CPU_S, CHILD_CPU_S}, bytes = {CHILD_BYTES, CHILD_BYTES};
	const struct rlimit none = {0, 0};
	char missing[SANDBOX_MISSING_BYTES];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CPU, &cpu);
	if (BOUND_DATA)
		setrlimit(RLIMIT_DATA, &bytes);
	setrlimit(RLIMIT_CORE, &none);
	if (sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, NULL) < 0)
		_exit(1);
}

/* Nothing holds SIGKILL up: not a handler, not a mask, not a call that waits. */
static void end_in(unsigned wait_ms)
{
	struct sigevent end = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
	const struct itimerspec when = {.it_value = {.tv_sec = wait_ms / 1000,
						     .tv_nsec = (long)(wait_ms % 1000) * 1000000}};
	timer_t timer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (timer_create(CLOCK_MONOTONIC, &end, &timer) < 0 ||
	    timer_settime(timer, 0, &when, NULL) < 0)
		_exit(1);
}

struct job {
	apart_fn *work;
	void *arg;
	struct rf_slice in;
	unsigned wait_ms; /* 0: locked in */
};

static void child_run(int fd, const struct job *job)
{
	RF_AUTOBUF struct rf_buf made = {0};
	struct rf_err err = {0};
	struct answer answer = {0};

	/* What is open here is not the child's. */
	close_range(3, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0u, 0);
	if (job->wait_ms)
		end_in(job->wait_ms);
	else
		lock_in();
	answer.code = job->work(job->arg, job->in, &made, &err);
	memcpy(answer.text, err.text, sizeof(answer.text));
	int rc = rf_write_all(fd, (struct rf_slice){(uint8_t *)&answer, sizeof(answer)});

	if (!rc && answer.code == 0)
		rc = rf_write_all(fd, rf_buf_slice(&made));
	_exit(rc ? 1 : 0);
}

static int answer_read(int fd, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct answer answer;
	uint8_t block[65536];
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0)
			rf_buf_add(&bytes, block, (size_t)n);
		if (bytes.failed || bytes.len > CHANGE_MAX_STATE + sizeof(answer))
			return rf_fail(err, RF_E_LIMIT, "the new state is too large");
	}
	if (n < 0 || bytes.len < sizeof(answer))
		return rf_fail(err, RF_E_PEER, "the process that computes the new state ended");
	memcpy(&answer, bytes.data, sizeof(answer));
	answer.text[sizeof(answer.text) - 1] = '\0';
	if (answer.code < 0)
		return rf_fail(err, answer.code, "%s", answer.text);
	return rf_buf_add(out, bytes.data + sizeof(answer), bytes.len - sizeof(answer));
}

static int job_run(const struct job *job, struct rf_buf *out, struct rf_err *err)
{
	int fds[2], status = 0;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return rf_fail(err, -errno, "no pipe: %s", rf_code_text(-errno));
	pid_t pid = fork();

	if (pid == 0) {
		close(fds[0]);
		child_run(fds[1], job);
	}
	int failed = errno;

	close(fds[1]);
	int rc = pid < 0 ? rf_fail(err, -failed, "no process: %s", rf_code_text(-failed))
			 : answer_read(fds[0], out, err);

	close(fds[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (job->wait_ms && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return rf_fail(err, RF_E_TIMEOUT, "no answer within %u ms", job->wait_ms);
	if (!rc && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		rc = rf_fail(err, RF_E_PEER, "the process that computes the new state failed");
	return rc;
}

int apart_run(apart_fn *work, void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	return job_run(&(struct job){work, arg, in, 0}, out, err);
}

int apart_ask(apart_fn *work, void *arg, unsigned wait_ms, struct rf_buf *out, struct rf_err *err)
{
	return job_run(&(struct job){work, arg, {NULL, 0}, wait_ms ? wait_ms : 1}, out, err);
}
