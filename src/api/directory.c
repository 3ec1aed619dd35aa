/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of the directory (NSS: /etc/group, SSSD and so Active Directory) as principals. Their
 * names begin with '@', so that nobody who makes a group there takes the place of one that was made
 * here. Who is in one is told by each sign-in, and forgotten when a session could last no longer.
 */
#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "api/core.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/text.h"
#include "store/access.h"

#define BY	 "directory"
#define AGAIN_MS ((int64_t)3600000) /* a membership is written anew, when it is told again */

/* The directory's groups that have a meaning here, and those of the account. */
struct reading {
	const char *account; /* NULL: every account's memberships */
	json_t *known;	     /* names of groups */
	json_t *members;     /* [account, group, added_ms] */
};

static int take_begin(void *arg, int64_t generation)
{
	struct reading *r = arg;

	(void)generation;
	return json_array_clear(r->known) || json_array_clear(r->members);
}

static int take_principal(void *arg, const struct store_principal *p)
{
	struct reading *r = arg;

	if (!p->is_group || p->gone || p->principal[0] != API_DIRECTORY)
		return 0;
	return json_array_append_new(r->known, json_string(p->principal)) ? -ENOMEM : 0;
}

static int take_member(void *arg, const struct store_member *m)
{
	struct reading *r = arg;

	if (m->is_group || !rf_equal(m->added_by, BY) ||
	    (r->account && !rf_equal(m->principal, r->account)))
		return 0;
	return json_array_append_new(r->members, json_pack("[s, s, I]", m->principal, m->in_group,
							   (json_int_t)m->added_ms))
		       ? -ENOMEM
		       : 0;
}

static int read_all(struct store *store, struct reading *r, struct rf_err *err)
{
	static const struct store_access_reader reader = {
		.begin = take_begin, .principal = take_principal, .member = take_member};

	return store_access_read(store, &reader, r, err);
}

/* Is the group one of the lines? group is without its '@'. */
static bool in_lines(const char *lines, const char *group)
{
	size_t len = strlen(group);

	for (const char *at = lines; at && *at;) {
		size_t line = strcspn(at, "\n");

		if (line == len && strncmp(at, group, len) == 0)
			return true;
		at += line + (at[line] == '\n');
	}
	return false;
}

/* When the account's membership was told; -1: it is in that group not, as far as we know. */
static int64_t told_ms(const struct reading *r, const char *group)
{
	for (size_t i = 0; i < json_array_size(r->members); i++) {
		const json_t *row = json_array_get(r->members, i);

		if (rf_equal(json_string_value(json_array_get(row, 1)), group))
			return json_integer_value(json_array_get(row, 2));
	}
	return -1;
}

struct taking {
	const struct api_password *password;
	int64_t now_ms;
	size_t count; /* of groups that mean something here */
};

static int group_take(struct store *store, struct taking *t, const struct reading *r,
		      const char *group, struct rf_err *err)
{
	const struct store_member member = {t->password->account, false, group, BY, t->now_ms};
	bool in = in_lines(t->password->groups, group + 1);
	int64_t told = told_ms(r, group), age = t->now_ms - told;
	int rc = 0;

	t->count += in;
	if (told >= 0 && (!in || age > AGAIN_MS || age < 0))
		rc = store_member_drop(store, &member, err);
	/* One that a person put there by hand stays theirs. */
	return rc || !in ? rc : store_member_put(store, &member, err);
}

static int take_any(void *arg, const struct store_account *account)
{
	(void)account;
	*(bool *)arg = true;
	return 0;
}

/* Who is somebody in the directory, by a group that has permissions, is somebody here. */
static int account_make(struct store *store, const struct taking *t, struct rf_err *err)
{
	const char *name = t->password->account;
	const struct store_account account = {name, name, "pam", "", false, t->now_ms};
	const struct store_principal principal = {name, false, false};
	bool any = false;
	int rc = store_account_get(store, name, take_any, &any, NULL);

	if ((rc && rc != RF_E_UNKNOWN) || any || !t->count)
		return rc == RF_E_UNKNOWN ? 0 : rc;
	rc = govern_name_check(name, GOVERN_MAX_NAME_BYTES, "user", err);
	if (!rc)
		rc = store_account_put(store, &account, err);
	return rc ? rc : store_principal_put(store, &principal, err);
}

static int take_groups(struct store *store, void *arg, struct rf_err *err)
{
	struct taking *t = arg;
	API_AUTOJSON json_t *known = json_array(), *members = json_array();
	struct reading r = {t->password->account, known, members};
	int rc = read_all(store, &r, err);

	t->count = 0;
	for (size_t i = 0; i < json_array_size(known) && !rc; i++)
		rc = group_take(store, t, &r, json_string_value(json_array_get(known, i)), err);
	return rc ? rc : account_make(store, t, err);
}

int directory_take(struct store *store, const struct api_password *password, int64_t now_ms,
		   struct rf_err *err)
{
	struct taking taking = {.password = password, .now_ms = now_ms};

	return store_transaction(store, take_groups, &taking, err);
}

static int drop_old(struct store *store, void *arg, struct rf_err *err)
{
	const int64_t now_ms = *(const int64_t *)arg;
	API_AUTOJSON json_t *known = json_array(), *members = json_array();
	struct reading r = {NULL, known, members};
	int rc = read_all(store, &r, err);

	for (size_t i = 0; i < json_array_size(members) && !rc; i++) {
		const json_t *row = json_array_get(members, i);
		int64_t age = now_ms - json_integer_value(json_array_get(row, 2));
		const struct store_member member = {
			json_string_value(json_array_get(row, 0)), false,
			json_string_value(json_array_get(row, 1)), BY, 0};

		if (age > API_SESSION_MS || age < -API_SESSION_MS)
			rc = store_member_drop(store, &member, err);
	}
	return rc;
}

int api_directory_look(struct store *store, int64_t now_ms, struct rf_err *err)
{
	return store_transaction(store, drop_old, &now_ms, err);
}
