/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the difference's and the baseline's files: single changes, and the parts of a machine
 * that they belong to. One part that changed is one reason.
 */
#ifndef RF_ATTEST_DIFF_PARTS_H
#define RF_ATTEST_DIFF_PARTS_H

#include "attest/diff.h"
#include "attest/diff_align.h"

/* One item that was, and what stands in its place. */
struct diff_change {
	const struct boot_item *was, *now; /* NULL: there was none, there is none */
	uint32_t was_at, now_at;	   /* places in their boots, DIFF_NONE */
	enum eventlog_component role;	   /* the part it belongs to, after all is considered */
	char key[128];			   /* which one of that part's kind: a name, "" */
	size_t reason;			   /* index in the list, SIZE_MAX: was dropped */
};

struct diff_changes {
	struct diff_change *items;
	size_t count, room;
};
#define DIFF_AUTOCHANGES __attribute__((cleanup(diff_changes_done)))

/* As boot_diff, and tells which changes each reason stands for. */
int diff_collect(const struct boot *was, const struct boot *now, struct reasons *out,
		 struct diff_changes *changes) RF_MUST_CHECK;
void diff_changes_done(struct diff_changes *changes);

/* Roles of the items of a boot (count of boot->count): the component, or that of the part whose
 * consequence it is (the kernel's image in PCR 4). NULL when memory is short. */
enum eventlog_component *diff_roles(const struct boot *boot);

/* The strongest algorithm of which both boots hold digests; 0: none. */
uint16_t diff_common_alg(const struct boot *was, const struct boot *now);

/* Moves changes to the parts whose consequence they are: commands to the file that held them, the
 * kernel's path in its command line to the kernel, authorities to Secure Boot that went off. 0 or
 * -ENOMEM. */
int diff_absorb(struct diff_changes *changes) RF_MUST_CHECK;

/* Sorts changes by part and appends a reason for each part. */
void diff_describe(struct diff_changes *changes, struct reasons *out);

/* How a part's changes come together. */
enum diff_merge {
	DIFF_BY_NAME, /* one reason for each name */
	DIFF_ALL      /* one for all of them */
};

struct diff_row {
	enum eventlog_component component;
	enum reason_id id;
	enum diff_merge merge;
	const char *noun; /* "kernel": of the sentence "kernel changed" */
};
/* The row of a component, in the order in which people want to hear of them. */
const struct diff_row *diff_row_of(enum eventlog_component component);
/* Its place in that order. */
size_t diff_rank(enum eventlog_component component);

/* The version in a file's name: from the first digit behind a - or _; "" when there is none. */
const char *diff_version(const char *name);

/* The whole text of an item, as it was measured where it is a command. */
struct rf_slice diff_text(const struct boot_item *item);

#endif
