/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role keeper: a round of keeper.h each second by whichever manager has the lease, and now and
 * then what is old goes (store_retain).
 */
#include <poll.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/call.h"
#include "manager/keeper.h"
#include "manager/roles.h"
#include "manager/server.h"
#include "store/ledger.h"
#include "sys/sandbox.h"

#define ROUND_MS  1000
#define LEASE_MS  10000
#define RETAIN_MS 3600000

struct keeping {
	const struct config *config;
	struct store *store;
	struct store_lease lease;
	bool leased;
	int64_t retained_ms;
};

static int lease(struct keeping *k, struct rf_err *err)
{
	int rc = k->leased ? store_lease_renew(k->store, &k->lease, LEASE_MS, err) : RF_E_CHANGED;

	if (rc == RF_E_CHANGED)
		rc = store_lease_take(k->store, "keeper", k->config->name, LEASE_MS, &k->lease,
				      err);
	k->leased = rc == 0;
	return rc;
}

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

static int round_once(struct keeping *k, struct rf_err *err)
{
	/* Twice the interval and what a slow TPM takes: the reference's "two intervals". */
	const struct keeper_rules rules = {.stale_ms = k->config->evidence_s * 2000 + 5000,
					   .lease = &k->lease};
	const int64_t now = role_now_ms();
	int rc = lease(k, err);

	if (rc == RF_E_DENIED)
		return 0; /* another manager keeps */
	if (!rc)
		rc = keeper_round(k->store, &rules, now, NULL, err);
	if (!rc)
		rc = store_ledger_sign(k->store, &(struct store_signer){note_ask, NULL}, NULL, err);
	if (rc || (now - k->retained_ms < RETAIN_MS && now >= k->retained_ms))
		return rc;
	k->retained_ms = now;
	return store_retain(k->store, now, NULL, NULL, err);
}

static int sandbox(const struct config *config, char *missing, struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES];
	const char *writable = folder;
	int rc = server_store_folder(config, folder, sizeof(folder), err);

	if (rc)
		return rc;
	return folder[0] ? sandbox_enter(SANDBOX_SERVE, &writable, 1, missing, err)
			 : sandbox_enter(SANDBOX_SERVE_NET, NULL, 0, missing, err);
}

int role_keeper(const struct config *config, struct rf_err *err)
{
	struct keeping k = {.config = config};
	struct pollfd stop = {.fd = ROLE_FD_STOP};
	char missing[SANDBOX_MISSING_BYTES];
	int rc = call_limit(ROLE_FD_KEYS, CALL_TIMEOUT_MS, err);

	if (!rc)
		rc = store_open(config->store, &k.store, err);
	if (!rc)
		rc = sandbox(config, missing, err);
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
	if (k.leased && store_lease_drop(k.store, &k.lease, NULL))
		fprintf(stderr, "ringfence-manager keeper: its lease stays until it is over\n");
	store_close(k.store);
	return rc;
}
