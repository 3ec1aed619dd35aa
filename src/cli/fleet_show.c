/* SPDX-License-Identifier: Apache-2.0 */
/* What of a manager's answer is shown, to a person or a program. See fleet.h. */
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/fleet.h"
#include "cli/rows.h"
#include "cli/story.h"

#define MAX_COLUMNS 64	   /* of a question, too */
#define NOTE	    "    " /* before what stands under a line */
#define NOTE_LEAST  24	   /* a cell that is wider may stand there */
#define ID_SHOWN    8	   /* of a host's id in a table: commands take that much */

struct column {
	char head[32], member[48];
	bool age; /* a time: how long ago */
};

int fleet_format_parse(const char *name, enum fleet_format *out, struct rf_err *err)
{
	static const char *const names[] = {"table", "json", "jsonl", "csv"};

	*out = FLEET_TABLE;
	for (size_t i = 0; name && i < RF_COUNT(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*out = (enum fleet_format)i;
			return 0;
		}
	}
	return name ? rf_fail(err, RF_E_USAGE,
			      "there is no format %s here: table, json, jsonl or csv", name)
		    : 0;
}

/* A time of the API as people read it. */
static void time_add(struct rf_buf *out, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	if (ms <= 0 || !localtime_r(&seconds, &tm)) {
		rf_buf_add_text(out, "never");
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	rf_buf_add_text(out, text);
}

/* How long ago, in one unit. */
static void age_add(struct rf_buf *out, int64_t ms)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	int64_t seconds = (common_now_ms() - ms) / 1000;

	if (ms <= 0 || seconds < 1) {
		rf_buf_add_text(out, ms <= 0 ? "never" : "now");
		return;
	}
	for (size_t i = 0; i < RF_COUNT(units); i++) {
		/* Two units' worth of the smaller one says more than one of the larger. */
		if (seconds < 2 * units[i].seconds && units[i].seconds > 1)
			continue;
		rf_buf_printf(out, "%lld %s ago", (long long)(seconds / units[i].seconds),
			      units[i].unit);
		return;
	}
}

/* Who reads a value: a program; a person; a person in a table, whose library makes what moves a
 * cursor visible by itself. */
enum reader { PROGRAM, PERSON, TABLE };

/* Whether value is a list of texts, which people read with blanks between. */
static bool is_texts(const json_t *value)
{
	const json_t *one;
	size_t at;

	json_array_foreach(value, at, one)
	{
		if (!json_is_string(one))
			return false;
	}
	return json_is_array(value);
}

/* Whether value is an object of texts: labels, the duties of a set. People read NAME=VALUE, as they
 * type it. */
static bool is_map(json_t *value)
{
	const char *name;
	json_t *one;

	json_object_foreach(value, name, one)
	{
		if (!json_is_string(one))
			return false;
	}
	return json_is_object(value);
}

static void word_add(struct rf_buf *out, const char *text, enum reader reader)
{
	if (reader == PERSON)
		rf_buf_add_visible(out, text, strlen(text));
	else
		rf_buf_add_text(out, text);
}

static void map_add(struct rf_buf *out, json_t *map, enum reader reader)
{
	const char *between = "", *name;
	json_t *one;

	json_object_foreach(map, name, one)
	{
		rf_buf_add_text(out, between);
		word_add(out, name, reader);
		rf_buf_add_text(out, "=");
		word_add(out, json_string_value(one), reader);
		between = ", ";
	}
}

static void texts_add(struct rf_buf *out, const json_t *list, enum reader reader)
{
	const json_t *one;
	size_t at;

	json_array_foreach(list, at, one)
	{
		rf_buf_add_text(out, at ? " " : "");
		word_add(out, json_string_value(one), reader);
	}
}

static void value_add(struct rf_buf *out, const char *member, const json_t *value,
		      enum reader reader)
{
	const char *text = json_string_value(value);

	if (text) {
		word_add(out, text, reader);
	} else if (json_is_integer(value) && reader != PROGRAM && rf_ends(member, "_ms")) {
		time_add(out, json_integer_value(value));
	} else if (json_is_boolean(value)) {
		rf_buf_add_text(out, json_is_true(value) ? "yes" : "no");
	} else if (is_texts(value) && reader != PROGRAM) {
		texts_add(out, value, reader);
	} else if (reader != PROGRAM && is_map((json_t *)(uintptr_t)value)) {
		map_add(out, (json_t *)(uintptr_t)value, reader);
	} else if (value && !json_is_null(value)) {
		RF_AUTOFREE char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		/* Jansson leaves control characters as \uXXXX. */
		rf_buf_add_text(out, dump ? dump : "");
	}
}

/* "HEAD=member ..." */
static size_t columns_read(const char *text, struct column out[MAX_COLUMNS])
{
	size_t count = 0;

	while (*text && count < MAX_COLUMNS) {
		size_t head = strcspn(text, "="), member = strcspn(text + head + 1, " ");
		struct column *c = &out[count++];
		const char *name = text + head + 1;

		c->age = *name == '~';
		(void)rf_format(c->head, sizeof(c->head), "%.*s", (int)head, text);
		(void)rf_format(c->member, sizeof(c->member), "%.*s", (int)member - c->age,
				name + c->age);
		text += head + 1 + member;
		text += strspn(text, " ");
	}
	return count;
}

/* Without columns of the row's own: the members of the first item that are no lists. */
static size_t columns_guess(const json_t *items, struct column out[MAX_COLUMNS])
{
	json_t *first = json_array_get(items, 0);
	const char *name;
	json_t *value;
	size_t count = 0;

	json_object_foreach(first, name, value)
	{
		if (count == MAX_COLUMNS || json_is_object(value) || json_is_array(value))
			continue;
		struct column *c = &out[count++];

		c->age = false;
		(void)rf_copy(c->head, sizeof(c->head), name);
		(void)rf_copy(c->member, sizeof(c->member), name);
		for (char *p = c->head; *p; p++)
			*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
	}
	return count;
}

static void cell_add(struct rf_buf *out, const struct column *column, const json_t *item,
		     enum reader reader)
{
	const json_t *value = json_object_get(item, column->member);
	const char *text = json_string_value(value);

	if (column->age && json_is_integer(value))
		age_add(out, json_integer_value(value));
	else if (text && fleet_host_is_id(text))
		rf_buf_add(out, text, ID_SHOWN);
	else
		value_add(out, column->member, value, reader);
}

static int table_line(struct libscols_table *table, const json_t *item,
		      const struct column *columns, size_t count)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	int rc = line ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !rc; i++) {
		RF_AUTOBUF struct rf_buf text = {0};

		cell_add(&text, &columns[i], item, TABLE);
		/* A report of many lines is for -o json, or for the command that shows one thing.
		 */
		char *end = text.data ? strchr((char *)text.data, '\n') : NULL;

		if (end)
			*end = '\0';
		rc = text.failed ? -ENOMEM : scols_line_set_data(line, i, rf_buf_text(&text));
	}
	return rc;
}

/* Whether each item's cells stand on one line of the terminal, or only a short last one does not.
 */
static bool table_fits(const json_t *items, const struct column *columns, size_t count)
{
	size_t width = count, last = 0;
	const json_t *item;
	size_t at;

	for (size_t i = 0; i < count; i++) {
		size_t widest = strlen(columns[i].head);

		json_array_foreach(items, at, item)
		{
			RF_AUTOBUF struct rf_buf text = {0};

			cell_add(&text, &columns[i], item, PERSON);
			if (rf_width(rf_buf_text(&text)) > widest)
				widest = rf_width(rf_buf_text(&text));
		}
		width += widest;
		last = widest;
	}
	return width <= rows_width() || last <= NOTE_LEAST;
}

/* A text in words, behind head; each line as far in as the first. */
static void lines_print(FILE *out, const char *head, struct rf_buf *text)
{
	unsigned indent = (unsigned)strlen(head);
	RF_AUTOFREE char *blank = rf_asprintf("%*s", (int)indent, "");

	for (char *rest = (char *)text->data, *line; (line = rf_line_next(&rest));) {
		RF_AUTOBUF struct rf_buf shown = {0};

		rf_buf_add_visible(&shown, line, strlen(line));
		story_print_wrapped(out, head, indent, rf_buf_text(&shown));
		head = blank ? blank : "";
	}
}

/* What stands under an item's line: its last cell. */
static void note_print(FILE *out, const struct column *column, const json_t *item)
{
	RF_AUTOBUF struct rf_buf text = {0};

	cell_add(&text, column, item, TABLE);
	if (text.len)
		lines_print(out, NOTE, &text);
}

static int table_print(FILE *out, const json_t *items, const struct column *columns, size_t count)
{
	/* A last cell that is too long for its line gets lines of its own. */
	bool noted = count > 1 && !table_fits(items, columns, count);
	struct libscols_table *table = scols_new_table();
	size_t shown = noted ? count - 1 : count;
	int rc = table ? 0 : -ENOMEM;
	const json_t *item;
	size_t at;

	if (table) {
		scols_table_set_stream(table, out);
		scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
		scols_table_set_termwidth(table, rows_width());
	}
	for (size_t i = 0; i < shown && !rc; i++)
		rc = scols_table_new_column(table, columns[i].head, 0, 0) ? 0 : -ENOMEM;
	json_array_foreach(items, at, item)
	{
		if (!rc)
			rc = table_line(table, item, columns, shown);
	}
	if (!rc && !noted)
		rc = scols_print_table(table);
	json_array_foreach(items, at, item)
	{
		struct libscols_line *line = noted ? scols_table_get_line(table, at) : NULL;

		if (rc || !line)
			continue;
		rc = scols_table_print_range(table, line, line);
		/* The library ends each line of a range but the table's last. */
		if (at + 1 == json_array_size(items))
			fputc('\n', out);
		note_print(out, &columns[count - 1], item);
	}
	scols_unref_table(table);
	return rc;
}

/* RFC 4180. */
static void csv_field(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void csv_print(FILE *out, const json_t *items, const struct column *columns, size_t count)
{
	const json_t *item;
	size_t at;

	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i ? "," : "", columns[i].member);
	fputs("\r\n", out);
	json_array_foreach(items, at, item)
	{
		for (size_t i = 0; i < count; i++) {
			RF_AUTOBUF struct rf_buf text = {0};

			value_add(&text, columns[i].member,
				  json_object_get(item, columns[i].member), PROGRAM);
			fputs(i ? "," : "", out);
			csv_field(out, rf_buf_text(&text));
		}
		fputs("\r\n", out);
	}
}

static int json_print(FILE *out, const json_t *value, size_t flags)
{
	int rc = json_dumpf(value, out, flags | JSON_ENCODE_ANY);

	fputc('\n', out);
	return rc < 0 ? -EIO : 0;
}

int fleet_show_items(FILE *out, const json_t *items, const char *wanted, enum fleet_format format,
		     struct rf_err *err)
{
	struct column columns[MAX_COLUMNS];
	size_t count = wanted ? columns_read(wanted, columns) : columns_guess(items, columns);
	const json_t *item;
	size_t at;
	int rc = 0;

	if (format == FLEET_JSON)
		rc = json_print(out, items, JSON_INDENT(1));
	else if (format == FLEET_CSV)
		csv_print(out, items, columns, count);
	else if (format == FLEET_TABLE && json_array_size(items) == 0)
		fprintf(out, "none\n");
	else if (format == FLEET_TABLE)
		rc = table_print(out, items, columns, count);
	json_array_foreach(items, at, item)
	{
		if (format == FLEET_JSONL && !rc)
			rc = json_print(out, item, JSON_COMPACT);
	}
	return rc ? rf_fail(err, rc, "it cannot be shown: %s", rf_code_text(rc)) : 0;
}

int fleet_show_one(FILE *out, const json_t *object, enum fleet_format format, struct rf_err *err)
{
	size_t widest = 0;
	const char *name;
	json_t *value, *it = (json_t *)(uintptr_t)object;

	if (format != FLEET_TABLE || !json_is_object(object)) {
		int rc = json_print(out, object,
				    format == FLEET_TABLE || format == FLEET_JSON ? JSON_INDENT(1)
										  : JSON_COMPACT);

		return rc ? rf_fail(err, rc, "it cannot be shown: %s", rf_code_text(rc)) : 0;
	}
	json_object_foreach(it, name, value) widest = strlen(name) > widest ? strlen(name) : widest;
	json_object_foreach(it, name, value)
	{
		RF_AUTOBUF struct rf_buf text = {0}, head = {0}, shown = {0};

		rf_buf_add_visible(&shown, name, strlen(name));
		rf_buf_printf(&head, "%-*s  ", (int)widest, rf_buf_text(&shown));
		value_add(&text, name, value, TABLE);
		/* What is one line may be a command: it is to be copied whole. */
		if (text.len && strchr((char *)text.data, '\n')) {
			lines_print(out, rf_buf_text(&head), &text);
			continue;
		}
		rf_buf_add_visible(&head, rf_buf_text(&text), text.len);
		fprintf(out, "%s\n", rf_buf_text(&head));
	}
	return 0;
}

int fleet_show_event(FILE *out, const json_t *event, enum fleet_format format, struct rf_err *err)
{
	static const char *const members[] = {"at_ms",	   "kind", "host", "about", "old_state",
					      "new_state", "old",  "new",  "text"};
	const char *between = "";
	int rc = 0;

	if (format != FLEET_TABLE)
		rc = json_print(out, event, JSON_COMPACT);
	for (size_t i = 0; format == FLEET_TABLE && i < RF_COUNT(members); i++) {
		RF_AUTOBUF struct rf_buf text = {0};

		value_add(&text, members[i], json_object_get(event, members[i]), PERSON);
		if (text.len == 0)
			continue;
		fprintf(out, "%s%s", between, rf_buf_text(&text));
		between = "  ";
	}
	if (format == FLEET_TABLE)
		fputc('\n', out);
	return rc ? rf_fail(err, rc, "it cannot be shown: %s", rf_code_text(rc)) : 0;
}
