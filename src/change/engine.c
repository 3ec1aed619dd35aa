/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking and applying a plan. The order of what reaches the disk is the point of this file:
 *
 *	steps and saved states, sealed
 *	for the first targets, if their kind says at_once (verb.h): START, INTENT -> put -> read
 *		back -> DONE, in the journal's file, but not waited for
 *	journal on disk  ->  ledger "apply"  ->  START
 *	for each other target: INTENT -> put -> read back -> DONE
 *	ledger "applied"  ->  APPLIED (or UNCONFIRMED)
 *
 * A failure anywhere behind START undoes what was touched (engine_undo.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "change/engine.h"
#include "change/engine_parts.h"
#include "change/files.h"
#include "change/hook.h"
#include "govern/ledger.h"

#define LOCK_WAIT_MS 10000
#define PEER_TRIES   40

/* Makes each missing folder on the way, 0700. */
static int folders_make(int root, const char *path)
{
	char part[RF_MAX_PATH_BYTES];

	for (const char *p = path; (p = strchr(p + 1, '/'));) {
		rf_format(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (part[0] && mkdirat(root, part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return mkdirat(root, path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int state_open(struct engine *engine, const struct priv_options *options, struct rf_err *err)
{
	const char *state = options->state ? options->state : PRIV_STATE_DIR + 1;
	int from = options->state ? AT_FDCWD : engine->env.root;
	struct stat st;
	int rc = folders_make(from, state);

	if (rc < 0)
		return rf_fail(err, rc, "%s: %s (run as root, or give --state DIR)", state,
			       rf_code_text(rc));
	engine->state_dir = openat(from, state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (engine->state_dir < 0 || fstat(engine->state_dir, &st) < 0)
		return rf_fail(err, -errno, "%s: %s", state, rf_code_text(-errno));
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022))
		return rf_fail(err, RF_E_DENIED, "%s: others may change it", state);
	engine->env.state = engine->state_dir;
	return 0;
}

int engine_open(struct engine *engine, const struct priv_options *options,
		const struct verb_set *verbs, struct rf_err *err)
{
	const char *root = options->root ? options->root : "/";

	*engine = (struct engine){
		.verbs = verbs, .state_dir = -1, .hooks = -1, .peer_tries = PEER_TRIES};
	engine->env = (struct verb_env){.live = strcmp(root, "/") == 0,
					.given = options->given,
					.given_count = options->given_count,
					.keep = &engine->keep};
	umask(0);
	engine->env.root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (engine->env.root < 0)
		return rf_fail(err, -errno, "%s: %s", root, rf_code_text(-errno));
	/* A capture is evidence of another host, not a place to change. */
	if (!engine->env.live && faccessat(engine->env.root, ".ringfence/meta", F_OK, 0) == 0)
		return rf_fail(err, RF_E_DENIED, "%s is a recording of a host: it is not changed",
			       root);
	if (gethostname(engine->host, sizeof(engine->host) - 1) < 0)
		rf_copy(engine->host, sizeof(engine->host), "localhost");
	return state_open(engine, options, err);
}

void engine_close(struct engine *engine)
{
	engine_abort(engine);
	if (engine->hooks >= 0)
		close(engine->hooks);
	if (engine->state_dir >= 0)
		close(engine->state_dir);
	if (engine->env.root >= 0)
		close(engine->env.root);
}

int engine_note(struct engine *engine, const char *kind, const char *about, const char *text,
		struct rf_err *err)
{
	struct ledger *ledger = NULL;
	char actor[32];
	const struct ledger_entry entry = {.kind = kind,
					   .actor = actor,
					   .about = about,
					   .text = text,
					   .time_ms = rf_clock_ms(CLOCK_REALTIME)};

	rf_format(actor, sizeof(actor), "uid %u", getuid());
	int rc = ledger_open(engine->state_dir, engine->host, &ledger, err);

	if (!rc)
		rc = ledger_append(ledger, &entry, err);
	ledger_close(ledger);
	return rc;
}

/* Tells the ledger of what was refused; that it could not be told is no reason to say less. */
static int refuse(struct engine *engine, const char *about, int rc, struct rf_err *err)
{
	char text[sizeof(err->text)];

	if (rc != RF_E_DENIED)
		return rc;
	rf_copy(text, sizeof(text), rf_err_text(err));
	if (engine_note(engine, "denied", about, text, NULL) < 0)
		return rf_wrap(err, rc, "(not in the ledger, which cannot be written)");
	return rc;
}

int engine_read(struct engine *engine, const struct change_spec *spec, struct rf_buf *out,
		struct rf_err *err)
{
	const struct verb *verb = NULL;
	int rc = verb_check(engine->verbs, &engine->env, spec, &verb, err);

	if (rc < 0)
		return refuse(engine, spec->target, rc, err);
	return verb->kind->read(&engine->env, spec->target, out, err);
}

/* ---- taking ---- */

int engine_begin(struct engine *engine, const char *id, struct rf_slice plan_json,
		 struct rf_err *err)
{
	if (engine->journal)
		return rf_fail(err, RF_E_USAGE, "a plan is being taken already");
	int rc = journal_store_open(engine->state_dir, LOCK_WAIT_MS, &engine->store, err);

	if (!rc)
		rc = journal_begin(engine->store, id, plan_json, &engine->journal, err);
	if (rc < 0) {
		engine_abort(engine);
		return rc == -EEXIST
			       ? rf_fail(err, RF_E_DUPLICATE, "the plan %s was applied before", id)
			       : rc;
	}
	rf_copy(engine->env.scratch, sizeof(engine->env.scratch), id);
	return 0;
}

void engine_abort(struct engine *engine)
{
	if (engine->keep.drop)
		engine->keep.drop(engine->keep.what);
	engine->keep = (struct verb_keep){.what = NULL};
	journal_discard(engine->journal);
	journal_close(engine->journal);
	journal_store_close(engine->store);
	engine->journal = NULL;
	engine->store = NULL;
}

/* Whether the spec is of the same object as the step before it. */
static bool same_target(const struct engine *engine, const struct change_spec *spec,
			const struct verb *verb)
{
	size_t n = journal_steps(engine->journal);
	const struct change_spec *last = n ? journal_step(engine->journal, n - 1) : NULL;

	return last && strcmp(last->target, spec->target) == 0 &&
	       verb_find(engine->verbs, last->verb)->kind == verb->kind;
}

static int first_step(struct engine *engine, const struct change_spec *spec,
		      const struct verb *verb, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf state = {0};
	uint8_t digest[CHANGE_DIGEST_BYTES];
	int rc = verb->kind->read(&engine->env, spec->target, &state, err);

	if (!rc)
		rc = verb_digest(verb->kind, rf_buf_slice(&state), digest, err);
	if (rc < 0)
		return rc;
	if (memcmp(digest, spec->before, sizeof(digest)) != 0)
		return rf_fail(err, RF_E_CHANGED,
			       "%s was changed since the plan was made; make it again",
			       spec->target);
	struct rf_slice slice = rf_buf_slice(&state);

	return journal_add(engine->journal, spec, &slice, err);
}

int engine_step(struct engine *engine, const struct change_spec *spec, struct rf_err *err)
{
	const struct verb *verb = NULL;

	if (!engine->journal)
		return rf_fail(err, RF_E_USAGE, "no plan was begun");
	int rc = verb_check(engine->verbs, &engine->env, spec, &verb, err);

	if (rc < 0)
		return refuse(engine, journal_id(engine->journal), rc, err);
	if (spec->hook[0] && !hook_find(spec->hook))
		return rf_fail(err, RF_E_UNKNOWN, "there is no hook %s", spec->hook);
	if (!same_target(engine, spec, verb))
		return first_step(engine, spec, verb, err);
	const struct change_spec *last =
		journal_step(engine->journal, journal_steps(engine->journal) - 1);

	if (memcmp(last->after, spec->before, CHANGE_DIGEST_BYTES) != 0)
		return rf_fail(err, RF_E_MISMATCH, "%s: its changes do not follow one another",
			       spec->target);
	return journal_add(engine->journal, spec, NULL, err);
}

/* ---- applying ---- */

/* The change is as it was planned; what went with it is not. */
static int target_after(struct engine *engine, const struct verb_kind *kind, const char *target,
			struct rf_slice state, struct priv_result *out, struct rf_err *err)
{
	struct rf_err why = {0};

	if (!kind->after || kind->after(&engine->env, target, state, &why) == 0)
		return 0;
	/* The first is told; the ledger has them all. */
	if (!out->incomplete)
		rf_copy(out->text, sizeof(out->text), rf_err_text(&why));
	out->incomplete = true;
	return engine_note(engine, "incomplete", journal_id(engine->journal), rf_err_text(&why),
			   err);
}

static int target_apply(struct engine *engine, uint32_t target, struct priv_result *out,
			struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf saved = {0}, wanted = {0};
	size_t first, count;

	journal_target(engine->journal, target, &first, &count);
	const struct change_spec *steps = journal_step(engine->journal, first);
	const struct change_spec *last = &steps[count - 1];
	const struct verb_kind *kind = verb_find(engine->verbs, steps->verb)->kind;
	int rc = journal_saved(engine->journal, target, &saved, err);

	if (!rc)
		rc = (kind->at_once ? engine_predict_here : engine_predict)(
			engine->verbs, steps, count, rf_buf_slice(&saved), &wanted, err);
	/* Between being saved and now somebody else may have been here. */
	if (!rc)
		rc = engine_is(engine, kind, steps->target, steps->before, err);
	if (rc == RF_E_CHANGED && engine_is_gone(engine, kind, steps->target))
		rc = rf_fail(err, rc, "%s went away meanwhile, or has another name now",
			     steps->target);
	if (!rc)
		rc = journal_log(engine->journal, EVENT_INTENT, target, 0, err);
	if (!rc)
		rc = kind->put(&engine->env, steps->target, rf_buf_slice(&wanted), err);
	if (!rc) {
		rc = engine_is(engine, kind, steps->target, last->after, err);
		if (rc == RF_E_CHANGED && engine_is_gone(engine, kind, steps->target))
			rc = rf_fail(err, RF_E_MISMATCH, "%s went away meanwhile", steps->target);
		else if (rc == RF_E_CHANGED)
			rc = rf_fail(err, RF_E_MISMATCH,
				     "%s: reading it again does not give what was written",
				     steps->target);
	}
	if (!rc)
		rc = journal_log(engine->journal, EVENT_DONE, target, 0, err);
	return rc ? rc : target_after(engine, kind, steps->target, rf_buf_slice(&wanted), out, err);
}

int engine_is(struct engine *engine, const struct verb_kind *kind, const char *target,
	      const uint8_t *digest, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf state = {0};
	uint8_t now[CHANGE_DIGEST_BYTES];
	int rc = kind->read(&engine->env, target, &state, err);

	if (!rc)
		rc = verb_digest(kind, rf_buf_slice(&state), now, err);
	if (!rc && memcmp(now, digest, sizeof(now)) != 0)
		rc = rf_fail(err, RF_E_CHANGED, "%s was changed by somebody else meanwhile",
			     target);
	return rc;
}

static bool hook_wanted(const struct engine *engine, const struct hook *hook)
{
	for (size_t i = 0; i < journal_steps(engine->journal); i++) {
		if (strcmp(journal_step(engine->journal, i)->hook, hook->name) == 0)
			return true;
	}
	return false;
}

int engine_hooks(struct engine *engine, bool checks, uint32_t *failed, struct priv_result *out,
		 struct rf_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < hooks_count && engine->hooks >= 0; i++) {
		struct rf_err why = {0};

		if (hooks[i].check != checks || !hook_wanted(engine, &hooks[i]) ||
		    hook_run(engine->hooks, &hooks[i], &why) == 0)
			continue;
		if (failed)
			*failed |= 1u << i;
		if (checks)
			rc = rf_fail(err, RF_E_PEER, "%s", rf_err_text(&why));
		else if (out)
			rf_copy(out->text, sizeof(out->text), rf_err_text(&why));
	}
	return rc;
}

/* The targets from the first on whose kind says at_once. */
static uint32_t lead_count(const struct engine *engine)
{
	size_t first, count;
	uint32_t t = 0;

	for (; t < journal_targets(engine->journal); t++) {
		journal_target(engine->journal, t, &first, &count);
		if (!verb_find(engine->verbs, journal_step(engine->journal, first)->verb)
			     ->kind->at_once)
			break;
	}
	return t;
}

/* from: the first of them, up to (not with) to. */
static int range_apply(struct engine *engine, uint32_t from, uint32_t to, struct priv_result *out,
		       struct rf_err *err)
{
	int rc = 0;

	for (uint32_t t = from; rc == 0 && t < to; t++) {
		rc = target_apply(engine, t, out, err);
		out->applied_count += rc == 0;
		if (!rc && engine->progress)
			engine->progress(engine->progress_arg, out->applied_count,
					 journal_targets(engine->journal));
	}
	return rc;
}

static int targets_apply(struct engine *engine, uint32_t from, struct priv_result *out,
			 struct rf_err *err)
{
	uint32_t before = 0, after = 0;
	struct rf_err why = {0};
	int rc = 0;

	/* A daemon that did not accept its configuration before is not asked about ours. */
	if (engine_hooks(engine, true, &before, NULL, &why) < 0)
		rf_format(out->text, sizeof(out->text), "before the change already: %.400s",
			  rf_err_text(&why));
	rc = journal_log(engine->journal, EVENT_START, 0, 0, err);
	if (!rc)
		rc = range_apply(engine, from, (uint32_t)journal_targets(engine->journal), out,
				 err);
	if (!rc && engine_hooks(engine, true, &after, NULL, &why) < 0 && (after & ~before))
		rc = rf_fail(err, RF_E_PEER, "%s", rf_err_text(&why));
	return rc;
}

static int applied(struct engine *engine, unsigned confirm_within_s, struct priv_result *out,
		   struct rf_err *err)
{
	char text[128];
	int64_t deadline = rf_clock_ms(CLOCK_REALTIME) + (int64_t)confirm_within_s * 1000;

	rf_format(text, sizeof(text), "%zu targets changed and read back%s", out->applied_count,
		  confirm_within_s ? ", to be confirmed" : "");
	int rc = engine_note(engine, "applied", journal_id(engine->journal), text, err);

	if (!rc)
		rc = journal_log(engine->journal,
				 confirm_within_s ? EVENT_UNCONFIRMED : EVENT_APPLIED, 0,
				 confirm_within_s ? deadline : 0, err);
	if (!rc && confirm_within_s)
		rc = engine_watch(engine, journal_id(engine->journal), confirm_within_s, err);
	out->unconfirmed = rc == 0 && confirm_within_s;
	return rc;
}

static int failed(struct engine *engine, int rc, struct priv_result *out, struct rf_err *err)
{
	struct rf_err why = {0};
	char text[sizeof(err->text)];

	rf_copy(text, sizeof(text), rf_err_text(err));
	/* What is not on disk by now is in the journal's file all the same. */
	if (journal_sync(engine->journal, &why) < 0)
		rf_err_clear(&why);
	out->undone = engine_undo(engine, engine->journal, &why) == 0;
	/* The plan failed whatever becomes of this entry. */
	if (engine_note(engine, "failed", journal_id(engine->journal), text, NULL) < 0)
		rf_copy(out->text, sizeof(out->text),
			"the ledger could not be told of the failure");
	return out->undone
		       ? rf_wrap(err, rc, "undone")
		       : rf_fail(err, rc, "%.200s; and undoing: %.200s", text, rf_err_text(&why));
}

/* What a death of this process leaves is undone as ever; what a loss of power leaves is nothing. */
static int lead_apply(struct engine *engine, uint32_t lead, struct priv_result *out,
		      struct rf_err *err)
{
	journal_quick(engine->journal);
	int rc = journal_log(engine->journal, EVENT_START, 0, 0, err);

	return rc ? rc : range_apply(engine, 0, lead, out, err);
}

int engine_commit(struct engine *engine, unsigned confirm_within_s, struct priv_result *out,
		  struct rf_err *err)
{
	char text[128];

	memset(out, 0, sizeof(*out));
	if (!engine->journal)
		return rf_fail(err, RF_E_USAGE, "no plan was begun");
	rf_format(text, sizeof(text), "%zu changes of %zu targets", journal_steps(engine->journal),
		  journal_targets(engine->journal));
	int rc = journal_seal(engine->journal, err);
	uint32_t lead = rc ? 0 : lead_count(engine);

	if (!rc && lead)
		rc = lead_apply(engine, lead, out, err);
	if (!rc)
		rc = journal_sync(engine->journal, err);
	if (!rc)
		rc = engine_note(engine, "apply", journal_id(engine->journal), text, err);
	if (rc < 0 && !lead) {
		engine_abort(engine);
		return rc;
	}
	if (!rc)
		rc = targets_apply(engine, lead, out, err);
	if (!rc)
		rc = applied(engine, confirm_within_s, out, err);
	if (rc < 0)
		rc = failed(engine, rc, out, err);
	if (engine_hooks(engine, false, NULL, out, NULL) < 0)
		out->undone = false;
	engine_abort(engine);
	return rc;
}
