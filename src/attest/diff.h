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
 * one PCR matters only where parts are the same. 0, RF_E_MISMATCH when no bank is in both (nothing
 * can be compared), or -ENOMEM. */
int boot_diff(const struct boot *was, const struct boot *now, struct reasons *out) RF_MUST_CHECK;

/* IMA lists of two boots (as ima_open made them): files by path and digest; unknown ones, changed
 * ones and those whose contents are not known (REASON_IMA_*); order does not matter, nor the boot's
 * own entry (boot_aggregate). Paths of more than `limit` of a kind of change and of file are
 * counted in the detail of its last reason. */
int ima_diff(const struct ima_list *was, const struct ima_list *now, size_t limit,
	     struct reasons *out, struct rf_err *err) RF_MUST_CHECK;

/* "/boot/vmlinuz-6" of grub's "(hd0,gpt2)/boot/vmlinuz-6"; other texts as they are. */
const char *diff_path(const char *text);

/* A configuration file of a boot loader, by its name. */
bool diff_is_config(const char *name);

/* All reasons of a list as one sentence: "kernel 6.1.0-55 -> 6.1.0-56; grub.cfg changed; nothing
 * else". */
const char *diff_words(const struct reasons *list, char *out, size_t size);

#endif
