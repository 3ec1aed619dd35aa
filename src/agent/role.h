/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the roles of the agent share: their start (sockets at fixed numbers, sandbox, loop), frames
 * to and from `net`, jobs asked of the supervisor. The roles themselves are the functions at the
 * end; supervise.c starts them.
 */
#ifndef RF_AGENT_ROLE_H
#define RF_AGENT_ROLE_H

#include "agent/identity.h"
#include "agent/job.h"
#include "fleet/link.h"
#include "sys/sandbox.h"

/* Where a role finds its sockets. */
#define ROLE_NET_TO_COLLECT 3
#define ROLE_NET_TO_PRIV    4
#define ROLE_NET_TO_LOCAL   5 /* listens for hooks */
#define ROLE_TO_NET	    3
#define ROLE_TO_SUPERVISOR  4

/* Exit statuses that mean something to the supervisor. */
#define ROLE_EXIT_RETIRED 10

struct event_base;
struct event;

/* A role beside `net`: collect or priv. */
struct role {
	const char *name;
	char dir[RF_MAX_PATH_BYTES]; /* what it may write */
	struct identity identity;
	struct event_base *base;
	struct link *net;
	struct event *answers;
	int result; /* exit status when the loop ends */
	/* A frame of net, and the end of a job: memory is the caller's to close, -1: none. */
	int (*frame)(struct role *role, const struct wire_frame *frame, struct rf_err *err);
	void (*answer)(struct role *role, const struct job_answer *answer, int memory);
};

/* Reads the identity, locks in, opens loop and link. state NULL: the usual place. */
int agent_start(struct role *role, const char *state, struct rf_err *err) RF_MUST_CHECK;
/* Until net or the supervisor goes away; an exit status. */
int agent_loop(struct role *role);
void agent_end(struct role *role, int result);
/* A line for the log: standard error. */
void agent_say(const char *role, const char *fmt, ...) RF_PRINTF(2, 3);

/* Asks the supervisor; _with: memory goes to the job as its standard input (-1: none). */
int agent_ask(struct role *role, enum job_kind kind, const char *id, const char *const *words,
	      struct rf_err *err) RF_MUST_CHECK;
int agent_ask_with(enum job_kind kind, const char *id, const char *const *words, int memory,
		   struct rf_err *err) RF_MUST_CHECK;

/* ms since 1970, and ms of a clock that never jumps. */
int64_t agent_now_ms(void);
int64_t agent_tick_ms(void);

/* The roles: argv as the supervisor gives it (--state DIR and so on); an exit status. */
int agent_net_run(int argc, char **argv);
int agent_collect_run(int argc, char **argv);
int agent_priv_run(int argc, char **argv);
/* Jobs: work.c. */
int agent_facts_run(int argc, char **argv);
int agent_evidence_run(int argc, char **argv);
int agent_ledger_run(int argc, char **argv);
/* secrets.c. */
int agent_secret_run(int argc, char **argv);

/* The value of an option in argv, or NULL. */
const char *agent_option(int argc, char **argv, const char *name);

#endif
