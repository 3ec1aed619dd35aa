/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of qcow2 images. */
#include "virt_fuzz.h"

#include "collect/qcow2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qcow2_header header;

	if (qcow2_parse((struct rf_slice){data, size}, &header, NULL) < 0)
		return 0;
	return 0;
}
