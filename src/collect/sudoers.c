/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sudoers grammar; see sudoers.h. Lines are taken one by one, so that an error costs one line,
 * as in sudo's own error recovery. Nothing is resolved here but aliases: who a rule is for and what
 * Defaults mean is sudo.c's part. Source: sudoers(5) of sudo 1.9, checked against its cvtsudoers.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/sudoers_lex.h"

struct place {
	const char *path;
	unsigned int line;
};

static void add_item(struct sudoers *s, struct sudoers_list *list, const struct sudoers_item *item)
{
	if (++s->entries_count > SUDOERS_MAX_ENTRIES || sudoers_list_add(list, item) < 0)
		s->failed = true;
}

static void parse_list(struct sudoers_lexer *lex, enum sudoers_alias_kind kind,
		       struct sudoers_list *list)
{
	struct sudoers_item item;

	do {
		if (!sudoers_lex_item(lex, kind, &item))
			return;
		add_item(lex->s, list, &item);
	} while (!lex->s->failed && sudoers_lex_accept(lex, ','));
}

/* NAME of len characters is one of the words. */
static bool is_one_of(const char *name, size_t len, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(words[i]) == len && memcmp(words[i], name, len) == 0)
			return true;
	}
	return false;
}

/* TAG: before a command. */
static bool parse_tag(struct sudoers_lexer *lex, struct sudoers_command *command)
{
	static const char *const tags[] = {"EXEC",	 "NOEXEC",	 "FOLLOW",    "NOFOLLOW",
					   "INTERCEPT",	 "NOINTERCEPT",	 "LOG_INPUT", "NOLOG_INPUT",
					   "LOG_OUTPUT", "NOLOG_OUTPUT", "MAIL",      "NOMAIL",
					   "PASSWD",	 "NOPASSWD",	 "SETENV",    "NOSETENV"};
	size_t n = 0;

	sudoers_lex_skip_blanks(lex);
	while (sudoers_lex_name_char(lex->p[n]))
		n++;
	size_t blanks = strspn(lex->p + n, " \t");

	if (lex->p[n + blanks] != ':' || !is_one_of(lex->p, n, tags, RF_COUNT(tags)))
		return false;
	bool off = lex->p[0] == 'N' && lex->p[1] == 'O';
	const char *name = lex->p + (off ? 2 : 0);

	if (strncmp(name, "PASSWD", 6) == 0)
		command->nopasswd = off ? SUDOERS_TAG_ON : SUDOERS_TAG_OFF;
	else if (strncmp(name, "EXEC", 4) == 0)
		command->noexec = off ? SUDOERS_TAG_ON : SUDOERS_TAG_OFF;
	lex->p += n + blanks + 1;
	return true;
}

/* OPTION=value before a command. */
static bool parse_option(struct sudoers_lexer *lex)
{
	static const char *const options[] = {
		"ROLE",	    "TYPE",    "PRIVS", "LIMITPRIVS", "NOTBEFORE",
		"NOTAFTER", "TIMEOUT", "CWD",	"CHROOT",     "APPARMOR_PROFILE"};
	size_t n = 0;

	sudoers_lex_skip_blanks(lex);
	while (sudoers_lex_name_char(lex->p[n]))
		n++;
	size_t blanks = strspn(lex->p + n, " \t");

	if (lex->p[n + blanks] != '=' || !is_one_of(lex->p, n, options, RF_COUNT(options)))
		return false;
	lex->p += n + blanks + 1;
	sudoers_lex_skip_blanks(lex);
	if (*lex->p == '"')
		sudoers_lex_quoted(lex);
	else
		sudoers_lex_word_until(lex, " \t,");
	return true;
}

/* A list that several commands or Defaults share. */
static struct sudoers_list *shared_list(struct sudoers *s)
{
	void *array = s->bounds;
	struct sudoers_list *list = rf_alloc(1, sizeof(*list));
	int rc = rf_grow(&array, &s->bounds_capacity, s->bounds_count + 1, sizeof(*s->bounds));

	s->bounds = array;
	if (!list || rc < 0) {
		rf_free(list);
		s->failed = true;
		return NULL;
	}
	s->bounds[s->bounds_count++] = list;
	return list;
}

/* (users : groups); both may be empty. */
static void parse_runas(struct sudoers_lexer *lex, struct sudoers_command *command)
{
	struct sudoers_list *users = shared_list(lex->s), *groups = shared_list(lex->s);

	if (!users || !groups)
		return;
	sudoers_lex_skip_blanks(lex);
	if (*lex->p != ':' && *lex->p != ')')
		parse_list(lex, SUDOERS_RUNAS, users);
	if (sudoers_lex_accept(lex, ':')) {
		sudoers_lex_skip_blanks(lex);
		if (*lex->p != ')')
			parse_list(lex, SUDOERS_RUNAS, groups);
	}
	if (!sudoers_lex_accept(lex, ')'))
		sudoers_lex_fail(lex, "a Runas list that is opened and not closed");
	command->runas_users = users;
	command->runas_groups = groups;
}

static void add_command(struct sudoers *s, struct sudoers_grant *grant,
			const struct sudoers_command *command)
{
	void *array = grant->commands;

	if (++s->entries_count > SUDOERS_MAX_ENTRIES ||
	    rf_grow(&array, &grant->capacity, grant->count + 1, sizeof(*grant->commands)) < 0) {
		s->failed = true;
		return;
	}
	grant->commands = array;
	grant->commands[grant->count++] = *command;
}

/* Runas, options and tags carry over to the commands that follow in the list. */
static void parse_commands(struct sudoers_lexer *lex, struct sudoers_grant *grant)
{
	struct sudoers_command command = {0};

	do {
		for (;;) {
			if (sudoers_lex_accept(lex, '('))
				parse_runas(lex, &command);
			else if (!parse_option(lex) && !parse_tag(lex, &command))
				break;
			if (lex->error || lex->s->failed)
				return;
		}
		if (!sudoers_lex_command_item(lex, &command.item))
			return;
		add_command(lex->s, grant, &command);
	} while (!lex->s->failed && sudoers_lex_accept(lex, ','));
}

static void parse_grants(struct sudoers_lexer *lex, struct sudoers_rule *rule)
{
	do {
		void *array = rule->grants;

		if (rf_grow(&array, &rule->capacity, rule->count + 1, sizeof(*rule->grants)) < 0) {
			lex->s->failed = true;
			return;
		}
		rule->grants = array;
		struct sudoers_grant *grant = &rule->grants[rule->count++];

		*grant = (struct sudoers_grant){0};
		parse_list(lex, SUDOERS_HOSTS, &grant->hosts);
		if (!sudoers_lex_accept(lex, '='))
			sudoers_lex_fail(lex, "= is missing behind the host list");
		if (!lex->error)
			parse_commands(lex, grant);
	} while (!lex->error && !lex->s->failed && sudoers_lex_accept(lex, ':'));
}

/* USERS HOSTS = COMMANDS [: HOSTS = COMMANDS ...] */
static void parse_rule(struct sudoers_lexer *lex, const struct place *at)
{
	struct sudoers *s = lex->s;
	struct sudoers_rule rule = {.path = at->path, .line = at->line};
	void *array = s->rules;

	parse_list(lex, SUDOERS_USERS, &rule.users);
	if (!lex->error)
		parse_grants(lex, &rule);
	if (!lex->error && !sudoers_lex_at_end(lex))
		sudoers_lex_fail(lex, "something stands behind the last command");
	if (lex->error || s->failed) {
		sudoers_rule_done(&rule);
		return;
	}
	if (rf_grow(&array, &s->rules_capacity, s->rules_count + 1, sizeof(*s->rules)) < 0) {
		s->failed = true;
		sudoers_rule_done(&rule);
		return;
	}
	s->rules = array;
	s->rules[s->rules_count++] = rule;
}

static void alias_set(struct sudoers_lexer *lex, enum sudoers_alias_kind kind, const char *name,
		      struct sudoers_list *list)
{
	struct rf_map *map = &lex->s->aliases[kind];
	struct sudoers_list *kept;

	if (rf_map_has(map, name)) {
		sudoers_lex_fail(lex, "an alias is defined twice");
		return;
	}
	kept = rf_alloc(1, sizeof(*kept));
	if (!kept || rf_map_set(map, name, kept) < 0) {
		rf_free(kept);
		lex->s->failed = true;
		return;
	}
	*kept = *list;
	*list = (struct sudoers_list){0};
}

static void parse_command_list(struct sudoers_lexer *lex, struct sudoers_list *list)
{
	struct sudoers_item item;

	do {
		if (!sudoers_lex_command_item(lex, &item))
			return;
		add_item(lex->s, list, &item);
	} while (!lex->s->failed && sudoers_lex_accept(lex, ','));
}

/* NAME = LIST [: NAME = LIST ...] */
static void parse_aliases(struct sudoers_lexer *lex, enum sudoers_alias_kind kind)
{
	do {
		SUDOERS_AUTOLIST struct sudoers_list list = {0};
		size_t n = 0;

		sudoers_lex_skip_blanks(lex);
		while (sudoers_lex_name_char(lex->p[n]))
			n++;
		if (n == 0 || !isupper((unsigned char)*lex->p)) {
			sudoers_lex_fail(lex, "an alias name does not begin with a capital letter");
			return;
		}
		const char *name = sudoers_lex_keep(lex->s, lex->p, n);

		lex->p += n;
		if (!sudoers_lex_accept(lex, '=')) {
			sudoers_lex_fail(lex, "= is missing behind an alias name");
			return;
		}
		if (kind == SUDOERS_COMMANDS)
			parse_command_list(lex, &list);
		else
			parse_list(lex, kind, &list);
		if (!lex->error)
			alias_set(lex, kind, name, &list);
	} while (!lex->error && !lex->s->failed && sudoers_lex_accept(lex, ':'));
	if (!lex->error && !sudoers_lex_at_end(lex))
		sudoers_lex_fail(lex, "something stands behind an alias");
}

static void add_default(struct sudoers *s, const struct sudoers_default *d)
{
	void *array = s->defaults;

	if (++s->entries_count > SUDOERS_MAX_ENTRIES ||
	    rf_grow(&array, &s->defaults_capacity, s->defaults_count + 1, sizeof(*s->defaults)) <
		    0) {
		s->failed = true;
		return;
	}
	s->defaults = array;
	s->defaults[s->defaults_count++] = *d;
}

/* name, !name, name=value, name+=value, name-=value */
static void parse_parameter(struct sudoers_lexer *lex, struct sudoers_default *d)
{
	size_t n = 0;

	d->negated = false;
	d->op = '\0';
	d->value = NULL;
	while (sudoers_lex_accept(lex, '!'))
		d->negated = !d->negated;
	sudoers_lex_skip_blanks(lex);
	while (isalnum((unsigned char)lex->p[n]) || lex->p[n] == '_')
		n++;
	if (n == 0) {
		sudoers_lex_fail(lex, "the name of an option is missing");
		return;
	}
	d->name = sudoers_lex_keep(lex->s, lex->p, n);
	lex->p += n;
	sudoers_lex_skip_blanks(lex);
	if ((*lex->p == '+' || *lex->p == '-') && lex->p[1] == '=')
		d->op = *lex->p++;
	if (*lex->p == '=') {
		d->op = d->op ? d->op : '=';
		lex->p++;
		sudoers_lex_skip_blanks(lex);
		d->value = *lex->p == '"' ? sudoers_lex_quoted(lex)
					  : sudoers_lex_word_until(lex, ", \t");
	}
	if (!lex->error)
		add_default(lex->s, d);
}

/* lex stands behind the word Defaults. */
static void parse_defaults(struct sudoers_lexer *lex, const struct place *at)
{
	struct sudoers_default d = {.path = at->path, .line = at->line};

	if (*lex->p && strchr("@:!>", *lex->p)) {
		struct sudoers_list *bound = shared_list(lex->s);

		d.scope = *lex->p++;
		d.bound = bound;
		if (!bound)
			return;
		if (d.scope == '!') {
			/* Arguments cannot be told from the first option: a command is one word. */
			struct sudoers_item item;

			do {
				item = (struct sudoers_item){0};
				while (sudoers_lex_accept(lex, '!'))
					item.negated = !item.negated;
				sudoers_lex_skip_blanks(lex);
				item.text = sudoers_lex_word_until(lex, ", \t");
				add_item(lex->s, bound, &item);
			} while (sudoers_lex_accept(lex, ','));
		} else {
			parse_list(lex,
				   d.scope == '@'   ? SUDOERS_HOSTS
				   : d.scope == ':' ? SUDOERS_USERS
						    : SUDOERS_RUNAS,
				   bound);
		}
	}
	do {
		if (!lex->error)
			parse_parameter(lex, &d);
	} while (!lex->error && !lex->s->failed && sudoers_lex_accept(lex, ','));
	if (!lex->error && !sudoers_lex_at_end(lex))
		sudoers_lex_fail(lex, "something stands behind an option");
}

/* @include FILE, #include FILE, and their directory forms. */
static bool parse_include(struct sudoers_lexer *lex, const struct place *at,
			  const struct sudoers_hooks *hooks)
{
	struct sudoers_include include = {.line = at->line};

	if (!rf_starts(lex->p + 1, "include"))
		return false;
	const char *p = lex->p + 8;

	if (rf_starts(p, "dir")) {
		include.is_dir = true;
		p += 3;
	}
	if (*p != ' ' && *p != '\t')
		return false;
	lex->p = p;
	sudoers_lex_skip_blanks(lex);
	include.target =
		*lex->p == '"' ? sudoers_lex_quoted(lex) : sudoers_lex_word_until(lex, " \t");
	if (!sudoers_lex_at_end(lex))
		sudoers_lex_fail(lex, "something stands behind the name of an included file");
	if (!lex->error && *include.target)
		hooks->include(hooks->ctx, &include);
	return true;
}

static const char *const alias_words[][2] = {
	[SUDOERS_USERS] = {"User_Alias", "User_Alias"},
	[SUDOERS_RUNAS] = {"Runas_Alias", "Runas_Alias"},
	[SUDOERS_HOSTS] = {"Host_Alias", "Host_Alias"},
	[SUDOERS_COMMANDS] = {"Cmnd_Alias", "Cmd_Alias"},
};

static void parse_line(struct sudoers_lexer *lex, const struct place *at)
{
	for (size_t kind = 0; kind < SUDOERS_KINDS; kind++) {
		for (size_t i = 0; i < 2; i++) {
			size_t n = strlen(alias_words[kind][i]);

			if (strncmp(lex->p, alias_words[kind][i], n) == 0 &&
			    (lex->p[n] == ' ' || lex->p[n] == '\t')) {
				lex->p += n;
				parse_aliases(lex, (enum sudoers_alias_kind)kind);
				return;
			}
		}
	}
	if (rf_starts(lex->p, "Defaults") && strchr(" \t@:!>", lex->p[8])) {
		lex->p += 8;
		parse_defaults(lex, at);
		return;
	}
	parse_rule(lex, at);
}

static void parse_logical(struct sudoers *s, char *text, const struct place *at,
			  const struct sudoers_hooks *hooks)
{
	struct sudoers_lexer lex = {.s = s, .p = text};

	sudoers_lex_skip_blanks(&lex);
	bool include = (*lex.p == '@' || *lex.p == '#') && parse_include(&lex, at, hooks);

	if (!include) {
		sudoers_lex_cut_comment(text);
		lex.p = text;
		if (!sudoers_lex_at_end(&lex))
			parse_line(&lex, at);
	}
	if (lex.error && !s->failed)
		hooks->error(hooks->ctx, at->line, lex.error);
}

/* A comment ends with its line: a backslash at its end continues nothing. */
static bool goes_on(const char *line, size_t len)
{
	size_t slashes = 0;

	if (line[strspn(line, " \t")] == '#' &&
	    !isdigit((unsigned char)line[strspn(line, " \t") + 1]))
		return false;
	while (slashes < len && line[len - 1 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 1;
}

void sudoers_parse(struct sudoers *s, const char *path, const char *text,
		   const struct sudoers_hooks *hooks)
{
	RF_AUTOBUF struct rf_buf logical = {0};
	RF_AUTOFREE char *copy = rf_strdup(text);
	char *cursor = copy, *line;
	struct place at = {.path = path, .line = 0};
	unsigned int number = 0;

	if (!copy)
		s->failed = true;
	while (!s->failed && copy && (line = rf_line_next(&cursor))) {
		size_t n = strlen(line);
		bool more = goes_on(line, n) && cursor;

		number++;
		if (logical.len == 0)
			at.line = number;
		if (logical.len + n > RF_MAX_LINE_BYTES) {
			hooks->error(hooks->ctx, at.line, "a line is longer than we read");
			rf_buf_reset(&logical);
			continue;
		}
		rf_buf_add(&logical, line, more ? n - 1 : n);
		/* One that is empty so far still has begun. */
		if (more && logical.len == 0)
			rf_buf_add_byte(&logical, ' ');
		if (more)
			continue;
		if (logical.failed)
			s->failed = true;
		else if (logical.len)
			parse_logical(s, (char *)logical.data, &at, hooks);
		rf_buf_reset(&logical);
	}
}
