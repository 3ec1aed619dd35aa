/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of allowed digests: a million in one allocation of at most 48 bytes each, made once and
 * shared by all hosts.
 */
#ifndef RF_ATTEST_DIGESTSET_H
#define RF_ATTEST_DIGESTSET_H

#include "attest/hash.h"

#define DIGESTSET_MAX	    (16u << 20)	  /* digests */
#define DIGESTSET_MAX_BYTES (2048u << 20) /* of a text */

struct digestset;

/* Room for `expected` digests. RF_E_LIMIT above DIGESTSET_MAX, -ENOMEM. */
int digestset_new(size_t expected, struct digestset **out, struct rf_err *err) RF_MUST_CHECK;
void digestset_free(struct digestset *set);

/*
 * Adds a digest with a number of the caller's. One that is there keeps its number. Of digests over
 * 32 bytes the first 32 count. 0; RF_E_LIMIT when the room is used up; RF_E_SYNTAX for an empty
 * digest, one over 64 bytes, or an algorithm above 0xff.
 */
int digestset_add(struct digestset *set, uint16_t alg, struct rf_slice digest,
		  uint32_t value) RF_MUST_CHECK;

/* Is it there? *out_value (NULL is fine) is written only then. */
bool digestset_has(const struct digestset *set, uint16_t alg, struct rf_slice digest,
		   uint32_t *out_value);

/* How many digests are in it. */
size_t digestset_count(const struct digestset *set);
/* What it takes in memory. */
size_t digestset_bytes(const struct digestset *set);

/*
 * Reads a text of one digest a line: "sha256:HEX label", or what sha256sum and its kin print ("HEX
 * path", the algorithm by the length). Blank lines and lines that begin with # are skipped. The
 * number of each digest is where its label begins in the text: digestset_label. Errors name the
 * line.
 */
int digestset_load(struct rf_slice text, struct digestset **out, struct rf_err *err) RF_MUST_CHECK;

/* The label that the number of a loaded digest stands for: the rest of its line. */
struct rf_slice digestset_label(struct rf_slice text, uint32_t value);

#endif
