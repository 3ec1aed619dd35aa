/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining a manager: a TLS key, the TPM's endorsement and attestation keys, the proof that both are
 * in one TPM (TPM2_ActivateCredential), and the certificate that comes back. Nothing is kept unless
 * all of it went well. Not here: what the manager checks.
 */
#ifndef RF_AGENT_JOIN_H
#define RF_AGENT_JOIN_H

#include "base/buf.h"
#include "base/err.h"

struct join_options {
	const char *url, *token;
	const char *name;	 /* NULL: the host's own */
	const char *authority;	 /* path of the authority's certificate; one of it and: */
	const char *fingerprint; /* SHA-256 of it, hexadecimal */
	const char *state;	 /* NULL: the usual place */
	const char *tcti;	 /* NULL: the device; "none": no TPM is looked for */
};

/* Joins; said gets lines for a person. RF_E_DENIED with the manager's reason; RF_E_DUPLICATE where
 * this host has joined already. */
int join_run(const struct join_options *options, struct rf_buf *said,
	     struct rf_err *err) RF_MUST_CHECK;

/* Takes away who this host was: its certificate, keys for TLS, spool. The TPM's key stays. */
int join_leave(const char *state, struct rf_err *err) RF_MUST_CHECK;

#endif
