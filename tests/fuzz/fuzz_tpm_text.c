/* SPDX-License-Identifier: Apache-2.0 */
/* What a TPM said of itself, out of a capture; and the file of an attestation key. */
#include <string.h>

#include "base/mem.h"
#include "collect/tpm_text.h"
#include "sys/tpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tpm_text out;
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	struct rf_slice key = {0};

	if (!text)
		return 0;
	tpm_text_parse(text, &out);
	for (size_t b = 0; b < out.pcrs.banks_count; b++) {
		size_t len = attest_digest_size(out.pcrs.algs[b]);

		if (len == 0 || out.pcrs.present[b] >> ATTEST_PCRS)
			__builtin_trap();
		for (size_t i = 0; i < ATTEST_PCRS; i++) {
			if ((out.pcrs.present[b] >> i & 1) && out.pcrs.values[b][i].len != len)
				__builtin_trap();
		}
	}
	if (tpm_ak_public((struct rf_slice){data, size}, &key, NULL) == 0 &&
	    (key.data < data || key.len > size || key.data + key.len > data + size))
		__builtin_trap();
	return 0;
}
