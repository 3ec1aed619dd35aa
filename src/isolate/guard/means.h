/* SPDX-License-Identifier: Apache-2.0 */
/* Part of guard.h, which includes it: who guards ports here, and why. */
#ifndef RF_ISOLATE_GUARD_MEANS_H
#define RF_ISOLATE_GUARD_MEANS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * How ports are guarded here. One rule for all who ask: a guard that is in the kernel is used,
 * whoever may load programs; nft comes in only where none is and none may be loaded; and where one
 * is that this process may not change, nothing is changed.
 */
enum guard_means {
	GUARD_MEANS_BPF,  /* programs may be loaded */
	GUARD_MEANS_KEPT, /* none may; the guard that is loaded is changed as ever */
	GUARD_MEANS_NFT,  /* none may, and no guard is loaded */
	GUARD_MEANS_NONE, /* none may, and a guard is there that is not for this process */
};
/* Whether this process may load a BPF program: 0, or what the kernel says of it (-EPERM, -ENOSYS
 * ...), with the reason. Who wants to know how ports are guarded asks guard_means. */
int guard_forbidden(struct rf_err *why) RF_MUST_CHECK;
/* Whether programs of a guard hang on the link, also one that is not pinned here. */
bool guard_hangs(uint32_t ifindex);
/* why (NULL: not asked) says it, with the next step, for all but the first. */
enum guard_means guard_means(struct rf_err *why);

#endif
