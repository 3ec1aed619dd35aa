/* SPDX-License-Identifier: Apache-2.0 */
/* What the acts of fleet.h share among their files. */
#ifndef RF_STORE_ACTS_H
#define RF_STORE_ACTS_H

#include "store/fleet.h"
#include "store/parts.h"

#define STORE_STATE_BYTES 32 /* the longest state with its NUL, and room */
#define STORE_NO_ROWS	  ((struct store_rows){NULL, NULL})

/* The next number of a counter, which stays locked until the transaction ends. */
int store_counter_next(struct store *store, const char *name, int64_t *out,
		       struct rf_err *err) RF_MUST_CHECK;

/* Locks a host for this transaction, under lease (NULL for none), and tells its state; as
 * store_host_state says. */
int store_host_lock(struct store *store, const char *host, const struct store_lease *lease,
		    char out_state[STORE_STATE_BYTES], struct rf_err *err) RF_MUST_CHECK;

#endif
