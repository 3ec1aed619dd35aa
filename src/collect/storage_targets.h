/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of the storage-targets collector. */
#ifndef RF_COLLECT_STORAGE_TARGETS_H
#define RF_COLLECT_STORAGE_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

/* True when a file that a loop device shows looks like the disk of a VM: where it lies, what it is
 * called, or because it is a device itself. */
bool storage_looks_like_image(const char *path);

/*
 * Finds the image (for guestmount perhaps a VM's name) among the arguments of guestmount or
 * qemu-nbd. False when there is none, or when qemu-nbd does not connect a device of this host.
 */
bool storage_arguments_image(char *const *arguments, size_t count, const char *program, char *out,
			     size_t size);

#endif
