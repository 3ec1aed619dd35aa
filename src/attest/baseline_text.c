/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small texts of a baseline: times, digests, quoted strings. Source: RFC 3339 (times in UTC), YAML
 * 1.2, 7.3.1 (double-quoted style).
 */
#include <string.h>

#include "attest/baseline_parts.h"
#include "base/mem.h"
#include "base/str.h"

/* Days since 1970-01-01 of a Gregorian date (H. Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t days_in(int64_t year, int64_t month)
{
	return month == 12 ? 31 : days_of(year, month + 1, 1) - days_of(year, month, 1);
}

/* Digits of a pattern: "0000-00-00T00:00:00Z" with a digit for each 0. */
static bool fits(const char *text, const char *pattern)
{
	for (; *pattern; pattern++, text++) {
		bool digit = *text >= '0' && *text <= '9';

		if (*pattern == '0' ? !digit : *text != *pattern)
			return false;
	}
	return *text == '\0';
}

static int64_t number_at(const char *text, size_t at, size_t len)
{
	int64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n = n * 10 + (text[at + i] - '0');
	return n;
}

int baseline_time_parse(const char *text, bool end, int64_t *out_ms)
{
	bool day_only = fits(text, "0000-00-00");

	if (!day_only && !fits(text, "0000-00-00T00:00:00Z"))
		return RF_E_SYNTAX;
	int64_t year = number_at(text, 0, 4), month = number_at(text, 5, 2),
		day = number_at(text, 8, 2), seconds = day_only && end ? 86399 : 0;

	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
		return RF_E_SYNTAX;
	if (!day_only) {
		int64_t hour = number_at(text, 11, 2), minute = number_at(text, 14, 2),
			second = number_at(text, 17, 2);

		if (hour > 23 || minute > 59 || second > 59)
			return RF_E_SYNTAX;
		seconds = hour * 3600 + minute * 60 + second;
	}
	*out_ms = (days_of(year, month, day) * 86400 + seconds) * 1000;
	return 0;
}

const char *baseline_time_text(int64_t ms, char out[32])
{
	int64_t seconds = ms / 1000, days = seconds / 86400, rest = seconds % 86400;
	int64_t year = 1970, month = 1;

	/* Times before 1970 and after 9999 are nobody's approval. */
	if (ms < 0 || days > days_of(9999, 12, 31))
		days = rest = 0;
	year += days / 366;
	while (days >= days_of(year + 1, 1, 1))
		year++;
	while (days >= days_of(year, month, 1) + days_in(year, month))
		month++;
	rf_format(out, 32, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lldZ", (long long)year,
		  (long long)month, (long long)(days - days_of(year, month, 1) + 1),
		  (long long)(rest / 3600), (long long)(rest / 60 % 60), (long long)(rest % 60));
	return out;
}

int baseline_digest_parse(const char *text, struct attest_digest *out)
{
	const char *colon = strchr(text, ':');
	struct attest_digest digest = {0};
	char name[16];
	size_t len = 0;
	int64_t number;

	if (!colon || (size_t)(colon - text) >= sizeof(name))
		return RF_E_SYNTAX;
	rf_format(name, sizeof(name), "%.*s", (int)(colon - text), text);
	digest.alg = attest_alg_of_name(name);
	/* Algorithms without a name of ours stand in logs and are carried. */
	if (!digest.alg && rf_starts(name, "alg-0x") &&
	    rf_num(name + 6, 16, 1, UINT16_MAX, &number) == 0)
		digest.alg = (uint16_t)number;
	if (!digest.alg || rf_hex_decode(colon + 1, digest.bytes, sizeof(digest.bytes), &len) < 0)
		return RF_E_SYNTAX;
	size_t size = attest_digest_size(digest.alg);

	if (len == 0 || (size != 0 && len != size))
		return RF_E_SYNTAX;
	digest.len = (uint8_t)len;
	*out = digest;
	return 0;
}

void baseline_put_text(struct rf_buf *out, const char *text)
{
	rf_buf_add_byte(out, '"');
	for (const char *p = text; *p; p++) {
		uint8_t c = (uint8_t)*p;

		if (c == '"' || c == '\\')
			rf_buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			rf_buf_printf(out, "\\x%02x", c);
		else
			rf_buf_add_byte(out, c);
	}
	rf_buf_add_byte(out, '"');
}
