/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of collector auth share: the policy as it is put together, key by key. */
#ifndef RF_COLLECT_AUTH_H
#define RF_COLLECT_AUTH_H

#include "base/map.h"
#include "collect/collect.h"

struct auth {
	struct sys *sys;
	struct fact_sink *out;
	struct rf_map values; /* key to struct auth_value */
	bool failed;	      /* no memory */
};

/* Sets a key; a later value replaces an earlier one. */
void auth_set(struct auth *auth, const char *key, const char *value, const char *source);

/* The value so far, or NULL. */
const char *auth_get(const struct auth *auth, const char *key);

/* Makes every key that begins with prefix unknown, with a gap for each. */
void auth_unknown(struct auth *auth, const char *prefix, const char *path, int rc);

/* PAM stacks: what they enforce, and the modules' arguments, which win over their files. */
void auth_pam(struct auth *auth);

/* TMOUT and umask of login shells. */
void auth_shell(struct auth *auth);

#endif
