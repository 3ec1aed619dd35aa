/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of esx share; not for others. */
#ifndef RF_ATTEST_ESX_PARTS_H
#define RF_ATTEST_ESX_PARTS_H

#include "attest/esx.h"
#include "base/arena.h"

struct esx_log {
	enum esx_format format;
	bool incomplete;
	struct esx_event *events;
	size_t events_count, events_capacity;
	struct attest_pcr_values pcrs;
	struct rf_buf firmware_bytes;
	struct eventlog firmware;
	struct eventlog_replay firmware_replay;
	struct esx_pcr rows[ATTEST_MAX_BANKS * ATTEST_PCRS];
	struct rf_arena arena;
};

/* Sets proof by what the kind's digest is of: text or data, when they are here. */
void esx_event_prove(struct attest_hasher *hasher, struct esx_event *event, struct rf_slice data);

#endif
