/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences of facts: which rows came, changed or went since the state that the manager has. A
 * state is, for each row, its natural key and a digest of it (model/fact.h's encoding); it is read
 * from and written to a file by the caller. Pure: bytes in, bytes out.
 *
 * Bytes of a difference (what a frame FACTS carries): u8 operation | u32 length (big endian) | a
 * row. Applied in order to the rows of the state they give the rows of the new one, and applying
 * them twice does no harm.
 *
 * Columns that change by themselves (how long a collector took, the clock, free space) make no
 * difference until they changed by what a control may look at: an idle host has none.
 */
#ifndef RF_MODEL_DIFFERENCE_H
#define RF_MODEL_DIFFERENCE_H

#include "model/fact.h"

enum difference_op {
	DIFFERENCE_PUT = 1,    /* a row, instead of one with its natural key */
	DIFFERENCE_REMOVE = 2, /* the row with that key; what is no key is not known, "" or 0 */
	DIFFERENCE_MORE = 3,   /* no row: the run goes on in the next difference */
};

struct difference;

/* Begins a run. state: what difference_end gave for the last one; none, or one that is damaged or
 * of another schema: then all rows are given (difference_whole). -ENOMEM. */
int difference_new(struct rf_slice state, struct difference **out,
		   struct rf_err *err) RF_MUST_CHECK;
void difference_free(struct difference *d);

/* Is there no state to differ from? */
bool difference_whole(const struct difference *d);

/* A row of the run, as fact_encode wrote it. A second one of a key is left out: the first stands,
 * as in a fact store. Errors of fact_decode, -ENOMEM, RF_E_LIMIT. */
int difference_row(struct difference *d, struct rf_slice message, struct rf_err *err) RF_MUST_CHECK;

/* Where differences go, each of at most max_bytes (more than any row has). */
struct difference_sink {
	int (*take)(void *arg, struct rf_slice bytes);
	void *arg;
	size_t max_bytes;
};

/* Gives the differences, at least one, and the state to keep once they are delivered. *out_count is
 * the number of rows that differ. */
int difference_end(struct difference *d, const struct difference_sink *sink,
		   struct rf_buf *out_state, size_t *out_count, struct rf_err *err) RF_MUST_CHECK;

/* Calls take for each row of a difference's bytes; *more: the run goes on in the next one. take's
 * error ends it. RF_E_SYNTAX, _TRUNCATED, errors of fact_decode for hostile bytes. */
int difference_each(struct rf_slice bytes,
		    int (*take)(void *arg, enum difference_op op, const struct fact_table *table,
				const struct fact_value *values),
		    void *arg, bool *more, struct rf_err *err) RF_MUST_CHECK;

#endif
