/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of a prediction: versions, paths as boot loaders and the running system write them, and
 * grub.cfg as far as it must be read. It is no interpreter of grub's language: what does not stand
 * there word by word is not predicted.
 * Source: grub 2.06 manual, "Writing full configuration files directly".
 */
#include <string.h>

#include "attest/predict_parts.h"
#include "base/mem.h"
#include "base/str.h"

#define ENTRIES_MAX 256u

/* ---- versions ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int predict_version_compare(const char *a, const char *b)
{
	while (*a && *b) {
		if (is_digit(*a) && is_digit(*b)) {
			a += strspn(a, "0");
			b += strspn(b, "0");
			size_t la = strspn(a, "0123456789"), lb = strspn(b, "0123456789");
			int order = la != lb ? (la < lb ? -1 : 1) : memcmp(a, b, la);

			if (order)
				return order;
			a += la;
			b += lb;
			continue;
		}
		if (*a != *b)
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		a++;
		b++;
	}
	return *a ? 1 : *b ? -1 : 0;
}

/* A digit beside it makes it another version. */
static bool is_whole(struct rf_slice text, size_t at, size_t len)
{
	bool before = at > 0 && is_digit((char)text.data[at - 1]) && is_digit((char)text.data[at]);
	bool after = at + len < text.len && is_digit((char)text.data[at + len]) &&
		     is_digit((char)text.data[at + len - 1]);

	return !before && !after;
}

size_t predict_substitute(struct rf_slice text, const char *from, const char *to,
			  struct rf_buf *out)
{
	size_t len = strlen(from), found = 0, i = 0;

	while (i < text.len) {
		if (len > 0 && i + len <= text.len && memcmp(text.data + i, from, len) == 0 &&
		    is_whole(text, i, len)) {
			rf_buf_add_text(out, to);
			i += len;
			found++;
		} else {
			rf_buf_add_byte(out, text.data[i++]);
		}
	}
	return found;
}

/* ---- grub.cfg ---- */

/* Adds text without quotes and with single blanks; line ends stay. */
static void flatten(struct rf_slice text, struct rf_buf *out)
{
	bool start = true, blank = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = (char)text.data[i];

		if (c == '\n') {
			rf_buf_add_byte(out, '\n');
			start = true;
			blank = false;
		} else if (c == ' ' || c == '\t' || c == '\r') {
			blank = !start;
		} else if (c != '\'' && c != '"') {
			if (blank)
				rf_buf_add_byte(out, ' ');
			rf_buf_add_byte(out, (uint8_t)c);
			blank = start = false;
		}
	}
}

char *predict_config_flat(struct rf_slice config)
{
	static const char option[] = "$menuentry_id_option";
	RF_AUTOBUF struct rf_buf flat = {0}, known = {0};

	/* A line on each side, so that every command is found between two line ends. */
	rf_buf_add_byte(&flat, '\n');
	flatten(config, &flat);
	rf_buf_add_byte(&flat, '\n');
	/* The one variable that grub-mkconfig puts into every entry. */
	for (const char *p = rf_buf_text(&flat); *p;) {
		bool here = rf_starts(p, option);

		if (here)
			rf_buf_add_text(&known, "--id");
		else
			rf_buf_add_byte(&known, (uint8_t)*p);
		p += here ? sizeof(option) - 1 : 1;
	}
	return flat.failed ? NULL : rf_buf_take_text(&known);
}

bool predict_config_has(const char *flat, struct rf_slice command)
{
	RF_AUTOBUF struct rf_buf line = {0};

	rf_buf_add_byte(&line, '\n');
	flatten(command, &line);
	rf_buf_add_byte(&line, '\n');
	return !line.failed && strstr(flat, rf_buf_text(&line)) != NULL;
}

size_t predict_skip_quoted(struct rf_slice text, size_t i)
{
	uint8_t quote = text.data[i++];

	while (i < text.len && text.data[i] != quote)
		i += text.data[i] == '\\' && quote == '"' ? 2u : 1u;
	return i;
}

static bool begins_entry(struct rf_slice text, size_t i)
{
	static const char *const words[] = {"menuentry", "submenu"};

	for (size_t w = 0; w < RF_COUNT(words); w++) {
		size_t len = strlen(words[w]);

		if (i + len < text.len && memcmp(text.data + i, words[w], len) == 0 &&
		    (text.data[i + len] == ' ' || text.data[i + len] == '\t'))
			return true;
	}
	return false;
}

size_t predict_skip_block(struct rf_slice text, size_t i)
{
	size_t depth = 0;

	for (; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c == '\'' || c == '"')
			i = predict_skip_quoted(text, i);
		else if (c == '{')
			depth++;
		else if (c == '}' && --depth == 0)
			return i + 1;
	}
	return text.len;
}

/* The entry that begins at i: its head up to the brace, its body with both braces. */
static bool read_entry(struct rf_slice config, size_t i, struct predict_entry *out)
{
	size_t brace = i;

	while (brace < config.len && config.data[brace] != '{' && config.data[brace] != '\n')
		brace = config.data[brace] == '\'' || config.data[brace] == '"'
				? predict_skip_quoted(config, brace) + 1
				: brace + 1;
	if (brace >= config.len || config.data[brace] != '{')
		return false;
	size_t end = predict_skip_block(config, brace);

	out->head = (struct rf_slice){config.data + i, brace - i};
	out->body = (struct rf_slice){config.data + brace, end - brace};
	out->submenu = config.data[i] == 's';
	return out->body.len >= 2 && out->body.data[out->body.len - 1] == '}';
}

bool predict_config_entry(struct rf_slice config, size_t index, struct predict_entry *out)
{
	bool start = true; /* of a command */
	size_t found = 0;

	for (size_t i = 0; i < config.len; i++) {
		uint8_t c = config.data[i];

		if (start && c == '#') {
			while (i + 1 < config.len && config.data[i + 1] != '\n')
				i++;
			continue;
		}
		if (start && begins_entry(config, i) && found++ == index)
			return read_entry(config, i, out);
		if (c == '\'' || c == '"')
			i = predict_skip_quoted(config, i);
		else if (c == '{' && !(i > 0 && config.data[i - 1] == '$'))
			i = predict_skip_block(config, i) - 1;
		if (c == '\n' || c == ';')
			start = true;
		else if (c != ' ' && c != '\t')
			start = false;
	}
	return false;
}

bool predict_entry_head(const struct predict_entry *entry, struct rf_buf *out)
{
	RF_AUTOFREE char *flat = predict_config_flat(entry->head);
	char *text = flat ? rf_trim(flat) : NULL;

	if (!text || strchr(text, '$'))
		return false;
	return rf_buf_add_text(out, text) == 0 && !out->failed;
}

size_t predict_config_entries(struct rf_slice config)
{
	struct predict_entry entry;
	size_t entries = 0;

	/* Each is found by walking from the start: a menu has some ten. */
	while (entries < ENTRIES_MAX && predict_config_entry(config, entries, &entry))
		entries++;
	return entries;
}

/* ---- files ---- */

const struct predict_file *predict_find_file(const struct predict_input *input, const char *path)
{
	static const char *const roots[] = {"/boot", "/boot/efi", "/efi", ""};
	char full[640];

	for (size_t r = 0; r < RF_COUNT(roots); r++) {
		if (!rf_format(full, sizeof(full), "%s%s", roots[r], path))
			continue;
		for (size_t i = 0; i < input->files_count; i++) {
			/* The EFI system partition knows no case. */
			if (strcmp(input->files[i].path, full) == 0 ||
			    (strstr(full, "/efi") && rf_equal_nocase(input->files[i].path, full)))
				return &input->files[i];
		}
	}
	return NULL;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Equal but for the digits in them. */
static bool same_kind(const char *a, const char *b)
{
	while (*a && *b) {
		if (is_digit(*a) && is_digit(*b)) {
			a += strspn(a, "0123456789");
			b += strspn(b, "0123456789");
		} else if (*a++ != *b++) {
			return false;
		}
	}
	return *a == *b;
}

const struct predict_file *predict_newest(const struct predict_input *input, const char *name)
{
	const struct predict_file *best = NULL;

	for (size_t i = 0; i < input->files_count; i++) {
		const char *part = last_part(input->files[i].path);

		if (same_kind(part, name) &&
		    (!best || predict_version_compare(part, last_part(best->path)) > 0))
			best = &input->files[i];
	}
	return best;
}
