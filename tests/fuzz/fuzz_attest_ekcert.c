/* SPDX-License-Identifier: Apache-2.0 */
/* EK certificates as NV holds them, and stores of certificates: each input is tried as both, so
 * that a certificate can even be its own trusted root. */
#include "attest/ekcert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t modulus[256] = {[0] = 0xc5, [1] = 0x11, [255] = 0x01};
/* Of the corpus's certificates (nobody kept the private half), so that inputs get past the
 * comparison of keys and into the building of chains. */
static const uint8_t point_x[32] = {0x20, 0x1a, 0x40, 0x8e, 0x12, 0x06, 0xe4, 0x9b,
				    0xb8, 0xf1, 0x38, 0x1f, 0x5b, 0xde, 0x2e, 0xbb,
				    0x83, 0x43, 0x8a, 0xbf, 0x58, 0x99, 0x2c, 0x09,
				    0xc2, 0xd6, 0xa6, 0x4a, 0x06, 0xdc, 0x77, 0x64};
static const uint8_t point_y[32] = {0xa4, 0xc5, 0x86, 0x3e, 0x59, 0xce, 0x53, 0x6f,
				    0x5e, 0xe3, 0x59, 0xfd, 0x2d, 0x76, 0xfa, 0x5b,
				    0xdd, 0xca, 0x5b, 0x3e, 0x3e, 0x9f, 0xce, 0x4c,
				    0x46, 0x56, 0x37, 0x87, 0x27, 0x1a, 0xc9, 0x75};

static const struct attest_public strange_key = {
	.type = ATTEST_KEY_RSA, .exponent = 65537, .modulus = {modulus, sizeof(modulus)}};
static const struct attest_public corpus_key = {
	.type = ATTEST_KEY_ECC, .curve = 3, .x = {point_x, 32}, .y = {point_y, 32}};

static int verify(struct ekcert_store *store, const struct attest_public *ek, struct rf_slice leaf)
{
	const struct ekcert_request request = {
		.leaf = leaf, .chain = &leaf, .chain_count = 1, .ek = ek, .now_s = 1900000000};
	struct ekcert_info info;
	struct rf_err err = {0};

	return ekcert_verify(store, &request, &info, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ekcert_store *store = NULL;
	struct rf_err err = {0};
	const struct rf_slice in = {data, size};
	size_t count = 0;

	if (ekcert_store_new(&store, &err))
		return 0;
	if (ekcert_store_add(store, in, &count, &err) == 0 && !count)
		__builtin_trap();
	/* Nobody made a certificate for this key. */
	if (verify(store, &strange_key, in) == 0)
		__builtin_trap();
	/* Good only where the input is its own trusted root. */
	if (verify(store, &corpus_key, in) == 0 && !count)
		__builtin_trap();
	ekcert_store_free(store);
	return 0;
}
