/* SPDX-License-Identifier: Apache-2.0 */
/* The state folder's beginning; see init.h. */
#include "manager/init.h"

#include <errno.h>

#include "api/api.h"
#include "base/limits.h"
#include "base/str.h"
#include "manager/authority.h"
#include "manager/server.h"
#include "store/facts.h"
#include "sys/state.h"

/* Is the store as this program wants it (another manager's init, or the owner, made it so)? The
 * roles that a fleet begins with are rows, not schema: who runs the manager writes them. */
static int store_begin(const struct config *config, int64_t now_ms, struct rf_err *err)
{
	STORE_AUTOCLOSE struct store *store = NULL;
	int rc = store_open(config->store, &store, err);

	if (!rc)
		rc = store_facts_check(store, err);
	if (rc == RF_E_CHANGED)
		rf_wrap(err, rc, "ringfence-manager upgrade --owner postgresql://...");
	return rc ? rc : api_first_roles(store, now_ms, err);
}

int init_upgrade(const struct config *config, int64_t now_ms, struct rf_err *err)
{
	const bool is_own = rf_starts(config->store, "sqlite:");
	const char *url = is_own ? config->store : config->owner;
	int rc = server_prepare(config, now_ms / 1000, err);

	if (!rc && is_own && config->owner)
		rc = rf_fail(err, RF_E_USAGE, "a SQLite store has no other owner");
	if (!rc && url)
		rc = store_upgrade(url, err);
	if (!rc && url)
		rc = store_facts_upgrade(url, err);
	return rc ? rc : store_begin(config, now_ms, err);
}

int init_state(const struct config *config, int64_t now_ms, struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES];
	int rc = state_prepare(config->state, err);

	if (!rc)
		rc = server_store_folder(config, folder, sizeof(folder), err);
	if (!rc && folder[0])
		rc = state_prepare(folder, err);
	if (!rc)
		rc = state_prepare(config->secrets, err);
	if (!rc)
		rc = state_prepare(config->ek_roots, err);
	if (!rc) {
		rc = authority_create(config->state, config->name, now_ms / 1000, err);
		/* It was made before: an authority is never replaced. */
		rc = rc == -EEXIST ? 0 : rc;
	}
	return rc ? rc : init_upgrade(config, now_ms, err);
}
