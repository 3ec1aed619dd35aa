/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two kernel command lines, or commands of a boot loader, compared by parameter: "added:
 * lockdown=none; removed: iommu=pt". Output is bounded, visible characters only.
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
	bool kernel;		       /* the path of the kernel, also as BOOT_IMAGE= */
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

/* Did nothing change but where the kernel lies? */
bool cmdline_only_kernel(const struct cmdline_diff *diff);

enum cmdline_words {
	CMDLINE_WITH_KERNEL = 1, /* the kernel's own path as well, where nobody else tells of it */
	CMDLINE_EXPLAINED = 2,	 /* behind a word what hangs on it; for the kernel's line alone */
};

/* Adds all, by kind: "added: quiet; removed: a b; changed: c=1 to c=2", and "; and 240 more"; with
 * nothing to tell "the same words in another order". flags: of enum cmdline_words. */
void cmdline_diff_words(struct words *w, const struct cmdline_diff *diff, unsigned int flags);

#endif
