/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates as a fleet has them, made by the test itself: good ones and hostile ones.
 */
#ifndef RF_TESTS_FLEET_TEST_H
#define RF_TESTS_FLEET_TEST_H

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buf.h"

/* What a certificate shall be. */
struct test_cert {
	const char *name;  /* CN */
	const char *names; /* subjectAltName, as OpenSSL's configuration writes it; NULL */
	const char *usage; /* extendedKeyUsage; NULL */
	bool authority;
	long from_s, to_s; /* relative to now */
};

struct test_identity {
	EVP_PKEY *key;
	X509 *certificate;
	struct rf_buf pem; /* the certificate, then that of the authority */
};

static inline void test_extension(X509 *to, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, to, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);

	assert_non_null(e);
	assert_int_equal(X509_add_ext(to, e, -1), 1);
	X509_EXTENSION_free(e);
}

static inline void test_pem(X509 *certificate, struct rf_buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
	long len = BIO_get_mem_data(bio, &text);

	rf_buf_add(out, text, (size_t)len);
	BIO_free(bio);
}

/* by: NULL for an authority that signs itself. */
static inline struct test_identity test_identity_new(const struct test_cert *want,
						     const struct test_identity *by)
{
	static long serial = 1000;
	struct test_identity id = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
	X509 *c = id.certificate, *issuer = by ? by->certificate : c;

	X509_set_version(c, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(c), want->from_s);
	X509_gmtime_adj(X509_getm_notAfter(c), want->to_s);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8,
				   (const unsigned char *)want->name, -1, -1, 0);
	X509_set_issuer_name(c, X509_get_subject_name(issuer));
	X509_set_pubkey(c, id.key);
	test_extension(c, issuer, NID_basic_constraints,
		       want->authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
	test_extension(c, issuer, NID_key_usage,
		       want->authority ? "critical,keyCertSign,cRLSign"
				       : "critical,digitalSignature");
	test_extension(c, issuer, NID_subject_key_identifier, "hash");
	test_extension(c, issuer, NID_authority_key_identifier, "keyid:always");
	if (want->names)
		test_extension(c, issuer, NID_subject_alt_name, want->names);
	if (want->usage)
		test_extension(c, issuer, NID_ext_key_usage, want->usage);
	assert_true(X509_sign(c, by ? by->key : id.key, EVP_sha256()) > 0);
	test_pem(c, &id.pem);
	if (by)
		test_pem(by->certificate, &id.pem);
	return id;
}

static inline void test_identity_done(struct test_identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->certificate);
	rf_buf_done(&id->pem);
}

#define TEST_DAY 86400L
static const struct test_cert test_cert_authority = {
	"Ringfence test authority", NULL, NULL, true, -TEST_DAY, TEST_DAY};
static const struct test_cert test_cert_manager = {
	"manager", "DNS:manager.test,IP:127.0.0.1", "serverAuth", false, -TEST_DAY, TEST_DAY};
static const struct test_cert test_cert_host = {"host-1", NULL,	     "clientAuth",
						false,	  -TEST_DAY, TEST_DAY};

#endif
