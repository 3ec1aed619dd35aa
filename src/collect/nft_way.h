/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where one nftables rule sends a packet that was to go elsewhere, or its copy. What a rule asks
 * for before it does so is not judged, but for the link that the packet came in by. Sources:
 * linux/netfilter/nf_tables.h, nft(8); for rules of iptables-nft linux/netfilter/{nf_nat,xt_TEE}.h.
 */
#ifndef RF_COLLECT_NFT_WAY_H
#define RF_COLLECT_NFT_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define NFT_WAYS_MAX  8
#define NFT_WAY_LINKS 4

struct nft_way {
	const char *kind;    /* as in the fact firewall_redirect */
	bool link_known;     /* false: computed */
	bool address_known;  /* false: computed */
	uint32_t to_index;   /* 0: none */
	char to_link[16];    /* by name; "": none, or by index */
	char to_address[64]; /* "": none */
};

struct nft_ways {
	struct nft_way items[NFT_WAYS_MAX];
	size_t count;
	bool overflow; /* there are more */
	/* Links that the packet came in by, or bridges; none: every one. */
	char links[NFT_WAY_LINKS][16];
	uint32_t indexes[NFT_WAY_LINKS];
	size_t links_count, indexes_count;
};

/* Reads NFTA_RULE_EXPRESSIONS of a rule of that family (NFPROTO_...). Never fails: what is broken
 * says nothing. */
void nft_ways_read(struct rf_slice expressions, uint8_t family, struct nft_ways *out);

#endif
