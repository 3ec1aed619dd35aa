/* SPDX-License-Identifier: Apache-2.0 */
/* See text.h. Source: Unicode 15.1, UAX 9 (bidirectional controls), C0 and C1 of ISO 6429. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "govern/text.h"

/* Ranges of code points that steer a display and say nothing. */
static const struct {
	uint32_t first, last;
} steering[] = {
	{0x00, 0x1f},	  {0x7f, 0x9f},	    {0x61c, 0x61c},   {0x200b, 0x200f},
	{0x2028, 0x202e}, {0x2060, 0x2069}, {0xfeff, 0xfeff},
};

/* The next code point of well-formed UTF-8. */
static uint32_t point_next(const uint8_t **at)
{
	uint32_t c = *(*at)++;
	unsigned more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

	c &= more ? 0x3fu >> more : 0x7f;
	while (more--)
		c = c << 6 | (*(*at)++ & 0x3f);
	return c;
}

static bool steers(struct rf_slice text, bool lines)
{
	const uint8_t *at = text.data, *end = at + text.len;

	while (at < end) {
		uint32_t c = point_next(&at);

		if (lines && (c == '\n' || c == '\t'))
			continue;
		for (size_t i = 0; i < RF_COUNT(steering); i++) {
			if (c >= steering[i].first && c <= steering[i].last)
				return true;
		}
	}
	return false;
}

static int text_check(struct rf_slice text, size_t max_bytes, bool lines, const char *what,
		      struct rf_err *err)
{
	if (text.len == 0)
		return rf_fail(err, RF_E_MISSING, "%s is missing; give one and try again", what);
	if (text.len > max_bytes)
		return rf_fail(err, RF_E_LIMIT, "%s is too long; give one of at most %zu bytes",
			       what, max_bytes);
	if (!rf_utf8_valid(text.data, text.len) || steers(text, lines))
		return rf_fail(err, RF_E_SYNTAX,
			       "%s holds a character that cannot be shown; give plain text", what);
	return 0;
}

static struct rf_slice slice_of(const char *text, size_t max_bytes)
{
	return (struct rf_slice){(const uint8_t *)text, text ? strnlen(text, max_bytes + 1) : 0};
}

int govern_text_check(struct rf_slice text, size_t max_bytes, const char *what, struct rf_err *err)
{
	return text_check(text, max_bytes, false, what, err);
}

int govern_name_check(const char *text, size_t max_bytes, const char *what, struct rf_err *err)
{
	return text_check(slice_of(text, max_bytes), max_bytes, false, what, err);
}

int govern_prose_check(const char *text, const char *what, struct rf_err *err)
{
	return text_check(slice_of(text, GOVERN_MAX_PROSE_BYTES), GOVERN_MAX_PROSE_BYTES, true,
			  what, err);
}

const char *govern_name_short(const char *name, char out[GOVERN_SHORT_BYTES])
{
	static const char dots[] = "...";

	if (rf_copy(out, GOVERN_SHORT_BYTES, name))
		return out;
	size_t len = GOVERN_SHORT_BYTES - sizeof(dots);

	while (len > 0 && ((uint8_t)out[len] & 0xc0) == 0x80)
		len--;
	memcpy(out + len, dots, sizeof(dots));
	return out;
}

int64_t govern_time_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

long long govern_minutes_between(int64_t a_ms, int64_t b_ms)
{
	uint64_t gap_ms = b_ms > a_ms ? (uint64_t)b_ms - (uint64_t)a_ms : 0;

	return (long long)(gap_ms / 60000 + (gap_ms % 60000 != 0));
}
