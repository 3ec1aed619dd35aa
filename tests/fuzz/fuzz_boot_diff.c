/* SPDX-License-Identifier: Apache-2.0 */
/* Two boot logs (a length of four bytes before the first) and what changed between them. */
#include <stdlib.h>

#include "attest/diff.h"
#include "base/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rf_reader r = rf_reader((struct rf_slice){data, size});
	uint32_t len = rf_read_le32(&r);
	struct boot_logs first = {.firmware = rf_read_bytes(&r, len)}, second = {0};
	struct attest_hasher *hasher = NULL;
	struct boot was = {0}, now = {0};
	struct reasons list = {0};
	char text[1024];

	second.firmware = rf_read_rest(&r);
	if (r.failed || attest_hasher_new(&hasher, NULL) < 0)
		return 0;
	if (boot_read(hasher, &first, &was, NULL) == 0 &&
	    boot_read(hasher, &second, &now, NULL) == 0 && boot_diff(&was, &now, &list) == 0) {
		diff_words(&list, text, sizeof(text));
		for (size_t i = 0; i < list.count; i++)
			reason_words(&list.items[i], text, sizeof(text));
		/* The same boot twice is no change. */
		reasons_clear(&list);
		if (boot_diff(&now, &now, &list) < 0 || list.count + list.dropped != 0)
			abort();
	}
	reasons_done(&list);
	boot_done(&was);
	boot_done(&now);
	attest_hasher_free(hasher);
	return 0;
}
