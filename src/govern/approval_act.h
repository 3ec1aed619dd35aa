/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an approval is about: an operation, its objects with the version of their state, and its
 * parameters, as bytes that two machines write alike, and their SHA-256. Whoever approves is shown
 * what these bytes say; whoever runs the operation makes them again from what is there then. What
 * drifted in between has another digest.
 *
 * The bytes (docs/schema/approval.md), numbers big endian:
 *	"RFACT" 00 00 01
 *	operation:  u32 length, bytes
 *	objects:    u32 count, then by rising id: u32 length, id, u32 length, state version
 *	parameters: u32 count, then by rising name: u32 length, name, u32 length, value
 * Ids and names are unique and compared as bytes, a shorter one before a longer one that begins
 * with it. Each act has one encoding and each encoding one act.
 */
#ifndef RF_GOVERN_APPROVAL_ACT_H
#define RF_GOVERN_APPROVAL_ACT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define APPROVAL_DIGEST_BYTES	 32
#define APPROVAL_MAX_OBJECTS	 1024u
#define APPROVAL_MAX_PARAMS	 64u
#define APPROVAL_MAX_ID_BYTES	 512u /* of an object's id and of a state version */
#define APPROVAL_MAX_VALUE_BYTES 65536u
#define APPROVAL_MAX_ACT_BYTES	 (1u << 20)

/* An object's id and its state version, or a parameter's name and value. Borrowed bytes. */
struct approval_pair {
	struct rf_slice name, value;
};

struct approval_act {
	struct rf_slice operation;
	struct approval_pair *objects; /* at least one; a thing that is to be made: "absent" */
	size_t objects_count;
	struct approval_pair *params; /* values may be any bytes, also none */
	size_t params_count;
};

/*
 * Appends the encoding; the order of the caller's rows does not matter. RF_E_UNKNOWN for an
 * operation without a row, RF_E_DUPLICATE, RF_E_MISSING, RF_E_LIMIT, RF_E_SYNTAX, -ENOMEM; out is
 * as before then.
 */
int approval_act_encode(const struct approval_act *act, struct rf_buf *out,
			struct rf_err *err) RF_MUST_CHECK;

/* Reads an encoding, so that it can be shown; refuses every other byte string. The slices borrow
 * from in. Free with approval_act_done. RF_E_TRUNCATED, and what encode refuses. */
int approval_act_decode(struct rf_slice in, struct approval_act *out,
			struct rf_err *err) RF_MUST_CHECK;
/* Frees what decode made. Accepts a zeroed act. */
void approval_act_done(struct approval_act *act);

/* The SHA-256 of the encoding. */
int approval_act_digest(const struct approval_act *act, uint8_t out[APPROVAL_DIGEST_BYTES],
			struct rf_err *err) RF_MUST_CHECK;

#endif
