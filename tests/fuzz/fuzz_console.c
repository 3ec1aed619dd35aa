/* SPDX-License-Identifier: Apache-2.0 */
/* Screens of a VM: what QEMU answers of VNC can be told to it again, what libvirt's XML says of a
 * SPICE screen can be put back. */
#include <stdlib.h>
#include <string.h>

#include "isolate/console.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void spice(struct rf_slice xml)
{
	RF_AUTOBUF struct rf_buf was = {0}, shut = {0}, now = {0};

	if (console_spice_read(xml, &was) < 0)
		return;
	rf_buf_add_text(&shut, "<devices>");
	if (console_spice_replace(xml, "expired", &shut) < 0)
		return;
	if (console_spice_read(rf_buf_slice(&shut), &now) == 0 &&
	    strcmp(rf_buf_text(&now), "expired") != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOBUF struct rf_buf places = {0};
	json_t *arguments = NULL;

	spice((struct rf_slice){data, size});
	if (console_vnc_work(NULL, (struct rf_slice){data, size}, &places, NULL) < 0)
		return 0;
	if (console_vnc_arguments(rf_buf_text(&places), &arguments) == 0)
		json_decref(arguments);
	return 0;
}
