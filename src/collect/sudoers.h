/* SPDX-License-Identifier: Apache-2.0 */
/* The sudoers grammar: files become aliases, Defaults and user specifications. */
#ifndef RF_COLLECT_SUDOERS_H
#define RF_COLLECT_SUDOERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/map.h"
#include "collect/util.h"

#define SUDOERS_MAX_ENTRIES 100000u /* items of all lists together */

/* A member of a list: a user, host, runas user, command or alias name. */
struct sudoers_item {
	const char *text; /* escapes and quotes taken away */
	bool negated;
	bool quoted; /* stood in quotes: never an alias or ALL */
};

struct sudoers_list {
	struct sudoers_item *items;
	size_t count, capacity;
};

/* Tags of a command: unset says that only Defaults decide. */
enum sudoers_tag { SUDOERS_TAG_UNSET, SUDOERS_TAG_ON, SUDOERS_TAG_OFF };

struct sudoers_command {
	struct sudoers_item item;		/* path and arguments, ALL, sudoedit ..., alias */
	const struct sudoers_list *runas_users; /* NULL: no Runas specification */
	const struct sudoers_list *runas_groups;
	enum sudoers_tag nopasswd, noexec;
};

/* HOSTS = COMMANDS, one part of a user specification. */
struct sudoers_grant {
	struct sudoers_list hosts;
	struct sudoers_command *commands;
	size_t count, capacity;
};

struct sudoers_rule {
	struct sudoers_list users;
	struct sudoers_grant *grants;
	size_t count, capacity;
	const char *path;
	unsigned int line;
};

/* One parameter of a Defaults line. */
struct sudoers_default {
	char scope; /* '\0' for all, '@' host, ':' user, '!' command, '>' runas */
	const struct sudoers_list *bound; /* to whom; NULL for all */
	const char *name;
	const char *value; /* NULL for a bare word */
	char op;	   /* '=', '+', '-'; '\0' for a bare word */
	bool negated;
	const char *path;
	unsigned int line;
};

enum sudoers_alias_kind { SUDOERS_USERS, SUDOERS_RUNAS, SUDOERS_HOSTS, SUDOERS_COMMANDS };
#define SUDOERS_KINDS 4

/* Everything read so far; zero-initialise. */
struct sudoers {
	struct rf_map aliases[SUDOERS_KINDS]; /* name to struct sudoers_list */
	struct sudoers_rule *rules;
	size_t rules_count, rules_capacity;
	struct sudoers_default *defaults;
	size_t defaults_count, defaults_capacity;
	struct sudoers_list **bounds; /* lists that defaults and commands share */
	size_t bounds_count, bounds_capacity;
	struct util_paths strings; /* owns every text above */
	size_t entries_count;
	bool failed; /* no memory, or more than SUDOERS_MAX_ENTRIES */
};

/* An include directive, handed to the caller: this parser opens nothing. */
struct sudoers_include {
	const char *target; /* as written, unquoted */
	bool is_dir;
	unsigned int line;
};

struct sudoers_hooks {
	void *ctx;
	void (*include)(void *ctx, const struct sudoers_include *include);
	void (*error)(void *ctx, unsigned int line, const char *what);
};

/* Parses one file's text into s. path must live as long as s. */
void sudoers_parse(struct sudoers *s, const char *path, const char *text,
		   const struct sudoers_hooks *hooks);
void sudoers_done(struct sudoers *s);

/*
 * Replaces aliases of kind in list by what they stand for, `!` counted through. Returns 0, or
 * RF_E_LIMIT when aliases nest too deeply (or in a circle) or give too many items.
 * out's texts are borrowed from s; free with sudoers_list_done.
 */
int sudoers_expand(const struct sudoers *s, enum sudoers_alias_kind kind,
		   const struct sudoers_list *list, struct sudoers_list *out) RF_MUST_CHECK;
void sudoers_list_done(struct sudoers_list *list);
int sudoers_list_add(struct sudoers_list *list, const struct sudoers_item *item) RF_MUST_CHECK;

/* Frees what a rule owns. */
void sudoers_rule_done(struct sudoers_rule *rule);

#define SUDOERS_AUTOLIST __attribute__((cleanup(sudoers_list_done)))

#endif
