/* SPDX-License-Identifier: Apache-2.0 */
/* Roles that stay, and their helpers. See resident.h. */
#include "cli/resident.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "sys/state.h"

#define ENV_MAX_BYTES (256u << 10)
/* Above what most use, below the kernel's own threads (50). */
#define URGENT_PRIORITY 20

void resident_init(struct resident *r, const char *name)
{
	*r = (struct resident){.name = name, .ready = -1, .lock = -1, .notify = -1, .log_fd = -1};
}

bool resident_option(struct resident *r, const char *name, const char *value)
{
	int64_t fd;

	if (strcmp(name, "--state") == 0)
		r->state = value;
	else if (strcmp(name, "--log") == 0)
		r->log = value;
	else if (strcmp(name, "--ready") == 0 && rf_num(value, 10, 3, 1000, &fd) == 0)
		r->ready = (int)fd;
	else
		return false;
	return true;
}

/* ---- starting ---- */

static int one_alone(struct resident *r, const char *lock_name, struct rf_err *err)
{
	char path[RF_MAX_PATH_BYTES + 32], pid[24];

	rf_format(path, sizeof(path), "%s/%s", r->folder, lock_name);
	r->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->lock < 0)
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (flock(r->lock, LOCK_EX | LOCK_NB) < 0)
		return rf_fail(err, RF_E_TIMEOUT, "%s runs already", r->name);
	rf_format(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(r->lock, 0) < 0 || write(r->lock, pid, strlen(pid)) != (ssize_t)strlen(pid))
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	return 0;
}

/* Where systemd waits for "READY=1": the socket that our environment names. */
static void notify_open(struct resident *r)
{
	static const char key[] = "NOTIFY_SOCKET=";
	RF_AUTOBUF struct rf_buf env = {0};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *name = NULL;

	if (common_read_file("/proc/self/environ", ENV_MAX_BYTES, &env, NULL) < 0)
		return;
	for (size_t at = 0; at < env.len; at += strlen((const char *)env.data + at) + 1) {
		if (rf_starts((const char *)env.data + at, key))
			name = (const char *)env.data + at + sizeof(key) - 1;
	}
	if (!name || !rf_copy(to.sun_path, sizeof(to.sun_path), name))
		return;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(to.sun_path));

	/* "@" stands for the byte of an abstract name. */
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	r->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (r->notify >= 0 && connect(r->notify, (struct sockaddr *)&to, size) < 0) {
		close(r->notify);
		r->notify = -1;
	}
}

int resident_start(struct resident *r, const char *folder, const char *lock_name,
		   struct rf_err *err)
{
	char path[RF_MAX_PATH_BYTES + 32];

	int rc = state_folder(r->state, folder, r->folder, sizeof(r->folder), err);

	if (!rc)
		rc = state_prepare(r->folder, err);
	if (!rc)
		rc = one_alone(r, lock_name, err);
	if (!rc && r->log && rf_format(path, sizeof(path), "%s/%s", r->folder, r->log))
		r->log_fd =
			open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
			     0600);
	if (!rc)
		notify_open(r);
	return rc;
}

void resident_ready(struct resident *r)
{
	if (r->notify >= 0)
		(void)send(r->notify, "READY=1", 7, MSG_NOSIGNAL);
	if (r->ready >= 0) {
		(void)!write(r->ready, "1", 1);
		close(r->ready);
		r->ready = -1;
	}
	if (r->log_fd >= 0) {
		(void)dup2(r->log_fd, STDERR_FILENO);
		(void)dup2(r->log_fd, STDOUT_FILENO);
		close(r->log_fd);
		r->log_fd = -1;
	}
}

/* ---- urgent ---- */

static int priority_take(void)
{
	const struct sched_param first = {.sched_priority = URGENT_PRIORITY};

	return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) < 0 ? -errno : 0;
}

/* What is mapped later is locked, too: under a limit it would then be refused. Pages as they are
 * touched: most of the libraries never is. */
static int memory_keep(void)
{
	const struct rlimit any = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_MEMLOCK, &any) < 0 ||
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		return -errno;
	return 0;
}

void resident_urgent(char missing[RESIDENT_MISSING_BYTES])
{
	int priority = priority_take(), memory = memory_keep();

	missing[0] = '\0';
	if (priority < 0)
		rf_format(missing, RESIDENT_MISSING_BYTES, "real-time scheduling (%s)%s",
			  rf_code_text(priority), memory < 0 ? ", " : "");
	if (memory < 0)
		rf_format(missing + strlen(missing), RESIDENT_MISSING_BYTES - strlen(missing),
			  "memory that is not swapped (%s)", rf_code_text(memory));
}

/* ---- the helper ---- */

static void worker(const struct helper *h, struct rf_slice question, int to)
{
	RF_AUTOBUF struct rf_buf out = {0};

	if (h->work(h->arg, question, &out) < 0)
		_exit(1);
	_exit(rf_write_all(to, rf_buf_slice(&out)) < 0);
}

/* What the worker wrote, if it came to its end. */
static int worker_run(const struct helper *h, struct rf_slice question, struct rf_buf *out)
{
	int ends[2], status = 0;
	ssize_t n = 1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();

	if (pid == 0) {
		close(ends[0]);
		worker(h, question, ends[1]);
	}
	close(ends[1]);
	while (pid > 0 && n > 0 && out->len <= h->max_bytes) {
		uint8_t *at = rf_buf_reserve(out, 65536);

		n = at ? read(ends[0], at, 65536) : 0;
		out->len += n > 0 ? (size_t)n : 0;
		n = n < 0 && errno == EINTR ? 1 : n;
	}
	close(ends[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : RF_E_PEER;
}

/* Until the other side ends. */
static void serve(int socket, const struct helper *h)
{
	uint8_t question[HELPER_QUESTION_BYTES];
	ssize_t n;

	while ((n = read(socket, question, sizeof(question))) > 0 || (n < 0 && errno == EINTR)) {
		RF_AUTOBUF struct rf_buf out = {0};

		if (n < 0)
			continue;
		const struct rf_slice asked = {question, (size_t)n};

		if (worker_run(h, asked, &out) < 0) {
			rf_buf_reset(&out);
			if (h->failed(asked, &out) < 0)
				return;
		}
		if (rf_write_all(socket, rf_buf_slice(&out)) < 0)
			return;
	}
}

int helper_start(const struct helper *helper, const struct resident *r, const int own[HELPER_OWN],
		 int *out_socket, struct rf_err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	pid_t pid = fork();

	if (pid == 0) {
		close(pair[0]);
		for (size_t i = 0; i < HELPER_OWN; i++)
			if (own[i] >= 0)
				close(own[i]);
		/* It keeps nobody waiting at the other end of our standard error. */
		if (r->log_fd >= 0)
			(void)dup2(r->log_fd, STDERR_FILENO);
		signal(SIGPIPE, SIG_IGN);
		serve(pair[1], helper);
		_exit(0);
	}
	close(pair[1]);
	*out_socket = pair[0];
	return pid > 0 ? 0 : rf_fail(err, -EAGAIN, "no process");
}
