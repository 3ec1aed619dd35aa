/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role agents under strangers that keep its connections and do not use them, and hosts that
 * lie by leaving out what they should show: who is honest is served all the same.
 */
#include "agent_test.h"

#include <sys/resource.h>

#include "attest/same.h"

/* More than the role lets shake hands at once. */
#define STRANGERS 1500

static struct test_manager manager;
static unsigned tokens;
static int strangers[STRANGERS];

static int setup(void **state)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	forge_keys_make(state);
	manager_open(&manager, "unproven_tpm: yes\nwithout_tpm: yes\nevidence_s: 3600\n");
	return 0;
}

static int teardown(void **state)
{
	manager_close(&manager);
	return forge_keys_free(state);
}

static const char *new_token(void)
{
	static char text[32];

	rf_format(text, sizeof(text), "token-number-%08u", ++tokens);
	return text;
}

static void agent_gone(struct test_agent *a)
{
	EVP_PKEY_free(a->ek);
	agent_done(a);
}

/* ---- strangers ---- */

/* Each says so much of a ClientHello, and no more. */
static void strangers_come(struct rf_slice words)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(manager.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct rlimit files;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	if (files.rlim_cur < STRANGERS + 200) {
		print_message("skipped: no more than %lu open files\n",
			      (unsigned long)files.rlim_cur);
		skip();
	}
	for (size_t i = 0; i < STRANGERS; i++) {
		strangers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(strangers[i] >= 0);
		assert_int_equal(connect(strangers[i], (struct sockaddr *)&to, sizeof(to)), 0);
		assert_int_equal(send(strangers[i], words.data, words.len, 0), words.len);
	}
}

static void strangers_go(void)
{
	for (size_t i = 0; i < STRANGERS; i++)
		close(strangers[i]);
}

static void a_host_is_served(void)
{
	MESSAGE_AUTO struct message welcome = {0};
	struct test_agent a;

	agent_init(&a, &manager, NULL, NULL);
	agent_join(&a, new_token());
	agent_hello(&a, &welcome);
	assert_string_equal(welcome.welcome.host, a.host);
	agent_done(&a);
}

static void who_says_nothing_keeps_nobody_out(void **state)
{
	(void)state;
	strangers_come((struct rf_slice){0});
	a_host_is_served();
	strangers_go();
}

static void who_says_half_a_hello_keeps_nobody_out(void **state)
{
	/* A record of 512 bytes that holds a ClientHello, and its first byte. */
	static const uint8_t half[] = {22, 3, 1, 2, 0, 1};

	(void)state;
	strangers_come((struct rf_slice){half, sizeof(half)});
	a_host_is_served();
	strangers_go();
}

/* ---- evidence without logs ---- */

static int take_state(void *arg, const struct store_host *host)
{
	rf_copy(arg, 32, host->state);
	return 0;
}

static void assert_state(const char *host, const char *expected)
{
	char state[32] = "";

	assert_int_equal(store_host_get(manager.store, host, take_state, state, NULL), 0);
	assert_string_equal(state, expected);
}

static void agent_trusted(struct test_agent *a)
{
	MESSAGE_AUTO struct message welcome = {0}, ask = {0}, verdict = {0};
	RF_AUTOBUF struct rf_buf evidence = {0};
	char id[32];

	agent_init(a, &manager, forge_keys.ak, make_ecc("P-256"));
	agent_join(a, new_token());
	agent_hello(a, &welcome);
	rf_format(id, sizeof(id), "approve-%u", tokens);
	manager_command(&manager, a->host, id, "approve");
	agent_expect(a, WIRE_ASK_EVIDENCE, &ask);
	/* Nothing was judged yet. */
	assert_int_equal(ask.ask_evidence.same.len, 0);
	agent_evidence(a, ask.ask_evidence.nonce, 5000000, &evidence);
	agent_answer(a, ask.ask_evidence.job, rf_buf_slice(&evidence));
	agent_expect(a, WIRE_VERDICT, &verdict);
	assert_string_equal(verdict.verdict.state, "TRUSTED");
}

/* It comes again, and answers the question without logs, after bend had its way. */
static void brief_again(struct test_agent *a, uint64_t clock_ms, void (*bend)(struct rf_buf *brief),
			struct message *verdict)
{
	MESSAGE_AUTO struct message welcome = {0}, ask = {0};
	RF_AUTOBUF struct rf_buf evidence = {0}, brief = {0};

	agent_hello(a, &welcome);
	agent_expect(a, WIRE_ASK_EVIDENCE, &ask);
	assert_true(ask.ask_evidence.same.len > 0);
	agent_evidence(a, ask.ask_evidence.nonce, clock_ms, &evidence);
	assert_int_equal(
		attest_same_cut(rf_buf_slice(&evidence), ask.ask_evidence.same, &brief, NULL), 0);
	if (bend)
		bend(&brief);
	agent_send(a,
		   &(struct message){.kind = WIRE_EVIDENCE,
				     .evidence = {.job = ask.ask_evidence.job, .brief = true}},
		   rf_buf_slice(&brief));
	agent_expect(a, WIRE_VERDICT, verdict);
}

static void a_host_that_stays_the_same_needs_no_logs(void **state)
{
	struct test_agent a;

	(void)state;
	agent_trusted(&a);
	for (uint64_t i = 1; i < 4; i++) {
		MESSAGE_AUTO struct message verdict = {0};

		brief_again(&a, 5000000 + i, NULL, &verdict);
		assert_string_equal(verdict.verdict.state, "TRUSTED");
	}
	assert_state(a.host, "TRUSTED");
	agent_gone(&a);
}

static void cut_off(struct rf_buf *brief)
{
	brief->len -= 1;
}

static void bent(struct rf_buf *brief)
{
	brief->data[brief->len / 2] ^= 1;
}

static void empty(struct rf_buf *brief)
{
	rf_buf_reset(brief);
}

static void lies_without_logs_are_not_trusted(void **state)
{
	void (*const bends[])(struct rf_buf * brief) = {cut_off, bent, empty};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(bends); i++) {
		MESSAGE_AUTO struct message verdict = {0}, welcome = {0}, ask = {0};
		struct test_agent a;

		agent_trusted(&a);
		brief_again(&a, 6000000, bends[i], &verdict);
		assert_string_equal(verdict.verdict.state, "STALE");
		assert_state(a.host, "STALE");
		/* And the next time its logs are wanted. */
		agent_hello(&a, &welcome);
		agent_expect(&a, WIRE_ASK_EVIDENCE, &ask);
		assert_int_equal(ask.ask_evidence.same.len, 0);
		agent_gone(&a);
	}
}

static void an_older_quote_is_not_the_same(void **state)
{
	MESSAGE_AUTO struct message verdict = {0};
	struct test_agent a;

	(void)state;
	agent_trusted(&a);
	brief_again(&a, 4999999, NULL, &verdict);
	assert_string_equal(verdict.verdict.state, "STALE");
	agent_gone(&a);
}

/* Who waits for this very evidence is shown all of it. */
static void an_order_wants_logs(void **state)
{
	MESSAGE_AUTO struct message ask = {0};
	struct test_agent a;
	char id[32];

	(void)state;
	agent_trusted(&a);
	rf_format(id, sizeof(id), "attest-%u", ++tokens);
	manager_command(&manager, a.host, id, "attest");
	agent_expect(&a, WIRE_ASK_EVIDENCE, &ask);
	assert_int_equal(ask.ask_evidence.same.len, 0);
	agent_gone(&a);
}

/* Brief, where nobody offered it: it counts for nothing, and it is asked again. */
static void brief_unasked_counts_for_nothing(void **state)
{
	MESSAGE_AUTO struct message ask = {0}, again = {0};
	RF_AUTOBUF struct rf_buf evidence = {0};
	struct test_agent a;
	char id[32];

	(void)state;
	agent_trusted(&a);
	rf_format(id, sizeof(id), "attest-%u", ++tokens);
	manager_command(&manager, a.host, id, "attest");
	agent_expect(&a, WIRE_ASK_EVIDENCE, &ask);
	agent_evidence(&a, ask.ask_evidence.nonce, 7000000, &evidence);
	agent_send(&a,
		   &(struct message){.kind = WIRE_EVIDENCE,
				     .evidence = {.job = ask.ask_evidence.job, .brief = true}},
		   rf_buf_slice(&evidence));
	agent_expect(&a, WIRE_ASK_EVIDENCE, &again);
	assert_string_not_equal(again.ask_evidence.job, ask.ask_evidence.job);
	assert_int_equal(again.ask_evidence.same.len, 0);
	agent_gone(&a);
}

/* Its next turn would be in an hour; however often it says so, it is asked once for all of it. */
static void what_a_host_measures_is_asked_for_at_once(void **state)
{
	MESSAGE_AUTO struct message ask = {0}, verdict = {0}, pong = {0};
	RF_AUTOBUF struct rf_buf evidence = {0};
	const struct message measured = {.kind = WIRE_MEASURED};
	struct test_agent a;

	(void)state;
	agent_trusted(&a);
	for (int i = 0; i < 3; i++)
		agent_send(&a, &measured, (struct rf_slice){0});
	agent_expect(&a, WIRE_ASK_EVIDENCE, &ask);
	agent_evidence(&a, ask.ask_evidence.nonce, 6000000, &evidence);
	agent_answer(&a, ask.ask_evidence.job, rf_buf_slice(&evidence));
	agent_expect(&a, WIRE_VERDICT, &verdict);
	assert_string_equal(verdict.verdict.state, "TRUSTED");
	agent_send(&a, &(struct message){.kind = WIRE_PING}, (struct rf_slice){0});
	agent_expect(&a, WIRE_PONG, &pong);
	agent_gone(&a);
}

/* More came while the host was asked: what it shows may lack that, so it is asked again. */
static void what_is_measured_meanwhile_is_asked_for_too(void **state)
{
	MESSAGE_AUTO struct message ask = {0}, again = {0}, verdict = {0};
	RF_AUTOBUF struct rf_buf evidence = {0};
	const struct message measured = {.kind = WIRE_MEASURED};
	struct test_agent a;

	(void)state;
	agent_trusted(&a);
	agent_send(&a, &measured, (struct rf_slice){0});
	agent_expect(&a, WIRE_ASK_EVIDENCE, &ask);
	agent_send(&a, &measured, (struct rf_slice){0});
	agent_evidence(&a, ask.ask_evidence.nonce, 6000000, &evidence);
	agent_answer(&a, ask.ask_evidence.job, rf_buf_slice(&evidence));
	agent_expect(&a, WIRE_VERDICT, &verdict);
	agent_expect(&a, WIRE_ASK_EVIDENCE, &again);
	assert_string_not_equal(again.ask_evidence.job, ask.ask_evidence.job);
	agent_gone(&a);
}

/* Else an orderly end of the manager is told as a fault, when workers end before their role looks.
 */
static void a_verifier_that_nobody_asks_any_more_ends_without_a_fault(void **state)
{
	struct test_manager alone = {.config = manager.config};
	int pair[2], status = -1;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	close(pair[1]);
	role_fork(&alone, 1, -1, pair[0], -1, role_verify);
	close(pair[0]);
	assert_int_equal(waitpid(alone.pids[1], &status, 0), alone.pids[1]);
	close(alone.stops[1]);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_says_nothing_keeps_nobody_out),
		cmocka_unit_test(who_says_half_a_hello_keeps_nobody_out),
		cmocka_unit_test(a_host_that_stays_the_same_needs_no_logs),
		cmocka_unit_test(lies_without_logs_are_not_trusted),
		cmocka_unit_test(an_older_quote_is_not_the_same),
		cmocka_unit_test(an_order_wants_logs),
		cmocka_unit_test(brief_unasked_counts_for_nothing),
		cmocka_unit_test(what_a_host_measures_is_asked_for_at_once),
		cmocka_unit_test(what_is_measured_meanwhile_is_asked_for_too),
		cmocka_unit_test(a_verifier_that_nobody_asks_any_more_ends_without_a_fault),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
