/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role agents' side of verify: a queue of questions for its workers, each of which answers one
 * at a time. A worker that ends, or is silent, costs the question that it has, and says so; the
 * others go on.
 */
#ifndef RF_MANAGER_WORKERS_H
#define RF_MANAGER_WORKERS_H

#include "fleet/message.h"

#define WORKERS_QUEUE	    4096u
#define WORKERS_QUEUE_BYTES (256u << 20)
#define WORKERS_JOB_MS	    21000 /* more than a worker gives itself (role_verify.c) */

struct event_base;
struct workers;

/* Takes workers' sockets from the control socket as they come (call_fd_take); the caller's. */
int workers_new(struct event_base *base, int control, struct workers **out,
		struct rf_err *err) RF_MUST_CHECK;
void workers_free(struct workers *workers);

/* Who asks. answer NULL: there is none, and why. Called once for each question, from the loop. */
struct workers_asker {
	void (*done)(void *arg, const struct message *answer, struct rf_slice bytes,
		     const char *why);
	void *arg;
};

/* Puts a question (with two pieces of bytes, one behind the other) into the queue. RF_E_LIMIT when
 * that is full; errors of message_frame. */
struct workers_question {
	const struct message *message;
	struct rf_slice first, second;
	struct workers_asker asker;
};
int workers_ask(struct workers *workers, const struct workers_question *question,
		struct rf_err *err) RF_MUST_CHECK;

/* Nobody with that arg wants to hear an answer any more. */
void workers_forget(struct workers *workers, const void *arg);

/* Questions that wait or are in hand; workers that there are. */
size_t workers_waiting(const struct workers *workers);
size_t workers_count(const struct workers *workers);

#endif
