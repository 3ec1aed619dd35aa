/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates and sizes as people write them in a policy: 100mbit, 2 gbit/s, 64 KiB, 10MB. Bits count in
 * thousands, as networks do; bytes in what their unit says. Pure.
 */
#ifndef RF_ISOLATE_UNITS_H
#define RF_ISOLATE_UNITS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* "100mbit" (bit, kbit, mbit, gbit, with or without /s, any case) as bytes a second; RF_E_SYNTAX,
 * RF_E_LIMIT for 0 and for more than 100 gbit. */
int unit_rate(const char *text, uint64_t *out) RF_MUST_CHECK;
/* "64 KiB" (none, bytes, kB, MB, GB, TB, KiB, MiB, GiB, TiB, any case, with or without /s) as
 * bytes; RF_E_SYNTAX, RF_E_LIMIT for more than INT64_MAX. */
int unit_bytes(const char *text, uint64_t *out) RF_MUST_CHECK;
/* Appends bytes a second as a rate: "100 mbit". */
void unit_rate_words(uint64_t bytes_s, struct rf_buf *out);

#endif
