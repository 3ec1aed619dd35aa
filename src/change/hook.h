/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that must run beside a change: that a daemon accepts its new configuration, that systemd
 * reads its units again. Fixed programs with fixed arguments, rows of a table; nothing of a request
 * gets into a command line. They run in a helper that is forked before the privileged process locks
 * itself in, and that understands one byte: the number of a row.
 */
#ifndef RF_CHANGE_HOOK_H
#define RF_CHANGE_HOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HOOK_MAX_ARGS 6

struct hook {
	const char *name;
	const char *summary; /* for a person: "ask sshd whether it accepts its configuration" */
	bool check;	     /* failing undoes the plan; else it is only told of */
	const char *needs;   /* a path that must be there for it to make sense; NULL */
	const char *argv[HOOK_MAX_ARGS]; /* absolute program first */
};
extern const struct hook hooks[];
extern const size_t hooks_count;

/* The row of that name, or NULL. */
const struct hook *hook_find(const char *name);

/* Starts the helper; *out_socket is the way to it, closing ends it. */
int hook_start(int *out_socket, struct rf_err *err) RF_MUST_CHECK;

/* Runs a row and waits: 0 when it succeeded or its program is not here, RF_E_PEER with its exit
 * status otherwise. */
int hook_run(int socket, const struct hook *hook, struct rf_err *err) RF_MUST_CHECK;

#endif
