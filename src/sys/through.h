/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host whose files another process reads: whoever judges them may then be locked in and open
 * nothing. Reading, listing and whether something is there; no probe, no link, no room on a disk.
 */
#ifndef RF_SYS_THROUGH_H
#define RF_SYS_THROUGH_H

#include "sys/sys.h"

/* Each returns 0 or a negative code, as the operation of sys.h that it stands for. */
struct sys_through {
	int (*read)(void *arg, const char *path, size_t max_bytes, struct rf_buf *out);
	/* Appends the names, each ended by a NUL. */
	int (*list)(void *arg, const char *dir, struct rf_buf *out);
	int (*exists)(void *arg, const char *path);
	void *arg;
};

/* through must stay as long as the host is open. */
int sys_open_through(const struct sys_through *through, struct sys **out,
		     struct rf_err *err) RF_MUST_CHECK;

#endif
