/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines of QEMU and swtpm. */
#include "virt_fuzz.h"

#include "collect/qemu_cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qemu_cmdline qemu;
	struct swtpm_cmdline swtpm;

	qemu_cmdline_parse((struct rf_slice){data, size}, &qemu);
	swtpm_cmdline_parse((struct rf_slice){data, size}, &swtpm);
	return 0;
}
