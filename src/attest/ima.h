/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMA binary measurement lists (kernel: security/integrity/ima/ima_template*.c, ima_fs.c). Parsing
 * and replay without allocation; one entry at a time.
 */
#ifndef RF_ATTEST_IMA_H
#define RF_ATTEST_IMA_H

#include "attest/quote.h"

#define IMA_MAX_BYTES	(256u << 20)
#define IMA_MAX_ENTRIES 2000000u
#define IMA_SEARCH_MAX	400000u /* entries that ima_find_culprit takes */
#define IMA_PCR		10u

enum ima_template {
	IMA_OLD,
	IMA_NG,
	IMA_SIG,
	IMA_BUF,
	IMA_MODSIG,
	IMA_NGV2,
	IMA_SIGV2,
	IMA_EVM_SIG,
	IMA_OTHER /* fields are read when the name is a list of fields we know ("d-ng|n-ng|iuid") */
};

struct ima_entry {
	uint32_t index;
	size_t offset;
	uint32_t pcr;
	enum ima_template template;
	struct rf_slice template_name;
	uint16_t template_alg; /* of template_digest */
	/* SHA-1 as listed, or the bank's own (one file for each bank since kernel 6.10) */
	struct rf_slice template_digest;
	struct rf_slice template_data; /* what banks hash */
	bool violation;		       /* the file was open for writing: its content is not known */
	struct attest_digest file;     /* alg 0 when there is none, or none with a TPM number */
	struct rf_slice file_alg;      /* as named ("md5"); empty in IMA_OLD */
	struct rf_slice file_digest;   /* also of an algorithm without a TPM number */
	bool verity;		       /* digest is fs-verity's */
	struct rf_slice name;	       /* without NUL: a hint, chosen by whoever named the file */
	struct rf_slice signature;     /* of ima-sig or evm-sig; empty when none */
	struct rf_slice modsig;	       /* of ima-modsig: PKCS#7 */
	struct rf_slice buffer;	       /* of ima-buf */
};

struct ima_list {
	struct rf_slice bytes;
	size_t at;
	uint32_t count;
	uint8_t template_digest_len; /* 20, or the bank's size */
	uint16_t template_alg;	     /* by its length; SM3 is to be set by the caller */
	bool big_endian;	     /* found by the first entry */
};

/* in: the whole file, or what came since the last time (incremental). */
int ima_open(struct rf_slice in, uint8_t template_digest_len, struct ima_list *out,
	     struct rf_err *err) RF_MUST_CHECK;

/* 1: an entry, 0: the end, negative: broken here; the error names entry and offset. */
int ima_next(struct ima_list *list, struct ima_entry *out, struct rf_err *err) RF_MUST_CHECK;

/* Running values of the PCR that IMA extends, one for each bank; keep them for the next increment.
 */
struct ima_state {
	uint16_t algs[ATTEST_MAX_BANKS];
	uint8_t values[ATTEST_MAX_BANKS][ATTEST_MAX_DIGEST];
	size_t banks_count;
	uint32_t pcr;	  /* 10 unless the policy says otherwise */
	uint64_t entries; /* gone through so far, whatever their PCR */
	/* Bit n: bank n got the SHA-1 digest padded with zeros. All banks but SHA-1 on kernels
	 * before 5.8, and later those whose hash the kernel cannot compute: weak. */
	uint8_t padded_banks;
};

/* A state before the first entry. RF_E_UNSUPPORTED for a bank that cannot be computed, RF_E_LIMIT
 * for none or too many. */
int ima_state_init(struct ima_state *state, uint32_t pcr, const uint16_t *algs, size_t count,
		   struct rf_err *err) RF_MUST_CHECK;

/* Extends state with one entry; checks that the listed template digest is H(template data) unless
 * it is a violation. RF_E_MISMATCH otherwise, and state is as it was. An entry for another PCR is
 * checked and counted, and extends nothing. */
int ima_extend(struct attest_hasher *hasher, const struct ima_entry *entry, struct ima_state *state,
	       struct rf_err *err) RF_MUST_CHECK;

/*
 * What a quote proves of IMA's PCR. values: proved PCR values; where IMA's PCR is among them it is
 * compared in each bank that state and values share. Otherwise quote and hash (that of its
 * signature) are needed: the quoted digest is made with each running value in IMA's place, so that
 * IMA's PCR need not be sent at all (it cannot be read together with the quote).
 */
struct ima_target {
	const struct attest_pcr_values *values;
	const struct attest_quote *quote; /* NULL when values hold IMA's PCR */
	uint16_t hash;
};

struct ima_quoted {
	uint32_t entries; /* of the list, that the quote covers */
	uint32_t beyond;  /* came after the quote: normal, to be proved the next time */
	size_t bytes;	  /* of the list, that the quote covers: the next increment begins here */
	uint32_t violations;	  /* among those covered */
	uint32_t first_violation; /* its index */
	uint32_t unread;	  /* among those covered, of a template that is not known ... */
	uint32_t first_unread;	  /* ... so that they do not say which file: index of the first */
	uint32_t other_pcrs;	  /* bit n: entries for PCR n among them, not proved by this PCR */
	uint32_t beyond_pcrs;	  /* bit n: entries for PCR n among those that came after */
};

/*
 * Finds the prefix of the list (as ima_open made it) that the target proves. state: where the list
 * begins (all banks at zero for a whole list), and on success where the quote left off. Padded
 * banks are recognised on a whole list (state->padded_banks). Returns 0; RF_E_MISMATCH when an
 * entry does not fit its own digest (named) or no prefix fits; RF_E_MISSING when the target proves
 * nothing of this PCR; RF_E_SYNTAX ... when the list is broken. On failure state and out are
 * untouched.
 */
int ima_find_quoted(struct attest_hasher *hasher, const struct ima_list *list,
		    const struct ima_target *target, struct ima_state *state,
		    struct ima_quoted *out, struct rf_err *err) RF_MUST_CHECK;

enum ima_change {
	IMA_PLANTED,   /* is not in what was measured */
	IMA_DOUBLED,   /* stands there twice */
	IMA_REORDERED, /* changed places with the next one */
	IMA_DROPPED,   /* one is missing here (only ima_compare can tell) */
	IMA_CHANGED,   /* another entry in its place (only ima_compare) */
};

struct ima_culprit {
	enum ima_change kind;
	uint32_t index;	  /* in the list */
	uint32_t entries; /* of the list, that the target covers once the change is undone */
};

struct ima_search {
	uint64_t max_extends; /* the most PCR extends to spend, about 5 to 10 million a second */
	const uint32_t *suspects; /* tried first: entries that no baseline knows, say */
	size_t suspects_count;
};

/*
 * After ima_find_quoted said RF_E_MISMATCH: which one entry, left out or exchanged with its
 * neighbour, makes the list fit? Suspects first, then entries that stand there twice, then from the
 * end backwards. Cost grows with the square of the list. 1: found (out), 0: no single entry
 * explains it, or the budget is spent; negative: an error. Allocates (this is not the hot path).
 */
int ima_find_culprit(struct attest_hasher *hasher, const struct ima_list *list,
		     const struct ima_target *target, const struct ima_state *state,
		     const struct ima_search *search, struct ima_culprit *out) RF_MUST_CHECK;

/*
 * Two lists of the same boot: where does `now` leave `known`, and how? 1: they part (out; index in
 * now), 0: now is known, maybe with more behind it, negative: one is broken.
 */
int ima_compare(const struct ima_list *known, const struct ima_list *now, struct ima_culprit *out,
		struct rf_err *err) RF_MUST_CHECK;

/* Does the boot_aggregate entry fit these PCRs (best those the boot log explains: PCR 9 may grow
 * later)? 1 yes (which: "sha256 of PCR 0 to 9"), 0 no (zeros: IMA started without a TPM, and
 * out_how says so), RF_E_MISSING: PCR values are missing, RF_E_USAGE: not a boot_aggregate entry.
 */
int ima_boot_aggregate_check(struct attest_hasher *hasher, const struct ima_entry *entry,
			     const struct attest_pcr_values *pcrs, char out_how[64]);

/* The algorithm of a raw list's template digests, by where the first template's name stands; 0 when
 * this is no such list. */
uint16_t ima_list_alg(struct rf_slice bytes);

#endif
