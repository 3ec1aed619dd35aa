/* SPDX-License-Identifier: Apache-2.0 */
/* Two signature databases, parted by the first byte's share of the input. */
#include <string.h>

#include "attest/sbdiff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sbdiff diff, back;
	char text[512];
	struct words w = words_into(text, sizeof(text));

	if (size == 0)
		return 0;
	size_t cut = (size - 1) * data[0] / 255;
	const struct rf_slice before = {data + 1, cut}, after = {data + 1 + cut, size - 1 - cut};

	if (sbdiff_compare(SBDIFF_DBX, before, after, &diff, NULL))
		return 0;
	sbdiff_words(&w, &diff);
	if (strlen(text) != w.len || (diff.lines_count == 0) != (diff.added + diff.removed == 0))
		__builtin_trap();
	/* The way back is the same way, and nobody differs from himself. */
	if (sbdiff_compare(SBDIFF_DBX, after, before, &back, NULL) || back.added != diff.removed ||
	    back.removed != diff.added)
		__builtin_trap();
	if (sbdiff_compare(SBDIFF_DBX, after, after, &back, NULL) || back.added || back.removed)
		__builtin_trap();
	return 0;
}
