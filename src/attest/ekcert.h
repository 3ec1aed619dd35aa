/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endorsement key certificates: does a maker vouch for this TPM? Chains to roots that the caller
 * gives as bytes, with what real TPMs do to certificates (TCG EK Credential Profile; traps in
 * ekcert.c). Nothing is read from files, fetched, or judged by this machine's own clock.
 */
#ifndef RF_ATTEST_EKCERT_H
#define RF_ATTEST_EKCERT_H

#include "attest/quote.h"

#define EKCERT_MAX_BYTES 65536u /* what one NV index or file of evidence may hold */
#define EKCERT_MAX_CHAIN 8u
#define EKCERT_MAX_STORE 4096u /* certificates or CRLs in a store */

/* Certificates that are trusted, and CRLs. */
struct ekcert_store;
int ekcert_store_new(struct ekcert_store **out, struct rf_err *err) RF_MUST_CHECK;
void ekcert_store_free(struct ekcert_store *store);

/*
 * Adds every certificate and CRL in the bytes of one file: PEM (any number, text between, a missing
 * last newline, two blocks on one line) or DER. Everything added is trusted, intermediates as well.
 * *out_count, NULL allowed: how many. RF_E_SYNTAX when one is broken or none is there.
 */
int ekcert_store_add(struct ekcert_store *store, struct rf_slice file, size_t *out_count,
		     struct rf_err *err) RF_MUST_CHECK;

/* What a certificate says, visible characters only. */
struct ekcert_info {
	char subject[256]; /* often empty */
	char issuer[256];
	char serial[64];	 /* hexadecimal */
	char manufacturer[32];	 /* "IFX ", from "id:49465800"; "" when the SAN does not say */
	char model[64];		 /* of the TPM's name in the SAN */
	char version[32];	 /* "id:00070055" */
	char root[256];		 /* subject of the certificate that is trusted */
	uint8_t fingerprint[32]; /* SHA-256 of the certificate */
	int64_t not_before_s, not_after_s; /* Unix */
	unsigned int chain_len;		   /* certificates, the trusted one included */
	unsigned int crls_used;
	/* Notes, not refusals. */
	bool expired;	  /* a TPM outlives its certificate */
	bool no_eku;	  /* older makers left it out */
	bool sha1_chain;  /* a signature in the chain uses SHA-1 */
	bool crl_expired; /* a CRL that was used should have been renewed */
};

/* The evidence for one EK: what the host sent, leaf first. */
struct ekcert_request {
	struct rf_slice leaf; /* DER, perhaps with TCG header, padding, further certificates */
	const struct rf_slice *chain; /* further ones, the same */
	size_t chain_count;
	const struct attest_public *ek; /* the key that is used: the certificate must hold it */
	int64_t now_s;			/* Unix */
};

/*
 * 0 and *out when the leaf is an EK certificate for request->ek and a chain leads to the store.
 * RF_E_MISMATCH: another key. RF_E_DENIED: no chain, revoked, not an EK certificate, not valid yet.
 * RF_E_SYNTAX: not a certificate. The error says what would mend it.
 */
int ekcert_verify(struct ekcert_store *store, const struct ekcert_request *request,
		  struct ekcert_info *out, struct rf_err *err) RF_MUST_CHECK;

#endif
