/* SPDX-License-Identifier: Apache-2.0 */
/* Names of kernel releases, and lists of CPUs. */
#include <string.h>

#include "base/mem.h"
#include "collect/host_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *a = rf_strndup((const char *)data, size);
	char *b = a ? strchr(a, '\n') : NULL;

	if (!b)
		return 0;
	*b++ = '\0';
	/* An order, whichever way it is asked. */
	int one = host_release_compare(a, b), other = host_release_compare(b, a);

	if ((one > 0) != (other < 0) || (one == 0) != (other == 0))
		__builtin_trap();
	(void)host_cpu_list_count(a);
	return 0;
}
