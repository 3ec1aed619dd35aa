/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as dpkg's status file; neighbours' versions are compared, and the order must be one. */
#include <stdint.h>
#include <stdlib.h>

#include "collect/dpkg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DPKG_AUTOSTATUS struct dpkg_status status = {0};

	rf_buf_add(&status.text, data, size);
	if (dpkg_status_parse(&status) < 0)
		return 0;
	for (size_t i = 1; i < status.count; i++) {
		const char *a = status.packages[i - 1].version, *b = status.packages[i].version;

		if (!a || !b)
			continue;
		int there = dpkg_version_compare(a, b), back = dpkg_version_compare(b, a);

		if ((there > 0) != (back < 0) || (there == 0) != (back == 0))
			abort();
	}
	return 0;
}
