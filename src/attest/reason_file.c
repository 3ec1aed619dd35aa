/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds of files that IMA measures, by path, see reason_file.h. IMA's usual templates do not say
 * which hook measured a file. Not for judging them.
 * Source: kernel security/integrity/ima/ima_policy.c (hooks), Documentation/admin-guide/
 * module-signing.rst, firmware_class (search paths); file-hierarchy(7).
 */
#include <string.h>

#include "attest/reason_file.h"
#include "base/mem.h"
#include "base/str.h"

static const struct file_row {
	const char *deed, *one, *many;
} rows[REASON_FILE_COUNT] = {
	[REASON_FILE_ANY] = {"A file was run or read", "file", "files"},
	[REASON_FILE_PROGRAM] = {"A program ran", "program", "programs"},
	[REASON_FILE_LIBRARY] = {"A library was loaded", "library", "libraries"},
	[REASON_FILE_SCRIPT] = {"A script was run or read", "script", "scripts"},
	[REASON_FILE_MODULE] = {"A kernel module was loaded", "kernel module", "kernel modules"},
	[REASON_FILE_FIRMWARE] = {"Firmware was loaded into a device", "device firmware file",
				  "device firmware files"},
	[REASON_FILE_POLICY] = {"A security policy was loaded", "security policy",
				"security policies"},
	[REASON_FILE_BOOT] = {"A kernel or initrd was read or loaded", "kernel or initrd file",
			      "kernel or initrd files"},
};

enum match { ENDS, HOLDS, NAME_STARTS };

/* The first that fits: where a file lies says less than how it ends. */
static const struct {
	enum match match;
	const char *text;
	enum reason_file file;
} signs[] = {
	{ENDS, ".ko", REASON_FILE_MODULE},
	{ENDS, ".ko.xz", REASON_FILE_MODULE},
	{ENDS, ".ko.zst", REASON_FILE_MODULE},
	{ENDS, ".ko.gz", REASON_FILE_MODULE},
	{HOLDS, "/lib/firmware/", REASON_FILE_FIRMWARE},
	{HOLDS, "/etc/ima/", REASON_FILE_POLICY},
	{NAME_STARTS, "ima-policy", REASON_FILE_POLICY},
	{HOLDS, "/policy/policy.", REASON_FILE_POLICY},
	{NAME_STARTS, "vmlinuz", REASON_FILE_BOOT},
	{NAME_STARTS, "bzImage", REASON_FILE_BOOT},
	{NAME_STARTS, "initrd", REASON_FILE_BOOT},
	{NAME_STARTS, "initramfs", REASON_FILE_BOOT},
	{ENDS, ".so", REASON_FILE_LIBRARY},
	{HOLDS, ".so.", REASON_FILE_LIBRARY},
	{HOLDS, "/bin/", REASON_FILE_PROGRAM},
	{HOLDS, "/sbin/", REASON_FILE_PROGRAM},
	{HOLDS, "/libexec/", REASON_FILE_PROGRAM},
	{ENDS, ".sh", REASON_FILE_SCRIPT},
	{ENDS, ".py", REASON_FILE_SCRIPT},
	{ENDS, ".pl", REASON_FILE_SCRIPT},
	{ENDS, "/init", REASON_FILE_PROGRAM},
	{ENDS, "/systemd/systemd", REASON_FILE_PROGRAM},
	{HOLDS, "/systemd/systemd-", REASON_FILE_PROGRAM},
};

static bool fits(enum match match, const char *path, const char *text)
{
	const char *slash = strrchr(path, '/');

	switch (match) {
	case ENDS:
		return rf_ends(path, text);
	case HOLDS:
		return strstr(path, text) != NULL;
	case NAME_STARTS:
		return rf_starts(slash ? slash + 1 : path, text);
	}
	return false;
}

enum reason_file reason_file_of(const char *path)
{
	for (size_t i = 0; i < RF_COUNT(signs); i++) {
		if (fits(signs[i].match, path, signs[i].text))
			return signs[i].file;
	}
	return REASON_FILE_ANY;
}

static const struct file_row *row_of(enum reason_file file)
{
	return &rows[(size_t)file < REASON_FILE_COUNT ? file : REASON_FILE_ANY];
}

const char *reason_file_deed(enum reason_file file)
{
	return row_of(file)->deed;
}

const char *reason_file_noun(enum reason_file file, size_t count)
{
	return count == 1 ? row_of(file)->one : row_of(file)->many;
}
