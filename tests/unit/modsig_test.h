/* SPDX-License-Identifier: Apache-2.0 */
/* Makes kernel module files with a signature behind them. */
#ifndef MODSIG_TEST_H
#define MODSIG_TEST_H

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "test_base.h"

/* A module file with an appended signature by a fresh key whose certificate has that name. */
static inline void modsig_test_sign(struct rf_buf *file, const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	BIO *data = BIO_new_mem_buf("module", 6);
	unsigned char *der = NULL;

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
				   -1, 0);
	X509_set_issuer_name(cert, subject);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	CMS_ContentInfo *cms = CMS_sign(cert, key, NULL, data,
					CMS_NOCERTS | CMS_BINARY | CMS_DETACHED | CMS_NOSMIMECAP);
	int len = cms ? i2d_CMS_ContentInfo(cms, &der) : -1;

	assert_true(len > 0);
	uint8_t trailer[12] = {0, 0, 2, 0, 0, 0, 0, 0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len};

	rf_buf_add_text(file, "\177ELFmodule");
	rf_buf_add(file, der, (size_t)len);
	rf_buf_add(file, trailer, sizeof(trailer));
	rf_buf_add_text(file, "~Module signature appended~\n");
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(data);
	X509_free(cert);
	EVP_PKEY_free(key);
}

#endif
