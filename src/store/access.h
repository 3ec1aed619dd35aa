/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows from which a snapshot of permissions is made (govern/rbac.h): inventory, roles,
 * principals, permissions. Each change of them makes the generation one greater in its transaction,
 * so that a process knows when its snapshot is old. What a row means, and whether it may be there,
 * is govern's; the caller loads the whole before it lets a change stand (within one
 * store_transaction: put, store_access_read, rbac_load).
 *
 * Callbacks and answers as in fleet.h.
 */
#ifndef RF_STORE_ACCESS_H
#define RF_STORE_ACCESS_H

#include "store/fleet.h"

#define STORE_PARENTS 2

struct store_object {
	const char *object, *kind, *name;
	const char *labels;		    /* JSON text; NULL: {} */
	const char *parents[STORE_PARENTS]; /* NULL: none */
};

/* Makes an object, or changes all of it. RF_E_MISSING when a parent is not there, RF_E_MISMATCH for
 * a kind that is none. */
int store_object_put(struct store *store, const struct store_object *object,
		     struct rf_err *err) RF_MUST_CHECK;

/* Takes it out, with the permissions on it. RF_E_UNKNOWN; RF_E_MISSING while something is below. */
int store_object_drop(struct store *store, const char *object, struct rf_err *err) RF_MUST_CHECK;

/* Gives take up to limit objects behind `after`, in order of id. */
int store_object_each(struct store *store, const char *after, int64_t limit,
		      int (*take)(void *arg, const struct store_object *object), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

struct store_role {
	const char *role, *title;
	const char *const *privileges; /* put alone; a reader is given them one by one */
	size_t privileges_count;
	const char *changed_by;
	int64_t changed_ms;
};

/* Makes a role, or changes all of it. */
int store_role_put(struct store *store, const struct store_role *role,
		   struct rf_err *err) RF_MUST_CHECK;

/* RF_E_UNKNOWN; RF_E_MISSING while a permission has it. */
int store_role_drop(struct store *store, const char *role, struct rf_err *err) RF_MUST_CHECK;

struct store_principal {
	const char *principal;
	bool is_group, gone;
};

/* Makes a user or group known, or gone. Nothing (no new generation) where it is so already. */
int store_principal_put(struct store *store, const struct store_principal *principal,
			struct rf_err *err) RF_MUST_CHECK;

struct store_member {
	const char *principal;
	bool is_group; /* the principal is a group */
	const char *in_group;
	const char *added_by; /* a subject, or "directory" */
	int64_t added_ms;
};

/* Puts a principal into a group, or takes it out. Nothing where it is so already. */
int store_member_put(struct store *store, const struct store_member *member,
		     struct rf_err *err) RF_MUST_CHECK;
int store_member_drop(struct store *store, const struct store_member *member,
		      struct rf_err *err) RF_MUST_CHECK;

struct store_permission {
	const char *object; /* "" is above all objects */
	const char *principal;
	bool is_group;
	const char *role;
	bool propagate;
	const char *constraints; /* JSON text; NULL: {} */
	const char *granted_by;
	int64_t granted_ms;
};

/* Gives a permission, in place of the principal's other on that object. RF_E_MISSING without the
 * role, RF_E_UNKNOWN without the object. */
int store_permission_put(struct store *store, const struct store_permission *permission,
			 struct rf_err *err) RF_MUST_CHECK;

/* Takes it back (object, principal and is_group are read). RF_E_UNKNOWN when there is none. */
int store_permission_drop(struct store *store, const struct store_permission *permission,
			  struct rf_err *err) RF_MUST_CHECK;

/* Duties that a site keeps apart beside ours (govern/duty_role.h). */
struct store_duty_set {
	const char *set, *rule; /* rule: JSON text */
	const char *changed_by;
	int64_t changed_ms;
};

/* Keeps the set in place of the one before. */
int store_duty_set_put(struct store *store, const struct store_duty_set *set,
		       struct rf_err *err) RF_MUST_CHECK;

/* RF_E_UNKNOWN when there is none. */
int store_duty_set_drop(struct store *store, const char *set, struct rf_err *err) RF_MUST_CHECK;

/* Number of the last change; 0 before the first. */
int store_access_generation(struct store *store, int64_t *out, struct rf_err *err) RF_MUST_CHECK;

/* Who hears of each row. begin is called first, and again when a change came between: then all
 * starts anew. Members that are NULL are left out. */
struct store_access_reader {
	int (*begin)(void *arg, int64_t generation);
	int (*object)(void *arg, const struct store_object *object);
	int (*role)(void *arg, const struct store_role *role);
	int (*privilege)(void *arg, const char *role, const char *privilege);
	int (*principal)(void *arg, const struct store_principal *principal);
	int (*member)(void *arg, const struct store_member *member);
	int (*permission)(void *arg, const struct store_permission *permission);
	int (*duty_set)(void *arg, const struct store_duty_set *set);
};

/* Reads all rows as of one generation, each kind in the order of the struct, each row in order of
 * its key; a parent may come behind its child. -EAGAIN when changes went on and on. */
int store_access_read(struct store *store, const struct store_access_reader *reader, void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

#endif
