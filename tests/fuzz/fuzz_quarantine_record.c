/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a quarantine: what is read can be written and read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "collect/quarantine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct quarantine_record record, again;

	if (quarantine_record_parse((struct rf_slice){data, size}, &record, NULL) < 0)
		return 0;
	if (record.cards_count > QUARANTINE_MAX_CARDS)
		abort();
	if (quarantine_record_write(&record, &text, NULL) < 0)
		return 0;
	if (!record.vm[0] || !record.uuid[0] || !record.level[0])
		return 0;
	for (size_t i = 0; i < record.cards_count; i++)
		if (!record.cards[i].mac[0])
			return 0;
	if (quarantine_record_parse(rf_buf_slice(&text), &again, NULL) < 0 ||
	    strcmp(again.vm, record.vm) != 0 || strcmp(again.reason, record.reason) != 0 ||
	    again.since_ms != record.since_ms || again.cards_count != record.cards_count)
		abort();
	return 0;
}
