/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what leaves for receivers is well-formed whatever its texts hold: JSON, RFC 5424, frames of
 * RFC 5425, signatures; and each kind of event has its row. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "outbox/event.h"
#include "outbox/parts.h"

static struct outbox_event event_of(const char *text)
{
	return (struct outbox_event){.seq = 41,
				     .at_ms = 1795460400123,
				     .kind = "host.state",
				     .host = "h-1",
				     .about = "",
				     .old_state = "TRUSTED",
				     .new_state = "UNTRUSTED",
				     .text = text};
}

static const struct outbox_syslog how = {"manager-1", 13, 32473, 7};

static void test_kinds(void **state)
{
	static const struct {
		const char *kind, *new_state, *msgid;
		int severity;
	} cases[] = {
		{"host.state", "UNTRUSTED", "HOST-UNTRUSTED", OUTBOX_CRITICAL},
		{"host.state", "STALE", "HOST-STALE", OUTBOX_WARNING},
		{"host.state", "NEW", "HOST-STATE", OUTBOX_NOTICE},
		{"finding", "FAIL", "FINDING-FAIL", OUTBOX_WARNING},
		{"finding", "PASS", "FINDING-RESOLVED", OUTBOX_NOTICE},
		{"finding", "", "FINDING-RESOLVED", OUTBOX_NOTICE},
		{"guard.heal", "", "GUARD", OUTBOX_ERROR},
		{"", "", "EVENT", OUTBOX_NOTICE},
		{"never heard of", "x", "EVENT", OUTBOX_NOTICE},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		const struct outbox_kind *k = outbox_kind_find(cases[i].kind, cases[i].new_state);

		assert_string_equal(k->msgid, cases[i].msgid);
		assert_int_equal(k->severity, cases[i].severity);
	}
	assert_int_equal(outbox_severity_find("critical"), OUTBOX_CRITICAL);
	assert_int_equal(outbox_severity_find("worse"), -1);
	assert_string_equal(outbox_severity_name(OUTBOX_DEBUG), "debug");
}

/* A MSGID that syslog does not take, or a number given twice, would be our own mistake. */
static void test_each_row_of_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < outbox_kinds_count; i++) {
		const struct outbox_kind *k = &outbox_kinds[i];

		assert_in_range(strlen(k->msgid), 1, 32);
		assert_int_equal(strspn(k->msgid, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-"), strlen(k->msgid));
		for (size_t j = 0; j < i; j++)
			assert_true(k->trap != outbox_kinds[j].trap);
	}
	assert_string_equal(outbox_kinds[outbox_kinds_count - 1].kind, "*");
}

static void test_the_mib_has_each_kind(void **state)
{
	char path[512], line[256], wanted[32];

	(void)state;
	snprintf(path, sizeof(path), "%s/packaging/mib/RINGFENCE-MIB.txt", getenv("SOURCE_DIR"));
	for (size_t i = 0; i < outbox_kinds_count; i++) {
		FILE *f = fopen(path, "r");
		bool found = false;

		assert_non_null(f);
		snprintf(wanted, sizeof(wanted), "rfNotifications %u }", outbox_kinds[i].trap);
		while (fgets(line, sizeof(line), f))
			found |= strstr(line, wanted) != NULL;
		fclose(f);
		if (!found)
			fail_msg("the MIB has no notification %u", outbox_kinds[i].trap);
	}
}

static void test_cut(void **state)
{
	static const struct {
		const char *text;
		size_t max, want;
	} cases[] = {
		{"", 4, 0},
		{"abcd", 4, 4},
		{"abcde", 4, 4},
		{"abc\xc3\xa4", 4, 3},		    /* a character of two bytes stays whole */
		{"\xe2\x82\xac\xe2\x82\xac", 5, 3}, /* three */
		{"\xf0\x9f\x94\x92", 3, 0},	    /* four */
		{"\x80\x80\x80\x80\x80", 3, 0},	    /* no character begins here */
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		assert_int_equal(outbox_cut(cases[i].text, cases[i].max), cases[i].want);
}

static void test_time(void **state)
{
	static const struct {
		int64_t ms;
		const char *want;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1795460400123, "2026-11-23T19:00:00.123Z"},
		{-5, "1970-01-01T00:00:00.000Z"},
		{INT64_MAX, "9999-12-31T23:59:59.999Z"},
	};
	char out[OUTBOX_TIME_BYTES];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		outbox_time(cases[i].ms, out);
		assert_string_equal(out, cases[i].want);
	}
}

static void test_syslog(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	const struct outbox_event e = event_of("PCR 4 is not as approved");
	const char *want =
		"<106>1 2026-11-23T19:00:00.123Z manager-1 ringfence 7 HOST-UNTRUSTED "
		"[ringfence@32473 id=\"41\" kind=\"host.state\" host=\"h-1\" about=\"\" "
		"old=\"TRUSTED\" new=\"UNTRUSTED\"][origin software=\"ringfence\" swVersion=\"" RF_VERSION
		"\"] \xef\xbb\xbfPCR 4 is not as approved";
	char frame[1024];

	(void)state;
	snprintf(frame, sizeof(frame), "%zu %s", strlen(want), want);
	assert_int_equal(outbox_event_syslog(&e, &how, &out, NULL), 0);
	assert_string_equal(rf_buf_text(&out), frame);
}

static void test_syslog_escapes(void **state)
{
	static const struct {
		const char *about, *want;
	} cases[] = {
		{"a\"b", "about=\"a\\\"b\""},
		{"a]b", "about=\"a\\]b\""},
		{"a\\b", "about=\"a\\\\b\""},
		{"x\"][evil@1 y=\"z", "about=\"x\\\"\\][evil@1 y=\\\"z\""},
		{"line\nbreak", "about=\"line\\\\x0abreak\""},
		{"nul-like \x01", "about=\"nul-like \\\\x01\""},
		{"\xff\xfe", "about=\"\\\\xff\\\\xfe\""},
		{"\xc3\xa4", "about=\"\xc3\xa4\""},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		struct outbox_event e = event_of("x");

		e.about = cases[i].about;
		assert_int_equal(outbox_event_syslog(&e, &how, &out, NULL), 0);
		if (!strstr(rf_buf_text(&out), cases[i].want))
			fail_msg("%s is not in %s", cases[i].want, rf_buf_text(&out));
	}
}

/* Neither a name of a host nor a text ends a line, or begins another message. */
static void test_syslog_hostile(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct outbox_event e = event_of("x\n<0>1 - - - - - - forged\r\n17 <0>1 - - - - -");
	const struct outbox_syslog odd = {"two words\n", 0, 1, 1};

	(void)state;
	assert_int_equal(outbox_event_syslog(&e, &odd, &out, NULL), 0);
	assert_null(memchr(out.data, '\n', out.len));
	assert_null(memchr(out.data, '\r', out.len));
	assert_non_null(strstr(rf_buf_text(&out), " two?words? ringfence "));
	out.len = 0;
	e.text = "";
	assert_int_equal(outbox_event_syslog(&e, &(struct outbox_syslog){"", 0, 1, 1}, &out, NULL),
			 0);
	assert_non_null(strstr(rf_buf_text(&out), "Z - ringfence 1 "));
}

static void test_long_texts_are_cut(void **state)
{
	RF_AUTOFREE char *text = rf_alloc(1, 100001);
	RF_AUTOBUF struct rf_buf out = {0}, json = {0};
	OUTBOX_AUTOPARSED struct outbox_parsed parsed = {0};
	struct outbox_event e = event_of(text);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 100000);
	e.about = text;
	assert_int_equal(outbox_event_syslog(&e, &how, &out, NULL), 0);
	assert_in_range(out.len, OUTBOX_TEXT_BYTES, OUTBOX_TEXT_BYTES + 4 * OUTBOX_SHORT_BYTES);
	assert_int_equal(outbox_event_json(&e, &json, NULL), 0);
	assert_int_equal(outbox_event_parse(rf_buf_slice(&json), &parsed, NULL), 0);
	assert_int_equal(strlen(parsed.event.text), OUTBOX_TEXT_BYTES);
	assert_int_equal(strlen(parsed.event.about), OUTBOX_SHORT_BYTES);
}

static void test_json(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	OUTBOX_AUTOPARSED struct outbox_parsed parsed = {0};
	const struct outbox_event e = event_of("a \"quote\", a \\, a \n and \xff");

	(void)state;
	assert_int_equal(outbox_event_json(&e, &out, NULL), 0);
	assert_non_null(strstr(rf_buf_text(&out), "\"severity\":\"critical\""));
	assert_non_null(strstr(rf_buf_text(&out), "\"at\":\"2026-11-23T19:00:00.123Z\""));
	assert_int_equal(outbox_event_parse(rf_buf_slice(&out), &parsed, NULL), 0);
	assert_int_equal(parsed.event.seq, 41);
	assert_int_equal(parsed.event.at_ms, e.at_ms);
	assert_string_equal(parsed.event.new_state, "UNTRUSTED");
	/* What was no UTF-8 is made visible as a whole; what was, comes through. */
	assert_non_null(strstr(parsed.event.text, "\\xff"));
}

static void test_parse_refuses(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"", RF_E_SYNTAX},
		{"[]", RF_E_SYNTAX},
		{"{\"id\":1}", RF_E_SYNTAX},
		{"{\"id\":1,\"id\":2}", RF_E_SYNTAX},
		{"{\"id\":\"1\",\"at_ms\":1,\"kind\":\"\",\"host\":\"\",\"about\":\"\",\"old\":\"\","
		 "\"new\":\"\",\"text\":\"\"}",
		 RF_E_SYNTAX},
		{"{\"id\":1,\"at_ms\":1,\"kind\":7,\"host\":\"\",\"about\":\"\",\"old\":\"\",\"new\":"
		 "\"\",\"text\":\"\"}",
		 RF_E_SYNTAX},
	};
	struct outbox_parsed out = {.event.seq = 77};
	struct rf_slice large = {(const uint8_t *)"", OUTBOX_MESSAGE_BYTES + 1};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		assert_int_equal(outbox_event_parse(rf_slice_text(cases[i].text), &out, NULL),
				 cases[i].code);
	assert_int_equal(outbox_event_parse(large, &out, NULL), RF_E_LIMIT);
	assert_int_equal(out.event.seq, 77);
}

/* The value was made with: printf '1700000000.{}' | openssl dgst -sha256 -hmac secret-of-8 */
static void test_signature(void **state)
{
	char a[OUTBOX_SIGNATURE_BYTES], b[OUTBOX_SIGNATURE_BYTES];

	(void)state;
	assert_int_equal(outbox_signature(rf_slice_text("secret-of-8"), 1700000000,
					  rf_slice_text("{}"), a, NULL),
			 0);
	assert_string_equal(
		a,
		"t=1700000000,v1=31ee3dba14e58a6ef4465fecc85c97a15585fc1c6ac8a1e3bb34604108d2a7fa");
	assert_int_equal(outbox_signature(rf_slice_text("secret-of-8"), 1700000001,
					  rf_slice_text("{}"), b, NULL),
			 0);
	assert_string_not_equal(a + 13, b + 13);
}

static void test_no_memory(void **state)
{
	const struct outbox_event e = event_of("text");
	char signature[OUTBOX_SIGNATURE_BYTES];

	(void)state;
	for (size_t n = 1; n < 12; n++) {
		RF_AUTOBUF struct rf_buf out = {0};
		struct rf_err err = {0};

		rf_alloc_fail_after(n);
		int rc = outbox_event_syslog(&e, &how, &out, &err);

		rf_alloc_fail_after(0);
		assert_true(rc == 0 || rc == -ENOMEM);
		rf_buf_done(&out);
		rf_alloc_fail_after(n);
		rc = outbox_event_json(&e, &out, &err);
		rf_alloc_fail_after(0);
		assert_true(rc == 0 || rc == -ENOMEM);
		rf_alloc_fail_after(n);
		rc = outbox_signature(rf_slice_text("secret-of-8"), 1, rf_slice_text("{}"),
				      signature, &err);
		rf_alloc_fail_after(0);
		assert_true(rc == 0 || rc == -ENOMEM);
	}
}

static void test_answer(void **state)
{
	const struct outbox_answer good = {OUTBOX_MAGIC, RF_E_PEER, 5, 30, "later"};
	struct outbox_answer a = good;

	(void)state;
	assert_int_equal(outbox_answer_check(&a, sizeof(a), 5), 0);
	assert_int_equal(outbox_answer_check(&a, sizeof(a), 6), RF_E_SYNTAX);
	assert_int_equal(outbox_answer_check(&a, sizeof(a) - 1, 5), RF_E_SYNTAX);
	a.code = 1;
	assert_int_equal(outbox_answer_check(&a, sizeof(a), 5), RF_E_SYNTAX);
	a = good;
	a.magic++;
	assert_int_equal(outbox_answer_check(&a, sizeof(a), 5), RF_E_SYNTAX);
	a = good;
	memset(a.text, 'x', sizeof(a.text));
	a.retry_s = INT64_MAX;
	assert_int_equal(outbox_answer_check(&a, sizeof(a), 5), 0);
	assert_int_equal(strlen(a.text), sizeof(a.text) - 1);
	assert_int_equal(a.retry_s, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_each_row_of_kinds),
		cmocka_unit_test(test_the_mib_has_each_kind),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_syslog),
		cmocka_unit_test(test_syslog_escapes),
		cmocka_unit_test(test_syslog_hostile),
		cmocka_unit_test(test_long_texts_are_cut),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_signature),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
