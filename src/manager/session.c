/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session of a host: who it is by its certificate, the lease under which it is written, its
 * commands and its renewals. A frame never says which host it is of.
 */
#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fleet/call.h"
#include "manager/agents.h"

#define LEASE_MS	60000
#define HELLOS_PER_S	2000 /* admission: more than these come again later */
#define HELLOS_CALM	100  /* and with more than these nobody is asked for evidence at once */
#define RETRY_SPREAD_MS 8000
#define SEEN_EACH_MS	60000
#define RENEW_LEAST_MS	60000
#define DAY_MS		INT64_C(86400000)

const struct store_lease *conn_lease(const struct conn *conn)
{
	return conn->a->shared ? &conn->lease : &conn->a->lease;
}

/* ---- the beginning ---- */

static int certificate_take(void *arg, const struct store_certificate *certificate)
{
	rf_copy(arg, TLS_HOST_BYTES, certificate->host);
	return 0;
}

/* Is the certificate one that counts now? */
void session_open(struct conn *conn)
{
	const struct store_use use = {.sha256 = conn->peer.sha256, .now_ms = conn->a->now_ms()};
	char host[TLS_HOST_BYTES] = "";
	struct rf_err err = {0};
	int rc = store_certificate_check(conn->a->store, &use, certificate_take, host, &err);

	if (rc == RF_E_DENIED) {
		conn_event(conn, "host.refused", rf_err_text(&err));
		conn_refuse(conn, &(struct refusal){rf_err_text(&err), "join again", 0});
		return;
	}
	if (!rc && !rf_equal(host, conn->peer.host))
		rc = rf_fail(&err, RF_E_DENIED, "the certificate is another host's");
	if (rc) {
		link_close(conn->link, rf_err_text(&err));
		return;
	}
	conn->state = CONN_HELLO;
	link_phase(conn->link, WIRE_SESSION);
}

/* So many in a second; the others are told when to come again, spread out. */
static bool admitted(struct conn *conn)
{
	struct agents *a = conn->a;
	int64_t now = a->now_ms();

	if (now - a->hello_window_ms >= 1000 || now < a->hello_window_ms) {
		a->hello_window_ms = now;
		a->hellos = 0;
	}
	if (++a->hellos <= HELLOS_PER_S)
		return true;
	conn_refuse(conn, &(struct refusal){"many hosts come at this moment", "wait",
					    1000 + (a->hellos * 7919) % RETRY_SPREAD_MS});
	return false;
}

/* A host that is here, proven by its key, has left the manager where it was, whether that knows it
 * or not: its lease is taken now, not when it is over. */
static int lease_take(struct conn *conn, struct rf_err *err)
{
	char name[STORE_ID_BYTES];

	if (!conn->a->shared)
		return 0;
	rf_format(name, sizeof(name), "host:%s", conn->peer.host);
	return store_lease_seize(conn->a->store, name, conn->a->holder, LEASE_MS, &conn->lease,
				 err);
}

struct opening {
	char state[32];
	bool has_tpm;
};

static int host_take(void *arg, const struct store_host *host)
{
	struct opening *o = arg;

	rf_copy(o->state, sizeof(o->state), host->state);
	o->has_tpm = host->ek_sha256.len > 0;
	return 0;
}

/* The one before it is of the same host: cut off, or copied. */
static void replace_older(struct conn *conn)
{
	struct conn *older = rf_map_get(&conn->a->sessions, conn->peer.host);

	if (!older || older == conn)
		return;
	conn_event(older, "agent.replaced", "another connection of this host took over");
	session_end(older);
	link_close(older->link, "another connection of this host took over");
}

static int welcome(struct conn *conn, const struct opening *o, struct rf_err *err)
{
	const struct config *c = conn->a->config;
	struct message m = {.kind = WIRE_WELCOME,
			    .welcome = {.host = conn->peer.host,
					.state = o->state,
					.now_ms = conn->a->now_ms(),
					.evidence_s = c->evidence_s,
					.facts_s = c->facts_s,
					.idle_s = c->idle_s}};
	int rc = store_spool_last(conn->a->store, conn->peer.host, &m.welcome.confirmed, err);

	return rc ? rc : link_send(conn->link, &m, (struct rf_slice){0}, err);
}

/* Where a site asks nobody, one that can show nothing is what its invitation made it. */
static int without_tpm_admit(struct conn *conn, struct rf_err *err)
{
	const struct store_state state = {conn->peer.host, "NO_TPM",
					  "it has no TPM; policy: approve is off",
					  conn->a->now_ms()};
	int rc;

	if (!conn->is_new || conn->has_tpm || conn->a->config->approve)
		return 0;
	rc = store_host_state(conn->a->store, &state, conn_lease(conn), err);
	if (!rc)
		session_state(conn, state.state, state.reason);
	return rc;
}

/* That a host was here. A commit for each would be all that the disk can do when thousands come at
 * once for the first time; they share one with the verdicts. The host may have gone by then. */
struct sighting {
	struct agents *a;
	char host[TLS_HOST_BYTES], agent_version[sizeof(((struct conn *)0)->agent_version)];
	int64_t at_ms;
};

static int sighting_write(struct store *store, void *arg, struct rf_err *err)
{
	const struct sighting *s = arg;

	return store_host_seen(store, s->host, s->agent_version, s->at_ms, err);
}

static void sighting_done(void *arg, int rc, const struct rf_err *err)
{
	struct sighting *s = arg;
	struct conn *conn = rc ? rf_map_get(&s->a->sessions, s->host) : NULL;

	/* A store that fails ends the session: the host comes again, and is seen then. */
	if (rc)
		fprintf(stderr,
			"ringfence-manager agents: host %s: that it was here is not stored: %s\n",
			s->host, rf_err_text(err));
	if (conn)
		link_close(conn->link, rf_err_text(err));
	rf_free(s);
}

static int sighting_add(struct conn *conn, struct rf_err *err)
{
	struct sighting *s = rf_alloc(1, sizeof(*s));

	if (!s)
		return rf_fail(err, -ENOMEM, "no memory for a host that came");
	s->a = conn->a;
	rf_copy(s->host, sizeof(s->host), conn->peer.host);
	rf_copy(s->agent_version, sizeof(s->agent_version), conn->agent_version);
	s->at_ms = conn->a->now_ms();
	int rc = batch_add(conn->a->batch, &(struct batch_item){sighting_write, sighting_done, s},
			   err);

	if (rc)
		rf_free(s);
	return rc;
}

static int on_hello(struct conn *conn, const struct message *m, struct rf_slice bytes,
		    struct rf_err *err)
{
	struct agents *a = conn->a;
	struct opening o = {0};
	int rc;

	(void)bytes;
	if (conn->state != CONN_HELLO)
		return rf_fail(err, RF_E_DENIED, "a second hello");
	if (!admitted(conn))
		return 0;
	rc = store_host_get(a->store, conn->peer.host, host_take, &o, err);
	if (!rc)
		rc = lease_take(conn, err);
	conn->is_new = rf_equal(o.state, "NEW");
	rf_copy(conn->told, sizeof(conn->told), o.state);
	conn->has_tpm = o.has_tpm;
	rf_copy(conn->agent_version, sizeof(conn->agent_version), m->hello.agent_version);
	/* Of a host with a TPM, only a verdict makes it seen: a host that comes and shows nothing
	 * grows stale. */
	if (!rc && (conn->is_new || !o.has_tpm))
		rc = sighting_add(conn, err);
	if (!rc)
		rc = welcome(conn, &o, err);
	if (rc)
		return rc;
	replace_older(conn);
	rc = rf_map_set(&a->sessions, conn->peer.host, conn);
	if (rc)
		return rc;
	a->sessions_count++;
	conn->state = CONN_OPEN;
	conn->seen_ms = a->now_ms();
	link_idle(conn->link, a->config->idle_s * 1000 * 2);
	evidence_remember(conn);
	if (a->hellos > HELLOS_CALM && !conn->is_new)
		evidence_ask_soon(conn);
	else
		evidence_ask(conn);
	session_commands(conn);
	return without_tpm_admit(conn, err);
}

void session_end(struct conn *conn)
{
	if (conn->state != CONN_OPEN)
		return;
	/* What is on the way into the store gets there, and speaks of this connection for the last
	 * time. */
	if (conn->writing)
		batch_flush(conn->a->batch);
	conn->state = CONN_ENDING;
	evidence_put_by(conn);
	workers_forget(conn->a->workers, conn);
	(void)evtimer_del(conn->clock);
	conn->a->sessions_count--;
	/* The key stays: as many as there are hosts. */
	if (rf_map_get(&conn->a->sessions, conn->peer.host) == conn &&
	    rf_map_set(&conn->a->sessions, conn->peer.host, NULL))
		return;
	if (conn->a->shared && store_lease_drop(conn->a->store, &conn->lease, NULL))
		return; /* another has it already */
}

/* ---- states ---- */

void session_state(struct conn *conn, const char *state, const char *reason)
{
	const struct message m = {.kind = WIRE_VERDICT,
				  .verdict = {.state = state,
					      .reason = reason,
					      .at_ms = conn->a->now_ms(),
					      .valid_ms = conn->a->config->evidence_s * 3000}};

	if (conn->state != CONN_OPEN)
		return;
	if (rf_equal(state, "RETIRED")) {
		conn_refuse(conn, &(struct refusal){"this host is retired", NULL, 0});
		return;
	}
	conn->is_new = rf_equal(state, "NEW");
	rf_copy(conn->told, sizeof(conn->told), state);
	if (link_send(conn->link, &m, (struct rf_slice){0}, NULL))
		link_close(conn->link, "it does not take its verdict");
}

void session_changed(struct conn *conn, const char *reason)
{
	struct opening o = {0};
	struct rf_err err = {0};

	if (conn->state != CONN_OPEN)
		return;
	if (store_host_get(conn->a->store, conn->peer.host, host_take, &o, &err))
		link_close(conn->link, rf_err_text(&err));
	else if (!rf_equal(o.state, conn->told))
		session_state(conn, o.state, reason);
}

/* ---- commands ---- */

/* NO_TPM by somebody's word; the others wait for evidence. */
static int approve(struct conn *conn, const struct store_command *c, struct rf_err *err)
{
	const struct store_state state = {conn->peer.host, "NO_TPM", "approved without a TPM",
					  conn->a->now_ms()};
	const struct store_result done = {.host = conn->peer.host,
					  .serial = c->serial,
					  .output = state.reason,
					  .at_ms = state.at_ms};
	int rc;

	if (conn->has_tpm) {
		rf_copy(conn->waiting.approve, sizeof(conn->waiting.approve), c->command);
		rf_copy(conn->waiting.approve_by, sizeof(conn->waiting.approve_by),
			c->ordered_by && *c->ordered_by ? c->ordered_by : "nobody named");
		evidence_ask(conn);
		return 0;
	}
	rc = store_host_state(conn->a->store, &state, conn_lease(conn), err);
	if (!rc)
		rc = store_command_done(conn->a->store, &done, err);
	return rc;
}

static int attest(struct conn *conn, const struct store_command *c, struct rf_err *err)
{
	const struct store_result none = {
		.host = conn->peer.host,
		.serial = c->serial,
		.result = 1,
		.output = "the host has no TPM: there is nothing to judge it by",
		.at_ms = conn->a->now_ms()};

	if (!conn->has_tpm)
		return store_command_done(conn->a->store, &none, err);
	rf_copy(conn->waiting.attest, sizeof(conn->waiting.attest), c->command);
	evidence_ask(conn);
	return 0;
}

/* What the manager does itself. */
static const struct {
	const char *verb;
	int (*run)(struct conn *conn, const struct store_command *c, struct rf_err *err);
} own_verbs[] = {
	{"approve", approve},
	{"attest", attest},
};

static int command_send(struct conn *conn, const struct store_command *c, struct rf_err *err)
{
	const struct store_sending sending = {conn->peer.host, c->serial, conn->a->now_ms(),
					      conn_lease(conn)};
	RF_AUTOBUF struct rf_buf text = {0}, signature = {0};
	MESSAGE_AUTO struct message answer = {0};
	json_t *arguments =
		json_loads(c->arguments ? c->arguments : "{}", JSON_REJECT_DUPLICATES, NULL);
	const struct message m = {.kind = WIRE_COMMAND,
				  .command = {.command = c->command,
					      .host = conn->peer.host,
					      .verb = c->verb,
					      .arguments = arguments,
					      .issued_ms = c->created_ms,
					      .expires_ms = c->expires_ms,
					      .serial = c->serial}};
	const struct message sign = {.kind = WIRE_SIGN};
	int rc = message_text(&m, &text, err);

	json_decref(arguments);
	if (!rc)
		rc = call_ask(
			&(struct call){conn->a->keys, &sign, rf_buf_slice(&text), WIRE_SIGNED},
			&answer, &signature, err);
	if (!rc && answer.signed_.fault)
		rc = rf_fail(err, RF_E_DENIED, "%s", answer.signed_.fault);
	if (!rc)
		rc = store_command_sent(conn->a->store, &sending, err);
	if (rc)
		return rc;
	return link_send_frame(
		conn->link,
		&(struct wire_frame){WIRE_COMMAND, rf_buf_slice(&text), rf_buf_slice(&signature)},
		err);
}

/* The first commands that this session has not seen, copied: nothing runs on the store within its
 * own callback. */
#define COMMANDS_AT_ONCE 16
struct waiting {
	const struct conn *conn;
	size_t count;
	struct store_command commands[COMMANDS_AT_ONCE];
	char *texts[COMMANDS_AT_ONCE][4];
};

static int waiting_take(void *arg, const struct store_command *c)
{
	struct waiting *w = arg;
	const char *const from[] = {c->command, c->verb, c->arguments, c->ordered_by};

	if (w->count == COMMANDS_AT_ONCE || c->serial <= w->conn->sent_serial)
		return 0;
	for (size_t i = 0; i < RF_COUNT(from); i++) {
		w->texts[w->count][i] = rf_strdup(from[i] ? from[i] : "");
		if (!w->texts[w->count][i])
			return -ENOMEM;
	}
	char **texts = w->texts[w->count];

	w->commands[w->count++] = (struct store_command){.serial = c->serial,
							 .command = texts[0],
							 .verb = texts[1],
							 .arguments = texts[2][0] ? texts[2] : NULL,
							 .ordered_by = texts[3],
							 .created_ms = c->created_ms,
							 .expires_ms = c->expires_ms};
	return 0;
}

static int command_run(struct conn *conn, const struct store_command *c, struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(own_verbs); i++)
		if (rf_equal(own_verbs[i].verb, c->verb))
			return own_verbs[i].run(conn, c, err);
	return command_send(conn, c, err);
}

void session_commands(struct conn *conn)
{
	struct waiting w = {.conn = conn};
	struct rf_err err = {0};
	int rc;

	if (conn->state != CONN_OPEN)
		return;
	rc = store_command_pending(conn->a->store, conn->peer.host, conn->a->now_ms(), waiting_take,
				   &w, &err);
	for (size_t i = 0; i < w.count && !rc; i++) {
		rc = command_run(conn, &w.commands[i], &err);
		conn->sent_serial = w.commands[i].serial;
		/* One that cannot go out holds up no other; it expires, and says so. */
		if (rc == RF_E_DENIED || rc == RF_E_SYNTAX || rc == RF_E_UNKNOWN) {
			conn_event(conn, "command.refused", rf_err_text(&err));
			rc = 0;
		}
	}
	for (size_t i = 0; i < RF_COUNT(w.texts); i++)
		for (size_t k = 0; k < RF_COUNT(w.texts[i]); k++)
			rf_free(w.texts[i][k]);
	if (rc)
		link_close(conn->link, rf_err_text(&err));
}

/* ---- renewal ---- */

static int on_renew(struct conn *conn, const struct message *m, struct rf_slice bytes,
		    struct rf_err *err)
{
	MESSAGE_AUTO struct message made = {0};
	struct agents *a = conn->a;
	const int64_t now = a->now_ms();
	const struct certificate_order order = {conn->peer.host, m->renew.request, now,
						now + a->config->certificate_days * DAY_MS};
	int rc;

	(void)bytes;
	if (conn->renewed_ms && now - conn->renewed_ms < RENEW_LEAST_MS)
		return rf_fail(err, RF_E_LIMIT, "a second renewal within a minute");
	conn->renewed_ms = now;
	rc = agents_certify(a, &order, &made, err);
	if (rc)
		return rc;
	const struct store_certificate certificate = {.serial = made.certified.serial,
						      .host = conn->peer.host,
						      .sha256 = made.certified.sha256,
						      .not_before_ms = order.from_ms,
						      .not_after_ms = order.to_ms};

	rc = store_certificate_add(a->store, &certificate, err);
	if (rc)
		return rc;
	return link_send(
		conn->link,
		&(struct message){.kind = WIRE_RENEWED, .renewed = {made.certified.certificate}},
		(struct rf_slice){0}, err);
}

/* ---- others ---- */

/* A host without a TPM has no verdicts that would show that it is there. */
static int alive(struct conn *conn, struct rf_err *err)
{
	int64_t now_ms = conn->a->now_ms();

	/* A clock that was set back counts as long ago. */
	if (conn->state != CONN_OPEN || conn->has_tpm ||
	    (now_ms >= conn->seen_ms && now_ms - conn->seen_ms < SEEN_EACH_MS))
		return 0;
	conn->seen_ms = now_ms;
	return store_host_seen(conn->a->store, conn->peer.host, conn->agent_version, now_ms, err);
}

static int on_ping(struct conn *conn, const struct message *m, struct rf_slice bytes,
		   struct rf_err *err)
{
	(void)m;
	(void)bytes;
	int rc = alive(conn, err);

	if (rc)
		return rc;
	return link_send(
		conn->link,
		&(struct message){.kind = WIRE_PONG, .pong = {.now_ms = conn->a->now_ms()}},
		(struct rf_slice){0}, err);
}

static int on_pong(struct conn *conn, const struct message *m, struct rf_slice bytes,
		   struct rf_err *err)
{
	(void)m;
	(void)bytes;
	return alive(conn, err);
}

static int on_measured(struct conn *conn, const struct message *m, struct rf_slice bytes,
		       struct rf_err *err)
{
	(void)m;
	(void)bytes;
	(void)err;
	evidence_measured(conn);
	return 0;
}

/* ---- frames ---- */

static const struct {
	enum wire_kind kind;
	bool before_hello;
	int (*take)(struct conn *conn, const struct message *m, struct rf_slice bytes,
		    struct rf_err *err);
} handlers[] = {
	{WIRE_HELLO, true, on_hello},	     {WIRE_EVIDENCE, false, evidence_take},
	{WIRE_FACTS, false, spooled_take},   {WIRE_EVENT, false, spooled_take},
	{WIRE_LEDGER, false, spooled_take},  {WIRE_RESULT, false, spooled_take},
	{WIRE_RENEW, false, on_renew},	     {WIRE_ASK_SECRET, false, secret_asked},
	{WIRE_PING, true, on_ping},	     {WIRE_PONG, true, on_pong},
	{WIRE_MEASURED, false, on_measured},
};

int session_frame(struct conn *conn, const struct wire_frame *frame, struct rf_err *err)
{
	MESSAGE_AUTO struct message m = {0};
	int rc = message_read(frame->kind, frame->text, &m, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < RF_COUNT(handlers); i++) {
		if (handlers[i].kind != frame->kind)
			continue;
		if (conn->state != CONN_OPEN && !handlers[i].before_hello)
			break;
		return handlers[i].take(conn, &m, frame->bytes, err);
	}
	return rf_fail(err, RF_E_DENIED, "not now: %s", wire_row(frame->kind)->name);
}
