/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence fix and ringfence rollback. The privileged process is started first; then facts are
 * collected, the program locks itself in, judges, plans, and asks that process alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "change/priv.h"
#include "change/remedy.h"
#include "cli/check.h"
#include "cli/common.h"
#include "cli/roles.h"
#include "cli/show_plan.h"
#include "sys/sandbox.h"

#define MAX_CONFIRM_S 86400

struct fix {
	struct check check;
	struct priv *priv;
	struct priv_options options;
	struct remedy remedy;
	struct plan plan;
	unsigned confirm_s;
	bool confirm_given;
	FILE *save;
	const char *save_name;
};

static void fix_done(struct fix *f)
{
	if (f->save)
		fclose(f->save);
	priv_stop(f->priv);
	plan_done(&f->plan);
	remedy_done(&f->remedy);
	check_done(&f->check);
}

/* "60s", "5m", "60". */
static int seconds_parse(const char *text, unsigned *out)
{
	char number[16];
	size_t len = strlen(text);
	int64_t n, factor = 1;

	if (len && (text[len - 1] == 's' || text[len - 1] == 'm')) {
		factor = text[len - 1] == 'm' ? 60 : 1;
		len--;
	}
	if (!rf_format(number, sizeof(number), "%.*s", (int)len, text) ||
	    rf_num(number, 10, 0, MAX_CONFIRM_S / factor, &n) < 0)
		return RF_E_SYNTAX;
	*out = (unsigned)(n * factor);
	return 0;
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
	const char *root = cli_value(args, OPT_ROOT);
	const char *within = cli_value(args, OPT_CONFIRM_WITHIN);
	static char real_root[RF_MAX_PATH_BYTES];

	if (cli_has(args, OPT_APPLY) && cli_has(args, OPT_DRY_RUN))
		return rf_fail(err, RF_E_USAGE, "--apply and --dry-run contradict each other");
	if (within && seconds_parse(within, &f->confirm_s) < 0)
		return rf_fail(err, RF_E_USAGE,
			       "--confirm-within: a time such as 60s or 5m, not %s", within);
	f->confirm_given = within != NULL;
	f->options.root = "/";
	f->options.state = cli_value(args, OPT_STATE_DIR);
	if (root && !realpath(root, real_root))
		return rf_fail(err, -errno, "--root %s: %s", root, rf_code_text(-errno));
	if (root && strcmp(real_root, "/") != 0) {
		f->options.root = real_root;
		args->values[OPT_FROM][0] = real_root;
		args->counts[OPT_FROM] = 1;
	}
	int rc = given_add(args, OPT_VMX, &f->options, err);

	return rc ? rc : given_add(args, OPT_XML, &f->options, err);
}

/* Opened while files can still be: later the program is locked in. */
static int save_open(const struct cli_args *args, struct fix *f, struct rf_err *err)
{
	f->save_name = cli_value(args, OPT_SAVE);
	if (!f->save_name)
		return 0;
	f->save = fopen(f->save_name, "wxe");
	return f->save ? 0
		       : rf_fail(err, -errno, "--save %s: %s", f->save_name, rf_code_text(-errno));
}

static int priv_open(const struct cli_args *args, struct fix *f, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf recovered = {0};
	int rc = priv_start(&f->options, &f->priv, &recovered, err);

	if (!rc && recovered.len && !cli_has(args, OPT_QUIET))
		fprintf(stderr, "ringfence: %s", rf_buf_text(&recovered));
	return rc;
}

/* ---- the plan ---- */

static int plan_from_findings(struct fix *f, struct rf_err *err)
{
	const struct verb_env env = {.live = strcmp(f->options.root, "/") == 0,
				     .given = f->options.given,
				     .given_count = f->options.given_count};
	struct plan_maker maker = {.verbs = &role_verbs,
				   .env = &env,
				   .read = priv_read,
				   .read_arg = f->priv,
				   .now_ms = f->check.now_ms};
	int rc = remedy_make(&f->check.findings, priv_read, f->priv, &f->remedy, err);

	if (!rc && getrandom(&maker.random, sizeof(maker.random), 0) != sizeof(maker.random))
		rc = rf_fail(err, -EIO, "no random number");
	if (!rc)
		rc = plan_make(&maker, f->remedy.wants, f->remedy.count, &f->plan, err);
	if (rc < 0)
		return rc;
	rf_copy(f->plan.root, sizeof(f->plan.root), f->options.root);
	rf_copy(f->plan.host, sizeof(f->plan.host), f->check.what);
	rf_format(f->plan.made_by, sizeof(f->plan.made_by), "uid %u", getuid());
	return 0;
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

static int plan_load(const struct cli_args *args, struct fix *f, struct rf_err *err)
{
	const char *name = cli_value(args, OPT_PLAN);
	RF_AUTOBUF struct rf_buf json = {0};
	char missing[SANDBOX_MISSING_BYTES];
	int rc = common_read_file(name, PLAN_MAX_BYTES, &json, err);

	/* A plan may come from anywhere: read it locked in. */
	if (!rc)
		rc = sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, err);
	if (!rc)
		rc = plan_read(rf_buf_slice(&json), &role_verbs, &f->plan, err);
	if (!rc && strcmp(f->plan.root, f->options.root) != 0)
		rc = rf_fail(err, RF_E_MISMATCH, "the plan is for %s, not for %s", f->plan.root,
			     f->options.root);
	return rc ? rf_wrap(err, rc, "%s", name) : 0;
}

static int plan_save(struct fix *f, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf json = {0};
	int rc = f->save ? plan_write(&f->plan, &json, err) : 0;

	if (!rc && f->save && fwrite(json.data, 1, json.len, f->save) != json.len)
		rc = rf_fail(err, -EIO, "--save %s: %s", f->save_name, rf_code_text(-errno));
	if (!rc && f->save && fflush(f->save) != 0)
		rc = rf_fail(err, -EIO, "--save %s: %s", f->save_name, rf_code_text(-errno));
	return rc;
}

/* ---- doing it ---- */

/* A plan that leaves this process, to be kept or applied, is an entry of the ledger with its
 * digest; so is what was wanted and not allowed. */
static int plan_note(struct fix *f, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	uint8_t digest[CHANGE_DIGEST_BYTES];
	int rc = plan_digest(&f->plan, digest, err);

	rf_buf_printf(&text, "%zu changes, SHA-256 ", f->plan.count);
	rf_buf_add_hex(&text, digest, sizeof(digest));
	if (!rc)
		rc = priv_note(f->priv, "plan", f->plan.id, rf_buf_text(&text), err);
	if (rc < 0 || f->plan.refusals_count == 0)
		return rc;
	rf_buf_reset(&text);
	rf_buf_printf(&text, "%zu wants, the first: %.300s", f->plan.refusals_count,
		      f->plan.refusals[0].reason);
	return priv_note(f->priv, "denied", f->plan.id, rf_buf_text(&text), err);
}

static int apply(struct fix *f, bool quiet, struct rf_err *err)
{
	struct priv_result result = {0};

	if (plan_could_cut_access(&f->plan) && !f->confirm_given)
		return rf_fail(
			err, RF_E_USAGE,
			"this could cut you off from the host: give --confirm-within 60s, "
			"and confirm from a new session; or --confirm-within 0 to do without");
	int rc = priv_apply(f->priv, &f->plan, f->confirm_s, &result, err);

	if (rc < 0)
		return rc;
	if (quiet)
		return 0;
	printf("Applied: %zu changes of %zu targets, each read back.\n", f->plan.count,
	       result.applied_count);
	if (result.text[0])
		printf("Note: %s\n", result.text);
	if (result.unconfirmed)
		printf("It is undone in %u seconds, unless: ringfence fix --confirm %s\n",
		       f->confirm_s, f->plan.id);
	else
		printf("Undo it with: ringfence rollback %s\n", f->plan.id);
	return 0;
}

static int show_and_apply(const struct cli_args *args, struct fix *f, struct rf_err *err)
{
	const char *output = cli_value(args, OPT_OUTPUT);
	bool json = output && strcmp(output, "json") == 0;

	if (output && !json && strcmp(output, "text") != 0)
		return rf_fail(err, RF_E_USAGE, "-o: text or json, not %s", output);
	int rc = json ? show_plan_json(&f->plan, err)
		      : show_plan(&f->plan, &f->remedy, cli_has(args, OPT_ALL),
				  cli_value(args, OPT_COLOR));

	if (!rc)
		rc = plan_save(f, err);
	if (rc < 0 || f->plan.count == 0)
		return rc;
	if (f->save || cli_has(args, OPT_APPLY))
		rc = plan_note(f, err);
	if (rc < 0)
		return rc;
	if (!cli_has(args, OPT_APPLY))
		return CLI_FINDINGS;
	fflush(stdout);
	return apply(f, json, err);
}

static int rollback(struct fix *f, const char *id, struct rf_err *err)
{
	struct priv_result result = {0};
	int rc = priv_rollback(f->priv, id, &result, err);

	if (!rc)
		printf("Undone: change %s, %zu targets are as before.\n", result.text,
		       result.applied_count);
	return rc;
}

static int confirm(struct fix *f, const char *id, struct rf_err *err)
{
	int rc = priv_confirm(f->priv, id, err);

	if (!rc)
		printf("Confirmed: change %s stays. Undo it with: ringfence rollback %s\n", id, id);
	return rc;
}

static int fix_run(const struct cli_args *args, struct fix *f, struct rf_err *err)
{
	const char *plan = cli_value(args, OPT_PLAN);
	int rc = save_open(args, f, err);

	if (!rc)
		rc = priv_open(args, f, err);
	if (rc < 0)
		return rc;
	if (cli_value(args, OPT_ROLLBACK))
		return rollback(f, cli_value(args, OPT_ROLLBACK), err);
	if (cli_value(args, OPT_CONFIRM))
		return confirm(f, cli_value(args, OPT_CONFIRM), err);
	rc = plan ? plan_load(args, f, err) : plan_new(args, f, err);
	return rc ? rc : show_and_apply(args, f, err);
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
	static struct cli_args own;
	struct fix f = {0};

	own = *args;
	int rc = options_read(&own, &f, err);

	if (!rc)
		rc = priv_open(&own, &f, err);
	if (!rc)
		rc = rollback(&f, args->words_count ? args->words[0] : "", err);
	fix_done(&f);
	return rc;
}

int cmd_recover(const struct cli_args *args, struct rf_err *err)
{
	static struct cli_args own;
	RF_AUTOBUF struct rf_buf recovered = {0};
	struct fix f = {0};

	own = *args;
	int rc = options_read(&own, &f, err);

	if (!rc)
		rc = priv_start(&f.options, &f.priv, &recovered, err);
	if (!rc)
		fputs(recovered.len ? rf_buf_text(&recovered) : "Nothing was interrupted.\n",
		      stdout);
	fix_done(&f);
	return rc;
}
