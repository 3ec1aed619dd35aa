/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a second person said: approvals and waivers, whose rules are govern's (approval.h,
 * waiver.h). An approval is kept whole after each of its events, in the transaction that numbers
 * the event.
 *
 * Callbacks and answers as in fleet.h.
 */
#ifndef RF_STORE_CONSENT_H
#define RF_STORE_CONSENT_H

#include "govern/approval.h"
#include "govern/waiver.h"
#include "store/fleet.h"

struct store_approval {
	const char *approval;	/* its id */
	struct approval record; /* record.votes and all */
	struct rf_slice act;	/* as approval_act_encode made it */
	const char *reason;
	int64_t created_ms;
};

/* One event of an approval. */
struct store_approval_change {
	const char *approval;
	struct rf_slice act; /* kept from the event that makes the record, as are the next two */
	const char *reason;
	int64_t at_ms;
	/* Judges the event (approval_apply) with the number that it has now. */
	int (*apply)(void *arg, struct approval *record, uint64_t seq, struct rf_err *err);
	void *arg;
};

/*
 * Numbers an event, has it judged, and keeps the record, also that of a refused event, unless it
 * never began. Answers apply's refusal when the record is safe. apply may be called more than once.
 * Within a caller's transaction, which is the place where what it allows is done, the caller
 * answers 0 after a refusal, or the refused event is forgotten. RF_E_MISMATCH for a record that is
 * none of ours.
 */
int store_approval_apply(struct store *store, const struct store_approval_change *change,
			 struct rf_err *err) RF_MUST_CHECK;

/* Gives take the approval; RF_E_UNKNOWN when there is none. */
int store_approval_get(struct store *store, const char *approval,
		       int (*take)(void *arg, const struct store_approval *approval), void *arg,
		       struct rf_err *err) RF_MUST_CHECK;

/* Gives take up to limit ids of approvals in that state ("" for any) behind `after`, in order. */
struct store_approval_page {
	const char *state, *after;
	int64_t limit;
};
int store_approval_each(struct store *store, const struct store_approval_page *page,
			int (*take)(void *arg, const char *approval, const char *state), void *arg,
			struct rf_err *err) RF_MUST_CHECK;

/* A site's rule for an operation (govern/approval_rule.h), as JSON text. */
struct store_rule {
	const char *operation, *rule, *changed_by;
	int64_t changed_ms;
};

/* Keeps it in place of the one before; rights are of another generation from then on, so that what
 * was approved under them is no longer. */
int store_rule_put(struct store *store, const struct store_rule *rule,
		   struct rf_err *err) RF_MUST_CHECK;

/* Gives take the rule; nothing where the site has none. */
int store_rule_get(struct store *store, const char *operation,
		   int (*take)(void *arg, const struct store_rule *rule), void *arg,
		   struct rf_err *err) RF_MUST_CHECK;

struct store_waiver {
	const char *waiver; /* its id */
	struct waiver row;  /* since and expires (texts) are not kept: since_ms, expires_ms are */
	int64_t seq;	    /* 0: a new one; else that of the row which was read */
};

/* Keeps a waiver as it is now. RF_E_DUPLICATE for a new one whose id is used, RF_E_CHANGED when it
 * was changed since it was read. Whether it is whole is waiver_check's to say, first. */
int store_waiver_put(struct store *store, const struct store_waiver *waiver,
		     struct rf_err *err) RF_MUST_CHECK;

/* Gives take the waiver; RF_E_UNKNOWN when there is none. */
int store_waiver_get(struct store *store, const char *waiver,
		     int (*take)(void *arg, const struct store_waiver *waiver), void *arg,
		     struct rf_err *err) RF_MUST_CHECK;

/* Gives take all waivers in order of id. */
int store_waiver_each(struct store *store,
		      int (*take)(void *arg, const struct store_waiver *waiver), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

/* Time has come to now_ms: no waiver is ever asked about an earlier one. */
int store_waiver_seen(struct store *store, int64_t now_ms, struct rf_err *err) RF_MUST_CHECK;

#endif
