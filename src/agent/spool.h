/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the manager must not lose and has not confirmed yet: frames with a number each (facts,
 * events, entries of the ledger, results), on disk, bounded. One file for each, whole or not at
 * all; numbers ascend for ever, across restarts, too, and none is ever given twice.
 *
 * When it is full the kind that is worth least goes first, oldest first (the table in spool.c), and
 * whoever adds is told what went. Not here: when to send (net.c).
 */
#ifndef RF_AGENT_SPOOL_H
#define RF_AGENT_SPOOL_H

#include "fleet/wire.h"

#define SPOOL_RECORDS 4096u
#define SPOOL_BYTES   (64u * WIRE_MIB)

struct spool;

struct spool_limits {
	size_t records;
	uint64_t bytes; /* of texts and bytes */
};

/* What was lost, for an event. */
struct spool_loss {
	uint64_t dropped[WIRE_KIND_COUNT]; /* for want of room */
	uint64_t damaged;		   /* files that are not as they were written */
};

/* How many were dropped, of all kinds. */
uint64_t spool_loss_count(const struct spool_loss *loss);
/* What was lost since it was last asked, or since spool_open; it is forgotten with that. */
void spool_loss_take(struct spool *spool, struct spool_loss *out);

/*
 * Opens the spool in folder dir, which must be there. limits NULL: SPOOL_RECORDS, SPOOL_BYTES. What
 * was confirmed before a crash goes; what is damaged goes, and is counted as lost.
 */
int spool_open(const char *dir, const struct spool_limits *limits, struct spool **out,
	       struct rf_err *err) RF_MUST_CHECK;

/* Accepts NULL. */
void spool_close(struct spool *spool);

/* The number that the next record gets: for its text. */
uint64_t spool_number(const struct spool *spool);

/*
 * Adds a frame under spool_number; it is on disk when this returns. RF_E_USAGE for a kind that is
 * not numbered; RF_E_LIMIT when only worthier records are there: then the new one is what is lost.
 */
int spool_add(struct spool *spool, const struct wire_frame *frame,
	      struct rf_err *err) RF_MUST_CHECK;

/*
 * The first record behind number `after`: 1 with out borrowing from store, 0 when there is none.
 * One that turns out damaged is dropped and counted, and the next is given.
 */
int spool_next(struct spool *spool, uint64_t after, struct rf_buf *store, struct wire_frame *out,
	       uint64_t *out_number, struct rf_err *err) RF_MUST_CHECK;

/* All up to number are stored elsewhere: they go. More than was ever given: nothing stays, and
 * numbers go on behind it. */
int spool_confirm(struct spool *spool, uint64_t number, struct rf_err *err) RF_MUST_CHECK;

/* Highest number that was confirmed; 0: none. */
uint64_t spool_confirmed(const struct spool *spool);
/* Lowest and highest number that wait; both 0: none. */
void spool_range(const struct spool *spool, uint64_t *from, uint64_t *to);

/* Keeps evidence that could not be delivered, unless older is kept already (1: it was kept). */
int spool_evidence_keep(struct spool *spool, const struct wire_frame *frame,
			struct rf_err *err) RF_MUST_CHECK;
/* The kept evidence: 1 with out borrowing from store, 0: none. */
int spool_evidence(struct spool *spool, struct rf_buf *store, struct wire_frame *out,
		   struct rf_err *err) RF_MUST_CHECK;
/* It was delivered. */
void spool_evidence_drop(struct spool *spool);

/* One record as a file has it, for tests: RF_E_TRUNCATED, _SYNTAX, _UNKNOWN, _LIMIT, _MISMATCH. */
int spool_record_read(struct rf_slice file, struct wire_frame *out, uint64_t *out_number,
		      struct rf_err *err) RF_MUST_CHECK;

#endif
