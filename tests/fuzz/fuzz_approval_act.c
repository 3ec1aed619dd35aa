/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of an approval from anywhere: what is read is written again to the same bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "govern/approval_act.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rf_slice in = {data, size};
	RF_AUTOBUF struct rf_buf again = {0};
	struct approval_act act = {0};

	if (approval_act_decode(in, &act, NULL) == 0 &&
	    (approval_act_encode(&act, &again, NULL) < 0 ||
	     !rf_slice_equal(in, rf_buf_slice(&again))))
		abort();
	approval_act_done(&act);
	return 0;
}
