/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the API by libcurl. See client.h; the sign-in's file is client_login.c's. */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define ANSWER_BYTES RF_MAX_JSON_BYTES
#define EVENT_BYTES  (1u << 20)
#define CALL_MS	     120000
#define CONNECT_MS   10000

struct client {
	CURL *curl;
	const struct client_login *login;
	char why[CURL_ERROR_SIZE];
};

void client_answer_done(struct client_answer *answer)
{
	json_decref(answer->body);
	rf_buf_done(&answer->text);
	*answer = (struct client_answer){0};
}

void client_close(struct client *client)
{
	if (!client)
		return;
	curl_easy_cleanup(client->curl);
	rf_free(client);
}

int client_open(const struct client_login *login, struct client **out, struct rf_err *err)
{
	struct client *c = rf_alloc(1, sizeof(*c));

	if (c && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		c->curl = curl_easy_init();
	if (!c || !c->curl) {
		client_close(c);
		return rf_fail(err, -ENOMEM, "no memory");
	}
	c->login = login;
	*out = c;
	return 0;
}

void client_escape(struct rf_buf *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	for (; *text; text++) {
		if (strchr(plain, *text))
			rf_buf_add_byte(out, (uint8_t)*text);
		else
			rf_buf_printf(out, "%%%02X", (unsigned)(uint8_t)*text);
	}
}

/* One line of a stream without its end; an empty one ends an event. */
static int event_line(struct client_events *e, const char *line)
{
	if (rf_starts(line, "data:")) {
		const char *data = line + strlen("data:");

		if (e->data.len)
			rf_buf_add_byte(&e->data, '\n');
		rf_buf_add_text(&e->data, data + (*data == ' '));
		return e->data.len > EVENT_BYTES ? RF_E_LIMIT : e->data.failed ? -ENOMEM : 0;
	}
	if (rf_starts(line, "id:")) {
		const char *id = line + strlen("id:");

		(void)rf_copy(e->id, sizeof(e->id), id + (*id == ' '));
	}
	if (line[0] || e->data.len == 0)
		return 0;
	int rc = e->event(e->arg, rf_buf_slice(&e->data));

	rf_buf_reset(&e->data);
	return rc;
}

int client_events_take(struct client_events *events, struct rf_slice bytes)
{
	int rc = 0;

	for (size_t i = 0; i < bytes.len && rc == 0; i++) {
		if (bytes.data[i] == '\r' || bytes.data[i] == '\0')
			continue;
		if (bytes.data[i] != '\n') {
			rf_buf_add_byte(&events->line, bytes.data[i]);
			rc = events->line.len > EVENT_BYTES ? RF_E_LIMIT : 0;
			continue;
		}
		rc = events->line.failed ? -ENOMEM : event_line(events, rf_buf_text(&events->line));
		rf_buf_reset(&events->line);
	}
	return rc;
}

void client_events_done(struct client_events *events)
{
	rf_buf_done(&events->line);
	rf_buf_done(&events->data);
}

struct taking {
	CURL *curl;
	struct client_answer *answer;
	struct client_events events;
	int rc;
};

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
	struct taking *t = arg;
	struct rf_slice bytes = {(const uint8_t *)data, size * count};
	long status = 0;

	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->events.event && status < 300)
		t->rc = client_events_take(&t->events, bytes);
	else if (t->answer->text.len + bytes.len > ANSWER_BYTES)
		t->rc = RF_E_LIMIT;
	else
		t->rc = rf_buf_add(&t->answer->text, bytes.data, bytes.len);
	return t->rc ? 0 : bytes.len;
}

static int header_add(struct curl_slist **list, const char *name, const char *value)
{
	RF_AUTOFREE char *line = value ? rf_asprintf("%s: %s", name, value) : NULL;
	struct curl_slist *longer = line ? curl_slist_append(*list, line) : NULL;

	if (value && !longer)
		return -ENOMEM;
	*list = longer ? longer : *list;
	return 0;
}

static int headers_make(struct client *c, const struct client_request *r, struct curl_slist **out,
			struct rf_err *err)
{
	RF_AUTOFREE char *bearer = NULL;
	const char *token = c->login->token;

	if (token)
		bearer = rf_asprintf("Bearer %s", token);
	const struct {
		const char *name, *value;
	} rows[] = {
		{"Accept", r->event ? "text/event-stream" : "application/json"},
		{"Content-Type", r->body ? "application/json" : NULL},
		{"Authorization", bearer},
		{"X-Ringfence-Approval", r->approval},
		{"X-Ringfence-Break-Glass", r->glass},
		{"Last-Event-ID", r->last_event},
	};
	int rc = token && !bearer ? -ENOMEM : 0;

	for (size_t i = 0; i < RF_COUNT(rows) && !rc; i++)
		rc = header_add(out, rows[i].name, rows[i].value);
	return rc ? rf_fail(err, rc, "no memory") : 0;
}

static CURLcode options_set(struct client *c, const struct client_request *r, const char *url,
			    const char *body)
{
	struct curl_blob authority = {c->login->authority, strlen(c->login->authority),
				      CURL_BLOB_COPY};
	CURL *curl = c->curl;
	CURLcode bad = CURLE_OK;

	curl_easy_reset(curl);
#define SET(option, value) bad = bad ? bad : curl_easy_setopt(curl, CURLOPT_##option, value)
	SET(URL, url);
	SET(PROTOCOLS_STR, "https");
	SET(FOLLOWLOCATION, 0L);
	SET(PROXY, "");
	SET(NETRC, (long)CURL_NETRC_IGNORED);
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CAINFO_BLOB, &authority);
	SET(CAPATH, NULL);
	SET(CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(TIMEOUT_MS, r->event ? 0L : (long)CALL_MS);
	SET(NOSIGNAL, 1L);
	SET(ERRORBUFFER, c->why);
	SET(USERAGENT, "ringfence/" RF_VERSION);
	SET(CUSTOMREQUEST, r->method);
	if (body) {
		SET(POSTFIELDSIZE, (long)strlen(body));
		SET(COPYPOSTFIELDS, body);
	} else if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "DELETE") != 0) {
		SET(POSTFIELDSIZE, 0L);
		SET(COPYPOSTFIELDS, "");
	}
#undef SET
	return bad;
}

/* What a person can do when the connection does not come about. */
static int connection_fail(const struct client *c, CURLcode bad, struct rf_err *err)
{
	const char *why = c->why[0] ? c->why : curl_easy_strerror(bad);

	if (bad == CURLE_PEER_FAILED_VERIFICATION)
		return rf_fail(
			err, RF_E_DENIED,
			"%s is not vouched for by the authority that you compared (%s). If the "
			"manager was set up anew, sign in again: ringfence login %s",
			c->login->address, why, c->login->address);
	if (bad == CURLE_COULDNT_CONNECT || bad == CURLE_COULDNT_RESOLVE_HOST ||
	    bad == CURLE_OPERATION_TIMEDOUT)
		return rf_fail(err, RF_E_PEER,
			       "%s cannot be reached (%s). Does ringfence-manager run there?",
			       c->login->address, why);
	return rf_fail(err, RF_E_PEER, "%s: %s", c->login->address, why);
}

int client_problem(long status, const json_t *body, struct rf_err *err)
{
	static const struct {
		long status;
		int code;
	} codes[] = {{400, RF_E_USAGE},	  {401, RF_E_DENIED},	   {403, RF_E_DENIED},
		     {404, RF_E_UNKNOWN}, {405, RF_E_UNSUPPORTED}, {409, RF_E_CHANGED},
		     {413, RF_E_LIMIT},	  {422, RF_E_MISMATCH},	   {429, -EAGAIN}};
	const char *detail = json_string_value(json_object_get(body, "detail"));
	const char *next = json_string_value(json_object_get(body, "next"));
	const char *approval = json_string_value(json_object_get(body, "approval"));
	int code = RF_E_PEER;

	if (status >= 200 && status < 300)
		return 0;
	for (size_t i = 0; i < RF_COUNT(codes); i++)
		code = codes[i].status == status ? codes[i].code : code;
	if (approval)
		return rf_fail(
			err, code,
			"%s. It waits as approval %s; when another person has given it, run the "
			"same command with --approval %s",
			detail ? detail : "a second person is needed", approval, approval);
	if (status == 401)
		next = "Sign in again: ringfence login ADDRESS";
	if (!detail)
		return rf_fail(err, code, "the manager answered %ld", status);
	return rf_fail(err, code, "%s%s%s", detail, next ? ". " : "", next ? next : "");
}

static int perform(struct client *c, struct curl_slist *headers, struct taking *taking,
		   struct rf_err *err)
{
	CURL *curl = c->curl;

	c->why[0] = '\0';
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, taking);
	CURLcode bad = curl_easy_perform(curl);

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &taking->answer->status);
	if (taking->rc < 0)
		return rf_fail(err, taking->rc, "the manager's answer: %s",
			       rf_code_text(taking->rc));
	/* A positive one is a caller that has seen enough of a stream. */
	return bad && !taking->rc ? connection_fail(c, bad, err) : 0;
}

int client_call(struct client *client, const struct client_request *request,
		struct client_answer *out, struct rf_err *err)
{
	struct client_answer answer = {0};
	struct taking taking = {.curl = client->curl,
				.answer = &answer,
				.events = {.event = request->event, .arg = request->arg}};
	RF_AUTOFREE char *url = rf_asprintf("%s%s", client->login->address, request->path);
	RF_AUTOFREE char *body =
		request->body ? json_dumps(request->body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	struct curl_slist *headers = NULL;
	int rc = url && (body || !request->body) ? headers_make(client, request, &headers, err)
						 : rf_fail(err, -ENOMEM, "no memory");
	CURLcode bad = rc ? CURLE_OK : options_set(client, request, url, body);

	if (bad)
		rc = rf_fail(err, -EINVAL, "%s: %s", client->login->address,
			     curl_easy_strerror(bad));
	if (!rc)
		rc = perform(client, headers, &taking, err);
	curl_slist_free_all(headers);
	(void)rf_copy(answer.last_event, sizeof(answer.last_event), taking.events.id);
	client_events_done(&taking.events);
	if (body)
		rf_wipe(body, strlen(body));
	if (!rc && answer.text.len)
		answer.body = json_loadb((const char *)answer.text.data, answer.text.len,
					 JSON_REJECT_DUPLICATES, NULL);
	if (!rc)
		rc = client_problem(answer.status, answer.body, err);
	*out = answer;
	return rc;
}
