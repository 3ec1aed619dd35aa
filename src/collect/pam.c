/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PAM service files; see pam.h. Not an evaluation of the stack: which module a given login reaches
 * depends on what the others answer. Source: pam.d(5) and libpam's own reader.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/pam.h"
#include "collect/util.h"

#define PAM_MAX_ARGS 64u

struct pam_load {
	struct sys *sys;
	struct pam_stack *stack;
	unsigned int depth;
};

/* A blank-separated word, or what stands between [ and ], in which \] is a bracket. */
static char *pam_word(char **cursor)
{
	char *p = *cursor + strspn(*cursor, " \t");

	if (*p == '\0')
		return NULL;
	if (*p != '[') {
		char *end = p + strcspn(p, " \t");

		*cursor = *end ? end + 1 : end;
		*end = '\0';
		return p;
	}
	char *word = ++p, *to = p;

	while (*p && *p != ']') {
		if (p[0] == '\\' && p[1] == ']')
			p++;
		*to++ = *p++;
	}
	*cursor = *p ? p + 1 : p;
	*to = '\0';
	return word;
}

static const char *known_type(const char *word)
{
	static const char *const types[] = {"auth", "account", "password", "session"};

	for (size_t i = 0; i < RF_COUNT(types); i++) {
		if (rf_equal_nocase(word, types[i]))
			return types[i];
	}
	return NULL;
}

static int load_file(struct pam_load *load, const char *name, const char *only_type);

static void rule_done(struct pam_rule *rule)
{
	rf_free(rule->text);
	rf_free(rule->path);
	rf_free(rule->args);
}

static int rule_fill(struct pam_rule *rule, char *cursor)
{
	char *args[PAM_MAX_ARGS], *word = pam_word(&cursor);

	if (!word)
		return RF_E_SYNTAX;
	char *slash = strrchr(word, '/');

	rule->module = slash ? slash + 1 : word;
	while (rule->args_count < PAM_MAX_ARGS && (word = pam_word(&cursor)))
		args[rule->args_count++] = word;
	rule->args = rf_alloc(rule->args_count + 1, sizeof(*rule->args));
	if (!rule->args)
		return -ENOMEM;
	memcpy(rule->args, args, rule->args_count * sizeof(*args));
	return 0;
}

static int rule_add(struct pam_stack *stack, const struct pam_rule *rule)
{
	void *array = stack->rules;

	if (stack->count >= PAM_MAX_RULES)
		return RF_E_LIMIT;
	int rc = rf_grow(&array, &stack->capacity, stack->count + 1, sizeof(*stack->rules));

	stack->rules = array;
	if (rc < 0)
		return rc;
	stack->rules[stack->count++] = *rule;
	return 0;
}

/* `TYPE CONTROL MODULE [ARGUMENTS]`, `TYPE include|substack FILE` or `@include FILE`. */
static int parse_line(struct pam_load *load, const char *path, unsigned int line, char *text,
		      const char *only_type)
{
	struct pam_rule rule = {.line = line, .text = rf_strdup(text)};
	char *cursor = rule.text;

	if (!cursor)
		return -ENOMEM;
	char *word = pam_word(&cursor);
	int rc = 0;

	if (word && strcmp(word, "@include") == 0) {
		word = pam_word(&cursor);
		rc = word ? load_file(load, word, only_type) : 0;
		rule_done(&rule);
		return rc;
	}
	rule.optional = word && *word == '-';
	rule.type = word ? known_type(word + (rule.optional ? 1 : 0)) : NULL;
	rule.control = pam_word(&cursor);
	if (!rule.type || !rule.control || (only_type && strcmp(only_type, rule.type) != 0)) {
		rule_done(&rule);
		return 0;
	}
	if (rf_equal_nocase(rule.control, "include") || rf_equal_nocase(rule.control, "substack")) {
		word = pam_word(&cursor);
		rc = word ? load_file(load, word, rule.type) : 0;
		rule_done(&rule);
		return rc;
	}
	rc = rule_fill(&rule, cursor);
	rule.path = rc == 0 ? rf_strdup(path) : NULL;
	if (rc == 0)
		rc = rule.path ? rule_add(load->stack, &rule) : -ENOMEM;
	if (rc < 0)
		rule_done(&rule);
	return rc == RF_E_SYNTAX ? 0 : rc;
}

/* Joins lines that end with a backslash; a line's number is that of its first part. */
static int parse_text(struct pam_load *load, const char *path, char *text, const char *only_type)
{
	RF_AUTOBUF struct rf_buf joined = {0};
	char *cursor = text, *line;
	unsigned int number = 0, first = 0;
	int rc = 0;

	while (rc == 0 && (line = rf_line_next(&cursor))) {
		number++;
		line[strcspn(line, "#")] = '\0';
		if (joined.len == 0)
			first = number;
		size_t n = strlen(line);
		bool goes_on = n > 0 && line[n - 1] == '\\';

		if (goes_on)
			line[n - 1] = ' ';
		if (joined.len + n > RF_MAX_LINE_BYTES)
			return RF_E_LIMIT;
		rf_buf_add(&joined, line, n);
		if (goes_on && cursor)
			continue;
		if (joined.failed)
			return -ENOMEM;
		RF_AUTOFREE char *whole = rf_strdup(rf_buf_text(&joined));

		if (!whole)
			return -ENOMEM;
		char *trimmed = rf_trim(whole);

		if (*trimmed)
			rc = parse_line(load, path, first, trimmed, only_type);
		rf_buf_reset(&joined);
	}
	return rc;
}

static int load_path(struct pam_load *load, const char *path, const char *only_type)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = sys_read(load->sys, path, RF_MAX_FILE_BYTES, &text, NULL);

	if (rc < 0)
		return rc;
	return text.len ? parse_text(load, path, (char *)text.data, only_type) : 0;
}

/* A name is looked up in /etc first, then in the distribution's folder; a path is taken as it is.
 */
static int find_file(struct pam_load *load, const char *name, const char *only_type)
{
	static const char *const dirs[] = {"/etc/pam.d", "/usr/lib/pam.d"};
	char path[RF_MAX_PATH_BYTES];
	int rc = -ENOENT;

	if (name[0] == '/')
		return load_path(load, name, only_type);
	for (size_t i = 0; rc == -ENOENT && i < RF_COUNT(dirs); i++) {
		if (rf_format(path, sizeof(path), "%s/%s", dirs[i], name))
			rc = load_path(load, path, only_type);
	}
	return rc;
}

static int load_file(struct pam_load *load, const char *name, const char *only_type)
{
	struct pam_stack *stack = load->stack;
	int rc;

	if (load->depth >= RF_MAX_INCLUDE_DEPTH || ++stack->includes_count > RF_MAX_INCLUDE_FILES) {
		rc = RF_E_LIMIT;
	} else {
		load->depth++;
		rc = find_file(load, name, only_type);
		load->depth--;
	}
	if (rc < 0 && rc != -ENOMEM && stack->missing[0] == '\0')
		rf_format(stack->missing, sizeof(stack->missing), "%s: %s", name, rf_code_text(rc));
	/* Below the top an unreadable file is told of, and what else is there still counts. */
	return rc == -ENOMEM || load->depth == 0 ? rc : 0;
}

int pam_stack_load(struct sys *sys, const char *service, struct pam_stack *stack)
{
	struct pam_load load = {.sys = sys, .stack = stack};

	return load_file(&load, service, NULL);
}

void pam_stack_done(struct pam_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		rule_done(&stack->rules[i]);
	rf_free(stack->rules);
	*stack = (struct pam_stack){0};
}

const struct pam_rule *pam_rule_next(const struct pam_stack *stack, const char *type,
				     const char *module, size_t *at)
{
	while (*at < stack->count) {
		const struct pam_rule *rule = &stack->rules[(*at)++];

		if (strcmp(rule->type, type) == 0 && strcmp(rule->module, module) == 0)
			return rule;
	}
	return NULL;
}

const char *pam_rule_arg(const struct pam_rule *rule, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = rule->args_count; i-- > 0;) {
		const char *arg = rule->args[i];

		if (strncmp(arg, name, n) != 0)
			continue;
		if (arg[n] == '\0')
			return "";
		if (arg[n] == '=')
			return arg + n + 1;
	}
	return NULL;
}

bool pam_rule_mandatory(const struct pam_rule *rule)
{
	if (rf_equal_nocase(rule->control, "required") ||
	    rf_equal_nocase(rule->control, "requisite"))
		return true;
	return strstr(rule->control, "default=bad") || strstr(rule->control, "default=die");
}
