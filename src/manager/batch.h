/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes of the role agents that share a commit: what comes within one turn of the loop goes into
 * the store in one transaction, and each is answered only after that is on the disk. One that fails
 * costs the others nothing: then each is tried in a transaction of its own.
 *
 * Not here: what is written, and who is told.
 */
#ifndef RF_MANAGER_BATCH_H
#define RF_MANAGER_BATCH_H

#include "store/store.h"

#define BATCH_MOST 256u

struct batch;
struct event_base;

struct batch_item {
	/* Within the transaction; perhaps more than once, with a rollback between. */
	int (*write)(struct store *store, void *arg, struct rf_err *err);
	/* After it, once: rc and err of this item. arg is its own from now on. */
	void (*done)(void *arg, int rc, const struct rf_err *err);
	void *arg;
};

/* store is the caller's, and lives longer. -ENOMEM. */
int batch_new(struct event_base *base, struct store *store, struct batch **out,
	      struct rf_err *err) RF_MUST_CHECK;
/* What waits is written. NULL is fine. */
void batch_free(struct batch *batch);

/* Puts an item behind the others; it is done before the loop waits again. `done` never comes from
 * within this call. -ENOMEM: it is not taken, and done does not come. */
int batch_add(struct batch *batch, const struct batch_item *item, struct rf_err *err) RF_MUST_CHECK;

/* Writes all that waits now. Nothing, where it is called from within a `done`. */
void batch_flush(struct batch *batch);

#endif
