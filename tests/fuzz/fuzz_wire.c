/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of frames as a manager takes it: what is read is written again alike. */
#include <string.h>

#include "fleet/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rf_slice in = {data, size};
	const struct wire_side side = {size % 2 ? WIRE_AGENT : WIRE_MANAGER,
				       size % 3 ? WIRE_SESSION : WIRE_JOINING};

	for (;;) {
		RF_AUTOBUF struct rf_buf again = {0};
		struct wire_frame frame;
		size_t len;

		if (wire_read(in, &side, &frame, &len, NULL))
			return 0;
		if (wire_write(&again, &frame, NULL) || again.len != len || len > in.len ||
		    memcmp(again.data, in.data, len))
			__builtin_trap();
		in = (struct rf_slice){in.data + len, in.len - len};
	}
}
