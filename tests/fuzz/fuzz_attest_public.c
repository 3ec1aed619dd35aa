/* SPDX-License-Identifier: Apache-2.0 */
/* Public areas of TPM 2.0 and 1.2, their names, their keys. */
#include "attest/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct attest_public *pub)
{
	struct attest_key *key = NULL;
	struct rf_err err = {0};
	int ak = attest_ak_check(pub, &err), ek = attest_ek_check(pub, &err);

	/* No key is both. */
	if (ak == 0 && ek == 0)
		__builtin_trap();
	if (attest_key_new(pub, &key, &err) == 0 && pub->type == ATTEST_KEY_RSA &&
	    pub->modulus.len < 256)
		__builtin_trap();
	attest_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct attest_hasher *hasher;
	struct attest_public pub;
	struct rf_err err = {0};
	uint8_t name[2 + ATTEST_MAX_DIGEST];
	size_t len = 0;

	if (!hasher && attest_hasher_new(&hasher, NULL))
		return 0;
	if (attest_public_parse((struct rf_slice){data, size}, &pub, &err) == 0) {
		if (attest_public_name(hasher, &pub, name, &len, &err) == 0 && len > sizeof(name))
			__builtin_trap();
		use(&pub);
	}
	if (attest_public12_parse((struct rf_slice){data, size}, &pub, &err) == 0)
		use(&pub);
	return 0;
}
