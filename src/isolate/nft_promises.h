/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is promised of a port that nft guards, where BPF is forbidden: configured when the table
 * carries the policy's port, enforced when its rules, read back, are as made. Nobody can ask rules
 * of nft what they would do with a frame: nothing of it is proven.
 */
#ifndef RF_ISOLATE_NFT_PROMISES_H
#define RF_ISOLATE_NFT_PROMISES_H

#include "isolate/guard/guard.h"
#include "isolate/promise.h"

struct nft_seen {
	const char *subject;	       /* "web-1 net0 on vnet0" */
	const struct guard_port *port; /* what the table carries */
	bool as_wanted;		       /* that is what the policy wants, or none was given */
	bool whole;
	uint32_t rules;
};
/* Appends them; what the port asks for and nft does not do is told as not enforced. -ENOMEM */
int nft_promises(const struct nft_seen *seen, struct isolate_promises *out) RF_MUST_CHECK;

/* What is said, wherever it is asked, of how ports are guarded where that is not simply by BPF; cut
 * to size. */
#define NFT_NOTE_BYTES 640
/* What the BPF programs do and rules of nft cannot. */
#define NFT_LACKS                                                                                  \
	"VLAN tags put on by the guard, the longest frame of TCP and UDP, counting without "       \
	"refusing, frames to 01:80:c2:00:00:0e that the port itself takes, samples, proof by "     \
	"frames"
/* why: of guard_means. "" where BPF guards, and nft holds nothing. Pure. */
void nft_note(enum guard_means means, bool nft_holds, const char *why, char out[NFT_NOTE_BYTES]);

#endif
