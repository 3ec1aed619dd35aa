/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ESXi hosts say of their boot, as JSON: vSphere's attestation report
 * (HostTpmAttestationReport with HostTpmEventLogEntry), host manifests made from it (pcr_manifest),
 * and vCenter's REST event log. One form for all of them, replayed and compared with the PCR values
 * that came along. Allocates. The PCR values are the host's word: only a quote proves them.
 */
#ifndef RF_ATTEST_ESX_H
#define RF_ATTEST_ESX_H

#include "attest/eventlog.h"

#define ESX_MAX_BYTES  (16u << 20)
#define ESX_MAX_EVENTS 20000u

enum esx_format {
	ESX_REPORT,   /* tpmPcrValues, tpmEvents */
	ESX_MANIFEST, /* pcr_manifest */
	ESX_EVENTLOG, /* type, data, banks: the firmware's own log inside */
};

enum esx_kind {
	ESX_PREBOOT,	  /* firmware, TXT launch: a digest without a name */
	ESX_MODULE,	  /* a software component with its VIB */
	ESX_OPTIONS_FILE, /* boot options (useropts.gz) */
	ESX_COMMAND_LINE,
	ESX_SECURITY_OPTION, /* "execInstalledOnly = FALSE" */
	ESX_SIGNER,
	ESX_TAG, /* of the TPM's NV memory */
	ESX_VERSION,
	ESX_BOOT_COMPLETE,
	ESX_OTHER,
};
const char *esx_kind_name(enum esx_kind kind); /* "module" */

struct esx_event {
	uint32_t pcr;
	enum esx_kind kind;
	struct attest_digest digest;
	bool missing; /* the digest is all zeros: ESXi did not record it, so nothing can be replayed
		       */
	/* PROVED when the digest is that of the text or the data, HINT when it is of something that
	 * is not here (a module's bytes), DISPROVED when it should be and is not. */
	enum eventlog_proof proof;
	/* Never NULL, "" when not said; owned by the log. Not made visible: foreign text. */
	const char *name;
	const char *package, *version, *vendor;
	const char *text; /* the kind's own name, when it is one we do not know */
};

struct esx_log; /* opaque */

/* RF_E_SYNTAX: no JSON, or none of the three; RF_E_LIMIT; RF_E_DUPLICATE: a PCR given twice in one
 * bank. The error names the place. An event log (ESX_EVENTLOG) that is broken inside is refused. */
int esx_open(struct attest_hasher *hasher, struct rf_slice in, struct esx_log **out,
	     struct rf_err *err) RF_MUST_CHECK;
void esx_free(struct esx_log *log);

enum esx_format esx_log_format(const struct esx_log *log);
/* The host says that its log is not complete (truncated, or not reliable). */
bool esx_log_incomplete(const struct esx_log *log);
/* Events in the order given; none of ESX_EVENTLOG (esx_log_firmware has those). */
size_t esx_log_events(const struct esx_log *log, const struct esx_event **out);
/* The firmware's log inside an ESX_EVENTLOG, opened; NULL otherwise. Lives as long as log. */
const struct eventlog *esx_log_firmware(const struct esx_log *log);
/* PCR values that came along. */
const struct attest_pcr_values *esx_log_pcrs(const struct esx_log *log);

enum esx_verdict {
	ESX_EXPLAINED, /* the events make the value */
	ESX_DIFFERS,   /* they make another */
	ESX_STATED,    /* the one event repeats the value, which explains nothing (tboot, PCR 18) */
	ESX_INCOMPLETE, /* an event without its digest */
	ESX_SILENT,	/* a value that no event explains */
	ESX_UNUSED,	/* no event, and as the TPM began */
	ESX_NO_VALUE,	/* events, and no value came along */
};
const char *esx_verdict_name(enum esx_verdict verdict); /* "explained by its events" */

struct esx_pcr {
	uint16_t alg;
	uint32_t pcr;
	enum esx_verdict verdict;
	size_t events;
	struct attest_digest replayed; /* len 0 when there were no events or some had no digest */
};

/* One row for each PCR that has a value or events, by bank and number. *out is the log's own, until
 * it is freed. Returns how many, or RF_E_CRYPTO. */
int esx_compare(struct attest_hasher *hasher, struct esx_log *log, const struct esx_pcr **out,
		struct rf_err *err) RF_MUST_CHECK;

#endif
