/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of a host in session: asked for with a fresh nonce, judged by a worker, its verdict kept
 * with what is remembered of the TPM in one transaction. What cannot be judged is never trusted.
 */
#include <errno.h>
#include <event2/event.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "manager/agents.h"
#include "store/ledger.h"

#define ANSWER_MS 120000 /* some TPMs take seconds for a quote, and hosts are busy */

static void schedule(struct conn *conn, int64_t in_ms)
{
	const struct timeval t = {.tv_sec = in_ms / 1000, .tv_usec = in_ms % 1000 * 1000};

	(void)evtimer_add(conn->clock, &t);
}

static void next_time(struct conn *conn)
{
	conn->asked = ASKED_NOTHING;
	rf_buf_done(&conn->evidence);
	schedule(conn, conn->a->config->evidence_s * 1000);
}

void evidence_ask(struct conn *conn)
{
	struct message m = {
		.kind = WIRE_ASK_EVIDENCE,
		.ask_evidence = {.job = conn->job, .nonce = {conn->nonce, sizeof(conn->nonce)}}};

	if (conn->state != CONN_OPEN || conn->asked != ASKED_NOTHING || !conn->has_tpm)
		return;
	/* Without approval nothing of it counts, so nobody asks. */
	if (conn->is_new && !conn->approve_by[0] && conn->a->config->approve)
		return;
	if (RAND_bytes(conn->nonce, sizeof(conn->nonce)) != 1 ||
	    agents_random_id(conn->job, NULL) ||
	    link_send(conn->link, &m, (struct rf_slice){0}, NULL)) {
		link_close(conn->link, "it cannot be asked for evidence");
		return;
	}
	conn->asked = ASKED_EVIDENCE;
	schedule(conn, ANSWER_MS);
}

/* ---- what becomes of it ---- */

/* One verdict, as it goes into the store. */
#define ORDER_LIFE_MS INT64_C(86400000)

struct outcome {
	struct conn *conn;
	struct store_verdict verdict;
	struct store_memory memory;
	struct rf_slice baseline; /* new and approved; none */
	char approver[256], summary[512];
	bool remembers;
};

static int command_end(struct store *store, const struct outcome *o, const char *command,
		       struct rf_err *err);

/* A host that turns UNTRUSTED is ordered to shut in its VMs that are for trusted hosts only, where
 * the site says so; with the verdict or not at all. That the host obeys is not to be counted on: it
 * gets no secret any more, and no such VM starts. */
static int untrusted_order(const struct outcome *o, struct store *store, struct rf_err *err)
{
	struct conn *conn = o->conn;
	char id[AGENTS_ID_BYTES];
	RF_AUTOBUF struct rf_buf arguments = {0};
	int64_t serial = 0;

	if (!rf_equal(o->verdict.state, "UNTRUSTED") || rf_equal(conn->told, "UNTRUSTED") ||
	    rf_equal(conn->a->config->untrusted, "none"))
		return 0;
	int rc = agents_random_id(id, err);

	rf_buf_printf(&arguments, "{\"level\": \"%s\", \"reason\": \"the host turned UNTRUSTED\"}",
		      conn->a->config->untrusted);
	const struct store_command command = {.host = conn->peer.host,
					      .command = id,
					      .verb = "quarantine-trusted-only",
					      .arguments = rf_buf_text(&arguments),
					      .ordered_by = "policy",
					      .created_ms = o->verdict.at_ms,
					      .expires_ms = o->verdict.at_ms + ORDER_LIFE_MS};

	return rc ? rc : store_command_add(store, &command, &serial, err);
}

static int outcome_write(struct store *store, void *arg, struct rf_err *err)
{
	const struct outcome *o = arg;
	const struct store_lease *lease = conn_lease(o->conn);
	const char *host = o->conn->peer.host;
	const struct store_document document = {.host = host,
						.kind = "baseline",
						.content = o->baseline,
						.approved_by = o->approver,
						.approval = o->conn->approve,
						.at_ms = o->verdict.at_ms};
	const struct ledger_entry entry = {.kind = "verdict",
					   .actor = "manager",
					   .about = host,
					   .text = o->summary,
					   .time_ms = o->verdict.at_ms};
	int rc = store_verdict_add(store, &o->verdict, lease, err);

	if (!rc)
		rc = store_host_seen(store, host, o->conn->agent_version, o->verdict.at_ms, err);
	if (!rc && o->remembers)
		rc = store_tpm_memory(store, host, &o->memory, err);
	if (!rc && o->baseline.len)
		rc = store_document_put(store, &document, err);
	if (!rc && o->conn->approve[0])
		rc = command_end(store, o, o->conn->approve, err);
	if (!rc && o->conn->attest[0])
		rc = command_end(store, o, o->conn->attest, err);
	if (!rc)
		rc = untrusted_order(o, store, err);
	/* Last, for its writers follow one another; a verdict that changes nothing is none of it.
	 */
	if (!rc && !rf_equal(o->verdict.state, o->conn->told))
		rc = store_ledger_append(store, &entry, NULL, err);
	return rc;
}

struct ending {
	const struct outcome *outcome;
	int64_t serial;
};

static int serial_take(void *arg, const struct store_command *command)
{
	((struct ending *)arg)->serial = command->serial;
	return 0;
}

static int command_end(struct store *store, const struct outcome *o, const char *command,
		       struct rf_err *err)
{
	struct ending e = {o, 0};
	int rc = store_command_get(store, command, serial_take, &e, err);
	const struct store_result result = {
		.host = o->conn->peer.host,
		.serial = e.serial,
		.result = rf_equal(o->verdict.state, "TRUSTED") ||
					  rf_equal(o->verdict.state, "WARNING")
				  ? 0
				  : 1,
		.output = o->verdict.reason,
		.at_ms = o->verdict.at_ms};

	if (!rc)
		rc = store_command_done(store, &result, err);
	return rc == RF_E_DUPLICATE || rc == RF_E_UNKNOWN ? 0 : rc;
}

/* Keeps it and tells the agent; a store that fails ends the session, and it is asked again. */
static void settle(struct outcome *o)
{
	struct conn *conn = o->conn;
	struct rf_err err = {0};

	(void)rf_format(o->summary, sizeof(o->summary), "%s to %s: %s", conn->told,
			o->verdict.state, o->verdict.reason ? o->verdict.reason : "");
	int rc = store_transaction(conn->a->store, outcome_write, o, &err);

	if (rc && rc != RF_E_DUPLICATE) {
		link_close(conn->link, rf_err_text(&err));
		return;
	}
	conn->approve[0] = conn->approve_by[0] = conn->attest[0] = '\0';
	if (conn->is_new && !rf_equal(o->verdict.state, "STALE"))
		conn->is_new = false;
	next_time(conn);
	session_state(conn, o->verdict.state, o->verdict.reason);
}

static void blind(struct conn *conn, const char *why)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct outcome o = {.conn = conn,
			    .verdict = {.verdict = conn->job,
					.host = conn->peer.host,
					.state = "STALE",
					.evidence = rf_buf_slice(&conn->evidence),
					.at_ms = conn->a->now_ms()}};

	rf_buf_printf(&text, "cannot judge: %s", why);
	o.verdict.reason = rf_buf_text(&text);
	settle(&o);
}

void evidence_clock(struct conn *conn)
{
	if (conn->asked == ASKED_EVIDENCE) {
		conn->asked = ASKED_JUDGING;
		blind(conn, "the host did not answer in time");
		return;
	}
	evidence_ask(conn);
}

struct known_key {
	uint8_t name[66];
	size_t len;
	struct store_memory memory;
};

static int key_take(void *arg, const struct store_tpm *tpm)
{
	struct known_key *k = arg;

	k->len = tpm->ak_name.len <= sizeof(k->name) ? tpm->ak_name.len : 0;
	memcpy(k->name, tpm->ak_name.data, k->len);
	k->memory = tpm->memory;
	return 0;
}

static void on_judged(void *arg, const struct message *answer, struct rf_slice bytes,
		      const char *why)
{
	struct conn *conn = arg;
	struct known_key known = {0};
	struct rf_err err = {0};

	if (!answer || !rf_equal(answer->judged.job, conn->job)) {
		blind(conn, answer ? "the answer was about another job" : why);
		return;
	}
	if (rf_equal(answer->judged.state, "CANNOT_JUDGE")) {
		blind(conn, answer->judged.reason ? answer->judged.reason : "no reason was given");
		return;
	}
	struct outcome o = {.conn = conn,
			    .verdict = {.verdict = conn->job,
					.host = conn->peer.host,
					.state = answer->judged.state,
					.reason = answer->judged.reason,
					.evidence = rf_buf_slice(&conn->evidence),
					.at_ms = conn->a->now_ms()},
			    .memory = {true, answer->judged.clock_ms, answer->judged.firmware,
				       answer->judged.resets, answer->judged.restarts,
				       answer->judged.ima_entries}};
	const struct rf_slice name = answer->judged.ak_name;

	if (store_tpm_get(conn->a->store, conn->peer.host, key_take, &known, &err)) {
		link_close(conn->link, rf_err_text(&err));
		return;
	}
	o.remembers = rf_equal(o.verdict.state, "TRUSTED") || rf_equal(o.verdict.state, "WARNING");
	if (known.len == 0 || name.len != known.len || memcmp(name.data, known.name, name.len)) {
		o.verdict.state = "UNTRUSTED";
		o.verdict.reason = "The evidence is of another TPM's key than the one that joined";
		o.remembers = false;
	}
	rf_copy(o.approver, sizeof(o.approver), conn->approve_by);
	/* What is not even trusted by itself is nobody's baseline. */
	if (o.remembers && conn->approve_by[0])
		o.baseline = bytes;
	settle(&o);
}

/* ---- what came ---- */

static int document_take(void *arg, const struct store_document *document)
{
	return rf_buf_add(arg, document->content.data, document->content.len);
}

static int judge(struct conn *conn, struct rf_err *err)
{
	const struct store_document baseline = {.host = conn->peer.host, .kind = "baseline"};
	RF_AUTOBUF struct rf_buf yaml = {0};
	struct known_key known = {0};
	int rc = store_tpm_get(conn->a->store, conn->peer.host, key_take, &known, err);

	if (!rc && !conn->approve_by[0])
		rc = store_document_each(conn->a->store, &baseline, 1, document_take, &yaml, err);
	if (rc)
		return rc;
	/* A site that asks nobody takes the first good evidence as the baseline, and says so. */
	if (!conn->approve_by[0] && yaml.len == 0 && !conn->a->config->approve)
		rf_copy(conn->approve_by, sizeof(conn->approve_by), "policy: approve is off");
	const struct message question = {
		.kind = WIRE_JUDGE,
		.judge = {.job = conn->job,
			  .nonce = {conn->nonce, sizeof(conn->nonce)},
			  .now_ms = conn->a->now_ms(),
			  .baseline_bytes = (int64_t)yaml.len,
			  .approved_by = conn->approve_by[0] ? conn->approve_by : NULL,
			  .known = known.memory.known,
			  .clock_ms = known.memory.clock_ms,
			  .firmware = known.memory.firmware,
			  .resets = known.memory.resets,
			  .restarts = known.memory.restarts,
			  .ima_entries = known.memory.ima_entries}};
	const struct workers_question ask = {.message = &question,
					     .first = rf_buf_slice(&yaml),
					     .second = rf_buf_slice(&conn->evidence),
					     .asker = {on_judged, conn}};

	return workers_ask(conn->a->workers, &ask, err);
}

int evidence_take(struct conn *conn, const struct message *message, struct rf_slice bytes,
		  struct rf_err *err)
{
	int rc;

	/* A replay, or what nobody asked for: a nonce is of one question. */
	if (conn->asked != ASKED_EVIDENCE || !rf_equal(message->evidence.job, conn->job)) {
		conn_event(conn, "agent.lied", "it sent evidence that nobody asked for");
		return rf_fail(err, RF_E_DENIED, "evidence that nobody asked for");
	}
	conn->asked = ASKED_JUDGING;
	(void)evtimer_del(conn->clock);
	if (message->evidence.fault) {
		blind(conn, message->evidence.fault);
		return 0;
	}
	rf_buf_reset(&conn->evidence);
	if (rf_buf_add(&conn->evidence, bytes.data, bytes.len))
		return rf_fail(err, -ENOMEM, "no memory for evidence");
	rc = judge(conn, err);
	if (rc == RF_E_LIMIT) {
		blind(conn, rf_err_text(err));
		rf_err_clear(err);
		return 0;
	}
	return rc;
}
