/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replacing somebody's file in one step, with its mode and owner kept: a new file beside it, made
 * before the program locks itself in, filled and put in its place after. Not for files of our own
 * (state.h) and not for the host's configuration (src/change, which can also undo).
 */
#ifndef RF_SYS_SWAP_H
#define RF_SYS_SWAP_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

struct file_swap {
	int dir_fd, fd;
	bool existed;
	struct stat was; /* of the file, where it existed */
	char dir[RF_MAX_PATH_BYTES], name[256], temp[300];
};
#define FILE_SWAP_AUTO __attribute__((cleanup(file_swap_done)))
#define FILE_SWAP_NONE ((struct file_swap){.dir_fd = -1, .fd = -1})

/* Makes the file beside path. -ELOOP for a symbolic link, RF_E_UNSUPPORTED for what is no regular
 * file. swap must be FILE_SWAP_NONE. */
int file_swap_open(const char *path, struct file_swap *swap, struct rf_err *err) RF_MUST_CHECK;
/* Puts the bytes in the place of the file, on disk when it returns. RF_E_MISMATCH: somebody changed
 * the file since file_swap_open, and nothing was done. */
int file_swap_commit(struct file_swap *swap, struct rf_slice bytes,
		     struct rf_err *err) RF_MUST_CHECK;
/* Removes what was not committed. */
void file_swap_done(struct file_swap *swap);

#endif
