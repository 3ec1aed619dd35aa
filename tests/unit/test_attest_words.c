/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of visible characters are added in one piece: the text must be what one by one gives. */
#include "test_base.h"

#include "attest/words.h"

static const char *const texts[] = {
	"",
	"a",
	"visible text without an end",
	"\x1b[2J and text",
	"text, then \n",
	"a\xc3\xa9z \xe6\x9d\xb1 \xff\xfe end",
	"\x7f\x7f\x7f",
	"0123456789012345678901234567890123456789",
};

static void compare(const char *text, size_t size)
{
	RF_AUTOFREE char *whole = rf_alloc(1, size), *single = rf_alloc(1, size);
	struct words w = words_into(whole, size), one = words_into(single, size);
	struct rf_slice in = rf_slice_text(text);

	words_add_utf8(&w, in);
	for (size_t i = 0; i < in.len;) {
		/* A character of several bytes stays whole. */
		size_t len = in.data[i] == 0xc3 ? 2 : in.data[i] == 0xe6 ? 3 : 1;

		words_add_utf8(&one, (struct rf_slice){in.data + i, len});
		i += len;
	}
	if (strcmp(whole, single) != 0 || w.len != one.len || w.cut != one.cut)
		fail_msg("\"%s\" in %zu bytes: \"%s\", one by one \"%s\"", text, size, whole,
			 single);
	assert_int_equal(strlen(whole), w.len);
	words_add(&w, "more");
	assert_true(w.len < size);
}

static void a_run_is_what_its_characters_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		for (size_t size = 8; size < 64; size++)
			compare(texts[i], size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_is_what_its_characters_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
