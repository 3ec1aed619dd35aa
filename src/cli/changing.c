/* SPDX-License-Identifier: Apache-2.0 */
/* The way of every change from a command to the privileged process. See changing.h. */
#include "cli/changing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/roles.h"
#include "cli/show_plan.h"
#include "sys/sandbox.h"

#define MAX_CONFIRM_S 86400

void changing_done(struct changing *c)
{
	if (c->save)
		fclose(c->save);
	priv_stop(c->priv);
	plan_done(&c->plan);
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

int changing_options(const struct cli_args *args, struct changing *c, struct rf_err *err)
{
	const char *root = cli_value(args, OPT_ROOT);
	const char *within = cli_value(args, OPT_CONFIRM_WITHIN);
	static char real_root[RF_MAX_PATH_BYTES];

	if (within && seconds_parse(within, &c->confirm_s) < 0)
		return rf_fail(err, RF_E_USAGE,
			       "--confirm-within: a time such as 60s or 5m, not %s", within);
	c->confirm_given = within != NULL;
	c->options.root = "/";
	c->options.state = cli_value(args, OPT_STATE_DIR);
	if (root && !realpath(root, real_root))
		return rf_fail(err, -errno, "--root %s: %s", root, rf_code_text(-errno));
	if (root && strcmp(real_root, "/") != 0)
		c->options.root = real_root;
	return 0;
}

/* Opened while files can still be: later the program is locked in. */
static int save_open(const struct cli_args *args, struct changing *c, struct rf_err *err)
{
	c->save_name = cli_value(args, OPT_SAVE);
	if (!c->save_name)
		return 0;
	c->save = fopen(c->save_name, "wxe");
	return c->save ? 0
		       : rf_fail(err, -errno, "--save %s: %s", c->save_name, rf_code_text(-errno));
}

int changing_start(const struct cli_args *args, struct changing *c, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf recovered = {0};
	int rc = save_open(args, c, err);

	if (!rc)
		rc = priv_start(&c->options, &c->priv, &recovered, err);
	if (!rc && recovered.len && !cli_has(args, OPT_QUIET))
		fprintf(stderr, "ringfence: %s", rf_buf_text(&recovered));
	return rc;
}

/* ---- the plan ---- */

int changing_plan(struct changing *c, const struct want *wants, size_t count, const char *host,
		  struct rf_err *err)
{
	const struct verb_env env = {.live = strcmp(c->options.root, "/") == 0,
				     .given = c->options.given,
				     .given_count = c->options.given_count};
	struct plan_maker maker = {.verbs = &role_verbs,
				   .env = &env,
				   .read = priv_read,
				   .read_arg = c->priv,
				   .now_ms = common_now_ms()};

	if (getrandom(&maker.random, sizeof(maker.random), 0) != sizeof(maker.random))
		return rf_fail(err, -EIO, "no random number");
	int rc = plan_make(&maker, wants, count, &c->plan, err);

	if (rc < 0)
		return rc;
	rf_copy(c->plan.root, sizeof(c->plan.root), c->options.root);
	rf_copy(c->plan.host, sizeof(c->plan.host), host);
	rf_format(c->plan.made_by, sizeof(c->plan.made_by), "uid %u", getuid());
	return 0;
}

int changing_load(const struct cli_args *args, struct changing *c, struct rf_err *err)
{
	const char *name = cli_value(args, OPT_PLAN);
	RF_AUTOBUF struct rf_buf json = {0};
	char missing[SANDBOX_MISSING_BYTES];
	int rc = common_read_file(name, PLAN_MAX_BYTES, &json, err);

	/* A plan may come from anywhere: read it locked in. */
	if (!rc)
		rc = sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, err);
	if (!rc)
		rc = plan_read(rf_buf_slice(&json), &role_verbs, &c->plan, err);
	if (!rc && strcmp(c->plan.root, c->options.root) != 0)
		rc = rf_fail(err, RF_E_MISMATCH, "the plan is for %s, not for %s", c->plan.root,
			     c->options.root);
	return rc ? rf_wrap(err, rc, "%s", name) : 0;
}

static int plan_save(struct changing *c, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf json = {0};
	int rc = c->save ? plan_write(&c->plan, &json, err) : 0;

	if (!rc && c->save && fwrite(json.data, 1, json.len, c->save) != json.len)
		rc = rf_fail(err, -EIO, "--save %s: %s", c->save_name, rf_code_text(-errno));
	if (!rc && c->save && fflush(c->save) != 0)
		rc = rf_fail(err, -EIO, "--save %s: %s", c->save_name, rf_code_text(-errno));
	return rc;
}

/* ---- doing it ---- */

/* A plan that leaves this process, to be kept or applied, is an entry of the ledger with its
 * digest; so is what was wanted and not allowed. */
static int plan_note(struct changing *c, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	uint8_t digest[CHANGE_DIGEST_BYTES];
	int rc = plan_digest(&c->plan, digest, err);

	rf_buf_printf(&text, "%zu changes, SHA-256 ", c->plan.count);
	rf_buf_add_hex(&text, digest, sizeof(digest));
	if (!rc)
		rc = priv_note(c->priv, "plan", c->plan.id, rf_buf_text(&text), err);
	if (rc < 0 || c->plan.refusals_count == 0)
		return rc;
	rf_buf_reset(&text);
	rf_buf_printf(&text, "%zu wants, the first: %.300s", c->plan.refusals_count,
		      c->plan.refusals[0].reason);
	return priv_note(c->priv, "denied", c->plan.id, rf_buf_text(&text), err);
}

/* What takes longer than a second says once a second how far it is. */
static void progress_tell(void *arg, size_t done, size_t count)
{
	struct changing *c = arg;
	int64_t now = common_now_ms();

	if (now - c->told_ms < 1000 || done == count)
		return;
	c->told_ms = now;
	fprintf(stderr, "%zu of %zu done\n", done, count);
}

static int plan_apply(struct changing *c, bool quiet, struct rf_err *err)
{
	struct priv_result result = {0};

	if (plan_could_cut_access(&c->plan) && !c->confirm_given)
		return rf_fail(
			err, RF_E_USAGE,
			"this could cut you off from the host: give --confirm-within 60s, "
			"and confirm from a new session; or --confirm-within 0 to do without");
	c->told_ms = common_now_ms();
	priv_progress(c->priv, quiet ? NULL : progress_tell, c);
	int rc = priv_apply(c->priv, &c->plan, c->confirm_s, &result, err);

	if (rc < 0)
		return rc;
	if (result.incomplete)
		fprintf(stderr,
			"ringfence: the change is made, but not all that goes with it: %s\n",
			result.text);
	if (quiet)
		return result.incomplete ? CLI_FINDINGS : 0;
	printf("Applied: %zu changes of %zu targets, each read back.\n", c->plan.count,
	       result.applied_count);
	if (result.text[0] && !result.incomplete)
		printf("Note: %s\n", result.text);
	if (result.unconfirmed)
		printf("It is undone in %u seconds, unless: ringfence fix --confirm %s\n",
		       c->confirm_s, c->plan.id);
	else
		printf("Undo it with: ringfence rollback %s\n", c->plan.id);
	return result.incomplete ? CLI_FINDINGS : 0;
}

int changing_show_and_apply(const struct cli_args *args, struct changing *c,
			    const struct remedy *remedy, bool apply, struct rf_err *err)
{
	const char *output = cli_value(args, OPT_OUTPUT);
	bool json = output && strcmp(output, "json") == 0;

	if (output && !json && strcmp(output, "text") != 0)
		return rf_fail(err, RF_E_USAGE, "-o: text or json, not %s", output);
	int rc = json ? show_plan_json(&c->plan, err)
		      : show_plan(&c->plan, remedy, cli_has(args, OPT_ALL),
				  cli_value(args, OPT_COLOR));

	if (!rc)
		rc = plan_save(c, err);
	if (rc < 0 || c->plan.count == 0)
		return rc;
	if (c->save || apply)
		rc = plan_note(c, err);
	if (rc < 0)
		return rc;
	if (!apply)
		return CLI_FINDINGS;
	fflush(stdout);
	return plan_apply(c, json, err);
}

int changing_rollback(struct changing *c, const char *id, struct rf_err *err)
{
	struct priv_result result = {0};
	int rc = priv_rollback(c->priv, id, &result, err);

	if (!rc)
		printf("Undone: change %s, %zu targets are as before.\n", result.text,
		       result.applied_count);
	return rc;
}

int changing_let_go(struct changing *c, const char *id, const char *part, struct rf_err *err)
{
	struct priv_result result = {0};
	int rc = priv_let_go(c->priv, id, part, &result, err);

	if (!rc)
		printf("Undone: %zu targets of change %s are as before.\n", result.applied_count,
		       id);
	return rc;
}

int changing_confirm(struct changing *c, const char *id, struct rf_err *err)
{
	int rc = priv_confirm(c->priv, id, err);

	if (!rc)
		printf("Confirmed: change %s stays. Undo it with: ringfence rollback %s\n", id, id);
	return rc;
}
