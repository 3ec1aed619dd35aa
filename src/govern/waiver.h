/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A waiver: a FAIL that someone accepts for a time. The type, what makes it valid, and when it is
 * in force; `check` (a site's file) and the manager (its store) ask here alike. A waiver that ended
 * reopens its finding by itself: nobody has to act, and a clock that jumps back does not bring it
 * back. Not the reader of the file (control/profile.c), not its approval (approval.h, operation
 * waiver.approve).
 */
#ifndef RF_GOVERN_WAIVER_H
#define RF_GOVERN_WAIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define WAIVER_MAX_MS		  ((int64_t)365 * 86400000)
#define WAIVER_MAX_SELECTOR_BYTES 512u

struct waiver {
	const char *control, *resource; /* globs; a host is meant by its name */
	const char *reason, *owner, *approver;
	const char *compensating;     /* what holds the risk meanwhile; NULL */
	const char *since, *expires;  /* as written in a file, YYYY-MM-DD; NULL from a store */
	int64_t since_ms, expires_ms; /* since_ms 0: not said */
	const char *owner_subject, *approver_subject; /* persons behind the accounts; NULL */
	bool revoked;				      /* taken back before its end, for good */
	int64_t seen_ms;			      /* the latest time the store has seen; 0 */
};

/* What a place asks of its waivers. */
struct waiver_rules {
	bool needs_approver, needs_compensating, needs_since, one_control;
};
/* A file that root alone writes may leave out the approver; a fleet's waiver says everything and
 * does not waive all controls at once. */
extern const struct waiver_rules waiver_rules_file, waiver_rules_fleet;

/*
 * That a waiver is whole: texts, approver and owner two persons, at most 365 days. One sentence
 * with what would mend it: RF_E_MISSING, RF_E_LIMIT, RF_E_SYNTAX, RF_E_DENIED (one person, too
 * wide, too long). With approved false it is a proposal, whose approver is still missing.
 */
int waiver_check(const struct waiver *waiver, const struct waiver_rules *rules, bool approved,
		 struct rf_err *err) RF_MUST_CHECK;

enum waiver_state {
	WAIVER_PROPOSED, /* nobody has approved it */
	WAIVER_TO_COME,
	WAIVER_IN_FORCE,
	WAIVER_ENDED,
	WAIVER_REVOKED,
	WAIVER_INVALID, /* see waiver_check; or no begin is said and the end is over 365 days off */
	WAIVER_STATE_COUNT,
};
/* "in force" ... */
const char *waiver_state_name(enum waiver_state state);

/* What it is at that time. */
enum waiver_state waiver_state(const struct waiver *waiver, const struct waiver_rules *rules,
			       int64_t now_ms);

/* Is it about this finding? resource as in struct finding; "" is the host itself. */
bool waiver_covers(const struct waiver *waiver, const char *control, const char *resource,
		   const char *host);

#endif
