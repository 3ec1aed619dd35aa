/* SPDX-License-Identifier: Apache-2.0 */
/* What the files with verbs of the guard share; nobody else's business. */
#ifndef RF_ISOLATE_VERBS_PARTS_H
#define RF_ISOLATE_VERBS_PARTS_H

#include "change/verb.h"
#include "isolate/guard/guard.h"

/* Opens the guard that is there, or loads one; *out NULL where there is none to open. */
int verbs_guard_get(const struct verb_env *env, bool load, struct guard **out,
		    struct rf_err *err) RF_MUST_CHECK;
#endif
