/* SPDX-License-Identifier: Apache-2.0 */
/* Controls over one host's facts, in a process of their own; see check.h. */
#ifndef RF_MANAGER_CHECK_APART_H
#define RF_MANAGER_CHECK_APART_H

#include "control/control.h"
#include "store/fleet.h"

struct check_job {
	const struct control_set *set;
	const struct profile *profile;
	struct fact_store *facts; /* all inserted, not finished */
	int64_t now_ms, time_ms;
};

/* Findings as the store takes them; texts lie in the buffer. */
struct check_answer {
	struct rf_buf texts;
	struct store_finding *findings;
	size_t count;
};
void check_answer_done(struct check_answer *answer);

/* RF_E_TIMEOUT, RF_E_PEER (it ended), RF_E_LIMIT, or what it failed of, in words for a person;
 * -ENOMEM, -EAGAIN and other errors of the machine when there was no process to begin with. */
int check_apart(const struct check_job *job, struct check_answer *out,
		struct rf_err *err) RF_MUST_CHECK;

#endif
