/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UEFI variables as boot logs carry them: name, signature databases (PK, KEK, db, dbx, MOK lists),
 * boot entries. Nothing allocates; slices borrow from the input. Sources: TCG PC Client Platform
 * Firmware Profile (UEFI_VARIABLE_DATA), UEFI 2.10, 3.1.3 (EFI_LOAD_OPTION) and 32.4.1
 * (EFI_SIGNATURE_LIST), RFC 5280.
 */
#ifndef RF_ATTEST_EFIVAR_H
#define RF_ATTEST_EFIVAR_H

#include "attest/words.h"
#include "base/err.h"
#include "base/reader.h"

/* Whose variable it is. */
enum efivar_vendor {
	EFIVAR_OTHER,
	EFIVAR_GLOBAL,	 /* EFI_GLOBAL_VARIABLE: SecureBoot, PK, KEK, Boot#### */
	EFIVAR_SECURITY, /* EFI_IMAGE_SECURITY_DATABASE: db, dbx, dbt, dbr */
	EFIVAR_SHIM,	 /* MokList, Shim, SbatLevel, vendor_db */
	EFIVAR_LOADER,	 /* systemd-boot and systemd-stub */
};

struct efivar {
	enum efivar_vendor vendor;
	struct rf_slice guid;  /* 16 bytes */
	struct rf_slice name;  /* UTF-16LE, no NUL */
	struct rf_slice value; /* as long as the structure says */
	size_t trailing_bytes; /* behind the value: old shims log some */
};

/* Reads a UEFI_VARIABLE_DATA. RF_E_TRUNCATED when a length leads out of it. */
int efivar_parse(struct rf_slice in, struct efivar *out, struct rf_err *err) RF_MUST_CHECK;

/* True when the UTF-16 name is this ASCII text. */
bool efivar_name_is(const struct efivar *var, const char *name);

enum efivar_signature_kind {
	EFIVAR_SIGNATURE_OTHER,
	EFIVAR_SIGNATURE_X509,
	EFIVAR_SIGNATURE_SHA256,
	EFIVAR_SIGNATURE_SHA1,
	EFIVAR_SIGNATURE_SHA384,
	EFIVAR_SIGNATURE_SHA512,
	EFIVAR_SIGNATURE_RSA2048,
	EFIVAR_SIGNATURE_X509_HASH, /* of a revoked certificate, and when */
};

struct efivar_signature {
	enum efivar_signature_kind kind;
	struct rf_slice owner; /* GUID, 16 bytes */
	struct rf_slice data;  /* the certificate, or the digest */
};

struct efivar_signatures {
	struct rf_reader lists, entries;
	enum efivar_signature_kind kind;
	size_t entry_bytes;
	uint32_t list; /* from 1, for messages */
};

/* Walks a signature database: signatures = efivar_signatures(value), then next until it is not 1.
 * 1: a signature, 0: the end, negative: broken here (RF_E_TRUNCATED, RF_E_SYNTAX). */
struct efivar_signatures efivar_signatures(struct rf_slice value);
int efivar_signatures_next(struct efivar_signatures *at, struct efivar_signature *out,
			   struct rf_err *err) RF_MUST_CHECK;

/* Adds the subject of a DER certificate: its common name, or organisation and unit.
 * False, with nothing added, when it is no certificate. It checks no signature. */
bool efivar_subject_words(struct words *w, struct rf_slice certificate);

/* Adds "2 certificates (A; B), 77 SHA-256 hashes", or "empty". RF_E_* when the database is broken;
 * what could be read stands in the text. */
int efivar_database_words(struct words *w, struct rf_slice value, struct rf_err *err) RF_MUST_CHECK;

struct efivar_load_option {
	bool active;
	struct rf_slice description; /* UTF-16LE, no NUL */
	struct rf_slice path;	     /* device path, see devicepath.h */
	struct rf_slice optional;    /* data for what is booted, often its command line */
};

/* Reads the value of a Boot#### variable. */
int efivar_load_option_parse(struct rf_slice in, struct efivar_load_option *out,
			     struct rf_err *err) RF_MUST_CHECK;

#endif
