/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads binary formats with a sticky error: a parser is a straight list of reads and one check at
 * the end. After the first failure every read returns 0 (or an empty slice) and moves nothing.
 */
#ifndef RF_BASE_READER_H
#define RF_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct rf_reader {
	const uint8_t *data;
	size_t len;
	size_t pos;	  /* bytes consumed */
	size_t failed_at; /* where the first failing read began */
	size_t wanted;	  /* how many bytes it asked for */
	bool failed;
};

/* A reader at the start of in, which must outlive it. */
struct rf_reader rf_reader(struct rf_slice in);

/* The next number, big endian (be) or little endian (le); 0 after a failure. */
uint8_t rf_read_u8(struct rf_reader *r);
uint16_t rf_read_be16(struct rf_reader *r);
uint32_t rf_read_be32(struct rf_reader *r);
uint64_t rf_read_be64(struct rf_reader *r);
uint16_t rf_read_le16(struct rf_reader *r);
uint32_t rf_read_le32(struct rf_reader *r);
uint64_t rf_read_le64(struct rf_reader *r);

/* len bytes, borrowed from the input. */
struct rf_slice rf_read_bytes(struct rf_reader *r, size_t len);

/* Bytes not yet read; 0 after a failure. */
size_t rf_reader_left(const struct rf_reader *r);

/* Everything not yet read. */
struct rf_slice rf_read_rest(struct rf_reader *r);

/* 0, or RF_E_TRUNCATED with "what: at byte N: M bytes wanted, K left". */
int rf_reader_check(const struct rf_reader *r, const char *what, struct rf_err *err) RF_MUST_CHECK;

#endif
