/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI variables as efivarfs shows them: four bytes of attributes, then the value. */
#ifndef RF_COLLECT_EFI_H
#define RF_COLLECT_EFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/fact.h"
#include "sys/sys.h"

#define EFI_LABEL_BYTES 256u

/* What a Boot#### variable says (UEFI 2.10, 3.1.3 EFI_LOAD_OPTION). */
struct efi_load_option {
	char label[EFI_LABEL_BYTES]; /* UTF-8 */
	const char *kind;	     /* disk, network, removable, firmware, other */
	bool active;
};

/* Parses a load option without efivarfs' attributes. Returns 0 or RF_E_TRUNCATED, RF_E_SYNTAX. */
int efi_load_option_parse(struct rf_slice in, struct efi_load_option *out,
			  struct rf_err *err) RF_MUST_CHECK;

/* UTF-16LE to UTF-8, up to a NUL; what is no character becomes '?'. */
void efi_text(struct rf_slice in, char *out, size_t size);

/* Reads a variable of the global vendor; the value goes to out. Negative when it cannot be had. */
int efi_variable_read(struct sys *sys, const char *name, struct rf_buf *out) RF_MUST_CHECK;

/* Fills efi_boot_entry; returns 1 when the boot order holds an active network or removable entry, 0
 * when not, -1 when it is not known (a gap says why). */
int efi_boot_entries_collect(struct sys *sys, struct fact_sink *out);

#endif
