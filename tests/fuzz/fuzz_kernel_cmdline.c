/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a kernel command line. */
#include "base/mem.h"
#include "collect/kconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	char *key, *value;
	size_t words = 0;

	for (char *cursor = text; kernel_word_next(&cursor, &key, &value);) {
		/* Each word takes a byte at least. */
		if (++words > size || !key || !value)
			__builtin_trap();
	}
	return 0;
}
