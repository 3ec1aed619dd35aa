/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time of one of the kernel's clocks as a number. For what is kept or shown as a date
 * CLOCK_REALTIME, for deadlines CLOCK_MONOTONIC, CLOCK_BOOTTIME where the sleep of the machine
 * counts. Not for text: timestamps are written by str.h. Source: clock_gettime(2).
 */
#ifndef RF_BASE_CLOCK_H
#define RF_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define RF_NS_PER_MS 1000000
#define RF_NS_PER_S  1000000000

/* Nanoseconds since the clock's beginning. `clock` is one of the three above, which never fail. */
static inline int64_t rf_clock_ns(clockid_t clock)
{
	struct timespec t = {0};

	(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * RF_NS_PER_S + t.tv_nsec;
}

/* As rf_clock_ns, in whole milliseconds. */
static inline int64_t rf_clock_ms(clockid_t clock)
{
	return rf_clock_ns(clock) / RF_NS_PER_MS;
}

#endif
