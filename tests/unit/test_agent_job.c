/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: which role may ask the supervisor for what, and which messages are none; and the lines of
 * all verbs are lines that the supervisor takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/command.h"
#include "agent/job.h"
#include "base/err.h"
#include "base/mem.h"

static struct job_request request;

static int ask(enum job_role role, enum job_kind kind, const char *const *words)
{
	const char *got[JOB_WORDS + 1];

	assert_int_equal(job_request_make(kind, "c-1", words, &request, NULL), 0);
	int rc = job_request_check(&request, role, got, NULL);

	for (size_t i = 0; rc == 0 && words && words[i]; i++)
		assert_string_equal(got[i], words[i]);
	return rc;
}

static void who_may_ask_for_what(void **state)
{
	static const struct {
		enum job_role role;
		enum job_kind kind;
		const char *words[6];
		int code;
	} rows[] = {
		{JOB_OF_COLLECT, JOB_FACTS, {NULL}, 0},
		{JOB_OF_COLLECT, JOB_FACTS, {"whole"}, 0},
		{JOB_OF_COLLECT, JOB_FACTS, {"whole", "whole"}, RF_E_DENIED},
		{JOB_OF_COLLECT, JOB_FACTS, {"--state"}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_FACTS, {NULL}, RF_E_DENIED},
		{JOB_OF_COLLECT, JOB_EVIDENCE, {"00ff"}, 0},
		{JOB_OF_COLLECT, JOB_EVIDENCE, {""}, RF_E_DENIED},
		{JOB_OF_COLLECT, JOB_EVIDENCE, {"--tcti"}, RF_E_DENIED},
		{JOB_OF_COLLECT, JOB_LEDGER, {"17"}, 0},
		{JOB_OF_COLLECT, JOB_LEDGER, {"-1"}, RF_E_DENIED},
		{JOB_OF_COLLECT, JOB_COMMAND, {"check"}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_COMMAND, {"check", "--output=json"}, 0},
		{JOB_OF_PRIV, JOB_COMMAND, {"attest", "status"}, 0},
		{JOB_OF_PRIV, JOB_COMMAND, {"attest", "baseline", "create"}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_COMMAND, {"attest"}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_COMMAND, {NULL}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_COMMAND, {"--role", "priv"}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_COMMAND, {"capture", "/etc/cron.d/x"}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_COMMAND, {"fix", "--root=/tmp"}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_COMMAND, {"fix", "--save", "/etc/x"}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_COMMAND, {"fix", "-o"}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_COMMAND, {"check", "--report=/etc/x"}, RF_E_DENIED},
		{JOB_OF_PRIV, JOB_COMMAND, {"quarantine", "web-1", "--reason=--role x"}, 0},
		{JOB_OF_PRIV, JOB_RUNNING, {NULL}, 0},
		{JOB_OF_COLLECT, JOB_RUNNING, {NULL}, RF_E_DENIED},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		int rc = ask(rows[i].role, rows[i].kind, rows[i].words);

		if (rc != rows[i].code)
			fail_msg("row %zu (%s): %d", i, rows[i].words[0] ? rows[i].words[0] : "",
				 rc);
	}
}

static void hostile_messages_are_refused(void **state)
{
	static const char *const words[] = {"check", "--output=json", NULL};
	const char *got[JOB_WORDS + 1];

	(void)state;
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		assert_int_equal(job_request_make(JOB_COMMAND, "c-1", words, &request, NULL), 0);  \
		change;                                                                            \
		assert_int_equal(job_request_check(&request, JOB_OF_PRIV, got, NULL),              \
				 RF_E_SYNTAX);                                                     \
	} while (0)
	REFUSED(request.magic = 0);
	REFUSED(request.kind = JOB_NONE);
	REFUSED(request.kind = JOB_KINDS);
	REFUSED(request.kind = UINT32_MAX);
	REFUSED(request.count = JOB_WORDS + 1);
	REFUSED(request.count = UINT32_MAX);
	REFUSED(request.count = 3);
	REFUSED(request.count = 1);
	REFUSED(request.length = JOB_TEXT_BYTES + 1);
	REFUSED(request.length = UINT32_MAX);
	REFUSED(request.length -= 1);
	REFUSED(request.length += 1);
	REFUSED(memset(request.id, 'x', sizeof(request.id)));
	REFUSED(memset(request.texts, 'x', sizeof(request.texts)));
#undef REFUSED
}

static void too_much_is_not_asked(void **state)
{
	static char large[JOB_TEXT_BYTES + 1];
	const char *words[JOB_WORDS + 2] = {large, NULL};
	char id[JOB_ID_BYTES + 1];

	(void)state;
	memset(large, 'a', JOB_TEXT_BYTES);
	assert_int_equal(job_request_make(JOB_COMMAND, "c", words, &request, NULL), RF_E_LIMIT);
	for (size_t i = 0; i <= JOB_WORDS; i++)
		words[i] = "a";
	words[JOB_WORDS + 1] = NULL;
	assert_int_equal(job_request_make(JOB_COMMAND, "c", words, &request, NULL), RF_E_LIMIT);
	memset(id, 'i', JOB_ID_BYTES);
	id[JOB_ID_BYTES] = '\0';
	assert_int_equal(job_request_make(JOB_FACTS, id, NULL, &request, NULL), RF_E_LIMIT);
}

static void who_takes_a_state_folder(void **state)
{
	static const char *const check[] = {"check", "--output=json", NULL};
	static const char *const plan[] = {"isolate", "plan", "--kept", NULL};
	static const char *const attest[] = {"attest", "status", NULL}, *const none[] = {NULL};

	(void)state;
	assert_false(job_takes_state(check));
	assert_false(job_takes_state(attest));
	assert_false(job_takes_state(none));
	assert_true(job_takes_state(plan));
}

static void each_kind_has_its_row(void **state)
{
	(void)state;
	assert_string_equal(job_role_name(JOB_FACTS), "facts");
	assert_string_equal(job_role_name(JOB_EVIDENCE), "evidence");
	assert_string_equal(job_role_name(JOB_SECRET), "secret");
	assert_null(job_role_name(JOB_COMMAND));
	/* The start of a VM waits for a secret. */
	assert_true(job_seconds(JOB_SECRET) <= 30);
	for (int kind = JOB_FACTS; kind < JOB_SECRET; kind++)
		assert_true(job_seconds((enum job_kind)kind) >= 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_ask_for_what),
		cmocka_unit_test(hostile_messages_are_refused),
		cmocka_unit_test(too_much_is_not_asked),
		cmocka_unit_test(who_takes_a_state_folder),
		cmocka_unit_test(each_kind_has_its_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
