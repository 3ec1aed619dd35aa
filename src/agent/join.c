/* SPDX-License-Identifier: Apache-2.0 */
/* Joining and leaving; see join.h. The order of frames: src/fleet/wire.h. */
#include "agent/join.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/dial.h"
#include "agent/identity.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/evidence.h"
#include "sys/sandbox.h"
#include "sys/state.h"
#include "sys/tpm.h"

#define JOIN_S 60

struct join {
	const struct join_options *options;
	struct identity identity;
	char net[RF_MAX_PATH_BYTES], dir[RF_MAX_PATH_BYTES];
	struct event_base *base;
	struct dial *dial;
	struct tls *tls;
	EVP_PKEY *key;
	struct tpm *tpm;
	enum tpm_ek_kind ek;
	struct rf_buf ek_public, ak_blob, request, authority;
	struct rf_buf certificates[1 + TPM_MAX_CERTS];
	size_t certificates_count;
	struct link *link;
	struct rf_buf certificate; /* what came */
	bool done;
	int rc;
	struct rf_err err;
};

/* ---- what goes ---- */

static int tpm_read(struct join *j, struct rf_err *err)
{
	const char *state = j->options->state ? j->options->state : STATE_DIR;
	struct rf_slice public;
	size_t more = 0;
	int rc = evidence_ek(j->tpm, &j->ek, &j->ek_public, &j->certificates[0], err);

	j->certificates_count = j->certificates[0].len > 0;
	if (!rc)
		rc = evidence_ak(j->tpm, TPM_AK_P256, state, &j->ak_blob, err);
	/* The key that is kept is of another TPM, or that one was cleared. */
	if (rc == RF_E_MISMATCH)
		rc = evidence_ak_other(j->tpm, TPM_AK_P256, state, false, &j->ak_blob, err);
	if (!rc)
		rc = tpm_ak_public(rf_buf_slice(&j->ak_blob), &public, err);
	if (!rc && j->certificates_count &&
	    tpm_ek_chain(j->tpm, j->certificates + 1, &more, NULL) == 0)
		j->certificates_count += more;
	if (j->certificates_count > MESSAGE_MAX_LIST)
		j->certificates_count = MESSAGE_MAX_LIST;
	return rc;
}

static int tpm_find(struct join *j, struct rf_buf *said, struct rf_err *err)
{
	const char *tcti = j->options->tcti;
	struct tpm_info info;

	rf_copy(j->identity.tpm, sizeof(j->identity.tpm), "none");
	if (tcti && strcmp(tcti, "none") == 0)
		return 0;
	int rc = tpm_open(tcti, &j->tpm, err);

	/* No TPM is a fact, one that fails is a fault. */
	if (rc == RF_E_MISSING && !tcti) {
		rf_buf_printf(said, "no TPM: this host joins without one, if the policy allows\n");
		return 0;
	}
	if (!rc)
		rc = tpm_info_read(j->tpm, &info, err);
	if (rc)
		return rc;
	rf_copy(j->identity.tpm, sizeof(j->identity.tpm), info.software ? "software" : "device");
	rf_copy(j->identity.tcti, sizeof(j->identity.tcti), tcti ? tcti : "");
	rf_buf_printf(said, "TPM: %s %s%s\n", info.manufacturer, info.vendor,
		      info.software ? " (software: its secrets are as safe as a file)" : "");
	return tpm_read(j, err);
}

static int enrol_send(struct join *j, struct link *link, struct rf_err *err)
{
	struct message m = {.kind = WIRE_ENROL,
			    .enrol = {.token = j->options->token,
				      .name = j->identity.name,
				      .agent_version = RF_VERSION,
				      .tpm = j->identity.tpm,
				      .request = rf_buf_slice(&j->request)}};
	struct rf_slice public = {0};
	int rc = 0;

	if (j->tpm) {
		rc = tpm_ak_public(rf_buf_slice(&j->ak_blob), &public, err);
		m.enrol.ek_public = rf_buf_slice(&j->ek_public);
		m.enrol.ak_public = public;
	}
	for (size_t i = 0; i < j->certificates_count; i++)
		m.enrol.ek_certificates.items[i] = rf_buf_slice(&j->certificates[i]);
	m.enrol.ek_certificates.count = j->certificates_count;
	return rc ? rc : link_send(link, &m, (struct rf_slice){0}, err);
}

/* ---- what comes ---- */

static int challenge_take(struct join *j, struct link *link, const struct message *m,
			  struct rf_err *err)
{
	const struct tpm_credential credential = {m->challenge.credential, m->challenge.seed};
	RF_AUTOBUF struct rf_buf secret = {0};

	if (!j->tpm)
		return rf_fail(err, RF_E_DENIED, "a challenge for a TPM that we did not name");
	int rc = tpm_activate(j->tpm, j->ek, rf_buf_slice(&j->ak_blob), &credential, &secret, err);

	if (!rc)
		rc = link_send(link,
			       &(struct message){.kind = WIRE_PROOF,
						 .proof = {.secret = rf_buf_slice(&secret)}},
			       (struct rf_slice){0}, err);
	if (secret.data)
		rf_wipe(secret.data, secret.len);
	return rc;
}

/* With colons between the bytes, as `openssl x509 -fingerprint` and people write it, or without. */
static int fingerprint_read(const char *text, uint8_t pin[TLS_SHA256_BYTES], struct rf_err *err)
{
	char digits[2 * TLS_SHA256_BYTES + 1] = "";
	size_t count = 0, len = 0;

	for (; *text && count < sizeof(digits); text++) {
		if (*text != ':')
			digits[count++] = *text;
	}
	if (*text || count != sizeof(digits) - 1 ||
	    rf_hex_decode(digits, pin, TLS_SHA256_BYTES, &len) || len != TLS_SHA256_BYTES)
		return rf_fail(err, RF_E_USAGE, "--fingerprint: 64 hexadecimal digits");
	return 0;
}

static int enrolled_take(struct join *j, const struct message *m, struct rf_err *err)
{
	uint8_t digest[TLS_SHA256_BYTES], wanted[TLS_SHA256_BYTES];
	struct rf_slice authority = rf_slice_text(m->enrolled.authority);

	/* The authority that we trusted for this connection, and no other. */
	int rc = tls_authority_digest(authority, digest, err);

	if (!rc && j->options->fingerprint)
		rc = fingerprint_read(j->options->fingerprint, wanted, err);
	else if (!rc)
		rc = tls_authority_digest(rf_buf_slice(&j->authority), wanted, err);
	if (!rc && memcmp(digest, wanted, sizeof(digest)) != 0)
		rc = rf_fail(err, RF_E_MISMATCH, "the manager gave another authority");
	if (rc)
		return rc;
	rf_copy(j->identity.host, sizeof(j->identity.host), m->enrolled.host);
	memcpy(j->identity.command_key, m->enrolled.command_key.data, IDENTITY_KEY_BYTES);
	rf_buf_reset(&j->authority);
	rf_buf_add(&j->authority, authority.data, authority.len);
	rf_buf_add_text(&j->certificate, m->enrolled.certificate);
	j->done = true;
	return j->authority.failed || j->certificate.failed ? -ENOMEM : 0;
}

static int on_frame(void *arg, struct link *link, const struct wire_frame *frame,
		    struct rf_err *err)
{
	struct join *j = arg;
	MESSAGE_AUTO struct message m = {.kind = WIRE_NONE};
	int rc = message_read(frame->kind, frame->text, &m, err);

	if (!rc && m.kind == WIRE_CHALLENGE)
		rc = challenge_take(j, link, &m, err);
	else if (!rc && m.kind == WIRE_ENROLLED)
		rc = enrolled_take(j, &m, err);
	else if (!rc && m.kind == WIRE_REFUSED)
		rc = rf_fail(err, RF_E_DENIED, "the manager refuses: %s%s%s", m.refused.reason,
			     m.refused.next ? "; " : "", m.refused.next ? m.refused.next : "");
	if (rc) {
		j->rc = rc;
		j->err = *err;
	}
	if (rc || j->done)
		(void)event_base_loopbreak(j->base);
	return rc;
}

static void on_opened(void *arg, struct link *link)
{
	struct join *j = arg;

	j->link = link;
	j->rc = enrol_send(j, link, &j->err);
	if (j->rc)
		(void)event_base_loopbreak(j->base);
}

static void on_closed(void *arg, struct link *link, const char *why)
{
	struct join *j = arg;

	(void)link;
	j->link = NULL;
	if (!j->done && !j->rc)
		j->rc = rf_fail(&j->err, RF_E_PEER, "%s port %u: %s", j->identity.manager,
				j->identity.port, why[0] ? why : "it ended the connection");
	(void)event_base_loopbreak(j->base);
}

/* ---- the way ---- */

static int authority_read(struct join *j, uint8_t pin[TLS_SHA256_BYTES], struct rf_err *err)
{
	const struct join_options *o = j->options;

	if (!o->authority == !o->fingerprint)
		return rf_fail(err, RF_E_USAGE,
			       "one of --authority FILE and --fingerprint HEX: `ringfence host "
			       "invite` prints it with the token");
	if (o->fingerprint)
		return fingerprint_read(o->fingerprint, pin, err);
	int fd = open(o->authority, O_RDONLY | O_CLOEXEC);
	uint8_t *at = fd < 0 ? NULL : rf_buf_reserve(&j->authority, IDENTITY_PEM_BYTES);
	ssize_t n = at ? read(fd, at, IDENTITY_PEM_BYTES) : -1;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return rf_fail(err, -ENOENT, "--authority %s cannot be read", o->authority);
	j->authority.len += (size_t)n;
	return 0;
}

static int prepare(struct join *j, struct rf_buf *said, struct rf_err *err)
{
	struct identity old;
	char name[256] = "";
	int rc = identity_read(j->options->state, &old, NULL);

	if (rc != RF_E_MISSING)
		return rf_fail(err, RF_E_DUPLICATE,
			       "this host has joined %s already; first: ringfence-agent leave",
			       rc ? "a manager" : old.manager);
	rc = identity_url(j->options->url, &j->identity, err);
	if (!rc && !j->options->name && gethostname(name, sizeof(name) - 1) < 0)
		rc = rf_fail(err, -errno, "this host has no name: --name");
	rf_copy(j->identity.name, sizeof(j->identity.name),
		j->options->name ? j->options->name : name);
	if (!rc)
		rc = identity_prepare(j->options->state, err);
	if (!rc)
		rc = identity_folder(j->options->state, "net", j->net, err);
	if (!rc)
		rc = identity_folder(j->options->state, "", j->dir, err);
	if (!rc)
		rc = tpm_find(j, said, err);
	if (!rc)
		rc = identity_key_make(j->net, &j->key, err);
	if (!rc)
		rc = identity_request(j->key, j->identity.name, &j->request, err);
	return rc;
}

/* From here on a stranger's bytes are read: this process keeps its own folder, and the network. */
static int speak(struct join *j, const uint8_t pin[TLS_SHA256_BYTES], struct rf_err *err)
{
	static const struct link_handlers handlers = {
		.opened = on_opened, .frame = on_frame, .closed = on_closed};
	const struct tls_options t = {.authority = rf_buf_slice(&j->authority),
				      .authority_sha256 = j->options->fingerprint ? pin : NULL,
				      .host = j->identity.manager};
	const struct timeval limit = {.tv_sec = JOIN_S};
	const char *writable[] = {j->dir};
	char missing[SANDBOX_MISSING_BYTES];
	int rc = tls_new(&t, &j->tls, err);

	j->base = event_base_new();
	const struct dial_options d = {j->base, j->identity.manager, j->identity.port, &handlers,
				       j};

	if (!rc)
		rc = j->base ? dial_new(&d, &j->dial, err) : -ENOMEM;
	/* A software TPM's library asks by a connection for each command. */
	if (!rc)
		rc = sandbox_enter(strcmp(j->identity.tpm, "software") == 0
					   ? SANDBOX_EVIDENCE_SOFTWARE
					   : SANDBOX_DIAL,
				   writable, 1, missing, err);
	if (!rc)
		rc = dial_start(j->dial, j->tls, WIRE_JOINING, err);
	if (!rc)
		(void)event_base_loopexit(j->base, &limit);
	if (!rc && !j->rc && !j->done)
		(void)event_base_dispatch(j->base);
	if (!rc && !j->done)
		rc = j->rc ? rf_fail(err, j->rc, "%s", rf_err_text(&j->err))
			   : rf_fail(err, RF_E_TIMEOUT, "the manager gave no answer in %d s",
				     JOIN_S);
	return rc;
}

static int keep(struct join *j, struct rf_err *err)
{
	int rc = state_write(j->net, "certificate.pem", rf_buf_slice(&j->certificate), err);

	if (!rc)
		rc = state_write(j->dir, "authority.pem", rf_buf_slice(&j->authority), err);
	/* Last: with it this host has joined. */
	return rc ? rc : identity_write(j->options->state, &j->identity, err);
}

static void join_done(struct join *j)
{
	link_free(j->link);
	dial_free(j->dial);
	tls_free(j->tls);
	if (j->base)
		event_base_free(j->base);
	EVP_PKEY_free(j->key);
	tpm_close(j->tpm);
	for (size_t i = 0; i < RF_COUNT(j->certificates); i++)
		rf_buf_done(&j->certificates[i]);
	rf_buf_done(&j->ek_public);
	rf_buf_done(&j->ak_blob);
	rf_buf_done(&j->request);
	rf_buf_done(&j->authority);
	rf_buf_done(&j->certificate);
}

int join_run(const struct join_options *options, struct rf_buf *said, struct rf_err *err)
{
	struct join j = {.options = options};
	uint8_t pin[TLS_SHA256_BYTES];

	signal(SIGPIPE, SIG_IGN);
	int rc = authority_read(&j, pin, err);

	if (!rc)
		rc = prepare(&j, said, err);
	if (!rc)
		rc = speak(&j, pin, err);
	if (!rc)
		rc = keep(&j, err);
	if (!rc)
		rf_buf_printf(
			said,
			"joined %s as %s (%s)\nthe TLS key is a file, mode 0600: %s/key.pem\n"
			"next: systemctl enable --now ringfence-agent, or ringfence-agent run\n",
			j.identity.manager, j.identity.name, j.identity.host, j.net);
	join_done(&j);
	return rc;
}

int join_leave(const char *state, struct rf_err *err)
{
	static const char *const files[] = {
		"identity.json", "authority.pem", "net/key.pem", "net/certificate.pem",
		"net/verdict",	 "net/evidence",  "net/mark",	 "collect/facts",
		"priv/orders",	 "priv/given"};
	struct identity identity;
	char dir[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES + 32];
	int rc = identity_read(state, &identity, err);

	if (rc == RF_E_MISSING)
		return rc;
	rc = identity_folder(state, "", dir, err);
	for (size_t i = 0; !rc && i < RF_COUNT(files); i++) {
		rf_format(path, sizeof(path), "%s/%s", dir, files[i]);
		if (unlink(path) < 0 && errno != ENOENT)
			rc = rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	}
	return rc;
}
