/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges the facts of hosts by controls: facts out of the store, findings into it. What a control
 * says of facts is src/control's, as in `ringfence check`; here is which hosts are due, that each
 * control is asked once for many of them, and that one host's facts cost no more than their share
 * of time and memory. Measured boot is judge.h's.
 */
#ifndef RF_MANAGER_CHECK_H
#define RF_MANAGER_CHECK_H

#include "store/facts.h"

/* What the facts of one host may take. Where it is not enough, every control is an ERROR. */
struct check_limits {
	int64_t time_ms;
	size_t fact_bytes; /* of text, as they are in the store */
};
extern const struct check_limits check_limits_usual;

struct check_options {
	const char *profile, *site; /* a folder of a site's own controls, profiles, waivers; NULL */
	struct check_limits limits;
	bool alone; /* one host after the other */
};

struct check;
/* Reads the controls. RF_E_UNKNOWN for a profile that is not there; RF_E_SYNTAX when a file of the
 * site is refused: nothing is judged by a part of what a site wants. */
int check_open(const struct check_options *options, int64_t now_ms, struct check **out,
	       struct rf_err *err) RF_MUST_CHECK;
void check_close(struct check *check); /* accepts NULL */

struct check_turn {
	struct store *store;
	struct store_lease *lease; /* held on from host to host; NULL: the only manager */
	int64_t now_ms;
};

#define CHECK_LEASE_MS	   120000
#define CHECK_HOSTS_A_TURN 64u

/*
 * Judges some hosts that are due: whose facts changed since they were judged, and all when the
 * controls are others. Several are judged in one pass, with the findings that each has alone: one
 * by one only where a pass fails, or where a control of the site has a question within (SELECT),
 * for it may compare hosts with each other without meaning it. *out_count: how many were looked at;
 * 0 when nothing is due now. One host's failure keeps no other from its turn; the first is what is
 * answered.
 */
int check_some(struct check *check, const struct check_turn *turn, size_t *out_count,
	       struct rf_err *err) RF_MUST_CHECK;

#endif
