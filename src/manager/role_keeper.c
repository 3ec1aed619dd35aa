/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role keeper: a round of keeper.h each second by whichever manager has the lease, and now and
 * then what is old goes (store_retain).
 */
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "api/api.h"
#include "base/clock.h"
#include "fleet/call.h"
#include "manager/keeper.h"
#include "manager/roles.h"
#include "store/ledger.h"

#define ROUND_MS  1000
#define LEASE_MS  10000
#define RETAIN_MS 3600000

struct keeping {
	const struct config *config;
	struct store *store;
	struct role_lease lease;
	struct keeper_clock clock;
	int64_t retained_ms;
};

/* Checkpoints of the fleet's ledger are signed by keys. */
static int note_ask(void *arg, uint64_t size, const uint8_t root[LEDGER_HASH_BYTES],
		    struct rf_buf *out_note, struct rf_err *err)
{
	MESSAGE_AUTO struct message answer = {0};
	const struct message question = {.kind = WIRE_NOTE,
					 .note = {(int64_t)size, {root, LEDGER_HASH_BYTES}}};
	int rc = call_ask(&(struct call){ROLE_FD_KEYS, &question, {0}, WIRE_NOTED}, &answer, NULL,
			  err);

	(void)arg;
	if (!rc && !answer.noted.note)
		rc = rf_fail(err, RF_E_PEER, "the ledger: %s",
			     answer.noted.fault ? answer.noted.fault : "no note");
	return rc ? rc : rf_buf_add_text(out_note, answer.noted.note);
}

/* By the database's clock: the one that the managers share, and that no single one can set. */
static int old_goes(struct keeping *k, struct rf_err *err)
{
	const struct keeper_keeps keeps = {.evidence_days = k->config->evidence_days,
					   .changes_days = k->config->changes_days,
					   .events_days = k->config->events_days};
	int64_t now_ms = 0;
	int rc = store_now(k->store, &now_ms, err);

	return rc ? rc : keeper_old_goes(k->store, &keeps, now_ms, err);
}

static bool clock_good(struct keeping *k, struct rf_err *err)
{
	int64_t now_ms = 0, jumped_ms = 0;

	if (store_now(k->store, &now_ms, err))
		return false;
	bool good = keeper_clock_good(&k->clock, now_ms, rf_clock_ms(CLOCK_BOOTTIME), &jumped_ms);

	if (jumped_ms)
		fprintf(stderr,
			"ringfence-manager keeper: the clock jumped by %lld s: nothing old is "
			"deleted for a day; look after the time source\n",
			(long long)jumped_ms / 1000);
	return good;
}

static int round_once(struct keeping *k, struct rf_err *err)
{
	/* Twice the interval and what a slow TPM takes: the reference's "two intervals". */
	const struct keeper_rules rules = {.stale_ms = k->config->evidence_s * 2000 + 5000,
					   .lease = &k->lease.lease};
	const int64_t now = role_now_ms();
	int rc = role_lease_hold(k->store, &k->lease, err);

	if (rc == RF_E_DENIED)
		return 0; /* another manager keeps */
	if (!rc)
		rc = keeper_round(k->store, &rules, now, NULL, err);
	if (!rc)
		rc = api_approvals_look(k->store, now, err);
	if (!rc)
		rc = store_ledger_sign(k->store, &(struct store_signer){note_ask, NULL}, NULL, err);
	if (rc || !clock_good(k, err))
		return rc;
	if (now - k->retained_ms < RETAIN_MS && now >= k->retained_ms)
		return 0;
	k->retained_ms = now;
	rc = api_directory_look(k->store, now, err);
	if (rc)
		return rc;
	return old_goes(k, err);
}

int role_keeper(const struct config *config, struct rf_err *err)
{
	struct keeping k = {
		.config = config,
		.lease = {.name = "keeper", .holder = config->name, .ttl_ms = LEASE_MS}};
	struct pollfd stop = {.fd = ROLE_FD_STOP};
	char missing[ROLE_MISSING_BYTES];
	int rc = call_limit(ROLE_FD_KEYS, CALL_TIMEOUT_MS, err);

	if (!rc)
		rc = store_open(config->store, &k.store, err);
	if (!rc)
		rc = role_store_only(config, missing, err);
	if (!rc)
		role_ready("keeper", "", missing);
	while (!rc) {
		rc = round_once(&k, err);
		/* What is in the way now may be over at the next round. */
		if (rc) {
			fprintf(stderr, "ringfence-manager keeper: %s\n", rf_err_text(err));
			rf_err_clear(err);
			rc = 0;
		}
		if (poll(&stop, 1, ROUND_MS) > 0)
			break;
	}
	role_lease_drop(k.store, &k.lease);
	store_close(k.store);
	return rc;
}
