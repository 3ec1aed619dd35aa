/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that a run of ours left loaded because it was killed: without a resource manager they take
 * one of a TPM's few places until it is restarted. Only transient keys made by one of our templates
 * go; of another program's key of the very same kind only the loaded copy would go, which it can
 * load again. Sessions have no template and stay.
 * Source: TPM 2.0 Library part 1, 13.6 (transient handles); part 3, 12.4, 28.4, 30.2.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/tpm_esys.h"

#define MAX_HANDLES 64u /* a TPM has three places, or a few more */

/* A public area without what is different from key to key. */
static size_t kind_of(struct tpm *tpm, const TPM2B_PUBLIC *pub, uint8_t out[sizeof(TPM2B_PUBLIC)])
{
	TPM2B_PUBLIC kind = *pub;
	size_t len = 0;

	memset(&kind.publicArea.unique, 0, sizeof(kind.publicArea.unique));
	/* Zero means 65537, and some TPMs say the one and some the other. */
	if (kind.publicArea.type == TPM2_ALG_RSA &&
	    kind.publicArea.parameters.rsaDetail.exponent == 65537)
		kind.publicArea.parameters.rsaDetail.exponent = 0;
	kind.size = 0;
	return tpm->api.Tss2_MU_TPM2B_PUBLIC_Marshal(&kind, out, sizeof(TPM2B_PUBLIC), &len) ? 0
											     : len;
}

static bool is_ours(struct tpm *tpm, const TPM2B_PUBLIC *pub)
{
	uint8_t kind[sizeof(TPM2B_PUBLIC)], wanted[sizeof(TPM2B_PUBLIC)];
	size_t len = kind_of(tpm, pub, kind);
	TPM2B_PUBLIC template;

	for (size_t i = 0; len && tpm_key_template(tpm, i, &template); i++) {
		if (kind_of(tpm, &template, wanted) == len && memcmp(kind, wanted, len) == 0)
			return true;
	}
	return false;
}

static void flush_if_ours(struct tpm *tpm, TPM2_HANDLE handle)
{
	TPM2B_NAME *name = NULL, *qualified = NULL;
	TPM2B_PUBLIC *pub = NULL;
	ESYS_TR object;

	if (tpm->api.Esys_TR_FromTPMPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
					   ESYS_TR_NONE, &object))
		return;
	bool known = tpm->api.Esys_ReadPublic(tpm->esys, object, ESYS_TR_NONE, ESYS_TR_NONE,
					      ESYS_TR_NONE, &pub, &name, &qualified) == 0;

	if (!known || !is_ours(tpm, pub) || tpm->api.Esys_FlushContext(tpm->esys, object))
		(void)tpm->api.Esys_TR_Close(tpm->esys, &object);
	tpm_free(tpm, name, 0);
	tpm_free(tpm, qualified, 0);
	tpm_free(tpm, pub, 0);
}

void tpm_flush_stale(struct tpm *tpm)
{
	TPMS_CAPABILITY_DATA *cap = NULL;

	/* A resource manager takes away what a connection left, and shows each its own alone. */
	if (strstr(tpm->name, "/tpmrm") || rf_starts(tpm->name, "tabrmd") ||
	    tpm_capability(tpm, TPM2_CAP_HANDLES, TPM2_TRANSIENT_FIRST, MAX_HANDLES, &cap, NULL) <
		    0)
		return;
	for (uint32_t i = 0; i < cap->data.handles.count && i < MAX_HANDLES; i++)
		flush_if_ours(tpm, cap->data.handles.handle[i]);
	tpm_free(tpm, cap, 0);
}
