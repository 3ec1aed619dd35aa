/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax of qemu.conf and libvirtd.conf. */
#include <string.h>

#include "virt_fuzz.h"

#include "collect/virtconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct conf_options set = {0};
	struct virtconf_problem problem;

	rf_buf_add(&text, data, size);
	virtconf_parse(rf_buf_text(&text), "/etc/libvirt/qemu.conf", &set, &problem);
	conf_options_done(&set);
	return 0;
}
