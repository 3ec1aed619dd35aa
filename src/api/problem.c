/* SPDX-License-Identifier: Apache-2.0 */
/* Problem details (RFC 9457): what went wrong, and what to do next. */
#include <errno.h>
#include <stdio.h>

#include "api/core.h"
#include "base/mem.h"
#include "base/str.h"

static const struct {
	int status;
	const char *title;
} titles[] = {
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{409, "Conflict"},
	{411, "Length Required"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{417, "Expectation Failed"},
	{422, "Unprocessable Content"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

const char *problem_title(int status)
{
	for (size_t i = 0; i < RF_COUNT(titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return status == 201 ? "Created" : status == 204 ? "No Content" : "OK";
}

/* What a code is called, and what usually mends it. */
static const struct {
	int code, status;
	const char *word, *next;
} rows[] = {
	{RF_E_SYNTAX, 400, "not-understood", "See /api/v1/openapi.json for what is taken here."},
	{RF_E_LIMIT, 413, "too-large", "Send less, or less at a time."},
	{RF_E_TRUNCATED, 400, "not-understood", "Send all of it."},
	{RF_E_UNKNOWN, 404, "unknown",
	 "Check the name; what you may not see is not there, either."},
	{RF_E_DUPLICATE, 409, "duplicate", "Choose another name, or change the one that is there."},
	{RF_E_MISSING, 400, "missing", "See /api/v1/openapi.json for what is needed here."},
	{RF_E_DENIED, 403, "denied", "Ask who administers the fleet for the permission."},
	{RF_E_CHANGED, 409, "changed", "Read it again, and decide anew."},
	{RF_E_MISMATCH, 422, "mismatch", "Read it again, and decide anew."},
	{RF_E_UNSUPPORTED, 405, "method", "See Allow for what this path has."},
	{RF_E_USAGE, 400, "usage", "See /api/v1/openapi.json for what is taken here."},
	{RF_E_TIMEOUT, 504, "timeout", "Ask for less, or try again."},
};

int problem_write(const struct problem *problem, json_t *more, struct rf_buf *out)
{
	API_AUTOJSON json_t *json = more ? more : json_object();

	json_object_set_new(json, "type", json_sprintf("urn:ringfence:problem:%s", problem->word));
	json_object_set_new(json, "title", json_string(problem_title(problem->status)));
	json_object_set_new(json, "status", json_integer(problem->status));
	json_object_set_new(json, "detail", json_string(problem->detail));
	if (problem->next)
		json_object_set_new(json, "next", json_string(problem->next));
	RF_AUTOFREE char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	rf_buf_reset(out);
	return rf_buf_add_text(out, text ? text : "{}");
}

static struct problem problem_of(int code, const struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		if (rows[i].code == code)
			return (struct problem){rows[i].status, rows[i].word, rf_err_text(err),
						rows[i].next};
	return (struct problem){code == -EAGAIN ? 503 : 500, "manager",
				"the manager could not do this; its log says why",
				"Try again; if it stays so, see the manager's log."};
}

void problem_reply(const struct api_call *call, int code, const struct rf_err *err)
{
	struct problem problem = problem_of(code, err);
	struct api_reply *reply = call->reply;
	json_t *more = NULL;

	if (problem.status >= 500)
		fprintf(stderr, "ringfence-manager: api: %s: %s\n",
			call->route ? call->route->id : "no route", rf_err_text(err));
	if (call->wants_approval && call->approval[0]) {
		problem.word = "approval-needed";
		problem.next = "When it is approved, send the same request with the header "
			       "X-Ringfence-Approval.";
		more = json_pack("{s:s}", "approval", call->approval);
	}
	/* Who is not signed in is told to. */
	if (code == RF_E_DENIED && call->who.way == API_BY_NOTHING) {
		problem.status = 401;
		problem.word = "sign-in";
		problem.next = "Sign in (POST /api/v1/session), or send a token.";
	}
	if (reply->retry_s) {
		problem.status = 429;
		problem.word = code == -EBUSY || code == -EAGAIN ? "busy" : "locked-out";
		problem.detail = rf_err_text(err);
		problem.next = "Wait as long as Retry-After says.";
	}
	reply->status = problem.status;
	reply->type = "application/problem+json";
	reply->then = API_THEN_SEND;
	(void)problem_write(&problem, more, &reply->body);
}
