/* SPDX-License-Identifier: Apache-2.0 */
/* Work on strangers' bytes, done apart: in a child that opens nothing and may do nothing. */
#ifndef RF_CHANGE_APART_H
#define RF_CHANGE_APART_H

#include "base/buf.h"
#include "base/err.h"

/* Appends its result to out; what it opens or writes elsewhere fails. */
typedef int apart_fn(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err);

/* Runs work in a child that was locked in, and appends what it made to out, at most
 * CHANGE_MAX_STATE bytes. Returns the work's own code and reason, RF_E_PEER when the child died. */
int apart_run(apart_fn *work, void *arg, struct rf_slice in, struct rf_buf *out,
	      struct rf_err *err) RF_MUST_CHECK;

#endif
