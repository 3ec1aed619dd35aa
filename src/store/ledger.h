/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's ledger: the lines of govern/ledger.h, kept in the store. Entries are numbered in
 * order of commit. A checkpoint is signed afterwards, over what has been committed by then, outside
 * of any lock: one signature may cover many entries. The export is a file that `ringfence ledger
 * verify` takes with the public key alone.
 */
#ifndef RF_STORE_LEDGER_H
#define RF_STORE_LEDGER_H

#include "govern/ledger.h"
#include "store/fleet.h"

/* Appends an entry, in the transaction of what it tells (whose writers follow one another from here
 * on: so append last). out_n (NULL for none) is its number. */
int store_ledger_append(struct store *store, const struct ledger_entry *entry, int64_t *out_n,
			struct rf_err *err) RF_MUST_CHECK;

/* An entry of an agent's own ledger. */
struct store_agent_entry {
	const char *host;
	int64_t entry;	      /* its number there */
	struct rf_slice line; /* its line there, without the line end */
	int64_t at_ms;
};

/* Keeps it, and countersigns it by an entry of the fleet's. RF_E_DUPLICATE when it is here already,
 * RF_E_MISMATCH when another is here in its place, RF_E_MISSING when one before it is not. The
 * first of a host may have any number. */
int store_ledger_include(struct store *store, const struct store_agent_entry *entry,
			 struct rf_err *err) RF_MUST_CHECK;

/* Who signs: appends the note over the tree of that size (govern's ledger_key_sign, or a question
 * to the process that holds the key). */
struct store_signer {
	int (*sign)(void *arg, uint64_t size, const uint8_t root[LEDGER_HASH_BYTES],
		    struct rf_buf *out_note, struct rf_err *err);
	void *arg;
};

/* Signs a checkpoint over all that is committed, if there is something new. Any number of processes
 * may. RF_E_MISMATCH when the entries are not those that were signed before. out_size (NULL for
 * none): how many entries are signed now. */
int store_ledger_sign(struct store *store, const struct store_signer *signer, int64_t *out_size,
		      struct rf_err *err) RF_MUST_CHECK;

/* How many entries there are, and how many of them are signed. */
int store_ledger_size(struct store *store, int64_t *out_size, int64_t *out_signed,
		      struct rf_err *err) RF_MUST_CHECK;

/* The root over all entries, signed or not, computed anew from their lines. RF_E_MISMATCH when an
 * entry is missing, they are not those that the last checkpoint covers, or an agent's entry is not
 * the one that was countersigned, or gone; the signature is for who has the public key. */
int store_ledger_check(struct store *store, uint8_t out_root[LEDGER_HASH_BYTES],
		       struct rf_err *err) RF_MUST_CHECK;

/* Gives take each line (with its line end) of what is signed, in order: the file. */
int store_ledger_export(struct store *store, int (*take)(void *arg, struct rf_slice line),
			void *arg, struct rf_err *err) RF_MUST_CHECK;

/* Gives take the lines of up to limit entries from number `from` on. */
int store_ledger_each(struct store *store, int64_t from, int64_t limit,
		      int (*take)(void *arg, int64_t n, struct rf_slice line), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

/* Gives take the entries of a host's own ledger that are here, in order. */
int store_ledger_agent_each(struct store *store, const char *host,
			    int (*take)(void *arg, int64_t entry, struct rf_slice line), void *arg,
			    struct rf_err *err) RF_MUST_CHECK;

#endif
