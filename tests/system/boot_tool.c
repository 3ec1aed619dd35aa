/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test only: hands boot files and IMA signatures to the attestation library and prints what it
 * says, so that system tests can hold it against other tools. Exit status 0 where the library
 * accepts, 1 where it refuses.
 */
#include <stdio.h>
#include <string.h>

#include "attest/esx.h"
#include "attest/imasig.h"
#include "attest/pe.h"
#include "base/mem.h"
#include "base/str.h"

static int file_read(const char *path, struct rf_buf *out)
{
	uint8_t part[65536];
	FILE *f = fopen(path, "rb");

	if (!f)
		return RF_E_USAGE;
	for (size_t n; (n = fread(part, 1, sizeof(part), f)) > 0;)
		rf_buf_add(out, part, n);
	fclose(f);
	return 0;
}

static int store_read(const char *path, struct ekcert_store **out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0};
	int rc = file_read(path, &file);

	if (rc == 0)
		rc = ekcert_store_new(out, err);
	return rc ? rc : ekcert_store_add(*out, rf_buf_slice(&file), NULL, err);
}

static int print_digests(struct attest_hasher *hasher, const struct pe *pe)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384, ATTEST_SHA512};
	struct attest_digest digest;
	char name[16];

	for (size_t i = 0; i < 2 * RF_COUNT(algs); i++) {
		RF_AUTOBUF struct rf_buf hex = {0};
		bool padded = i >= RF_COUNT(algs);
		int rc = pe_digest(hasher, pe, algs[i % RF_COUNT(algs)],
				   padded ? PE_AS_SIGNED : PE_AS_MEASURED, &digest);

		if (rc)
			return rc;
		rf_buf_add_hex(&hex, digest.bytes, digest.len);
		printf("%s%s %s\n", attest_alg_name(digest.alg, name), padded ? "-padded" : "",
		       rf_buf_text(&hex));
	}
	return 0;
}

/* pe FILE */
static int show(struct attest_hasher *hasher, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct pe pe;
	struct pe_signature signature;
	struct pe_sbat sbat;
	size_t at = 0;
	int rc = file_read(argv[0], &file);

	if (rc == 0)
		rc = pe_open(rf_buf_slice(&file), &pe, err);
	if (rc == 0)
		rc = print_digests(hasher, &pe);
	if (rc)
		return rc;
	for (size_t i = 0; i < pe.sections_count; i++)
		printf("section %s %zu\n", pe.sections[i].name, pe.sections[i].data.len);
	while ((rc = pe_signature_next(hasher, &pe, &at, &signature, err)) == 1)
		printf("signature %s|%s|%s\n", signature.signer, signature.issuer,
		       signature.matches ? "matches" : "other");
	at = 0;
	while (rc == 0 &&
	       (rc = pe_sbat_next(pe_section_find(&pe, ".sbat"), &at, &sbat, err)) == 1) {
		printf("sbat %.*s %u\n", (int)sbat.component.len, sbat.component.data,
		       sbat.generation);
		rc = 0;
	}
	return rc;
}

/* signed FILE CERTIFICATES */
static int signed_by(struct attest_hasher *hasher, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct ekcert_store *store = NULL;
	struct pe_signed out;
	struct pe pe;
	int rc = file_read(argv[0], &file);

	if (rc == 0)
		rc = store_read(argv[1], &store, err);
	if (rc == 0)
		rc = pe_open(rf_buf_slice(&file), &pe, err);
	if (rc == 0)
		rc = pe_signed_by(hasher, &pe, store, &out, err);
	ekcert_store_free(store);
	if (rc == 0)
		printf("good signer=%s trusted=%s number=%u\n", out.signer, out.trusted,
		       out.number);
	return rc;
}

/* imasig LIST CERTIFICATES: a line for each entry */
static int imasig(struct attest_hasher *hasher, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct ekcert_store *store = NULL;
	struct ima_entry entry;
	struct ima_list list;
	int rc = file_read(argv[0], &file), good = 0;

	if (rc == 0)
		rc = store_read(argv[1], &store, err);
	if (rc == 0)
		rc = ima_open(rf_buf_slice(&file), 20, &list, err);
	while (rc == 0 && (rc = ima_next(&list, &entry, err)) == 1) {
		struct rf_err why = {0};
		struct imasig out;

		rc = 0;
		good = imasig_verify(hasher, &entry, list.big_endian, store, &out, &why);
		printf("%.*s %s %s\n", (int)entry.name.len, entry.name.data,
		       good ? "refused" : imasig_kind_name(out.kind), good ? why.text : out.signer);
	}
	ekcert_store_free(store);
	return rc;
}

/* esx FILE: a line for each PCR */
static int esx(struct attest_hasher *hasher, char **argv, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0};
	const struct esx_pcr *rows = NULL;
	struct esx_log *log = NULL;
	char name[16];
	int rc = file_read(argv[0], &file);

	if (rc == 0)
		rc = esx_open(hasher, rf_buf_slice(&file), &log, err);
	int count = rc ? rc : esx_compare(hasher, log, &rows, err);

	for (int i = 0; i < count; i++)
		printf("%s %u %s\n", attest_alg_name(rows[i].alg, name), rows[i].pcr,
		       esx_verdict_name(rows[i].verdict));
	esx_free(log);
	return count < 0 ? count : 0;
}

static const struct {
	const char *name;
	int args;
	int (*run)(struct attest_hasher *hasher, char **argv, struct rf_err *err);
} commands[] = {{"pe", 1, show}, {"signed", 2, signed_by}, {"imasig", 2, imasig}, {"esx", 1, esx}};

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
		fprintf(stderr, "%s\n",
			!known	   ? "usage: see the source"
			: err.code ? err.text
				   : rf_code_text(rc));
	return rc ? 1 : known ? 0 : 64;
}
