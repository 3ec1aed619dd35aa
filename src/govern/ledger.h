/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: every decision, change, denial and undoing is a leaf of an append-only Merkle log.
 *
 * Hashing is RFC 6962 section 2.1 (leaf SHA-256(00 || entry), node SHA-256(01 || left || right));
 * the entry is its line's bytes. After each append stands a checkpoint in the C2SP tlog-checkpoint
 * format (c2sp.org/tlog-checkpoint), signed with Ed25519 as c2sp.org/signed-note says. The file is
 * text, one JSON object a line, so that what `verify` needs is the file and the public key, and a
 * lost, edited, moved or cut entry can be named: the checkpoint behind each entry says where the
 * tree went another way. What the tail alone cannot show, that whole signed entries were cut off at
 * the end, needs one checkpoint kept elsewhere (ledger_verify's known).
 */
#ifndef RF_GOVERN_LEDGER_H
#define RF_GOVERN_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define LEDGER_MAX_ENTRY_BYTES 16384u
#define LEDGER_MAX_LINE_BYTES  32768u
#define LEDGER_HASH_BYTES      32
#define LEDGER_MAX_DEPTH       64
#define LEDGER_FILE	       "ledger.jsonl"
#define LEDGER_KEY_FILE	       "ledger.key"
#define LEDGER_PUBLIC_FILE     "ledger.pub"

/* A compact Merkle tree: the roots of its complete subtrees, largest first. */
struct ledger_tree {
	uint64_t size;
	uint8_t nodes[LEDGER_MAX_DEPTH][LEDGER_HASH_BYTES];
};
/* Adds a leaf; returns 0 or RF_E_CRYPTO. */
int ledger_tree_add(struct ledger_tree *tree, struct rf_slice leaf,
		    struct rf_err *err) RF_MUST_CHECK;

/* The root hash; of the empty tree SHA-256 of nothing. */
int ledger_tree_root(const struct ledger_tree *tree, uint8_t out[LEDGER_HASH_BYTES],
		     struct rf_err *err) RF_MUST_CHECK;

/* What an entry says. Texts may be NULL. */
struct ledger_entry {
	const char *kind;   /* "plan", "apply", "applied", "failed", "denied", "rollback" ... */
	const char *actor;  /* who asked: "uid 0" ... */
	const char *about;  /* id of the plan, VM, control ... */
	const char *text;   /* a sentence */
	const char *digest; /* hexadecimal: of what was decided on */
	int64_t time_ms;
};

/*
 * Lines and signatures without a file, for a ledger that is kept elsewhere (store/ledger.h).
 * Appends, without a line end: the entry of that number, whose bytes are the leaf (RF_E_SYNTAX for
 * no UTF-8, RF_E_LIMIT); the checkpoint over tree that note signs.
 */
int ledger_entry_line(uint64_t number, const struct ledger_entry *entry, struct rf_buf *out,
		      struct rf_err *err) RF_MUST_CHECK;
int ledger_checkpoint_line(const struct ledger_tree *tree, const char *note, struct rf_buf *out,
			   struct rf_err *err) RF_MUST_CHECK;
/* The tree of a checkpoint's line, whose root is the note's (RF_E_MISMATCH); whether the note is
 * signed is not asked. */
int ledger_tree_read(struct rf_slice line, struct ledger_tree *out,
		     struct rf_err *err) RF_MUST_CHECK;

#define LEDGER_ORIGIN_BYTES 256 /* with its NUL */
/* The name of the ledger of host, as its key and checkpoints have it. */
void ledger_origin(const char *host, char out[LEDGER_ORIGIN_BYTES]);

struct ledger_key;
/* A new key for the ledger of host: the secret as PEM, and the public key for verify. */
int ledger_key_make(const char *host, struct rf_buf *out_pem, struct rf_buf *out_public,
		    struct rf_err *err) RF_MUST_CHECK;
/* From both; RF_E_MISMATCH when they do not belong together, RF_E_SYNTAX. Freed by
 * ledger_key_free, which accepts NULL. */
int ledger_key_load(struct rf_slice pem, const char *public_key, struct ledger_key **out,
		    struct rf_err *err) RF_MUST_CHECK;
void ledger_key_free(struct ledger_key *key);
/* Appends the signed note over a tree of that size and root. */
int ledger_key_sign(const struct ledger_key *key, uint64_t size,
		    const uint8_t root[LEDGER_HASH_BYTES], struct rf_buf *out_note,
		    struct rf_err *err) RF_MUST_CHECK;

struct ledger;

/*
 * Opens (making it and its key at first use, both 0600) the ledger below the folder
 * state_dir/ledger and takes its lock. A torn tail behind the last signature is cut or, where
 * whole, signed, and an entry says so; anything else wrong is RF_E_MISMATCH and never repaired.
 * host names the log.
 */
int ledger_open(int state_dir, const char *host, struct ledger **out,
		struct rf_err *err) RF_MUST_CHECK;
void ledger_close(struct ledger *ledger);

/* Appends an entry with its signed checkpoint; both are on disk when this returns. */
int ledger_append(struct ledger *ledger, const struct ledger_entry *entry,
		  struct rf_err *err) RF_MUST_CHECK;

/* Number of entries. */
uint64_t ledger_size(const struct ledger *ledger);
/* The newest checkpoint as a signed note; "" for an empty ledger. */
const char *ledger_checkpoint(const struct ledger *ledger);
/* The public key in the verifier form NAME+HASH+BASE64 of c2sp.org/signed-note. */
const char *ledger_public_key(const struct ledger *ledger);

/* What verify found. */
enum ledger_fault {
	LEDGER_INTACT,
	LEDGER_EDITED,	  /* entry at is not what was signed */
	LEDGER_LOST,	  /* entry at is missing */
	LEDGER_REORDERED, /* another entry stands in the place of at */
	LEDGER_TRUNCATED, /* the file ends before a size that was signed */
	LEDGER_UNSIGNED,  /* entries behind the last checkpoint, or a torn last line */
	LEDGER_FORGED,	  /* a checkpoint's signature is not of this key */
	LEDGER_MALFORMED, /* a line is none of ours */
};
struct ledger_report {
	enum ledger_fault fault;
	uint64_t at;	  /* number of the entry, from 0 */
	uint64_t line;	  /* of the file, from 1 */
	uint64_t entries; /* entries that are proven */
	char text[256];	  /* one sentence */
};

/*
 * Verifies a ledger's bytes with the public key alone. known is a checkpoint kept elsewhere (a
 * signed note), or empty. Returns 0 with out filled (also when something is wrong with the ledger),
 * RF_E_SYNTAX for a key that is none.
 */
int ledger_verify(struct rf_slice file, const char *public_key, struct rf_slice known,
		  struct ledger_report *out, struct rf_err *err) RF_MUST_CHECK;

/* Calls visit with each entry's line; stops at a negative answer. Does not verify. */
int ledger_each(struct rf_slice file, int (*visit)(void *arg, struct rf_slice entry), void *arg,
		struct rf_err *err) RF_MUST_CHECK;

#endif
