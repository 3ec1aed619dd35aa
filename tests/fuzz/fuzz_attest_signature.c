/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures for an ECC key that signs nothing: whatever verifies is a hole. The first byte picks
 * whether the key leaves its scheme open. */
#include "attest/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* P-256's base point negated: its private key is n - 1, which no input of a fuzzer signs with. */
static const uint8_t point_x[32] = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47,
				    0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
				    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0,
				    0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96};
static const uint8_t point_y[32] = {0xb0, 0x1c, 0xbd, 0x1c, 0x01, 0xe5, 0x80, 0x65,
				    0x71, 0x18, 0x14, 0xb5, 0x83, 0xf0, 0x61, 0xe9,
				    0xd4, 0x31, 0xcc, 0xa9, 0x94, 0xce, 0xa1, 0x31,
				    0x34, 0x49, 0xbf, 0x97, 0xc8, 0x40, 0xae, 0x0a};

static struct attest_key *key_make(bool open)
{
	const struct attest_public pub = {
		.type = ATTEST_KEY_ECC,
		.curve = 3,
		.scheme = open ? 0 : ATTEST_ECDSA,
		.scheme_hash = open ? 0 : ATTEST_SHA256,
		.x = {point_x, sizeof(point_x)},
		.y = {point_y, sizeof(point_y)},
	};
	struct attest_key *key = NULL;

	if (attest_key_new(&pub, &key, NULL))
		__builtin_trap();
	return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct attest_key *keys[2];
	struct rf_err err = {0};
	uint16_t hash = 0;

	if (!keys[0]) {
		keys[0] = key_make(false);
		keys[1] = key_make(true);
	}
	if (!size)
		return 0;
	if (attest_signature_verify(keys[data[0] & 1], (struct rf_slice){data + 1, size - 1},
				    rf_slice_text("a quote"), &hash, &err) == 0)
		__builtin_trap();
	return 0;
}
