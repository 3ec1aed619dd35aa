/* SPDX-License-Identifier: Apache-2.0 */
/* What ESXi hosts say of their boot, as JSON. */
#include <string.h>

#include "attest/esx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct attest_hasher *hasher;
	const struct esx_event *events = NULL;
	const struct esx_pcr *rows = NULL;
	struct esx_log *log = NULL;
	struct rf_err err = {0};

	if (!hasher && attest_hasher_new(&hasher, NULL))
		__builtin_trap();
	if (esx_open(hasher, (struct rf_slice){data, size}, &log, &err)) {
		if (log || !err.text[0])
			__builtin_trap();
		return 0;
	}
	size_t count = esx_log_events(log, &events);

	for (size_t i = 0; i < count; i++) {
		if (events[i].pcr >= ATTEST_PCRS || !events[i].name || !events[i].vendor ||
		    events[i].digest.len != attest_digest_size(events[i].digest.alg))
			__builtin_trap();
	}
	int n = esx_compare(hasher, log, &rows, &err);

	/* Every event has its row. */
	for (size_t i = 0; i < count; i++) {
		bool found = false;

		for (int k = 0; k < n; k++)
			found |=
				rows[k].pcr == events[i].pcr && rows[k].alg == events[i].digest.alg;
		if (!found)
			__builtin_trap();
	}
	esx_free(log);
	return 0;
}
