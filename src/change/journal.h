/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written before anything is changed: STATE/changes/ID/ holds the plan as shown
 * (plan.json), the steps (fixed-size records) with the state of each target before the first
 * change, byte for byte, and a log of fixed-size records with a digest each. Each of them is on
 * disk before the act that it announces, so that after a crash at any point the next start knows
 * what was done, and undoes it.
 *
 * Only the privileged side uses this. Nothing here is parsed: records are compared and checked.
 */
#ifndef RF_CHANGE_JOURNAL_H
#define RF_CHANGE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "change/verb.h"

/* Where a plan stands. */
enum journal_state {
	JOURNAL_PREPARING,   /* nothing was changed */
	JOURNAL_APPLYING,    /* some of it may be */
	JOURNAL_UNCONFIRMED, /* applied; is undone unless somebody confirms */
	JOURNAL_APPLIED,
	JOURNAL_UNDOING,
	JOURNAL_UNDONE,
	JOURNAL_STUCK, /* could not be undone: a target is neither as before nor as planned */
};
#define JOURNAL_STATE_COUNT 7
const char *journal_state_name(enum journal_state state);

enum journal_event {
	EVENT_START = 1,   /* all is saved, the first change comes */
	EVENT_INTENT,	   /* target N is about to be changed */
	EVENT_DONE,	   /* it is, and was read back */
	EVENT_APPLIED,	   /* all are */
	EVENT_UNCONFIRMED, /* all are, until value (ms since 1970) */
	EVENT_CONFIRMED,
	EVENT_UNDO,   /* putting the old states back begins */
	EVENT_UNDONE, /* of target N */
	EVENT_END,    /* all are back */
	EVENT_STUCK,  /* target N cannot be put back */
	EVENT_LET_GO, /* target N alone is about to be put back, the plan stays */
};
#define EVENT_LAST EVENT_LET_GO

struct journal; /* one plan, open */
struct journal_store;

/* Opens (making it, 0700) STATE/changes and takes its lock: one writer at a time. RF_E_TIMEOUT with
 * who holds it when the lock is not free within wait_ms. */
int journal_store_open(int state_dir, int64_t wait_ms, struct journal_store **out,
		       struct rf_err *err) RF_MUST_CHECK;
void journal_store_close(struct journal_store *store);

/* Begins a new plan: its folder and plan.json. -EEXIST when the id is in use. */
int journal_begin(struct journal_store *store, const char *id, struct rf_slice plan_json,
		  struct journal **out, struct rf_err *err) RF_MUST_CHECK;

/* Opens one that is there. -ENOENT; RF_E_MISMATCH when its records were altered. */
int journal_open(struct journal_store *store, const char *id, struct journal **out,
		 struct rf_err *err) RF_MUST_CHECK;
void journal_close(struct journal *journal);
/* Removes the files of one that was never sealed: nothing was begun, and on a full disk they are
 * only in the way. Accepts NULL. */
void journal_discard(struct journal *journal);

/* Adds a step; first_state is the saved state when it is its target's first, else NULL. */
int journal_add(struct journal *journal, const struct change_spec *spec,
		const struct rf_slice *first_state, struct rf_err *err) RF_MUST_CHECK;

/* Everything added so far is on disk when this returns: one fsync. */
int journal_seal(struct journal *journal, struct rf_err *err) RF_MUST_CHECK;

/* From here on records outlive this process, but not a loss of power: for objects that do not
 * outlive one either (verb.h, at_once). journal_sync ends it, and has all of them and the folder
 * itself on disk. */
void journal_quick(struct journal *journal);
int journal_sync(struct journal *journal, struct rf_err *err) RF_MUST_CHECK;

/* Appends a record and waits until it is on disk. */
int journal_log(struct journal *journal, enum journal_event event, uint32_t target, int64_t value,
		struct rf_err *err) RF_MUST_CHECK;

/* What is known of a plan: its steps, its targets (neighbouring steps of one object). */
size_t journal_steps(const struct journal *journal);
const struct change_spec *journal_step(const struct journal *journal, size_t i);
size_t journal_targets(const struct journal *journal);
/* The steps of a target: [*first, *first + *count). */
void journal_target(const struct journal *journal, size_t target, size_t *first, size_t *count);
/* The saved state of a target; its digest is checked. */
int journal_saved(const struct journal *journal, size_t target, struct rf_buf *out,
		  struct rf_err *err) RF_MUST_CHECK;
enum journal_state journal_state(const struct journal *journal);
/* Whether the target was announced (INTENT) and not yet put back. */
bool journal_touched(const struct journal *journal, size_t target);
/* Whether it was changed and read back, and no undoing of it was interrupted since. */
bool journal_done(const struct journal *journal, size_t target);
int64_t journal_deadline_ms(const struct journal *journal);
const char *journal_id(const struct journal *journal);

/* Takes the lock of who waits for a confirmation; RF_E_TIMEOUT when somebody holds it, so that
 * somebody waits. Closing *out_fd gives it back. */
int journal_watch(const struct journal *journal, int *out_fd) RF_MUST_CHECK;

/* Calls visit with each plan's id, oldest first; stops at a negative answer. */
int journal_each(struct journal_store *store, int (*visit)(void *arg, const char *id), void *arg,
		 struct rf_err *err) RF_MUST_CHECK;

#endif
