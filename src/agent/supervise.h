/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: root's process that starts the roles, each with its sockets and nothing else,
 * starts all of them anew when one ends, and runs the jobs they ask for (job.h). It reads no
 * stranger's bytes but job requests of fixed size, and talks to no network.
 */
#ifndef RF_AGENT_SUPERVISE_H
#define RF_AGENT_SUPERVISE_H

#include "base/err.h"

struct supervise_options {
	const char *state;   /* NULL: the usual place */
	const char *program; /* `ringfence`; NULL: beside our own */
	const char *user;    /* who the role net becomes; NULL: DROP_USER */
	const char *local;   /* path of the socket for hooks; NULL: the usual; "": none */
};

#define SUPERVISE_LOCAL "/run/ringfence/agent.sock"
#define SUPERVISE_PID	"pid" /* in STATE/agent: locked while it runs */

/* Runs until SIGTERM, or until the host is retired. */
int supervise(const struct supervise_options *options, struct rf_err *err) RF_MUST_CHECK;

#endif
