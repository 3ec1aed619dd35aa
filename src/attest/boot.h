/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of one boot: what was measured, in order, as items that verdict, baseline, diff,
 * prediction and facts share. It is made from raw logs (hostile) or from a baseline's reference.
 * Nothing here judges.
 */
#ifndef RF_ATTEST_BOOT_H
#define RF_ATTEST_BOOT_H

#include "attest/evidence.h"
#include "attest/eventlog.h"
#include "attest/userspace.h"

enum boot_source { BOOT_FIRMWARE_LOG, BOOT_TXT_LOG, BOOT_USERSPACE_LOG };

struct boot_item {
	enum boot_source source;
	uint32_t pcr;
	uint32_t event; /* index in its log */
	uint32_t type;	/* event type of TCG; 0 in the userspace log */
	enum eventlog_component component;
	enum eventlog_proof proof;
	struct attest_digest digests[ATTEST_MAX_BANKS];
	size_t digests_count;
	char name[128];	       /* variable, path, command word: as in eventlog_meaning */
	char text[512];	       /* in words */
	struct rf_slice value; /* variable contents and the like, where words about a change need
				  them (borrowed from the log, or owned by the baseline) */
};

struct boot {
	struct boot_item
		*items; /* in the order of measurement; firmware, then TXT, then userspace */
	size_t count, room;
	struct eventlog firmware, txt; /* bytes.data NULL when there was none */
	struct eventlog_replay replay; /* of the firmware log */
	struct eventlog_replay txt_replay;
	struct eventlog_state state; /* of the firmware log at its end */
};

/* Reads the raw logs (empty slices where there are none; RF_E_MISSING when all are). The error
 * names log and event, and then out has no items. Items and slices borrow from the logs. Reuses
 * out's room (zero it before the first use): the second log of that size allocates nothing. Of the
 * userspace log, pcr is USERSPACE_NO_PCR for what goes elsewhere, name the kind of record. */
struct boot_logs {
	struct rf_slice firmware, txt, userspace;
	struct rf_slice shim; /* EVIDENCE_SHIM: contents for entries that carry none, taken where
				 all digests of an entry are theirs; the rest is passed over */
};
/* The logs of a file of evidence. */
struct boot_logs boot_logs_of(const struct evidence *evidence);
int boot_read(struct attest_hasher *hasher, const struct boot_logs *logs, struct boot *out,
	      struct rf_err *err) RF_MUST_CHECK;
void boot_done(struct boot *boot);

/* Adds an item (zeroed) to fill in; NULL when out of memory or above EVENTLOG_MAX_EVENTS. */
struct boot_item *boot_add(struct boot *boot);

/* The item's digest in that bank, or NULL. */
const struct attest_digest *boot_item_digest(const struct boot_item *item, uint16_t alg);

/* Values of all PCRs that these items give in that bank (start values by firmware and txt:
 * locality, hcrtm, drtm, which a baseline's reference fills in without a log). EV_NO_ACTION extends
 * nothing; nor does an item without a digest of that bank. RF_E_UNSUPPORTED when the bank cannot be
 * computed. For prediction and for a baseline's reference. */
int boot_replay(struct attest_hasher *hasher, const struct boot *boot, uint16_t alg,
		uint8_t out[ATTEST_PCRS][ATTEST_MAX_DIGEST], struct rf_err *err) RF_MUST_CHECK;

#endif
