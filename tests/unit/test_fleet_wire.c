/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: what is written is read, byte by byte; what is not ours is refused by its header alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fleet/wire.h"

static const struct wire_side of_agent = {WIRE_AGENT, WIRE_SESSION};

static void every_kind_is_written_and_read(void **state)
{
	(void)state;
	for (unsigned k = WIRE_NONE + 1; k < WIRE_KIND_COUNT; k++) {
		const struct wire_row *row = wire_row((enum wire_kind)k);
		const struct wire_side side = {row->from, row->phase};
		RF_AUTOBUF struct rf_buf out = {0};
		struct wire_frame in = {.kind = (enum wire_kind)k, .text = rf_slice_text("{}")},
				  got;
		size_t len;

		if (row->bytes_max)
			in.bytes = rf_slice_text("abc");
		assert_int_equal(wire_write(&out, &in, NULL), 0);
		for (size_t cut = 0; cut < out.len; cut++) {
			assert_int_equal(wire_read((struct rf_slice){out.data, cut}, &side, &got,
						   &len, NULL),
					 RF_E_TRUNCATED);
			assert_int_equal(len, cut < WIRE_HEADER_BYTES ? 0 : out.len);
		}
		rf_buf_add_text(&out, "next");
		assert_int_equal(wire_read(rf_buf_slice(&out), &side, &got, &len, NULL), 0);
		assert_int_equal(len, out.len - 4);
		assert_int_equal(got.kind, k);
		assert_true(rf_slice_equal(got.text, in.text));
		assert_true(rf_slice_equal(got.bytes, in.bytes));
	}
}

static void hostile_headers_are_refused_before_their_body(void **state)
{
	static const struct {
		const char *name;
		uint8_t header[WIRE_HEADER_BYTES];
		int rc;
		const char *says;
	} rows[] = {
		{"kind 0", {0}, RF_E_UNKNOWN, "kind 0"},
		{"a kind that is none", {0, WIRE_KIND_COUNT}, RF_E_UNKNOWN, "no frame of kind"},
		{"the highest kind", {0xff, 0xff}, RF_E_UNKNOWN, "65535"},
		{"a bit that must be zero", {0, WIRE_PING, 0, 1}, RF_E_SYNTAX, "must be zero"},
		{"a manager's frame from an agent", {0, WIRE_COMMAND}, RF_E_DENIED, "command"},
		{"joining within a session", {0, WIRE_ENROL}, RF_E_DENIED, "enrol"},
		{"4 GiB of text", {0, WIRE_PING, 0, 0, 0xff, 0xff, 0xff, 0xff}, RF_E_LIMIT, "ping"},
		{"4 GiB of bytes",
		 {0, WIRE_EVIDENCE, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
		 RF_E_LIMIT,
		 "at most 16777216"},
		{"bytes where none belong",
		 {0, WIRE_EVENT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
		 RF_E_LIMIT,
		 "event"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct rf_err err = {0};
		struct wire_frame got;
		size_t len = 99;

		assert_int_equal(wire_read((struct rf_slice){rows[i].header, WIRE_HEADER_BYTES},
					   &of_agent, &got, &len, &err),
				 rows[i].rc);
		assert_int_equal(len, 0);
		assert_non_null(strstr(err.text, rows[i].says));
	}
}

static void nothing_is_written_above_its_limit(void **state)
{
	static const uint8_t big[2 * WIRE_KIB];
	RF_AUTOBUF struct rf_buf out = {0};
	const struct {
		struct wire_frame frame;
		int rc;
	} rows[] = {
		{{WIRE_PING, {big, sizeof(big)}, {NULL, 0}}, RF_E_LIMIT},
		{{WIRE_PING, {NULL, 0}, {big, 1}}, RF_E_LIMIT},
		{{WIRE_NONE, {NULL, 0}, {NULL, 0}}, RF_E_UNKNOWN},
		{{WIRE_KIND_COUNT, {NULL, 0}, {NULL, 0}}, RF_E_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		assert_int_equal(wire_write(&out, &rows[i].frame, NULL), rows[i].rc);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_written_and_read),
		cmocka_unit_test(hostile_headers_are_refused_before_their_body),
		cmocka_unit_test(nothing_is_written_above_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
