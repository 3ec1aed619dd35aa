/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to what judges signatures by certificates (boot files, IMA): names for a person, and
 * chains as Secure Boot and the kernel's keyrings see them.
 */
#ifndef RF_ATTEST_CERTS_H
#define RF_ATTEST_CERTS_H

#include <openssl/cms.h>

#include "attest/ekcert_parts.h"

/* Writes the common name, or the whole name when there is none; visible characters only. */
void cert_name(const X509_NAME *name, char *out, size_t size);

/*
 * Does a chain lead from leaf to a certificate of the store? The one found may be leaf itself or
 * any above it; others may stand between. Time and purpose do not count: firmware and kernel look
 * at neither. RF_E_DENIED with the reason when none does. trusted: NULL or where its name goes.
 */
int cert_chain_check(const struct ekcert_store *store, X509 *leaf, STACK_OF(X509) * others,
		     char trusted[256], struct rf_err *err) RF_MUST_CHECK;

/*
 * The first certificate of the store whose key identifier ends in these four bytes; NULL when there
 * is none. Borrowed from the store. A certificate without the extension counts by the SHA-1 of its
 * public key, as evmctl does.
 */
X509 *cert_by_key_id(const struct ekcert_store *store, uint32_t key_id);

/* Which hash a signer of a PKCS#7 used, in OpenSSL's words ("SHA256"); NULL when it is not known.
 */
const char *cert_cms_hash(CMS_SignerInfo *info);

#endif
