/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What roles that stay share: one of a kind at a time, a log, telling who started them that they
 * are up, and a process beside them that does what they may not. Source: sd_notify(3).
 */
#ifndef RF_CLI_RESIDENT_H
#define RF_CLI_RESIDENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

struct resident {
	const char *name;	 /* "the guard's service": for a person */
	const char *state, *log; /* --state and --log; NULL */
	int ready;		 /* --ready: a pipe that somebody waits at, or -1 */
	char folder[RF_MAX_PATH_BYTES];
	int lock, notify, log_fd;
};

/* Before anything else. */
void resident_init(struct resident *r, const char *name);
/* Takes one of --state, --log and --ready; false for another option. */
bool resident_option(struct resident *r, const char *name, const char *value);
/* Makes STATE/folder and takes its file lock_name; RF_E_TIMEOUT when another of the kind runs.
 * Opens the log and systemd's socket. */
int resident_start(struct resident *r, const char *folder, const char *lock_name,
		   struct rf_err *err) RF_MUST_CHECK;
/* Whoever started us may go on; from now on what is said goes to the log. */
void resident_ready(struct resident *r);

/*
 * For a role that others wait for: its process comes before all that are not urgent (children that
 * it starts do not), and is kept in memory. What this machine does not let it have is no reason not
 * to run: named in missing, "" when it has everything. Before the process locks itself in.
 */
#define RESIDENT_MISSING_BYTES 160
void resident_urgent(char missing[RESIDENT_MISSING_BYTES]);

/*
 * A process that does one thing after another for a role that may not do them itself: each question
 * that comes is answered by a process of its own, which works and ends.
 */
struct helper {
	/* In the new process: makes the answer. */
	int (*work)(void *arg, struct rf_slice question, struct rf_buf *out);
	/* Where that failed: an answer that says so. */
	int (*failed)(struct rf_slice question, struct rf_buf *out);
	void *arg;
	size_t max_bytes; /* of an answer */
};
#define HELPER_QUESTION_BYTES 1024u
#define HELPER_OWN	      4
/* Starts one. own: descriptors (or -1) that only the role may have: a lock in a second process
 * would outlive it. One question at a time goes into *out_socket, and its answer comes out. */
int helper_start(const struct helper *helper, const struct resident *r, const int own[HELPER_OWN],
		 int *out_socket, struct rf_err *err) RF_MUST_CHECK;

#endif
