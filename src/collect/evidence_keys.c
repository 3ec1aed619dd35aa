/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys stand for a host in evidence: its attestation key, kept wrapped in the state
 * directory, and its endorsement key. See evidence.h. Not for quotes. Source: TCG EK Credential
 * Profile.
 */
#include <errno.h>

#include "attest/quote.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/evidence.h"
#include "collect/util.h"
#include "sys/state.h"

#define AK_MAX_BYTES  8192u
#define AK_NAME_BYTES 64

static const char *ak_file(enum tpm_ak_kind kind)
{
	return kind == TPM_AK_RSA2048 ? "ak-rsa2048" : "ak-p256";
}

static int ak_check(struct rf_slice blob, struct rf_err *err)
{
	struct attest_public pub;
	struct rf_slice area;
	int rc = tpm_ak_public(blob, &area, err);

	if (rc == 0)
		rc = attest_public_parse(area, &pub, err);
	return rc == 0 ? attest_ak_check(&pub, err) : rc;
}

static int ak_make(struct tpm *tpm, enum tpm_ak_kind kind, const char *state_dir, const char *name,
		   struct rf_buf *blob, struct rf_err *err)
{
	int rc = tpm_ak_create(tpm, kind, blob, err);

	if (rc == 0)
		rc = ak_check(rf_buf_slice(blob), err);
	return rc == 0 ? state_write(state_dir, name, rf_buf_slice(blob), err) : rc;
}

static int ak_read_or_make(struct tpm *tpm, enum tpm_ak_kind kind, const char *state_dir,
			   const char *name, struct rf_buf *blob, struct rf_err *err)
{
	int rc = state_read(state_dir, name, AK_MAX_BYTES, blob, err);

	if (rc == 0) {
		rc = ak_check(rf_buf_slice(blob), err);
		return rc < 0 ? rf_wrap(err, rc, "%s/%s", state_dir, name) : 0;
	}
	if (rc != -ENOENT)
		return rc;
	rf_err_clear(err);
	return ak_make(tpm, kind, state_dir, name, blob, err);
}

int evidence_ak(struct tpm *tpm, enum tpm_ak_kind kind, const char *state_dir, struct rf_buf *blob,
		struct rf_err *err)
{
	return ak_read_or_make(tpm, kind, state_dir, ak_file(kind), blob, err);
}

int evidence_ek(struct tpm *tpm, enum tpm_ek_kind *out_kind, struct rf_buf *pub,
		struct rf_buf *cert, struct rf_err *err)
{
	static const enum tpm_ek_kind order[] = {TPM_EK_P256, TPM_EK_RSA2048, TPM_EK_P384};
	static const enum tpm_ek_kind bare[] = {TPM_EK_P256, TPM_EK_RSA2048};
	int rc = RF_E_MISSING;

	for (size_t i = 0; i < RF_COUNT(order); i++) {
		rf_buf_reset(cert);
		if (tpm_ek_certificate(tpm, order[i], cert, NULL) < 0 || cert->len == 0)
			continue;
		*out_kind = order[i];
		return tpm_ek_public(tpm, order[i], pub, err);
	}
	rf_buf_reset(cert);
	for (size_t i = 0; i < RF_COUNT(bare) && rc < 0; i++) {
		*out_kind = bare[i];
		rc = tpm_ek_public(tpm, bare[i], pub, err);
	}
	return rc;
}

/* "ak-p256-0123456789abcdef": by the endorsement key, so that each TPM has its own. */
static int other_name(struct tpm *tpm, enum tpm_ak_kind kind, char out[AK_NAME_BYTES],
		      struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pub = {0}, cert = {0};
	char digest[17];
	enum tpm_ek_kind ek;
	int rc = evidence_ek(tpm, &ek, &pub, &cert, err);

	if (rc < 0)
		return rc;
	rc = util_digest(&pub, 8, digest);
	if (rc < 0)
		return rf_fail(err, rc, "SHA-256: %s", rf_code_text(rc));
	rf_format(out, AK_NAME_BYTES, "%s-%s", ak_file(kind), digest);
	return 0;
}

int evidence_ak_other(struct tpm *tpm, enum tpm_ak_kind kind, const char *state_dir, bool fresh,
		      struct rf_buf *blob, struct rf_err *err)
{
	char name[AK_NAME_BYTES];
	int rc = other_name(tpm, kind, name, err);

	rf_buf_reset(blob);
	if (rc < 0)
		return rc;
	return fresh ? ak_make(tpm, kind, state_dir, name, blob, err)
		     : ak_read_or_make(tpm, kind, state_dir, name, blob, err);
}
