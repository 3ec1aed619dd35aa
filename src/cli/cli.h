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

/* Every option there is, once. Which command takes it: its row's list. */
enum cli_option_id {
	OPT_HELP,
	OPT_VERSION,
	OPT_VMX,
	OPT_XML,
	OPT_FROM,
	OPT_CONNECT,
	OPT_APPROVED,
	OPT_HOST,
	OPT_NO_HOST,
	OPT_PROFILE,
	OPT_ONLY,
	OPT_SITE,
	OPT_OUTPUT,
	OPT_REPORT,
	OPT_ALL,
	OPT_COLOR,
	OPT_QUIET,
	OPT_NO_MUTANTS,
	OPT_TIMING,
	OPT_FILE,
	OPT_TCTI,
	OPT_NONCE,
	OPT_AK,
	OPT_STATE_DIR,
	OPT_FORMAT,
	OPT_PCR,
	OPT_LIVE,
	OPT_BASELINE,
	OPT_EARLIER,
	OPT_REMEMBER,
	OPT_EK_ROOTS,
	OPT_BY,
	OPT_NAME,
	OPT_ROOT,
	OPT_DRY_RUN,
	OPT_APPLY,
	OPT_PLAN,
	OPT_SAVE,
	OPT_CONFIRM_WITHIN,
	OPT_CONFIRM,
	OPT_ROLLBACK,
	OPT_KEY,
	OPT_ONCE,
	OPT_KNOWN,
	OPT_VMX_FILE,
	OPT_OF_PROFILE,
	OPT_OF_VM,
	OPT_LEVEL,
	OPT_RELEASE,
	OPT_STATUS,
	OPT_ZONE,
	OPT_REASON,
	OPT_YES,
	OPT_ALLOW,
	OPT_HONEYWALL,
	OPT_POLICY,
	OPT_RECORD_MAX,
	OPT_ACTIVE,
	OPT_KEPT,
	OPT_COUNT
};

struct cli_option {
	enum cli_option_id id;
	const char *name;  /* "vmx" for --vmx */
	char letter;	   /* 'o' for -o, 0 for none */
	const char *value; /* "PATH"; NULL for a flag */
	bool repeated;
	const char *help;
};
extern const struct cli_option cli_options[OPT_COUNT];

/* The options of a row: OPTIONS(OPT_ALWAYS, OPT_VMX). A list, so that there may be any number. */
#define OPTIONS(...) ((const enum cli_option_id[]){__VA_ARGS__, OPT_COUNT})
#define OPT_ALWAYS   OPT_HELP, OPT_VERSION, OPT_COLOR, OPT_QUIET
/* Where facts come from. */
#define OPT_SOURCES OPT_VMX, OPT_XML, OPT_FROM, OPT_CONNECT, OPT_APPROVED, OPT_HOST, OPT_NO_HOST

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

#endif
