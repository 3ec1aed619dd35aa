/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence isolate plan and apply: from a policy to a plan, and by changing.h to the privileged
 * process. What of a policy is proven is cmd_isolate_verify.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/changing.h"
#include "cli/common.h"
#include "cli/isolate.h"

/* Everything besides the network, but what VMs in quarantine are held to. */
static int limits_want(struct isolate_input *in, struct isolate_wants *wants, struct rf_err *err)
{
	int rc = memory_wants_add(in->policy, &in->memory, &in->memory_result, wants, err);

	if (!rc)
		rc = cpu_cell_want(in->policy, in->before, &in->host, wants, err);
	if (!rc)
		rc = cpu_wants_add(&in->cpu, &in->host, wants, err);
	if (!rc)
		rc = disk_wants_add(in->policy, &in->disks, wants, err);
	for (size_t i = 0; rc == 0 && i < in->quarantined.count; i++) {
		const struct quarantine_record *record = &in->quarantined.items[i];
		enum quarantine_level level;

		/* By its name of today. A level that we do not know holds all. */
		if (quarantine_level_parse(record->level, &level) < 0)
			level = QUARANTINE_FREEZE;
		for (size_t v = 0; v < in->host.vms_count; v++)
			if (strcmp(in->host.vms[v].uuid, record->uuid) == 0)
				quarantine_limits_hold(wants->items, &wants->count,
						       in->host.vms[v].name, level);
	}
	return rc;
}

static void visible(FILE *out, const char *text)
{
	RF_AUTOBUF struct rf_buf shown = {0};

	rf_buf_add_visible(&shown, text, strlen(text));
	fputs(rf_buf_text(&shown), out);
}

void isolate_left_show(FILE *out, const struct policy_result *result, bool all)
{
	size_t hidden = 0;

	for (size_t i = 0; i < result->left_count; i++) {
		const struct policy_left *left = &result->left[i];

		if (!left->conflict && !all) {
			hidden++;
			continue;
		}
		fputs(left->conflict ? "Conflict: " : "No port: ", out);
		visible(out, left->vm);
		fputs(" ", out);
		visible(out, left->nic);
		fputs(": ", out);
		visible(out, left->reason);
		fputs("\n", out);
	}
	if (hidden)
		fprintf(out, "%zu network cards get no port (-a shows why).\n", hidden);
}

void isolate_memory_notes_show(FILE *out, const struct memory_result *result, bool all)
{
	size_t hidden = 0;

	for (size_t i = 0; i < result->notes_count; i++) {
		const struct memory_note *note = &result->notes[i];

		if (!note->conflict && !all) {
			hidden++;
			continue;
		}
		fputs(note->conflict ? "Conflict: " : "Note: ", out);
		visible(out, note->vm[0] ? note->vm : "memory of this host");
		fputs(": ", out);
		visible(out, note->text);
		fputs("\n", out);
	}
	if (hidden)
		fprintf(out, "%zu notes about memory (-a shows them).\n", hidden);
}

void isolate_notes_show(FILE *out, const struct policy_notes *notes, bool quiet)
{
	for (size_t i = 0; i < notes->count; i++) {
		const struct policy_note *note = &notes->items[i];

		if (quiet && !note->conflict)
			continue;
		fputs(note->conflict ? "Conflict: " : "Note: ", out);
		visible(out, note->vm[0] ? note->vm : "this host");
		fprintf(out, " %s: ", note->part);
		visible(out, note->text);
		fputs("\n", out);
	}
}

static int refuse_half(const struct isolate_input *in, const struct changing *c, struct rf_err *err)
{
	size_t conflicts = in->result.conflicts + in->memory_result.conflicts + in->notes.conflicts;

	if (conflicts)
		return rf_fail(
			err, RF_E_MISMATCH,
			"%zu conflicts between the policy and this host: nothing was changed",
			conflicts);
	if (c->plan.refusals_count)
		return rf_fail(err, RF_E_DENIED,
			       "%zu parts of the policy cannot be had (%s): nothing was changed",
			       c->plan.refusals_count, c->plan.refusals[0].reason);
	return 0;
}

static int plan_and(const struct cli_args *args, bool apply, struct rf_err *err)
{
	const struct remedy none = {0};
	struct isolate_input in = {0};
	struct isolate_wants wants = {0};
	struct changing c = {0};
	int rc = changing_options(args, &c, err);

	if (!rc)
		rc = changing_start(args, &c, err);
	if (!rc)
		rc = isolate_input_read(args, args->words_count ? args->words[0] : NULL,
					ISOLATE_PLAN, &in, err);
	const struct isolate_scene scene = {.live = in.live,
					    .by_nft = in.guarding.means == GUARD_MEANS_NFT,
					    .back = in.guarding.means == GUARD_MEANS_BPF &&
						    in.guarding.nft_holds,
					    .links = &in.links,
					    .before = in.before ? policy_layer(in.before) : NULL,
					    .kept = rf_buf_slice(&in.kept),
					    .keep = rf_buf_slice(&in.keep),
					    .access = &in.access};

	if (!rc)
		rc = isolate_wants_make(in.policy, &in.result, &scene, &wants, err);
	if (!rc)
		rc = limits_want(&in, &wants, err);
	if (!rc)
		rc = changing_plan(&c, wants.items, wants.count, "this host", err);
	if (!rc) {
		isolate_left_show(stderr, &in.result, cli_has(args, OPT_ALL));
		isolate_memory_notes_show(stderr, &in.memory_result, cli_has(args, OPT_ALL));
		isolate_notes_show(stderr, &in.notes, cli_has(args, OPT_QUIET));
		rc = apply ? refuse_half(&in, &c, err) : 0;
	}
	if (!rc)
		rc = changing_show_and_apply(args, &c, &none, apply, err);
	if (rc == 0 && !apply &&
	    (in.result.conflicts || in.memory_result.conflicts || in.notes.conflicts ||
	     c.plan.refusals_count))
		rc = CLI_FINDINGS;
	isolate_wants_done(&wants);
	isolate_input_done(&in);
	changing_done(&c);
	return rc;
}

int cmd_isolate_plan(const struct cli_args *args, struct rf_err *err)
{
	return plan_and(args, false, err);
}

int cmd_isolate_apply(const struct cli_args *args, struct rf_err *err)
{
	/* What is enforced is named, not found. */
	if (!args->words_count && !cli_has(args, OPT_KEPT))
		return rf_fail(err, RF_E_USAGE, "which policy? name its file, or --kept");
	return plan_and(args, true, err);
}
