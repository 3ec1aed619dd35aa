/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line. Commands and options are rows of const tables (commands.c); parsing, help, man
 * pages and completion all derive from them. A command's function gets parsed arguments only.
 */
#ifndef RF_CLI_CLI_H
#define RF_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "cli/options.h"

/* The options of a row: OPTIONS(OPT_ALWAYS, OPT_VMX). A list, so that there may be any number. */
#define OPTIONS(...) ((const enum cli_option_id[]){__VA_ARGS__, OPT_COUNT})
#define OPT_ALWAYS   OPT_HELP, OPT_VERSION, OPT_COLOR, OPT_QUIET
/* Where facts come from. */
#define OPT_SOURCES OPT_VMX, OPT_XML, OPT_FROM, OPT_CONNECT, OPT_APPROVED, OPT_HOST, OPT_NO_HOST

/* Of commands that ask a manager; of those that do it over its hosts. */
#define OPT_MANAGER OPT_ALWAYS, OPT_LOGIN, OPT_OUTPUT, OPT_APPROVAL, OPT_BREAK_GLASS
#define OPT_FLEETS                                                                                 \
	OPT_FLEET, OPT_WHERE, OPT_MINUTES, OPT_NO_WAIT, OPT_APPROVAL, OPT_BREAK_GLASS, OPT_LOGIN

#define CLI_MAX_WORDS 256

struct cli_args {
	const struct cli_command *command;
	char group[64]; /* "attest baseline": no command, but the first words of some; "" */
	const char *words[CLI_MAX_WORDS]; /* positional */
	size_t words_count;
	const char *values[OPT_COUNT][CLI_MAX_WORDS];
	size_t counts[OPT_COUNT];
};

typedef int cli_command_fn(const struct cli_args *args, struct rf_err *err);

struct cli_command {
	const char *name;		   /* "check", "controls test" */
	const char *words;		   /* "[TABLE]"; what follows, for the usage line */
	const char *summary;		   /* one line */
	const char *about;		   /* paragraphs */
	const char *examples;		   /* lines "command   what it does" */
	const enum cli_option_id *options; /* ends with OPT_COUNT */
	size_t words_min, words_max;
	cli_command_fn *run;
};
extern const struct cli_command cli_commands[];
extern const size_t cli_commands_count;

/* Whether the command has this option. */
bool cli_takes(const struct cli_command *command, enum cli_option_id id);

/* The last value of an option, or NULL. */
const char *cli_value(const struct cli_args *args, enum cli_option_id id);
bool cli_has(const struct cli_args *args, enum cli_option_id id);

/* Parses argv; the error says what to do. */
int cli_parse(int argc, char **argv, struct cli_args *out, struct rf_err *err) RF_MUST_CHECK;

/* Help of a command, or of all. */
void cli_help(FILE *out, const struct cli_command *command);
/* Whether commands begin with these words; what they are, one line each. */
bool cli_is_group(const char *words);
void cli_help_group(FILE *out, const char *group);
/* A man page (roff) for a command, or for ringfence itself with NULL. */
void cli_man(FILE *out, const struct cli_command *command);
void cli_completion(FILE *out);

/* Exit status 2: findings. Commands return it as a positive number. */
#define CLI_FINDINGS 2

cli_command_fn cmd_check, cmd_facts, cmd_query, cmd_explain, cmd_controls_list, cmd_controls_show,
	cmd_controls_test, cmd_capture, cmd_doctor, cmd_man, cmd_completion, cmd_attest_explain,
	cmd_attest_verify, cmd_attest_log, cmd_attest_evidence, cmd_attest_status, cmd_modules;
cli_command_fn cmd_attest_diff, cmd_attest_digests, cmd_attest_baseline_create,
	cmd_attest_baseline_show, cmd_attest_baseline_approve, cmd_attest_baseline_predict;
/* Changes. */
cli_command_fn cmd_fix, cmd_rollback, cmd_recover, cmd_ledger_show, cmd_ledger_verify,
	cmd_ledger_export;
/* Isolation. */
cli_command_fn cmd_quarantine, cmd_isolate_plan, cmd_isolate_apply, cmd_isolate_verify,
	cmd_isolate_trace;
cli_command_fn cmd_isolate_guard_start, cmd_isolate_guard_stop, cmd_isolate_guard_status,
	cmd_isolate_topology, cmd_isolate_watch;
cli_command_fn cmd_isolate_export, cmd_isolate_import;
/* The fleet. */
cli_command_fn cmd_fleet, cmd_login, cmd_logout, cmd_agent, cmd_store_backup, cmd_store_migrate,
	cmd_store_upgrade;

#endif
