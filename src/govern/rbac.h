/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: roles, and permissions on the objects of the inventory, resolved as vCenter
 * resolves them, since that is what our users know (docs/adr/0010-rbac-resolves-like-vcenter.md
 * says where it is stated and what we decided where it is silent):
 *
 *  1. From the object upwards, the nearest node with an applicable permission decides alone. At the
 *     object itself every permission for the user or one of the user's groups is applicable; above
 *     it only those that propagate.
 *  2. At that node a permission for the user itself applies alone; otherwise the roles of all
 *     matching groups together.
 *  3. An object with two parents (a VM: its group and its host): each way up by itself, together.
 *  4. Permissions on RBAC_GLOBAL lie above every root. No match anywhere: nothing is allowed.
 *
 * Pure: rows go in, a snapshot comes out; a change is a new snapshot. Not here: who the user is
 * (authentication), what wants a second person (approval.h), which roles exclude each other
 * (duty.h).
 */
#ifndef RF_GOVERN_RBAC_H
#define RF_GOVERN_RBAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "govern/privilege.h"

#define RBAC_MAX_OBJECTS     4000000u
#define RBAC_MAX_PRINCIPALS  200000u
#define RBAC_MAX_ROLES	     4096u
#define RBAC_MAX_PERMISSIONS 1000000u
#define RBAC_MAX_DEPTH	     32u
#define RBAC_PARENTS	     2
#define RBAC_NONE	     UINT32_MAX	      /* no parent */
#define RBAC_GLOBAL	     (UINT32_MAX - 1) /* the object of a permission above all roots */

/* What stands in the inventory tree. */
enum rbac_kind {
	RBAC_SITE,
	RBAC_GROUP,
	RBAC_HOST,
	RBAC_VM,
	RBAC_NETWORK,
	RBAC_STORAGE,
	RBAC_KINDS
};
/* "vm"; "" for what is no kind. */
const char *rbac_kind_name(enum rbac_kind kind);

struct rbac_object {
	const char *id; /* unique: "vm:4c4c4544-..." */
	enum rbac_kind kind;
	uint32_t parents[RBAC_PARENTS]; /* numbers of rows, RBAC_NONE */
	bool inherits_only; /* part of a larger object: holds no permission of its own */
};

struct rbac_principal {
	const char *name; /* unique among users, or among groups */
	bool is_group;
	const uint32_t *groups; /* the groups that it is in, numbers of rows */
	uint32_t groups_count;
	bool gone; /* no longer in the directory: its permissions count for nothing */
};

struct rbac_role {
	const char *name;
	struct privilege_set
		privileges; /* seeing comes with every role but one without privileges */
};

struct rbac_permission {
	uint32_t object; /* number of a row, or RBAC_GLOBAL */
	uint32_t principal, role;
	bool propagate;
};

/* All rows. Of two permissions with the same object and principal the later counts. */
struct rbac_rows {
	const struct rbac_object *objects;
	uint32_t objects_count;
	const struct rbac_principal *principals;
	uint32_t principals_count;
	const struct rbac_role *roles;
	uint32_t roles_count;
	const struct rbac_permission *permissions;
	uint32_t permissions_count;
};

struct rbac;

/*
 * A snapshot of rows; texts and lists are copied. RF_E_LIMIT, RF_E_UNKNOWN (a number that is no
 * row), RF_E_DUPLICATE, RF_E_SYNTAX (a parent of the wrong kind, a circle), RF_E_DENIED (a
 * permission where none may be; nobody could administer the inventory any more), -ENOMEM; the
 * message names the row.
 */
int rbac_load(const struct rbac_rows *rows, struct rbac **out, struct rf_err *err) RF_MUST_CHECK;
/* Accepts NULL. */
void rbac_free(struct rbac *rbac);

/* The number of a row; false when there is none. */
bool rbac_object_find(const struct rbac *rbac, const char *id, uint32_t *out);
bool rbac_user_find(const struct rbac *rbac, const char *name, uint32_t *out);

/* What a user may do to an object. Numbers that are no rows: nothing. */
struct privilege_set rbac_resolve(const struct rbac *rbac, uint32_t user, uint32_t object);

/* Whether a permission holds now: its row's number. What does not hold gives nothing, and decides
 * at its object all the same: a condition never widens what somebody may. */
struct rbac_filter {
	bool (*holds)(void *arg, uint32_t permission);
	void *arg;
};
/* As rbac_resolve, with permissions under conditions; NULL: all hold. */
struct privilege_set rbac_resolve_where(const struct rbac *rbac, uint32_t user, uint32_t object,
					const struct rbac_filter *filter);

/* One thing that an operation needs. Creating a VM needs several, on several objects. */
struct rbac_need {
	enum privilege privilege;
	uint32_t object;
};

/*
 * May the user do what needs all of these? 0, or RF_E_DENIED and a message that names the first
 * that is missing and where it was decided. A user that may not even see the object is told that
 * there is none (RF_E_UNKNOWN), as if it were so.
 */
int rbac_check(const struct rbac *rbac, uint32_t user, const struct rbac_need *needs, size_t count,
	       struct rf_err *err) RF_MUST_CHECK;

/* Appends, for an administrator, why the user may or may not: one sentence for each way up. */
int rbac_explain(const struct rbac *rbac, uint32_t user, uint32_t object,
		 struct rf_buf *out) RF_MUST_CHECK;

#endif
