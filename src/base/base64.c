/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648 section 4). Here since base links no library that has it. */
#include "base/base64.h"

#include <errno.h>
#include <string.h>

static const char digits_of[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int rf_base64_add(struct rf_buf *out, const void *data, size_t len)
{
	const uint8_t *in = data;
	uint8_t *at = rf_buf_reserve(out, (len + 2) / 3 * 4);

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < len; i += 3) {
		const size_t have = len - i < 3 ? len - i : 3;
		const uint32_t bits = (uint32_t)in[i] << 16 |
				      (have > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
				      (have > 2 ? in[i + 2] : 0u);

		for (size_t d = 0; d < 4; d++)
			*at++ = d <= have ? (uint8_t)digits_of[bits >> (18 - 6 * d) & 63] : '=';
	}
	out->len += (len + 2) / 3 * 4;
	out->data[out->len] = '\0';
	return 0;
}

static int digit_of(char c)
{
	const char *at = c ? strchr(digits_of, c) : NULL;

	return at ? (int)(at - digits_of) : -1;
}

int rf_base64_decode(struct rf_slice text, uint8_t *out, size_t size, size_t *out_len)
{
	size_t n = 0, pad = 0;

	if (text.len % 4 != 0)
		return RF_E_SYNTAX;
	while (pad < 2 && pad < text.len && text.data[text.len - 1 - pad] == '=')
		pad++;
	for (size_t at = 0; at < text.len; at += 4) {
		uint32_t bits = 0;
		size_t digits = at + 4 == text.len ? 4 - pad : 4;

		for (size_t i = 0; i < 4; i++) {
			int d = i < digits ? digit_of((char)text.data[at + i]) : 0;

			if (d < 0)
				return RF_E_SYNTAX;
			bits = bits << 6 | (uint32_t)d;
		}
		/* What padding leaves over must be zero: one text for one value. */
		if (digits < 4 && (bits & (digits == 3 ? 0xffu : 0xffffu)))
			return RF_E_SYNTAX;
		for (size_t i = 0; i + 1 < digits; i++) {
			if (n == size)
				return RF_E_LIMIT;
			out[n++] = (uint8_t)(bits >> (16 - 8 * i));
		}
	}
	*out_len = n;
	return 0;
}
