/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes as expressions of a rule of each family: where it sends packets. */
#include <stddef.h>
#include <stdint.h>

#include "collect/nft_way.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nft_ways ways;

	for (unsigned family = 0; family < 16; family++)
		nft_ways_read((struct rf_slice){data, size}, (uint8_t)family, &ways);
	return 0;
}
