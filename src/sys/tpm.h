/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This machine's TPM 2.0, or a software one: what it is, its PCRs, its endorsement keys and their
 * certificates, attestation keys, quotes, credentials. Every key and session that a call loads is
 * flushed before it returns, whatever happened, so that a TPM without resource manager never fills
 * up. Keys stay in the TPM; what leaves it is public, or wrapped by the TPM itself. Answers are
 * bytes for src/attest, which judges them.
 */
#ifndef RF_SYS_TPM_H
#define RF_SYS_TPM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define TPM_PCRS      24
#define TPM_MAX_BANKS 8
#define TPM_MAX_CERTS 8
#define TPM_MAX_NONCE 32 /* what every TPM takes */

struct tpm;

/*
 * Opens a connection. tcti: "device:/dev/tpmrm0", "swtpm:host=127.0.0.1,port=2321", "mssim:...",
 * "tabrmd"; NULL: /dev/tpmrm0, or /dev/tpm0 where the kernel has no resource manager. Other ways
 * (commands, libraries by path) are refused with RF_E_USAGE. RF_E_MISSING: there is no TPM;
 * RF_E_UNSUPPORTED: tpm2-tss is not installed; RF_E_DENIED: no right; RF_E_PEER: the TPM failed.
 * Everything that must be opened is open afterwards: the caller may lock itself in.
 */
int tpm_open(const char *tcti, struct tpm **out, struct rf_err *err) RF_MUST_CHECK;
/* Accepts NULL. */
void tpm_close(struct tpm *tpm);

/* Whether a text may name a TPM: tpm_open's first check. */
int tpm_tcti_check(const char *tcti, struct rf_err *err) RF_MUST_CHECK;

/* What it says of itself: nobody vouches for that but the endorsement certificate. */
struct tpm_info {
	char tcti[256];
	char manufacturer[8]; /* "IFX", "STM", "IBM" */
	char vendor[24];      /* "SLB9670", "SW TPM" */
	char firmware[40];    /* "7.85.4555.0" */
	char spec[16];	      /* revision of the specification, "1.59" */
	bool software;	      /* swtpm or a simulator: its secrets are as safe as a file */
	bool resource_manager;
	bool locked_out; /* after too many wrong passwords */
	uint32_t lockout_counter, lockout_max;
	bool owner_auth_set, endorsement_auth_set, lockout_auth_set;
};
int tpm_info_read(struct tpm *tpm, struct tpm_info *out, struct rf_err *err) RF_MUST_CHECK;

/* PCR values of one bank. */
struct tpm_bank {
	uint16_t alg; /* TPM_ALG_ID */
	uint8_t digest_len;
	uint32_t pcrs; /* bit n: PCR n is there */
	uint8_t values[TPM_PCRS][64];
};
struct tpm_banks {
	struct tpm_bank banks[TPM_MAX_BANKS];
	size_t count;
};
/* All banks that are switched on. */
int tpm_banks_read(struct tpm *tpm, struct tpm_banks *out, struct rf_err *err) RF_MUST_CHECK;

/* What a probe answers (sys.h): tpm_info and tpm_banks as lines of text. */
int tpm_describe(const char *tcti, struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

/* Endorsement keys by the TCG EK Credential Profile 2.5, B.3 and B.4. */
enum tpm_ek_kind {
	TPM_EK_RSA2048, /* template L-1 */
	TPM_EK_P256,	/* L-2 */
	TPM_EK_P384,	/* H-3 */
	TPM_EK_KINDS
};
const char *tpm_ek_kind_name(enum tpm_ek_kind kind); /* "RSA-2048" */

/* TPM2B_PUBLIC of that endorsement key: the persistent one where there is one, else made anew. */
int tpm_ek_public(struct tpm *tpm, enum tpm_ek_kind kind, struct rf_buf *out,
		  struct rf_err *err) RF_MUST_CHECK;

/* Its certificate as NV holds it, perhaps padded. RF_E_MISSING when the maker left none. */
int tpm_ek_certificate(struct tpm *tpm, enum tpm_ek_kind kind, struct rf_buf *out,
		       struct rf_err *err) RF_MUST_CHECK;

/* The maker's further certificates (NV 0x01C00100 to 0x01C001FF), often none. *count of certs hold
 * something afterwards; the caller frees each. */
int tpm_ek_chain(struct tpm *tpm, struct rf_buf certs[TPM_MAX_CERTS], size_t *count,
		 struct rf_err *err) RF_MUST_CHECK;

enum tpm_ak_kind { TPM_AK_P256, TPM_AK_RSA2048 };

/*
 * Makes an attestation key (restricted, signing only, never to leave this TPM) and gives it as a
 * blob that only this TPM can use: no secret is in it in clear. Clearing the TPM makes it useless.
 */
int tpm_ak_create(struct tpm *tpm, enum tpm_ak_kind kind, struct rf_buf *out_blob,
		  struct rf_err *err) RF_MUST_CHECK;

/* TPM2B_PUBLIC of a blob, borrowed from it. RF_E_SYNTAX for what is no blob. */
int tpm_ak_public(struct rf_slice blob, struct rf_slice *out, struct rf_err *err) RF_MUST_CHECK;

struct tpm_selection {
	uint16_t alg;
	uint32_t pcrs; /* bit n: PCR n */
};

struct tpm_quote_request {
	struct rf_slice ak_blob;
	struct rf_slice nonce; /* at most TPM_MAX_NONCE bytes */
	const struct tpm_selection *selections;
	size_t selections_count;
};

/* TPMS_ATTEST and TPMT_SIGNATURE. RF_E_MISMATCH: the blob is not of this TPM, or it was cleared. */
int tpm_quote(struct tpm *tpm, const struct tpm_quote_request *request, struct rf_buf *attest,
	      struct rf_buf *signature, struct rf_err *err) RF_MUST_CHECK;

struct tpm_credential {
	struct rf_slice blob; /* TPM2B_ID_OBJECT */
	struct rf_slice seed; /* TPM2B_ENCRYPTED_SECRET */
};

/* TPM2_ActivateCredential: what was wrapped for this endorsement key and this attestation key. The
 * caller wipes out. RF_E_MISMATCH: it was wrapped for others. */
int tpm_activate(struct tpm *tpm, enum tpm_ek_kind kind, struct rf_slice ak_blob,
		 const struct tpm_credential *credential, struct rf_buf *out,
		 struct rf_err *err) RF_MUST_CHECK;

#endif
