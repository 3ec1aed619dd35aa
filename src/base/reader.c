/* SPDX-License-Identifier: Apache-2.0 */
/* Binary reader with a sticky error; see reader.h. */
#include "base/reader.h"

struct rf_reader rf_reader(struct rf_slice in)
{
	return (struct rf_reader){.data = in.data, .len = in.len};
}

size_t rf_reader_left(const struct rf_reader *r)
{
	return r->failed ? 0 : r->len - r->pos;
}

struct rf_slice rf_read_bytes(struct rf_reader *r, size_t len)
{
	if (r->failed)
		return (struct rf_slice){0};
	if (len > r->len - r->pos) {
		r->failed = true;
		r->failed_at = r->pos;
		r->wanted = len;
		return (struct rf_slice){0};
	}
	/* Adding to a NULL base is undefined even for 0 bytes. */
	struct rf_slice out = {r->data ? r->data + r->pos : NULL, len};

	r->pos += len;
	return out;
}

struct rf_slice rf_read_rest(struct rf_reader *r)
{
	return rf_read_bytes(r, rf_reader_left(r));
}

static uint64_t read_be(struct rf_reader *r, size_t bytes)
{
	struct rf_slice s = rf_read_bytes(r, bytes);
	uint64_t v = 0;

	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.data[i];
	return v;
}

static uint64_t read_le(struct rf_reader *r, size_t bytes)
{
	struct rf_slice s = rf_read_bytes(r, bytes);
	uint64_t v = 0;

	for (size_t i = s.len; i > 0; i--)
		v = v << 8 | s.data[i - 1];
	return v;
}

uint8_t rf_read_u8(struct rf_reader *r)
{
	return (uint8_t)read_be(r, 1);
}

uint16_t rf_read_be16(struct rf_reader *r)
{
	return (uint16_t)read_be(r, 2);
}

uint32_t rf_read_be32(struct rf_reader *r)
{
	return (uint32_t)read_be(r, 4);
}

uint64_t rf_read_be64(struct rf_reader *r)
{
	return read_be(r, 8);
}

uint16_t rf_read_le16(struct rf_reader *r)
{
	return (uint16_t)read_le(r, 2);
}

uint32_t rf_read_le32(struct rf_reader *r)
{
	return (uint32_t)read_le(r, 4);
}

uint64_t rf_read_le64(struct rf_reader *r)
{
	return read_le(r, 8);
}

int rf_reader_check(const struct rf_reader *r, const char *what, struct rf_err *err)
{
	if (!r->failed)
		return 0;
	return rf_fail(err, RF_E_TRUNCATED, "%s: at byte %zu: %zu bytes wanted, %zu left", what,
		       r->failed_at, r->wanted, r->len - r->failed_at);
}
