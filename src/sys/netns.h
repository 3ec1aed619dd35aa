/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which network namespaces there are. The kernel answers questions about another one by an id that
 * ours has for it; a namespace without one is given one, as the kernel itself does when a dump
 * meets it. Nothing else is changed, and no namespace is entered.
 */
#ifndef RF_SYS_NETNS_H
#define RF_SYS_NETNS_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Appends a line "ID INODE WHERE" for each namespace that a name or a process holds. The first is
 * ours. ID is -1 where the kernel gave none (an ordinary user gets no new one); WHERE is
 * /run/netns/NAME or /proc/PID. 0, -ENOMEM, or the kernel's error where it cannot be asked at all.
 */
int netns_list(struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;

#endif
