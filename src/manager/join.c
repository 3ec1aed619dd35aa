/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host joins: an invitation, a TPM that is what it says (by a worker of verify), proof that it
 * holds both keys, then a certificate and its place in the store, in one transaction with the
 * invitation's use (attestation reference 5.2; docs/adr/0012).
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "attest/enrol.h"
#include "base/mem.h"
#include "base/str.h"
#include "manager/agents.h"
#include "store/ledger.h"

#define SECRET_BYTES 32
#define DAY_MS	     INT64_C(86400000)
#define BUSY_MS	     3000

/* What is remembered between ENROL and the end. */
struct join {
	struct message enrol;
	struct message vouched;
	uint8_t secret[SECRET_BYTES], token_sha256[STORE_SHA256_BYTES];
	bool waiting; /* for a worker */
};

void join_end(struct conn *conn)
{
	struct join *j = conn->join;

	if (!j)
		return;
	if (j->waiting)
		workers_forget(conn->a->workers, conn);
	message_done(&j->enrol);
	message_done(&j->vouched);
	rf_wipe(j, sizeof(*j));
	rf_free(j);
	conn->join = NULL;
	conn->a->joins--;
}

static int no(struct conn *conn, const char *reason, const char *next)
{
	conn_event(conn, "host.refused", reason);
	conn_refuse(conn, &(struct refusal){reason, next, 0});
	return 0;
}

/* Our own failure: it may come again, its invitation is not used. */
static int later(struct conn *conn, const struct rf_err *err)
{
	conn_refuse(conn, &(struct refusal){rf_err_text(err), "try again", BUSY_MS});
	return 0;
}

/* ---- the end: a certificate, and a place in the store ---- */

struct settled {
	char host[AGENTS_ID_BYTES];
	struct message certified;
	int64_t now_ms;
};

static int placed(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_enrolment *e = arg;
	const struct ledger_entry entry = {.kind = "host.joined",
					   .actor = e->address,
					   .about = e->host->host,
					   .text = e->host->name,
					   .time_ms = e->host->created_ms};
	int rc = store_enrol(store, e, err);

	return rc ? rc : store_ledger_append(store, &entry, NULL, err);
}

static int place(struct conn *conn, const struct settled *s, struct rf_err *err)
{
	const struct join *j = conn->join;
	const bool tpm = j->vouched.kind == WIRE_VOUCHED;
	const struct store_host host = {.host = s->host,
					.name = j->enrol.enrol.name,
					.agent_version = j->enrol.enrol.agent_version,
					.ek_sha256 = tpm ? j->vouched.vouched.ek_sha256
							 : (struct rf_slice){0},
					.created_ms = s->now_ms};
	const struct store_tpm held = {.host = s->host,
				       .ek_state = j->vouched.vouched.ek_state,
				       .ek_certificate =
					       j->enrol.enrol.ek_certificates.count
						       ? j->enrol.enrol.ek_certificates.items[0]
						       : (struct rf_slice){0},
				       .ek_public = j->enrol.enrol.ek_public,
				       .ak_public = j->enrol.enrol.ak_public,
				       .ak_name = j->vouched.vouched.ak_name};
	const struct store_certificate certificate = {
		.serial = s->certified.certified.serial,
		.host = s->host,
		.sha256 = s->certified.certified.sha256,
		.not_before_ms = s->now_ms,
		.not_after_ms = s->now_ms + conn->a->config->certificate_days * DAY_MS};
	struct store_enrolment enrolment = {.host = &host,
					    .address = conn->address,
					    .invite_sha256 = j->token_sha256,
					    .tpm = tpm ? &held : NULL,
					    .certificate = &certificate};

	return store_transaction(conn->a->store, placed, &enrolment, err);
}

static int welcome(struct conn *conn, const struct settled *s, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf authority = {0};
	struct message m = {
		.kind = WIRE_ENROLLED,
		.enrolled = {.host = s->host,
			     .state = "NEW",
			     .certificate = s->certified.certified.certificate,
			     .command_key = {conn->a->command_key, sizeof(conn->a->command_key)}}};

	rf_buf_add(&authority, conn->a->authority.data, conn->a->authority.len);
	m.enrolled.authority = rf_buf_text(&authority);
	int rc = link_send(conn->link, &m, (struct rf_slice){0}, err);

	conn->state = CONN_ENDING;
	link_close(conn->link, "enrolled");
	return rc;
}

static int settle(struct conn *conn, struct rf_err *err)
{
	struct settled s = {.now_ms = conn->a->now_ms()};
	struct rf_err why = {0};
	int rc = agents_random_id(s.host, &why);

	if (!rc)
		rc = agents_certify(conn->a,
				    &(struct certificate_order){
					    s.host, conn->join->enrol.enrol.request, s.now_ms,
					    s.now_ms + conn->a->config->certificate_days * DAY_MS},
				    &s.certified, &why);
	if (rc == RF_E_DENIED)
		return no(conn, rf_err_text(&why), NULL);
	if (!rc)
		rc = place(conn, &s, &why);
	if (!rc)
		rc = welcome(conn, &s, err);
	else if (rc == RF_E_DUPLICATE)
		rc = no(conn,
			"this TPM is bound to another host already, and stays so", /* CVE-2025-13609
										    */
			"a machine that was retired joins again with another TPM");
	else if (rc == RF_E_DENIED)
		rc = no(conn, "the invitation is not valid", "ask for a new one");
	else
		rc = later(conn, &why);
	message_done(&s.certified);
	return rc;
}

/* ---- the TPM ---- */

static void on_vouched(void *arg, const struct message *answer, struct rf_slice bytes,
		       const char *why)
{
	struct conn *conn = arg;
	struct join *j = conn->join;
	RF_AUTOBUF struct rf_buf text = {0};
	struct rf_err err = {0};

	(void)bytes;
	j->waiting = false;
	link_pause(conn->link, false);
	if (!answer) {
		(void)rf_fail(&err, RF_E_PEER, "the TPM could not be judged: %s", why);
		(void)later(conn, &err);
		return;
	}
	if (answer->vouched.fault) {
		(void)no(conn, answer->vouched.fault, NULL);
		return;
	}
	if (rf_equal(answer->vouched.ek_state, "unproven") && !conn->a->config->unproven_tpm) {
		rf_buf_printf(&text, "no maker that is known here vouches for this TPM: %s",
			      answer->vouched.note ? answer->vouched.note : "");
		(void)no(
			conn, rf_buf_text(&text),
			"put its maker's certificates into the manager's ek-roots, or allow unproven_tpm");
		return;
	}
	const struct message challenge = {
		.kind = WIRE_CHALLENGE,
		.challenge = {answer->vouched.credential, answer->vouched.seed}};
	RF_AUTOBUF struct rf_buf kept = {0};

	/* A copy that outlives the answer. */
	if (message_text(answer, &kept, &err) ||
	    message_read(WIRE_VOUCHED, rf_buf_slice(&kept), &j->vouched, &err) ||
	    link_send(conn->link, &challenge, (struct rf_slice){0}, &err)) {
		(void)later(conn, &err);
		return;
	}
	conn->state = CONN_VOUCHED;
}

static int vouch(struct conn *conn, struct rf_err *err)
{
	struct join *j = conn->join;
	const struct message question = {
		.kind = WIRE_VOUCH,
		.vouch = {.ek_certificates = j->enrol.enrol.ek_certificates,
			  .ek_public = j->enrol.enrol.ek_public,
			  .ak_public = j->enrol.enrol.ak_public,
			  .secret = {j->secret, sizeof(j->secret)},
			  .now_ms = conn->a->now_ms()}};
	const struct workers_question ask = {.message = &question, .asker = {on_vouched, conn}};
	struct rf_err why = {0};
	int rc;

	(void)err;
	if (RAND_bytes(j->secret, sizeof(j->secret)) != 1)
		return rf_fail(err, RF_E_CRYPTO, "no random bytes");
	rc = workers_ask(conn->a->workers, &ask, &why);
	if (rc)
		return later(conn, &why);
	j->waiting = true;
	link_pause(conn->link, true);
	return 0;
}

/* ---- frames ---- */

static int look(void *arg, const struct store_invite *invite)
{
	(void)arg;
	(void)invite;
	return 0;
}

static int on_enrol(struct conn *conn, const struct wire_frame *frame, struct rf_err *err)
{
	struct agents *a = conn->a;
	struct join *j;
	int rc;

	if (conn->state != CONN_JOINING || conn->join)
		return rf_fail(err, RF_E_DENIED, "it joins already");
	if (a->joins >= (size_t)a->config->joins_max) {
		conn_refuse(conn,
			    &(struct refusal){"too many join at this moment", "wait", BUSY_MS});
		return 0;
	}
	j = conn->join = rf_alloc(1, sizeof(*j));
	if (!j)
		return rf_fail(err, -ENOMEM, "no memory");
	a->joins++;
	rc = message_read(WIRE_ENROL, frame->text, &j->enrol, err);
	if (rc)
		return rc;
	const char *token = j->enrol.enrol.token;

	if (EVP_Digest(token, strlen(token), j->token_sha256, NULL, EVP_sha256(), NULL) != 1)
		return rf_fail(err, RF_E_CRYPTO, "a digest");
	/* Before anything that costs: who has no invitation gets no work out of us. */
	rc = store_invite_look(a->store, j->token_sha256, a->now_ms(), look, NULL, err);
	if (rc == RF_E_DENIED)
		return no(conn, "the invitation is not valid", "ask for a new one");
	if (rc)
		return later(conn, err);
	if (!rf_equal(j->enrol.enrol.tpm, "none") && j->enrol.enrol.ek_public.len &&
	    j->enrol.enrol.ak_public.len)
		return vouch(conn, err);
	if (!a->config->without_tpm)
		return no(conn, "hosts without a TPM do not join here", "allow without_tpm");
	return settle(conn, err);
}

static int on_proof(struct conn *conn, const struct wire_frame *frame, struct rf_err *err)
{
	MESSAGE_AUTO struct message proof = {0};
	struct join *j = conn->join;
	int rc;

	if (conn->state != CONN_VOUCHED)
		return rf_fail(err, RF_E_DENIED, "a proof that nobody asked for");
	/* One try: another costs another credential. */
	conn->state = CONN_JOINING;
	rc = message_read(WIRE_PROOF, frame->text, &proof, err);
	if (rc)
		return rc;
	rc = enrol_secret_check((struct rf_slice){j->secret, sizeof(j->secret)}, proof.proof.secret,
				NULL);
	if (rc)
		return no(conn, "the attestation key is not in the TPM that it names", NULL);
	return settle(conn, err);
}

int join_frame(struct conn *conn, const struct wire_frame *frame, struct rf_err *err)
{
	return frame->kind == WIRE_ENROL ? on_enrol(conn, frame, err)
	       : frame->kind == WIRE_PROOF
		       ? on_proof(conn, frame, err)
		       : rf_fail(err, RF_E_DENIED, "not now: %s", wire_row(frame->kind)->name);
}
