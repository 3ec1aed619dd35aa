/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte is a kind, what follows its text: what is read can be written, and reads alike. */
#include "fleet/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MESSAGE_AUTO struct message m = {0}, again = {0};
	RF_AUTOBUF struct rf_buf text = {0}, twice = {0};

	if (size == 0)
		return 0;
	enum wire_kind kind = (enum wire_kind)(data[0] % (WIRE_KIND_COUNT + 1));

	if (message_read(kind, (struct rf_slice){data + 1, size - 1}, &m, NULL))
		return 0;
	/* A text may grow when it is written anew, by escapes, and be too long then. */
	if (message_text(&m, &text, NULL) || text.len > wire_row(kind)->text_max)
		return 0;
	if (message_read(kind, rf_buf_slice(&text), &again, NULL) ||
	    message_text(&again, &twice, NULL) ||
	    !rf_slice_equal(rf_buf_slice(&text), rf_buf_slice(&twice)))
		__builtin_trap();
	return 0;
}
