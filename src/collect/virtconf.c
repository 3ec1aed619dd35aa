/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of libvirt's configuration syntax; see virtconf.h. Source: libvirt's src/util/virconf.c
 * of 9.0. Quotes have no escapes; three double quotes hold a text of several lines.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/virtconf.h"

#define MAX_NAME_BYTES 128u

struct cursor {
	const char *p;
	unsigned int line;
	const char *problem; /* of the statement at hand */
};

static bool at_newline(const struct cursor *c)
{
	return *c->p == '\n' || *c->p == '\r';
}

static void skip_blanks(struct cursor *c)
{
	while (*c->p == ' ' || *c->p == '\t')
		c->p++;
}

static void skip_line(struct cursor *c)
{
	while (*c->p && *c->p != '\n')
		c->p++;
	if (*c->p) {
		c->p++;
		c->line++;
	}
}

/* Blanks, line ends and comments: what may stand between statements and inside a list. */
static void skip_space(struct cursor *c)
{
	for (;;) {
		skip_blanks(c);
		if (*c->p == '#')
			skip_line(c);
		else if (*c->p == '\n')
			skip_line(c);
		else if (*c->p == '\r')
			c->p++;
		else
			return;
	}
}

static bool is_name_char(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
	       ch == '_' || ch == '-' || ch == '.';
}

static bool read_name(struct cursor *c, char out[MAX_NAME_BYTES])
{
	size_t len = 0;

	while (is_name_char(c->p[len]))
		len++;
	if (len == 0 || len >= MAX_NAME_BYTES)
		return false;
	memcpy(out, c->p, len);
	out[len] = '\0';
	c->p += len;
	return true;
}

/* """text over lines""" */
static bool read_block(struct cursor *c, struct rf_buf *out)
{
	const char *end = strstr(c->p + 3, "\"\"\"");

	if (!end) {
		c->problem = "a text in three quotes does not end";
		return false;
	}
	rf_buf_add(out, c->p + 3, (size_t)(end - c->p - 3));
	for (const char *p = c->p; p < end; p++)
		c->line += *p == '\n';
	c->p = end + 3;
	return true;
}

static bool read_text(struct cursor *c, struct rf_buf *out)
{
	char quote = *c->p;
	size_t len = 1;

	if (rf_starts(c->p, "\"\"\""))
		return read_block(c, out);
	while (c->p[len] && c->p[len] != quote && c->p[len] != '\n')
		len++;
	if (c->p[len] != quote) {
		c->problem = "a text does not end";
		return false;
	}
	rf_buf_add(out, c->p + 1, len - 1);
	c->p += len + 1;
	return true;
}

static bool read_number(struct cursor *c, struct rf_buf *out)
{
	size_t len = *c->p == '-' || *c->p == '+';
	size_t digits = strspn(c->p + len, "0123456789");

	if (digits == 0) {
		c->problem = "a value is neither a text in quotes, a number nor a list";
		return false;
	}
	rf_buf_add(out, c->p, len + digits);
	c->p += len + digits;
	return true;
}

static bool read_scalar(struct cursor *c, struct rf_buf *out)
{
	return *c->p == '"' || *c->p == '\'' ? read_text(c, out) : read_number(c, out);
}

static bool read_list(struct cursor *c, struct rf_buf *out)
{
	bool first = true;

	c->p++;
	for (;;) {
		skip_space(c);
		if (*c->p == ']') {
			c->p++;
			return true;
		}
		if (!*c->p) {
			c->problem = "a list does not end";
			return false;
		}
		if (!first)
			rf_buf_add_byte(out, ',');
		first = false;
		if (!read_scalar(c, out))
			return false;
		skip_space(c);
		if (*c->p == ',') {
			c->p++;
		} else if (*c->p != ']') {
			c->problem = "the items of a list are not separated by commas";
			return false;
		}
	}
}

/* name = value, to the end of the line. */
static bool read_statement(struct cursor *c, char name[MAX_NAME_BYTES], struct rf_buf *value)
{
	if (!read_name(c, name)) {
		c->problem = "a line does not begin with the name of a setting";
		return false;
	}
	skip_blanks(c);
	if (*c->p != '=') {
		c->problem = "the sign = is missing";
		return false;
	}
	c->p++;
	skip_blanks(c);
	if (!(*c->p == '[' ? read_list(c, value) : read_scalar(c, value)))
		return false;
	skip_blanks(c);
	if (*c->p && !at_newline(c) && *c->p != '#') {
		c->problem = "something follows the value";
		return false;
	}
	return true;
}

void virtconf_parse(const char *text, const char *path, struct conf_options *out,
		    struct virtconf_problem *problem)
{
	struct cursor c = {.p = text, .line = 1};
	RF_AUTOBUF struct rf_buf value = {0};
	char name[MAX_NAME_BYTES];

	*problem = (struct virtconf_problem){0};
	for (;;) {
		skip_space(&c);
		if (!*c.p)
			return;
		unsigned int line = c.line;

		rf_buf_reset(&value);
		if (!read_statement(&c, name, &value)) {
			if (problem->line == 0)
				*problem = (struct virtconf_problem){c.line, c.problem};
		} else if (value.failed) {
			out->failed = true;
		} else if (!conf_find(out, name)) {
			conf_put_at(out, name, rf_buf_text(&value), path, line);
		}
		skip_line(&c);
	}
}

int virtconf_read(struct sys *sys, const char *path, enum fact_table_id table, const char *prefix,
		  struct conf_options *set, struct fact_sink *out)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct virtconf_problem problem;
	int rc = util_read(sys, out, table, prefix, path, RF_MAX_FILE_BYTES, &text);

	if (rc <= 0)
		return rc;
	virtconf_parse(rf_buf_text(&text), path, set, &problem);
	if (problem.line > 0)
		fact_gap(
			out, table, prefix, "", path,
			"line %u is not understood: %s; the daemon refuses such a file, correct it",
			problem.line, problem.what);
	return set->failed ? -ENOMEM : 1;
}
