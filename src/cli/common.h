/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands share: controls with a site's own, facts from the sources asked for. */
#ifndef RF_CLI_COMMON_H
#define RF_CLI_COMMON_H

#include <errno.h>

#include "cli/cli.h"
#include "control/control.h"
#include "sys/sys.h"

/* Our controls plus those of --site (or /etc/ringfence/site when it is there). Refused files are
 * told of on standard error; the rest still run. */
int common_controls(const struct cli_args *args, bool with_tests, struct control_set *out,
		    struct rf_err *err) RF_MUST_CHECK;

/* Collects into a new store what the options ask for, with progress on a terminal; finishes it. */
int common_facts(const struct cli_args *args, struct fact_store **out,
		 struct rf_err *err) RF_MUST_CHECK;

/* The same by these collectors alone; names ends with NULL. */
int common_facts_by(const struct cli_args *args, const char *const *names, struct fact_store **out,
		    struct rf_err *err) RF_MUST_CHECK;

/* The same of this host (or --from) by these collectors alone; names ends with NULL. */
int common_some_facts(const struct cli_args *args, const char *const *names,
		      struct fact_store **out, struct rf_err *err) RF_MUST_CHECK;

/*
 * Locks the program in once everything is read: from here on it judges and prints, and may write
 * only where a report or database goes. What this machine cannot give is said on standard error.
 */
int common_lock_in(const struct cli_args *args, struct rf_err *err) RF_MUST_CHECK;

/* Is there a libvirt to ask? A host without one has no VMs of libvirt: that is no gap. */
bool common_libvirt_here(struct sys *sys);
#define COMMON_DEFAULT_URI "qemu:///system"

/* ms since 1970-01-01 UTC. */
int64_t common_now_ms(void);

/* The host that --from names (a directory or a capture), or this one. */
int common_open_source(const struct cli_args *args, struct sys **out,
		       struct rf_err *err) RF_MUST_CHECK;

/* Reads a file that a person named: regular, or one of /sys and /proc; at most max_bytes. */
int common_read_file(const char *path, size_t max_bytes, struct rf_buf *out,
		     struct rf_err *err) RF_MUST_CHECK;

struct fact_store;
/* Fails when a collector that fills this table (NULL: any) did not get to its end: what is missing
 * then is not known to be absent. The error is the collector's reason. */
int common_collected(struct fact_store *store, const char *table, struct rf_err *err) RF_MUST_CHECK;

#endif
