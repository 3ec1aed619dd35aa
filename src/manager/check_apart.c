/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of hosts are judged in a fork, which has the facts and the controls in memory, a pipe, and
 * nothing else: no file, no network, a limit of time and of memory. It answers with texts, each
 * ended by a NUL: for each finding its control, host, resource, state and evidence, all of a host
 * one behind the other; then an empty one and why it failed ("": it did not). An answer without
 * that end is none. See check_apart.h.
 */
#include "manager/check_apart.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/sandbox.h"

#define FD_OUT 3
/* Sanitizers want more memory than there is. */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_BYTES RLIM_INFINITY
#else
#define MEMORY_BYTES (2ULL << 30)
#endif
#define ANSWER_BYTES   (128u << 20)
#define EVIDENCE_BYTES 8192u /* of one finding: enough for a person */
#define READ_BYTES     65536u

/* ---- the fork ---- */

static void text_end(struct rf_buf *out)
{
	rf_buf_add_byte(out, 0);
}

static void state_add(struct rf_buf *out, enum finding_state state)
{
	for (const char *c = finding_state_name(state); *c; c++)
		rf_buf_add_byte(out, (uint8_t)toupper((unsigned char)*c));
	text_end(out);
}

/* What was not saved to disk, the running VM's, is a thing of its own. */
static void resource_add(struct rf_buf *out, const struct finding *f)
{
	rf_buf_add_visible(out, f->resource, strlen(f->resource));
	if (f->layer[0] && !rf_equal(f->layer, "persistent"))
		rf_buf_printf(out, " (%s)", f->layer);
}

/* One line: why it is so, what was seen, where. */
static void evidence_add(struct rf_buf *out, const struct finding *f)
{
	const char *at = f->evidence, *name, *value;
	const size_t start = out->len;

	rf_buf_add_visible(out, f->reason, strlen(f->reason));
	while (evidence_next(&at, &name, &value) && out->len - start < EVIDENCE_BYTES) {
		size_t len = strlen(value);

		rf_buf_printf(out, "%s%s = ", out->len > start ? "; " : "", name);
		rf_buf_add_visible(out, value, len < EVIDENCE_BYTES ? len : EVIDENCE_BYTES);
	}
	if (f->source[0]) {
		rf_buf_add_text(out, out->len > start ? " in " : "in ");
		rf_buf_add_visible(out, f->source, strlen(f->source));
	}
	text_end(out);
}

/* Findings in the order of their hosts, and of a host as they were: the worst first. */
struct place {
	const struct finding *finding;
	size_t at;
};

static int place_compare(const void *va, const void *vb)
{
	const struct place *a = va, *b = vb;
	int d = strcmp(a->finding->host, b->finding->host);

	return d ? d : (a->at > b->at) - (a->at < b->at);
}

/* Of two about the same thing the worse one counts, and that comes first. */
static int finding_write(const struct finding *f, struct rf_map *seen, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf key = {0};

	rf_buf_printf(&key, "%s\n%s\n", f->control->id, f->host);
	const size_t resource = key.len;

	resource_add(&key, f);
	if (key.failed)
		return -ENOMEM;
	const char *text = rf_buf_text(&key);

	if (rf_map_has(seen, text))
		return 0;
	int rc = rf_map_set(seen, text, seen);

	rf_buf_add_text(out, f->control->id);
	text_end(out);
	rf_buf_add_text(out, f->host);
	text_end(out);
	rf_buf_add_text(out, text + resource);
	text_end(out);
	state_add(out, f->state);
	evidence_add(out, f);
	return rc || out->failed ? -ENOMEM : 0;
}

static int findings_write(const struct check_job *job, const struct finding_set *findings,
			  struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOMAP struct rf_map seen = {0};
	RF_AUTOFREE struct place *places = rf_alloc(findings->count, sizeof(*places));
	int rc = places ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < findings->count; i++) {
		places[i] = (struct place){&findings->items[i], i};
		if (job->hosts_count > 1 && !findings->items[i].host[0])
			rc = rf_fail(err, RF_E_DATABASE, "%s: %s", findings->items[i].control->id,
				     findings->items[i].reason);
	}
	if (!rc)
		qsort(places, findings->count, sizeof(*places), place_compare);
	for (size_t i = 0; i < findings->count && !rc; i++)
		rc = finding_write(places[i].finding, &seen, out);
	return rc;
}

static int judge(const struct check_job *job, struct rf_buf *out, struct rf_err *err)
{
	FINDING_AUTOSET struct finding_set findings = {0};
	const struct judge_request request = {
		.profiles = &job->profile, .profiles_count = 1, .now_ms = job->now_ms};
	int rc = control_defaults_load(job->facts, err);

	if (!rc)
		rc = fact_store_finish(job->facts, err);
	if (!rc)
		rc = judge_run(job->facts, job->set, &request, &findings, err);
	if (!rc && findings.count == 0)
		rc = rf_fail(err, RF_E_MISSING,
			     "its facts name no collector that looked at anything (collector_run)");
	return rc ? rc : findings_write(job, &findings, out, err);
}

static int locked_in(struct rf_err *err)
{
	char missing[SANDBOX_MISSING_BYTES];
	const struct rlimit memory = {MEMORY_BYTES, MEMORY_BYTES}, none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_AS, &memory);
	/* What is missing of it the role has said of its own. */
	return sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, err);
}

/* The clock ends it wherever it hangs: the signal is not caught. */
static _Noreturn void child(const struct check_job *job, int fd)
{
	const struct itimerval clock = {
		.it_value = {.tv_sec = job->time_ms / 1000, .tv_usec = job->time_ms % 1000 * 1000}};
	struct rf_buf out = {0};
	struct rf_err err = {0};
	sigset_t none;

	signal(SIGALRM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setitimer(ITIMER_REAL, &clock, NULL);
	if (dup2(fd, FD_OUT) < 0 || close_range(FD_OUT + 1, ~0U, 0) < 0)
		_exit(1);
	int rc = locked_in(&err);

	if (!rc)
		rc = judge(job, &out, &err);
	if (out.failed || rc == -ENOMEM)
		_exit(2);
	text_end(&out);
	if (rc)
		rf_buf_add_text(&out, rf_err_text(&err));
	text_end(&out);
	_exit(out.failed ? 2 : rf_write_all(FD_OUT, rf_buf_slice(&out)) != 0);
}

/* ---- who waits for it ---- */

static int answer_read(int fd, struct rf_buf *out)
{
	for (;;) {
		uint8_t *room = rf_buf_reserve(out, READ_BYTES);
		ssize_t n = room ? read(fd, room, READ_BYTES) : 0;

		if (!room)
			return -ENOMEM;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		out->len += n > 0 ? (size_t)n : 0;
		if (out->len > ANSWER_BYTES)
			return RF_E_LIMIT;
	}
}

static const char *text_next(const struct rf_buf *texts, size_t *at)
{
	const char *text = (const char *)texts->data + *at;
	const uint8_t *end =
		*at < texts->len ? memchr(texts->data + *at, 0, texts->len - *at) : NULL;

	if (!end)
		return NULL;
	*at = (size_t)(end - texts->data) + 1;
	return text;
}

/* Puts a finding behind the others of its host. */
static int finding_put(struct check_answer *out, const char *host,
		       const struct store_finding *finding, size_t room[2])
{
	struct check_host *last = out->hosts_count ? &out->hosts[out->hosts_count - 1] : NULL;

	if (rf_grow((void **)&out->findings, &room[0], out->count + 1, sizeof(*out->findings)))
		return -ENOMEM;
	if (!last || !rf_equal(last->host, host)) {
		if (rf_grow((void **)&out->hosts, &room[1], out->hosts_count + 1,
			    sizeof(*out->hosts)))
			return -ENOMEM;
		last = &out->hosts[out->hosts_count++];
		*last = (struct check_host){host, out->count, 0};
	}
	last->count++;
	out->findings[out->count++] = *finding;
	return 0;
}

static int answer_parse(struct check_answer *out, struct rf_err *err)
{
	size_t at = 0, room[2] = {0, 0};
	const char *control = text_next(&out->texts, &at);

	for (; control && control[0]; control = text_next(&out->texts, &at)) {
		const char *host = text_next(&out->texts, &at);
		const char *resource = text_next(&out->texts, &at);
		const char *state = text_next(&out->texts, &at);
		const char *evidence = text_next(&out->texts, &at);

		if (!evidence)
			break;
		const struct store_finding finding = {.control = control,
						      .resource = resource,
						      .state = state,
						      .evidence = evidence};

		if (finding_put(out, host, &finding, room))
			return rf_fail(err, -ENOMEM, "no memory for findings");
	}
	const char *why = control && !control[0] ? text_next(&out->texts, &at) : NULL;

	if (!why || at != out->texts.len)
		return rf_fail(err, RF_E_PEER, "its controls came to no end");
	return why[0] ? rf_fail(err, RF_E_DATABASE, "%s", why) : 0;
}

static int ended(int status, const struct check_job *job, struct rf_err *err)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return rf_fail(err, RF_E_TIMEOUT, "its controls took longer than %lld ms",
			       (long long)job->time_ms);
	if (WIFSIGNALED(status))
		return rf_fail(err, RF_E_PEER, "its controls were ended by: %s",
			       strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) == 2)
		return rf_fail(err, RF_E_LIMIT, "its controls took more memory than they may");
	return WEXITSTATUS(status) ? rf_fail(err, RF_E_PEER, "its controls could not be locked in")
				   : 0;
}

static int wait_for(pid_t pid, int *out_status)
{
	while (waitpid(pid, out_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int check_apart(const struct check_job *job, struct check_answer *out, struct rf_err *err)
{
	int ends[2], status = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return rf_fail(err, -errno, "no pipe: %s", rf_code_text(-errno));
	pid_t pid = fork();

	if (pid == 0)
		child(job, ends[1]);
	close(ends[1]);
	int rc = pid < 0 ? -EAGAIN : answer_read(ends[0], &out->texts);

	/* What it still writes ends it. */
	close(ends[0]);
	if (pid < 0)
		return rf_fail(err, rc, "no process to judge in");
	int gone = wait_for(pid, &status);

	if (rc == RF_E_LIMIT)
		return rf_fail(err, rc, "its findings take more than %u bytes", ANSWER_BYTES);
	if (rc || gone)
		return rf_fail(err, rc ? rc : gone, "the answer of a process: %s",
			       rf_code_text(rc ? rc : gone));
	rc = ended(status, job, err);
	return rc ? rc : answer_parse(out, err);
}

void check_answer_done(struct check_answer *answer)
{
	rf_buf_done(&answer->texts);
	rf_free(answer->findings);
	rf_free(answer->hosts);
	*answer = (struct check_answer){0};
}
