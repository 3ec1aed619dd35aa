/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of VMware's dictionary format and the conversion of its character sets. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collect/vmx.h"
#include "collect/vmx_known_keys.h"

/* Parses a copy of bytes; the copy is kept in *text. */
static int parse(struct vmx *vmx, struct rf_buf *text, const char *bytes, size_t len)
{
	struct rf_err err = {0};

	rf_buf_reset(text);
	rf_buf_add(text, bytes, len);
	return vmx_parse(vmx, (char *)text->data, text->len, &err);
}

/* One line (or two), what key is asked for, and what must come out. */
struct line_case {
	const char *name;
	const char *text;
	const char *key;
	const char *value; /* NULL: the key must not be there */
	uint32_t problem;  /* line of the first problem; 0 for none */
};

static const struct line_case lines[] = {
	{"quoted", "a.b = \"TRUE\"", "a.b", "TRUE", 0},
	{"no blanks", "a=\"x\"", "a", "x", 0},
	{"tabs", "\ta\t=\t\"x\"\t", "a", "x", 0},
	{"unquoted", "a = TRUE", "a", "TRUE", 0},
	{"unquoted with comment", "a = TRUE # why", "a", "TRUE", 0},
	{"unquoted comment without blank", "a = 12#3", "a", "12", 0},
	{"quoted with comment", "a = \"b\" # c = \"d\"", "a", "b", 0},
	{"hash in quotes", "a = \"b # c\"", "a", "b # c", 0},
	{"equals in quotes", "a = \"b = c\"", "a", "b = c", 0},
	{"empty quotes", "a = \"\"", "a", "", 0},
	{"nothing behind =", "a =", "a", "", 0},
	{"only a comment behind =", "a = # b", "a", "", 0},
	{"case of the key", "Sound.VirtualDev = \"x\"", "sound.virtualdev", "x", 0},
	{"key with colon", "scsi0:0.present = \"TRUE\"", "scsi0:0.present", "TRUE", 0},
	{"key with dot first", ".encoding = \"UTF-8\"", ".encoding", "UTF-8", 0},
	{"interpreter line", "#!/usr/bin/vmware\na = \"1\"", "a", "1", 0},
	{"comment", "# a = \"1\"", "a", NULL, 0},
	{"windows line ends", "a = \"1\"\r\nb = \"2\"\r\n", "b", "2", 0},
	{"old mac line ends", "# x\ra = \"1\"\rb = \"2\"", "a", "1", 0},
	{"byte order mark",
	 "\xEF\xBB\xBF"
	 "a = \"1\"",
	 "a", "1", 0},
	{"last line without end", "b = \"2\"\na = \"1\"", "a", "1", 0},
	{"quote escaped", "a = \"say |22hi|22\"", "a", "say \"hi\"", 0},
	{"newline escaped", "a = \"x|0Ay\"", "a", "x\ny", 0},
	{"bar escaped", "a = \"x|7Cy|7cz\"", "a", "x|y|z", 0},
	{"hash escaped unquoted", "a = x|23y", "a", "x#y", 0},
	{"bar alone", "a = \"x|y\"", "a", "x|y", 0},
	{"bar and one digit at the end", "a = \"x|2\"", "a", "x|2", 0},
	{"bar at the end", "a = \"x|\"", "a", "x|", 0},
	{"bar before no digits", "a = \"|g1|1g\"", "a", "|g1|1g", 0},
	{"escaped NUL stays visible", "a = \"TRUE|00x\"", "a", "TRUE|00x", 0},
	{"two bars", "a = \"||22\"", "a", "|\"", 0},
	{"backslash is itself", "a = \"C:\\vm\\x\"", "a", "C:\\vm\\x", 0},
	{"no equals", "a \"TRUE\"\nb = \"1\"", "a", NULL, 1},
	{"only a name", "b = \"1\"\na", "a", NULL, 2},
	{"no name", "= \"TRUE\"", "", NULL, 1},
	{"no closing quote", "a = \"TRUE", "a", NULL, 1},
	{"text behind the quote", "a = \"TRUE\" FALSE", "a", NULL, 1},
	{"two words unquoted", "a = TRUE FALSE", "a", NULL, 1},
	{"quote in the middle", "a = x\"y", "a", "x\"y", 0},
	{"hash in the name", "a#b = \"1\"", "a", NULL, 1},
};

static void test_lines(void **state)
{
	(void)state;
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf text = {0};

	for (size_t i = 0; i < RF_COUNT(lines); i++) {
		const struct line_case *c = &lines[i];

		if (parse(&vmx, &text, c->text, strlen(c->text)))
			fail_msg("%s: refused", c->name);
		const struct vmx_entry *e = vmx_find(&vmx, c->key);

		if (!e != !c->value || (e && strcmp(e->value, c->value) != 0))
			fail_msg("%s: got %s", c->name, e ? e->value : "nothing");
		uint32_t line = vmx.problems_count ? vmx.problems[0].line : 0;

		if (line != c->problem)
			fail_msg("%s: problem on line %u", c->name, line);
	}
}

static void test_line_numbers_and_spelling(void **state)
{
	(void)state;
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf text = {0};
	const char *in = "# one\r\n\r\nMemSize = \"4\"\r\n\nnumVCPUs = \"2\"\n";

	assert_int_equal(parse(&vmx, &text, in, strlen(in)), 0);
	const struct vmx_entry *e = vmx_find(&vmx, "memsize");

	assert_non_null(e);
	assert_int_equal(e->line, 3);
	assert_string_equal(e->spelling, "MemSize");
	assert_int_equal(vmx_find(&vmx, "numvcpus")->line, 5);
	assert_null(vmx_find(&vmx, "MemSize"));
	assert_null(vmx_find(&vmx, ""));
}

static void test_find_in(void **state)
{
	(void)state;
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf text = {0};
	const char *in = "scsi0:1.present = \"TRUE\"";
	char longer[300];

	assert_null(vmx_find_in(&vmx, "scsi0:1", "present")); /* nothing parsed yet */
	assert_int_equal(parse(&vmx, &text, in, strlen(in)), 0);
	assert_non_null(vmx_find_in(&vmx, "scsi0:1", "present"));
	assert_null(vmx_find_in(&vmx, "scsi0", "present"));
	memset(longer, 'a', sizeof(longer));
	longer[299] = '\0';
	assert_null(vmx_find_in(&vmx, longer, "present"));
}

static void test_duplicates(void **state)
{
	(void)state;
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf text = {0};
	const char *in = "a = \"1\"\nA = \"1\"\nb = \"1\"\nB = \"2\"\nb = \"1\"\nc = \"1\"\n";

	assert_int_equal(parse(&vmx, &text, in, strlen(in)), 0);
	assert_int_equal(vmx.count, 6);
	const struct vmx_entry *a = vmx_find(&vmx, "a"), *b = vmx_find(&vmx, "b");

	assert_false(a->conflict);
	assert_int_equal(a->line, 2);
	assert_int_equal(vmx_previous(&vmx, a)->line, 1);
	assert_true(vmx_previous(&vmx, a)->superseded);
	/* The last says what the first said, but a value between them differs. */
	assert_true(b->conflict);
	assert_int_equal(b->line, 5);
	assert_null(vmx_previous(&vmx, vmx_find(&vmx, "c")));
}

static void test_nul_bytes(void **state)
{
	(void)state;
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf text = {0};
	static const char in[] = "a = \"1\"\0\nb = \"2\"\n\0\nc = \"x\0y\"\n";

	assert_int_equal(parse(&vmx, &text, in, sizeof(in) - 1), 0);
	assert_string_equal(vmx_find(&vmx, "a")->value, "1");
	assert_string_equal(vmx_find(&vmx, "b")->value, "2");
	assert_null(vmx_find(&vmx, "c"));
	/* Each NUL is named, and the unfinished line too. */
	assert_int_equal(vmx.problems_count, 4);
}

/* The limit itself is allowed, one more is not, and then nothing half-read is left. */
static void test_key_limit(void **state)
{
	(void)state;
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf many = {0}, text = {0};

	for (unsigned i = 0; i < RF_MAX_VMX_KEYS; i++)
		rf_buf_printf(&many, "k%u = \"%u\"\n", i, i);
	assert_int_equal(parse(&vmx, &text, (char *)many.data, many.len), 0);
	assert_int_equal(vmx.count, RF_MAX_VMX_KEYS);
	assert_string_equal(vmx_find(&vmx, "k8191")->value, "8191");
	assert_string_equal(vmx_find(&vmx, "k0")->value, "0");
	rf_buf_add_text(&many, "one.more = \"1\"\n");
	assert_int_equal(parse(&vmx, &text, (char *)many.data, many.len), RF_E_LIMIT);
	assert_int_equal(vmx.count, 0);
	assert_null(vmx_find(&vmx, "k0"));
	/* The storage is good for the next file. */
	assert_int_equal(parse(&vmx, &text, "a = 1", 5), 0);
	assert_string_equal(vmx_find(&vmx, "a")->value, "1");
	assert_null(vmx_find(&vmx, "k5"));
}

static void test_long_names(void **state)
{
	(void)state;
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf in = {0}, text = {0};

	for (int extra = 0; extra < 2; extra++) {
		rf_buf_reset(&in);
		for (int i = 0; i < VMX_MAX_KEY_BYTES + extra; i++)
			rf_buf_add_byte(&in, 'K');
		rf_buf_add_text(&in, " = \"1\"\n");
		assert_int_equal(parse(&vmx, &text, (char *)in.data, in.len), 0);
		assert_int_equal(vmx.count, 1 - extra);
		assert_int_equal(vmx.problems_count, extra);
	}
}

static void test_problem_limit(void **state)
{
	(void)state;
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf in = {0}, text = {0};

	for (int i = 0; i < 40; i++)
		rf_buf_add_text(&in, "nonsense\n");
	assert_int_equal(parse(&vmx, &text, (char *)in.data, in.len), 0);
	assert_int_equal(vmx.problems_count, 40);
	assert_int_equal(vmx.problems[VMX_MAX_PROBLEMS - 1].line, VMX_MAX_PROBLEMS);
}

/* Every allocation may fail; then the file is refused and nothing leaks. */
static void test_no_memory(void **state)
{
	(void)state;
	const char *in = "a = \"1\"\nb = \"2\"\n";

	for (size_t n = 1; n <= 4; n++) {
		struct vmx vmx = {0};
		RF_AUTOBUF struct rf_buf text = {0};
		struct rf_err err = {0};

		rf_buf_add_text(&text, in);
		rf_alloc_fail_after(n);
		int rc = vmx_parse(&vmx, (char *)text.data, text.len, &err);

		rf_alloc_fail_after(0);
		assert_true(rc == 0 || rc == -12);
		if (n <= 3)
			assert_int_equal(rc, -12);
		if (rc)
			assert_int_equal(vmx.count, 0);
		vmx_done(&vmx);
	}
	vmx_done(NULL);
}

struct charset_case {
	const char *name;
	const char *in;
	const char *out; /* NULL: bytes unchanged */
	const char *encoding;
	enum vmx_encoding result;
};

static const struct charset_case charsets[] = {
	{"ascii", ".encoding = \"GBK\"\na = \"x\"", NULL, "", VMX_ENC_PLAIN},
	{"utf-8 declared", ".encoding = \"UTF-8\"\na = \"\xC3\xA9\"", NULL, "UTF-8", VMX_ENC_PLAIN},
	{"utf-8 undeclared", "a = \"\xC3\xA9\"", NULL, "", VMX_ENC_PLAIN},
	{"latin undeclared", "a = \"\xE9\"", NULL, "", VMX_ENC_BROKEN},
	{"latin called utf-8", ".encoding = \"UTF-8\"\na = \"\xE9\"", NULL, "UTF-8",
	 VMX_ENC_BROKEN},
	{"windows-1252", ".encoding = \"windows-1252\"\na = \"\x80\xE9\"",
	 ".encoding = \"windows-1252\"\na = \"\xE2\x82\xAC\xC3\xA9\"", "windows-1252",
	 VMX_ENC_CONVERTED},
	{"case of the name", ".Encoding=Windows-1251\na = \"\xC0\"",
	 ".Encoding=Windows-1251\na = \"\xD0\x90\"", "Windows-1251", VMX_ENC_CONVERTED},
	/* The second byte of this character is 0x7C, a bar: it must not begin an escape. */
	{"gbk with a bar byte", ".encoding = \"GBK\"\na = \"\x81|22\"",
	 ".encoding = \"GBK\"\na = \"\xE4\xBA\x85"
	 "22\"",
	 "GBK", VMX_ENC_CONVERTED},
	{"shift_jis", ".encoding = \"Shift_JIS\"\na = \"\x83\x65\x83\x58\\\"",
	 ".encoding = \"Shift_JIS\"\na = \"\xE3\x83\x86\xE3\x82\xB9\\\"", "Shift_JIS",
	 VMX_ENC_CONVERTED},
	{"unknown", ".encoding = \"klingon\"\na = \"\xE9\"", NULL, "klingon", VMX_ENC_UNKNOWN},
	{"a path", ".encoding = \"../../x\"\na = \"\xE9\"", NULL, "../../x", VMX_ENC_UNKNOWN},
	{"not allowed", ".encoding = \"ISO-2022-CN-EXT\"\na = \"\xE9\"", NULL, "ISO-2022-CN-EXT",
	 VMX_ENC_UNKNOWN},
	{"broken", ".encoding = \"GBK\"\na = \"\x81", NULL, "GBK", VMX_ENC_BROKEN},
	{"the first of two", ".encoding = \"GBK\"\n.encoding = \"UTF-8\"\na = \"\xFF\xFF\"", NULL,
	 "GBK", VMX_ENC_BROKEN},
	{"empty name", ".encoding = \"\"\na = \"\xE9\"", NULL, "", VMX_ENC_BROKEN},
};

static void test_charsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(charsets); i++) {
		const struct charset_case *c = &charsets[i];
		RF_AUTOBUF struct rf_buf text = {0};
		enum vmx_encoding result;
		char name[64];

		rf_buf_add_text(&text, c->in);
		assert_int_equal(vmx_to_utf8(&text, name, sizeof(name), &result), 0);
		if (result != c->result || strcmp(name, c->encoding) != 0)
			fail_msg("%s: result %d, name %s", c->name, (int)result, name);
		const char *want = c->out ? c->out : c->in;

		if (strcmp(rf_buf_text(&text), want) != 0)
			fail_msg("%s: %s", c->name, rf_buf_text(&text));
	}
}

static void test_charset_of_nothing(void **state)
{
	(void)state;
	RF_AUTOBUF struct rf_buf text = {0};
	enum vmx_encoding result = VMX_ENC_BROKEN;
	char name[64];

	assert_int_equal(vmx_to_utf8(&text, name, sizeof(name), &result), 0);
	assert_int_equal(result, VMX_ENC_PLAIN);
	assert_string_equal(name, "");
}

static void test_known_keys_are_sorted(void **state)
{
	(void)state;
	for (size_t i = 1; i < vmx_known_keys_count; i++) {
		if (strcmp(vmx_known_keys[i - 1].key, vmx_known_keys[i].key) >= 0)
			fail_msg("%s is out of order", vmx_known_keys[i].key);
	}
	assert_non_null(vmx_known_key_find(vmx_known_keys[0].key));
	assert_non_null(vmx_known_key_find(vmx_known_keys[vmx_known_keys_count - 1].key));
	assert_string_equal(vmx_known_key_find("ethernet#.nopromisc")->spelling,
			    "ethernet#.noPromisc");
	assert_null(vmx_known_key_find("isolation.tools.copy"));
	assert_null(vmx_known_key_find(""));
	assert_null(vmx_known_key_find("zzz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_line_numbers_and_spelling),
		cmocka_unit_test(test_find_in),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_key_limit),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_problem_limit),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_charsets),
		cmocka_unit_test(test_charset_of_nothing),
		cmocka_unit_test(test_known_keys_are_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
