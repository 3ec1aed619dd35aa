/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names a path for a digest that was measured, by what a host says of its boot files
 * (EVIDENCE_FILES, written by boot_files.c). A hint for a person: the host could lie, and the file
 * may have changed since it was booted.
 */
#ifndef RF_COLLECT_BOOT_PATHS_H
#define RF_COLLECT_BOOT_PATHS_H

#include "attest/boot.h"

/* Zero it before; boot_paths_done frees. */
struct boot_paths {
	struct json_t *files; /* owns the paths */
	struct boot_path *sorted;
	size_t count;
};

/* Reads the section: hostile bytes. One that is missing, damaged or too large names nothing; so
 * does one for which there is no memory. */
void boot_paths_read(struct rf_slice section, struct boot_paths *out);
void boot_paths_done(struct boot_paths *paths);

/* The path of a file that has one of the item's digests, of the whole file or as a boot program;
 * NULL when no file has. Borrowed, as the host wrote it. */
const char *boot_paths_find(const struct boot_paths *paths, const struct boot_item *item);

#endif
