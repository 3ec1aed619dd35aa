/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict over one host's evidence: every check of the reference in one place, and only here.
 * Pure: the caller brings nonce, time, roots, baseline and what was seen of the host before.
 */
#ifndef RF_ATTEST_VERDICT_H
#define RF_ATTEST_VERDICT_H

#include "attest/baseline.h"
#include "attest/boot.h"
#include "attest/evidence.h"
#include "attest/reason.h"

enum verdict_state { VERDICT_TRUSTED, VERDICT_WARNING, VERDICT_UNTRUSTED, VERDICT_CANNOT_JUDGE };
const char *verdict_state_name(enum verdict_state state); /* "cannot judge" */
/* 0 for trusted and warning, 2 for untrusted, 1 for cannot judge. */
int verdict_exit_code(enum verdict_state state);

/* What is remembered of a host's TPM between two quotes, so that older evidence is refused. */
struct verdict_memory {
	bool known;
	uint64_t clock_ms, firmware_version;
	uint32_t reset_count, restart_count;
	uint32_t ima_entries; /* gone through in this boot */
};

struct ekcert_store;
struct verdict_options {
	struct rf_slice nonce;		 /* as issued; empty: not checked, and said so */
	const struct baseline *baseline; /* NULL: none */
	struct ekcert_store *roots;	 /* NULL: the EK certificate is not judged, and said so */
	int64_t now_ms;
	const struct verdict_memory *before; /* NULL: first time */
	uint32_t required_pcrs; /* bit n: must be quoted; 0: 0-7, and those that the logs touch */
	bool accept_tpm12;	/* the host is enrolled as one with a TPM 1.2 */
	/* This machine judges itself: values that the caller read from its TPM count without a
	 * quote, where the evidence holds none. Never for what came from elsewhere. */
	bool own_values;
	/* An earlier boot of the host, believed in nothing: where the log does not explain a
	 * register and there is no baseline, it says which event differs first. NULL: none. */
	const struct boot *earlier;
	const char *earlier_name;
};

enum verdict_pcr_state {
	PCR_UNUSED,	 /* nothing in the log, value as after reset */
	PCR_NOT_QUOTED,	 /* its value is not proved */
	PCR_EXPLAINED,	 /* the log gives the proved value, in each bank */
	PCR_UNEXPLAINED, /* it does not */
	PCR_NO_LOG, /* proved, and no log to explain it (a reason says so, but for 16 and 23) */
};
const char *verdict_pcr_state_name(enum verdict_pcr_state state);

struct verdict_pcr {
	enum verdict_pcr_state state;
	uint32_t events;	    /* that extended it */
	struct attest_digest value; /* strongest quoted bank */
	bool changed;		    /* a reason that no rule allows is about it */
};

/* The last attestation key, ready for use: a host's next quote has the same. */
struct verdict_key {
	struct attest_key *key;
	uint8_t area[1024];
	size_t area_len;
};

struct verdict {
	enum verdict_state state;
	struct reasons reasons; /* worst first */
	struct boot boot;	/* story of this boot; its slices borrow from the evidence */
	struct verdict_pcr pcrs[ATTEST_PCRS];
	struct attest_quote quote;
	bool quote_proved; /* signature, nonce where given, digest */
	bool own_values;   /* judged by values that nobody signed (options) */
	uint8_t ak_name[2 + ATTEST_MAX_DIGEST];
	size_t ak_name_len; /* 0 when there is none; of a TPM 1.2, SHA-256 over its public key */
	uint32_t ima_entries, ima_beyond, ima_violations;
	struct evidence_facts facts; /* that the baseline judged; borrow from the evidence */
	uint8_t ek_name[2 + ATTEST_MAX_DIGEST];
	size_t ek_name_len;
	struct verdict_memory memory; /* to keep when the verdict is trusted or warning */
	struct verdict_key key;	      /* private */
};

/*
 * Judges evidence. Returns 0 whatever the verdict (hostile evidence ends untrusted or cannot judge
 * with the reason); negative only for our own failures (-ENOMEM, RF_E_CRYPTO). Reuses out's memory:
 * zero it before the first use; verdict_done frees.
 */
int attest_verify(struct attest_hasher *hasher, struct rf_slice evidence,
		  const struct verdict_options *options, struct verdict *out,
		  struct rf_err *err) RF_MUST_CHECK;
void verdict_done(struct verdict *verdict);

#endif
