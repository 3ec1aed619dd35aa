/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware boot logs: TCG 1.2 (SHA-1), TCG 2.0 crypto-agile, CCEL, the TXT/DRTM log. Parsing,
 * replay, and what each event says, believed only where its digest proves it (TCG PC Client
 * Platform Firmware Profile). Nothing allocates; slices borrow from the input.
 */
#ifndef RF_ATTEST_EVENTLOG_H
#define RF_ATTEST_EVENTLOG_H

#include "attest/quote.h"

#define EVENTLOG_MAX_BYTES  (4u << 20)
#define EVENTLOG_MAX_EVENTS 65536u

enum eventlog_format { EVENTLOG_TCG12, EVENTLOG_TCG20, EVENTLOG_TXT };

struct eventlog_event {
	uint32_t index; /* from 0 */
	size_t offset;	/* of the record, bytes */
	uint32_t pcr, type;
	uint16_t algs[ATTEST_MAX_BANKS];
	struct rf_slice digests[ATTEST_MAX_BANKS];
	size_t digests_count;
	struct rf_slice data;
};

struct eventlog {
	enum eventlog_format format;
	struct rf_slice bytes;		 /* up to the end of the last event or padding */
	size_t start;			 /* of the first record: 0, or behind a container's head */
	uint16_t algs[ATTEST_MAX_BANKS]; /* of the Spec ID event, with sizes */
	uint16_t sizes[ATTEST_MAX_BANKS];
	size_t algs_count;
	bool sha1_records; /* no Spec ID event of version 03: TCG_PCR_EVENT to the end */
	size_t events_count;
	size_t pad_bytes; /* zeros or 0xff behind the last event */
	int locality;	  /* of StartupLocality; 0 when none */
	bool hcrtm;	  /* PCR 0 begins with an H-CRTM event */
	bool drtm;	  /* a dynamic launch: PCR 17 to 22 begin with zeros, not ones */
	bool ccel;	  /* PCR field is a measurement register index (TDX) */
};

/*
 * Checks the whole log's structure once. The error names event and offset. Refused: PCR 24 and
 * above, an algorithm that the header does not list, one twice, more digests than the header
 * allows, a record that leads out of the log, a second, late or senseless StartupLocality.
 * RF_E_MISSING for a log of no bytes (some clouds give one).
 */
int eventlog_open(struct rf_slice in, struct eventlog *out, struct rf_err *err) RF_MUST_CHECK;

/* Iterates: *at starts at 0 and is the function's own (offset and index in one). 1: an event, 0:
 * the end (after eventlog_open nothing can fail). */
int eventlog_next(const struct eventlog *log, size_t *at, struct eventlog_event *out);

/* PCR values that the log explains, one bank each for every algorithm we can compute. All 24
 * values are there, with what the PCR begins with where no event extended it; present and touched:
 * bit n set when any event extended PCR n. With log->ccel the "PCRs" are register indexes. */
struct eventlog_replay {
	struct attest_pcr_values pcrs;
	uint32_t touched[ATTEST_MAX_BANKS];
};
int eventlog_replay(struct attest_hasher *hasher, const struct eventlog *log,
		    struct eventlog_replay *out, struct rf_err *err) RF_MUST_CHECK;

/* What each PCR of a bank begins with, by the log's locality, H-CRTM and dynamic launch. Nothing
 * for an algorithm that we cannot compute. */
void eventlog_begin(const struct eventlog *log, uint16_t alg,
		    struct attest_digest values[ATTEST_PCRS]);

/* "EV_EFI_BOOT_SERVICES_APPLICATION"; NULL for an unknown type. */
const char *eventlog_type_name(uint32_t type);

enum eventlog_proof {
	EVENTLOG_PROVED,      /* the digest is H(data) by the type's rule */
	EVENTLOG_HINT,	      /* data is no part of the digest: a hint (PE path, blob address) */
	EVENTLOG_DISPROVED,   /* the rule applies, and the digest is another */
	EVENTLOG_NOT_ALLOWED, /* this type may not stand in this PCR, or at this place */
	EVENTLOG_UNKNOWN_TYPE,
};

/* What part of the machine an event is about. */
enum eventlog_component {
	COMPONENT_NONE,
	COMPONENT_FIRMWARE,
	COMPONENT_FIRMWARE_CONFIG,
	COMPONENT_OPTION_ROM,
	COMPONENT_MICROCODE,
	COMPONENT_SECURE_BOOT_STATE,
	COMPONENT_SECURE_BOOT_PK,
	COMPONENT_SECURE_BOOT_KEK,
	COMPONENT_SECURE_BOOT_DB,
	COMPONENT_SECURE_BOOT_DBX,
	COMPONENT_AUTHORITY,
	COMPONENT_BOOT_ORDER,
	COMPONENT_BOOT_ENTRY,
	COMPONENT_BOOT_APP,
	COMPONENT_DRIVER,
	COMPONENT_GPT,
	COMPONENT_SHIM_VARIABLE,
	COMPONENT_MOK_LIST,
	COMPONENT_LOADER_COMMAND,
	COMPONENT_LOADER_FILE,
	COMPONENT_KERNEL,
	COMPONENT_INITRD,
	COMPONENT_CMDLINE,
	COMPONENT_SEPARATOR,
	COMPONENT_BOOT_FAILURE,
	COMPONENT_EXIT_BOOT_SERVICES,
	COMPONENT_DRTM,
	COMPONENT_ESX_MODULE,
	COMPONENT_ESX_OPTION,
	COMPONENT_ESX_SIGNER,
	COMPONENT_ASSET_TAG,
	COMPONENT_ACTION,
	COMPONENT_OTHER,
	COMPONENT_COUNT
};
const char *eventlog_component_name(enum eventlog_component component); /* "kernel command line" */
const char *eventlog_proof_name(enum eventlog_proof proof);		/* "proved" */

/* What one event means. text: for a person (path, variable, command, words), visible characters
 * only. */
struct eventlog_meaning {
	enum eventlog_component component;
	enum eventlog_proof proof;
	char name[128]; /* variable name, path, command word */
	char text[512];
	struct rf_slice value; /* variable contents and the like, borrowed */
};

/* Says what the event means and whether its digests prove it: in every bank that we can compute, so
 * that no bank can be told another story. state carries what earlier events
 * decided (separators seen, exit of boot services); zero it before the first event. */
struct eventlog_state {
	uint32_t separators;	 /* bit n: PCR n closed */
	uint32_t extended;	 /* bit n: an event of PCR n was seen */
	bool failed_separator;	 /* the firmware reported an error */
	bool exit_boot_services; /* the system took over: said to have succeeded */
	bool after_exit;	 /* from here on only what may follow that is believed */
};
void eventlog_explain(struct attest_hasher *hasher, const struct eventlog *log,
		      const struct eventlog_event *event, struct eventlog_state *state,
		      struct eventlog_meaning *out);

#endif
