/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the roles, gives each its descriptors (roles.h), starts anew what ended, and ends all. It
 * reads no input but that of its children's end.
 */
#ifndef RF_MANAGER_SUPERVISOR_H
#define RF_MANAGER_SUPERVISOR_H

#include "manager/config.h"

struct supervisor_options {
	const struct config *config;
	const char *config_path, *state; /* as they were given; NULL */
	const char *program;		 /* NULL: /proc/self/exe */
	/* Every role is up, for the first time: a line for each that listens. NULL. */
	void (*ready)(void *arg, const char *role, const char *line);
	void *arg;
};

/* Until SIGTERM or SIGINT. 0 after an orderly end; else what could not be started, in words. */
int supervisor_run(const struct supervisor_options *options, struct rf_err *err) RF_MUST_CHECK;

/* How long a group that ended waits before it is started for the n-th time in a row. */
int64_t supervisor_backoff_ms(unsigned times);

#endif
