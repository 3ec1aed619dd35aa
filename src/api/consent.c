/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second person: a route whose operation wants consent does not run without an approval for
 * exactly this act (govern/approval.h); without one it fails, and the approval is requested. Where
 * nobody but the caller could approve, it runs and the ledger says so.
 */
#include <errno.h>
#include <string.h>

#include "api/core.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/access.h"
#include "store/consent.h"

/* An act as it is now. */
struct act {
	struct approval_rule rule;
	uint8_t digest[APPROVAL_DIGEST_BYTES];
	struct rf_buf bytes;
};

static void act_done(struct act *act)
{
	rf_buf_done(&act->bytes);
}
#define AUTOACT __attribute__((cleanup(act_done)))

static int take_version(void *arg, const struct store_host *host)
{
	return rf_format(arg, 96, "%s since %lld", host->state, (long long)host->state_ms)
		       ? 0
		       : RF_E_LIMIT;
}

/* What must not have changed: of a host its state; of all else who may do what. */
static int version_of(struct api_call *call, char out[96], struct rf_err *err)
{
	int64_t generation = 0;

	if (rf_starts(call->object, "host:"))
		return store_host_get(call->api->store, call->object + strlen("host:"),
				      take_version, out, err);
	int rc = store_access_generation(call->api->store, &generation, err);

	(void)rf_format(out, 96, "rights %lld", (long long)generation);
	return rc;
}

static int act_make(struct api_call *call, struct act *act, struct rf_err *err)
{
	const struct approval_site site = {.operation = call->route->operation};
	char version[96];
	RF_AUTOFREE char *body = json_dumps(call->body ? call->body : json_null(),
					    JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	const char *object = call->object[0] ? call->object : "fleet";
	struct approval_pair objects[] = {{rf_slice_text(object), {0}}};
	struct approval_pair params[] = {
		{rf_slice_text("body"), rf_slice_text(body ? body : "")},
		{rf_slice_text("path"), rf_slice_text(call->request->path)},
		{rf_slice_text("route"), rf_slice_text(call->route->id)}};
	int rc =
		body ? approval_rule_make(&site, &act->rule, err) : rf_fail(err, -ENOMEM, "memory");

	if (!rc)
		rc = version_of(call, version, err);
	if (rc)
		return rc;
	objects[0].value = rf_slice_text(version);
	const struct approval_act encoded = {rf_slice_text(site.operation), objects, 1, params,
					     RF_COUNT(params)};

	rc = approval_act_encode(&encoded, &act->bytes, err);
	return rc ? rc : approval_act_digest(&encoded, act->digest, err);
}

/* An event of an approval, judged when the store has numbered it. */
struct judging {
	struct act *act;
	struct approval_event event;
	unsigned todo;
};

static int judge(void *arg, struct approval *record, uint64_t seq, struct rf_err *err)
{
	struct judging *judging = arg;

	judging->event.seq = seq;
	int rc = approval_apply(record, &judging->act->rule, &judging->event, err);

	judging->todo = record->todo;
	return rc;
}

static struct judging judging_make(struct api_call *call, struct act *act, enum approval_verb verb,
				   const char *text)
{
	return (struct judging){
		.act = act,
		.event = {.verb = verb,
			  .time_ms = call->request->now_ms,
			  .who = {call->who.account, call->who.subject, NULL},
			  .digest = act->digest,
			  .text = text},
	};
}

static int use(struct api_call *call, struct store *store, struct act *act, struct rf_err *err)
{
	struct judging judging = judging_make(call, act, APPROVAL_USE, NULL);
	const struct store_approval_change change = {.approval = call->request->approval,
						     .act = rf_buf_slice(&act->bytes),
						     .reason = "",
						     .at_ms = call->request->now_ms,
						     .apply = judge,
						     .arg = &judging};
	int rc = store_approval_apply(store, &change, err);

	if (!rc && !(judging.todo & APPROVAL_TODO_RUN))
		rc = rf_fail(err, RF_E_DENIED, "the approval does not let it run");
	return rc;
}

int consent_run(struct api_call *call, struct store *store, struct rf_err *err)
{
	AUTOACT struct act act = {0};

	if (!call->route->operation)
		return call->route->handle(call, err);
	int rc = act_make(call, &act, err);

	if (rc)
		return rc;
	call->ran_alone = act.rule.level >= APPROVAL_LEVEL_ONE &&
			  !rights_other_approver(call->api, call->who.subject);
	if (act.rule.level < APPROVAL_LEVEL_ONE || call->ran_alone)
		return call->route->handle(call, err);
	if (!call->request->approval) {
		call->wants_approval = true;
		return rf_fail(err, RF_E_DENIED, "%s wants a second person's consent",
			       act.rule.operation->title);
	}
	rc = use(call, store, &act, err);
	call->approval_refused = rc != 0;
	return rc ? rc : call->route->handle(call, err);
}

static int request(struct api_call *call, struct act *act, struct rf_err *err)
{
	char reason[256];

	(void)rf_format(reason, sizeof(reason), "%s: %s", call->route->summary, call->object);
	struct judging judging = judging_make(call, act, APPROVAL_REQUEST, reason);
	const struct store_approval_change change = {.approval = call->approval,
						     .act = rf_buf_slice(&act->bytes),
						     .reason = reason,
						     .at_ms = call->request->now_ms,
						     .apply = judge,
						     .arg = &judging};
	const struct store_event event = {.kind = "approval",
					  .host = "",
					  .about = call->approval,
					  .old_state = "",
					  .new_state = "requested",
					  .text = reason,
					  .at_ms = call->request->now_ms};
	int rc = store_approval_apply(call->api->store, &change, err);

	return rc ? rc : store_event_add(call->api->store, &event, err);
}

int consent_after(struct api_call *call, int rc, struct rf_err *err)
{
	AUTOACT struct act act = {0};
	struct rf_err why = {0};

	if (!call->wants_approval && !call->approval_refused)
		return rc;
	int failed = act_make(call, &act, &why);

	/* The refusal was undone with its transaction: what it did to the approval stays. */
	if (!failed && call->approval_refused)
		(void)use(call, call->api->store, &act, &why);
	if (!failed && call->wants_approval) {
		failed = id_make("approval-", call->approval, &why);
		if (!failed)
			failed = request(call, &act, &why);
	}
	if (failed && call->wants_approval) {
		call->approval[0] = '\0';
		*err = why;
		return failed;
	}
	return rc;
}
