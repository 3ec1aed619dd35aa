/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of one host in one file: magic "RFEVID1\n", then sections {u32 kind, u32 length (little
 * endian), bytes}. Everything in it is hostile until verdict.h has judged it. Slices borrow from
 * the input.
 */
#ifndef RF_ATTEST_EVIDENCE_H
#define RF_ATTEST_EVIDENCE_H

#include "attest/quote.h"

#define EVIDENCE_MAX_BYTES (320u << 20)

enum evidence_kind {
	EVIDENCE_META = 1,  /* JSON: host, time, tool, kernel, boot ("uefi", "bios"), tpm ("device",
			       "swtpm"), ak ("new": not the enrolment's), notes. Hints for a person
			       only */
	EVIDENCE_QUOTE = 2, /* TPMS_ATTEST */
	EVIDENCE_SIGNATURE = 3, /* TPMT_SIGNATURE */
	EVIDENCE_AK_PUBLIC = 4, /* TPM2B_PUBLIC */
	EVIDENCE_EK_PUBLIC = 5, /* TPM2B_PUBLIC */
	EVIDENCE_EK_CERT = 6,	/* DER; may stand several times (chain) */
	EVIDENCE_PCRS = 7,	/* u16 alg, u8 pcr, u8 length, bytes; repeated (big endian alg) */
	EVIDENCE_BOOT_LOG = 8,	/* binary_bios_measurements */
	EVIDENCE_IMA = 9, /* u16 (little endian) alg of the template digests (0x0004 usual), then
			     the binary list */
	EVIDENCE_USERSPACE = 10, /* systemd's tpm2-measure.log */
	EVIDENCE_TXT_LOG = 11,
	EVIDENCE_QUOTE12 = 12, /* TPM 1.2: TPM_QUOTE_INFO or TPM_QUOTE_INFO2 as signed; with it
				  SIGNATURE is the bare RSA number and AK_PUBLIC a TPM_PUBKEY */
	/* JSON: boot files on disk, so that a digest gets a path (hints): [{"path": "/boot/...",
	   "size": N, "sha1": HEX, "sha256": HEX, "sha384": HEX, and for a boot program
	   "authenticode": {"sha1": HEX, ...}, "signers": ["name", ...]}] */
	EVIDENCE_FILES = 13,
	EVIDENCE_MODULES = 14, /* JSON: loaded modules (hints) */
	EVIDENCE_NONCE = 15,   /* the nonce as the collector got it */
	/* What shim measured and its log entries only name: u8 name length, name, u32 length,
	   contents; repeated. Believed where a digest of the boot log is theirs. */
	EVIDENCE_SHIM = 16,
	EVIDENCE_KINDS
};

struct evidence {
	struct rf_slice sections[EVIDENCE_KINDS]; /* by kind; data NULL when absent; the first of
						     its kind */
	struct rf_slice ek_chain[8];
	size_t ek_chain_count;
};

/* Do these bytes begin as such a file does? */
bool evidence_is(struct rf_slice in);
/* Refuses unknown kinds, a kind twice (but EK_CERT), lengths past the end, trailing bytes. */
int evidence_parse(struct rf_slice in, struct evidence *out, struct rf_err *err) RF_MUST_CHECK;
/* Appends the magic (once) and a section. */
int evidence_add(struct rf_buf *out, enum evidence_kind kind, struct rf_slice bytes) RF_MUST_CHECK;
/* "boot log"; NULL for a kind that is not known. */
const char *evidence_kind_name(uint32_t kind);

/* The EVIDENCE_PCRS section: refuses PCR 24 and above, a value twice, lengths that do not fit the
 * algorithm. Empty gives no banks. */
int evidence_pcrs_parse(struct rf_slice in, struct attest_pcr_values *out,
			struct rf_err *err) RF_MUST_CHECK;
/* Writes that section. 0 or -ENOMEM. */
int evidence_pcrs_add(struct rf_buf *out, const struct attest_pcr_values *values) RF_MUST_CHECK;

#define EVIDENCE_MAX_VARIABLES 8u

/* One variable of shim: "MokListRT", "MokListXRT". */
struct evidence_variable {
	struct rf_slice name, contents;
};
/* Walks EVIDENCE_SHIM; *at starts at 0. 1: a variable, 0: the end, RF_E_TRUNCATED: broken here. */
int evidence_variable_next(struct rf_slice in, size_t *at,
			   struct evidence_variable *out) RF_MUST_CHECK;
/* Appends one to that section. 0, RF_E_LIMIT or -ENOMEM. */
int evidence_variable_add(struct rf_buf *out, const char *name,
			  struct rf_slice contents) RF_MUST_CHECK;

#endif
