/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker of the role verify does with one question: judges evidence, or vouches for a TPM
 * that joins. Everything in a question but its numbers is hostile; the worker has no file and no
 * network.
 */
#ifndef RF_MANAGER_JUDGE_H
#define RF_MANAGER_JUDGE_H

#include "attest/ekcert.h"
#include "fleet/message.h"

/* A worker's own: hasher, roots, the last baseline, a verdict's memory. */
struct judge;
/* roots: NULL where the site has none, and then every TPM is unproven; the caller's. */
int judge_new(struct ekcert_store *roots, struct judge **out, struct rf_err *err) RF_MUST_CHECK;
void judge_free(struct judge *judge);

/* Appends the answering frame to a JUDGE or VOUCH. A verdict is never an error; RF_E_SYNTAX for
 * another frame, -ENOMEM. */
int judge_answer(struct judge *judge, const struct wire_frame *question, struct rf_buf *out,
		 struct rf_err *err) RF_MUST_CHECK;

#endif
