/* SPDX-License-Identifier: Apache-2.0 */
/* Setting hostile VMs apart, by plans. See apart.h. */
#include "cli/apart.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/changing.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "isolate/applied.h"
#include "isolate/facts.h"
#include "isolate/quarantine.h"
#include "sys/state.h"

#define RECORD_MAX_BYTES 8192u
#define STATUS_MAX_BYTES (4u << 20)

/* ---- records ---- */

static int folder_of(const struct cli_args *args, char *out, size_t size, struct rf_err *err)
{
	return state_folder(cli_value(args, OPT_STATE_DIR), APART_DIR, out, size, err);
}

int apart_mark(const struct cli_args *args, struct policy_host *host, struct rf_err *err)
{
	char path[RF_MAX_PATH_BYTES];
	const struct dirent *entry;
	int rc = folder_of(args, path, sizeof(path), err);
	DIR *dir = rc ? NULL : opendir(path);

	if (!rc && !dir && errno != ENOENT)
		rc = rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	while (dir && (entry = readdir(dir)))
		policy_host_apart(host, entry->d_name);
	if (dir)
		closedir(dir);
	return rc;
}

/* The plan by which a VM was set apart. */
static int plan_of(const struct cli_args *args, const char *uuid, char out[CHANGE_ID_BYTES],
		   struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char folder[RF_MAX_PATH_BYTES];
	int rc = folder_of(args, folder, sizeof(folder), err);

	if (!rc)
		rc = state_read(folder, uuid, RECORD_MAX_BYTES, &text, err);
	const char *line = rc ? NULL : strstr(rf_buf_text(&text), "\n" QUARANTINE_PLAN_LINE);
	const char *id = line ? line + 1 + strlen(QUARANTINE_PLAN_LINE) : "";

	if (rc == 0 && (!id[0] || strcspn(id, "\n") >= CHANGE_ID_BYTES ||
			!rf_format(out, CHANGE_ID_BYTES, "%.*s", (int)strcspn(id, "\n"), id)))
		rc = rf_fail(err, RF_E_SYNTAX, "%s/%s names no plan", folder, uuid);
	return rc;
}

int apart_account(const struct cli_args *args, struct rf_buf *out, struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES];
	int rc = folder_of(args, folder, sizeof(folder), err);

	return rc ? rc : state_read(folder, APART_STATUS, STATUS_MAX_BYTES, out, err);
}

/* ---- the policy that is in force, over this host ---- */

struct scene {
	struct rf_buf kept;
	struct policy *policy;
	struct fact_store *facts;
	struct policy_host host;
	struct cpu_result result, before; /* before: as it would be without the change */
	struct policy_notes notes;
};

static void scene_done(struct scene *s)
{
	cpu_result_done(&s->result);
	cpu_result_done(&s->before);
	policy_notes_done(&s->notes);
	policy_host_done(&s->host);
	policy_free(s->policy);
	fact_store_close(s->facts);
	rf_buf_done(&s->kept);
}

static int scene_look(const struct cli_args *args, struct scene *s, struct rf_err *err)
{
	struct sys *sys = NULL;
	int rc = isolate_kept_read(args, &s->kept, err);

	if (!rc && !s->kept.len)
		return rf_fail(err, -ENOENT, "no policy was applied yet");
	if (!rc)
		rc = common_facts_by(args, isolate_collectors_cpu, &s->facts, err);
	/* VMs that were not seen to their end must not be taken for gone. */
	if (!rc)
		rc = common_collected(s->facts, "vm", err);
	if (!rc)
		rc = policy_host_load(s->facts, &s->host, err);
	if (!rc)
		rc = sys_open_live(&sys, err);
	if (!rc)
		policy_host_look(&s->host, sys);
	sys_close(sys);
	tzset();
	return rc ? rc : apart_mark(args, &s->host, err);
}

/* Locked in by now. */
static int scene_parse(struct scene *s, struct rf_err *err)
{
	RF_AUTOFREE struct policy_numbers *numbers = rf_alloc(1, sizeof(*numbers));
	struct rf_slice yaml;
	int rc = numbers ? applied_parse(rf_buf_slice(&s->kept), numbers, &yaml, &s->policy, err)
			 : rf_fail(err, -ENOMEM, "no memory");

	return rc || s->policy ? rc : rf_fail(err, RF_E_MISSING, "no policy was applied yet");
}

static int scene_resolve(struct scene *s, struct cpu_result *out, struct rf_err *err)
{
	time_t now = time(NULL);
	struct tm local = {0};

	policy_notes_done(&s->notes);
	localtime_r(&now, &local);
	int rc = cpu_resolve(s->policy, &s->host, &local, out, &s->notes, err);

	for (size_t i = 0; rc == 0 && i < s->notes.count; i++) {
		const struct policy_note *note = &s->notes.items[i];

		if (note->conflict)
			rc = rf_fail(err, RF_E_MISMATCH, "%.60s%s%.300s", note->vm,
				     note->vm[0] ? ": " : "", note->text);
	}
	return rc;
}

int apart_table(const struct cli_args *args, struct rf_buf *out, struct rf_err *err)
{
	struct scene s = {.policy = NULL};
	int rc = scene_look(args, &s, err);

	if (!rc)
		rc = common_lock_in(args, err);
	if (!rc)
		rc = scene_parse(&s, err);
	/* A conflict hinders a plan, not watching. */
	if (!rc && scene_resolve(&s, &s.result, err) < 0 && !s.notes.conflicts)
		rc = -ENOMEM;
	if (!rc)
		rc = hostile_table_make(&s.result, out);
	scene_done(&s);
	return rc;
}

/* ---- plans ---- */

static struct policy_vm *vm_of(struct scene *s, const char *uuid)
{
	for (size_t i = 0; i < s->host.vms_count; i++) {
		if (strcmp(s->host.vms[i].uuid, uuid) == 0)
			return &s->host.vms[i];
	}
	return NULL;
}

/* vm NULL: there is to be no record. */
static int record_want(struct isolate_wants *wants, const struct hostile_question *q,
		       const char *vm, struct rf_err *err)
{
	struct want want = {.risk = RISK_LOW, .origin = "hostile"};
	RF_AUTOFREE char *json = NULL;
	char target[64];
	json_t *record = vm ? json_pack("{s:s,s:s,s:I}", "vm", vm, "why", q->why, "since",
					(json_int_t)time(NULL))
			    : NULL;

	json = record ? json_dumps(record, JSON_COMPACT) : NULL;
	json_decref(record);
	if (vm && !json)
		return rf_fail(err, RF_E_SYNTAX, "its name is no text");
	rf_format(target, sizeof(target), APART_DIR " %s", q->uuid);
	int rc = change_spec_set(&want.spec, "quarantine-record", target, NULL, json, err);

	rf_copy(want.spec.op, sizeof(want.spec.op), vm ? "set" : "remove");
	want.explanation = rf_arena_copy(&wants->texts, q->why);
	if (!rc && (!want.explanation || rf_grow((void **)&wants->items, &wants->capacity,
						 wants->count + 1, sizeof(want)) < 0))
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (!rc)
		wants->items[wants->count++] = want;
	return rc;
}

/* All of it or nothing. */
static int plan_do(const struct cli_args *args, struct changing *c,
		   const struct isolate_wants *wants, struct rf_err *err)
{
	const struct remedy none = {0};
	int rc = changing_plan(c, wants->items, wants->count, "this host", err);

	if (!rc && c->plan.refusals_count)
		return rf_fail(err, RF_E_DENIED, "%.280s", c->plan.refusals[0].reason);
	return rc ? rc : changing_show_and_apply(args, c, &none, true, err);
}

static int set_plan(const struct cli_args *args, struct changing *c, struct scene *s,
		    const struct hostile_question *q, struct rf_buf *said, struct rf_err *err)
{
	struct isolate_wants wants = {0};
	RF_AUTOBUF struct rf_buf list = {0};
	struct policy_vm *vm = vm_of(s, q->uuid);
	const struct cpu_item *item = NULL;
	int rc = vm && vm->running ? scene_resolve(s, &s->before, err)
				   : rf_fail(err, RF_E_MISSING, "it does not run");

	if (rc < 0)
		return rc;
	vm->apart = true;
	rc = scene_resolve(s, &s->result, err);
	for (size_t i = 0; rc == 0 && i < s->result.count; i++) {
		if (s->result.items[i].vm == vm)
			item = &s->result.items[i];
	}
	if (!rc && (!item || !item->apart))
		rc = rf_fail(err, RF_E_DENIED, "the policy does not have it set apart");
	if (!rc && !item->exclusive)
		rc = rf_fail(err, RF_E_LIMIT, "no core is free for it");
	if (!rc)
		rc = cpu_wants_between(&s->before, &s->result, &s->host, &wants, err);
	if (!rc)
		rc = record_want(&wants, q, vm->name, err);
	if (!rc)
		rc = plan_do(args, c, &wants, err);
	if (!rc)
		rc = priv_note(c->priv, "quarantine", c->plan.id, q->why, err);
	isolate_wants_done(&wants);
	if (rc == 0) {
		rf_cpus_format(&item->cpus, &list);
		rf_buf_printf(said, "set apart on CPUs %s, plan %s", rf_buf_text(&list),
			      c->plan.id);
	}
	return rc;
}

int apart_set(const struct cli_args *args, const struct hostile_question *q, struct rf_buf *said,
	      struct rf_err *err)
{
	struct scene s = {.policy = NULL};
	struct changing c = {0};
	int rc = changing_options(args, &c, err);

	if (!rc)
		rc = changing_start(args, &c, err);
	if (!rc)
		rc = scene_look(args, &s, err);
	if (!rc)
		rc = common_lock_in(args, err);
	if (!rc)
		rc = scene_parse(&s, err);
	if (!rc)
		rc = set_plan(args, &c, &s, q, said, err);
	scene_done(&s);
	changing_done(&c);
	return rc;
}

/* Another plan came between: each VM goes to where the policy has it, this one among the rest. */
static int release_plan(const struct cli_args *args, struct changing *c, struct scene *s,
			const struct hostile_question *q, struct rf_err *err)
{
	struct isolate_wants wants = {0};
	struct policy_vm *vm = vm_of(s, q->uuid);
	int rc = scene_parse(s, err);

	if (!rc)
		rc = scene_resolve(s, &s->before, err);
	if (vm)
		vm->apart = false;
	if (!rc)
		rc = scene_resolve(s, &s->result, err);
	if (!rc)
		rc = cpu_wants_between(&s->before, &s->result, &s->host, &wants, err);
	if (!rc)
		rc = record_want(&wants, q, NULL, err);
	if (!rc)
		rc = plan_do(args, c, &wants, err);
	isolate_wants_done(&wants);
	return rc;
}

int apart_release(const struct cli_args *args, const struct hostile_question *q,
		  struct rf_buf *said, struct rf_err *err)
{
	struct scene s = {.policy = NULL};
	struct changing c = {0};
	struct priv_result result = {0};
	char id[CHANGE_ID_BYTES];
	int rc = changing_options(args, &c, err);

	if (!rc)
		rc = plan_of(args, q->uuid, id, err);
	if (!rc)
		rc = changing_start(args, &c, err);
	if (!rc)
		rc = priv_rollback(c.priv, id, &result, err);
	if (rc == 0) {
		rf_buf_printf(said, "released, plan %s is undone", id);
	} else if (rc == RF_E_CHANGED || rc == RF_E_MISSING) {
		rf_err_clear(err);
		rc = scene_look(args, &s, err);
		if (!rc)
			rc = common_lock_in(args, err);
		if (!rc)
			rc = release_plan(args, &c, &s, q, err);
		if (!rc)
			rf_buf_printf(said, "released by plan %s, for others changed a part of %s",
				      c.plan.id, id);
	}
	if (!rc)
		rc = priv_note(c.priv, "release", id, q->why, err);
	scene_done(&s);
	changing_done(&c);
	return rc;
}
