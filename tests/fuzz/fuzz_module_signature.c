/* SPDX-License-Identifier: Apache-2.0 */
/* The signature behind a kernel module. */
#include <string.h>

#include "collect/kernel_modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char signer[64];
	int rc = module_signature_parse((struct rf_slice){data, size}, signer, sizeof(signer));

	/* Without a signature there is nobody who made it. */
	if (rc <= 0 && signer[0])
		__builtin_trap();
	return 0;
}
