/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands and words of a GRUB script, as far as prediction takes them apart. Nothing is run here
 * and no variable is known (predict_choose.c knows some).
 * Source: grub 2.06 manual, "Writing full configuration files directly": words, quotes, blocks,
 * comments.
 */
#include <string.h>

#include "attest/predict_parts.h"
#include "base/mem.h"
#include "base/str.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_command(uint8_t c)
{
	return c == '\n' || c == ';';
}

/* Behind blanks, and behind a comment where one begins. */
static size_t skip_blanks(struct rf_slice script, size_t at)
{
	while (at < script.len && is_blank(script.data[at]))
		at++;
	if (at < script.len && script.data[at] == '#') {
		while (at < script.len && script.data[at] != '\n')
			at++;
	}
	return at;
}

/* Behind the word that begins at: a block, or all up to a blank that is not quoted. */
static size_t skip_word(struct rf_slice script, size_t at)
{
	if (script.data[at] == '{')
		return predict_skip_block(script, at);
	while (at < script.len && !is_blank(script.data[at]) && !ends_command(script.data[at])) {
		uint8_t c = script.data[at];

		if (c == '\'' || c == '"')
			at = predict_skip_quoted(script, at) + 1;
		else
			at += c == '\\' ? 2u : 1u;
	}
	return at < script.len ? at : script.len;
}

bool predict_command_next(struct rf_slice script, size_t *at, struct predict_command *out)
{
	size_t i = *at, start, end = 0;

	while (i < script.len &&
	       (is_blank(script.data[i]) || ends_command(script.data[i]) || script.data[i] == '#'))
		i = ends_command(script.data[i]) ? i + 1 : skip_blanks(script, i);
	start = i;
	out->count = 0;
	while (i < script.len && !ends_command(script.data[i])) {
		end = skip_word(script, i);
		if (out->count < PREDICT_MAX_WORDS)
			out->words[out->count++] = (struct rf_slice){script.data + i, end - i};
		i = skip_blanks(script, end);
	}
	*at = i;
	out->whole = (struct rf_slice){script.data + start, end > start ? end - start : 0};
	return out->count > 0;
}

bool predict_word_is(struct rf_slice word, const char *text)
{
	return rf_slice_equal(word, rf_slice_text(text));
}

bool predict_starts_linux(const struct predict_command *command)
{
	static const char *const names[] = {"linux", "linuxefi", "linux16"};

	for (size_t i = 0; i < RF_COUNT(names) && command->count > 1; i++) {
		if (predict_word_is(command->words[0], names[i]))
			return true;
	}
	return false;
}

/* The word without its quotes; false when it holds a variable or does not fit. */
static bool plain_word(struct rf_slice word, char *out, size_t size)
{
	size_t len = 0;
	uint8_t quote = 0;

	for (size_t i = 0; i < word.len; i++) {
		uint8_t c = word.data[i];

		if (c == '$' && quote != '\'')
			return false;
		if (quote ? c == quote : c == '\'' || c == '"') {
			quote = quote ? 0 : c;
			continue;
		}
		if (c == '\\' && quote != '\'' && i + 1 < word.len)
			c = word.data[++i];
		if (len + 1 >= size)
			return false;
		out[len++] = (char)c;
	}
	out[len] = '\0';
	return true;
}

/* Options of menuentry that take an argument. */
static bool takes_argument(struct rf_slice word)
{
	static const char *const names[] = {"--class", "--users", "--hotkey", "--source"};

	for (size_t i = 0; i < RF_COUNT(names); i++) {
		if (predict_word_is(word, names[i]))
			return true;
	}
	return false;
}

bool predict_entry_name(const struct predict_entry *entry, char title[PREDICT_MAX_TITLE],
			char id[PREDICT_MAX_TITLE])
{
	struct predict_command head;
	bool titled = false;
	size_t at = 0;

	if (!predict_command_next(entry->head, &at, &head))
		return false;
	title[0] = id[0] = '\0';
	for (size_t i = 1; i < head.count; i++) {
		bool names_id = predict_word_is(head.words[i], "--id") ||
				predict_word_is(head.words[i], "$menuentry_id_option");

		if (names_id && i + 1 < head.count) {
			if (!plain_word(head.words[++i], id, PREDICT_MAX_TITLE))
				return false;
			continue;
		}
		if (takes_argument(head.words[i])) {
			i++;
			continue;
		}
		if (head.words[i].data[0] == '-' && head.words[i].len > 1)
			continue;
		if (titled || !plain_word(head.words[i], title, PREDICT_MAX_TITLE))
			return false;
		titled = true;
	}
	/* An entry without an id goes by its title. */
	if (!id[0])
		rf_copy(id, PREDICT_MAX_TITLE, title);
	return titled;
}
