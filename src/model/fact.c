/* SPDX-License-Identifier: Apache-2.0 */
/* Fact rows: sinks and their wire form; see fact.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "model/fact.h"

/* Tags of a value on the wire. */
enum { TAG_NULL = 0, TAG_TEXT = 1, TAG_INT = 2 };

void fact_put(struct fact_sink *sink, enum fact_table_id table, const void *row)
{
	if (sink->err.code)
		return;
	int rc = sink->put(sink, &fact_tables[table], row);

	if (rc < 0 && !sink->err.code)
		rf_fail(&sink->err, rc, "table %s: %s", fact_tables[table].name, rf_code_text(rc));
	sink->rows_count++;
}

void fact_gap(struct fact_sink *sink, enum fact_table_id table, const char *key, const char *col,
	      const char *source, const char *fmt, ...)
{
	char reason[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	sink->gaps_count++;
	fact_put_fact_gap(sink, &(struct fact_fact_gap){.tbl = fact_tables[table].name,
							.key = key,
							.col = col,
							.reason = reason,
							.source = source});
}

int fact_sink_check(const struct fact_sink *sink, struct rf_err *err)
{
	if (sink->err.code)
		return rf_fail(err, sink->err.code, "%s", sink->err.text);
	return 0;
}

const struct fact_table *fact_table_find(const char *name)
{
	for (size_t i = 0; i < FACT_T_COUNT; i++) {
		if (strcmp(fact_tables[i].name, name) == 0)
			return &fact_tables[i];
	}
	return NULL;
}

enum fact_table_id fact_table_id(const struct fact_table *table)
{
	return (enum fact_table_id)(table - fact_tables);
}

static void write_le32(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static void add_le32(struct rf_buf *out, uint32_t v)
{
	uint8_t b[4];

	write_le32(b, v);
	rf_buf_add(out, b, sizeof(b));
}

/* Tag, length, text and a NUL, in one piece: a host has a million values. */
static void add_tagged_text(struct rf_buf *out, const void *text, size_t len)
{
	uint8_t *to = rf_buf_reserve(out, len + 6);

	if (!to)
		return;
	to[0] = TAG_TEXT;
	write_le32(to + 1, (uint32_t)len);
	if (len)
		memcpy(to + 5, text, len);
	to[len + 5] = 0;
	to[len + 6] = 0; /* the one that rf_buf keeps behind its bytes */
	out->len += len + 6;
}

static void encode_text(struct rf_buf *out, const char *text)
{
	if (!text) {
		rf_buf_add_byte(out, TAG_NULL);
		return;
	}
	size_t len = strnlen(text, RF_MAX_FACT_TEXT_BYTES);

	/* A fact is UTF-8 text whatever a file held: broken bytes are kept visibly. */
	if (rf_utf8_valid((const uint8_t *)text, len)) {
		add_tagged_text(out, text, len);
		return;
	}
	RF_AUTOBUF struct rf_buf visible = {0};

	rf_buf_add_visible(&visible, text, len);
	add_tagged_text(out, visible.data, visible.len);
	if (visible.failed)
		out->failed = true;
}

static void encode_int(struct rf_buf *out, struct fact_int n)
{
	if (!n.known) {
		rf_buf_add_byte(out, TAG_NULL);
		return;
	}
	rf_buf_add_byte(out, TAG_INT);
	add_le32(out, (uint32_t)(uint64_t)n.v);
	add_le32(out, (uint32_t)((uint64_t)n.v >> 32));
}

int fact_encode(const struct fact_table *table, const char *host, const void *row,
		struct rf_buf *out)
{
	add_le32(out, (uint32_t)fact_table_id(table));
	for (size_t i = 0; i < table->columns_count; i++) {
		const struct fact_column *c = &table->columns[i];
		const char *field = (const char *)row + c->offset;

		if (!c->is_text) {
			struct fact_int n;

			memcpy(&n, field, sizeof(n));
			encode_int(out, n);
			continue;
		}
		const char *text;

		memcpy(&text, field, sizeof(text));
		if (i == 0 && !text && strcmp(c->name, "host") == 0)
			text = host;
		if (c->required && !text)
			return RF_E_MISSING;
		encode_text(out, text);
	}
	return out->failed ? -ENOMEM : 0;
}

int fact_encode_values(const struct fact_table *table,
		       const struct fact_value values[FACT_MAX_COLUMNS], struct rf_buf *out)
{
	add_le32(out, (uint32_t)fact_table_id(table));
	for (size_t i = 0; i < table->columns_count; i++) {
		const struct fact_column *c = &table->columns[i];

		if (c->required && !values[i].known)
			return RF_E_MISSING;
		if (c->is_text)
			encode_text(out, values[i].known ? values[i].text : NULL);
		else
			encode_int(out, (struct fact_int){values[i].known, values[i].number});
	}
	return out->failed ? -ENOMEM : 0;
}

static int decode_value(struct rf_reader *r, const struct fact_column *c, struct fact_value *out)
{
	*out = (struct fact_value){0};
	switch (rf_read_u8(r)) {
	case TAG_NULL:
		return c->required ? RF_E_MISSING : 0;
	case TAG_INT:
		if (c->is_text)
			return RF_E_SYNTAX;
		out->number = (int64_t)rf_read_le64(r);
		out->known = true;
		return 0;
	case TAG_TEXT: {
		if (!c->is_text)
			return RF_E_SYNTAX;
		struct rf_slice s = rf_read_bytes(r, rf_read_le32(r));

		if (rf_read_u8(r) != 0 || !s.data || !rf_utf8_valid(s.data, s.len))
			return RF_E_SYNTAX;
		out->text = (const char *)s.data;
		out->known = true;
		return 0;
	}
	default:
		return RF_E_SYNTAX;
	}
}

int fact_decode(struct rf_slice message, const struct fact_table **out_table,
		struct fact_value out_values[FACT_MAX_COLUMNS], struct rf_err *err)
{
	if (message.len > RF_MAX_FACT_ROW_BYTES)
		return rf_fail(err, RF_E_LIMIT, "fact row: %zu bytes", message.len);
	struct rf_reader r = rf_reader(message);
	uint32_t id = rf_read_le32(&r);

	if (r.failed || id >= FACT_T_COUNT || fact_tables[id].is_view)
		return rf_fail(err, RF_E_UNKNOWN, "fact row: no table %u", id);
	const struct fact_table *table = &fact_tables[id];

	for (size_t i = 0; i < table->columns_count; i++) {
		int rc = decode_value(&r, &table->columns[i], &out_values[i]);

		if (rc < 0)
			return rf_fail(err, rc, "fact row: %s.%s: %s", table->name,
				       table->columns[i].name, rf_code_text(rc));
	}
	int rc = rf_reader_check(&r, "fact row", err);

	if (rc < 0)
		return rc;
	if (rf_reader_left(&r) != 0)
		return rf_fail(err, RF_E_SYNTAX, "fact row: %s: bytes left over", table->name);
	*out_table = table;
	return 0;
}
