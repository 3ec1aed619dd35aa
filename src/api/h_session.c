/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sign-in by password (asked of the role sign-in) or by the first code, and sessions. Who guesses
 * is locked out for that account and address alone: others sign in meanwhile.
 */
#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "api/handlers.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/ledger.h"

#define FAILURES_MAX	  5
#define FAILURE_WINDOW_MS ((int64_t)15 * 60000)

static struct store_failure failure_of(const struct api_request *request, const char *account,
				       char network[64])
{
	who_network(request->address, network);
	return (struct store_failure){account, network, request->now_ms, FAILURE_WINDOW_MS};
}

/* Makes a session and its answer. */
static int session_begin(struct api_call *call, const char *account, bool bearer,
			 struct rf_err *err)
{
	const struct api_request *request = call->request;
	char secret[API_SECRET_TEXT_BYTES], network[64], csrf[65] = "";
	uint8_t sha256[STORE_SHA256_BYTES];
	int rc = secret_make(bearer ? "rfs_" : "", secret, sha256, err);

	if (rc)
		return rc;
	who_network(request->address, network);
	const struct store_session session = {.sha256 = {sha256, sizeof(sha256)},
					      .account = account,
					      .address = network,
					      .created_ms = request->now_ms,
					      .expires_ms = request->now_ms + API_SESSION_MS};

	rc = store_session_add(call->api->store, &session, err);
	if (!rc && !bearer)
		rc = who_csrf(secret, csrf, err);
	if (!rc && !bearer &&
	    !rf_format(call->reply->cookie, sizeof(call->reply->cookie),
		       API_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%lld",
		       secret, (long long)(API_SESSION_MS / 1000)))
		rc = rf_fail(err, RF_E_LIMIT, "the cookie is too long");
	if (!rc)
		rc = call_one(call, json_pack("{s:s, s:s, s:I, s:I}", "user", account, "csrf", csrf,
					      "expires_ms", (json_int_t)session.expires_ms,
					      "idle_ms", (json_int_t)API_IDLE_MS));
	if (!rc && bearer)
		json_object_set_new(call->answer, "bearer", json_string(secret));
	rf_wipe(secret, sizeof(secret));
	return rc;
}

static int took_code(void *arg, const struct store_token *token)
{
	struct api_who *who = arg;

	return token->one_use && rf_copy(who->account, sizeof(who->account), token->account)
		       ? 0
		       : RF_E_DENIED;
}

static int locked_out(struct api_call *call, const char *account, struct rf_err *err)
{
	char network[64];
	const struct store_failure failure = failure_of(call->request, account, network);
	int64_t count = 0;
	int rc = store_failure_count(call->api->store, &failure, &count, err);

	if (rc || count < FAILURES_MAX)
		return rc;
	call->api->counters[API_N_LOCKED_OUT]++;
	call->reply->retry_s = (int)(FAILURE_WINDOW_MS / 1000);
	return rf_fail(err, RF_E_DENIED,
		       "too many sign-ins failed for this account from this address");
}

/* One more that failed: counted, and told to the ledger with who and from where. */
static int failed(struct api_call *call, const char *account, struct rf_err *err)
{
	char network[64];
	const struct store_failure failure = failure_of(call->request, account, network);
	int64_t count = 0;
	struct rf_err why = {0};

	call->api->counters[API_N_SIGN_INS_FAILED]++;
	(void)rf_copy(call->who.account, sizeof(call->who.account), account);
	int rc = store_failure_add(call->api->store, &failure, &count, &why);

	if (!rc)
		rc = denied_tell(call, "the sign-in failed", &why);
	call->who.account[0] = '\0';
	if (rc) {
		*err = why;
		return rc;
	}
	return rf_fail(err, RF_E_DENIED, "the sign-in failed");
}

static int by_code(struct api_call *call, const char *code, struct rf_err *err)
{
	uint8_t sha256[STORE_SHA256_BYTES];
	struct api_who who = {0};
	int rc = locked_out(call, API_SETUP, err);

	if (!rc)
		rc = secret_digest(rf_slice_text(code), sha256, err);
	if (rc)
		return rc;
	const struct store_use use = {sha256, call->request->now_ms, 0};

	/* A token of the API is no code: it would be used up by a look. */
	rc = rf_starts(code, "rft_")
		     ? RF_E_DENIED
		     : store_token_use(call->api->store, &use, took_code, &who, err);
	if (rc == RF_E_DENIED)
		return failed(call, API_SETUP, err);
	if (!rc)
		rc = session_begin(call, who.account, call_truth(call, "bearer"), err);
	if (!rc) {
		(void)rf_copy(call->who.account, sizeof(call->who.account), who.account);
		call->api->counters[API_N_SIGN_INS]++;
	}
	return rc;
}

int h_sign_in(struct api_call *call, struct rf_err *err)
{
	const char *user = call_text(call, "user"), *password = call_text(call, "password");
	const char *code = call_text(call, "code");

	if (!code == !user || !user != !password)
		return rf_fail(err, RF_E_MISSING, "send user and password, or code");
	if (code)
		return by_code(call, code, err);
	int rc = locked_out(call, user, err);

	if (rc)
		return rc;
	if (!call->api->settings.has_passwords)
		return rf_fail(err, RF_E_DENIED, "this manager asks for no passwords: use a token");
	struct api_reply *reply = call->reply;

	/* Whether there is such an account is not said: PAM is asked in any case. */
	if (!rf_copy(reply->account, sizeof(reply->account), user) ||
	    rf_buf_add_text(&reply->password, password))
		return rf_fail(err, RF_E_LIMIT, "the name is too long");
	reply->then = API_THEN_PASSWORD;
	return 0;
}

static int body_bearer(const struct api_request *request, bool *out)
{
	API_AUTOJSON json_t *body = json_loadb((const char *)request->body.data, request->body.len,
					       JSON_REJECT_DUPLICATES, NULL);

	*out = json_is_true(json_object_get(body, "bearer"));
	return 0;
}

static int password_good(struct api_call *call, const struct api_password *password,
			 struct rf_err *err)
{
	const char *account = password->account;
	char network[64];
	bool bearer = false;

	who_network(call->request->address, network);
	(void)body_bearer(call->request, &bearer);
	int rc = directory_take(call->api->store, password, call->request->now_ms, err);

	if (!rc)
		rc = session_begin(call, account, bearer, err);
	/* PAM knows more people than were let in here. */
	if (rc == RF_E_MISSING || rc == RF_E_DENIED)
		return failed(call, account, err);
	if (rc)
		return rc;
	(void)rf_copy(call->who.account, sizeof(call->who.account), account);
	call->api->counters[API_N_SIGN_INS]++;
	rc = store_failure_clear(call->api->store, account, network, err);
	return rc ? rc : ledger_tell(call, call->api->store, "sign-in", "", err);
}

void api_password_known(struct api *api, const struct api_request *request,
			const struct api_password *password, struct api_reply *reply)
{
	const char *account = password->account;
	struct api_call call = {.api = api, .request = request, .reply = reply};
	struct rf_err err = {0};
	int rc = route_find(ROUTE_POST, "/api/v1/session", &call.match, &err);

	call.route = call.match.route;
	(void)rf_copy(call.who.address, sizeof(call.who.address), request->address);
	reply->then = API_THEN_SEND;
	if (!rc && password->verdict < 0)
		rc = rf_fail(&err, -EAGAIN, "passwords cannot be asked for now");
	else if (!rc)
		rc = password->verdict == 1 ? password_good(&call, password, &err)
					    : failed(&call, account, &err);
	RF_AUTOFREE char *text = rc ? NULL : json_dumps(call.answer, JSON_COMPACT);

	if (!rc && (!text || rf_buf_add_text(&reply->body, text)))
		rc = rf_fail(&err, -ENOMEM, "no memory");
	reply->status = 201;
	reply->type = "application/json";
	if (rc)
		problem_reply(&call, rc, &err);
	json_decref(call.answer);
}

static json_t *privileges_json(const struct privilege_set *set)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < PRIVILEGE_COUNT; i++)
		if (privilege_in(set, i))
			json_array_append_new(list, json_string(privilege_name(i)));
	return list;
}

int h_session(struct api_call *call, struct rf_err *err)
{
	const struct api_who *who = &call->who;
	const struct rights_question question = {who, 0, "", call->request->now_ms};
	struct privilege_set set = rights_all(call->api, &question);
	char secret[API_SECRET_TEXT_BYTES], csrf[65];
	bool token = who->way == API_BY_TOKEN;
	int rc = call_one(call, json_pack("{s:s, s:s, s:s, s:o}", "user", who->account, "subject",
					  who->subject, "way", token ? "token" : "session",
					  "privileges", privileges_json(&set)));

	if (!rc && token)
		json_object_set_new(call->answer, "token", json_string(who->token));
	who_cookie(call->request->cookie, secret);
	if (!rc && !token && !call->request->authorization) {
		rc = who_csrf(secret, csrf, err);
		json_object_set_new(call->answer, "csrf", json_string(csrf));
	}
	rf_wipe(secret, sizeof(secret));
	return rc;
}

int h_sign_out(struct api_call *call, struct rf_err *err)
{
	if (call->who.way != API_BY_SESSION)
		return rf_fail(err, RF_E_USAGE, "this is a token and no session: revoke it");
	(void)rf_copy(call->reply->cookie, sizeof(call->reply->cookie),
		      API_COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
	return store_session_end(call->api->store, call->who.sha256, err);
}

int h_sessions_end(struct api_call *call, struct rf_err *err)
{
	const char *user = call_var(call, "user");

	(void)rf_format(call->note, sizeof(call->note), "all sessions of %s ended", user);
	return store_session_end_all(call->api->store, user, err);
}
