/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment: proving that an attestation key lives in the TPM that holds an endorsement key, by
 * TPM2_MakeCredential done in software (TPM 2.0 Library, Part 1, 24 and B.10.4/C.6.4). The TPM
 * answers with TPM2_ActivateCredential. An attestation key counts for nothing before that.
 */
#ifndef RF_ATTEST_ENROL_H
#define RF_ATTEST_ENROL_H

#include "attest/quote.h"

#define ENROL_MAX_SECRET 32u

/* What goes to the host, as TPM2_ActivateCredential takes it. */
struct enrol_credential {
	uint8_t blob[2 + 2 + ATTEST_MAX_DIGEST + 2 + ENROL_MAX_SECRET]; /* TPM2B_ID_OBJECT */
	size_t blob_len;
	uint8_t seed[2 + 512]; /* TPM2B_ENCRYPTED_SECRET */
	size_t seed_len;
};

/*
 * Wraps secret (16 to ENROL_MAX_SECRET bytes, random, used once) for the TPM that holds both the
 * endorsement key ek and the key of that name. Take the name from attest_public_name, never from
 * the host, and ask attest_ek_check and ekcert_verify first: a credential for a key that an
 * attacker made proves nothing. The randomness inside is libcrypto's.
 */
int enrol_credential_make(struct attest_hasher *hasher, const struct attest_public *ek,
			  struct rf_slice ak_name, struct rf_slice secret,
			  struct enrol_credential *out, struct rf_err *err) RF_MUST_CHECK;

/* Is the answer the secret? Constant time; RF_E_MISMATCH if not. */
int enrol_secret_check(struct rf_slice secret, struct rf_slice answer,
		       struct rf_err *err) RF_MUST_CHECK;

/* The TPM's key derivations (Part 1, 11.4.10), exposed for tests. out_len up to 64 bytes. */
struct enrol_kdf {
	uint16_t alg;
	struct rf_slice key; /* KDFe: Z */
	const char *label;   /* its NUL is part of what is hashed */
	struct rf_slice u, v;
};
int enrol_kdfa(const struct enrol_kdf *in, uint8_t *out, size_t out_len) RF_MUST_CHECK;
int enrol_kdfe(struct attest_hasher *hasher, const struct enrol_kdf *in, uint8_t *out,
	       size_t out_len) RF_MUST_CHECK;

#endif
