/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe "tpm" answers (src/sys/tpm_probe.c), read back: also from a capture, so hostile.
 */
#ifndef RF_COLLECT_TPM_TEXT_H
#define RF_COLLECT_TPM_TEXT_H

#include "attest/quote.h"

struct tpm_text {
	char tcti[256], manufacturer[16], vendor[32], firmware[48], spec[16];
	/* -1 where the answer does not say. */
	int64_t software, resource_manager, locked_out, lockout_counter, lockout_max;
	int64_t owner_auth, endorsement_auth, lockout_auth;
	int64_t ek_certificate_bytes; /* of all its endorsement certificates */
	struct attest_pcr_values pcrs;
};

/* text is cut up. Lines that are not understood are left out. */
void tpm_text_parse(char *text, struct tpm_text *out);

#endif
