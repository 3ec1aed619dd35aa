/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a test's own making: authorities, signers, stores that trust them. */
#ifndef CERT_TEST_H
#define CERT_TEST_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "test_base.h"

#include "attest/ekcert.h"

struct cert_test {
	EVP_PKEY *key;
	X509 *x;
};

static inline void cert_test_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* issuer NULL: self-signed. ca: may issue. skid: with a subject key identifier. */
static inline struct cert_test cert_test_make(EVP_PKEY *key, const char *name,
					      const struct cert_test *issuer, bool ca, bool skid)
{
	struct cert_test cert = {.key = key, .x = X509_new()};
	X509_NAME *subject = X509_get_subject_name(cert.x);
	static long serial = 1;

	X509_set_version(cert.x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert.x), serial++);
	/* Over long ago: whoever looks at the time fails. */
	X509_gmtime_adj(X509_getm_notBefore(cert.x), -7200);
	X509_gmtime_adj(X509_getm_notAfter(cert.x), -3600);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
				   -1, 0);
	X509_set_issuer_name(cert.x, issuer ? X509_get_subject_name(issuer->x) : subject);
	X509_set_pubkey(cert.x, key);
	cert_test_extension(cert.x, issuer ? issuer->x : cert.x, NID_basic_constraints,
			    ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (skid)
		cert_test_extension(cert.x, cert.x, NID_subject_key_identifier, "hash");
	assert_true(X509_sign(cert.x, issuer ? issuer->key : key, EVP_sha256()) > 0);
	return cert;
}

static inline void cert_test_done(struct cert_test *cert)
{
	X509_free(cert->x);
	EVP_PKEY_free(cert->key);
}

static inline void cert_test_trust(struct ekcert_store *store, const struct cert_test *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert->x, &der);

	assert_true(len > 0);
	assert_int_equal(ekcert_store_add(store, (struct rf_slice){der, (size_t)len}, NULL, NULL),
			 0);
	OPENSSL_free(der);
}

/* A store that trusts this one; NULL for an empty one. */
static inline struct ekcert_store *cert_test_store(const struct cert_test *cert)
{
	struct ekcert_store *store = NULL;

	assert_int_equal(ekcert_store_new(&store, NULL), 0);
	if (cert)
		cert_test_trust(store, cert);
	return store;
}

#endif
