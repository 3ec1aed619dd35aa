/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsyslog.conf: where lines go, with which protection, and what is thrown away. Both syntaxes:
 * legacy selectors and directives, and RainerScript. Expressions are kept as text, never judged.
 * Source: rsyslog's documentation ("Configuration", "Actions", "RainerScript"), grammar/lexer.l.
 */
#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/rsyslog.h"

#define MAX_NESTING  32
#define SELECTOR_MAX 512

struct rsyslog {
	struct rsyslog_at at;
	char *p; /* what is not read yet */
	unsigned int nesting;
	char last_selector[SELECTOR_MAX]; /* for `& action` */
};

static char take(struct rsyslog *s)
{
	char c = *s->p;

	if (c == '\n')
		s->at.line++;
	if (c)
		s->p++;
	return c;
}

static void skip_line(struct rsyslog *s)
{
	while (*s->p && *s->p != '\n')
		s->p++;
}

/* Blanks, line ends and both kinds of comments. */
static void skip_space(struct rsyslog *s)
{
	for (;;) {
		while (isspace((unsigned char)*s->p))
			take(s);
		if (*s->p == '#') {
			skip_line(s);
		} else if (s->p[0] == '/' && s->p[1] == '*') {
			while (*s->p && !(s->p[0] == '*' && s->p[1] == '/'))
				take(s);
			s->p += *s->p ? 2 : 0;
		} else {
			return;
		}
	}
}

/* Skips a quoted text, the quote being the next character. */
static void skip_string(struct rsyslog *s)
{
	char quote = take(s);

	while (*s->p && *s->p != quote) {
		if (*s->p == '\\' && s->p[1])
			take(s);
		take(s);
	}
	take(s);
}

/* Takes a quoted text out in place; its end is cut off. */
static char *take_string(struct rsyslog *s)
{
	char quote = take(s);
	char *start = s->p, *to = s->p;

	while (*s->p && *s->p != quote) {
		if (*s->p == '\\' && s->p[1])
			take(s);
		*to++ = take(s);
	}
	bool closed = *s->p != '\0';

	if (closed)
		take(s);
	/* Only behind a closed string is there room for the end: it stood where the quote was. */
	*to = '\0';
	return start;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

/* Skips { ... } with everything in it. */
static void skip_braces(struct rsyslog *s)
{
	unsigned int open = 0;

	do {
		skip_space(s);
		if (*s->p == '{')
			open++;
		if (*s->p == '}')
			open--;
		if (*s->p == '"' || *s->p == '\'')
			skip_string(s);
		else
			take(s);
	} while (*s->p && open);
}

/* ["a", "b"]: the first one stands for all. */
static char *take_array(struct rsyslog *s)
{
	char *first = NULL;

	take(s);
	for (;;) {
		skip_space(s);
		if (*s->p == '"' || *s->p == '\'') {
			char *value = take_string(s);

			first = first ? first : value;
		} else if (*s->p == ',') {
			take(s);
		} else {
			break;
		}
	}
	if (*s->p == ']')
		take(s);
	return first;
}

static char *take_value(struct rsyslog *s)
{
	skip_space(s);
	if (*s->p == '"' || *s->p == '\'')
		return take_string(s);
	if (*s->p == '[')
		return take_array(s);
	char *start = s->p;

	while (*s->p && !isspace((unsigned char)*s->p) && *s->p != ')')
		s->p++;
	if (*s->p == ')' || *s->p == '\0')
		return start; /* the caller cuts at the bracket */
	char *end = s->p;

	take(s);
	*end = '\0';
	return start;
}

/* Reads "( name="value" ... )"; the opening bracket is the next character. */
static size_t take_params(struct rsyslog *s, struct rsyslog_param params[RSYSLOG_MAX_PARAMS])
{
	size_t count = 0;

	take(s);
	for (;;) {
		skip_space(s);
		char *name = s->p;

		while (is_word(*s->p))
			s->p++;
		char *name_end = s->p;

		skip_space(s);
		if (name == name_end || *s->p != '=') {
			/* The end, or something that is not understood: go on behind the bracket.
			 */
			while (*s->p && *s->p != ')')
				take(s);
			if (*s->p)
				*s->p++ = '\0';
			return count;
		}
		take(s);
		*name_end = '\0';
		char *value = take_value(s);

		if (count < RSYSLOG_MAX_PARAMS)
			params[count++] = (struct rsyslog_param){name, value};
	}
}

static void parse_text(struct rsyslog *parent, char *text, const char *path);

static void read_included(struct rsyslog *s, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (log_reader_open(s->at.r, FACT_T_LOG_TARGET, path, &text) <= 0 || !text.len)
		return;
	s->at.r->depth++;
	parse_text(s, (char *)text.data, path);
	s->at.r->depth--;
}

static void read_include(struct rsyslog *s, const char *pattern)
{
	UTIL_AUTOPATHS struct util_paths paths = {0};
	RF_AUTOFREE char *full = NULL;

	if (!s->at.r->sys || *pattern == '\0')
		return;
	if (*pattern != '/')
		full = rf_asprintf("/etc/%s%s", pattern, rf_ends(pattern, "/") ? "*" : "");
	else
		full = rf_asprintf("%s%s", pattern, rf_ends(pattern, "/") ? "*" : "");
	int rc = full ? conf_glob(s->at.r->sys, full, &paths) : 0;

	if (rc < 0)
		util_gap(s->at.r->out, FACT_T_LOG_TARGET, "", pattern, rc);
	for (size_t i = 0; i < paths.count; i++)
		read_included(s, paths.paths[i]);
}

static void put_option(struct rsyslog *s, const char *prefix, const char *name, const char *value)
{
	char key[160];

	rf_format(key, sizeof(key), "rsyslog/%s%s", prefix, name);
	rf_lower(key);
	conf_put_at(s->at.r->options, key, value, s->at.path, s->at.line);
}

static void legacy_setting(struct rsyslog_legacy *l, const char *name, const char *value)
{
	if (rf_equal_nocase(name, "ActionQueueType"))
		rf_copy(l->queue_type, sizeof(l->queue_type), value);
	else if (rf_equal_nocase(name, "ActionQueueFileName"))
		rf_copy(l->queue_file, sizeof(l->queue_file), value);
	else if (rf_equal_nocase(name, "ActionSendStreamDriver"))
		rf_copy(l->driver, sizeof(l->driver), value);
	else if (rf_equal_nocase(name, "ActionSendStreamDriverAuthMode"))
		rf_copy(l->auth_mode, sizeof(l->auth_mode), value);
	else if (rf_equal_nocase(name, "ActionSendStreamDriverMode"))
		l->tls_mode = strcmp(value, "1") == 0;
	else if (rf_equal_nocase(name, "ResetConfigVariables"))
		*l = (struct rsyslog_legacy){0};
}

/* Takes what is left of the line, without a comment at its end. */
static char *take_line(struct rsyslog *s)
{
	char *start = s->p;

	skip_line(s);
	if (*s->p) {
		*s->p++ = '\0';
		s->at.line++;
	}
	return rf_trim(start);
}

/* $Directive value */
static void parse_directive(struct rsyslog *s)
{
	unsigned int line = s->at.line;
	char *cursor = take_line(s) + 1;
	unsigned int behind = s->at.line;
	const char *name = rf_word_next(&cursor);
	char *value = cursor ? rf_trim(cursor) : NULL;

	if (!name)
		return;
	value = value ? value : (char[]){""};
	value[strcspn(value, "#")] = '\0';
	value = rf_trim(value);
	s->at.line = line;
	if (rf_equal_nocase(name, "IncludeConfig"))
		read_include(s, value);
	else if (rf_equal_nocase(name, "ModLoad"))
		put_option(s, "module.", rf_ends(value, ".so") ? "" : value, "1");
	else if (rf_equal_nocase(name, "UDPServerRun"))
		put_option(s, "", "input.imudp", value);
	else if (rf_equal_nocase(name, "InputTCPServerRun"))
		put_option(s, "", "input.imtcp", value);
	else if (rf_equal_nocase(name, "InputRELPServerRun"))
		put_option(s, "", "input.imrelp", value);
	else if (!rf_starts(name, "ActionQueue") && !rf_equal_nocase(name, "template"))
		put_option(s, "", name, value);
	legacy_setting(s->at.legacy, name, value);
	s->at.line = behind;
}

static void parse_statement(struct rsyslog *s, const char *selector);

/* Statements up to the closing brace, or to the end of the file. */
static void parse_block(struct rsyslog *s, const char *selector, bool braces)
{
	for (;;) {
		skip_space(s);
		if (*s->p == '\0')
			return;
		if (*s->p == '}') {
			take(s);
			if (braces)
				return;
			continue;
		}
		char *before = s->p;

		parse_statement(s, selector);
		/* Whatever is not understood is passed over, never waited at. */
		if (s->p == before)
			skip_line(s);
	}
}

/* ruleset(name="x") { ... }: its lines come from where an input or a call sends them. */
static void parse_ruleset(struct rsyslog *s, const struct rsyslog_param *params, size_t count)
{
	char selector[SELECTOR_MAX];

	rf_format(selector, sizeof(selector), "ruleset %s", rsyslog_param(params, count, "name"));
	skip_space(s);
	if (*s->p != '{')
		return;
	take(s);
	s->nesting++;
	if (s->nesting < MAX_NESTING)
		parse_block(s, selector, true);
	s->nesting--;
}

static void parse_template(struct rsyslog *s)
{
	skip_space(s);
	if (*s->p == '{')
		skip_braces(s);
}

static void put_globals(struct rsyslog *s, const char *prefix, const struct rsyslog_param *params,
			size_t count)
{
	for (size_t i = 0; i < count; i++)
		put_option(s, prefix, params[i].name, params[i].value ? params[i].value : "");
}

/* The place of an action is where it begins. */
static void put_action_at(struct rsyslog *s, const char *selector, unsigned int line,
			  const struct rsyslog_param *params, size_t count)
{
	struct rsyslog_at at = s->at;

	at.line = line;
	rsyslog_put_action(&at, selector, params, count);
}

/* name(...) */
static void parse_object(struct rsyslog *s, const char *name, const char *selector,
			 unsigned int line)
{
	struct rsyslog_param params[RSYSLOG_MAX_PARAMS];
	size_t count = take_params(s, params);

	if (rf_equal_nocase(name, "action"))
		put_action_at(s, selector, line, params, count);
	else if (rf_equal_nocase(name, "include"))
		read_include(s, rsyslog_param(params, count, "file"));
	else if (rf_equal_nocase(name, "global"))
		put_globals(s, "", params, count);
	else if (rf_equal_nocase(name, "main_queue"))
		put_globals(s, "mainqueue.", params, count);
	else if (rf_equal_nocase(name, "module"))
		put_option(s, "module.", rsyslog_param(params, count, "load"), "1");
	else if (rf_equal_nocase(name, "input") && *rsyslog_param(params, count, "port"))
		put_option(s, "input.", rsyslog_param(params, count, "type"),
			   rsyslog_param(params, count, "port"));
	else if (rf_equal_nocase(name, "ruleset"))
		parse_ruleset(s, params, count);
	else if (rf_equal_nocase(name, "template"))
		parse_template(s);
}

/* True when word stands at p and ends there. */
static bool at_word(const char *p, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(p, word, n) == 0 && !is_word(p[n]);
}

/* Copies an expression in one line, blanks joined. */
static void copy_squeezed(char out[SELECTOR_MAX], const char *from, const char *end)
{
	size_t n = 0;

	for (; from < end && n + 1 < SELECTOR_MAX; from++) {
		bool blank = isspace((unsigned char)*from);

		if (blank && (n == 0 || out[n - 1] == ' '))
			continue;
		out[n++] = blank ? ' ' : *from;
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

/* if EXPRESSION then STATEMENT [else STATEMENT] */
static void parse_if(struct rsyslog *s)
{
	char selector[SELECTOR_MAX];
	char *start = s->p;

	while (*s->p && !(at_word(s->p, "then") && !is_word(s->p[-1]))) {
		if (*s->p == '"' || *s->p == '\'')
			skip_string(s);
		else
			take(s);
	}
	copy_squeezed(selector, start, s->p);
	if (!*s->p)
		return;
	s->p += strlen("then");
	skip_space(s);
	parse_statement(s, selector);
	skip_space(s);
	if (!at_word(s->p, "else"))
		return;
	s->p += strlen("else");
	skip_space(s);
	size_t n = strlen(selector);

	rf_copy(selector + (n > SELECTOR_MAX - 8 ? SELECTOR_MAX - 8 : n), 8, " (else)");
	parse_statement(s, selector);
}

/* What stands behind a selector on its line. */
static void parse_filtered(struct rsyslog *s, const char *selector)
{
	while (*s->p == ' ' || *s->p == '\t')
		s->p++;
	/* A backslash joins the next line. */
	while (s->p[0] == '\\' && s->p[1] == '\n') {
		s->p++;
		skip_space(s);
	}
	rf_copy(s->last_selector, sizeof(s->last_selector), selector);
	if (*s->p == '{' || at_word(s->p, "action") || at_word(s->p, "stop") ||
	    at_word(s->p, "call") || at_word(s->p, "set") || at_word(s->p, "if")) {
		parse_statement(s, selector);
		return;
	}
	char *start = s->p;

	while (*s->p && !isspace((unsigned char)*s->p))
		s->p++;
	char end = *s->p;

	*s->p = '\0';
	if (*start)
		rsyslog_put_legacy_action(&s->at, selector, start);
	*s->p = end;
}

/* :property, [!]operation, "value" ACTION */
static void parse_property_filter(struct rsyslog *s)
{
	char selector[SELECTOR_MAX];
	char *start = s->p;

	while (*s->p && *s->p != '\n' && *s->p != '"')
		s->p++;
	if (*s->p != '"') {
		skip_line(s);
		return;
	}
	skip_string(s);
	copy_squeezed(selector, start, s->p);
	parse_filtered(s, selector);
}

/* facility.priority[;facility.priority] ACTION */
static void parse_selector(struct rsyslog *s)
{
	char selector[SELECTOR_MAX];
	size_t n = 0;

	while (*s->p) {
		/* A backslash at the end of the line joins the next one. */
		if (s->p[0] == '\\' && s->p[1] == '\n') {
			s->p++;
			while (isspace((unsigned char)*s->p))
				take(s);
			continue;
		}
		if (isspace((unsigned char)*s->p))
			break;
		if (n + 1 < sizeof(selector))
			selector[n++] = *s->p;
		s->p++;
	}
	selector[n] = '\0';
	parse_filtered(s, selector);
}

/* set $.x = ...; and its like: nothing goes anywhere. */
static void skip_assignment(struct rsyslog *s)
{
	while (*s->p && *s->p != ';') {
		if (*s->p == '"' || *s->p == '\'')
			skip_string(s);
		else
			take(s);
	}
	take(s);
}

static bool parse_keyword(struct rsyslog *s, const char *selector)
{
	static const char *const assignments[] = {"set", "unset", "reset"};
	static const char *const calls[] = {"call", "call_indirect", "continue"};

	for (size_t i = 0; i < RF_COUNT(assignments); i++) {
		if (at_word(s->p, assignments[i])) {
			skip_assignment(s);
			return true;
		}
	}
	for (size_t i = 0; i < RF_COUNT(calls); i++) {
		if (at_word(s->p, calls[i])) {
			skip_line(s);
			return true;
		}
	}
	if (at_word(s->p, "stop")) {
		rsyslog_put_discard(&s->at, selector);
		s->p += strlen("stop");
		return true;
	}
	if (at_word(s->p, "if")) {
		s->p += strlen("if");
		parse_if(s);
		return true;
	}
	return false;
}

/* A statement that begins with a word: an object, a keyword or a selector. */
static void parse_word(struct rsyslog *s, const char *selector)
{
	char name[64];
	char *end = s->p;
	unsigned int line = s->at.line;

	if (parse_keyword(s, selector))
		return;
	while (isalnum((unsigned char)*end) || *end == '_')
		end++;
	size_t n = (size_t)(end - s->p);

	rf_format(name, sizeof(name), "%.*s", (int)(n > 63 ? 63 : n), s->p);
	while (*end == ' ' || *end == '\t')
		end++;
	if (rf_equal_nocase(name, "foreach")) {
		/* foreach ($.x in $.y) do { ... }: go on with its body. */
		while (*s->p && *s->p != '{' && *s->p != '\n')
			take(s);
		return;
	}
	if (*end == '(' && n) {
		s->p = end;
		parse_object(s, name, selector, line);
		return;
	}
	parse_selector(s);
}

static void parse_braces(struct rsyslog *s, const char *selector)
{
	if (s->nesting >= MAX_NESTING) {
		skip_braces(s);
		return;
	}
	take(s);
	s->nesting++;
	parse_block(s, selector, true);
	s->nesting--;
}

static void parse_statement(struct rsyslog *s, const char *selector)
{
	if (s->nesting >= MAX_NESTING) {
		skip_line(s);
		return;
	}
	s->nesting++;
	switch (*s->p) {
	case '{':
		parse_braces(s, selector);
		break;
	case '$':
		parse_directive(s);
		break;
	case ':':
		if (rf_starts(s->p, ":om"))
			parse_filtered(s, selector);
		else
			parse_property_filter(s);
		break;
	case '&': {
		char last[SELECTOR_MAX];

		s->p++;
		rf_copy(last, sizeof(last), s->last_selector);
		parse_filtered(s, last);
		break;
	}
	case '/':
	case '-':
	case '@':
	case '|':
	case '?':
	case '~':
	case '^':
		parse_filtered(s, selector);
		break;
	case '!':
	case '+':
	case ';':
		skip_line(s);
		break;
	default:
		parse_word(s, selector);
	}
	s->nesting--;
}

static void parse_text(struct rsyslog *parent, char *text, const char *path)
{
	struct rsyslog s = {.at = parent->at, .p = text};

	s.at.path = path;
	s.at.line = 1;

	parse_block(&s, "*.*", false);
}

void rsyslog_parse(struct log_reader *r, char *text, const char *path)
{
	struct rsyslog_legacy legacy = {0};
	struct rsyslog parent = {.at = {.r = r, .legacy = &legacy}};

	parse_text(&parent, text, path);
}

bool rsyslog_read(struct log_reader *r, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (log_reader_open(r, FACT_T_LOG_TARGET, path, &text) <= 0)
		return false;
	r->depth++;
	if (text.len)
		rsyslog_parse(r, (char *)text.data, path);
	r->depth--;
	return true;
}
