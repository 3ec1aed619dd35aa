/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wake-up between the processes of several managers, so that what was added is looked for at once
 * and not at the next poll. It is a hint: it may be left out (they are rate-limited) or be false.
 * Whoever waits polls all the same.
 */
#ifndef RF_STORE_WAKE_H
#define RF_STORE_WAKE_H

#include "store/store.h"

/* Wants to be waked from now on, also after a connection that was lost. Nothing with SQLite. */
int store_wake_listen(struct store *store, struct rf_err *err) RF_MUST_CHECK;

/* The descriptor to wait on for reading; -1 for SQLite. Another after a connection that was lost:
 * so ask each time. */
int store_wake_fd(const struct store *store);

/* Reads what is there; was somebody's wake-up (or a connection's end) among it? */
bool store_wake_read(struct store *store);

/* Wakes who listens when the transaction commits, at most every 100 ms. store_command_add does; for
 * work it is the caller's choice. */
int store_wake_send(struct store *store, struct rf_err *err) RF_MUST_CHECK;

#endif
