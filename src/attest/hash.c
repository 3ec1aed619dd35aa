/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash algorithms as the TPM numbers them (TCG Algorithm Registry, TPM_ALG_ID), see hash.h. Each
 * algorithm has one context that is initialised again for each digest, so that OpenSSL looks its
 * implementation up once and not for each of a million log entries.
 */
/* For hash_fast. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "attest/hash.h"
#include "base/mem.h"
#include "base/str.h"

struct alg_row {
	uint16_t alg;
	uint8_t size_bytes;
	const char *name; /* ours and OpenSSL's */
};

static const struct alg_row alg_rows[] = {
	{ATTEST_SHA1, 20, "sha1"},     {ATTEST_SHA256, 32, "sha256"}, {ATTEST_SHA384, 48, "sha384"},
	{ATTEST_SHA512, 64, "sha512"}, {ATTEST_SM3, 32, "sm3"},
};

#define ALG_COUNT RF_COUNT(alg_rows)

struct attest_hasher {
	EVP_MD *mds[ALG_COUNT];
	EVP_MD_CTX *contexts[ALG_COUNT]; /* NULL where this OpenSSL has no such algorithm */
};

/* ALG_COUNT when there is none. */
static size_t alg_index(uint16_t alg)
{
	size_t i = 0;

	while (i < ALG_COUNT && alg_rows[i].alg != alg)
		i++;
	return i;
}

size_t attest_digest_size(uint16_t alg)
{
	size_t i = alg_index(alg);

	return i < ALG_COUNT ? alg_rows[i].size_bytes : 0;
}

const char *attest_alg_name(uint16_t alg, char out[16])
{
	size_t i = alg_index(alg);

	if (i < ALG_COUNT)
		rf_copy(out, 16, alg_rows[i].name);
	else
		rf_format(out, 16, "alg-0x%04x", alg);
	return out;
}

uint16_t attest_alg_of_name(const char *name)
{
	for (size_t i = 0; name && i < ALG_COUNT; i++) {
		if (rf_equal_nocase(name, alg_rows[i].name))
			return alg_rows[i].alg;
	}
	return 0;
}

/* A missing SM3 is no failure (some builds leave it out); the others must be there. */
static int hasher_open(struct attest_hasher *hasher, size_t i, struct rf_err *err)
{
	hasher->mds[i] = EVP_MD_fetch(NULL, alg_rows[i].name, NULL);
	if (!hasher->mds[i] && alg_rows[i].alg == ATTEST_SM3)
		return 0;
	if (!hasher->mds[i])
		return rf_fail(err, RF_E_CRYPTO, "this OpenSSL does not offer %s",
			       alg_rows[i].name);
	hasher->contexts[i] = EVP_MD_CTX_new();
	if (!hasher->contexts[i])
		return rf_fail(err, RF_E_CRYPTO, "no memory for a hash context");
	if (!EVP_DigestInit_ex(hasher->contexts[i], hasher->mds[i], NULL))
		return rf_fail(err, RF_E_CRYPTO, "%s does not start", alg_rows[i].name);
	return 0;
}

int attest_hasher_new(struct attest_hasher **out, struct rf_err *err)
{
	struct attest_hasher *hasher = rf_alloc(1, sizeof(*hasher));
	int rc = hasher ? 0 : rf_fail(err, RF_E_CRYPTO, "no memory for hashing");

	for (size_t i = 0; rc == 0 && i < ALG_COUNT; i++)
		rc = hasher_open(hasher, i, err);
	if (rc) {
		attest_hasher_free(hasher);
		return rc;
	}
	*out = hasher;
	return 0;
}

void attest_hasher_free(struct attest_hasher *hasher)
{
	if (!hasher)
		return;
	for (size_t i = 0; i < ALG_COUNT; i++) {
		EVP_MD_CTX_free(hasher->contexts[i]);
		EVP_MD_free(hasher->mds[i]);
	}
	rf_free(hasher);
}

/*
 * The hashes of PCR banks, three and more for each of a million entries, through libcrypto's own
 * functions: EVP's dispatch costs as much as hashing a hundred bytes does, so that this doubles the
 * rate. False for other algorithms.
 */
static bool hash_fast(uint16_t alg, struct rf_slice a, struct rf_slice b, uint8_t *out)
{
	if (alg == ATTEST_SHA256) {
		SHA256_CTX context;

		return SHA256_Init(&context) && SHA256_Update(&context, a.data, a.len) &&
		       SHA256_Update(&context, b.data, b.len) && SHA256_Final(out, &context);
	}
	if (alg == ATTEST_SHA1) {
		SHA_CTX context;

		return SHA1_Init(&context) && SHA1_Update(&context, a.data, a.len) &&
		       SHA1_Update(&context, b.data, b.len) && SHA1_Final(out, &context);
	}
	if (alg == ATTEST_SHA384) {
		SHA512_CTX context;

		return SHA384_Init(&context) && SHA384_Update(&context, a.data, a.len) &&
		       SHA384_Update(&context, b.data, b.len) && SHA384_Final(out, &context);
	}
	return false;
}

int attest_hash(struct attest_hasher *hasher, uint16_t alg, struct rf_slice a, struct rf_slice b,
		uint8_t *out)
{
	size_t i = alg_index(alg);
	EVP_MD_CTX *context = i < ALG_COUNT ? hasher->contexts[i] : NULL;

	if (hash_fast(alg, a, b, out))
		return 0;
	if (!context)
		return RF_E_UNSUPPORTED;
	/* Type NULL means the context's own algorithm: no new fetch. */
	if (!EVP_DigestInit_ex(context, NULL, NULL) ||
	    (a.len && !EVP_DigestUpdate(context, a.data, a.len)) ||
	    (b.len && !EVP_DigestUpdate(context, b.data, b.len)) ||
	    !EVP_DigestFinal_ex(context, out, NULL))
		return RF_E_CRYPTO;
	return 0;
}

int attest_hash_parts(struct attest_hasher *hasher, uint16_t alg, const struct rf_slice *parts,
		      size_t count, uint8_t *out)
{
	size_t i = alg_index(alg);
	EVP_MD_CTX *context = i < ALG_COUNT ? hasher->contexts[i] : NULL;

	if (!context)
		return RF_E_UNSUPPORTED;
	if (!EVP_DigestInit_ex(context, NULL, NULL))
		return RF_E_CRYPTO;
	for (size_t n = 0; n < count; n++) {
		if (parts[n].len && !EVP_DigestUpdate(context, parts[n].data, parts[n].len))
			return RF_E_CRYPTO;
	}
	return EVP_DigestFinal_ex(context, out, NULL) ? 0 : RF_E_CRYPTO;
}

int attest_extend(struct attest_hasher *hasher, uint16_t alg, uint8_t *value,
		  struct rf_slice digest)
{
	return attest_hash(hasher, alg, (struct rf_slice){value, attest_digest_size(alg)}, digest,
			   value);
}
