/* SPDX-License-Identifier: Apache-2.0 */
/* The text of /proc/PID/smaps, which a QEMU that its guest took over fills with names of its own.
 * The first byte says how much RAM is looked for. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz_rest.h"
#include "isolate/smaps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smaps_ram ram = {.bytes = -1};
	struct rf_err err = {0};

	if (size < 1)
		return 0;
	RF_AUTOFREE uint8_t *copy = fuzz_rest(data, size);

	if (!copy)
		return 0;
	int64_t wanted = (int64_t)(data[0] & 0x3f) << (20 + (data[0] >> 6));
	int rc = smaps_read((struct rf_slice){copy, size - 1}, wanted, &ram, &err);

	/* What is refused has left no trace; RAM that was found by its size is at least that. */
	if (rc < 0 ? ram.bytes != -1 || !err.code
		   : ram.found && (ram.bytes < wanted || (ram.exact && ram.bytes != wanted)))
		abort();
	return 0;
}
