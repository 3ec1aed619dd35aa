/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMA binary measurement lists (kernel: security/integrity/ima/ima_template*.c) and systemd's
 * userspace log. Parsing and replay without allocation; one entry at a time.
 */
#ifndef RF_ATTEST_IMA_H
#define RF_ATTEST_IMA_H

#include "attest/quote.h"

#define IMA_MAX_BYTES	(256u << 20)
#define IMA_MAX_ENTRIES 2000000u

enum ima_template {
	IMA_OLD,
	IMA_NG,
	IMA_SIG,
	IMA_BUF,
	IMA_MODSIG,
	IMA_NGV2,
	IMA_SIGV2,
	IMA_EVM_SIG,
	IMA_OTHER
};

struct ima_entry {
	uint32_t index;
	size_t offset;
	uint32_t pcr;
	enum ima_template template;
	struct rf_slice
		template_digest; /* SHA-1 as listed, or the bank's own (kernels 6.10 and later) */
	struct rf_slice template_data; /* what banks hash */
	bool violation;
	struct attest_digest file; /* alg 0 when there is none */
	bool verity;		   /* digest is fs-verity's */
	struct rf_slice name;	   /* without NUL: a hint, chosen by whoever named the file */
	struct rf_slice signature; /* of ima-sig; empty when none */
	struct rf_slice buffer;	   /* of ima-buf */
};

struct ima_list {
	struct rf_slice bytes;
	size_t at;
	uint32_t count;
	uint8_t template_digest_len; /* 20, or the bank's size */
	bool big_endian;
};

/* in: the whole file, or what came since the last time (incremental). */
int ima_open(struct rf_slice in, uint8_t template_digest_len, struct ima_list *out,
	     struct rf_err *err) RF_MUST_CHECK;

/* 1: an entry, 0: the end, negative: broken here; the error names entry and offset. */
int ima_next(struct ima_list *list, struct ima_entry *out, struct rf_err *err) RF_MUST_CHECK;

/* Running values of the PCR that IMA extends, one for each bank; keep them for the next increment.
 */
struct ima_state {
	uint16_t algs[ATTEST_MAX_BANKS];
	uint8_t values[ATTEST_MAX_BANKS][ATTEST_MAX_DIGEST];
	size_t banks_count;
	uint32_t pcr;	  /* 10 unless the policy says otherwise */
	uint64_t entries; /* replayed so far */
	bool padded_sha1; /* old kernels: other banks got the padded SHA-1 (weak) */
};

/* Extends state with one entry; checks that the listed template digest is H(template data) unless
 * it is a violation. RF_E_MISMATCH otherwise. */
int ima_extend(struct attest_hasher *hasher, const struct ima_entry *entry, struct ima_state *state,
	       struct rf_err *err) RF_MUST_CHECK;

/* Does the boot_aggregate entry fit these PCRs? 1 yes (which: "sha256 of PCR 0 to 9"), 0 no,
 * negative unknown. */
int ima_boot_aggregate_check(struct attest_hasher *hasher, const struct ima_entry *entry,
			     const struct attest_pcr_values *pcrs, char out_how[64]);

#endif
