/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of file an IMA entry is about, in words: a module is loaded and a policy is read,
 * neither is "a program that ran".
 */
#ifndef RF_ATTEST_REASON_FILE_H
#define RF_ATTEST_REASON_FILE_H

#include <stdbool.h>
#include <stddef.h>

enum reason_file {
	REASON_FILE_ANY, /* nothing tells: it was run or read */
	REASON_FILE_PROGRAM,
	REASON_FILE_LIBRARY,
	REASON_FILE_SCRIPT,
	REASON_FILE_MODULE,
	REASON_FILE_FIRMWARE, /* for a device */
	REASON_FILE_POLICY,   /* of IMA or SELinux */
	REASON_FILE_BOOT,     /* a kernel or initrd: for kexec, or only read */
	REASON_FILE_COUNT
};

/* By its path, as the kernel's hooks load such files: *.ko by MODULE_CHECK, /lib/firmware by
 * FIRMWARE_CHECK and so on. A path is a hint, and so is this. */
enum reason_file reason_file_of(const char *path);

/* "A kernel module was loaded" */
const char *reason_file_deed(enum reason_file file);

/* "kernel module", "kernel modules" */
const char *reason_file_noun(enum reason_file file, size_t count);

#endif
