/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands for agents: a row for each host, which the manager of its connection signs and sends.
 * The verb is the last part of the route's path, the arguments are the body's other members.
 */
#include <errno.h>
#include <string.h>

#include "api/handlers.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/agents.h"

#define MINUTE_MS ((int64_t)60000)

/* The body without what is the manager's. */
static char *arguments_of(const struct api_call *call)
{
	API_AUTOJSON json_t *arguments = json_copy(call->body);

	json_object_del(arguments, "hosts");
	json_object_del(arguments, "minutes");
	return json_dumps(arguments, JSON_COMPACT | JSON_SORT_KEYS);
}

static int add(struct api_call *call, struct store_command *command, json_t *items,
	       struct rf_err *err)
{
	char id[STORE_ID_BYTES];
	int64_t serial = 0;
	int rc = id_make("command-", id, err);

	command->command = id;
	if (!rc)
		rc = store_command_add(call->api->store, command, &serial, err);
	if (rc)
		return rf_wrap(err, rc, "host %s", command->host);
	return json_array_append_new(items, json_pack("{s:s, s:s, s:I}", "host", command->host,
						      "command", id, "serial", (json_int_t)serial))
		       ? -ENOMEM
		       : 0;
}

int h_command_make(struct api_call *call, struct rf_err *err)
{
	const json_t *hosts = json_object_get(call->body, "hosts");
	const struct api_request *request = call->request;
	RF_AUTOFREE char *arguments = arguments_of(call);
	API_AUTOJSON json_t *items = json_array();
	struct store_command command = {.verb = strrchr(call->route->path, '/') + 1,
					.arguments = arguments,
					.ordered_by = call->who.account,
					.approval = request->approval ? request->approval : "",
					.created_ms = request->now_ms,
					.expires_ms = request->now_ms +
						      call_number(call, "minutes", 10) * MINUTE_MS};
	int rc = arguments ? 0 : rf_fail(err, -ENOMEM, "no memory");

	if (!json_array_size(hosts))
		return rf_fail(err, RF_E_MISSING, "hosts names no host");
	for (size_t i = 0; i < json_array_size(hosts) && !rc; i++) {
		command.host = json_string_value(json_array_get(hosts, i));
		rc = add(call, &command, items, err);
	}
	(void)rf_format(call->note, sizeof(call->note), "%s on %zu hosts, the first %.64s",
			command.verb, json_array_size(hosts),
			json_string_value(json_array_get(hosts, 0)));
	return rc ? rc : call_many(call, json_incref(items), "");
}

static json_t *command_json(const struct store_command *c)
{
	json_t *arguments = c->arguments ? json_loads(c->arguments, 0, NULL) : NULL;
	json_t *json = json_pack(
		"{s:s, s:s, s:I, s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:I}", "command", c->command,
		"host", c->host, "serial", (json_int_t)c->serial, "verb", c->verb, "arguments",
		arguments ? arguments : json_object(), "ordered_by", c->ordered_by, "state",
		c->state, "result", (json_int_t)c->result, "created_ms", (json_int_t)c->created_ms,
		"expires_ms", (json_int_t)c->expires_ms, "changed_ms", (json_int_t)c->changed_ms);

	if (json && c->output)
		json_object_set_new(json, "output", json_string(c->output));
	if (json && c->approval && c->approval[0])
		json_object_set_new(json, "approval", json_string(c->approval));
	return json;
}

/* What is read first; who may see which of it is asked behind the question. */
static int take_command(void *arg, const struct store_command *command)
{
	return json_array_append_new(arg, command_json(command)) ? -ENOMEM : 0;
}

static bool may_see(struct api_call *call, const json_t *command)
{
	char object[600];

	(void)rf_format(object, sizeof(object), "host:%s",
			json_string_value(json_object_get(command, "host")));
	return call_sees(call, PRIVILEGE_OBJECT_READ, object);
}

int h_commands(struct api_call *call, struct rf_err *err)
{
	API_AUTOJSON json_t *items = json_array();
	int rc = store_command_each(call->api->store, call_query(call, "host"),
				    call_query_number(call, "limit", API_PAGE), take_command, items,
				    err);

	for (size_t i = json_array_size(items); i > 0; i--)
		if (!may_see(call, json_array_get(items, i - 1)))
			json_array_remove(items, i - 1);
	return rc ? rc : call_many(call, json_incref(items), "");
}

int h_command(struct api_call *call, struct rf_err *err)
{
	API_AUTOJSON json_t *items = json_array();
	const char *id = call_var(call, "command");
	int rc = store_command_get(call->api->store, id, take_command, items, err);

	if (!rc && !may_see(call, json_array_get(items, 0)))
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no command %s", id);
	return rc ? rc : call_one(call, json_incref(json_array_get(items, 0)));
}
