/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `isolate watch` shows of hostile VMs: the account of their watcher (isolate/watcher.h), read
 * by a process of its own, for watch itself is locked in and opens nothing.
 */
#ifndef RF_CLI_WATCH_HOSTILE_H
#define RF_CLI_WATCH_HOSTILE_H

#include "cli/cli.h"
#include "isolate/watcher.h"

/* Starts that process; before the program locks itself in. *out_socket: where it is asked. */
int watch_hostile_open(const struct cli_args *args, int *out_socket,
		       struct rf_err *err) RF_MUST_CHECK;
/* The account as it is now. False: there is none, or nobody keeps it any more. Free with
 * watched_done. */
bool watch_hostile_read(int socket, int64_t now_s, struct watched *out);
/* A table of the VMs that are watched; nothing where none is. */
void watch_hostile_print(const struct watched *watched);

#endif
