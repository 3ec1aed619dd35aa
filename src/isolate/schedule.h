/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times of the week in local time: "mon-fri 18:00-08:00", "sat,sun 00:00-24:00", "22:00-06:00"
 * (every day). A window that ends at or before its start goes past midnight and belongs to the day
 * it starts on. Judged by the clock on the wall: of an hour that is skipped when summer time begins
 * nothing holds, an hour that comes twice holds twice.
 */
#ifndef RF_ISOLATE_SCHEDULE_H
#define RF_ISOLATE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

struct schedule {
	uint8_t days; /* bit 0: Monday */
	int from, to; /* minutes of the day; to may be 1440 */
};

/* RF_E_SYNTAX says what it should look like; out is written on success only. */
int schedule_parse(const char *text, struct schedule *out, struct rf_err *err) RF_MUST_CHECK;
/* Whether the window holds at a local time. Pure. */
bool schedule_holds(const struct schedule *schedule, const struct tm *local);
/* The next second at which schedule_holds() changes, after now_s (seconds since 1970, UTC), in the
 * time zone of the process; 0 when it does not within eight days. */
int64_t schedule_next(const struct schedule *schedule, int64_t now_s);

#endif
