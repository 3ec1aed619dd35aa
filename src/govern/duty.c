/* SPDX-License-Identifier: Apache-2.0 */
/* Segregation of duties; see duty.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "govern/duty.h"
#include "govern/text.h"

const struct duty_set duty_sets[] = {
	{"author-publisher",
	 "who writes a policy does not put it in force",
	 false,
	 {"policy author", "policy publisher"},
	 NULL},
	{"auditor-operator",
	 "who operates does not audit what was done",
	 false,
	 {"auditor", "operator"},
	 "operator"},
	{"roles-operator",
	 "who operates does not decide on rights",
	 false,
	 {"role admin", "operator"},
	 "operator"},
	{"remediator-assessor",
	 "who mends does not judge whether it is mended",
	 true,
	 {"remediator", "assessor"},
	 NULL},
	{"keys-storage",
	 "who has the disks does not have their keys",
	 false,
	 {"key custodian", "storage admin"},
	 NULL},
	{"requester-approver", "who asks does not answer", false, {"requester", "approver"}, NULL},
};
const size_t duty_sets_count = RF_COUNT(duty_sets);

const char *const duty_parts[] = {
	"author", "publisher", "requester", "approver", "assessor", "remediator", "reviewer",
};
const size_t duty_parts_count = RF_COUNT(duty_parts);

/* ---- sets and places ---- */

static const struct duty_set *set_at(const struct duty_rows *rows, size_t i)
{
	return i < duty_sets_count ? &duty_sets[i] : &rows->more[i - duty_sets_count];
}

static size_t set_members(const struct duty_set *set)
{
	size_t n = 0;

	while (n < DUTY_MAX_MEMBERS && set->duties[n])
		n++;
	return n;
}

static bool set_has(const struct duty_set *set, const char *duty)
{
	size_t n = set_members(set);

	for (size_t i = 0; i < n; i++) {
		if (rf_equal(set->duties[i], duty))
			return true;
	}
	return false;
}

int duty_set_check(const struct duty_set *set, struct rf_err *err)
{
	size_t n = set_members(set);
	int rc =
		govern_name_check(set->id, GOVERN_MAX_NAME_BYTES, "the id of a set of duties", err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < duty_sets_count; i++) {
		if (set != &duty_sets[i] && rf_equal(duty_sets[i].id, set->id))
			return rf_fail(err, RF_E_DUPLICATE,
				       "the set of duties %s is built in; give yours another id",
				       set->id);
	}
	if (n < 2)
		return rf_fail(err, RF_E_MISSING,
			       "the set of duties %s names fewer than two; name two to %u", set->id,
			       DUTY_MAX_MEMBERS);
	for (size_t i = 0; i < n; i++) {
		rc = govern_name_check(set->duties[i], GOVERN_MAX_NAME_BYTES, "a duty", err);
		if (rc < 0)
			return rf_wrap(err, rc, "the set of duties %s", set->id);
		for (size_t k = 0; k < i; k++) {
			if (rf_equal(set->duties[i], set->duties[k]))
				return rf_fail(
					err, RF_E_DUPLICATE,
					"the set of duties %s names %s twice; name two that differ",
					set->id, set->duties[i]);
		}
	}
	return 0;
}

/* Is b at a or below it? A part of a name is no place: /a/web is not above /a/web-2. */
static bool place_holds(const char *a, const char *b)
{
	size_t len = strlen(a);

	return strncmp(a, b, len) == 0 && (len == 0 || b[len] == 0 || b[len] == '/');
}

static bool excludes(const struct duty_set *set, const struct duty_holding *a,
		     const struct duty_holding *b)
{
	return !rf_equal(a->duty, b->duty) && set_has(set, a->duty) && set_has(set, b->duty) &&
	       (!set->same_scope || place_holds(a->scope, b->scope) ||
		place_holds(b->scope, a->scope));
}

/* ---- rows that can be judged ---- */

/* "" or "/a/b", without an empty step and without one at its end: else it would hide an overlap. */
static int scope_check(const char *scope, struct rf_err *err)
{
	if (scope && !scope[0])
		return 0;
	int rc = govern_name_check(scope, DUTY_MAX_SCOPE_BYTES, "the place of a duty", err);

	if (rc < 0)
		return rc;
	if (scope[0] != '/' || strstr(scope, "//") || rf_ends(scope, "/"))
		return rf_fail(err, RF_E_SYNTAX,
			       "the place of a duty is a path like /site/group/host, or empty");
	return 0;
}

static int holding_check(const struct duty_holding *h, struct rf_err *err)
{
	int rc = govern_name_check(h->subject, GOVERN_MAX_NAME_BYTES, "the person", err);

	if (!rc)
		rc = govern_name_check(h->duty, GOVERN_MAX_NAME_BYTES, "the duty", err);
	if (!rc)
		rc = govern_name_check(h->through, GOVERN_MAX_NAME_BYTES, "the role", err);
	return rc ? rc : scope_check(h->scope, err);
}

static int rows_check(const struct duty_rows *rows, struct rf_err *err)
{
	int rc = 0;

	if (rows->more_count > DUTY_MAX_SETS || rows->holdings_count > DUTY_MAX_HOLDINGS)
		return rf_fail(err, RF_E_LIMIT,
			       "%zu sets and %zu held duties; at most %u and %u can be judged",
			       rows->more_count, rows->holdings_count, DUTY_MAX_SETS,
			       DUTY_MAX_HOLDINGS);
	for (size_t i = 0; rc == 0 && i < rows->more_count; i++)
		rc = duty_set_check(&rows->more[i], err);
	for (size_t i = 0; rc == 0 && i < rows->holdings_count; i++)
		rc = holding_check(&rows->holdings[i], err);
	return rc;
}

/* ---- static sets ---- */

static int refuse_pair(const struct duty_set *set, const struct duty_holding *wanted,
		       const struct duty_holding *held, struct rf_err *err)
{
	char person[GOVERN_SHORT_BYTES], duty[GOVERN_SHORT_BYTES], other[GOVERN_SHORT_BYTES];
	char by[GOVERN_SHORT_BYTES], other_by[GOVERN_SHORT_BYTES];

	govern_name_short(wanted->subject, person);
	return rf_fail(err, RF_E_DENIED,
		       "%s cannot be %s (%s) while being %s (%s): %s (%s); another person can, or "
		       "an administrator of roles who is not %s takes one of the two away",
		       person, govern_name_short(wanted->duty, duty),
		       govern_name_short(wanted->through, by), govern_name_short(held->duty, other),
		       govern_name_short(held->through, other_by), set->why, set->id, person);
}

/* The first row that excludes wanted. */
static int pairs_check(const struct duty_rows *rows, const struct duty_holding *wanted,
		       struct rf_err *err)
{
	size_t sets = duty_sets_count + rows->more_count;

	for (size_t i = 0; i < rows->holdings_count; i++) {
		const struct duty_holding *held = &rows->holdings[i];

		for (size_t k = 0; rf_equal(held->subject, wanted->subject) && k < sets; k++) {
			if (excludes(set_at(rows, k), wanted, held))
				return refuse_pair(set_at(rows, k), wanted, held, err);
		}
	}
	return 0;
}

int duty_grant_check(const struct duty_rows *rows, const struct duty_holding *wanted,
		     struct rf_err *err)
{
	int rc = rows_check(rows, err);

	if (!rc)
		rc = holding_check(wanted, err);
	return rc ? rc : pairs_check(rows, wanted, err);
}

int duty_use_check(const struct duty_rows *rows, const struct duty_holding *wanted,
		   struct rf_err *err)
{
	char person[GOVERN_SHORT_BYTES], duty[GOVERN_SHORT_BYTES];
	const struct duty_holding *found = NULL;
	int rc = rows_check(rows, err);

	if (!rc)
		rc = holding_check(wanted, err);
	for (size_t i = 0; rc == 0 && i < rows->holdings_count; i++) {
		const struct duty_holding *held = &rows->holdings[i];

		if (!rf_equal(held->subject, wanted->subject) ||
		    !rf_equal(held->duty, wanted->duty) || !place_holds(held->scope, wanted->scope))
			continue;
		/* All of the place where the duty is held counts, not only where it is used. */
		found = held;
		rc = pairs_check(rows, held, err);
	}
	if (rc < 0 || found)
		return rc;
	return rf_fail(err, RF_E_DENIED,
		       "%s is not %s there; an administrator of roles can grant it, or someone who "
		       "has it can act",
		       govern_name_short(wanted->subject, person),
		       govern_name_short(wanted->duty, duty));
}

int duty_edit_check(const struct duty_rows *rows, const char *subject, const char *role,
		    struct rf_err *err)
{
	char person[GOVERN_SHORT_BYTES], name[GOVERN_SHORT_BYTES];
	int rc = rows_check(rows, err);

	if (!rc)
		rc = govern_name_check(subject, GOVERN_MAX_NAME_BYTES, "the person", err);
	if (!rc)
		rc = govern_name_check(role, GOVERN_MAX_NAME_BYTES, "the role", err);
	for (size_t i = 0; rc == 0 && i < rows->holdings_count; i++) {
		const struct duty_holding *held = &rows->holdings[i];

		if (rf_equal(held->subject, subject) && rf_equal(held->through, role))
			return rf_fail(err, RF_E_DENIED,
				       "%s holds role %s, and nobody changes their own rights; an "
				       "administrator of roles who does not hold it can",
				       govern_name_short(subject, person),
				       govern_name_short(role, name));
	}
	return rc;
}

/* ---- findings ---- */

static int holding_order(const void *a, const void *b)
{
	const struct duty_holding *x = *(const struct duty_holding *const *)a;
	const struct duty_holding *y = *(const struct duty_holding *const *)b;
	int order = strcmp(x->subject, y->subject);

	order = order ? order : strcmp(x->duty, y->duty);
	order = order ? order : strcmp(x->scope, y->scope);
	return order ? order : strcmp(x->through, y->through);
}

/* The first pair of one person's rows that a set excludes. */
static bool conflict_find(const struct duty_set *set, const struct duty_holding **rows,
			  size_t count, struct duty_conflict *out)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = i + 1; set_has(set, rows[i]->duty) && k < count; k++) {
			if (excludes(set, rows[i], rows[k])) {
				*out = (struct duty_conflict){set, rows[i], rows[k]};
				return true;
			}
		}
	}
	return false;
}

struct conflict_visit {
	int (*visit)(void *arg, const struct duty_conflict *conflict);
	void *arg;
};

static int subject_conflicts(const struct duty_rows *rows, const struct duty_holding **own,
			     size_t count, const struct conflict_visit *visit, struct rf_err *err)
{
	char person[GOVERN_SHORT_BYTES];
	struct duty_conflict conflict;
	int rc = 0;

	if (count > DUTY_MAX_SUBJECT_HOLDINGS)
		return rf_fail(err, RF_E_LIMIT,
			       "%s holds %zu duties; at most %u can be judged, so an administrator "
			       "of roles takes some away",
			       govern_name_short(own[0]->subject, person), count,
			       DUTY_MAX_SUBJECT_HOLDINGS);
	for (size_t k = 0; rc >= 0 && k < duty_sets_count + rows->more_count; k++) {
		if (conflict_find(set_at(rows, k), own, count, &conflict))
			rc = visit->visit(visit->arg, &conflict);
	}
	return rc < 0 ? rc : 0;
}

int duty_conflicts(const struct duty_rows *rows,
		   int (*visit)(void *arg, const struct duty_conflict *conflict), void *arg,
		   struct rf_err *err)
{
	const struct conflict_visit call = {visit, arg};
	int rc = rows_check(rows, err);

	if (rc < 0)
		return rc;
	RF_AUTOFREE const struct duty_holding **sorted =
		rf_alloc(rows->holdings_count, sizeof(*sorted));

	if (!sorted)
		return rf_fail(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < rows->holdings_count; i++)
		sorted[i] = &rows->holdings[i];
	qsort(sorted, rows->holdings_count, sizeof(*sorted), holding_order);
	for (size_t first = 0, end; rc == 0 && first < rows->holdings_count; first = end) {
		for (end = first + 1; end < rows->holdings_count; end++) {
			if (!rf_equal(sorted[first]->subject, sorted[end]->subject))
				break;
		}
		rc = subject_conflicts(rows, sorted + first, end - first, &call, err);
	}
	return rc;
}

/* ---- dynamic ---- */

static bool part_known(const char *part)
{
	for (size_t i = 0; i < duty_parts_count; i++) {
		if (rf_equal(duty_parts[i], part))
			return true;
	}
	return false;
}

static int part_check(const struct duty_part *part, struct rf_err *err)
{
	int rc = govern_name_check(part->subject, GOVERN_MAX_NAME_BYTES, "the person", err);

	if (rc < 0)
		return rc;
	if (!part_known(part->part))
		return rf_fail(err, RF_E_UNKNOWN, "no such part in a change record");
	return 0;
}

int duty_part_check(const struct duty_part *played, size_t count, const struct duty_part *wanted,
		    struct rf_err *err)
{
	char person[GOVERN_SHORT_BYTES];
	int rc = part_check(wanted, err);

	if (!rc && count > DUTY_MAX_PARTS)
		rc = rf_fail(err, RF_E_LIMIT, "%zu parts in one change record; at most %u", count,
			     DUTY_MAX_PARTS);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = part_check(&played[i], err);
		if (!rc && rf_equal(played[i].subject, wanted->subject) &&
		    !rf_equal(played[i].part, wanted->part))
			return rf_fail(err, RF_E_DENIED,
				       "%s is the %s of this change already and cannot be its %s; "
				       "another person can",
				       govern_name_short(wanted->subject, person), played[i].part,
				       wanted->part);
	}
	return rc;
}
