/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of a host in session: asked for with a fresh nonce, judged by a worker, its verdict kept
 * with what is remembered of the TPM in one transaction. What cannot be judged is never trusted.
 */
#include <errno.h>
#include <event2/event.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "manager/agents.h"
#include "store/ledger.h"

#define ANSWER_MS	120000 /* some TPMs take seconds for a quote, and hosts are busy */
#define WHOLE_MS	600000 /* logs are wanted at least so often, though nothing changed */
#define WHOLE_WAITING	64u    /* so many wait for a worker, and no more is asked for */
#define WHOLE_WINDOW_MS 100
#define WHOLE_IN_WINDOW 40
#define WHOLE_RETRY_MS	500
/* A host that measures something new all the time is asked no more often for it. */
#define MEASURED_LEAST_MS INT64_C(3000)
#define ORDER_LIFE_MS	  INT64_C(86400000)

static void schedule(struct conn *conn, int64_t in_ms)
{
	const struct timeval t = {.tv_sec = in_ms / 1000, .tv_usec = in_ms % 1000 * 1000};

	(void)evtimer_add(conn->clock, &t);
}

static int64_t random_ms(int64_t below)
{
	uint32_t n = 0;

	(void)RAND_bytes((uint8_t *)&n, sizeof(n));
	return n % below;
}

/* What it told of while it was asked may be missing in what it showed. */
static int64_t next_ms(struct conn *conn)
{
	const int64_t turn = conn->a->config->evidence_s * 1000;
	const int64_t since = conn->a->now_ms() - conn->asked_ms;
	const int64_t least = turn < MEASURED_LEAST_MS ? turn : MEASURED_LEAST_MS;

	if (!conn->measured)
		return turn;
	/* A clock that was set back counts as long ago. */
	return since >= 0 && since < least ? least - since : 0;
}

static void next_time(struct conn *conn)
{
	conn->asked = ASKED_NOTHING;
	/* Nothing is kept of it between two turns: there are many hosts. */
	rf_buf_done(&conn->evidence);
	schedule(conn, next_ms(conn));
}

void evidence_measured(struct conn *conn)
{
	conn->measured = true;
	if (conn->asked == ASKED_NOTHING && conn->has_tpm)
		schedule(conn, next_ms(conn));
}

void evidence_forget(struct conn *conn)
{
	conn->good.quoted_len = 0;
	rf_buf_done(&conn->good.reason);
}

void evidence_put_by(struct conn *conn)
{
	struct kept *kept = rf_map_get(&conn->a->kept, conn->peer.host);

	if (conn->a->shared || !conn->good.quoted_len)
		return;
	if (!kept) {
		kept = rf_alloc(1, sizeof(*kept));
		if (!kept || rf_map_set(&conn->a->kept, conn->peer.host, kept)) {
			rf_free(kept);
			return;
		}
		kept->next = conn->a->kept_list;
		conn->a->kept_list = kept;
	}
	rf_buf_done(&kept->good.reason);
	kept->tpm = conn->tpm;
	kept->good = conn->good;
	conn->good = (struct good_verdict){0};
}

void evidence_remember(struct conn *conn)
{
	struct kept *kept = rf_map_get(&conn->a->kept, conn->peer.host);

	if (!kept || !kept->good.quoted_len)
		return;
	conn->tpm = kept->tpm;
	conn->good = kept->good;
	kept->good = (struct good_verdict){0};
}

/* Evidence with logs is large, and slow to judge: not more is asked for than is judged. */
static bool is_time_for_whole(struct agents *a)
{
	const int64_t now = a->now_ms();

	if (now - a->whole_window_ms >= WHOLE_WINDOW_MS || now < a->whole_window_ms) {
		a->whole_window_ms = now;
		a->wholes = 0;
	}
	if (workers_waiting(a->workers) >= WHOLE_WAITING || a->wholes >= WHOLE_IN_WINDOW)
		return false;
	a->wholes++;
	return true;
}

/* May the answer be brief? Not where somebody waits for this very evidence. */
static bool may_be_brief(const struct conn *conn)
{
	const int64_t left = conn->good.until_ms - conn->a->now_ms();

	return conn->good.quoted_len && left > 0 && left <= WHOLE_MS && conn->tpm.memory.known &&
	       !conn->waiting.approve_by[0] && !conn->waiting.attest[0] &&
	       rf_equal(conn->told, conn->good.state);
}

void evidence_ask(struct conn *conn)
{
	struct message m = {
		.kind = WIRE_ASK_EVIDENCE,
		.ask_evidence = {.job = conn->job, .nonce = {conn->nonce, sizeof(conn->nonce)}}};

	if (conn->state != CONN_OPEN || conn->asked != ASKED_NOTHING || !conn->has_tpm)
		return;
	/* Without approval nothing of it counts, so nobody asks. */
	if (conn->is_new && !conn->waiting.approve_by[0] && conn->a->config->approve)
		return;
	const bool brief = may_be_brief(conn);

	if (!brief && !is_time_for_whole(conn->a)) {
		schedule(conn, random_ms(WHOLE_RETRY_MS));
		return;
	}
	if (brief)
		m.ask_evidence.same = (struct rf_slice){conn->good.quoted, conn->good.quoted_len};
	if (RAND_bytes(conn->nonce, sizeof(conn->nonce)) != 1 ||
	    agents_random_id(conn->job, NULL) ||
	    link_send(conn->link, &m, (struct rf_slice){0}, NULL)) {
		link_close(conn->link, "it cannot be asked for evidence");
		return;
	}
	conn->asked = ASKED_EVIDENCE;
	conn->asked_ms = conn->a->now_ms();
	conn->measured = false;
	schedule(conn, ANSWER_MS);
}

void evidence_ask_soon(struct conn *conn)
{
	if (conn->asked == ASKED_NOTHING)
		schedule(conn, random_ms(conn->a->config->evidence_s * 500));
}

/* ---- what becomes of it ---- */

/* One verdict, as it goes into the store; its own until that has been. */
struct outcome {
	struct conn *conn;
	struct store_verdict verdict;
	struct store_memory memory;
	struct rf_buf reason, baseline; /* baseline: new and approved; none */
	uint8_t quoted[256];
	size_t quoted_len;
	char state[32], approver[256], summary[512];
	bool remembers, brief;
};

static void outcome_free(struct outcome *o)
{
	rf_buf_done(&o->reason);
	rf_buf_done(&o->baseline);
	rf_free(o);
}

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
						.content = rf_buf_slice(&o->baseline),
						.approved_by = o->approver,
						.approval = o->conn->served.approve,
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
	if (!rc && o->conn->served.approve[0])
		rc = command_end(store, o, o->conn->served.approve, err);
	if (!rc && o->conn->served.attest[0])
		rc = command_end(store, o, o->conn->served.attest, err);
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

/* What lets the next evidence be brief. */
static void good_keep(struct conn *conn, struct outcome *o)
{
	if (o->remembers && o->brief)
		return;
	evidence_forget(conn);
	if (!o->remembers)
		return;
	/* Not all hosts at once, when they all came at once. */
	memcpy(conn->good.quoted, o->quoted, o->quoted_len);
	conn->good.quoted_len = o->quoted_len;
	rf_copy(conn->good.state, sizeof(conn->good.state), o->state);
	conn->good.reason = o->reason;
	o->reason = (struct rf_buf){0};
	conn->good.until_ms = o->verdict.at_ms + WHOLE_MS - random_ms(WHOLE_MS / 4);
}

/* It is on the disk: only now does the agent hear of it. A store that fails ends the session, and
 * the host is asked again. */
static void on_written(void *arg, int rc, const struct rf_err *err)
{
	struct outcome *o = arg;
	struct conn *conn = o->conn;

	conn->writing = false;
	if (rc && rc != RF_E_DUPLICATE) {
		fprintf(stderr, "ringfence-manager agents: host %s: a verdict is not stored: %s\n",
			conn->peer.host, rf_err_text(err));
		link_close(conn->link, rf_err_text(err));
		outcome_free(o);
		return;
	}
	conn->served = (struct orders){0};
	if (o->remembers)
		conn->tpm.memory = o->memory;
	if (conn->is_new && !rf_equal(o->state, "STALE"))
		conn->is_new = false;
	next_time(conn);
	session_state(conn, o->state, rf_buf_text(&o->reason));
	good_keep(conn, o);
	outcome_free(o);
	if (conn->waiting.approve_by[0] || conn->waiting.attest[0])
		evidence_ask(conn);
}

/* Keeps it, with others that come now, and tells the agent then. */
static void settle(struct outcome *o)
{
	struct conn *conn = o->conn;
	struct rf_err err = {0};

	if (o->reason.failed || o->baseline.failed) {
		link_close(conn->link, "no memory for a verdict");
		outcome_free(o);
		return;
	}
	o->verdict.verdict = conn->job;
	o->verdict.host = conn->peer.host;
	o->verdict.state = o->state;
	o->verdict.reason = rf_buf_text(&o->reason);
	o->verdict.evidence = rf_buf_slice(&conn->evidence);
	o->verdict.at_ms = conn->a->now_ms();
	(void)rf_format(o->summary, sizeof(o->summary), "%s to %s: %.400s", conn->told, o->state,
			o->verdict.reason);
	if (batch_add(conn->a->batch, &(struct batch_item){outcome_write, on_written, o}, &err)) {
		link_close(conn->link, rf_err_text(&err));
		outcome_free(o);
		return;
	}
	conn->writing = true;
}

static struct outcome *outcome_new(struct conn *conn, const char *state, const char *reason)
{
	struct outcome *o = rf_alloc(1, sizeof(*o));

	if (!o) {
		link_close(conn->link, "no memory for a verdict");
		return NULL;
	}
	o->conn = conn;
	rf_copy(o->state, sizeof(o->state), state);
	rf_buf_add_text(&o->reason, reason ? reason : "");
	return o;
}

/* What is judged from here on answers the orders that have come by now. One that comes later may be
 * about what this very verdict showed: it waits for the next evidence. */
static void judging_begin(struct conn *conn)
{
	conn->asked = ASKED_JUDGING;
	conn->served = conn->waiting;
	conn->waiting = (struct orders){0};
}

static void blind(struct conn *conn, const char *why)
{
	struct outcome *o = outcome_new(conn, "STALE", "cannot judge: ");

	if (!o)
		return;
	rf_buf_add_text(&o->reason, why);
	settle(o);
}

void evidence_clock(struct conn *conn)
{
	if (conn->asked == ASKED_EVIDENCE) {
		judging_begin(conn);
		blind(conn, "the host did not answer in time");
		return;
	}
	evidence_ask(conn);
}

static int key_take(void *arg, const struct store_tpm *tpm)
{
	struct known_tpm *k = arg;

	k->loaded = true;
	k->ak_name_len = tpm->ak_name.len <= sizeof(k->ak_name) ? tpm->ak_name.len : 0;
	memcpy(k->ak_name, tpm->ak_name.data, k->ak_name_len);
	k->memory = tpm->memory;
	return 0;
}

/* Once for a session. */
static int tpm_load(struct conn *conn, struct rf_err *err)
{
	if (conn->tpm.loaded)
		return 0;
	return store_tpm_get(conn->a->store, conn->peer.host, key_take, &conn->tpm, err);
}

/* What a worker found, under the checks that are ours: whose key it is. */
static void outcome_fill(struct outcome *o, const struct message *answer, struct rf_slice baseline)
{
	const struct conn *conn = o->conn;
	const struct known_tpm *known = &conn->tpm;
	const struct rf_slice name = answer->judged.ak_name, quoted = answer->judged.quoted;

	o->memory = (struct store_memory){true,
					  answer->judged.clock_ms,
					  answer->judged.firmware,
					  answer->judged.resets,
					  answer->judged.restarts,
					  answer->judged.ima_entries};
	o->brief = answer->judged.brief;
	o->remembers = rf_equal(o->state, "TRUSTED") || rf_equal(o->state, "WARNING");
	if (known->ak_name_len == 0 ||
	    !rf_slice_equal(name, (struct rf_slice){known->ak_name, known->ak_name_len})) {
		rf_copy(o->state, sizeof(o->state), "UNTRUSTED");
		rf_buf_reset(&o->reason);
		rf_buf_add_text(&o->reason, "The evidence is of another TPM's key than the one "
					    "that joined");
		o->remembers = false;
	}
	o->quoted_len = quoted.len <= sizeof(o->quoted) ? quoted.len : 0;
	if (o->quoted_len)
		memcpy(o->quoted, quoted.data, o->quoted_len);
	rf_copy(o->approver, sizeof(o->approver), conn->served.approve_by);
	/* What is not even trusted by itself is nobody's baseline. */
	if (o->remembers && conn->served.approve_by[0])
		rf_buf_add(&o->baseline, baseline.data, baseline.len);
}

static void on_judged(void *arg, const struct message *answer, struct rf_slice bytes,
		      const char *why)
{
	struct conn *conn = arg;

	if (!answer || !rf_equal(answer->judged.job, conn->job)) {
		blind(conn, answer ? "the answer was about another job" : why);
		return;
	}
	if (rf_equal(answer->judged.state, "CANNOT_JUDGE")) {
		blind(conn, answer->judged.reason ? answer->judged.reason : "no reason was given");
		return;
	}
	/* Brief evidence goes on with the verdict that it rests on, whatever a worker calls it. */
	const bool brief = answer->judged.brief;

	if (brief && !conn->good.quoted_len) {
		blind(conn, "there is no verdict that it could go on with");
		return;
	}
	struct outcome *o =
		outcome_new(conn, brief ? conn->good.state : answer->judged.state,
			    brief ? rf_buf_text(&conn->good.reason) : answer->judged.reason);

	if (!o)
		return;
	outcome_fill(o, answer, bytes);
	settle(o);
}

/* ---- what came ---- */

static int document_take(void *arg, const struct store_document *document)
{
	return rf_buf_add(arg, document->content.data, document->content.len);
}

static int judge(struct conn *conn, bool brief, struct rf_err *err)
{
	const struct store_document baseline = {.host = conn->peer.host, .kind = "baseline"};
	const struct store_memory *known = &conn->tpm.memory;
	RF_AUTOBUF struct rf_buf yaml = {0};
	int rc = tpm_load(conn, err);

	if (!rc && !brief && !conn->served.approve_by[0])
		rc = store_document_each(conn->a->store, &baseline, 1, document_take, &yaml, err);
	if (rc)
		return rc;
	/* A site that asks nobody takes the first good evidence as the baseline, and says so. */
	if (!brief && !conn->served.approve_by[0] && yaml.len == 0 && !conn->a->config->approve)
		rf_copy(conn->served.approve_by, sizeof(conn->served.approve_by),
			"policy: approve is off");
	struct message question = {.kind = WIRE_JUDGE,
				   .judge = {.job = conn->job,
					     .nonce = {conn->nonce, sizeof(conn->nonce)},
					     .now_ms = conn->a->now_ms(),
					     .baseline_bytes = (int64_t)yaml.len,
					     .approved_by = conn->served.approve_by[0]
								    ? conn->served.approve_by
								    : NULL,
					     .any_program = !conn->a->config->programs,
					     .known = known->known,
					     .clock_ms = known->clock_ms,
					     .firmware = known->firmware,
					     .resets = known->resets,
					     .restarts = known->restarts,
					     .ima_entries = known->ima_entries}};
	const struct workers_question ask = {.message = &question,
					     .first = rf_buf_slice(&yaml),
					     .second = rf_buf_slice(&conn->evidence),
					     .asker = {on_judged, conn}};

	if (brief) {
		question.judge.same = (struct rf_slice){conn->good.quoted, conn->good.quoted_len};
		question.judge.ak_name =
			(struct rf_slice){conn->tpm.ak_name, conn->tpm.ak_name_len};
	}
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
	(void)evtimer_del(conn->clock);
	if (message->evidence.fault) {
		judging_begin(conn);
		blind(conn, message->evidence.fault);
		return 0;
	}
	/* An approval may have come since it was asked: then it counts for nothing. */
	if (message->evidence.brief && !may_be_brief(conn)) {
		evidence_forget(conn);
		next_time(conn);
		evidence_ask(conn);
		return 0;
	}
	judging_begin(conn);
	rf_buf_reset(&conn->evidence);
	if (rf_buf_add(&conn->evidence, bytes.data, bytes.len))
		return rf_fail(err, -ENOMEM, "no memory for evidence");
	rc = judge(conn, message->evidence.brief, err);
	if (rc == RF_E_LIMIT) {
		blind(conn, rf_err_text(err));
		rf_err_clear(err);
		return 0;
	}
	return rc;
}
