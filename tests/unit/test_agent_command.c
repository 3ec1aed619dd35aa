/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: signed by the manager, for this host, in time, for the first time, of a known verb with
 * known arguments; and the command line that each becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "agent/command.h"
#include "base/mem.h"
#include "base/str.h"

#define NOW 1700000000000LL

static const uint8_t seed[32] = "a manager's key, made for a test";

static EVP_PKEY *manager(const uint8_t private[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private, 32);

	assert_non_null(key);
	return key;
}

static struct command_context context_of(int64_t serial)
{
	struct command_context c = {.host = "h-1", .now_ms = NOW, .serial = serial};
	size_t len = sizeof(c.key);
	EVP_PKEY *key = manager(seed);

	assert_int_equal(EVP_PKEY_get_raw_public_key(key, c.key, &len), 1);
	EVP_PKEY_free(key);
	return c;
}

static void sign_by(const uint8_t private[32], const char *text, uint8_t out[64])
{
	EVP_PKEY *key = manager(private);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t len = 64;

	assert_int_equal(EVP_DigestSignInit(md, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(md, out, &len, (const uint8_t *)text, strlen(text)), 1);
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
}

static int check_text(const char *text, int64_t serial, struct command *out, struct rf_err *err)
{
	const struct command_context context = context_of(serial);
	uint8_t signature[64];

	sign_by(seed, text, signature);
	const struct wire_frame frame = {WIRE_COMMAND, rf_slice_text(text), {signature, 64}};

	return command_check(&frame, &context, out, NULL, err);
}

/* A command in time; verb and arguments as given. */
static void text_of(char *out, size_t size, const char *verb, const char *arguments)
{
	assert_true(rf_format(out, size,
			      "{\"command\":\"c-1\",\"host\":\"h-1\",\"verb\":\"%s\",\"arguments\":"
			      "%s,\"issued_ms\":%lld,\"expires_ms\":%lld,\"serial\":7}",
			      verb, arguments, NOW - 1000, NOW + 60000));
}

static void lines_are_made_by_the_table(void **state)
{
	static const struct {
		const char *verb, *arguments, *line, *file;
	} rows[] = {
		{"check", "{}", "check --output=json", NULL},
		{"check", "{\"profile\":\"kvm-high\",\"controls\":[\"host.*\",\"vm.*\"]}",
		 "check --output=json --profile=kvm-high --only=host.* --only=vm.*", NULL},
		{"attest", "{}", "attest status --output=json", NULL},
		{"isolate-plan", "{}", "isolate plan --output=json --kept", NULL},
		{"isolate-plan", "{\"policy\":\"zones: {}\\n\"}",
		 "isolate plan --output=json /tmp/f", "zones: {}\n"},
		{"isolate-apply", "{\"confirm_within_s\":60}",
		 "isolate apply --output=json --kept --confirm-within=60s", NULL},
		{"isolate-rollback", "{}", "isolate rollback", NULL},
		{"isolate-rollback", "{\"plan\":\"20261123-101010-5f3a9c01\"}",
		 "isolate rollback 20261123-101010-5f3a9c01", NULL},
		{"quarantine",
		 "{\"vm\":\"web-1\",\"level\":\"seal\",\"reason\":\"--yes, a beacon\"}",
		 "quarantine --yes web-1 --level=seal --reason=--yes, a beacon", NULL},
		{"quarantine",
		 "{\"zone\":\"dmz\",\"level\":\"restrict\",\"reason\":\"r\",\"allow\":[\"dhcp\"]}",
		 "quarantine --yes --zone=dmz --level=restrict --reason=r --allow=dhcp", NULL},
		{"quarantine-trusted-only", "{\"level\":\"restrict\",\"reason\":\"r\"}",
		 "quarantine --trusted-only --yes --level=restrict --reason=r", NULL},
		{"quarantine-release", "{\"vm\":\"web-1\",\"reason\":\"false alarm\"}",
		 "quarantine --release --yes web-1 --reason=false alarm", NULL},
		{"fix-plan", "{\"controls\":[\"host.ssh.*\"]}", "fix --output=json host.ssh.*",
		 NULL},
		{"fix-apply", "{\"plan\":\"{}\",\"confirm_within_s\":5}",
		 "fix --apply --plan=/tmp/f --confirm-within=5s", "{}"},
		{"confirm", "{\"plan\":\"20261123-101010-5f3a9c01\"}",
		 "fix --confirm=20261123-101010-5f3a9c01", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		COMMAND_AUTOLINE struct command_line line = {.count = 0};
		COMMAND_AUTO struct command c = {.verb = NULL};
		struct rf_err err = {0};
		char text[1024], got[512] = "";

		text_of(text, sizeof(text), rows[i].verb, rows[i].arguments);
		if (check_text(text, 6, &c, &err) < 0)
			fail_msg("%s: %s", rows[i].line, rf_err_text(&err));
		assert_int_equal(command_line_make(&c, "/tmp/f", &line, NULL), 0);
		for (size_t n = 0; command_line_word(&line, n); n++) {
			size_t len = strlen(got);

			rf_format(got + len, sizeof(got) - len, "%s%s", n ? " " : "",
				  command_line_word(&line, n));
		}
		assert_string_equal(got, rows[i].line);
		if (rows[i].file)
			assert_string_equal(line.file_text, rows[i].file);
		else
			assert_null(line.file_text);
	}
}

static void others_have_no_line(void **state)
{
	static const char *const verbs[] = {"facts", "renew", "retire"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(verbs); i++) {
		COMMAND_AUTOLINE struct command_line line = {.count = 0};
		COMMAND_AUTO struct command c = {.verb = NULL};
		char text[1024];

		text_of(text, sizeof(text), verbs[i], "{}");
		assert_int_equal(check_text(text, 0, &c, NULL), 0);
		assert_int_equal(command_line_make(&c, NULL, &line, NULL), RF_E_USAGE);
	}
	assert_null(command_verb_find("exec"));
}

static void hostile_arguments_are_refused(void **state)
{
	static const struct {
		const char *verb, *arguments;
		int code;
	} rows[] = {
		{"reboot", "{}", RF_E_UNKNOWN},
		{"", "{}", RF_E_LIMIT},
		{"check", "[]", RF_E_SYNTAX},
		{"check", "{\"root\":\"/\"}", RF_E_UNKNOWN},
		{"check", "{\"profile\":\"--from=/etc\"}", RF_E_SYNTAX},
		{"check", "{\"profile\":7}", RF_E_SYNTAX},
		{"check", "{\"profile\":\"\"}", RF_E_SYNTAX},
		{"check", "{\"profile\":\"a\\nb\"}", RF_E_SYNTAX},
		{"check", "{\"controls\":\"host.*\"}", RF_E_SYNTAX},
		{"check", "{\"controls\":[\"-x\"]}", RF_E_SYNTAX},
		{"check", "{\"controls\":[[\"a\"]]}", RF_E_SYNTAX},
		{"quarantine", "{\"vm\":\"a\",\"level\":\"seal\"}", RF_E_MISSING},
		{"quarantine", "{\"level\":\"seal\",\"reason\":\"r\"}", RF_E_MISSING},
		{"quarantine", "{\"vm\":\"a\",\"zone\":\"b\",\"level\":\"seal\",\"reason\":\"r\"}",
		 RF_E_MISSING},
		{"quarantine", "{\"vm\":\"-a\",\"level\":\"seal\",\"reason\":\"r\"}", RF_E_SYNTAX},
		{"isolate-apply", "{\"confirm_within_s\":0}", RF_E_SYNTAX},
		{"isolate-apply", "{\"confirm_within_s\":-5}", RF_E_SYNTAX},
		{"isolate-apply", "{\"confirm_within_s\":\"60\"}", RF_E_SYNTAX},
		{"isolate-apply", "{\"confirm_within_s\":1e400}", RF_E_SYNTAX},
		{"isolate-rollback", "{\"plan\":\"--state=/tmp\"}", RF_E_SYNTAX},
		{"confirm", "{}", RF_E_MISSING},
		{"facts", "{\"whole\":1}", RF_E_SYNTAX},
		{"retire", "{\"now\":true}", RF_E_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		COMMAND_AUTO struct command c = {.verb = NULL};
		char text[1024];

		text_of(text, sizeof(text), rows[i].verb, rows[i].arguments);
		int rc = check_text(text, 0, &c, NULL);

		if (rc != rows[i].code)
			fail_msg("%s %s: %d", rows[i].verb, rows[i].arguments, rc);
	}
}

static void time_host_and_serial(void **state)
{
	const long long s = 1000, day = 86400 * s;
	const struct {
		const char *what, *host;
		long long issued, expires, serial;
		int code;
	} rows[] = {
		{"in time", "h-1", NOW, NOW + s, 6, 0},
		{"its last moment, two clocks apart", "h-1", NOW - day, NOW - 120 * s, 6, 0},
		{"expired", "h-1", NOW - day, NOW - 121 * s, 6, RF_E_TIMEOUT},
		{"from a clock a bit ahead", "h-1", NOW + 120 * s, NOW + 200 * s, 6, 0},
		{"from the future", "h-1", NOW + 121 * s, NOW + 200 * s, 6, RF_E_TIMEOUT},
		{"ends before it begins", "h-1", NOW + s, NOW, 6, RF_E_DENIED},
		{"ends as it begins", "h-1", NOW, NOW, 6, RF_E_DENIED},
		{"a week", "h-1", NOW, NOW + 7 * day, 6, 0},
		{"longer than a week", "h-1", NOW, NOW + 7 * day + 1, 6, RF_E_DENIED},
		{"for another host", "h-2", NOW, NOW + s, 6, RF_E_DENIED},
		{"for a host whose name begins alike", "h-11", NOW, NOW + s, 6, RF_E_DENIED},
		{"the last serial again", "h-1", NOW, NOW + s, 5, RF_E_DUPLICATE},
		{"an old serial", "h-1", NOW, NOW + s, 1, RF_E_DUPLICATE},
		{"no serial", "h-1", NOW, NOW + s, 0, RF_E_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		COMMAND_AUTO struct command c = {.verb = NULL};
		char text[512];

		rf_format(text, sizeof(text),
			  "{\"command\":\"c-1\",\"host\":\"%s\",\"verb\":\"check\",\"arguments\":"
			  "{},\"issued_ms\":%lld,\"expires_ms\":%lld,\"serial\":%lld}",
			  rows[i].host, rows[i].issued, rows[i].expires, rows[i].serial);
		int rc = check_text(text, 5, &c, NULL);

		if (rc != rows[i].code)
			fail_msg("%s: %d", rows[i].what, rc);
	}
}

static void nothing_unsigned_is_read(void **state)
{
	static const uint8_t other[32] = "another key, of somebody else...";
	const struct command_context context = context_of(0);
	struct command c;
	struct rf_err err = {0};
	uint8_t signature[64];
	char text[1024];
	bool good = true;

	(void)state;
	text_of(text, sizeof(text), "check", "{}");
	sign_by(seed, text, signature);
	struct wire_frame frame = {WIRE_COMMAND, rf_slice_text(text), {signature, 64}};

	assert_int_equal(command_check(&frame, &context, &c, &good, NULL), 0);
	assert_true(good);
	assert_string_equal(c.message.command.command, "c-1");
	assert_string_equal(c.verb->name, "check");
	command_done(&c);
	/* Each byte of the text and of the signature counts. */
	for (size_t i = 0; i < strlen(text); i++) {
		text[i] ^= 1;
		assert_int_equal(command_check(&frame, &context, &c, &good, &err), RF_E_DENIED);
		assert_false(good);
		text[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof(signature); i++) {
		signature[i] ^= 1;
		assert_int_equal(command_check(&frame, &context, &c, NULL, NULL), RF_E_DENIED);
		signature[i] ^= 1;
	}
	assert_non_null(strstr(rf_err_text(&err), "not signed"));
	frame.bytes.len = 63;
	assert_int_equal(command_check(&frame, &context, &c, NULL, NULL), RF_E_DENIED);
	frame.bytes.len = 0;
	assert_int_equal(command_check(&frame, &context, &c, NULL, NULL), RF_E_DENIED);
	frame.bytes.len = 64;
	frame.kind = WIRE_VERDICT;
	assert_int_equal(command_check(&frame, &context, &c, NULL, NULL), RF_E_DENIED);
	frame.kind = WIRE_COMMAND;
	sign_by(other, text, signature);
	assert_int_equal(command_check(&frame, &context, &c, NULL, NULL), RF_E_DENIED);
	/* Signed, and no command all the same. */
	assert_int_equal(check_text("{}", 0, &c, NULL), RF_E_MISSING);
	command_done(&c);
	assert_int_equal(check_text("[1", 0, &c, NULL), RF_E_SYNTAX);
	command_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_made_by_the_table),
		cmocka_unit_test(others_have_no_line),
		cmocka_unit_test(hostile_arguments_are_refused),
		cmocka_unit_test(time_host_and_serial),
		cmocka_unit_test(nothing_unsigned_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
