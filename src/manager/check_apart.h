/* SPDX-License-Identifier: Apache-2.0 */
/* Controls over the facts of hosts, in a process of their own; see check.h. */
#ifndef RF_MANAGER_CHECK_APART_H
#define RF_MANAGER_CHECK_APART_H

#include "control/control.h"
#include "store/fleet.h"

struct check_job {
	const struct control_set *set;
	const struct profile *profile;
	struct fact_store *facts; /* all inserted, not finished */
	size_t hosts_count;	  /* whose facts these are */
	int64_t now_ms, time_ms;
};

/* One host's findings: a part of the answer's. */
struct check_host {
	const char *host;
	size_t from, count;
};

/* Findings as the store takes them, host by host; texts lie in the buffer. */
struct check_answer {
	struct rf_buf texts;
	struct store_finding *findings;
	size_t count;
	struct check_host *hosts; /* those of which there is one */
	size_t hosts_count;
};
void check_answer_done(struct check_answer *answer);

/* One question for each control, however many hosts. Where a control fails over several hosts the
 * answer is RF_E_DATABASE: asked one by one, each host has its own findings and errors.
 * RF_E_TIMEOUT, RF_E_PEER (it ended), RF_E_LIMIT, or what it failed of, in words for a person;
 * -ENOMEM, -EAGAIN and other errors of the machine when there was no process to begin with. */
int check_apart(const struct check_job *job, struct check_answer *out,
		struct rf_err *err) RF_MUST_CHECK;

#endif
