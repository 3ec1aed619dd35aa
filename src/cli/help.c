/* SPDX-License-Identifier: Apache-2.0 */
/* Help, man pages and completion, all from the tables of commands.c. See cli.h. */
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

static void put_indented(FILE *out, const char *text, const char *indent)
{
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");

		fprintf(out, "%s%.*s\n", len ? indent : "", (int)len, p);
		p += len + (p[len] == '\n');
	}
}

/* Breaks a paragraph at 78 columns. */
static void put_wrapped(FILE *out, const char *text)
{
	size_t column = 0;

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, " \n");

		if (column && column + 1 + len > 78) {
			fputc('\n', out);
			column = 0;
		}
		fprintf(out, "%s%.*s", column ? " " : "", (int)len, p);
		column += len + (column ? 1 : 0);
		p += len;
		if (*p == '\n') {
			fputc('\n', out);
			column = 0;
		}
		p += *p != '\0';
	}
	fputc('\n', out);
}

static void option_head(char *out, size_t size, const struct cli_option *o)
{
	char letter[8] = "    ";

	if (o->letter)
		rf_format(letter, sizeof(letter), "-%c, ", o->letter);
	rf_format(out, size, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
		  o->value ? o->value : "");
}

static void put_options(FILE *out, const struct cli_command *c)
{
	for (size_t i = 0; i < OPT_COUNT; i++) {
		char head[64];

		if (!cli_takes(c, cli_options[i].id))
			continue;
		option_head(head, sizeof(head), &cli_options[i]);
		fprintf(out, "  %-24s %s\n", head, cli_options[i].help);
	}
}

static void help_command(FILE *out, const struct cli_command *c)
{
	fprintf(out, "ringfence %s: %s\n\nExamples:\n", c->name, c->summary);
	put_indented(out, c->examples, "  ");
	fprintf(out, "\nUsage: ringfence %s [OPTIONS]%s%s\n\n", c->name, c->words[0] ? " " : "",
		c->words);
	if (c->about[0]) {
		put_wrapped(out, c->about);
		fputc('\n', out);
	}
	fprintf(out, "Options:\n");
	put_options(out, c);
}

/* Characters of the group's name ("controls" of "controls test"); 0 for a command of one word. */
static size_t group_len(const char *name)
{
	const char *space = strchr(name, ' ');

	return space ? (size_t)(space - name) : 0;
}

/* Does name stand in the group that has the first len characters of first ("attest baseline")? */
static bool continues(const char *name, const char *first, size_t len)
{
	return strncmp(name, first, len) == 0 && name[len] == ' ';
}

bool cli_is_group(const char *words)
{
	for (size_t i = 0; i < cli_commands_count; i++) {
		if (continues(cli_commands[i].name, words, strlen(words)))
			return true;
	}
	return false;
}

void cli_help_group(FILE *out, const char *group)
{
	const char *first = NULL;

	fprintf(out, "ringfence %s ...\n\nCommands:\n", group);
	for (size_t i = 0; i < cli_commands_count; i++) {
		if (!continues(cli_commands[i].name, group, strlen(group)))
			continue;
		fprintf(out, "  %-26s %s\n", cli_commands[i].name, cli_commands[i].summary);
		first = first ? first : cli_commands[i].name;
	}
	fprintf(out, "\nEach has its own help with examples: ringfence %s --help\n", first);
}

void cli_help(FILE *out, const struct cli_command *command)
{
	if (command) {
		help_command(out, command);
		return;
	}
	fprintf(out,
		"ringfence: security management for virtualization hosts\n\n"
		"Try first:\n"
		"  ringfence check                       what is wrong here, why, and what to do\n"
		"  ringfence check --report report.html  the same as a report to send on\n"
		"  ringfence doctor                      what this machine can and cannot do\n\n"
		"Commands:\n");
	for (size_t i = 0; i < cli_commands_count; i++)
		fprintf(out, "  %-26s %s\n", cli_commands[i].name, cli_commands[i].summary);
	fprintf(out, "\nEach command has its own help: ringfence help check\n"
		     "Exit status: 0 clean, 1 could not do it, 2 findings, 64 wrong use\n");
}

/* roff: a leading dot or quote would be a request, a backslash an escape. */
static void put_roff(FILE *out, const char *text)
{
	bool line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
		line_start = *text == '\n';
	}
}

static void man_options(FILE *out, const struct cli_command *c)
{
	fprintf(out, ".SH OPTIONS\n");
	for (size_t i = 0; i < OPT_COUNT; i++) {
		char head[64];

		if (!cli_takes(c, cli_options[i].id))
			continue;
		option_head(head, sizeof(head), &cli_options[i]);
		char *start = rf_trim(head);

		fprintf(out, ".TP\n.B ");
		put_roff(out, start);
		fputc('\n', out);
		put_roff(out, cli_options[i].help);
		fputc('\n', out);
	}
}

static void man_command(FILE *out, const struct cli_command *c)
{
	char title[64];

	rf_copy(title, sizeof(title), c->name);
	for (char *p = title; *p; p++)
		*p = *p == ' ' ? '-' : *p;
	fprintf(out, ".TH RINGFENCE\\-%s 1 \"\" \"ringfence %s\"\n.SH NAME\nringfence\\-%s \\- ",
		title, RF_VERSION, title);
	put_roff(out, c->summary);
	fprintf(out, "\n.SH SYNOPSIS\n.B ringfence %s\n[OPTIONS] %s\n", c->name, c->words);
	if (c->about[0]) {
		fprintf(out, ".SH DESCRIPTION\n");
		put_roff(out, c->about);
		fputc('\n', out);
	}
	fprintf(out, ".SH EXAMPLES\n.nf\n");
	put_roff(out, c->examples);
	fprintf(out, "\n.fi\n");
	man_options(out, c);
	fprintf(out, ".SH SEE ALSO\nringfence(1)\n");
}

void cli_man(FILE *out, const struct cli_command *command)
{
	if (command) {
		man_command(out, command);
		return;
	}
	fprintf(out,
		".TH RINGFENCE 1 \"\" \"ringfence %s\"\n.SH NAME\n"
		"ringfence \\- security management for virtualization hosts\n"
		".SH SYNOPSIS\n.B ringfence\nCOMMAND [OPTIONS]\n.SH COMMANDS\n",
		RF_VERSION);
	for (size_t i = 0; i < cli_commands_count; i++) {
		fprintf(out, ".TP\n.B %s\n", cli_commands[i].name);
		put_roff(out, cli_commands[i].summary);
		fputc('\n', out);
	}
	fprintf(out,
		".SH EXIT STATUS\n0 clean, 1 could not do it, 2 findings, 64 wrong use\n"
		".SH FILES\n.TP\n.B /etc/ringfence/site\nyour own controls, profiles and waivers\n");
}

static void completion_words(FILE *out, const struct cli_command *c)
{
	for (size_t i = 0; i < OPT_COUNT; i++) {
		if (cli_takes(c, cli_options[i].id))
			fprintf(out, " --%s", cli_options[i].name);
	}
}

/* Whether row i is the first of its group. */
static bool group_first(size_t i)
{
	const char *name = cli_commands[i].name;
	size_t len = group_len(name);

	for (size_t k = 0; len && k < i; k++) {
		if (group_len(cli_commands[k].name) == len &&
		    memcmp(cli_commands[k].name, name, len) == 0)
			return false;
	}
	return len > 0;
}

/* The words that may follow the first len characters of row i's name, each once. */
static void completion_group(FILE *out, size_t i, size_t len)
{
	const char *first = cli_commands[i].name, *last = "", *between = "";
	size_t last_len = 0;

	fprintf(out, "\t\"%.*s\"*) words=\"", (int)len, first);
	for (; i < cli_commands_count; i++) {
		const char *word = cli_commands[i].name + len + 1;

		if (!continues(cli_commands[i].name, first, len))
			continue;
		size_t word_len = strcspn(word, " ");

		if (word_len == last_len && memcmp(word, last, word_len) == 0)
			continue;
		fprintf(out, "%s%.*s", between, (int)word_len, word);
		last = word;
		last_len = word_len;
		between = " ";
	}
	fprintf(out, "\" ;;\n");
}

/* Characters of the first two words of a name of three; 0 for shorter ones. */
static size_t inner_len(const char *name)
{
	const char *space = strchr(name, ' ');

	space = space ? strchr(space + 1, ' ') : NULL;
	return space ? (size_t)(space - name) : 0;
}

/* Whether row i is the first of its group of three words. */
static bool inner_first(size_t i)
{
	size_t len = inner_len(cli_commands[i].name);

	for (size_t k = 0; len && k < i; k++) {
		if (continues(cli_commands[k].name, cli_commands[i].name, len))
			return false;
	}
	return len > 0;
}

/* Commands of three words: their first two are the group. */
static void completion_inner(FILE *out, bool groups)
{
	for (size_t i = 0; i < cli_commands_count; i++) {
		size_t len = inner_len(cli_commands[i].name);

		if (!inner_first(i))
			continue;
		if (groups)
			completion_group(out, i, len);
		else
			fprintf(out,
				"\t\"%.*s\") [ $COMP_CWORD -gt 2 ] && "
				"command=\"$command ${COMP_WORDS[3]}\" ;;\n",
				(int)len, cli_commands[i].name);
	}
}

/* The names of all groups. */
static void completion_groups(FILE *out, const char *separator)
{
	const char *between = "";

	for (size_t i = 0; i < cli_commands_count; i++) {
		const char *name = cli_commands[i].name;

		if (!group_first(i))
			continue;
		fprintf(out, "%s%.*s", between, (int)group_len(name), name);
		between = separator;
	}
}

void cli_completion(FILE *out)
{
	fprintf(out,
		"# bash completion for ringfence; made by: ringfence completion\n"
		"_ringfence() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		"\tlocal command=\"${COMP_WORDS[1]}\" words=\n"
		"\tcase \"$prev\" in\n"
		"\t--vmx|--domain-xml|--from|--approved|--site|--report)\n"
		"\t\tCOMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
		"\t-o|--output)\n"
		"\t\tCOMPREPLY=($(compgen -W 'table json jsonl csv sarif junit html' -- \"$cur\"));"
		" return ;;\n"
		"\t--color)\n"
		"\t\tCOMPREPLY=($(compgen -W 'auto always never' -- \"$cur\")); return ;;\n"
		"\tesac\n"
		"\tcase \"$command\" in\n\t");
	completion_groups(out, "|");
	fprintf(out, ") [ $COMP_CWORD -gt 1 ] && command=\"$command ${COMP_WORDS[2]}\" ;;\n"
		     "\tesac\n"
		     "\tcase \"$command\" in\n");
	completion_inner(out, false);
	fprintf(out, "\tesac\n"
		     "\tcase \"$command\" in\n");
	for (size_t i = 0; i < cli_commands_count; i++) {
		fprintf(out, "\t\"%s\") words=\"", cli_commands[i].name);
		completion_words(out, &cli_commands[i]);
		fprintf(out, "\" ;;\n");
	}
	completion_inner(out, true);
	for (size_t i = 0; i < cli_commands_count; i++) {
		if (group_first(i))
			completion_group(out, i, group_len(cli_commands[i].name));
	}
	fprintf(out, "\t*) words=\"");
	for (size_t i = 0; i < cli_commands_count; i++) {
		if (!strchr(cli_commands[i].name, ' '))
			fprintf(out, "%s ", cli_commands[i].name);
	}
	completion_groups(out, " ");
	fprintf(out, " --help --version\" ;;\n\tesac\n"
		     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		     "}\ncomplete -F _ringfence ringfence\n");
}
