/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles, permissions and the inventory. A change is tried as a whole (rights_try) before its
 * transaction ends: what would leave nobody to administer is refused. Nobody edits their own
 * rights.
 */
#include <errno.h>
#include <string.h>

#include "api/handlers.h"
#include "api/rights_parts.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/condition.h"
#include "govern/text.h"
#include "store/access.h"

int h_privileges(struct api_call *call, struct rf_err *err)
{
	json_t *items = json_array();

	(void)err;
	for (unsigned i = 0; i < PRIVILEGE_COUNT; i++)
		json_array_append_new(items, json_pack("{s:s, s:s}", "privilege", privilege_name(i),
						       "about", privilege_about(i)));
	return call_many(call, items, "");
}

/* Rows of one kind as they are read; begin starts anew. */
struct listing {
	struct api_call *call;
	json_t *items;
};

static int take_begin(void *arg, int64_t generation)
{
	struct listing *listing = arg;

	(void)generation;
	return json_array_clear(listing->items);
}

static int take_role(void *arg, const struct store_role *role)
{
	struct listing *listing = arg;

	return json_array_append_new(listing->items,
				     json_pack("{s:s, s:s, s:[], s:s, s:I}", "role", role->role,
					       "title", role->title, "privileges", "changed_by",
					       role->changed_by, "changed_ms",
					       (json_int_t)role->changed_ms))
		       ? -ENOMEM
		       : 0;
}

static int take_privilege(void *arg, const char *role, const char *privilege)
{
	struct listing *listing = arg;

	for (size_t i = 0; i < json_array_size(listing->items); i++) {
		json_t *json = json_array_get(listing->items, i);

		if (rf_equal(json_string_value(json_object_get(json, "role")), role))
			return json_array_append_new(json_object_get(json, "privileges"),
						     json_string(privilege))
				       ? -ENOMEM
				       : 0;
	}
	return 0;
}

static json_t *json_of(const char *text)
{
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	return json ? json : json_object();
}

static int take_permission(void *arg, const struct store_permission *p)
{
	struct listing *listing = arg;

	return json_array_append_new(listing->items,
				     json_pack("{s:s, s:s, s:b, s:s, s:b, s:o, s:s, s:I}", "object",
					       p->object, "principal", p->principal, "group",
					       p->is_group, "role", p->role, "propagate",
					       p->propagate, "conditions", json_of(p->constraints),
					       "granted_by", p->granted_by, "granted_ms",
					       (json_int_t)p->granted_ms))
		       ? -ENOMEM
		       : 0;
}

static int list(struct api_call *call, const struct store_access_reader *reader, struct rf_err *err)
{
	struct listing listing = {call, json_array()};
	int rc = store_access_read(call->api->store, reader, &listing, err);

	if (rc)
		json_decref(listing.items);
	return rc ? rc : call_many(call, listing.items, "");
}

int h_roles(struct api_call *call, struct rf_err *err)
{
	static const struct store_access_reader reader = {
		.begin = take_begin, .role = take_role, .privilege = take_privilege};

	return list(call, &reader, err);
}

int h_permissions(struct api_call *call, struct rf_err *err)
{
	static const struct store_access_reader reader = {.begin = take_begin,
							  .permission = take_permission};

	return list(call, &reader, err);
}

/* Whoever could edit the role that they hold could give themselves anything. */
static int not_own(struct api_call *call, const char *role, struct rf_err *err)
{
	return !call->ran_alone && rights_holds_role(call->api, &call->who, role)
		       ? rf_fail(err, RF_E_DENIED, "nobody edits their own rights: you hold %s",
				 role)
		       : 0;
}

int h_role_put(struct api_call *call, struct rf_err *err)
{
	const json_t *list = json_object_get(call->body, "privileges");
	const char *names[PRIVILEGE_COUNT], *title = call_text(call, "title");
	struct store_role role = {call_var(call, "role"), title ? title : "",	names, 0,
				  call->who.subject,	  call->request->now_ms};
	struct privilege_set set = {0};
	int rc = govern_name_check(role.role, GOVERN_MAX_NAME_BYTES, "role", err);

	for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
		const char *name = json_string_value(json_array_get(list, i));
		enum privilege privilege;

		if (i == PRIVILEGE_COUNT || !privilege_find(name, &privilege))
			return rf_fail(err, RF_E_UNKNOWN, "privileges: there is no %.64s", name);
		names[role.privileges_count++] = name;
		privilege_add(&set, privilege);
	}
	if (!rc)
		rc = duty_role_check(&call->api->rights.rows->duties, role.role, &set, err);
	if (!rc)
		rc = not_own(call, role.role, err);
	if (!rc)
		rc = store_role_put(call->api->store, &role, err);
	(void)rf_format(call->note, sizeof(call->note), "role %s has %zu privileges", role.role,
			role.privileges_count);
	return rc ? rc : rights_try(call->api, err);
}

int h_role_drop(struct api_call *call, struct rf_err *err)
{
	const char *role = call_var(call, "role");
	int rc = store_role_drop(call->api->store, role, err);

	(void)rf_format(call->note, sizeof(call->note), "role %s removed", role);
	return rc ? rc : rights_try(call->api, err);
}

/* A group that the caller is in is the caller, too, and so is their other account. */
static int not_self(struct api_call *call, struct rf_err *err)
{
	const char *principal = call_text(call, "principal");

	if (call->ran_alone ||
	    !rights_is_self(call->api, &call->who, principal, call_truth(call, "group")))
		return 0;
	return rf_fail(err, RF_E_DENIED, "nobody edits their own rights: %.64s is you", principal);
}

int h_permission_put(struct api_call *call, struct rf_err *err)
{
	const json_t *conditions = json_object_get(call->body, "conditions");
	const json_t *propagate = json_object_get(call->body, "propagate");
	RF_AUTOFREE char *text =
		json_is_object(conditions) ? json_dumps(conditions, JSON_COMPACT) : rf_strdup("{}");
	const struct store_permission permission = {.object = call->object,
						    .principal = call_text(call, "principal"),
						    .is_group = call_truth(call, "group"),
						    .role = call_text(call, "role"),
						    .propagate = !json_is_false(propagate),
						    .constraints = text,
						    .granted_by = call->who.subject,
						    .granted_ms = call->request->now_ms};
	const struct store_principal group = {permission.principal, true, false};
	int rc = text ? condition_check(text, err) : rf_fail(err, -ENOMEM, "no memory");

	if (!rc)
		rc = not_self(call, err);
	if (!rc && permission.is_group)
		rc = store_principal_put(call->api->store, &group, err);
	if (!rc)
		rc = store_permission_put(call->api->store, &permission, err);
	(void)rf_format(call->note, sizeof(call->note), "%s %.64s has role %.64s",
			permission.is_group ? "group" : "user", permission.principal,
			permission.role);
	return rc ? rc : rights_try(call->api, err);
}

int h_permission_drop(struct api_call *call, struct rf_err *err)
{
	const struct store_permission permission = {.object = call->object,
						    .principal = call_text(call, "principal"),
						    .is_group = call_truth(call, "group")};
	int rc = not_self(call, err);

	if (!rc)
		rc = store_permission_drop(call->api->store, &permission, err);
	(void)rf_format(call->note, sizeof(call->note), "%s %.64s has no role there any more",
			permission.is_group ? "group" : "user", permission.principal);
	return rc ? rc : rights_try(call->api, err);
}

/* Objects that the caller may see, as far as one page goes. */
struct objects {
	struct api_call *call;
	json_t *items;
	int64_t read;
	char last[512];
};

static int take_object(void *arg, const struct store_object *object)
{
	struct objects *objects = arg;
	json_t *parents = json_array();

	objects->read++;
	(void)rf_copy(objects->last, sizeof(objects->last), object->object);
	for (unsigned i = 0; i < STORE_PARENTS; i++)
		if (object->parents[i])
			json_array_append_new(parents, json_string(object->parents[i]));
	json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:o}", "object", object->object, "kind",
				 object->kind, "name", object->name, "labels",
				 json_of(object->labels), "parents", parents);

	if (!call_sees(objects->call, PRIVILEGE_OBJECT_VIEW, object->object)) {
		json_decref(json);
		return 0;
	}
	return json_array_append_new(objects->items, json) ? -ENOMEM : 0;
}

int h_objects(struct api_call *call, struct rf_err *err)
{
	struct objects objects = {.call = call, .items = json_array()};
	int64_t limit = call_query_number(call, "limit", API_PAGE);
	const char *after = call_query(call, "after");
	int rc = store_object_each(call->api->store, after ? after : "", limit, take_object,
				   &objects, err);

	if (rc) {
		json_decref(objects.items);
		return rc;
	}
	return call_many(call, objects.items, objects.read >= limit ? objects.last : "");
}

int h_object_put(struct api_call *call, struct rf_err *err)
{
	const json_t *parents = json_object_get(call->body, "parents");
	const json_t *labels = json_object_get(call->body, "labels");
	RF_AUTOFREE char *text = json_is_object(labels) ? json_dumps(labels, JSON_COMPACT) : NULL;
	const struct store_object object = {
		.object = call_var(call, "object"),
		.kind = call_text(call, "kind"),
		.name = call_text(call, "name"),
		.labels = text,
		.parents = {json_string_value(json_array_get(parents, 0)),
			    json_string_value(json_array_get(parents, 1))}};
	int rc = govern_name_check(object.object, 512, "object", err);

	if (!rc)
		rc = store_object_put(call->api->store, &object, err);
	(void)rf_format(call->note, sizeof(call->note), "object %.128s put", object.object);
	return rc ? rc : rights_try(call->api, err);
}

int h_object_drop(struct api_call *call, struct rf_err *err)
{
	const char *object = call_var(call, "object");
	int rc = store_object_drop(call->api->store, object, err);

	(void)rf_format(call->note, sizeof(call->note), "object %.128s taken out", object);
	return rc ? rc : rights_try(call->api, err);
}

int h_object_rights(struct api_call *call, struct rf_err *err)
{
	const struct rbac *rbac = call->api->rights.rbac;
	const char *user = call_query(call, "user");
	RF_AUTOBUF struct rf_buf why = {0};
	uint32_t number = RBAC_NONE, object = RBAC_GLOBAL;

	if (!rbac_user_find(rbac, user, &number))
		return rf_fail(err, RF_E_UNKNOWN, "there is no user %s", user);
	(void)rbac_object_find(rbac, call->object, &object);
	struct privilege_set set = rbac_resolve(rbac, number, object);
	json_t *names = json_array();

	for (unsigned i = 0; i < PRIVILEGE_COUNT; i++)
		if (privilege_in(&set, i))
			json_array_append_new(names, json_string(privilege_name(i)));
	if (rbac_explain(rbac, number, object, &why))
		rf_buf_add_text(&why, "");
	return call_one(call, json_pack("{s:s, s:s, s:o, s:s}", "object", call->object, "user",
					user, "privileges", names, "why", rf_buf_text(&why)));
}
