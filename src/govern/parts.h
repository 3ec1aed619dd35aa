/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the ledger share: hashing, signed notes, lines. Not for other folders. */
#ifndef RF_GOVERN_PARTS_H
#define RF_GOVERN_PARTS_H

#include "govern/ledger.h"

/* SHA-256(prefix || a || b). */
int ledger_hash(uint8_t prefix, struct rf_slice a, struct rf_slice b,
		uint8_t out[LEDGER_HASH_BYTES], struct rf_err *err) RF_MUST_CHECK;
/* Roots of complete subtrees that a tree of that size has. */
unsigned ledger_tree_nodes(uint64_t size);

#define NOTE_MAX_NAME  255
#define NOTE_SIGNATURE 64
#define NOTE_PUBLIC    32
#define NOTE_KEY_TEXT  512 /* of a public key as text */
#define NOTE_MAX_BYTES 2048
#define NOTE_ED25519   0x01

/* A key that can sign, or only verify. */
struct note_key {
	char name[NOTE_MAX_NAME + 1];
	uint8_t id[4]; /* c2sp.org/signed-note: the first bytes of SHA-256(name \n 01 key) */
	uint8_t public_key[NOTE_PUBLIC];
	void *secret; /* EVP_PKEY, or NULL */
};
void note_key_done(struct note_key *key);
#define NOTE_AUTOKEY __attribute__((cleanup(note_key_done)))

/* A new key for name; secret as PEM to store. */
int note_key_make(const char *name, struct note_key *out, struct rf_buf *out_pem,
		  struct rf_err *err) RF_MUST_CHECK;
/* From the stored PEM. */
int note_key_load(const char *name, struct rf_slice pem, struct note_key *out,
		  struct rf_err *err) RF_MUST_CHECK;
/* The verifier form NAME+HASH+BASE64, and back. Blanks at the ends are no matter. */
int note_key_text(const struct note_key *key, char out[NOTE_KEY_TEXT],
		  struct rf_err *err) RF_MUST_CHECK;
int note_key_parse(const char *text, struct note_key *out, struct rf_err *err) RF_MUST_CHECK;

/* A checkpoint: c2sp.org/tlog-checkpoint without extension lines. */
struct checkpoint {
	char origin[NOTE_MAX_NAME + 1];
	uint64_t size;
	uint8_t root[LEDGER_HASH_BYTES];
};

/* Appends the signed note. */
int checkpoint_sign(const struct checkpoint *checkpoint, const struct note_key *key,
		    struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;
/* Reads one and verifies the signature of key, which must be among its signatures. RF_E_SYNTAX,
 * RF_E_MISMATCH for a wrong one, RF_E_MISSING when the key has not signed. */
int checkpoint_open(struct rf_slice note, const struct note_key *key, struct checkpoint *out,
		    struct rf_err *err) RF_MUST_CHECK;

/* A line of the file: an entry, or a checkpoint with the tree's nodes. */
struct ledger_line {
	struct rf_slice bytes; /* without the line end */
	bool is_checkpoint;
	uint64_t number; /* of an entry: its "n" */
	char note[NOTE_MAX_BYTES];
	struct ledger_tree tree; /* of a checkpoint: size and nodes as written there */
};
int ledger_line_parse(struct rf_slice bytes, struct ledger_line *out,
		      struct rf_err *err) RF_MUST_CHECK;
/* Cuts the next line off *rest. False when none is left; *torn when it has no line end. */
bool ledger_line_next(struct rf_slice *rest, struct rf_slice *out, bool *torn);

#endif
