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

/* The number given last; 0 before the first. */
int store_counter_get(struct store *store, const char *name, int64_t *out,
		      struct rf_err *err) RF_MUST_CHECK;

/* Runs a statement that answers a row when it found what it wants to change. */
int store_run_hit(struct store *store, enum store_statement_id id, struct store_params params,
		  bool *out_hit, struct rf_err *err) RF_MUST_CHECK;

/* Bytes for a column that is NULL where there are none. */
static inline struct store_value store_blob_or_null(struct rf_slice bytes)
{
	return bytes.len ? store_blob(bytes) : store_text(NULL);
}

static inline struct store_value store_sha256(const uint8_t sha256[STORE_SHA256_BYTES])
{
	return store_blob((struct rf_slice){sha256, STORE_SHA256_BYTES});
}

/* Locks a host for this transaction, under lease (NULL for none), and tells its state; as
 * store_host_state says. */
int store_host_lock(struct store *store, const char *host, const struct store_lease *lease,
		    char out_state[STORE_STATE_BYTES], struct rf_err *err) RF_MUST_CHECK;

/* Snapshots of who may do what (access.h) are old from this commit on. */
int store_access_changed(struct store *store, struct rf_err *err) RF_MUST_CHECK;

#endif
