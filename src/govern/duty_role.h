/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which duty a privilege is: what joins roles (privilege.h) to segregation of duties (duty.h). Not
 * here: who holds a role (rbac.h).
 */
#ifndef RF_GOVERN_DUTY_ROLE_H
#define RF_GOVERN_DUTY_ROLE_H

#include "govern/duty.h"
#include "govern/privilege.h"

/* The duty that a privilege is; NULL: it is none that another excludes. */
const char *duty_of_privilege(enum privilege privilege);

/* Is a duty one of a set's? */
bool duty_in_set(const struct duty_set *set, const char *duty);

/* How many duties of the set these privileges are. */
unsigned duty_count(const struct duty_set *set, const struct privilege_set *privileges);

/* May one role have all of these? RF_E_DENIED names the set, and a privilege of either duty. */
int duty_role_check(const char *role, const struct privilege_set *privileges,
		    struct rf_err *err) RF_MUST_CHECK;

#endif
