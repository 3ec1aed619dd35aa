/* SPDX-License-Identifier: Apache-2.0 */
/* One round of the keeper; see keeper.h. Pure but for the store: its caller says what time it is.
 */
#include "manager/keeper.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/agents.h"

#define PAGE	   500
#define HOST_BYTES 65

struct page {
	const struct keeper_rules *rules;
	int64_t now_ms;
	size_t seen, count;
	char last[HOST_BYTES], late[PAGE][HOST_BYTES];
	int64_t since_ms[PAGE];
};

/* States that a verdict gave. NEW waits for a person, NO_TPM has none to wait for. */
static bool has_verdict(const char *state)
{
	return rf_equal(state, "TRUSTED") || rf_equal(state, "WARNING") ||
	       rf_equal(state, "UNTRUSTED");
}

static int host_take(void *arg, const struct store_host *host)
{
	struct page *p = arg;

	p->seen++;
	rf_copy(p->last, sizeof(p->last), host->host);
	/* A clock that was set back makes nobody young again: what was seen in the future is late
	 * as soon as it is so much off. */
	int64_t age =
		host->seen_ms > p->now_ms ? host->seen_ms - p->now_ms : p->now_ms - host->seen_ms;

	if (!has_verdict(host->state) || age <= p->rules->stale_ms)
		return 0;
	rf_copy(p->late[p->count], HOST_BYTES, host->host);
	p->since_ms[p->count++] = age;
	return 0;
}

static int stale(struct store *store, const struct page *p, size_t i, struct rf_err *err)
{
	char reason[96];
	const struct store_state state = {p->late[i], "STALE", reason, p->now_ms};

	rf_format(reason, sizeof(reason), "no verdict for %lld s",
		  (long long)p->since_ms[i] / 1000);
	int rc = store_host_state(store, &state, p->rules->lease, err);

	/* Retired meanwhile. */
	return rc == RF_E_DENIED ? 0 : rc;
}

int keeper_round(struct store *store, const struct keeper_rules *rules, int64_t now_ms,
		 uint64_t *out_stale, struct rf_err *err)
{
	struct page *p = rf_alloc(1, sizeof(*p));
	uint64_t expired, count = 0;
	int rc = p ? 0 : rf_fail(err, -ENOMEM, "no memory for the keeper");

	while (!rc) {
		p->rules = rules;
		p->now_ms = now_ms;
		p->seen = p->count = 0;
		rc = store_host_each(store, p->last, PAGE, host_take, p, err);
		for (size_t i = 0; i < p->count && !rc; i++, count++)
			rc = stale(store, p, i, err);
		if (p->seen < PAGE)
			break;
	}
	rf_free(p);
	if (!rc)
		rc = store_command_expire(store, now_ms, &expired, err);
	if (!rc && out_stale)
		*out_stale = count;
	return rc;
}
