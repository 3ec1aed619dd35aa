/* SPDX-License-Identifier: Apache-2.0 */
/* .ringfence/meta: what is taken must be written and taken again with the same result. */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "sys/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOBUF struct rf_buf once = {0}, twice = {0};
	struct meta *meta = NULL, *again = NULL;
	struct rf_err err;

	if (meta_parse((const char *)data, size, &meta, &err) < 0)
		return 0;
	(void)!meta_absent(meta, "/a/b/c");
	if (meta_write(meta, &once) == 0) {
		if (meta_parse(rf_buf_text(&once), once.len, &again, &err) < 0 ||
		    meta_write(again, &twice) < 0 || once.len != twice.len ||
		    memcmp(rf_buf_text(&once), rf_buf_text(&twice), once.len) != 0)
			__builtin_trap();
	}
	meta_free(meta);
	meta_free(again);
	return 0;
}
