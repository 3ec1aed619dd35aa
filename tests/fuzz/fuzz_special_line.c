/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the probe special-files, from a capture that anybody may have made. */
#include "base/mem.h"
#include "collect/special_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	struct special_line line;

	if (text && special_line_parse(text, &line) &&
	    (line.path[0] != '/' || line.mode > 07777 || line.uid < 0 || line.gid < 0))
		__builtin_trap();
	return 0;
}
