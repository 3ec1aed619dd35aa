/* SPDX-License-Identifier: Apache-2.0 */
/* PCR values as sysfs shows them (Linux 5.12 and later; a TPM 1.2 in all). */
#ifndef RF_COLLECT_PCRS_H
#define RF_COLLECT_PCRS_H

#include "attest/quote.h"
#include "model/fact.h"
#include "sys/sys.h"

struct pcr_bank {
	char name[16];					   /* "sha256" */
	uint16_t alg;					   /* 0 for one that we cannot compute */
	uint32_t there;					   /* bit n: PCR n was read */
	char text[ATTEST_PCRS][2 * ATTEST_MAX_DIGEST + 1]; /* small hexadecimal letters */
};

struct pcr_banks {
	struct pcr_bank banks[ATTEST_MAX_BANKS];
	size_t count;
	const char *source;
};

/* Fills out; gaps, NULL allowed, gets what could not be read. */
void pcr_banks_read(struct sys *sys, struct fact_sink *gaps, struct pcr_banks *out);

/* The same from values that the TPM itself gave. */
void pcr_banks_of_values(const struct attest_pcr_values *values, const char *source,
			 struct pcr_banks *out);

/* What the verifier library works with; what is no digest of its bank is left out. */
void pcr_banks_values(const struct pcr_banks *banks, struct attest_pcr_values *out);

/* True for a register that nobody extended: all digits 0, or all F. */
bool pcr_text_untouched(const char *text);

/* How many of PCR 0 to 7 hold a measurement. */
unsigned int pcr_bank_measured(const struct pcr_bank *bank);

#endif
