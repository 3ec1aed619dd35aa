/* SPDX-License-Identifier: Apache-2.0 */
/* What stands inside an IMA entry's template data; used by ima.c and imasig.c only. */
#ifndef RF_ATTEST_IMA_TEMPLATE_H
#define RF_ATTEST_IMA_TEMPLATE_H

#include "attest/ima.h"

/* IMA_OTHER for a name we do not know. */
enum ima_template ima_template_of_name(struct rf_slice name);

/*
 * Reads the fields of entry->template_data (any template but IMA_OLD) into entry; template,
 * template_name, template_data and violation must be set. A template with unknown fields is left
 * unread. Returns 0 or RF_E_SYNTAX / RF_E_TRUNCATED with the field's name.
 */
int ima_template_read(struct ima_entry *entry, bool big_endian, struct rf_err *err) RF_MUST_CHECK;

/* The first field of that kernel name ("d-modsig", "iuid") of an entry that was read. False when it
 * has none. */
bool ima_template_field(const struct ima_entry *entry, bool big_endian, const char *name,
			struct rf_slice *out);

/* A digest field ("sha256:", NUL, digest). alg 0 when the TPM has no number for it. RF_E_SYNTAX. */
int ima_template_digest(struct rf_slice field, struct attest_digest *out,
			struct rf_err *err) RF_MUST_CHECK;

#endif
