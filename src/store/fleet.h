/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fleet keeps in the store, each act in one transaction: hosts and their states, evidence
 * and verdicts, findings, and what several managers share: leases, work, events for others.
 *
 * Everything a callback is given is borrowed until it returns. A callback's answer other than 0
 * ends the calls and is answered. Each function answers what store_transaction does, too.
 */
#ifndef RF_STORE_FLEET_H
#define RF_STORE_FLEET_H

#include "store/store.h"

#define STORE_ID_BYTES	   128 /* with its NUL: the id of a lease, a holder, a piece of work */
#define STORE_SHA256_BYTES 32

/* What was shown (a session's or token's secret, a certificate) by its SHA-256, and when. A session
 * that was not used for idle_ms has ended. */
struct store_use {
	const uint8_t *sha256;
	int64_t now_ms, idle_ms;
};

struct store_host {
	const char *host, *name, *state, *agent_version, *labels;
	struct rf_slice ek_sha256; /* no bytes: without a TPM */
	int64_t state_ms, created_ms, seen_ms;
};

/* Adds host (host, name, labels, ek_sha256 and created_ms are read) in state NEW. RF_E_DUPLICATE
 * when the id, or the TPM, is another's: of a retired host, too. */
int store_host_add(struct store *store, const struct store_host *host,
		   struct rf_err *err) RF_MUST_CHECK;

/* Gives take the host; RF_E_UNKNOWN when there is none. */
int store_host_get(struct store *store, const char *host,
		   int (*take)(void *arg, const struct store_host *host), void *arg,
		   struct rf_err *err) RF_MUST_CHECK;

/* Gives take up to limit hosts whose id comes after `after` ("" for the first), in order of id. */
int store_host_each(struct store *store, const char *after, int64_t limit,
		    int (*take)(void *arg, const struct store_host *host), void *arg,
		    struct rf_err *err) RF_MUST_CHECK;

/* The host's agent spoke. RF_E_UNKNOWN. */
int store_host_seen(struct store *store, const char *host, const char *agent_version, int64_t at_ms,
		    struct rf_err *err) RF_MUST_CHECK;

/* A lease that this process holds: what it writes under it is refused once another has taken it. */
struct store_lease {
	char lease[STORE_ID_BYTES], holder[STORE_ID_BYTES];
	int64_t epoch;
};

struct store_state {
	const char *host, *state, *reason;
	int64_t at_ms;
};

/* Sets a host's state with its transition and its event; nothing where it is so already. Under
 * lease (NULL: the only manager). RF_E_UNKNOWN; RF_E_DENIED for a retired host; RF_E_CHANGED when
 * the lease is another's now. */
int store_host_state(struct store *store, const struct store_state *state,
		     const struct store_lease *lease, struct rf_err *err) RF_MUST_CHECK;

struct store_verdict {
	const char *verdict; /* id of the job that gave it */
	const char *host, *state, *reason;
	struct rf_slice evidence; /* the bytes judged; none where nothing came */
	int64_t at_ms;
};

/* Keeps a verdict with its evidence (stored once for each content) and makes the host's state so,
 * as store_host_state. RF_E_DUPLICATE when this verdict was given already: then nothing is done. */
int store_verdict_add(struct store *store, const struct store_verdict *verdict,
		      const struct store_lease *lease, struct rf_err *err) RF_MUST_CHECK;

/* Gives take the evidence with that digest; RF_E_UNKNOWN, or RF_E_MISMATCH where it is not what was
 * stored. */
int store_evidence_get(struct store *store, const uint8_t sha256[STORE_SHA256_BYTES],
		       int (*take)(void *arg, struct rf_slice content), void *arg,
		       struct rf_err *err) RF_MUST_CHECK;

struct store_finding {
	const char *control, *resource, *state, *evidence;
	int64_t since_ms; /* read only */
};

struct store_findings {
	const char *host;
	const struct store_finding *findings; /* of a whole run, each resource of a control once */
	size_t count;
	int64_t at_ms;
};

/* Makes these the host's findings: what changed, came or went is a transition; to and from FAIL is
 * an event, but of the first run. A run that changes nothing writes nothing. RF_E_UNKNOWN,
 * RF_E_DENIED, RF_E_CHANGED as store_host_state; RF_E_DUPLICATE for one given twice. */
int store_findings_put(struct store *store, const struct store_findings *findings,
		       const struct store_lease *lease, struct rf_err *err) RF_MUST_CHECK;

/* Gives take the host's findings in order of control and resource. */
int store_finding_each(struct store *store, const char *host,
		       int (*take)(void *arg, const struct store_finding *finding), void *arg,
		       struct rf_err *err) RF_MUST_CHECK;

/* Takes a lease for ttl_ms by the database's clock, when it is free, over, or the holder's own
 * (whose earlier self is then fenced off). RF_E_DENIED when another has it. */
int store_lease_take(struct store *store, const char *lease, const char *holder, int64_t ttl_ms,
		     struct store_lease *out, struct rf_err *err) RF_MUST_CHECK;

/* Takes it from whoever has it: for one who proved that the other has nothing left to do (a host
 * that comes to us has left the manager where it was). The other is fenced off. */
int store_lease_seize(struct store *store, const char *lease, const char *holder, int64_t ttl_ms,
		      struct store_lease *out, struct rf_err *err) RF_MUST_CHECK;

/* Holds it ttl_ms from now; RF_E_CHANGED when another has taken it. */
int store_lease_renew(struct store *store, const struct store_lease *lease, int64_t ttl_ms,
		      struct rf_err *err) RF_MUST_CHECK;

/* Gives it back. RF_E_CHANGED as above. */
int store_lease_drop(struct store *store, const struct store_lease *lease,
		     struct rf_err *err) RF_MUST_CHECK;

/* Within a transaction: RF_E_CHANGED, or nobody takes the lease before the transaction ends. */
int store_lease_hold(struct store *store, const struct store_lease *lease,
		     struct rf_err *err) RF_MUST_CHECK;

/* A piece of work in hand; body is owned (rf_buf_done). tries 0: there was none. */
struct store_work {
	char work[STORE_ID_BYTES];
	struct rf_buf body;
	int64_t tries;
};

/* Adds work of a kind that is not due before due_ms (0: now). RF_E_DUPLICATE for an id in use. */
int store_work_add(struct store *store, const char *kind, const char *work, struct rf_slice body,
		   int64_t due_ms, struct rf_err *err) RF_MUST_CHECK;

/* Takes the work that is due longest, for hold_ms by the database's clock; then it is due again. */
int store_work_take(struct store *store, const char *kind, int64_t hold_ms, struct store_work *out,
		    struct rf_err *err) RF_MUST_CHECK;

/* Ends work, best in the transaction of its result. RF_E_CHANGED when it was given to another
 * meanwhile, whose result counts. */
int store_work_done(struct store *store, const struct store_work *work,
		    struct rf_err *err) RF_MUST_CHECK;

struct store_event {
	int64_t seq; /* given by the store; ascending, in order of commit */
	const char *kind, *host, *about, *old_state, *new_state, *text;
	int64_t at_ms;
};

/* Adds an event, in the transaction of what it tells. */
int store_event_add(struct store *store, const struct store_event *event,
		    struct rf_err *err) RF_MUST_CHECK;

/* From now on events are kept for this sink; nothing where it is known. */
int store_sink_add(struct store *store, const char *sink, struct rf_err *err) RF_MUST_CHECK;

/* Gives take up to limit events that the sink has not confirmed, oldest first. */
int store_event_each(struct store *store, const char *sink, int64_t limit,
		     int (*take)(void *arg, const struct store_event *event), void *arg,
		     struct rf_err *err) RF_MUST_CHECK;

/* The sink has all events up to seq. RF_E_CHANGED when it has more, or is not known. */
int store_sink_confirm(struct store *store, const char *sink, int64_t seq,
		       struct rf_err *err) RF_MUST_CHECK;

/* Nothing is kept for this sink any more. */
int store_sink_drop(struct store *store, const char *sink, struct rf_err *err) RF_MUST_CHECK;

/* What is kept how long; the rows are in retain.c. */
struct store_retention {
	const char *what; /* event, verdict, evidence, host-change, finding-change */
	int64_t days;
	int statement; /* inside */
};
extern const struct store_retention store_retention[];
extern const size_t store_retention_count;

/* Deletes what is older than its days before now_ms; days (NULL: those of the rows) has one number
 * for each row. out_counts (NULL for none) has room for one number for each row. */
int store_retain(struct store *store, int64_t now_ms, const int64_t *days, uint64_t *out_counts,
		 struct rf_err *err) RF_MUST_CHECK;

#endif
