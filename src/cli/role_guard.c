/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role "guard": the process that keeps the network guard up, and the one beside it that reads
 * the policy and VMs' definitions for it. The first holds the guard and opens nothing; the second
 * makes a new process for each reading, which is locked in before it parses. Source: sd_notify(3),
 * inotify(7).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "cli/roles.h"
#include "isolate/facts.h"
#include "isolate/service.h"
#include "sys/sandbox.h"
#include "sys/state.h"

#define ENV_MAX_BYTES (256u << 10)
#define STEP_MS	      60000

static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void say(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "ringfence-guard: %s\n", line);
}

/* ---- the side that reads ---- */

struct reader {
	const char *folder;
	struct cli_args *args; /* where facts come from */
};

static int records_make(const struct reader *r, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf kept = {0};
	FACT_AUTOSTORE struct fact_store *store = NULL;
	struct policy_nics nics = {0};
	char missing[SANDBOX_MISSING_BYTES];
	int rc = state_read(r->folder, APPLIED_NAME, APPLIED_MAX_BYTES, &kept, err);

	if (rc == -ENOENT)
		return table_empty("no policy was applied yet", out);
	if (!rc)
		rc = common_facts_by(r->args, isolate_collectors_vms, &store, err);
	if (!rc)
		rc = policy_nics_load(store, &nics, err);
	if (!rc)
		rc = sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, err);
	if (!rc)
		rc = table_make(rf_buf_slice(&kept), &nics, out, err);
	policy_nics_done(&nics);
	return rc;
}

static void worker(const struct reader *r, int to)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};

	if (records_make(r, &out, &err) < 0) {
		char problem[240];

		rf_format(problem, sizeof(problem), "the kept policy: %.200s", rf_err_text(&err));
		rf_buf_reset(&out);
		if (table_empty(problem, &out) < 0)
			_exit(1);
	}
	_exit(rf_write_all(to, rf_buf_slice(&out)) < 0);
}

/* What the worker wrote, if it came to its end. */
static int worker_run(const struct reader *r, struct rf_buf *out)
{
	int ends[2], status = 0;
	ssize_t n = 1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();

	if (pid == 0) {
		close(ends[0]);
		worker(r, ends[1]);
	}
	close(ends[1]);
	while (pid > 0 && n > 0 && out->len <= TABLE_MAX_BYTES) {
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
static void reader_serve(int socket, const struct reader *r)
{
	char question[64];
	ssize_t n;

	while ((n = read(socket, question, sizeof(question))) > 0 || (n < 0 && errno == EINTR)) {
		RF_AUTOBUF struct rf_buf out = {0};

		if (n < 0)
			continue;
		if (worker_run(r, &out) < 0) {
			rf_buf_reset(&out);
			if (table_empty("the process that reads the policy failed", &out) < 0)
				return;
		}
		if (rf_write_all(socket, rf_buf_slice(&out)) < 0)
			return;
	}
}

#define ROLE_OWN 4

/* log: where the reader's standard error goes, so that it keeps nobody waiting; -1: it stays.
 * own: descriptors (or -1) that only the service may have. A lock in a second process would outlive
 * the service, and somebody waits at the other end of ready. */
static int reader_start(const struct reader *r, int log, const int own[ROLE_OWN], int *out_socket,
			struct rf_err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	pid_t pid = fork();

	if (pid == 0) {
		close(pair[0]);
		for (size_t i = 0; i < ROLE_OWN; i++)
			if (own[i] >= 0)
				close(own[i]);
		if (log >= 0)
			(void)dup2(log, STDERR_FILENO);
		signal(SIGPIPE, SIG_IGN);
		reader_serve(pair[1], r);
		_exit(0);
	}
	close(pair[1]);
	*out_socket = pair[0];
	return pid > 0 ? 0 : rf_fail(err, -EAGAIN, "no process");
}

/* ---- starting ---- */

struct role {
	const char *state, *log;
	int ready; /* a pipe that somebody waits at, or -1 */
	char folder[RF_MAX_PATH_BYTES];
	int lock, notify, log_fd;
	struct service_options service;
};

static int one_alone(struct role *role, struct rf_err *err)
{
	char path[RF_MAX_PATH_BYTES + 16], pid[24];

	rf_format(path, sizeof(path), "%s/" ISOLATE_GUARD_LOCK, role->folder);
	role->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (role->lock < 0)
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (flock(role->lock, LOCK_EX | LOCK_NB) < 0)
		return rf_fail(err, RF_E_TIMEOUT, "the guard's service runs already");
	rf_format(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(role->lock, 0) < 0 ||
	    write(role->lock, pid, strlen(pid)) != (ssize_t)strlen(pid))
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	return 0;
}

static int folders_open(struct role *role, struct rf_err *err)
{
	const char *state = role->state ? role->state : STATE_DIR;
	char changes[RF_MAX_PATH_BYTES], lock[RF_MAX_PATH_BYTES + 8];

	if (!rf_format(role->folder, sizeof(role->folder), "%s/" APPLIED_FOLDER, state) ||
	    !rf_format(changes, sizeof(changes), "%s/changes", state))
		return rf_fail(err, -ENAMETOOLONG, "--state: the path is too long");
	int rc = state_prepare(role->folder, err);

	if (!rc)
		rc = state_prepare(changes, err);
	if (!rc)
		rc = one_alone(role, err);
	if (rc < 0)
		return rc;
	rf_format(lock, sizeof(lock), "%s/lock", changes);
	role->service.lock_fd = open(lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	role->service.policy_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (role->service.lock_fd < 0 || role->service.policy_fd < 0 ||
	    inotify_add_watch(role->service.policy_fd, role->folder, IN_MOVED_TO | IN_DELETE) < 0)
		return rf_fail(err, -errno, "%s: %s", role->folder, rf_code_text(-errno));
	return 0;
}

/* Where systemd waits for "READY=1": the socket that our environment names. */
static void notify_open(struct role *role)
{
	static const char key[] = "NOTIFY_SOCKET=";
	RF_AUTOBUF struct rf_buf env = {0};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *name = NULL;

	role->notify = -1;
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
	role->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (role->notify >= 0 && connect(role->notify, (struct sockaddr *)&to, size) < 0) {
		close(role->notify);
		role->notify = -1;
	}
}

/* Whoever started us may go on; from now on what is said goes to the log. */
static void ready_say(struct role *role)
{
	int log = role->log_fd;

	if (role->notify >= 0)
		(void)send(role->notify, "READY=1", 7, MSG_NOSIGNAL);
	if (role->ready >= 0) {
		(void)!write(role->ready, "1", 1);
		close(role->ready);
		role->ready = -1;
	}
	if (log >= 0) {
		(void)dup2(log, STDERR_FILENO);
		(void)dup2(log, STDOUT_FILENO);
		close(log);
	}
}

static int loop(struct role *role, struct rf_err *err)
{
	struct service *service = NULL;
	bool told = false;
	char missing[SANDBOX_MISSING_BYTES];
	int rc = sandbox_enter(SANDBOX_GUARD, NULL, 0, missing, err);

	if (!rc && missing[0])
		fprintf(stderr, "ringfence-guard: without: %s\n", missing);
	if (!rc)
		rc = service_open(&role->service, &service, err);
	while (rc == 0 && !stopped) {
		rc = service_step(service, STEP_MS, err);
		rc = rc == -EINTR ? 0 : rc;
		if (rc == 0 && !told && service_ready(service)) {
			ready_say(role);
			told = true;
		}
	}
	service_close(service);
	return rc;
}

static int log_open(const struct role *role)
{
	char path[RF_MAX_PATH_BYTES + 16];

	if (!role->log || !rf_format(path, sizeof(path), "%s/%s", role->folder, role->log))
		return -1;
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static int role_start(struct role *role, const struct cli_args *args, struct rf_err *err)
{
	struct reader reader = {.args = (struct cli_args *)(uintptr_t)args};
	struct sigaction stop = {.sa_handler = on_stop};
	int rc = folders_open(role, err);

	reader.folder = role->folder;
	role->log_fd = rc ? -1 : log_open(role);
	/* Before the guard is open: the reader has nothing of it. */
	const int own[ROLE_OWN] = {role->ready, role->lock, role->service.lock_fd,
				   role->service.policy_fd};

	if (!rc)
		rc = reader_start(&reader, role->log_fd, own, &role->service.records, err);
	if (!rc)
		rc = guard_open(NULL, &role->service.guard, err);
	if (rc < 0)
		return rc;
	notify_open(role);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	rc = loop(role, err);
	guard_close(role->service.guard);
	return rc;
}

int role_guard_run(int argc, char **argv)
{
	static struct cli_args args; /* large: not on the stack */
	struct role role = {.ready = -1, .lock = -1, .notify = -1, .service = {.say = say}};
	struct rf_err err = {0};
	int64_t fd;

	for (int i = 0; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--state") == 0)
			role.state = argv[i + 1];
		else if (strcmp(argv[i], "--log") == 0)
			role.log = argv[i + 1];
		else if (strcmp(argv[i], "--ready") == 0 &&
			 rf_num(argv[i + 1], 10, 3, 1000, &fd) == 0)
			role.ready = (int)fd;
		else if (strcmp(argv[i], "--domain-xml") == 0 &&
			 args.counts[OPT_XML] < CLI_MAX_WORDS)
			args.values[OPT_XML][args.counts[OPT_XML]++] = argv[i + 1];
		else
			return 64;
	}
	args.counts[args.counts[OPT_XML] ? OPT_NO_HOST : OPT_HOST] = 1;
	args.counts[OPT_QUIET] = 1;
	if (role_start(&role, &args, &err) == 0)
		return 0;
	fprintf(stderr, "ringfence-guard: %s\n", rf_err_text(&err));
	return 1;
}
