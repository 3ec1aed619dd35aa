/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which hosts are meant, and what they were told to do: the manager keeps a command for each until
 * its agent has it; here their results are waited for and shown. See fleet.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/fleet.h"

#define HOSTS	 "/api/v1/hosts"
#define COMMANDS "/api/v1/commands/"
#define BATCH	 1000
#define POLL_S	 1

int fleet_where(const char *selector, struct rf_buf *out, struct rf_err *err)
{
	static const char *const keys[] = {"state", "name", "label"};
	const char *between = "?";

	while (selector && *selector) {
		size_t len = strcspn(selector, ","), key = 0;
		RF_AUTOFREE char *part = rf_strndup(selector, len);

		if (!part)
			return rf_fail(err, -ENOMEM, "no memory");
		char *value = strchr(part, '=');

		if (value)
			*value++ = '\0';
		while (key < RF_COUNT(keys) && strcmp(keys[key], part) != 0)
			key++;
		if (!value || !*value || key == RF_COUNT(keys))
			return rf_fail(err, RF_E_USAGE,
				       "--where %s: state=STATE, name=GLOB or label=NAME=VALUE is "
				       "wanted, more of them with commas between",
				       part);
		rf_buf_printf(out, "%s%s=", between, part);
		client_escape(out, value);
		between = "&";
		selector += len + (selector[len] == ',');
	}
	return out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

int fleet_hosts(struct client *client, const char *selector, json_t **out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf path = {0};
	json_t *items = NULL, *ids = json_array(), *item;
	size_t at;

	rf_buf_add_text(&path, HOSTS);
	int rc = ids ? fleet_where(selector, &path, err) : rf_fail(err, -ENOMEM, "no memory");

	if (!rc)
		rc = fleet_list(client, rf_buf_text(&path), &items, err);
	json_array_foreach(items, at, item)
	{
		json_t *id = json_object_get(item, "host");

		if (json_is_string(id) &&
		    !rf_equal(json_string_value(json_object_get(item, "state")), "RETIRED"))
			json_array_append(ids, id);
	}
	json_decref(items);
	if (!rc && json_array_size(ids) == 0)
		rc = rf_fail(err, RF_E_MISSING, "no host is chosen%s%s; see: ringfence host list",
			     selector ? " by " : "", selector ? selector : "");
	if (rc) {
		json_decref(ids);
		return rc;
	}
	*out = ids;
	return 0;
}

/* What is asked of whom, and the commands that were made of it. */
struct order {
	struct client *client;
	const struct client_request *request;
	json_t *hosts, *made;
};

/* Sends the command for up to BATCH hosts from `from` on. */
static int send_batch(const struct order *o, size_t from, struct rf_err *err)
{
	CLIENT_AUTOANSWER struct client_answer answer = {0};
	json_t *body = json_copy((json_t *)(uintptr_t)o->request->body), *some = json_array();
	struct client_request call = *o->request;

	for (size_t i = from; i < json_array_size(o->hosts) && i < from + BATCH; i++)
		json_array_append(some, json_array_get(o->hosts, i));
	int rc = body && some && json_object_set(body, "hosts", some) == 0
			 ? 0
			 : rf_fail(err, -ENOMEM, "no memory");

	call.body = body;
	if (!rc)
		rc = client_call(o->client, &call, &answer, err);
	if (!rc && json_array_extend(o->made, json_object_get(answer.body, "items")) < 0)
		rc = rf_fail(err, RF_E_PEER, "the manager's answer is no list");
	json_decref(body);
	json_decref(some);
	return rc;
}

/* The command as it is now; *out_ended when nothing more will become of it. */
static int look(struct client *client, const char *id, json_t **out, bool *out_ended,
		struct rf_err *err)
{
	CLIENT_AUTOANSWER struct client_answer answer = {0};
	RF_AUTOBUF struct rf_buf path = {0};

	rf_buf_add_text(&path, COMMANDS);
	client_escape(&path, id);
	const struct client_request request = {.method = "GET", .path = rf_buf_text(&path)};
	int rc = path.failed ? -ENOMEM : client_call(client, &request, &answer, err);

	if (rc)
		return rc;
	const char *state = json_string_value(json_object_get(answer.body, "state"));

	*out_ended = rf_equal(state, "done") || rf_equal(state, "expired");
	*out = json_incref(answer.body);
	return 0;
}

/* A command's end as an exit status: of one that ended, its own (2: findings); else 1. */
static int status_of(const json_t *command)
{
	const json_t *result = json_object_get(command, "result");
	bool done = rf_equal(json_string_value(json_object_get(command, "state")), "done");

	if (done && json_integer_value(result) == 0)
		return 0;
	return done && json_integer_value(result) == CLI_FINDINGS ? CLI_FINDINGS : 1;
}

/* The same for a person. Who did not answer in time is unknown, never taken for good. */
static const char *outcome_of(const json_t *command, int status)
{
	bool done = rf_equal(json_string_value(json_object_get(command, "state")), "done");
	/* -2: it was interrupted on the host. */
	bool known = done && json_integer_value(json_object_get(command, "result")) != -2;

	if (!known)
		return "unknown";
	return status == 0 ? "ok" : status == CLI_FINDINGS ? "findings" : "failed";
}

/* Waits for one command; *out_status as status_of. */
static int wait_one(struct client *client, const json_t *made, json_t *results, int *out_status,
		    struct rf_err *err)
{
	const char *id = json_string_value(json_object_get(made, "command"));
	bool ended = false;
	json_t *command = NULL;
	int rc = id ? 0 : rf_fail(err, RF_E_PEER, "a command has no id");

	while (!rc && !ended) {
		json_decref(command);
		command = NULL;
		rc = look(client, id, &command, &ended, err);
		if (!rc && !ended)
			sleep(POLL_S);
	}
	*out_status = rc ? 1 : status_of(command);
	if (!rc &&
	    json_object_set_new(command, "outcome", json_string(outcome_of(command, *out_status))))
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (!rc && json_array_append_new(results, command) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory");
	return rc;
}

/* *out_status: 1 when one failed, else 2 when one has findings, else 0. */
static int wait_all(struct client *client, const json_t *made, json_t *results, int *out_status,
		    struct rf_err *err)
{
	const json_t *one;
	size_t at;
	int rc = 0;

	json_array_foreach(made, at, one)
	{
		int status = 0;

		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\r%zu of %zu hosts have answered ", at,
				json_array_size(made));
		if (!rc)
			rc = wait_one(client, one, results, &status, err);
		if (status && *out_status != 1)
			*out_status = status;
	}
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	return rc;
}

int fleet_order(struct client *client, const struct fleet_row *row, const struct cli_args *args,
		struct fleet_request *request, struct rf_err *err)
{
	const struct client_request call = {.method = row->method,
					    .path = rf_buf_text(&request->path),
					    .body = request->body,
					    .approval = cli_value(args, OPT_APPROVAL),
					    .glass = cli_value(args, OPT_BREAK_GLASS)};
	struct order o = {client, &call, NULL, json_array()};
	enum fleet_format format = FLEET_TABLE;
	json_t *results = json_array();
	bool waits = !cli_has(args, OPT_NO_WAIT);
	int status = 0;
	int rc = o.made && results ? fleet_hosts(client, cli_value(args, OPT_WHERE), &o.hosts, err)
				   : rf_fail(err, -ENOMEM, "no memory");

	if (!rc)
		rc = fleet_format_parse(cli_value(args, OPT_OUTPUT), &format, err);
	for (size_t from = 0; !rc && from < json_array_size(o.hosts); from += BATCH)
		rc = send_batch(&o, from, err);
	if (!rc && waits)
		rc = wait_all(client, o.made, results, &status, err);
	if (!rc)
		rc = fleet_show_items(stdout, waits ? results : o.made,
				      waits ? row->columns : "HOST=host COMMAND=command", format,
				      err);
	json_decref(o.hosts);
	json_decref(o.made);
	json_decref(results);
	return rc ? rc : status;
}
