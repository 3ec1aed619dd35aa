/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the baseline's files: what a baseline holds, and the readers of its parts.
 */
#ifndef RF_ATTEST_BASELINE_PARTS_H
#define RF_ATTEST_BASELINE_PARTS_H

#include "attest/baseline.h"
#include "attest/diff_parts.h"
#include "attest/digestset.h"
#include "base/arena.h"

#define BASELINE_MAX_RULES 256u
#define BASELINE_MAX_SETS  64u
#define BASELINE_MAX_NODES 2000000u
#define BASELINE_MAX_GLOBS 1024u

/* Allowed digests: inline, or in a file that the caller gives. */
struct baseline_set {
	const char *name;
	const char *file; /* NULL: inline */
	struct digestset *digests;
	char *text; /* of the file (or in its place), for labels; NULL: a list without */
	size_t text_len;
};

/* One or more texts. */
struct baseline_texts {
	const char **items;
	size_t count;
};

struct baseline_rule {
	const char *name, *why;
	bool reasons[REASON_COUNT];
	const char *subject;		    /* glob, NULL: any */
	const struct baseline_set *digests; /* NULL: not asked */
	const char *package;		    /* glob over labels of that set, NULL: any */
	struct baseline_texts signers;	    /* count 0: not asked */
	int64_t from_ms, until_ms;	    /* INT64_MIN, INT64_MAX: open */
	uint32_t pcrs;			    /* 0: any */
};

struct baseline_window {
	const char *name, *why;
	int64_t from_ms, until_ms;
	struct baseline_texts packages; /* globs */
};

struct baseline_exclude {
	const char *path, *why;
};

struct baseline_ima {
	bool given;
	const struct baseline_set *sets[BASELINE_MAX_SETS];
	size_t sets_count;
	struct baseline_exclude *excludes;
	size_t excludes_count;
	bool violations_fail;
	const char *signers_file; /* certificates, PEM or DER; NULL: signatures are not asked */
	struct ekcert_store *signers;
};

struct baseline {
	struct rf_arena arena;
	char *head; /* everything but the boots, as the file has it */
	const char *host;
	struct rf_slice ak_name, ek_name;
	struct baseline_boot boots[BASELINE_MAX_BOOTS];
	size_t boots_count;
	struct baseline_set *sets;
	size_t sets_count;
	struct baseline_rule *rules;
	size_t rules_count;
	struct baseline_window *windows;
	size_t windows_count;
	struct baseline_ima ima;
	bool expected[REASON_COUNT];
};

/* What readers of parts need. */
struct baseline_reader {
	const struct yaml_doc *doc;
	struct baseline *baseline;
	struct rf_err *err;
};

/* The lists of the file; node may be NULL. */
int baseline_read_sets(struct baseline_reader *r, const struct yaml_node *node) RF_MUST_CHECK;
int baseline_read_rules(struct baseline_reader *r, const struct yaml_node *node) RF_MUST_CHECK;
int baseline_read_windows(struct baseline_reader *r, const struct yaml_node *node) RF_MUST_CHECK;
int baseline_read_expect(struct baseline_reader *r, const struct yaml_node *node) RF_MUST_CHECK;
int baseline_read_ima(struct baseline_reader *r, const struct yaml_node *node) RF_MUST_CHECK;
int baseline_read_boots(struct baseline_reader *r, const struct yaml_node *node) RF_MUST_CHECK;

/* Writes the boots as YAML. */
void baseline_write_boots(const struct baseline *baseline, struct rf_buf *out);
/* Adds text in double quotes. */
void baseline_put_text(struct rf_buf *out, const char *text);

/* "2026-11-23T20:00:00Z", or a day (its begin, or with end its last millisecond). 0 or
 * RF_E_SYNTAX. */
int baseline_time_parse(const char *text, bool end, int64_t *out_ms) RF_MUST_CHECK;
/* The same back, in full. */
const char *baseline_time_text(int64_t ms, char out[32]);

/* "sha256:HEX". 0 or RF_E_SYNTAX. */
int baseline_digest_parse(const char *text, struct attest_digest *out) RF_MUST_CHECK;

/* May a rule allow reasons of this class? What says that evidence is false may never be. */
bool baseline_may_allow(enum reason_id id);
/* Does a digest tell what such a reason's part is? */
bool baseline_has_digest(enum reason_id id);
/* Does Secure Boot check a signature of such a part? */
bool baseline_has_signer(enum reason_id id);
/* Do packages of such names change parts of that class? */
bool baseline_package_changes(const struct baseline_texts *packages, enum reason_id id);

/* What judges one boot, shared by rules and IMA policy. */
struct baseline_case {
	struct attest_hasher *hasher;
	const struct baseline *baseline;
	const struct boot *now;
	const struct evidence_facts *facts;
	struct diff_changes changes; /* of the nearest boot to now */
	struct reasons *out;
	bool rules_used[BASELINE_MAX_RULES];
	bool windows_ended[BASELINE_MAX_RULES]; /* it would have allowed something */
	bool windows_used[BASELINE_MAX_RULES];
	bool *excludes_used;
};
/* Judges the files that ran by the IMA policy. */
int baseline_judge_ima(struct baseline_case *c, struct rf_err *err) RF_MUST_CHECK;
/* Marks reasons that rules and windows allow; tells of rules without effect. */
void baseline_apply_rules(struct baseline_case *c);

#endif
