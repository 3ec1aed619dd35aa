/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's log of what userspace measured, /run/log/systemd/tpm2-measure.log: CEL-JSON records
 * without recnum in a JSON text sequence (RFC 7464). Source: systemd src/shared/tpm2-util.c,
 * src/pcrlock, docs/TPM2_PCR_MEASUREMENTS.md; TCG Canonical Event Log Format 1.0.
 */
#ifndef RF_ATTEST_USERSPACE_H
#define RF_ATTEST_USERSPACE_H

#include "attest/eventlog.h"

#define USERSPACE_MAX_BYTES	   (16u << 20)
#define USERSPACE_MAX_RECORDS	   65536u
#define USERSPACE_MAX_RECORD_BYTES 65536u
#define USERSPACE_NO_PCR	   UINT32_MAX

struct userspace_record {
	uint32_t index; /* from 0 */
	size_t offset;	/* of its JSON text */
	uint32_t pcr;	/* USERSPACE_NO_PCR for what goes elsewhere (an NV index, a TDX register) */
	struct attest_digest digests[ATTEST_MAX_BANKS];
	size_t digests_count;
	char type[32];	   /* eventType: "phase", "filesystem", "volume-key" ...; "" none */
	char string[1280]; /* what was measured, or words about it; hints where not proved */
	char nv_index[64]; /* name of the NV index */
	char boot_id[40];
	uint64_t timestamp_us; /* since boot */
};

struct userspace_log {
	struct rf_slice bytes;
	size_t at;
	uint32_t count;
};

/* RF_E_LIMIT for more than USERSPACE_MAX_BYTES. An empty log is none. */
int userspace_open(struct rf_slice in, struct userspace_log *out, struct rf_err *err) RF_MUST_CHECK;

/* 1: a record, 0: the end, negative: broken here (out untouched); the error names record and
 * offset. */
int userspace_next(struct userspace_log *log, struct userspace_record *out,
		   struct rf_err *err) RF_MUST_CHECK;

struct userspace_replay {
	uint32_t records;	       /* in the log */
	uint32_t touched;	       /* bit n: PCR n stands in the log */
	uint32_t matched;	       /* bit n: PCR n has the proved value */
	uint32_t covered[ATTEST_PCRS]; /* records up to the proved value */
	uint32_t beyond[ATTEST_PCRS];  /* records behind it: made after the quote */
};

/*
 * Extends values (as the boot log left them; banks_count, algs and present must be set) with the
 * log's records. proved (NULL: replay all): each PCR stops where all its banks that values and
 * proved share are equal, because the log may be ahead of the quote. Where that never happens the
 * PCR has its last value, and its bit in matched is not set. Returns 0, or negative when the log is
 * broken or a record lacks a bank's digest with another length.
 */
int userspace_replay(struct attest_hasher *hasher, struct rf_slice log,
		     const struct attest_pcr_values *proved, struct attest_pcr_values *values,
		     struct userspace_replay *out, struct rf_err *err) RF_MUST_CHECK;

/* What a record means, in words ("boot phase enter-initrd"), and whether its digests prove them:
 * EVENTLOG_PROVED, EVENTLOG_HINT (keyed or shortened: nothing to compare), EVENTLOG_DISPROVED,
 * EVENTLOG_UNKNOWN_TYPE, EVENTLOG_NOT_ALLOWED (that type does not go into that PCR). */
enum eventlog_proof userspace_explain(struct attest_hasher *hasher,
				      const struct userspace_record *record, char *text,
				      size_t size_bytes);

#endif
