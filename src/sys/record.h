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

/* Keeps the content, or that it could not be read. */
int record_read(struct sys *sys, const char *path, int rc, const struct rf_buf *bytes);
/* Keeps the names, and what stat says of each. */
int record_list(struct sys *sys, const char *dir, int rc, const struct sys_names *names);
/* Keeps what stat said, or that nothing is there. */
int record_stat(struct sys *sys, const char *path, bool follow, int rc, const struct sys_stat *st);
/* Keeps the target of a link. */
int record_readlink(struct sys *sys, const char *path, int rc, const char *target);
/* Keeps the sizes of a file system. */
int record_space(struct sys *sys, const char *path, int rc, const struct sys_space *space);
/* Keeps an answer, or with what words there was none. */
int record_probe(struct sys *sys, const char *name, const char *arg, int rc,
		 const struct rf_buf *bytes);

#endif
