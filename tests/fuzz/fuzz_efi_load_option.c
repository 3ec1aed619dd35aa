/* SPDX-License-Identifier: Apache-2.0 */
/* A Boot#### variable of UEFI. */
#include <string.h>

#include "base/str.h"
#include "collect/efi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct efi_load_option option = {0};

	if (efi_load_option_parse((struct rf_slice){data, size}, &option, NULL) == 0 &&
	    (!option.kind || !rf_utf8_valid((const uint8_t *)option.label, strlen(option.label))))
		__builtin_trap();
	return 0;
}
