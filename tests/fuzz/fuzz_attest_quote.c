/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes of TPM 2.0 and 1.2: what is accepted keeps its promises, and the digest check indexes no
 * PCR that is not there. */
#include "attest/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct rf_slice part, const uint8_t *data, size_t size)
{
	return part.len == 0 || (part.data >= data && part.data + part.len <= data + size);
}

static void check(const struct attest_quote *q, const uint8_t *data, size_t size)
{
	if (q->selections_count > ATTEST_MAX_BANKS || !inside(q->extra_data, data, size) ||
	    !inside(q->pcr_digest, data, size) || !inside(q->qualified_signer, data, size))
		__builtin_trap();
	for (size_t i = 0; i < q->selections_count; i++) {
		if (q->selections[i].pcrs >> ATTEST_PCRS)
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct attest_hasher *hasher;
	static struct attest_pcr_values values;
	struct attest_quote q;
	struct rf_err err = {0};
	const struct rf_slice in = {data, size};

	if (!hasher && attest_hasher_new(&hasher, NULL))
		return 0;
	if (!values.banks_count) {
		values.banks_count = 1;
		values.algs[0] = ATTEST_SHA1;
		values.present[0] = 0xffffff;
		for (int i = 0; i < ATTEST_PCRS; i++)
			values.values[0][i] = (struct attest_digest){ATTEST_SHA1, 20, {0}};
	}
	if (attest_quote_parse(in, &q, &err) == 0) {
		check(&q, data, size);
		(void)!attest_quote_digest_check(hasher, &q, ATTEST_SHA256, &values, &err);
		(void)!attest_quote_nonce_check(&q, rf_slice_text("0123"), &err);
	}
	if (attest_quote12_parse(in, &q, &err) == 0) {
		check(&q, data, size);
		(void)!attest_quote12_digest_check(hasher, &q, &values, &err);
	}
	return 0;
}
