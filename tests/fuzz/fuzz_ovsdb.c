/* SPDX-License-Identifier: Apache-2.0 */
/* Open vSwitch's database file. */
#include "base/mem.h"
#include "collect/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	RF_AUTOBUF struct rf_buf out = {0};

	if (text && ovsdb_managers(text, &out) < 0 && out.len > 0)
		__builtin_trap();
	return 0;
}
