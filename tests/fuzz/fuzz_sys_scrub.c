/* SPDX-License-Identifier: Apache-2.0 */
/* Scrubbers: the first line is the path, the rest the content. Twice must give what once gave. */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "sys/scrub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOBUF struct rf_buf once = {0}, twice = {0};
	const uint8_t *eol = memchr(data, '\n', size);

	if (!eol)
		return 0;
	RF_AUTOFREE char *path = rf_strndup((const char *)data, (size_t)(eol - data));
	size_t head = (size_t)(eol - data) + 1;

	if (!path || rf_buf_add(&once, data + head, size - head) < 0)
		return 0;
	if (scrub_file(path, NULL, &once) < 0 || rf_buf_add(&twice, once.data, once.len) < 0)
		return 0;
	if (scrub_file(path, NULL, &twice) < 0 || once.len != twice.len ||
	    (once.len > 0 && memcmp(once.data, twice.data, once.len) != 0))
		__builtin_trap();
	(void)!scrub_probe("libvirt", &once);
	return 0;
}
