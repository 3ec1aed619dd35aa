/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI variables of boot logs: signature databases, certificates, boot entries, device paths. */
#include <string.h>

#include "attest/devicepath.h"
#include "attest/efivar.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
	if (strlen(text) >= size || !rf_utf8_valid((const uint8_t *)text, strlen(text)))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rf_slice in = {data, size}, file;
	struct efivar_load_option option;
	struct efivar var;
	char text[128];
	struct words w = words_into(text, sizeof(text));

	if (efivar_parse(in, &var, NULL) == 0)
		in = var.value;
	if (efivar_database_words(&w, in, NULL) < 0)
		words_add(&w, "!");
	check_text(text, sizeof(text));
	w = words_into(text, sizeof(text));
	if (!efivar_subject_words(&w, in) && w.len != 0)
		__builtin_trap();
	if (efivar_load_option_parse(in, &option, NULL) == 0) {
		words_add_utf16(&w, option.description);
		devicepath_words(&w, option.path);
	}
	check_text(text, sizeof(text));
	w = words_into(text, sizeof(text));
	devicepath_words(&w, (struct rf_slice){data, size});
	check_text(text, sizeof(text));
	if (devicepath_file((struct rf_slice){data, size}, &file) && file.len > size)
		__builtin_trap();
	return 0;
}
