/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a host joins and leaves: invites, certificates, what is known of its TPM, and the documents
 * that a site approved for it. Whether a TPM is believed is the caller's to find out first.
 *
 * Callbacks and answers as in fleet.h.
 */
#ifndef RF_STORE_ENROL_H
#define RF_STORE_ENROL_H

#include "store/fleet.h"

struct store_invite {
	const char *invite; /* its id, no secret */
	struct rf_slice sha256;
	const char *parent; /* object below which the host will stand; "" for none */
	const char *labels; /* JSON text */
	const char *created_by;
	int64_t created_ms, expires_ms;
	int64_t used_ms, revoked_ms; /* read only; 0: not */
	const char *used_by;	     /* read only; NULL */
};

/* RF_E_DUPLICATE for an id or a token in use. */
int store_invite_add(struct store *store, const struct store_invite *invite,
		     struct rf_err *err) RF_MUST_CHECK;

/* Gives take the invite of that token if it could be used now; it is not used by that.
 * RF_E_DENIED, one answer for every reason. */
int store_invite_look(struct store *store, const uint8_t sha256[STORE_SHA256_BYTES], int64_t now_ms,
		      int (*take)(void *arg, const struct store_invite *invite), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

/* RF_E_UNKNOWN when there is none that could still be used. */
int store_invite_revoke(struct store *store, const char *invite, int64_t at_ms,
			struct rf_err *err) RF_MUST_CHECK;

/* Gives take all invites, the newest first. */
int store_invite_each(struct store *store,
		      int (*take)(void *arg, const struct store_invite *invite), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

struct store_certificate {
	const char *serial, *host;
	struct rf_slice sha256;
	int64_t not_before_ms, not_after_ms;
	int64_t revoked_ms; /* read only; 0: not */
	const char *reason; /* read only */
};

/* What is remembered of a TPM between two quotes: struct verdict_memory of attest/verdict.h. */
struct store_memory {
	bool known;
	int64_t clock_ms, firmware, resets, restarts, ima_entries;
};

struct store_tpm {
	const char *host;
	const char *ek_state; /* vendor, site, unproven */
	struct rf_slice ek_certificate, ek_public, ak_public, ak_name;
	struct store_memory memory;
};

struct store_enrolment {
	const struct store_host *host; /* as store_host_add */
	const char *address;	       /* from where; for the event */
	const uint8_t *invite_sha256;
	const struct store_tpm *tpm;		     /* NULL: it has none */
	const struct store_certificate *certificate; /* NULL: to follow */
};

/*
 * A host joins: its invite is used, and with it the host is made (its labels are the invite's where
 * it has none), its TPM kept, its certificate noted. Of many at once with one token one succeeds.
 * RF_E_DENIED (the invite; one answer for every reason), RF_E_DUPLICATE (the id, the TPM or the
 * certificate is another's).
 */
int store_enrol(struct store *store, const struct store_enrolment *enrolment,
		struct rf_err *err) RF_MUST_CHECK;

/* A host leaves for good: RETIRED, all its certificates revoked, no command waits for it any more.
 * RF_E_UNKNOWN, RF_E_DENIED when it is so already. */
int store_host_retire(struct store *store, const char *host, const char *reason, int64_t at_ms,
		      struct rf_err *err) RF_MUST_CHECK;

/* A renewed certificate. RF_E_UNKNOWN, RF_E_DENIED (retired), RF_E_DUPLICATE. */
int store_certificate_add(struct store *store, const struct store_certificate *certificate,
			  struct rf_err *err) RF_MUST_CHECK;

/* Gives take the certificate of that fingerprint when it may be used now: its host is not retired,
 * it is ours, of this time and not revoked. RF_E_DENIED, and why. */
int store_certificate_check(struct store *store, const struct store_use *use,
			    int (*take)(void *arg, const struct store_certificate *certificate),
			    void *arg, struct rf_err *err) RF_MUST_CHECK;

/* RF_E_UNKNOWN when there is none that is not revoked. */
int store_certificate_revoke(struct store *store, const char *serial, const char *reason,
			     int64_t at_ms, struct rf_err *err) RF_MUST_CHECK;

/* Gives take a host's certificates (NULL: all that are revoked and not over at now_ms). */
int store_certificate_each(struct store *store, const char *host, int64_t now_ms,
			   int (*take)(void *arg, const struct store_certificate *certificate),
			   void *arg, struct rf_err *err) RF_MUST_CHECK;

/* Gives take what is known of the host's TPM; RF_E_UNKNOWN when it has none. */
int store_tpm_get(struct store *store, const char *host,
		  int (*take)(void *arg, const struct store_tpm *tpm), void *arg,
		  struct rf_err *err) RF_MUST_CHECK;

/* A new attestation key of the same TPM; its memory stays. RF_E_UNKNOWN. */
int store_tpm_key(struct store *store, const char *host, struct rf_slice ak_public,
		  struct rf_slice ak_name, struct rf_err *err) RF_MUST_CHECK;

/* What is remembered from now on, in the transaction of the verdict. RF_E_UNKNOWN. */
int store_tpm_memory(struct store *store, const char *host, const struct store_memory *memory,
		     struct rf_err *err) RF_MUST_CHECK;

struct store_document {
	int64_t seq; /* read only */
	const char *host;
	const char *kind; /* baseline, policy */
	struct rf_slice content;
	const char *approved_by, *approval;
	int64_t at_ms;
};

/* Puts a document in force for a host, in place of the last of its kind. RF_E_MISSING without the
 * host, RF_E_MISMATCH for a kind that is none. */
int store_document_put(struct store *store, const struct store_document *document,
		       struct rf_err *err) RF_MUST_CHECK;

/* Gives take the newest up to limit of a kind, the newest first: the one in force is the first. */
int store_document_each(struct store *store, const struct store_document *of, int64_t limit,
			int (*take)(void *arg, const struct store_document *document), void *arg,
			struct rf_err *err) RF_MUST_CHECK;

#endif
