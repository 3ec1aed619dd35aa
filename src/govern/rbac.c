/* SPDX-License-Identifier: Apache-2.0 */
/* Resolving a permission on a snapshot, and saying why. See rbac.h for the rules. */
#include "govern/rbac.h"

#include <errno.h>

#include "base/mem.h"
#include "govern/rbac_parts.h"

/* Who asks, and which permissions hold (NULL: all). */
struct asker {
	uint32_t user;
	const struct rbac_filter *filter;
};

/* How one way up from an object was decided. */
struct way {
	uint32_t node; /* the deciding object, RBAC_GLOBAL; RBAC_NONE: nobody said anything */
	bool own;      /* by a permission of the user itself */
	struct privilege_set set;
};

static bool find(const struct rf_map *map, const char *key, uint32_t *out)
{
	uintptr_t number = (uintptr_t)rf_map_get(map, key);

	if (!number)
		return false;
	*out = (uint32_t)(number - 1);
	return true;
}

bool rbac_object_find(const struct rbac *rbac, const char *id, uint32_t *out)
{
	return find(&rbac->objects, id, out);
}

bool rbac_user_find(const struct rbac *rbac, const char *name, uint32_t *out)
{
	return find(&rbac->users, name, out);
}

static bool in_group(const struct rbac_person *user, uint32_t group)
{
	uint32_t low = 0, high = user->groups_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (user->groups[middle] == group)
			return true;
		if (user->groups[middle] < group)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool applies(const struct rbac *rbac, const struct rbac_grant *grant, uint32_t user,
		    bool inherited)
{
	if (inherited && !grant->propagate)
		return false;
	return grant->principal == user || (!rbac->people[grant->principal].gone &&
					    in_group(&rbac->people[user], grant->principal));
}

/* What the permissions of one object say to a user; false: nothing. */
static bool decide(const struct rbac *rbac, const struct rbac_grants *at, const struct asker *asker,
		   bool inherited, struct way *out)
{
	static const struct privilege_set nothing;
	uint32_t user = asker->user;
	bool any = false;

	for (uint32_t i = 0; i < at->count; i++) {
		const struct rbac_grant *grant = &rbac->grants[at->first + i];
		const struct privilege_set *role = &rbac->roles[grant->role].privileges;

		if (!applies(rbac, grant, user, inherited))
			continue;
		if (asker->filter && !asker->filter->holds(asker->filter->arg, grant->row))
			role = &nothing;
		any = true;
		if (grant->principal == user) {
			out->own = true;
			out->set = *role;
			return true;
		}
		privilege_add_all(&out->set, role);
	}
	return any;
}

/* The way up over one parent. Only a VM has two, and nothing lies below a VM. */
static struct way climb(const struct rbac *rbac, const struct asker *asker, uint32_t object,
			uint32_t parent)
{
	struct way way = {.node = object};

	if (object != RBAC_GLOBAL) {
		if (decide(rbac, &rbac->nodes[object].grants, asker, false, &way))
			return way;
		for (way.node = parent; way.node != RBAC_NONE;
		     way.node = rbac->nodes[way.node].parents[0]) {
			if (decide(rbac, &rbac->nodes[way.node].grants, asker, true, &way))
				return way;
		}
		way.node = RBAC_GLOBAL;
	}
	if (!decide(rbac, &rbac->global, asker, object != RBAC_GLOBAL, &way))
		way.node = RBAC_NONE;
	return way;
}

static bool known(const struct rbac *rbac, uint32_t user, uint32_t object)
{
	return user < rbac->people_count && !rbac->people[user].is_group &&
	       !rbac->people[user].gone && (object == RBAC_GLOBAL || object < rbac->nodes_count);
}

/* All ways up; returns how many. */
static size_t ways(const struct rbac *rbac, const struct asker *asker, uint32_t object,
		   struct way out[RBAC_PARENTS])
{
	size_t count = 0;

	if (!known(rbac, asker->user, object))
		return 0;
	if (object == RBAC_GLOBAL) {
		out[0] = climb(rbac, asker, object, RBAC_NONE);
		return 1;
	}
	const uint32_t *parents = rbac->nodes[object].parents;

	do {
		out[count] = climb(rbac, asker, object, parents[count]);
		count++;
		/* What the object itself says is the same on each way. */
	} while (count < RBAC_PARENTS && parents[count] != RBAC_NONE && out[0].node != object);
	return count;
}

struct privilege_set rbac_resolve_where(const struct rbac *rbac, uint32_t user, uint32_t object,
					const struct rbac_filter *filter)
{
	const struct asker asker = {user, filter};
	struct privilege_set set = {0};
	struct way found[RBAC_PARENTS];
	size_t count = ways(rbac, &asker, object, found);

	for (size_t i = 0; i < count; i++)
		privilege_add_all(&set, &found[i].set);
	return set;
}

struct privilege_set rbac_resolve(const struct rbac *rbac, uint32_t user, uint32_t object)
{
	return rbac_resolve_where(rbac, user, object, NULL);
}

static const char *id_of(const struct rbac *rbac, uint32_t object)
{
	if (object == RBAC_GLOBAL)
		return "everything";
	return object < rbac->nodes_count ? rbac->nodes[object].id : "an unknown object";
}

int rbac_check(const struct rbac *rbac, uint32_t user, const struct rbac_need *needs, size_t count,
	       struct rf_err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct privilege_set set = rbac_resolve(rbac, user, needs[i].object);
		const char *id = id_of(rbac, needs[i].object);
		RF_AUTOBUF struct rf_buf why = {0};

		if (privilege_in(&set, needs[i].privilege))
			continue;
		if (!privilege_in(&set, PRIVILEGE_OBJECT_VIEW))
			return rf_fail(err, RF_E_UNKNOWN, "there is no %s", id);
		if (rbac_explain(rbac, user, needs[i].object, &why) < 0)
			return rf_fail(err, -ENOMEM, "no memory");
		return rf_fail(err, RF_E_DENIED, "%s: %s is not allowed (to %s). %s", id,
			       privilege_name(needs[i].privilege),
			       privilege_about(needs[i].privilege), rf_buf_text(&why));
	}
	return 0;
}

/* "role operator (group ops), role viewer (group all)" */
static void roles_add(const struct rbac *rbac, uint32_t user, uint32_t object,
		      const struct way *way, struct rf_buf *out)
{
	const struct rbac_grants *at =
		way->node == RBAC_GLOBAL ? &rbac->global : &rbac->nodes[way->node].grants;
	const char *comma = "";

	for (uint32_t i = 0; i < at->count; i++) {
		const struct rbac_grant *grant = &rbac->grants[at->first + i];

		if (!applies(rbac, grant, user, way->node != object) ||
		    (way->own && grant->principal != user))
			continue;
		rf_buf_printf(out, "%srole %s (%s %s)", comma, rbac->roles[grant->role].name,
			      grant->principal == user ? "user" : "group",
			      rbac->people[grant->principal].name);
		comma = ", ";
	}
}

int rbac_explain(const struct rbac *rbac, uint32_t user, uint32_t object, struct rf_buf *out)
{
	const struct asker asker = {user, NULL};
	struct way found[RBAC_PARENTS];
	size_t count = ways(rbac, &asker, object, found);

	if (count == 0)
		rf_buf_printf(out, "This user, or this object, is not known.");
	for (size_t i = 0; i < count; i++) {
		const struct way *way = &found[i];

		if (i > 0)
			rf_buf_printf(out, " ");
		if (count > 1)
			rf_buf_printf(out, "By %s: ", id_of(rbac, rbac->nodes[object].parents[i]));
		if (way->node == RBAC_NONE) {
			rf_buf_printf(out, "no permission applies, here or above.");
			continue;
		}
		rf_buf_printf(out, "decided at %s by ", id_of(rbac, way->node));
		roles_add(rbac, user, object, way, out);
		rf_buf_printf(out, way->own ? "; groups do not count beside it, nor what is above."
					    : "; what is above does not count.");
	}
	return out->failed ? -ENOMEM : 0;
}
