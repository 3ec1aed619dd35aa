/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy that is in force, as it is kept in STATE/isolate: the text that was applied and the
 * number of each zone. It is the state of the verb "guard-policy" (a change like any other:
 * planned, journalled, undone), what the guard's service reads at the start of the host, and where
 * the next plan learns which number a zone has. Pure, but for the verb itself.
 */
#ifndef RF_ISOLATE_APPLIED_H
#define RF_ISOLATE_APPLIED_H

#include "base/buf.h"
#include "change/verb.h"
#include "isolate/policy.h"

#define APPLIED_FOLDER	  "isolate" /* below the state directory */
#define APPLIED_NAME	  "applied"
#define APPLIED_MAX_BYTES (POLICY_MAX_BYTES + GUARD_ZONES * 80u + 64u)
#define APPLIED_TITLE	  "the kept policy" /* as errors call it */
#define APPLIED_CHUNK	  2000u		    /* of one change: a policy of usual size is one */

/* Appends the bytes that are kept. */
int applied_encode(const struct policy_numbers *numbers, struct rf_slice yaml,
		   struct rf_buf *out) RF_MUST_CHECK;
/* Reads them; out_yaml borrows. Empty bytes: nothing was applied, no numbers and no text.
 * RF_E_SYNTAX where they are none of ours. */
int applied_decode(struct rf_slice bytes, struct policy_numbers *out_numbers,
		   struct rf_slice *out_yaml, struct rf_err *err) RF_MUST_CHECK;

/* Reads them and the policy in them, with the numbers that its zones have. *out is NULL where
 * nothing was applied. */
int applied_parse(struct rf_slice bytes, struct policy_numbers *out_numbers,
		  struct rf_slice *out_yaml, struct policy **out, struct rf_err *err) RF_MUST_CHECK;

/* Payload of the verb "guard-policy" (target "policy"): one change per chunk. */
struct applied_chunk {
	uint32_t total_bytes, at;
	uint8_t bytes[APPLIED_CHUNK];
};

#endif
