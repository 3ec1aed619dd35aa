/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what `check` found to what should be so: the `fix:` of each failing control, with the
 * finding's own columns in its placeholders, as wants for plan_make. The verbs of `fix:` are the
 * table of docs/howto/add-a-control.md; each is a function that says which files and values it
 * comes down to.
 */
#ifndef RF_CHANGE_REMEDY_H
#define RF_CHANGE_REMEDY_H

#include "change/plan.h"
#include "control/control.h"

struct remedy {
	struct want *wants;
	size_t count, capacity;
	/* Failing findings that no verb mends, with the reason: by hand, or not yet. */
	struct remedy_left {
		const struct finding *finding;
		const char *reason;
		bool by_hand; /* the control says so */
	} * left;
	size_t left_count, left_capacity;
	size_t findings_count; /* failing ones looked at */
	struct rf_arena texts;
};
#define REMEDY_AUTO __attribute__((cleanup(remedy_done)))
void remedy_done(struct remedy *remedy);

/*
 * Wants for every failing finding of the set. read tells what is on the host now, where a fix
 * depends on it (which file of sshd counts); it is asked for what the verbs may read only.
 * Fails for lack of memory only.
 */
int remedy_make(const struct finding_set *findings, plan_read_fn *read, void *read_arg,
		struct remedy *out, struct rf_err *err) RF_MUST_CHECK;

/* Whether the verbs that a control's `fix:` names are there. For tests and documentation. */
bool remedy_knows(const char *verb);

#endif
