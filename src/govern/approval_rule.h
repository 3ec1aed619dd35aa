/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which operations need whose second pair of eyes: our table of operations, and what a site makes
 * of a row. A site can ask for more, and for less down to the row's floor. Not the state of a
 * request (approval.h).
 */
#ifndef RF_GOVERN_APPROVAL_RULE_H
#define RF_GOVERN_APPROVAL_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define APPROVAL_MAX_VOTES 8u
#define APPROVAL_MAX_ROLES 32u

/* Each asks for more than the one before. */
enum approval_level {
	APPROVAL_LEVEL_RECORD, /* it runs, and the ledger says so */
	APPROVAL_LEVEL_NOTIFY, /* the approvers are told, too */
	APPROVAL_LEVEL_ONE,    /* one approver */
	APPROVAL_LEVEL_TWO,    /* two approvers */
	APPROVAL_LEVEL_WINDOW, /* two approvers, who name the begin and the length of a window */
	APPROVAL_LEVEL_COUNT,
};
/* "record", "notify", "one", "two", "window" and back; RF_E_UNKNOWN for another word. */
const char *approval_level_name(enum approval_level level);
int approval_level_parse(const char *text, enum approval_level *out,
			 struct rf_err *err) RF_MUST_CHECK;

/* One row for each operation that can be named in a policy of approvals. */
struct approval_operation {
	const char *name, *title;
	enum approval_level level; /* where a site says nothing */
	enum approval_level floor; /* a site's policy does not go below */
};
extern const struct approval_operation approval_operations[];
extern const size_t approval_operations_count;

/* By name; NULL when there is none. */
const struct approval_operation *approval_operation_find(struct rf_slice name);

/* The numbers of a rule; their rows with defaults and limits are approval_numbers. */
enum approval_number {
	APPROVAL_REQUEST_MS,	/* how long a request waits for its approvers */
	APPROVAL_WINDOW_MS,	/* how long an approval lasts where an approver says nothing */
	APPROVAL_WINDOW_MAX_MS, /* and at most */
	APPROVAL_AHEAD_MS,	/* how far ahead a window may begin */
	APPROVAL_GLASS_MS,	/* after a broken glass: until when it must be approved */
	APPROVAL_GRANT_MS,	/* a role that the requester granted so lately does not count */
	APPROVAL_COUNT_MAX,	/* how often an approval can be used; what "unlimited" means */
	APPROVAL_QUORUM,	/* how many must approve; never fewer than the level says */
	APPROVAL_NUMBER_COUNT,
};
struct approval_number_row {
	const char *name; /* in a site's policy */
	int64_t normal, min, max;
};
extern const struct approval_number_row approval_numbers[APPROVAL_NUMBER_COUNT];

/* What a site says of an operation: all but the operation may be left out (NULL, 0). */
struct approval_site {
	const char *operation, *level;
	int64_t numbers[APPROVAL_NUMBER_COUNT];
	const char *const *roles; /* whose holders may approve; none: RBAC alone decides */
	size_t roles_count;
	bool shared_role; /* two approvers may hold one role; else each comes from another */
};

/* What holds for an operation. Roles are borrowed from the site's row. */
struct approval_rule {
	const struct approval_operation *operation;
	enum approval_level level;
	int64_t numbers[APPROVAL_NUMBER_COUNT];
	const char *const *roles;
	size_t roles_count;
	bool distinct_roles;
	bool said; /* the site named how many: its word holds, whoever there is */
};

/*
 * The rule of a site's row. RF_E_UNKNOWN for an operation or level without a row, RF_E_DENIED for
 * what lies below the floor, RF_E_LIMIT for a number outside of its row, RF_E_MISMATCH for a quorum
 * that the roles cannot reach, RF_E_DUPLICATE for a role named twice.
 */
int approval_rule_make(const struct approval_site *site, struct approval_rule *out,
		       struct rf_err *err) RF_MUST_CHECK;

/* Who could approve, but for who requests: people, and the roles by which they do. */
struct approval_people {
	uint32_t people, roles;
};

/* Makes of a rule that the site did not name a number for one that those who are there can meet:
 * two people of one role where no second role is there, and one person where no second is; never
 * below the floor. */
void approval_rule_fit(struct approval_rule *rule, struct approval_people people);

/* Can these people meet the rule? RF_E_MISMATCH says how many are missing. */
int approval_rule_reach(const struct approval_rule *rule, struct approval_people people,
			struct rf_err *err) RF_MUST_CHECK;

/* How many approvers a level asks for. */
uint32_t approval_level_quorum(enum approval_level level);

#endif
