/* SPDX-License-Identifier: Apache-2.0 */
/* Boot files: headers, sections, digests, signatures. Nobody is trusted, so none may be. */
#include "attest/ekcert.h"
#include "attest/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct rf_slice part, const uint8_t *data, size_t size)
{
	if (part.len && (part.data < data || part.data + part.len > data + size))
		__builtin_trap();
}

static void walk(struct attest_hasher *hasher, const struct pe *pe)
{
	struct pe_signature signature;
	struct pe_sbat sbat;
	size_t at = 0, lines = 0;

	while (pe_signature_next(hasher, pe, &at, &signature, NULL) == 1)
		inside(signature.der, pe->file.data, pe->file.len);
	struct rf_slice text = pe_section_find(pe, ".sbat");

	at = 0;
	while (pe_sbat_next(text, &at, &sbat, NULL) == 1) {
		inside(sbat.url, text.data, text.len);
		if (++lines > text.len)
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct attest_hasher *hasher = NULL;
	struct ekcert_store *store = NULL;
	struct attest_digest digest;
	struct pe_signed out;
	struct pe pe;

	if (pe_open((struct rf_slice){data, size}, &pe, NULL) || attest_hasher_new(&hasher, NULL))
		return 0;
	for (size_t i = 0; i < pe.sections_count; i++) {
		inside(pe.sections[i].raw, data, size);
		inside(pe.sections[i].data, data, size);
	}
	if (pe_digest(hasher, &pe, ATTEST_SHA256, PE_AS_SIGNED, &digest))
		__builtin_trap();
	walk(hasher, &pe);
	if (ekcert_store_new(&store, NULL) == 0 &&
	    pe_signed_by(hasher, &pe, store, &out, NULL) == 0)
		__builtin_trap();
	ekcert_store_free(store);
	attest_hasher_free(hasher);
	return 0;
}
