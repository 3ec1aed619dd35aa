/* SPDX-License-Identifier: Apache-2.0 */
/* A manager's api without a socket, for tests: a new store in SQLite, people, and one call. */
#ifndef RF_TESTS_API_TEST_H
#define RF_TESTS_API_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/api.h"
#include "api/core.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/access.h"

#define API_NOW ((int64_t)1795437000000)

struct api_test {
	struct api api;
	char dir[64], url[128];
	int64_t now_ms;
};

static inline void api_test_begin(struct api_test *t)
{
	struct rf_err err = {0};

	memset(t, 0, sizeof(*t));
	t->now_ms = API_NOW;
	snprintf(t->dir, sizeof(t->dir), "/tmp/rf-api-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->url, sizeof(t->url), "sqlite:%s/store.db", t->dir);
	if (store_upgrade(t->url, &err) || store_open(t->url, &t->api.store, &err))
		fail_msg("%s", rf_err_text(&err));
}

static inline void api_test_end(struct api_test *t)
{
	char command[128];
	static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm"};

	rights_done(&t->api.rights);
	rf_buf_done(&t->api.openapi);
	store_close(t->api.store);
	for (size_t i = 0; i < RF_COUNT(files); i++) {
		snprintf(command, sizeof(command), "%s/%s", t->dir, files[i]);
		(void)unlink(command);
	}
	assert_int_equal(rmdir(t->dir), 0);
}

/* What a call is made with beside its path; address NULL: 192.0.2.1. */
struct api_as {
	const char *bearer, *cookie, *csrf, *origin, *address, *approval, *etag;
};

/* Calls; the reply is the caller's (api_reply_done). path may have a query. */
static inline void api_test_call(struct api_test *t, const char *method, const char *path,
				 const char *body, const struct api_as *as, struct api_reply *reply)
{
	char target[4096], bearer[256];
	char *query;

	assert_true(rf_copy(target, sizeof(target), path));
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	assert_true(rf_format(bearer, sizeof(bearer), "Bearer %s", as->bearer ? as->bearer : ""));
	const struct api_request request = {
		.method = method,
		.path = target,
		.query = query,
		.authorization = as->bearer ? bearer : NULL,
		.cookie = as->cookie,
		.csrf = as->csrf,
		.origin = as->origin,
		.host = "manager:8443",
		.content_type = body ? "application/json" : NULL,
		.etag = as->etag,
		.approval = as->approval,
		.body = body ? rf_slice_text(body) : (struct rf_slice){NULL, 0},
		.address = as->address ? as->address : "192.0.2.1",
		.now_ms = t->now_ms,
	};

	memset(reply, 0, sizeof(*reply));
	api_answer(&t->api, &request, reply);
}

/* Calls and gives the status; *out (NULL for none) gets the answer. */
static inline int api_test_status(struct api_test *t, const char *method, const char *path,
				  const char *body, const struct api_as *as, json_t **out)
{
	struct api_reply reply;

	api_test_call(t, method, path, body, as, &reply);
	int status = reply.status;

	if (out)
		*out = json_loadb((const char *)reply.body.data, reply.body.len, 0, NULL);
	api_reply_done(&reply);
	return status;
}

/* A token of an account with that role above all objects; the account is made. */
static inline void api_test_person(struct api_test *t, const char *name, const char *role,
				   char out[API_SECRET_TEXT_BYTES])
{
	uint8_t sha256[STORE_SHA256_BYTES];
	char id[64];
	struct rf_err err = {0};
	const struct store_account account = {name, name, "pam", name, false, t->now_ms};
	const struct store_principal principal = {name, false, false};
	const struct store_permission permission = {
		"", name, false, role, true, NULL, "root", t->now_ms - 30 * (int64_t)86400000};
	const struct store_token token = {.token = id,
					  .sha256 = {sha256, sizeof(sha256)},
					  .account = name,
					  .name = "test",
					  .scope = "{}",
					  .created_ms = t->now_ms,
					  .expires_ms = t->now_ms + 86400000};

	snprintf(id, sizeof(id), "token-%s", name);
	if (secret_make("rft_", out, sha256, &err) ||
	    store_account_put(t->api.store, &account, &err) ||
	    store_principal_put(t->api.store, &principal, &err) ||
	    (role && store_permission_put(t->api.store, &permission, &err)) ||
	    store_token_add(t->api.store, &token, &err))
		fail_msg("%s", rf_err_text(&err));
}

/* The first code, shown: a bearer of the user setup. */
static inline void api_test_setup(struct api_test *t, char out[API_SECRET_TEXT_BYTES])
{
	static const struct api_as nobody;
	char code[API_CODE_BYTES], body[128];
	struct rf_err err = {0};
	json_t *answer = NULL;

	if (api_first_code(t->api.store, t->now_ms, code, &err))
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(strlen(code), 23);
	snprintf(body, sizeof(body), "{\"code\":\"%s\",\"bearer\":true}", code);
	assert_int_equal(api_test_status(t, "POST", "/api/v1/session", body, &nobody, &answer),
			 201);
	assert_true(rf_copy(out, API_SECRET_TEXT_BYTES,
			    json_string_value(json_object_get(answer, "bearer"))));
	json_decref(answer);
}

#endif
