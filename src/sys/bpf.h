/* SPDX-License-Identifier: Apache-2.0 */
/* Two questions to bpf(2): what a program is called, and which programs hang on a link by tcx. */
#ifndef RF_SYS_BPF_H
#define RF_SYS_BPF_H

#include "base/buf.h"
#include "base/err.h"

/* "name NAME\ntag HEX\n" of the program with the id in arg. 0, -EINVAL, or the kernel's error
 * (-ENOENT: it is gone; -EPERM: root is needed). */
int bpf_program(const char *arg, struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;

/* A line "ingress ID" or "egress ID" for each program of the link with the index in arg; nothing
 * where the kernel has no tcx. 0, -EINVAL, or the kernel's error. */
int bpf_tcx(const char *arg, struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;

#endif
