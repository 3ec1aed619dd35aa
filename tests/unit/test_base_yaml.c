/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: what is accepted, and that each refusal names line and column. */
#include "test_base.h"

static int parse(const char *text, struct yaml_doc *doc, struct rf_err *err)
{
	return yaml_parse(rf_slice_text(text), "f.yaml", doc, err);
}

static void tree(void **state)
{
	YAML_AUTODOC struct yaml_doc doc = {0};
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(parse("a: 1\nb: [x, 'y']\nc:\n  - {d: \"e\"}\n", &doc, &err), 0);
	assert_int_equal(doc.root->kind, YAML_MAP);
	assert_string_equal(yaml_get(doc.root, "a")->text, "1");
	assert_false(yaml_get(doc.root, "a")->quoted);
	assert_true(yaml_get(doc.root, "b")->items[1].quoted);
	assert_string_equal(yaml_get(&yaml_get(doc.root, "c")->items[0], "d")->text, "e");
	assert_int_equal(yaml_get(doc.root, "b")->line, 2);
	assert_null(yaml_get(doc.root, "z"));
	assert_null(yaml_get(NULL, "z"));
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", "f.yaml:1:1: the file is empty"},
		{"a: 1\na: 2\n", "f.yaml:2:1: this key stands twice"},
		{"a: &x 1\n", "f.yaml:1:4: tags and anchors are not allowed"},
		{"a: &x [1]\nb: *x\n", "f.yaml:1:4: tags and anchors are not allowed"},
		{"a: *x\n", "f.yaml:1:4: aliases are not allowed"},
		{"a: !!int 1\n", "f.yaml:1:4: tags and anchors are not allowed"},
		{"? [a]\n: b\n", "f.yaml:1:3: a key must be plain text"},
		{"a: 1\n---\nb: 2\n", "f.yaml:2:1: only one document is allowed"},
		{"a: \"x\\0y\"\n", "f.yaml:1:4: text must not hold a NUL byte"},
		{"a: [1, 2\n", "f.yaml:2:1: did not find expected ',' or ']'"},
		{"a: \x01\n", "f.yaml:1:1: control characters are not allowed"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct yaml_doc doc = {0};
		struct rf_err err = {0};

		assert_true(parse(rows[i].text, &doc, &err) < 0);
		assert_string_equal(rf_err_text(&err), rows[i].want);
		assert_null(doc.root);
	}
}

static void depth_and_size_are_limited(void **state)
{
	RF_AUTOBUF struct rf_buf deep = {0};
	struct yaml_doc doc = {0};
	struct rf_err err = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		rf_buf_add_text(&deep, "[");
	assert_true(yaml_parse(rf_buf_slice(&deep), "f", &doc, &err) < 0);
	assert_non_null(strstr(err.text, "nested too deeply"));
	rf_buf_reset(&deep);
	for (int i = 0; i < 300000; i++)
		rf_buf_add_text(&deep, "- a\n");
	assert_int_equal(yaml_parse(rf_buf_slice(&deep), "f", &doc, &err), RF_E_LIMIT);
}

struct bound {
	const char *name;
	int64_t count;
	bool flag;
	const struct yaml_node *list;
};

static const struct yaml_field fields[] = {
	{"name", YAML_T_TEXT, offsetof(struct bound, name), true},
	{"count", YAML_T_INT, offsetof(struct bound, count), false},
	{"flag", YAML_T_BOOL, offsetof(struct bound, flag), false},
	{"list", YAML_T_TEXTS, offsetof(struct bound, list), false},
};

static void binds(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"name: x\ncount: 3\nflag: yes\nlist: [a, b]\n", NULL},
		{"name: x\nlist: a\n", NULL},
		{"count: 3\n", "f.yaml:1:1: the key name is missing"},
		{"name: x\nother: 1\n", "f.yaml:2:8: unknown key other"},
		{"name: [x]\n", "f.yaml:1:7: name: text was expected"},
		{"name: x\ncount: 3.5\n",
		 "f.yaml:2:8: count: a whole number was expected, not 3.5"},
		{"name: x\nflag: maybe\n",
		 "f.yaml:2:7: flag: true or false was expected, not maybe"},
		{"name: x\nlist: [a, [b]]\n", "f.yaml:2:7: list: a list of texts was expected"},
		{"- name\n", "f.yaml:1:1: a map was expected"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		YAML_AUTODOC struct yaml_doc doc = {0};
		struct rf_err err = {0};
		struct bound b = {0};

		assert_int_equal(parse(rows[i].text, &doc, &err), 0);
		int rc = yaml_bind(&doc, doc.root, fields, RF_COUNT(fields), &b, &err);

		assert_int_equal(rc, rows[i].want ? RF_E_SYNTAX : 0);
		if (rows[i].want)
			assert_string_equal(rf_err_text(&err), rows[i].want);
		else
			assert_string_equal(b.name, "x");
	}
}

static void survives_failing_allocations(void **state)
{
	(void)state;
	for (size_t n = 1; n < 30; n++) {
		struct yaml_doc doc = {0};
		struct rf_err err = {0};

		rf_alloc_fail_after(n);
		int rc = parse("a: [1, 2, {b: c}]\nd: e\n", &doc, &err);

		rf_alloc_fail_after(0);
		assert_true(rc == 0 || rc == -ENOMEM);
		yaml_done(&doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree),
		cmocka_unit_test(refusals),
		cmocka_unit_test(depth_and_size_are_limited),
		cmocka_unit_test(binds),
		cmocka_unit_test(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
