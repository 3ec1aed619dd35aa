/* SPDX-License-Identifier: Apache-2.0 */
/* The state folder's beginning; see init.h. */
#include "manager/init.h"

#include <errno.h>

#include "api/api.h"
#include "base/limits.h"
#include "manager/authority.h"
#include "manager/server.h"
#include "store/facts.h"
#include "sys/state.h"

int init_upgrade(const struct config *config, int64_t now_ms, struct rf_err *err)
{
	STORE_AUTOCLOSE struct store *store = NULL;
	int rc = server_prepare(config, now_ms / 1000, err);

	if (!rc)
		rc = store_upgrade(config->store, err);
	if (!rc)
		rc = store_facts_upgrade(config->store, err);
	if (!rc)
		rc = store_open(config->store, &store, err);
	return rc ? rc : api_first_roles(store, now_ms, err);
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
