/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of an lvm.conf. */
#include "base/mem.h"
#include "collect/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void each(void *ctx, const char *key, const char *value, unsigned int line)
{
	size_t *settings = ctx;

	(*settings)++;
	if (!key[0] || !value || line == 0)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	size_t settings = 0;

	if (text)
		lvm_conf_walk(text, each, &settings);
	if (settings > size)
		__builtin_trap();
	return 0;
}
