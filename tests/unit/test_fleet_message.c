/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of frames: each kind there and back, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "fleet/message.h"

static const struct {
	enum wire_kind kind;
	const char *text;
} good[] = {
	{WIRE_ENROL, "{\"token\":\"abcdefghijklmnop\",\"name\":\"web-3.example\","
		     "\"agent_version\":\"0.1.0\",\"tpm\":\"none\",\"request\":\"MAA=\"}"},
	{WIRE_ENROL, "{\"token\":\"abcdefghijklmnop\",\"name\":\"web-3\",\"agent_version\":\"1\","
		     "\"tpm\":\"device\",\"ek_certificates\":[\"MAA=\",\"MAAB\"],"
		     "\"ek_public\":\"AA==\",\"ak_public\":\"AQ==\",\"request\":\"MAA=\"}"},
	{WIRE_CHALLENGE, "{\"credential\":\"AAE=\",\"seed\":\"AgM=\"}"},
	{WIRE_PROOF, "{\"secret\":\"AAEC\"}"},
	{WIRE_ENROLLED, "{\"host\":\"h1\",\"state\":\"NEW\",\"certificate\":\"pem\\n\","
			"\"authority\":\"pem\\n\",\"command_key\":"
			"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}"},
	{WIRE_REFUSED, "{\"reason\":\"the token is used\"}"},
	{WIRE_REFUSED, "{\"reason\":\"busy\",\"next\":\"wait\",\"retry_ms\":500}"},
	{WIRE_HELLO, "{\"agent_version\":\"0.1.0\",\"boot\":\"b-1\"}"},
	{WIRE_HELLO, "{\"agent_version\":\"0.1.0\",\"boot\":\"b-1\",\"spooled_from\":3,"
		     "\"spooled_to\":9223372036854775807}"},
	{WIRE_WELCOME, "{\"host\":\"h1\",\"state\":\"NEW\",\"confirmed\":0,\"now_ms\":5,"
		       "\"evidence_s\":30,\"facts_s\":300,\"idle_s\":60}"},
	{WIRE_ASK_EVIDENCE, "{\"job\":\"j1\",\"nonce\":\"AAECAwQFBgcICQoLDA0ODw==\"}"},
	{WIRE_EVIDENCE, "{\"job\":\"j1\"}"},
	{WIRE_EVIDENCE, "{\"job\":\"j1\",\"fault\":\"the TPM does not answer\"}"},
	{WIRE_FACTS, "{\"number\":1,\"whole\":false,\"at_ms\":0}"},
	{WIRE_EVENT, "{\"number\":1,\"kind\":\"k\",\"text\":\"Gr\xc3\xbc\xc3\x9f\",\"at_ms\":1}"},
	{WIRE_LEDGER, "{\"number\":9,\"first\":0}"},
	{WIRE_RESULT, "{\"number\":9,\"command\":\"c1\",\"exit\":-1,\"text\":\"\"}"},
	{WIRE_CONFIRM, "{\"number\":7}"},
	{WIRE_COMMAND, "{\"command\":\"c1\",\"host\":\"h1\",\"verb\":\"check\",\"arguments\":"
		       "{\"a\":[1]},\"issued_ms\":1,\"expires_ms\":2,\"serial\":1}"},
	{WIRE_VERDICT, "{\"state\":\"TRUSTED\",\"at_ms\":1,\"valid_ms\":2}"},
	{WIRE_RENEW, "{\"request\":\"MAA=\"}"},
	{WIRE_RENEWED, "{\"certificate\":\"pem\"}"},
	{WIRE_ASK_SECRET, "{\"vm\":\"4b0c\",\"secret\":\"disk\"}"},
	{WIRE_SECRET, "{\"vm\":\"4b0c\",\"secret\":\"disk\",\"fault\":\"not TRUSTED\"}"},
	{WIRE_PING, "{}"},
	{WIRE_PONG, "{\"now_ms\":1}"},
	{WIRE_MEASURED, "{}"},
	{WIRE_CERTIFY, "{\"host\":\"h1\",\"request\":\"MAA=\",\"from_ms\":1,\"to_ms\":2}"},
	{WIRE_CERTIFIED, "{\"fault\":\"no\"}"},
	{WIRE_SIGN, "{}"},
	{WIRE_SIGNED, "{}"},
	{WIRE_NOTE, "{\"size\":1,\"root\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}"},
	{WIRE_NOTED, "{\"note\":\"n\"}"},
	{WIRE_JUDGE, "{\"job\":\"j1\",\"nonce\":\"AAECAwQFBgcICQoLDA0ODw==\",\"now_ms\":1,"
		     "\"known\":true,\"firmware\":-1}"},
	{WIRE_JUDGED, "{\"job\":\"j1\",\"state\":\"TRUSTED\",\"proved\":true}"},
	{WIRE_VOUCH, "{\"ek_public\":\"AA==\",\"ak_public\":\"AQ==\","
		     "\"secret\":\"AAECAwQFBgcICQoLDA0ODw==\",\"now_ms\":1}"},
	{WIRE_VOUCHED, "{\"fault\":\"no\"}"},
};

static void test_each_kind_there_and_back(void **state)
{
	bool seen[WIRE_KIND_COUNT] = {false};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(good); i++) {
		RF_AUTOBUF struct rf_buf again = {0};
		MESSAGE_AUTO struct message m = {0};
		struct rf_err err = {0};

		if (message_read(good[i].kind, rf_slice_text(good[i].text), &m, &err))
			fail_msg("%s: %s", good[i].text, rf_err_text(&err));
		assert_int_equal(message_text(&m, &again, &err), 0);
		assert_string_equal(rf_buf_text(&again), good[i].text);
		seen[good[i].kind] = true;
	}
	for (int k = WIRE_NONE + 1; k < WIRE_KIND_COUNT; k++)
		assert_true(seen[k]);
}

static const struct {
	const char *why;
	enum wire_kind kind;
	const char *text;
	int code;
	const char *words; /* in the error */
} bad[] = {
	{"no JSON", WIRE_PING, "{", RF_E_SYNTAX, "ping"},
	{"nothing", WIRE_PING, "", RF_E_SYNTAX, "ping"},
	{"no object", WIRE_PING, "[]", RF_E_SYNTAX, "no object"},
	{"more behind it", WIRE_PING, "{}{}", RF_E_SYNTAX, "ping"},
	{"unknown member", WIRE_CONFIRM, "{\"number\":1,\"host\":\"h2\"}", RF_E_UNKNOWN, "host"},
	{"member twice", WIRE_CONFIRM, "{\"number\":1,\"number\":2}", RF_E_DUPLICATE, "confirm"},
	{"member missing", WIRE_CONFIRM, "{}", RF_E_MISSING, "number"},
	{"zero", WIRE_CONFIRM, "{\"number\":0}", RF_E_LIMIT, "number"},
	{"negative", WIRE_CONFIRM, "{\"number\":-1}", RF_E_LIMIT, "number"},
	{"a real", WIRE_CONFIRM, "{\"number\":1.0}", RF_E_SYNTAX, "number"},
	{"beyond 64 bits", WIRE_CONFIRM, "{\"number\":9223372036854775808}", RF_E_SYNTAX,
	 "confirm"},
	{"null", WIRE_CONFIRM, "{\"number\":null}", RF_E_SYNTAX, "number"},
	{"a text for a number", WIRE_CONFIRM, "{\"number\":\"1\"}", RF_E_SYNTAX, "number"},
	{"a number for a flag", WIRE_FACTS, "{\"number\":1,\"whole\":1,\"at_ms\":0}", RF_E_SYNTAX,
	 "whole"},
	{"a time after the end", WIRE_PONG, "{\"now_ms\":253402300800000}", RF_E_LIMIT, "now_ms"},
	{"an empty name", WIRE_EVIDENCE, "{\"job\":\"\"}", RF_E_LIMIT, "job"},
	{"a name with a quote", WIRE_EVIDENCE, "{\"job\":\"a' OR '1\"}", RF_E_SYNTAX, "job"},
	{"a name with a line", WIRE_EVIDENCE, "{\"job\":\"a\\nb\"}", RF_E_SYNTAX, "job"},
	{"a name with NUL", WIRE_EVIDENCE, "{\"job\":\"a\\u0000b\"}", RF_E_SYNTAX, "evidence"},
	{"broken UTF-8", WIRE_REFUSED, "{\"reason\":\"\xff\"}", RF_E_SYNTAX, "refused"},
	{"no base64", WIRE_PROOF, "{\"secret\":\"AA=A\"}", RF_E_SYNTAX, "secret"},
	{"too long a secret", WIRE_PROOF,
	 "{\"secret\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	 "AAAAAAA=\"}",
	 RF_E_LIMIT, "secret"},
	{"a key that is short", WIRE_ENROLLED,
	 "{\"host\":\"h1\",\"state\":\"NEW\",\"certificate\":\"p\",\"authority\":\"p\","
	 "\"command_key\":\"AAAA\"}",
	 RF_E_LIMIT, "command_key"},
	{"nine certificates", WIRE_ENROL,
	 "{\"token\":\"abcdefghijklmnop\",\"name\":\"n\",\"agent_version\":\"1\",\"tpm\":\"none\","
	 "\"ek_certificates\":[\"AA==\",\"AA==\",\"AA==\",\"AA==\",\"AA==\",\"AA==\",\"AA==\","
	 "\"AA==\",\"AA==\"],\"request\":\"MAA=\"}",
	 RF_E_LIMIT, "ek_certificates"},
	{"a list within the list", WIRE_ENROL,
	 "{\"token\":\"abcdefghijklmnop\",\"name\":\"n\",\"agent_version\":\"1\",\"tpm\":\"none\","
	 "\"ek_certificates\":[[\"AA==\"]],\"request\":\"MAA=\"}",
	 RF_E_SYNTAX, "ek_certificates"},
	{"arguments that are none", WIRE_COMMAND,
	 "{\"command\":\"c1\",\"host\":\"h1\",\"verb\":\"check\",\"arguments\":[],\"issued_ms\":1,"
	 "\"expires_ms\":2,\"serial\":1}",
	 RF_E_SYNTAX, "arguments"},
	{"no such kind", WIRE_NONE, "{}", RF_E_UNKNOWN, "kind 0"},
	{"no such kind", WIRE_KIND_COUNT, "{}", RF_E_UNKNOWN, "kind"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(bad); i++) {
		struct message m = {.kind = WIRE_PONG, .pong = {.now_ms = 42}};
		struct rf_err err = {0};
		int rc = message_read(bad[i].kind, rf_slice_text(bad[i].text), &m, &err);

		if (rc != bad[i].code || !strstr(rf_err_text(&err), bad[i].words))
			fail_msg("%s: %d %s", bad[i].why, rc, rf_err_text(&err));
		assert_int_equal(m.pong.now_ms, 42);
	}
}

static void test_text_too_long_for_its_kind(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct message m;

	(void)state;
	for (size_t i = 0; i < wire_row(WIRE_PING)->text_max; i++)
		rf_buf_add_byte(&text, ' ');
	rf_buf_add_text(&text, "{}");
	assert_int_equal(message_read(WIRE_PING, rf_buf_slice(&text), &m, NULL), RF_E_LIMIT);
}

static void test_members_that_reach_their_limit_fit_the_frame(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	static char name[65], text[8193];
	struct message m = {.kind = WIRE_EVENT,
			    .event = {.number = INT64_MAX, .kind = name, .text = text}};

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	memset(text, 't', sizeof(text) - 1);
	assert_int_equal(message_frame(&m, (struct rf_slice){0}, &out, NULL), 0);
}

static void test_writing_refuses_what_reading_would(void **state)
{
	static const uint8_t byte;
	RF_AUTOBUF struct rf_buf out = {0};
	const struct {
		struct message m;
		int code;
	} cases[] = {
		{{.kind = WIRE_NONE}, RF_E_UNKNOWN},
		{{.kind = WIRE_KIND_COUNT}, RF_E_UNKNOWN},
		{{.kind = WIRE_CONFIRM}, RF_E_LIMIT},
		{{.kind = WIRE_REFUSED}, RF_E_MISSING},
		{{.kind = WIRE_REFUSED, .refused = {.reason = "\xc3"}}, RF_E_SYNTAX},
		{{.kind = WIRE_EVIDENCE, .evidence = {.job = "a b"}}, RF_E_SYNTAX},
		{{.kind = WIRE_COMMAND,
		  .command = {.command = "c", .host = "h", .verb = "v", .serial = 1}},
		 RF_E_MISSING},
		{{.kind = WIRE_PROOF, .proof = {.secret = {&byte, 65}}}, RF_E_LIMIT},
		{{.kind = WIRE_CHALLENGE, .challenge = {.seed = {&byte, 1}}}, RF_E_MISSING},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		assert_int_equal(message_text(&cases[i].m, &out, NULL), cases[i].code);
		assert_int_equal(out.len, 0);
	}
}

static void test_survives_no_memory(void **state)
{
	(void)state;
	for (size_t n = 1; n < 6; n++) {
		for (size_t i = 0; i < RF_COUNT(good); i++) {
			MESSAGE_AUTO struct message m = {0};
			RF_AUTOBUF struct rf_buf out = {0};

			rf_alloc_fail_after(n);
			int rc = message_read(good[i].kind, rf_slice_text(good[i].text), &m, NULL);

			if (!rc)
				rc = message_frame(&m, (struct rf_slice){0}, &out, NULL);
			rf_alloc_fail_after(0);
			assert_true(rc == 0 || rc == -ENOMEM || rc == RF_E_SYNTAX);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_there_and_back),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_text_too_long_for_its_kind),
		cmocka_unit_test(test_members_that_reach_their_limit_fit_the_frame),
		cmocka_unit_test(test_writing_refuses_what_reading_would),
		cmocka_unit_test(test_survives_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
