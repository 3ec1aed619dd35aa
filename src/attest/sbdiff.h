/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two boots, in words: signature databases (PK, KEK, db, dbx, MOK lists) by
 * certificate and hash, and kernel command lines by parameter. Output is bounded, visible
 * characters only.
 */
#ifndef RF_ATTEST_SBDIFF_H
#define RF_ATTEST_SBDIFF_H

#include "attest/words.h"
#include "base/err.h"

#define SBDIFF_MAX_BYTES   (1u << 20)
#define SBDIFF_MAX_ENTRIES 32768u
#define SBDIFF_LINES	   24u

enum sbdiff_list {
	SBDIFF_PK,
	SBDIFF_KEK,
	SBDIFF_DB,
	SBDIFF_DBX,
	SBDIFF_MOK,  /* MokList: what the machine's owner allows */
	SBDIFF_MOKX, /* MokListX: what he forbids */
	SBDIFF_OTHER,
};

/* By the variable's name: "db", "MokListRT", "vendor_dbx"; SBDIFF_OTHER for any other. */
enum sbdiff_list sbdiff_list_of_name(const char *name);

struct sbdiff_line {
	bool added, removed; /* both: another of the same name took its place */
	bool wider;	     /* more is trusted than before */
	char text[300];	     /* "certificate 'Debian Secure Boot CA' that may sign boot programs" */
};

struct sbdiff {
	struct sbdiff_line lines[SBDIFF_LINES]; /* certificates one by one, hashes by kind */
	size_t lines_count;
	size_t more;	       /* certificates that have no line */
	size_t added, removed; /* entries in all */
	bool wider;	       /* any of them */
};

/* Compares two values of a variable (empty: it was not there). Which entry belongs to whom (owner
 * GUID), order and repetition do not count. RF_E_SYNTAX or RF_E_TRUNCATED names the broken one,
 * RF_E_LIMIT, -ENOMEM. */
int sbdiff_compare(enum sbdiff_list list, struct rf_slice before, struct rf_slice after,
		   struct sbdiff *out, struct rf_err *err) RF_MUST_CHECK;

/* Adds all of it: "added: certificate 'A' ...; removed: 2 SHA-256 hashes ...; and 240 more". */
void sbdiff_words(struct words *w, const struct sbdiff *diff);

#endif
