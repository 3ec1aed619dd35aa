/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question over the facts of hosts. It is answered by a process of its own (query.h) that is told
 * which hosts the caller may ask about, and gets to see no other's rows.
 */
#include <errno.h>
#include <string.h>

#include "api/handlers.h"
#include "api/query.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define HOSTS_AT_A_TIME 1000
#define NOTE_BYTES	200

struct asking {
	json_t *ids; /* of a page, before rights are asked */
	struct rf_map wanted;
	char last[STORE_ID_BYTES];
	int64_t read;
};

static int take_host(void *arg, const struct store_host *host)
{
	struct asking *a = arg;

	a->read++;
	(void)rf_copy(a->last, sizeof(a->last), host->host);
	if (rf_equal(host->state, "RETIRED") ||
	    (a->wanted.count && !rf_map_has(&a->wanted, host->host)))
		return 0;
	return json_array_append_new(a->ids, json_string(host->host)) ? -ENOMEM : 0;
}

static void drop_unseen(struct api_call *call, json_t *ids, size_t from)
{
	char object[600];

	for (size_t i = json_array_size(ids); i > from; i--) {
		(void)rf_format(object, sizeof(object), "host:%s",
				json_string_value(json_array_get(ids, i - 1)));
		if (!call_sees(call, PRIVILEGE_FACT_QUERY, object))
			json_array_remove(ids, i - 1);
	}
}

/* Hosts that the caller may ask about, of those that the body names or of all. */
static int hosts_find(struct api_call *call, struct asking *a, struct rf_err *err)
{
	const json_t *named = json_object_get(call->body, "hosts"), *one;
	size_t at;
	int rc = a->ids ? 0 : -ENOMEM;

	json_array_foreach(named, at, one)
	{
		if (!rc)
			rc = rf_map_set(&a->wanted, json_string_value(one), a);
	}
	do {
		size_t from = json_array_size(a->ids);

		a->read = 0;
		if (!rc)
			rc = store_host_each(call->api->store, a->last, HOSTS_AT_A_TIME, take_host,
					     a, err);
		if (!rc)
			drop_unseen(call, a->ids, from);
	} while (!rc && a->read == HOSTS_AT_A_TIME);
	if (!rc && json_array_size(a->ids) == 0)
		rc = rf_fail(err, RF_E_DENIED, "there is no such host whose facts you may ask for");
	return rc;
}

static int question_make(struct api_call *call, json_t *ids, struct rf_err *err)
{
	API_AUTOJSON json_t *question =
		json_pack("{s:s, s:O}", "sql", call_text(call, "sql"), "hosts", ids);
	RF_AUTOFREE char *text = question ? json_dumps(question, JSON_COMPACT) : NULL;

	if (!text || rf_buf_add_text(&call->reply->question, text))
		return rf_fail(err, -ENOMEM, "no memory");
	return call->reply->question.len > QUERY_MAX_QUESTION_BYTES
		       ? rf_fail(err, RF_E_LIMIT, "these are too many hosts")
		       : 0;
}

int h_query(struct api_call *call, struct rf_err *err)
{
	struct asking a = {.ids = json_array()};
	int rc = hosts_find(call, &a, err);

	if (!rc && !call->api->settings.has_queries)
		rc = rf_fail(err, -EAGAIN, "no question can be asked for now");
	if (!rc)
		rc = question_make(call, a.ids, err);
	if (!rc) {
		(void)rf_format(call->note, sizeof(call->note), "of %zu hosts: %.*s",
				json_array_size(a.ids), NOTE_BYTES, call_text(call, "sql"));
		(void)rf_copy(call->reply->account, sizeof(call->reply->account),
			      call->who.account);
		call->reply->then = API_THEN_QUERY;
	}
	json_decref(a.ids);
	rf_map_done(&a.wanted);
	return rc;
}

void api_query_known(struct api *api, const struct api_request *request, int code,
		     struct rf_slice text, struct api_reply *reply)
{
	struct api_call call = {.api = api, .request = request, .reply = reply};
	struct rf_err err = {0};
	int rc = route_find(ROUTE_POST, "/api/v1/query", &call.match, &err);
	API_AUTOJSON json_t *body =
		code ? NULL : json_loadb((const char *)text.data, text.len, 0, NULL);

	call.route = call.match.route;
	call.who.way = API_BY_TOKEN; /* whoever it was, they were signed in */
	reply->then = API_THEN_SEND;
	reply->status = 200;
	reply->type = "application/json";
	if (!rc && code)
		rc = rf_fail(&err, code, "%.*s", (int)text.len, (const char *)text.data);
	else if (!rc && !json_is_array(json_object_get(body, "items")))
		rc = rf_fail(&err, RF_E_PEER, "the process that asks gave no answer");
	if (!rc && rf_buf_add(&reply->body, text.data, text.len))
		rc = rf_fail(&err, -ENOMEM, "no memory");
	if (rc)
		problem_reply(&call, rc, &err);
}
