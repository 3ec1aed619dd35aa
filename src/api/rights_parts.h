/* SPDX-License-Identifier: Apache-2.0 */
/* What rights.c (rows of the store, questions) and duties.c (segregation of duties) share. */
#ifndef RF_API_RIGHTS_PARTS_H
#define RF_API_RIGHTS_PARTS_H

#include "api/core.h"
#include "base/arena.h"
#include "base/map.h"
#include "govern/duty_role.h"
#include "store/access.h"

/* A parent may come behind its child: by name until all are there. */
struct loose_object {
	const char *parents[STORE_PARENTS];
};

struct rights_grant {
	const char *by_subject;
	int64_t time_ms;
};

/* That a person holds duties which exclude each other (govern/duty.h), and so does not use them. */
struct rights_barred {
	const char *subject;
	const struct duty_set *set; /* NULL: they cannot be judged, and none is used */
	const char *why;
	bool alone;	       /* nobody else holds one of the set, which lets them: all are used */
	const uint32_t *users; /* the person's accounts */
	size_t users_count;
};

struct rights_rows {
	struct rf_arena arena;
	struct rf_map object_numbers, user_numbers, group_numbers, role_numbers;
	struct rbac_object *objects;
	struct loose_object *loose;
	const char **labels; /* of each object; NULL: none */
	struct rbac_role *roles;
	struct rbac_principal *principals;
	uint32_t **groups; /* of each principal, growing */
	size_t *groups_capacity;
	struct rbac_permission *permissions;
	const char **conditions;      /* of each permission; NULL: none */
	struct rights_grant *grants;  /* by whom and when each permission came */
	struct rights_grant *changes; /* by whom and when each role was changed */
	size_t objects_capacity, loose_capacity, labels_capacity, roles_capacity;
	size_t principals_capacity, groups_slots, groups_capacity_slots, permissions_capacity;
	size_t conditions_capacity, grants_capacity, changes_capacity;
	struct rbac_rows rows;
	int64_t generation;
	struct rf_map subjects;	  /* of each account: the person behind it */
	struct duty_table duties; /* the site's */
	struct duty_set *duty_sets;
	struct duty_row *duty_rows;
	size_t duty_sets_capacity, duty_rows_capacity;
	struct privilege_set duty_privileges; /* those that are any duty */
	struct rights_barred *barred;
	size_t barred_count, barred_capacity;
};

/* Is the principal the user, or a group that the user is in, however deep? */
bool rights_reaches(const struct rights_rows *rows, uint32_t principal, uint32_t user);

/* Adds a set of the site's to the rows; duty_sets.c. RF_E_MISMATCH for one that is damaged. */
int duties_take_set(struct rights_rows *rows, const struct store_duty_set *set) RF_MUST_CHECK;

/* Finds who holds duties that exclude each other, by effective rights over the whole inventory. */
int duties_find(struct rights_rows *rows, const struct rbac *rbac,
		struct rf_err *err) RF_MUST_CHECK;

/* Takes from a set what who does not use there because of their duties; why (NULL: nothing was
 * taken) is the sentence. */
void duties_bar(const struct api *api, const struct api_who *who, uint32_t object,
		struct privilege_set *set, const char **out_why);

/* Is the site's table of duties one, and may each role be by itself? Roles that were so before
 * (NULL: none) are known. RF_E_DENIED names the role; else of duty_table_check. */
int duties_check(const struct rights_rows *before, const struct rights_rows *after,
		 struct rf_err *err) RF_MUST_CHECK;

/* Does a person hold more that excludes each other than in the snapshot before? RF_E_DENIED. */
int duties_try(const struct rights_rows *before, const struct rights_rows *after,
	       struct rf_err *err) RF_MUST_CHECK;

#endif
