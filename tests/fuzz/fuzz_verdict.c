/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole verdict over hostile evidence. First byte: bit 0 takes PCR values without a quote, so
 * that logs and lists are judged behind a signature that no fuzzer makes; bit 1 accepts a TPM 1.2.
 * Without a baseline nothing may be trusted, whatever came.
 */
#include <string.h>

#include "attest/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Texts go to a terminal. */
static void check_text(const char *text, size_t size)
{
	if (!memchr(text, 0, size))
		__builtin_trap();
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			__builtin_trap();
	}
}

static void check(const struct verdict *v)
{
	char words[2048];

	if (verdict_exit_code(v->state) == 0)
		__builtin_trap();
	if (v->reasons.count == 0 || v->reasons.count > REASONS_MAX)
		__builtin_trap();
	for (size_t i = 0; i < v->reasons.count; i++) {
		const struct reason *r = &v->reasons.items[i];

		check_text(r->subject, sizeof(r->subject));
		check_text(r->was, sizeof(r->was));
		check_text(r->now, sizeof(r->now));
		check_text(r->detail, sizeof(r->detail));
		check_text(reason_words(r, words, sizeof(words)), sizeof(words));
		if (r->pcr != REASON_NOWHERE && r->pcr >= ATTEST_PCRS)
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct attest_hasher *hasher;
	static struct verdict verdict; /* used again, as a verifier does */
	struct verdict_options options = {.now_ms = 1700000000000};

	if (size < 1 || (!hasher && attest_hasher_new(&hasher, NULL) < 0))
		return 0;
	options.own_values = data[0] & 1;
	options.accept_tpm12 = data[0] & 2;
	if (attest_verify(hasher, (struct rf_slice){data + 1, size - 1}, &options, &verdict, NULL) <
	    0)
		__builtin_trap();
	check(&verdict);
	return 0;
}
