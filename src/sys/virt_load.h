/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's libraries, loaded with dlopen when they are asked for, so that a machine without
 * libvirt runs everything else. */
#ifndef RF_SYS_VIRT_LOAD_H
#define RF_SYS_VIRT_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* One function of a library and where its address goes in the caller's struct. */
struct virt_symbol {
	const char *name;
	size_t offset;
	bool required; /* without it the library is too old */
};

/* Fills api. RF_E_UNSUPPORTED when the library is not here or lacks a required function. The
 * library stays loaded: libvirt cannot be unloaded safely. */
int virt_load(const char *library, const struct virt_symbol *symbols, size_t count, void *api,
	      struct rf_err *err) RF_MUST_CHECK;

#endif
