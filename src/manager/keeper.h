/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time does to the fleet: hosts of which nothing good was heard grow STALE, also while no
 * manager ran; commands expire; what is old goes.
 */
#ifndef RF_MANAGER_KEEPER_H
#define RF_MANAGER_KEEPER_H

#include "store/fleet.h"

struct keeper_rules {
	int64_t stale_ms;		 /* without a verdict for so long */
	const struct store_lease *lease; /* under which it writes; NULL: the only manager */
};

/* One round at now_ms: every host once. out_stale (NULL for none): how many became STALE. */
int keeper_round(struct store *store, const struct keeper_rules *rules, int64_t now_ms,
		 uint64_t *out_stale, struct rf_err *err) RF_MUST_CHECK;

#endif
