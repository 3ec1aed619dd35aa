/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Visible text from hostile bytes; see words.h. Not for terminals' width and not for allocation
 * (base/str.h has rf_buf_add_visible). Source: Unicode 15 (general categories Cc and Cf), RFC 3629.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attest/words.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"

#define ELLIPSIS "..."

/* Characters that show nothing or turn the text around. */
static const struct {
	uint32_t from, to;
} unseen[] = {{0x00, 0x1f},	{0x7f, 0x9f},	    {0xad, 0xad},	{0x61c, 0x61c},
	      {0x115f, 0x1160}, {0x180b, 0x180f},   {0x200b, 0x200f},	{0x2028, 0x202e},
	      {0x2060, 0x206f}, {0x3164, 0x3164},   {0xd800, 0xdfff},	{0xfe00, 0xfe0f},
	      {0xfeff, 0xfeff}, {0xffa0, 0xffa0},   {0xfff0, 0xfffb},	{0xfffe, 0xffff},
	      {0xe000, 0xf8ff}, {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff}};

struct words words_into(char *out, size_t size)
{
	out[0] = '\0';
	return (struct words){.out = out, .size = size};
}

/* Adds a piece whole, or ends the text. */
static void add_piece(struct words *w, const char *piece, size_t len)
{
	if (w->cut)
		return;
	if (len > w->size - w->len - sizeof(ELLIPSIS)) {
		memcpy(w->out + w->len, ELLIPSIS, sizeof(ELLIPSIS));
		w->len += sizeof(ELLIPSIS) - 1;
		w->cut = true;
		return;
	}
	memcpy(w->out + w->len, piece, len);
	w->len += len;
	w->out[w->len] = '\0';
}

static bool is_unseen(uint32_t c)
{
	for (size_t i = 0; i < RF_COUNT(unseen); i++) {
		if (c >= unseen[i].from && c <= unseen[i].to)
			return true;
	}
	return c > 0x10ffff;
}

static size_t encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | (c >> 6));
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | (c >> 12));
		out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | (c >> 18));
	out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
	out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

void words_add_character(struct words *w, uint32_t character)
{
	char piece[16];
	size_t len;

	/* Printable ASCII is nearly everything: it needs no table. */
	if (character >= 0x20 && character < 0x7f) {
		piece[0] = (char)character;
		add_piece(w, piece, 1);
		return;
	}
	if (is_unseen(character)) {
		len = (size_t)snprintf(piece, sizeof(piece),
				       character < 0x100 ? "\\x%02x" : "\\u%04x", character);
		add_piece(w, piece, len);
		return;
	}
	len = encode(character, piece);
	add_piece(w, piece, len);
}

void words_add(struct words *w, const char *text)
{
	words_add_utf8(w, rf_slice_text(text));
}

void words_printf(struct words *w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	words_add(w, text);
}

/* Bytes of the well-formed sequence at the start of text; 0 when there is none. */
static size_t sequence_at(struct rf_slice text, uint32_t *out)
{
	uint8_t first = text.data[0];
	size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (len > text.len || !rf_utf8_valid(text.data, len))
		return 0;
	uint32_t c = len == 1 ? first : first & (0x7fu >> len);

	for (size_t i = 1; i < len; i++)
		c = c << 6 | (text.data[i] & 0x3fu);
	*out = c;
	return len;
}

/* Adds the visible ASCII at the start of text in one piece; returns how much there was. */
static size_t add_ascii(struct words *w, struct rf_slice text)
{
	size_t len = 0;

	while (len < text.len && text.data[len] >= 0x20 && text.data[len] < 0x7f)
		len++;
	size_t room = w->size - w->len - sizeof(ELLIPSIS);

	if (len <= room) {
		add_piece(w, (const char *)text.data, len);
		return len;
	}
	/* As much as fits, then the end is marked. */
	add_piece(w, (const char *)text.data, room);
	add_piece(w, (const char *)text.data, len);
	return len;
}

void words_add_utf8(struct words *w, struct rf_slice text)
{
	uint32_t c = 0;

	for (size_t i = 0; i < text.len && !w->cut;) {
		i += add_ascii(w, (struct rf_slice){text.data + i, text.len - i});
		if (i == text.len || w->cut)
			return;
		size_t len = sequence_at((struct rf_slice){text.data + i, text.len - i}, &c);

		if (len == 0) {
			words_printf(w, "\\x%02x", text.data[i]);
			i++;
			continue;
		}
		words_add_character(w, c);
		i += len;
	}
}

static void add_utf16(struct words *w, struct rf_slice text, uint16_t (*read)(struct rf_reader *))
{
	struct rf_reader r = rf_reader(text);

	while (rf_reader_left(&r) >= 2 && !w->cut) {
		uint32_t c = read(&r);

		if (c == 0)
			break;
		if (c >= 0xd800 && c < 0xdc00 && rf_reader_left(&r) >= 2) {
			struct rf_reader ahead = r;
			uint32_t low = read(&ahead);

			if (low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				r = ahead;
			}
		}
		words_add_character(w, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	}
}

void words_add_utf16(struct words *w, struct rf_slice text)
{
	add_utf16(w, text, rf_read_le16);
}

void words_add_utf16_be(struct words *w, struct rf_slice text)
{
	add_utf16(w, text, rf_read_be16);
}

void words_add_guid(struct words *w, struct rf_slice guid)
{
	struct rf_reader r = rf_reader(guid);

	if (guid.len != 16) {
		words_add(w, "?");
		return;
	}
	uint32_t a = rf_read_le32(&r);
	uint16_t b = rf_read_le16(&r), c = rf_read_le16(&r);

	words_printf(w, "%08x-%04x-%04x-%04x-", a, b, c, rf_read_be16(&r));
	words_add_hex(w, rf_read_rest(&r), 6);
}

void words_add_hex(struct words *w, struct rf_slice bytes, size_t max)
{
	for (size_t i = 0; i < bytes.len && i < max; i++)
		words_printf(w, "%02x", bytes.data[i]);
	if (bytes.len > max)
		words_add(w, ELLIPSIS);
}
