/* SPDX-License-Identifier: Apache-2.0 */
/* Two kernel command lines, parted by the first line feed. */
#include <string.h>

#include "attest/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	size_t cut = line ? (size_t)(line - data) : size;
	const struct rf_slice before = {data, cut}, after = {data + cut, size - cut};
	struct cmdline_diff diff;
	char text[512];
	struct words w = words_into(text, sizeof(text));

	if (cmdline_compare(before, after, &diff, NULL))
		return 0;
	cmdline_diff_words(&w, &diff, size % 4);
	if (strlen(text) != w.len)
		__builtin_trap();
	for (size_t i = 0; i < diff.changes_count; i++) {
		if (!diff.changes[i].before.len && !diff.changes[i].after.len)
			__builtin_trap();
	}
	if (cmdline_compare(after, after, &diff, NULL) || diff.changes_count || diff.more)
		__builtin_trap();
	return 0;
}
