/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role agents with its keys, its worker and its store, and an agent of the test's own that lies
 * in each way that has a name: joining, sessions, evidence, what is numbered, secrets.
 */
#include <jansson.h>

#include "agent_test.h"

#include "model/difference.h"
#include "store/ask.h"
#include "store/facts.h"

static struct test_manager manager;
static unsigned tokens;

static int setup(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	forge_keys_make(state);
	manager_open(
		&manager,
		"unproven_tpm: yes\nwithout_tpm: yes\nevidence_s: 3600\nuntrusted: restrict\n");
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

/* A fresh TPM each: an endorsement key is bound to one host for good. */
static void agent_new(struct test_agent *a)
{
	agent_init(a, &manager, forge_keys.ak, make_ecc("P-256"));
}

static void agent_gone(struct test_agent *a)
{
	EVP_PKEY_free(a->ek);
	agent_done(a);
}

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

/* Joined, welcomed, approved on this evidence: its verdict is out. */
static void agent_approved(struct test_agent *a, const char *expected)
{
	MESSAGE_AUTO struct message welcome = {0}, ask = {0}, verdict = {0};
	RF_AUTOBUF struct rf_buf evidence = {0};
	char id[32];

	agent_join(a, new_token());
	agent_hello(a, &welcome);
	assert_string_equal(welcome.welcome.state, "NEW");
	rf_format(id, sizeof(id), "approve-%u", tokens);
	manager_command(&manager, a->host, id, "approve");
	agent_expect(a, WIRE_ASK_EVIDENCE, &ask);
	agent_evidence(a, ask.ask_evidence.nonce, 5000000, &evidence);
	agent_answer(a, ask.ask_evidence.job, rf_buf_slice(&evidence));
	agent_expect(a, WIRE_VERDICT, &verdict);
	if (strcmp(verdict.verdict.state, expected))
		fail_msg("%s: %s", verdict.verdict.state, verdict.verdict.reason);
}

/* Asked for evidence anew, it answers with what make gives. */
static void attest_again(struct test_agent *a, const char *expected,
			 void (*make)(struct test_agent *a, struct rf_slice nonce,
				      struct rf_buf *out))
{
	MESSAGE_AUTO struct message ask = {0}, verdict = {0};
	RF_AUTOBUF struct rf_buf evidence = {0};
	char id[32];

	rf_format(id, sizeof(id), "attest-%u", ++tokens);
	manager_command(&manager, a->host, id, "attest");
	agent_expect(a, WIRE_ASK_EVIDENCE, &ask);
	make(a, ask.ask_evidence.nonce, &evidence);
	agent_answer(a, ask.ask_evidence.job, rf_buf_slice(&evidence));
	agent_expect(a, WIRE_VERDICT, &verdict);
	if (strcmp(verdict.verdict.state, expected))
		fail_msg("%s: %s", verdict.verdict.state, verdict.verdict.reason);
	assert_state(a->host, expected);
}

static void assert_refused(struct test_agent *a, const char *words)
{
	MESSAGE_AUTO struct message no = {0};

	agent_expect(a, WIRE_REFUSED, &no);
	if (!strstr(no.refused.reason, words))
		fail_msg("%s", no.refused.reason);
	agent_expect_end(a);
}

/* ---- joining ---- */

static void a_token_works_once(void **state)
{
	struct test_agent one, two;
	char token[32];

	(void)state;
	agent_new(&one);
	agent_new(&two);
	agent_join(&one, new_token());
	rf_format(token, sizeof(token), "token-number-%08u", tokens);
	assert_state(one.host, "NEW");
	agent_enrol(&two, token, 0);
	assert_refused(&two, "invitation");
	agent_enrol(&two, "a-token-that-nobody-gave", 0);
	assert_refused(&two, "invitation");
	agent_gone(&one);
	agent_gone(&two);
}

static void a_certificate_is_the_hosts_whatever_its_request_says(void **state)
{
	struct test_agent a;

	(void)state;
	agent_new(&a);
	agent_join(&a, new_token());
	BIO *bio = BIO_new_mem_buf(a.certificate.data, (int)a.certificate.len);
	X509 *c = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	char name[128] = "";

	X509_NAME_get_text_by_NID(X509_get_subject_name(c), NID_commonName, name, sizeof(name));
	assert_string_equal(name, a.host);
	assert_true(X509_get_extended_key_usage(c) == XKU_SSL_CLIENT);
	assert_false(X509_check_ca(c));
	X509_free(c);
	BIO_free(bio);
	agent_gone(&a);
}

/* CVE-2025-13609: the same TPM as another host; also as a retired one. */
static void a_tpm_is_bound_to_one_host_for_good(void **state)
{
	struct test_agent a, again;
	MESSAGE_AUTO struct message challenge = {0};
	uint8_t secret[64];
	size_t len;

	(void)state;
	agent_new(&a);
	agent_join(&a, new_token());
	agent_init(&again, &manager, forge_keys.other, a.ek);
	manager_invite(&manager, new_token());
	char token[32];

	rf_format(token, sizeof(token), "token-number-%08u", tokens);
	agent_enrol(&again, token, 0);
	agent_expect(&again, WIRE_CHALLENGE, &challenge);
	assert_true(agent_activate(&again, &challenge, secret, &len));
	agent_send(&again, &(struct message){.kind = WIRE_PROOF, .proof = {{secret, len}}},
		   NOTHING);
	assert_refused(&again, "bound to another host");
	agent_done(&again);
	agent_gone(&a);
}

static void a_key_that_is_not_in_the_tpm_is_refused(void **state)
{
	static const uint8_t guess[32] = {1};
	struct test_agent a;
	MESSAGE_AUTO struct message challenge = {0};

	(void)state;
	agent_new(&a);
	manager_invite(&manager, new_token());
	char token[32];

	rf_format(token, sizeof(token), "token-number-%08u", tokens);
	agent_enrol(&a, token, 0);
	agent_expect(&a, WIRE_CHALLENGE, &challenge);
	agent_send(&a, &(struct message){.kind = WIRE_PROOF, .proof = {{guess, sizeof(guess)}}},
		   NOTHING);
	assert_refused(&a, "not in the TPM");
	/* The invitation was not used by that. */
	MESSAGE_AUTO struct message second = {0};

	agent_enrol(&a, token, 0);
	agent_expect(&a, WIRE_CHALLENGE, &second);
	agent_gone(&a);
}

static void an_attestation_key_that_signs_anything_is_refused(void **state)
{
	struct test_agent a;

	(void)state;
	agent_new(&a);
	manager_invite(&manager, new_token());
	char token[32];

	rf_format(token, sizeof(token), "token-number-%08u", tokens);
	agent_enrol(&a, token, AK_ATTRIBUTES & ~ATTEST_RESTRICTED);
	assert_refused(&a, "attestation key");
	agent_gone(&a);
}

static void a_proof_without_a_challenge_is_refused(void **state)
{
	static const uint8_t guess[32];
	struct test_agent a;

	(void)state;
	agent_new(&a);
	agent_dial(&a);
	agent_send(&a, &(struct message){.kind = WIRE_PROOF, .proof = {{guess, sizeof(guess)}}},
		   NOTHING);
	agent_expect_end(&a);
	agent_gone(&a);
}

static void a_host_without_a_tpm_joins_and_is_NO_TPM_when_approved(void **state)
{
	struct test_agent a;
	MESSAGE_AUTO struct message welcome = {0}, verdict = {0};

	(void)state;
	agent_init(&a, &manager, NULL, NULL);
	agent_join(&a, new_token());
	agent_hello(&a, &welcome);
	manager_command(&manager, a.host, "approve-no-tpm", "approve");
	agent_expect(&a, WIRE_VERDICT, &verdict);
	assert_string_equal(verdict.verdict.state, "NO_TPM");
	agent_done(&a);
}

/* ---- sessions ---- */

static void who_has_no_certificate_has_no_session(void **state)
{
	struct test_agent a;

	(void)state;
	agent_new(&a);
	agent_dial(&a);
	agent_send(
		&a,
		&(struct message){.kind = WIRE_HELLO, .hello = {.agent_version = "1", .boot = "b"}},
		NOTHING);
	agent_expect_end(&a);
	agent_gone(&a);
}

static int event_count(void *arg, const struct store_event *event)
{
	*(int *)arg += rf_equal(event->kind, "agent.version");
	return 0;
}

/* A frame of one row: put. */
static void facts_frame(struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf row = {0};
	const struct fact_sysctl sysctl = {
		.key = "kernel.kptr_restrict", .value = "2", .source = "test"};

	assert_int_equal(fact_encode(&fact_tables[FACT_T_SYSCTL], "it", &sysctl, &row), 0);
	const uint8_t head[] = {DIFFERENCE_PUT, 0, 0, (uint8_t)(row.len >> 8), (uint8_t)row.len};

	rf_buf_add(out, head, sizeof(head));
	rf_buf_add(out, row.data, row.len);
}

static void facts_of_another_version_are_refused_in_words(void **state)
{
	static const struct {
		const char *schema;
		bool kept;
	} rows[] = {
		{"00112233445566778899aabbccddeeff", false}, {NULL, false}, {fact_schema_id, true}};
	struct test_agent a;
	MESSAGE_AUTO struct message welcome = {0};
	RF_AUTOBUF struct rf_buf bytes = {0};
	int64_t last = 0, at_ms = 0;
	int told = 0;

	(void)state;
	agent_init(&a, &manager, NULL, NULL);
	agent_join(&a, new_token());
	agent_hello(&a, &welcome);
	assert_int_equal(store_event_last(manager.store, &last, NULL), 0);
	facts_frame(&bytes);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		MESSAGE_AUTO struct message confirm = {0};

		agent_send(&a,
			   &(struct message){.kind = WIRE_FACTS,
					     .facts = {.number = (int64_t)i + 1,
						       .whole = true,
						       .at_ms = 7,
						       .schema = rows[i].schema}},
			   rf_buf_slice(&bytes));
		/* Confirmed, kept or not: the session goes on. */
		agent_expect(&a, WIRE_CONFIRM, &confirm);
		assert_int_equal(confirm.confirm.number, i + 1);
		assert_int_equal(store_facts_at(manager.store, a.host, &at_ms, NULL), 0);
		assert_int_equal(at_ms, rows[i].kept ? 7 : 0);
	}
	assert_int_equal(store_event_after(manager.store, last, 1000, event_count, &told, NULL), 0);
	assert_int_equal(told, 1);
	agent_done(&a);
}

static void a_frame_before_hello_ends_it(void **state)
{
	struct test_agent a;

	(void)state;
	agent_new(&a);
	agent_join(&a, new_token());
	agent_dial(&a);
	agent_send(&a, &(struct message){.kind = WIRE_EVENT, .event = {.number = 1, .kind = "k"}},
		   NOTHING);
	agent_expect_end(&a);
	agent_gone(&a);
}

static void a_retired_host_is_ended_and_stays_out(void **state)
{
	struct test_agent a;
	MESSAGE_AUTO struct message welcome = {0};

	(void)state;
	agent_new(&a);
	agent_join(&a, new_token());
	agent_hello(&a, &welcome);
	assert_int_equal(store_host_retire(manager.store, a.host, "test", role_now_ms(), NULL), 0);
	assert_refused(&a, "retired");
	agent_dial(&a);
	agent_send(
		&a,
		&(struct message){.kind = WIRE_HELLO, .hello = {.agent_version = "1", .boot = "b"}},
		NOTHING);
	MESSAGE_AUTO struct message no = {0};

	agent_expect(&a, WIRE_REFUSED, &no);
	agent_expect_end(&a);
	agent_gone(&a);
}

static void a_certificate_is_renewed_once_a_minute(void **state)
{
	struct test_agent a;
	RF_AUTOBUF struct rf_buf request = {0};
	MESSAGE_AUTO struct message welcome = {0}, renewed = {0}, again = {0};

	(void)state;
	agent_new(&a);
	agent_join(&a, new_token());
	agent_hello(&a, &welcome);
	EVP_PKEY_free(a.tls_key);
	a.tls_key = EVP_EC_gen("P-256");
	agent_request(a.tls_key, &request);
	const struct message renew = {.kind = WIRE_RENEW, .renew = {rf_buf_slice(&request)}};

	agent_send(&a, &renew, NOTHING);
	agent_expect(&a, WIRE_RENEWED, &renewed);
	agent_send(&a, &renew, NOTHING);
	agent_expect_end(&a);
	rf_buf_reset(&a.certificate);
	rf_buf_add_text(&a.certificate, renewed.renewed.certificate);
	agent_hello(&a, &again);
	assert_string_equal(again.welcome.host, a.host);
	agent_gone(&a);
}

static void the_newer_connection_of_a_host_counts(void **state)
{
	struct test_agent a;
	MESSAGE_AUTO struct message welcome = {0}, again = {0};

	(void)state;
	agent_new(&a);
	agent_join(&a, new_token());
	agent_hello(&a, &welcome);
	struct test_agent older = a;

	a.ssl = NULL;
	a.tls = NULL;
	a.fd = -1;
	a.in = (struct rf_buf){0};
	agent_hello(&a, &again);
	agent_expect_end(&older);
	agent_hang_up(&older);
	rf_buf_done(&older.in);
	agent_send(&a, &(struct message){.kind = WIRE_PING}, NOTHING);
	MESSAGE_AUTO struct message pong = {0};

	agent_expect(&a, WIRE_PONG, &pong);
	agent_gone(&a);
}

/* ---- evidence ---- */

static void good_evidence(struct test_agent *a, struct rf_slice nonce, struct rf_buf *out)
{
	agent_evidence(a, nonce, 6000000, out);
}

static void garbage(struct test_agent *a, struct rf_slice nonce, struct rf_buf *out)
{
	(void)a;
	rf_buf_add(out, nonce.data, nonce.len);
}

/* Yesterday's quote, sent again. */
static void with_an_old_nonce(struct test_agent *a, struct rf_slice nonce, struct rf_buf *out)
{
	static const uint8_t old[32] = {7};

	(void)nonce;
	agent_evidence(a, (struct rf_slice){old, sizeof(old)}, 7000000, out);
}

/* Another machine's TPM answers in this one's name. */
static void of_another_tpm(struct test_agent *a, struct rf_slice nonce, struct rf_buf *out)
{
	struct test_agent other = *a;

	other.ak = forge_keys.other;
	agent_evidence(&other, nonce, 8000000, out);
}

static void a_good_host_is_trusted_and_its_lies_are_not(void **state)
{
	struct test_agent a;

	(void)state;
	agent_new(&a);
	agent_approved(&a, "TRUSTED");
	assert_state(a.host, "TRUSTED");
	attest_again(&a, "TRUSTED", good_evidence);
	attest_again(&a, "UNTRUSTED", with_an_old_nonce);
	attest_again(&a, "TRUSTED", good_evidence);
	attest_again(&a, "UNTRUSTED", of_another_tpm);
	attest_again(&a, "UNTRUSTED", garbage);
	attest_again(&a, "TRUSTED", good_evidence);
	agent_gone(&a);
}

static void evidence_that_nobody_asked_for_ends_it(void **state)
{
	static const uint8_t nonce[32];
	RF_AUTOBUF struct rf_buf evidence = {0};
	struct test_agent a;

	(void)state;
	agent_new(&a);
	agent_approved(&a, "TRUSTED");
	agent_evidence(&a, (struct rf_slice){nonce, sizeof(nonce)}, 9000000, &evidence);
	agent_answer(&a, "00000000000000000000000000000000", rf_buf_slice(&evidence));
	agent_expect_end(&a);
	assert_state(a.host, "TRUSTED");
	agent_gone(&a);
}

static void a_host_that_cannot_show_evidence_is_not_trusted(void **state)
{
	struct test_agent a;
	MESSAGE_AUTO struct message ask = {0}, verdict = {0};

	(void)state;
	agent_new(&a);
	agent_approved(&a, "TRUSTED");
	manager_command(&manager, a.host, "attest-fault", "attest");
	agent_expect(&a, WIRE_ASK_EVIDENCE, &ask);
	agent_send(&a,
		   &(struct message){.kind = WIRE_EVIDENCE,
				     .evidence = {.job = ask.ask_evidence.job,
						  .fault = "the TPM does not answer"}},
		   NOTHING);
	agent_expect(&a, WIRE_VERDICT, &verdict);
	assert_string_equal(verdict.verdict.state, "STALE");
	assert_non_null(strstr(verdict.verdict.reason, "cannot judge"));
	agent_gone(&a);
}

/* Its children, by /proc. */
static size_t children_of(pid_t parent, pid_t out[8])
{
	char path[64], line[256] = "";
	size_t count = 0;

	rf_format(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	FILE *f = fopen(path, "r");

	if (f && fgets(line, sizeof(line), f)) {
		char *at = line;

		for (char *word; count < 8 && (word = rf_word_next(&at));)
			out[count++] = (pid_t)atoi(word);
	}
	if (f)
		fclose(f);
	return count;
}

/* Ordered while older evidence is judged, an approval is not spent on that: the host is asked anew.
 */
static void an_approval_that_comes_during_a_verdict_counts_for_the_next(void **state)
{
	struct test_agent a;
	struct wire_frame frame;
	bool trusted = false;
	pid_t workers[8];

	(void)state;
	agent_new(&a);
	agent_approved(&a, "TRUSTED");
	size_t count = children_of(manager.pids[1], workers);

	for (size_t i = 0; i < count; i++)
		kill(workers[i], SIGSTOP);
	manager_command(&manager, a.host, "attest-now", "attest");
	for (size_t seen = 0; !trusted && agent_next(&a, &frame);) {
		MESSAGE_AUTO struct message m = {0};
		RF_AUTOBUF struct rf_buf evidence = {0};

		assert_int_equal(message_read(frame.kind, frame.text, &m, NULL), 0);
		if (m.kind == WIRE_ASK_EVIDENCE && seen++) {
			good_evidence(&a, m.ask_evidence.nonce, &evidence);
			agent_answer(&a, m.ask_evidence.job, rf_buf_slice(&evidence));
		} else if (m.kind == WIRE_ASK_EVIDENCE) {
			garbage(&a, m.ask_evidence.nonce, &evidence);
			agent_answer(&a, m.ask_evidence.job, rf_buf_slice(&evidence));
			manager_command(&manager, a.host, "approve-behind", "approve");
			manager_command(&manager, a.host, "then-this", "check");
		} else if (m.kind == WIRE_COMMAND) {
			for (size_t i = 0; i < count; i++)
				kill(workers[i], SIGCONT);
		}
		trusted = m.kind == WIRE_VERDICT && !strcmp(m.verdict.state, "TRUSTED");
	}
	assert_true(trusted);
	agent_gone(&a);
}

/* A worker that hangs costs the job that it has: the host is not trusted by it, and the next one is
 * judged by another. */
static void a_worker_that_hangs_costs_one_job(void **state)
{
	struct test_agent a;
	pid_t workers[8];

	(void)state;
	agent_new(&a);
	agent_approved(&a, "TRUSTED");
	size_t count = children_of(manager.pids[1], workers);

	if (count == 0)
		skip(); /* a kernel without the list of children */
	for (size_t i = 0; i < count; i++)
		kill(workers[i], SIGSTOP);
	attest_again(&a, "STALE", good_evidence);
	for (size_t i = 0; i < count; i++)
		kill(workers[i], SIGKILL);
	attest_again(&a, "TRUSTED", good_evidence);
	agent_gone(&a);
}

/* ---- what is numbered ---- */

static int count_event(void *arg, const struct store_event *event)
{
	if (strcmp(event->kind, "agent.test-event") == 0)
		++*(int *)arg;
	return 0;
}

static void what_comes_twice_is_confirmed_and_stored_once(void **state)
{
	struct test_agent a;
	MESSAGE_AUTO struct message welcome = {0}, confirm = {0}, again = {0}, later = {0};
	const struct message event = {
		.kind = WIRE_EVENT,
		.event = {.number = 1, .kind = "test-event", .text = "'; DROP TABLE host; --"}};
	int count = 0;

	(void)state;
	assert_int_equal(store_sink_add(manager.store, "test", NULL), 0);
	agent_new(&a);
	agent_join(&a, new_token());
	agent_hello(&a, &welcome);
	assert_int_equal(welcome.welcome.confirmed, 0);
	agent_send(&a, &event, NOTHING);
	agent_expect(&a, WIRE_CONFIRM, &confirm);
	assert_int_equal(confirm.confirm.number, 1);
	agent_send(&a, &event, NOTHING);
	agent_expect(&a, WIRE_CONFIRM, &again);
	assert_int_equal(again.confirm.number, 1);
	assert_int_equal(store_event_each(manager.store, "test", 1000, count_event, &count, NULL),
			 0);
	assert_int_equal(count, 1);
	agent_hello(&a, &later);
	assert_int_equal(later.welcome.confirmed, 1);
	agent_gone(&a);
}

/* ---- commands ---- */

static void a_command_is_signed_for_its_host(void **state)
{
	struct test_agent a;
	struct wire_frame frame;
	MESSAGE_AUTO struct message welcome = {0}, command = {0}, confirm = {0};

	(void)state;
	agent_new(&a);
	agent_join(&a, new_token());
	agent_hello(&a, &welcome);
	int64_t serial = manager_command(&manager, a.host, "command-1", "check");

	do
		assert_true(agent_next(&a, &frame));
	while (frame.kind != WIRE_COMMAND);
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, a.command_key, 32);
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestVerifyInit(c, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(c, frame.bytes.data, frame.bytes.len, frame.text.data,
					  frame.text.len),
			 1);
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(key);
	assert_int_equal(message_read(WIRE_COMMAND, frame.text, &command, NULL), 0);
	assert_string_equal(command.command.host, a.host);
	assert_int_equal(command.command.serial, serial);
	agent_send(&a,
		   &(struct message){.kind = WIRE_RESULT,
				     .result = {.number = 1, .command = "command-1", .exit = 0}},
		   rf_slice_text("{}"));
	agent_expect(&a, WIRE_CONFIRM, &confirm);
	agent_gone(&a);
}

/* By the site's policy (untrusted: restrict), once for each time that it turns so. */
static void vms_for_trusted_hosts_are_shut_in_on_one_that_is_none(void **state)
{
	MESSAGE_AUTO struct message order = {0};
	struct test_agent a;

	(void)state;
	agent_new(&a);
	agent_approved(&a, "TRUSTED");
	attest_again(&a, "UNTRUSTED", garbage);
	agent_expect(&a, WIRE_COMMAND, &order);
	assert_string_equal(order.command.verb, "quarantine-trusted-only");
	assert_string_equal(json_string_value(json_object_get(order.command.arguments, "level")),
			    "restrict");
	attest_again(&a, "UNTRUSTED", with_an_old_nonce);
	/* That was the one serial between. */
	assert_int_equal(manager_command(&manager, a.host, "after", "check"),
			 order.command.serial + 2);
	agent_gone(&a);
}

/* An agent that lies about another host is refused, and it is recorded. */
static void a_result_of_anothers_command_is_refused(void **state)
{
	struct test_agent a, b;
	MESSAGE_AUTO struct message welcome = {0};

	(void)state;
	agent_new(&a);
	agent_new(&b);
	agent_join(&a, new_token());
	agent_join(&b, new_token());
	manager_command(&manager, a.host, "command-of-a", "check");
	agent_hello(&b, &welcome);
	agent_send(&b,
		   &(struct message){.kind = WIRE_RESULT,
				     .result = {.number = 1, .command = "command-of-a", .exit = 0}},
		   rf_slice_text("all is well"));
	agent_expect_end(&b);
	agent_gone(&a);
	agent_gone(&b);
}

/* ---- secrets ---- */

static void ask_secret(struct test_agent *a, const char *vm, const char *name, bool given)
{
	struct wire_frame frame;
	MESSAGE_AUTO struct message answer = {0};

	agent_send(a, &(struct message){.kind = WIRE_ASK_SECRET, .ask_secret = {vm, name}},
		   NOTHING);
	do
		assert_true(agent_next(a, &frame));
	while (frame.kind != WIRE_SECRET);
	assert_int_equal(message_read(WIRE_SECRET, frame.text, &answer, NULL), 0);
	assert_int_equal(frame.bytes.len, given ? 6 : 0);
	assert_int_equal(answer.secret.fault == NULL, given);
}

/* The host on a line of its own, behind another's and words. */
static void assign(const char *vm, const char *host, const char *behind)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char path[128];

	rf_format(path, sizeof(path), "%s/secrets/%s/hosts", manager.folder, vm);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	rf_buf_printf(&text, "# who may have it\nfirst-host\n\t%s%s\n", host, behind);
	assert_int_equal(write(fd, text.data, text.len), text.len);
	close(fd);
}

static void a_secret_goes_to_a_trusted_host_alone(void **state)
{
	struct test_agent a;
	char path[128];

	(void)state;
	rf_format(path, sizeof(path), "%s/secrets/vm-1", manager.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	rf_format(path, sizeof(path), "%s/secrets/vm-1/disk", manager.folder);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write(fd, "secret", 6), 6);
	close(fd);
	agent_new(&a);
	agent_approved(&a, "TRUSTED");
	/* Assigned to no host, to another's, to a host whose id begins as this one's, to this. */
	ask_secret(&a, "vm-1", "disk", false);
	assign("vm-1", "another-host", "");
	ask_secret(&a, "vm-1", "disk", false);
	assign("vm-1", a.host, "0");
	ask_secret(&a, "vm-1", "disk", false);
	assign("vm-1", a.host, " # rack 7");
	ask_secret(&a, "vm-1", "disk", true);
	ask_secret(&a, "vm-1", "hosts", false);
	ask_secret(&a, "vm-1", "other", false);
	ask_secret(&a, "..", "manager.key", false);
	ask_secret(&a, "vm-1", "../vm-1/disk", false);
	attest_again(&a, "UNTRUSTED", with_an_old_nonce);
	ask_secret(&a, "vm-1", "disk", false);
	agent_gone(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_works_once),
		cmocka_unit_test(a_certificate_is_the_hosts_whatever_its_request_says),
		cmocka_unit_test(a_tpm_is_bound_to_one_host_for_good),
		cmocka_unit_test(a_key_that_is_not_in_the_tpm_is_refused),
		cmocka_unit_test(an_attestation_key_that_signs_anything_is_refused),
		cmocka_unit_test(a_proof_without_a_challenge_is_refused),
		cmocka_unit_test(a_host_without_a_tpm_joins_and_is_NO_TPM_when_approved),
		cmocka_unit_test(who_has_no_certificate_has_no_session),
		cmocka_unit_test(facts_of_another_version_are_refused_in_words),
		cmocka_unit_test(a_frame_before_hello_ends_it),
		cmocka_unit_test(a_retired_host_is_ended_and_stays_out),
		cmocka_unit_test(a_certificate_is_renewed_once_a_minute),
		cmocka_unit_test(the_newer_connection_of_a_host_counts),
		cmocka_unit_test(a_good_host_is_trusted_and_its_lies_are_not),
		cmocka_unit_test(evidence_that_nobody_asked_for_ends_it),
		cmocka_unit_test(a_host_that_cannot_show_evidence_is_not_trusted),
		cmocka_unit_test(an_approval_that_comes_during_a_verdict_counts_for_the_next),
		cmocka_unit_test(a_worker_that_hangs_costs_one_job),
		cmocka_unit_test(what_comes_twice_is_confirmed_and_stored_once),
		cmocka_unit_test(a_command_is_signed_for_its_host),
		cmocka_unit_test(a_result_of_anothers_command_is_refused),
		cmocka_unit_test(vms_for_trusted_hosts_are_shut_in_on_one_that_is_none),
		cmocka_unit_test(a_secret_goes_to_a_trusted_host_alone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
