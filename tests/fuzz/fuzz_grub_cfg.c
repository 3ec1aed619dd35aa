/* SPDX-License-Identifier: Apache-2.0 */
/* Superusers and passwords of a grub.cfg. */
#include <string.h>

#include "base/mem.h"
#include "collect/boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	RF_AUTOFREE char *copy = rf_strdup(text);

	if (!text || !copy)
		return 0;
	bool names = strstr(copy, "superusers") && strstr(copy, "password");

	/* No password without either word. */
	if (boot_grub_has_password(text, true) && !names)
		__builtin_trap();
	return 0;
}
