/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, groups and tokens. A token is its owner's; passwords are PAM's. */
#include <errno.h>
#include <string.h>

#include "api/handlers.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/text.h"
#include "store/access.h"

#define DAY_MS ((int64_t)86400000)

/* A page of a list: its items, and where it goes on. */
struct page {
	json_t *items;
	int64_t limit;
	char last[512];
};

static struct page page_make(const struct api_call *call)
{
	return (struct page){json_array(), call_query_number(call, "limit", API_PAGE), ""};
}

static int page_answer(struct api_call *call, struct page *page)
{
	bool full = (int64_t)json_array_size(page->items) >= page->limit;

	return call_many(call, page->items, full ? page->last : "");
}

static json_t *user_json(const struct store_account *account)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:I}", "user", account->account, "subject",
			 account->subject, "name", account->name, "source", account->source,
			 "disabled", account->disabled, "created_ms",
			 (json_int_t)account->created_ms);
}

static int take_user(void *arg, const struct store_account *account)
{
	struct page *page = arg;

	(void)rf_copy(page->last, sizeof(page->last), account->account);
	return json_array_append_new(page->items, user_json(account)) ? -ENOMEM : 0;
}

int h_users(struct api_call *call, struct rf_err *err)
{
	struct page page = page_make(call);
	const char *after = call_query(call, "after");
	int rc = store_account_each(call->api->store, after ? after : "", page.limit, take_user,
				    &page, err);

	if (rc)
		json_decref(page.items);
	return rc ? rc : page_answer(call, &page);
}

static int take_one(void *arg, const struct store_account *account)
{
	return call_one(arg, user_json(account));
}

int h_user(struct api_call *call, struct rf_err *err)
{
	return store_account_get(call->api->store, call_var(call, "user"), take_one, call, err);
}

int h_user_put(struct api_call *call, struct rf_err *err)
{
	const char *user = call_var(call, "user");
	const char *subject = call_text(call, "subject"), *name = call_text(call, "name");
	const struct store_account account = {.account = user,
					      .subject = subject ? subject : user,
					      .source = "pam",
					      .name = name ? name : "",
					      .disabled = call_truth(call, "disabled"),
					      .created_ms = call->request->now_ms};
	const struct store_principal principal = {user, false, account.disabled};
	int rc = govern_name_check(user, GOVERN_MAX_NAME_BYTES, "user", err);

	if (!rc && account.disabled && rf_equal(user, call->who.account))
		rc = rf_fail(err, RF_E_DENIED, "nobody shuts themselves out");
	/* Two accounts of one person are one person to approvals and duties. */
	if (!rc && !rf_equal(account.subject, call->who.subject) &&
	    rights_is_self(call->api, &call->who, user, false))
		rc = rf_fail(err, RF_E_DENIED, "nobody says of themselves that they are another");
	if (!rc)
		rc = store_account_put(call->api->store, &account, err);
	if (!rc)
		rc = store_principal_put(call->api->store, &principal, err);
	if (!rc)
		rc = rights_try(call->api, err);
	(void)rf_format(call->note, sizeof(call->note), "user %s %s", user,
			account.disabled ? "disabled" : "let in");
	return rc ? rc : h_user(call, err);
}

static int member_change(struct api_call *call, bool in, struct rf_err *err)
{
	const char *user = call_var(call, "user"), *group = call_var(call, "group");
	const struct store_principal principal = {group, true, false};
	const struct store_member member = {user, false, group, call->who.subject,
					    call->request->now_ms};
	int rc = govern_name_check(group, GOVERN_MAX_NAME_BYTES, "group", err);

	if (!rc && group[0] == API_DIRECTORY)
		rc = rf_fail(err, RF_E_USAGE, "%.64s is a group of the directory: change it there",
			     group);
	if (!rc && !call->ran_alone && rights_is_self(call->api, &call->who, user, false))
		rc = rf_fail(err, RF_E_DENIED, "nobody edits their own rights");
	if (!rc && in)
		rc = store_principal_put(call->api->store, &principal, err);
	if (!rc)
		rc = in ? store_member_put(call->api->store, &member, err)
			: store_member_drop(call->api->store, &member, err);
	(void)rf_format(call->note, sizeof(call->note), "user %s %s group %s", user,
			in ? "put into" : "taken out of", group);
	return rc ? rc : rights_try(call->api, err);
}

int h_member_put(struct api_call *call, struct rf_err *err)
{
	return member_change(call, true, err);
}

int h_member_drop(struct api_call *call, struct rf_err *err)
{
	return member_change(call, false, err);
}

static int take_token(void *arg, const struct store_token *token)
{
	json_t *scope = json_loads(token->scope, 0, NULL);
	json_t *json = json_pack(
		"{s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I}", "token", token->token, "user",
		token->account, "name", token->name, "scope", scope ? scope : json_object(),
		"created_ms", (json_int_t)token->created_ms, "expires_ms",
		(json_int_t)token->expires_ms, "used_ms", (json_int_t)token->used_ms, "revoked_ms",
		(json_int_t)token->revoked_ms);

	return json_array_append_new(arg, json) ? -ENOMEM : 0;
}

/* Another's tokens are for who edits users. */
static int owner_check(struct api_call *call, const char *user, struct rf_err *err)
{
	return rf_equal(user, call->who.account) ? 0 : call_may(call, PRIVILEGE_USER_EDIT, "", err);
}

int h_tokens(struct api_call *call, struct rf_err *err)
{
	const char *user = call_query(call, "user");
	API_AUTOJSON json_t *items = json_array();
	int rc = owner_check(call, user ? user : call->who.account, err);

	if (!rc)
		rc = store_token_each(call->api->store, user ? user : call->who.account, take_token,
				      items, err);
	return rc ? rc : call_many(call, json_incref(items), "");
}

static int scope_make(struct api_call *call, char **out, struct rf_err *err)
{
	json_t *names = json_object_get(call->body, "privileges");
	enum privilege privilege;

	for (size_t i = 0; i < json_array_size(names); i++)
		if (!privilege_find(json_string_value(json_array_get(names, i)), &privilege))
			return rf_fail(err, RF_E_UNKNOWN, "privileges: there is no %.64s",
				       json_string_value(json_array_get(names, i)));
	API_AUTOJSON json_t *scope =
		names ? json_pack("{s:O}", "privileges", names) : json_object();

	*out = json_dumps(scope, JSON_COMPACT);
	return *out ? 0 : rf_fail(err, -ENOMEM, "no memory");
}

int h_token_make(struct api_call *call, struct rf_err *err)
{
	char secret[API_SECRET_TEXT_BYTES], id[STORE_ID_BYTES];
	uint8_t sha256[STORE_SHA256_BYTES];
	RF_AUTOFREE char *scope = NULL;
	int64_t now = call->request->now_ms;
	int64_t expires = now + call_number(call, "days", 30) * DAY_MS;
	int rc = scope_make(call, &scope, err);

	/* A token that may less would else make one that may more. */
	if (!rc && call->who.scoped)
		rc = rf_fail(err, RF_E_DENIED, "a token with a scope makes no tokens");
	if (!rc)
		rc = secret_make("rft_", secret, sha256, err);
	if (!rc)
		rc = id_make("token-", id, err);
	if (rc)
		return rc;
	const struct store_token token = {.token = id,
					  .sha256 = {sha256, sizeof(sha256)},
					  .account = call->who.account,
					  .name = call_text(call, "name"),
					  .scope = scope,
					  .created_ms = now,
					  .expires_ms = expires};

	rc = store_token_add(call->api->store, &token, err);
	if (!rc)
		rc = call_one(call, json_pack("{s:s, s:s, s:I}", "token", id, "secret", secret,
					      "expires_ms", (json_int_t)expires));
	(void)rf_format(call->note, sizeof(call->note), "%s made", id);
	rf_wipe(secret, sizeof(secret));
	return rc;
}

struct owner {
	const char *token;
	char account[API_NAME_BYTES];
};

static int take_owner(void *arg, const struct store_token *token)
{
	struct owner *owner = arg;

	if (rf_equal(token->token, owner->token))
		(void)rf_copy(owner->account, sizeof(owner->account), token->account);
	return 0;
}

int h_token_revoke(struct api_call *call, struct rf_err *err)
{
	struct owner owner = {.token = call_var(call, "token")};
	int rc = store_token_each(call->api->store, call->who.account, take_owner, &owner, err);

	if (!rc && !owner.account[0])
		rc = call_may(call, PRIVILEGE_USER_EDIT, "", err);
	(void)rf_format(call->note, sizeof(call->note), "%s revoked", owner.token);
	return rc ? rc
		  : store_token_revoke(call->api->store, owner.token, call->request->now_ms, err);
}
