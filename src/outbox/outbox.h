/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events out, at least once: what the manager's roles `outbox` and `outbox-sink` run. Each event
 * has its number in the store as its id, so that a receiver knows what it has already. A sink that
 * is slow, refuses or crashes holds up no other: each is a process of its own.
 */
#ifndef RF_OUTBOX_OUTBOX_H
#define RF_OUTBOX_OUTBOX_H

#include "base/err.h"

struct outbox_options {
	const char *store_url; /* as store_open; must be at this program's version */
	const char *config;    /* the YAML file of sinks (docs/howto/fleet.md) */
	const char *holder;    /* this manager among several: its name, always the same */
	const char *program;   /* starts roles; NULL: /proc/self/exe */
	int stop_fd;	       /* readable or closed: sinks end, then outbox_run */
};

/*
 * Sends what the store's sinks have not confirmed until stop_fd ends it. Starts a process for each
 * sink as `PROGRAM --role outbox-sink CONFIG SINK` with a socket at descriptor 3, so that the
 * caller must let it run programs. What it says goes to standard error, a line each. 0 after an
 * orderly end; else what could not be opened or is wrong in the configuration, in words.
 */
int outbox_run(const struct outbox_options *options, struct rf_err *err) RF_MUST_CHECK;

/*
 * The role outbox-sink: reads the sink's row of the configuration, its secret and authorities,
 * enters its sandbox and delivers what comes at fd, until that is closed. The exit status.
 */
int outbox_sink_run(int fd, const char *config, const char *sink);

/* Whether the configuration is in order; the error names the place. */
int outbox_config_check(const char *config, struct rf_err *err) RF_MUST_CHECK;

#endif
