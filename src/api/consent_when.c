/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that want a second person for some of what they do: where the act changes who may do what,
 * or who could be the second person. A row for each route; a route that has none wants one always.
 */
#include <string.h>

#include "api/handlers.h"
#include "api/rights_parts.h"
#include "base/mem.h"
#include "base/str.h"

static int take_nothing(void *arg, const struct store_host *host)
{
	(void)arg;
	(void)host;
	return 0;
}

/* The parents that an object has, and those that it is to have: an order is none. */
static bool same_parents(const char *const old[STORE_PARENTS], const json_t *wanted)
{
	size_t count = 0;

	for (unsigned i = 0; i < STORE_PARENTS; i++) {
		bool kept = !old[i];

		for (size_t k = 0; k < json_array_size(wanted) && !kept; k++)
			kept = rf_equal(old[i], json_string_value(json_array_get(wanted, k)));
		if (!kept)
			return false;
		count += old[i] != NULL;
	}
	return count == json_array_size(wanted);
}

static bool same_labels(const char *old, const json_t *wanted)
{
	API_AUTOJSON json_t *had = json_loads(old ? old : "{}", 0, NULL);
	API_AUTOJSON json_t *none = json_object();

	return json_equal(had, wanted ? wanted : none);
}

/* Does any permission hold for some labels alone? */
static bool labels_matter(const struct rights_rows *rows)
{
	for (uint32_t i = 0; i < rows->rows.permissions_count; i++)
		if (rows->conditions[i] && strstr(rows->conditions[i], "\"labels\""))
			return true;
	return false;
}

/* What is below other permissions from then on, or under other conditions. A host that stands
 * nowhere is the fleet's until it is put somewhere; what is new is nobody's. */
static bool object_moves(struct api_call *call)
{
	const struct rights_rows *rows = call->api->rights.rows;
	const char *object = call_var(call, "object");
	const json_t *parents = json_object_get(call->body, "parents");
	uint32_t n;

	if (!rbac_object_find(call->api->rights.rbac, object, &n))
		return rf_starts(object, "host:") && json_array_size(parents) &&
		       !store_host_get(call->api->store, object + strlen("host:"), take_nothing,
				       NULL, NULL);
	return !same_parents(rows->loose[n].parents, parents) ||
	       (!same_labels(rows->labels[n], json_object_get(call->body, "labels")) &&
		labels_matter(rows));
}

/* With it go the permissions on it, also those that take rights away. */
static bool object_goes(struct api_call *call)
{
	const struct rights_rows *rows = call->api->rights.rows;
	uint32_t n;

	if (!rbac_object_find(call->api->rights.rbac, call_var(call, "object"), &n))
		return false;
	for (uint32_t i = 0; i < rows->rows.permissions_count; i++)
		if (rows->permissions[i].object == n)
			return true;
	return rf_starts(call_var(call, "object"), "host:");
}

struct account_seen {
	bool disabled;
	char subject[API_NAME_BYTES];
};

static int take_account(void *arg, const struct store_account *account)
{
	struct account_seen *seen = arg;

	seen->disabled = account->disabled;
	return rf_copy(seen->subject, sizeof(seen->subject), account->subject) ? 0 : RF_E_LIMIT;
}

/* Who has nobody to ask any more asks nobody: so nobody shuts out who would be asked, or makes two
 * of them one person, alone. */
static bool approver_changes(struct api_call *call)
{
	const char *user = call_var(call, "user"), *subject = call_text(call, "subject");
	struct api_who who = {0};
	struct account_seen is = {0};
	struct rights_vote by;

	if (!rf_copy(who.account, sizeof(who.account), user) ||
	    store_account_get(call->api->store, user, take_account, &is, NULL))
		return false;
	rights_vote(call->api, &who, &by);
	return by.role && (is.disabled != call_truth(call, "disabled") ||
			   !rf_equal(is.subject, subject ? subject : user));
}

static const struct {
	int (*handle)(struct api_call *call, struct rf_err *err);
	bool (*wants)(struct api_call *call);
} rows[] = {
	{h_object_put, object_moves},
	{h_object_drop, object_goes},
	{h_user_put, approver_changes},
};

bool consent_wanted(struct api_call *call)
{
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		if (rows[i].handle == call->route->handle)
			return call->api->rights.rbac && rows[i].wants(call);
	return true;
}
