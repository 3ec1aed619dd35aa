/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures that IMA lists carry: of files (ima-sig), of fs-verity digests, of metadata (evm-sig,
 * portable) and of kernel modules (ima-modsig). Whether a certificate that the caller trusts made
 * them. Sources: kernel security/integrity/integrity.h (signature_v2_hdr, ima_file_id),
 * digsig_asymmetric.c, evm/evm_crypto.c, ima/ima_modsig.c; ima-evm-utils.
 */
#ifndef RF_ATTEST_IMASIG_H
#define RF_ATTEST_IMASIG_H

#include "attest/ekcert.h"
#include "attest/ima.h"

#define IMASIG_MAX_BYTES 16384u /* of a PKCS#7; others are far smaller */

enum imasig_kind {
	IMASIG_FILE,   /* over the file's digest */
	IMASIG_VERITY, /* over the digest of its fs-verity tree */
	IMASIG_EVM,    /* over its extended attributes, owner and mode */
	IMASIG_MODULE, /* PKCS#7 appended to the file */
};
const char *imasig_kind_name(enum imasig_kind kind); /* "file", "fs-verity", "metadata", "module" */

struct imasig {
	enum imasig_kind kind;
	uint16_t alg;	  /* of the hash that was signed */
	uint32_t key_id;  /* last four bytes of the key's identifier; 0 of IMASIG_MODULE */
	char signer[256]; /* common name of the certificate that verified it */
};

/*
 * Verifies the entry's signature; big_endian as the list says. 0 and *out when a certificate of the
 * store made it. RF_E_MISSING: the entry has none. RF_E_UNKNOWN: no certificate has that key
 * identifier (the error shows it). RF_E_MISMATCH: it does not hold, or is for other contents.
 * RF_E_UNSUPPORTED: a violation, a digest or version that we cannot compute. RF_E_SYNTAX: none that
 * can be read. That the entry itself is genuine is for the quote to prove (ima_find_quoted).
 */
int imasig_verify(struct attest_hasher *hasher, const struct ima_entry *entry, bool big_endian,
		  const struct ekcert_store *trusted, struct imasig *out,
		  struct rf_err *err) RF_MUST_CHECK;

#endif
