/* SPDX-License-Identifier: Apache-2.0 */
/* Compares running IMA values with what a quote proves; used by the IMA files only. */
#ifndef RF_ATTEST_IMA_MATCH_H
#define RF_ATTEST_IMA_MATCH_H

#include "attest/ima.h"

struct ima_match {
	const struct ima_target *target;
	size_t size[ATTEST_MAX_BANKS];	       /* digest bytes of each bank of the state */
	bool by_digest;			       /* through the quoted digest, not value by value */
	uint8_t banks;			       /* bit n: bank n of the state is proved */
	const uint8_t *want[ATTEST_MAX_BANKS]; /* the proved value */
	/* What the quote hashes; where each bank's value stands in it (0: nowhere, else 1 +
	 * offset). */
	uint8_t message[ATTEST_MAX_BANKS * ATTEST_PCRS * ATTEST_MAX_DIGEST];
	size_t message_len, slot[ATTEST_MAX_BANKS];
};

/* Works out what the target proves of the state's PCR. 0, RF_E_MISSING, RF_E_UNSUPPORTED. */
int ima_match_init(struct ima_match *match, const struct ima_target *target,
		   const struct ima_state *state, struct rf_err *err) RF_MUST_CHECK;

/* Do these running values fit? 1, 0, or negative. */
int ima_match_check(struct attest_hasher *hasher, struct ima_match *match,
		    const uint8_t values[][ATTEST_MAX_DIGEST]) RF_MUST_CHECK;

/* What the kernel hands to bank i of the state (ima.c). */
int ima_bank_digest(struct attest_hasher *hasher, const struct ima_entry *entry,
		    const struct ima_state *state, size_t i,
		    uint8_t out[ATTEST_MAX_DIGEST]) RF_MUST_CHECK;

#endif
