/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work done apart, in a child: on strangers' bytes, where the child opens nothing and may do
 * nothing; or with somebody who may never answer, where the child has a time that it cannot
 * outlive.
 */
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

/* The same for work that asks another process: the child is not locked in further than its parent
 * is, and is ended by the kernel when wait_ms are over (RF_E_TIMEOUT). What it holds open is its
 * own: it has none of its parent's descriptors but those below 3. */
int apart_ask(apart_fn *work, void *arg, unsigned wait_ms, struct rf_buf *out,
	      struct rf_err *err) RF_MUST_CHECK;

#endif
