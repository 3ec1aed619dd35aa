/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role judge: whenever a host's facts changed, its findings are made anew (check.h), by
 * whichever manager has the lease. It reads controls, locks itself in, and has the store alone.
 */
#include <poll.h>
#include <stdio.h>

#include "manager/check.h"
#include "manager/roles.h"

#define ROUND_MS 1000

struct judging {
	struct check *check;
	struct store *store;
	struct role_lease lease;
};

static int round_once(struct judging *j, size_t *out_count, struct rf_err *err)
{
	const struct check_turn turn = {
		.store = j->store, .lease = &j->lease.lease, .now_ms = role_now_ms()};
	int rc = role_lease_hold(j->store, &j->lease, err);

	*out_count = 0;
	if (rc == RF_E_DENIED)
		return 0; /* another manager judges */
	return rc ? rc : check_some(j->check, &turn, out_count, err);
}

int role_judge(const struct config *config, struct rf_err *err)
{
	const struct check_options options = {
		.profile = config->profile, .site = config->site, .limits = check_limits_usual};
	struct judging j = {
		.lease = {.name = "judge", .holder = config->name, .ttl_ms = CHECK_LEASE_MS}};
	struct pollfd stop = {.fd = ROLE_FD_STOP};
	char missing[ROLE_MISSING_BYTES];
	int rc = check_open(&options, role_now_ms(), &j.check, err);

	if (!rc)
		rc = store_open(config->store, &j.store, err);
	if (!rc)
		rc = role_store_only(config, missing, err);
	if (!rc)
		role_ready("judge", "", missing);
	while (!rc) {
		size_t count;
		int failed = round_once(&j, &count, err);

		/* What is in the way now may be over at the next round. */
		if (failed) {
			fprintf(stderr, "ringfence-manager judge: %s\n", rf_err_text(err));
			rf_err_clear(err);
		}
		if (poll(&stop, 1, count && !failed ? 0 : ROUND_MS) > 0)
			break;
	}
	role_lease_drop(j.store, &j.lease);
	store_close(j.store);
	check_close(j.check);
	return rc;
}
