/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ekcert and certs.c share; not for others. */
#ifndef RF_ATTEST_EKCERT_PARTS_H
#define RF_ATTEST_EKCERT_PARTS_H

#include <openssl/x509.h>

#include "attest/ekcert.h"
#include "base/limits.h"

struct ekcert_store {
	X509_STORE *x509;
	STACK_OF(X509_CRL) * crls;
	size_t count;
};

/* Fills subject, issuer, serial, TPM names, fingerprint, times, no_eku. */
int ekcert_describe(X509 *leaf, struct ekcert_info *out, struct rf_err *err) RF_MUST_CHECK;

/* A name on one line, visible characters only, "" when it has no parts. */
void ekcert_name_text(const X509_NAME *name, char *out, size_t size);

/* Does the certificate hold this public key? RF_E_MISMATCH if not. Also reads keys whose algorithm
 * is id-RSAES-OAEP, which libcrypto does not. */
int ekcert_key_check(X509 *leaf, const struct attest_public *ek, struct rf_err *err) RF_MUST_CHECK;

/* Looks the chain (leaf first) up in the store's CRLs. RF_E_DENIED when one is revoked. */
int ekcert_revocation_check(const struct ekcert_store *store, STACK_OF(X509) * chain,
			    const struct ekcert_request *request, struct ekcert_info *out,
			    struct rf_err *err) RF_MUST_CHECK;

#endif
