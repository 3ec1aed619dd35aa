/* SPDX-License-Identifier: Apache-2.0 */
/* Fact rows: wire form against hostile bytes, the store, its functions. */
#include "test_base.h"

#include "base/limits.h"
#include "model/store.h"

static void encode_ksm(struct rf_buf *out)
{
	const struct fact_ksm row = {
		.present = FACT_BOOL(true), .run = FACT_INT(-7), .source = "s"};

	assert_int_equal(fact_encode(&fact_tables[FACT_T_KSM], "h", &row, out), 0);
}

static void round_trip_keeps_values_and_unknowns(void **state)
{
	RF_AUTOBUF struct rf_buf m = {0};
	struct fact_value v[FACT_MAX_COLUMNS];
	const struct fact_table *table;

	(void)state;
	encode_ksm(&m);
	assert_int_equal(fact_decode(rf_buf_slice(&m), &table, v, NULL), 0);
	assert_ptr_equal(table, &fact_tables[FACT_T_KSM]);
	assert_string_equal(v[0].text, "h");
	assert_int_equal(v[1].number, 1);
	assert_int_equal(v[2].number, -7);
	assert_false(v[3].known);
}

static void every_truncation_is_refused(void **state)
{
	RF_AUTOBUF struct rf_buf m = {0};
	struct fact_value v[FACT_MAX_COLUMNS];
	const struct fact_table *table = NULL;
	struct rf_err err = {0};

	(void)state;
	encode_ksm(&m);
	for (size_t n = 0; n < m.len; n++) {
		assert_true(fact_decode((struct rf_slice){m.data, n}, &table, v, &err) < 0);
		assert_null(table);
	}
	rf_buf_add_byte(&m, 0);
	assert_true(fact_decode(rf_buf_slice(&m), &table, v, &err) < 0);
}

/* Whatever one flipped bit makes of a row: an error or a well-formed row, never a crash. */
static void every_bit_flip_is_survived(void **state)
{
	RF_AUTOBUF struct rf_buf m = {0};
	struct fact_value v[FACT_MAX_COLUMNS];
	const struct fact_table *table;
	size_t refused = 0;

	(void)state;
	encode_ksm(&m);
	for (size_t bit = 0; bit < m.len * 8; bit++) {
		m.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		refused += fact_decode(rf_buf_slice(&m), &table, v, NULL) < 0;
		m.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(refused > m.len);
}

static void broken_text_becomes_visible(void **state)
{
	RF_AUTOBUF struct rf_buf m = {0};
	struct fact_value v[FACT_MAX_COLUMNS];
	const struct fact_table *table;
	const struct fact_sysctl row = {.key = "k\xff", .value = "v", .source = "s"};

	(void)state;
	assert_int_equal(fact_encode(&fact_tables[FACT_T_SYSCTL], "h", &row, &m), 0);
	assert_int_equal(fact_decode(rf_buf_slice(&m), &table, v, NULL), 0);
	assert_string_equal(v[1].text, "k\\xff");
}

static void missing_key_is_refused(void **state)
{
	RF_AUTOBUF struct rf_buf m = {0};
	const struct fact_sysctl row = {.value = "v"};

	(void)state;
	assert_int_equal(fact_encode(&fact_tables[FACT_T_SYSCTL], "h", &row, &m), RF_E_MISSING);
}

static int64_t ask(struct fact_store *store, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(fact_store_db(store), sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n =
		sqlite3_column_type(stmt, 0) == SQLITE_NULL ? -999 : sqlite3_column_int64(stmt, 0);

	sqlite3_finalize(stmt);
	return n;
}

static void a_second_row_with_the_same_key_is_a_gap(void **state)
{
	FACT_AUTOSTORE struct fact_store *store = NULL;

	(void)state;
	assert_int_equal(fact_store_open(&store, NULL), 0);
	struct fact_sink *sink = fact_store_sink(store, "h");

	fact_put_account(sink, &(struct fact_account){.name = "root", .uid = FACT_INT(0)});
	fact_put_account(sink, &(struct fact_account){.name = "root", .uid = FACT_INT(5)});
	assert_int_equal(fact_sink_check(sink, NULL), 0);
	assert_int_equal(fact_store_finish(store, NULL), 0);
	assert_int_equal(ask(store, "SELECT uid FROM account"), 0);
	assert_int_equal(ask(store, "SELECT count(*) FROM account"), 1);
	assert_int_equal(
		ask(store, "SELECT count(*) FROM fact_gap WHERE tbl='account' AND key='root'"), 1);
}

/* Rows go in many at a time; each that stands twice is told of, wherever in the pile it lies. */
static void duplicates_among_many_are_found(void **state)
{
	FACT_AUTOSTORE struct fact_store *store = NULL;
	char key[16];

	(void)state;
	assert_int_equal(fact_store_open(&store, NULL), 0);
	struct fact_sink *sink = fact_store_sink(store, "h");

	for (int i = 0; i < 1000; i++) {
		rf_format(key, sizeof(key), "k%d", i % 7 == 3 ? i - 3 : i);
		fact_put_sysctl(sink,
				&(struct fact_sysctl){.key = key,
						      .value = i % 7 == 3 ? "second" : "first"});
	}
	assert_int_equal(fact_sink_check(sink, NULL), 0);
	/* Also before the end every row is there for whoever asks. */
	assert_int_equal(ask(store, "SELECT count(*) FROM sysctl"), 857);
	assert_int_equal(fact_store_finish(store, NULL), 0);
	assert_int_equal(ask(store, "SELECT count(*) FROM sysctl WHERE value = 'first'"), 857);
	assert_int_equal(ask(store, "SELECT count(*) FROM fact_gap WHERE tbl = 'sysctl'"), 143);
	assert_int_equal(ask(store, "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND "
				    "name = 'vm_by_uuid'"),
			 1);
	assert_int_equal(fact_store_rows(store), 857 + 143);
}

/* Whole days, counted to the last one; by SQL that PostgreSQL understands too. */
static void days_of_support_are_counted(void **state)
{
	static const struct {
		const char *end;
		int64_t day; /* of the clock, since 1970-01-01 */
		int64_t want;
	} cases[] = {
		{"1970-01-01", 0, 0},	     {"2024-02-29", 19781, 1},
		{"2024-03-01", 19783, 0},    {"2000-02-28", 11017, -2},
		{"2100-03-01", 47540, 1},    {"2026-01-31", 20453, 31},
		{"2030-12-31", 20453, 1826}, {"2019-06-30", 20453, -2376},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		FACT_AUTOSTORE struct fact_store *store = NULL;

		assert_int_equal(fact_store_open(&store, NULL), 0);
		fact_put_host(fact_store_sink(store, "h"),
			      &(struct fact_host){
				      .os_support_end = cases[i].end,
				      .clock_ms = FACT_INT(cases[i].day * 86400000 + 86399999)});
		assert_int_equal(fact_store_finish(store, NULL), 0);
		assert_int_equal(ask(store, "SELECT os_support_days FROM host"), cases[i].want);
	}
}

static void functions_read_settings(void **state)
{
	FACT_AUTOSTORE struct fact_store *store = NULL;

	(void)state;
	assert_int_equal(fact_store_open(&store, NULL), 0);
	assert_int_equal(ask(store, "SELECT rf_num('12')"), 12);
	assert_int_equal(ask(store, "SELECT rf_num('12x')"), -999);
	assert_int_equal(ask(store, "SELECT rf_num(NULL)"), -999);
	assert_int_equal(ask(store, "SELECT rf_truth('YES')"), 1);
	assert_int_equal(ask(store, "SELECT rf_truth('maybe')"), -999);
	assert_int_equal(ask(store, "SELECT 'A' LIKE 'a'"), 0);
}

static void every_table_is_described(void **state)
{
	(void)state;
	for (size_t i = 0; i < FACT_T_COUNT; i++) {
		const struct fact_table *t = &fact_tables[i];

		assert_true(t->doc[0] != '\0');
		assert_ptr_equal(fact_table_find(t->name), t);
		assert_true(t->columns_count <= FACT_MAX_COLUMNS);
		for (size_t c = 0; c < t->columns_count; c++)
			assert_true(t->columns[c].doc[0] != '\0');
	}
	assert_null(fact_table_find("sqlite_master"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip_keeps_values_and_unknowns),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_bit_flip_is_survived),
		cmocka_unit_test(broken_text_becomes_visible),
		cmocka_unit_test(missing_key_is_refused),
		cmocka_unit_test(a_second_row_with_the_same_key_is_a_gap),
		cmocka_unit_test(duplicates_among_many_are_found),
		cmocka_unit_test(days_of_support_are_counted),
		cmocka_unit_test(functions_read_settings),
		cmocka_unit_test(every_table_is_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
