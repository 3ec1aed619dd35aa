/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What shim measured by name alone: the machine owner's keys. Its log entry holds "MokList" and a
 * digest; the contents lie in a table that shim leaves for the kernel, whole, or in a variable that
 * may be cut where the firmware allows no large ones. Not for judging them.
 * Source: shim, mok.c (mirror_one_mok_variable, import_mok_state); kernel
 * drivers/firmware/efi/mokvar-table.c; Documentation/filesystems/efivarfs.rst.
 */
#include "attest/evidence.h"
#include "attest/sbdiff.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/evidence.h"

#define TABLE	   "/sys/firmware/efi/mok-variables/"
#define VARIABLES  "/sys/firmware/efi/efivars/"
#define SHIM_GUID  "-605dab50-e046-4300-abb6-3dd810dd8b23"
#define ATTRIBUTES 4u /* bytes before the contents, of efivarfs */

static const char *const names[] = {"MokListRT", "MokListXRT"};

/* The contents; empty where there is no such variable or nobody may read it. */
static struct rf_slice read_variable(struct sys *sys, const char *name, struct rf_buf *file)
{
	char path[160];

	rf_format(path, sizeof(path), TABLE "%s", name);
	if (sys_read(sys, path, SBDIFF_MAX_BYTES, file, NULL) == 0 && file->len)
		return rf_buf_slice(file);
	rf_buf_reset(file);
	rf_format(path, sizeof(path), VARIABLES "%s" SHIM_GUID, name);
	if (sys_read(sys, path, SBDIFF_MAX_BYTES, file, NULL) < 0 || file->len <= ATTRIBUTES)
		return (struct rf_slice){0};
	return (struct rf_slice){file->data + ATTRIBUTES, file->len - ATTRIBUTES};
}

int evidence_shim(struct sys *sys, struct rf_buf *section)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(names); i++) {
		RF_AUTOBUF struct rf_buf file = {0};
		struct rf_slice contents = read_variable(sys, names[i], &file);

		if (contents.len)
			rc = evidence_variable_add(section, names[i], contents);
	}
	return rc;
}
