/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the role agents: what its files share. One connection is one struct conn; before it has a
 * host's certificate it can only join (join.c), with one it is a session (session.c).
 */
#ifndef RF_MANAGER_AGENTS_H
#define RF_MANAGER_AGENTS_H

#include "base/map.h"
#include "fleet/link.h"
#include "manager/batch.h"
#include "manager/config.h"
#include "manager/workers.h"
#include "store/agents.h"
#include "store/people.h"
/* people.h first: enrol.h uses its struct store_use. */
#include "store/enrol.h"

#define AGENTS_ADDRESS_BYTES 64
#define AGENTS_ID_BYTES	     33 /* 16 random bytes in hexadecimal, and a NUL */
#define AGENTS_NONCE_BYTES   32

struct event;

/* The role: everything hangs off it. */
struct agents {
	const struct config *config;
	struct event_base *base;
	struct store *store;
	struct batch *batch; /* verdicts share a commit */
	struct tls *tls;
	struct workers *workers;
	int keys;		 /* socket to keys */
	struct rf_buf authority; /* PEM, told to who joins */
	uint8_t command_key[32];
	char holder[STORE_ID_BYTES]; /* this process, in leases */
	char sink[STORE_ID_BYTES];   /* its name among readers of events */
	struct store_lease lease;    /* SQLite: one for all hosts */
	bool shared;		     /* PostgreSQL: a lease for each host */
	struct rf_map sessions;	     /* by host: struct conn */
	struct rf_map kept;	     /* by host: struct kept, of sessions that ended */
	struct kept *kept_list;
	int64_t whole_window_ms, wholes; /* evidence with logs asked for since then */
	struct conn *conns;		 /* all */
	size_t conns_count, handshakes, joins, sessions_count;
	int64_t hello_window_ms, hellos; /* admission: hellos since then */
	int64_t refused_ms, refused;	 /* and who was refused */
	int64_t (*now_ms)(void);
};

enum conn_state { CONN_HANDSHAKE, CONN_JOINING, CONN_VOUCHED, CONN_HELLO, CONN_OPEN, CONN_ENDING };

/* What is asked of the host's TPM now. */
enum asked { ASKED_NOTHING, ASKED_EVIDENCE, ASKED_JUDGING };

/* What a session remembers of its host's TPM: this manager alone writes it meanwhile. */
struct known_tpm {
	bool loaded;
	uint8_t ak_name[66];
	size_t ak_name_len;
	struct store_memory memory;
};

/* The last good verdict over whole evidence: while the quote is over the same bytes, no logs are
 * wanted (attest/same.h), but for now and then. */
struct good_verdict {
	uint8_t quoted[256];
	size_t quoted_len; /* 0: none */
	char state[32];
	struct rf_buf reason;
	int64_t until_ms;
};

/* Both, while a host is not there; where only this manager could have written of it since. */
struct kept {
	struct kept *next;
	struct known_tpm tpm;
	struct good_verdict good;
};

/* Commands that wait for evidence; "" where there is none. */
struct orders {
	char approve[STORE_ID_BYTES], attest[STORE_ID_BYTES];
	char approve_by[256];
};

struct conn {
	struct conn *next, **at;
	struct agents *a;
	struct link *link;
	enum conn_state state;
	struct tls_peer peer;
	char address[AGENTS_ADDRESS_BYTES];
	unsigned pressed; /* how often others waited while it did not finish its handshake */

	/* joining */
	struct join *join;

	/* a session */
	struct store_lease lease;
	struct event *clock;		  /* the next evidence, or that it does not come */
	char agent_version[65], told[32]; /* the state that it was told last */
	bool has_tpm, is_new, whole_ordered, foreign_told;
	enum asked asked;
	char job[AGENTS_ID_BYTES];
	uint8_t nonce[AGENTS_NONCE_BYTES];
	struct rf_buf evidence; /* while it is judged */
	int64_t asked_ms;	/* when evidence was asked for last */
	bool measured;		/* it has told of more since then */
	bool writing;		/* its verdict is on the way into the store */
	struct known_tpm tpm;
	struct good_verdict good;
	struct orders waiting; /* for the next evidence */
	struct orders served;  /* by the evidence that is judged: what comes meanwhile is not */
	int64_t sent_serial;   /* of commands that went out in this session */
	int64_t renewed_ms;
	int64_t seen_ms; /* of a host without a TPM: when that was written last */
};

/* Refuses and ends: reason, what to do next (NULL), and in how many ms to come again (0: not). */
struct refusal {
	const char *reason, *next;
	int64_t retry_ms;
};
void conn_refuse(struct conn *conn, const struct refusal *refusal);

/* An event about this connection's host (or, joining, about its address). Best effort. */
void conn_event(struct conn *conn, const char *kind, const char *text);
/* The same for what may not happen without: it stands in the ledger when this returns 0. */
int conn_note(struct conn *conn, const char *kind, const char *text,
	      struct rf_err *err) RF_MUST_CHECK;

/* 16 random bytes as text. RF_E_CRYPTO. */
int agents_random_id(char out[AGENTS_ID_BYTES], struct rf_err *err) RF_MUST_CHECK;

/* The lease under which this connection's host is written. */
const struct store_lease *conn_lease(const struct conn *conn);

/* A certificate for a host, by keys. message_done(out) is the caller's. */
struct certificate_order {
	const char *host;
	struct rf_slice request;
	int64_t from_ms, to_ms;
};
int agents_certify(struct agents *a, const struct certificate_order *order, struct message *out,
		   struct rf_err *err) RF_MUST_CHECK;

/* join.c: frames of who joins; ends what a connection that goes has in hand. */
int join_frame(struct conn *conn, const struct wire_frame *frame, struct rf_err *err) RF_MUST_CHECK;
void join_end(struct conn *conn);

/* session.c: a certificate was shown; frames of a host; its end. */
void session_open(struct conn *conn);
int session_frame(struct conn *conn, const struct wire_frame *frame,
		  struct rf_err *err) RF_MUST_CHECK;
void session_end(struct conn *conn);
/* Tells the host its state. */
void session_state(struct conn *conn, const char *state, const char *reason);
/* Its state is perhaps another now, by somebody else: as the store has it. */
void session_changed(struct conn *conn, const char *reason);
/* Commands wait for the host. */
void session_commands(struct conn *conn);

/* evidence.c: at the begin and the end of a session, what is remembered between two; */
void evidence_remember(struct conn *conn);
void evidence_put_by(struct conn *conn);
/* forgets what would let evidence be brief; */
void evidence_forget(struct conn *conn);
/* asks for it now (or at the next turn, while some is in hand), takes what came. */
void evidence_ask(struct conn *conn);
/* The same within half an interval, for when many hosts come at once. */
void evidence_ask_soon(struct conn *conn);
int evidence_take(struct conn *conn, const struct message *message, struct rf_slice bytes,
		  struct rf_err *err) RF_MUST_CHECK;
/* The host has measured something new: its evidence is asked for soon, however far the next turn
 * is. */
void evidence_measured(struct conn *conn);
/* The time of the next evidence has come, or that asked for did not. */
void evidence_clock(struct conn *conn);

/* secrets.c: ASK_SECRET. */
int secret_asked(struct conn *conn, const struct message *message, struct rf_slice bytes,
		 struct rf_err *err) RF_MUST_CHECK;

/* spooled.c: FACTS, EVENT, LEDGER, RESULT: stored with its number, then confirmed. */
int spooled_take(struct conn *conn, const struct message *message, struct rf_slice bytes,
		 struct rf_err *err) RF_MUST_CHECK;

#endif
