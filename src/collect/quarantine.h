/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a VM in quarantine: one line of JSON and a line that names the plan, below
 * STATE/quarantine. Written by the quarantine's last change, read here. Nothing here says whether
 * the quarantine is in force: the guard does.
 */
#ifndef RF_COLLECT_QUARANTINE_H
#define RF_COLLECT_QUARANTINE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define QUARANTINE_RECORD_MAX_BYTES 8192u
#define QUARANTINE_MAX_CARDS	    12
#define QUARANTINE_STAGE_CUT	    "cut"

struct quarantine_record {
	char vm[256], uuid[40], level[16], by[32], reason[304], zone[64], plan[48];
	char segment_of_honeypot[16];
	char stage[8];	    /* "cut": the rest of the level is not in force (yet) */
	char services[320]; /* of restrict: as given, joined by blanks */
	char recorded[4];   /* "yes": frames are copied to a segment */
	int64_t since_ms;   /* since 1970-01-01 UTC */
	struct quarantine_card {
		char mac[18], tap[16], redirect[16]; /* tap when it began; "" */
	} cards[QUARANTINE_MAX_CARDS];
	size_t cards_count;
};

/* The line of JSON, without a line end and without the plan. RF_E_LIMIT over 2047 bytes. */
int quarantine_record_write(const struct quarantine_record *record, struct rf_buf *out,
			    struct rf_err *err) RF_MUST_CHECK;
/* Both lines; plan is "" without its line. RF_E_SYNTAX. */
int quarantine_record_parse(struct rf_slice text, struct quarantine_record *out,
			    struct rf_err *err) RF_MUST_CHECK;

#endif
