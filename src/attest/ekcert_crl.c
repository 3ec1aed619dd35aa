/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation of EK certificates; see ekcert.h. Done here and not by libcrypto's chain check, which
 * judges certificates and CRLs at one time: our certificates are judged at the time of manufacture,
 * the CRLs are of today.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "attest/ekcert_parts.h"

/* 1 revoked, 0 not. */
static int revoked_by(X509_CRL *crl, X509 *certificate)
{
	X509_REVOKED *entry = NULL;

	/* 2 is removeFromCRL: it was on hold and is good again. */
	return X509_CRL_get0_by_cert(crl, &entry, certificate) == 1;
}

static bool crl_is_for(X509_CRL *crl, X509 *certificate, X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	/* A list that its issuer did not sign could hide what is revoked, or accuse anybody. */
	return X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(certificate)) == 0 &&
	       key && X509_CRL_verify(crl, key) == 1;
}

static bool crl_is_old(X509_CRL *crl, int64_t now_s)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	time_t now = (time_t)now_s;

	return next && X509_cmp_time(next, &now) < 0;
}

static int certificate_check(const struct ekcert_store *store, X509 *certificate, X509 *issuer,
			     int64_t now_s, struct ekcert_info *out)
{
	for (int i = 0; i < sk_X509_CRL_num(store->crls); i++) {
		X509_CRL *crl = sk_X509_CRL_value(store->crls, i);

		if (!crl_is_for(crl, certificate, issuer))
			continue;
		out->crls_used++;
		out->crl_expired = out->crl_expired || crl_is_old(crl, now_s);
		if (revoked_by(crl, certificate))
			return RF_E_DENIED;
	}
	return 0;
}

int ekcert_revocation_check(const struct ekcert_store *store, STACK_OF(X509) * chain,
			    const struct ekcert_request *request, struct ekcert_info *out,
			    struct rf_err *err)
{
	for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
		X509 *certificate = sk_X509_value(chain, i);
		int rc = certificate_check(store, certificate, sk_X509_value(chain, i + 1),
					   request->now_s, out);
		char name[256];

		ERR_clear_error();
		if (rc == 0)
			continue;
		ekcert_name_text(X509_get_subject_name(certificate), name, sizeof(name));
		return rf_fail(err, rc, "%s '%s' is revoked by its issuer",
			       i == 0 ? "the certificate" : "the authority", name);
	}
	return 0;
}
