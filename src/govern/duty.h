/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segregation of duties. Static: sets of duties of which a person holds one at most, asked when a
 * duty is granted and again when it is used (a group may have grown since). Dynamic: within one
 * change record no person plays two parts. Pure: the caller gives rows of who holds what; which
 * role carries which duty is RBAC's matter. Persons are subjects: all accounts of one person.
 * Source: ANSI INCITS 359 (static and dynamic separation of duty), NIST SP 800-53 AC-5.
 */
#ifndef RF_GOVERN_DUTY_H
#define RF_GOVERN_DUTY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define DUTY_MAX_MEMBERS	  8u
#define DUTY_MAX_SETS		  256u
#define DUTY_MAX_HOLDINGS	  65536u
#define DUTY_MAX_SUBJECT_HOLDINGS 1024u
#define DUTY_MAX_SCOPE_BYTES	  1024u
#define DUTY_MAX_PARTS		  256u

/* Duties of which a person holds at most one; with same_scope only where the places overlap. */
struct duty_set {
	const char *id, *why;
	bool same_scope;
	const char *duties[DUTY_MAX_MEMBERS]; /* up to the first NULL */
	/* The duty that gives way where a person holds another one, too, and that they may use all
	 * the same while nobody else holds any of the set: a site of one person. NULL: who holds
	 * two uses none of them. */
	const char *yields;
};
/* Ours. A site adds sets of its own and cannot take one of these away. */
extern const struct duty_set duty_sets[];
extern const size_t duty_sets_count;

/* That a person holds a duty at a place and below it. */
struct duty_holding {
	const char *subject, *duty;
	const char *scope;   /* path in the inventory, "/site/group/host"; "" is everywhere */
	const char *through; /* by what, for sentences: a privilege and a role */
};

/* All rows that a question looks at. more: a site's sets. */
struct duty_rows {
	const struct duty_holding *holdings;
	size_t holdings_count;
	const struct duty_set *more;
	size_t more_count;
};

/* That a site's set is one: an id of its own, two to eight different duties. RF_E_SYNTAX,
 * RF_E_MISSING, RF_E_DUPLICATE. */
int duty_set_check(const struct duty_set *set, struct rf_err *err) RF_MUST_CHECK;

/* May this holding be added? RF_E_DENIED with the set, both duties and what would mend it;
 * RF_E_LIMIT, RF_E_SYNTAX, RF_E_MISSING for rows that cannot be judged (then: no). */
int duty_grant_check(const struct duty_rows *rows, const struct duty_holding *wanted,
		     struct rf_err *err) RF_MUST_CHECK;

/* May the person use this duty there now? A person who holds two of a set uses neither of them.
 * RF_E_DENIED also when they do not hold it; else as above. */
int duty_use_check(const struct duty_rows *rows, const struct duty_holding *wanted,
		   struct rf_err *err) RF_MUST_CHECK;

/* May subject change the role, or who holds it? Nobody edits their own rights. RF_E_DENIED. */
int duty_edit_check(const struct duty_rows *rows, const char *subject, const char *role,
		    struct rf_err *err) RF_MUST_CHECK;

/* Two holdings of one person that exclude each other: a finding. */
struct duty_conflict {
	const struct duty_set *set;
	const struct duty_holding *a, *b;
};
/* Calls visit for each person and each set that they break, once, by subject and then in the order
 * of the sets. A negative answer stops and is returned. RF_E_LIMIT names who has too many. */
int duty_conflicts(const struct duty_rows *rows,
		   int (*visit)(void *arg, const struct duty_conflict *conflict), void *arg,
		   struct rf_err *err) RF_MUST_CHECK;

/* The parts of a change record. */
extern const char *const duty_parts[];
extern const size_t duty_parts_count;

/* That a person played a part in a change record. */
struct duty_part {
	const char *subject, *part;
};
/* May subject play this part as well? The same part again is none. RF_E_DENIED, RF_E_UNKNOWN. */
int duty_part_check(const struct duty_part *played, size_t count, const struct duty_part *wanted,
		    struct rf_err *err) RF_MUST_CHECK;

#endif
