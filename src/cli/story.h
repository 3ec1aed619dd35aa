/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of difference and baseline share: a boot's story out of a file that a person
 * names, and reasons on the screen. */
#ifndef RF_CLI_STORY_H
#define RF_CLI_STORY_H

#include <jansson.h>

#include "attest/baseline.h"
#include "attest/evidence.h"
#include "attest/ima.h"
#include "attest/reason.h"
#include "cli/cli.h"

enum story_kind { STORY_EVIDENCE, STORY_BOOT_LOG, STORY_IMA_LIST, STORY_BASELINE };

/* Zero it before story_read; story_done frees. */
struct story {
	const char *path;
	enum story_kind kind;
	struct rf_buf file;
	struct evidence evidence; /* STORY_EVIDENCE */
	struct boot boot;	  /* count 0 where the file holds no boot */
	bool has_ima;
	struct ima_list ima;
	struct baseline *baseline; /* STORY_BASELINE, with its files */
};
#define STORY_AUTO __attribute__((cleanup(story_done)))

/* Evidence, a raw boot log, a raw IMA list or a baseline, told apart by their bytes. */
int story_read(struct attest_hasher *hasher, const char *path, struct story *out,
	       struct rf_err *err) RF_MUST_CHECK;
void story_done(struct story *story);

/* A baseline with the files of digests that it names (relative to it). NULL where err says why. */
int story_baseline(const char *path, struct baseline **out, struct rf_err *err) RF_MUST_CHECK;

/* For whoever never heard of a PCR: what they are, and what these record. Nothing for none. */
void story_print_registers(FILE *out, uint32_t pcrs);

/* Text in lines of the terminal's width: the first one begins with head (which may hold colours),
 * the others are indent columns in, as wide as the head. */
void story_print_wrapped(FILE *out, const char *head, unsigned indent, const char *text);

/* Reasons in full, one paragraph each, with the next step; then what the registers are that they
 * name. color: rows_color. */
void story_print_reasons(FILE *out, const struct reasons *list, bool color);

/* One reason as JSON; NULL when memory is short. */
json_t *story_reason_json(const struct reason *reason) RF_MUST_CHECK;

#endif
