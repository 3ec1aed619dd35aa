/* SPDX-License-Identifier: Apache-2.0 */
/* From rows to a snapshot in which permissions are found without searching. See rbac.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "govern/rbac_parts.h"

#define MAX_NAME 255u

/* What may lie above what, and how often. */
static const struct kind_row {
	const char *name;
	unsigned parents; /* bits of enum rbac_kind; 0: a root */
	unsigned most;
} kinds[RBAC_KINDS] = {
	[RBAC_SITE] = {"site", 0, 0},
	[RBAC_GROUP] = {"group", 1u << RBAC_SITE | 1u << RBAC_GROUP, 1},
	[RBAC_HOST] = {"host", 1u << RBAC_SITE | 1u << RBAC_GROUP, 1},
	[RBAC_VM] = {"vm", 1u << RBAC_HOST | 1u << RBAC_GROUP, 2},
	[RBAC_NETWORK] = {"network", 1u << RBAC_SITE | 1u << RBAC_GROUP | 1u << RBAC_HOST, 1},
	[RBAC_STORAGE] = {"storage", 1u << RBAC_SITE | 1u << RBAC_GROUP | 1u << RBAC_HOST, 1},
};

const char *rbac_kind_name(enum rbac_kind kind)
{
	return (unsigned)kind < RBAC_KINDS ? kinds[kind].name : "";
}

void rbac_free(struct rbac *rbac)
{
	if (!rbac)
		return;
	rf_map_done(&rbac->objects);
	rf_map_done(&rbac->users);
	rf_free(rbac->grants);
	rf_arena_done(&rbac->arena);
	rf_free(rbac);
}

static void rbac_free_p(struct rbac **rbac)
{
	rbac_free(*rbac);
}

static int name_check(const char *what, uint32_t row, const char *name, struct rf_err *err)
{
	size_t len = name ? strnlen(name, MAX_NAME + 1) : 0;

	if (len == 0 || len > MAX_NAME || !rf_utf8_valid((const uint8_t *)name, len))
		return rf_fail(err, RF_E_SYNTAX, "%s %u has no name of 1 to %u bytes of UTF-8",
			       what, row, MAX_NAME);
	return 0;
}

static int number(struct rf_map *map, const char *what, const char *key, uint32_t row,
		  struct rf_err *err)
{
	if (rf_map_has(map, key))
		return rf_fail(err, RF_E_DUPLICATE, "%s %s is there twice", what, key);
	if (rf_map_set(map, key, (void *)((uintptr_t)row + 1)) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	return 0;
}

static int limits_check(const struct rbac_rows *rows, struct rf_err *err)
{
	const struct {
		const char *what;
		uint32_t count, most;
	} all[] = {
		{"objects", rows->objects_count, RBAC_MAX_OBJECTS},
		{"users and groups", rows->principals_count, RBAC_MAX_PRINCIPALS},
		{"roles", rows->roles_count, RBAC_MAX_ROLES},
		{"permissions", rows->permissions_count, RBAC_MAX_PERMISSIONS},
	};

	for (size_t i = 0; i < RF_COUNT(all); i++) {
		if (all[i].count > all[i].most)
			return rf_fail(err, RF_E_LIMIT, "%u %s: at most %u", all[i].count,
				       all[i].what, all[i].most);
	}
	return 0;
}

/* ---- objects ---- */

static int parent_check(const struct rbac_rows *rows, const struct rbac_object *object,
			uint32_t parent, unsigned *seen, struct rf_err *err)
{
	if (parent >= rows->objects_count)
		return rf_fail(err, RF_E_UNKNOWN, "%s lies below object %u, which is not there",
			       object->id, parent);
	enum rbac_kind kind = rows->objects[parent].kind;

	if ((unsigned)kind >= RBAC_KINDS || !(kinds[object->kind].parents >> kind & 1))
		return rf_fail(err, RF_E_SYNTAX, "%s: a %s cannot lie below a %s", object->id,
			       kinds[object->kind].name, rbac_kind_name(kind));
	if (*seen >> kind & 1)
		return rf_fail(err, RF_E_SYNTAX, "%s lies below two objects of kind %s", object->id,
			       kinds[kind].name);
	*seen |= 1u << kind;
	return 0;
}

static int node_make(struct rbac *rbac, const struct rbac_rows *rows, uint32_t row,
		     struct rf_err *err)
{
	const struct rbac_object *object = &rows->objects[row];
	struct rbac_node *node = &rbac->nodes[row];
	unsigned seen = 0, count = 0;
	int rc = name_check("object", row, object->id, err);

	if (rc)
		return rc;
	if ((unsigned)object->kind >= RBAC_KINDS)
		return rf_fail(err, RF_E_UNKNOWN, "%s is of no known kind", object->id);
	*node = (struct rbac_node){.kind = object->kind, .parents = {RBAC_NONE, RBAC_NONE}};
	node->id = rf_arena_copy(&rbac->arena, object->id);
	for (size_t i = 0; i < RBAC_PARENTS && rc == 0; i++) {
		if (object->parents[i] == RBAC_NONE)
			continue;
		rc = parent_check(rows, object, object->parents[i], &seen, err);
		node->parents[count++] = object->parents[i];
	}
	if (rc)
		return rc;
	if (count > kinds[object->kind].most || (count == 0 && kinds[object->kind].most > 0))
		return rf_fail(err, RF_E_SYNTAX, "%s lies below %u objects: a %s lies below %s",
			       object->id, count, kinds[object->kind].name,
			       kinds[object->kind].most == 0   ? "none"
			       : kinds[object->kind].most == 1 ? "one"
							       : "its host, its group, or both");
	return number(&rbac->objects, "object", object->id, row, err);
}

/* Groups lie in groups: what is deeper than RBAC_MAX_DEPTH, or a circle, is refused. */
static int depth_check(const struct rbac *rbac, struct rf_err *err)
{
	for (uint32_t row = 0; row < rbac->nodes_count; row++) {
		uint32_t at = row, depth = 0;

		while (at != RBAC_NONE && depth++ <= RBAC_MAX_DEPTH)
			at = rbac->nodes[at].parents[0];
		if (at != RBAC_NONE)
			return rf_fail(err, RF_E_SYNTAX,
				       "%s lies in a circle of groups, or deeper than %u",
				       rbac->nodes[row].id, RBAC_MAX_DEPTH);
	}
	return 0;
}

static int objects_load(struct rbac *rbac, const struct rbac_rows *rows, struct rf_err *err)
{
	rbac->nodes = rf_arena_alloc(&rbac->arena, rows->objects_count, sizeof(*rbac->nodes));
	if (!rbac->nodes)
		return rf_fail(err, -ENOMEM, "no memory");
	rbac->nodes_count = rows->objects_count;
	for (uint32_t i = 0; i < rows->objects_count; i++) {
		int rc = node_make(rbac, rows, i, err);

		if (rc)
			return rc;
	}
	return depth_check(rbac, err);
}

/* ---- users and groups ---- */

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* All groups that a principal is in, found once each: circles of groups do no harm. */
static int groups_close(struct rbac *rbac, const struct rbac_rows *rows, uint32_t row,
			uint32_t *stamp, uint32_t *list, struct rf_err *err)
{
	uint32_t count = 0, at = row, done = 0;

	for (;;) {
		const struct rbac_principal *p = &rows->principals[at];

		for (uint32_t i = 0; i < p->groups_count; i++) {
			uint32_t group = p->groups[i];

			if (group >= rows->principals_count || !rows->principals[group].is_group)
				return rf_fail(err, RF_E_UNKNOWN, "%s is in %u, which is no group",
					       p->name, group);
			if (stamp[group] != row + 1) {
				stamp[group] = row + 1;
				list[count++] = group;
			}
		}
		if (done == count)
			break;
		at = list[done++];
	}
	qsort(list, count, sizeof(*list), by_number);
	rbac->people[row].groups = rf_arena_alloc(&rbac->arena, count, sizeof(*list));
	if (!rbac->people[row].groups)
		return rf_fail(err, -ENOMEM, "no memory");
	if (count)
		memcpy(rbac->people[row].groups, list, count * sizeof(*list));
	rbac->people[row].groups_count = count;
	return 0;
}

static int people_name(struct rbac *rbac, const struct rbac_rows *rows, struct rf_err *err)
{
	RF_AUTOMAP struct rf_map groups = {0};
	int rc = 0;

	for (uint32_t i = 0; i < rows->principals_count && rc == 0; i++) {
		const struct rbac_principal *p = &rows->principals[i];

		rc = name_check("user or group", i, p->name, err);
		if (rc)
			return rc;
		rbac->people[i] = (struct rbac_person){
			.name = rf_arena_copy(&rbac->arena, p->name),
			.is_group = p->is_group,
			.gone = p->gone,
		};
		rc = p->is_group ? number(&groups, "group", p->name, i, err)
				 : number(&rbac->users, "user", p->name, i, err);
	}
	return rc;
}

static int people_load(struct rbac *rbac, const struct rbac_rows *rows, struct rf_err *err)
{
	RF_AUTOFREE uint32_t *stamp = rf_alloc(rows->principals_count, sizeof(*stamp));
	RF_AUTOFREE uint32_t *list = rf_alloc(rows->principals_count, sizeof(*list));

	rbac->people = rf_arena_alloc(&rbac->arena, rows->principals_count, sizeof(*rbac->people));
	if (!rbac->people || !stamp || !list)
		return rf_fail(err, -ENOMEM, "no memory");
	rbac->people_count = rows->principals_count;
	int rc = people_name(rbac, rows, err);

	for (uint32_t i = 0; i < rows->principals_count && rc == 0; i++)
		rc = groups_close(rbac, rows, i, stamp, list, err);
	return rc;
}

/* ---- roles and permissions ---- */

static int roles_load(struct rbac *rbac, const struct rbac_rows *rows, struct rf_err *err)
{
	RF_AUTOMAP struct rf_map names = {0};

	rbac->roles = rf_arena_alloc(&rbac->arena, rows->roles_count, sizeof(*rbac->roles));
	if (!rbac->roles)
		return rf_fail(err, -ENOMEM, "no memory");
	rbac->roles_count = rows->roles_count;
	for (uint32_t i = 0; i < rows->roles_count; i++) {
		struct rbac_role *role = &rbac->roles[i];
		int rc = name_check("role", i, rows->roles[i].name, err);

		if (rc == 0)
			rc = number(&names, "role", rows->roles[i].name, i, err);
		if (rc)
			return rc;
		role->name = rf_arena_copy(&rbac->arena, rows->roles[i].name);
		role->privileges = rows->roles[i].privileges;
		/* Who may do something to an object may see it. */
		if (!privilege_none(&role->privileges)) {
			privilege_add(&role->privileges, PRIVILEGE_OBJECT_VIEW);
			privilege_add(&role->privileges, PRIVILEGE_OBJECT_READ);
		}
	}
	return 0;
}

static int permission_check(const struct rbac_rows *rows, uint32_t row, struct rf_err *err)
{
	const struct rbac_permission *p = &rows->permissions[row];

	if (p->object != RBAC_GLOBAL && p->object >= rows->objects_count)
		return rf_fail(err, RF_E_UNKNOWN,
			       "permission %u is on object %u, which is not there", row, p->object);
	if (p->principal >= rows->principals_count)
		return rf_fail(err, RF_E_UNKNOWN, "permission %u is for %u, which is nobody", row,
			       p->principal);
	if (p->role >= rows->roles_count)
		return rf_fail(err, RF_E_UNKNOWN, "permission %u gives role %u, which is not there",
			       row, p->role);
	if (p->object != RBAC_GLOBAL && rows->objects[p->object].inherits_only)
		return rf_fail(
			err, RF_E_DENIED,
			"%s is part of a larger object and inherits: give the permission there",
			rows->objects[p->object].id);
	return 0;
}

/* A permission on its way to its object. */
struct loose {
	uint32_t object, principal, row;
};

static int by_object(const void *a, const void *b)
{
	const struct loose *x = a, *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	if (x->principal != y->principal)
		return x->principal < y->principal ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

static void grants_place(struct rbac *rbac, const struct rbac_rows *rows, const struct loose *all)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < rows->permissions_count; i++) {
		const struct rbac_permission *p = &rows->permissions[all[i].row];
		struct rbac_grants *at =
			p->object == RBAC_GLOBAL ? &rbac->global : &rbac->nodes[p->object].grants;

		/* The later of two for one object and principal. */
		if (i + 1 < rows->permissions_count && all[i + 1].object == p->object &&
		    all[i + 1].principal == p->principal)
			continue;
		if (at->count++ == 0)
			at->first = count;
		rbac->grants[count++] =
			(struct rbac_grant){p->principal, p->role, all[i].row, p->propagate};
	}
}

static int permissions_load(struct rbac *rbac, const struct rbac_rows *rows, struct rf_err *err)
{
	RF_AUTOFREE struct loose *all = rf_alloc(rows->permissions_count, sizeof(*all));

	rbac->grants = rf_alloc(rows->permissions_count, sizeof(*rbac->grants));
	if (!all || !rbac->grants)
		return rf_fail(err, -ENOMEM, "no memory");
	for (uint32_t i = 0; i < rows->permissions_count; i++) {
		int rc = permission_check(rows, i, err);

		if (rc)
			return rc;
		all[i] = (struct loose){rows->permissions[i].object, rows->permissions[i].principal,
					i};
	}
	qsort(all, rows->permissions_count, sizeof(*all), by_object);
	grants_place(rbac, rows, all);
	return 0;
}

/* Somebody must be able to give permissions on each root, or nobody could ever again. */
static int administrator_check(const struct rbac *rbac, uint32_t root, struct rf_err *err)
{
	for (uint32_t i = 0; i < rbac->people_count; i++) {
		struct privilege_set set = rbac_resolve(rbac, i, root);

		if (privilege_in(&set, PRIVILEGE_GRANT_EDIT))
			return 0;
	}
	return rf_fail(err, RF_E_DENIED,
		       "nobody could give permissions on %s any more: leave a user %s there",
		       root == RBAC_GLOBAL ? "the inventory" : rbac->nodes[root].id,
		       privilege_name(PRIVILEGE_GRANT_EDIT));
}

static int administrators_check(const struct rbac *rbac, struct rf_err *err)
{
	int rc = rbac->nodes_count ? 0 : administrator_check(rbac, RBAC_GLOBAL, err);

	for (uint32_t i = 0; i < rbac->nodes_count && rc == 0; i++) {
		if (rbac->nodes[i].parents[0] == RBAC_NONE)
			rc = administrator_check(rbac, i, err);
	}
	return rc;
}

int rbac_load(const struct rbac_rows *rows, struct rbac **out, struct rf_err *err)
{
	static int (*const steps[])(struct rbac *, const struct rbac_rows *, struct rf_err *) = {
		objects_load, people_load, roles_load, permissions_load};
	int rc = limits_check(rows, err);

	if (rc)
		return rc;
	__attribute__((cleanup(rbac_free_p))) struct rbac *rbac = rf_alloc(1, sizeof(*rbac));

	if (!rbac)
		return rf_fail(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < RF_COUNT(steps) && rc == 0; i++)
		rc = steps[i](rbac, rows, err);
	if (rc == 0 && rbac->arena.failed)
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (rc == 0)
		rc = administrators_check(rbac, err);
	if (rc)
		return rc;
	*out = rf_take(rbac);
	return 0;
}
