/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files of our own that last: an attestation key (wrapped by the TPM), what was loaded at the
 * last boot. Mode 0600 in a folder of mode 0700, replaced in one step, never through a symbolic
 * link.
 */
#ifndef RF_SYS_STATE_H
#define RF_SYS_STATE_H

#include "base/buf.h"
#include "base/err.h"

#define STATE_DIR "/var/lib/ringfence"

/* Where folder NAME lies below the state folder (state; NULL: STATE_DIR). */
int state_folder(const char *state, const char *name, char *out, size_t size,
		 struct rf_err *err) RF_MUST_CHECK;

/* Makes the folder with those above it. 0 or the error, which names it. */
int state_prepare(const char *dir, struct rf_err *err) RF_MUST_CHECK;

/* Reads DIR/NAME. -ENOENT when it is not there; RF_E_DENIED when others may write it or own it. */
int state_read(const char *dir, const char *name, size_t max_bytes, struct rf_buf *out,
	       struct rf_err *err) RF_MUST_CHECK;

/* Replaces DIR/NAME, on disk when it returns. The folder must be there. */
int state_write(const char *dir, const char *name, struct rf_slice bytes,
		struct rf_err *err) RF_MUST_CHECK;

#endif
