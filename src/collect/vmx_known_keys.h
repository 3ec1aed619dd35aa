/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of .vmx files that are known to exist; see vmx_known_keys.c. */
#ifndef RF_COLLECT_VMX_KNOWN_KEYS_H
#define RF_COLLECT_VMX_KNOWN_KEYS_H

#include <stddef.h>

struct vmx_known_key {
	const char *key;      /* lower case, each run of digits written as # */
	const char *spelling; /* as guides write it, # for a number; NULL: known, but no guide asks
				 for it */
};

/* Sorted by key. */
extern const struct vmx_known_key vmx_known_keys[];
extern const size_t vmx_known_keys_count;

/* The row of a key written that way, or NULL. */
const struct vmx_known_key *vmx_known_key_find(const char *key);

/* The number of the first row whose key begins with that letter or a later one. */
size_t vmx_known_keys_from(char first);

#endif
