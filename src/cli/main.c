/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence: the command line. Parses, runs one command, and is the only place that exits. */
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/roles.h"

static int usage_fail(const struct rf_err *err)
{
	fprintf(stderr, "ringfence: %s\n", rf_err_text(err));
	return rf_code_exit(RF_E_USAGE);
}

static int run(const struct cli_args *args)
{
	struct rf_err err = {0};
	cli_command_fn *command = cli_has(args, OPT_FLEET) ? cmd_fleet : args->command->run;
	int rc = command(args, &err);

	if (rc >= 0) {
		if (fflush(stdout) == 0 && !ferror(stdout))
			return rc;
		fprintf(stderr, "ringfence: the output could not be written completely\n");
		return 1;
	}
	fflush(stdout);
	fprintf(stderr, "ringfence: %s\n", rf_err_text(&err));
	return rf_code_exit(rc);
}

int main(int argc, char **argv)
{
	static struct cli_args args; /* large: not on the stack */
	struct rf_err err = {0};

	if (argc > 2 && strcmp(argv[1], "--role") == 0)
		return role_run(argc, argv);
	setlocale(LC_CTYPE, "C.UTF-8");
	/* Each control takes and gives back some memory: keep it, faulting pages in anew costs
	 * more. */
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
	/* A reader that goes away (| head) ends us quietly. */
	signal(SIGPIPE, SIG_DFL);
	if (cli_parse(argc, argv, &args, &err) < 0)
		return usage_fail(&err);
	if (args.counts[OPT_VERSION]) {
		printf("ringfence %s\n", RF_VERSION);
		return 0;
	}
	if (args.group[0]) {
		cli_help_group(args.counts[OPT_HELP] ? stdout : stderr, args.group);
		return args.counts[OPT_HELP] ? 0 : rf_code_exit(RF_E_USAGE);
	}
	if (!args.command || args.counts[OPT_HELP]) {
		cli_help(args.command || args.counts[OPT_HELP] ? stdout : stderr, args.command);
		return args.command || args.counts[OPT_HELP] ? 0 : rf_code_exit(RF_E_USAGE);
	}
	return run(&args);
}
