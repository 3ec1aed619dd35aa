/* SPDX-License-Identifier: Apache-2.0 */
/* A login banner with getty's escapes. */
#include "base/mem.h"
#include "collect/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	struct banner banner = {0};

	if (text)
		banner_read(text, "debian", &banner);
	return 0;
}
