/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who calls: a token or a session. A session's cookie is bound to the network that it was given to,
 * and its changes carry a second secret that another site's page cannot read (CSRF).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "api/core.h"
#include "base/mem.h"
#include "base/str.h"

#define BEARER "Bearer "

void who_network(const char *address, char out[64])
{
	struct in6_addr six;

	if (!address || inet_pton(AF_INET6, address, &six) != 1) {
		(void)rf_copy(out, 64, address ? address : "");
		return;
	}
	memset(six.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &six, out, 64);
}

void who_cookie(const char *cookies, char out[API_SECRET_TEXT_BYTES])
{
	const char *at = cookies;

	out[0] = '\0';
	while (at && *at) {
		at += strspn(at, "; ");
		size_t len = strcspn(at, ";");

		if (rf_starts(at, API_COOKIE "=")) {
			size_t skip = strlen(API_COOKIE "=");

			if (out[0] || !rf_format(out, API_SECRET_TEXT_BYTES, "%.*s",
						 (int)(len - skip), at + skip)) {
				/* Two of one name: somebody else put one there. */
				(void)rf_copy(out, API_SECRET_TEXT_BYTES, "?");
				return;
			}
		}
		at += len;
	}
}

int who_csrf(const char *secret, char out[65], struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0}, hex = {0};
	uint8_t sha256[STORE_SHA256_BYTES];

	rf_buf_printf(&text, "ringfence-csrf:%s", secret);
	int rc = text.failed ? rf_fail(err, -ENOMEM, "no memory")
			     : secret_digest(rf_buf_slice(&text), sha256, err);

	if (rc)
		return rc;
	rf_buf_add_hex(&hex, sha256, sizeof(sha256));
	return rf_copy(out, 65, rf_buf_text(&hex)) ? 0 : rf_fail(err, -ENOMEM, "no memory");
}

static int take_session(void *arg, const struct store_session *session)
{
	struct api_who *who = arg;

	if (!rf_copy(who->account, sizeof(who->account), session->account) ||
	    !rf_copy(who->subject, sizeof(who->subject), session->subject) ||
	    !rf_equal(session->address, who->token))
		return RF_E_DENIED;
	return 0;
}

static int by_session(struct api_call *call, const char *secret, struct rf_err *err)
{
	struct api_who *who = &call->who;
	int rc = secret_digest(rf_slice_text(secret), who->sha256, err);

	if (rc)
		return rc;
	/* The network that it must have come from lies here until it is known. */
	char network[64];

	who_network(call->request->address, network);
	(void)rf_copy(who->token, sizeof(who->token), network);
	const struct store_use use = {who->sha256, call->request->now_ms, API_IDLE_MS};

	rc = store_session_use(call->api->store, &use, take_session, who, err);
	who->token[0] = '\0';
	if (rc == RF_E_DENIED)
		return rf_fail(err, RF_E_DENIED, "this session has ended, or is another's");
	who->way = rc ? API_BY_NOTHING : API_BY_SESSION;
	return rc;
}

/* A scope is {"privileges": [names]}; {} is all that the account may. */
static int scope_read(const char *text, struct api_who *who)
{
	API_AUTOJSON json_t *scope = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const json_t *names = json_object_get(scope, "privileges");

	if (!json_is_object(scope) || json_object_size(scope) != (names ? 1u : 0u))
		return RF_E_DENIED;
	who->scoped = names != NULL;
	for (size_t i = 0; i < json_array_size(names); i++) {
		enum privilege privilege;
		const char *name = json_string_value(json_array_get(names, i));

		if (!name || !privilege_find(name, &privilege))
			return RF_E_DENIED;
		privilege_add(&who->scope, privilege);
	}
	return 0;
}

static int take_token(void *arg, const struct store_token *token)
{
	struct api_who *who = arg;

	if (token->one_use || !rf_copy(who->account, sizeof(who->account), token->account) ||
	    !rf_copy(who->subject, sizeof(who->subject), token->subject) ||
	    !rf_copy(who->token, sizeof(who->token), token->token))
		return RF_E_DENIED;
	return scope_read(token->scope, who);
}

static int by_token(struct api_call *call, const char *secret, struct rf_err *err)
{
	struct api_who *who = &call->who;
	int rc = secret_digest(rf_slice_text(secret), who->sha256, err);
	const struct store_use use = {who->sha256, call->request->now_ms, 0};

	if (!rc)
		rc = store_token_use(call->api->store, &use, take_token, who, err);
	if (rc == RF_E_DENIED)
		return rf_fail(err, RF_E_DENIED, "this token does not count, or no longer");
	who->way = rc ? API_BY_NOTHING : API_BY_TOKEN;
	return rc;
}

/* A page of another site can send our cookie, but not read our answers nor set our header. */
static int csrf_check(const struct api_call *call, const char *secret, struct rf_err *err)
{
	const struct api_request *request = call->request;
	char want[65], origin[300];
	int rc = who_csrf(secret, want, err);

	if (rc)
		return rc;
	if (request->origin &&
	    (!rf_format(origin, sizeof(origin), "https://%s", request->host ? request->host : "") ||
	     !rf_equal(origin, request->origin)))
		return rf_fail(err, RF_E_DENIED, "the request comes from a page of another site");
	if (!request->csrf || strlen(request->csrf) != 64 ||
	    !rf_equal_secret(request->csrf, want, 64))
		return rf_fail(err, RF_E_DENIED,
			       "X-Ringfence-CSRF is missing or not this session's");
	return 0;
}

int who_find(struct api_call *call, struct rf_err *err)
{
	const struct api_request *request = call->request;
	char secret[API_SECRET_TEXT_BYTES];
	int rc = 0;

	(void)rf_copy(call->who.address, sizeof(call->who.address), request->address);
	call->who.user = RBAC_NONE;
	/* Who signs in may still have the cookie of a session that has ended. */
	if (call->route->access == ROUTE_PUBLIC)
		return 0;
	who_cookie(request->cookie, secret);
	if (request->authorization) {
		const char *text = request->authorization;

		if (!rf_starts(text, BEARER))
			return rf_fail(err, RF_E_DENIED, "only Bearer tokens are known here");
		text += strlen(BEARER);
		rc = rf_starts(text, "rfs_") ? by_session(call, text, err)
					     : by_token(call, text, err);
	} else if (secret[0]) {
		rc = by_session(call, secret, err);
		if (!rc && call->route->method != ROUTE_GET)
			rc = csrf_check(call, secret, err);
	}
	rf_wipe(secret, sizeof(secret));
	return rc;
}
