/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every statement that the store runs, in words that SQLite and PostgreSQL both take; where one
 * needs others, they stand beside. Not here: the schema (migrations/). FOR UPDATE and FOR SHARE are
 * PostgreSQL's alone: SQLite has one writer at a time, and its transactions begin as writers.
 */
#include "store/parts.h"

#define HOST_COLUMNS                                                                               \
	"host, name, state, state_ms, ek_sha256, agent_version, labels, created_ms, seen_ms"
#define HOST_TYPES "tttibttii"
#define LEASE_HELD "SELECT epoch FROM lease WHERE lease = $1 AND holder = $2 AND epoch = $3"
/* Its due time is moved on, so that nobody else is given it meanwhile. */
#define WORK_TAKE(lock)                                                                                       \
	"UPDATE work SET due_ms = $3, tries = tries + 1 WHERE work = (SELECT work FROM work WHERE kind = $1 " \
	"AND due_ms <= $2 ORDER BY due_ms, work LIMIT 1" lock ") RETURNING work, body, tries"

const struct store_statement store_statements[STORE_S_COUNT] = {
	[STORE_S_NOW] = {"SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)",
			 "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)", "",
			 "i"},
	[STORE_S_COUNTER_NEXT] =
		{"INSERT INTO counter (name, value) VALUES ($1, 1) "
		 "ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value",
		 NULL, "t", "i"},
	[STORE_S_HOST_ADD] = {"INSERT INTO host (" HOST_COLUMNS ") "
			      "VALUES ($1, $2, 'NEW', $3, $4, '', $5, $3, 0)",
			      NULL, "ttibt", ""},
	[STORE_S_HOST_GET] = {"SELECT " HOST_COLUMNS " FROM host WHERE host = $1", NULL, "t",
			      HOST_TYPES},
	[STORE_S_HOST_EACH] = {"SELECT " HOST_COLUMNS
			       " FROM host WHERE host > $1 ORDER BY host LIMIT $2",
			       NULL, "ti", HOST_TYPES},
	[STORE_S_HOST_LOCK] = {"SELECT state FROM host WHERE host = $1",
			       "SELECT state FROM host WHERE host = $1 FOR UPDATE", "t", "t"},
	[STORE_S_HOST_SEEN] =
		{"UPDATE host SET agent_version = $2, seen_ms = $3 WHERE host = $1 RETURNING 1",
		 NULL, "tti", "i"},
	[STORE_S_HOST_STATE] = {"UPDATE host SET state = $2, state_ms = $3 WHERE host = $1", NULL,
				"tti", ""},
	[STORE_S_HOST_CHANGE_ADD] =
		{"INSERT INTO host_change (seq, host, old_state, new_state, reason, at_ms) "
		 "VALUES ($1, $2, $3, $4, $5, $6)",
		 NULL, "itttti", ""},
	[STORE_S_HOST_CHANGE_EACH] = {"SELECT old_state, new_state, reason, at_ms FROM host_change "
				      "WHERE host = $1 ORDER BY seq DESC LIMIT $2",
				      NULL, "ti", "ttti"},
	[STORE_S_EVIDENCE_PUT] =
		{"INSERT INTO evidence (sha256, content, stored_ms) VALUES ($1, $2, $3) "
		 "ON CONFLICT (sha256) DO UPDATE SET stored_ms = excluded.stored_ms",
		 NULL, "bbi", ""},
	[STORE_S_EVIDENCE_GET] = {"SELECT content FROM evidence WHERE sha256 = $1", NULL, "b", "b"},
	[STORE_S_VERDICT_ADD] =
		{"INSERT INTO verdict (verdict, host, state, reason, evidence, at_ms) "
		 "VALUES ($1, $2, $3, $4, $5, $6)",
		 NULL, "ttttbi", ""},
	[STORE_S_VERDICT_EACH] = {"SELECT verdict, state, reason, evidence, at_ms FROM verdict "
				  "WHERE host = $1 ORDER BY at_ms DESC, verdict LIMIT $2",
				  NULL, "ti", "tttbi"},
	[STORE_S_FINDING_PUT] =
		{"INSERT INTO finding (host, control, resource, state, evidence, since_ms) "
		 "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (host, control, resource) DO UPDATE "
		 "SET state = excluded.state, evidence = excluded.evidence, since_ms = excluded.since_ms",
		 NULL, "ttttti", ""},
	[STORE_S_FINDING_EACH] =
		{"SELECT control, resource, state, evidence, since_ms FROM finding "
		 "WHERE host = $1 ORDER BY control, resource",
		 NULL, "t", "tttti"},
	[STORE_S_FINDING_GONE] =
		{"DELETE FROM finding WHERE host = $1 AND control = $2 AND resource = $3", NULL,
		 "ttt", ""},
	[STORE_S_FINDING_CHANGE_ADD] =
		{"INSERT INTO finding_change (seq, host, control, resource, old_state, "
		 "new_state, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		 NULL, "ittttti", ""},
	[STORE_S_FINDING_CHANGE_EACH] =
		{"SELECT control, resource, old_state, new_state, at_ms FROM finding_change "
		 "WHERE host = $1 ORDER BY seq DESC LIMIT $2",
		 NULL, "ti", "tttti"},
	[STORE_S_LEASE_TAKE] =
		{"INSERT INTO lease (lease, holder, epoch, until_ms) VALUES ($1, $2, 1, $4) "
		 "ON CONFLICT (lease) DO UPDATE SET holder = excluded.holder, epoch = lease.epoch + 1, "
		 "until_ms = excluded.until_ms WHERE lease.until_ms <= $3 OR lease.holder = excluded.holder "
		 "RETURNING epoch",
		 NULL, "ttii", "i"},
	[STORE_S_LEASE_RENEW] =
		{"UPDATE lease SET until_ms = $4 WHERE lease = $1 AND holder = $2 AND epoch = $3 "
		 "RETURNING epoch",
		 NULL, "ttii", "i"},
	[STORE_S_LEASE_HOLD] = {LEASE_HELD, LEASE_HELD " FOR SHARE", "tti", "i"},
	/* The row stays, and with it the epoch: no later holder may be given one that was used. */
	[STORE_S_LEASE_DROP] =
		{"UPDATE lease SET until_ms = 0, epoch = epoch + 1 WHERE lease = $1 AND holder = $2 "
		 "AND epoch = $3 RETURNING epoch",
		 NULL, "tti", "i"},
	[STORE_S_WORK_ADD] =
		{"INSERT INTO work (work, kind, body, due_ms, tries) VALUES ($1, $2, $3, $4, 0)",
		 NULL, "ttbi", ""},
	[STORE_S_WORK_TAKE] = {WORK_TAKE(""), WORK_TAKE(" FOR UPDATE SKIP LOCKED"), "tii", "tbi"},
	[STORE_S_WORK_DONE] = {"DELETE FROM work WHERE work = $1 AND tries = $2 RETURNING tries",
			       NULL, "ti", "i"},
	[STORE_S_EVENT_ADD] =
		{"INSERT INTO event (seq, kind, host, about, old_state, new_state, text, at_ms) "
		 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		 NULL, "itttttti", ""},
	[STORE_S_EVENT_EACH] =
		{"SELECT seq, kind, host, about, old_state, new_state, text, at_ms FROM event "
		 "WHERE seq > (SELECT s.seq FROM sink s WHERE s.sink = $1) ORDER BY seq LIMIT $2",
		 NULL, "ti", "itttttti"},
	[STORE_S_SINK_ADD] = {"INSERT INTO sink (sink, seq) VALUES ($1, "
			      "COALESCE((SELECT value FROM counter WHERE name = 'event'), 0)) "
			      "ON CONFLICT (sink) DO NOTHING",
			      NULL, "t", ""},
	[STORE_S_SINK_MOVE] =
		{"UPDATE sink SET seq = $2 WHERE sink = $1 AND seq <= $2 RETURNING seq", NULL, "ti",
		 "i"},
	[STORE_S_SINK_DROP] = {"DELETE FROM sink WHERE sink = $1", NULL, "t", ""},
	/* Events that each sink has; without a sink nobody waits for one. */
	[STORE_S_RETAIN_EVENT] =
		{"DELETE FROM event WHERE at_ms < $1 "
		 "AND NOT EXISTS (SELECT 1 FROM sink s WHERE s.seq < event.seq) RETURNING 1",
		 NULL, "i", "i"},
	/* A host keeps its last verdict for ever. */
	[STORE_S_RETAIN_VERDICT] =
		{"DELETE FROM verdict WHERE at_ms < $1 AND EXISTS (SELECT 1 FROM verdict n "
		 "WHERE n.host = verdict.host AND n.at_ms > verdict.at_ms) RETURNING 1",
		 NULL, "i", "i"},
	[STORE_S_RETAIN_EVIDENCE] =
		{"DELETE FROM evidence WHERE stored_ms < $1 "
		 "AND NOT EXISTS (SELECT 1 FROM verdict v WHERE v.evidence = evidence.sha256) RETURNING 1",
		 NULL, "i", "i"},
	[STORE_S_RETAIN_HOST_CHANGE] = {"DELETE FROM host_change WHERE at_ms < $1 RETURNING 1",
					NULL, "i", "i"},
	[STORE_S_RETAIN_FINDING_CHANGE] =
		{"DELETE FROM finding_change WHERE at_ms < $1 RETURNING 1", NULL, "i", "i"},
};
