/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The editor of lists of words (the kernel command line in /etc/default/grub, options of a module,
 * mount options in /etc/fstab) and of whole lines. What is a word and where the list stands
 * differs; adding, replacing by name and removing are one.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/edit_parts.h"

/* Where a list stands in the text. */
struct place {
	size_t start, end; /* the words */
	char separator;
};

/* "iommu" of "iommu=pt": a word replaces another of its name. */
static size_t name_len(const char *word, size_t len)
{
	const char *eq = memchr(word, '=', len);

	return eq ? (size_t)(eq - word) : len;
}

static bool same_name(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t a_name = name_len(a, a_len), b_name = name_len(b, b_len);

	return a_name == b_name && memcmp(a, b, a_name) == 0;
}

/* Appends the list with word in it (its namesakes replaced) or, without add, without its name. */
static void words_edit(const char *list, size_t len, char separator, const char *word, bool add,
		       struct rf_buf *out)
{
	size_t start = out->len, word_len = strlen(word);
	bool done = !add;

	for (size_t at = 0; at < len;) {
		size_t n = 0;

		while (at + n < len && list[at + n] != separator && list[at + n] != '\t')
			n++;
		const char *here = list + at;
		bool same = n && same_name(here, n, word, word_len);

		at += n + 1;
		if (!n || (same && done))
			continue;
		if (out->len > start)
			rf_buf_add_byte(out, (uint8_t)separator);
		if (same)
			rf_buf_add(out, word, word_len);
		else
			rf_buf_add(out, here, n);
		done |= same;
	}
	if (!done) {
		if (out->len > start)
			rf_buf_add_byte(out, (uint8_t)separator);
		rf_buf_add(out, word, word_len);
	}
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The n-th blank-separated field (from 0) of a line. */
static bool field(const char *line, size_t len, unsigned n, size_t *start, size_t *end)
{
	size_t at = 0;

	for (unsigned i = 0;; i++) {
		while (at < len && blank(line[at]))
			at++;
		if (at == len)
			return false;
		*start = at;
		while (at < len && !blank(line[at]))
			at++;
		*end = at;
		if (i == n)
			return true;
	}
}

static bool field_is(const char *line, size_t len, unsigned n, const char *text)
{
	size_t start, end;

	return field(line, len, n, &start, &end) && end - start == strlen(text) &&
	       memcmp(line + start, text, end - start) == 0;
}

/* KEY="words" of a shell file; the last assignment counts. */
static bool shell_place(const struct change_spec *spec, const struct edit_line *line, size_t at,
			struct place *out)
{
	size_t key_len = strlen(spec->key), from = 0;

	while (from < line->len && blank(line->text[from]))
		from++;
	if (line->len - from <= key_len || memcmp(line->text + from, spec->key, key_len) != 0 ||
	    line->text[from + key_len] != '=')
		return false;
	size_t start = from + key_len + 1, end = line->len;
	char quote = start < end ? line->text[start] : '\0';

	if (quote == '"' || quote == '\'') {
		const char *close = memchr(line->text + start + 1, quote, end - start - 1);

		start++;
		end = close ? (size_t)(close - line->text) : end;
	} else {
		for (end = start; end < line->len && !blank(line->text[end]);)
			end++;
	}
	*out = (struct place){at + start, at + end, ' '};
	return true;
}

/* The options of "DEVICE TARGET TYPE OPTIONS". */
static bool fstab_place(const struct change_spec *spec, const struct edit_line *line, size_t at,
			struct place *out)
{
	size_t start, end;

	if (line->len == 0 || line->text[0] == '#' ||
	    !field_is(line->text, line->len, 1, spec->key) ||
	    !field(line->text, line->len, 3, &start, &end))
		return false;
	*out = (struct place){at + start, at + end, ','};
	return true;
}

/* The words behind "options MODULE". */
static bool modprobe_place(const struct change_spec *spec, const struct edit_line *line, size_t at,
			   struct place *out)
{
	size_t start, end;

	if (!field_is(line->text, line->len, 0, "options") ||
	    !field_is(line->text, line->len, 1, spec->section) ||
	    !field(line->text, line->len, 2, &start, &end))
		return false;
	*out = (struct place){at + start, at + line->len, ' '};
	return true;
}

/* A file that is one line of words. */
static bool words_place(const struct change_spec *spec, const struct edit_line *line, size_t at,
			struct place *out)
{
	(void)spec;
	if (at != 0)
		return false;
	*out = (struct place){0, line->len, ' '};
	return true;
}

/* A new line that holds the word. */
static void shell_create(const struct change_spec *spec, const char *word, struct rf_buf *out)
{
	rf_buf_printf(out, "%s=\"%s\"\n", spec->key, word);
}

static void words_create(const struct change_spec *spec, const char *word, struct rf_buf *out)
{
	(void)spec;
	rf_buf_printf(out, "%s\n", word);
}

static void modprobe_create(const struct change_spec *spec, const char *word, struct rf_buf *out)
{
	rf_buf_printf(out, "options %s %s\n", spec->section, word);
}

static const struct list_kind {
	const char *style;
	bool (*place)(const struct change_spec *spec, const struct edit_line *line, size_t at,
		      struct place *out);
	/* NULL: there must be a line. */
	void (*create)(const struct change_spec *spec, const char *word, struct rf_buf *out);
	bool keys; /* set and remove of KEY=VALUE, not add-word and remove-word */
} kinds[] = {
	{"shellwords", shell_place, shell_create, false},
	{"words", words_place, words_create, false},
	{"fstab", fstab_place, NULL, false},
	{"modprobe", modprobe_place, modprobe_create, true},
};

static const struct list_kind *kind_of(const struct change_spec *spec)
{
	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		if (strcmp(kinds[i].style, spec->style) == 0)
			return &kinds[i];
	}
	return NULL;
}

/* The last line that holds such a list. */
static bool place_find(const struct list_kind *kind, const struct change_spec *spec,
		       struct rf_slice in, struct place *out)
{
	struct edit_line line;
	bool any = false;

	for (size_t at = 0, from = 0; edit_line_next(in, &at, &line); from = at)
		any |= kind->place(spec, &line, from, out);
	return any;
}

/* The word of the operation; of modprobe KEY=VALUE. */
static int word_of(const struct list_kind *kind, const struct change_spec *spec, char *word,
		   size_t size, bool *add, struct rf_err *err)
{
	bool keys = kind->keys;

	*add = strcmp(spec->op, keys ? "set" : "add-word") == 0;
	if (!*add && strcmp(spec->op, keys ? "remove" : "remove-word") != 0)
		return rf_fail(err, RF_E_UNKNOWN, "the style %s has no operation %s", spec->style,
			       spec->op);
	bool fit = keys ? rf_format(word, size, "%s=%s", spec->key, change_spec_value(spec))
			: rf_copy(word, size, change_spec_value(spec));

	if (!fit)
		return rf_fail(err, RF_E_LIMIT, "the word is too long");
	return word[0] && !strpbrk(word, " \t\"'")
		       ? 0
		       : rf_fail(err, RF_E_SYNTAX, "%.60s is not one word", word);
}

int edit_list_apply(const struct edit_style *style, const struct change_spec *spec,
		    struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	const struct list_kind *kind = kind_of(spec);
	struct place place;
	char word[sizeof(spec->key) + sizeof(spec->value)];
	bool add;

	(void)style;
	int rc = word_of(kind, spec, word, sizeof(word), &add, err);

	if (rc < 0)
		return rc;
	if (place_find(kind, spec, in, &place)) {
		rf_buf_add(out, in.data, place.start);
		words_edit((const char *)in.data + place.start, place.end - place.start,
			   place.separator, word, add, out);
		rf_buf_add(out, in.data + place.end, in.len - place.end);
	} else {
		if (add && !kind->create)
			return rf_fail(err, RF_E_MISSING, "no line for %s is there to change",
				       spec->key);
		rf_buf_add(out, in.data, in.len);
		if (add && in.len && in.data[in.len - 1] != '\n')
			rf_buf_add_byte(out, '\n');
		if (add)
			kind->create(spec, word, out);
	}
	return out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

bool edit_list_get(const struct edit_style *style, const struct change_spec *spec,
		   struct rf_slice in, struct rf_buf *out)
{
	const struct list_kind *kind = kind_of(spec);
	struct place place;

	(void)style;
	if (!place_find(kind, spec, in, &place))
		return false;
	rf_buf_add(out, in.data + place.start, place.end - place.start);
	return true;
}

/* ---- whole lines ---- */

static bool line_is(const struct edit_line *line, const char *text)
{
	size_t len = line->len, from = 0;

	while (from < len && blank(line->text[from]))
		from++;
	while (len > from && blank(line->text[len - 1]))
		len--;
	return len - from == strlen(text) && memcmp(line->text + from, text, len - from) == 0;
}

bool edit_line_get(const struct edit_style *style, const struct change_spec *spec,
		   struct rf_slice in, struct rf_buf *out)
{
	struct edit_line line;

	(void)style;
	for (size_t at = 0; edit_line_next(in, &at, &line);) {
		if (line_is(&line, change_spec_value(spec))) {
			rf_buf_add(out, line.text, line.len);
			return true;
		}
	}
	return false;
}

int edit_line_apply(const struct edit_style *style, const struct change_spec *spec,
		    struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	const char *wanted = change_spec_value(spec);
	bool set = strcmp(spec->op, "set") == 0, there = false;
	struct edit_line line;

	if (!set && strcmp(spec->op, "remove") != 0)
		return rf_fail(err, RF_E_UNKNOWN, "the style %s has no operation %s", style->name,
			       spec->op);
	if (!wanted[0])
		return rf_fail(err, RF_E_MISSING, "no line was given");
	for (size_t at = 0; edit_line_next(in, &at, &line);) {
		bool same = line_is(&line, wanted);

		there |= same;
		if (set || !same)
			rf_buf_add(out, line.text, line.full);
	}
	if (set && !there) {
		if (in.len && in.data[in.len - 1] != '\n')
			rf_buf_add_byte(out, '\n');
		rf_buf_printf(out, "%s\n", wanted);
	}
	return out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}
