/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An approval as a state machine: none -> requested -> approved -> consumed, or expired, denied,
 * cancelled; and the broken glass, which becomes consumed or an incident. Pure: the caller keeps
 * the record, gives each event with its number and time, and does what `todo` says. Not RBAC:
 * whether a person may request or approve at all is asked there first.
 *
 * What always holds:
 *  - The operation does not run while it waits: who requested it tries again inside the window.
 *  - Neither the requester nor another account of the same subject approves or denies; no subject
 *    votes twice; no vote counts by a role that the requester granted lately.
 *  - An approval is for one digest (approval_act.h). Another one voids it, for good.
 *  - Numbers decide what came first, not clocks: an event whose number is not above the record's is
 *    refused, and the latest time ever seen counts, so that a clock that jumps back opens nothing.
 *  - What has ended stays so. A rule that has become stricter ends what is open under it.
 */
#ifndef RF_GOVERN_APPROVAL_H
#define RF_GOVERN_APPROVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "govern/approval_act.h"
#include "govern/approval_rule.h"
#include "govern/text.h"

enum approval_state {
	APPROVAL_NONE,
	APPROVAL_REQUESTED,
	APPROVAL_APPROVED,
	APPROVAL_GLASS, /* it ran without approval and waits for one */
	APPROVAL_CONSUMED,
	APPROVAL_EXPIRED,
	APPROVAL_DENIED,
	APPROVAL_CANCELLED,
	APPROVAL_INCIDENT, /* the glass was broken and nobody stood by it */
	APPROVAL_STATE_COUNT,
};
/* "requested" ...; "unknown" for a number that is none. */
const char *approval_state_name(enum approval_state state);

/* Why a record is cancelled. */
enum approval_cause {
	APPROVAL_CAUSE_NONE,
	APPROVAL_CAUSE_PERSON, /* the requester took it back */
	APPROVAL_CAUSE_DRIFT,  /* what it was about has changed */
	APPROVAL_CAUSE_POLICY, /* the site asks for more since */
	APPROVAL_CAUSE_COUNT,
};

/* Who acts, as the sign-in and RBAC found: subject is the person behind all of the accounts. */
struct approval_person {
	const char *account, *subject;
	const char *role; /* by which they approve or deny; else NULL */
};
/* That a role came to who approves (directly, by a group, or by a change of the role), by whom. */
struct approval_grant {
	const char *role, *by_subject;
	int64_t time_ms;
};
/* What an approver says of the use. The terms of all approvers hold together. */
struct approval_terms {
	int64_t start_ms;    /* 0: at once */
	int64_t duration_ms; /* from start_ms, or from the last vote; 0: as the rule says */
	int64_t count;	     /* 0: unlimited, which is the rule's highest number */
};

enum approval_verb {
	APPROVAL_REQUEST,
	APPROVAL_APPROVE,
	APPROVAL_DENY,	 /* also takes an approval back; needs a reason */
	APPROVAL_CANCEL, /* by the requester */
	APPROVAL_USE,	 /* by the requester: the operation is about to run */
	APPROVAL_BREAK,	 /* by the requester: break the glass, needs a reason */
	APPROVAL_LOOK,	 /* by nobody: time has passed */
	APPROVAL_VERB_COUNT,
};
struct approval_event {
	enum approval_verb verb;
	uint64_t seq; /* from the store's one counter, never given twice */
	int64_t time_ms;
	struct approval_person who;
	const uint8_t *digest; /* of the act as it is now; request, approve, use, break */
	const char *text;      /* comment or reason; NULL */
	struct approval_terms terms;
	const struct approval_grant *grants; /* to who; approve alone looks at them */
	size_t grants_count;
};

/* What the caller does after an event, also after a refusal. */
enum approval_todo {
	APPROVAL_TODO_RUN = 1,	     /* let the operation run, once, now */
	APPROVAL_TODO_ASK = 2,	     /* tell the approvers that they are waited for */
	APPROVAL_TODO_NOTIFY = 4,    /* tell the approvers that it ran */
	APPROVAL_TODO_ANSWER = 8,    /* tell the requester what came of it */
	APPROVAL_TODO_ALARM = 16,    /* raise an alarm */
	APPROVAL_TODO_INCIDENT = 32, /* open an incident */
};

struct approval_vote {
	char account[GOVERN_MAX_NAME_BYTES + 1], subject[GOVERN_MAX_NAME_BYTES + 1];
	char role[GOVERN_MAX_NAME_BYTES + 1];
	uint64_t seq;
	int64_t time_ms;
};
/* The record. Zero-initialise; the caller stores all of it after each event, also a refused one. */
struct approval {
	enum approval_state state;
	enum approval_cause cause;
	const struct approval_operation *operation;
	enum approval_level level;
	bool glass; /* it ran by a broken glass */
	bool distinct_roles;
	uint8_t digest[APPROVAL_DIGEST_BYTES];
	char account[GOVERN_MAX_NAME_BYTES + 1], subject[GOVERN_MAX_NAME_BYTES + 1];
	uint64_t seq;	     /* of the newest event */
	int64_t seen_ms;     /* the latest time of all events */
	int64_t deadline_ms; /* requested, glass: of the vote; approved: the window's end */
	int64_t start_ms;    /* the latest that an approver set; approved: the window's begin */
	int64_t limit_ms;    /* the earliest end that an approver set */
	int64_t duration_ms; /* the shortest that an approver set */
	uint32_t quorum, count, used;
	uint32_t votes_count;
	struct approval_vote votes[APPROVAL_MAX_VOTES];
	unsigned todo; /* of the last event: enum approval_todo, or'ed */
};

/*
 * Judges an event by the rule of its operation as it is now. 0: it took place. A refusal is one
 * sentence in err, with who could do what next: RF_E_DENIED, RF_E_CHANGED (the number is old, the
 * act or the rule drifted), RF_E_MISMATCH (not in this state, or a damaged record), RF_E_DUPLICATE,
 * RF_E_MISSING, RF_E_LIMIT, RF_E_SYNTAX, RF_E_USAGE (rule and record are of two operations). A
 * refusal leaves the record but for seq, seen_ms and todo, and for what ends by time or by drift.
 */
int approval_apply(struct approval *approval, const struct approval_rule *rule,
		   const struct approval_event *event, struct rf_err *err) RF_MUST_CHECK;

/* That a record from a store can be one of ours; RF_E_MISMATCH. apply asks it first. */
int approval_check(const struct approval *approval, struct rf_err *err) RF_MUST_CHECK;

#endif
