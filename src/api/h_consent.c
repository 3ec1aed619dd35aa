/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Approvals and waivers: what the second person reads, and says. Who approves names the digest of
 * the act that was read, so that it cannot be another by the time the vote comes.
 */
#include <errno.h>
#include <string.h>

#include "api/handlers.h"
#include "base/arena.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/consent.h"

static json_t *pairs_json(const struct approval_pair *pairs, size_t count)
{
	json_t *json = json_object();

	for (size_t i = 0; i < count; i++) {
		RF_AUTOFREE char *name =
			rf_strndup((const char *)pairs[i].name.data, pairs[i].name.len);
		json_t *value = json_stringn((const char *)pairs[i].value.data, pairs[i].value.len);

		json_object_set_new(json, name ? name : "", value ? value : json_string("(bytes)"));
	}
	return json;
}

static json_t *act_json(struct rf_slice bytes)
{
	struct approval_act act = {0};

	if (approval_act_decode(bytes, &act, NULL))
		return json_object();
	json_t *json =
		json_pack("{s:s%, s:o, s:o}", "operation", act.operation.data, act.operation.len,
			  "objects", pairs_json(act.objects, act.objects_count), "parameters",
			  pairs_json(act.params, act.params_count));

	approval_act_done(&act);
	return json;
}

static json_t *votes_json(const struct approval *record)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < record->votes_count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "account",
						      record->votes[i].account, "role",
						      record->votes[i].role, "time_ms",
						      (json_int_t)record->votes[i].time_ms));
	return list;
}

/* An approval as it is read, and what of it a vote needs. */
struct seen {
	struct api_call *call;
	struct approval record;
	json_t *json;
};

static int take_approval(void *arg, const struct store_approval *a)
{
	struct seen *seen = arg;
	const struct approval *r = &a->record;
	RF_AUTOBUF struct rf_buf digest = {0};

	seen->record = *r;
	rf_buf_add_hex(&digest, r->digest, sizeof(r->digest));
	seen->json = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I}",
		"approval", a->approval, "operation", r->operation->name, "state",
		approval_state_name(r->state), "reason", a->reason, "account", r->account, "act",
		act_json(a->act), "digest", rf_buf_text(&digest), "votes", votes_json(r), "quorum",
		(json_int_t)r->quorum, "used", (json_int_t)r->used, "count", (json_int_t)r->count,
		"created_ms", (json_int_t)a->created_ms, "start_ms", (json_int_t)r->start_ms,
		"deadline_ms", (json_int_t)r->deadline_ms);
	return seen->json ? 0 : -ENOMEM;
}

/* Who asks may see: the requester, and who could approve. */
static int approval_read(struct api_call *call, const char *id, struct seen *out,
			 struct rf_err *err)
{
	*out = (struct seen){.call = call};
	int rc = store_approval_get(call->api->store, id, take_approval, out, err);

	if (rc)
		return rc;
	if (rf_equal(out->record.subject, call->who.subject) ||
	    call_sees(call, PRIVILEGE_APPROVAL_GIVE, ""))
		return 0;
	json_decref(out->json);
	out->json = NULL;
	return rf_fail(err, RF_E_UNKNOWN, "there is no approval %s", id);
}

int h_approval(struct api_call *call, struct rf_err *err)
{
	struct seen seen;
	int rc = approval_read(call, call_var(call, "approval"), &seen, err);

	return rc ? rc : call_one(call, seen.json);
}

static int take_id(void *arg, const char *approval, const char *state)
{
	(void)state;
	return json_array_append_new(arg, json_string(approval)) ? -ENOMEM : 0;
}

int h_approvals(struct api_call *call, struct rf_err *err)
{
	const char *state = call_query(call, "state"), *after = call_query(call, "after");
	const struct store_approval_page page = {state ? state : "", after ? after : "",
						 call_query_number(call, "limit", API_PAGE)};
	API_AUTOJSON json_t *ids = json_array(), *items = json_array();
	int rc = store_approval_each(call->api->store, &page, take_id, ids, err);
	const char *last = "";

	for (size_t i = 0; i < json_array_size(ids) && !rc; i++) {
		struct seen seen;

		last = json_string_value(json_array_get(ids, i));
		if (!approval_read(call, last, &seen, err))
			json_array_append_new(items, seen.json);
	}
	return rc ? rc
		  : call_many(call, json_incref(items),
			      (int64_t)json_array_size(ids) >= page.limit ? last : "");
}

/* A vote as the store numbers it. */
struct voting {
	struct api_call *call;
	const char *approval, *reason;
	const struct approval_rule *rule;
	struct approval_event event;
	struct approval record; /* as it is behind the event */
	int refusal;
	struct rf_err why;
};

static int judge(void *arg, struct approval *record, uint64_t seq, struct rf_err *err)
{
	struct voting *voting = arg;

	voting->event.seq = seq;
	int rc = approval_apply(record, voting->rule, &voting->event, err);

	voting->record = *record;
	return rc;
}

/* A refused vote may have ended what was over: it is kept, too, and told. */
static int vote_count(struct store *store, void *arg, struct rf_err *err)
{
	struct voting *voting = arg;
	const struct store_approval_change change = {.approval = voting->approval,
						     .reason = "",
						     .at_ms = voting->call->request->now_ms,
						     .apply = judge,
						     .arg = voting};

	rf_err_clear(&voting->why);
	voting->record = (struct approval){0};
	voting->refusal = store_approval_apply(store, &change, &voting->why);
	if (voting->refusal && voting->record.state == APPROVAL_NONE) {
		*err = voting->why;
		return voting->refusal;
	}
	const struct approval_news news = {
		voting->approval,	approval_state_name(voting->record.state),
		voting->record.account, voting->event.text ? voting->event.text : voting->reason,
		voting->record.todo,	voting->call->request->now_ms};

	return approval_tell(store, &news, err);
}

static int vote(struct api_call *call, struct voting *voting, struct rf_err *err)
{
	const char *id = call_var(call, "approval");
	struct rights_vote by;
	struct seen seen;
	int rc = approval_read(call, id, &seen, err);

	if (rc)
		return rc;
	API_AUTOJSON json_t *json = seen.json;
	AUTORULE struct site_rule rule = {0};

	rights_vote(call->api, &call->who, &by);
	voting->event.who = (struct approval_person){call->who.account, call->who.subject, by.role};
	voting->event.grants = by.grants;
	voting->event.grants_count = by.count;
	voting->event.time_ms = call->request->now_ms;
	voting->call = call;
	voting->approval = id;
	voting->reason = json_string_value(json_object_get(json, "reason"));
	voting->rule = &rule.rule;
	rc = site_rule_read(call->api->store, seen.record.operation->name, &rule, err);
	if (!rc)
		approval_rule_fit(&rule.rule, rights_approvers(call->api, seen.record.subject));
	if (!rc)
		rc = store_transaction(call->api->store, vote_count, voting, err);
	if (!rc && voting->refusal) {
		rc = voting->refusal;
		*err = voting->why;
	}
	(void)rf_copy(call->object, sizeof(call->object), id);
	return rc ? rc : h_approval(call, err);
}

int h_approval_approve(struct api_call *call, struct rf_err *err)
{
	uint8_t digest[APPROVAL_DIGEST_BYTES];
	size_t len = 0;
	struct voting voting = {.event = {.verb = APPROVAL_APPROVE,
					  .digest = digest,
					  .text = call_text(call, "comment"),
					  .terms = {call_number(call, "start_ms", 0),
						    call_number(call, "duration_ms", 0),
						    call_number(call, "count", 1)}}};

	if (rf_hex_decode(call_text(call, "digest"), digest, sizeof(digest), &len) ||
	    len != sizeof(digest))
		return rf_fail(err, RF_E_SYNTAX, "digest has to be 64 hexadecimal digits");
	return vote(call, &voting, err);
}

int h_approval_deny(struct api_call *call, struct rf_err *err)
{
	struct voting voting = {
		.event = {.verb = APPROVAL_DENY, .text = call_text(call, "reason")}};

	return vote(call, &voting, err);
}

int h_approval_cancel(struct api_call *call, struct rf_err *err)
{
	struct voting voting = {.event = {.verb = APPROVAL_CANCEL}};

	return vote(call, &voting, err);
}

static json_t *waiver_json(const struct store_waiver *w, int64_t now_ms)
{
	const struct waiver *row = &w->row;
	enum waiver_state state = waiver_state(row, &waiver_rules_fleet, now_ms);
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "waiver", w->waiver,
			  "control", row->control, "resource", row->resource, "reason", row->reason,
			  "owner", row->owner, "state", waiver_state_name(state), "since_ms",
			  (json_int_t)row->since_ms, "expires_ms", (json_int_t)row->expires_ms);

	if (json && row->approver)
		json_object_set_new(json, "approver", json_string(row->approver));
	if (json && row->compensating)
		json_object_set_new(json, "compensating", json_string(row->compensating));
	return json;
}

static int take_waiver(void *arg, const struct store_waiver *waiver)
{
	struct seen *seen = arg;

	return json_array_append_new(seen->json, waiver_json(waiver, seen->call->request->now_ms))
		       ? -ENOMEM
		       : 0;
}

int h_waivers(struct api_call *call, struct rf_err *err)
{
	API_AUTOJSON json_t *items = json_array();
	struct seen seen = {.call = call, .json = items};

	/* Which findings somebody accepts is for those who read findings of the fleet. */
	if (!call_sees(call, PRIVILEGE_OBJECT_READ, "") &&
	    !call_sees(call, PRIVILEGE_WAIVER_APPROVE, "") &&
	    !call_sees(call, PRIVILEGE_WAIVER_REQUEST, ""))
		return call_may(call, PRIVILEGE_OBJECT_READ, "", err);
	int rc = store_waiver_each(call->api->store, take_waiver, &seen, err);

	return rc ? rc : call_many(call, json_incref(items), "");
}

int h_waiver_propose(struct api_call *call, struct rf_err *err)
{
	char id[STORE_ID_BYTES];
	int64_t now = call->request->now_ms;
	int rc = id_make("waiver-", id, err);
	const struct store_waiver waiver = {
		.waiver = id,
		.row = {.control = call_text(call, "control"),
			.resource = call_text(call, "resource"),
			.reason = call_text(call, "reason"),
			.owner = call->who.account,
			.owner_subject = call->who.subject,
			.compensating = call_text(call, "compensating"),
			.since_ms = call_number(call, "since_ms", now),
			.expires_ms = call_number(call, "expires_ms", 0),
			.seen_ms = now}};

	if (!rc)
		rc = waiver_check(&waiver.row, &waiver_rules_fleet, false, err);
	if (!rc)
		rc = store_waiver_put(call->api->store, &waiver, err);
	return rc ? rc : call_one(call, waiver_json(&waiver, now));
}

/* A waiver is read, changed and kept while its texts are there. */
struct waiver_act {
	struct rf_arena *arena;
	struct store_waiver copy;
};

static int take_copy(void *arg, const struct store_waiver *waiver)
{
	struct waiver_act *act = arg;
	struct rf_arena *a = act->arena;
	struct waiver *row = &act->copy.row;

	act->copy = *waiver;
	act->copy.waiver = rf_arena_copy(a, waiver->waiver);
	row->control = rf_arena_copy(a, row->control);
	row->resource = rf_arena_copy(a, row->resource);
	row->reason = rf_arena_copy(a, row->reason);
	row->owner = rf_arena_copy(a, row->owner);
	row->owner_subject = rf_arena_copy(a, row->owner_subject);
	row->approver = rf_arena_copy(a, row->approver);
	row->approver_subject = rf_arena_copy(a, row->approver_subject);
	row->compensating = rf_arena_copy(a, row->compensating);
	return a->failed ? -ENOMEM : 0;
}

static int waiver_change(struct api_call *call, bool revoke, struct rf_err *err)
{
	RF_AUTOARENA struct rf_arena arena = {0};
	struct waiver_act act = {.arena = &arena};
	const char *id = call_var(call, "waiver");
	int rc = store_waiver_get(call->api->store, id, take_copy, &act, err);
	struct waiver *row = &act.copy.row;

	if (rc)
		return rc;
	if (row->revoked)
		return rf_fail(err, RF_E_CHANGED, "this waiver was revoked, for good");
	if (revoke) {
		row->revoked = true;
	} else if (row->approver) {
		return rf_fail(err, RF_E_DUPLICATE, "this waiver is approved already");
	} else {
		row->approver = call->who.account;
		row->approver_subject = call->who.subject;
		rc = waiver_check(row, &waiver_rules_fleet, true, err);
	}
	if (!rc)
		rc = store_waiver_put(call->api->store, &act.copy, err);
	(void)rf_format(call->note, sizeof(call->note), "%.64s %s", id,
			revoke ? "revoked" : "approved");
	return rc ? rc : call_one(call, waiver_json(&act.copy, call->request->now_ms));
}

int h_waiver_approve(struct api_call *call, struct rf_err *err)
{
	return waiver_change(call, false, err);
}

int h_waiver_revoke(struct api_call *call, struct rf_err *err)
{
	return waiver_change(call, true, err);
}
