/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's service where BPF is forbidden: the rules of nft that were applied last are put back
 * when another program flushes or alters them, and follow a port that gets another name. Of new
 * ports the rules refuse everything (births) until `isolate apply` guards them. What is enforced
 * stays in the kernel when it ends.
 */
#ifndef RF_ISOLATE_KEEPER_H
#define RF_ISOLATE_KEEPER_H

#include "base/err.h"
#include "isolate/guard/guard.h"

/* Which link a port was seen as. */
struct keeper_name {
	uint32_t ifindex;
	char name[16];
};

/* Zero-initialise, rules_fd and links_fd -1. */
struct keeper {
	struct fallback kept; /* as it was last seen whole */
	struct keeper_name *names;
	size_t names_count, names_capacity;
	int lock_fd;  /* of the journal of changes: while it is held nothing is put back */
	int rules_fd; /* notices of nf_tables */
	int links_fd; /* notices of links */
	bool waits;   /* something was told that could not be dealt with yet */
	void (*say)(void *arg, const char *line);
	void *arg;
};

/* Takes what is in force as what is to be kept. Set lock_fd, say and arg before. */
int keeper_open(struct keeper *keeper, struct rf_err *err) RF_MUST_CHECK;
/* Waits at most timeout_ms for one thing to happen, and deals with it. -EINTR at a signal,
 * RF_E_CHANGED where a guard of BPF holds the ports now. */
int keeper_step(struct keeper *keeper, int timeout_ms, struct rf_err *err) RF_MUST_CHECK;
void keeper_close(struct keeper *keeper);

/* What has to be moved: ports whose links have other names now. Of links that went, and of those
 * that a port was never seen as, nothing is known. Fills at most max, returns how many. Pure. */
struct keeper_move {
	char from[16], to[16];
};
size_t keeper_moves(const struct keeper *keeper, const struct guard_links *links,
		    struct keeper_move *out, size_t max);
/* Takes note of the links that the kept ports are now. Pure. -ENOMEM */
int keeper_note(struct keeper *keeper, const struct guard_links *links) RF_MUST_CHECK;

#endif
