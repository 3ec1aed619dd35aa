/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user that the role `net` becomes before it hears a stranger: one that owns that role's folder
 * and nothing else. The folders above it stay root's and closed; so the role works from within.
 */
#ifndef RF_AGENT_DROP_H
#define RF_AGENT_DROP_H

#include "base/err.h"

#define DROP_USER "ringfence-net"

/*
 * Gives folder dir and its plain files (but not `keep`, which stays root's) to the user, goes into
 * it, and becomes that user for good. From then on "." is the folder. RF_E_MISSING where there is
 * no such user, or we are not root: nothing was done then.
 */
int drop_to(const char *user, const char *dir, const char *keep, struct rf_err *err) RF_MUST_CHECK;

#endif
