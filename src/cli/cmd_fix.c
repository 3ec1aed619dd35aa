/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence fix and ringfence rollback; changing.h is what they share with other commands. The
 * privileged process is started first; then facts are collected, the program locks itself in,
 * judges, plans, and asks that process alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "change/priv.h"
#include "change/remedy.h"
#include "cli/changing.h"
#include "cli/check.h"
#include "cli/common.h"

struct fix {
	struct check check;
	struct changing changing;
	struct remedy remedy;
};

static void fix_done(struct fix *f)
{
	changing_done(&f->changing);
	remedy_done(&f->remedy);
	check_done(&f->check);
}

/* Files and folders that were named may be changed where they are; by their real path, so that the
 * facts and the change speak of the same file. */
static int given_add(struct cli_args *args, enum cli_option_id id, struct priv_options *options,
		     struct rf_err *err)
{
	for (size_t i = 0; i < args->counts[id]; i++) {
		static char paths[RF_COUNT(((struct priv_options *)0)->given)][RF_MAX_PATH_BYTES];

		if (options->given_count == RF_COUNT(options->given))
			return rf_fail(err, RF_E_LIMIT, "at most %zu files or folders at once",
				       RF_COUNT(options->given));
		char *real = paths[options->given_count];

		if (!realpath(args->values[id][i], real))
			return rf_fail(err, -errno, "--%s %s: %s", cli_options[id].name,
				       args->values[id][i], rf_code_text(-errno));
		args->values[id][i] = real;
		options->given[options->given_count++] = real;
	}
	return 0;
}

static int options_read(struct cli_args *args, struct fix *f, struct rf_err *err)
{
	int rc = 0;

	if (cli_has(args, OPT_APPLY) && cli_has(args, OPT_DRY_RUN))
		return rf_fail(err, RF_E_USAGE, "--apply and --dry-run contradict each other");
	rc = changing_options(args, &f->changing, err);
	if (!rc && strcmp(f->changing.options.root, "/") != 0) {
		args->values[OPT_FROM][0] = f->changing.options.root;
		args->counts[OPT_FROM] = 1;
	}
	if (!rc)
		rc = given_add(args, OPT_VMX, &f->changing.options, err);
	return rc ? rc : given_add(args, OPT_XML, &f->changing.options, err);
}

/* ---- the plan ---- */

static int plan_from_findings(struct fix *f, struct rf_err *err)
{
	int rc = remedy_make(&f->check.findings, priv_read, f->changing.priv, &f->remedy, err);

	return rc ? rc
		  : changing_plan(&f->changing, f->remedy.wants, f->remedy.count, f->check.what,
				  err);
}

static int plan_new(const struct cli_args *args, struct fix *f, struct rf_err *err)
{
	const char *const *only = args->words;
	int rc = common_controls(args, false, &f->check.set, err);

	if (!rc)
		rc = check_run(&f->check, args, only, args->words_count, err);
	if (!rc && args->words_count && f->check.findings.count == 0)
		return rf_fail(err, RF_E_UNKNOWN,
			       "no control of that name was judged here; `ringfence controls "
			       "list` shows them");
	return rc ? rc : plan_from_findings(f, err);
}

static int fix_run(const struct cli_args *args, struct fix *f, struct rf_err *err)
{
	struct changing *c = &f->changing;
	int rc = changing_start(args, c, err);

	if (rc < 0)
		return rc;
	if (cli_value(args, OPT_ROLLBACK))
		return changing_rollback(c, cli_value(args, OPT_ROLLBACK), err);
	if (cli_value(args, OPT_CONFIRM))
		return changing_confirm(c, cli_value(args, OPT_CONFIRM), err);
	rc = cli_value(args, OPT_PLAN) ? changing_load(args, c, err) : plan_new(args, f, err);
	return rc ? rc
		  : changing_show_and_apply(args, c, &f->remedy, cli_has(args, OPT_APPLY), err);
}

int cmd_fix(const struct cli_args *args, struct rf_err *err)
{
	static struct cli_args own; /* large: not on the stack */
	struct fix f = {0};

	own = *args;
	int rc = options_read(&own, &f, err);

	if (!rc)
		rc = fix_run(&own, &f, err);
	fix_done(&f);
	return rc;
}

int cmd_rollback(const struct cli_args *args, struct rf_err *err)
{
	struct changing c = {0};
	int rc = changing_options(args, &c, err);

	if (!rc)
		rc = changing_start(args, &c, err);
	if (!rc)
		rc = changing_rollback(&c, args->words_count ? args->words[0] : "", err);
	changing_done(&c);
	return rc;
}

int cmd_recover(const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf recovered = {0};
	struct changing c = {0};
	int rc = changing_options(args, &c, err);

	if (!rc)
		rc = priv_start(&c.options, &c.priv, &recovered, err);
	if (!rc)
		fputs(recovered.len ? rf_buf_text(&recovered) : "Nothing was interrupted.\n",
		      stdout);
	changing_done(&c);
	return rc;
}
