/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: how agents and managers speak, and the roles of each program among themselves
 * (docs/adr/0012). A frame is a header of WIRE_HEADER_BYTES, a JSON object's text, and bytes:
 *
 *   u16 kind | u16 zero | u32 length of the text | u32 length of the bytes      (big endian)
 *
 * Not here: sockets, TLS, what a frame means. Members of the texts are in message.h; times are
 * ms since 1970-01-01 UTC, bytes in a text are base64 (RFC 4648, with padding).
 */
#ifndef RF_FLEET_WIRE_H
#define RF_FLEET_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define WIRE_HEADER_BYTES 12u
#define WIRE_PORT	  8444
#define WIRE_KIB	  1024u
#define WIRE_MIB	  (1024u * 1024u)

/* Who may send it, and when. */
enum wire_from { WIRE_AGENT = 1, WIRE_MANAGER = 2, WIRE_EITHER = 3 };
enum wire_phase {
	WIRE_JOINING = 1, /* the connection has no certificate of a host */
	WIRE_SESSION = 2, /* it has one */
	WIRE_ALWAYS = 3,
	WIRE_ROLES = 4, /* no network: a socket between two roles of the manager */
};

/*
 * id, name, from, phase, limit of the text, limit of the bytes
 *
 * Joining: ENROL {token, name, agent_version, tpm: "device"|"software"|"none", ek_certificates:
 * [DER], ek_public, ak_public, request: PKCS#10 DER of the TLS key} -> CHALLENGE {credential, seed}
 * -> PROOF {secret} -> ENROLLED {host, state, certificate: PEM chain, authority: PEM, command_key:
 * Ed25519 public}; or REFUSED {reason, next, retry_ms} and the end. Without a TPM no CHALLENGE.
 *
 * Session: HELLO {agent_version, boot, spooled_from, spooled_to: numbers} -> WELCOME {host, state,
 * confirmed: number, now_ms, evidence_s, facts_s, idle_s}. Then either side, unasked:
 * ASK_EVIDENCE {job, nonce, ima_from, same} -> EVIDENCE {job, fault, brief} + container (brief:
 * without logs, where its quote is over the bytes `same`, attest/same.h). FACTS {number, whole,
 * at_ms, schema} + rows; EVENT {number, kind, about, text, at_ms}; LEDGER {number, first} + lines;
 * RESULT
 * {number, command, exit, text} + output: each CONFIRM {number}. COMMAND {command, host, verb,
 * arguments: {}, issued_ms, expires_ms, serial} + Ed25519 signature over the text as sent. VERDICT
 * {state, reason, at_ms, valid_ms}. RENEW {request} -> RENEWED {certificate}. ASK_SECRET {vm,
 * secret} -> SECRET {vm, secret, fault} + key; within the agent SECRET goes on to priv (without
 * bytes: forget it) and comes back when that is done. PING {} -> PONG {now_ms}.
 * MEASURED {}: the kernel has measured something new, so that evidence is worth asking for now.
 *
 * Among the manager's roles, answered in order. To keys: CERTIFY {host, request, from_ms, to_ms} ->
 * CERTIFIED {certificate, serial, sha256, fault}; SIGN {} + text of a COMMAND -> SIGNED {fault} +
 * signature; NOTE {size, root} -> NOTED {note, fault}. To a worker of verify: JUDGE {job, nonce,
 * now_ms, ...} + baseline and evidence -> JUDGED {job, state, reason, ...} + a new baseline; VOUCH
 * {ek_certificates, ek_public, ak_public, secret, now_ms} -> VOUCHED {fault, ek_state, credential
 * ...}.
 */
#define WIRE_KINDS(X)                                                                              \
	X(ENROL, "enrol", WIRE_AGENT, WIRE_JOINING, 64 * WIRE_KIB, 0)                              \
	X(CHALLENGE, "challenge", WIRE_MANAGER, WIRE_JOINING, 4 * WIRE_KIB, 0)                     \
	X(PROOF, "proof", WIRE_AGENT, WIRE_JOINING, 4 * WIRE_KIB, 0)                               \
	X(ENROLLED, "enrolled", WIRE_MANAGER, WIRE_JOINING, 32 * WIRE_KIB, 0)                      \
	X(REFUSED, "refused", WIRE_MANAGER, WIRE_ALWAYS, 4 * WIRE_KIB, 0)                          \
	X(HELLO, "hello", WIRE_AGENT, WIRE_SESSION, 4 * WIRE_KIB, 0)                               \
	X(WELCOME, "welcome", WIRE_MANAGER, WIRE_SESSION, 4 * WIRE_KIB, 0)                         \
	X(ASK_EVIDENCE, "ask-evidence", WIRE_MANAGER, WIRE_SESSION, 4 * WIRE_KIB, 0)               \
	X(EVIDENCE, "evidence", WIRE_AGENT, WIRE_SESSION, 4 * WIRE_KIB, 16 * WIRE_MIB)             \
	X(FACTS, "facts", WIRE_AGENT, WIRE_SESSION, 4 * WIRE_KIB, 16 * WIRE_MIB)                   \
	X(EVENT, "event", WIRE_AGENT, WIRE_SESSION, 16 * WIRE_KIB, 0)                              \
	X(LEDGER, "ledger", WIRE_AGENT, WIRE_SESSION, 4 * WIRE_KIB, 1 * WIRE_MIB)                  \
	X(RESULT, "result", WIRE_AGENT, WIRE_SESSION, 16 * WIRE_KIB, 4 * WIRE_MIB)                 \
	X(CONFIRM, "confirm", WIRE_MANAGER, WIRE_SESSION, 1 * WIRE_KIB, 0)                         \
	X(COMMAND, "command", WIRE_MANAGER, WIRE_SESSION, 256 * WIRE_KIB, 64)                      \
	X(VERDICT, "verdict", WIRE_MANAGER, WIRE_SESSION, 16 * WIRE_KIB, 0)                        \
	X(RENEW, "renew", WIRE_AGENT, WIRE_SESSION, 16 * WIRE_KIB, 0)                              \
	X(RENEWED, "renewed", WIRE_MANAGER, WIRE_SESSION, 32 * WIRE_KIB, 0)                        \
	X(ASK_SECRET, "ask-secret", WIRE_AGENT, WIRE_SESSION, 4 * WIRE_KIB, 0)                     \
	X(SECRET, "secret", WIRE_EITHER, WIRE_SESSION, 4 * WIRE_KIB, 4 * WIRE_KIB)                 \
	X(PING, "ping", WIRE_EITHER, WIRE_ALWAYS, 1 * WIRE_KIB, 0)                                 \
	X(PONG, "pong", WIRE_EITHER, WIRE_ALWAYS, 1 * WIRE_KIB, 0)                                 \
	X(MEASURED, "measured", WIRE_AGENT, WIRE_SESSION, 1 * WIRE_KIB, 0)                         \
	X(CERTIFY, "certify", WIRE_EITHER, WIRE_ROLES, 16 * WIRE_KIB, 0)                           \
	X(CERTIFIED, "certified", WIRE_EITHER, WIRE_ROLES, 32 * WIRE_KIB, 0)                       \
	X(SIGN, "sign", WIRE_EITHER, WIRE_ROLES, 1 * WIRE_KIB, 256 * WIRE_KIB)                     \
	X(SIGNED, "signed", WIRE_EITHER, WIRE_ROLES, 4 * WIRE_KIB, 64)                             \
	X(NOTE, "note", WIRE_EITHER, WIRE_ROLES, 1 * WIRE_KIB, 0)                                  \
	X(NOTED, "noted", WIRE_EITHER, WIRE_ROLES, 8 * WIRE_KIB, 0)                                \
	X(JUDGE, "judge", WIRE_EITHER, WIRE_ROLES, 4 * WIRE_KIB, 32 * WIRE_MIB)                    \
	X(JUDGED, "judged", WIRE_EITHER, WIRE_ROLES, 32 * WIRE_KIB, 16 * WIRE_MIB)                 \
	X(VOUCH, "vouch", WIRE_EITHER, WIRE_ROLES, 64 * WIRE_KIB, 0)                               \
	X(VOUCHED, "vouched", WIRE_EITHER, WIRE_ROLES, 8 * WIRE_KIB, 0)

enum wire_kind {
	WIRE_NONE,
#define WIRE_KIND_ID(id, name, from, phase, text, bytes) WIRE_##id,
	WIRE_KINDS(WIRE_KIND_ID)
#undef WIRE_KIND_ID
		WIRE_KIND_COUNT
};

struct wire_row {
	const char *name;
	enum wire_from from;
	enum wire_phase phase;
	uint32_t text_max, bytes_max;
};
/* The row of a kind; NULL for what is none. */
const struct wire_row *wire_row(enum wire_kind kind);

/* One frame. The slices borrow; text is not yet known to be JSON. */
struct wire_frame {
	enum wire_kind kind;
	struct rf_slice text, bytes;
};

/* Who speaks to whom: what wire_read takes. */
struct wire_side {
	enum wire_from from; /* the other side */
	enum wire_phase phase;
};

/*
 * Reads the frame at the start of input. *out_len is its whole length, known as soon as the header
 * is there: 0 until then. Returns 0 with out filled, RF_E_TRUNCATED while bytes are missing, or,
 * before any of its body is waited for: RF_E_UNKNOWN (no such kind), RF_E_DENIED (not from that
 * side, or not now), RF_E_LIMIT, RF_E_SYNTAX (a bit that must be zero).
 */
int wire_read(struct rf_slice input, const struct wire_side *side, struct wire_frame *out,
	      size_t *out_len, struct rf_err *err) RF_MUST_CHECK;

/* Appends a frame; RF_E_LIMIT above its kind's limits, RF_E_UNKNOWN, -ENOMEM. */
int wire_write(struct rf_buf *out, const struct wire_frame *frame,
	       struct rf_err *err) RF_MUST_CHECK;

#endif
