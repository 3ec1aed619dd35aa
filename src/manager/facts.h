/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of a host from a frame's bytes (model/difference.h) into the store, within its transaction.
 */
#ifndef RF_MANAGER_FACTS_H
#define RF_MANAGER_FACTS_H

#include "base/buf.h"
#include "store/facts.h"

struct facts_frame {
	const char *host;
	bool whole;
	int64_t at_ms;
	struct rf_slice bytes;
	const struct store_lease *lease; /* NULL: the only manager */
};

/* Stores them. *out_lacking: it was a difference, and the rows that it differs from are not here;
 * nothing was stored, and the host has to send the whole. RF_E_SYNTAX and others for hostile bytes;
 * errors of store_facts_put. */
int facts_store(struct store *store, const struct facts_frame *frame, bool *out_lacking,
		struct rf_err *err) RF_MUST_CHECK;

#endif
