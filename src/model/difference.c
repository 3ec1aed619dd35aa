/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences of facts; see difference.h. Both sides are sorted by the digest of their keys, and
 * one walk over both finds what differs. State: "RFFACTS1" | SHA-256 of the schema | entries |
 * SHA-256 of all before; entry: digest of the key | digest of the row | u32 length | the key's row.
 */
#include "model/difference.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/reader.h"

#define MAGIC	    "RFFACTS1"
#define MAGIC_BYTES 8u
#define SHA256	    32u
#define SHORT	    16u /* of a digest: 2^64 rows until two are taken for one */
#define HEAD_BYTES  5u	/* of a record: operation and length */

struct entry {
	uint8_t key[SHORT], row[SHORT];
	size_t at, len; /* of the key's row in keys, or of the row in rows */
	size_t order;	/* of two with one key the first stands */
};

struct list {
	struct entry *entries;
	size_t count, capacity;
	struct rf_buf bytes;
};

struct difference {
	struct list old, now; /* old: rows of keys; now: whole rows */
	bool whole;
};

static int sha256(const void *data, size_t len, uint8_t out[SHA256])
{
	unsigned size = SHA256;

	return EVP_Digest(data, len, out, &size, EVP_sha256(), NULL) == 1 ? 0 : RF_E_CRYPTO;
}

static int entry_add(struct list *list, const struct entry *one)
{
	int rc = rf_grow((void **)&list->entries, &list->capacity, list->count + 1,
			 sizeof(*list->entries));

	if (!rc)
		list->entries[list->count++] = *one;
	return rc;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = memcmp(x->key, y->key, SHORT);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* ---- the state ---- */

/* Sorted, each key once: else it is none of ours. */
static bool state_entries(struct difference *d, struct rf_slice bytes)
{
	struct rf_reader r = rf_reader(bytes);

	while (rf_reader_left(&r) > 0) {
		struct entry one = {.at = 0};
		struct rf_slice key = rf_read_bytes(&r, SHORT), row = rf_read_bytes(&r, SHORT);
		struct rf_slice message = rf_read_bytes(&r, rf_read_be32(&r));

		if (r.failed || message.len > RF_MAX_FACT_ROW_BYTES)
			return false;
		memcpy(one.key, key.data, SHORT);
		memcpy(one.row, row.data, SHORT);
		one.at = d->old.bytes.len;
		one.len = message.len;
		if (d->old.count > 0 &&
		    memcmp(d->old.entries[d->old.count - 1].key, one.key, SHORT) >= 0)
			return false;
		rf_buf_add(&d->old.bytes, message.data, message.len);
		if (d->old.bytes.failed || entry_add(&d->old, &one) < 0)
			return false;
	}
	return true;
}

static bool state_load(struct difference *d, struct rf_slice state)
{
	uint8_t sum[SHA256], schema[SHA256];

	if (state.len < MAGIC_BYTES + 2 * SHA256 || memcmp(state.data, MAGIC, MAGIC_BYTES) != 0 ||
	    sha256(state.data, state.len - SHA256, sum) < 0 ||
	    memcmp(sum, state.data + state.len - SHA256, SHA256) != 0 ||
	    sha256(fact_schema_sql, strlen(fact_schema_sql), schema) < 0 ||
	    memcmp(schema, state.data + MAGIC_BYTES, SHA256) != 0)
		return false;
	return state_entries(d, (struct rf_slice){state.data + MAGIC_BYTES + SHA256,
						  state.len - MAGIC_BYTES - 2 * SHA256});
}

int difference_new(struct rf_slice state, struct difference **out, struct rf_err *err)
{
	struct difference *d = rf_alloc(1, sizeof(*d));

	if (!d)
		return rf_fail(err, -ENOMEM, "facts: no memory");
	d->whole = !state_load(d, state);
	if (d->whole)
		d->old.count = 0;
	*out = d;
	return 0;
}

void difference_free(struct difference *d)
{
	if (!d)
		return;
	rf_free(d->old.entries);
	rf_free(d->now.entries);
	rf_buf_done(&d->old.bytes);
	rf_buf_done(&d->now.bytes);
	rf_free(d);
}

bool difference_whole(const struct difference *d)
{
	return d->whole;
}

/* ---- rows ---- */

/* The row with its key alone, as it is removed. */
static int key_encode(const struct fact_table *table, const struct fact_value *values,
		      struct rf_buf *out)
{
	struct fact_value key[FACT_MAX_COLUMNS] = {0};

	for (size_t i = 0; i < table->columns_count; i++) {
		const struct fact_column *c = &table->columns[i];

		if (c->in_key || strcmp(c->name, "host") == 0)
			key[i] = values[i];
		else if (c->required)
			key[i] = (struct fact_value){.text = "", .known = true};
	}
	return fact_encode_values(table, key, out);
}

/*
 * Columns that change by themselves on a host where nothing happens. What is less than a unit is no
 * change that is sent: a row goes when its value crosses one, and whenever another column changed.
 * None (unit 0): the value says nothing of the host. A unit is below what a control's answer
 * depends on; 0 and more than 0 are always told apart.
 */
static const struct coarse {
	const char *table, *column;
	int64_t unit;
} coarse[] = {
	{"collector_run", "duration_ms", 0},
	{"host", "clock_ms", 86400000}, /* controls count days */
	{"mount", "free_bytes", (int64_t)64 << 20},
	{"storage_pool", "free_bytes", (int64_t)64 << 20},
	{"ksm", "pages_sharing", 16384},
};

static int64_t coarsened(int64_t value, int64_t unit)
{
	if (!unit)
		return 0;
	return value > 0 ? value / unit + 1 : value;
}

/* Makes of a row what is compared; false: the row as it is. */
static bool coarsen(const struct fact_table *table, struct fact_value *values)
{
	bool any = false;

	for (size_t i = 0; i < RF_COUNT(coarse); i++) {
		if (strcmp(coarse[i].table, table->name) != 0)
			continue;
		for (size_t c = 0; c < table->columns_count; c++) {
			if (strcmp(table->columns[c].name, coarse[i].column) != 0)
				continue;
			values[c].number = coarsened(values[c].number, coarse[i].unit);
			any = true;
		}
	}
	return any;
}

static int digests(struct rf_slice key, struct rf_slice row, struct entry *out)
{
	uint8_t sum[SHA256];
	int rc = sha256(key.data, key.len, sum);

	memcpy(out->key, sum, SHORT);
	if (!rc)
		rc = sha256(row.data, row.len, sum);
	memcpy(out->row, sum, SHORT);
	return rc;
}

int difference_row(struct difference *d, struct rf_slice message, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf key = {0}, coarse_row = {0};
	struct rf_slice compared = message;
	struct fact_value values[FACT_MAX_COLUMNS];
	const struct fact_table *table;
	struct entry one = {.at = d->now.bytes.len, .len = message.len, .order = d->now.count};
	int rc = fact_decode(message, &table, values, err);

	if (!rc && d->now.count >= RF_MAX_FACT_ROWS)
		rc = rf_fail(err, RF_E_LIMIT, "more than %u facts", RF_MAX_FACT_ROWS);
	if (!rc)
		rc = key_encode(table, values, &key);
	if (!rc && coarsen(table, values)) {
		rc = fact_encode_values(table, values, &coarse_row);
		compared = rf_buf_slice(&coarse_row);
	}
	if (!rc)
		rc = digests(rf_buf_slice(&key), compared, &one);
	if (!rc)
		rf_buf_add(&d->now.bytes, message.data, message.len);
	if (!rc && d->now.bytes.failed)
		rc = rf_fail(err, -ENOMEM, "facts: no memory");
	return rc ? rc : entry_add(&d->now, &one);
}

/* ---- the walk ---- */

struct walk {
	struct difference *d;
	const struct difference_sink *sink;
	struct rf_buf chunk, *state;
	size_t count;
};

static void put_be32(uint8_t *to, size_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void add_be32(struct rf_buf *out, size_t v)
{
	uint8_t b[4];

	put_be32(b, v);
	rf_buf_add(out, b, sizeof(b));
}

static void record_add(struct rf_buf *out, enum difference_op op, struct rf_slice row)
{
	rf_buf_add_byte(out, (uint8_t)op);
	add_be32(out, row.len);
	rf_buf_add(out, row.data, row.len);
}

static int give(struct walk *w, enum difference_op op, struct rf_slice row)
{
	const size_t needs = w->chunk.len + 2 * (size_t)HEAD_BYTES + row.len;
	int rc = 0;

	if (needs > w->sink->max_bytes && w->chunk.len > 0) {
		record_add(&w->chunk, DIFFERENCE_MORE, (struct rf_slice){0});
		rc = w->chunk.failed ? -ENOMEM
				     : w->sink->take(w->sink->arg, rf_buf_slice(&w->chunk));
		rf_buf_reset(&w->chunk);
	}
	if (2 * (size_t)HEAD_BYTES + row.len > w->sink->max_bytes)
		return RF_E_LIMIT;
	record_add(&w->chunk, op, row);
	w->count++;
	return rc;
}

/* A row that is there now goes into the new state. */
static int keep(struct walk *w, const struct entry *one, struct rf_slice row)
{
	RF_AUTOBUF struct rf_buf key = {0};
	struct fact_value values[FACT_MAX_COLUMNS];
	const struct fact_table *table;
	int rc = fact_decode(row, &table, values, NULL);

	if (!rc)
		rc = key_encode(table, values, &key);
	if (rc)
		return rc;
	rf_buf_add(w->state, one->key, SHORT);
	rf_buf_add(w->state, one->row, SHORT);
	add_be32(w->state, key.len);
	rf_buf_add(w->state, key.data, key.len);
	return w->state->failed ? -ENOMEM : 0;
}

static int step(struct walk *w, const struct entry *old, const struct entry *now)
{
	struct difference *d = w->d;
	const struct rf_slice row = now ? (struct rf_slice){d->now.bytes.data + now->at, now->len}
					: (struct rf_slice){d->old.bytes.data + old->at, old->len};
	int rc = now ? keep(w, now, row) : give(w, DIFFERENCE_REMOVE, row);

	if (!rc && now && (!old || memcmp(old->row, now->row, SHORT) != 0))
		rc = give(w, DIFFERENCE_PUT, row);
	return rc;
}

/* Of rows with one key the first stands. */
static void sort(struct list *list)
{
	size_t kept = 0;

	if (list->count > 0)
		qsort(list->entries, list->count, sizeof(*list->entries), compare);
	for (size_t i = 0; i < list->count; i++) {
		if (kept == 0 ||
		    memcmp(list->entries[kept - 1].key, list->entries[i].key, SHORT) != 0)
			list->entries[kept++] = list->entries[i];
	}
	list->count = kept;
}

static int walk(struct walk *w)
{
	const struct list *old = &w->d->old, *now = &w->d->now;
	size_t o = 0, n = 0;
	int rc = 0;

	while (!rc && (o < old->count || n < now->count)) {
		int order = o == old->count ? 1
			    : n == now->count
				    ? -1
				    : memcmp(old->entries[o].key, now->entries[n].key, SHORT);

		rc = step(w, order <= 0 ? &old->entries[o] : NULL,
			  order >= 0 ? &now->entries[n] : NULL);
		o += order <= 0;
		n += order >= 0;
	}
	return rc;
}

static int state_seal(struct rf_buf *state)
{
	uint8_t sum[SHA256];
	int rc = sha256(state->data, state->len, sum);

	rf_buf_add(state, sum, SHA256);
	return rc ? rc : state->failed ? -ENOMEM : 0;
}

int difference_end(struct difference *d, const struct difference_sink *sink,
		   struct rf_buf *out_state, size_t *out_count, struct rf_err *err)
{
	struct walk w = {.d = d, .sink = sink, .state = out_state};
	uint8_t schema[SHA256];
	int rc = sha256(fact_schema_sql, strlen(fact_schema_sql), schema);

	rf_buf_reset(out_state);
	rf_buf_add(out_state, MAGIC, MAGIC_BYTES);
	rf_buf_add(out_state, schema, SHA256);
	sort(&d->now);
	if (!rc)
		rc = walk(&w);
	if (!rc)
		rc = w.chunk.failed ? -ENOMEM : sink->take(sink->arg, rf_buf_slice(&w.chunk));
	if (!rc)
		rc = state_seal(out_state);
	rf_buf_done(&w.chunk);
	if (rc)
		return rf_wrap(err, rc, "facts");
	*out_count = w.count;
	return 0;
}

/* ---- the other side ---- */

int difference_each(struct rf_slice bytes,
		    int (*take)(void *arg, enum difference_op op, const struct fact_table *table,
				const struct fact_value *values),
		    void *arg, bool *more, struct rf_err *err)
{
	struct rf_reader r = rf_reader(bytes);
	struct fact_value values[FACT_MAX_COLUMNS];
	const struct fact_table *table;
	bool goes_on = false;

	while (rf_reader_left(&r) > 0) {
		unsigned op = rf_read_u8(&r);
		struct rf_slice row = rf_read_bytes(&r, rf_read_be32(&r));
		int rc = rf_reader_check(&r, "facts", err);

		if (rc)
			return rc;
		if (goes_on || op < DIFFERENCE_PUT || op > DIFFERENCE_MORE ||
		    (op == DIFFERENCE_MORE && row.len > 0))
			return rf_fail(err, RF_E_SYNTAX, "facts: no operation %u here", op);
		goes_on = op == DIFFERENCE_MORE;
		rc = goes_on ? 0 : fact_decode(row, &table, values, err);
		if (!rc && !goes_on)
			rc = take(arg, (enum difference_op)op, table, values);
		if (rc)
			return rc;
	}
	*more = goes_on;
	return 0;
}
