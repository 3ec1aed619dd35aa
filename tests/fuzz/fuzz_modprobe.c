/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of modprobe.d. */
#include <string.h>

#include "base/mem.h"
#include "collect/kernel_modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void each(void *ctx, const struct modprobe_line *line)
{
	const unsigned int *lines = ctx;

	if (!line->name[0] || line->line == 0 || line->line > *lines)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	unsigned int lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n' || data[i] == '\v' ? 1 : 0;
	if (text)
		modprobe_walk(text, "fuzz", each, &lines);
	return 0;
}
