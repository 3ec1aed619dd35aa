/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink answers: the first byte chooses whether one message ends it, the rest is a datagram. */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz_rest.h"
#include "sys/netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct netlink_answer answer = {.seq = 5, .portid = 7};

	if (size == 0)
		return 0;
	answer.single_type = data[0];
	/* As the kernel's: aligned. */
	RF_AUTOFREE uint8_t *copy = fuzz_rest(data, size);

	if (!copy)
		return 0;
	int rc = netlink_take(&answer, copy, size - 1, &out);

	/* What was taken is whole messages at multiples of four. */
	if (out.len % 4 != 0 || rc > NETLINK_DONE)
		__builtin_trap();
	return 0;
}
