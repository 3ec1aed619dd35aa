/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of one host (src/attest/evidence.h has the container): a quote over all banks by an
 * attestation key that stays the same, and everything that a verifier needs to explain it. Nothing
 * is judged here, and nothing secret is in it.
 */
#ifndef RF_COLLECT_EVIDENCE_H
#define RF_COLLECT_EVIDENCE_H

#include "base/buf.h"
#include "sys/sys.h"
#include "sys/tpm.h"

struct evidence_request {
	struct tpm *tpm;       /* NULL: values from the seam, and no quote */
	struct rf_slice nonce; /* 8 to TPM_MAX_NONCE bytes; empty: a random one is taken */
	enum tpm_ak_kind ak;
	const char *state_dir; /* holds the attestation key; must be there */
	const char *tool;      /* "ringfence 0.1" */
};

/* Fills out. What is missing is said in META's notes; an error is only what leaves no evidence. */
int evidence_collect(struct sys *sys, const struct evidence_request *request, struct rf_buf *out,
		     struct rf_err *err) RF_MUST_CHECK;

/* The attestation key of that state directory: TPM2B_PUBLIC and the wrapped blob; made when there
 * is none. Its attributes were checked. */
int evidence_ak(struct tpm *tpm, enum tpm_ak_kind kind, const char *state_dir, struct rf_buf *blob,
		struct rf_err *err) RF_MUST_CHECK;

/* The same for a TPM that does not know that key (it was exchanged, or cleared): a key of its own,
 * kept under a name that the endorsement key gives, so that the first TPM's is never lost. fresh:
 * make it anew. */
int evidence_ak_other(struct tpm *tpm, enum tpm_ak_kind kind, const char *state_dir, bool fresh,
		      struct rf_buf *blob, struct rf_err *err) RF_MUST_CHECK;

/*
 * Which endorsement key a host shows: the first of P-256, RSA-2048, P-384 that has a certificate,
 * else P-256, or RSA-2048 where the TPM has no such curve. cert is empty then.
 */
int evidence_ek(struct tpm *tpm, enum tpm_ek_kind *out_kind, struct rf_buf *pub,
		struct rf_buf *cert, struct rf_err *err) RF_MUST_CHECK;

/* EVIDENCE_SHIM: the lists of machine owner's keys, as shim left them for the system. Nothing where
 * there are none. 0 or -ENOMEM. */
int evidence_shim(struct sys *sys, struct rf_buf *section) RF_MUST_CHECK;

struct json_t;
/* EVIDENCE_FILES: what lies below /boot and on the EFI partition, as a JSON array. NULL when memory
 * is short. */
struct json_t *boot_files_json(struct sys *sys) RF_MUST_CHECK;
/* EVIDENCE_MODULES: the loaded modules as facts have them. */
struct json_t *modules_json(struct sys *sys) RF_MUST_CHECK;

#endif
