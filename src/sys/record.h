/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a recording host does after each answer of the live machine: it keeps the answer below a
 * directory, so that a directory host gives the same one. Several processes may record into one
 * directory: lines of meta are appended whole, files are replaced whole.
 *
 * Each function takes the operation's code rc and, when that is 0, its answer, and returns 0 or the
 * error with which keeping it failed: an answer that is not kept must not count.
 */
#ifndef RF_SYS_RECORD_H
#define RF_SYS_RECORD_H

#include "sys/internal.h"

/* Starts a recording in an empty directory. */
int recorder_open(const char *path, struct recorder **out, struct rf_err *err) RF_MUST_CHECK;
/* Accepts NULL. */
void recorder_close(struct recorder *rec);

int record_read(struct sys *sys, const char *path, int rc, const struct rf_buf *bytes);
int record_list(struct sys *sys, const char *dir, int rc, const struct sys_names *names);
int record_stat(struct sys *sys, const char *path, bool follow, int rc, const struct sys_stat *st);
int record_readlink(struct sys *sys, const char *path, int rc, const char *target);
int record_space(struct sys *sys, const char *path, int rc, const struct sys_space *space);
int record_probe(struct sys *sys, const char *name, const char *arg, int rc,
		 const struct rf_buf *bytes);

#endif
