/* SPDX-License-Identifier: Apache-2.0 */
/* Waivers: what makes one valid and when it is in force; see waiver.h. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "govern/text.h"
#include "govern/waiver.h"

const struct waiver_rules waiver_rules_file = {0};
const struct waiver_rules waiver_rules_fleet = {.needs_approver = true,
						.needs_compensating = true,
						.needs_since = true,
						.one_control = true};

static const char *const state_names[WAIVER_STATE_COUNT] = {
	[WAIVER_PROPOSED] = "proposed", [WAIVER_TO_COME] = "to come",
	[WAIVER_IN_FORCE] = "in force", [WAIVER_ENDED] = "ended",
	[WAIVER_REVOKED] = "revoked",	[WAIVER_INVALID] = "invalid"};

const char *waiver_state_name(enum waiver_state state)
{
	return (unsigned)state < WAIVER_STATE_COUNT ? state_names[state] : "unknown";
}

static int texts_check(const struct waiver *w, const struct waiver_rules *rules, bool approved,
		       struct rf_err *err)
{
	const struct {
		const char *text, *what;
		size_t max_bytes; /* 0: prose */
		bool needed;
	} rows[] = {
		{w->control, "the control of a waiver", WAIVER_MAX_SELECTOR_BYTES, true},
		{w->resource, "the resource of a waiver", WAIVER_MAX_SELECTOR_BYTES, true},
		{w->reason, "the reason of a waiver", 0, true},
		{w->owner, "the owner of a waiver", GOVERN_MAX_NAME_BYTES, true},
		{w->approver, "the approver of a waiver", GOVERN_MAX_NAME_BYTES,
		 rules->needs_approver && approved},
		{w->compensating, "the compensating control of a waiver", 0,
		 rules->needs_compensating},
		{w->owner_subject, "the person behind the owner", GOVERN_MAX_NAME_BYTES, false},
		{w->approver_subject, "the person behind the approver", GOVERN_MAX_NAME_BYTES,
		 false},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(rows); i++) {
		if (!rows[i].text && !rows[i].needed)
			continue;
		rc = rows[i].max_bytes
			     ? govern_name_check(rows[i].text, rows[i].max_bytes, rows[i].what, err)
			     : govern_prose_check(rows[i].text, rows[i].what, err);
	}
	return rc;
}

/* Names are compared without regard to case: a file has nothing better. */
static bool same_person(const struct waiver *w)
{
	if (!w->approver)
		return false;
	return rf_equal_nocase(w->owner, w->approver) ||
	       (w->owner_subject && rf_equal(w->owner_subject, w->approver_subject));
}

/* A pattern of wildcards alone says no control. */
static bool names_no_control(const char *pattern)
{
	return strspn(pattern, "*?") == strlen(pattern);
}

static int span_check(const struct waiver *w, const struct waiver_rules *rules, struct rf_err *err)
{
	bool since = w->since_ms != 0;

	if (rules->needs_since && !since)
		return rf_fail(err, RF_E_MISSING,
			       "a waiver has a begin; whoever proposes it names one");
	if (since && w->expires_ms <= w->since_ms)
		return rf_fail(err, RF_E_DENIED,
			       "a waiver ends after it begins; its owner can choose a later end");
	if (since && govern_time_add(w->since_ms, WAIVER_MAX_MS) < w->expires_ms)
		return rf_fail(err, RF_E_DENIED,
			       "a waiver lasts at most 365 days; its owner can choose an earlier "
			       "end, and propose it anew before that");
	return 0;
}

int waiver_check(const struct waiver *w, const struct waiver_rules *rules, bool approved,
		 struct rf_err *err)
{
	char person[GOVERN_SHORT_BYTES];
	int rc = texts_check(w, rules, approved, err);

	if (rc < 0)
		return rc;
	if (rules->needs_approver && approved && (!w->owner_subject || !w->approver_subject))
		return rf_fail(err, RF_E_MISSING,
			       "the persons behind owner and approver are not known, so nobody can "
			       "say that they are two; sign in and approve it again");
	if (same_person(w))
		return rf_fail(err, RF_E_DENIED,
			       "%s owns this waiver and cannot approve it; another person can",
			       govern_name_short(w->owner, person));
	if (rules->one_control && names_no_control(w->control))
		return rf_fail(err, RF_E_DENIED,
			       "a waiver for all controls would waive what nobody has looked at; "
			       "its owner can name the controls");
	return span_check(w, rules, err);
}

enum waiver_state waiver_state(const struct waiver *w, const struct waiver_rules *rules,
			       int64_t now_ms)
{
	int64_t now = now_ms > w->seen_ms ? now_ms : w->seen_ms;
	bool proposed = rules->needs_approver && !w->approver;

	if (waiver_check(w, rules, !proposed, NULL) < 0)
		return WAIVER_INVALID;
	if (w->revoked)
		return WAIVER_REVOKED;
	if (w->expires_ms <= now)
		return WAIVER_ENDED;
	if (!w->since_ms && govern_time_add(now, WAIVER_MAX_MS) < w->expires_ms)
		return WAIVER_INVALID;
	if (proposed)
		return WAIVER_PROPOSED;
	return w->since_ms > now ? WAIVER_TO_COME : WAIVER_IN_FORCE;
}

bool waiver_covers(const struct waiver *w, const char *control, const char *resource,
		   const char *host)
{
	return rf_glob(w->control, control) && rf_glob(w->resource, resource[0] ? resource : host);
}
