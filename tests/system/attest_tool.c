/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test only: hands files to the attestation library and prints what it says, so that system tests
 * can hold it against a software TPM. Exit status 0 where the library accepts, 1 where it refuses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/ekcert.h"
#include "attest/enrol.h"
#include "attest/evidence.h"
#include "base/mem.h"
#include "base/str.h"

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

static int file_write(const char *path, const struct rf_buf *in)
{
	FILE *f = fopen(path, "wb");

	if (!f)
		return -1;
	size_t n = fwrite(in->data, 1, in->len, f);

	return fclose(f) == 0 && n == in->len ? 0 : -1;
}

/* verify EVIDENCE NONCE: everything between evidence bytes and "the values are the quoted ones". */
static int verify_parts(struct attest_hasher *hasher, const struct evidence *e,
			struct rf_slice nonce, struct rf_err *err)
{
	struct attest_public ak;
	struct attest_quote quote;
	struct attest_pcr_values pcrs;
	struct attest_key *key = NULL;
	uint16_t hash = 0;
	int rc = attest_public_parse(e->sections[EVIDENCE_AK_PUBLIC], &ak, err);

	if (rc == 0)
		rc = attest_ak_check(&ak, err);
	if (rc == 0)
		rc = attest_key_new(&ak, &key, err);
	if (rc == 0)
		rc = attest_signature_verify(key, e->sections[EVIDENCE_SIGNATURE],
					     e->sections[EVIDENCE_QUOTE], &hash, err);
	if (rc == 0)
		rc = attest_quote_parse(e->sections[EVIDENCE_QUOTE], &quote, err);
	if (rc == 0)
		rc = attest_quote_nonce_check(&quote, nonce, err);
	if (rc == 0)
		rc = evidence_pcrs_parse(e->sections[EVIDENCE_PCRS], &pcrs, err);
	if (rc == 0)
		rc = attest_quote_digest_check(hasher, &quote, hash, &pcrs, err);
	attest_key_free(key);
	if (rc == 0)
		printf("good hash=0x%04x resets=%u restarts=%u banks=%zu\n", hash,
		       quote.reset_count, quote.restart_count, quote.selections_count);
	return rc;
}

static int verify(struct attest_hasher *hasher, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0};
	uint8_t nonce[64];
	size_t nonce_len = 0;
	struct evidence e;

	if (file_read(argv[0], &file) || rf_hex_decode(argv[1], nonce, sizeof(nonce), &nonce_len))
		return rf_fail(err, RF_E_USAGE, "unreadable file or nonce");
	int rc = evidence_parse(rf_buf_slice(&file), &e, err);

	return rc ? rc : verify_parts(hasher, &e, (struct rf_slice){nonce, nonce_len}, err);
}

static int name_of(struct attest_hasher *hasher, const char *path, uint8_t out[66], size_t *len,
		   struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct attest_public pub;

	if (file_read(path, &file))
		return rf_fail(err, RF_E_USAGE, "%s: unreadable", path);
	int rc = attest_public_parse(rf_buf_slice(&file), &pub, err);

	return rc ? rc : attest_public_name(hasher, &pub, out, len, err);
}

/* name PUBLIC */
static int name(struct attest_hasher *hasher, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf hex = {0};
	uint8_t bytes[66];
	size_t len = 0;
	int rc = name_of(hasher, argv[0], bytes, &len, err);

	if (rc)
		return rc;
	rf_buf_add_hex(&hex, bytes, len);
	puts(rf_buf_text(&hex));
	return 0;
}

/* credential EK AK SECRET OUT: OUT in the form of tpm2_makecredential (0xbadcc0de, version 1). */
static int credential(struct attest_hasher *hasher, char **argv, struct rf_err *err)
{
	static const uint8_t head[8] = {0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1};
	RF_AUTOBUF struct rf_buf file = {0}, secret = {0}, out = {0};
	struct enrol_credential made;
	struct attest_public ek;
	uint8_t ak_name[66];
	size_t len = 0;

	if (file_read(argv[0], &file) || file_read(argv[2], &secret))
		return rf_fail(err, RF_E_USAGE, "unreadable file");
	int rc = attest_public_parse(rf_buf_slice(&file), &ek, err);

	if (rc == 0)
		rc = name_of(hasher, argv[1], ak_name, &len, err);
	if (rc == 0)
		rc = enrol_credential_make(hasher, &ek, (struct rf_slice){ak_name, len},
					   rf_buf_slice(&secret), &made, err);
	if (rc)
		return rc;
	rf_buf_add(&out, head, sizeof(head));
	rf_buf_add(&out, made.blob, made.blob_len);
	rf_buf_add(&out, made.seed, made.seed_len);
	return file_write(argv[3], &out);
}

/* ekcert STORE CERTIFICATE EK NOW */
static int ekcert(struct attest_hasher *hasher, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf store_file = {0}, cert = {0}, ek_file = {0};
	struct ekcert_store *store = NULL;
	struct ekcert_info info;
	struct attest_public ek;
	int64_t now = 0;

	(void)hasher;
	if (file_read(argv[0], &store_file) || file_read(argv[1], &cert) ||
	    file_read(argv[2], &ek_file) || rf_num(argv[3], 10, 0, INT64_MAX, &now))
		return rf_fail(err, RF_E_USAGE, "unreadable file or time");
	int rc = attest_public_parse(rf_buf_slice(&ek_file), &ek, err);

	if (rc == 0)
		rc = ekcert_store_new(&store, err);
	if (rc)
		return rc;
	const struct ekcert_request request = {
		.leaf = rf_buf_slice(&cert), .ek = &ek, .now_s = now};

	rc = ekcert_store_add(store, rf_buf_slice(&store_file), NULL, err);
	if (rc == 0)
		rc = ekcert_verify(store, &request, &info, err);
	ekcert_store_free(store);
	if (rc == 0)
		printf("good manufacturer=%s model=%s version=%s root=%s chain=%u\n",
		       info.manufacturer, info.model, info.version, info.root, info.chain_len);
	return rc;
}

static const struct {
	const char *name;
	int args;
	int (*run)(struct attest_hasher *hasher, char **argv, struct rf_err *err);
} commands[] = {{"verify", 2, verify},
		{"name", 1, name},
		{"credential", 4, credential},
		{"ekcert", 4, ekcert}};

int main(int argc, char **argv)
{
	struct attest_hasher *hasher = NULL;
	struct rf_err err = {0};
	int rc = attest_hasher_new(&hasher, &err);
	bool known = false;

	for (size_t i = 0; rc == 0 && argc > 1 && i < RF_COUNT(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0 || argc != 2 + commands[i].args)
			continue;
		known = true;
		rc = commands[i].run(hasher, argv + 2, &err);
	}
	attest_hasher_free(hasher);
	if (!known || rc)
		fprintf(stderr, "%s\n", known ? rf_err_text(&err) : "usage: see the source");
	return rc ? 1 : known ? 0 : 64;
}
