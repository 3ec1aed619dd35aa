/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of tpm share, and they alone: the functions of tpm2-tss, the connection, handles
 * that flush themselves. */
#ifndef RF_SYS_TPM_ESYS_H
#define RF_SYS_TPM_ESYS_H

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#include "sys/tpm.h"

/* The functions we call, by library. */
#define TPM_SYMBOLS(ESYS, MU, LDR)                                                                 \
	LDR(Tss2_TctiLdr_Initialize)                                                               \
	LDR(Tss2_TctiLdr_Finalize)                                                                 \
	ESYS(Esys_Initialize)                                                                      \
	ESYS(Esys_Finalize)                                                                        \
	ESYS(Esys_Free)                                                                            \
	ESYS(Esys_FlushContext)                                                                    \
	ESYS(Esys_TR_Close)                                                                        \
	ESYS(Esys_TR_FromTPMPublic)                                                                \
	ESYS(Esys_GetCapability)                                                                   \
	ESYS(Esys_PCR_Read)                                                                        \
	ESYS(Esys_CreatePrimary)                                                                   \
	ESYS(Esys_Create)                                                                          \
	ESYS(Esys_Load)                                                                            \
	ESYS(Esys_ReadPublic)                                                                      \
	ESYS(Esys_Quote)                                                                           \
	ESYS(Esys_StartAuthSession)                                                                \
	ESYS(Esys_PolicySecret)                                                                    \
	ESYS(Esys_ActivateCredential)                                                              \
	ESYS(Esys_NV_ReadPublic)                                                                   \
	ESYS(Esys_NV_Read)                                                                         \
	MU(Tss2_MU_TPM2B_PUBLIC_Marshal)                                                           \
	MU(Tss2_MU_TPM2B_PUBLIC_Unmarshal)                                                         \
	MU(Tss2_MU_TPMT_PUBLIC_Unmarshal)                                                          \
	MU(Tss2_MU_TPM2B_PRIVATE_Marshal)                                                          \
	MU(Tss2_MU_TPM2B_PRIVATE_Unmarshal)                                                        \
	MU(Tss2_MU_TPMT_SIGNATURE_Marshal)                                                         \
	MU(Tss2_MU_TPM2B_ID_OBJECT_Unmarshal)                                                      \
	MU(Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal)

struct tpm_api {
#define TPM_FIELD(name) __typeof__(&name) name;
	TPM_SYMBOLS(TPM_FIELD, TPM_FIELD, TPM_FIELD)
#undef TPM_FIELD
};

struct tpm {
	struct tpm_api api;
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	char name[256];	       /* the TCTI as it was opened */
	uint32_t nv_max_bytes; /* one read of NV; 0 until it was asked */
};

/* Fails with what a TPM's code means and what to do; what is our own sentence's beginning. */
int tpm_fail(struct rf_err *err, TSS2_RC rc, const char *what);

/* A key or session in the TPM that a function holds for as long as it runs. */
struct tpm_held {
	struct tpm *tpm; /* NULL: nothing is held */
	ESYS_TR handle;
	bool persistent; /* not to be flushed */
};
#define TPM_HELD __attribute__((cleanup(tpm_held_done)))
void tpm_held_done(struct tpm_held *held);

/* The index-th kind of key that we make; false past the last one. */
bool tpm_key_template(struct tpm *tpm, size_t index, TPM2B_PUBLIC *out);
/* Flushes keys of ours that a killed run left loaded; nothing behind a resource manager. */
void tpm_flush_stale(struct tpm *tpm);

/* Frees what tpm2-tss allocated, and wipes size_bytes of it before (0: nothing secret). */
void tpm_free(struct tpm *tpm, void *memory, size_t size_bytes);

/* One capability, from property on; the caller frees it with tpm_free. */
int tpm_capability(struct tpm *tpm, TPM2_CAP cap, uint32_t property, uint32_t count,
		   TPMS_CAPABILITY_DATA **out, struct rf_err *err) RF_MUST_CHECK;

/* A fixed or variable property. RF_E_MISSING when this TPM does not have it. */
int tpm_property(struct tpm *tpm, uint32_t property, uint32_t *out,
		 struct rf_err *err) RF_MUST_CHECK;

/* Reads an NV index whole. RF_E_MISSING when it is not defined or was never written. */
int tpm_nv_read(struct tpm *tpm, uint32_t index, struct rf_buf *out,
		struct rf_err *err) RF_MUST_CHECK;

#endif
