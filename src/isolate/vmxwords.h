/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a .vmx file and those of a profile, side by side: one table, both ways. Pure, and
 * about words alone: what a profile's key means is its block's reader (profile.c), what lines of a
 * file become is vmxfile.h.
 */
#ifndef RF_ISOLATE_VMXWORDS_H
#define RF_ISOLATE_VMXWORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/yaml.h"

#define VMX_WORD_BYTES 256 /* room for a key or a value, with its NUL */

/* One value, said by VMware and by a profile. The first row that fits counts, in both directions.
 */
struct vmx_pair {
	const char *vmx, *policy;
};

struct vmx_word {
	const char *key;    /* as VMware writes it; # stands for a number */
	const char *device; /* one exists for each of these that is present: "ethernet#"; or NULL */
	const char *block;  /* of a profile: "network"; NULL: a profile has no such word */
	const char *policy; /* the key there */
	const struct vmx_pair *pairs; /* values by name, up to a row of NULL; NULL: yes and no */
	const char *unit;   /* of whole numbers and lists of them, which a profile writes behind:
			       "", "mbit"; NULL: numbers are no values */
	const char *remark; /* where the meaning is only near, or why it is not carried; or NULL */
};

extern const struct vmx_word vmx_words[];
extern const size_t vmx_words_count;

/* The row of a key in any case, with a number, N or <n> for each #; NULL: not in the table. */
const struct vmx_word *vmx_word_find(const char *key);

/* A value of VMware's in a profile's words, and back. RF_E_SYNTAX: the row does not know it. */
int vmx_word_to_policy(const struct vmx_word *word, const char *value,
		       char out[VMX_WORD_BYTES]) RF_MUST_CHECK;
int vmx_word_from_policy(const struct vmx_word *word, const char *text,
			 char out[VMX_WORD_BYTES]) RF_MUST_CHECK;

/*
 * Adds to a profile's block what `vmx` (or NULL) says of it in VMware's words. *map is what stands
 * under the block's own name, or NULL; where there is something to add it becomes a map made in
 * arena. The nodes keep their line and column, so that readers complain of the right place.
 * RF_E_SYNTAX: unknown to the table, not carried, a value that it does not know, or said twice in
 * different words.
 */
int vmx_words_merge(const struct yaml_doc *doc, const struct yaml_node *vmx, const char *block,
		    struct rf_arena *arena, const struct yaml_node **map,
		    struct rf_err *err) RF_MUST_CHECK;

#endif
