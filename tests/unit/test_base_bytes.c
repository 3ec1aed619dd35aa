/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, readers, maps and memory: growth, limits, failing allocations. */
#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "test_base.h"

static void buffer_grows_and_ends_with_nul(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	(void)state;
	assert_string_equal(rf_buf_text(&buf), "");
	for (int i = 0; i < 1000; i++)
		rf_buf_printf(&buf, "%d,", i);
	assert_int_equal(strlen(rf_buf_text(&buf)), buf.len);
	assert_true(rf_starts(rf_buf_text(&buf), "0,1,2,"));
	rf_buf_reset(&buf);
	assert_string_equal(rf_buf_text(&buf), "");
}

static void buffer_failure_sticks(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	(void)state;
	rf_alloc_fail_after(1);
	assert_int_equal(rf_buf_add_text(&buf, "x"), -ENOMEM);
	rf_alloc_fail_after(0);
	assert_true(buf.failed);
	assert_int_equal(rf_buf_add_text(&buf, "x"), -ENOMEM);
	assert_null(rf_buf_take_text(&buf));
	assert_null(rf_buf_reserve(&buf, SIZE_MAX));
}

static void text_moves_out(void **state)
{
	struct rf_buf buf = {0};

	(void)state;
	RF_AUTOFREE char *empty = rf_buf_take_text(&buf);

	assert_string_equal(empty, "");
	rf_buf_add_text(&buf, "moved");
	RF_AUTOFREE char *text = rf_buf_take_text(&buf);

	assert_string_equal(text, "moved");
	assert_null(buf.data);
}

static void reader_reads_both_orders(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct rf_reader r = rf_reader((struct rf_slice){bytes, sizeof(bytes)});

	(void)state;
	assert_int_equal(rf_read_u8(&r), 1);
	assert_int_equal(rf_read_be16(&r), 0x0203);
	assert_int_equal(rf_read_le16(&r), 0x0504);
	assert_int_equal(rf_read_be32(&r), 0x06070809);
	assert_int_equal(rf_read_le32(&r), 0x0d0c0b0a);
	assert_int_equal(rf_reader_left(&r), 2);
	assert_int_equal(rf_read_rest(&r).len, 2);
	assert_int_equal(rf_reader_check(&r, "x", NULL), 0);
}

static void reader_error_sticks_and_names_the_place(void **state)
{
	struct rf_reader r = rf_reader((struct rf_slice){(const uint8_t *)"abc", 3});
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(rf_read_u8(&r), 'a');
	assert_int_equal(rf_read_be32(&r), 0);
	assert_int_equal(rf_read_u8(&r), 0);
	assert_int_equal(rf_reader_left(&r), 0);
	assert_int_equal(rf_reader_check(&r, "quote", &err), RF_E_TRUNCATED);
	assert_string_equal(err.text, "quote: at byte 1: 4 bytes wanted, 2 left");
}

static void reader_of_nothing(void **state)
{
	struct rf_reader r = rf_reader((struct rf_slice){0});

	(void)state;
	assert_int_equal(rf_read_bytes(&r, 0).len, 0);
	assert_false(r.failed);
	assert_int_equal(rf_read_bytes(&r, SIZE_MAX).len, 0);
	assert_true(r.failed);
}

static void map_keeps_what_it_got(void **state)
{
	RF_AUTOMAP struct rf_map map = {0};
	char key[16];

	(void)state;
	assert_null(rf_map_get(&map, "x"));
	for (intptr_t i = 1; i <= 1000; i++) {
		snprintf(key, sizeof(key), "k%d", (int)i);
		assert_int_equal(rf_map_set(&map, key, (void *)i), 0);
	}
	assert_int_equal(map.count, 1000);
	assert_ptr_equal(rf_map_get(&map, "k777"), (void *)777);
	assert_int_equal(rf_map_set(&map, "k777", (void *)1), 0);
	assert_ptr_equal(rf_map_get(&map, "k777"), (void *)1);
	assert_int_equal(map.count, 1000);
	assert_false(rf_map_has(&map, "k1001"));
}

/* Every allocation of a map in turn fails: an error, no leak, no lost key. */
static void map_survives_failing_allocations(void **state)
{
	(void)state;
	for (size_t n = 1; n < 40; n++) {
		RF_AUTOMAP struct rf_map map = {0};
		size_t stored = 0;
		char key[16];

		rf_alloc_fail_after(n);
		for (int i = 0; i < 20; i++) {
			snprintf(key, sizeof(key), "k%d", i);
			stored += rf_map_set(&map, key, NULL) == 0;
		}
		rf_alloc_fail_after(0);
		assert_int_equal(map.count, stored);
		assert_true(stored >= 19);
	}
}

static void memory(void **state)
{
	(void)state;
	assert_null(rf_alloc(SIZE_MAX, 2));
	RF_AUTOFREE char *copy = rf_strdup("abc");

	assert_string_equal(copy, "abc");
	assert_null(rf_strdup(NULL));
	assert_null(rf_strndup("x", SIZE_MAX));
	assert_true(rf_equal_secret("abc", "abc", 3));
	assert_false(rf_equal_secret("abc", "abd", 3));
	rf_wipe(copy, 3);
	assert_memory_equal(copy, "\0\0\0", 3);
	void *p = NULL;
	size_t capacity = 0;

	assert_int_equal(rf_grow(&p, &capacity, 9, 4), 0);
	assert_int_equal(capacity, 16);
	assert_int_equal(rf_grow(&p, &capacity, SIZE_MAX, 4), -ENOMEM);
	assert_int_equal(capacity, 16);
	rf_free(p);
}

static void writes_are_whole_or_failed(void **state)
{
	static uint8_t block[1u << 20];
	int ends[2];
	char read_back[8] = "";

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	assert_int_equal(rf_write_all(ends[1], rf_slice_text("abc")), 0);
	assert_int_equal(read(ends[0], read_back, sizeof(read_back)), 3);
	assert_string_equal(read_back, "abc");
	assert_int_equal(rf_write_all(ends[1], (struct rf_slice){0}), 0);
	/* A pipe takes a part of it only. */
	assert_int_equal(rf_write_all(ends[1], (struct rf_slice){block, sizeof(block)}), -EAGAIN);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(rf_write_all(ends[1], rf_slice_text("x")), -EBADF);
}

static void reads_are_whole_or_failed(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	int ends[2];

	(void)state;
	assert_int_equal(rf_buf_add(&out, "kept ", 5), 0);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	assert_int_equal(rf_write_all(ends[1], rf_slice_text("abc")), 0);
	/* What has not ended is not whole. */
	assert_int_equal(rf_read_all(ends[0], 3, &out), -EAGAIN);
	assert_int_equal(rf_write_all(ends[1], rf_slice_text("def")), 0);
	close(ends[1]);
	assert_int_equal(rf_read_all(ends[0], 3, &out), 0);
	assert_string_equal((const char *)out.data, "kept abcdef");
	assert_int_equal(out.len, 11);
	close(ends[0]);
	assert_int_equal(rf_read_all(ends[0], 3, &out), -EBADF);

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	assert_int_equal(rf_write_all(ends[1], rf_slice_text("abcd")), 0);
	close(ends[1]);
	assert_int_equal(rf_read_all(ends[0], 3, &out), RF_E_LIMIT);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffer_grows_and_ends_with_nul),
		cmocka_unit_test(buffer_failure_sticks),
		cmocka_unit_test(text_moves_out),
		cmocka_unit_test(reader_reads_both_orders),
		cmocka_unit_test(reader_error_sticks_and_names_the_place),
		cmocka_unit_test(reader_of_nothing),
		cmocka_unit_test(map_keeps_what_it_got),
		cmocka_unit_test(map_survives_failing_allocations),
		cmocka_unit_test(memory),
		cmocka_unit_test(writes_are_whole_or_failed),
		cmocka_unit_test(reads_are_whole_or_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
