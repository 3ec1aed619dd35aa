/* SPDX-License-Identifier: Apache-2.0 */
/* Which duties a privilege is; see duty_role.h. To read what an object shows is no duty. */
#include "govern/duty_role.h"

#include "base/mem.h"
#include "base/str.h"
#include "govern/text.h"

const struct duty_row duty_rows_ours[] = {
	{PRIVILEGE_APPROVAL_REQUEST, "requester"},
	{PRIVILEGE_WAIVER_REQUEST, "requester"},
	{PRIVILEGE_APPROVAL_GIVE, "approver"},
	{PRIVILEGE_WAIVER_APPROVE, "approver"},
	{PRIVILEGE_HOST_CHECK, "assessor"},
	{PRIVILEGE_HOST_FIX, "remediator"},
	{PRIVILEGE_POLICY_EDIT, "policy author"},
	{PRIVILEGE_POLICY_PUBLISH, "policy publisher"},
	{PRIVILEGE_SECRET_EDIT, "key custodian"},
	{PRIVILEGE_STORAGE_WRITE, "storage admin"},
	{PRIVILEGE_LEDGER_READ, "auditor"},
	{PRIVILEGE_EVIDENCE_READ, "auditor"},
	{PRIVILEGE_ROLE_EDIT, "role admin"},
	{PRIVILEGE_GRANT_EDIT, "role admin"},
	{PRIVILEGE_ISOLATE_APPLY, "operator"},
	{PRIVILEGE_HOST_FIX, "operator"},
	{PRIVILEGE_QUARANTINE_SET, "operator"},
	{PRIVILEGE_QUARANTINE_RELEASE, "operator"},
	{PRIVILEGE_DOMAIN_WRITE, "operator"},
	{PRIVILEGE_DOMAIN_START, "operator"},
	{PRIVILEGE_DOMAIN_STOP, "operator"},
	{PRIVILEGE_DOMAIN_RESET, "operator"},
	{PRIVILEGE_DOMAIN_SUSPEND, "operator"},
	{PRIVILEGE_DOMAIN_MIGRATE, "operator"},
	{PRIVILEGE_DOMAIN_SNAPSHOT, "operator"},
	{PRIVILEGE_DOMAIN_DELETE, "operator"},
	{PRIVILEGE_DOMAIN_SEND_INPUT, "operator"},
	{PRIVILEGE_DOMAIN_MEM_READ, "operator"},
	{PRIVILEGE_DOMAIN_OPEN_GRAPHICS, "operator"},
	{PRIVILEGE_DOMAIN_CORE_DUMP, "operator"},
	{PRIVILEGE_NETWORK_WRITE, "operator"},
};
const size_t duty_rows_ours_count = RF_COUNT(duty_rows_ours);

const struct duty_set *duty_set_at(const struct duty_table *table, size_t i)
{
	if (i < duty_sets_count)
		return &duty_sets[i];
	i -= duty_sets_count;
	return i < table->sets_count ? &table->sets[i] : NULL;
}

const struct duty_row *duty_row_at(const struct duty_table *table, size_t i)
{
	if (i < duty_rows_ours_count)
		return &duty_rows_ours[i];
	i -= duty_rows_ours_count;
	return i < table->rows_count ? &table->rows[i] : NULL;
}

bool duty_in_set(const struct duty_set *set, const char *duty)
{
	for (size_t i = 0; i < DUTY_MAX_MEMBERS && set->duties[i]; i++)
		if (rf_equal(set->duties[i], duty))
			return true;
	return false;
}

enum privilege duty_held(const struct duty_table *table, const char *duty,
			 const struct privilege_set *privileges)
{
	const struct duty_row *row;

	for (size_t i = 0; (row = duty_row_at(table, i)); i++)
		if (privilege_in(privileges, row->privilege) && rf_equal(row->duty, duty))
			return row->privilege;
	return PRIVILEGE_COUNT;
}

struct privilege_set duty_privileges(const struct duty_table *table, const struct duty_set *set)
{
	struct privilege_set out = {0};
	const struct duty_row *row;

	for (size_t i = 0; (row = duty_row_at(table, i)); i++)
		if (duty_in_set(set, row->duty))
			privilege_add(&out, row->privilege);
	return out;
}

unsigned duty_count(const struct duty_table *table, const struct duty_set *set,
		    const struct privilege_set *privileges)
{
	unsigned count = 0;

	for (size_t i = 0; i < DUTY_MAX_MEMBERS && set->duties[i]; i++)
		count += duty_held(table, set->duties[i], privileges) != PRIVILEGE_COUNT;
	return count;
}

int duty_role_check(const struct duty_table *table, const char *role,
		    const struct privilege_set *privileges, struct rf_err *err)
{
	const struct duty_set *set;

	for (size_t i = 0; (set = duty_set_at(table, i)); i++) {
		enum privilege found[2] = {PRIVILEGE_COUNT, PRIVILEGE_COUNT};
		unsigned count = 0;

		for (size_t d = 0; d < DUTY_MAX_MEMBERS && set->duties[d] && count < 2; d++) {
			found[count] = duty_held(table, set->duties[d], privileges);
			count += found[count] != PRIVILEGE_COUNT;
		}
		if (count == 2)
			return rf_fail(err, RF_E_DENIED,
				       "role %s cannot have both %s and %s: %s (%s); make two "
				       "roles, for two people",
				       role, privilege_name(found[0]), privilege_name(found[1]),
				       set->why, set->id);
	}
	return 0;
}

/* ---- a site's rows ---- */

static bool is_ours(const char *duty)
{
	for (size_t i = 0; i < duty_rows_ours_count; i++)
		if (rf_equal(duty_rows_ours[i].duty, duty))
			return true;
	return false;
}

static int row_check(const struct duty_row *row, struct rf_err *err)
{
	int rc = govern_name_check(row->duty, GOVERN_MAX_NAME_BYTES, "a duty", err);

	if (!rc && is_ours(row->duty))
		rc = rf_fail(err, RF_E_DUPLICATE,
			     "the duty %s is built in with its privileges; name it without any, or "
			     "give yours another name",
			     row->duty);
	if (!rc && row->privilege >= PRIVILEGE_COUNT)
		rc = rf_fail(err, RF_E_UNKNOWN, "the duty %s has a privilege that is none",
			     row->duty);
	return rc;
}

static int set_check(const struct duty_table *table, size_t number, struct rf_err *err)
{
	const struct duty_set *set = &table->sets[number];
	const struct privilege_set all = privilege_all();
	int rc = duty_set_check(set, err);

	for (size_t i = 0; i < number && !rc; i++)
		if (rf_equal(table->sets[i].id, set->id))
			rc = rf_fail(err, RF_E_DUPLICATE,
				     "the set of duties %s is there twice; give one another id",
				     set->id);
	for (size_t i = 0; i < DUTY_MAX_MEMBERS && !rc && set->duties[i]; i++)
		if (duty_held(table, set->duties[i], &all) == PRIVILEGE_COUNT)
			rc = rf_fail(err, RF_E_MISSING,
				     "the set of duties %s: %.64s is no duty of ours and has no "
				     "privileges; give it those that it is",
				     set->id, set->duties[i]);
	return rc;
}

int duty_table_check(const struct duty_table *table, struct rf_err *err)
{
	int rc = 0;

	if (table->sets_count > DUTY_MAX_SITE_SETS || table->rows_count > DUTY_MAX_SITE_ROWS)
		return rf_fail(err, RF_E_LIMIT,
			       "a site has at most %u sets of duties with %u privileges in all",
			       DUTY_MAX_SITE_SETS, DUTY_MAX_SITE_ROWS);
	for (size_t i = 0; i < table->rows_count && !rc; i++)
		rc = row_check(&table->rows[i], err);
	for (size_t i = 0; i < table->sets_count && !rc; i++)
		rc = set_check(table, i, err);
	return rc;
}
