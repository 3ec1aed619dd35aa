/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test only: asks a TPM through src/sys/tpm.h as often as a test wants, on good paths and on those
 * that fail. Exit status 0 when everything ended as it should.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/enrol.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/evidence.h"
#include "sys/tpm.h"

static int file_read(const char *path, struct rf_buf *out)
{
	uint8_t part[4096];
	FILE *f = fopen(path, "rb");

	if (!f)
		return -1;
	for (size_t n; (n = fread(part, 1, sizeof(part), f)) > 0;)
		rf_buf_add(out, part, n);
	fclose(f);
	return 0;
}

static int describe(struct tpm *tpm, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf out = {0};

	(void)tpm;
	int rc = tpm_describe(argv[2], &out, err);

	if (rc == 0)
		fputs(rf_buf_text(&out), stdout);
	return rc;
}

static const struct tpm_selection banks[] = {{ATTEST_SHA1, 0xffff}, {ATTEST_SHA256, 0xffff}};

static int quote(struct tpm *tpm, struct rf_slice blob, size_t banks_count, size_t nonce_len,
		 struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf attest = {0}, signature = {0};
	static const uint8_t nonce[64] = {1};

	return tpm_quote(tpm,
			 &(struct tpm_quote_request){blob, {nonce, nonce_len}, banks, banks_count},
			 &attest, &signature, err);
}

/* quotes STATE KIND N */
static int quotes(struct tpm *tpm, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf blob = {0};
	enum tpm_ak_kind kind = strcmp(argv[4], "rsa") == 0 ? TPM_AK_RSA2048 : TPM_AK_P256;
	int rc = evidence_ak(tpm, kind, argv[3], &blob, err);

	for (int i = 0; rc == 0 && i < atoi(argv[5]); i++)
		rc = quote(tpm, rf_buf_slice(&blob), 2, 32, err);
	return rc;
}

static int expect(int rc, const char *what, struct rf_err *err)
{
	if (rc == 0)
		return rf_fail(err, RF_E_MISMATCH, "%s: not refused", what);
	rf_err_clear(err);
	return 0;
}

/* One round of what must fail, at as many places as there are. */
static int fail_once(struct tpm *tpm, struct rf_slice blob, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bent = {0}, out = {0};
	static const uint8_t junk[2] = {0, 0};
	const struct tpm_credential bad = {{junk, 2}, {junk, 2}};
	int rc = expect(quote(tpm, blob, 0, 32, err), "no bank", err);

	rf_buf_add(&bent, blob.data, blob.len);
	bent.data[bent.len - 1] ^= 1;
	if (rc == 0)
		rc = expect(quote(tpm, blob, 2, 33, err), "nonce too long", err);
	if (rc == 0)
		rc = expect(quote(tpm, rf_buf_slice(&bent), 2, 32, err), "bent key", err);
	if (rc == 0)
		rc = expect(tpm_activate(tpm, TPM_EK_RSA2048, blob, &bad, &out, err), "RSA junk",
			    err);
	if (rc == 0)
		rc = expect(tpm_activate(tpm, TPM_EK_P256, blob, &bad, &out, err), "P-256 junk",
			    err);
	if (rc == 0)
		rc = expect(tpm_activate(tpm, TPM_EK_P384, blob, &bad, &out, err), "P-384 junk",
			    err);
	if (rc == 0)
		rc = expect(tpm_ek_certificate(tpm, TPM_EK_P256, &out, err), "no certificate", err);
	return rc == 0 && out.len ? rf_fail(err, RF_E_MISMATCH, "something came") : rc;
}

/* fails STATE KIND N */
static int fails(struct tpm *tpm, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf blob = {0};
	int rc = evidence_ak(tpm, TPM_AK_P256, argv[3], &blob, err);

	for (int i = 0; rc == 0 && i < atoi(argv[5]); i++)
		rc = fail_once(tpm, rf_buf_slice(&blob), err);
	return rc;
}

static int name_of(struct attest_hasher *hasher, struct rf_slice area, uint8_t out[66], size_t *len,
		   struct rf_err *err)
{
	struct attest_public pub;
	int rc = attest_public_parse(area, &pub, err);

	return rc ? rc : attest_public_name(hasher, &pub, out, len, err);
}

/* Makes a credential in software for that endorsement key, and lets the TPM answer. */
static int enrol_with(struct tpm *tpm, struct attest_hasher *hasher, enum tpm_ek_kind kind,
		      struct rf_slice blob, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf ek_bytes = {0}, answer = {0};
	static const uint8_t secret[32] = "thirty-two bytes of some secret";
	struct enrol_credential made;
	struct attest_public ek;
	struct rf_slice area;
	uint8_t name[66];
	size_t len = 0;
	int rc = tpm_ek_public(tpm, kind, &ek_bytes, err);

	if (rc == 0)
		rc = attest_public_parse(rf_buf_slice(&ek_bytes), &ek, err);
	if (rc == 0)
		rc = attest_ek_check(&ek, err);
	if (rc == 0)
		rc = tpm_ak_public(blob, &area, err);
	if (rc == 0)
		rc = name_of(hasher, area, name, &len, err);
	if (rc == 0)
		rc = enrol_credential_make(hasher, &ek, (struct rf_slice){name, len},
					   (struct rf_slice){secret, 32}, &made, err);
	if (rc)
		return rc;
	const struct tpm_credential credential = {{made.blob, made.blob_len},
						  {made.seed, made.seed_len}};

	rc = tpm_activate(tpm, kind, blob, &credential, &answer, err);
	if (rc == 0)
		rc = enrol_secret_check((struct rf_slice){secret, 32}, rf_buf_slice(&answer), err);
	if (rc)
		return rc;
	/* The same credential, bent: refused, and nothing comes. */
	made.blob[made.blob_len - 1] ^= 1;
	rf_buf_reset(&answer);
	rc = expect(tpm_activate(tpm, kind, blob, &credential, &answer, err), "bent credential",
		    err);
	return rc == 0 && answer.len ? rf_fail(err, RF_E_MISMATCH, "a secret came") : rc;
}

/* enrol STATE */
static int enrol(struct tpm *tpm, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf blob = {0};
	struct attest_hasher *hasher = NULL;
	int rc = evidence_ak(tpm, TPM_AK_P256, argv[3], &blob, err);

	if (rc == 0)
		rc = attest_hasher_new(&hasher, err);
	for (enum tpm_ek_kind kind = 0; rc == 0 && kind < TPM_EK_KINDS; kind++) {
		rc = enrol_with(tpm, hasher, kind, rf_buf_slice(&blob), err);
		if (rc < 0)
			rf_wrap(err, rc, "%s", tpm_ek_kind_name(kind));
	}
	attest_hasher_free(hasher);
	return rc;
}

/* activate STATE FILE: a file of tpm2_makecredential for the RSA endorsement key; prints the
 * secret. */
static int activate(struct tpm *tpm, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf blob = {0}, file = {0}, out = {0};
	int rc = evidence_ak(tpm, TPM_AK_P256, argv[3], &blob, err);

	if (rc == 0 && (file_read(argv[4], &file) || file.len < 12))
		rc = rf_fail(err, RF_E_USAGE, "%s: no credential", argv[4]);
	if (rc)
		return rc;
	size_t len = 2 + (size_t)(file.data[8] << 8 | file.data[9]);
	const struct tpm_credential credential = {{file.data + 8, len},
						  {file.data + 8 + len, file.len - 8 - len}};

	rc = tpm_activate(tpm, TPM_EK_RSA2048, rf_buf_slice(&blob), &credential, &out, err);
	if (rc == 0)
		fwrite(out.data, 1, out.len, stdout);
	return rc;
}

/* public STATE FILE: TPM2B_PUBLIC of the attestation key. */
static int public(struct tpm *tpm, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf blob = {0};
	struct rf_slice area;
	int rc = evidence_ak(tpm, TPM_AK_P256, argv[3], &blob, err);

	if (rc == 0)
		rc = tpm_ak_public(rf_buf_slice(&blob), &area, err);
	FILE *f = rc == 0 ? fopen(argv[4], "wb") : NULL;

	if (!f)
		return rc ? rc : -1;
	fwrite(area.data, 1, area.len, f);
	return fclose(f);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int argc;
		int (*run)(struct tpm *tpm, char **argv, struct rf_err *err);
	} commands[] = {
		{"describe", 3, describe}, {"quotes", 6, quotes},     {"fails", 6, fails},
		{"enrol", 4, enrol},	   {"activate", 5, activate}, {"public", 5, public},
	};

	for (size_t i = 0; argc >= 3 && i < RF_COUNT(commands); i++) {
		struct rf_err err = {0};
		struct tpm *tpm = NULL;

		if (strcmp(commands[i].name, argv[1]) != 0 || commands[i].argc != argc)
			continue;
		int rc = tpm_open(argv[2], &tpm, &err);

		if (rc == 0)
			rc = commands[i].run(tpm, argv, &err);
		tpm_close(tpm);
		if (rc)
			fprintf(stderr, "%s\n", rf_err_text(&err));
		return rc ? 1 : 0;
	}
	fprintf(stderr, "tpm_tool COMMAND TCTI ...\n");
	return 64;
}
