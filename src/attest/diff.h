/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot to boot: what changed between two stories, as reasons. An item that says the same with the
 * same digest is no change; one part that changed gives one reason, however many events it made.
 */
#ifndef RF_ATTEST_DIFF_H
#define RF_ATTEST_DIFF_H

#include "attest/boot.h"
#include "attest/ima.h"
#include "attest/reason.h"

/* Appends a reason for each part that differs (REASON_*_CHANGED, SECURE_BOOT_*, EVENT_REORDERED).
 * Compares by PCR and component, then by name, with the strongest bank that both have. Words by
 * kind: certificates by name for db, dbx, KEK, PK, MOK lists; the kernel command line by word;
 * kernels and initrds by the version in their names; boot loader commands by line. Order within
 * one PCR matters only where parts are the same. 0 or -ENOMEM. */
int boot_diff(const struct boot *was, const struct boot *now, struct reasons *out) RF_MUST_CHECK;

/* IMA lists of two boots: files by path and digest; unknown ones and changed ones (REASON_IMA_*);
 * order does not matter. Paths of more than `limit` are counted in the last reason's detail. */
int ima_diff(struct rf_slice was, struct rf_slice now, size_t limit, struct reasons *out,
	     struct rf_err *err) RF_MUST_CHECK;

/* All reasons of a list as one sentence: "kernel 6.1.0-55 -> 6.1.0-56; grub.cfg changed; nothing
 * else". */
const char *diff_words(const struct reasons *list, char *out, size_t size);

#endif
