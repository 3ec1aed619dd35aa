/* SPDX-License-Identifier: Apache-2.0 */
/* The XML loader: what it keeps, and what it refuses. And the arena it builds in. */
#include <errno.h>

#include "facts_test.h"

#include "base/limits.h"
#include "base/mem.h"
#include "collect/xml.h"

static int parse(const char *text, struct xml_doc *doc, struct rf_err *err)
{
	return xml_parse(rf_slice_text(text), "t.xml", doc, err);
}

static void test_tree(void **state)
{
	XML_AUTODOC struct xml_doc doc = {0};

	(void)state;
	assert_int_equal(parse("<?xml version='1.0' encoding='UTF-8'?><!-- c --><a x='1&amp;2' "
			       "n:y='3' xmlns:n='urn:n'>\n  <b> one <!-- c --> two </b><b/>"
			       "<n:b>ns</n:b><c><![CDATA[<raw>&]]></c>&lt;</a>",
			       &doc, NULL),
			 0);
	const struct xml_node *a = doc.root, *b = xml_child(a, "b");

	assert_string_equal(xml_attr(a, "x"), "1&2");
	assert_null(xml_attr(a, "y")); /* it has a namespace */
	assert_string_equal(a->text, "<");
	assert_string_equal(b->text, "one  two");
	assert_int_equal(b->line, 2);
	assert_int_equal(xml_count(a, "b"), 2);
	assert_string_equal(xml_child_ns(a, "urn:n", "b")->text, "ns");
	assert_null(xml_child_ns(a, "urn:m", "b"));
	assert_string_equal(xml_text(a, "c"), "<raw>&");
	assert_string_equal(xml_text(a, "c/d/e"), "");
	assert_true(xml_attr_is(a, "x", "1&2"));
	assert_false(xml_attr_is(a, "z", ""));
	assert_string_equal(xml_attr_text(a, "z"), "");
	assert_ptr_equal(xml_next(b, NULL), xml_next(b, "b"));
	assert_ptr_equal(b->parent, a);
}

static void test_null_safe(void **state)
{
	(void)state;
	assert_null(xml_child(NULL, "a"));
	assert_null(xml_next(NULL, "a"));
	assert_null(xml_at(NULL, "a/b"));
	assert_null(xml_attr(NULL, "a"));
	assert_false(xml_is(NULL, "a"));
	assert_string_equal(xml_text(NULL, "a"), "");
	assert_int_equal(xml_count(NULL, "a"), 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *name, *text, *says;
		int rc;
	} cases[] = {
		{"empty", "", "empty", RF_E_SYNTAX},
		{"blank", " \n ", "", RF_E_SYNTAX},
		{"no xml", "name = value", "", RF_E_SYNTAX},
		{"open element", "<a><b></a>", "line 1", RF_E_SYNTAX},
		{"two roots", "<a/><b/>", "", RF_E_SYNTAX},
		{"doctype", "<!DOCTYPE a><a/>", "DOCTYPE", RF_E_DENIED},
		{"entities", "<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;'>]><a>&c;</a>",
		 "DOCTYPE", RF_E_DENIED},
		{"external", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "DOCTYPE",
		 RF_E_DENIED},
		{"unknown entity", "<a>&b;</a>", "", RF_E_SYNTAX},
		{"unknown entity in attribute", "<a b='&c;'/>", "", RF_E_SYNTAX},
		{"duplicate attribute", "<a b='1' b='2'/>", "", RF_E_SYNTAX},
		{"other encoding", "<?xml version='1.0' encoding='UTF-7'?><a/>", "UTF-8",
		 RF_E_UNSUPPORTED},
		{"binary", "\xff\xfe<\x01", "", RF_E_SYNTAX},
		{"broken UTF-8", "<a>\xc3\x28</a>", "", RF_E_SYNTAX},
		{"truncated", "<a b='", "", RF_E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct xml_doc doc = {.root = (struct xml_node *)&doc};
		struct rf_err err = {0};
		int rc = parse(cases[i].text, &doc, &err);

		if (rc != cases[i].rc)
			fail_msg("%s: rc %d: %s", cases[i].name, rc, rf_err_text(&err));
		if (!strstr(rf_err_text(&err), cases[i].says))
			fail_msg("%s: says %s", cases[i].name, rf_err_text(&err));
		/* A refused document leaves what was there. */
		assert_ptr_equal(doc.root, &doc);
	}
}

static void test_nul_bytes(void **state)
{
	static const uint8_t utf16[] = {0xff, 0xfe, '<', 0, 'a', 0, '/', 0, '>', 0};
	struct xml_doc doc = {0};

	(void)state;
	assert_int_equal(xml_parse((struct rf_slice){utf16, sizeof(utf16)}, "t", &doc, NULL),
			 RF_E_SYNTAX);
}

/* depth elements inside one another. */
static int parse_nested(size_t depth)
{
	struct rf_buf text = {0};
	struct xml_doc doc = {0};

	for (size_t i = 0; i < depth; i++)
		rf_buf_add_text(&text, "<a>");
	for (size_t i = 0; i < depth; i++)
		rf_buf_add_text(&text, "</a>");
	int rc = xml_parse(rf_buf_slice(&text), "t", &doc, NULL);

	xml_done(&doc);
	rf_buf_done(&text);
	return rc;
}

static int parse_wide(size_t attrs, size_t children)
{
	struct rf_buf text = {0};
	struct xml_doc doc = {0};

	rf_buf_add_text(&text, "<a");
	for (size_t i = 0; i < attrs; i++)
		rf_buf_printf(&text, " a%zu='>'", i);
	rf_buf_add_text(&text, ">");
	for (size_t i = 0; i < children; i++)
		rf_buf_add_text(&text, "<b/>");
	rf_buf_add_text(&text, "</a>");
	int rc = xml_parse(rf_buf_slice(&text), "t", &doc, NULL);

	xml_done(&doc);
	rf_buf_done(&text);
	return rc;
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(parse_nested(RF_MAX_XML_DEPTH), 0);
	assert_int_equal(parse_nested(RF_MAX_XML_DEPTH + 1), RF_E_LIMIT);
	assert_int_equal(parse_nested(100000), RF_E_LIMIT);
	assert_int_equal(parse_wide(64, 1), 0);
	assert_int_equal(parse_wide(65, 1), RF_E_LIMIT);
	/* Compared with each other these would take libxml2 minutes. */
	assert_int_equal(parse_wide(400000, 1), RF_E_LIMIT);
	assert_int_equal(parse_wide(0, RF_MAX_XML_NODES - 1), 0);
	assert_int_equal(parse_wide(0, RF_MAX_XML_NODES), RF_E_LIMIT);
}

static void test_too_large(void **state)
{
	struct xml_doc doc = {0};
	size_t size = RF_MAX_XML_BYTES + 1;
	uint8_t *data = calloc(1, size);

	(void)state;
	assert_int_equal(xml_parse((struct rf_slice){data, size}, "t", &doc, NULL), RF_E_LIMIT);
	free(data);
}

/* Comments, CDATA and quotes must not mislead the count of attributes. */
static void test_tags_told_apart(void **state)
{
	static const char *const texts[] = {"<a><!-- %s --></a>", "<a><![CDATA[ %s ]]></a>",
					    "<a><?pi %s ?></a>", "<a>%s</a>"};
	struct rf_buf quotes = {0};

	(void)state;
	for (int i = 0; i < 500; i++)
		rf_buf_add_text(&quotes, "'x' ");
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		struct rf_buf text = {0};
		struct xml_doc doc = {0};
		const char *mark = strstr(texts[i], "%s");

		rf_buf_add(&text, texts[i], (size_t)(mark - texts[i]));
		rf_buf_add(&text, quotes.data, quotes.len);
		rf_buf_add_text(&text, mark + 2);
		assert_int_equal(xml_parse(rf_buf_slice(&text), "t", &doc, NULL), 0);
		xml_done(&doc);
		rf_buf_done(&text);
	}
	rf_buf_done(&quotes);
}

static void test_no_memory(void **state)
{
	static const char text[] = "<a b='c'><d>text</d><e f='g'/></a>";
	bool succeeded = false;

	(void)state;
	for (size_t n = 1; n < 100 && !succeeded; n++) {
		struct xml_doc doc = {0};

		rf_alloc_fail_after(n);
		int rc = parse(text, &doc, NULL);

		rf_alloc_fail_after(0);
		assert_true(rc == 0 || rc == -ENOMEM);
		succeeded = rc == 0;
		xml_done(&doc);
	}
	assert_true(succeeded);
}

static void test_arena(void **state)
{
	RF_AUTOARENA struct rf_arena arena = {0};

	(void)state;
	assert_string_equal(rf_arena_copy(&arena, "abc"), "abc");
	assert_null(rf_arena_copy(&arena, NULL));
	assert_string_equal(rf_arena_text(&arena, "abc", 2), "ab");
	assert_string_equal(rf_arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
	/* Larger than a block, and then small again: nothing overlaps. */
	char *large = rf_arena_alloc(&arena, 100000, 1);
	uint64_t *number = rf_arena_alloc(&arena, 1, sizeof(*number));

	assert_int_equal((uintptr_t)number % sizeof(*number), 0);
	memset(large, 0xff, 100000);
	assert_int_equal(*number, 0);
	assert_false(arena.failed);
	assert_null(rf_arena_alloc(&arena, SIZE_MAX, 2));
	assert_true(arena.failed);
	assert_null(rf_arena_copy(&arena, "more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_null_safe),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_tags_told_apart),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
