/* SPDX-License-Identifier: Apache-2.0 */
/* Parses arguments by the tables of commands.c. See cli.h. */
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

bool cli_takes(const struct cli_command *command, enum cli_option_id id)
{
	for (const enum cli_option_id *o = command->options; *o != OPT_COUNT; o++) {
		if (*o == id)
			return true;
	}
	return false;
}

const char *cli_value(const struct cli_args *args, enum cli_option_id id)
{
	return args->counts[id] ? args->values[id][args->counts[id] - 1] : NULL;
}

bool cli_has(const struct cli_args *args, enum cli_option_id id)
{
	return args->counts[id] > 0;
}

/* By name, or by letter where name is NULL. Some names mean one thing to one command and another to
 * the next (-o): the one that this command takes comes first. */
static const struct cli_option *option_find(const struct cli_command *command, const char *name,
					    size_t len, char letter)
{
	const struct cli_option *of_others = NULL;

	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct cli_option *o = &cli_options[i];
		bool same = name ? strlen(o->name) == len && memcmp(o->name, name, len) == 0
				 : o->letter == letter;

		if (same && command && cli_takes(command, o->id))
			return o;
		if (same && !of_others)
			of_others = o;
	}
	return of_others;
}

/* How many words of argv are the command's name; 0 when they are another. */
static size_t name_words(int argc, char **argv, const char *name)
{
	int at = 1;

	while (*name) {
		size_t len = strcspn(name, " ");

		if (at >= argc || strlen(argv[at]) != len || memcmp(argv[at], name, len) != 0)
			return 0;
		name += len + (name[len] == ' ');
		at++;
	}
	return (size_t)at - 1;
}

/* "controls" "test" is one command; "check" another. Returns the words it took. */
static size_t command_find(int argc, char **argv, const struct cli_command **out)
{
	for (size_t i = 0; i < cli_commands_count; i++) {
		size_t words = name_words(argc, argv, cli_commands[i].name);

		if (words == 0)
			continue;
		*out = &cli_commands[i];
		return words;
	}
	*out = NULL;
	return 0;
}

static int option_add(struct cli_args *args, const struct cli_option *option, const char *value,
		      struct rf_err *err)
{
	if (args->command && !cli_takes(args->command, option->id))
		return rf_fail(err, RF_E_USAGE, "%s takes no --%s; see: ringfence %s --help",
			       args->command->name, option->name, args->command->name);
	size_t *count = &args->counts[option->id];

	if (*count > 0 && option->value && !option->repeated)
		return rf_fail(err, RF_E_USAGE, "--%s was given twice", option->name);
	if (*count == CLI_MAX_WORDS)
		return rf_fail(err, RF_E_USAGE, "--%s was given more than %d times", option->name,
			       CLI_MAX_WORDS);
	args->values[option->id][(*count)++] = value;
	return 0;
}

/* One argument that begins with '-'; *at moves over a value it takes. */
static int option_parse(int argc, char **argv, int *at, struct cli_args *args, struct rf_err *err)
{
	const char *arg = argv[*at];
	const struct cli_option *option;
	const char *value = NULL;

	if (arg[1] == '-') {
		size_t len = strcspn(arg + 2, "=");

		option = option_find(args->command, arg + 2, len, 0);
		value = arg[2 + len] == '=' ? arg + 3 + len : NULL;
	} else {
		option = option_find(args->command, NULL, 0, arg[1]);
		value = arg[2] ? arg + 2 : NULL;
	}
	if (!option)
		return rf_fail(err, RF_E_USAGE, "there is no option %s; see: ringfence %s%s--help",
			       arg, args->command ? args->command->name : args->group,
			       args->command || args->group[0] ? " " : "");
	if (!option->value && value)
		return rf_fail(err, RF_E_USAGE, "--%s takes no value", option->name);
	if (option->value && !value) {
		if (*at + 1 >= argc)
			return rf_fail(err, RF_E_USAGE, "--%s needs %s", option->name,
				       option->value);
		value = argv[++*at];
	}
	return option_add(args, option, value ? value : "", err);
}

static int words_check(const struct cli_args *args, struct rf_err *err)
{
	const struct cli_command *c = args->command;

	if (!c || cli_has(args, OPT_HELP))
		return 0;
	if (args->words_count < c->words_min)
		return rf_fail(err, RF_E_USAGE, "%s needs %s; see: ringfence %s --help", c->name,
			       c->words, c->name);
	if (args->words_count > c->words_max)
		return rf_fail(err, RF_E_USAGE, "%s: too many words, from %s on", c->name,
			       args->words[c->words_max]);
	return 0;
}

/* Words that begin no command may still name a group of them. */
static int group_parse(const char *word, struct cli_args *out, struct rf_err *err)
{
	const char *between = out->group[0] ? " " : "";
	char name[sizeof(out->group)];

	if (!rf_format(name, sizeof(name), "%s%s%s", out->group, between, word) ||
	    !cli_is_group(name))
		return rf_fail(err, RF_E_USAGE,
			       "there is no command %s%s%s; see: ringfence %s%s--help", out->group,
			       between, word, out->group, between);
	rf_copy(out->group, sizeof(out->group), name);
	return 0;
}

int cli_parse(int argc, char **argv, struct cli_args *out, struct rf_err *err)
{
	bool only_words = false;

	memset(out, 0, sizeof(*out));
	/* "help check" is "check --help". */
	if (argc > 1 && strcmp(argv[1], "help") == 0) {
		argc--;
		argv++;
		out->counts[OPT_HELP] = 1;
	}
	int at = 1 + (int)command_find(argc, argv, &out->command);

	for (; at < argc; at++) {
		int rc = 0;

		if (!only_words && strcmp(argv[at], "--") == 0)
			only_words = true;
		else if (!only_words && argv[at][0] == '-' && argv[at][1])
			rc = option_parse(argc, argv, &at, out, err);
		else if (!out->command)
			rc = group_parse(argv[at], out, err);
		else if (out->words_count == CLI_MAX_WORDS)
			return rf_fail(err, RF_E_USAGE, "too many words");
		else
			out->words[out->words_count++] = argv[at];
		if (rc < 0)
			return rc;
	}
	return words_check(out, err);
}
