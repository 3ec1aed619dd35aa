/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role "hostile": watches the counters of running VMs (isolate/watcher.h), locked in, and has a
 * helper that reads the policy, plans and applies, each time in a process of its own. Sources:
 * inotify(7), dev-kmsg.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/apart.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "cli/resident.h"
#include "isolate/applied.h"
#include "sys/sandbox.h"
#include "sys/state.h"

#define LOCK_NAME   "watch.lock"
#define LOOK_MS	    1000
#define STATUS_MS   5000
#define TABLE_MS    600000 /* a new table at least so often */
#define SETTLE_MS   2000   /* behind a change: a VM has no vCPUs yet when its file appears */
#define ANSWER_MS   180000
#define LOG_LINES   200 /* of the kernel's log at a time */
#define CPUINFO_MAX (8u << 20)
#define TABLE_MAX_BYTES                                                                            \
	(sizeof(struct hostile_head) + HOSTILE_MAX_VMS * sizeof(struct hostile_entry))

static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void say(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "ringfence-hostile: %s\n", line);
}

/* ---- the helper's side ---- */

static int answer_put(int rc, const char *text, struct rf_buf *out)
{
	struct hostile_answer answer = {.rc = rc};

	(void)rf_format(answer.text, sizeof(answer.text), "%s", text);
	return rf_buf_add(out, &answer, sizeof(answer));
}

static int question_work(void *arg, struct rf_slice bytes, struct rf_buf *out)
{
	const struct cli_args *args = arg;
	RF_AUTOBUF struct rf_buf said = {0};
	struct hostile_question q;
	struct rf_err err = {0};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int rc = hostile_question_read(bytes, &q);

	/* Plans are shown to nobody. */
	if (null >= 0)
		(void)dup2(null, STDOUT_FILENO);
	if (rc < 0)
		return answer_put(rc, "this is no question", out);
	if (q.ask == HOSTILE_ASK_TABLE) {
		if (apart_table(args, out, &err) == 0)
			return 0;
		rf_buf_reset(out);
		return hostile_table_empty(rf_err_text(&err), out);
	}
	rc = q.ask == HOSTILE_ASK_APART ? apart_set(args, &q, &said, &err)
					: apart_release(args, &q, &said, &err);
	return answer_put(rc < 0 ? rc : 0, rc < 0 ? rf_err_text(&err) : rf_buf_text(&said), out);
}

static int question_failed(struct rf_slice bytes, struct rf_buf *out)
{
	static const char why[] = "the process that plans and applies failed";
	struct hostile_question q;

	if (hostile_question_read(bytes, &q) == 0 && q.ask == HOSTILE_ASK_TABLE)
		return hostile_table_empty(why, out);
	return answer_put(RF_E_PEER, why, out);
}

/* ---- the watcher's side ---- */

struct role {
	struct resident resident;
	int helper, changes, kernel_log;
	char applied[RF_MAX_PATH_BYTES];
	struct watcher *watcher;
	struct watcher_options with;
	int64_t table_at_ms, status_at_ms;
	bool broken; /* the helper is gone */
};

/* All of size bytes, or until the time is over. */
static int receive(struct role *r, void *out, size_t size)
{
	struct pollfd wait = {.fd = r->helper, .events = POLLIN};
	int64_t until = rf_clock_ms(CLOCK_MONOTONIC) + ANSWER_MS;

	for (size_t at = 0; at < size;) {
		int64_t left = until - rf_clock_ms(CLOCK_MONOTONIC);

		if (left <= 0 || (poll(&wait, 1, (int)left) < 0 && errno != EINTR))
			return RF_E_TIMEOUT;
		if (!wait.revents)
			continue;
		ssize_t n = recv(r->helper, (char *)out + at, size - at, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return RF_E_PEER;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int question_send(struct role *r, const struct hostile_question *q)
{
	return send(r->helper, q, sizeof(*q), MSG_NOSIGNAL) == (ssize_t)sizeof(*q) ? 0 : RF_E_PEER;
}

/* An answer that comes too late would be taken for the next one's: whoever started us does so
 * again. */
static void act(void *arg, const struct hostile_question *q, struct hostile_answer *out)
{
	struct role *r = arg;
	int rc = r->broken ? RF_E_PEER : question_send(r, q);

	if (!rc)
		rc = receive(r, out, sizeof(*out));
	r->broken = r->broken || rc < 0;
	if (rc < 0)
		*out = (struct hostile_answer){.rc = rc, .text = "no answer"};
	/* What was done changes what the table says. */
	r->table_at_ms = rf_clock_ms(CLOCK_MONOTONIC) + SETTLE_MS;
}

static int table_ask(struct role *r, struct rf_err *err)
{
	const struct hostile_question q = {.ask = HOSTILE_ASK_TABLE};
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct hostile_table table;
	int rc = question_send(r, &q);
	uint8_t *head = rf_buf_reserve(&bytes, TABLE_MAX_BYTES);

	if (!head)
		return rf_fail(err, -ENOMEM, "no memory");
	if (!rc)
		rc = receive(r, head, sizeof(struct hostile_head));
	bytes.len = rc ? 0 : sizeof(struct hostile_head);

	int64_t size = rc ? rc : hostile_table_bytes(rf_buf_slice(&bytes));

	if (size > 0)
		rc = receive(r, head + bytes.len, (size_t)size - bytes.len);
	if (rc < 0 || size <= 0)
		return rf_fail(err, RF_E_PEER, "the process that reads the policy ended");
	bytes.len = (size_t)size;
	rc = hostile_table_read(rf_buf_slice(&bytes), &table, err);
	r->table_at_ms = rf_clock_ms(CLOCK_MONOTONIC) + TABLE_MS;
	return rc ? rc : watcher_table(r->watcher, &table, rf_clock_ms(CLOCK_MONOTONIC), err);
}

static void status_write(struct role *r)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct rf_err err = {0};

	r->status_at_ms = rf_clock_ms(CLOCK_MONOTONIC) + STATUS_MS;
	if (watcher_status(r->watcher, common_now_ms() / 1000, &text) < 0 ||
	    state_write(r->resident.folder, APART_STATUS, rf_buf_slice(&text), &err) < 0)
		fprintf(stderr, "ringfence-hostile: its account cannot be written: %s\n",
			rf_err_text(&err));
}

/* The policy was applied, a VM came or went. Our own account is none of these. */
static void changes_drain(struct role *r)
{
	char buffer[8192] __attribute__((aligned(8)));
	ssize_t n;
	bool due = false;

	while ((n = read(r->changes, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
			const struct inotify_event *e = (const void *)(buffer + at);

			due = due || (e->mask & IN_Q_OVERFLOW) ||
			      (e->len &&
			       (rf_ends(e->name, ".pid") || strcmp(e->name, APPLIED_NAME) == 0));
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
	if (due && r->table_at_ms > rf_clock_ms(CLOCK_MONOTONIC) + SETTLE_MS)
		r->table_at_ms = rf_clock_ms(CLOCK_MONOTONIC) + SETTLE_MS;
}

static void log_drain(struct role *r)
{
	char record[8192];

	for (int i = 0; i < LOG_LINES && r->kernel_log >= 0; i++) {
		ssize_t n = read(r->kernel_log, record, sizeof(record) - 1);

		/* EPIPE: some were overwritten before we came; the next read has what is left. */
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return;
		record[n] = '\0';
		watcher_log_line(r->watcher, record);
	}
}

static int loop(struct role *r, struct rf_err *err)
{
	int64_t look_at = rf_clock_ms(CLOCK_MONOTONIC);
	int rc = table_ask(r, err);

	if (rc < 0)
		return rc;
	status_write(r);
	resident_ready(&r->resident);
	while (rc == 0 && !stopped && !r->broken) {
		struct pollfd wait = {.fd = r->changes, .events = POLLIN};
		int64_t left = look_at - rf_clock_ms(CLOCK_MONOTONIC);

		if (left > 0 && poll(&wait, 1, (int)left) > 0)
			changes_drain(r);
		if (rf_clock_ms(CLOCK_MONOTONIC) < look_at)
			continue;
		look_at = rf_clock_ms(CLOCK_MONOTONIC) + LOOK_MS;
		log_drain(r);
		bool changed = watcher_look(r->watcher, rf_clock_ms(CLOCK_MONOTONIC));

		if (rf_clock_ms(CLOCK_MONOTONIC) >= r->table_at_ms)
			rc = table_ask(r, err);
		if (changed || rf_clock_ms(CLOCK_MONOTONIC) >= r->status_at_ms)
			status_write(r);
	}
	return rc ? rc : r->broken ? rf_fail(err, RF_E_PEER, "the helper is gone") : 0;
}

/* Everything that is opened by name is opened here. */
static int places_open(struct role *r, struct rf_err *err)
{
	int rc = resident_start(&r->resident, APART_DIR, LOCK_NAME, err);

	if (!rc)
		rc = state_folder(r->resident.state, APPLIED_FOLDER, r->applied, sizeof(r->applied),
				  err);
	if (!rc)
		rc = state_prepare(r->applied, err);
	if (rc < 0)
		return rc;
	r->changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (r->changes < 0 || inotify_add_watch(r->changes, r->applied, IN_MOVED_TO) < 0)
		return rf_fail(err, -errno, "%s: %s", r->applied, rf_code_text(-errno));
	/* Without libvirt there are no VMs; the regular table finds it later. */
	(void)inotify_add_watch(r->changes, "/run/libvirt/qemu",
				IN_CREATE | IN_MOVED_TO | IN_DELETE);
	r->kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (r->kernel_log >= 0)
		(void)lseek(r->kernel_log, 0, SEEK_END);
	return sys_open_live(&r->with.sys, err);
}

static void counters_open(struct role *r)
{
	RF_AUTOBUF struct rf_buf cpuinfo = {0};

	(void)!common_read_file("/proc/cpuinfo", CPUINFO_MAX, &cpuinfo, NULL);
	r->with.pmu = hostile_pmu_open(rf_buf_slice(&cpuinfo));
	r->with.locks_logged = r->kernel_log >= 0 && hostile_locks_logged(rf_buf_slice(&cpuinfo));
}

static int role_start(struct role *r, const struct cli_args *args, struct rf_err *err)
{
	const struct helper helper = {question_work, question_failed, (void *)(uintptr_t)args,
				      TABLE_MAX_BYTES};
	struct sigaction stop = {.sa_handler = on_stop};
	char missing[SANDBOX_MISSING_BYTES];
	const char *const writable[] = {r->resident.folder};
	int rc = places_open(r, err);
	const int own[HELPER_OWN] = {r->resident.ready, r->resident.lock, r->changes,
				     r->kernel_log};

	if (!rc)
		rc = helper_start(&helper, &r->resident, own, &r->helper, err);
	if (rc < 0)
		return rc;
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	counters_open(r);
	rc = sandbox_enter(SANDBOX_COUNT, writable, 1, missing, err);
	if (!rc && missing[0])
		fprintf(stderr, "ringfence-hostile: without: %s\n", missing);
	r->with.act = act;
	r->with.say = say;
	r->with.arg = r;
	if (!rc)
		rc = watcher_open(&r->with, &r->watcher, err);
	if (!rc)
		rc = loop(r, err);
	watcher_close(r->watcher);
	hostile_pmu_close(r->with.pmu);
	sys_close(r->with.sys);
	return rc;
}

int role_hostile_run(int argc, char **argv)
{
	static struct cli_args args; /* large: not on the stack */
	struct role role = {.helper = -1, .changes = -1, .kernel_log = -1};
	struct rf_err err = {0};

	resident_init(&role.resident, "the watcher of hostile VMs");
	for (int i = 0; i + 1 < argc; i += 2) {
		if (!resident_option(&role.resident, argv[i], argv[i + 1]))
			return 64;
	}
	if (role.resident.state) {
		args.counts[OPT_STATE_DIR] = 1;
		args.values[OPT_STATE_DIR][0] = role.resident.state;
	}
	args.counts[OPT_HOST] = 1;
	args.counts[OPT_QUIET] = 1;
	if (role_start(&role, &args, &err) == 0)
		return 0;
	fprintf(stderr, "ringfence-hostile: %s\n", rf_err_text(&err));
	return 1;
}
