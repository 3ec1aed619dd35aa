/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot from inside: what loading makes and resolving reads. Not for other folders. */
#ifndef RF_GOVERN_RBAC_PARTS_H
#define RF_GOVERN_RBAC_PARTS_H

#include "base/arena.h"
#include "base/map.h"
#include "govern/rbac.h"

/* A permission at its object. */
struct rbac_grant {
	uint32_t principal, role;
	uint32_t row; /* the number of the permission */
	bool propagate;
};

/* The permissions of one object: a part of rbac.grants. */
struct rbac_grants {
	uint32_t first, count;
};

struct rbac_node {
	const char *id;
	enum rbac_kind kind;
	uint32_t parents[RBAC_PARENTS]; /* those there are first */
	struct rbac_grants grants;
};

struct rbac_person {
	const char *name;
	bool is_group, gone;
	uint32_t *groups; /* all, through groups in groups, ascending */
	uint32_t groups_count;
};

struct rbac {
	struct rf_arena arena;
	struct rbac_node *nodes;
	struct rbac_person *people; /* users and groups */
	struct rbac_role *roles;
	struct rbac_grant *grants;
	struct rbac_grants global;
	uint32_t nodes_count, people_count, roles_count;
	struct rf_map objects, users; /* id or name to number + 1 */
};

#endif
