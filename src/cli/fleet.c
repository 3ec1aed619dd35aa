/* SPDX-License-Identifier: Apache-2.0 */
/* From a row and what was typed to a request, and the call. See fleet.h; what is shown:
 * fleet_show.c. */
#include "cli/fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"

#define FILE_BYTES (1u << 20)
#define MAX_PAGES  100000
#define FOLLOW_S   2
#define PAGE	   1000

const struct fleet_row *fleet_row_find(const struct cli_args *args)
{
	for (size_t i = 0; i < fleet_rows_count; i++) {
		const struct fleet_row *row = &fleet_rows[i];

		if (strcmp(row->command, args->command->name) == 0 &&
		    row->fleet == cli_has(args, OPT_FLEET) &&
		    (row->with == OPT_HELP || cli_has(args, row->with)))
			return row;
	}
	return NULL;
}

int fleet_duration(const char *text, int64_t *out_ms, struct rf_err *err)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
	size_t len = strlen(text);
	char number[16] = "";
	int64_t n = 0;

	for (size_t i = 0; len > 1 && i < RF_COUNT(units); i++) {
		if (text[len - 1] != units[i].unit ||
		    !rf_format(number, sizeof(number), "%.*s", (int)len - 1, text) ||
		    rf_num(number, 10, 1, 100000, &n) < 0)
			continue;
		*out_ms = n * units[i].ms;
		return 0;
	}
	return rf_fail(err, RF_E_USAGE, "%s is no time: 90s, 15m, 8h or 30d is wanted", text);
}

static json_t *file_json(const char *path, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	json_error_t why;

	if (common_read_file(path, FILE_BYTES, &text, err) < 0)
		return NULL;
	json_t *json = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &why);

	if (!json)
		rf_fail(err, RF_E_USAGE, "%s:%d:%d: %s", path, why.line, why.column, why.text);
	return json;
}

static json_t *content_json(const char *path, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (common_read_file(path, FILE_BYTES, &text, err) < 0)
		return NULL;
	return json_stringn((const char *)text.data, text.len);
}

static json_t *map_json(const char *const *values, size_t count, struct rf_err *err)
{
	json_t *map = json_object();

	for (size_t i = 0; map && i < count; i++) {
		const char *equals = strchr(values[i], '=');
		RF_AUTOFREE char *name =
			equals ? rf_strndup(values[i], (size_t)(equals - values[i])) : NULL;

		if (!name || json_object_set_new(map, name, json_string(equals + 1)) < 0) {
			rf_fail(err, RF_E_USAGE, "%s: NAME=VALUE is wanted", values[i]);
			json_decref(map);
			return NULL;
		}
	}
	return map;
}

static json_t *texts_json(const char *const *values, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++)
		json_array_append_new(list, json_string(values[i]));
	return list;
}

static json_t *number_json(enum fleet_type type, const char *text, int64_t now_ms,
			   struct rf_err *err)
{
	int64_t n = 0;
	int rc = type == FLEET_NUMBER ? rf_num(text, 10, INT64_MIN, INT64_MAX, &n)
				      : fleet_duration(text, &n, err);

	if (rc < 0) {
		if (type == FLEET_NUMBER)
			rf_fail(err, RF_E_USAGE, "%s is no number", text);
		return NULL;
	}
	if (type == FLEET_SECONDS)
		n /= 1000;
	return json_integer(type == FLEET_UNTIL ? now_ms + n : n);
}

/* The value of an argument; NULL with err. */
static json_t *value_json(enum fleet_type type, const char *const *values, size_t count,
			  int64_t now_ms, struct rf_err *err)
{
	switch (type) {
	case FLEET_TEXT:
		return json_string(values[count - 1]);
	case FLEET_TRUTH:
	case FLEET_UNTRUTH:
		return json_boolean(type == FLEET_TRUTH);
	case FLEET_TEXTS:
	case FLEET_SOME:
		return texts_json(values, count);
	case FLEET_MAP:
		return map_json(values, count, err);
	case FLEET_FILE:
		return file_json(values[count - 1], err);
	case FLEET_CONTENT:
		return content_json(values[count - 1], err);
	case FLEET_NUMBER:
	case FLEET_SECONDS:
	case FLEET_DURATION:
	case FLEET_UNTIL:
		break;
	}
	return number_json(type, values[count - 1], now_ms, err);
}

struct making {
	const struct fleet_row *row;
	struct fleet_request *request;
	json_t *members; /* of the body or the query */
	int64_t now_ms;
};

static int argument_set(struct making *m, const struct fleet_argument *a, const char *const *values,
			size_t count, struct rf_err *err)
{
	struct rf_err why = {0};
	json_t *value = value_json(a->type, values, count, m->now_ms, &why);

	if (!value)
		return rf_fail(err, RF_E_USAGE, "%s: %s", a->member,
			       why.code ? rf_err_text(&why) : "this is no text in UTF-8");
	return json_object_set_new(m->members, a->member, value) < 0
		       ? rf_fail(err, -ENOMEM, "no memory")
		       : 0;
}

static int words_set(struct making *m, const struct cli_args *args, struct rf_err *err)
{
	size_t i = 0;
	int rc = 0;

	for (const struct fleet_argument *a = m->row->words; a->member && !rc; a++) {
		bool list = a->type == FLEET_TEXTS || a->type == FLEET_SOME;
		size_t left = args->words_count - i, count = list ? left : 1;

		if (left == 0 && a->type != FLEET_TEXTS)
			continue;
		rc = argument_set(m, a, args->words + i, count, err);
		i += count;
	}
	return rc;
}

static int options_set(struct making *m, const struct cli_args *args, struct rf_err *err)
{
	int rc = 0;

	for (const struct fleet_argument *a = m->row->options; a->member && !rc; a++) {
		if (cli_has(args, a->option))
			rc = argument_set(m, a, args->values[a->option], args->counts[a->option],
					  err);
		else if (a->otherwise)
			rc = argument_set(m, a, &a->otherwise, 1, err);
	}
	return rc;
}

/* The path with its variables, which are members no more. */
static int path_make(struct making *m, struct rf_err *err)
{
	struct rf_buf *out = &m->request->path;

	for (const char *p = m->row->path; *p; p++) {
		char name[32];

		if (*p != '{') {
			rf_buf_add_byte(out, (uint8_t)*p);
			continue;
		}
		size_t len = strcspn(p + 1, "}");

		(void)rf_format(name, sizeof(name), "%.*s", (int)len, p + 1);
		const char *value = json_string_value(json_object_get(m->members, name));

		/* "." and ".." would be another path for whoever tidies paths up. */
		if (!value || !value[0] || strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
			return rf_fail(err, RF_E_USAGE, "%s: a name is wanted", name);
		client_escape(out, value);
		json_object_del(m->members, name);
		p += len + 1;
	}
	return 0;
}

/* What is left of the members, as a query. */
static void query_make(struct making *m)
{
	struct rf_buf *out = &m->request->path;
	const char *name, *between = "?";
	json_t *value;

	json_object_foreach(m->members, name, value)
	{
		rf_buf_printf(out, "%s%s=", between, name);
		between = "&";
		if (json_is_string(value))
			client_escape(out, json_string_value(value));
		else if (json_is_integer(value))
			rf_buf_printf(out, "%lld", (long long)json_integer_value(value));
		else
			rf_buf_add_text(out, json_is_true(value) ? "true" : "false");
	}
}

/* Whether one of these arguments goes elsewhere than into the path. */
static bool leaves_path(const struct fleet_row *row, const struct fleet_argument *a)
{
	for (; a->member; a++) {
		char variable[48];

		(void)rf_format(variable, sizeof(variable), "{%s}", a->member);
		if (!strstr(row->path, variable))
			return true;
	}
	return false;
}

int fleet_request_make(const struct fleet_row *row, const struct cli_args *args, int64_t now_ms,
		       struct fleet_request *out, struct rf_err *err)
{
	struct fleet_request request = {0};
	struct making m = {row, &request, json_object(), now_ms};
	bool reads = strcmp(row->method, "GET") == 0;
	int rc = m.members ? words_set(&m, args, err) : rf_fail(err, -ENOMEM, "no memory");

	if (!rc)
		rc = options_set(&m, args, err);
	if (!rc)
		rc = path_make(&m, err);
	if (!rc && reads)
		query_make(&m);
	/* A route without members takes no body, not even an empty one. */
	if (!rc && !reads &&
	    (row->order || leaves_path(row, row->words) || leaves_path(row, row->options)))
		request.body = json_incref(m.members);
	json_decref(m.members);
	if (!rc && request.path.failed)
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (rc) {
		fleet_request_done(&request);
		return rc;
	}
	*out = request;
	return 0;
}

void fleet_request_done(struct fleet_request *request)
{
	rf_buf_done(&request->path);
	json_decref(request->body);
	*request = (struct fleet_request){0};
}

int fleet_client(const struct cli_args *args, struct client_login *login, struct client **out,
		 struct rf_err *err)
{
	char path[RF_MAX_PATH_BYTES];
	int rc = client_login_path(cli_value(args, OPT_LOGIN), path, err);

	if (!rc)
		rc = client_login_read(path, login, err);
	return rc ? rc : client_open(login, out, err);
}

struct following {
	enum fleet_format format;
	struct rf_err *err;
};

static int take_event(void *arg, struct rf_slice data)
{
	struct following *f = arg;
	json_t *event = json_loadb((const char *)data.data, data.len, JSON_REJECT_DUPLICATES, NULL);
	int rc = event ? fleet_show_event(stdout, event, f->format, f->err) : 0;

	json_decref(event);
	return rc || fflush(stdout) == 0 ? rc : -EIO;
}

/* A stream ends now and then, so that rights are looked at anew; what came between is not missed.
 */
static int follow(struct client *client, struct rf_buf *path, enum fleet_format format,
		  struct rf_err *err)
{
	struct following following = {format, err};
	const bool has_query = strchr(rf_buf_text(path), '?') != NULL;
	char last[32] = "";
	int rc;

	rf_buf_add_text(path, has_query ? "&follow=true" : "?follow=true");
	if (path->failed)
		return rf_fail(err, -ENOMEM, "no memory");
	do {
		CLIENT_AUTOANSWER struct client_answer answer = {0};
		const struct client_request request = {.method = "GET",
						       .path = rf_buf_text(path),
						       .event = take_event,
						       .arg = &following,
						       .last_event = last[0] ? last : NULL};

		rc = client_call(client, &request, &answer, err);
		if (answer.last_event[0])
			(void)rf_copy(last, sizeof(last), answer.last_event);
		if (!rc)
			sleep(FOLLOW_S);
	} while (!rc);
	return rc;
}

int fleet_list(struct client *client, const char *path, json_t **out, struct rf_err *err)
{
	const char *between = strchr(path, '?') ? "&" : "?";
	RF_AUTOFREE char *next = rf_strdup("");
	json_t *all = json_array();
	int rc = all && next ? 0 : rf_fail(err, -ENOMEM, "no memory");

	for (int page = 0; rc == 0 && next && page < MAX_PAGES; page++) {
		CLIENT_AUTOANSWER struct client_answer answer = {0};
		RF_AUTOBUF struct rf_buf url = {0};

		rf_buf_printf(&url, "%s%slimit=%d", path, between, PAGE);
		rf_buf_add_text(&url, next[0] ? "&after=" : "");
		client_escape(&url, next);
		const struct client_request request = {.method = "GET", .path = rf_buf_text(&url)};

		rc = url.failed ? rf_fail(err, -ENOMEM, "no memory")
				: client_call(client, &request, &answer, err);
		if (!rc && json_array_extend(all, json_object_get(answer.body, "items")) < 0)
			rc = rf_fail(err, RF_E_PEER, "the manager's answer is no list");
		const char *more = json_string_value(json_object_get(answer.body, "next"));

		/* "" is the end. */
		rf_free(next);
		next = !rc && more && more[0] ? rf_strdup(more) : NULL;
	}
	if (rc) {
		json_decref(all);
		return rc;
	}
	*out = all;
	return 0;
}

static int content_write(const char *path, struct rf_slice text, struct rf_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc = fd < 0 ? -errno : rf_write_all(fd, text);

	if (fd >= 0 && close(fd) < 0 && !rc)
		rc = -errno;
	return rc ? rf_fail(err, rc, "%s: %s", path, rf_code_text(rc)) : 0;
}

static int show(const struct fleet_row *row, const struct cli_args *args,
		const struct client_answer *answer, enum fleet_format format, struct rf_err *err)
{
	const json_t *items = json_object_get(answer->body, "items");

	if (json_is_array(items))
		return fleet_show_items(stdout, items, row->columns, format, err);
	if (answer->body)
		return fleet_show_one(stdout, answer->body, format, err);
	if (row->to_file)
		return content_write(args->words[0], rf_buf_slice(&answer->text), err);
	if (answer->text.len)
		printf("%s", rf_buf_text(&answer->text));
	else if (format == FLEET_TABLE)
		printf("%s\n", row->done ? row->done : "done");
	return 0;
}

/* A list, of the chosen hosts alone, one after the other. */
static int list_of_chosen(struct client *client, const char *path, const char *where, json_t **out,
			  struct rf_err *err)
{
	json_t *hosts = NULL, *all = json_array(), *host;
	int rc = all ? fleet_hosts(client, where, &hosts, err) : rf_fail(err, -ENOMEM, "no memory");
	size_t at;

	json_array_foreach(hosts, at, host)
	{
		RF_AUTOBUF struct rf_buf one = {0};
		json_t *items = NULL;

		rf_buf_printf(&one, "%s%shost=%s", path, strchr(path, '?') ? "&" : "?",
			      json_string_value(host));
		rc = fleet_list(client, rf_buf_text(&one), &items, err);
		if (!rc && json_array_extend(all, items) < 0)
			rc = rf_fail(err, -ENOMEM, "no memory");
		json_decref(items);
		if (rc)
			break;
	}
	json_decref(hosts);
	if (rc) {
		json_decref(all);
		return rc;
	}
	*out = all;
	return 0;
}

/* A list that has pages is read to its end, unless a person said how far. */
static int call(struct client *client, const struct fleet_row *row, const struct cli_args *args,
		const struct fleet_request *made, struct rf_err *err)
{
	CLIENT_AUTOANSWER struct client_answer answer = {0};
	enum fleet_format format = FLEET_TABLE;
	int rc = fleet_format_parse(cli_value(args, OPT_OUTPUT), &format, err);
	const struct client_request request = {.method = row->method,
					       .path = rf_buf_text(&made->path),
					       .body = made->body,
					       .approval = cli_value(args, OPT_APPROVAL),
					       .glass = cli_value(args, OPT_BREAK_GLASS)};

	if (rc)
		return rc;
	if (row->paged && !cli_has(args, OPT_LIMIT)) {
		json_t *items = NULL;

		rc = row->chosen && cli_has(args, OPT_WHERE)
			     ? list_of_chosen(client, request.path, cli_value(args, OPT_WHERE),
					      &items, err)
			     : fleet_list(client, request.path, &items, err);
		if (!rc)
			rc = fleet_show_items(stdout, items, row->columns, format, err);
		json_decref(items);
		return rc;
	}
	rc = client_call(client, &request, &answer, err);
	return rc ? rc : show(row, args, &answer, format, err);
}

/* Options that say how, and not what. */
static const enum cli_option_id anywhere[] = {OPT_HELP,	    OPT_VERSION,     OPT_OUTPUT,
					      OPT_COLOR,    OPT_QUIET,	     OPT_FLEET,
					      OPT_APPROVAL, OPT_BREAK_GLASS, OPT_LOGIN};

static bool is_used(const struct fleet_row *row, enum cli_option_id option)
{
	for (size_t i = 0; i < RF_COUNT(anywhere); i++)
		if (anywhere[i] == option)
			return true;
	for (const struct fleet_argument *a = row->options; a->member; a++)
		if (a->option == option)
			return true;
	return option == row->with || (option == OPT_FOLLOW && row->stream) ||
	       (option == OPT_NO_WAIT && row->order) ||
	       (option == OPT_WHERE && (row->chosen || row->order));
}

/* What would have no effect is not taken as if it had one. */
static int options_check(const struct fleet_row *row, const struct cli_args *args,
			 struct rf_err *err)
{
	for (const struct cli_option *o = cli_options; o < cli_options + OPT_COUNT; o++)
		if (cli_has(args, o->id) && !is_used(row, o->id))
			return rf_fail(err, RF_E_USAGE, "--%s has no effect on %s%s here", o->name,
				       row->command, row->fleet ? " --fleet" : "");
	if (row->paged && cli_has(args, OPT_WHERE) && cli_has(args, OPT_LIMIT))
		return rf_fail(err, RF_E_USAGE, "--limit and --where do not go together");
	return 0;
}

int fleet_run(const struct cli_args *args, struct rf_err *err)
{
	const struct fleet_row *row = fleet_row_find(args);
	CLIENT_AUTOLOGIN struct client_login login = {0};
	FLEET_AUTOREQUEST struct fleet_request made = {0};
	CLIENT_AUTO struct client *client = NULL;
	struct cli_args named = *args;
	json_t *hosts = NULL;
	enum fleet_format format = FLEET_TABLE;
	int rc = row ? fleet_format_parse(cli_value(args, OPT_OUTPUT), &format, err)
		     : rf_fail(err, RF_E_USAGE, "%s does not do this over a fleet",
			       args->command->name);

	if (!rc)
		rc = options_check(row, args, err);
	if (!rc)
		rc = fleet_client(args, &login, &client, err);
	if (!rc)
		rc = fleet_host_named(client, row, &named, &hosts, err);
	if (!rc)
		rc = fleet_request_make(row, &named, common_now_ms(), &made, err);
	json_decref(hosts);
	if (rc)
		return rc;
	if (row->chosen && made.body && cli_has(args, OPT_WHERE)) {
		json_t *chosen = NULL;

		rc = fleet_hosts(client, cli_value(args, OPT_WHERE), &chosen, err);
		if (!rc && json_object_set_new(made.body, "hosts", chosen))
			rc = rf_fail(err, -ENOMEM, "no memory");
		if (rc)
			return rc;
	}
	if (row->stream && cli_has(args, OPT_FOLLOW))
		return follow(client, &made.path, format, err);
	return row->order ? fleet_order(client, row, args, &made, err)
			  : call(client, row, args, &made, err);
}
