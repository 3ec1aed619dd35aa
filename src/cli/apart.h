/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile VMs on cores of their own: who is set apart, and setting apart and releasing as plans of
 * the privileged process like any other change. Each of the three that act is meant for a process
 * of its own: it locks itself in before it parses.
 */
#ifndef RF_CLI_APART_H
#define RF_CLI_APART_H

#include "cli/cli.h"
#include "isolate/hostile_table.h"
#include "isolate/watcher.h"

/* Appends what the watcher is to know: the policy that is in force over the VMs that run. */
int apart_table(const struct cli_args *args, struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;
/* Moves a VM to cores of its own, and everybody else off them. said: what was done. */
int apart_set(const struct cli_args *args, const struct hostile_question *question,
	      struct rf_buf *said, struct rf_err *err) RF_MUST_CHECK;
/* Undoes that plan; where others changed a part of it since, a new plan brings each VM to where the
 * policy has it. */
int apart_release(const struct cli_args *args, const struct hostile_question *question,
		  struct rf_buf *said, struct rf_err *err) RF_MUST_CHECK;

/* Marks the VMs of a host that are set apart, by the records in STATE. */
int apart_mark(const struct cli_args *args, struct policy_host *host,
	       struct rf_err *err) RF_MUST_CHECK;
/* Appends the watcher's account (watched_read). -ENOENT when it never ran here. */
int apart_account(const struct cli_args *args, struct rf_buf *out,
		  struct rf_err *err) RF_MUST_CHECK;

/* The role "hostile" (role_hostile.c); the exit status. */
int role_hostile_run(int argc, char **argv);

#endif
