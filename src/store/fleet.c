/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts, their states, evidence and verdicts; see fleet.h. */
#include <openssl/evp.h>
#include <string.h>

#include "base/str.h"
#include "store/acts.h"

/* Where the hosts of a question go. */
struct host_rows {
	int (*take)(void *arg, const struct store_host *host);
	void *arg;
	bool any;
};

static int take_host(void *arg, const struct store_value *row)
{
	struct host_rows *rows = arg;
	struct store_host host = {
		.host = store_value_text(&row[0]),
		.name = store_value_text(&row[1]),
		.state = store_value_text(&row[2]),
		.state_ms = row[3].number,
		.ek_sha256 = row[4].bytes,
		.agent_version = store_value_text(&row[5]),
		.labels = store_value_text(&row[6]),
		.created_ms = row[7].number,
		.seen_ms = row[8].number,
	};

	rows->any = true;
	return rows->take(rows->arg, &host);
}

int store_host_get(struct store *store, const char *host,
		   int (*take)(void *arg, const struct store_host *host), void *arg,
		   struct rf_err *err)
{
	struct host_rows rows = {take, arg, false};
	int rc = store_run(store, STORE_S_HOST_GET, STORE_PARAMS(store_text(host)),
			   (struct store_rows){take_host, &rows}, err);

	if (!rc && !rows.any)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no host %s", host);
	return rc;
}

int store_host_each(struct store *store, const char *after, int64_t limit,
		    int (*take)(void *arg, const struct store_host *host), void *arg,
		    struct rf_err *err)
{
	struct host_rows rows = {take, arg, false};

	return store_run(store, STORE_S_HOST_EACH,
			 STORE_PARAMS(store_text(after), store_int(limit)),
			 (struct store_rows){take_host, &rows}, err);
}

int store_host_seen(struct store *store, const char *host, const char *agent_version, int64_t at_ms,
		    struct rf_err *err)
{
	int64_t known = 0;
	int rc = store_run_int(
		store, STORE_S_HOST_SEEN,
		STORE_PARAMS(store_text(host), store_text(agent_version), store_int(at_ms)), &known,
		err);

	if (!rc && !known)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no host %s", host);
	return rc;
}

/* A transition, and the event that tells of it. */
static int state_told(struct store *store, const struct store_state *state, const char *old_state,
		      struct rf_err *err)
{
	struct store_event event = {
		.kind = "host.state",
		.host = state->host,
		.about = "",
		.old_state = old_state,
		.new_state = state->state,
		.text = state->reason,
		.at_ms = state->at_ms,
	};
	int64_t seq = 0;
	int rc = store_counter_next(store, "change", &seq, err);

	if (!rc)
		rc = store_run(store, STORE_S_HOST_CHANGE_ADD,
			       STORE_PARAMS(store_int(seq), store_text(state->host),
					    store_text(old_state), store_text(state->state),
					    store_text(state->reason), store_int(state->at_ms)),
			       STORE_NO_ROWS, err);
	return rc ? rc : store_event_add(store, &event, err);
}

static int host_add(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_host *host = arg;
	const struct store_state state = {host->host, "NEW", "made known", host->created_ms};
	struct store_value ek =
		host->ek_sha256.len ? store_blob(host->ek_sha256) : store_text(NULL);
	int rc = store_run(store, STORE_S_HOST_ADD,
			   STORE_PARAMS(store_text(host->host), store_text(host->name),
					store_int(host->created_ms), ek,
					store_text(host->labels ? host->labels : "{}")),
			   STORE_NO_ROWS, err);

	return rc ? rc : state_told(store, &state, "", err);
}

int store_host_add(struct store *store, const struct store_host *host, struct rf_err *err)
{
	struct store_host copy = *host;

	return store_transaction(store, host_add, &copy, err);
}

static int take_state(void *arg, const struct store_value *row)
{
	return rf_copy(arg, STORE_STATE_BYTES, store_value_text(&row[0])) ? 0 : RF_E_LIMIT;
}

int store_host_lock(struct store *store, const char *host, const struct store_lease *lease,
		    char out_state[STORE_STATE_BYTES], struct rf_err *err)
{
	int rc = lease ? store_lease_hold(store, lease, err) : 0;

	out_state[0] = '\0';
	if (!rc)
		rc = store_run(store, STORE_S_HOST_LOCK, STORE_PARAMS(store_text(host)),
			       (struct store_rows){take_state, out_state}, err);
	if (rc)
		return rc;
	if (!out_state[0])
		return rf_fail(err, RF_E_UNKNOWN, "there is no host %s", host);
	if (rf_equal(out_state, "RETIRED"))
		return rf_fail(err, RF_E_DENIED, "the host %s is retired", host);
	return 0;
}

static int state_set(struct store *store, const struct store_state *state, const char *old_state,
		     struct rf_err *err)
{
	if (rf_equal(state->state, old_state))
		return 0;
	int rc = store_run(store, STORE_S_HOST_STATE,
			   STORE_PARAMS(store_text(state->host), store_text(state->state),
					store_int(state->at_ms)),
			   STORE_NO_ROWS, err);

	return rc ? rc : state_told(store, state, old_state, err);
}

struct state_act {
	const struct store_state *state;
	const struct store_lease *lease;
};

static int host_state(struct store *store, void *arg, struct rf_err *err)
{
	const struct state_act *act = arg;
	char old_state[STORE_STATE_BYTES];
	int rc = store_host_lock(store, act->state->host, act->lease, old_state, err);

	return rc ? rc : state_set(store, act->state, old_state, err);
}

int store_host_state(struct store *store, const struct store_state *state,
		     const struct store_lease *lease, struct rf_err *err)
{
	struct state_act act = {state, lease};

	return store_transaction(store, host_state, &act, err);
}

static int digest(struct rf_slice bytes, uint8_t out[STORE_SHA256_BYTES], struct rf_err *err)
{
	if (EVP_Digest(bytes.data, bytes.len, out, NULL, EVP_sha256(), NULL) != 1)
		return rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
	return 0;
}

struct verdict_act {
	const struct store_verdict *verdict;
	const struct store_lease *lease;
};

static int verdict_add(struct store *store, void *arg, struct rf_err *err)
{
	const struct verdict_act *act = arg;
	const struct store_verdict *v = act->verdict;
	const struct store_state state = {v->host, v->state, v->reason, v->at_ms};
	uint8_t sha256[STORE_SHA256_BYTES];
	struct store_value evidence = store_text(NULL);
	char old_state[STORE_STATE_BYTES];
	int rc = store_host_lock(store, v->host, act->lease, old_state, err);

	if (!rc && v->evidence.len) {
		evidence = store_blob((struct rf_slice){sha256, sizeof(sha256)});
		rc = digest(v->evidence, sha256, err);
		if (!rc)
			rc = store_run(store, STORE_S_EVIDENCE_PUT,
				       STORE_PARAMS(evidence, store_blob(v->evidence),
						    store_int(v->at_ms)),
				       STORE_NO_ROWS, err);
	}
	if (!rc)
		rc = store_run(store, STORE_S_VERDICT_ADD,
			       STORE_PARAMS(store_text(v->verdict), store_text(v->host),
					    store_text(v->state), store_text(v->reason), evidence,
					    store_int(v->at_ms)),
			       STORE_NO_ROWS, err);
	return rc ? rc : state_set(store, &state, old_state, err);
}

int store_verdict_add(struct store *store, const struct store_verdict *verdict,
		      const struct store_lease *lease, struct rf_err *err)
{
	struct verdict_act act = {verdict, lease};

	return store_transaction(store, verdict_add, &act, err);
}

/* The evidence asked for, and where it goes. */
struct evidence_rows {
	const uint8_t *sha256;
	int (*take)(void *arg, struct rf_slice content);
	void *arg;
	struct rf_err *err;
	bool any;
};

static int take_evidence(void *arg, const struct store_value *row)
{
	struct evidence_rows *rows = arg;
	uint8_t sha256[STORE_SHA256_BYTES];

	rows->any = true;
	int rc = digest(row[0].bytes, sha256, rows->err);

	if (!rc && memcmp(sha256, rows->sha256, sizeof(sha256)) != 0)
		rc = rf_fail(rows->err, RF_E_MISMATCH, "the evidence is not what was stored");
	return rc ? rc : rows->take(rows->arg, row[0].bytes);
}

int store_evidence_get(struct store *store, const uint8_t sha256[STORE_SHA256_BYTES],
		       int (*take)(void *arg, struct rf_slice content), void *arg,
		       struct rf_err *err)
{
	struct evidence_rows rows = {sha256, take, arg, err, false};
	int rc = store_run(store, STORE_S_EVIDENCE_GET,
			   STORE_PARAMS(store_blob((struct rf_slice){sha256, STORE_SHA256_BYTES})),
			   (struct store_rows){take_evidence, &rows}, err);

	if (!rc && !rows.any)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no such evidence");
	return rc;
}
