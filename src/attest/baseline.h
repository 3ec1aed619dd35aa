/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Baseline and policy of a host, one YAML file: who it is (EK, AK), the boots that were approved by
 * name, and rules for what may change without alarm. Rules judge reasons (diff.h), so that a rule
 * says in the user's words what it allows. docs/schema has the keys.
 */
#ifndef RF_ATTEST_BASELINE_H
#define RF_ATTEST_BASELINE_H

#include "attest/boot.h"
#include "attest/reason.h"
#include "base/yaml.h"

#define BASELINE_MAX_BYTES	(16u << 20)
#define BASELINE_MAX_BOOTS	16u
#define BASELINE_MAX_FILE_BYTES (1024u << 20) /* of a file of digests */

struct baseline_boot {
	const char *name;	 /* "first", "after-kernel-update" */
	bool predicted;		 /* not yet seen */
	const char *approved_by; /* NULL: not approved, and then it proves nothing */
	int64_t approved_at_ms;	 /* since 1970-01-01 UTC */
	struct boot boot;
};

struct baseline; /* identity, boots, rules, IMA policy */

/* What is judged beside the boot itself. */
struct evidence_facts {
	int64_t now_ms;
	struct rf_slice ima; /* the part of the list that the quote covers, without its u16 */
	uint16_t ima_alg;    /* that u16; 0 means SHA-1 */
};

/* Checks everything at load: unknown or doubled keys, dates, digests, rules that can never match.
 * Errors name line and column. */
int baseline_load(struct rf_slice yaml, const char *name, struct baseline **out,
		  struct rf_err *err) RF_MUST_CHECK;
/* Accepts NULL. */
void baseline_free(struct baseline *baseline);
/* Digest sets lie in files of their own, which the library does not open: their names as written
 * (relative to the baseline), and the bytes given to it (copied). Until each one was given
 * baseline_judge refuses with RF_E_MISSING. */
size_t baseline_files_count(const struct baseline *baseline);
/* Name of one of them; NULL past the end. */
const char *baseline_file_at(const struct baseline *baseline, size_t index);
/* Gives its bytes; the error names file and line. */
int baseline_give_file(struct baseline *baseline, size_t index, struct rf_slice bytes,
		       struct rf_err *err) RF_MUST_CHECK;
/* The same as YAML text, stable byte for byte. */
int baseline_write(const struct baseline *baseline, struct rf_buf *out) RF_MUST_CHECK;

/* A baseline of what evidence shows now: one boot that nobody approved yet. It is bound to the
 * evidence's TPM; whether the evidence is genuine is for attest_verify to say, before. */
int baseline_create(struct attest_hasher *hasher, const struct evidence *evidence,
		    const char *boot_name, struct baseline **out, struct rf_err *err) RF_MUST_CHECK;
/* Approves a boot by name. RF_E_MISSING when there is none of that name. */
int baseline_approve(struct baseline *baseline, const char *boot_name, const char *by,
		     int64_t at_ms, struct rf_err *err) RF_MUST_CHECK;
/*
 * The same baseline, made anew, with an `ima:` part by which the programs that ran may run, and no
 * others. ran: a part of IMA's list that a quote proved; ima_alg counts in it (0: SHA-1).
 * RF_E_DUPLICATE where it has rules about programs; RF_E_MISSING where the list names no program;
 * RF_E_UNSUPPORTED where it names some that no set can hold (by SHA-1, or by fs-verity): with such
 * a part the host would never be good.
 */
int baseline_with_programs(const struct baseline *baseline, const struct evidence_facts *ran,
			   struct baseline **out, struct rf_err *err) RF_MUST_CHECK;
/* Adds a boot (takes a copy), e.g. a predicted one. */
int baseline_add_boot(struct baseline *baseline, const char *name, bool predicted,
		      const struct boot *boot, struct rf_err *err) RF_MUST_CHECK;

/* How many boots it holds. */
size_t baseline_boots_count(const struct baseline *baseline);
/* One of them; NULL past the end. */
const struct baseline_boot *baseline_boot_at(const struct baseline *baseline, size_t index);

/* The boot from which `now` differs least: an approved one, or any (approved_only false). NULL when
 * there is none. RF_E_MISMATCH when no boot was measured with an algorithm that now has, too. */
int baseline_nearest(const struct baseline *baseline, const struct boot *now, bool approved_only,
		     const struct baseline_boot **out, struct rf_err *err) RF_MUST_CHECK;

/* For a person: who it is, what was approved by whom, what each rule allows and how far that is
 * proof. Lines of text. */
int baseline_describe(const struct baseline *baseline, struct rf_buf *out) RF_MUST_CHECK;

/* Of the TPM this host was enrolled with; empty slices where the baseline does not say. */
struct rf_slice baseline_ak_name(const struct baseline *baseline);
/* The same of the endorsement key. */
struct rf_slice baseline_ek_name(const struct baseline *baseline);

/*
 * Judges, after everything else was found (out holds it: rules may allow some of that, too, and
 * `expect` turns a note about a missing protection into a demanded one): picks the approved boot
 * that fits best, appends what differs from it as reasons, marks each one that a rule allows
 * (allowed_by), judges IMA files by the policy (digest sets, package and path, signer), and appends
 * REASON_RULE_UNUSED, REASON_NOT_APPROVED, REASON_BASELINE_EXPIRED.
 */
int baseline_judge(struct attest_hasher *hasher, const struct baseline *baseline,
		   const struct boot *now, const struct evidence_facts *facts, struct reasons *out,
		   struct rf_err *err) RF_MUST_CHECK;

#endif
