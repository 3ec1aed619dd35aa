/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals and waivers; see consent.h. The counter of events is locked until the commit: so no two
 * events of approvals are judged at once, and their numbers are in the order of commit. */
#include "store/consent.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/acts.h"

/* Approvals ---------------------------------------------------------------------------------- */

/* A record as it is read: its row comes once for each vote. */
struct approval_read {
	struct store_approval approval;
	struct rf_buf act, reason;
	bool any;
};

static void approval_read_done(struct approval_read *r)
{
	rf_buf_done(&r->act);
	rf_buf_done(&r->reason);
}

static int state_of(const char *name, enum approval_state *out)
{
	for (int i = 0; i < APPROVAL_STATE_COUNT; i++) {
		*out = (enum approval_state)i;
		if (rf_equal(approval_state_name(*out), name))
			return 0;
	}
	return RF_E_MISMATCH;
}

/* A number of the record's that is not negative and fits 32 bits. */
static int small(const struct store_value *value, uint32_t *out)
{
	if (value->number < 0 || value->number > UINT32_MAX)
		return RF_E_MISMATCH;
	*out = (uint32_t)value->number;
	return 0;
}

static int record_numbers(struct approval *a, const struct store_value *row)
{
	uint32_t cause, level;

	if (small(&row[2], &cause) || small(&row[3], &level) || small(&row[15], &a->quorum) ||
	    small(&row[16], &a->count) || small(&row[17], &a->used) || small(&row[18], &a->todo) ||
	    cause >= APPROVAL_CAUSE_COUNT || level >= APPROVAL_LEVEL_COUNT)
		return RF_E_MISMATCH;
	a->cause = (enum approval_cause)cause;
	a->level = (enum approval_level)level;
	a->glass = row[4].number;
	a->distinct_roles = row[5].number;
	a->seq = (uint64_t)row[9].number;
	a->seen_ms = row[10].number;
	a->deadline_ms = row[11].number;
	a->start_ms = row[12].number;
	a->limit_ms = row[13].number;
	a->duration_ms = row[14].number;
	return 0;
}

static int record_read(struct approval_read *r, const struct store_value *row)
{
	struct approval *a = &r->approval.record;

	a->operation = approval_operation_find(rf_slice_text(store_value_text(&row[0])));
	if (!a->operation || state_of(store_value_text(&row[1]), &a->state) ||
	    record_numbers(a, row) || row[6].bytes.len != sizeof(a->digest) ||
	    !rf_copy(a->account, sizeof(a->account), store_value_text(&row[7])) ||
	    !rf_copy(a->subject, sizeof(a->subject), store_value_text(&row[8])))
		return RF_E_MISMATCH;
	memcpy(a->digest, row[6].bytes.data, sizeof(a->digest));
	rf_buf_add(&r->act, row[19].bytes.data, row[19].bytes.len);
	rf_buf_add_text(&r->reason, store_value_text(&row[20]));
	r->approval.created_ms = row[21].number;
	return 0;
}

static int vote_read(struct approval *a, const struct store_value *row)
{
	struct approval_vote *vote = &a->votes[a->votes_count];

	if (row[0].kind == STORE_NULL)
		return 0;
	if (a->votes_count == APPROVAL_MAX_VOTES ||
	    !rf_copy(vote->account, sizeof(vote->account), store_value_text(&row[0])) ||
	    !rf_copy(vote->subject, sizeof(vote->subject), store_value_text(&row[1])) ||
	    !rf_copy(vote->role, sizeof(vote->role), store_value_text(&row[2])))
		return RF_E_MISMATCH;
	vote->seq = (uint64_t)row[3].number;
	vote->time_ms = row[4].number;
	a->votes_count++;
	return 0;
}

static int take_approval(void *arg, const struct store_value *row)
{
	struct approval_read *r = arg;
	int rc = r->any ? 0 : record_read(r, row);

	r->any = true;
	return rc ? rc : vote_read(&r->approval.record, row + 22);
}

static int approval_read(struct store *store, const char *approval, struct approval_read *r,
			 struct rf_err *err)
{
	int rc = store_run(store, STORE_S_APPROVAL_GET, STORE_PARAMS(store_text(approval)),
			   (struct store_rows){take_approval, r}, err);

	if (!rc && (r->act.failed || r->reason.failed))
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (rc == RF_E_MISMATCH)
		rc = rf_fail(err, rc, "the approval %s is damaged in the store", approval);
	r->approval.approval = approval;
	r->approval.act = rf_buf_slice(&r->act);
	r->approval.reason = rf_buf_text(&r->reason);
	return rc;
}

int store_approval_get(struct store *store, const char *approval,
		       int (*take)(void *arg, const struct store_approval *approval), void *arg,
		       struct rf_err *err)
{
	struct approval_read r = {.any = false};
	int rc = approval_read(store, approval, &r, err);

	if (!rc)
		rc = r.any ? take(arg, &r.approval)
			   : rf_fail(err, RF_E_UNKNOWN, "there is no approval %s", approval);
	approval_read_done(&r);
	return rc;
}

static int votes_write(struct store *store, const char *approval, const struct approval *a,
		       struct rf_err *err)
{
	int rc = store_run(store, STORE_S_VOTES_DROP, STORE_PARAMS(store_text(approval)),
			   STORE_NO_ROWS, err);

	for (uint32_t i = 0; !rc && i < a->votes_count; i++) {
		const struct approval_vote *v = &a->votes[i];

		rc = store_run(store, STORE_S_VOTE_ADD,
			       STORE_PARAMS(store_text(approval), store_int(i),
					    store_text(v->account), store_text(v->subject),
					    store_text(v->role), store_int((int64_t)v->seq),
					    store_int(v->time_ms)),
			       STORE_NO_ROWS, err);
	}
	return rc;
}

static int record_write(struct store *store, const struct store_approval_change *c,
			const struct approval *a, struct rf_err *err)
{
	struct rf_slice digest = {a->digest, sizeof(a->digest)};
	int rc = store_run(
		store, STORE_S_APPROVAL_PUT,
		STORE_PARAMS(store_text(c->approval), store_text(a->operation->name),
			     store_text(approval_state_name(a->state)), store_int(a->cause),
			     store_int(a->level), store_int(a->glass), store_int(a->distinct_roles),
			     store_blob(digest), store_text(a->account), store_text(a->subject),
			     store_int((int64_t)a->seq), store_int(a->seen_ms),
			     store_int(a->deadline_ms), store_int(a->start_ms),
			     store_int(a->limit_ms), store_int(a->duration_ms),
			     store_int(a->quorum), store_int(a->count), store_int(a->used),
			     store_int(a->todo), store_blob(c->act),
			     store_text(c->reason ? c->reason : ""), store_int(c->at_ms)),
		STORE_NO_ROWS, err);

	return rc ? rc : votes_write(store, c->approval, a, err);
}

/* An event and what was said to it. */
struct approval_act_of {
	const struct store_approval_change *change;
	int refusal;
	struct rf_err why;
};

static int approval_event(struct store *store, struct approval_act_of *of, struct approval_read *r,
			  struct rf_err *err)
{
	const struct store_approval_change *c = of->change;
	struct approval *record = &r->approval.record;
	int64_t seq = 0;
	int rc = store_counter_next(store, "approval", &seq, err);

	if (!rc)
		rc = approval_read(store, c->approval, r, err);
	if (rc)
		return rc;
	rf_err_clear(&of->why);
	of->refusal = c->apply(c->arg, record, (uint64_t)seq, &of->why);
	if (record->state == APPROVAL_NONE || !record->operation)
		return 0; /* a refused request, of which nothing is kept */
	return record_write(store, c, record, err);
}

static int approval_apply_one(struct store *store, void *arg, struct rf_err *err)
{
	struct approval_read r = {.any = false};
	int rc = approval_event(store, arg, &r, err);

	approval_read_done(&r);
	return rc;
}

int store_approval_apply(struct store *store, const struct store_approval_change *change,
			 struct rf_err *err)
{
	struct approval_act_of of = {.change = change};
	int rc = store_transaction(store, approval_apply_one, &of, err);

	if (!rc && of.refusal && err)
		*err = of.why;
	return rc ? rc : of.refusal;
}

struct approval_rows {
	int (*take)(void *arg, const char *approval, const char *state);
	void *arg;
};

static int take_approval_id(void *arg, const struct store_value *row)
{
	struct approval_rows *rows = arg;

	return rows->take(rows->arg, store_value_text(&row[0]), store_value_text(&row[1]));
}

int store_approval_each(struct store *store, const struct store_approval_page *page,
			int (*take)(void *arg, const char *approval, const char *state), void *arg,
			struct rf_err *err)
{
	struct approval_rows rows = {take, arg};

	return store_run(store, STORE_S_APPROVAL_EACH,
			 STORE_PARAMS(store_text(page->state), store_text(page->after),
				      store_int(page->limit)),
			 (struct store_rows){take_approval_id, &rows}, err);
}

/* Rules -------------------------------------------------------------------------------------- */

static int rule_put(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_rule *r = arg;
	int rc = store_run(store, STORE_S_RULE_PUT,
			   STORE_PARAMS(store_text(r->operation), store_text(r->rule),
					store_text(r->changed_by), store_int(r->changed_ms)),
			   STORE_NO_ROWS, err);

	return rc ? rc : store_access_changed(store, err);
}

int store_rule_put(struct store *store, const struct store_rule *rule, struct rf_err *err)
{
	struct store_rule copy = *rule;

	return store_transaction(store, rule_put, &copy, err);
}

struct rule_rows {
	const char *operation;
	int (*take)(void *arg, const struct store_rule *rule);
	void *arg;
};

static int take_rule(void *arg, const struct store_value *row)
{
	struct rule_rows *rows = arg;
	const struct store_rule rule = {rows->operation, store_value_text(&row[0]),
					store_value_text(&row[1]), row[2].number};

	return rows->take(rows->arg, &rule);
}

int store_rule_get(struct store *store, const char *operation,
		   int (*take)(void *arg, const struct store_rule *rule), void *arg,
		   struct rf_err *err)
{
	struct rule_rows rows = {operation, take, arg};

	return store_run(store, STORE_S_RULE_GET, STORE_PARAMS(store_text(operation)),
			 (struct store_rows){take_rule, &rows}, err);
}

/* Waivers ------------------------------------------------------------------------------------ */

int store_waiver_put(struct store *store, const struct store_waiver *waiver, struct rf_err *err)
{
	const struct waiver *w = &waiver->row;
	const struct store_value values[] = {
		store_text(waiver->waiver),  store_text(w->control),
		store_text(w->resource),     store_text(w->reason),
		store_text(w->owner),	     store_text(w->owner_subject),
		store_text(w->approver),     store_text(w->approver_subject),
		store_text(w->compensating), store_int(w->since_ms),
		store_int(w->expires_ms),    store_int(w->revoked),
		store_int(w->seen_ms),	     store_int(waiver->seq),
	};
	struct store_params params = {values, RF_COUNT(values)};
	bool hit = false;

	if (!waiver->seq) {
		params.count--;
		return store_run(store, STORE_S_WAIVER_ADD, params, STORE_NO_ROWS, err);
	}
	int rc = store_run_hit(store, STORE_S_WAIVER_PUT, params, &hit, err);

	if (!rc && !hit)
		rc = rf_fail(err, RF_E_CHANGED, "the waiver %s was changed meanwhile",
			     waiver->waiver);
	return rc;
}

struct waiver_rows {
	int (*take)(void *arg, const struct store_waiver *waiver);
	void *arg;
	bool any;
};

static int take_waiver(void *arg, const struct store_value *row)
{
	struct waiver_rows *rows = arg;
	struct store_waiver waiver = {
		.waiver = store_value_text(&row[0]),
		.row =
			{
				.control = store_value_text(&row[1]),
				.resource = store_value_text(&row[2]),
				.reason = store_value_text(&row[3]),
				.owner = store_value_text(&row[4]),
				.owner_subject = store_value_text(&row[5]),
				.approver = store_value_text(&row[6]),
				.approver_subject = store_value_text(&row[7]),
				.compensating = store_value_text(&row[8]),
				.since_ms = row[9].number,
				.expires_ms = row[10].number,
				.revoked = row[11].number,
				.seen_ms = row[12].number,
			},
		.seq = row[13].number,
	};

	rows->any = true;
	return rows->take(rows->arg, &waiver);
}

int store_waiver_get(struct store *store, const char *waiver,
		     int (*take)(void *arg, const struct store_waiver *waiver), void *arg,
		     struct rf_err *err)
{
	struct waiver_rows rows = {take, arg, false};
	int rc = store_run(store, STORE_S_WAIVER_GET, STORE_PARAMS(store_text(waiver)),
			   (struct store_rows){take_waiver, &rows}, err);

	if (!rc && !rows.any)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no waiver %s", waiver);
	return rc;
}

int store_waiver_each(struct store *store,
		      int (*take)(void *arg, const struct store_waiver *waiver), void *arg,
		      struct rf_err *err)
{
	struct waiver_rows rows = {take, arg, false};

	return store_run(store, STORE_S_WAIVER_EACH, STORE_NO_PARAMS,
			 (struct store_rows){take_waiver, &rows}, err);
}

int store_waiver_seen(struct store *store, int64_t now_ms, struct rf_err *err)
{
	return store_run(store, STORE_S_WAIVER_SEEN, STORE_PARAMS(store_int(now_ms)), STORE_NO_ROWS,
			 err);
}
