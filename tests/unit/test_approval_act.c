/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that an approval is bound to: one encoding for each act, one act for each encoding. */
#include "govern/approval_act.h"
#include "govern/text.h"
#include "test_base.h"

#define S(text) ((struct rf_slice){(const uint8_t *)(text), sizeof(text) - 1})
#define PAIR(a, b)                                                                                 \
	{                                                                                          \
		S(a), S(b)                                                                         \
	}

/* The example of docs/schema/approval.md; the digest is sha256sum's of these bytes. */
static const char example_hex[] = "52464143540000010000001271756172616e74696e652e72656c65617365"
				  "0000000200000008766d2f7765622d3100000002343100000008766d2f776562"
				  "2d32000000013700000001000000056c6576656c000000047365616c";
static const char example_digest[] =
	"f6870ec80d7cbf0e455497b440414fd6f254dbece5d87ca785cf13b9c03cfc36";

struct example {
	struct approval_pair objects[2], params[2];
	struct approval_act act;
};

static void example_make(struct example *e)
{
	*e = (struct example){.objects = {PAIR("vm/web-2", "7"), PAIR("vm/web-1", "41")},
			      .params = {PAIR("level", "seal")}};
	e->act = (struct approval_act){S("quarantine.release"), e->objects, 2, e->params, 1};
}

static void hex_is(const void *data, size_t len, const char *hex)
{
	RF_AUTOBUF struct rf_buf text = {0};

	rf_buf_add_hex(&text, data, len);
	assert_string_equal(rf_buf_text(&text), hex);
}

static void bytes_are_as_documented(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	uint8_t digest[APPROVAL_DIGEST_BYTES];
	struct example e;

	(void)state;
	example_make(&e);
	assert_int_equal(approval_act_encode(&e.act, &bytes, NULL), 0);
	hex_is(bytes.data, bytes.len, example_hex);
	assert_int_equal(approval_act_digest(&e.act, digest, NULL), 0);
	hex_is(digest, sizeof(digest), example_digest);
	/* The order of the rows is no matter. */
	const struct approval_pair first = e.objects[0];

	e.objects[0] = e.objects[1];
	e.objects[1] = first;
	assert_int_equal(approval_act_digest(&e.act, digest, NULL), 0);
	hex_is(digest, sizeof(digest), example_digest);
}

/* Acts that a careless joining of texts would confuse: all digests differ. */
static void no_two_acts_are_alike(void **state)
{
	static struct approval_pair none[1],
		rows[][2] = {
			{PAIR("ab", "c"), PAIR("x", "1")},   {PAIR("a", "bc"), PAIR("x", "1")},
			{PAIR("ab", "c1"), PAIR("x", "1")},  {PAIR("ab", "c"), PAIR("x", "11")},
			{PAIR("ab,c", "x"), PAIR("y", "1")}, {PAIR("ab", "c,x"), PAIR("y", "1")},
			{PAIR("ab", "C"), PAIR("x", "1")},   {PAIR("ab ", "c"), PAIR("x", "1")},
			{PAIR("A", "c"), PAIR("a", "c")},    {PAIR("a", "c"), PAIR("a ", "c")},
		};
	static uint8_t digests[RF_COUNT(rows) * 3 + 1][APPROVAL_DIGEST_BYTES];
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		/* Two objects; one object and one parameter; both objects of another operation. */
		const struct approval_act acts[] = {
			{S("vm.migrate"), rows[i], 2, none, 0},
			{S("vm.migrate"), rows[i], 1, rows[i] + 1, 1},
			{S("host.fix"), rows[i], 2, none, 0},
		};

		for (size_t k = 0; k < RF_COUNT(acts); k++)
			assert_int_equal(approval_act_digest(&acts[k], digests[count++], NULL), 0);
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(digests[i], digests[k], APPROVAL_DIGEST_BYTES);
	}
}

static char long_text[APPROVAL_MAX_VALUE_BYTES + 2];

static void refused(void **state)
{
	static const struct {
		const char *name;
		struct rf_slice operation, id, version, param, value;
		int code;
	} cases[] = {
		{"fine", S("vm.migrate"), S("a"), S("1"), S("p"), S("v"), 0},
		{"no value", S("vm.migrate"), S("a"), S("1"), S("p"), {0}, 0},
		{"NUL in a value", S("vm.migrate"), S("a"), S("1"), S("p"), S("\0\xff"), 0},
		{"no operation", {0}, S("a"), S("1"), S("p"), S("v"), RF_E_UNKNOWN},
		{"part of one", S("vm.migrat"), S("a"), S("1"), S("p"), S("v"), RF_E_UNKNOWN},
		{"one with NUL", S("vm.migrate\0"), S("a"), S("1"), S("p"), S("v"), RF_E_UNKNOWN},
		{"no id", S("vm.migrate"), {0}, S("1"), S("p"), S("v"), RF_E_MISSING},
		{"NUL in an id", S("vm.migrate"), S("a\0b"), S("1"), S("p"), S("v"), RF_E_SYNTAX},
		{"control in an id", S("vm.migrate"), S("a\n"), S("1"), S("p"), S("v"),
		 RF_E_SYNTAX},
		{"no version", S("vm.migrate"), S("a"), {0}, S("p"), S("v"), RF_E_MISSING},
		{"no name", S("vm.migrate"), S("a"), S("1"), {0}, S("v"), RF_E_MISSING},
		{"a name that turns", S("vm.migrate"), S("a"), S("1"), S("\xe2\x80\xae"), S("v"),
		 RF_E_SYNTAX},
		{"no UTF-8", S("vm.migrate"), S("\xc3"), S("1"), S("p"), S("v"), RF_E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct approval_pair object = {cases[i].id, cases[i].version};
		struct approval_pair param = {cases[i].param, cases[i].value};
		const struct approval_act act = {cases[i].operation, &object, 1, &param, 1};
		RF_AUTOBUF struct rf_buf bytes = {0};
		int rc = approval_act_encode(&act, &bytes, NULL);

		if (rc != cases[i].code || (rc < 0 && bytes.len))
			fail_msg("%s: %d", cases[i].name, rc);
	}
}

/* Each limit: the last that is taken, the first that is not. */
static void limits(void **state)
{
	static struct approval_pair many[APPROVAL_MAX_OBJECTS + 1];
	static char ids[RF_COUNT(many)][8];
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct approval_act act = {S("vm.migrate"), many, 1, NULL, 0};

	(void)state;
	memset(long_text, 'a', sizeof(long_text));
	const struct rf_slice text = {(const uint8_t *)long_text, 0};

	for (size_t i = 0; i < RF_COUNT(many); i++) {
		snprintf(ids[i], sizeof(ids[i]), "%zu", i);
		many[i] = (struct approval_pair){rf_slice_text(ids[i]), S("1")};
	}
	const struct {
		size_t objects, params, id, version, name, value;
		int code;
	} cases[] = {
		{1, 0, 1, 1, 1, 1, 0},
		{0, 0, 1, 1, 1, 1, RF_E_MISSING},
		{APPROVAL_MAX_OBJECTS, APPROVAL_MAX_PARAMS, 512, 512, 128, 65536, 0},
		{APPROVAL_MAX_OBJECTS + 1, 0, 1, 1, 1, 1, RF_E_LIMIT},
		{SIZE_MAX, 0, 1, 1, 1, 1, RF_E_LIMIT},
		{1, APPROVAL_MAX_PARAMS + 1, 1, 1, 1, 1, RF_E_LIMIT},
		{1, 1, 513, 1, 1, 1, RF_E_LIMIT},
		{1, 1, 1, 513, 1, 1, RF_E_LIMIT},
		{1, 1, 1, 1, 129, 1, RF_E_LIMIT},
		{1, 1, 1, 1, 1, 65537, RF_E_LIMIT},
	};

	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		static struct approval_pair params[APPROVAL_MAX_PARAMS + 1];

		memcpy(params, many, sizeof(params));
		many[0].name = (struct rf_slice){text.data, cases[i].id};
		many[0].value = (struct rf_slice){text.data, cases[i].version};
		params[0].name = (struct rf_slice){text.data, cases[i].name};
		params[0].value = (struct rf_slice){text.data, cases[i].value};
		act.params = params;
		act.objects_count = cases[i].objects;
		act.params_count = cases[i].params;
		rf_buf_reset(&bytes);
		if (approval_act_encode(&act, &bytes, NULL) != cases[i].code)
			fail_msg("case %zu", i);
	}
	/* All together more than an act may have. */
	static struct approval_pair params[APPROVAL_MAX_PARAMS];

	for (size_t i = 0; i < RF_COUNT(params); i++)
		params[i] = (struct approval_pair){many[i + 1].name, {text.data, 65536}};
	act.objects_count = 1;
	act.params = params;
	act.params_count = RF_COUNT(params);
	rf_buf_reset(&bytes);
	assert_int_equal(approval_act_encode(&act, &bytes, NULL), RF_E_LIMIT);
	assert_int_equal(bytes.len, 0);
	struct approval_pair twice[] = {PAIR("a", "1"), PAIR("b", "1"), PAIR("a", "2")};

	act = (struct approval_act){S("vm.migrate"), twice, 3, NULL, 0};
	assert_int_equal(approval_act_encode(&act, &bytes, NULL), RF_E_DUPLICATE);
}

static void decoding(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0}, again = {0};
	struct approval_act act = {0};
	struct example e;

	(void)state;
	example_make(&e);
	assert_int_equal(approval_act_encode(&e.act, &bytes, NULL), 0);
	assert_int_equal(approval_act_decode(rf_buf_slice(&bytes), &act, NULL), 0);
	assert_int_equal(act.objects_count, 2);
	assert_true(rf_slice_equal(act.objects[0].name, S("vm/web-1")));
	assert_true(rf_slice_equal(act.objects[0].value, S("41")));
	assert_true(rf_slice_equal(act.params[0].value, S("seal")));
	assert_int_equal(approval_act_encode(&act, &again, NULL), 0);
	assert_true(rf_slice_equal(rf_buf_slice(&bytes), rf_buf_slice(&again)));
	approval_act_done(&act);
	approval_act_done(NULL);

	/* Cut anywhere, and longer by a byte: refused, and nothing is written. */
	for (size_t len = 0; len <= bytes.len; len++) {
		uint8_t *cut = rf_alloc(len + 1, 1);

		memcpy(cut, bytes.data, len);
		if (len < bytes.len)
			assert_true(approval_act_decode((struct rf_slice){cut, len}, &act, NULL) <
				    0);
		else
			assert_int_equal(
				approval_act_decode((struct rf_slice){cut, len + 1}, &act, NULL),
				RF_E_SYNTAX);
		assert_null(act.objects);
		rf_free(cut);
	}
	/* Any one byte altered: refused, or another act, whose encoding has that byte. */
	for (size_t at = 0; at < bytes.len; at++) {
		bytes.data[at] ^= 1;
		if (approval_act_decode(rf_buf_slice(&bytes), &act, NULL) == 0) {
			rf_buf_reset(&again);
			assert_int_equal(approval_act_encode(&act, &again, NULL), 0);
			assert_true(rf_slice_equal(rf_buf_slice(&bytes), rf_buf_slice(&again)));
			approval_act_done(&act);
		}
		bytes.data[at] ^= 1;
	}
}

static void no_memory(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct example e;
	size_t n = 1;

	(void)state;
	example_make(&e);
	for (int rc = -ENOMEM; rc == -ENOMEM; n++) {
		rf_buf_done(&bytes);
		rf_alloc_fail_after(n);
		rc = approval_act_encode(&e.act, &bytes, NULL);
		rf_alloc_fail_after(0);
		assert_true(rc == 0 || bytes.len == 0);
	}
	assert_true(n > 3);
	for (n = 1; n < 4; n++) {
		struct approval_act act = {0};

		rf_alloc_fail_after(n);
		int rc = approval_act_decode(rf_buf_slice(&bytes), &act, NULL);

		rf_alloc_fail_after(0);
		assert_int_equal(rc, n < 3 ? -ENOMEM : 0);
		approval_act_done(&act);
	}
}

static void names_in_sentences(void **state)
{
	static const struct {
		const char *name, *want;
	} cases[] = {
		{"", ""},
		{"ann", "ann"},
		{"123456789 123456789 123456789 123456789 123456789 123456789 123",
		 "123456789 123456789 123456789 123456789 123456789 123456789 123"},
		{"123456789 123456789 123456789 123456789 123456789 123456789 1234",
		 "123456789 123456789 123456789 123456789 123456789 123456789 ..."},
		{"123456789 123456789 123456789 123456789 123456789 12345678\xc3\xa4\xc3\xa4\xc3\xa4",
		 "123456789 123456789 123456789 123456789 123456789 12345678\xc3\xa4..."},
	};
	char out[GOVERN_SHORT_BYTES];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		assert_string_equal(govern_name_short(cases[i].name, out), cases[i].want);
	assert_true(govern_time_add(INT64_MAX, 1) == INT64_MAX);
	assert_true(govern_time_add(INT64_MIN, -1) == INT64_MIN);
	assert_true(govern_time_add(2, -3) == -1);
	assert_int_equal(govern_minutes_between(0, 1), 1);
	assert_int_equal(govern_minutes_between(5, 4), 0);
	assert_true(govern_minutes_between(INT64_MIN, INT64_MAX) ==
		    (long long)(UINT64_MAX / 60000 + 1));
	assert_int_equal(govern_prose_check("a\n\tb", "it", NULL), 0);
	assert_int_equal(govern_prose_check("a\rb", "it", NULL), RF_E_SYNTAX);
	assert_int_equal(govern_name_check("\xf0\x9f\x94\x92 \xc3\xa4", 32, "it", NULL), 0);
	assert_int_equal(govern_name_check("\xc2\x85", 32, "it", NULL), RF_E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_as_documented),
		cmocka_unit_test(no_two_acts_are_alike),
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(decoding),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(names_in_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
