/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which duties a privilege is: what joins roles (privilege.h) to segregation of duties (duty.h).
 * One row for each privilege of a duty, ours here and a site's beside them. Not here: who holds a
 * role (rbac.h).
 */
#ifndef RF_GOVERN_DUTY_ROLE_H
#define RF_GOVERN_DUTY_ROLE_H

#include "govern/duty.h"
#include "govern/privilege.h"

#define DUTY_MAX_SITE_SETS 16u
#define DUTY_MAX_SITE_ROWS 256u

/* That a privilege is (a part of) a duty. */
struct duty_row {
	enum privilege privilege;
	const char *duty;
};
extern const struct duty_row duty_rows_ours[];
extern const size_t duty_rows_ours_count;

/* What a site adds; ours are there in any case. Zeroed: nothing. */
struct duty_table {
	const struct duty_set *sets;
	size_t sets_count;
	const struct duty_row *rows;
	size_t rows_count;
};

/* That a site's table can be judged by: ids and duties are names, no set is ours or there twice, no
 * row gives one of our duties another privilege, each duty has a privilege. RF_E_DUPLICATE,
 * RF_E_MISSING, RF_E_LIMIT, RF_E_SYNTAX. */
int duty_table_check(const struct duty_table *table, struct rf_err *err) RF_MUST_CHECK;

/* All sets, ours first; NULL behind the last. */
const struct duty_set *duty_set_at(const struct duty_table *table, size_t i);

/* The row of all, ours first, that is i-th; NULL behind the last. */
const struct duty_row *duty_row_at(const struct duty_table *table, size_t i);

/* Is a duty one of a set's? */
bool duty_in_set(const struct duty_set *set, const char *duty);

/* Of these privileges the first that is that duty; PRIVILEGE_COUNT: none is. */
enum privilege duty_held(const struct duty_table *table, const char *duty,
			 const struct privilege_set *privileges);

/* Those privileges that are a duty of the set. */
struct privilege_set duty_privileges(const struct duty_table *table, const struct duty_set *set);

/* How many duties of the set these privileges are. */
unsigned duty_count(const struct duty_table *table, const struct duty_set *set,
		    const struct privilege_set *privileges);

/* May one role have all of these? RF_E_DENIED names the set, and a privilege of either duty. */
int duty_role_check(const struct duty_table *table, const char *role,
		    const struct privilege_set *privileges, struct rf_err *err) RF_MUST_CHECK;

#endif
