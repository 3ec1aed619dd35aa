/* SPDX-License-Identifier: Apache-2.0 */
/* The signature behind a kernel module. */
#include <string.h>

#include "attest/modsig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct modsig sig = {.bytes = SIZE_MAX};
	int rc = modsig_parse((struct rf_slice){data, size}, &sig, NULL);

	/* Only a signature writes, and it stands inside the file. */
	if (rc == 1 ? sig.bytes > size : sig.bytes != SIZE_MAX)
		__builtin_trap();
	if (rc == 1 && (memchr(sig.signer, 0, sizeof(sig.signer)) == NULL ||
			memchr(sig.key_id, 0, sizeof(sig.key_id)) == NULL))
		__builtin_trap();
	return 0;
}
