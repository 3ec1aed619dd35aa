/* SPDX-License-Identifier: Apache-2.0 */
/* Retention: what is kept how long, one row for each kind of thing; see fleet.h. */
#include "base/mem.h"
#include "store/acts.h"

#define DAY_MS INT64_C(86400000)

/* In this order: evidence goes when no verdict that is left rests on it. */
const struct store_retention store_retention[] = {
	{"event", 30, STORE_S_RETAIN_EVENT},
	{"verdict", 90, STORE_S_RETAIN_VERDICT},
	{"evidence", 90, STORE_S_RETAIN_EVIDENCE},
	{"host-change", 730, STORE_S_RETAIN_HOST_CHANGE},
	{"finding-change", 730, STORE_S_RETAIN_FINDING_CHANGE},
	/* Behind their end; whoever asks sooner sees that they were there. */
	{"session", 1, STORE_S_RETAIN_SESSION},
	{"token", 90, STORE_S_RETAIN_TOKEN},
	{"sign-in-failure", 1, STORE_S_RETAIN_FAILURE},
	{"invite", 90, STORE_S_RETAIN_INVITE},
	{"command", 365, STORE_S_RETAIN_COMMAND},
};
const size_t store_retention_count = RF_COUNT(store_retention);

static int take_one(void *arg, const struct store_value *row)
{
	(void)row;
	++*(uint64_t *)arg;
	return 0;
}

int store_retain(struct store *store, int64_t now_ms, const int64_t *days, uint64_t *out_counts,
		 struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(store_retention); i++) {
		const struct store_retention *row = &store_retention[i];
		int64_t kept_ms = (days ? days[i] : row->days) * DAY_MS;
		uint64_t count = 0;
		int rc = store_run(store, (enum store_statement_id)row->statement,
				   STORE_PARAMS(store_int(now_ms - kept_ms)),
				   (struct store_rows){take_one, &count}, err);

		if (rc)
			return rf_wrap(err, rc, "retention of %s", row->what);
		if (out_counts)
			out_counts[i] = count;
	}
	return 0;
}
