/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command that changes the host shares: the privileged process, a plan made, kept,
 * shown, applied, confirmed and undone. There is no second way.
 */
#ifndef RF_CLI_CHANGING_H
#define RF_CLI_CHANGING_H

#include <stdio.h>

#include "change/priv.h"
#include "change/remedy.h"
#include "cli/cli.h"

/* Zero-initialise. */
struct changing {
	struct priv *priv;
	struct priv_options options;
	struct plan plan;
	unsigned confirm_s;
	bool confirm_given;
	int64_t told_ms; /* when it was last said how far a change is */
	FILE *save;
	const char *save_name;
};
void changing_done(struct changing *c);

/* --root, --state-dir, --confirm-within. */
int changing_options(const struct cli_args *args, struct changing *c,
		     struct rf_err *err) RF_MUST_CHECK;
/* Opens --save and starts the privileged process, which first undoes what a crash left; before the
 * program locks itself in. */
int changing_start(const struct cli_args *args, struct changing *c,
		   struct rf_err *err) RF_MUST_CHECK;

/* Makes the plan of these wants; host: for whom, in words. */
int changing_plan(struct changing *c, const struct want *wants, size_t count, const char *host,
		  struct rf_err *err) RF_MUST_CHECK;
/* Takes the one of --plan. Locks the program in. */
int changing_load(const struct cli_args *args, struct changing *c,
		  struct rf_err *err) RF_MUST_CHECK;

/* Shows the plan (-o), keeps it (--save), and applies it when apply says so. CLI_FINDINGS when
 * there is something to do and it was not done. */
int changing_show_and_apply(const struct cli_args *args, struct changing *c,
			    const struct remedy *remedy, bool apply,
			    struct rf_err *err) RF_MUST_CHECK;
/* Undoes a change ("": the newest in force), keeps one that waits. Both say so. */
int changing_rollback(struct changing *c, const char *id, struct rf_err *err) RF_MUST_CHECK;
/* Undoes one part of a change (spec.h). */
int changing_let_go(struct changing *c, const char *id, const char *part,
		    struct rf_err *err) RF_MUST_CHECK;
int changing_confirm(struct changing *c, const char *id, struct rf_err *err) RF_MUST_CHECK;

#endif
