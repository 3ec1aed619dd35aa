/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers of the role verify that spin, sleep and crash over evidence, as a fault of a parser would
 * have it: the job is ended, its host is shown as one that cannot be judged, the next is judged.
 * The role is the real one; its judge stumbles where the evidence says so.
 */
#include <poll.h>

#include "agent_test.h"

#include "manager/judge.h"
#include "store/ask.h"

static struct test_manager manager;
static char log_path[] = "/tmp/rf-worker-log-XXXXXX";
static unsigned tokens;

static bool says(const struct wire_frame *question, const char *word)
{
	return memmem(question->bytes.data, question->bytes.len, word, strlen(word)) != NULL;
}

static int stumble(struct judge *judge, const struct wire_frame *question, struct rf_buf *out,
		   struct rf_err *err)
{
	volatile unsigned turns = 0;

	while (says(question, "then it spins"))
		turns++;
	while (says(question, "then it sleeps"))
		(void)poll(NULL, 0, -1);
	if (says(question, "then it crashes"))
		__builtin_trap();
	return judge_answer(judge, question, out, err);
}

/* One limit each, or a busy machine reaches the other first. By the clock it is less than in
 * earnest, but such a machine still judges good evidence in it. */
static const struct verify_job spins = {2000, 600000, stumble}, sleeps = {600000, 6000, stumble};
static const struct verify_job *limits;

static int verify(const struct config *config, struct rf_err *err)
{
	int fd = open(log_path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return -EBADF;
	/* Sanitizers' own handler would make an ordinary end of a crash. */
	signal(SIGILL, SIG_DFL);
	return verify_serve(config, limits, err);
}

static int setup(void **state)
{
	int fd = mkstemp(log_path);

	assert_true(fd >= 0);
	close(fd);
	signal(SIGPIPE, SIG_IGN);
	forge_keys_make(state);
	return 0;
}

/* A manager whose workers have these limits. */
static void begin(const struct verify_job *job)
{
	limits = job;
	manager_open_verify(&manager, "unproven_tpm: yes\nevidence_s: 3600\n", verify);
}

static int teardown(void **state)
{
	unlink(log_path);
	return forge_keys_free(state);
}

/* Until the role says on its standard error how a worker ended. */
static void assert_told(const char *words)
{
	char text[4096];

	for (;;) {
		FILE *f = fopen(log_path, "r");

		assert_non_null(f);
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
		if (strstr(text, words))
			return;
		usleep(20000);
	}
}

struct shown {
	char state[32], reason[256];
};

static int take_change(void *arg, const struct store_event *event)
{
	struct shown *s = arg;

	if (strcmp(event->kind, "host.state") == 0)
		rf_copy(s->reason, sizeof(s->reason), event->text);
	return 0;
}

static int take_state(void *arg, const struct store_host *host)
{
	struct shown *s = arg;

	rf_copy(s->state, sizeof(s->state), host->state);
	return 0;
}

/* What a person is shown: the state, and the words of the change that made it. */
static void assert_state(const char *host, const char *expected, const char *words)
{
	struct shown shown = {"", ""};

	assert_int_equal(store_host_get(manager.store, host, take_state, &shown, NULL), 0);
	assert_string_equal(shown.state, expected);
	assert_int_equal(store_event_newest(manager.store, 1000, take_change, &shown, NULL), 0);
	if (!strstr(shown.reason, words))
		fail_msg("%s", shown.reason);
}

/* One answer to one order; word NULL: good evidence. */
static void judged(struct test_agent *a, const char *verb, const char *word, const char *expected)
{
	MESSAGE_AUTO struct message ask = {0}, verdict = {0};
	RF_AUTOBUF struct rf_buf evidence = {0};
	char id[32];

	rf_format(id, sizeof(id), "order-%u", ++tokens);
	manager_command(&manager, a->host, id, verb);
	agent_expect(a, WIRE_ASK_EVIDENCE, &ask);
	if (word)
		rf_buf_add_text(&evidence, word);
	else
		agent_evidence(a, ask.ask_evidence.nonce, 5000000 + tokens, &evidence);
	agent_answer(a, ask.ask_evidence.job, rf_buf_slice(&evidence));
	agent_expect(a, WIRE_VERDICT, &verdict);
	if (strcmp(verdict.verdict.state, expected))
		fail_msg("%s: %s", verdict.verdict.state, verdict.verdict.reason);
}

static void agent_new(struct test_agent *a)
{
	MESSAGE_AUTO struct message welcome = {0};
	char token[32];

	rf_format(token, sizeof(token), "token-number-%08u", ++tokens);
	agent_init(a, &manager, forge_keys.ak, make_ecc("P-256"));
	agent_join(a, token);
	agent_hello(a, &welcome);
}

static void agent_gone(struct test_agent *a)
{
	EVP_PKEY_free(a->ek);
	agent_done(a);
}

static void one_job(const struct verify_job *job, const char *word, const char *told)
{
	struct test_agent bad, next;

	begin(job);
	agent_new(&bad);
	agent_new(&next);
	judged(&bad, "approve", NULL, "TRUSTED");
	judged(&bad, "attest", word, "STALE");
	assert_state(bad.host, "STALE",
		     "cannot judge: the process that judged it crashed or took too long");
	assert_told(told);
	/* By the worker that took its place: another host, and this one when it behaves. */
	judged(&next, "approve", NULL, "TRUSTED");
	judged(&bad, "attest", NULL, "TRUSTED");
	agent_gone(&bad);
	agent_gone(&next);
	manager_close(&manager);
}

static void one_that_spins_is_ended(void **state)
{
	(void)state;
	one_job(&spins, "and then it spins", "a worker ended by its limit of the processor's time");
}

static void one_that_sleeps_is_ended(void **state)
{
	(void)state;
	one_job(&sleeps, "and then it sleeps", "a worker ended by its limit of time by the clock");
}

static void one_that_crashes_costs_one_job(void **state)
{
	(void)state;
	one_job(&spins, "and then it crashes", "a worker ended by Illegal instruction");
}

/* Never approved, it is no more trusted by what nobody could judge. */
static void a_new_host_is_not_trusted_by_it(void **state)
{
	struct test_agent a;

	(void)state;
	begin(&spins);
	agent_new(&a);
	judged(&a, "approve", "and then it crashes", "STALE");
	agent_gone(&a);
	manager_close(&manager);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_spins_is_ended),
		cmocka_unit_test(one_that_sleeps_is_ended),
		cmocka_unit_test(one_that_crashes_costs_one_job),
		cmocka_unit_test(a_new_host_is_not_trusted_by_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
