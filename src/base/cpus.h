/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of CPUs as the kernel and libvirt write them: "0-3,8,10-11". Source: "List format" of
 * cpuset(7); libvirt's "^2" (not this one) is taken, too.
 */
#ifndef RF_BASE_CPUS_H
#define RF_BASE_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define RF_MAX_CPUS 4096u

struct rf_cpus {
	uint64_t bits[RF_MAX_CPUS / 64];
};

/* Reads a list; "" is the empty set. RF_E_SYNTAX, RF_E_LIMIT for a CPU of 4096 or more; out is
 * written on success only. */
int rf_cpus_parse(const char *list, struct rf_cpus *out) RF_MUST_CHECK;
/* Appends the list, sorted and joined. */
int rf_cpus_format(const struct rf_cpus *cpus, struct rf_buf *out);

static inline bool rf_cpus_has(const struct rf_cpus *cpus, unsigned cpu)
{
	return cpu < RF_MAX_CPUS && cpus->bits[cpu / 64] >> (cpu % 64) & 1;
}
static inline void rf_cpus_add(struct rf_cpus *cpus, unsigned cpu)
{
	if (cpu < RF_MAX_CPUS)
		cpus->bits[cpu / 64] |= 1ull << (cpu % 64);
}
static inline void rf_cpus_remove(struct rf_cpus *cpus, unsigned cpu)
{
	if (cpu < RF_MAX_CPUS)
		cpus->bits[cpu / 64] &= ~(1ull << (cpu % 64));
}
/* How many there are. */
unsigned rf_cpus_count(const struct rf_cpus *cpus);
/* Changes a: what is in both, in either, in a alone. */
void rf_cpus_and(struct rf_cpus *a, const struct rf_cpus *b);
void rf_cpus_or(struct rf_cpus *a, const struct rf_cpus *b);
void rf_cpus_minus(struct rf_cpus *a, const struct rf_cpus *b);
/* Whether both hold the same CPUs. */
bool rf_cpus_equal(const struct rf_cpus *a, const struct rf_cpus *b);
/* Whether b has every CPU of a. */
bool rf_cpus_within(const struct rf_cpus *a, const struct rf_cpus *b);
/* Whether a CPU is in both. */
bool rf_cpus_meet(const struct rf_cpus *a, const struct rf_cpus *b);

#endif
