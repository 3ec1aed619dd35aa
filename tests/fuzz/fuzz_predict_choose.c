/* SPDX-License-Identifier: Apache-2.0 */
/* Which entry of a grub.cfg starts; before a NUL stands the value of next_entry. */
#include <string.h>

#include "attest/predict_parts.h"
#include "base/mem.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct predict_choices choices;
	static struct grubenv env;
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t len = nul ? (size_t)(nul - data) : 0;
	char path[64];

	memset(&env, 0, sizeof(env));
	if (len < sizeof(env.variables[0].value)) {
		rf_copy(env.variables[0].name, sizeof(env.variables[0].name), "next_entry");
		memcpy(env.variables[0].value, data, len);
		env.count = 1;
	}
	data = nul ? nul + 1 : data;
	size = nul ? size - len - 1 : size;
	const struct rf_slice config = {data, size > 4096 ? 4096 : size};

	if (predict_choose(config, nul ? &env : NULL, &choices) < 0)
		return 0;
	if (choices.count > PREDICT_MAX_CHOICES || (choices.certain && choices.count != 1))
		__builtin_trap();
	for (size_t i = 0; i < choices.count; i++) {
		const struct predict_choice *choice = &choices.items[i];

		if (choice->depth == 0 || choice->depth > PREDICT_MAX_DEPTH ||
		    choice->levels[choice->depth - 1].submenu)
			__builtin_trap();
		for (size_t d = 0; d < choice->depth; d++) {
			struct rf_slice body = choice->levels[d].body;

			if (body.data < config.data || body.len < 2 ||
			    body.data + body.len > config.data + config.len)
				__builtin_trap();
		}
		(void)predict_way_kernel(choice, path, sizeof(path));
	}
	return 0;
}
