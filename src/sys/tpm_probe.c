/* SPDX-License-Identifier: Apache-2.0 */
/* The probe "tpm": what a TPM is and which values its PCRs have, as text that a capture can hold.
 * No quote: that is for attestation. See tpm.h. */
#include <errno.h>

#include "base/str.h"
#include "sys/tpm.h"

static void put_info(struct rf_buf *out, const struct tpm_info *info)
{
	rf_buf_printf(out, "tcti %s\nmanufacturer %s\nvendor %s\nfirmware %s\nspec %s\n",
		      info->tcti, info->manufacturer, info->vendor, info->firmware, info->spec);
	rf_buf_printf(out, "software %d\nresource_manager %d\nlocked_out %d\n", info->software,
		      info->resource_manager, info->locked_out);
	rf_buf_printf(out, "lockout_counter %u\nlockout_max %u\n", info->lockout_counter,
		      info->lockout_max);
	rf_buf_printf(out, "owner_auth %d\nendorsement_auth %d\nlockout_auth %d\n",
		      info->owner_auth_set, info->endorsement_auth_set, info->lockout_auth_set);
}

static void put_banks(struct rf_buf *out, const struct tpm_banks *banks)
{
	for (size_t b = 0; b < banks->count; b++) {
		const struct tpm_bank *bank = &banks->banks[b];

		for (unsigned int i = 0; i < TPM_PCRS; i++) {
			if (!(bank->pcrs >> i & 1))
				continue;
			rf_buf_printf(out, "pcr 0x%04x %u ", bank->alg, i);
			rf_buf_add_hex(out, bank->values[i], bank->digest_len);
			rf_buf_add_byte(out, '\n');
		}
	}
}

/* Whether the maker left a certificate for one of the endorsement keys. */
static void put_certificates(struct tpm *tpm, struct rf_buf *out)
{
	for (enum tpm_ek_kind kind = 0; kind < TPM_EK_KINDS; kind++) {
		RF_AUTOBUF struct rf_buf cert = {0};
		int rc = tpm_ek_certificate(tpm, kind, &cert, NULL);

		if (rc == 0 || rc == RF_E_MISSING)
			rf_buf_printf(out, "ek_certificate %s %zu\n", tpm_ek_kind_name(kind),
				      rc == 0 ? cert.len : 0);
	}
}

int tpm_describe(const char *tcti, struct rf_buf *out, struct rf_err *err)
{
	struct tpm *tpm = NULL;
	struct tpm_info info;
	struct tpm_banks banks;
	int rc = tpm_open(tcti, &tpm, err);

	if (rc == 0)
		rc = tpm_info_read(tpm, &info, err);
	if (rc == 0)
		rc = tpm_banks_read(tpm, &banks, err);
	if (rc == 0) {
		put_info(out, &info);
		put_certificates(tpm, out);
		put_banks(out, &banks);
		rc = out->failed ? -ENOMEM : 0;
	}
	tpm_close(tpm);
	return rc;
}
