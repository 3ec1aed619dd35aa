/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structure of boot logs: both forms, the header's algorithms, padding, containers, and each way
 * in which a log was seen to lead a reader astray (named).
 */
#include "eventlog_test.h"

static void reads_a_log_of_the_new_form(void **state)
{
	struct log_build b;
	struct eventlog log;
	struct eventlog_event event;
	size_t at = 0;

	(void)state;
	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	add_event(&b, 4, EFI_ACTION, BYTES("hello"));
	open_log(&b, &log);
	assert_int_equal(log.format, EVENTLOG_TCG20);
	assert_int_equal(log.algs_count, 2);
	assert_int_equal(log.algs[1], ATTEST_SHA256);
	assert_int_equal(log.sizes[1], 32);
	assert_int_equal(log.events_count, 2);
	assert_int_equal(log.pad_bytes, 0);
	assert_false(log.ccel || log.hcrtm || log.drtm);
	assert_int_equal(eventlog_next(&log, &at, &event), 1);
	assert_int_equal(event.index, 0);
	assert_int_equal(event.type, NO_ACTION);
	assert_int_equal(event.digests_count, 1);
	assert_int_equal(eventlog_next(&log, &at, &event), 1);
	assert_int_equal(event.index, 1);
	assert_int_equal(event.offset, 32 + 37);
	assert_int_equal(event.pcr, 4);
	assert_int_equal(event.type, EFI_ACTION);
	assert_int_equal(event.digests_count, 2);
	assert_int_equal(event.algs[0], ATTEST_SHA1);
	assert_int_equal(event.digests[0].len, 20);
	assert_int_equal(event.digests[1].len, 32);
	assert_true(rf_slice_equal(event.data, BYTES("hello")));
	assert_int_equal(eventlog_next(&log, &at, &event), 0);
	assert_int_equal(eventlog_next(&log, &at, &event), 0);
	end_log(&b);
}

static void reads_a_log_of_the_old_form(void **state)
{
	struct log_build b;
	struct eventlog log;
	struct eventlog_event event;
	size_t at = 0;

	(void)state;
	begin_log12(&b);
	add_event(&b, 0, NO_ACTION, BYTES_NUL("Spec ID Event02"));
	add_event(&b, 0, CRTM_VERSION, BYTES("1.0"));
	add_event(&b, 7, SEPARATOR, ZEROS);
	open_log(&b, &log);
	assert_int_equal(log.format, EVENTLOG_TCG12);
	assert_int_equal(log.algs_count, 1);
	assert_int_equal(log.algs[0], ATTEST_SHA1);
	assert_int_equal(log.events_count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(eventlog_next(&log, &at, &event), 1);
		assert_int_equal(event.index, i);
		assert_int_equal(event.digests_count, 1);
		assert_int_equal(event.digests[0].len, 20);
	}
	assert_true(rf_slice_equal(event.data, ZEROS));
	assert_int_equal(eventlog_next(&log, &at, &event), 0);
	end_log(&b);
}

/* Cut anywhere but between two records, a log is refused; between two it is a shorter log, and so
 * it is where only zeros follow: nobody can tell them from padding. */
static void truncated_at_every_offset(struct log_build *b, const size_t *ends, size_t count)
{
	static const uint8_t zeros[512];
	struct eventlog log;

	for (size_t len = 1; len < b->buf.len; len++) {
		struct rf_slice in = {b->buf.data, len};
		size_t whole = 0, start = 0;

		while (whole < count && ends[whole] <= len)
			start = ends[whole++];
		if (memcmp(b->buf.data + start, zeros, len - start) != 0) {
			refused(in, RF_E_TRUNCATED, "wanted");
			continue;
		}
		if (whole == 0) {
			refused(in, RF_E_MISSING, "no event");
			continue;
		}
		assert_int_equal(eventlog_open(in, &log, NULL), 0);
		assert_int_equal(log.events_count, whole);
		assert_int_equal(log.pad_bytes, len - start);
	}
}

static void every_truncation_is_refused(void **state)
{
	static const struct {
		uint32_t pcr, type;
		const char *data;
	} events[] = {{0, CRTM_VERSION, "version"}, {7, SEPARATOR, "abcd"}, {4, EFI_ACTION, "go"}};

	(void)state;
	for (int form = 0; form < 2; form++) {
		struct log_build b;
		size_t ends[4], n = 0;

		if (form == 0)
			begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384);
		else
			begin_log12(&b);
		if (form == 0)
			ends[n++] = b.buf.len;
		for (size_t i = 0; i < RF_COUNT(events); i++) {
			add_event(&b, events[i].pcr, events[i].type, rf_slice_text(events[i].data));
			ends[n++] = b.buf.len;
		}
		truncated_at_every_offset(&b, ends, n);
		end_log(&b);
	}
}

static void an_empty_log_says_so(void **state)
{
	static const uint8_t zeros[4096];

	(void)state;
	refused(NOTHING, RF_E_MISSING, "empty");
	refused((struct rf_slice){zeros, sizeof(zeros)}, RF_E_MISSING, "no event");
	refused((struct rf_slice){zeros, EVENTLOG_MAX_BYTES + 1}, RF_E_LIMIT, "at most");
}

/* Bytes to put over a good log of two events, sha1 and sha256, and what must come of it. Offsets:
 * the header's data begins at 32, the second record at 69. */
static const struct {
	const char *name;
	size_t at;
	uint64_t value;
	size_t bytes;
	int code;
	const char *words;
} spoiled[] = {
	{"header data too long", 28, 0xffffffff, 4, RF_E_TRUNCATED, "event 0 at byte 0"},
	{"header's PCR is 24", 0, 24, 4, RF_E_LIMIT, "PCR 24"},
	{"header is a separator", 4, SEPARATOR, 4, RF_E_SYNTAX, "no EV_NO_ACTION"},
	{"no algorithms", 56, 0, 4, RF_E_LIMIT, "0 hash algorithms"},
	{"nine algorithms", 56, 9, 4, RF_E_LIMIT, "9 hash algorithms"},
	{"4 billion algorithms", 56, 0xffffffff, 4, RF_E_LIMIT, "4294967295 hash"},
	{"three algorithms, two listed", 56, 3, 4, RF_E_TRUNCATED, "Spec ID"},
	{"SHA-1 of 32 bytes", 62, 32, 2, RF_E_SYNTAX, "sha1 has 32 bytes"},
	{"SHA-256 of 0 bytes", 66, 0, 2, RF_E_SYNTAX, "sha256 has 0 bytes"},
	{"unknown algorithm of 65 bytes", 64, 0x00410099, 4, RF_E_SYNTAX, "has 65 bytes"},
	{"SHA-1 twice", 64, 0x00140004, 4, RF_E_DUPLICATE, "sha1 listed twice"},
	{"vendor data too long", 68, 255, 1, RF_E_TRUNCATED, "Spec ID"},
	{"PCR 24", 69, 24, 4, RF_E_LIMIT, "event 1 at byte 69: PCR 24"},
	{"PCR 4294967295", 69, 0xffffffff, 4, RF_E_LIMIT, "PCR 4294967295"},
	{"PCR 2147483648", 69, 0x80000000, 4, RF_E_LIMIT, "PCR 2147483648"},
	{"PCR 24 of an EV_NO_ACTION", 69, 0x300000018, 8, RF_E_LIMIT, "PCR 24"},
	{"three digests, two allowed", 77, 3, 4, RF_E_LIMIT, "3 digests, the header allows 2"},
	{"4 billion digests", 77, 0xffffffff, 4, RF_E_LIMIT, "4294967295 digests"},
	{"an algorithm that is not listed", 81, ATTEST_SHA384, 2, RF_E_UNKNOWN, "list sha384"},
	{"algorithm 0", 81, 0, 2, RF_E_UNKNOWN, "does not list alg-0x0000"},
	{"data too long", 137, 0xffffffff, 4, RF_E_TRUNCATED, "event 1 at byte 69"},
	{"data one byte too long", 137, 6, 4, RF_E_TRUNCATED, "6 bytes wanted"},
	{"data too short: the rest is no record", 137, 4, 4, RF_E_TRUNCATED, "event 2"},
	{"no data: the rest is no record", 137, 0, 4, RF_E_TRUNCATED, "event 2"},
};

static void spoiled_logs_are_refused(void **state)
{
	struct log_build b;

	(void)state;
	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	assert_int_equal(b.buf.len, 69);
	add_event(&b, 4, EFI_ACTION, BYTES("hello"));
	assert_int_equal(b.buf.len, 141 + 5);
	for (size_t i = 0; i < RF_COUNT(spoiled); i++) {
		RF_AUTOBUF struct rf_buf copy = {0};

		put_slice(&copy, rf_buf_slice(&b.buf));
		for (size_t k = 0; k < spoiled[i].bytes; k++)
			copy.data[spoiled[i].at + k] = (uint8_t)(spoiled[i].value >> (8 * k));
		print_message("%s\n", spoiled[i].name);
		refused(rf_buf_slice(&copy), spoiled[i].code, spoiled[i].words);
	}
	end_log(&b);
}

static void a_bank_twice_in_a_record_is_refused(void **state)
{
	struct log_build b;

	(void)state;
	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	put_le(&b.buf, 4, 4);
	put_le(&b.buf, EFI_ACTION, 4);
	put_le(&b.buf, 2, 4);
	for (int i = 0; i < 2; i++) {
		put_le(&b.buf, ATTEST_SHA1, 2);
		put_digest(&b, ATTEST_SHA1, BYTES("hello"));
	}
	put_le(&b.buf, 0, 4);
	refused(rf_buf_slice(&b.buf), RF_E_DUPLICATE, "two digests of sha1");
	end_log(&b);
}

static void a_record_may_carry_fewer_digests(void **state)
{
	struct log_build b;
	struct eventlog log;
	struct eventlog_event event;
	size_t at = 0;

	(void)state;
	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	b.algs[0] = ATTEST_SHA256;
	b.algs_count = 1;
	add_event(&b, 4, EFI_ACTION, BYTES("one"));
	b.algs_count = 0;
	add_event(&b, 4, EFI_ACTION, BYTES("none"));
	open_log(&b, &log);
	assert_int_equal(log.events_count, 3);
	assert_int_equal(eventlog_next(&log, &at, &event), 1);
	assert_int_equal(eventlog_next(&log, &at, &event), 1);
	assert_int_equal(event.digests_count, 1);
	assert_int_equal(event.algs[0], ATTEST_SHA256);
	assert_int_equal(eventlog_next(&log, &at, &event), 1);
	assert_int_equal(event.digests_count, 0);
	end_log(&b);
}

static void an_unknown_algorithm_has_the_header_s_size(void **state)
{
	struct log_build b;
	struct eventlog log;
	struct eventlog_event event;
	size_t at = 0;

	(void)state;
	begin_log(&b, 0x0099, ATTEST_SHA256, 0);
	add_event(&b, 4, EFI_ACTION, BYTES("hello"));
	open_log(&b, &log);
	assert_int_equal(log.sizes[0], 24);
	assert_int_equal(eventlog_next(&log, &at, &event), 1);
	assert_int_equal(eventlog_next(&log, &at, &event), 1);
	assert_int_equal(event.algs[0], 0x0099);
	assert_int_equal(event.digests[0].len, 24);
	assert_int_equal(event.digests[1].len, 32);
	assert_true(rf_slice_equal(event.data, BYTES("hello")));
	end_log(&b);
}

static void padding_ends_a_log(void **state)
{
	static const uint8_t fills[] = {0x00, 0xff};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(fills); i++) {
		for (size_t pad = 1; pad < 100; pad++) {
			struct log_build b;
			struct eventlog log;

			begin_log(&b, ATTEST_SHA256, 0, 0);
			add_event(&b, 4, EFI_ACTION, BYTES("hello"));
			for (size_t k = 0; k < pad; k++)
				rf_buf_add_byte(&b.buf, fills[i]);
			open_log(&b, &log);
			assert_int_equal(log.events_count, 2);
			assert_int_equal(log.pad_bytes, pad);
			rf_buf_add_byte(&b.buf, 0x17);
			assert_true(eventlog_open(rf_buf_slice(&b.buf), &log, NULL) < 0);
			end_log(&b);
		}
	}
}

/* An event whose own data end in zeros is no padding. */
static void zeros_of_the_last_event_are_its_own(void **state)
{
	struct log_build b;
	struct eventlog log;
	struct eventlog_event event = {0};
	size_t at = 0;

	(void)state;
	begin_log12(&b);
	add_event(&b, 7, SEPARATOR, ZEROS);
	rf_buf_add(&b.buf, "\0\0\0\0\0\0\0", 7);
	open_log(&b, &log);
	assert_int_equal(log.events_count, 1);
	assert_int_equal(log.pad_bytes, 7);
	assert_int_equal(eventlog_next(&log, &at, &event), 1);
	assert_int_equal(event.data.len, 4);
	end_log(&b);
}

/* ---- StartupLocality and H-CRTM ---- */

static void localities_that_can_be(void **state)
{
	static const uint8_t good[] = {0, 3, 4};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(good); i++) {
		struct log_build b;
		struct eventlog log;

		begin_log(&b, ATTEST_SHA256, 0, 0);
		add_locality(&b, good[i]);
		add_event(&b, 0, CRTM_VERSION, BYTES("1"));
		open_log(&b, &log);
		assert_int_equal(log.locality, good[i]);
		end_log(&b);
	}
}

static void localities_that_cannot_be(void **state)
{
	static const uint8_t bad[] = {1, 2, 5, 0x30, 0xff};
	struct log_build b;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(bad); i++) {
		begin_log(&b, ATTEST_SHA256, 0, 0);
		add_locality(&b, bad[i]);
		refused(rf_buf_slice(&b.buf), RF_E_SYNTAX, "not 0, 3 or 4");
		end_log(&b);
	}
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_locality(&b, 3);
	add_locality(&b, 3);
	refused(rf_buf_slice(&b.buf), RF_E_DUPLICATE, "a second StartupLocality");
	end_log(&b);
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 0, CRTM_VERSION, BYTES("1"));
	add_locality(&b, 3);
	refused(rf_buf_slice(&b.buf), RF_E_SYNTAX, "after PCR 0 was extended");
	end_log(&b);
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 0, NO_ACTION, BYTES("StartupLocality\0\3\3"));
	refused(rf_buf_slice(&b.buf), RF_E_SYNTAX, "another length");
	end_log(&b);
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 1, NO_ACTION, BYTES("StartupLocality\0\3"));
	refused(rf_buf_slice(&b.buf), RF_E_SYNTAX, "another length or PCR");
	end_log(&b);
}

/* Other PCRs may be measured first; a StartupLocality that measures is none. */
static void locality_only_has_to_come_before_pcr_0(void **state)
{
	struct log_build b;
	struct eventlog log;

	(void)state;
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 1, CONFIG_FLAGS, BYTES("1"));
	add_event(&b, 0, NO_ACTION, BYTES_NUL("SP800-155 Event"));
	add_locality(&b, 3);
	add_event(&b, 0, ACTION, BYTES("StartupLocality\0\3"));
	open_log(&b, &log);
	assert_int_equal(log.locality, 3);
	end_log(&b);
}

static void hcrtm_counts_as_the_first_event_of_pcr_0_only(void **state)
{
	struct log_build b;
	struct eventlog log;

	(void)state;
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 0, HCRTM, BYTES("HCRTM"));
	open_log(&b, &log);
	assert_true(log.hcrtm);
	end_log(&b);
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 0, CRTM_VERSION, BYTES("1"));
	add_event(&b, 0, HCRTM, BYTES("HCRTM"));
	open_log(&b, &log);
	assert_false(log.hcrtm);
	end_log(&b);
}

/* ---- TXT and confidential VMs ---- */

/* The head of a TPM 1.2 TXT log around size bytes of records. */
static void put_container(struct rf_buf *out, uint32_t size, uint32_t first, uint32_t next)
{
	put_slice(out, BYTES_NUL("TXT Event Container"));
	rf_buf_add(out, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	put_le(out, 0x00010001, 4);
	put_le(out, size, 4);
	put_le(out, first, 4);
	put_le(out, next, 4);
}

static void reads_a_txt_container(void **state)
{
	RF_AUTOBUF struct rf_buf in = {0};
	struct log_build b;
	struct eventlog log;
	struct eventlog_event event;
	size_t at = 0;

	(void)state;
	begin_log12(&b);
	add_event(&b, 17, 0x402, BYTES("start"));
	add_event(&b, 18, 0x413, BYTES("authorities"));
	put_container(&in, (uint32_t)(200 + b.buf.len), 48, (uint32_t)(48 + b.buf.len));
	put_slice(&in, rf_buf_slice(&b.buf));
	put_slice(&in, BYTES("what the heap holds behind it is nobody's business"));
	assert_int_equal(eventlog_open(rf_buf_slice(&in), &log, NULL), 0);
	assert_int_equal(log.format, EVENTLOG_TXT);
	assert_int_equal(log.events_count, 2);
	assert_true(log.drtm);
	assert_int_equal(eventlog_next(&log, &at, &event), 1);
	assert_int_equal(event.offset, 48);
	assert_int_equal(event.pcr, 17);
	assert_int_equal(eventlog_next(&log, &at, &event), 1);
	assert_true(rf_slice_equal(event.data, BYTES("authorities")));
	end_log(&b);
}

static void spoiled_txt_containers_are_refused(void **state)
{
	static const struct {
		uint32_t size, first, next;
	} rows[] = {{100, 47, 60},
		    {100, 48, 101},
		    {100, 60, 59},
		    {100, 48, 0xffffffff},
		    {0xffffffff, 48, 200},
		    {0xffffffff, 0xfffffff0, 0xffffffff},
		    {100, 0, 0}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf in = {0};

		put_container(&in, rows[i].size, rows[i].first, rows[i].next);
		while (in.len < 100)
			rf_buf_add_byte(&in, 1);
		refused(rf_buf_slice(&in), RF_E_SYNTAX, "container");
		for (size_t len = 20; len < 48; len++)
			refused((struct rf_slice){in.data, len}, RF_E_TRUNCATED, "container");
	}
}

static void a_log_of_a_dynamic_launch(void **state)
{
	static const struct {
		uint32_t pcr, type;
		bool drtm;
		enum eventlog_format format;
	} rows[] = {
		{17, 0x402, true, EVENTLOG_TXT},	{18, 0x501, true, EVENTLOG_TXT},
		{20, 0x404, true, EVENTLOG_TXT},	{20, EVENT_TAG, false, EVENTLOG_TXT},
		{19, EVENT_TAG, true, EVENTLOG_TXT},	{4, EFI_ACTION, false, EVENTLOG_TCG20},
		{17, NO_ACTION, false, EVENTLOG_TCG20}, {0, 0x402, false, EVENTLOG_TCG20},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct log_build b;
		struct eventlog log;

		begin_log(&b, ATTEST_SHA256, 0, 0);
		add_event(&b, rows[i].pcr, rows[i].type, BYTES("x"));
		open_log(&b, &log);
		assert_int_equal(log.drtm, rows[i].drtm);
		assert_int_equal(log.format, rows[i].format);
		end_log(&b);
	}
}

static void a_confidential_vm_s_log_is_recognised(void **state)
{
	static const struct {
		uint16_t alg;
		uint32_t pcr;
		bool ccel;
	} rows[] = {{ATTEST_SHA384, 2, true},
		    {ATTEST_SHA384, 4, true},
		    {ATTEST_SHA384, 5, false},
		    {ATTEST_SHA384, 7, false},
		    {ATTEST_SHA256, 2, false}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct log_build b;
		struct eventlog log;

		begin_log(&b, rows[i].alg, 0, 0);
		add_event(&b, 1, SEPARATOR, ZEROS);
		add_event(&b, rows[i].pcr, EFI_ACTION, BYTES("x"));
		open_log(&b, &log);
		assert_int_equal(log.ccel, rows[i].ccel);
		end_log(&b);
	}
}

/* ---- limits ---- */

static void more_events_than_allowed(void **state)
{
	struct log_build b;
	struct eventlog log;

	(void)state;
	begin_log(&b, ATTEST_SHA256, 0, 0);
	for (size_t i = 1; i < EVENTLOG_MAX_EVENTS; i++) {
		put_le(&b.buf, 8, 4);
		put_le(&b.buf, IPL, 4);
		put_le(&b.buf, 0, 8);
	}
	open_log(&b, &log);
	assert_int_equal(log.events_count, EVENTLOG_MAX_EVENTS);
	put_le(&b.buf, 8, 4);
	put_le(&b.buf, IPL, 4);
	put_le(&b.buf, 0, 8);
	refused(rf_buf_slice(&b.buf), RF_E_LIMIT, "more than 65536 events");
	end_log(&b);
}

/* Whatever byte changes: the log is refused, or every event of it can be read and explained. */
static void any_changed_byte_is_survived(void **state)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff};
	struct log_build b;

	(void)state;
	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	add_locality(&b, 3);
	add_event(&b, 0, CRTM_VERSION, BYTES("1"));
	add_event(&b, 7, SEPARATOR, ZEROS);
	for (size_t i = 0; i < b.buf.len * RF_COUNT(flips); i++) {
		struct eventlog log;
		struct eventlog_event event;
		struct eventlog_state seen = {0};
		struct eventlog_meaning meaning;
		uint8_t *byte = &b.buf.data[i / RF_COUNT(flips)];
		uint8_t old = *byte;
		size_t at = 0, count = 0;

		*byte ^= flips[i % RF_COUNT(flips)];
		if (eventlog_open(rf_buf_slice(&b.buf), &log, NULL) == 0) {
			while (eventlog_next(&log, &at, &event) == 1) {
				eventlog_explain(b.hasher, &log, &event, &seen, &meaning);
				assert_true(rf_utf8_valid((const uint8_t *)meaning.text,
							  strlen(meaning.text)));
				count++;
			}
			assert_int_equal(count, log.events_count);
		}
		*byte = old;
	}
	end_log(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_log_of_the_new_form),
		cmocka_unit_test(reads_a_log_of_the_old_form),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(an_empty_log_says_so),
		cmocka_unit_test(spoiled_logs_are_refused),
		cmocka_unit_test(a_bank_twice_in_a_record_is_refused),
		cmocka_unit_test(a_record_may_carry_fewer_digests),
		cmocka_unit_test(an_unknown_algorithm_has_the_header_s_size),
		cmocka_unit_test(padding_ends_a_log),
		cmocka_unit_test(zeros_of_the_last_event_are_its_own),
		cmocka_unit_test(localities_that_can_be),
		cmocka_unit_test(localities_that_cannot_be),
		cmocka_unit_test(locality_only_has_to_come_before_pcr_0),
		cmocka_unit_test(hcrtm_counts_as_the_first_event_of_pcr_0_only),
		cmocka_unit_test(reads_a_txt_container),
		cmocka_unit_test(spoiled_txt_containers_are_refused),
		cmocka_unit_test(a_log_of_a_dynamic_launch),
		cmocka_unit_test(a_confidential_vm_s_log_is_recognised),
		cmocka_unit_test(more_events_than_allowed),
		cmocka_unit_test(any_changed_byte_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
