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

/* The site's days for each kind that it has a say in. */
static int64_t days_of(const struct keeper_keeps *keeps, const struct store_retention *row)
{
	const struct {
		const char *what;
		int64_t days;
	} said[] = {
		{"event", keeps->events_days},		 {"verdict", keeps->evidence_days},
		{"evidence", keeps->evidence_days},	 {"host-change", keeps->changes_days},
		{"finding-change", keeps->changes_days},
	};

	for (size_t i = 0; i < RF_COUNT(said); i++) {
		if (rf_equal(said[i].what, row->what))
			return said[i].days;
	}
	return row->days;
}

int keeper_old_goes(struct store *store, const struct keeper_keeps *keeps, int64_t now_ms,
		    struct rf_err *err)
{
	int64_t *days = rf_alloc(store_retention_count, sizeof(*days));

	if (!days)
		return rf_fail(err, -ENOMEM, "no memory for the keeper");
	for (size_t i = 0; i < store_retention_count; i++)
		days[i] = days_of(keeps, &store_retention[i]);
	int rc = store_retain(store, now_ms, days, NULL, err);

	rf_free(days);
	return rc;
}

#define JUMP_MS	 INT64_C(3600000)
#define QUIET_MS INT64_C(86400000)

bool keeper_clock_good(struct keeper_clock *clock, int64_t wall_ms, int64_t boot_ms,
		       int64_t *out_jumped_ms)
{
	const int64_t apart_ms = wall_ms - boot_ms;
	const int64_t jumped_ms = clock->is_known ? apart_ms - clock->apart_ms : 0;

	*out_jumped_ms = 0;
	/* Up to that it is a clock that is put right; the sum of small steps counts, too. */
	if (!clock->is_known)
		clock->apart_ms = apart_ms;
	clock->is_known = true;
	if (jumped_ms > JUMP_MS || jumped_ms < -JUMP_MS) {
		*out_jumped_ms = jumped_ms;
		clock->apart_ms = apart_ms;
		clock->quiet_until_ms = boot_ms + QUIET_MS;
	}
	return boot_ms >= clock->quiet_until_ms;
}
