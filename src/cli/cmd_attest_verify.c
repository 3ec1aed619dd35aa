/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence attest verify and explain: the verdict over evidence, as a whole or register by
 * register. Verifying a file needs no rights and trusts nothing in it.
 */
#include <errno.h>
#include <stdio.h>

#include "attest/evidence.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/rows.h"
#include "cli/verdict_input.h"
#include "cli/verdict_view.h"

static int print_json(const struct verdict_view *view, bool explain, struct rf_err *err)
{
	json_t *root = verdict_view_json(view, explain);
	int rc = root ? json_dumpf(root, stdout, JSON_INDENT(1)) : -1;

	json_decref(root);
	fputs("\n", stdout);
	return rc < 0 ? rf_fail(err, -ENOMEM, "no memory for the verdict as JSON") : 0;
}

static bool has_approved(const struct baseline *baseline)
{
	const struct baseline_boot *boot;

	for (size_t i = 0; baseline && (boot = baseline_boot_at(baseline, i)); i++) {
		if (boot->approved_by)
			return true;
	}
	return false;
}

static int options_parse(const struct cli_args *args, struct verdict_view *view, bool *json,
			 struct rf_err *err)
{
	const char *pcr = cli_value(args, OPT_PCR), *ak = cli_value(args, OPT_AK);
	enum rows_format format;
	int64_t number;
	int rc = rows_format_parse(cli_value(args, OPT_OUTPUT), &format, err);

	if (rc < 0 || format == ROWS_CSV)
		return rc < 0 ? rc
			      : rf_fail(err, RF_E_USAGE, "a verdict is printed as table or json");
	if (pcr && rf_num(pcr, 10, 0, ATTEST_PCRS - 1, &number) < 0)
		return rf_fail(err, RF_E_USAGE, "--pcr %s: 0 to %d", pcr, ATTEST_PCRS - 1);
	if (ak && !rf_equal(ak, "ecc") && !rf_equal(ak, "rsa"))
		return rf_fail(err, RF_E_USAGE, "--ak %s: ecc or rsa", ak);
	*json = format == ROWS_JSON;
	view->pcr = pcr ? (uint32_t)number : VERDICT_ANY_PCR;
	view->out = stdout;
	view->color = rows_color(cli_value(args, OPT_COLOR));
	view->all = cli_has(args, OPT_ALL);
	return 0;
}

/* What the evidence says of the files that were booted. */
static void find_paths(const struct verdict_input *in, struct boot_paths *out)
{
	struct evidence evidence;

	if (evidence_parse(rf_buf_slice(&in->evidence), &evidence, NULL) == 0)
		boot_paths_read(evidence.sections[EVIDENCE_FILES], out);
}

/* Reads, judges, prints. Returns the exit status. */
static int run(const struct cli_args *args, bool explain, struct rf_err *err)
{
	bool live = cli_has(args, OPT_LIVE), json = false;
	VERDICT_INPUT_AUTO struct verdict_input in = {0};
	struct boot_paths paths = {0};
	struct verdict_view view = {.verdict = &in.verdict,
				    .paths = &paths,
				    .what = live ? "this machine" : args->words[0],
				    .host = in.host};
	int rc = options_parse(args, &view, &json, err);

	if (rc == 0 && live != (args->words_count == 0))
		rc = rf_fail(err, RF_E_USAGE,
			     live ? "either FILE or --live" : "which? FILE of evidence, or --live");
	if (rc == 0)
		rc = live ? verdict_input_live(args, &in, err) : verdict_input_read(args, &in, err);
	if (rc == 0)
		rc = verdict_input_judge(&in, err);
	if (rc == 0 && explain)
		find_paths(&in, &paths);
	view.compared = has_approved(in.baseline) && in.verdict.quote_proved;
	if (rc == 0 && json)
		rc = print_json(&view, explain, err);
	else if (rc == 0 && explain)
		verdict_view_explain(&view);
	else if (rc == 0)
		verdict_view_print(&view);
	if (rc == 0 && live && !json)
		puts("\nThis machine judged itself: one that was taken over can lie here. Verify "
		     "its evidence on\nanother machine: ringfence attest evidence -o FILE");
	boot_paths_done(&paths);
	return rc < 0 ? rc : verdict_exit_code(in.verdict.state);
}

int cmd_attest_verify(const struct cli_args *args, struct rf_err *err)
{
	return run(args, false, err);
}

int cmd_attest_explain(const struct cli_args *args, struct rf_err *err)
{
	return run(args, true, err);
}
