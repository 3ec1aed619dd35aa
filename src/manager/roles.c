/* SPDX-License-Identifier: Apache-2.0 */
/* What all roles share; see roles.h. */
#include "manager/roles.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "manager/server.h"

int64_t role_now_ms(void)
{
	return rf_clock_ms(CLOCK_REALTIME);
}

void role_ready(const char *name, const char *text, const char *missing)
{
	if (missing[0])
		fprintf(stderr, "ringfence-manager %s: its sandbox lacks: %s\n", name, missing);
	(void)!write(ROLE_FD_READY, text, strlen(text));
	(void)!write(ROLE_FD_READY, "\n", 1);
	close(ROLE_FD_READY);
}

int role_lease_hold(struct store *store, struct role_lease *l, struct rf_err *err)
{
	int rc = l->held ? store_lease_renew(store, &l->lease, l->ttl_ms, err) : RF_E_CHANGED;

	if (rc == RF_E_CHANGED)
		rc = store_lease_take(store, l->name, l->holder, l->ttl_ms, &l->lease, err);
	l->held = rc == 0;
	return rc;
}

void role_lease_drop(struct store *store, struct role_lease *l)
{
	if (l->held && store_lease_drop(store, &l->lease, NULL))
		fprintf(stderr, "ringfence-manager %s: its lease stays until it is over\n",
			l->name);
	l->held = false;
}

int role_store_only(const struct config *config, char missing[ROLE_MISSING_BYTES],
		    struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES];
	const char *writable = folder;
	int rc = server_store_folder(config, folder, sizeof(folder), err);

	if (rc)
		return rc;
	return folder[0] ? sandbox_enter(SANDBOX_SERVE, &writable, 1, missing, err)
			 : sandbox_enter(SANDBOX_SERVE_NET, NULL, 0, missing, err);
}
