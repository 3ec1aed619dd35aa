/* SPDX-License-Identifier: Apache-2.0 */
/* Makes simulated hosts and their place in a manager's store; see fleet_sim.h. */
#include <openssl/x509.h>
#include <time.h>

#include "attest_test.h"

#include "base/mem.h"
#include "base/str.h"
#include "fleet_sim.h"
#include "manager/authority.h"
#include "store/people.h"
#include "store/store.h"
/* people.h first: enrol.h uses its struct store_use. */
#include "store/enrol.h"

#define BATCH	      500u
#define HOSTS_PER_RSA 64u
#define CERT_DAYS     30

struct making {
	const struct sim_hosts_options *options;
	struct authority *authority;
	struct sim_host *hosts;
	size_t from, to;
	int64_t now_ms;
	EVP_PKEY *rsa;
};

static int request_make(EVP_PKEY *key, struct rf_buf *out)
{
	X509_REQ *request = X509_REQ_new();
	unsigned char *der = NULL;

	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
				   (const unsigned char *)"simulated", -1, -1, 0);
	X509_REQ_set_pubkey(request, key);
	int signed_ = X509_REQ_sign(request, key, EVP_sha256());
	int len = signed_ > 0 ? i2d_X509_REQ(request, &der) : -1;

	if (len > 0)
		rf_buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	X509_REQ_free(request);
	return len > 0 && !out->failed ? 0 : RF_E_CRYPTO;
}

static EVP_PKEY *ak_make(struct making *m, size_t i)
{
	if (!rf_equal(m->options->ak, "rsa"))
		return make_ecc("P-256");
	if (i % HOSTS_PER_RSA == 0) {
		EVP_PKEY_free(m->rsa);
		m->rsa = make_rsa(2048);
	}
	EVP_PKEY_up_ref(m->rsa);
	return m->rsa;
}

/* What the store knows of a TPM: the endorsement key is only its name here. */
struct tpm_parts {
	struct rf_buf ek;
	uint8_t ek_sha256[32], ak_name[34], invite[32];
};

static int host_store(struct store *store, struct making *m, size_t i, struct tpm_parts *t,
		      const struct authority_certificate *made, struct rf_err *err)
{
	struct sim_host *h = &m->hosts[i];
	char name[32], token[32];
	const int64_t end_ms = m->now_ms + (int64_t)CERT_DAYS * 86400000;
	const struct store_host host = {.host = h->id,
					.name = name,
					.agent_version = "bench",
					.ek_sha256 = {t->ek_sha256, sizeof(t->ek_sha256)},
					.created_ms = m->now_ms};
	const struct store_tpm tpm = {.host = h->id,
				      .ek_state = "unproven",
				      .ek_public = rf_buf_slice(&t->ek),
				      .ak_public = rf_buf_slice(&h->area),
				      .ak_name = {t->ak_name, sizeof(t->ak_name)}};
	const struct store_certificate certificate = {.serial = made->serial,
						      .host = h->id,
						      .sha256 = {made->sha256, 32},
						      .not_before_ms = m->now_ms - 60000,
						      .not_after_ms = end_ms};
	const struct store_invite invite = {.invite = token,
					    .sha256 = {t->invite, sizeof(t->invite)},
					    .parent = "",
					    .labels = "{}",
					    .created_by = "bench",
					    .created_ms = m->now_ms,
					    .expires_ms = m->now_ms + 3600000};
	const struct store_enrolment enrolment = {.host = &host,
						  .address = "127.0.0.1",
						  .invite_sha256 = t->invite,
						  .tpm = &tpm,
						  .certificate = &certificate};

	rf_format(name, sizeof(name), "sim-%zu", i);
	rf_format(token, sizeof(token), "bench-%zu", i);
	EVP_Digest(token, strlen(token), t->invite, NULL, EVP_sha256(), NULL);
	int rc = store_invite_add(store, &invite, err);

	return rc ? rc : store_enrol(store, &enrolment, err);
}

static int host_make(struct store *store, struct making *m, size_t i, struct rf_err *err)
{
	struct sim_host *h = &m->hosts[i];
	RF_AUTOBUF struct rf_buf request = {0};
	struct authority_certificate made = {0};
	struct tpm_parts t = {.ak_name = {0, 0x0b}};
	const struct authority_order order = {
		h->id, {0}, m->now_ms / 1000 - 60, m->now_ms / 1000 + (int64_t)CERT_DAYS * 86400};
	struct authority_order full = order;

	rf_format(h->id, sizeof(h->id), "%032zx", i + 0xf1ee7000);
	h->ak = ak_make(m, i);
	h->tls_key = EVP_EC_gen("P-256");
	h->clock_ms = 5000000;
	put_area(&h->area, h->ak, (struct area_options){0});
	EVP_Digest(h->area.data, h->area.len, t.ak_name + 2, NULL, EVP_sha256(), NULL);
	rf_buf_printf(&t.ek, "endorsement key of %s", h->id);
	EVP_Digest(t.ek.data, t.ek.len, t.ek_sha256, NULL, EVP_sha256(), NULL);
	int rc = request_make(h->tls_key, &request);

	full.request = rf_buf_slice(&request);
	if (!rc)
		rc = authority_certify(m->authority, &full, &made, err);
	if (!rc)
		rc = host_store(store, m, i, &t, &made, err);
	h->certificate = made.pem;
	rf_buf_done(&t.ek);
	return rc;
}

static int batch(struct store *store, void *arg, struct rf_err *err)
{
	struct making *m = arg;
	int rc = 0;

	for (size_t i = m->from; i < m->to && !rc; i++)
		rc = host_make(store, m, i, err);
	return rc;
}

int sim_hosts_make(const struct sim_hosts_options *options, struct sim_host *out,
		   struct rf_buf *out_authority, struct rf_err *err)
{
	struct making m = {.options = options, .hosts = out, .now_ms = time(NULL) * 1000};
	STORE_AUTOCLOSE struct store *store = NULL;
	char url[4096];

	if (!rf_format(url, sizeof(url), "sqlite:%s/store/manager.db", options->state))
		return rf_fail(err, RF_E_LIMIT, "too long a path");
	int rc = authority_open(options->state, &m.authority, err);

	if (!rc)
		rc = store_open(url, &store, err);
	while (!rc && m.from < options->count) {
		m.to = m.from + BATCH < options->count ? m.from + BATCH : options->count;
		rc = store_transaction(store, batch, &m, err);
		m.from = m.to;
	}
	if (!rc) {
		struct rf_slice pem = authority_pem(m.authority);

		rc = rf_buf_add(out_authority, pem.data, pem.len);
	}
	EVP_PKEY_free(m.rsa);
	authority_free(m.authority);
	return rc;
}
