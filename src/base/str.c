/* SPDX-License-Identifier: Apache-2.0 */
/* Text helpers; see str.h. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

#include "base/mem.h"
#include "base/str.h"

int rf_num(const char *text, int base, int64_t min, int64_t max, int64_t *out)
{
	const char *digits = text;

	/* strtoll forgives leading blanks and a plus sign; we do not. */
	if (*digits == '-')
		digits++;
	if (!isxdigit((unsigned char)*digits))
		return RF_E_SYNTAX;
	if (base == 0 && digits[0] == '0' && digits[1] != 'x' && digits[1] != 'X')
		base = 10;
	errno = 0;
	char *end;
	long long v = strtoll(text, &end, base);

	if (*end != '\0' || end == digits)
		return RF_E_SYNTAX;
	if (errno == ERANGE || v < min || v > max)
		return RF_E_LIMIT;
	*out = v;
	return 0;
}

bool rf_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool rf_ends(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);

	return n >= m && memcmp(text + n - m, suffix, m) == 0;
}

static char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool rf_equal_nocase(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		if (ascii_lower(*a) != ascii_lower(*b))
			return false;
	}
	return *a == *b;
}

bool rf_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

int rf_truth(const char *text)
{
	static const char *const yes[] = {"true", "yes", "on", "1", "enabled", "y"};
	static const char *const no[] = {"false", "no", "off", "0", "disabled", "n"};

	if (!text)
		return -1;
	for (size_t i = 0; i < RF_COUNT(yes); i++) {
		if (rf_equal_nocase(text, yes[i]))
			return 1;
		if (rf_equal_nocase(text, no[i]))
			return 0;
	}
	return -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

char *rf_trim(char *text)
{
	while (is_blank(*text))
		text++;
	size_t n = strlen(text);

	while (n > 0 && is_blank(text[n - 1]))
		text[--n] = '\0';
	return text;
}

/* Does the set behind '[' hold c? *end is set behind its ']'; a set without one matches nothing. */
static bool glob_set(const char *set, char c, const char **end)
{
	bool negated = *set == '!' || *set == '^', found = false;
	const char *p = set + negated;

	do {
		if (*p == '\0') {
			*end = NULL;
			return false;
		}
		bool range = p[1] == '-' && p[2] && p[2] != ']';

		found = found || (range ? c >= p[0] && c <= p[2] : c == p[0]);
		p += range ? 3 : 1;
	} while (*p != ']');
	*end = p + 1;
	return found != negated;
}

/* One step of a pattern other than '*': the pattern behind it, or NULL when c does not fit. */
static const char *glob_step(const char *pattern, char c)
{
	const char *end;

	if (*pattern == '[')
		return glob_set(pattern + 1, c, &end) ? end : NULL;
	return *pattern == '?' || *pattern == c ? pattern + 1 : NULL;
}

/* Where a pattern that stood behind a '*' may begin in text at the earliest; NULL: nowhere. */
static const char *glob_seek(const char *pattern, const char *text)
{
	return *pattern == '?' || *pattern == '[' ? text : strchr(text, *pattern);
}

/* By bytes, without fnmatch: that converts both texts to wide characters at every call. Only the
 * last '*' is ever tried again, so that no pattern takes more than len(pattern) * len(text) steps.
 */
bool rf_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *again = NULL;

	for (;;) {
		if (*pattern == '*') {
			pattern += strspn(pattern, "*");
			if (!*pattern)
				return true;
			star = pattern;
			again = text = glob_seek(star, text);
			if (!text)
				return false;
			continue;
		}
		if (!*text)
			return !*pattern;
		const char *next = *pattern ? glob_step(pattern, *text) : NULL;

		if (next) {
			pattern = next;
			text++;
		} else if (star) {
			pattern = star;
			again = text = glob_seek(star, again + 1);
			if (!text)
				return false;
		} else {
			return false;
		}
	}
}

void rf_lower(char *text)
{
	for (; *text; text++)
		*text = ascii_lower(*text);
}

char *rf_line_next(char **cursor)
{
	char *line = *cursor;

	if (!line || *line == '\0')
		return NULL;
	char *end = strchr(line, '\n');

	*cursor = end ? end + 1 : NULL;
	if (!end)
		end = line + strlen(line);
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	return line;
}

char *rf_word_next(char **cursor)
{
	char *word = *cursor;

	if (!word)
		return NULL;
	while (is_blank(*word))
		word++;
	if (*word == '\0') {
		*cursor = NULL;
		return NULL;
	}
	char *end = word;

	while (*end && !is_blank(*end))
		end++;
	*cursor = *end ? end + 1 : NULL;
	*end = '\0';
	return word;
}

bool rf_copy(char *out, size_t size_bytes, const char *text)
{
	size_t n = strlen(text);
	bool fits = n < size_bytes;

	if (!fits)
		n = size_bytes - 1;
	memcpy(out, text, n);
	out[n] = '\0';
	return fits;
}

bool rf_format(char *out, size_t size_bytes, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(out, size_bytes, fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < size_bytes;
}

/* Length of the well-formed UTF-8 sequence at data, 0 when it is broken (RFC 3629). */
static size_t utf8_sequence(const uint8_t *data, size_t len)
{
	uint8_t c = data[0];
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : 0;

	if (c >= 0xf0 && c <= 0xf4)
		n = 4;
	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((data[i] & 0xc0) != 0x80)
			return 0;
	}
	bool broken = (c == 0xe0 && data[1] < 0xa0) || (c == 0xed && data[1] > 0x9f) ||
		      (c == 0xf0 && data[1] < 0x90) || (c == 0xf4 && data[1] > 0x8f);
	return broken ? 0 : n;
}

bool rf_utf8_valid(const uint8_t *data, size_t len)
{
	size_t i = 0;

	while (i < len) {
		uint64_t word;

		/* Eight bytes at once while none is beyond ASCII and none is NUL: nearly all of
		 * every text is like that, and every fact comes by here. */
		while (i + sizeof(word) <= len) {
			memcpy(&word, data + i, sizeof(word));
			if (((word | (word - 0x0101010101010101u)) & 0x8080808080808080u) != 0)
				break;
			i += sizeof(word);
		}
		if (i == len)
			break;
		size_t n = utf8_sequence(data + i, len - i);

		if (n == 0 || data[i] == 0)
			return false;
		i += n;
	}
	return true;
}

void rf_buf_add_visible(struct rf_buf *buf, const char *text, size_t len)
{
	const uint8_t *data = (const uint8_t *)text;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(data + i, len - i);
		bool control = n == 1 && (data[i] < 0x20 || data[i] == 0x7f);

		/* C1 controls (U+0080 to U+009F) steer terminals as well as C0 does. */
		if (n == 2 && data[i] == 0xc2 && data[i + 1] < 0xa0)
			control = true;
		if (n == 0 || control) {
			rf_buf_printf(buf, "\\x%02x", data[i]);
			i++;
			continue;
		}
		rf_buf_add(buf, data + i, n);
		i += n;
	}
}

void rf_buf_add_hex(struct rf_buf *buf, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		rf_buf_add_byte(buf, (uint8_t)digits[p[i] >> 4]);
		rf_buf_add_byte(buf, (uint8_t)digits[p[i] & 15]);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int rf_hex_decode(const char *text, uint8_t *out, size_t size, size_t *out_len)
{
	size_t n = strlen(text);

	if (n % 2 != 0)
		return RF_E_SYNTAX;
	if (n / 2 > size)
		return RF_E_LIMIT;
	for (size_t i = 0; i < n / 2; i++) {
		int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return RF_E_SYNTAX;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	*out_len = n / 2;
	return 0;
}

size_t rf_width(const char *text)
{
	size_t width = 0, left = strlen(text);
	mbstate_t state = {0};

	while (left > 0) {
		wchar_t wc;
		size_t n = mbrtowc(&wc, text, left, &state);

		if (n == 0)
			break;
		if (n > left) { /* (size_t)-1 or -2: count the byte as one column */
			state = (mbstate_t){0};
			n = 1;
			wc = L'?';
		}
		int w = wcwidth(wc);

		width += w > 0 ? (size_t)w : 0;
		text += n;
		left -= n;
	}
	return width;
}
