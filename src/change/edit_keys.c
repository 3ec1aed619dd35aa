/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The editor of key/value files, for every syntax that has one key a line: what differs is in the
 * style's row (edit.c). The occurrence that counts is rewritten in place, from the first byte of
 * the value to its last; others of the same key go, because two values for one key are what the
 * next person trips over. A new line stands behind the shipped comment that shows the option, if
 * there is one.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/edit_parts.h"

/* Where things are in the text. */
struct item {
	size_t start, end; /* the line, or lines, with the end of the last */
	size_t value, value_end;
	size_t key, key_end; /* empty when the line has none */
	bool commented;
};

bool edit_line_next(struct rf_slice in, size_t *at, struct edit_line *out)
{
	if (*at >= in.len)
		return false;
	const char *text = (const char *)in.data + *at;
	const char *nl = memchr(text, '\n', in.len - *at);

	out->text = text;
	out->full = nl ? (size_t)(nl - text) + 1 : in.len - *at;
	out->len = out->full - (nl ? 1 : 0);
	if (nl && out->len > 0 && text[out->len - 1] == '\r')
		out->len--;
	*at += out->full;
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t skip_blanks(const char *t, size_t at, size_t end)
{
	while (at < end && blank(t[at]))
		at++;
	return at;
}

/* Behind the closing quote; end when there is none. */
static size_t quoted_end(const char *t, size_t at, size_t end)
{
	char quote = t[at++];

	while (at < end && t[at] != quote)
		at += t[at] == '\\' && at + 1 < end ? 2 : 1;
	return at < end ? at + 1 : end;
}

static size_t line_end_of(const char *t, size_t at, size_t end)
{
	const char *nl = memchr(t + at, '\n', end - at);

	return nl ? (size_t)(nl - t) : end;
}

/* A list of libvirt's daemons may span lines: [ "a",\n "b" ]. */
static size_t list_end(const char *t, size_t at, size_t end)
{
	while (at < end && t[at] != ']') {
		if (t[at] == '"' || t[at] == '\'')
			at = quoted_end(t, at, end);
		else if (t[at] == '#')
			at = line_end_of(t, at, end);
		else
			at++;
	}
	return at < end ? at + 1 : end;
}

/* Where a value that begins at at ends; line_end is the end of its line, text_end of all. */
static size_t value_end(const struct edit_style *style, const char *t, size_t at, size_t line_end,
			size_t text_end)
{
	if (style->quote && at < line_end && (t[at] == '"' || t[at] == '\''))
		return quoted_end(t, at, line_end);
	if (style->quote == edit_quote_virtconf && at < line_end && t[at] == '[')
		return list_end(t, at, text_end);
	size_t end = line_end;

	if (style->quote) {
		for (end = at; end < line_end && !blank(t[end]) && t[end] != '#';)
			end++;
	}
	while (end > at && blank(t[end - 1]))
		end--;
	return end;
}

/* The item that begins at *at. False at the end of the text. */
static bool item_next(const struct edit_style *style, struct rf_slice in, size_t *at,
		      struct item *out)
{
	struct edit_line line;
	size_t start = *at;
	const char *t = (const char *)in.data;

	if (!edit_line_next(in, at, &line))
		return false;
	size_t end = start + line.len, p = skip_blanks(t, start, end);

	*out = (struct item){.start = start, .end = *at};
	if (p < end && strchr(style->comments, t[p])) {
		out->commented = true;
		p = skip_blanks(t, p + 1, end);
	}
	out->key = p;
	while (p < end && !blank(t[p]) && !(style->equals && t[p] == '='))
		p++;
	out->key_end = p;
	p = skip_blanks(t, p, end);
	if (style->equals) {
		if (p == end || t[p] != '=') {
			out->value = out->value_end = end;
			/* [section] and words without = are no keys. */
			if (t[out->key] != '[')
				out->key_end = out->key;
			return true;
		}
		p = skip_blanks(t, p + 1, end);
	}
	out->value = p;
	out->value_end = value_end(style, t, p, end, in.len);
	while (out->value_end > out->end && edit_line_next(in, at, &line))
		out->end = *at;
	return true;
}

static bool key_is(const struct edit_style *style, const char *t, const struct item *item,
		   const char *key)
{
	size_t len = item->key_end - item->key;

	if (len == 0 || strlen(key) != len)
		return false;
	return (style->nocase ? strncasecmp(t + item->key, key, len)
			      : strncmp(t + item->key, key, len)) == 0;
}

/* What a walk through the text found. */
struct found {
	struct item best; /* the occurrence that counts */
	bool any;
	struct item shown; /* the last comment that shows the key */
	bool has_shown;
	size_t section_end; /* where a new line of the section goes */
	bool has_section;
};

/* Keeps track of [sections]; true when the item is in the one asked for. */
static bool in_section(const struct edit_style *style, const struct change_spec *spec,
		       const char *t, const struct item *item, bool *inside)
{
	if (!style->sections)
		return true;
	size_t len = strlen(spec->section);
	size_t line_len = item->end - item->start;

	if (item->commented || t[item->start] != '[')
		return *inside;
	*inside = line_len >= len + 2 && memcmp(t + item->start + 1, spec->section, len) == 0 &&
		  t[item->start + 1 + len] == ']';
	return *inside;
}

static void walk(const struct edit_style *style, const struct change_spec *spec, struct rf_slice in,
		 struct found *out)
{
	const char *t = (const char *)in.data;
	struct item item;
	bool inside = false;

	*out = (struct found){0};
	for (size_t at = 0; item_next(style, in, &at, &item);) {
		if (!in_section(style, spec, t, &item, &inside))
			continue;
		out->has_section = true;
		if (item.key_end > item.key || item.commented)
			out->section_end = item.end;
		if (!item.commented && style->stop && key_is(style, t, &item, style->stop))
			return;
		if (!key_is(style, t, &item, spec->key))
			continue;
		if (item.commented) {
			out->shown = item;
			out->has_shown = true;
			continue;
		}
		if (!out->any || !style->first_wins)
			out->best = item;
		out->any = true;
	}
}

static const char *line_break(struct rf_slice in)
{
	const char *nl = in.len ? memchr(in.data, '\n', in.len) : NULL;

	return nl && nl > (const char *)in.data && nl[-1] == '\r' ? "\r\n" : "\n";
}

static void value_write(const struct edit_style *style, const struct change_spec *spec,
			struct rf_buf *out)
{
	if (style->quote)
		style->quote(spec, out);
	else
		rf_buf_add_text(out, change_spec_value(spec));
}

static void line_write(const struct edit_style *style, const struct change_spec *spec,
		       const char *nl, struct rf_buf *out)
{
	rf_buf_printf(out, "%s%s", spec->key, style->assign);
	value_write(style, spec, out);
	rf_buf_add_text(out, nl);
}

/* Copies in[from, to), and gives it a line end when it has none. */
static void copy(struct rf_slice in, size_t from, size_t to, const char *nl, struct rf_buf *out)
{
	if (to <= from)
		return;
	rf_buf_add(out, in.data + from, to - from);
	if (nl && in.data[to - 1] != '\n')
		rf_buf_add_text(out, nl);
}

static void insert(const struct edit_style *style, const struct change_spec *spec,
		   struct rf_slice in, const struct found *f, struct rf_buf *out)
{
	const char *nl = line_break(in);
	size_t at = style->at_top ? 0 : in.len;

	if (f->has_shown && !style->at_top)
		at = f->shown.end;
	else if (style->sections && f->has_section)
		at = f->section_end;
	copy(in, 0, at, nl, out);
	if (style->sections && !f->has_section)
		rf_buf_printf(out, "[%s]%s", spec->section, nl);
	line_write(style, spec, nl, out);
	copy(in, at, in.len, NULL, out);
}

/* Copies all lines but those of the key; the one that counts gets the new value, or goes too. */
static void rewrite(const struct edit_style *style, const struct change_spec *spec,
		    struct rf_slice in, const struct found *f, struct rf_buf *out)
{
	const char *t = (const char *)in.data;
	bool keep = strcmp(spec->op, "set") == 0, inside = false, stopped = false;
	struct item item;

	for (size_t at = 0; item_next(style, in, &at, &item);) {
		bool here = in_section(style, spec, t, &item, &inside) && !stopped;

		stopped |= !item.commented && style->stop && key_is(style, t, &item, style->stop);
		bool same =
			here && !stopped && !item.commented && key_is(style, t, &item, spec->key);

		if (keep && same && item.start == f->best.start) {
			copy(in, item.start, item.value, NULL, out);
			value_write(style, spec, out);
			copy(in, item.value_end, item.end, NULL, out);
		} else if (!same || (keep && style->first_wins)) {
			copy(in, item.start, item.end, NULL, out);
		}
	}
}

int edit_keys_apply(const struct edit_style *style, const struct change_spec *spec,
		    struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	struct found f;
	bool set = strcmp(spec->op, "set") == 0;

	if (!set && strcmp(spec->op, "remove") != 0)
		return rf_fail(err, RF_E_UNKNOWN, "the style %s has no operation %s", style->name,
			       spec->op);
	if (!spec->key[0] || strpbrk(spec->key, style->equals ? " \t=[#" : " \t#"))
		return rf_fail(err, RF_E_SYNTAX, "%.60s is no key of a file in the style %s",
			       spec->key, style->name);
	if (style->sections && !spec->section[0])
		return rf_fail(err, RF_E_MISSING, "the style %s needs a section", style->name);
	walk(style, spec, in, &f);
	if (f.any)
		rewrite(style, spec, in, &f, out);
	else if (set)
		insert(style, spec, in, &f, out);
	else
		copy(in, 0, in.len, NULL, out);
	return out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

bool edit_keys_get(const struct edit_style *style, const struct change_spec *spec,
		   struct rf_slice in, struct rf_buf *out)
{
	struct found f;

	walk(style, spec, in, &f);
	if (!f.any)
		return false;
	const char *value = (const char *)in.data + f.best.value;
	size_t len = f.best.value_end - f.best.value;

	if (style->unquote)
		style->unquote(value, len, out);
	else
		rf_buf_add(out, value, len);
	return true;
}

/* ---- values ---- */

/* Settings of libvirt's daemons that are lists, and numbers that are written as text. */
static const char *const virtconf_lists[] = {
	"namespaces",
	"cgroup_controllers",
	"cgroup_device_acl",
	"capability_filters",
	"tls_allowed_dn_list",
	"sasl_allowed_username_list",
	"access_drivers",
	"security_driver",
	"hugetlbfs_mount",
	"uri_aliases",
	"nvram",
};
static const char *const virtconf_texts[] = {"unix_sock_ro_perms", "unix_sock_rw_perms",
					     "unix_sock_admin_perms"};

static bool among(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static void virtconf_text(const char *text, size_t len, struct rf_buf *out)
{
	rf_buf_add_byte(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			rf_buf_add_byte(out, '\\');
		rf_buf_add_byte(out, (uint8_t)text[i]);
	}
	rf_buf_add_byte(out, '"');
}

void edit_quote_virtconf(const struct change_spec *spec, struct rf_buf *out)
{
	const char *value = change_spec_value(spec);
	int64_t n;

	if (!among(virtconf_texts, RF_COUNT(virtconf_texts), spec->key) &&
	    rf_num(value, 10, INT64_MIN, INT64_MAX, &n) == 0) {
		rf_buf_add_text(out, value);
		return;
	}
	if (!among(virtconf_lists, RF_COUNT(virtconf_lists), spec->key)) {
		virtconf_text(value, strlen(value), out);
		return;
	}
	rf_buf_add_byte(out, '[');
	for (const char *p = value; *p;) {
		size_t len = strcspn(p, ",");

		rf_buf_add_byte(out, ' ');
		virtconf_text(p, len, out);
		p += len;
		if (*p == ',') {
			rf_buf_add_byte(out, ',');
			p++;
		}
	}
	rf_buf_add_text(out, " ]");
}

void edit_unquote_virtconf(const char *text, size_t len, struct rf_buf *out)
{
	bool list = len && text[0] == '[', quoted = false, any = false;

	for (size_t i = list ? 1 : 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\'') {
			if (!quoted && list && any)
				rf_buf_add_byte(out, ',');
			quoted = !quoted;
			any = true;
		} else if (text[i] == '\\' && quoted && i + 1 < len) {
			rf_buf_add_byte(out, (uint8_t)text[++i]);
		} else if (!list || quoted) {
			rf_buf_add_byte(out, (uint8_t)text[i]);
		}
	}
}

/* A bar, a quote, # and what is not printable are |XX. */
void edit_quote_vmx(const struct change_spec *spec, struct rf_buf *out)
{
	const char *value = change_spec_value(spec);

	rf_buf_add_byte(out, '"');
	for (const char *p = value; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '|' || c == '"' || c < 0x20)
			rf_buf_printf(out, "|%02X", c);
		else
			rf_buf_add_byte(out, c);
	}
	rf_buf_add_byte(out, '"');
}

void edit_unquote_vmx(const char *text, size_t len, struct rf_buf *out)
{
	size_t from = 0;
	uint8_t byte;
	size_t n;

	if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
		from = 1;
		len--;
	}
	for (size_t i = from; i < len; i++) {
		char hex[3] = {0};

		if (text[i] == '|' && i + 2 < len) {
			memcpy(hex, text + i + 1, 2);
			if (rf_hex_decode(hex, &byte, 1, &n) == 0) {
				rf_buf_add_byte(out, byte);
				i += 2;
				continue;
			}
		}
		rf_buf_add_byte(out, (uint8_t)text[i]);
	}
}

static bool plain(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("_-./:,+@%=", *p))
			return false;
	}
	return *text != '\0';
}

/* The allow-list (allow.c) keeps $, `, " and \ out of shell values. */
void edit_quote_shell(const struct change_spec *spec, struct rf_buf *out)
{
	const char *value = change_spec_value(spec);

	rf_buf_printf(out, plain(value) ? "%s" : "\"%s\"", value);
}

void edit_unquote_shell(const char *text, size_t len, struct rf_buf *out)
{
	if (len >= 2 && (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0]) {
		text++;
		len -= 2;
	}
	rf_buf_add(out, text, len);
}
