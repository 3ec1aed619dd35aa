/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent's spool sends: stored together with its number in one transaction, and confirmed
 * after it. What comes twice is confirmed and not stored again.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "manager/agents.h"
#include "manager/facts.h"
#include "model/fact.h"
#include "store/ledger.h"

struct thing {
	struct conn *conn;
	bool lacking; /* a difference from facts that are not here */
	bool foreign; /* facts of another version's tables */
	const struct message *message;
	struct rf_slice bytes;
};

static int event_store(struct store *store, struct thing *t, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf kind = {0};
	struct store_event event = {.host = t->conn->peer.host,
				    .about = t->message->event.about ? t->message->event.about : "",
				    .old_state = "",
				    .new_state = "",
				    .text = t->message->event.text ? t->message->event.text : "",
				    .at_ms = t->message->event.at_ms};

	/* An agent's word is known as such: it cannot pass for an event of the manager's. */
	rf_buf_printf(&kind, "agent.%s", t->message->event.kind);
	event.kind = rf_buf_text(&kind);
	return store_event_add(store, &event, err);
}

static int ledger_store(struct store *store, struct thing *t, struct rf_err *err)
{
	struct rf_slice rest = t->bytes;
	struct store_agent_entry entry = {.host = t->conn->peer.host,
					  .entry = t->message->ledger.first,
					  .at_ms = t->conn->a->now_ms()};

	while (rest.len > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.data) : rest.len;

		entry.line = (struct rf_slice){rest.data, len};
		int rc = store_ledger_include(store, &entry, err);

		if (rc && rc != RF_E_DUPLICATE)
			return rc;
		entry.entry++;
		len += end ? 1 : 0;
		rest = (struct rf_slice){rest.data + len, rest.len - len};
	}
	return 0;
}

struct owner {
	char host[AGENTS_ID_BYTES * 2];
	int64_t serial;
};

static int owner_take(void *arg, const struct store_command *command)
{
	struct owner *o = arg;

	rf_copy(o->host, sizeof(o->host), command->host);
	o->serial = command->serial;
	return 0;
}

/* The command's id decides, and it has to be this host's. */
static int result_store(struct store *store, struct thing *t, struct rf_err *err)
{
	struct owner owner = {0};
	RF_AUTOBUF struct rf_buf output = {0};
	int rc = store_command_get(store, t->message->result.command, owner_take, &owner, err);

	if (rc == RF_E_UNKNOWN || (!rc && !rf_equal(owner.host, t->conn->peer.host)))
		return rf_fail(err, RF_E_DENIED, "a result of a command that is not this host's");
	if (rc)
		return rc;
	/* Its output is text for people; what is none of it is told, not kept. */
	if (t->bytes.len && rf_utf8_valid(t->bytes.data, t->bytes.len) && t->bytes.len < (1u << 20))
		rf_buf_add(&output, t->bytes.data, t->bytes.len);
	else if (t->message->result.text)
		rf_buf_add_text(&output, t->message->result.text);
	const struct store_result result = {.host = t->conn->peer.host,
					    .serial = owner.serial,
					    .result = t->message->result.exit,
					    .output = rf_buf_text(&output),
					    .at_ms = t->conn->a->now_ms()};

	rc = store_command_done(store, &result, err);
	return rc == RF_E_DUPLICATE ? 0 : rc;
}

static int rows_store(struct store *store, struct thing *t, struct rf_err *err)
{
	const struct facts_frame frame = {.host = t->conn->peer.host,
					  .whole = t->message->facts.whole,
					  .at_ms = t->message->facts.at_ms,
					  .bytes = t->bytes,
					  .lease = conn_lease(t->conn)};

	/* Rows number their tables and columns. Of another version they are not guessed at and not
	 * kept, but confirmed: the session goes on, and once both are of one version all of them
	 * come, for then the agent has a state of another schema, or this store no facts. */
	t->foreign =
		!t->message->facts.schema || !rf_equal(t->message->facts.schema, fact_schema_id);
	return t->foreign ? 0 : facts_store(store, &frame, &t->lacking, err);
}

/* Once in a session. */
static void foreign_tell(struct conn *conn)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (conn->foreign_told)
		return;
	conn->foreign_told = true;
	rf_buf_printf(&text,
		      "its facts are of another version (agent %s, manager " RF_VERSION
		      ") and are not kept: findings stay as they were until both are of one "
		      "version; verdicts and commands go on",
		      conn->agent_version);
	conn_event(conn, "agent.version", rf_buf_text(&text));
}

/* The store knows no facts of this host to apply a difference to (its tables were made anew): all
 * of them are ordered, once. */
static int whole_order(struct conn *conn, struct rf_err *err)
{
	char id[AGENTS_ID_BYTES];
	const int64_t now = conn->a->now_ms();
	const struct store_command order = {.host = conn->peer.host,
					    .command = id,
					    .verb = "facts",
					    .arguments = "{\"whole\":true}",
					    .ordered_by = "manager",
					    .created_ms = now,
					    .expires_ms = now + 3600000};
	int64_t serial;
	int rc = conn->whole_ordered ? 0 : agents_random_id(id, err);

	if (rc || conn->whole_ordered)
		return rc;
	conn->whole_ordered = true;
	return store_command_add(conn->a->store, &order, &serial, err);
}

static const struct {
	enum wire_kind kind;
	int (*store)(struct store *store, struct thing *t, struct rf_err *err);
} kinds[] = {
	{WIRE_FACTS, rows_store},
	{WIRE_EVENT, event_store},
	{WIRE_LEDGER, ledger_store},
	{WIRE_RESULT, result_store},
};

static int thing_store(struct store *store, void *arg, struct rf_err *err)
{
	struct thing *t = arg;

	for (size_t i = 0; i < RF_COUNT(kinds); i++)
		if (kinds[i].kind == t->message->kind)
			return kinds[i].store(store, t, err);
	return rf_fail(err, RF_E_UNSUPPORTED, "nothing keeps %s here",
		       wire_row(t->message->kind)->name);
}

static int64_t number_of(const struct message *m)
{
	return m->kind == WIRE_FACTS	? m->facts.number
	       : m->kind == WIRE_EVENT	? m->event.number
	       : m->kind == WIRE_LEDGER ? m->ledger.number
					: m->result.number;
}

int spooled_take(struct conn *conn, const struct message *message, struct rf_slice bytes,
		 struct rf_err *err)
{
	struct thing thing = {.conn = conn, .message = message, .bytes = bytes};
	const struct store_spooled spooled = {conn->peer.host, number_of(message),
					      conn_lease(conn)};
	const struct message confirm = {.kind = WIRE_CONFIRM,
					.confirm = {.number = number_of(message)}};
	bool stored;
	int rc = store_spool_take(conn->a->store, &spooled, thing_store, &thing, &stored, err);

	if (rc == RF_E_DENIED || rc == RF_E_MISMATCH)
		conn_event(conn, "agent.lied", rf_err_text(err));
	if (!rc && stored && thing.foreign)
		foreign_tell(conn);
	if (!rc && stored && thing.lacking)
		rc = whole_order(conn, err);
	/* Only after it is stored: what is confirmed is never lost. */
	return rc ? rc : link_send(conn->link, &confirm, (struct rf_slice){0}, err);
}
