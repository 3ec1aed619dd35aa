/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The privileged side's work without its socket: taking a plan step by step, applying it, undoing
 * it, and putting right what a crash left. priv_serve.c is the door to it. Tests drive it directly,
 * and kill it.
 */
#ifndef RF_CHANGE_ENGINE_H
#define RF_CHANGE_ENGINE_H

#include "change/journal.h"
#include "change/priv.h"

struct engine {
	const struct verb_set *verbs;
	struct verb_env env;
	int state_dir;
	char host[256];
	const char *actor; /* "uid 0": for the ledger */
	bool has_hooks;	   /* hooks may be run: the root is this machine */
	int hooks;	   /* socket of the hook runner (hook.h), or -1 */
	/* How often undoing a plan asks again, a quarter of a second later, where a daemon does not
	 * answer. */
	unsigned peer_tries;
	/* Told of each target that was changed; NULL. */
	void (*progress)(void *arg, size_t done, size_t count);
	void *progress_arg;

	/* The plan that is being taken. */
	struct journal_store *store;
	struct journal *journal;
	struct verb_keep keep;
};

/* Opens root and state (made, 0700, when it is not there). */
int engine_open(struct engine *engine, const struct priv_options *options,
		const struct verb_set *verbs, struct rf_err *err) RF_MUST_CHECK;
void engine_close(struct engine *engine);

/* The state of a spec's target, after re-validation. */
int engine_read(struct engine *engine, const struct change_spec *spec, struct rf_buf *out,
		struct rf_err *err) RF_MUST_CHECK;

/* Begins a plan, takes its steps in order. RF_E_CHANGED when a target is not as planned. */
int engine_begin(struct engine *engine, const char *id, struct rf_slice plan_json,
		 struct rf_err *err) RF_MUST_CHECK;
/* One step of it. */
int engine_step(struct engine *engine, const struct change_spec *spec,
		struct rf_err *err) RF_MUST_CHECK;
/* Forgets a plan that was begun and not applied. */
void engine_abort(struct engine *engine);

/* Applies it; on failure everything is undone and the error of the failure returned. With
 * confirm_within_s a watcher is left behind. */
int engine_commit(struct engine *engine, unsigned confirm_within_s, struct priv_result *out,
		  struct rf_err *err) RF_MUST_CHECK;

/* A plan that waits for it is in force for good. RF_E_MISSING when it does not wait. */
int engine_confirm(struct engine *engine, const char *id, struct rf_err *err) RF_MUST_CHECK;
/* id "": the newest that is in force. */
int engine_rollback(struct engine *engine, const char *id, struct priv_result *out,
		    struct rf_err *err) RF_MUST_CHECK;

/* Undoes one part of a plan (spec.h), as if it had never been in it; the rest stays in force. Ends
 * the plan with its last part. RF_E_MISSING when nothing of that part is in force. */
int engine_let_go(struct engine *engine, const char *id, const char *part, struct priv_result *out,
		  struct rf_err *err) RF_MUST_CHECK;

/* Undoes what was interrupted or not confirmed; said gets a line for each. */
int engine_recover(struct engine *engine, struct rf_buf *said, struct rf_err *err) RF_MUST_CHECK;

/* Calls visit with the target of every step of a plan that is in force or was interrupted: what a
 * process that locks itself in must still be able to undo. */
int engine_targets(struct engine *engine, int (*visit)(void *arg, const char *target), void *arg,
		   struct rf_err *err) RF_MUST_CHECK;

/* An entry of the ledger. */
int engine_note(struct engine *engine, const char *kind, const char *about, const char *text,
		struct rf_err *err) RF_MUST_CHECK;

/*
 * The state that the steps make of before, computed in a child process without files, sockets and
 * rights. Each step's result must have the digest that the step says.
 */
int engine_predict_here(const struct verb_set *verbs, const struct change_spec *steps, size_t count,
			struct rf_slice before, struct rf_buf *out,
			struct rf_err *err) RF_MUST_CHECK; /* in this process: at_once kinds */
int engine_predict(const struct verb_set *verbs, const struct change_spec *steps, size_t count,
		   struct rf_slice before, struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

#endif
