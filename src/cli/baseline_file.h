/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a baseline's file, for the commands that do. */
#ifndef RF_CLI_BASELINE_FILE_H
#define RF_CLI_BASELINE_FILE_H

#include <stdbool.h>

#include "attest/baseline.h"

/* Locks the program in but for the folder of path. */
int baseline_file_lock_in(const char *path, bool quiet, struct rf_err *err) RF_MUST_CHECK;

/* Replaces the file by the baseline, once that was read again without an error. */
int baseline_file_write(const struct baseline *baseline, const char *path,
			struct rf_err *err) RF_MUST_CHECK;

/* Writes bytes that belong to a baseline, in whole or not at all. */
int baseline_file_put(const char *path, struct rf_slice bytes, struct rf_err *err) RF_MUST_CHECK;

#endif
