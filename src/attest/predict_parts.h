/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to the prediction's files: texts with another version, and the loader's configuration.
 */
#ifndef RF_ATTEST_PREDICT_PARTS_H
#define RF_ATTEST_PREDICT_PARTS_H

#include "attest/predict.h"

/* Adds text with each whole occurrence of version `from` written as `to` ("6.1.0-5" is none in
 * "6.1.0-55"). Returns how many there were. */
size_t predict_substitute(struct rf_slice text, const char *from, const char *to,
			  struct rf_buf *out);

/* A configuration of grub, made comparable with the commands that grub measures: no quotes, single
 * blanks, no comments. NULL when memory is short. */
char *predict_config_flat(struct rf_slice config) RF_MUST_CHECK;

/* Does the flat configuration hold this command (made flat, too)? */
bool predict_config_has(const char *flat, struct rf_slice command);

/* Menu entries and submenus outside of any other: grub runs each of them as one command. */
size_t predict_config_entries(struct rf_slice config);

/* Newest file of the same kind as name (equal but for numbers); NULL when none is there. */
const struct predict_file *predict_newest(const struct predict_input *input, const char *name);

#endif
