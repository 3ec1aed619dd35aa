/* SPDX-License-Identifier: Apache-2.0 */
/* Rates and sizes out of a policy. See units.h. */
#include "isolate/units.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define RATE_MAX (100000000000ull / 8) /* 100 gbit */

static const struct unit {
	const char *name;
	uint64_t factor;
} bits[] = {{"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}},
  bytes[] = {{"", 1},
	     {"bytes", 1},
	     {"kb", 1000},
	     {"mb", 1000000},
	     {"gb", 1000000000},
	     {"tb", 1000000000000},
	     {"kib", 1ull << 10},
	     {"mib", 1ull << 20},
	     {"gib", 1ull << 30},
	     {"tib", 1ull << 40}};

/* Number, blanks, unit. */
static int take_apart(const char *text, const struct unit *units, size_t count, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	char number[24], unit[16];
	int64_t n;

	if (digits == 0 || digits >= sizeof(number))
		return RF_E_SYNTAX;
	memcpy(number, text, digits);
	number[digits] = '\0';
	text += digits;
	text += strspn(text, " ");
	if (!rf_copy(unit, sizeof(unit), text) || rf_num(number, 10, 0, INT64_MAX, &n) < 0)
		return RF_E_SYNTAX;
	if (rf_ends(unit, "/s"))
		unit[strlen(unit) - 2] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (!rf_equal_nocase(unit, units[i].name))
			continue;
		return __builtin_mul_overflow((uint64_t)n, units[i].factor, out) || *out > INT64_MAX
			       ? RF_E_LIMIT
			       : 0;
	}
	return RF_E_SYNTAX;
}

int unit_rate(const char *text, uint64_t *out)
{
	uint64_t n = 0;
	int rc = take_apart(text, bits, RF_COUNT(bits), &n);

	if (rc < 0)
		return rc;
	if (n / 8 == 0 || n / 8 > RATE_MAX)
		return RF_E_LIMIT;
	*out = n / 8;
	return 0;
}

int unit_bytes(const char *text, uint64_t *out)
{
	uint64_t n = 0;
	int rc = take_apart(text, bytes, RF_COUNT(bytes), &n);

	if (rc == 0)
		*out = n;
	return rc;
}

void unit_rate_words(uint64_t bytes_s, struct rf_buf *out)
{
	uint64_t n = bytes_s * 8;
	size_t i = RF_COUNT(bits) - 1;

	while (i > 0 && (n < bits[i].factor || n % bits[i].factor))
		i--;
	rf_buf_printf(out, "%llu %s", (unsigned long long)(n / bits[i].factor), bits[i].name);
}
