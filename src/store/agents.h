/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes between the manager and the agents: how far an agent's spool is stored here, and the
 * commands that wait for it. A manager acts for a host under that host's lease (fleet.h).
 *
 * Callbacks and answers as in fleet.h.
 */
#ifndef RF_STORE_AGENTS_H
#define RF_STORE_AGENTS_H

#include "store/fleet.h"

/* A thing of an agent's spool, and who takes it in. */
struct store_spooled {
	const char *host;
	int64_t number;			 /* 1 and up, ascending */
	const struct store_lease *lease; /* NULL: the only manager */
};

/*
 * Runs body, which stores the thing, in one transaction with its number. One that is stored already
 * is not stored again: body is not run, *out_stored is false, and it is to be confirmed all the
 * same. RF_E_UNKNOWN, RF_E_DENIED (retired), RF_E_CHANGED (the lease), and what body answers.
 */
int store_spool_take(struct store *store, const struct store_spooled *spooled,
		     int (*body)(struct store *store, void *arg, struct rf_err *err), void *arg,
		     bool *out_stored, struct rf_err *err) RF_MUST_CHECK;

/* Number of the last thing that is stored; 0 for none. */
int store_spool_last(struct store *store, const char *host, int64_t *out,
		     struct rf_err *err) RF_MUST_CHECK;

struct store_command {
	const char *host;
	int64_t serial;	     /* given by the store: ascending for each host, from 1 */
	const char *command; /* its id */
	const char *verb, *arguments, *ordered_by, *approval;
	int64_t created_ms, expires_ms;
	struct rf_slice signature;  /* no bytes: not signed yet */
	const char *state;	    /* read only: waiting, sent, done, expired */
	int64_t result, changed_ms; /* read only */
	const char *output;	    /* read only */
};

/* Adds a command, tells its serial, and wakes who serves the host. RF_E_UNKNOWN, RF_E_DENIED
 * (retired), RF_E_DUPLICATE for an id in use. */
int store_command_add(struct store *store, const struct store_command *command, int64_t *out_serial,
		      struct rf_err *err) RF_MUST_CHECK;

/* The signature over it; RF_E_UNKNOWN when there is no such command that waits without one. */
int store_command_sign(struct store *store, const char *host, int64_t serial,
		       struct rf_slice signature, struct rf_err *err) RF_MUST_CHECK;

/* Gives take the command of that id; RF_E_UNKNOWN. */
int store_command_get(struct store *store, const char *command,
		      int (*take)(void *arg, const struct store_command *command), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

/* Gives take the host's commands that wait or were sent and have no result, in order: after a
 * reconnect a sent one is sent again, and the agent knows its serial. */
int store_command_pending(struct store *store, const char *host, int64_t now_ms,
			  int (*take)(void *arg, const struct store_command *command), void *arg,
			  struct rf_err *err) RF_MUST_CHECK;

/* Gives take ids of hosts with a command that waits, up to limit behind `after`. */
int store_command_hosts(struct store *store, const char *after, int64_t limit,
			int (*take)(void *arg, const char *host), void *arg,
			struct rf_err *err) RF_MUST_CHECK;

/* Gives take a host's newest commands (NULL: of all hosts), up to limit, the newest first. */
int store_command_each(struct store *store, const char *host, int64_t limit,
		       int (*take)(void *arg, const struct store_command *command), void *arg,
		       struct rf_err *err) RF_MUST_CHECK;

/* A command that goes out. */
struct store_sending {
	const char *host;
	int64_t serial, at_ms;
	const struct store_lease *lease; /* NULL: the only manager */
};

/* It goes out now, or again. RF_E_UNKNOWN when it waits no more, and what store_spool_take says of
 * host and lease. */
int store_command_sent(struct store *store, const struct store_sending *sending,
		       struct rf_err *err) RF_MUST_CHECK;

struct store_result {
	const char *host;
	int64_t serial;
	int64_t result; /* 0, or the code it failed with */
	const char *output;
	int64_t at_ms;
};

/* Its result came, best within store_spool_take. Also of one that expired here meanwhile.
 * RF_E_UNKNOWN when there is none, RF_E_DUPLICATE when it has a result. */
int store_command_done(struct store *store, const struct store_result *result,
		       struct rf_err *err) RF_MUST_CHECK;

/* Those whose time is over and that have no result become expired; how many. */
int store_command_expire(struct store *store, int64_t now_ms, uint64_t *out_count,
			 struct rf_err *err) RF_MUST_CHECK;

#endif
