/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature behind a kernel module (kernel: scripts/sign-file.c, include/linux/
 * module_signature.h). Reads who signed; whether the signature holds is the kernel's business.
 */
#ifndef RF_ATTEST_MODSIG_H
#define RF_ATTEST_MODSIG_H

#include "base/buf.h"
#include "base/err.h"

enum modsig_kind { MODSIG_PGP, MODSIG_X509, MODSIG_PKCS7 };

struct modsig {
	enum modsig_kind kind;
	char signer[256]; /* common name of the issuer of the signer's certificate; "" unknown */
	char key_id[2 * 64 + 1]; /* its serial number or key identifier, hexadecimal; "" unknown */
	char hash[32];		 /* "sha256"; "" unknown */
	size_t bytes;		 /* of the signature with its trailer and magic */
};

/*
 * file: the module's bytes or only its last ones (16 KiB hold any signature). Returns 1 when there
 * is a signature, 0 when there is none, RF_E_SYNTAX when what stands there is none that can be
 * read. out is written only with 1.
 */
int modsig_parse(struct rf_slice file, struct modsig *out, struct rf_err *err) RF_MUST_CHECK;

#endif
