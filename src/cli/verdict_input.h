/* SPDX-License-Identifier: Apache-2.0 */
/* What verifying takes, from files or from this machine: evidence, baseline, roots, nonce, and what
 * was seen of a TPM before. */
#ifndef RF_CLI_VERDICT_INPUT_H
#define RF_CLI_VERDICT_INPUT_H

#include "attest/ekcert.h"
#include "attest/verdict.h"
#include "cli/cli.h"
#include "cli/story.h"

/* Zero it before; verdict_input_done frees. */
struct verdict_input {
	struct attest_hasher *hasher;
	struct rf_buf evidence;
	struct baseline *baseline; /* NULL: none */
	struct story earlier;	   /* --earlier; path NULL: none */
	struct rf_buf *root_files; /* read before the program locks itself in ... */
	size_t root_files_count;
	struct ekcert_store *roots; /* ... and understood after; NULL: none given */
	uint8_t nonce[ATTEST_MAX_DIGEST];
	size_t nonce_len;
	struct rf_buf memory; /* memory.json as it was; empty for none */
	bool remember;
	char folder[4096]; /* of memory.json */
	struct verdict verdict;
	char host[256]; /* as the evidence says, visible characters; "" none */
};
#define VERDICT_INPUT_AUTO __attribute__((cleanup(verdict_input_done)))
void verdict_input_done(struct verdict_input *in);

/* Reads everything that a file's verdict takes, and locks the program in. */
int verdict_input_read(const struct cli_args *args, struct verdict_input *in,
		       struct rf_err *err) RF_MUST_CHECK;
/* The same of this machine: its TPM is asked for a fresh quote. */
int verdict_input_live(const struct cli_args *args, struct verdict_input *in,
		       struct rf_err *err) RF_MUST_CHECK;

/* The verdict over it; what is to be remembered is written. */
int verdict_input_judge(struct verdict_input *in, struct rf_err *err) RF_MUST_CHECK;

#endif
