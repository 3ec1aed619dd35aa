/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of CPUs. See cpus.h. */
#include "base/cpus.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define LIST_MAX_BYTES 16384u
#define WORDS	       (RF_MAX_CPUS / 64)

static int part_take(char *part, struct rf_cpus *out)
{
	bool without = part[0] == '^';
	char *first_text = part + without, *dash = strchr(first_text, '-');
	int64_t first, last;

	if (dash)
		*dash = '\0';
	if (rf_num(first_text, 10, 0, INT32_MAX, &first) < 0 ||
	    rf_num(dash ? dash + 1 : first_text, 10, first, INT32_MAX, &last) < 0)
		return RF_E_SYNTAX;
	if (last >= (int64_t)RF_MAX_CPUS)
		return RF_E_LIMIT;
	for (int64_t cpu = first; cpu <= last; cpu++) {
		if (without)
			rf_cpus_remove(out, (unsigned)cpu);
		else
			rf_cpus_add(out, (unsigned)cpu);
	}
	return 0;
}

int rf_cpus_parse(const char *list, struct rf_cpus *out)
{
	RF_AUTOFREE char *copy = strlen(list) < LIST_MAX_BYTES ? rf_strdup(list) : NULL;
	struct rf_cpus cpus = {0};
	int rc = 0;

	if (!copy)
		return strlen(list) < LIST_MAX_BYTES ? -ENOMEM : RF_E_LIMIT;
	char *p = rf_trim(copy), *next;

	for (p = *p ? p : NULL; p && rc == 0; p = next) {
		next = strchr(p, ',');
		if (next)
			*next++ = '\0';
		rc = part_take(rf_trim(p), &cpus);
	}
	if (rc == 0)
		*out = cpus;
	return rc;
}

int rf_cpus_format(const struct rf_cpus *cpus, struct rf_buf *out)
{
	bool first = true;

	for (unsigned cpu = 0; cpu < RF_MAX_CPUS; cpu++) {
		unsigned last = cpu;

		if (!rf_cpus_has(cpus, cpu))
			continue;
		while (rf_cpus_has(cpus, last + 1))
			last++;
		rf_buf_printf(out, "%s%u", first ? "" : ",", cpu);
		if (last > cpu)
			rf_buf_printf(out, "-%u", last);
		first = false;
		cpu = last;
	}
	return out->failed ? -ENOMEM : 0;
}

unsigned rf_cpus_count(const struct rf_cpus *cpus)
{
	unsigned n = 0;

	for (size_t i = 0; i < WORDS; i++)
		n += (unsigned)__builtin_popcountll(cpus->bits[i]);
	return n;
}

void rf_cpus_and(struct rf_cpus *a, const struct rf_cpus *b)
{
	for (size_t i = 0; i < WORDS; i++)
		a->bits[i] &= b->bits[i];
}

void rf_cpus_or(struct rf_cpus *a, const struct rf_cpus *b)
{
	for (size_t i = 0; i < WORDS; i++)
		a->bits[i] |= b->bits[i];
}

void rf_cpus_minus(struct rf_cpus *a, const struct rf_cpus *b)
{
	for (size_t i = 0; i < WORDS; i++)
		a->bits[i] &= ~b->bits[i];
}

bool rf_cpus_equal(const struct rf_cpus *a, const struct rf_cpus *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool rf_cpus_within(const struct rf_cpus *a, const struct rf_cpus *b)
{
	for (size_t i = 0; i < WORDS; i++) {
		if (a->bits[i] & ~b->bits[i])
			return false;
	}
	return true;
}

bool rf_cpus_meet(const struct rf_cpus *a, const struct rf_cpus *b)
{
	for (size_t i = 0; i < WORDS; i++) {
		if (a->bits[i] & b->bits[i])
			return true;
	}
	return false;
}
