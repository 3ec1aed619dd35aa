/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to change a host: a process of our own binary (`--role priv`) at the other end of a
 * socket pair. It takes fixed-size messages only, checks every request again against its own
 * tables and allow-lists, writes to the ledger before it acts, and holds no more rights than the
 * verbs need. Whoever plans, even root's command line, goes through it.
 */
#ifndef RF_CHANGE_PRIV_H
#define RF_CHANGE_PRIV_H

#include "change/plan.h"
#include "sys/state.h"

#define PRIV_STATE_DIR STATE_DIR

/* How the role is started; becomes its command line. */
struct priv_options {
	const char *program;   /* path of our own binary; NULL: /proc/self/exe */
	const char *root;      /* "/" or the directory that stands for the host */
	const char *state;     /* NULL: PRIV_STATE_DIR below the root */
	const char *given[16]; /* files and folders that the caller named, see verb_env */
	size_t given_count;
};

/* ---- the privileged side ---- */

/* Serves requests from socket until it is closed. Returns an exit status. */
int priv_serve(int socket, const struct priv_options *options, const struct verb_set *verbs);

/* ---- the side that plans ---- */

struct priv; /* a running role */

/* Starts the role. It first completes or undoes what a crash left; recovered then says so in words
 * ("" for nothing). */
int priv_start(const struct priv_options *options, struct priv **out, struct rf_buf *recovered,
	       struct rf_err *err) RF_MUST_CHECK;
/* Ends the role and waits for it. Accepts NULL. */
void priv_stop(struct priv *priv);

/* A plan_read_fn; arg is a struct priv. */
int priv_read(void *arg, const struct change_spec *spec, struct rf_buf *out_state,
	      struct rf_err *err) RF_MUST_CHECK;

struct priv_result {
	size_t applied_count; /* targets changed */
	bool undone;	      /* a failure was undone completely */
	bool unconfirmed;     /* is undone by itself unless confirmed in time */
	bool incomplete; /* all is changed, but what goes with it was not done: text says what */
	char text[512];	 /* notes for a person: hooks that failed, ...; "" */
};

/*
 * Applies a plan: every target's state must be as planned (else RF_E_CHANGED and nothing was done);
 * every step is read back; what fails is undone. confirm_within_s > 0: undone after so many
 * seconds unless priv_confirm comes, whatever becomes of the caller.
 */
int priv_apply(struct priv *priv, const struct plan *plan, unsigned confirm_within_s,
	       struct priv_result *out, struct rf_err *err) RF_MUST_CHECK;
int priv_confirm(struct priv *priv, const char *id, struct rf_err *err) RF_MUST_CHECK;

/* Puts back what a plan changed, byte for byte; refused (RF_E_CHANGED) before anything is done when
 * a target was changed by somebody else since. id NULL: the newest that is in force. */
int priv_rollback(struct priv *priv, const char *id, struct priv_result *out,
		  struct rf_err *err) RF_MUST_CHECK;
/* Undoes one part of a plan (spec.h). */
int priv_let_go(struct priv *priv, const char *id, const char *part, struct priv_result *out,
		struct rf_err *err) RF_MUST_CHECK;

/* Whom priv_apply tells how many targets are changed, of how many; NULL: nobody. */
void priv_progress(struct priv *priv, void (*tell)(void *arg, size_t done, size_t count),
		   void *arg);

/* Notes an event of the planning side in the ledger: "plan" or "denied". */
int priv_note(struct priv *priv, const char *kind, const char *plan_id, const char *text,
	      struct rf_err *err) RF_MUST_CHECK;

#endif
