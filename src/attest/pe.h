/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot files (PE/COFF: shim, grub, kernels, unified kernel images) from their bytes: the digest
 * that firmware measures and signatures cover, who signed, and named sections. Hostile bytes;
 * slices borrow from the input.
 */
#ifndef RF_ATTEST_PE_H
#define RF_ATTEST_PE_H

#include "attest/hash.h"

#define PE_MAX_BYTES	       (512u << 20)
#define PE_MAX_SECTIONS	       96u /* what Windows' loader takes; unified kernels have some ten */
#define PE_MAX_SIGNATURES      16u
#define PE_MAX_SIGNATURE_BYTES (256u << 10)

struct pe_section {
	char name[9];	      /* as it stands there, with a NUL behind */
	struct rf_slice raw;  /* in the file, padding included */
	struct rf_slice data; /* without the padding behind its size in memory */
};

struct pe {
	struct rf_slice file;
	uint16_t machine; /* 0x8664 x86-64, 0xaa64 arm64 */
	size_t checksum_at;
	size_t directory_at; /* of the certificate table's entry; 0: there is none */
	size_t headers_bytes;
	struct pe_section sections[PE_MAX_SECTIONS]; /* as listed */
	size_t sections_count;
	uint8_t order[PE_MAX_SECTIONS]; /* sections with bytes in the file, by their place there */
	size_t order_count;
	size_t hashed_bytes;	    /* headers and sections */
	size_t certificates_bytes;  /* left out at the file's end */
	struct rf_slice signatures; /* the certificate table; empty when none */
	/* Firmware's digest leaves some bytes out or takes some twice: there are holes between
	 * sections, or the certificate table is not at the end. Such a file is not what its
	 * signature says. */
	bool irregular;
};

/*
 * Reads headers and sections. Refused: what is no PE file of an image, lengths that lead out of it,
 * sections that overlap. RF_E_SYNTAX, RF_E_TRUNCATED or RF_E_LIMIT; the error names the place.
 */
int pe_open(struct rf_slice in, struct pe *out, struct rf_err *err) RF_MUST_CHECK;

enum pe_padding {
	PE_AS_MEASURED, /* the file as it is: what firmware measures, and db or dbx list */
	PE_AS_SIGNED,	/* padded to 8 bytes, as tools do before they sign an unsigned file */
};

/* The Authenticode digest: all but checksum, the certificate table and its entry. */
int pe_digest(struct attest_hasher *hasher, const struct pe *pe, uint16_t alg,
	      enum pe_padding padding, struct attest_digest *out) RF_MUST_CHECK;

/* The contents of the first section of that name (".linux", ".cmdline", ".osrel"); data NULL when
 * there is none. */
struct rf_slice pe_section_find(const struct pe *pe, const char *name);

/* A line of .sbat: which generation of a component this is, for revocation. */
struct pe_sbat {
	struct rf_slice component;
	uint32_t generation;
	struct rf_slice vendor, package, version, url; /* empty when left out */
};

/* Walks the section's lines; *at starts at 0. 1: a line, 0: the end, RF_E_SYNTAX: broken here. */
int pe_sbat_next(struct rf_slice section, size_t *at, struct pe_sbat *out,
		 struct rf_err *err) RF_MUST_CHECK;

struct pe_signature {
	char signer[256]; /* common name, visible characters only */
	char issuer[256];
	struct attest_digest digest; /* what was signed; alg 0 when we cannot compute it */
	bool matches;		     /* it is this file's digest */
	struct rf_slice der;	     /* PKCS#7 */
};

/*
 * Walks the embedded signatures; *at starts at 0. 1: a signature, 0: the end, RF_E_SYNTAX or
 * RF_E_LIMIT: broken here. Says what is claimed: whether it holds, pe_signed_by tells.
 */
int pe_signature_next(struct attest_hasher *hasher, const struct pe *pe, size_t *at,
		      struct pe_signature *out, struct rf_err *err) RF_MUST_CHECK;

struct pe_signed {
	char signer[256];
	char trusted[256]; /* the certificate of the set that vouches for it */
	uint16_t alg;
	unsigned int number; /* of the signature, from 1 */
};

/*
 * Is the file signed under one of these certificates, as Secure Boot sees it: the certificate in
 * the set may be the signer's own or any above it, and time does not count. RF_E_MISSING: no
 * signature. RF_E_MISMATCH: none is for these bytes, or none holds. RF_E_DENIED: none leads to the
 * set. Revocation by dbx is the caller's matter.
 */
struct ekcert_store;
int pe_signed_by(struct attest_hasher *hasher, const struct pe *pe,
		 const struct ekcert_store *trusted, struct pe_signed *out,
		 struct rf_err *err) RF_MUST_CHECK;

#endif
