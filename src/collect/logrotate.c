/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logrotate.conf: which logs are cut, when, and how many are kept. Scripts in it are passed over.
 * Source: logrotate(8) and the defaults in its config.c.
 */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/log_syntax.h"

#define MAX_PATTERNS 1024

/* Without any criterion logrotate cuts a log of 1 MiB. */
#define DEFAULT_SIZE 1048576

struct rotation {
	char frequency[16]; /* "" when by size only */
	int64_t size_bytes; /* size or maxsize; 0 */
	int64_t keep;
	bool compress;
};

struct logrotate {
	struct log_reader *r;
	struct rotation global;
	const char *path;
	unsigned int line;
};

static const char *const frequencies[] = {"hourly", "daily", "weekly", "monthly", "yearly"};

/* Names that logrotate passes over in a folder (taboo extensions). */
static bool is_taboo(const char *name)
{
	static const char *const ends[] = {
		".rpmsave",  ".rpmorig",  ".rpmnew",	  "~",		",v",	     ".disabled",
		".cfsaved",  ".swp",	  ".dpkg-old",	  ".dpkg-dist", ".dpkg-new", ".dpkg-bak",
		".dpkg-del", ".dpkg-tmp", ".dpkg-backup", ".ucf-old",	".ucf-dist", ".ucf-new",
	};

	for (size_t i = 0; i < RF_COUNT(ends); i++) {
		if (rf_ends(name, ends[i]))
			return true;
	}
	return name[0] == '.';
}

static void put_global(struct logrotate *l, const char *name, const char *value)
{
	char key[64];

	rf_format(key, sizeof(key), "logrotate/%s", name);
	conf_put_at(l->r->options, key, value, l->path, l->line);
}

/* One directive of a block, or of the file itself (global). */
static void apply(struct logrotate *l, struct rotation *r, const char *name, const char *value,
		  bool global)
{
	for (size_t i = 0; i < RF_COUNT(frequencies); i++) {
		if (strcmp(name, frequencies[i]) != 0)
			continue;
		/* The last criterion wins: a frequency takes a size of before away. */
		if (!r->frequency[0])
			r->size_bytes = 0;
		rf_copy(r->frequency, sizeof(r->frequency), name);
		if (global)
			put_global(l, "frequency", name);
	}
	if (strcmp(name, "size") == 0 && conf_size(value, &r->size_bytes) == 0)
		r->frequency[0] = '\0';
	if (strcmp(name, "maxsize") == 0 && conf_size(value, &r->size_bytes) < 0)
		return;
	if (strcmp(name, "rotate") == 0 && rf_num(value, 10, -1, INT32_MAX, &r->keep) < 0)
		return;
	if (strcmp(name, "compress") == 0 || strcmp(name, "nocompress") == 0)
		r->compress = name[0] == 'c';
	if (!global)
		return;
	if (strcmp(name, "rotate") == 0 || strcmp(name, "size") == 0 ||
	    strcmp(name, "maxsize") == 0 || strcmp(name, "maxage") == 0)
		put_global(l, name, value);
	if (strcmp(name, "compress") == 0 || strcmp(name, "nocompress") == 0)
		put_global(l, "compress", r->compress ? "1" : "0");
}

static bool begins_script(const char *name)
{
	static const char *const names[] = {"postrotate", "prerotate", "firstaction", "lastaction",
					    "preremove"};

	for (size_t i = 0; i < RF_COUNT(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* The next line, without a comment; NULL at the end. */
static char *next_line(struct logrotate *l, char **cursor)
{
	char *line = rf_line_next(cursor);

	if (!line)
		return NULL;
	l->line++;
	line = rf_trim(line);
	if (*line == '#')
		*line = '\0';
	return line;
}

static void skip_script(struct logrotate *l, char **cursor)
{
	for (char *line; (line = next_line(l, cursor));) {
		if (strcmp(line, "endscript") == 0)
			return;
	}
}

/* "name value" or "name=value" */
static void split(char *line, char **out_name, char **out_value)
{
	size_t n = strcspn(line, " \t=");

	*out_name = line;
	*out_value = line + n;
	if (line[n]) {
		line[n] = '\0';
		*out_value = line + n + 1;
	}
	*out_value = rf_trim(*out_value + strspn(*out_value, " \t="));
	/* "rotate 4 # weeks" */
	(*out_value)[strcspn(*out_value, "#")] = '\0';
	*out_value = rf_trim(*out_value);
}

static void put_block(struct logrotate *l, const struct util_paths *patterns, unsigned int line,
		      const struct rotation *r)
{
	char where[UTIL_WHERE_BYTES];

	for (size_t i = 0; i < patterns->count; i++)
		fact_put_log_rotation(l->r->out, &(struct fact_log_rotation){
							 .pattern = patterns->paths[i],
							 .frequency = r->frequency,
							 .size_bytes = FACT_INT(r->size_bytes),
							 .keep = FACT_INT(r->keep),
							 .compress = FACT_BOOL(r->compress),
							 .source = util_where(where, l->path, line),
						 });
}

/* What stands between the braces. rest is what follows the opening one on its line. */
static void read_block(struct logrotate *l, char **cursor, char *rest,
		       const struct util_paths *patterns, unsigned int at)
{
	struct rotation r = l->global;

	for (char *line = rf_trim(rest); line; line = next_line(l, cursor)) {
		char *name, *value;
		char *close = *line == '}' ? line : NULL;

		if (!close && *line) {
			/* A whole block may stand on one line. */
			close = strchr(line, '}');
			if (close)
				*close = '\0';
			split(line, &name, &value);
			if (begins_script(name))
				skip_script(l, cursor);
			else
				apply(l, &r, name, value, false);
		}
		if (close)
			break;
	}
	put_block(l, patterns, at, &r);
}

static bool is_pattern(char c)
{
	return c == '/' || c == '"' || c == '\'' || c == '~' || c == '*';
}

/* Patterns of one line; returns what follows the opening brace, or NULL. */
static char *read_patterns(char *line, struct util_paths *patterns)
{
	char *brace = strchr(line, '{');

	if (brace)
		*brace++ = '\0';
	for (char *cursor = line, *word; (word = conf_word_next(&cursor));) {
		if (*word == '#')
			break;
		if (patterns->count < MAX_PATTERNS && util_paths_add(patterns, word) < 0)
			break;
	}
	return brace;
}

static void read_include(struct logrotate *l, const char *path);

static void parse(struct logrotate *l, char *text, const char *path)
{
	UTIL_AUTOPATHS struct util_paths patterns = {0};
	const char *old_path = l->path;
	unsigned int old_line = l->line, at = 0;
	char *cursor = text;

	l->path = path;
	l->line = 0;
	for (char *line; (line = next_line(l, &cursor));) {
		char *name, *value;

		if (*line == '\0')
			continue;
		if (is_pattern(*line) || *line == '{') {
			at = patterns.count ? at : l->line;
			char *rest = read_patterns(line, &patterns);

			if (!rest)
				continue;
			read_block(l, &cursor, rest, &patterns, at);
			util_paths_done(&patterns);
			continue;
		}
		split(line, &name, &value);
		if (begins_script(name))
			skip_script(l, &cursor);
		else if (strcmp(name, "include") == 0)
			read_include(l, value);
		else
			apply(l, &l->global, name, value, true);
	}
	l->path = old_path;
	l->line = old_line;
}

static void read_file(struct logrotate *l, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (log_reader_open(l->r, FACT_T_LOG_ROTATION, path, &text) <= 0 || !text.len)
		return;
	l->r->depth++;
	parse(l, (char *)text.data, path);
	l->r->depth--;
}

/* A file, or a folder of files. */
static void read_include(struct logrotate *l, const char *path)
{
	SYS_AUTONAMES struct sys_names names = {0};

	if (!l->r->sys || *path != '/')
		return;
	if (sys_list(l->r->sys, path, &names, NULL) < 0) {
		read_file(l, path);
		return;
	}
	for (size_t i = 0; i < names.count; i++) {
		RF_AUTOFREE char *full = rf_asprintf("%s/%s", path, names.names[i]);

		if (full && !is_taboo(names.names[i]))
			read_file(l, full);
	}
}

void logrotate_parse(struct log_reader *r, char *text, const char *path)
{
	struct logrotate l = {.r = r, .global = {.size_bytes = DEFAULT_SIZE}};

	parse(&l, text, path);
}

bool logrotate_read(struct log_reader *r, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (log_reader_open(r, FACT_T_LOG_ROTATION, path, &text) <= 0)
		return false;
	r->depth++;
	if (text.len)
		logrotate_parse(r, (char *)text.data, path);
	r->depth--;
	return true;
}
