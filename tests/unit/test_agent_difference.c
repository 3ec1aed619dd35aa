/* SPDX-License-Identifier: Apache-2.0 */
/* Differences of facts: applied to the rows of the old run they give the new ones, whatever came
 * and went, also when a difference comes twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/difference.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define MAX_ROWS 200

/* What the manager has: text of a row by its key. */
struct store {
	struct rf_map rows;
	size_t removed;
};

static void key_of(const struct fact_table *table, const struct fact_value *values, char *out,
		   size_t size)
{
	rf_format(out, size, "%s", table->name);
	for (size_t i = 1; i < table->columns_count; i++) {
		size_t len = strlen(out);

		if (table->columns[i].in_key)
			rf_format(out + len, size - len, "/%s", values[i].text);
	}
}

static int apply(void *arg, enum difference_op op, const struct fact_table *table,
		 const struct fact_value *values)
{
	struct store *s = arg;
	char key[256];

	key_of(table, values, key, sizeof(key));
	if (op == DIFFERENCE_REMOVE)
		s->removed++;
	char *value = op == DIFFERENCE_PUT ? rf_strdup(values[2].text) : NULL;

	rf_free(rf_map_get(&s->rows, key));
	return rf_map_set(&s->rows, key, value);
}

static void store_done(struct store *s)
{
	for (size_t i = 0; i < s->rows.capacity; i++)
		rf_free(s->rows.slots[i].key ? s->rows.slots[i].value : NULL);
	rf_map_done(&s->rows);
}

/* A run: values by number of row; 0: not there. */
struct run {
	unsigned values[MAX_ROWS];
};

static void row_add(struct difference *d, unsigned i, unsigned value)
{
	RF_AUTOBUF struct rf_buf message = {0};
	char key[32], text[32];

	rf_format(key, sizeof(key), "net.key.%u", i);
	rf_format(text, sizeof(text), "value %u", value);
	const struct fact_sysctl row = {.key = key, .value = text, .source = "/proc/sys"};

	assert_int_equal(fact_encode(&fact_tables[FACT_T_SYSCTL], "h", &row, &message), 0);
	assert_int_equal(difference_row(d, rf_buf_slice(&message), NULL), 0);
}

struct taker {
	struct store *store;
	bool twice, more;
	size_t chunks, bytes;
};

static int chunk(void *arg, struct rf_slice bytes)
{
	struct taker *t = arg;
	int rc = 0;

	for (int i = 0; !rc && i < 1 + t->twice; i++)
		rc = difference_each(bytes, apply, t->store, &t->more, NULL);
	t->chunks++;
	t->bytes += bytes.len;
	return rc;
}

/* Sends run to the store, as a difference to *state; which becomes its state. */
static size_t send_run(struct taker *t, const struct run *run, struct rf_buf *state, size_t max)
{
	const struct difference_sink sink = {chunk, t, max};
	RF_AUTOBUF struct rf_buf next = {0};
	struct difference *d = NULL;
	size_t count = 0;

	assert_int_equal(difference_new(rf_buf_slice(state), &d, NULL), 0);
	if (difference_whole(d)) {
		store_done(t->store);
		*t->store = (struct store){.removed = 0};
	}
	for (unsigned i = 0; i < MAX_ROWS; i++) {
		if (run->values[i])
			row_add(d, i, run->values[i]);
	}
	assert_int_equal(difference_end(d, &sink, &next, &count, NULL), 0);
	assert_false(t->more);
	difference_free(d);
	rf_buf_reset(state);
	rf_buf_add(state, next.data, next.len);
	return count;
}

static void store_is(struct store *s, const struct run *run)
{
	for (unsigned i = 0; i < MAX_ROWS; i++) {
		char key[64], text[32];

		rf_format(key, sizeof(key), "sysctl/net.key.%u", i);
		rf_format(text, sizeof(text), "value %u", run->values[i]);
		const char *has = rf_map_get(&s->rows, key);

		if (!run->values[i])
			assert_null(has);
		else if (!has || strcmp(has, text) != 0)
			fail_msg("row %u: %s, not %s", i, has ? has : "nothing", text);
	}
}

/* Two hundred runs by a fixed row of pseudo-random numbers. */
static void applied_they_give_the_same_rows(void **state)
{
	struct store store = {.removed = 0};
	struct taker taker = {.store = &store};
	RF_AUTOBUF struct rf_buf kept = {0};
	struct run run = {{0}};
	uint32_t x = 12345;

	(void)state;
	for (unsigned n = 0; n < 200; n++) {
		for (unsigned k = 0; k < n % 40; k++) {
			x = x * 1664525u + 1013904223u;
			run.values[(x >> 8) % MAX_ROWS] = (x >> 20) % 3;
		}
		taker.twice = n % 5 == 0;
		/* The state is lost now and then. */
		if (n % 31 == 30)
			rf_buf_reset(&kept);
		send_run(&taker, &run, &kept, n % 2 ? 1 << 20 : 300);
		store_is(&store, &run);
	}
	assert_true(store.removed > 100);
	assert_true(taker.chunks > 400);
	store_done(&store);
}

static void the_same_run_gives_nothing(void **state)
{
	struct store store = {.removed = 0};
	struct taker taker = {.store = &store};
	RF_AUTOBUF struct rf_buf kept = {0};
	struct run run = {{1, 2, 0, 3}};

	(void)state;
	assert_int_equal(send_run(&taker, &run, &kept, 1 << 20), 3);
	taker.bytes = 0;
	assert_int_equal(send_run(&taker, &run, &kept, 1 << 20), 0);
	assert_int_equal(taker.bytes, 0);
	run.values[1] = 9;
	run.values[3] = 0;
	assert_int_equal(send_run(&taker, &run, &kept, 1 << 20), 2);
	store_is(&store, &run);
	run = (struct run){{0}};
	assert_int_equal(send_run(&taker, &run, &kept, 1 << 20), 2);
	store_is(&store, &run);
	store_done(&store);
}

/* Any byte of a state changed: all rows are sent. */
static void a_damaged_state_is_no_state(void **state)
{
	struct store store = {.removed = 0};
	struct taker taker = {.store = &store};
	RF_AUTOBUF struct rf_buf kept = {0};
	struct run run = {{1, 2, 0, 3}};
	struct difference *d;

	(void)state;
	send_run(&taker, &run, &kept, 1 << 20);
	for (size_t i = 0; i < kept.len; i++) {
		kept.data[i] ^= 4;
		assert_int_equal(difference_new(rf_buf_slice(&kept), &d, NULL), 0);
		assert_true(difference_whole(d));
		difference_free(d);
		kept.data[i] ^= 4;
		assert_int_equal(difference_new((struct rf_slice){kept.data, i}, &d, NULL), 0);
		assert_true(difference_whole(d));
		difference_free(d);
	}
	assert_int_equal(difference_new(rf_buf_slice(&kept), &d, NULL), 0);
	assert_false(difference_whole(d));
	difference_free(d);
	store_done(&store);
}

static void of_two_rows_with_one_key_the_first_stands(void **state)
{
	struct store store = {.removed = 0};
	struct taker taker = {.store = &store};
	const struct difference_sink sink = {chunk, &taker, 1 << 20};
	RF_AUTOBUF struct rf_buf kept = {0};
	struct difference *d;
	size_t count;

	(void)state;
	assert_int_equal(difference_new((struct rf_slice){0}, &d, NULL), 0);
	row_add(d, 1, 7);
	row_add(d, 1, 8);
	assert_int_equal(difference_end(d, &sink, &kept, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_string_equal(rf_map_get(&store.rows, "sysctl/net.key.1"), "value 7");
	difference_free(d);
	store_done(&store);
}

static void hostile_differences_are_refused(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
		int code;
	} rows[] = {
		{"half a head", "\1\0\0", 3, RF_E_TRUNCATED},
		{"a length behind the end", "\1\0\0\0\7abc", 8, RF_E_TRUNCATED},
		{"operation 0", "\0\0\0\0\0", 5, RF_E_SYNTAX},
		{"operation 4", "\4\0\0\0\0", 5, RF_E_SYNTAX},
		{"more with a row", "\3\0\0\0\1x", 6, RF_E_SYNTAX},
		{"something behind more", "\3\0\0\0\0\3\0\0\0\0", 10, RF_E_SYNTAX},
		{"an empty row", "\1\0\0\0\0", 5, RF_E_UNKNOWN},
		{"a table that is none", "\1\0\0\0\4\xff\xff\xff\xff", 9, RF_E_UNKNOWN},
	};
	struct store store = {.removed = 0};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		bool more = false;
		int rc = difference_each(
			(struct rf_slice){(const uint8_t *)rows[i].bytes, rows[i].len}, apply,
			&store, &more, NULL);

		if (rc != rows[i].code)
			fail_msg("%s: %d", rows[i].what, rc);
	}
	assert_int_equal(store.rows.count, 0);
	store_done(&store);
}

static void a_row_that_fits_no_frame_is_an_error(void **state)
{
	struct store store = {.removed = 0};
	struct taker taker = {.store = &store};
	const struct difference_sink sink = {chunk, &taker, 20};
	RF_AUTOBUF struct rf_buf kept = {0};
	struct difference *d;
	size_t count;

	(void)state;
	assert_int_equal(difference_new((struct rf_slice){0}, &d, NULL), 0);
	row_add(d, 1, 7);
	assert_int_equal(difference_end(d, &sink, &kept, &count, NULL), RF_E_LIMIT);
	assert_int_equal(difference_row(d, rf_slice_text("no row"), NULL), RF_E_UNKNOWN);
	difference_free(d);
	difference_free(NULL);
	store_done(&store);
}

/* ---- what changes by itself ---- */

static size_t difference_of(const void *before, const void *after, enum fact_table_id table)
{
	const void *const rows[] = {before, after};
	RF_AUTOBUF struct rf_buf state = {0};
	struct store store = {.removed = 0};
	struct taker taker = {.store = &store};
	const struct difference_sink sink = {chunk, &taker, 65536};
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		RF_AUTOBUF struct rf_buf message = {0}, next = {0};
		struct difference *d = NULL;

		assert_int_equal(fact_encode(&fact_tables[table], "h", rows[i], &message), 0);
		assert_int_equal(difference_new(rf_buf_slice(&state), &d, NULL), 0);
		assert_int_equal(difference_row(d, rf_buf_slice(&message), NULL), 0);
		assert_int_equal(difference_end(d, &sink, &next, &count, NULL), 0);
		difference_free(d);
		rf_buf_reset(&state);
		rf_buf_add(&state, next.data, next.len);
	}
	store_done(&store);
	return count;
}

/* collector_run is the one that every collection changes. */
static void an_idle_host_sends_nothing(void **state)
{
	struct fact_collector_run run = {
		.collector = "ssh", .state = "ok", .tables = "", .source = ""};
	struct fact_collector_run slower = run, failed = run;
	struct fact_mount mount = {.target = "/", .source = ""}, filling = mount, full = mount;
	struct fact_ksm ksm = {.source = ""}, sharing = ksm;

	(void)state;
	run.duration_ms = FACT_INT(5);
	slower.duration_ms = FACT_INT(500);
	failed.state = "failed";
	failed.duration_ms = FACT_INT(5);
	assert_int_equal(difference_of(&run, &slower, FACT_T_COLLECTOR_RUN), 0);
	assert_int_equal(difference_of(&run, &failed, FACT_T_COLLECTOR_RUN), 1);
	mount.free_bytes = FACT_INT(10000000000);
	filling.free_bytes = FACT_INT(10000100000);
	full.free_bytes = FACT_INT(0);
	assert_int_equal(difference_of(&mount, &filling, FACT_T_MOUNT), 0);
	assert_int_equal(difference_of(&mount, &full, FACT_T_MOUNT), 1);
	/* None and a little are two things. */
	ksm.pages_sharing = FACT_INT(0);
	sharing.pages_sharing = FACT_INT(1);
	assert_int_equal(difference_of(&ksm, &sharing, FACT_T_KSM), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(applied_they_give_the_same_rows),
		cmocka_unit_test(the_same_run_gives_nothing),
		cmocka_unit_test(a_damaged_state_is_no_state),
		cmocka_unit_test(of_two_rows_with_one_key_the_first_stands),
		cmocka_unit_test(hostile_differences_are_refused),
		cmocka_unit_test(a_row_that_fits_no_frame_is_an_error),
		cmocka_unit_test(an_idle_host_sends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
