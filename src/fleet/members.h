/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the texts of frames: one list of members for each kind of wire.h. message.h makes
 * structs, reader and writer of it.
 */
#ifndef RF_FLEET_MEMBERS_H
#define RF_FLEET_MEMBERS_H

#include "fleet/members_judge.h"

/*
 * M(kind, member, type, least, most, required). least and most are of the value of an INT, else of
 * the length in bytes (LIST: of each item). What is not required and not there is NULL, 0 or no
 * bytes; and is not written when it is so.
 */
/* clang-format off */
#define MESSAGE_ENROL(M)                                                                           \
	M(enrol, token, NAME, 16, 256, true)                                                       \
	M(enrol, name, NAME, 1, 253, true)                                                         \
	M(enrol, agent_version, NAME, 1, 64, true)                                                 \
	M(enrol, tpm, NAME, 1, 16, true) /* "device", "software", "none" */                        \
	M(enrol, ek_certificates, LIST, 1, 16384, false) /* DER, leaf first */                     \
	M(enrol, ek_public, BYTES, 1, 2048, false) /* TPM2B_PUBLIC */                              \
	M(enrol, ak_public, BYTES, 1, 2048, false)                                                 \
	M(enrol, request, BYTES, 1, 8192, true) /* PKCS#10, DER */
#define MESSAGE_CHALLENGE(M)                                                                       \
	M(challenge, credential, BYTES, 1, 1024, true)                                             \
	M(challenge, seed, BYTES, 1, 1024, true)
#define MESSAGE_PROOF(M) M(proof, secret, BYTES, 1, 64, true)
#define MESSAGE_ENROLLED(M)                                                                        \
	M(enrolled, host, NAME, 1, 64, true)                                                       \
	M(enrolled, state, NAME, 1, 32, true)                                                      \
	M(enrolled, certificate, TEXT, 1, 16384, true) /* PEM, leaf first */                       \
	M(enrolled, authority, TEXT, 1, 8192, true) /* PEM */                                      \
	M(enrolled, command_key, BYTES, 32, 32, true) /* Ed25519, raw */
#define MESSAGE_REFUSED(M)                                                                         \
	M(refused, reason, TEXT, 1, 1024, true)                                                    \
	M(refused, next, TEXT, 1, 1024, false)                                                     \
	M(refused, retry_ms, INT, 0, 86400000, false) /* 0: not before somebody acts */
#define MESSAGE_HELLO(M)                                                                           \
	M(hello, agent_version, NAME, 1, 64, true)                                                 \
	M(hello, boot, NAME, 1, 64, true)                                                          \
	M(hello, spooled_from, INT, 0, INT64_MAX, false) /* 0: the spool is empty */               \
	M(hello, spooled_to, INT, 0, INT64_MAX, false)
#define MESSAGE_WELCOME(M)                                                                         \
	M(welcome, host, NAME, 1, 64, true)                                                        \
	M(welcome, state, NAME, 1, 32, true)                                                       \
	M(welcome, confirmed, INT, 0, INT64_MAX, true) /* highest number that is stored; 0: none */ \
	M(welcome, now_ms, INT, 0, MESSAGE_MAX_MS, true)                                           \
	M(welcome, evidence_s, INT, 1, 86400, true)                                                \
	M(welcome, facts_s, INT, 1, 604800, true)                                                  \
	M(welcome, idle_s, INT, 1, 86400, true) /* say PING before so much silence */
#define MESSAGE_ASK_EVIDENCE(M)                                                                    \
	M(ask_evidence, job, NAME, 1, 64, true)                                                    \
	M(ask_evidence, nonce, BYTES, 16, 64, true)                                                \
	M(ask_evidence, ima_from, INT, 0, UINT32_MAX, false)                                       \
	M(ask_evidence, same, BYTES, 1, 256, false) /* no logs, if the quote is over these bytes */
#define MESSAGE_EVIDENCE(M)                                                                        \
	M(evidence, job, NAME, 1, 64, true)                                                        \
	M(evidence, fault, TEXT, 1, 2048, false) /* why there is none */                           \
	M(evidence, brief, BOOL, 0, 0, false) /* without logs, as ASK_EVIDENCE.same lets it */
#define MESSAGE_FACTS(M)                                                                           \
	M(facts, number, INT, 1, INT64_MAX, true)                                                  \
	M(facts, whole, BOOL, 0, 0, true)                                                          \
	M(facts, at_ms, INT, 0, MESSAGE_MAX_MS, true)                                              \
	M(facts, schema, NAME, 1, 64, false) /* fact_schema_id of who wrote the rows */
#define MESSAGE_EVENT(M)                                                                           \
	M(event, number, INT, 1, INT64_MAX, true)                                                  \
	M(event, kind, NAME, 1, 64, true)                                                          \
	M(event, about, TEXT, 0, 1024, false)                                                      \
	M(event, text, TEXT, 0, 8192, false)                                                       \
	M(event, at_ms, INT, 0, MESSAGE_MAX_MS, true)
#define MESSAGE_LEDGER(M)                                                                          \
	M(ledger, number, INT, 1, INT64_MAX, true)                                                 \
	M(ledger, first, INT, 0, INT64_MAX, true)
#define MESSAGE_RESULT(M)                                                                          \
	M(result, number, INT, 1, INT64_MAX, true)                                                 \
	M(result, command, NAME, 1, 64, true)                                                      \
	M(result, exit, INT, -255, 255, true)                                                      \
	M(result, text, TEXT, 0, 8192, false)
#define MESSAGE_CONFIRM(M) M(confirm, number, INT, 1, INT64_MAX, true)
#define MESSAGE_COMMAND(M)                                                                         \
	M(command, command, NAME, 1, 64, true)                                                     \
	M(command, host, NAME, 1, 64, true)                                                        \
	M(command, verb, NAME, 1, 64, true)                                                        \
	M(command, arguments, OBJECT, 0, 0, true)                                                  \
	M(command, issued_ms, INT, 0, MESSAGE_MAX_MS, true)                                        \
	M(command, expires_ms, INT, 0, MESSAGE_MAX_MS, true)                                       \
	M(command, serial, INT, 1, INT64_MAX, true)
#define MESSAGE_VERDICT(M)                                                                         \
	M(verdict, state, NAME, 1, 32, true)                                                       \
	M(verdict, reason, TEXT, 0, 8192, false)                                                   \
	M(verdict, at_ms, INT, 0, MESSAGE_MAX_MS, true)                                            \
	M(verdict, valid_ms, INT, 0, MESSAGE_MAX_MS, true) /* how long from at_ms */
#define MESSAGE_RENEW(M)   M(renew, request, BYTES, 1, 8192, true)
#define MESSAGE_RENEWED(M) M(renewed, certificate, TEXT, 1, 16384, true)
#define MESSAGE_ASK_SECRET(M)                                                                      \
	M(ask_secret, vm, NAME, 1, 64, true)                                                       \
	M(ask_secret, secret, NAME, 1, 64, true)
#define MESSAGE_SECRET(M)                                                                          \
	M(secret, vm, NAME, 1, 64, true)                                                           \
	M(secret, secret, NAME, 1, 64, true)                                                       \
	M(secret, fault, TEXT, 1, 1024, false)
#define MESSAGE_PING(M)
#define MESSAGE_PONG(M) M(pong, now_ms, INT, 0, MESSAGE_MAX_MS, true)
#define MESSAGE_MEASURED(M)
#define MESSAGE_CERTIFY(M)                                                                         \
	M(certify, host, NAME, 1, 64, true)                                                        \
	M(certify, request, BYTES, 1, 8192, true)                                                  \
	M(certify, from_ms, INT, 0, MESSAGE_MAX_MS, true)                                          \
	M(certify, to_ms, INT, 0, MESSAGE_MAX_MS, true)
#define MESSAGE_CERTIFIED(M)                                                                       \
	M(certified, certificate, TEXT, 1, 16384, false) /* PEM, with the authority's */           \
	M(certified, serial, NAME, 1, 64, false)                                                   \
	M(certified, sha256, BYTES, 32, 32, false) /* of its DER */                                \
	M(certified, fault, TEXT, 1, 1024, false)
#define MESSAGE_SIGN(M)
#define MESSAGE_SIGNED(M) M(signed_, fault, TEXT, 1, 1024, false)
#define MESSAGE_NOTE(M)                                                                            \
	M(note, size, INT, 0, INT64_MAX, true)                                                     \
	M(note, root, BYTES, 32, 32, true)
#define MESSAGE_NOTED(M)                                                                           \
	M(noted, note, TEXT, 1, 4096, false)                                                       \
	M(noted, fault, TEXT, 1, 1024, false)
#define MESSAGE_VOUCH(M)                                                                           \
	M(vouch, ek_certificates, LIST, 1, 16384, false)                                           \
	M(vouch, ek_public, BYTES, 1, 2048, true)                                                  \
	M(vouch, ak_public, BYTES, 1, 2048, true)                                                  \
	M(vouch, secret, BYTES, 16, 32, true) /* for the one who holds both keys */                \
	M(vouch, now_ms, INT, 0, MESSAGE_MAX_MS, true)
#define MESSAGE_VOUCHED(M)                                                                         \
	M(vouched, fault, TEXT, 1, 1024, false) /* why not; nothing else is there then */          \
	M(vouched, ek_state, NAME, 1, 16, false) /* vendor, site, unproven */                      \
	M(vouched, note, TEXT, 1, 1024, false) /* why it is unproven, or whose it is */            \
	M(vouched, ek_sha256, BYTES, 32, 32, false) /* of the EK's public area */                  \
	M(vouched, ak_name, BYTES, 1, 66, false)                                                   \
	M(vouched, credential, BYTES, 1, 1024, false)                                              \
	M(vouched, seed, BYTES, 1, 1024, false)
/* clang-format on */

/* Every kind: its id and its name in a struct. */
#define MESSAGE_EACH(X)                                                                            \
	X(ENROL, enrol)                                                                            \
	X(CHALLENGE, challenge)                                                                    \
	X(PROOF, proof)                                                                            \
	X(ENROLLED, enrolled)                                                                      \
	X(REFUSED, refused)                                                                        \
	X(HELLO, hello)                                                                            \
	X(WELCOME, welcome)                                                                        \
	X(ASK_EVIDENCE, ask_evidence)                                                              \
	X(EVIDENCE, evidence)                                                                      \
	X(FACTS, facts)                                                                            \
	X(EVENT, event)                                                                            \
	X(LEDGER, ledger)                                                                          \
	X(RESULT, result)                                                                          \
	X(CONFIRM, confirm)                                                                        \
	X(COMMAND, command)                                                                        \
	X(VERDICT, verdict)                                                                        \
	X(RENEW, renew)                                                                            \
	X(RENEWED, renewed)                                                                        \
	X(ASK_SECRET, ask_secret)                                                                  \
	X(SECRET, secret)                                                                          \
	X(PING, ping)                                                                              \
	X(PONG, pong)                                                                              \
	X(MEASURED, measured)                                                                      \
	X(CERTIFY, certify)                                                                        \
	X(CERTIFIED, certified)                                                                    \
	X(SIGN, sign)                                                                              \
	X(SIGNED, signed_)                                                                         \
	X(NOTE, note)                                                                              \
	X(NOTED, noted)                                                                            \
	X(JUDGE, judge)                                                                            \
	X(JUDGED, judged)                                                                          \
	X(VOUCH, vouch)                                                                            \
	X(VOUCHED, vouched)

#endif
