/* SPDX-License-Identifier: Apache-2.0 */
/* GRUB's environment block: whatever is read has names and values that the block can hold. */
#include <string.h>

#include "attest/grubenv.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct grubenv env;
	size_t total = 0;

	if (grubenv_parse((struct rf_slice){data, size}, &env, NULL) < 0)
		return 0;
	for (size_t i = 0; i < env.count; i++) {
		const char *found = grubenv_value(&env, env.variables[i].name);

		total += strlen(env.variables[i].name) + strlen(env.variables[i].value) + 2;
		if (!found || strchr(env.variables[i].name, '='))
			__builtin_trap();
	}
	if (total > size || env.count > GRUBENV_MAX_VARIABLES)
		__builtin_trap();
	return 0;
}
