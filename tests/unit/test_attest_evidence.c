/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence container: round trip, each refusal, every truncation. */
#include "attest/evidence.h"
#include "test_base.h"

static void build(struct rf_buf *buf)
{
	assert_int_equal(evidence_add(buf, EVIDENCE_META, rf_slice_text("{}")), 0);
	assert_int_equal(evidence_add(buf, EVIDENCE_QUOTE, rf_slice_text("quote")), 0);
	assert_int_equal(evidence_add(buf, EVIDENCE_EK_CERT, rf_slice_text("leaf")), 0);
	assert_int_equal(evidence_add(buf, EVIDENCE_EK_CERT, rf_slice_text("ca")), 0);
	assert_int_equal(evidence_add(buf, EVIDENCE_NONCE, (struct rf_slice){0}), 0);
}

static void round_trip(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	struct evidence e;

	(void)state;
	build(&buf);
	assert_memory_equal(buf.data, "RFEVID1\n\1\0\0\0\2\0\0\0{}", 18);
	assert_int_equal(evidence_parse(rf_buf_slice(&buf), &e, NULL), 0);
	assert_true(rf_slice_equal(e.sections[EVIDENCE_QUOTE], rf_slice_text("quote")));
	assert_true(rf_slice_equal(e.sections[EVIDENCE_EK_CERT], rf_slice_text("leaf")));
	assert_int_equal(e.ek_chain_count, 2);
	assert_true(rf_slice_equal(e.ek_chain[1], rf_slice_text("ca")));
	/* Empty is not absent. */
	assert_non_null(e.sections[EVIDENCE_NONCE].data);
	assert_int_equal(e.sections[EVIDENCE_NONCE].len, 0);
	assert_null(e.sections[EVIDENCE_IMA].data);
}

static void every_truncation_is_refused_or_ends_at_a_section(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	static const size_t whole[] = {8, 18, 31, 43, 53, 61};
	size_t good = 0;

	(void)state;
	build(&buf);
	assert_int_equal(buf.len, 61);
	for (size_t len = 0; len <= buf.len; len++) {
		struct evidence e = {.ek_chain_count = 77};
		int rc = evidence_parse((struct rf_slice){buf.data, len}, &e, NULL);

		if (good < RF_COUNT(whole) && len == whole[good]) {
			assert_int_equal(rc, 0);
			good++;
			continue;
		}
		assert_true(rc < 0);
		assert_int_equal(e.ek_chain_count, 77);
	}
	assert_int_equal(good, RF_COUNT(whole));
}

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	int code;
	const char *says;
} refusals[] = {
#define B(text) text, sizeof(text) - 1
	{"nothing", B(""), RF_E_SYNTAX, "RFEVID1"},
	{"other magic", B("RFEVID2\n"), RF_E_SYNTAX, "RFEVID1"},
	{"kind 0", B("RFEVID1\n\0\0\0\0\0\0\0\0"), RF_E_UNSUPPORTED, "kind 0"},
	{"kind 17", B("RFEVID1\n\x11\0\0\0\0\0\0\0"), RF_E_UNSUPPORTED, "kind 17"},
	{"kind that wraps", B("RFEVID1\n\1\0\0\x80\0\0\0\0"), RF_E_UNSUPPORTED, "kind 2147483649"},
	{"twice", B("RFEVID1\n\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"), RF_E_DUPLICATE,
	 "at byte 16: quote twice"},
	{"length past the end", B("RFEVID1\n\2\0\0\0\xff\xff\xff\xff!"), RF_E_TRUNCATED,
	 "at byte 8"},
	{"trailing bytes", B("RFEVID1\n\2\0\0\0\1\0\0\0!\0"), RF_E_TRUNCATED, "at byte 17"},
#undef B
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(refusals); i++) {
		struct rf_err err = {0};
		struct evidence e;
		struct rf_slice in = {(const uint8_t *)refusals[i].bytes, refusals[i].len};

		print_message("%s\n", refusals[i].name);
		assert_int_equal(evidence_parse(in, &e, &err), refusals[i].code);
		assert_non_null(strstr(err.text, refusals[i].says));
	}
}

static void at_most_eight_certificates(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	struct evidence e;

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(evidence_add(&buf, EVIDENCE_EK_CERT, rf_slice_text("x")), 0);
	assert_int_equal(evidence_parse(rf_buf_slice(&buf), &e, NULL), 0);
	assert_int_equal(evidence_add(&buf, EVIDENCE_EK_CERT, rf_slice_text("x")), 0);
	assert_int_equal(evidence_parse(rf_buf_slice(&buf), &e, NULL), RF_E_LIMIT);
}

static void limits_and_memory(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	struct evidence e;
	uint8_t byte = 0;

	(void)state;
	/* The length alone refuses: nothing of it is read. */
	assert_int_equal(evidence_parse((struct rf_slice){&byte, EVIDENCE_MAX_BYTES + 1}, &e, NULL),
			 RF_E_LIMIT);
	assert_int_equal(
		evidence_add(&buf, EVIDENCE_IMA, (struct rf_slice){&byte, EVIDENCE_MAX_BYTES + 1}),
		RF_E_LIMIT);
	assert_int_equal(evidence_add(&buf, (enum evidence_kind)0, rf_slice_text("x")),
			 RF_E_UNKNOWN);
	assert_int_equal(buf.len, 0);
	rf_alloc_fail_after(1);
	assert_true(evidence_add(&buf, EVIDENCE_META, rf_slice_text("x")) < 0);
	rf_alloc_fail_after(0);
}

static void pcrs_round_trip(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	struct attest_pcr_values in = {.banks_count = 2, .algs = {ATTEST_SHA1, ATTEST_SHA256}};
	struct attest_pcr_values out;

	(void)state;
	for (unsigned int pcr = 0; pcr < ATTEST_PCRS; pcr += 23) {
		in.present[0] |= 1u << pcr;
		in.values[0][pcr] = (struct attest_digest){ATTEST_SHA1, 20, {(uint8_t)(pcr + 1)}};
	}
	in.present[1] = 1u << 7;
	in.values[1][7] = (struct attest_digest){ATTEST_SHA256, 32, {9}};
	assert_int_equal(evidence_pcrs_add(&buf, &in), 0);
	assert_int_equal(buf.len, 2 * 24 + 36);
	assert_int_equal(evidence_pcrs_parse(rf_buf_slice(&buf), &out, NULL), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	for (size_t len = 0; len < buf.len; len++) {
		bool whole = len == 0 || len == 24 || len == 48;

		assert_int_equal(
			evidence_pcrs_parse((struct rf_slice){buf.data, len}, &out, NULL) == 0,
			whole);
	}
}

static void pcrs_refuse(void **state)
{
	static const struct {
		const char *name;
		uint8_t head[4];
		int times;
		int code;
	} rows[] = {
		{"PCR 24 (GHSA-qp88)", {0, 4, 24, 20}, 1, RF_E_LIMIT},
		{"PCR 255", {0, 4, 255, 20}, 1, RF_E_LIMIT},
		{"SHA-1 of 32 bytes", {0, 4, 0, 32}, 1, RF_E_SYNTAX},
		{"no bytes", {0, 4, 0, 0}, 1, RF_E_SYNTAX},
		{"unknown algorithm of 65 bytes", {0, 0x27, 0, 65}, 1, RF_E_SYNTAX},
		{"unknown algorithm is carried", {0, 0x27, 0, 64}, 1, 0},
		{"twice", {0, 4, 5, 20}, 2, RF_E_DUPLICATE},
	};
	static const uint8_t body[65];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf buf = {0};
		struct attest_pcr_values out;

		for (int k = 0; k < rows[i].times; k++) {
			rf_buf_add(&buf, rows[i].head, 4);
			rf_buf_add(&buf, body, rows[i].head[3]);
		}
		print_message("%s\n", rows[i].name);
		assert_int_equal(evidence_pcrs_parse(rf_buf_slice(&buf), &out, NULL), rows[i].code);
	}
}

static void at_most_eight_banks(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	struct attest_pcr_values out;

	(void)state;
	for (uint8_t alg = 0x60; alg < 0x69; alg++) {
		const uint8_t record[5] = {0, alg, 1, 1, 0xaa};

		assert_int_equal(evidence_pcrs_parse(rf_buf_slice(&buf), &out, NULL), 0);
		rf_buf_add(&buf, record, sizeof(record));
	}
	assert_int_equal(evidence_pcrs_parse(rf_buf_slice(&buf), &out, NULL), RF_E_LIMIT);
}

static void every_kind_has_a_name(void **state)
{
	(void)state;
	for (uint32_t kind = EVIDENCE_META; kind < EVIDENCE_KINDS; kind++)
		assert_non_null(evidence_kind_name(kind));
	assert_null(evidence_kind_name(0));
	assert_null(evidence_kind_name(EVIDENCE_KINDS));
	assert_null(evidence_kind_name(UINT32_MAX));
}

static void shims_variables_are_walked(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int rc;
	} broken[] = {
		{"\5Mok", 4, RF_E_TRUNCATED},
		{"\3Mok\1\0\0", 7, RF_E_TRUNCATED},
		{"\3Mok\2\0\0\0x", 9, RF_E_TRUNCATED},
		{"\3Mok\xff\xff\xff\xffx", 9, RF_E_TRUNCATED},
		{"", 0, 0},
	};
	RF_AUTOBUF struct rf_buf section = {0};
	struct evidence_variable variable = {0};
	size_t at = 0;

	(void)state;
	assert_int_equal(evidence_variable_add(&section, "MokListRT", rf_slice_text("abc")), 0);
	assert_int_equal(evidence_variable_add(&section, "X", (struct rf_slice){0}), 0);
	assert_int_equal(evidence_variable_next(rf_buf_slice(&section), &at, &variable), 1);
	assert_true(rf_slice_equal(variable.name, rf_slice_text("MokListRT")));
	assert_true(rf_slice_equal(variable.contents, rf_slice_text("abc")));
	assert_int_equal(evidence_variable_next(rf_buf_slice(&section), &at, &variable), 1);
	assert_int_equal(variable.contents.len, 0);
	assert_int_equal(evidence_variable_next(rf_buf_slice(&section), &at, &variable), 0);
	for (size_t i = 0; i < RF_COUNT(broken); i++) {
		struct rf_slice in = {(const uint8_t *)broken[i].bytes, broken[i].len};

		at = 0;
		assert_int_equal(evidence_variable_next(in, &at, &variable), broken[i].rc);
		assert_int_equal(at, 0);
	}
	at = 1000;
	assert_int_equal(evidence_variable_next(rf_buf_slice(&section), &at, &variable),
			 RF_E_TRUNCATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(every_truncation_is_refused_or_ends_at_a_section),
		cmocka_unit_test(refuses),
		cmocka_unit_test(at_most_eight_certificates),
		cmocka_unit_test(limits_and_memory),
		cmocka_unit_test(pcrs_round_trip),
		cmocka_unit_test(pcrs_refuse),
		cmocka_unit_test(at_most_eight_banks),
		cmocka_unit_test(every_kind_has_a_name),
		cmocka_unit_test(shims_variables_are_walked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
