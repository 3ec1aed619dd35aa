/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/config.gz, and questions to what comes out of it. */
#include "collect/kconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KCONFIG_AUTO struct kconfig config = {.source = "fuzz"};
	struct rf_slice in = {data, size};

	if (kconfig_gunzip(in, 1u << 20, &config.text) < 0 &&
	    rf_buf_add(&config.text, data, size) < 0)
		return 0;
	(void)kconfig_get(&config, "CONFIG_A");
	(void)kconfig_get(&config, "CONFIG_SCHED_CORE");
	return 0;
}
