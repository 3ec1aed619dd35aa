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

/* How long a site keeps what; other kinds are kept as store_retention says. */
struct keeper_keeps {
	int64_t evidence_days, changes_days, events_days;
};

/* Deletes what is older at now_ms. Never the ledger, nor what is last known. */
int keeper_old_goes(struct store *store, const struct keeper_keeps *keeps, int64_t now_ms,
		    struct rf_err *err) RF_MUST_CHECK;

/* What is known of two clocks; begins as zeroes. */
struct keeper_clock {
	bool is_known;
	int64_t apart_ms, quiet_until_ms;
};

/*
 * May what is old be deleted by the clock wall_ms? boot_ms is a clock that nobody can set. One that
 * jumped against it by more than an hour, whichever way, makes things look old that are not: no,
 * for a day. out_jumped_ms: by how much it jumped since the last call, 0 for not.
 */
bool keeper_clock_good(struct keeper_clock *clock, int64_t wall_ms, int64_t boot_ms,
		       int64_t *out_jumped_ms);

#endif
