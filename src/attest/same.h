/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brief evidence: a quote without logs, of a host whose last good verdict is remembered. The PCRs'
 * digest commits to all that the logs said: where the same TPM signs the same selection and digest
 * over a fresh nonce, in the same boot, what was judged then holds now. Anything else is no answer:
 * then the logs are needed.
 *
 * Pure, as verdict.h. Not here: how long a verdict may be carried on like this (the manager says).
 */
#ifndef RF_ATTEST_SAME_H
#define RF_ATTEST_SAME_H

#include "attest/verdict.h"

#define SAME_MAX_BYTES 256u /* of a selection with its digest */

/* The selection and the digest of a quote of TPM 2.0, as they stand in it; no bytes where it is
 * none. Borrows. */
struct rf_slice attest_same_quoted(struct rf_slice quote);

/* Is it evidence without logs? It holds a quote, its signature and its key, and nothing else. */
bool attest_same_is(struct rf_slice evidence);

/* What whole evidence may be cut to: RF_E_MISMATCH when its quote is not over these bytes. Appends.
 */
int attest_same_cut(struct rf_slice evidence, struct rf_slice quoted, struct rf_buf *out,
		    struct rf_err *err) RF_MUST_CHECK;

struct same_question {
	struct rf_slice nonce;
	struct rf_slice quoted;		     /* of the verdict that is to go on */
	struct rf_slice ak_name;	     /* of the key that signed it */
	const struct verdict_memory *before; /* of it */
};
/* Judges brief evidence. 0: all of it is so, and *out_memory is to be kept. RF_E_MISMATCH,
 * RF_E_DENIED (a key that may not attest), RF_E_SYNTAX ... with words. */
int attest_same_verify(struct attest_hasher *hasher, struct rf_slice evidence,
		       const struct same_question *question, struct verdict_memory *out_memory,
		       struct rf_err *err) RF_MUST_CHECK;

#endif
