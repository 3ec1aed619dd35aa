/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence isolate plan and apply: from a policy to a plan, and by changing.h to the privileged
 * process. What of a policy is proven is cmd_isolate_verify.c.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/changing.h"
#include "cli/common.h"
#include "cli/isolate.h"

void isolate_input_done(struct isolate_input *input)
{
	policy_result_done(&input->result);
	cpu_result_done(&input->cpu);
	policy_notes_done(&input->notes);
	policy_host_done(&input->host);
	disk_input_done(&input->disks);
	isolate_promises_done(&input->promises);
	policy_nics_done(&input->nics);
	memory_result_done(&input->memory_result);
	memory_input_done(&input->memory);
	policy_free(input->policy);
	rf_free(input->live);
}

/* The matrix as it is, so that rows which the policy no longer names are put back, too. */
static int live_zones(struct guard_zone *out, struct rf_err *err)
{
	const struct guard_options options = {.existing = true};
	struct guard *guard = NULL;
	int rc = guard_open(&options, &guard, err);

	for (uint32_t zone = 0; zone < GUARD_ZONES; zone++)
		out[zone] = isolate_zone_new(zone);
	for (uint32_t zone = 0; rc == 0 && zone < GUARD_ZONES; zone++)
		rc = guard_zone_get(guard, zone, &out[zone]);
	guard_close(guard);
	return rc == -ENOENT ? 0 : rc;
}

/* A definition names ports that are there only while the VM runs. Which of them have a limit of
 * ours is asked here, so that one which the policy no longer names is taken away. */
static void taps_check(struct policy_nics *nics)
{
	for (size_t i = 0; i < nics->count; i++) {
		struct policy_nic *nic = &nics->items[i];
		uint32_t ifindex = nic->tap[0] ? if_nametoindex(nic->tap) : 0;
		struct shape_seen seen;

		if (!ifindex)
			nic->tap = "";
		else if (shape_see(ifindex, &seen, NULL) == 0)
			nic->shaped =
				seen.piece || seen.state.now.to_vm.on || seen.state.now.from_vm.on;
	}
}

static int memory_read(struct fact_store *store, struct memory_input *out, struct rf_err *err)
{
	struct sys *sys = NULL;
	int rc = sys_open_live(&sys, err);

	if (!rc)
		rc = memory_input_load(store, sys, out, err);
	sys_close(sys);
	return rc;
}

/* Everything besides the network. */
static int limits_resolve(struct isolate_input *in, struct rf_err *err)
{
	time_t now = time(NULL);
	struct tm local = {0};

	localtime_r(&now, &local);
	return cpu_resolve(in->policy, &in->host, &local, &in->cpu, &in->notes, err);
}

int isolate_input_read(const struct cli_args *args, const char *file, bool lock_in,
		       struct isolate_input *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf yaml = {0};
	FACT_AUTOSTORE struct fact_store *store = NULL;
	const char *name = file ? file : ISOLATE_POLICY;

	out->live = rf_alloc(GUARD_ZONES, sizeof(*out->live));
	if (!out->live)
		return rf_fail(err, -ENOMEM, "no memory");
	int rc = common_read_file(name, POLICY_MAX_BYTES, &yaml, err);

	if (!rc)
		rc = live_zones(out->live, err);
	if (!rc)
		rc = common_facts(args, &store, err);
	if (!rc)
		rc = policy_nics_load(store, &out->nics, err);
	if (!rc)
		rc = policy_host_load(store, &out->host, err);
	if (!rc)
		rc = disk_input_load(store, &out->disks, err);
	if (!rc)
		taps_check(&out->nics);
	if (!rc)
		rc = memory_read(store, &out->memory, err);
	tzset();
	if (!rc && lock_in)
		rc = common_lock_in(args, err);
	if (!rc)
		rc = policy_parse(rf_buf_slice(&yaml), name, &out->policy, err);
	/* Whoever locks in makes a plan; promises are for verify alone. */
	if (!rc && !lock_in)
		rc = disk_promises_add(out->policy, &out->disks, store, &out->promises, err);
	if (!rc)
		rc = policy_resolve(out->policy, out->nics.items, out->nics.count, &out->result,
				    err);
	if (!rc)
		rc = memory_resolve(out->policy, &out->memory, &out->memory_result, err);
	return rc ? rc : limits_resolve(out, err);
}

int isolate_limits_want(struct isolate_input *in, struct isolate_wants *wants, struct rf_err *err)
{
	int rc = memory_wants_add(in->policy, &in->memory, &in->memory_result, wants, err);

	return rc ? rc : cpu_wants_add(&in->cpu, &in->host, wants, err);
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
		rc = isolate_input_read(args, args->words_count ? args->words[0] : NULL, true, &in,
					err);
	if (!rc)
		rc = isolate_wants_make(in.policy, &in.result, in.live, &wants, err);
	if (!rc)
		rc = isolate_limits_want(&in, &wants, err);
	if (!rc)
		rc = disk_wants_add(in.policy, &in.disks, &wants, err);
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
	return plan_and(args, true, err);
}
