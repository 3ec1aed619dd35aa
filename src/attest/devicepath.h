/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UEFI device paths in words (UEFI 2.10, chapter 10): PciRoot(0x0)/Pci(0x1f,0x2)/Sata(...)/
 * HD(1,GPT,...)/\EFI\BOOT\BOOTX64.EFI. A path in a boot log is a hint: no digest covers it.
 */
#ifndef RF_ATTEST_DEVICEPATH_H
#define RF_ATTEST_DEVICEPATH_H

#include "attest/words.h"

struct devicepath_node {
	uint8_t type, subtype;
	struct rf_slice body; /* without the four bytes of the header */
};

/* Iterates: *at starts at 0. 1: a node, 0: the end, or the path is broken from here on. */
int devicepath_next(struct rf_slice path, size_t *at, struct devicepath_node *out);

/* Adds the whole path; what is not known as Path(type,subtype). */
void devicepath_words(struct words *w, struct rf_slice path);

/* The UTF-16 text of the last file node; false when the path names no file. */
bool devicepath_file(struct rf_slice path, struct rf_slice *out);

/* True for a path to the ROM of a PCI device: PCI nodes and then an offset range. */
bool devicepath_is_option_rom(struct rf_slice path);

#endif
