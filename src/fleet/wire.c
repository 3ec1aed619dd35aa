/* SPDX-License-Identifier: Apache-2.0 */
/* The codec of frames: the header and the limits, nothing of what they say. See wire.h. */
#include "fleet/wire.h"

#include <errno.h>

#include "base/reader.h"

static const struct wire_row rows[WIRE_KIND_COUNT] = {
#define WIRE_ROW(id, name, from, phase, text, bytes) [WIRE_##id] = {name, from, phase, text, bytes},
	WIRE_KINDS(WIRE_ROW)
#undef WIRE_ROW
};

const struct wire_row *wire_row(enum wire_kind kind)
{
	unsigned n = (unsigned)kind;

	return n > WIRE_NONE && n < WIRE_KIND_COUNT ? &rows[n] : NULL;
}

static int sizes_check(const struct wire_row *row, size_t text, size_t bytes, struct rf_err *err)
{
	if (text > row->text_max)
		return rf_fail(err, RF_E_LIMIT, "frame %s: %zu bytes of text, at most %u",
			       row->name, text, row->text_max);
	if (bytes > row->bytes_max)
		return rf_fail(err, RF_E_LIMIT, "frame %s: %zu bytes beside its text, at most %u",
			       row->name, bytes, row->bytes_max);
	return 0;
}

int wire_read(struct rf_slice input, const struct wire_side *side, struct wire_frame *out,
	      size_t *out_len, struct rf_err *err)
{
	struct rf_reader r = rf_reader(input);
	unsigned kind = rf_read_be16(&r), zero = rf_read_be16(&r);
	uint32_t text = rf_read_be32(&r), bytes = rf_read_be32(&r);
	const struct wire_row *row = wire_row((enum wire_kind)kind);
	int rc;

	*out_len = 0;
	if (r.failed)
		return rf_fail(err, RF_E_TRUNCATED, "a frame's header has %u bytes, %zu came",
			       WIRE_HEADER_BYTES, input.len);
	if (!row)
		return rf_fail(err, RF_E_UNKNOWN, "there is no frame of kind %u", kind);
	if (zero)
		return rf_fail(err, RF_E_SYNTAX, "frame %s: a bit is set that must be zero",
			       row->name);
	if (!(row->from & side->from) || !(row->phase & side->phase))
		return rf_fail(err, RF_E_DENIED, "frame %s: not from this side, or not now",
			       row->name);
	rc = sizes_check(row, text, bytes, err);
	if (rc)
		return rc;
	*out_len = (size_t)WIRE_HEADER_BYTES + text + bytes;
	out->kind = (enum wire_kind)kind;
	out->text = rf_read_bytes(&r, text);
	out->bytes = rf_read_bytes(&r, bytes);
	return r.failed ? rf_fail(err, RF_E_TRUNCATED, "frame %s: %zu bytes, %zu came", row->name,
				  *out_len, input.len)
			: 0;
}

int wire_write(struct rf_buf *out, const struct wire_frame *frame, struct rf_err *err)
{
	const struct wire_row *row = wire_row(frame->kind);
	const size_t text = frame->text.len, bytes = frame->bytes.len;
	int rc;

	if (!row)
		return rf_fail(err, RF_E_UNKNOWN, "there is no frame of kind %d", (int)frame->kind);
	rc = sizes_check(row, text, bytes, err);
	if (rc)
		return rc;

	const uint8_t header[WIRE_HEADER_BYTES] = {
		(uint8_t)(frame->kind >> 8),
		(uint8_t)frame->kind,
		0,
		0,
		(uint8_t)(text >> 24),
		(uint8_t)(text >> 16),
		(uint8_t)(text >> 8),
		(uint8_t)text,
		(uint8_t)(bytes >> 24),
		(uint8_t)(bytes >> 16),
		(uint8_t)(bytes >> 8),
		(uint8_t)bytes,
	};

	rf_buf_add(out, header, sizeof(header));
	rf_buf_add(out, frame->text.data, text);
	rf_buf_add(out, frame->bytes.data, bytes);
	return out->failed ? rf_fail(err, -ENOMEM, "no memory for a frame") : 0;
}
