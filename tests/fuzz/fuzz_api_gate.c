/* SPDX-License-Identifier: Apache-2.0 */
/* The gate: bytes in one piece and in pieces are judged alike; what goes on has a head in bounds.
 */
#include <stdlib.h>

#include "api/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate whole = {0}, pieces = {0};
	bool goes = true;
	bool all = gate_feed(&whole, (struct rf_slice){data, size});

	for (size_t i = 0; i < size && goes; i++)
		goes = gate_feed(&pieces, (struct rf_slice){data + i, 1});
	if (all != goes || whole.refusal.status != pieces.refusal.status)
		abort();
	if (all && (whole.phase != pieces.phase || whole.head_bytes > GATE_MAX_HEAD_BYTES))
		abort();
	gate_done(&whole);
	gate_done(&pieces);
	return 0;
}
