/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compact Merkle tree of RFC 6962 section 2.1: of the leaves only the roots of the complete
 * subtrees are kept, one for each bit of the size.
 */
#include <openssl/evp.h>
#include <string.h>

#include "govern/parts.h"

int ledger_hash(uint8_t prefix, struct rf_slice a, struct rf_slice b,
		uint8_t out[LEDGER_HASH_BYTES], struct rf_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool done = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		    EVP_DigestUpdate(ctx, &prefix, 1) == 1 &&
		    (a.len == 0 || EVP_DigestUpdate(ctx, a.data, a.len) == 1) &&
		    (b.len == 0 || EVP_DigestUpdate(ctx, b.data, b.len) == 1) &&
		    EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return done ? 0 : rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
}

static int join(const uint8_t *left, const uint8_t *right, uint8_t *out, struct rf_err *err)
{
	uint8_t both[2 * LEDGER_HASH_BYTES];

	memcpy(both, left, LEDGER_HASH_BYTES);
	memcpy(both + LEDGER_HASH_BYTES, right, LEDGER_HASH_BYTES);
	return ledger_hash(1, (struct rf_slice){both, sizeof(both)}, (struct rf_slice){0}, out,
			   err);
}

unsigned ledger_tree_nodes(uint64_t size)
{
	return (unsigned)__builtin_popcountll(size);
}

int ledger_tree_add(struct ledger_tree *tree, struct rf_slice leaf, struct rf_err *err)
{
	unsigned count = ledger_tree_nodes(tree->size);
	uint8_t hash[LEDGER_HASH_BYTES];
	int rc = ledger_hash(0, leaf, (struct rf_slice){0}, hash, err);

	/* Each trailing one bit of the size is a complete subtree that the new leaf completes. */
	for (uint64_t n = tree->size; rc == 0 && (n & 1); n >>= 1)
		rc = join(tree->nodes[--count], hash, hash, err);
	if (rc < 0)
		return rc;
	memcpy(tree->nodes[count], hash, sizeof(hash));
	tree->size++;
	return 0;
}

int ledger_tree_root(const struct ledger_tree *tree, uint8_t out[LEDGER_HASH_BYTES],
		     struct rf_err *err)
{
	unsigned count = ledger_tree_nodes(tree->size);
	uint8_t hash[LEDGER_HASH_BYTES];

	if (count == 0) {
		if (EVP_Digest("", 0, out, NULL, EVP_sha256(), NULL) != 1)
			return rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
		return 0;
	}
	memcpy(hash, tree->nodes[count - 1], sizeof(hash));
	for (unsigned i = count - 1; i > 0; i--) {
		int rc = join(tree->nodes[i - 1], hash, hash, err);

		if (rc < 0)
			return rc;
	}
	memcpy(out, hash, sizeof(hash));
	return 0;
}
