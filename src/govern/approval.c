/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine of approvals; see approval.h for what always holds. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "govern/approval.h"

/* One event on its way through the checks. */
struct step {
	struct approval *a;
	const struct approval_rule *rule;
	const struct approval_event *event;
	struct rf_err *err;
};

static const char *const state_names[APPROVAL_STATE_COUNT] = {
	[APPROVAL_NONE] = "none",	    [APPROVAL_REQUESTED] = "requested",
	[APPROVAL_APPROVED] = "approved",   [APPROVAL_GLASS] = "glass broken",
	[APPROVAL_CONSUMED] = "consumed",   [APPROVAL_EXPIRED] = "expired",
	[APPROVAL_DENIED] = "denied",	    [APPROVAL_CANCELLED] = "cancelled",
	[APPROVAL_INCIDENT] = "an incident"};

const char *approval_state_name(enum approval_state state)
{
	return (unsigned)state < APPROVAL_STATE_COUNT ? state_names[state] : "unknown";
}

/* ---- sentences ---- */

#define WHO_BYTES 256

/* "a holder of role a or b who is not ann": at most two roles by name. */
static const char *who_approves(const struct step *s, char out[WHO_BYTES])
{
	const struct approval_rule *rule = s->rule;
	char one[GOVERN_SHORT_BYTES], two[GOVERN_SHORT_BYTES], person[GOVERN_SHORT_BYTES];

	govern_name_short(s->a->account, person);
	if (rule->roles_count == 0) {
		rf_format(out, WHO_BYTES, "another person than %s who may approve", person);
		return out;
	}
	govern_name_short(rule->roles[0], one);
	govern_name_short(rule->roles_count > 1 ? rule->roles[1] : "", two);
	rf_format(out, WHO_BYTES, "a holder of role %s%s%s%s who is not %s", one,
		  two[0] ? " or " : "", two, rule->roles_count > 2 ? " (or of others)" : "",
		  person);
	return out;
}

/* Refuses by the state: what it is, and who could go on from there. */
static int refuse_state(const struct step *s)
{
	const struct approval *a = s->a;
	const char *name = s->rule->operation->name;
	char person[GOVERN_SHORT_BYTES], who[WHO_BYTES];

	govern_name_short(a->account, person);
	who_approves(s, who);
	switch (a->state) {
	case APPROVAL_NONE:
		return rf_fail(s->err, RF_E_MISMATCH,
			       "%s: nothing was requested; who needs it requests it first", name);
	case APPROVAL_REQUESTED:
		return rf_fail(s->err, RF_E_MISMATCH,
			       "%s: %u of %u approvals are there; %s can approve or deny it within "
			       "%lld min, then %s tries again",
			       name, a->votes_count, a->quorum, who,
			       govern_minutes_between(a->seen_ms, a->deadline_ms), person);
	case APPROVAL_APPROVED:
		return rf_fail(s->err, RF_E_MISMATCH,
			       "%s: it is approved already; %s can run it for another %lld min, "
			       "and %s can deny it",
			       name, person, govern_minutes_between(a->seen_ms, a->deadline_ms),
			       who);
	case APPROVAL_GLASS:
		return rf_fail(s->err, RF_E_MISMATCH,
			       "%s: it ran by a broken glass; %s can approve it afterwards within "
			       "%lld min, else it is an incident",
			       name, who, govern_minutes_between(a->seen_ms, a->deadline_ms));
	default:
		return rf_fail(s->err, RF_E_MISMATCH,
			       "%s: this request is %s and stays so; %s can request it anew", name,
			       approval_state_name(a->state), person);
	}
}

/* ---- ends ---- */

static bool is_open(const struct approval *a)
{
	return a->state == APPROVAL_REQUESTED || a->state == APPROVAL_APPROVED ||
	       a->state == APPROVAL_GLASS;
}

static void become_incident(struct approval *a)
{
	a->state = APPROVAL_INCIDENT;
	a->todo |= APPROVAL_TODO_INCIDENT | APPROVAL_TODO_ALARM | APPROVAL_TODO_ANSWER;
}

/* What time alone brings about. */
static void lapse(struct approval *a)
{
	if (!is_open(a) || a->seen_ms < a->deadline_ms)
		return;
	if (a->state == APPROVAL_GLASS) {
		become_incident(a);
		return;
	}
	a->state = APPROVAL_EXPIRED;
	a->todo |= APPROVAL_TODO_ANSWER;
}

static void void_it(struct approval *a, enum approval_cause cause)
{
	a->state = APPROVAL_CANCELLED;
	a->cause = cause;
	a->todo |= APPROVAL_TODO_ANSWER;
}

/* ---- checks of a person ---- */

static bool is_requester(const struct approval *a, const struct approval_person *who)
{
	return rf_equal(a->subject, who->subject) || rf_equal(a->account, who->account);
}

static int check_person(const struct step *s)
{
	const struct approval_person *who = &s->event->who;
	int rc = govern_name_check(who->account, GOVERN_MAX_NAME_BYTES, "the account", s->err);

	if (rc < 0)
		return rc;
	/* Without a subject two accounts of one person cannot be told apart. */
	return govern_name_check(who->subject, GOVERN_MAX_NAME_BYTES,
				 "the person behind the account", s->err);
}

/* Uses, cancels and breaks are for the person who requested, from any of their accounts. */
static int check_requester(const struct step *s)
{
	char person[GOVERN_SHORT_BYTES], other[GOVERN_SHORT_BYTES];

	if (rf_equal(s->a->subject, s->event->who.subject))
		return 0;
	return rf_fail(s->err, RF_E_DENIED,
		       "%s: %s requested it, so %s cannot go on with it; %s can, or %s requests it "
		       "in their own name",
		       s->rule->operation->name, govern_name_short(s->a->account, person),
		       govern_name_short(s->event->who.account, other), person, other);
}

static bool role_approves(const struct approval_rule *rule, const char *role)
{
	for (size_t i = 0; i < rule->roles_count; i++) {
		if (rf_equal(rule->roles[i], role))
			return true;
	}
	return rule->roles_count == 0;
}

/* What holds for approving and denying. */
static int check_approver(const struct step *s)
{
	const struct approval_person *who = &s->event->who;
	const char *name = s->rule->operation->name;
	char person[GOVERN_SHORT_BYTES], role[GOVERN_SHORT_BYTES], others[WHO_BYTES];
	int rc = govern_name_check(who->role, GOVERN_MAX_NAME_BYTES, "the role of the approver",
				   s->err);

	if (rc < 0)
		return rc;
	govern_name_short(who->account, person);
	who_approves(s, others);
	if (is_requester(s->a, who))
		return rf_fail(s->err, RF_E_DENIED,
			       "%s: %s is the person who requested it and cannot decide on it; %s "
			       "can",
			       name, person, others);
	if (!role_approves(s->rule, who->role))
		return rf_fail(s->err, RF_E_DENIED,
			       "%s: role %s, by which %s acts, does not decide on it; %s can", name,
			       govern_name_short(who->role, role), person, others);
	return 0;
}

static int check_not_voted(const struct step *s)
{
	const struct approval_person *who = &s->event->who;
	const char *name = s->rule->operation->name;
	char person[GOVERN_SHORT_BYTES], role[GOVERN_SHORT_BYTES], others[WHO_BYTES];

	govern_name_short(who->account, person);
	govern_name_short(who->role, role);
	who_approves(s, others);
	for (size_t i = 0; i < s->a->votes_count; i++) {
		const struct approval_vote *vote = &s->a->votes[i];

		if (rf_equal(vote->subject, who->subject) || rf_equal(vote->account, who->account))
			return rf_fail(s->err, RF_E_DUPLICATE,
				       "%s: the person behind %s has approved it already; %s can, "
				       "who has not",
				       name, person, others);
		if (s->a->distinct_roles && rf_equal(vote->role, who->role))
			return rf_fail(s->err, RF_E_DENIED,
				       "%s: role %s has approved it already; %s can, by another "
				       "role",
				       name, role, others);
	}
	return 0;
}

/* A requester who hands out the role of an approver would choose the approver. */
static int check_grants(const struct step *s)
{
	int64_t lately = govern_time_add(s->a->seen_ms, -s->rule->numbers[APPROVAL_GRANT_MS]);
	char role[GOVERN_SHORT_BYTES], others[WHO_BYTES];

	for (size_t i = 0; i < s->event->grants_count; i++) {
		const struct approval_grant *grant = &s->event->grants[i];

		/* A time still to come is a clock that was wrong: it counts as lately. */
		if (!rf_equal(grant->role, s->event->who.role) ||
		    !rf_equal(grant->by_subject, s->a->subject) || grant->time_ms <= lately)
			continue;
		return rf_fail(s->err, RF_E_DENIED,
			       "%s: the requester granted role %s %lld min ago, so it does not "
			       "count here; %s can, by a role that they had before",
			       s->rule->operation->name,
			       govern_name_short(s->event->who.role, role),
			       govern_minutes_between(grant->time_ms, s->a->seen_ms),
			       who_approves(s, others));
	}
	return 0;
}

/* ---- checks of what is approved ---- */

/* The act as it is now is the act that was requested, and the rule asks for no more than then. */
static int check_drift(const struct step *s)
{
	struct approval *a = s->a;
	const char *name = s->rule->operation->name;
	int64_t quorum = s->rule->numbers[APPROVAL_QUORUM];
	char person[GOVERN_SHORT_BYTES];

	govern_name_short(a->account, person);
	if (memcmp(a->digest, s->event->digest, sizeof(a->digest)) != 0) {
		void_it(a, APPROVAL_CAUSE_DRIFT);
		return rf_fail(s->err, RF_E_CHANGED,
			       "%s: what this request was about has changed since, so it is void; "
			       "%s can look at what it is now and request it anew",
			       name, person);
	}
	if (s->rule->level <= a->level && quorum <= a->quorum &&
	    (a->distinct_roles || !s->rule->distinct_roles))
		return 0;
	void_it(a, APPROVAL_CAUSE_POLICY);
	return rf_fail(s->err, RF_E_CHANGED,
		       "%s: the site asks for more approval since, so this request is void; %s can "
		       "request it anew",
		       name, person);
}

static int terms_check(const struct step *s)
{
	const struct approval_terms *terms = &s->event->terms;
	const int64_t *numbers = s->rule->numbers;
	const char *name = s->rule->operation->name;
	char person[GOVERN_SHORT_BYTES];

	govern_name_short(s->event->who.account, person);
	if (s->a->level == APPROVAL_LEVEL_WINDOW && (terms->start_ms <= 0 || !terms->duration_ms))
		return rf_fail(
			s->err, RF_E_MISSING,
			"%s: it is approved for a window; %s can name its begin and how long "
			"it lasts",
			name, person);
	if (terms->duration_ms < 0 || terms->duration_ms > numbers[APPROVAL_WINDOW_MAX_MS])
		return rf_fail(s->err, RF_E_LIMIT,
			       "%s: a window lasts 1 to %lld ms; %s can choose such a one", name,
			       (long long)numbers[APPROVAL_WINDOW_MAX_MS], person);
	if (terms->start_ms > govern_time_add(s->a->seen_ms, numbers[APPROVAL_AHEAD_MS]))
		return rf_fail(s->err, RF_E_LIMIT,
			       "%s: a window begins within %lld ms from now; %s can choose such a "
			       "one",
			       name, (long long)numbers[APPROVAL_AHEAD_MS], person);
	if (terms->count < 0 || terms->count > numbers[APPROVAL_COUNT_MAX])
		return rf_fail(
			s->err, RF_E_LIMIT,
			"%s: it can be approved for 1 to %lld times, or 0 for as many; %s can "
			"choose such a number",
			name, (long long)numbers[APPROVAL_COUNT_MAX], person);
	return 0;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* All approvers' terms hold together: the latest begin, the earliest end, the lowest count. */
static int terms_join(const struct step *s)
{
	const struct approval_terms *terms = &s->event->terms;
	struct approval *a = s->a;
	int64_t length = terms->duration_ms;
	int64_t start = a->start_ms, limit = a->limit_ms, duration = a->duration_ms;
	char person[GOVERN_SHORT_BYTES];

	length = length ? length : s->rule->numbers[APPROVAL_WINDOW_MS];
	if (terms->start_ms > 0) {
		start = most(start, terms->start_ms);
		limit = least(limit, govern_time_add(terms->start_ms, length));
	} else {
		duration = least(duration, length);
	}
	if (limit <= most(start, a->seen_ms))
		return rf_fail(s->err, RF_E_LIMIT,
			       "%s: this window is over already, or has no moment in common with "
			       "those of the other approvers; %s can choose another one or deny it",
			       s->rule->operation->name,
			       govern_name_short(s->event->who.account, person));
	int64_t count = terms->count ? terms->count : s->rule->numbers[APPROVAL_COUNT_MAX];

	a->start_ms = start;
	a->limit_ms = limit;
	a->duration_ms = duration;
	a->count = (uint32_t)least(a->count, count);
	a->deadline_ms = least(a->deadline_ms, limit);
	return 0;
}

/* ---- the verbs ---- */

static void record_begin(const struct step *s)
{
	const struct approval_rule *rule = s->rule;
	struct approval *a = s->a;

	*a = (struct approval){
		.operation = rule->operation,
		.level = rule->level,
		.distinct_roles = rule->distinct_roles,
		.quorum = (uint32_t)rule->numbers[APPROVAL_QUORUM],
		.count = (uint32_t)rule->numbers[APPROVAL_COUNT_MAX],
		.limit_ms = INT64_MAX,
		.duration_ms = INT64_MAX,
		.seq = a->seq,
		.seen_ms = a->seen_ms,
	};
	memcpy(a->digest, s->event->digest, sizeof(a->digest));
	rf_copy(a->account, sizeof(a->account), s->event->who.account);
	rf_copy(a->subject, sizeof(a->subject), s->event->who.subject);
}

/* The operation runs with this event, and not again. */
static void run_once(struct approval *a, enum approval_state state, unsigned todo)
{
	a->state = state;
	a->used = a->count = 1;
	a->todo = APPROVAL_TODO_RUN | todo;
}

static int do_request(const struct step *s)
{
	struct approval *a = s->a;

	record_begin(s);
	if (a->quorum == 0) {
		run_once(a, APPROVAL_CONSUMED,
			 a->level == APPROVAL_LEVEL_NOTIFY ? APPROVAL_TODO_NOTIFY : 0);
		return 0;
	}
	a->state = APPROVAL_REQUESTED;
	a->deadline_ms = govern_time_add(a->seen_ms, s->rule->numbers[APPROVAL_REQUEST_MS]);
	a->todo = APPROVAL_TODO_ASK;
	return 0;
}

static void vote_add(const struct step *s)
{
	struct approval_vote *vote = &s->a->votes[s->a->votes_count++];

	*vote = (struct approval_vote){.seq = s->event->seq, .time_ms = s->a->seen_ms};
	rf_copy(vote->account, sizeof(vote->account), s->event->who.account);
	rf_copy(vote->subject, sizeof(vote->subject), s->event->who.subject);
	rf_copy(vote->role, sizeof(vote->role), s->event->who.role);
}

/* After a broken glass there is no window to agree on, and what it was about has changed by the
 * operation itself; what the site asks for since is asked for here, too. */
static int approve_glass(const struct step *s)
{
	struct approval *a = s->a;

	a->quorum = (uint32_t)most(a->quorum, s->rule->numbers[APPROVAL_QUORUM]);
	vote_add(s);
	a->todo = APPROVAL_TODO_ASK;
	if (a->votes_count >= a->quorum) {
		a->state = APPROVAL_CONSUMED;
		a->todo = APPROVAL_TODO_ANSWER;
	}
	return 0;
}

static int do_approve(const struct step *s)
{
	struct approval *a = s->a;
	int rc = check_approver(s);

	if (!rc)
		rc = check_not_voted(s);
	if (!rc)
		rc = check_grants(s);
	if (!rc && a->state == APPROVAL_GLASS)
		return approve_glass(s);
	if (!rc)
		rc = check_drift(s);
	if (!rc)
		rc = terms_check(s);
	if (!rc)
		rc = terms_join(s);
	if (rc < 0)
		return rc;
	vote_add(s);
	a->todo = APPROVAL_TODO_ASK;
	if (a->votes_count < a->quorum)
		return 0;
	a->state = APPROVAL_APPROVED;
	a->start_ms = most(a->start_ms, a->seen_ms);
	a->deadline_ms = least(a->limit_ms, govern_time_add(a->start_ms, a->duration_ms));
	a->todo = APPROVAL_TODO_ANSWER;
	return 0;
}

static int do_deny(const struct step *s)
{
	int rc = check_approver(s);

	if (rc < 0)
		return rc;
	if (s->a->state == APPROVAL_GLASS) {
		become_incident(s->a);
		return 0;
	}
	s->a->state = APPROVAL_DENIED;
	s->a->todo = APPROVAL_TODO_ANSWER;
	return 0;
}

static int do_cancel(const struct step *s)
{
	int rc = check_requester(s);

	if (rc < 0)
		return rc;
	s->a->state = APPROVAL_CANCELLED;
	s->a->cause = APPROVAL_CAUSE_PERSON;
	s->a->todo = 0;
	return 0;
}

static int do_use(const struct step *s)
{
	struct approval *a = s->a;
	char person[GOVERN_SHORT_BYTES];
	int rc = check_requester(s);

	if (!rc)
		rc = check_drift(s);
	if (rc < 0)
		return rc;
	if (a->seen_ms < a->start_ms)
		return rf_fail(s->err, RF_E_DENIED,
			       "%s: its window begins in %lld min; %s can try again then",
			       s->rule->operation->name,
			       govern_minutes_between(a->seen_ms, a->start_ms),
			       govern_name_short(a->account, person));
	a->used++;
	a->todo = APPROVAL_TODO_RUN;
	if (a->used >= a->count)
		a->state = APPROVAL_CONSUMED;
	return 0;
}

static int do_break(const struct step *s)
{
	struct approval *a = s->a;
	char person[GOVERN_SHORT_BYTES];
	uint32_t quorum = a->quorum;
	bool distinct = a->distinct_roles;
	int rc = a->state == APPROVAL_REQUESTED ? check_requester(s) : 0;

	if (rc < 0)
		return rc;
	if (s->rule->numbers[APPROVAL_QUORUM] == 0 && a->state == APPROVAL_NONE)
		return rf_fail(s->err, RF_E_MISMATCH,
			       "%s: it needs no approval, so no glass stands before it; %s can "
			       "request it, and it runs",
			       s->rule->operation->name,
			       govern_name_short(s->event->who.account, person));
	record_begin(s);
	a->quorum = quorum > a->quorum ? quorum : a->quorum;
	a->distinct_roles = a->distinct_roles || distinct;
	a->glass = true;
	a->deadline_ms = govern_time_add(a->seen_ms, s->rule->numbers[APPROVAL_GLASS_MS]);
	run_once(a, APPROVAL_GLASS, APPROVAL_TODO_ALARM | APPROVAL_TODO_ASK);
	return 0;
}

static int do_look(const struct step *s)
{
	(void)s;
	return 0;
}

#define IN(state) (1u << APPROVAL_##state)
static const struct verb_row {
	int (*act)(const struct step *s);
	unsigned states; /* in which it can be */
	bool by_person, needs_digest;
	const char *needs_text; /* what the text is then */
} verbs[APPROVAL_VERB_COUNT] = {
	[APPROVAL_REQUEST] = {do_request, IN(NONE), true, true, NULL},
	[APPROVAL_APPROVE] = {do_approve, IN(REQUESTED) | IN(GLASS), true, true, NULL},
	[APPROVAL_DENY] = {do_deny, IN(REQUESTED) | IN(APPROVED) | IN(GLASS), true, false,
			   "the reason of a denial"},
	[APPROVAL_CANCEL] = {do_cancel, IN(REQUESTED) | IN(APPROVED), true, false, NULL},
	[APPROVAL_USE] = {do_use, IN(APPROVED), true, true, NULL},
	[APPROVAL_BREAK] = {do_break, IN(NONE) | IN(REQUESTED), true, true,
			    "the reason for breaking the glass"},
	[APPROVAL_LOOK] = {do_look, (1u << APPROVAL_STATE_COUNT) - 1, false, false, NULL},
};
#undef IN

static int verb_run(const struct step *s, const struct verb_row *verb)
{
	const struct approval_event *event = s->event;
	int rc = verb->by_person ? check_person(s) : 0;

	if (rc < 0)
		return rf_wrap(s->err, rc, "%s", s->rule->operation->name);
	if (!(verb->states & 1u << s->a->state))
		return refuse_state(s);
	if (verb->needs_text || event->text)
		rc = govern_prose_check(
			event->text, verb->needs_text ? verb->needs_text : "the comment", s->err);
	if (rc < 0)
		return rf_wrap(s->err, rc, "%s", s->rule->operation->name);
	return verb->act(s);
}

int approval_apply(struct approval *approval, const struct approval_rule *rule,
		   const struct approval_event *event, struct rf_err *err)
{
	const struct step step = {approval, rule, event, err};

	if ((unsigned)event->verb >= APPROVAL_VERB_COUNT ||
	    (!event->digest && verbs[event->verb].needs_digest) ||
	    (approval->state != APPROVAL_NONE && approval->operation != rule->operation))
		return rf_fail(err, RF_E_USAGE, "%s: this rule or event is not for this record",
			       rule->operation->name);
	int rc = approval_check(approval, err);

	if (rc < 0)
		return rf_wrap(err, rc, "%s", rule->operation->name);
	approval->todo = 0;
	if (event->seq <= approval->seq)
		return rf_fail(err, RF_E_CHANGED,
			       "%s: event %llu comes behind event %llu, which counts already; look "
			       "at what the request is now and try again",
			       rule->operation->name, (unsigned long long)event->seq,
			       (unsigned long long)approval->seq);
	approval->seq = event->seq;
	approval->seen_ms = most(approval->seen_ms, event->time_ms);
	lapse(approval);
	return verb_run(&step, &verbs[event->verb]);
}

/* ---- records from a store ---- */

static bool text_whole(const char *text, size_t size)
{
	return text[0] && memchr(text, 0, size);
}

/* Each vote is of a subject of its own, none of them the requester's. */
static bool votes_whole(const struct approval *a)
{
	for (size_t i = 0; i < a->votes_count; i++) {
		const struct approval_vote *vote = &a->votes[i];

		if (!text_whole(vote->account, sizeof(vote->account)) ||
		    !text_whole(vote->subject, sizeof(vote->subject)) ||
		    !text_whole(vote->role, sizeof(vote->role)) ||
		    rf_equal(vote->subject, a->subject) || rf_equal(vote->account, a->account))
			return false;
		for (size_t k = 0; k < i; k++) {
			const struct approval_vote *other = &a->votes[k];

			if (rf_equal(vote->subject, other->subject) ||
			    rf_equal(vote->account, other->account) ||
			    (a->distinct_roles && rf_equal(vote->role, other->role)))
				return false;
		}
	}
	return true;
}

static bool numbers_whole(const struct approval *a)
{
	bool waits = a->state == APPROVAL_REQUESTED || a->state == APPROVAL_GLASS;

	if (a->quorum > APPROVAL_MAX_VOTES || a->votes_count > APPROVAL_MAX_VOTES || a->count < 1 ||
	    a->count > approval_numbers[APPROVAL_COUNT_MAX].max || a->used > a->count ||
	    a->seen_ms < 0)
		return false;
	if (waits)
		return a->votes_count < a->quorum;
	if (a->state == APPROVAL_APPROVED)
		return a->quorum > 0 && a->votes_count >= a->quorum && a->used < a->count &&
		       a->start_ms < a->deadline_ms;
	return true;
}

int approval_check(const struct approval *a, struct rf_err *err)
{
	if (a->state == APPROVAL_NONE)
		return 0;
	if ((unsigned)a->state < APPROVAL_STATE_COUNT &&
	    (unsigned)a->cause < APPROVAL_CAUSE_COUNT &&
	    (unsigned)a->level < APPROVAL_LEVEL_COUNT && a->operation &&
	    text_whole(a->account, sizeof(a->account)) &&
	    text_whole(a->subject, sizeof(a->subject)) && numbers_whole(a) && votes_whole(a))
		return 0;
	return rf_fail(err, RF_E_MISMATCH,
		       "the stored record of this request is damaged, so nothing runs by it; who "
		       "needs the operation requests it anew, and an administrator looks at the "
		       "store");
}
