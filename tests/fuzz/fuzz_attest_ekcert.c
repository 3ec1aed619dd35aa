/* SPDX-License-Identifier: Apache-2.0 */
/* EK certificates as NV holds them, and stores of certificates: each input is tried as both, so
 * that a certificate can even be its own trusted root. */
#include "attest/ekcert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t modulus[256] = {[0] = 0xc5, [1] = 0x11, [255] = 0x01};

static void verify(struct ekcert_store *store, struct rf_slice leaf)
{
	const struct attest_public ek = {
		.type = ATTEST_KEY_RSA, .exponent = 65537, .modulus = {modulus, sizeof(modulus)}};
	const struct ekcert_request request = {
		.leaf = leaf, .chain = &leaf, .chain_count = 1, .ek = &ek, .now_s = 1900000000};
	struct ekcert_info info;
	struct rf_err err = {0};

	/* Nobody made a certificate for this key. */
	if (ekcert_verify(store, &request, &info, &err) == 0)
		__builtin_trap();
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
	verify(store, in);
	ekcert_store_free(store);
	return 0;
}
