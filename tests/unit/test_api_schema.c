/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies and queries against rows of members: each refusal names the member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/schema.h"
#include "base/mem.h"

static const struct schema_member inner_rows[] = {
	{"days", SCHEMA_TEXTS, false, 1, 7, "mon|tue", NULL, NULL},
};
static const struct schema inner = {"Inner", "", SCHEMA_ROWS(inner_rows)};
static const struct schema_member rows[] = {
	{"name", SCHEMA_TEXT, true, 1, 8, NULL, NULL, NULL},
	{"level", SCHEMA_TEXT, false, 0, 16, "one|two", NULL, NULL},
	{"prose", SCHEMA_PROSE, false, 0, 16, NULL, NULL, NULL},
	{"secret", SCHEMA_SECRET, false, 0, 16, NULL, NULL, NULL},
	{"count", SCHEMA_INT, false, -1, 10, NULL, NULL, NULL},
	{"yes", SCHEMA_BOOL, false, 0, 0, NULL, NULL, NULL},
	{"list", SCHEMA_TEXTS, false, 1, 2, NULL, NULL, NULL},
	{"labels", SCHEMA_MAP, false, 0, 1, NULL, NULL, NULL},
	{"inner", SCHEMA_OBJECT, false, 0, 0, NULL, &inner, NULL},
	{"many", SCHEMA_LIST, false, 0, 1, NULL, &inner, NULL},
};
static const struct schema schema = {"Test", "", SCHEMA_ROWS(rows)};

static const struct {
	const char *text;
	int code;
	const char *says;
} bodies[] = {
	{"{\"name\":\"a\"}", 0, ""},
	{"{\"name\":\"a\",\"level\":\"two\",\"prose\":\"a\\nb\",\"count\":-1,\"yes\":true,\"list\":[\"a\",\"b\"],"
	 "\"labels\":{\"a\":\"b\"},\"inner\":{\"days\":[\"mon\"]},\"many\":[{}]}",
	 0, ""},
	{"{\"name\":\"a\",\"level\":null}", 0, ""},
	{"{\"name\":\"\xc3\xa4\xe2\x82\xac\"}", 0, ""},
	{"{\"name\":\"a\",\"secret\":\"a\\u0001\"}", 0, ""},
	{"", RF_E_MISSING, "the body is missing"},
	{"{", RF_E_SYNTAX, "no JSON"},
	{"[]", RF_E_SYNTAX, "object"},
	{"1", RF_E_SYNTAX, "no JSON"},
	{"{}", RF_E_MISSING, "name"},
	{"{\"name\":null}", RF_E_MISSING, "name"},
	{"{\"name\":\"a\"}x", RF_E_SYNTAX, "no JSON"},
	{"{\"name\":\"a\",\"name\":\"b\"}", RF_E_SYNTAX, "duplicate"},
	{"{\"name\":\"a\",\"other\":1}", RF_E_UNKNOWN, "other"},
	{"{\"name\":1}", RF_E_SYNTAX, "name has to be a text"},
	{"{\"name\":\"\"}", RF_E_MISSING, "name is too short"},
	{"{\"name\":\"123456789\"}", RF_E_LIMIT, "name is too long"},
	{"{\"name\":\"a\\u0000b\"}", RF_E_SYNTAX, ""},
	{"{\"name\":\"a\\nb\"}", RF_E_SYNTAX, "name has a control character"},
	{"{\"name\":\"\xff\"}", RF_E_SYNTAX, "no JSON"},
	{"{\"name\":\"a\",\"level\":\"three\"}", RF_E_SYNTAX, "level has to be one of one|two"},
	{"{\"name\":\"a\",\"level\":\"on\"}", RF_E_SYNTAX, "level"},
	{"{\"name\":\"a\",\"level\":\"one|two\"}", RF_E_SYNTAX, "level"},
	{"{\"name\":\"a\",\"count\":11}", RF_E_LIMIT, "count has to be from -1 to 10"},
	{"{\"name\":\"a\",\"count\":1.0}", RF_E_SYNTAX, "count"},
	{"{\"name\":\"a\",\"count\":9223372036854775808}", RF_E_SYNTAX, ""},
	{"{\"name\":\"a\",\"yes\":1}", RF_E_SYNTAX, "yes"},
	{"{\"name\":\"a\",\"list\":[]}", RF_E_LIMIT, "list"},
	{"{\"name\":\"a\",\"list\":[\"a\",\"a\"]}", RF_E_DUPLICATE, "list names a twice"},
	{"{\"name\":\"a\",\"list\":[\"a\",\"b\",\"c\"]}", RF_E_LIMIT, "list"},
	{"{\"name\":\"a\",\"list\":[[]]}", RF_E_SYNTAX, "list"},
	{"{\"name\":\"a\",\"labels\":{\"a\":1}}", RF_E_SYNTAX, "labels"},
	{"{\"name\":\"a\",\"labels\":{\"a\":\"b\",\"c\":\"d\"}}", RF_E_LIMIT, "labels"},
	{"{\"name\":\"a\",\"labels\":{\"\":\"b\"}}", RF_E_SYNTAX, "labels"},
	{"{\"name\":\"a\",\"inner\":{\"days\":[\"sun\"]}}", RF_E_SYNTAX, "days"},
	{"{\"name\":\"a\",\"inner\":{\"other\":1}}", RF_E_UNKNOWN, "other"},
	{"{\"name\":\"a\",\"many\":[{},{}]}", RF_E_LIMIT, "many"},
	{"{\"name\":\"a\",\"many\":[1]}", RF_E_SYNTAX, "many"},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[[", RF_E_LIMIT, "deep"},
};

static void test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(bodies); i++) {
		struct rf_err err = {0};
		json_t *json = NULL;
		int rc = schema_read(&schema, rf_slice_text(bodies[i].text), 4096, &json, &err);

		if (rc != bodies[i].code || (rc && !strstr(rf_err_text(&err), bodies[i].says)))
			fail_msg("%s: %d %s", bodies[i].text, rc, rf_err_text(&err));
		assert_int_equal(json != NULL, rc == 0);
		json_decref(json);
	}
}

static void test_size(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct rf_err err = {0};
	json_t *json = NULL;

	(void)state;
	rf_buf_add_text(&text, "{\"name\":\"a\"}");
	while (text.len <= 4096)
		rf_buf_add_text(&text, " ");
	assert_int_equal(schema_read(&schema, rf_buf_slice(&text), 4096, &json, &err), RF_E_LIMIT);
	rf_buf_reset(&text);
	for (int i = 0; i < 100000; i++)
		rf_buf_add_text(&text, "[");
	assert_int_equal(schema_read(&schema, rf_buf_slice(&text), text.len, &json, &err),
			 RF_E_LIMIT);
	assert_null(json);
}

static const struct {
	const char *query;
	int code;
} queries[] = {
	{"name=a", 0},
	{"name=a&count=3&yes=true&level=one", 0},
	{"name=a&yes", 0},
	{"name=a+b", 0},
	{"name=%C3%A4", 0},
	{"&&name=a&", 0},
	{"", RF_E_MISSING},
	{"name", RF_E_MISSING},
	{"name=a&name=b", RF_E_DUPLICATE},
	{"name=a&other=1", RF_E_UNKNOWN},
	{"name=a&count=x", RF_E_SYNTAX},
	{"name=a&count=11", RF_E_LIMIT},
	{"name=a&count=99999999999999999999", RF_E_SYNTAX},
	{"name=a&yes=maybe", RF_E_SYNTAX},
	{"name=%zz", RF_E_SYNTAX},
	{"name=%", RF_E_SYNTAX},
	{"name=%00", RF_E_SYNTAX},
	{"name=%ff", RF_E_SYNTAX},
	{"name=%0a", RF_E_SYNTAX},
	{"a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a", RF_E_UNKNOWN},
};

static void test_queries(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(queries); i++) {
		struct rf_err err = {0};
		json_t *json = NULL;
		int rc = schema_query(&schema, queries[i].query, &json, &err);

		if (rc != queries[i].code)
			fail_msg("%s: %d %s", queries[i].query, rc, rf_err_text(&err));
		json_decref(json);
	}
}

static void test_no_schema(void **state)
{
	struct rf_err err = {0};
	json_t *json = NULL;

	(void)state;
	assert_int_equal(schema_query(NULL, NULL, &json, &err), 0);
	json_decref(json);
	json = NULL;
	assert_int_equal(schema_query(NULL, "a=1", &json, &err), RF_E_UNKNOWN);
	assert_null(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_no_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
