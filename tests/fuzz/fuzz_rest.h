/* SPDX-License-Identifier: Apache-2.0 */
/* For targets whose first byte says which part of them is meant. */
#ifndef FUZZ_REST_H
#define FUZZ_REST_H

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* All behind the first byte, exactly so long: a read beyond it is seen. NULL: no memory, or no
 * byte. */
static inline uint8_t *fuzz_rest(const uint8_t *data, size_t size)
{
	uint8_t *copy = size ? rf_alloc(size, 1) : NULL;

	if (copy)
		memcpy(copy, data + 1, size - 1);
	return copy;
}

#endif
