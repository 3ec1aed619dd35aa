/* SPDX-License-Identifier: Apache-2.0 */
/* How a host joins and leaves; see enrol.h. What is known of its TPM is in tpm.c. */
#include "store/enrol.h"

#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/access.h"
#include "store/acts.h"

/* Invites ------------------------------------------------------------------------------------ */

int store_invite_add(struct store *store, const struct store_invite *i, struct rf_err *err)
{
	return store_run(store, STORE_S_INVITE_ADD,
			 STORE_PARAMS(store_text(i->invite), store_blob(i->sha256),
				      store_text(i->parent), store_text(i->labels),
				      store_text(i->created_by), store_int(i->created_ms),
				      store_int(i->expires_ms)),
			 STORE_NO_ROWS, err);
}

struct invite_rows {
	int (*take)(void *arg, const struct store_invite *invite);
	void *arg;
	bool any;
};

static int take_invite(void *arg, const struct store_value *row)
{
	struct invite_rows *rows = arg;
	struct store_invite invite = {
		.invite = store_value_text(&row[0]),
		.sha256 = row[1].bytes,
		.parent = store_value_text(&row[2]),
		.labels = store_value_text(&row[3]),
		.created_by = store_value_text(&row[4]),
		.created_ms = row[5].number,
		.expires_ms = row[6].number,
		.used_ms = row[7].number,
		.used_by = store_value_text(&row[8]),
		.revoked_ms = row[9].number,
	};

	rows->any = true;
	return rows->take(rows->arg, &invite);
}

/* Who tries tokens learns nothing from the answer. */
static int invite_refused(struct rf_err *err)
{
	return rf_fail(err, RF_E_DENIED,
		       "there is no such invite, or it was used, taken back or has ended");
}

int store_invite_look(struct store *store, const uint8_t sha256[STORE_SHA256_BYTES], int64_t now_ms,
		      int (*take)(void *arg, const struct store_invite *invite), void *arg,
		      struct rf_err *err)
{
	struct invite_rows rows = {take, arg, false};
	int rc = store_run(store, STORE_S_INVITE_LOOK,
			   STORE_PARAMS(store_sha256(sha256), store_int(now_ms)),
			   (struct store_rows){take_invite, &rows}, err);

	return rc ? rc : rows.any ? 0 : invite_refused(err);
}

int store_invite_revoke(struct store *store, const char *invite, int64_t at_ms, struct rf_err *err)
{
	bool hit = false;
	int rc = store_run_hit(store, STORE_S_INVITE_REVOKE,
			       STORE_PARAMS(store_text(invite), store_int(at_ms)), &hit, err);

	if (!rc && !hit)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no invite %s that could be used", invite);
	return rc;
}

int store_invite_each(struct store *store,
		      int (*take)(void *arg, const struct store_invite *invite), void *arg,
		      struct rf_err *err)
{
	struct invite_rows rows = {take, arg, false};

	return store_run(store, STORE_S_INVITE_EACH, STORE_NO_PARAMS,
			 (struct store_rows){take_invite, &rows}, err);
}

/* Enrolment ---------------------------------------------------------------------------------- */

/* What an invite says of the host that it is for. */
struct invited {
	struct rf_buf parent, labels;
};

static int take_invited(void *arg, const struct store_invite *invite)
{
	struct invited *invited = arg;
	int rc = rf_buf_add_text(&invited->parent, invite->parent);

	return rc ? rc : rf_buf_add_text(&invited->labels, invite->labels);
}

/* The host's place in the inventory, where the invite names one. */
static int host_place(struct store *store, const struct store_host *host, const char *parent,
		      struct rf_err *err)
{
	RF_AUTOFREE char *id = rf_asprintf("host:%s", host->host);
	struct store_object object = {.object = id,
				      .kind = "host",
				      .name = host->name,
				      .labels = host->labels,
				      .parents = {parent, NULL}};

	if (!parent[0])
		return 0;
	return id ? store_object_put(store, &object, err) : rf_fail(err, -ENOMEM, "no memory");
}

static int invite_use(struct store *store, const struct store_enrolment *e, struct rf_err *err)
{
	bool hit = false;
	int rc = store_run_hit(store, STORE_S_INVITE_USE,
			       STORE_PARAMS(store_sha256(e->invite_sha256),
					    store_int(e->host->created_ms),
					    store_text(e->host->host)),
			       &hit, err);

	return rc ? rc : hit ? 0 : invite_refused(err);
}

static int tpm_add(struct store *store, const struct store_tpm *t, struct rf_err *err)
{
	const struct store_memory *m = &t->memory;

	return store_run(
		store, STORE_S_TPM_ADD,
		STORE_PARAMS(store_text(t->host), store_text(t->ek_state),
			     store_blob_or_null(t->ek_certificate), store_blob(t->ek_public),
			     store_blob(t->ak_public), store_blob(t->ak_name), store_int(m->known),
			     store_int(m->clock_ms), store_int(m->firmware), store_int(m->resets),
			     store_int(m->restarts), store_int(m->ima_entries)),
		STORE_NO_ROWS, err);
}

static int certificate_add(struct store *store, const struct store_certificate *c,
			   struct rf_err *err)
{
	return store_run(store, STORE_S_CERTIFICATE_ADD,
			 STORE_PARAMS(store_text(c->serial), store_text(c->host),
				      store_blob(c->sha256), store_int(c->not_before_ms),
				      store_int(c->not_after_ms)),
			 STORE_NO_ROWS, err);
}

static int enrol_told(struct store *store, const struct store_enrolment *e, struct rf_err *err)
{
	struct store_event event = {
		.kind = "host.enrol",
		.host = e->host->host,
		.about = e->address ? e->address : "",
		.old_state = "",
		.new_state = "NEW",
		.text = e->tpm ? "it joined with its TPM" : "it joined without a TPM",
		.at_ms = e->host->created_ms,
	};

	return store_event_add(store, &event, err);
}

/* The invite is used last but one: the row that says by whom refers to the host. */
static int enrol_invited(struct store *store, const struct store_enrolment *e,
			 const struct invited *invited, struct rf_err *err)
{
	struct store_host host = *e->host;

	if (!host.labels)
		host.labels = rf_buf_text(&invited->labels);
	int rc = store_host_add(store, &host, err);

	if (!rc)
		rc = invite_use(store, e, err);
	if (!rc)
		rc = host_place(store, &host, rf_buf_text(&invited->parent), err);
	if (!rc && e->tpm)
		rc = tpm_add(store, e->tpm, err);
	if (!rc && e->certificate)
		rc = certificate_add(store, e->certificate, err);
	return rc ? rc : enrol_told(store, e, err);
}

static int enrol(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_enrolment *e = arg;
	struct invited invited = {0};
	int rc = store_invite_look(store, e->invite_sha256, e->host->created_ms, take_invited,
				   &invited, err);

	if (!rc)
		rc = enrol_invited(store, e, &invited, err);
	rf_buf_done(&invited.parent);
	rf_buf_done(&invited.labels);
	return rc;
}

int store_enrol(struct store *store, const struct store_enrolment *enrolment, struct rf_err *err)
{
	struct store_enrolment copy = *enrolment;

	return store_transaction(store, enrol, &copy, err);
}

static int host_retire(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_state *s = arg;
	int rc = store_host_state(store, s, NULL, err);

	if (!rc)
		rc = store_run(store, STORE_S_CERTIFICATES_REVOKE,
			       STORE_PARAMS(store_text(s->host), store_text("retired"),
					    store_int(s->at_ms)),
			       STORE_NO_ROWS, err);
	if (!rc)
		rc = store_run(store, STORE_S_COMMANDS_DROP,
			       STORE_PARAMS(store_text(s->host), store_int(s->at_ms)),
			       STORE_NO_ROWS, err);
	return rc;
}

int store_host_retire(struct store *store, const char *host, const char *reason, int64_t at_ms,
		      struct rf_err *err)
{
	struct store_state state = {host, "RETIRED", reason, at_ms};

	return store_transaction(store, host_retire, &state, err);
}

/* Certificates ------------------------------------------------------------------------------- */

static int certificate_renew(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_certificate *c = arg;
	char state[STORE_STATE_BYTES];
	int rc = store_host_lock(store, c->host, NULL, state, err);

	return rc ? rc : certificate_add(store, c, err);
}

int store_certificate_add(struct store *store, const struct store_certificate *certificate,
			  struct rf_err *err)
{
	struct store_certificate copy = *certificate;

	return store_transaction(store, certificate_renew, &copy, err);
}

struct certificate_rows {
	int (*take)(void *arg, const struct store_certificate *certificate);
	void *arg;
	const struct store_use *use; /* NULL: whatever it is worth */
	struct rf_err *err;
	bool any;
};

static int certificate_worth(const struct certificate_rows *rows, const struct store_certificate *c,
			     const char *host_state)
{
	int64_t now_ms = rows->use->now_ms;

	if (rf_equal(host_state, "RETIRED"))
		return rf_fail(rows->err, RF_E_DENIED, "the host %s is retired", c->host);
	if (c->revoked_ms)
		return rf_fail(rows->err, RF_E_DENIED, "the certificate of %s is revoked: %s",
			       c->host, c->reason);
	if (now_ms < c->not_before_ms || now_ms >= c->not_after_ms)
		return rf_fail(rows->err, RF_E_DENIED, "the certificate of %s is not of this time",
			       c->host);
	return 0;
}

static int take_certificate(void *arg, const struct store_value *row)
{
	struct certificate_rows *rows = arg;
	struct store_certificate certificate = {
		.serial = store_value_text(&row[0]),
		.host = store_value_text(&row[1]),
		.sha256 = row[2].bytes,
		.not_before_ms = row[3].number,
		.not_after_ms = row[4].number,
		.revoked_ms = row[5].number,
		.reason = store_value_text(&row[6]),
	};
	int rc = rows->use ? certificate_worth(rows, &certificate, store_value_text(&row[7])) : 0;

	rows->any = true;
	return rc ? rc : rows->take(rows->arg, &certificate);
}

int store_certificate_check(struct store *store, const struct store_use *use,
			    int (*take)(void *arg, const struct store_certificate *certificate),
			    void *arg, struct rf_err *err)
{
	struct certificate_rows rows = {take, arg, use, err, false};
	int rc = store_run(store, STORE_S_CERTIFICATE_GET, STORE_PARAMS(store_sha256(use->sha256)),
			   (struct store_rows){take_certificate, &rows}, err);

	if (!rc && !rows.any)
		rc = rf_fail(err, RF_E_DENIED, "the certificate was not given by this manager");
	return rc;
}

int store_certificate_revoke(struct store *store, const char *serial, const char *reason,
			     int64_t at_ms, struct rf_err *err)
{
	bool hit = false;
	int rc = store_run_hit(
		store, STORE_S_CERTIFICATE_REVOKE,
		STORE_PARAMS(store_text(serial), store_text(reason), store_int(at_ms)), &hit, err);

	if (!rc && !hit)
		rc = rf_fail(err, RF_E_UNKNOWN,
			     "there is no certificate %s, or it is revoked already", serial);
	return rc;
}

int store_certificate_each(struct store *store, const char *host, int64_t now_ms,
			   int (*take)(void *arg, const struct store_certificate *certificate),
			   void *arg, struct rf_err *err)
{
	struct certificate_rows rows = {take, arg, NULL, err, false};

	return store_run(store, STORE_S_CERTIFICATE_EACH,
			 STORE_PARAMS(store_text(host), store_int(now_ms)),
			 (struct store_rows){take_certificate, &rows}, err);
}
