/* SPDX-License-Identifier: Apache-2.0 */
/* A network card in a VM's XML: where it is plugged in is read, replaced, and read as replaced. */
#include <stdlib.h>
#include <string.h>

#include "isolate/cable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOBUF struct rf_buf before = {0}, moved = {0}, after = {0}, back = {0}, again = {0};
	struct rf_slice card;

	if (cable_find((struct rf_slice){data, size}, "52:54:00:00:00:01", &card) < 0)
		return 0;
	if (card.data < data || card.data + card.len > data + size)
		abort();
	if (cable_read(card, &before) < 0)
		return 0;
	if (cable_replace(card, rf_slice_text("bridge rfq525400000001"), &moved) < 0)
		return 0;
	if (cable_read(rf_buf_slice(&moved), &after) < 0 ||
	    strcmp(rf_buf_text(&after), "bridge rfq525400000001") != 0)
		abort();
	/* What was read can be put back, where its names can stand in an attribute. */
	if (cable_replace(rf_buf_slice(&moved), rf_buf_slice(&before), &back) == 0 &&
	    (cable_read(rf_buf_slice(&back), &again) < 0 ||
	     !rf_slice_equal(rf_buf_slice(&again), rf_buf_slice(&before))))
		abort();
	return 0;
}
