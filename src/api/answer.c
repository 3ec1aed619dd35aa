/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole way of a request: route, who, rights, body, handler, ledger. Rights come before the
 * body, so that who may nothing learns nothing of what is wrong with it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/core.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/duty.h"
#include "store/ledger.h"

#define JSON_TYPE "application/json"

void api_reply_done(struct api_reply *reply)
{
	if (reply->password.data)
		rf_wipe(reply->password.data, reply->password.capacity);
	rf_buf_done(&reply->password);
	rf_buf_done(&reply->question);
	rf_buf_done(&reply->body);
	memset(reply, 0, sizeof(*reply));
}

const char *call_var(const struct api_call *call, const char *name)
{
	for (size_t i = 0; i < call->match.vars_count; i++)
		if (rf_equal(call->match.var_names[i], name))
			return call->match.vars[i];
	return NULL;
}

const char *call_text(const struct api_call *call, const char *member)
{
	return json_string_value(json_object_get(call->body, member));
}

int64_t call_number(const struct api_call *call, const char *member, int64_t other)
{
	const json_t *value = json_object_get(call->body, member);

	return json_is_integer(value) ? json_integer_value(value) : other;
}

bool call_truth(const struct api_call *call, const char *member)
{
	return json_is_true(json_object_get(call->body, member));
}

const char *call_query(const struct api_call *call, const char *member)
{
	return json_string_value(json_object_get(call->query, member));
}

int64_t call_query_number(const struct api_call *call, const char *member, int64_t other)
{
	const json_t *value = json_object_get(call->query, member);

	return json_is_integer(value) ? json_integer_value(value) : other;
}

int call_one(struct api_call *call, json_t *answer)
{
	json_decref(call->answer);
	call->answer = answer;
	return answer ? 0 : -ENOMEM;
}

int call_many(struct api_call *call, json_t *items, const char *next)
{
	return call_one(call, items ? json_pack("{s:o, s:s}", "items", items, "next", next) : NULL);
}

int call_may(struct api_call *call, enum privilege privilege, const char *object,
	     struct rf_err *err)
{
	const struct rights_question question = {&call->who, privilege, object,
						 call->request->now_ms};

	int rc = rights_may(call->api, &question, err);

	call->refused = call->refused || rc != 0;
	return rc;
}

bool call_sees(struct api_call *call, enum privilege privilege, const char *object)
{
	const struct rights_question question = {&call->who, privilege, object,
						 call->request->now_ms};
	struct privilege_set set = rights_all(call->api, &question);

	return privilege_in(&set, privilege);
}

/* "POST host-approve host:web-3 by alice from 10.0.0.5: why" */
int ledger_tell(struct api_call *call, struct store *store, const char *kind, const char *why,
		struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0}, actor = {0}, hex = {0};
	uint8_t sha256[STORE_SHA256_BYTES];
	bool secret =
		call->route->body && call->match.route && rf_equal(call->route->id, "sign-in");

	rf_buf_printf(&actor, "user %s from %s", call->who.account[0] ? call->who.account : "?",
		      call->who.address);
	if (call->who.way == API_BY_TOKEN)
		rf_buf_printf(&actor, " by token %s", call->who.token);
	rf_buf_printf(&text, "%s: %s", call->route->id,
		      why[0]	      ? why
		      : call->note[0] ? call->note
				      : call->route->summary);
	if (call->ran_alone)
		rf_buf_add_text(&text, "; without a second person, for there is none");
	const struct duty_set *alone =
		call->route->access == ROUTE_PRIVILEGED
			? duties_alone(call->api, &call->who, call->route->privilege)
			: NULL;

	if (alone)
		rf_buf_printf(&text, "; by one person, for nobody else has a duty of %s",
			      alone->id);
	if (call->glass_broken)
		rf_buf_printf(&text, "; the glass was broken (%s): %.256s", call->approval,
			      call->request->glass);
	else if (call->request->approval)
		rf_buf_printf(&text, "; approval %.64s", call->request->approval);
	if (call->request->body.len && !secret) {
		int rc = secret_digest(call->request->body, sha256, err);

		if (rc)
			return rc;
		rf_buf_add_hex(&hex, sha256, sizeof(sha256));
	}
	const struct ledger_entry entry = {.kind = kind,
					   .actor = rf_buf_text(&actor),
					   .about = call->object[0] ? call->object : "fleet",
					   .text = rf_buf_text(&text),
					   .digest = hex.len ? rf_buf_text(&hex) : NULL,
					   .time_ms = call->request->now_ms};

	if (text.failed || actor.failed || hex.failed)
		return rf_fail(err, -ENOMEM, "no memory for the ledger");
	return store_ledger_append(store, &entry, NULL, err);
}

/* What it is about, and whether the caller may; hosts are asked one by one. */
static int object_find(struct api_call *call, struct rf_err *err)
{
	const char *text = "";

	switch (call->route->about) {
	case ROUTE_HOST:
		return rf_format(call->object, sizeof(call->object), "host:%s",
				 call_var(call, "host"))
			       ? 0
			       : rf_fail(err, RF_E_LIMIT, "the host's name is too long");
	case ROUTE_OBJECT:
		text = call_var(call, "object");
		break;
	case ROUTE_BODY:
		text = call_text(call, "object");
		break;
	default:
		break;
	}
	return rf_copy(call->object, sizeof(call->object), text ? text : "")
		       ? 0
		       : rf_fail(err, RF_E_LIMIT, "the object's name is too long");
}

static int hosts_check(struct api_call *call, struct rf_err *err)
{
	const json_t *hosts = json_object_get(call->body, "hosts");
	char object[API_NAME_BYTES * 4];

	for (size_t i = 0; i < json_array_size(hosts); i++) {
		if (!rf_format(object, sizeof(object), "host:%s",
			       json_string_value(json_array_get(hosts, i))))
			return rf_fail(err, RF_E_LIMIT, "a host's name is too long");
		int rc = call_may(call, call->route->privilege, object, err);

		if (rc) {
			(void)rf_copy(call->object, sizeof(call->object), object);
			return rc;
		}
	}
	return 0;
}

static int rights_check(struct api_call *call, struct rf_err *err)
{
	const struct route *route = call->route;

	if (route->access == ROUTE_PUBLIC)
		return 0;
	if (call->who.way == API_BY_NOTHING)
		return rf_fail(err, RF_E_DENIED, "this needs a sign-in");
	int rc = rights_fresh(call->api, err);

	if (rc)
		return rc;
	rights_who(call->api, &call->who);
	/* Where it is about something in the body, that is read first. */
	if (route->access != ROUTE_PRIVILEGED || route->about == ROUTE_BODY ||
	    route->about == ROUTE_HOSTS)
		return 0;
	return call_may(call, route->privilege, call->object, err);
}

static int input_read(struct api_call *call, struct rf_err *err)
{
	const struct api_request *request = call->request;
	const struct route *route = call->route;
	int rc = schema_query(route->query, request->query, &call->query, err);

	if (rc)
		return rc;
	if (!route->body)
		return request->body.len
			       ? rf_fail(err, RF_E_USAGE, "this takes no body; leave it out")
			       : 0;
	const char *type = request->content_type;

	if (!type || !rf_starts(type, JSON_TYPE) ||
	    (type[strlen(JSON_TYPE)] && !strchr("; ", type[strlen(JSON_TYPE)])))
		return rf_fail(err, RF_E_USAGE, "the body has to be application/json");
	rc = schema_read(route->body, request->body, request->body.len, &call->body, err);
	if (rc || (route->about != ROUTE_BODY && route->about != ROUTE_HOSTS))
		return rc;
	rc = object_find(call, err);
	if (!rc && route->about == ROUTE_HOSTS)
		return hosts_check(call, err);
	return rc || route->access != ROUTE_PRIVILEGED
		       ? rc
		       : call_may(call, route->privilege, call->object, err);
}

static int change(struct store *store, void *arg, struct rf_err *err)
{
	struct api_call *call = arg;

	json_decref(call->answer);
	call->answer = NULL;
	call->note[0] = '\0';
	int rc = consent_run(call, store, err);

	return rc ? rc : ledger_tell(call, store, call->route->audit, "", err);
}

static int run(struct api_call *call, struct rf_err *err)
{
	const struct route *route = call->route;

	if (!route->audit)
		return route->handle(call, err);
	if (!route->apart)
		return consent_after(call, store_transaction(call->api->store, change, call, err),
				     err);
	int rc = route->handle(call, err);

	/* Of a sign-in it is told once it is known. */
	if (!rc && call->reply->then != API_THEN_PASSWORD)
		rc = ledger_tell(call, call->api->store, route->audit, "", err);
	return rc;
}

static int etag_make(struct api_reply *reply)
{
	RF_AUTOBUF struct rf_buf text = {0};
	uint8_t sha256[STORE_SHA256_BYTES];
	int rc = secret_digest(rf_buf_slice(&reply->body), sha256, NULL);

	if (rc)
		return rc;
	rf_buf_add_text(&text, "\"");
	rf_buf_add_hex(&text, sha256, 16);
	rf_buf_add_text(&text, "\"");
	return rf_copy(reply->etag, sizeof(reply->etag), rf_buf_text(&text)) ? 0 : -ENOMEM;
}

static int write_answer(struct api_call *call, struct rf_err *err)
{
	struct api_reply *reply = call->reply;

	if (reply->then != API_THEN_SEND)
		return 0;
	if (!call->answer) {
		/* A text that the handler wrote, or nothing. */
		reply->status = reply->status ? reply->status : reply->body.len ? 200 : 204;
		return 0;
	}
	RF_AUTOFREE char *text = json_dumps(call->answer, JSON_COMPACT);

	if (!text || rf_buf_add_text(&reply->body, text))
		return rf_fail(err, -ENOMEM, "no memory for the answer");
	reply->type = JSON_TYPE;
	if (!reply->status)
		reply->status = call->route->method == ROUTE_POST && call->route->audit ? 201 : 200;
	if (call->route->method != ROUTE_GET || etag_make(reply))
		return 0;
	if (rf_equal(call->request->etag, reply->etag)) {
		reply->status = 304;
		rf_buf_reset(&reply->body);
	}
	return 0;
}

static void allow_write(const struct route_match *match, char *out, size_t size)
{
	size_t len = 0;

	for (unsigned i = 0; i < ROUTE_METHODS; i++) {
		if (match->methods & (1u << i))
			(void)rf_format(out + len, size - len, "%s%s", len ? ", " : "",
					route_method_name(i));
		len = strlen(out);
	}
}

/* That somebody tried what they may not: who, from where, what, on what and why. */
static void denied(struct api_call *call, const struct rf_err *why)
{
	call->api->counters[API_N_DENIED]++;
	if (call->who.way == API_BY_NOTHING || !call->route || call->wants_approval)
		return;
	struct rf_err err = {0};

	/* The answer is the same when the ledger cannot be told. */
	if (denied_tell(call, rf_err_text(why), &err))
		fprintf(stderr, "ringfence-manager: api: ledger: %s\n", rf_err_text(&err));
}

static int way(struct api_call *call, struct rf_err *err)
{
	enum route_method method = route_method_find(call->request->method);
	int rc = route_find(method, call->request->path, &call->match, err);

	call->route = call->match.route;
	if (rc == RF_E_UNSUPPORTED)
		allow_write(&call->match, call->reply->allow, sizeof(call->reply->allow));
	if (!rc)
		rc = who_find(call, err);
	if (!rc && call->route->about != ROUTE_BODY && call->route->about != ROUTE_HOSTS)
		rc = object_find(call, err);
	if (!rc)
		rc = rights_check(call, err);
	if (!rc)
		rc = input_read(call, err);
	if (!rc)
		rc = run(call, err);
	return rc ? rc : write_answer(call, err);
}

static void count(struct api *api, int status)
{
	api->counters[API_N_REQUESTS]++;
	if (status >= 500)
		api->counters[API_N_ANSWERS_5XX]++;
	else if (status >= 400)
		api->counters[API_N_ANSWERS_4XX]++;
	else if (status >= 200)
		api->counters[API_N_ANSWERS_2XX]++;
}

void api_answer(struct api *api, const struct api_request *request, struct api_reply *reply)
{
	struct api_call call = {.api = api, .request = request, .reply = reply};
	struct rf_err err = {0};
	int rc = way(&call, &err);

	if (rc && call.route && (rc == RF_E_DENIED || call.refused) && !reply->retry_s)
		denied(&call, &err);
	if (rc)
		problem_reply(&call, rc, &err);
	count(api, reply->status);
	reply->who = call.who;
	json_decref(call.query);
	json_decref(call.body);
	json_decref(call.answer);
}
