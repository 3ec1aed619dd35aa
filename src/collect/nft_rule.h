/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one nftables rule as far as a control asks: protocol, destination ports, whether the peer
 * is limited, verdict. It is no decompiler: what it does not follow it counts as "asks for more".
 * Sources: linux/netfilter/nf_tables.h, and for rules of iptables-nft linux/netfilter/x_tables.h.
 */
#ifndef RF_COLLECT_NFT_RULE_H
#define RF_COLLECT_NFT_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define NFT_RULE_MAX_RANGES 64
#define NFT_RULE_MAX_PROTOS 8

struct nft_range {
	uint16_t first, last; /* both ends belong to it */
};

/* What a set holds, as far as it is numbers of one or two bytes. */
struct nft_set_view {
	struct nft_range ranges[NFT_RULE_MAX_RANGES];
	size_t ranges_count;
	bool known; /* every element was understood and there was room */
};

/* Asks for the elements of a set of the rule's table; false when they are not at hand. size_bytes
 * is the size of an element, 1 or 2. */
typedef bool nft_set_fn(void *ctx, const char *set, size_t size_bytes, struct nft_set_view *out);

struct nft_rule {
	uint8_t protos[NFT_RULE_MAX_PROTOS]; /* IPPROTO_...; none for any */
	size_t protos_count;
	bool protos_known;
	struct nft_range ports[NFT_RULE_MAX_RANGES];
	size_t ports_count; /* 0: every port */
	bool ports_known;
	bool peer_limited;
	bool other_match;
	const char *verdict; /* accept, drop, reject, jump, other */
};

/* Reads NFTA_RULE_EXPRESSIONS. set may be NULL. Never fails: what is broken is "asks for more". */
void nft_rule_read(struct rf_slice expressions, nft_set_fn *set, void *ctx, struct nft_rule *out);

/*
 * Reads NFTA_SET_ELEM_LIST_ELEMENTS of a set with elements of size_bytes: values, and with
 * NFT_SET_ELEM_INTERVAL_END the ranges of an interval set.
 */
void nft_set_read(struct rf_slice elements, size_t size_bytes, struct nft_set_view *out);

#endif
