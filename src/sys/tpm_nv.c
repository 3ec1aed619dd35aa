/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that makers leave in a TPM's NV memory. See tpm.h. Source: TCG EK Credential Profile
 * 2.5, section 2.2.1.4 (indices); TPM 2.0 Library part 3, 31. What makers do to the bytes (padding,
 * a header before) is src/attest/ekcert.h's matter.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/tpm_esys.h"

#define NV_PART_BYTES 512u /* where the TPM does not say how much it gives at once */
#define CHAIN_FIRST   0x01c00100u
#define CHAIN_LAST    0x01c001ffu

/* Who may read it: its own password or the owner's, both empty where nobody set them. */
static ESYS_TR reader_of(TPMA_NV attributes, ESYS_TR index)
{
	return attributes & TPMA_NV_AUTHREAD ? index : ESYS_TR_RH_OWNER;
}

static int read_parts(struct tpm *tpm, ESYS_TR index, const TPMS_NV_PUBLIC *pub, struct rf_buf *out,
		      struct rf_err *err)
{
	if (!tpm->nv_max_bytes &&
	    tpm_property(tpm, TPM2_PT_NV_BUFFER_MAX, &tpm->nv_max_bytes, NULL) < 0)
		tpm->nv_max_bytes = NV_PART_BYTES;
	for (uint32_t at = 0; at < pub->dataSize;) {
		uint32_t left = pub->dataSize - at, most = tpm->nv_max_bytes;
		TPM2B_MAX_NV_BUFFER *part = NULL;

		most = most > TPM2_MAX_NV_BUFFER_SIZE ? TPM2_MAX_NV_BUFFER_SIZE : most;
		TSS2_RC rc = tpm->api.Esys_NV_Read(
			tpm->esys, reader_of(pub->attributes, index), index, ESYS_TR_PASSWORD,
			ESYS_TR_NONE, ESYS_TR_NONE, (uint16_t)(left < most ? left : most),
			(uint16_t)at, &part);
		char what[32];

		(void)rf_format(what, sizeof(what), "NV index 0x%08x", pub->nvIndex);
		if (rc)
			return tpm_fail(err, rc, what);
		uint16_t len = part->size;
		int added = rf_buf_add(out, part->buffer, len);

		tpm_free(tpm, part, 0);
		if (added < 0 || len == 0)
			return added < 0 ? added : rf_fail(err, RF_E_PEER, "%s: no bytes", what);
		at += len;
	}
	return 0;
}

int tpm_nv_read(struct tpm *tpm, uint32_t index, struct rf_buf *out, struct rf_err *err)
{
	TPM_HELD struct tpm_held held = {tpm, ESYS_TR_NONE, true};
	TPM2B_NV_PUBLIC *pub = NULL;
	TPM2B_NAME *name = NULL;
	char what[32];
	TSS2_RC rc = tpm->api.Esys_TR_FromTPMPublic(tpm->esys, index, ESYS_TR_NONE, ESYS_TR_NONE,
						    ESYS_TR_NONE, &held.handle);

	(void)rf_format(what, sizeof(what), "NV index 0x%08x", index);
	if (!rc)
		rc = tpm->api.Esys_NV_ReadPublic(tpm->esys, held.handle, ESYS_TR_NONE, ESYS_TR_NONE,
						 ESYS_TR_NONE, &pub, &name);
	if (rc)
		return tpm_fail(err, rc, what);
	int code = read_parts(tpm, held.handle, &pub->nvPublic, out, err);

	tpm_free(tpm, pub, 0);
	tpm_free(tpm, name, 0);
	return code;
}

int tpm_ek_chain(struct tpm *tpm, struct rf_buf certs[TPM_MAX_CERTS], size_t *count,
		 struct rf_err *err)
{
	TPMS_CAPABILITY_DATA *cap = NULL;
	int rc =
		tpm_capability(tpm, TPM2_CAP_HANDLES, CHAIN_FIRST, TPM2_MAX_CAP_HANDLES, &cap, err);

	*count = 0;
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < cap->data.handles.count && rc == 0 && *count < TPM_MAX_CERTS;
	     i++) {
		uint32_t index = cap->data.handles.handle[i];

		if (index < CHAIN_FIRST || index > CHAIN_LAST)
			break;
		rc = tpm_nv_read(tpm, index, &certs[*count], err);
		/* One that cannot be read is as good as none: the chain says what is missing. */
		if (rc == 0)
			(*count)++;
		else
			rf_buf_done(&certs[*count]);
		rc = rc == RF_E_MISSING || rc == RF_E_DENIED ? 0 : rc;
	}
	tpm_free(tpm, cap, 0);
	return rc;
}
