/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second person: a route whose operation wants consent does not run without an approval for
 * exactly this act (govern/approval.h); without one it fails, and the approval is requested. Where
 * nobody but the caller could approve, it runs and the ledger says so.
 */
#include <errno.h>
#include <string.h>

#include "api/core.h"
#include "base/arena.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/access.h"
#include "store/consent.h"

/* An act as it is now. */
struct act {
	struct site_rule rule;
	uint8_t digest[APPROVAL_DIGEST_BYTES];
	struct rf_buf bytes;
};

static void act_done(struct act *act)
{
	rf_buf_done(&act->bytes);
	site_rule_done(&act->rule);
}
#define AUTOACT __attribute__((cleanup(act_done)))

/* Objects of an act, with what must not have changed: texts of the arena. */
struct objects {
	struct rf_arena arena;
	struct approval_pair *pairs;
	size_t count, capacity;
};

static void objects_done(struct objects *o)
{
	rf_free(o->pairs);
	rf_arena_done(&o->arena);
}

static int object_add(struct objects *o, const char *object, const char *version)
{
	if (rf_grow((void **)&o->pairs, &o->capacity, o->count + 1, sizeof(*o->pairs)))
		return -ENOMEM;
	o->pairs[o->count++] =
		(struct approval_pair){rf_slice_text(rf_arena_copy(&o->arena, object)),
				       rf_slice_text(rf_arena_copy(&o->arena, version))};
	return o->arena.failed ? -ENOMEM : 0;
}

static int take_version(void *arg, const struct store_host *host)
{
	return rf_format(arg, 96, "%s since %lld", host->state, (long long)host->state_ms)
		       ? 0
		       : RF_E_LIMIT;
}

/* A host as it is now, by its state. */
static int host_add(struct api_call *call, const char *host, struct objects *o, struct rf_err *err)
{
	char version[96] = "absent", object[API_NAME_BYTES * 4];
	int rc = store_host_get(call->api->store, host, take_version, version, err);

	if (rc && rc != RF_E_UNKNOWN)
		return rc;
	return rf_format(object, sizeof(object), "host:%s", host)
		       ? object_add(o, object, version)
		       : rf_fail(err, RF_E_LIMIT, "the host's name is too long");
}

/* Each host that it is about by its state; of all else who may do what. */
static int objects_find(struct api_call *call, struct objects *o, struct rf_err *err)
{
	const json_t *hosts = json_object_get(call->body, "hosts");
	int64_t generation = 0;
	char version[96];
	int rc = 0;

	if (call->route->about == ROUTE_HOST)
		return host_add(call, call_var(call, "host"), o, err);
	for (size_t i = 0; call->route->about == ROUTE_HOSTS && i < json_array_size(hosts) && !rc;
	     i++)
		rc = host_add(call, json_string_value(json_array_get(hosts, i)), o, err);
	if (rc || o->count)
		return rc;
	rc = store_access_generation(call->api->store, &generation, err);
	(void)rf_format(version, sizeof(version), "rights %lld", (long long)generation);
	return rc ? rc : object_add(o, call->object[0] ? call->object : "fleet", version);
}

/* Of a route's operations that which asks for most, as far as those who are there can meet it. */
static int rule_choose(struct api_call *call, struct site_rule *out, struct rf_err *err)
{
	const char *at = call->route->operation;
	char name[64];

	while (*at) {
		size_t len = strcspn(at, " ");
		struct site_rule rule;
		int rc = rf_format(name, sizeof(name), "%.*s", (int)len, at)
				 ? site_rule_read(call->api->store, name, &rule, err)
				 : rf_fail(err, RF_E_LIMIT, "an operation's name");

		if (rc) {
			site_rule_done(&rule);
			return rc;
		}
		bool more = !out->rule.operation || rule.rule.level > out->rule.level;

		site_rule_done(more ? out : &rule);
		if (more)
			*out = rule;
		at += len + strspn(at + len, " ");
	}
	/* The roles' list lies within the struct, which has moved. */
	out->rule.roles = out->roles;
	approval_rule_fit(&out->rule, rights_approvers(call->api, call->who.subject));
	return 0;
}

static int act_encode(struct api_call *call, struct act *act, struct objects *objects,
		      struct rf_err *err)
{
	RF_AUTOFREE char *body = json_dumps(call->body ? call->body : json_null(),
					    JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	struct approval_pair params[] = {
		{rf_slice_text("body"), rf_slice_text(body ? body : "")},
		{rf_slice_text("path"), rf_slice_text(call->request->path)},
		{rf_slice_text("route"), rf_slice_text(call->route->id)}};
	const struct approval_act encoded = {rf_slice_text(act->rule.rule.operation->name),
					     objects->pairs, objects->count, params,
					     RF_COUNT(params)};
	int rc = body ? approval_act_encode(&encoded, &act->bytes, err)
		      : rf_fail(err, -ENOMEM, "memory");

	return rc ? rc : approval_act_digest(&encoded, act->digest, err);
}

static int act_make(struct api_call *call, struct act *act, struct rf_err *err)
{
	__attribute__((cleanup(objects_done))) struct objects objects = {0};
	int rc = rule_choose(call, &act->rule, err);

	if (!rc)
		rc = objects_find(call, &objects, err);
	return rc ? rc : act_encode(call, act, &objects, err);
}

/* An event of an approval, judged when the store has numbered it. */
struct judging {
	struct act *act;
	struct approval_event event;
	struct approval record; /* behind the event */
};

static int judge(void *arg, struct approval *record, uint64_t seq, struct rf_err *err)
{
	struct judging *judging = arg;

	judging->event.seq = seq;
	int rc = approval_apply(record, &judging->act->rule.rule, &judging->event, err);

	judging->record = *record;
	return rc;
}

/* One event of the approval, and the news of it; what the record then says is in judging. */
struct step {
	enum approval_verb verb;
	const char *approval, *text;
};

static int step_take(struct api_call *call, struct store *store, struct act *act,
		     const struct step *step, unsigned *out_todo, struct rf_err *err)
{
	char reason[300];
	struct judging judging = {
		.act = act,
		.event = {.verb = step->verb,
			  .time_ms = call->request->now_ms,
			  .who = {call->who.account, call->who.subject, NULL},
			  .digest = act->digest,
			  .text = step->text},
	};

	(void)rf_format(reason, sizeof(reason), "%s%s%.200s", call->route->summary,
			call->object[0] ? ": " : "", call->object);
	const struct store_approval_change change = {.approval = step->approval,
						     .act = rf_buf_slice(&act->bytes),
						     .reason = reason,
						     .at_ms = call->request->now_ms,
						     .apply = judge,
						     .arg = &judging};
	int rc = store_approval_apply(store, &change, err);
	const struct approval_news news = {step->approval,
					   approval_state_name(judging.record.state),
					   judging.record.account,
					   step->verb == APPROVAL_BREAK ? step->text : reason,
					   judging.record.todo & ~(unsigned)APPROVAL_TODO_RUN,
					   call->request->now_ms};
	struct rf_err why = {0};
	int told = judging.record.todo ? approval_tell(store, &news, &why) : 0;

	*out_todo = judging.record.todo;
	if (!rc && told) {
		*err = why;
		rc = told;
	}
	return rc;
}

static int use(struct api_call *call, struct store *store, struct act *act, struct rf_err *err)
{
	const struct step step = {APPROVAL_USE, call->request->approval, NULL};
	unsigned todo = 0;
	int rc = step_take(call, store, act, &step, &todo, err);

	if (!rc && !(todo & APPROVAL_TODO_RUN))
		rc = rf_fail(err, RF_E_DENIED, "the approval does not let it run");
	return rc;
}

/* There is no time to wait: it runs, raises an alarm, and has to be approved behind it. */
static int break_glass(struct api_call *call, struct store *store, struct act *act,
		       struct rf_err *err)
{
	struct step step = {APPROVAL_BREAK, call->approval, call->request->glass};
	unsigned todo = 0;
	int rc = call->request->approval
			 ? (rf_copy(call->approval, sizeof(call->approval), call->request->approval)
				    ? 0
				    : rf_fail(err, RF_E_LIMIT, "the approval's id is too long"))
			 : id_make("approval-", call->approval, err);

	if (!rc)
		rc = step_take(call, store, act, &step, &todo, err);
	call->glass_broken = !rc && (todo & APPROVAL_TODO_RUN);
	if (!rc && !call->glass_broken)
		rc = rf_fail(err, RF_E_DENIED, "the glass does not let it run");
	return rc ? rc : call->route->handle(call, err);
}

/* Those whom the site wants to know hear of what needs no second person. */
static int notice(struct api_call *call, struct store *store, struct rf_err *err)
{
	const struct approval_news news = {
		call->route->operation, "done",
		call->who.account,	call->note[0] ? call->note : call->route->summary,
		APPROVAL_TODO_NOTIFY,	call->request->now_ms};

	return approval_tell(store, &news, err);
}

/* Only who may ask for a second person can be given one. */
static int may_request(struct api_call *call, struct rf_err *err)
{
	const json_t *hosts = json_object_get(call->body, "hosts");
	char object[API_NAME_BYTES * 4];
	int rc = 0;

	if (call->route->about != ROUTE_HOSTS)
		return call_may(call, PRIVILEGE_APPROVAL_REQUEST, call->object, err);
	for (size_t i = 0; i < json_array_size(hosts) && !rc; i++) {
		(void)rf_format(object, sizeof(object), "host:%s",
				json_string_value(json_array_get(hosts, i)));
		rc = call_may(call, PRIVILEGE_APPROVAL_REQUEST, object, err);
	}
	return rc;
}

int consent_run(struct api_call *call, struct store *store, struct rf_err *err)
{
	AUTOACT struct act act = {0};

	call->wants_approval = call->approval_refused = call->glass_broken = false;
	if (!call->route->operation || !consent_wanted(call))
		return call->route->handle(call, err);
	int rc = act_make(call, &act, err);
	enum approval_level level = act.rule.rule.level;

	if (rc)
		return rc;
	call->ran_alone = level >= APPROVAL_LEVEL_ONE &&
			  !rights_approvers(call->api, call->who.subject).people;
	if (level < APPROVAL_LEVEL_ONE || call->ran_alone) {
		rc = call->route->handle(call, err);
		return rc || level == APPROVAL_LEVEL_RECORD ? rc : notice(call, store, err);
	}
	rc = may_request(call, err);
	if (rc)
		return rc;
	if (call->request->glass)
		return break_glass(call, store, &act, err);
	if (!call->request->approval) {
		call->wants_approval = true;
		return rf_fail(err, RF_E_DENIED, "%s wants a second person's consent",
			       act.rule.rule.operation->title);
	}
	rc = use(call, store, &act, err);
	call->approval_refused = rc != 0;
	return rc ? rc : call->route->handle(call, err);
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
		const struct step step = {APPROVAL_REQUEST, call->approval, NULL};
		unsigned todo;

		if (!failed)
			failed = step_take(call, call->api->store, &act, &step, &todo, &why);
	}
	if (failed && call->wants_approval) {
		call->approval[0] = '\0';
		*err = why;
		return failed;
	}
	return rc;
}
