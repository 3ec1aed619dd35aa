/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which duty a privilege is; see duty_role.h. Duties that a fleet cannot tell apart by privileges
 * (auditor and operator, role admin and operator) have no row: a site that is large enough to
 * separate them gives roles of their own.
 */
#include "govern/duty_role.h"

#include "base/mem.h"
#include "base/str.h"

static const struct {
	enum privilege privilege;
	const char *duty;
} rows[] = {
	{PRIVILEGE_APPROVAL_REQUEST, "requester"}, {PRIVILEGE_WAIVER_REQUEST, "requester"},
	{PRIVILEGE_APPROVAL_GIVE, "approver"},	   {PRIVILEGE_WAIVER_APPROVE, "approver"},
	{PRIVILEGE_HOST_CHECK, "assessor"},	   {PRIVILEGE_HOST_FIX, "remediator"},
	{PRIVILEGE_POLICY_EDIT, "policy author"},  {PRIVILEGE_POLICY_PUBLISH, "policy publisher"},
	{PRIVILEGE_SECRET_EDIT, "key custodian"},  {PRIVILEGE_STORAGE_WRITE, "storage admin"},
};

const char *duty_of_privilege(enum privilege privilege)
{
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		if (rows[i].privilege == privilege)
			return rows[i].duty;
	return NULL;
}

bool duty_in_set(const struct duty_set *set, const char *duty)
{
	for (size_t i = 0; duty && i < DUTY_MAX_MEMBERS && set->duties[i]; i++)
		if (rf_equal(set->duties[i], duty))
			return true;
	return false;
}

/* The first privilege that is that duty. */
static bool holds(const struct privilege_set *privileges, const char *duty, enum privilege *out)
{
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		*out = rows[i].privilege;
		if (rf_equal(rows[i].duty, duty) && privilege_in(privileges, rows[i].privilege))
			return true;
	}
	return false;
}

unsigned duty_count(const struct duty_set *set, const struct privilege_set *privileges)
{
	enum privilege privilege;
	unsigned count = 0;

	for (size_t i = 0; i < DUTY_MAX_MEMBERS && set->duties[i]; i++)
		count += holds(privileges, set->duties[i], &privilege);
	return count;
}

int duty_role_check(const char *role, const struct privilege_set *privileges, struct rf_err *err)
{
	enum privilege found[2] = {0};

	for (size_t i = 0; i < duty_sets_count; i++) {
		const struct duty_set *set = &duty_sets[i];
		unsigned count = 0;

		for (size_t d = 0; d < DUTY_MAX_MEMBERS && set->duties[d] && count < 2; d++)
			count += holds(privileges, set->duties[d], &found[count]);
		if (count == 2)
			return rf_fail(err, RF_E_DENIED,
				       "role %s cannot have both %s and %s: %s (%s); make two "
				       "roles, for two people",
				       role, privilege_name(found[0]), privilege_name(found[1]),
				       set->why, set->id);
	}
	return 0;
}
