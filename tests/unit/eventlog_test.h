/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot log's tests share: logs made by hand, event by event. */
#ifndef EVENTLOG_TEST_H
#define EVENTLOG_TEST_H

#include "test_base.h"

#include "attest/eventlog.h"

/* Types under the names of the profile. */
#define POST_CODE	0x00000001u
#define NO_ACTION	0x00000003u
#define SEPARATOR	0x00000004u
#define ACTION		0x00000005u
#define EVENT_TAG	0x00000006u
#define CRTM_CONTENTS	0x00000007u
#define CRTM_VERSION	0x00000008u
#define MICROCODE	0x00000009u
#define CONFIG_FLAGS	0x0000000au
#define IPL		0x0000000du
#define VARIABLE_CONFIG 0x80000001u
#define VARIABLE_BOOT	0x80000002u
#define BOOT_APP	0x80000003u
#define BOOT_DRIVER	0x80000004u
#define GPT		0x80000006u
#define EFI_ACTION	0x80000007u
#define FIRMWARE_BLOB	0x80000008u
#define HANDOFF		0x80000009u
#define FIRMWARE_BLOB2	0x8000000au
#define VARIABLE_BOOT2	0x8000000cu
#define HCRTM		0x80000010u
#define AUTHORITY	0x800000e0u

/* Bytes of a string literal, without its NUL, or with it. */
#define BYTES(text)	((struct rf_slice){(const uint8_t *)(text), sizeof(text) - 1})
#define BYTES_NUL(text) ((struct rf_slice){(const uint8_t *)(text), sizeof(text)})
#define NOTHING		((struct rf_slice){0})
#define ZEROS		BYTES("\0\0\0\0")

/* A log under construction. sha1: the old form. */
struct log_build {
	struct rf_buf buf;
	struct attest_hasher *hasher;
	uint16_t algs[4];
	size_t algs_count;
	bool sha1;
};

static inline void put_le(struct rf_buf *buf, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		rf_buf_add_byte(buf, (uint8_t)(value >> (8 * i)));
}

static inline void put_slice(struct rf_buf *buf, struct rf_slice bytes)
{
	rf_buf_add(buf, bytes.data, bytes.len);
}

static inline void put_utf16(struct rf_buf *buf, const char *text)
{
	for (size_t i = 0; text[i]; i++)
		put_le(buf, (uint8_t)text[i], 2);
}

/* A record of the old form. */
static inline void put_record12(struct rf_buf *buf, uint32_t pcr, uint32_t type,
				const uint8_t digest[20], struct rf_slice data)
{
	put_le(buf, pcr, 4);
	put_le(buf, type, 4);
	rf_buf_add(buf, digest, 20);
	put_le(buf, data.len, 4);
	put_slice(buf, data);
}

/* Begins a log of the new form with the header for these algorithms (0 ends them). */
static inline void begin_log(struct log_build *b, uint16_t first, uint16_t second, uint16_t third)
{
	RF_AUTOBUF struct rf_buf spec = {0};
	const uint16_t algs[] = {first, second, third};
	static const uint8_t zeros[20];

	memset(b, 0, sizeof(*b));
	assert_int_equal(attest_hasher_new(&b->hasher, NULL), 0);
	while (b->algs_count < 3 && algs[b->algs_count] != 0) {
		b->algs[b->algs_count] = algs[b->algs_count];
		b->algs_count++;
	}
	put_slice(&spec, BYTES_NUL("Spec ID Event03"));
	put_le(&spec, 0, 4);	      /* platform class */
	put_le(&spec, 0x02000200, 4); /* version 2.0, errata 0, UINTN of 8 bytes */
	put_le(&spec, b->algs_count, 4);
	for (size_t i = 0; i < b->algs_count; i++) {
		size_t size = attest_digest_size(b->algs[i]);

		put_le(&spec, b->algs[i], 2);
		put_le(&spec, size ? size : 24, 2);
	}
	put_le(&spec, 0, 1);
	put_record12(&b->buf, 0, NO_ACTION, zeros, rf_buf_slice(&spec));
}

static inline void begin_log12(struct log_build *b)
{
	memset(b, 0, sizeof(*b));
	assert_int_equal(attest_hasher_new(&b->hasher, NULL), 0);
	b->algs[0] = ATTEST_SHA1;
	b->algs_count = 1;
	b->sha1 = true;
}

static inline void end_log(struct log_build *b)
{
	rf_buf_done(&b->buf);
	attest_hasher_free(b->hasher);
}

/* One digest of measured; 24 bytes of 0x5a where we cannot compute the algorithm. */
static inline void put_digest(struct log_build *b, uint16_t alg, struct rf_slice measured)
{
	uint8_t digest[ATTEST_MAX_DIGEST];
	size_t size = attest_digest_size(alg);

	if (size == 0) {
		size = 24;
		memset(digest, 0x5a, size);
	} else {
		assert_int_equal(attest_hash(b->hasher, alg, measured, NOTHING, digest), 0);
	}
	rf_buf_add(&b->buf, digest, size);
}

/* Adds an event with data, whose digests are those of measured. */
static inline void add_measured(struct log_build *b, uint32_t pcr, uint32_t type,
				struct rf_slice data, struct rf_slice measured)
{
	put_le(&b->buf, pcr, 4);
	put_le(&b->buf, type, 4);
	if (!b->sha1)
		put_le(&b->buf, b->algs_count, 4);
	for (size_t i = 0; i < b->algs_count; i++) {
		if (!b->sha1)
			put_le(&b->buf, b->algs[i], 2);
		put_digest(b, b->algs[i], measured);
	}
	put_le(&b->buf, data.len, 4);
	put_slice(&b->buf, data);
}

/* Adds an event whose digests are those of its data. */
static inline void add_event(struct log_build *b, uint32_t pcr, uint32_t type, struct rf_slice data)
{
	add_measured(b, pcr, type, data, data);
}

static inline void add_locality(struct log_build *b, uint8_t locality)
{
	uint8_t data[17] = "StartupLocality";

	data[16] = locality;
	add_event(b, 0, NO_ACTION, (struct rf_slice){data, sizeof(data)});
}

static inline void open_log(const struct log_build *b, struct eventlog *log)
{
	struct rf_err err = {0};
	int rc = eventlog_open(rf_buf_slice(&b->buf), log, &err);

	if (rc < 0)
		print_message("%s\n", rf_err_text(&err));
	assert_int_equal(rc, 0);
}

/* A refusal with that code, whose text holds words; the output stays untouched. */
static inline void refused(struct rf_slice in, int code, const char *words)
{
	struct eventlog log = {.events_count = 4711};
	struct rf_err err = {0};

	assert_int_equal(eventlog_open(in, &log, &err), code);
	if (!strstr(rf_err_text(&err), words))
		print_message("wanted \"%s\" in: %s\n", words, rf_err_text(&err));
	assert_non_null(strstr(rf_err_text(&err), words));
	assert_int_equal(log.events_count, 4711);
}

/* The meaning of the last event, with the state that the ones before it left. */
static inline struct eventlog_meaning explain_last(const struct log_build *b,
						   struct eventlog_state *state)
{
	struct eventlog log;
	struct eventlog_event event;
	struct eventlog_meaning meaning = {.component = COMPONENT_COUNT};
	size_t at = 0;

	open_log(b, &log);
	memset(state, 0, sizeof(*state));
	while (eventlog_next(&log, &at, &event) == 1)
		eventlog_explain(b->hasher, &log, &event, state, &meaning);
	return meaning;
}

/* A UEFI_VARIABLE_DATA. */
static inline void put_variable(struct rf_buf *out, const uint8_t guid[16], const char *name,
				struct rf_slice value)
{
	rf_buf_add(out, guid, 16);
	put_le(out, strlen(name), 8);
	put_le(out, value.len, 8);
	put_utf16(out, name);
	put_slice(out, value);
}

#endif
