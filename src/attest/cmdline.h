/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two kernel command lines compared by parameter: "iommu=pt removed; lockdown=none added". Output
 * is bounded, visible characters only.
 */
#ifndef RF_ATTEST_CMDLINE_H
#define RF_ATTEST_CMDLINE_H

#include "attest/words.h"
#include "base/err.h"

#define CMDLINE_MAX_BYTES 16384u
#define CMDLINE_MAX_WORDS 1024u
#define CMDLINE_CHANGES	  32u

enum cmdline_kind {
	CMDLINE_ADDED,
	CMDLINE_REMOVED,
	CMDLINE_CHANGED,   /* one value before, one now */
	CMDLINE_REORDERED, /* the same values, and which comes last counts */
};

struct cmdline_change {
	enum cmdline_kind kind;
	bool kernel;		       /* the path of the kernel, not a parameter */
	struct rf_slice name;	       /* "iommu", as it stands there */
	struct rf_slice before, after; /* whole words; empty where there is none */
	const char *about;	       /* what hangs on it; NULL for what is of no account here */
	bool to_init;		       /* behind "--": for init, not for the kernel */
};

struct cmdline_diff {
	struct cmdline_change changes[CMDLINE_CHANGES]; /* removed and changed first, in order */
	size_t changes_count;
	size_t more; /* changes that have no place */
};

/*
 * Compares as the kernel reads: blanks part words unless quoted, - and _ in names are one, a
 * parameter may stand there several times. A path at the start is the kernel's own (as boot loaders
 * measure it). Slices borrow. RF_E_LIMIT for one that is too long, -ENOMEM.
 */
int cmdline_compare(struct rf_slice before, struct rf_slice after, struct cmdline_diff *out,
		    struct rf_err *err) RF_MUST_CHECK;

/* Adds one change: "iommu=pt removed", "quiet added", "a=1 changed to a=2". */
void cmdline_change_words(struct words *w, const struct cmdline_change *change);

/* Adds all: changes parted by "; ", and "and 240 more", or "nothing". */
void cmdline_diff_words(struct words *w, const struct cmdline_diff *diff);

#endif
