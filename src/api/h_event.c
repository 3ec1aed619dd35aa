/* SPDX-License-Identifier: Apache-2.0 */
/* Events, at once or as they come, and the fleet's ledger. */
#include <errno.h>
#include <string.h>

#include "api/handlers.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/ask.h"
#include "store/ledger.h"

#define EXPORT_MAX (256u << 20)

json_t *event_json(const struct store_event *event)
{
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "seq", (json_int_t)event->seq,
			 "kind", event->kind, "host", event->host, "about", event->about,
			 "old_state", event->old_state, "new_state", event->new_state, "text",
			 event->text, "at_ms", (json_int_t)event->at_ms);
}

static bool host_seen(struct api *api, const struct api_who *who, const char *host, int64_t now_ms)
{
	char object[600] = "";
	const struct rights_question question = {who, PRIVILEGE_EVENT_READ, object, now_ms};

	if (host[0])
		(void)rf_format(object, sizeof(object), "host:%s", host);
	struct privilege_set set = rights_all(api, &question);

	return privilege_in(&set, PRIVILEGE_EVENT_READ);
}

bool event_seen(struct api *api, const struct api_who *who, const struct store_event *event)
{
	return host_seen(api, who, event->host, event->at_ms);
}

/* A page of events as it is read. */
struct events {
	json_t *items;
	int64_t last, read;
};

static int take_event(void *arg, const struct store_event *event)
{
	struct events *events = arg;

	events->last = event->seq;
	events->read++;
	return json_array_append_new(events->items, event_json(event)) ? -ENOMEM : 0;
}

static int follow(struct api_call *call, struct rf_err *err)
{
	int64_t after = call_query_number(call, "after", -1);
	const char *last = call->request->last_event;

	if (last && rf_num(last, 10, 0, INT64_MAX, &after))
		return rf_fail(err, RF_E_SYNTAX, "Last-Event-ID is no number of an event");
	call->reply->then = API_THEN_STREAM;
	call->reply->after = after;
	return after >= 0 ? 0 : store_event_last(call->api->store, &call->reply->after, err);
}

int h_events(struct api_call *call, struct rf_err *err)
{
	API_AUTOJSON json_t *items = json_array();
	struct events events = {.items = items};
	int64_t limit = call_query_number(call, "limit", API_PAGE);
	int64_t after = call_query_number(call, "after", -1);
	char next[32] = "";

	if (json_is_true(json_object_get(call->query, "follow")))
		return follow(call, err);
	int rc = after < 0 ? store_event_newest(call->api->store, limit, take_event, &events, err)
			   : store_event_after(call->api->store, after, limit, take_event, &events,
					       err);

	for (size_t i = json_array_size(items); i > 0; i--) {
		const json_t *host = json_object_get(json_array_get(items, i - 1), "host");

		if (!host_seen(call->api, &call->who, json_string_value(host),
			       call->request->now_ms))
			json_array_remove(items, i - 1);
	}
	/* Behind the newest there is nothing yet. */
	if (!rc && after >= 0 && events.read >= limit)
		(void)rf_format(next, sizeof(next), "%lld", (long long)events.last);
	return rc ? rc : call_many(call, json_incref(items), next);
}

int h_ledger(struct api_call *call, struct rf_err *err)
{
	int64_t size = 0, signed_count = 0;
	int rc = store_ledger_size(call->api->store, &size, &signed_count, err);

	return rc ? rc
		  : call_one(call, json_pack("{s:I, s:I}", "size", (json_int_t)size, "signed",
					     (json_int_t)signed_count));
}

static int take_entry(void *arg, int64_t n, struct rf_slice line)
{
	struct events *events = arg;

	events->last = n;
	events->read++;
	return json_array_append_new(events->items,
				     json_pack("{s:I, s:s%}", "n", (json_int_t)n, "line",
					       (const char *)line.data, line.len))
		       ? -ENOMEM
		       : 0;
}

int h_ledger_entries(struct api_call *call, struct rf_err *err)
{
	API_AUTOJSON json_t *items = json_array();
	struct events events = {.items = items};
	int64_t limit = call_query_number(call, "limit", API_PAGE);
	char next[32] = "";
	int rc = store_ledger_each(call->api->store, call_query_number(call, "after", 0), limit,
				   take_entry, &events, err);

	if (!rc && events.read >= limit)
		(void)rf_format(next, sizeof(next), "%lld", (long long)events.last + 1);
	return rc ? rc : call_many(call, json_incref(items), next);
}

static int take_line(void *arg, struct rf_slice line)
{
	struct rf_buf *body = arg;

	return body->len + line.len > EXPORT_MAX ? RF_E_LIMIT
						 : rf_buf_add(body, line.data, line.len);
}

int h_ledger_export(struct api_call *call, struct rf_err *err)
{
	int rc = store_ledger_export(call->api->store, take_line, &call->reply->body, err);

	call->reply->type = "application/jsonl";
	if (!rc && call->reply->body.len == 0)
		rc = rf_fail(err, RF_E_MISSING,
			     "nothing of the ledger is signed yet, so there is nothing to export; "
			     "the manager signs what is new every few seconds: try again");
	return rc == RF_E_LIMIT ? rf_fail(err, rc,
					  "the ledger is too large for one answer; export it on "
					  "the manager")
				: rc;
}
