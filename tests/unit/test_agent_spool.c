/* SPDX-License-Identifier: Apache-2.0 */
/* The spool: numbers ascend for ever, what is confirmed goes, what is full drops by worth, what is
 * damaged costs itself alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/spool.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"
#include "sys/state.h"

struct folder {
	char dir[64];
	struct spool *spool;
	struct spool_loss loss; /* all that was told */
};

static void told(struct folder *f)
{
	struct spool_loss loss;

	spool_loss_take(f->spool, &loss);
	for (size_t i = 0; i < WIRE_KIND_COUNT; i++)
		f->loss.dropped[i] += loss.dropped[i];
	f->loss.damaged += loss.damaged;
}

static void begin(struct folder *f, const struct spool_limits *limits)
{
	struct rf_err err = {0};

	if (!f->dir[0]) {
		rf_copy(f->dir, sizeof(f->dir), "/tmp/rf-test-XXXXXX");
		assert_non_null(mkdtemp(f->dir));
	}
	spool_close(f->spool);
	f->spool = NULL;
	if (spool_open(f->dir, limits, &f->spool, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	told(f);
}

static void end(struct folder *f)
{
	spool_close(f->spool);
	assert_int_equal(file_remove_tree(f->dir), 0);
	f->spool = NULL;
}

static int add(struct folder *f, enum wire_kind kind, size_t bytes)
{
	RF_AUTOBUF struct rf_buf body = {0};
	struct wire_frame frame = {.kind = kind, .text = rf_slice_text("{\"a\":1}")};

	for (size_t i = 0; i < bytes; i++)
		rf_buf_add_byte(&body, (uint8_t)i);
	frame.bytes = rf_buf_slice(&body);
	int rc = spool_add(f->spool, &frame, NULL);

	told(f);
	return rc;
}

static uint64_t first_behind(struct folder *f, uint64_t after, enum wire_kind *kind)
{
	RF_AUTOBUF struct rf_buf store = {0};
	struct wire_frame frame;
	uint64_t number = 0;
	int rc = spool_next(f->spool, after, &store, &frame, &number, NULL);

	assert_true(rc >= 0);
	if (rc == 1 && kind)
		*kind = frame.kind;
	return rc == 1 ? number : 0;
}

static void numbers_ascend_across_restarts(void **state)
{
	struct folder f = {0};
	uint64_t from, to;

	(void)state;
	begin(&f, NULL);
	assert_int_equal(spool_number(f.spool), 1);
	assert_int_equal(add(&f, WIRE_EVENT, 0), 0);
	assert_int_equal(add(&f, WIRE_RESULT, 100), 0);
	begin(&f, NULL);
	assert_int_equal(spool_number(f.spool), 3);
	spool_range(f.spool, &from, &to);
	assert_int_equal(from, 1);
	assert_int_equal(to, 2);
	assert_int_equal(spool_confirm(f.spool, 2, NULL), 0);
	assert_int_equal(first_behind(&f, 0, NULL), 0);
	begin(&f, NULL);
	spool_range(f.spool, &from, &to);
	assert_int_equal(from + to, 0);
	assert_int_equal(spool_confirmed(f.spool), 2);
	assert_int_equal(spool_number(f.spool), 3);
	assert_int_equal(spool_loss_count(&f.loss) + f.loss.damaged, 0);
	end(&f);
}

static void what_was_written_is_read(void **state)
{
	RF_AUTOBUF struct rf_buf store = {0};
	struct folder f = {0};
	struct wire_frame frame;
	uint64_t number;

	(void)state;
	begin(&f, NULL);
	assert_int_equal(add(&f, WIRE_LEDGER, 1000), 0);
	assert_int_equal(spool_next(f.spool, 0, &store, &frame, &number, NULL), 1);
	assert_int_equal(number, 1);
	assert_int_equal(frame.kind, WIRE_LEDGER);
	assert_true(rf_slice_equal(frame.text, rf_slice_text("{\"a\":1}")));
	assert_int_equal(frame.bytes.len, 1000);
	assert_int_equal(frame.bytes.data[999], 999 % 256);
	assert_int_equal(add(&f, WIRE_ENROL, 0), RF_E_USAGE);
	assert_int_equal(add(&f, WIRE_EVIDENCE, 0), RF_E_USAGE);
	assert_int_equal(spool_number(f.spool), 2);
	end(&f);
}

/* The manager has more than we ever gave: this spool was begun anew. */
static void a_higher_number_is_gone_on_from(void **state)
{
	struct folder f = {0};

	(void)state;
	begin(&f, NULL);
	assert_int_equal(add(&f, WIRE_EVENT, 0), 0);
	assert_int_equal(spool_confirm(f.spool, 500, NULL), 0);
	assert_int_equal(spool_number(f.spool), 501);
	assert_int_equal(spool_confirm(f.spool, 3, NULL), 0);
	assert_int_equal(spool_confirmed(f.spool), 500);
	assert_int_equal(spool_confirm(f.spool, UINT64_MAX, NULL), 0);
	assert_int_equal(spool_number(f.spool), 501);
	end(&f);
}

static void what_is_worth_least_goes_first(void **state)
{
	const struct spool_limits limits = {.records = 5, .bytes = 1 << 20};
	struct folder f = {0};
	enum wire_kind kind = WIRE_NONE;

	(void)state;
	begin(&f, &limits);
	assert_int_equal(add(&f, WIRE_EVENT, 0), 0);  /* 1 */
	assert_int_equal(add(&f, WIRE_RESULT, 0), 0); /* 2 */
	assert_int_equal(add(&f, WIRE_FACTS, 0), 0);  /* 3 */
	assert_int_equal(add(&f, WIRE_EVENT, 0), 0);  /* 4 */
	assert_int_equal(add(&f, WIRE_FACTS, 0), 0);  /* 5 */
	/* Facts build on each other: all of them. */
	assert_int_equal(add(&f, WIRE_LEDGER, 0), 0); /* 6 */
	assert_int_equal(f.loss.dropped[WIRE_FACTS], 2);
	assert_int_equal(first_behind(&f, 2, &kind), 4);
	assert_int_equal(add(&f, WIRE_LEDGER, 0), 0); /* 7 */
	assert_int_equal(add(&f, WIRE_RESULT, 0), 0); /* 8: the oldest event */
	assert_int_equal(f.loss.dropped[WIRE_EVENT], 1);
	assert_int_equal(first_behind(&f, 0, &kind), 2);
	assert_int_equal(kind, WIRE_RESULT);
	end(&f);
}

static void the_new_one_is_lost_where_all_else_is_worth_more(void **state)
{
	const struct spool_limits limits = {.records = 2, .bytes = 1000};
	struct folder f = {0};

	(void)state;
	begin(&f, &limits);
	assert_int_equal(add(&f, WIRE_RESULT, 0), 0);
	assert_int_equal(add(&f, WIRE_RESULT, 0), 0);
	assert_int_equal(add(&f, WIRE_EVENT, 0), RF_E_LIMIT);
	assert_int_equal(f.loss.dropped[WIRE_EVENT], 1);
	assert_int_equal(spool_number(f.spool), 3);
	assert_int_equal(add(&f, WIRE_RESULT, 0), 0); /* the oldest result goes */
	assert_int_equal(first_behind(&f, 0, NULL), 2);
	/* Larger than the whole spool: nothing else pays for it. */
	assert_int_equal(add(&f, WIRE_FACTS, 2000), RF_E_LIMIT);
	assert_int_equal(first_behind(&f, 0, NULL), 2);
	end(&f);
}

/* A number is not given twice though its record was dropped as the last. */
static void a_dropped_number_stays_used(void **state)
{
	const struct spool_limits limits = {.records = 2, .bytes = 1 << 20};
	struct folder f = {0};

	(void)state;
	begin(&f, &limits);
	assert_int_equal(add(&f, WIRE_RESULT, 0), 0);
	assert_int_equal(add(&f, WIRE_FACTS, 0), 0);
	assert_int_equal(add(&f, WIRE_EVENT, 0), 0); /* 3; 2 is gone */
	begin(&f, &limits);
	assert_int_equal(spool_number(f.spool), 4);
	end(&f);
}

static void damaged_files_cost_themselves(void **state)
{
	static const struct {
		const char *name, *content;
		size_t len;
		unsigned damaged;
	} rows[] = {
		{"00000000000000000007", "", 0, 1},
		{"00000000000000000007", "RFSPOOL1", 8, 1},
		{"00000000000000000007",
		 "no record at all, but long enough to hold one of them here", 58, 1},
		{"00000000000000000000", "zero", 4, 0},
		{"99999999999999999999", "more than there are", 19, 0},
		{"0000000000000000007", "a digit less", 12, 0},
		{"readme", "another file", 12, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct folder f = {0};

		begin(&f, NULL);
		assert_int_equal(add(&f, WIRE_EVENT, 0), 0);
		assert_int_equal(state_write(f.dir, rows[i].name,
					     (struct rf_slice){(const uint8_t *)rows[i].content,
							       rows[i].len},
					     NULL),
				 0);
		begin(&f, NULL);
		assert_int_equal(f.loss.damaged, rows[i].damaged);
		assert_int_equal(first_behind(&f, 0, NULL), 1);
		/* Its number counts all the same: it may have been sent. */
		assert_int_equal(spool_number(f.spool), rows[i].damaged ? 8 : 2);
		begin(&f, NULL);
		assert_int_equal(spool_number(f.spool), rows[i].damaged ? 8 : 2);
		end(&f);
	}
}

/* Every byte of a record flipped, every length cut: never taken for it. */
static void a_record_is_whole_or_nothing(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct folder f = {0};
	struct wire_frame frame;
	uint64_t number = 0;

	(void)state;
	begin(&f, NULL);
	assert_int_equal(add(&f, WIRE_EVENT, 0), 0);
	assert_int_equal(state_read(f.dir, "00000000000000000001", 4096, &file, NULL), 0);
	assert_int_equal(spool_record_read(rf_buf_slice(&file), &frame, &number, NULL), 0);
	assert_int_equal(number, 1);
	for (size_t cut = 0; cut < file.len; cut++)
		assert_true(spool_record_read((struct rf_slice){file.data, cut}, &frame, &number,
					      NULL) < 0);
	for (size_t i = 0; i < file.len; i++) {
		/* The number is proven by the file's name. */
		if (i >= 8 && i < 16)
			continue;
		file.data[i] ^= 1;
		assert_true(spool_record_read(rf_buf_slice(&file), &frame, &number, NULL) < 0);
		file.data[i] ^= 1;
	}
	/* One record under another's name. */
	assert_int_equal(state_write(f.dir, "00000000000000000002", rf_buf_slice(&file), NULL), 0);
	begin(&f, NULL);
	assert_int_equal(f.loss.damaged, 1);
	end(&f);
}

static void a_damaged_mark_is_told(void **state)
{
	static const char *const texts[] = {"",	   "5",	   "5 4",
					    "a b", "-1 2", "1 99999999999999999999"};
	struct folder f = {0};
	struct spool *spool = NULL;
	struct rf_err err = {0};

	(void)state;
	begin(&f, NULL);
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		assert_int_equal(state_write(f.dir, "mark", rf_slice_text(texts[i]), NULL), 0);
		assert_int_equal(spool_open(f.dir, NULL, &spool, &err), RF_E_SYNTAX);
		assert_null(spool);
	}
	assert_non_null(strstr(rf_err_text(&err), "damaged"));
	end(&f);
}

static void the_oldest_evidence_is_kept(void **state)
{
	RF_AUTOBUF struct rf_buf store = {0};
	struct folder f = {0};
	struct wire_frame frame = {.kind = WIRE_EVIDENCE,
				   .text = rf_slice_text("{\"job\":\"one\"}"),
				   .bytes = rf_slice_text("RFEVID1\n")};

	(void)state;
	begin(&f, NULL);
	assert_int_equal(spool_evidence(f.spool, &store, &frame, NULL), 0);
	assert_int_equal(spool_evidence_keep(f.spool, &frame, NULL), 1);
	frame.text = rf_slice_text("{\"job\":\"two\"}");
	assert_int_equal(spool_evidence_keep(f.spool, &frame, NULL), 0);
	begin(&f, NULL);
	assert_int_equal(spool_evidence(f.spool, &store, &frame, NULL), 1);
	assert_true(rf_slice_equal(frame.text, rf_slice_text("{\"job\":\"one\"}")));
	spool_evidence_drop(f.spool);
	assert_int_equal(spool_evidence(f.spool, &store, &frame, NULL), 0);
	frame.kind = WIRE_EVENT;
	assert_int_equal(spool_evidence_keep(f.spool, &frame, NULL), RF_E_USAGE);
	/* A stranger's file is no evidence. */
	assert_int_equal(state_write(f.dir, "evidence", rf_slice_text("x"), NULL), 0);
	begin(&f, NULL);
	assert_true(spool_evidence(f.spool, &store, &frame, NULL) < 0);
	assert_int_equal(spool_evidence(f.spool, &store, &frame, NULL), 0);
	end(&f);
}

static void memory_that_runs_out_loses_nothing(void **state)
{
	struct folder f = {0};

	(void)state;
	begin(&f, NULL);
	for (size_t n = 1; n < 40; n++) {
		uint64_t number = spool_number(f.spool);

		rf_alloc_fail_after(n);
		int rc = add(&f, WIRE_EVENT, 0);

		rf_alloc_fail_after(0);
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_int_equal(spool_number(f.spool), number + (rc == 0));
	}
	begin(&f, NULL);
	assert_int_equal(f.loss.damaged, 0);
	end(&f);
}

static void no_folder_is_an_error(void **state)
{
	struct spool *spool = NULL;

	(void)state;
	assert_int_equal(spool_open("/nonexistent/spool", NULL, &spool, NULL), -ENOENT);
	assert_null(spool);
	spool_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_ascend_across_restarts),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_higher_number_is_gone_on_from),
		cmocka_unit_test(what_is_worth_least_goes_first),
		cmocka_unit_test(the_new_one_is_lost_where_all_else_is_worth_more),
		cmocka_unit_test(a_dropped_number_stays_used),
		cmocka_unit_test(damaged_files_cost_themselves),
		cmocka_unit_test(a_record_is_whole_or_nothing),
		cmocka_unit_test(a_damaged_mark_is_told),
		cmocka_unit_test(the_oldest_evidence_is_kept),
		cmocka_unit_test(memory_that_runs_out_loses_nothing),
		cmocka_unit_test(no_folder_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
