/* SPDX-License-Identifier: Apache-2.0 */
/* What fallback.c and fallback_rules.c share; nobody else includes it. */
#ifndef RF_ISOLATE_GUARD_FALLBACK_PARTS_H
#define RF_ISOLATE_GUARD_FALLBACK_PARTS_H

#include "isolate/guard/fallback.h"
#include "isolate/guard/nft.h"

#define FALLBACK_STATE	    "state" /* the chain whose rules carry the policy */
#define FALLBACK_TAG	    'R'	    /* first byte of a rule's data */
#define FALLBACK_NAME_BYTES 32

/* A chain or set as it is made, or as it was read: what has to be the same. */
struct fold {
	char name[FALLBACK_NAME_BYTES]; /* a set's with "@" before it */
	uint64_t sum;
	uint32_t count, hook;
};
struct folds {
	struct fold *items;
	size_t count, capacity, last;
	bool failed;
};
void folds_done(struct folds *folds);
/* The one of that name, made where there is none; never NULL. */
struct fold *folds_at(struct folds *folds, const char *name);
/* The order in which they were met does not matter. */
bool folds_equal(struct folds *a, struct folds *b);
uint64_t fold_bytes(uint64_t sum, const void *data, size_t len);
/* An element of a set; chain "" for one that is no map. */
void fold_element(struct folds *folds, const char *set, const char *link, const char *chain);

/* Makes the table of a policy: messages into batch, what they make into folds. */
void fallback_make(const struct fallback *f, struct nft_batch *batch, struct folds *folds);

#endif
