/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash algorithms as the TPM numbers them. OpenSSL's EVP_MDs are fetched once and contexts reused:
 * one-shot calls cost two to three times as much on the hot path.
 */
#ifndef RF_ATTEST_HASH_H
#define RF_ATTEST_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* TPM_ALG_ID of the hashes we can compute. Others may stand in logs: they are carried, not
 * computed. */
enum attest_alg {
	ATTEST_SHA1 = 0x0004,
	ATTEST_SHA256 = 0x000b,
	ATTEST_SHA384 = 0x000c,
	ATTEST_SHA512 = 0x000d,
	ATTEST_SM3 = 0x0012,
};

#define ATTEST_MAX_DIGEST 64
#define ATTEST_PCRS	  24
#define ATTEST_MAX_BANKS  8

struct attest_digest {
	uint16_t alg; /* TPM_ALG_ID */
	uint8_t len;
	uint8_t bytes[ATTEST_MAX_DIGEST];
};

/* Bytes of a digest of that algorithm; 0 when we cannot compute it. */
size_t attest_digest_size(uint16_t alg);
/* "sha256"; "alg-0x0012" for one we do not know. out is at least 16 bytes. */
const char *attest_alg_name(uint16_t alg, char out[16]);
/* From "sha256"; 0 when unknown. */
uint16_t attest_alg_of_name(const char *name);

/* Fetched algorithms and a context; make one for each thread or process. */
struct attest_hasher;
int attest_hasher_new(struct attest_hasher **out, struct rf_err *err) RF_MUST_CHECK;
void attest_hasher_free(struct attest_hasher *hasher);

/* out (attest_digest_size(alg) bytes) = H(a || b). Either may be empty; out may overlap them.
 * 0, RF_E_UNSUPPORTED for an algorithm we cannot compute, or RF_E_CRYPTO. */
int attest_hash(struct attest_hasher *hasher, uint16_t alg, struct rf_slice a, struct rf_slice b,
		uint8_t *out) RF_MUST_CHECK;

/* out = H(parts in their order), for what does not lie in one piece. Errors as attest_hash. */
int attest_hash_parts(struct attest_hasher *hasher, uint16_t alg, const struct rf_slice *parts,
		      size_t count, uint8_t *out) RF_MUST_CHECK;

/* value = H(value || digest), digest_len bytes of digest (shorter ones are the caller's matter). */
int attest_extend(struct attest_hasher *hasher, uint16_t alg, uint8_t *value,
		  struct rf_slice digest) RF_MUST_CHECK;

#endif
