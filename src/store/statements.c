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

#define ACCOUNT_COLUMNS "account, subject, source, name, disabled, created_ms"
#define ACCOUNT_TYPES	"ttttii"
#define SESSION_COLUMNS                                                                            \
	"s.sha256, s.account, a.subject, s.address, s.created_ms, s.used_ms, s.expires_ms"
#define SESSION_TYPES "btttiii"
#define SESSION_FROM  " FROM session s JOIN account a ON a.account = s.account "
#define TOKEN_TYPES   "tbttttiiiii"
#define TOKEN_COLUMNS(t)                                                                           \
	"token, sha256, account, (SELECT a.subject FROM account a WHERE a.account = " t            \
	".account), "                                                                              \
	"name, scope, one_use, created_ms, expires_ms, used_ms, revoked_ms"
#define TOKEN_COUNTS                                                                               \
	"revoked_ms = 0 AND expires_ms > $2 AND EXISTS (SELECT 1 FROM account a "                  \
	"WHERE a.account = token.account AND a.disabled = 0)"
#define APPROVAL_COLUMNS                                                                           \
	"operation, state, cause, level, glass, distinct_roles, digest, account, subject, seq, "   \
	"seen_ms, deadline_ms, start_ms, limit_ms, duration_ms, quorum, uses, used, todo, act, "   \
	"reason, created_ms"
#define APPROVAL_TYPES "ttiiiibttiiiiiiiiiibti"
#define WAIVER_COLUMNS                                                                             \
	"waiver, control, resource, reason, owner, owner_subject, approver, approver_subject, "    \
	"compensating, since_ms, expires_ms, revoked, seen_ms, seq"
#define WAIVER_TYPES "tttttttttiiiii"
#define INVITE_COLUMNS                                                                             \
	"invite, sha256, parent, labels, created_by, created_ms, expires_ms, used_ms, used_by, "   \
	"revoked_ms"
#define INVITE_TYPES  "tbtttiiiti"
#define INVITE_COUNTS "sha256 = $1 AND used_ms = 0 AND revoked_ms = 0 AND expires_ms > $2"
#define CERTIFICATE_COLUMNS                                                                        \
	"c.serial, c.host, c.sha256, c.not_before_ms, c.not_after_ms, c.revoked_ms, c.reason, h.state"
#define CERTIFICATE_TYPES "ttbiiitt"
#define CERTIFICATE_FROM  " FROM certificate c JOIN host h ON h.host = c.host "
#define TPM_COLUMNS                                                                                \
	"host, ek_state, ek_certificate, ek_public, ak_public, ak_name, known, clock_ms, "         \
	"firmware, resets, restarts, ima_entries"
#define TPM_TYPES "ttbbbbiiiiii"
#define COMMAND_COLUMNS                                                                            \
	"host, serial, command, verb, arguments, ordered_by, approval, created_ms, expires_ms, "   \
	"signature, state, result, output, changed_ms"
#define COMMAND_TYPES                                                                              \
	"tittttt"                                                                                  \
	"iibtiti"
#define COMMAND_OPEN "state IN ('waiting', 'sent')"

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
	/* That it is another's is told so without a lock: the holder's transaction may be long. */
	[STORE_S_LEASE_TAKE] =
		{"INSERT INTO lease (lease, holder, epoch, until_ms) SELECT $1, $2, 1, $4 "
		 "WHERE NOT EXISTS (SELECT 1 FROM lease WHERE lease = $1 AND holder <> $2 AND until_ms > $3) "
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
	[STORE_S_COUNTER_GET] = {"SELECT value FROM counter WHERE name = $1", NULL, "t", "i"},

	/* people.h */
	[STORE_S_ACCOUNT_PUT] =
		{"INSERT INTO account (" ACCOUNT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6) "
		 "ON CONFLICT (account) DO UPDATE SET subject = excluded.subject, "
		 "source = excluded.source, name = excluded.name, disabled = excluded.disabled",
		 NULL, ACCOUNT_TYPES, ""},
	[STORE_S_ACCOUNT_GET] = {"SELECT " ACCOUNT_COLUMNS " FROM account WHERE account = $1", NULL,
				 "t", ACCOUNT_TYPES},
	[STORE_S_ACCOUNT_EACH] = {"SELECT " ACCOUNT_COLUMNS
				  " FROM account WHERE account > $1 ORDER BY account LIMIT $2",
				  NULL, "ti", ACCOUNT_TYPES},
	[STORE_S_SESSION_ADD] =
		{"INSERT INTO session (sha256, account, address, created_ms, used_ms, expires_ms) "
		 "SELECT $1, a.account, $3, $4, $4, $5 FROM account a "
		 "WHERE a.account = $2 AND a.disabled = 0 RETURNING 1",
		 NULL, "bttii", "i"},
	[STORE_S_SESSION_GET] = {"SELECT " SESSION_COLUMNS SESSION_FROM
				 "WHERE s.sha256 = $1 AND s.expires_ms > $2 AND s.used_ms > $3 "
				 "AND a.disabled = 0",
				 NULL, "bii", SESSION_TYPES},
	[STORE_S_SESSION_USED] =
		{"UPDATE session SET used_ms = $2 WHERE sha256 = $1 AND used_ms < $2", NULL, "bi",
		 ""},
	[STORE_S_SESSION_END] = {"DELETE FROM session WHERE sha256 = $1", NULL, "b", ""},
	[STORE_S_SESSION_END_ALL] = {"DELETE FROM session WHERE account = $1", NULL, "t", ""},
	[STORE_S_SESSION_EACH] = {"SELECT " SESSION_COLUMNS SESSION_FROM
				  "WHERE s.account = $1 ORDER BY s.created_ms DESC, s.sha256",
				  NULL, "t", SESSION_TYPES},
	[STORE_S_TOKEN_ADD] =
		{"INSERT INTO token (token, sha256, account, name, scope, one_use, created_ms, "
		 "expires_ms, used_ms, revoked_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)",
		 NULL, "tbtttiii", ""},
	[STORE_S_TOKEN_GET] = {"SELECT " TOKEN_COLUMNS(
				       "token") " FROM token WHERE sha256 = $1 AND " TOKEN_COUNTS,
			       NULL, "bi", TOKEN_TYPES},
	[STORE_S_TOKEN_USED] = {"UPDATE token SET used_ms = $2 WHERE sha256 = $1 AND used_ms < $2",
				NULL, "bi", ""},
	/* Of many at once the row's lock lets one find it not revoked. */
	[STORE_S_TOKEN_USE_ONCE] =
		{"UPDATE token SET used_ms = $2, revoked_ms = $2 WHERE sha256 = $1 AND one_use = 1 "
		 "AND " TOKEN_COUNTS " RETURNING " TOKEN_COLUMNS("token"),
		 NULL, "bi", TOKEN_TYPES},
	[STORE_S_TOKEN_REVOKE] = {"UPDATE token SET revoked_ms = $2 WHERE token = $1 "
				  "AND revoked_ms = 0 RETURNING 1",
				  NULL, "ti", "i"},
	[STORE_S_TOKEN_EACH] = {"SELECT " TOKEN_COLUMNS(
					"token") " FROM token "
						 "WHERE account = $1 OR $1 IS NULL ORDER BY token",
				NULL, "t", TOKEN_TYPES},
	[STORE_S_FAILURE_ADD] =
		{"INSERT INTO sign_in_failure (account, address, failures, last_ms) "
		 "VALUES ($1, $2, 1, $3) ON CONFLICT (account, address) DO UPDATE SET failures = "
		 "CASE WHEN sign_in_failure.last_ms < $4 THEN 1 ELSE sign_in_failure.failures + 1 "
		 "END, last_ms = excluded.last_ms RETURNING failures",
		 NULL, "ttii", "i"},
	[STORE_S_FAILURE_COUNT] =
		{"SELECT failures FROM sign_in_failure WHERE account = $1 AND address = $2 "
		 "AND last_ms >= $3",
		 NULL, "tti", "i"},
	[STORE_S_FAILURE_CLEAR] =
		{"DELETE FROM sign_in_failure WHERE account = $1 AND address = $2", NULL, "tt", ""},

	/* access.h. What is so already is not written, and no new generation. */
	[STORE_S_OBJECT_PUT] =
		{"INSERT INTO object (object, kind, name, labels) VALUES ($1, $2, $3, $4) "
		 "ON CONFLICT (object) DO UPDATE SET kind = excluded.kind, name = excluded.name, "
		 "labels = excluded.labels WHERE object.kind <> excluded.kind "
		 "OR object.name <> excluded.name OR object.labels <> excluded.labels RETURNING 1",
		 NULL, "tttt", "i"},
	[STORE_S_OBJECT_DROP] = {"DELETE FROM object WHERE object = $1 RETURNING 1", NULL, "t",
				 "i"},
	[STORE_S_OBJECT_EACH] =
		{"SELECT o.object, o.kind, o.name, o.labels, a.parent, b.parent FROM object o "
		 "LEFT JOIN object_parent a ON a.object = o.object AND a.place = 0 "
		 "LEFT JOIN object_parent b ON b.object = o.object AND b.place = 1 "
		 "WHERE o.object > $1 ORDER BY o.object LIMIT $2",
		 NULL, "ti", "tttttt"},
	[STORE_S_OBJECT_THERE] = {"SELECT 1 FROM object WHERE object = $1",
				  "SELECT 1 FROM object WHERE object = $1 FOR SHARE", "t", "i"},
	[STORE_S_PARENT_PUT] =
		{"INSERT INTO object_parent (object, place, parent) VALUES ($1, $2, $3) "
		 "ON CONFLICT (object, place) DO UPDATE SET parent = excluded.parent "
		 "WHERE object_parent.parent <> excluded.parent RETURNING 1",
		 NULL, "tit", "i"},
	[STORE_S_PARENT_DROP] =
		{"DELETE FROM object_parent WHERE object = $1 AND place = $2 RETURNING 1", NULL,
		 "ti", "i"},
	[STORE_S_ROLE_PUT] =
		{"INSERT INTO role (role, title, changed_by, changed_ms) VALUES ($1, $2, $3, $4) "
		 "ON CONFLICT (role) DO UPDATE SET title = excluded.title, "
		 "changed_by = excluded.changed_by, changed_ms = excluded.changed_ms",
		 NULL, "ttti", ""},
	[STORE_S_ROLE_DROP] = {"DELETE FROM role WHERE role = $1 RETURNING 1", NULL, "t", "i"},
	[STORE_S_ROLE_EACH] = {"SELECT role, title, changed_by, changed_ms FROM role ORDER BY role",
			       NULL, "", "ttti"},
	[STORE_S_PRIVILEGE_ADD] = {"INSERT INTO role_privilege (role, privilege) VALUES ($1, $2)",
				   NULL, "tt", ""},
	[STORE_S_PRIVILEGES_DROP] = {"DELETE FROM role_privilege WHERE role = $1", NULL, "t", ""},
	[STORE_S_PRIVILEGE_EACH] =
		{"SELECT role, privilege FROM role_privilege ORDER BY role, privilege", NULL, "",
		 "tt"},
	[STORE_S_PRINCIPAL_PUT] =
		{"INSERT INTO principal (is_group, principal, gone) VALUES ($1, $2, $3) "
		 "ON CONFLICT (is_group, principal) DO UPDATE SET gone = excluded.gone "
		 "WHERE principal.gone <> excluded.gone RETURNING 1",
		 NULL, "iti", "i"},
	[STORE_S_PRINCIPAL_EACH] =
		{"SELECT is_group, principal, gone FROM principal ORDER BY is_group, principal",
		 NULL, "", "iti"},
	[STORE_S_MEMBER_PUT] =
		{"INSERT INTO member (is_group, principal, in_group, added_by, added_ms) "
		 "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1",
		 NULL, "ittti", "i"},
	[STORE_S_MEMBER_DROP] =
		{"DELETE FROM member WHERE is_group = $1 AND principal = $2 AND in_group = $3 "
		 "RETURNING 1",
		 NULL, "itt", "i"},
	[STORE_S_MEMBER_EACH] =
		{"SELECT is_group, principal, in_group, added_by, added_ms FROM member "
		 "ORDER BY is_group, principal, in_group",
		 NULL, "", "ittti"},
	[STORE_S_PERMISSION_PUT] =
		{"INSERT INTO permission (object, is_group, principal, role, propagate, "
		 "constraints, granted_by, granted_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
		 "ON CONFLICT (object, is_group, principal) DO UPDATE SET role = excluded.role, "
		 "propagate = excluded.propagate, constraints = excluded.constraints, "
		 "granted_by = excluded.granted_by, granted_ms = excluded.granted_ms",
		 NULL, "tittitti", ""},
	[STORE_S_PERMISSION_DROP] =
		{"DELETE FROM permission WHERE object = $1 AND is_group = $2 AND principal = $3 "
		 "RETURNING 1",
		 NULL, "tit", "i"},
	[STORE_S_PERMISSIONS_DROP] = {"DELETE FROM permission WHERE object = $1", NULL, "t", ""},
	[STORE_S_PERMISSION_EACH] =
		{"SELECT object, is_group, principal, role, propagate, constraints, granted_by, "
		 "granted_ms FROM permission ORDER BY object, is_group, principal",
		 NULL, "", "tittitti"},

	/* consent.h */
	[STORE_S_APPROVAL_PUT] =
		{"INSERT INTO approval (approval, " APPROVAL_COLUMNS
		 ") VALUES ($1, $2, $3, $4, $5, "
		 "$6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, "
		 "$23) ON CONFLICT (approval) DO UPDATE SET operation = excluded.operation, "
		 "state = excluded.state, cause = excluded.cause, level = excluded.level, "
		 "glass = excluded.glass, distinct_roles = excluded.distinct_roles, "
		 "digest = excluded.digest, account = excluded.account, "
		 "subject = excluded.subject, seq = excluded.seq, seen_ms = excluded.seen_ms, "
		 "deadline_ms = excluded.deadline_ms, start_ms = excluded.start_ms, "
		 "limit_ms = excluded.limit_ms, duration_ms = excluded.duration_ms, "
		 "quorum = excluded.quorum, uses = excluded.uses, used = excluded.used, "
		 "todo = excluded.todo",
		 NULL, "t" APPROVAL_TYPES, ""},
	[STORE_S_APPROVAL_GET] =
		{"SELECT a.operation, a.state, a.cause, a.level, a.glass, a.distinct_roles, "
		 "a.digest, a.account, a.subject, a.seq, a.seen_ms, a.deadline_ms, a.start_ms, "
		 "a.limit_ms, a.duration_ms, a.quorum, a.uses, a.used, a.todo, a.act, a.reason, "
		 "a.created_ms, v.account, v.subject, v.role, v.seq, v.at_ms FROM approval a "
		 "LEFT JOIN approval_vote v ON v.approval = a.approval WHERE a.approval = $1 "
		 "ORDER BY v.vote",
		 NULL, "t", APPROVAL_TYPES "tttii"},
	[STORE_S_APPROVAL_EACH] =
		{"SELECT approval, state FROM approval WHERE (state = $1 OR $1 = '') "
		 "AND approval > $2 ORDER BY approval LIMIT $3",
		 NULL, "tti", "tt"},
	[STORE_S_VOTE_ADD] =
		{"INSERT INTO approval_vote (approval, vote, account, subject, role, seq, at_ms) "
		 "VALUES ($1, $2, $3, $4, $5, $6, $7)",
		 NULL, "titttii", ""},
	[STORE_S_RULE_PUT] = {"INSERT INTO approval_rule (operation, rule, changed_by, changed_ms) "
			      "VALUES ($1, $2, $3, $4) ON CONFLICT (operation) DO UPDATE SET "
			      "rule = excluded.rule, changed_by = excluded.changed_by, "
			      "changed_ms = excluded.changed_ms",
			      NULL, "ttti", ""},
	[STORE_S_RULE_GET] = {"SELECT rule, changed_by, changed_ms FROM approval_rule "
			      "WHERE operation = $1",
			      NULL, "t", "tti"},
	[STORE_S_DUTIES_PUT] = {"INSERT INTO duty_set (duty_set, rule, changed_by, changed_ms) "
				"VALUES ($1, $2, $3, $4) ON CONFLICT (duty_set) DO UPDATE SET "
				"rule = excluded.rule, changed_by = excluded.changed_by, "
				"changed_ms = excluded.changed_ms",
				NULL, "ttti", ""},
	[STORE_S_DUTIES_DROP] = {"DELETE FROM duty_set WHERE duty_set = $1 RETURNING 1", NULL, "t",
				 "i"},
	[STORE_S_DUTIES_EACH] = {"SELECT duty_set, rule, changed_by, changed_ms FROM duty_set "
				 "ORDER BY duty_set",
				 NULL, "", "ttti"},
	[STORE_S_VOTES_DROP] = {"DELETE FROM approval_vote WHERE approval = $1", NULL, "t", ""},
	[STORE_S_WAIVER_ADD] = {"INSERT INTO waiver (" WAIVER_COLUMNS
				") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
				"$9, $10, $11, $12, $13, 1)",
				NULL, "tttttttttiiii", ""},
	[STORE_S_WAIVER_PUT] =
		{"UPDATE waiver SET control = $2, resource = $3, reason = $4, owner = $5, "
		 "owner_subject = $6, approver = $7, approver_subject = $8, compensating = $9, "
		 "since_ms = $10, expires_ms = $11, revoked = $12, "
		 "seen_ms = CASE WHEN seen_ms < $13 THEN $13 ELSE seen_ms END, seq = seq + 1 "
		 "WHERE waiver = $1 AND seq = $14 RETURNING seq",
		 NULL, WAIVER_TYPES, "i"},
	[STORE_S_WAIVER_GET] = {"SELECT " WAIVER_COLUMNS " FROM waiver WHERE waiver = $1", NULL,
				"t", WAIVER_TYPES},
	[STORE_S_WAIVER_EACH] = {"SELECT " WAIVER_COLUMNS " FROM waiver ORDER BY waiver", NULL, "",
				 WAIVER_TYPES},
	[STORE_S_WAIVER_SEEN] = {"UPDATE waiver SET seen_ms = $1 WHERE seen_ms < $1", NULL, "i",
				 ""},

	/* enrol.h */
	[STORE_S_INVITE_ADD] = {"INSERT INTO invite (" INVITE_COLUMNS
				") VALUES ($1, $2, $3, $4, $5, $6, $7, 0, "
				"NULL, 0)",
				NULL, "tbtttii", ""},
	[STORE_S_INVITE_LOOK] = {"SELECT " INVITE_COLUMNS " FROM invite WHERE " INVITE_COUNTS, NULL,
				 "bi", INVITE_TYPES},
	[STORE_S_INVITE_USE] = {"UPDATE invite SET used_ms = $2, used_by = $3 WHERE " INVITE_COUNTS
				" RETURNING 1",
				NULL, "bit", "i"},
	[STORE_S_INVITE_REVOKE] =
		{"UPDATE invite SET revoked_ms = $2 WHERE invite = $1 AND used_ms = 0 "
		 "AND revoked_ms = 0 RETURNING 1",
		 NULL, "ti", "i"},
	[STORE_S_INVITE_EACH] = {"SELECT " INVITE_COLUMNS
				 " FROM invite ORDER BY created_ms DESC, invite",
				 NULL, "", INVITE_TYPES},
	[STORE_S_CERTIFICATE_ADD] =
		{"INSERT INTO certificate (serial, host, sha256, not_before_ms, not_after_ms, "
		 "revoked_ms, reason) VALUES ($1, $2, $3, $4, $5, 0, '')",
		 NULL, "ttbii", ""},
	[STORE_S_CERTIFICATE_GET] = {"SELECT " CERTIFICATE_COLUMNS CERTIFICATE_FROM
				     "WHERE c.sha256 = $1",
				     NULL, "b", CERTIFICATE_TYPES},
	[STORE_S_CERTIFICATE_REVOKE] =
		{"UPDATE certificate SET revoked_ms = $3, reason = $2 WHERE serial = $1 "
		 "AND revoked_ms = 0 RETURNING 1",
		 NULL, "tti", "i"},
	[STORE_S_CERTIFICATES_REVOKE] =
		{"UPDATE certificate SET revoked_ms = $3, reason = $2 WHERE host = $1 "
		 "AND revoked_ms = 0",
		 NULL, "tti", ""},
	[STORE_S_CERTIFICATE_EACH] =
		{"SELECT " CERTIFICATE_COLUMNS CERTIFICATE_FROM "WHERE c.host = $1 OR ($1 IS NULL "
		 "AND c.revoked_ms > 0 AND c.not_after_ms > $2) ORDER BY c.not_before_ms, c.serial",
		 NULL, "ti", CERTIFICATE_TYPES},
	[STORE_S_TPM_ADD] = {"INSERT INTO host_tpm (" TPM_COLUMNS
			     ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
			     NULL, TPM_TYPES, ""},
	[STORE_S_TPM_GET] = {"SELECT " TPM_COLUMNS " FROM host_tpm WHERE host = $1", NULL, "t",
			     TPM_TYPES},
	[STORE_S_TPM_KEY] = {"UPDATE host_tpm SET ak_public = $2, ak_name = $3 WHERE host = $1 "
			     "RETURNING 1",
			     NULL, "tbb", "i"},
	[STORE_S_TPM_MEMORY] =
		{"UPDATE host_tpm SET known = $2, clock_ms = $3, firmware = $4, resets = $5, "
		 "restarts = $6, ima_entries = $7 WHERE host = $1 RETURNING 1",
		 NULL, "tiiiiii", "i"},
	[STORE_S_DOCUMENT_ADD] =
		{"INSERT INTO host_document (seq, host, kind, content, approved_by, approval, at_ms) "
		 "VALUES ($1, $2, $3, $4, $5, $6, $7)",
		 NULL, "ittbtti", ""},
	[STORE_S_DOCUMENT_EACH] =
		{"SELECT seq, content, approved_by, approval, at_ms FROM host_document "
		 "WHERE host = $1 AND kind = $2 ORDER BY seq DESC LIMIT $3",
		 NULL, "tti", "ibtti"},

	/* agents.h */
	[STORE_S_SPOOL_GET] = {"SELECT spool FROM agent WHERE host = $1", NULL, "t", "i"},
	[STORE_S_SPOOL_MOVE] = {"INSERT INTO agent (host, spool, commands) VALUES ($1, $2, 0) "
				"ON CONFLICT (host) DO UPDATE SET spool = excluded.spool "
				"WHERE agent.spool < excluded.spool RETURNING spool",
				NULL, "ti", "i"},
	[STORE_S_SERIAL_NEXT] =
		{"INSERT INTO agent (host, spool, commands) VALUES ($1, 0, 1) "
		 "ON CONFLICT (host) DO UPDATE SET commands = agent.commands + 1 RETURNING commands",
		 NULL, "t", "i"},
	[STORE_S_COMMAND_ADD] = {"INSERT INTO command (" COMMAND_COLUMNS
				 ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
				 "$9, $10, 'waiting', 0, '', $8)",
				 NULL,
				 "tittttt"
				 "iib",
				 ""},
	[STORE_S_COMMAND_SIGN] =
		{"UPDATE command SET signature = $3 WHERE host = $1 AND serial = $2 "
		 "AND state = 'waiting' AND signature IS NULL RETURNING 1",
		 NULL, "tib", "i"},
	[STORE_S_COMMAND_GET] = {"SELECT " COMMAND_COLUMNS " FROM command WHERE command = $1", NULL,
				 "t", COMMAND_TYPES},
	[STORE_S_COMMAND_PENDING] = {"SELECT " COMMAND_COLUMNS
				     " FROM command WHERE host = $1 AND " COMMAND_OPEN
				     " AND expires_ms > $2 ORDER BY serial",
				     NULL, "ti", COMMAND_TYPES},
	[STORE_S_COMMAND_HOSTS] =
		{"SELECT DISTINCT host FROM command WHERE state = 'waiting' AND host > $1 "
		 "ORDER BY host LIMIT $2",
		 NULL, "ti", "t"},
	[STORE_S_COMMAND_EACH] = {"SELECT " COMMAND_COLUMNS
				  " FROM command WHERE host = $1 OR $1 IS NULL "
				  "ORDER BY created_ms DESC, host, serial DESC LIMIT $2",
				  NULL, "ti", COMMAND_TYPES},
	[STORE_S_COMMAND_SENT] =
		{"UPDATE command SET state = 'sent', changed_ms = $3 WHERE host = $1 "
		 "AND serial = $2 AND expires_ms > $3 AND " COMMAND_OPEN " RETURNING 1",
		 NULL, "tii", "i"},
	[STORE_S_COMMAND_DONE] =
		{"UPDATE command SET state = 'done', result = $3, output = $4, changed_ms = $5 "
		 "WHERE host = $1 AND serial = $2 AND state <> 'done' RETURNING 1",
		 NULL, "tiiti", "i"},
	[STORE_S_COMMAND_THERE] = {"SELECT 1 FROM command WHERE host = $1 AND serial = $2", NULL,
				   "ti", "i"},
	[STORE_S_COMMAND_EXPIRE] =
		{"UPDATE command SET state = 'expired', changed_ms = $1 WHERE " COMMAND_OPEN
		 " AND expires_ms <= $1 RETURNING 1",
		 NULL, "i", "i"},
	[STORE_S_COMMANDS_DROP] = {"UPDATE command SET state = 'expired', changed_ms = $2 "
				   "WHERE host = $1 AND " COMMAND_OPEN,
				   NULL, "ti", ""},

	/* ledger.h */
	[STORE_S_LEDGER_ADD] = {"INSERT INTO ledger_entry (n, line) VALUES ($1, $2)", NULL, "ib",
				""},
	[STORE_S_LEDGER_EACH] =
		{"SELECT n, line FROM ledger_entry WHERE n >= $1 ORDER BY n LIMIT $2", NULL, "ii",
		 "ib"},
	[STORE_S_LEDGER_SIGNED] =
		{"SELECT size, line FROM ledger_checkpoint ORDER BY size DESC LIMIT 1", NULL, "",
		 "ib"},
	/* Another may have signed the same tree meanwhile. */
	[STORE_S_LEDGER_SIGN] = {"INSERT INTO ledger_checkpoint (size, line) VALUES ($1, $2) "
				 "ON CONFLICT (size) DO NOTHING",
				 NULL, "ib", ""},
	[STORE_S_LEDGER_EXPORT] = {"SELECT e.n, e.line, c.line FROM ledger_entry e "
				   "LEFT JOIN ledger_checkpoint c ON c.size = e.n + 1 "
				   "WHERE e.n >= $1 AND e.n < $2 ORDER BY e.n",
				   NULL, "ii", "ibb"},
	[STORE_S_LEDGER_AGENT_ADD] =
		{"INSERT INTO ledger_agent (host, entry, line, n) VALUES ($1, $2, $3, $4)", NULL,
		 "tibi", ""},
	[STORE_S_LEDGER_AGENT_GET] =
		{"SELECT line FROM ledger_agent WHERE host = $1 AND entry = $2", NULL, "ti", "b"},
	[STORE_S_LEDGER_AGENT_LAST] =
		{"SELECT entry FROM ledger_agent WHERE host = $1 ORDER BY entry DESC LIMIT 1", NULL,
		 "t", "i"},
	[STORE_S_LEDGER_AGENT_EACH] =
		{"SELECT entry, line FROM ledger_agent WHERE host = $1 ORDER BY entry", NULL, "t",
		 "ib"},
	[STORE_S_LEDGER_AGENT_CHECK] =
		{"SELECT a.n, a.host, a.entry, a.line, e.line FROM ledger_agent a "
		 "JOIN ledger_entry e ON e.n = a.n WHERE a.n >= $1 ORDER BY a.n LIMIT $2",
		 NULL, "ii", "itibb"},

	[STORE_S_RETAIN_SESSION] = {"DELETE FROM session WHERE expires_ms < $1 RETURNING 1", NULL,
				    "i", "i"},
	[STORE_S_RETAIN_TOKEN] = {"DELETE FROM token WHERE expires_ms < $1 OR (revoked_ms > 0 "
				  "AND revoked_ms < $1) RETURNING 1",
				  NULL, "i", "i"},
	[STORE_S_RETAIN_FAILURE] = {"DELETE FROM sign_in_failure WHERE last_ms < $1 RETURNING 1",
				    NULL, "i", "i"},
	[STORE_S_RETAIN_INVITE] = {"DELETE FROM invite WHERE expires_ms < $1 RETURNING 1", NULL,
				   "i", "i"},
	[STORE_S_RETAIN_COMMAND] = {"DELETE FROM command WHERE state IN ('done', 'expired') "
				    "AND changed_ms < $1 RETURNING 1",
				    NULL, "i", "i"},

	/* Who polls a file is not waked. */
	[STORE_S_WAKE] = {"SELECT ''", "SELECT pg_notify('ringfence', '')", "", "t"},
};
