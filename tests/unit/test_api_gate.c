/* SPDX-License-Identifier: Apache-2.0 */
/* The gate before the HTTP parser: what goes on, what is refused, whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/gate.h"
#include "base/mem.h"

#define H    "Host: manager\r\n"
#define GET  "GET /api/v1/hosts HTTP/1.1\r\n"
#define POST "POST /api/v1/session HTTP/1.1\r\n" H
#define L128                                                                                           \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* status 0: it goes on, and phase is where it is then. */
static const struct {
	const char *name, *bytes;
	int status;
	enum gate_phase phase;
} cases[] = {
	{"a whole request", GET H "\r\n", 0, GATE_WHOLE},
	{"a query", "GET /a?b=%20&c=/?d HTTP/1.1\r\n" H "\r\n", 0, GATE_WHOLE},
	{"a head that goes on", GET H, 0, GATE_HEAD},
	{"one byte", "G", 0, GATE_HEAD},
	{"a body", POST "Content-Length: 2\r\n\r\n{}", 0, GATE_WHOLE},
	{"half a body", POST "Content-Length: 2\r\n\r\n{", 0, GATE_BODY},
	{"no body", POST "Content-Length: 0\r\n\r\n", 0, GATE_WHOLE},
	{"a length with blanks", POST "Content-Length: \t2 \r\n\r\n{}", 0, GATE_WHOLE},
	{"continue", POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", 0, GATE_BODY},
	/* smuggling */
	{"two lengths", POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400, 0},
	{"a list of lengths", POST "Content-Length: 2, 2\r\n\r\n{}", 400, 0},
	{"a negative length", POST "Content-Length: -1\r\n\r\n", 400, 0},
	{"a length with a sign", POST "Content-Length: +2\r\n\r\n", 400, 0},
	{"a hexadecimal length", POST "Content-Length: 0x2\r\n\r\n", 400, 0},
	{"no length", POST "Content-Length: \r\n\r\n", 400, 0},
	{"a length of 11 digits", POST "Content-Length: 00000000002\r\n\r\n", 400, 0},
	{"too large a body", POST "Content-Length: 262145\r\n\r\n", 413, 0},
	{"a huge body", POST "Content-Length: 9999999999\r\n\r\n", 413, 0},
	{"chunked", POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, 0},
	{"both", POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 411, 0},
	{"both the other way", POST "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n", 411,
	 0},
	{"a blank before the colon", POST "Content-Length : 2\r\n\r\n{}", 400, 0},
	{"a folded line", POST "X: a\r\n b\r\n\r\n", 400, 0},
	{"a bare LF", GET "Host: a\n\r\n", 400, 0},
	{"a bare LF in the first line", "GET / HTTP/1.1\n" H "\r\n", 400, 0},
	{"a bare CR", GET "Host: a\rb\r\n\r\n", 400, 0},
	{"an empty line first", "\r\n" GET H "\r\n", 400, 0},
	{"a body of GET", GET H "Content-Length: 1\r\n\r\na", 400, 0},
	{"a second request at once", GET H "\r\n" GET H "\r\n", -1, 0},
	{"bytes behind a body", POST "Content-Length: 2\r\n\r\n{}x", -1, 0},
	{"another protocol", GET H "Upgrade: h2c\r\n\r\n", 400, 0},
	{"an unknown expectation", GET H "Expect: nothing\r\n\r\n", 417, 0},
	/* methods and versions */
	{"TRACE", "TRACE / HTTP/1.1\r\n", 405, 0},
	{"OPTIONS", "OPTIONS / HTTP/1.1\r\n", 405, 0},
	{"CONNECT", "CONNECT a:1 HTTP/1.1\r\n", 405, 0},
	{"a small method", "get / HTTP/1.1\r\n", 501, 0},
	{"an unknown method", "BREW / HTTP/1.1\r\n", 501, 0},
	{"HTTP/1.0", "GET / HTTP/1.0\r\n", 505, 0},
	{"HTTP/2", "PRI * HTTP/2.0\r\n", 501, 0},
	{"HTTP/0.9", "GET /\r\n", 400, 0},
	{"two blanks", "GET  / HTTP/1.1\r\n", 505, 0},
	{"a blank behind", "GET / HTTP/1.1 \r\n", 505, 0},
	{"TLS", "\x16\x03\x01\x02\n", 400, 0},
	/* paths */
	{"a whole address", "GET http://a/ HTTP/1.1\r\n", 400, 0},
	{"dot dot", "GET /api/../x HTTP/1.1\r\n", 400, 0},
	{"dot dot at the end", "GET /api/.. HTTP/1.1\r\n", 400, 0},
	{"a dot", "GET /./a HTTP/1.1\r\n", 400, 0},
	{"an empty part", "GET //a HTTP/1.1\r\n", 400, 0},
	{"a slash at the end", "GET /a/ HTTP/1.1\r\n", 400, 0},
	{"an encoded slash", "GET /a%2Fb HTTP/1.1\r\n", 400, 0},
	{"an encoded dot", "GET /%2e%2e/a HTTP/1.1\r\n", 400, 0},
	{"encoded twice", "GET /%252e HTTP/1.1\r\n", 400, 0},
	{"an encoded NUL", "GET /a%00 HTTP/1.1\r\n", 400, 0},
	{"an encoded line end", "GET /a%0d%0aX HTTP/1.1\r\n", 400, 0},
	{"a backslash", "GET /a\\b HTTP/1.1\r\n", 400, 0},
	{"half an encoding", "GET /a%2 HTTP/1.1\r\n", 400, 0},
	{"no hexadecimal", "GET /a%zz HTTP/1.1\r\n", 400, 0},
	{"a fragment", "GET /a#b HTTP/1.1\r\n", 400, 0},
	{"a byte of UTF-8", "GET /\xc3\xa4 HTTP/1.1\r\n", 400, 0},
	/* fields */
	{"no Host", GET "\r\n", 400, 0},
	{"two Hosts", GET H H "\r\n", 400, 0},
	{"a Host of nothing", GET "Host: \r\n\r\n", 400, 0},
	{"a Host with a blank", GET "Host: a b\r\n\r\n", 400, 0},
	{"a field without a name", GET ": a\r\n", 400, 0},
	{"a field without a colon", GET "abc\r\n", 400, 0},
	{"a control character", GET "X: a\x01\r\n", 400, 0},
	{"a byte above 7 bits", GET "X: \x80\r\n", 400, 0},
	{"two Authorizations", GET "Authorization: a\r\nauthorization: b\r\n", 400, 0},
	{"two Cookies", GET "Cookie: a\r\nCOOKIE: b\r\n", 400, 0},
};

static void check(size_t i, size_t step)
{
	struct gate gate = {0};
	const uint8_t *at = (const uint8_t *)cases[i].bytes;
	size_t left = strlen(cases[i].bytes);
	bool goes = true;

	while (left && goes) {
		size_t count = step < left ? step : left;

		goes = gate_feed(&gate, (struct rf_slice){at, count});
		at += count;
		left -= count;
	}
	if (goes != (cases[i].status == 0))
		fail_msg("%s, %zu bytes at a time: %s", cases[i].name, step,
			 goes ? "goes on" : gate.refusal.text);
	if (goes)
		assert_int_equal(gate.phase, cases[i].phase);
	else if (gate.refusal.status != (cases[i].status < 0 ? 0 : cases[i].status))
		fail_msg("%s: %d %s", cases[i].name, gate.refusal.status, gate.refusal.text);
	/* What was refused stays so. */
	if (!goes) {
		gate_answered(&gate);
		assert_false(gate_feed(&gate, (struct rf_slice){(const uint8_t *)GET, 4}));
	}
	gate_done(&gate);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		check(i, 65536);
		check(i, 1);
		check(i, 7);
	}
}

static void test_one_behind_the_other(void **state)
{
	struct gate gate = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		const char *text = POST "Content-Length: 2\r\n\r\n{}";

		assert_true(gate_feed(&gate, rf_slice_text(text)));
		assert_int_equal(gate.phase, GATE_WHOLE);
		gate_answered(&gate);
		assert_int_equal(gate.phase, GATE_IDLE);
	}
	gate_done(&gate);
}

/* A head that never ends is refused at its limit, whatever it is made of. */
static void test_limits(void **state)
{
	static const struct {
		const char *name, *piece;
		unsigned times;
		int status;
	} heads[] = {
		{"fields without end", "X: y\r\n", 100000, 431},
		{"one field without end", L128, 100000, 431},
		{"64 fields", "X: y\r\n", 62, 0},
		{"65 fields", "X: y\r\n", 64, 431},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(heads); i++) {
		struct gate gate = {0};
		bool goes = gate_feed(&gate, rf_slice_text(GET H));

		for (unsigned n = 0; n < heads[i].times && goes; n++)
			goes = gate_feed(&gate, rf_slice_text(heads[i].piece));
		assert_int_equal(goes, heads[i].status == 0);
		assert_int_equal(gate.refusal.status, heads[i].status);
		assert_true(gate.head_bytes <= GATE_MAX_HEAD_BYTES);
		gate_done(&gate);
	}
}

static void test_long_target(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};

	(void)state;
	rf_buf_add_text(&text, "/");
	while (text.len < GATE_MAX_TARGET_BYTES)
		rf_buf_add_text(&text, "a");
	assert_int_equal(gate_target_check(rf_buf_slice(&text)).status, 0);
	rf_buf_add_text(&text, "a");
	assert_int_equal(gate_target_check(rf_buf_slice(&text)).status, 414);
	assert_int_equal(gate_target_check((struct rf_slice){0}).status, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_one_behind_the_other),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_long_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
