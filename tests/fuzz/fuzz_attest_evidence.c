/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence container and its PCR section; what is read is written again the same. */
#include <string.h>

#include "attest/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pcrs(struct rf_slice in)
{
	static struct attest_pcr_values values, again;
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};

	if (evidence_pcrs_parse(in, &values, &err))
		return;
	if (evidence_pcrs_add(&out, &values) || out.len != in.len ||
	    evidence_pcrs_parse(rf_buf_slice(&out), &again, &err))
		__builtin_trap();
	for (size_t i = 0; i < again.banks_count; i++) {
		if (again.present[i] != values.present[i] || again.present[i] >> ATTEST_PCRS)
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rf_err err = {0};
	struct evidence e;

	pcrs((struct rf_slice){data, size});
	if (evidence_parse((struct rf_slice){data, size}, &e, &err))
		return 0;
	for (size_t i = 0; i < sizeof(e.sections) / sizeof(e.sections[0]); i++) {
		const uint8_t *at = e.sections[i].data;

		if (at && (at < data || at + e.sections[i].len > data + size))
			__builtin_trap();
	}
	pcrs(e.sections[EVIDENCE_PCRS]);
	return 0;
}
